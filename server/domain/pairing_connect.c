/*
 * A device connects: serve it, put it into the queue, or refuse it.
 *
 * The order is the policy: blocked (the standing table), the end of a term that nobody raised yet,
 * a grant in force, the cool-down, the announcement, pairing switched off, the queue. A session
 * is answered in three places below, each after the check that gives it.
 */
#include <string.h>

#include "server/domain/approvals.h"
#include "server/domain/pairing_moves.h"

enum {
    CAP_RETRY_MS = 30 * 1000, /* a cap is full: places free up as requests are decided */
    DUE_RETRY_MS = 1000,      /* the end of the term is on its way through the writer */
};

static bool was_rejected(const struct pairing *pairing)
{
    bool is_rejected_once = pairing->standing == OC_STANDING_NONE && pairing->cool_down_step > 0;
    bool says_open_request = pairing->request.is_open && pairing->request.why == OC_WHY_REJECTED;
    return is_rejected_once || says_open_request || pairing->last_end == REQUEST_END_REJECTED;
}

static bool was_removed(const struct pairing *pairing)
{
    return pairing->is_removed ||
           (pairing->request.is_open && pairing->request.why == OC_WHY_REMOVED);
}

static enum oc_why why_of_look_alike(enum look_alike look_alike)
{
    switch (look_alike) {
    case LOOK_ALIKE_OFFLINE:
        return OC_WHY_IDENTITY_CHANGED;
    case LOOK_ALIKE_ONLINE:
    case LOOK_ALIKE_SAME_HOST:
        return OC_WHY_ADDITIONAL_INSTANCE;
    case LOOK_ALIKE_NONE:
        break;
    }
    return OC_WHY_NEW_DEVICE;
}

/* A quarantined record's standing is no reason: that the records are not what they were is. */
enum oc_why pairing_why_of(const struct pairing *pairing, const struct pairing_event *connect)
{
    if (pairing->standing == OC_STANDING_BLOCKED) {
        return OC_WHY_BLOCKED;
    }
    if (pairing->standing == OC_STANDING_APPROVED) {
        return OC_WHY_ACCESS_WIDENED;
    }
    if (pairing->is_quarantined) {
        return OC_WHY_RECORDS_RESET;
    }
    if (!was_removed(pairing) && was_rejected(pairing)) {
        return OC_WHY_REJECTED;
    }
    if (!was_removed(pairing) && pairing->standing == OC_STANDING_REVOKED) {
        return OC_WHY_REVOKED;
    }
    if (connect->holds_foreign_receipt) {
        return OC_WHY_RECORDS_RESET;
    }
    return was_removed(pairing) ? OC_WHY_REMOVED : why_of_look_alike(connect->look_alike);
}

enum oc_why pairing_why(const struct pairing *pairing)
{
    static const struct pairing_event nothing_else_known = {.kind = PAIRING_EV_CONNECT};
    if (pairing->request.is_open) {
        return pairing->request.why;
    }
    if (pairing->standing == OC_STANDING_APPROVED) {
        return pairing->is_quarantined ? OC_WHY_RECORDS_RESET : OC_WHY_NONE;
    }
    enum oc_why why = pairing_why_of(pairing, &nothing_else_known);
    return why == OC_WHY_NEW_DEVICE ? OC_WHY_NONE : why;
}

static bool is_same_ask(const struct pairing_request *request, const struct pairing_event *event)
{
    return request->is_open &&
           memcmp(&request->digest, &event->ask_digest, sizeof request->digest) == 0;
}

static enum pairing_outcome refuse(struct move *move, enum pairing_outcome outcome,
                                   int64_t until_ms)
{
    move->out->retry_after_ms = until_ms - move->now_ms;
    move->out->why = pairing_why_of(&move->out->next, move->event);
    return outcome;
}

static enum pairing_outcome serve(struct move *move, enum oc_why why)
{
    move->out->grant = move->out->next.granted;
    move->out->why = why;
    return PAIRING_SESSION;
}

/* Newest first; an id that comes back into force leaves the ring. */
static void forget_replaced(struct pairing *pairing, const struct oc_request_id *id)
{
    size_t kept = 0;
    for (size_t i = 0; i < PAIRING_REPLACED_KEPT; i++) {
        if (pairing->replaced[i].text[0] != '\0' &&
            !oc_request_id_equal(&pairing->replaced[i], id)) {
            pairing->replaced[kept++] = pairing->replaced[i];
        }
    }
    for (size_t i = kept; i < PAIRING_REPLACED_KEPT; i++) {
        pairing->replaced[i] = (struct oc_request_id){.text = ""};
    }
}

/* `id` is in force, so it is not among them yet. */
static void remember_replaced(struct pairing *pairing, const struct oc_request_id *id)
{
    memmove(&pairing->replaced[1], &pairing->replaced[0],
            (PAIRING_REPLACED_KEPT - 1) * sizeof pairing->replaced[0]);
    pairing->replaced[0] = *id;
}

static void open_request(struct move *move)
{
    const struct pairing_event *event = move->event;
    struct pairing *next = &move->out->next;
    enum oc_why why = pairing_why_of(next, event);
    forget_replaced(next, &event->request_id); /* first: it makes room */
    if (oc_request_id_equal(&next->closed, &event->request_id)) {
        next->closed = (struct oc_request_id){.text = ""};
        next->closed_end = REQUEST_END_NONE;
    }
    if (next->request.is_open) {
        remember_replaced(next, &next->request.id);
        next->replaced_ms = move->now_ms;
        move->out->effects |= PAIRING_ENDS_WAIT;
    }
    next->request = (struct pairing_request){
        .is_open = true,
        .id = event->request_id,
        .digest = event->ask_digest,
        .ask = event->ask,
        .why = why,
        .opened_ms = move->now_ms,
        .attempted_ms = move->now_ms,
    };
    memcpy(next->claimed_name, event->ask.name, sizeof next->claimed_name);
    next->last_end = REQUEST_END_NONE;
    next->requested_ms = move->now_ms;
    next->first_seen_ms = next->first_seen_ms > 0 ? next->first_seen_ms : move->now_ms;
    next->is_removed = false;
    move->out->changed = true;
}

/* Whether the ask finds its request open, or may open one, or may take the place of another's.
 * 0: yes; else the time from which it may. */
static int64_t enqueue(struct move *move)
{
    struct pairing *next = &move->out->next;
    if (is_same_ask(&next->request, move->event)) {
        if (next->request.attempted_ms < move->now_ms) {
            next->request.attempted_ms = move->now_ms; /* kept in memory, not worth a write */
        }
        return 0;
    }
    int64_t free_ms = pairing_time_after(next->replaced_ms, PAIRING_REPLACE_EVERY_MS);
    if (next->request.is_open && next->replaced_ms > 0 && move->now_ms < free_ms) {
        return free_ms;
    }
    if (move->event->is_read_only) {
        return pairing_time_after(move->now_ms, CAP_RETRY_MS);
    }
    if (!next->request.is_open && move->event->is_over_cap &&
        !pairing_is_beyond_caps(next, move->now_ms)) {
        return pairing_time_after(move->now_ms, CAP_RETRY_MS);
    }
    open_request(move);
    return 0;
}

/* The session goes on with what was granted; a wider ask may open an upgrade beside it. */
static enum pairing_outcome connect_approved(struct move *move)
{
    const struct pairing *next = &move->out->next;
    const struct pairing_event *event = move->event;
    if (oc_grant_is_within(&event->ask.grant, &next->asked)) {
        return serve(move, OC_WHY_NONE);
    }
    bool is_refused =
        move->now_ms < next->refused_upgrade_until_ms &&
        memcmp(&next->refused_upgrade, &event->ask_digest, sizeof next->refused_upgrade) == 0;
    bool is_cooling = move->now_ms < next->cool_down_until_ms;
    if (is_refused || (is_cooling && !is_same_ask(&next->request, event))) {
        return serve(move, OC_WHY_NONE);
    }
    return serve(move, enqueue(move) == 0 ? OC_WHY_ACCESS_WIDENED : OC_WHY_NONE);
}

/* The announcement is what an administrator decided; the ask is within it, so the ask is given. */
static enum pairing_outcome connect_announced(struct move *move)
{
    const struct pairing_event *event = move->event;
    struct pairing *next = &move->out->next;
    struct pairing was = *next;
    struct effective_grant effective;
    approval_effective(&was, event, &effective);
    struct approval approval = {
        .asked = &effective.grant,
        .granted = &effective.grant,
        .labels = &effective.labels,
        .term_ms = effective.term_ms,
    };
    move->request_id = event->request_id;
    pairing_give(move, &approval);
    pairing_close_request(move, REQUEST_END_APPROVED);
    next->last_end = REQUEST_END_APPROVED;
    memcpy(next->claimed_name, event->ask.name, sizeof next->claimed_name);
    next->first_seen_ms = next->first_seen_ms > 0 ? next->first_seen_ms : move->now_ms;
    pairing_stamp(move, "rule:expected");
    move->out->changed = true;
    enum pairing_outcome outcome = serve(move, OC_WHY_NONE);
    pairing_fill_audit(move, &was, "approve", "expected");
    return outcome;
}

static bool is_announced(const struct move *move)
{
    const struct expectation *expectation = &move->out->next.expectation;
    return !move->event->is_read_only && pairing_is_expected(&move->out->next, move->now_ms) &&
           expectation->approves && move->event->votes.need <= 1 &&
           oc_grant_is_within(&move->event->ask.grant, &expectation->grant);
}

static enum pairing_outcome connect_to_queue(struct move *move)
{
    int64_t free_ms = enqueue(move);
    if (free_ms != 0) {
        return refuse(move, PAIRING_REFUSED_BUSY, free_ms);
    }
    move->out->why = move->out->next.request.why;
    return PAIRING_PENDING;
}

enum pairing_outcome pairing_connect(struct move *move)
{
    const struct pairing *next = &move->out->next;
    if (next->standing == OC_STANDING_APPROVED) {
        if (!pairing_may_serve(next, move->now_ms)) {
            move->out->why = OC_WHY_REVOKED;
            move->out->retry_after_ms = DUE_RETRY_MS;
            return PAIRING_REFUSED_BUSY;
        }
        return connect_approved(move);
    }
    if (move->now_ms < next->cool_down_until_ms) {
        bool is_revoked =
            next->standing == OC_STANDING_REVOKED && next->last_end != REQUEST_END_REJECTED;
        return refuse(move, is_revoked ? PAIRING_REFUSED_REVOKED : PAIRING_REFUSED_REJECTED,
                      next->cool_down_until_ms);
    }
    if (is_announced(move)) {
        return connect_announced(move);
    }
    if (move->event->pairs_everyone && pairing_may_serve_unpaired(next, move->now_ms)) {
        move->out->grant = move->event->grant;
        return PAIRING_SESSION;
    }
    return connect_to_queue(move);
}
