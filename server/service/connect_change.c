/*
 * Attempts that change something: decided again by the writer, on the state that the changes before
 * left, and answered from memory once that is durable.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/obs/log.h"
#include "server/service/peer_log.h"
#include "server/service/shedding.h"
#include "server/service/votes.h"

struct connect_change {
    struct change change; /* first */
    struct peer *peer;    /* held */
    struct connect_call call;
    struct attempt attempt;
    unsigned n_tries;
    enum oc_status status;
    struct oc_error error;
    struct connect_result result;
    /* What a change of this attempt is worth telling. */
    char rule[33];               /* "": no rule approved it */
    struct oc_request_id opened; /* "": no request */
    enum oc_why why;
};

static struct connect_change *connect_of(struct change *change)
{
    return (struct connect_change *)(void *)change;
}

/* What one other device of the same host says of the newcomer. */
static enum look_alike look_at(struct service *service, const struct oc_device_id *other,
                               const struct attempt *attempt)
{
    struct pairing pairing = {.standing = OC_STANDING_NONE};
    struct sighting sighting = {.seen_ms = 0};
    const char *name = attempt->ask.name;
    bool is_online = false;
    struct shard *shard = index_shard(&service->index, other);
    shard_lock(shard);
    const struct entry *entry = shard_find(shard, other);
    if (entry) {
        entry_read(entry, &pairing);
        entry_read_sighting(entry, &sighting);
        is_online = entry->live && entry->live->session;
    }
    shard_unlock(shard);
    bool is_same_host =
        memcmp(sighting.host_hint, attempt->sighting.host_hint, sizeof sighting.host_hint) == 0;
    if (pairing.standing != OC_STANDING_APPROVED || !is_same_host) {
        return LOOK_ALIKE_NONE;
    }
    if (name[0] == '\0' || strcmp(pairing.claimed_name, name) != 0) {
        return LOOK_ALIKE_SAME_HOST;
    }
    return is_online ? LOOK_ALIKE_ONLINE : LOOK_ALIKE_OFFLINE;
}

static enum look_alike find_look_alike(struct service *service, const struct oc_device_id *id,
                                       const struct attempt *attempt)
{
    static const uint8_t none[OC_INSTANCE_BYTES];
    struct oc_device_id others[DIRECTORY_SAME_HOST];
    if (memcmp(attempt->sighting.host_hint, none, sizeof none) == 0) {
        return LOOK_ALIKE_NONE;
    }
    enum look_alike found = LOOK_ALIKE_NONE;
    size_t n = directory_find_host(&service->directory, attempt->sighting.host_hint, others);
    for (size_t i = 0; i < n; i++) {
        enum look_alike one = oc_device_id_equal(&others[i], id)
                                  ? LOOK_ALIKE_NONE
                                  : look_at(service, &others[i], attempt);
        if (one == LOOK_ALIKE_OFFLINE || one == LOOK_ALIKE_ONLINE) {
            return one;
        }
        found = one != LOOK_ALIKE_NONE ? one : found;
    }
    return found;
}

/* Once it is durable. What was opened for a device without a session is told with its refusal. */
static void log_news(struct connect_change *connect)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    const struct peer *peer = connect->peer;
    oc_device_id_format(&peer->id, id);
    if (connect->rule[0] != '\0') {
        log_info("pairing.approved", "device=%s by=%s source=%s", id, connect->rule, peer->source);
    } else if (connect->opened.text[0] != '\0' && connect->why == OC_WHY_ACCESS_WIDENED) {
        peer_log_upgrade(peer, &connect->attempt, &connect->opened);
    }
    connect->rule[0] = '\0';
    connect->opened.text[0] = '\0';
}

static void note_news(struct connect_change *connect, const struct pairing_decision *decision)
{
    connect->why = decision->next.request.why;
    connect->opened = decision->next.request.id;
    if (decision->is_audited) {
        memcpy(connect->rule, decision->audit.rule, sizeof connect->rule);
    }
}

static bool takes_a_place(struct service *service, const struct pairing *was,
                          const struct pairing_decision *decision)
{
    return !was->request.is_open && decision->next.request.is_open &&
           !pairing_is_beyond_caps(&decision->next, service_now_ms(service));
}

static void stage(struct group *group, struct change *change)
{
    struct connect_change *connect = connect_of(change);
    struct service *service = group_service(group);
    const struct peer *peer = connect->peer;
    const struct attempt *attempt = &connect->attempt;
    struct pairing was;
    struct approval_rules rules;
    struct group_receipt receipt;
    connect->status = OC_OK;
    group_read(group, &peer->id, &was);
    struct pairing_event event = connect_event_of(peer, attempt);
    event.pairs_everyone = event.pairs_everyone && peer->is_source_trusted;
    votes_get_rules(service, &rules);
    connect_fill_event(peer, &was, &rules, &event);
    event.look_alike = find_look_alike(service, &peer->id, attempt);
    const struct policy policy = service_policy(service);
    struct pairing_decision decision =
        pairing_decide(&was, &event, &policy, service_now_ms(service));
    if (takes_a_place(service, &was, &decision) && !shedding_make_room(group, peer)) {
        connect->attempt.is_over_cap = event.is_over_cap = true;
        decision = pairing_decide(&was, &event, &policy, service_now_ms(service));
    }
    if (!decision.changed) {
        return; /* an earlier change of the group settled it: answered from memory */
    }
    const struct group_change row = {
        .id = &peer->id,
        .decision = &decision,
        .action = decision.is_audited ? decision.audit.action : "request",
        .source = peer->source,
    };
    connect->status = group_apply(group, &row, &receipt, &connect->error);
    if (!connect->status) {
        note_news(connect, &decision);
    }
}

static void deliver(struct delivery *delivery)
{
    struct connect_change *connect =
        (struct connect_change *)(void *)((char *)delivery -
                                          offsetof(struct connect_change, change.delivery));
    struct peer *peer = connect->peer;
    if (peer_enter(peer)) {
        connect_answer(peer, &connect->attempt, &connect->call, &connect->result);
        peer_leave(peer);
    } else {
        connect->call.dropped(connect->call.user);
    }
    peer_release(peer);
    free(connect);
}

static void fail(struct connect_result *result, enum oc_status status, const struct oc_error *error)
{
    memset(result, 0, sizeof *result);
    result->status = status;
    result->error = *error;
}

/* Answers from what is published now, as the path that never writes does; so a session is only
 * ever given by connect_in_memory. */
static void finish(struct service *service, struct change *change, const struct oc_error *failed)
{
    struct connect_change *connect = connect_of(change);
    struct delivery_list deliveries = {0};
    /* In an outage memory has the answer: a session for who is approved, "busy" for the others. */
    bool is_refused = !failed && connect->status && !outage_is_on(&service->outage);
    if (is_refused) {
        fail(&connect->result, connect->status, &connect->error);
    } else {
        if (!failed && !connect->status) {
            log_news(connect);
        }
        enum connect_step step =
            connect_in_memory(connect->peer, &connect->attempt, &connect->result, &deliveries);
        if (step == CONNECT_NEEDS_WRITER) {
            connect->n_tries++;
            if (connect->n_tries < CONNECT_TRIES && writer_push(service, change)) {
                return;
            }
            (void)oc_fail(&connect->error, OC_UNAVAILABLE, "the pairing keeps changing");
            connect->error.retry_after_ms = 1000;
            fail(&connect->result, OC_UNAVAILABLE, &connect->error);
        }
    }
    delivery_list_add(&deliveries, &change->delivery);
    notifier_post(service->notifier, &deliveries);
}

bool connect_by_writer(struct peer *peer, const struct attempt *attempt,
                       const struct connect_call *call)
{
    static const struct change_ops ops = {.stage = stage, .finish = finish};
    struct connect_change *connect = calloc(1, sizeof *connect);
    if (!connect) {
        return false;
    }
    connect->change.ops = &ops;
    connect->change.delivery.deliver = deliver;
    connect->peer = peer;
    connect->call = *call;
    connect->attempt = *attempt;
    shard_lock(peer->shard);
    peer_hold(peer);
    shard_unlock(peer->shard);
    if (writer_push(peer->service, &connect->change)) {
        return true;
    }
    peer_release(peer);
    free(connect);
    return false;
}
