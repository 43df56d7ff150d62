#include "server/service/waiters.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/obs/metrics.h"
#include "server/service/receipts.h"

enum {
    SHED_RETRY_MS =
        3 * 1000, /* who lost a place to a flood is back soon, and the flood is fuller */
};

/* ---- what a decision means for who waits for it --------------------------------------------- */

static uint32_t left_ms(int64_t until_ms, int64_t now_ms)
{
    int64_t left = until_ms - now_ms;
    return left <= 0 ? 0 : left > UINT32_MAX ? UINT32_MAX : (uint32_t)left;
}

static struct wait_answer refuse(enum wait_outcome outcome, enum oc_refusal_kind kind,
                                 enum oc_why why, uint32_t retry_after_ms)
{
    return (struct wait_answer){
        .outcome = outcome,
        .refusal = {.kind = kind, .why = why, .retry_after_ms = retry_after_ms},
    };
}

static struct wait_answer decide_closed(const struct pairing *pairing, int64_t now_ms)
{
    uint32_t cool_down_ms = left_ms(pairing->cool_down_until_ms, now_ms);
    switch (pairing->last_end) {
    case REQUEST_END_APPROVED:
        if (pairing_may_serve(pairing, now_ms)) {
            return (struct wait_answer){.outcome = WAIT_APPROVED};
        }
        break;
    case REQUEST_END_REJECTED:
        return refuse(WAIT_REJECTED, OC_REFUSAL_REJECTED, OC_WHY_REJECTED, cool_down_ms);
    case REQUEST_END_CLOSED:
        if (pairing->standing == OC_STANDING_REVOKED) {
            return refuse(WAIT_REJECTED, OC_REFUSAL_REVOKED,
                          pairing->is_removed ? OC_WHY_REMOVED : OC_WHY_REVOKED, cool_down_ms);
        }
        break;
    case REQUEST_END_NONE:
    case REQUEST_END_DISMISSED:
    case REQUEST_END_EXPIRED:
    case REQUEST_END_SHED:
    case REQUEST_END_COUNT:
        break;
    }
    return refuse(WAIT_NOT_DECIDED, OC_REFUSAL_PAIRING_REQUIRED, OC_WHY_NONE, cool_down_ms);
}

struct wait_answer waiters_decide(const struct pairing *pairing,
                                  const struct oc_request_id *request_id, int64_t now_ms)
{
    if (pairing->standing == OC_STANDING_BLOCKED) {
        return refuse(WAIT_BLOCKED, OC_REFUSAL_BLOCKED, OC_WHY_BLOCKED, 0);
    }
    if (!pairing->request.is_open) {
        return decide_closed(pairing, now_ms);
    }
    if (oc_request_id_equal(&pairing->request.id, request_id)) {
        return (struct wait_answer){.outcome = WAIT_NONE_YET};
    }
    struct wait_answer answer =
        refuse(WAIT_REPLACED, OC_REFUSAL_PAIRING_REQUIRED, pairing->request.why, 0);
    answer.stands_now = pairing->request.id;
    return answer;
}

/* ---- delivering ----------------------------------------------------------------------------- */

static struct parked *parked_of(struct delivery *delivery)
{
    return (struct parked *)(void *)((char *)delivery - offsetof(struct parked, delivery));
}

static void call_wait(struct parked *parked)
{
    struct wait_result result = {
        .status = parked->status,
        .outcome = parked->outcome,
        .refusal = parked->refusal,
        .request_id = parked->stands_now,
    };
    if (parked->status) {
        (void)oc_fail(&result.error, parked->status, "the gateway is stopping");
        result.error.retry_after_ms = parked->retry_after_ms;
    }
    parked->call.wait.done(parked->call.wait.user, &result);
}

static void call_notice(struct parked *parked)
{
    struct peer *peer = parked->peer;
    struct notice_result result = {
        .status = parked->status,
        .kind = parked->notice_kind,
        .refusal = parked->refusal,
        .retry_after_ms = parked->retry_after_ms,
    };
    if (parked->status) {
        (void)oc_fail(&result.error, parked->status, "no session");
    } else if (parked->notice_kind == NOTICE_GRANT_CHANGED) {
        if (session_facts_read(peer, &result.session)) {
            receipts_sign(peer->service, &peer->id, NULL, &result.session);
        } else {
            result.kind = NOTICE_NONE_YET; /* it ended meanwhile: the connection is being cut */
        }
    }
    parked->call.notice.done(parked->call.notice.user, &result);
}

static void deliver(struct delivery *delivery)
{
    struct parked *parked = parked_of(delivery);
    struct peer *peer = parked->peer;
    if (peer_enter(peer)) {
        if (parked->is_notice) {
            call_notice(parked);
        } else {
            call_wait(parked);
        }
        peer_leave(peer);
    } else if (parked->is_notice) {
        parked->call.notice.dropped(parked->call.notice.user);
    } else {
        parked->call.wait.dropped(parked->call.wait.user);
    }
    parked_free(parked);
    peer_release(peer);
}

static struct parked *parked_new(struct peer *peer)
{
    struct parked *parked = calloc(1, sizeof *parked);
    if (parked) {
        parked->peer = peer;
        parked->timer.kind = TIMER_PARKED;
        parked->delivery.deliver = deliver;
    }
    return parked;
}

struct parked *parked_new_wait(struct peer *peer, const struct wait_call *call)
{
    struct parked *parked = parked_new(peer);
    if (parked) {
        parked->call.wait = *call;
    }
    return parked;
}

struct parked *parked_new_notice(struct peer *peer, const struct notice_call *call)
{
    struct parked *parked = parked_new(peer);
    if (parked) {
        parked->is_notice = true;
        parked->call.notice = *call;
    }
    return parked;
}

void parked_free(struct parked *parked)
{
    free(parked);
}

/* ---- parking -------------------------------------------------------------------------------- */

static struct parked **place_of(struct peer *peer, const struct parked *parked)
{
    return parked->is_notice ? &peer->notice_wait : &peer->decision_wait;
}

void waiters_fire(struct parked *parked, struct delivery_list *deliveries)
{
    struct parked **place = place_of(parked->peer, parked);
    assert(*place == parked);
    *place = NULL;
    timer_wheel_remove(&parked->timer);
    metric_add(METRIC_WAITERS_COUNT, -1);
    delivery_list_add(deliveries, &parked->delivery);
}

void waiters_park(struct peer *peer, struct parked *parked, int64_t due_ms,
                  struct delivery_list *deliveries)
{
    struct parked **place = place_of(peer, parked);
    if (*place) {
        waiters_fire(*place, deliveries); /* with NONE_YET, as it was made */
    }
    *place = parked;
    peer_hold(peer);
    metric_add(METRIC_WAITERS_COUNT, 1);
    timer_wheel_add(&peer->shard->wheel, &parked->timer, due_ms);
}

void waiters_fire_timeout(struct timer *timer, struct delivery_list *deliveries)
{
    waiters_fire((struct parked *)(void *)((char *)timer - offsetof(struct parked, timer)),
                 deliveries);
}

void waiters_drop(struct peer *peer, struct delivery_list *deliveries)
{
    if (peer->decision_wait) {
        waiters_fire(peer->decision_wait, deliveries);
    }
    if (peer->notice_wait) {
        waiters_fire(peer->notice_wait, deliveries);
    }
}

bool waiters_take_missed(struct peer *peer, struct parked *parked)
{
    if (peer->ended_as != NOTICE_NONE_YET) {
        parked->notice_kind = peer->ended_as;
        parked->refusal = peer->ended_refusal;
        parked->retry_after_ms = peer->ended_retry_ms;
        return true;
    }
    if (peer->is_upgrade_refused) {
        peer->is_upgrade_refused = false;
        parked->notice_kind = NOTICE_UPGRADE_REFUSED;
        return true;
    }
    return false;
}

void waiters_drain(struct peer *peer, uint32_t retry_after_ms, struct delivery_list *deliveries)
{
    if (peer->decision_wait) {
        peer->decision_wait->status = OC_UNAVAILABLE;
        peer->decision_wait->retry_after_ms = retry_after_ms;
        waiters_fire(peer->decision_wait, deliveries);
    }
    if (peer->notice_wait) {
        peer->notice_wait->notice_kind = NOTICE_DRAINING;
        peer->notice_wait->retry_after_ms = retry_after_ms;
        waiters_fire(peer->notice_wait, deliveries);
    }
}

/* ---- waking --------------------------------------------------------------------------------- */

static void wake_decision_waits(struct service *service, struct entry *entry,
                                const struct pairing *pairing, unsigned effects,
                                struct delivery_list *deliveries)
{
    int64_t now_ms = service_now_ms(service);
    for (struct peer *peer = entry->live->peers; peer; peer = peer->next) {
        struct parked *parked = peer->decision_wait;
        if (!parked) {
            continue;
        }
        struct wait_answer answer = waiters_decide(pairing, &parked->request_id, now_ms);
        if (effects & PAIRING_MAKES_ROOM && answer.outcome == WAIT_NOT_DECIDED) {
            answer.refusal.retry_after_ms = SHED_RETRY_MS;
        }
        if (answer.outcome != WAIT_NONE_YET) {
            parked->outcome = answer.outcome;
            parked->refusal = answer.refusal;
            parked->stands_now = answer.stands_now;
            waiters_fire(parked, deliveries);
        }
    }
}

static void wake_session(struct entry *entry, unsigned effects, struct delivery_list *deliveries)
{
    struct peer *peer = entry->live->session;
    struct parked *parked = peer->notice_wait;
    if (effects & PAIRING_REFUSES_UPGRADE) {
        peer->is_upgrade_refused = true;
    }
    if (!parked) {
        return;
    }
    if (waiters_take_missed(peer, parked)) {
        waiters_fire(parked, deliveries);
    } else if (effects & PAIRING_CHANGES_GRANT) {
        parked->notice_kind = NOTICE_GRANT_CHANGED;
        waiters_fire(parked, deliveries);
    }
}

static struct session_end end_of(const struct pairing *pairing, int64_t now_ms)
{
    bool is_blocked = pairing->standing == OC_STANDING_BLOCKED;
    return (struct session_end){
        .notice = NOTICE_ENDED,
        .refusal = is_blocked ? OC_REFUSAL_BLOCKED : OC_REFUSAL_REVOKED,
        .why = is_blocked            ? OC_WHY_BLOCKED
               : pairing->is_removed ? OC_WHY_REMOVED
                                     : OC_WHY_REVOKED,
        .retry_after_ms = left_ms(pairing->cool_down_until_ms, now_ms),
        .cut_why = is_blocked ? "blocked" : "revoked",
    };
}

void waiters_wake(struct service *service, struct entry *entry, const struct pairing *pairing,
                  unsigned effects, struct delivery_list *deliveries)
{
    if (!entry->live) {
        return;
    }
    int64_t now_ms = service_now_ms(service);
    struct peer *session = entry->live->session;
    bool may_stay =
        session && (pairing_may_serve(pairing, now_ms) ||
                    (session->unpaired_grant && pairing_may_serve_unpaired(pairing, now_ms)));
    if (session && (!may_stay || (effects & PAIRING_CUTS_SESSION))) {
        struct session_end end = end_of(pairing, now_ms);
        (void)entry_end_session(service, entry, &end, deliveries);
    } else if (session) {
        wake_session(entry, effects, deliveries);
    }
    wake_decision_waits(service, entry, pairing, effects, deliveries);
}

/* ---- facts of a session --------------------------------------------------------------------- */

void session_facts_fill(const struct peer *peer, const struct pairing *pairing,
                        struct session_facts *out)
{
    *out = (struct session_facts){
        .granted = peer->unpaired_grant ? *peer->unpaired_grant : pairing->granted,
        .is_unpaired = peer->unpaired_grant != NULL,
        .heartbeat_ms = peer->service->options.heartbeat_ms,
        .generation = pairing->generation,
        .approval_seq = pairing->approval_seq,
        .term_ends_ms = pairing->term_ends_ms,
    };
    if (pairing->request.is_open) {
        out->upgrade_request = pairing->request.id;
        out->has_gateway_nonce = peer->has_commitment;
    }
    if (out->has_gateway_nonce) {
        naming_gateway_nonce(&peer->service->naming, &peer->id, &out->upgrade_request,
                             &peer->commitment, out->gateway_nonce);
    }
    memcpy(out->alias, pairing->alias, sizeof out->alias);
}

bool session_facts_read(struct peer *peer, struct session_facts *out)
{
    struct pairing pairing;
    shard_lock(peer->shard);
    bool has_session = peer_has_session(peer);
    if (has_session) {
        entry_read(peer->entry, &pairing);
        session_facts_fill(peer, &pairing, out);
    }
    shard_unlock(peer->shard);
    return has_session;
}
