/*
 * What holds of every record, whatever happened to it. A stored row of which it does not hold is
 * not ours any more: the store quarantines it.
 */
#include <string.h>

#include "proto/base/cleanup.h"
#include "server/domain/pairing_moves.h"

enum { MAX_COOL_DOWN_STEP = 6 }; /* 60 s << 6 is beyond an hour */

#define IS_TEXT(array) (memchr((array), '\0', sizeof(array)) != NULL)

static bool is_grant(const struct oc_grant *grant)
{
    if (!IS_TEXT(grant->role) || grant->n_scopes > OC_MAX_SCOPES) {
        return false;
    }
    for (size_t i = 0; i < grant->n_scopes; i++) {
        if (!IS_TEXT(grant->scopes[i]) ||
            (i > 0 && strcmp(grant->scopes[i - 1], grant->scopes[i]) >= 0)) {
            return false;
        }
    }
    return true;
}

static bool is_no_grant(const struct oc_grant *grant)
{
    return grant->role[0] == '\0' && grant->n_scopes == 0;
}

static bool is_labels(const struct oc_labels *labels)
{
    if (labels->n > OC_MAX_LABELS) {
        return false;
    }
    for (size_t i = 0; i < labels->n; i++) {
        const struct oc_label *label = &labels->items[i];
        if (!IS_TEXT(label->key) || !IS_TEXT(label->value) ||
            (i > 0 && strcmp(labels->items[i - 1].key, label->key) >= 0)) {
            return false;
        }
    }
    return true;
}

static bool is_well_formed(const struct pairing *pairing)
{
    const struct pairing_request *request = &pairing->request;
    const struct ask *ask = &request->ask;
    if (pairing->standing >= OC_STANDING_COUNT || pairing->last_end >= REQUEST_END_COUNT ||
        pairing->closed_end >= REQUEST_END_COUNT || !IS_TEXT(pairing->closed.text) ||
        request->why >= OC_WHY_COUNT) {
        return false;
    }
    for (size_t i = 0; i < PAIRING_REPLACED_KEPT; i++) {
        if (!IS_TEXT(pairing->replaced[i].text)) {
            return false;
        }
    }
    return is_grant(&pairing->asked) && is_grant(&pairing->granted) && is_grant(&ask->grant) &&
           is_grant(&pairing->expectation.grant) && is_labels(&pairing->labels) &&
           is_labels(&ask->labels) && is_labels(&pairing->expectation.labels) &&
           IS_TEXT(pairing->alias) && IS_TEXT(pairing->claimed_name) &&
           IS_TEXT(pairing->decided_by) && IS_TEXT(request->id.text) && IS_TEXT(ask->name) &&
           IS_TEXT(ask->purpose);
}

static bool has_sound_times(const struct pairing *pairing)
{
    const int64_t times[] = {
        pairing->term_ends_ms,
        pairing->replaced_ms,
        pairing->cool_down_until_ms,
        pairing->refused_upgrade_until_ms,
        pairing->first_seen_ms,
        pairing->requested_ms,
        pairing->decided_ms,
        pairing->request.opened_ms,
        pairing->request.attempted_ms - pairing->request.opened_ms,
        pairing->expectation.until_ms,
        pairing->expectation.term_ms,
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(times); i++) {
        if (times[i] < 0) {
            return false;
        }
    }
    return pairing->cool_down_step <= MAX_COOL_DOWN_STEP;
}

/* A grant is in force exactly while approved, and never more than what was asked. */
static bool has_sound_standing(const struct pairing *pairing)
{
    bool is_approved = pairing->standing == OC_STANDING_APPROVED;
    if (is_approved && (is_no_grant(&pairing->granted) ||
                        !oc_grant_is_within(&pairing->granted, &pairing->asked))) {
        return false;
    }
    if (!is_approved && (!is_no_grant(&pairing->granted) || pairing->term_ends_ms != 0 ||
                         pairing->refused_upgrade_until_ms != 0 || pairing->approval_seq != 0)) {
        return false;
    }
    if (pairing->standing == OC_STANDING_BLOCKED && pairing->cool_down_until_ms != 0) {
        return false;
    }
    return pairing->standing == OC_STANDING_NONE || pairing->generation > 0;
}

/* One vote of each administrator. */
static bool has_sound_votes(const struct pairing_request *request)
{
    if (request->n_votes > PAIRING_VOTES_KEPT) {
        return false;
    }
    for (size_t i = 0; i < request->n_votes; i++) {
        const struct vote *vote = &request->votes[i];
        if (!IS_TEXT(vote->by) || vote->by[0] == '\0' || vote->at_ms <= 0) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(request->votes[j].by, vote->by) == 0) {
                return false;
            }
        }
    }
    return true;
}

static bool has_sound_request(const struct pairing *pairing)
{
    const struct pairing_request *request = &pairing->request;
    if (!request->is_open) {
        return request->id.text[0] == '\0' && request->code_failures == 0 && request->n_votes == 0;
    }
    return has_sound_votes(request) && pairing->standing != OC_STANDING_BLOCKED &&
           request->id.text[0] != '\0' && !is_no_grant(&request->ask.grant) &&
           request->why != OC_WHY_NONE && request->why != OC_WHY_BLOCKED &&
           request->code_failures <= PAIRING_MAX_CODE_FAILURES;
}

/* Newest first, no gaps, no id twice, never the one in force. */
static bool has_sound_ring(const struct pairing *pairing)
{
    for (size_t i = 0; i < PAIRING_REPLACED_KEPT; i++) {
        const struct oc_request_id *id = &pairing->replaced[i];
        if (id->text[0] == '\0') {
            continue;
        }
        if (i > 0 && pairing->replaced[i - 1].text[0] == '\0') {
            return false;
        }
        if (pairing->request.is_open && oc_request_id_equal(id, &pairing->request.id)) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (oc_request_id_equal(id, &pairing->replaced[j])) {
                return false;
            }
        }
    }
    return true;
}

static bool has_sound_closed(const struct pairing *pairing)
{
    bool is_any = pairing->closed.text[0] != '\0';
    bool is_in_force =
        pairing->request.is_open && oc_request_id_equal(&pairing->closed, &pairing->request.id);
    return is_any == (pairing->closed_end != REQUEST_END_NONE) && !(is_any && is_in_force);
}

static bool has_sound_expectation(const struct pairing *pairing)
{
    const struct expectation *expectation = &pairing->expectation;
    if (!expectation->is_set) {
        return !expectation->approves && is_no_grant(&expectation->grant) &&
               expectation->until_ms == 0;
    }
    return (pairing->standing == OC_STANDING_NONE || pairing->standing == OC_STANDING_REVOKED) &&
           expectation->until_ms > 0 && expectation->approves == !is_no_grant(&expectation->grant);
}

static bool is_sound_tombstone(const struct pairing *pairing)
{
    return (pairing->standing == OC_STANDING_NONE || pairing->standing == OC_STANDING_REVOKED) &&
           pairing->generation > 0 && !pairing->request.is_open && !pairing->expectation.is_set &&
           is_no_grant(&pairing->asked) && pairing->alias[0] == '\0' &&
           pairing->claimed_name[0] == '\0' && pairing->labels.n == 0;
}

bool pairing_is_consistent(const struct pairing *pairing)
{
    return is_well_formed(pairing) && has_sound_times(pairing) && has_sound_standing(pairing) &&
           has_sound_request(pairing) && has_sound_ring(pairing) && has_sound_closed(pairing) &&
           has_sound_expectation(pairing) && (!pairing->is_removed || is_sound_tombstone(pairing));
}
