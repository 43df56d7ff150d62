#include "server/service/peer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/secret.h"
#include "server/obs/metrics.h"
#include "server/service/peer_log.h"
#include "server/service/waiters.h"

static void link_peer(struct peer *peer)
{
    struct peer **head = &peer->entry->live->peers;
    peer->next = *head;
    peer->link = head;
    if (peer->next) {
        peer->next->link = &peer->next;
    }
    *head = peer;
}

static void unlink_peer(struct peer *peer)
{
    *peer->link = peer->next;
    if (peer->next) {
        peer->next->link = peer->link;
    }
    peer->link = NULL;
}

/* Finds the entry a home for the peer; false when out of memory. */
static bool settle(struct peer *peer, const struct oc_device_id *id)
{
    shard_lock(peer->shard);
    struct entry *entry = shard_obtain(peer->shard, id);
    bool is_settled = entry && shard_make_live(peer->shard, entry);
    if (is_settled) {
        peer->entry = entry;
        link_peer(peer);
    } else if (entry) {
        shard_trim(peer->shard, entry);
    }
    shard_unlock(peer->shard);
    return is_settled;
}

struct peer *peer_opened(struct service *service, const struct oc_device_id *id,
                         const char source[OC_MAX_SOURCE_BYTES + 1], bool is_source_trusted,
                         const struct peer_ops *ops, void *user)
{
    struct peer *peer = calloc(1, sizeof *peer);
    if (!peer) {
        return NULL;
    }
    peer->service = service;
    peer->id = *id;
    peer->shard = index_shard(&service->index, id);
    peer->ops = *ops;
    peer->user = user;
    peer->is_source_trusted = is_source_trusted;
    peer->n_refs = 1;
    memcpy(peer->source, source, strnlen(source, OC_MAX_SOURCE_BYTES));
    if (!settle(peer, id)) {
        free(peer);
        return NULL;
    }
    return peer;
}

bool peer_is_welcome(struct peer *peer)
{
    struct pairing pairing;
    shard_lock(peer->shard);
    entry_read(peer->entry, &pairing);
    shard_unlock(peer->shard);
    return pairing.expectation.is_set || pairing_may_serve(&pairing, service_now_ms(peer->service));
}

bool peer_is_waiting(struct peer *peer)
{
    shard_lock(peer->shard);
    bool is_waiting = peer->entry->record_bytes && peer->entry->group == ENTRY_OPEN;
    shard_unlock(peer->shard);
    return is_waiting;
}

static void forget_code(struct live *live, const struct peer *peer)
{
    if (live->code_peer == peer) {
        oc_wipe(live->code, sizeof live->code);
        live->code_id = (struct oc_request_id){.text = ""};
        live->code_peer = NULL;
    }
}

/* The session is nobody's any more. */
static void drop_session(struct service *service, struct entry *entry)
{
    struct peer *peer = entry->live->session;
    timer_wheel_remove(&peer->beat_timer);
    entry->live->session = NULL;
    atomic_fetch_sub(&service->n_online, 1);
    metric_add(METRIC_SESSIONS_COUNT, -1);
}

/* What was decided about the session says more than how its connection went down. */
static const char *why_ended(const struct peer *peer, const char *why)
{
    if (peer->is_cut) {
        return peer->cut_why;
    }
    return atomic_load(&peer->service->is_draining) ? "gateway stopped" : why;
}

void peer_closed(struct peer *peer, const char *why)
{
    struct delivery_list deliveries = {0};
    struct service *service = peer->service;
    struct shard *shard = peer->shard;
    int64_t now_ms = service_now_ms(service);
    shard_lock(shard);
    struct entry *entry = peer->entry;
    peer->is_closed = true;
    if (peer_has_session(peer)) {
        drop_session(service, entry);
    }
    waiters_drop(peer, &deliveries);
    forget_code(entry->live, peer);
    unlink_peer(peer);
    shard_touch(shard, entry, now_ms);
    peer->entry = NULL;
    shard_trim(shard, entry);
    while (peer->n_running > 0) {
        pthread_cond_wait(&shard->callbacks_ended, &shard->mutex);
    }
    shard_unlock(shard);
    notifier_post(service->notifier, &deliveries);
    peer_log_end(peer, why_ended(peer, why));
    peer_release(peer);
}

bool peer_has_session(const struct peer *peer)
{
    return peer->entry && peer->entry->live->session == peer;
}

struct peer *peer_of_beat_timer(struct timer *timer)
{
    return (struct peer *)(void *)((char *)timer - offsetof(struct peer, beat_timer));
}

static int64_t silence_ms(const struct peer *peer)
{
    return (int64_t)peer->service->options.heartbeat_ms * PEER_MISSED_HEARTBEATS;
}

bool peer_check_heartbeat(struct peer *peer, int64_t monotonic_ms)
{
    if (monotonic_ms - peer->beat_ms >= silence_ms(peer)) {
        return false;
    }
    /* Heartbeats only note the time; the timer catches up here. */
    timer_wheel_add(&peer->shard->wheel, &peer->beat_timer, peer->beat_ms + silence_ms(peer));
    return true;
}

void peer_take_session(struct peer *peer, struct delivery_list *deliveries)
{
    struct service *service = peer->service;
    int64_t monotonic_ms = service_monotonic_ms(service);
    peer->beat_ms = monotonic_ms;
    if (peer_has_session(peer)) {
        return;
    }
    const struct session_end superseded = {
        .notice = NOTICE_SUPERSEDED,
        .retry_after_ms = PEER_SUPERSEDED_RETRY_MS +
                          random_below(service->options.random, PEER_SUPERSEDED_RETRY_MS),
        .cut_why = "superseded",
    };
    (void)entry_end_session(service, peer->entry, &superseded, deliveries);
    peer->entry->live->session = peer;
    peer->ended_as = NOTICE_NONE_YET;
    atomic_fetch_add(&service->n_online, 1);
    metric_add(METRIC_SESSIONS_COUNT, 1);
    if (silence_ms(peer) > 0) {
        peer->beat_timer.kind = TIMER_HEARTBEAT;
        timer_wheel_add(&peer->shard->wheel, &peer->beat_timer, monotonic_ms + silence_ms(peer));
    }
}

bool entry_end_session(struct service *service, struct entry *entry, const struct session_end *end,
                       struct delivery_list *deliveries)
{
    if (!entry->live || !entry->live->session) {
        return false;
    }
    struct peer *peer = entry->live->session;
    drop_session(service, entry);
    peer->ended_as = end->notice;
    peer->ended_retry_ms = end->retry_after_ms;
    peer->ended_refusal = (struct refusal_facts){
        .kind = end->refusal, .why = end->why, .retry_after_ms = end->retry_after_ms};
    struct parked *parked = peer->notice_wait;
    if (parked && waiters_take_missed(peer, parked)) {
        waiters_fire(parked, deliveries);
    }
    peer_cut(peer, end->cut_why, deliveries);
    return true;
}

static void deliver_cut(struct delivery *delivery)
{
    struct peer *peer =
        (struct peer *)(void *)((char *)delivery - offsetof(struct peer, cut_delivery));
    if (peer_enter(peer)) {
        peer->ops.set_approved(peer->user, false);
        peer->ops.cut(peer->user, peer->cut_why);
        peer_log_end(peer, peer->cut_why);
        peer_leave(peer);
    }
    peer_release(peer);
}

void peer_cut(struct peer *peer, const char *why, struct delivery_list *deliveries)
{
    if (peer->is_cut || peer->is_closed) {
        return;
    }
    peer->is_cut = true;
    peer->cut_why = why;
    peer->cut_delivery.deliver = deliver_cut;
    peer_hold(peer);
    delivery_list_add(deliveries, &peer->cut_delivery);
}

void peer_hold(struct peer *peer)
{
    peer->n_refs++;
}

bool peer_enter(struct peer *peer)
{
    shard_lock(peer->shard);
    bool may_call = !peer->is_closed;
    if (may_call) {
        peer->n_running++;
    }
    shard_unlock(peer->shard);
    return may_call;
}

void peer_leave(struct peer *peer)
{
    shard_lock(peer->shard);
    assert(peer->n_running > 0);
    if (--peer->n_running == 0 && peer->is_closed) {
        pthread_cond_broadcast(&peer->shard->callbacks_ended);
    }
    shard_unlock(peer->shard);
}

void peer_release(struct peer *peer)
{
    struct shard *shard = peer->shard;
    shard_lock(shard);
    assert(peer->n_refs > 0);
    bool is_last = --peer->n_refs == 0;
    shard_unlock(shard);
    if (is_last) {
        assert(peer->is_closed && !peer->decision_wait && !peer->notice_wait);
        free(peer->unpaired_grant);
        free(peer);
    }
}
