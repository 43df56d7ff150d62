/*
 * The steps that several moves share: closing a request, giving a grant, stamping a decision.
 */
#include <string.h>

#include "server/domain/pairing_moves.h"

int64_t pairing_time_after(int64_t now_ms, int64_t span_ms)
{
    return now_ms > 0 && span_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + span_ms;
}

bool pairing_is_known(const struct pairing *pairing)
{
    return pairing->generation > 0 || pairing->first_seen_ms > 0 || pairing->request.is_open ||
           pairing->expectation.is_set || pairing->standing != OC_STANDING_NONE;
}

bool pairing_is_expected(const struct pairing *pairing, int64_t now_ms)
{
    return pairing->expectation.is_set && !pairing->is_quarantined &&
           now_ms < pairing->expectation.until_ms;
}

void pairing_forget_words(struct pairing *pairing)
{
    memset(pairing->alias, 0, sizeof pairing->alias);
    memset(&pairing->labels, 0, sizeof pairing->labels);
    memset(pairing->decided_by, 0, sizeof pairing->decided_by);
    pairing->asked = (struct oc_grant){.role = ""};
    pairing->decided_ms = 0;
}

/* A lapsed request leaves the record as it was: a tombstone, if it was one. */
static void bury_again(struct pairing *pairing)
{
    if (pairing->alias[0] != '\0' || pairing->labels.n > 0 || pairing->expectation.is_set) {
        return; /* an administrator made more of it meanwhile */
    }
    pairing->is_removed = true;
    memset(pairing->claimed_name, 0, sizeof pairing->claimed_name);
    pairing->first_seen_ms = 0;
    pairing->requested_ms = 0;
}

void pairing_close_request(struct move *move, enum request_end end)
{
    struct pairing *next = &move->out->next;
    if (!next->request.is_open) {
        return;
    }
    bool is_lapse =
        end == REQUEST_END_DISMISSED || end == REQUEST_END_EXPIRED || end == REQUEST_END_SHED;
    bool was_tombstone = next->request.why == OC_WHY_REMOVED;
    move->request_id = next->request.id;
    move->out->effects |= PAIRING_ENDS_WAIT;
    next->closed = next->request.id;
    next->closed_end = end;
    next->request = (struct pairing_request){.is_open = false};
    next->last_end = end;
    if (is_lapse && was_tombstone) {
        bury_again(next);
    }
}

void pairing_give(struct move *move, const struct approval *approval)
{
    struct pairing *next = &move->out->next;
    next->standing = OC_STANDING_APPROVED;
    next->approval_seq = 0; /* who writes it knows the number */
    move->out->effects |= PAIRING_APPROVES;
    next->asked = *approval->asked;
    next->granted = *approval->granted;
    next->term_ends_ms =
        approval->term_ms > 0 ? pairing_time_after(move->now_ms, approval->term_ms) : 0;
    if (approval->labels && approval->labels->n > 0) {
        next->labels = *approval->labels;
    }
    next->cool_down_until_ms = 0;
    next->cool_down_step = 0;
    next->refused_upgrade = (struct oc_digest){.bytes = {0}};
    next->refused_upgrade_until_ms = 0;
    next->expectation = (struct expectation){.is_set = false};
    next->is_removed = false;
    next->is_quarantined = false;
}

void pairing_stamp(struct move *move, const char *by)
{
    struct pairing *next = &move->out->next;
    size_t length = strnlen(by, sizeof next->decided_by - 1);
    next->generation++;
    next->decided_ms = move->now_ms;
    memset(next->decided_by, 0, sizeof next->decided_by);
    memcpy(next->decided_by, by, length);
}
