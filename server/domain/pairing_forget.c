/*
 * What is forgotten, and when. Keys cost their owner nothing, so what a stranger leaves behind must
 * go by itself; what an administrator decided, announced or named stays.
 */
#include "server/domain/pairing_moves.h"

static bool is_named(const struct pairing *pairing)
{
    return pairing->alias[0] != '\0' || pairing->labels.n > 0;
}

/* A rejection counts its step; unblock takes the steps away, and its history is kept. */
static bool was_decided_for_good(const struct pairing *pairing)
{
    return pairing->generation > 0 && pairing->cool_down_step == 0;
}

bool pairing_is_forgettable(const struct pairing *pairing)
{
    bool is_waiting = pairing->request.is_open || pairing->expectation.is_set;
    bool was_approved = pairing->asked.role[0] != '\0';
    return pairing_is_known(pairing) && pairing->standing == OC_STANDING_NONE && !is_waiting &&
           !was_approved && !was_decided_for_good(pairing) && !is_named(pairing) &&
           !pairing->is_removed && !pairing->is_quarantined;
}

int64_t pairing_forget_due(const struct pairing *pairing, const struct policy *policy)
{
    int64_t ttl_ms = policy->pending_ttl_ms;
    int64_t kept_ms = ttl_ms < PAIRING_LAPSED_KEPT_MS ? ttl_ms : PAIRING_LAPSED_KEPT_MS;
    int64_t due_ms = pairing_time_after(pairing_time_after(pairing->requested_ms, ttl_ms), kept_ms);
    int64_t cool_ms = pairing_time_after(pairing->cool_down_until_ms, PAIRING_REJECTED_KEPT_MS);
    bool is_later = pairing->generation > 0 && cool_ms > due_ms;
    return is_later ? cool_ms : due_ms;
}

bool pairing_leaves_nothing(const struct pairing *pairing, enum pairing_event_kind kind)
{
    if (kind == PAIRING_EV_SHED) {
        return pairing_is_forgettable(pairing) && pairing->generation == 0;
    }
    return kind == PAIRING_EV_EXPECT_END && !pairing_is_known(pairing) && !is_named(pairing);
}

void pairing_forget(struct move *move)
{
    move->out->next = pairing_of_stranger(&move->out->next.id);
    move->out->forgets = true;
}
