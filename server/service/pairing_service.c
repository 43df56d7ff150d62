/*
 * A device's calls, as far as they are answered on the calling thread.
 */
#include "server/service/pairing_service.h"

#include <string.h>

#include "proto/crypto/pairing_code.h"
#include "server/service/connect.h"
#include "server/service/receipts.h"
#include "server/service/waiters.h"

/* ---- Connect -------------------------------------------------------------------------------- */

static void fill_attempt(const struct peer *peer, const struct connect_facts *facts,
                         struct attempt *out)
{
    struct service *service = peer->service;
    memset(out, 0, sizeof *out);
    struct service_settings settings;
    service_get_settings(service, &settings);
    const struct oc_grant *usual = &settings.default_grant;
    out->ask = facts->ask;
    if (!facts->has_ask) {
        out->ask.grant = *usual;
    } else if (facts->ask.grant.role[0] == '\0') {
        memcpy(out->ask.grant.role, usual->role, sizeof usual->role);
    }
    out->ask_digest = naming_ask_digest(&peer->id, &out->ask);
    out->sighting = facts->sighting;
    out->sighting.seen_ms = service_now_ms(service);
    memcpy(out->sighting.source, peer->source, sizeof out->sighting.source);
    out->commitment = facts->nonce_commitment;
    out->held = (struct held_receipt){0};
    out->holds_foreign_receipt = false;
    if (facts->has_receipt && service_is_locked(service)) {
        missing_note(service, &peer->id, &facts->receipt);
    } else if (facts->has_receipt) {
        out->holds_foreign_receipt = receipts_tell_of_reset(peer, &facts->receipt);
        out->held = receipts_note_held(peer, &facts->receipt);
    }
}

void peer_connect(struct peer *peer, const struct connect_facts *facts,
                  const struct connect_call *call)
{
    struct attempt attempt;
    struct connect_result result;
    struct delivery_list deliveries = {0};
    if (!peer_enter(peer)) {
        call->dropped(call->user);
        return;
    }
    fill_attempt(peer, facts, &attempt);
    enum connect_step step = connect_in_memory(peer, &attempt, &result, &deliveries);
    notifier_post(peer->service->notifier, &deliveries);
    if (step == CONNECT_IS_CLOSED) {
        call->dropped(call->user);
    } else if (step == CONNECT_ANSWERED) {
        connect_answer(peer, &attempt, call, &result);
    } else if (!connect_by_writer(peer, &attempt, call)) {
        memset(&result, 0, sizeof result);
        result.status = oc_fail(&result.error, OC_RESOURCE_EXHAUSTED, "the queue is full");
        result.error.retry_after_ms = 1000;
        connect_answer(peer, &attempt, call, &result);
    }
    peer_leave(peer);
}

/* ---- AwaitDecision -------------------------------------------------------------------------- */

/* Both nonces are known now: so is the code. It stays in memory, beside the request. */
static void reveal(struct peer *peer, const struct oc_request_id *request_id,
                   const uint8_t device_nonce[OC_NONCE_BYTES])
{
    struct service *service = peer->service;
    struct live *live = peer->entry->live;
    if (!service->options.gateway_identity) {
        return;
    }
    struct oc_pairing_code_input input = {
        .device_id = peer->id,
        .gateway_spki = oc_identity_spki_sha256(service->options.gateway_identity),
        .request_id = *request_id,
    };
    memcpy(input.device_nonce, device_nonce, sizeof input.device_nonce);
    naming_gateway_nonce(&service->naming, &peer->id, request_id, &peer->commitment,
                         input.gateway_nonce);
    oc_pairing_code(&input, live->code);
    live->code_id = *request_id;
    live->code_peer = peer;
    oc_wipe(&input, sizeof input);
}

static enum oc_status check_waiting(const struct peer *peer, const struct oc_digest *commitment,
                                    struct oc_error *err)
{
    if (service_is_locked(peer->service) || atomic_load(&peer->service->is_draining)) {
        return oc_fail(err, OC_UNAVAILABLE, "the gateway serves nobody at the moment");
    }
    if (!peer->has_commitment || !oc_equal_constant_time(commitment->bytes, peer->commitment.bytes,
                                                         sizeof commitment->bytes)) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "the nonce does not open the commitment");
    }
    return OC_OK;
}

/* True: parked is taken. */
static bool wait_locked(struct peer *peer, struct parked *parked,
                        const uint8_t device_nonce[OC_NONCE_BYTES], uint32_t budget_ms,
                        struct wait_result *result, struct delivery_list *deliveries)
{
    struct pairing pairing;
    int64_t now_ms = service_now_ms(peer->service);
    shard_touch(peer->shard, peer->entry, now_ms);
    entry_read(peer->entry, &pairing);
    struct wait_answer answer = waiters_decide(&pairing, &parked->request_id, now_ms);
    if (answer.outcome == WAIT_NONE_YET) {
        reveal(peer, &parked->request_id, device_nonce);
        waiters_park(peer, parked, service_monotonic_ms(peer->service) + budget_ms, deliveries);
        return true;
    }
    result->outcome = answer.outcome;
    result->refusal = answer.refusal;
    result->request_id = answer.stands_now;
    return false;
}

static bool wait_or_answer(struct peer *peer, struct parked *parked,
                           const uint8_t device_nonce[OC_NONCE_BYTES], uint32_t budget_ms,
                           struct wait_result *result)
{
    struct delivery_list deliveries = {0};
    struct oc_digest commitment = oc_nonce_commitment(device_nonce);
    bool is_parked = false;
    shard_lock(peer->shard);
    if (peer->is_closed) {
        result->status = oc_fail(&result->error, OC_CANCELLED, "the connection is gone");
    } else {
        result->status = check_waiting(peer, &commitment, &result->error);
    }
    if (!result->status) {
        is_parked = wait_locked(peer, parked, device_nonce, budget_ms, result, &deliveries);
    }
    shard_unlock(peer->shard);
    notifier_post(peer->service->notifier, &deliveries);
    return is_parked;
}

void peer_await_decision(struct peer *peer, const struct oc_request_id *request_id,
                         const uint8_t device_nonce[OC_NONCE_BYTES], uint32_t budget_ms,
                         const struct wait_call *call)
{
    struct wait_result result = {.status = OC_OK};
    if (!peer_enter(peer)) {
        call->dropped(call->user);
        return;
    }
    struct parked *parked = parked_new_wait(peer, call);
    if (parked) {
        parked->request_id = *request_id;
    } else {
        result.status = oc_fail(&result.error, OC_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (!parked || !wait_or_answer(peer, parked, device_nonce, budget_ms, &result)) {
        parked_free(parked);
        call->done(call->user, &result);
    }
    peer_leave(peer);
}

/* ---- sessions ------------------------------------------------------------------------------- */

enum oc_status peer_heartbeat(struct peer *peer, uint64_t *generation)
{
    enum oc_status st = OC_FAILED_PRECONDITION;
    int64_t monotonic_ms = service_monotonic_ms(peer->service);
    shard_lock(peer->shard);
    if (peer_has_session(peer)) {
        peer->beat_ms = monotonic_ms;
        *generation = entry_generation(peer->entry);
        st = OC_OK;
    }
    shard_unlock(peer->shard);
    return st;
}

/* True: there is something to tell at once. */
static bool is_due(struct peer *peer, uint64_t generation, struct parked *parked)
{
    if (waiters_take_missed(peer, parked)) {
        return true;
    }
    if (atomic_load(&peer->service->is_draining)) {
        parked->notice_kind = NOTICE_DRAINING;
        parked->retry_after_ms = 1000;
        return true;
    }
    if (!peer_has_session(peer)) {
        parked->status = OC_FAILED_PRECONDITION;
        return true;
    }
    if (generation < entry_generation(peer->entry)) {
        parked->notice_kind = NOTICE_GRANT_CHANGED;
        return true;
    }
    return false;
}

void peer_await_notice(struct peer *peer, uint64_t generation, uint32_t budget_ms,
                       const struct notice_call *call)
{
    struct delivery_list deliveries = {0};
    int64_t due_ms = service_monotonic_ms(peer->service) + budget_ms;
    struct parked *parked = parked_new_notice(peer, call);
    if (!parked) {
        struct notice_result result = {.status = OC_RESOURCE_EXHAUSTED};
        (void)oc_fail(&result.error, OC_RESOURCE_EXHAUSTED, "out of memory");
        call->done(call->user, &result);
        return;
    }
    shard_lock(peer->shard);
    if (peer->is_closed) {
        peer_hold(peer);
        delivery_list_add(&deliveries, &parked->delivery); /* ends in `dropped` */
    } else {
        bool is_now = is_due(peer, generation, parked);
        waiters_park(peer, parked, due_ms, &deliveries);
        if (is_now) {
            waiters_fire(parked, &deliveries);
        }
    }
    shard_unlock(peer->shard);
    notifier_post(peer->service->notifier, &deliveries);
}

void service_gateway_ids(struct service *service, uint8_t gateway_id[OC_GATEWAY_ID_BYTES],
                         uint8_t database_id[OC_DATABASE_ID_BYTES])
{
    struct store_identity identity = service_identity(service);
    memcpy(gateway_id, identity.gateway_id, OC_GATEWAY_ID_BYTES);
    memcpy(database_id, identity.database_id, OC_DATABASE_ID_BYTES);
}
