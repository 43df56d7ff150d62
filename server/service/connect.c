#include "server/service/connect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/obs/log.h"
#include "server/obs/metrics.h"
#include "server/service/receipts.h"
#include "server/service/waiters.h"

enum {
    CUT_RETRY_MS = 1000,
};

/* ---- deciding ----------------------------------------------------------------------------------
 */

static struct pairing_event event_of(const struct peer *peer, const struct attempt *attempt)
{
    const struct service_options *options = &peer->service->options;
    struct pairing_event event = {
        .kind = PAIRING_EV_CONNECT,
        .actor = {.name = "device"},
        .ask = attempt->ask,
        .ask_digest = attempt->ask_digest,
        .holds_foreign_receipt = attempt->holds_foreign_receipt,
        .pairs_everyone = !options->pairing_required && peer->is_source_trusted,
    };
    memcpy(event.actor.source, peer->source, sizeof event.actor.source);
    if (event.pairs_everyone) {
        event.grant = options->default_grant;
    }
    return event;
}

static void name_request(const struct peer *peer, const struct pairing *was,
                         struct pairing_event *event)
{
    event->request_id =
        naming_request_id(&peer->service->naming, &peer->id, &event->ask_digest, was->generation);
}

static bool has_room(const struct peer *peer)
{
    const struct service_options *options = &peer->service->options;
    struct directory_caps caps = service_caps(peer->service);
    if (options->is_exempt && options->is_exempt(options->is_exempt_user, peer->source)) {
        caps.max_open_per_source = caps.max_open;
    }
    return directory_has_room(&peer->service->directory, &caps, peer->source);
}

/* ---- answers -----------------------------------------------------------------------------------
 */

static enum oc_refusal_kind refusal_of(enum pairing_outcome outcome)
{
    switch (outcome) {
    case PAIRING_PENDING:
        return OC_REFUSAL_PAIRING_REQUIRED;
    case PAIRING_REFUSED_REJECTED:
        return OC_REFUSAL_REJECTED;
    case PAIRING_REFUSED_REVOKED:
        return OC_REFUSAL_REVOKED;
    case PAIRING_REFUSED_BLOCKED:
        return OC_REFUSAL_BLOCKED;
    case PAIRING_REFUSED_BUSY:
    case PAIRING_SESSION:
    case PAIRING_DONE:
    case PAIRING_NO_REQUEST:
    case PAIRING_REPLACED:
    case PAIRING_CHANGED:
    case PAIRING_TOO_WIDE:
    case PAIRING_CODE_WRONG:
    case PAIRING_CODE_CLOSED:
    case PAIRING_CODE_UNAVAILABLE:
    case PAIRING_NOT_APPROVED:
    case PAIRING_NOT_BLOCKED:
    case PAIRING_NOT_KNOWN:
    case PAIRING_IS_BLOCKED:
    case PAIRING_OUTCOME_COUNT:
        break;
    }
    return OC_REFUSAL_BUSY;
}

static uint32_t clamp_ms(int64_t ms)
{
    return ms <= 0 ? 0 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static void refuse(struct connect_result *result, const struct pairing_decision *decision)
{
    result->refusal.kind = refusal_of(decision->outcome);
    result->refusal.why = decision->why;
    result->refusal.retry_after_ms = clamp_ms(decision->retry_after_ms);
}

static void refuse_plainly(struct connect_result *result, enum oc_refusal_kind kind,
                           uint32_t retry_after_ms)
{
    result->refusal = (struct refusal_facts){.kind = kind, .retry_after_ms = retry_after_ms};
}

/* A device could try commitments until the code comes out as it likes: one a second. */
static bool commit_to(struct peer *peer, const struct oc_digest *commitment)
{
    struct live *live = peer->entry->live;
    int64_t now_ms = service_monotonic_ms(peer->service);
    bool is_new =
        live->commitment_ms == 0 || memcmp(&live->commitment, commitment, sizeof *commitment) != 0;
    if (is_new && live->commitment_ms != 0 &&
        now_ms - live->commitment_ms < CONNECT_COMMITMENT_EVERY_MS) {
        return false;
    }
    if (is_new) {
        live->commitment = *commitment;
        live->commitment_ms = now_ms > 0 ? now_ms : 1;
    }
    peer->commitment = *commitment;
    peer->has_commitment = true;
    return true;
}

static void answer_pending(struct peer *peer, const struct attempt *attempt,
                           const struct pairing_decision *decision, struct connect_result *result)
{
    if (!commit_to(peer, &attempt->commitment)) {
        refuse_plainly(result, OC_REFUSAL_BUSY, CONNECT_COMMITMENT_EVERY_MS);
        return;
    }
    refuse(result, decision);
    result->refusal.request_id = decision->next.request.id;
    naming_gateway_nonce(&peer->service->naming, &peer->id, &result->refusal.request_id,
                         &attempt->commitment, result->refusal.gateway_nonce);
}

static void answer_session(struct peer *peer, const struct attempt *attempt,
                           const struct pairing_decision *decision, struct connect_result *result,
                           struct delivery_list *deliveries)
{
    int64_t now_ms = attempt->sighting.seen_ms;
    peer->is_unpaired = !pairing_may_serve(&decision->next, now_ms);
    peer->granted = decision->grant;
    if (decision->next.request.is_open) {
        (void)commit_to(peer, &attempt->commitment);
    }
    peer_take_session(peer, deliveries);
    result->has_session = true;
    session_facts_fill(peer, &decision->next, &result->session);
    result->session.granted = decision->grant;
}

static enum connect_step decide_locked(struct peer *peer, const struct attempt *attempt,
                                       struct pairing_event *event, struct connect_result *result,
                                       struct delivery_list *deliveries)
{
    struct service *service = peer->service;
    struct pairing was;
    if (peer->is_closed) {
        return CONNECT_IS_CLOSED;
    }
    if (service_is_locked(service)) {
        refuse_plainly(result, OC_REFUSAL_LOCKED, 0);
        return CONNECT_ANSWERED;
    }
    entry_read(peer->entry, &was);
    name_request(peer, &was, event);
    struct pairing_decision decision =
        pairing_decide(&was, event, &service->options.policy, attempt->sighting.seen_ms);
    if (decision.outcome != PAIRING_REFUSED_BLOCKED) {
        shard_see(peer->shard, peer->entry, &attempt->sighting);
    }
    if (decision.changed) {
        return CONNECT_NEEDS_WRITER;
    }
    if (decision.outcome == PAIRING_SESSION && peer->is_cut) {
        refuse_plainly(result, OC_REFUSAL_BUSY, CUT_RETRY_MS); /* this connection is ending */
    } else if (decision.outcome == PAIRING_SESSION) {
        answer_session(peer, attempt, &decision, result, deliveries);
    } else if (decision.outcome == PAIRING_PENDING) {
        answer_pending(peer, attempt, &decision, result);
    } else {
        refuse(result, &decision);
    }
    return CONNECT_ANSWERED;
}

enum connect_step connect_in_memory(struct peer *peer, const struct attempt *attempt,
                                    struct connect_result *result, struct delivery_list *deliveries)
{
    struct pairing_event event = event_of(peer, attempt);
    event.is_over_cap = !has_room(peer);
    memset(result, 0, sizeof *result);
    shard_lock(peer->shard);
    enum connect_step step = decide_locked(peer, attempt, &event, result, deliveries);
    shard_unlock(peer->shard);
    return step;
}

static bool is_paired(struct peer *peer)
{
    shard_lock(peer->shard);
    bool is = !peer->is_unpaired;
    shard_unlock(peer->shard);
    return is;
}

void connect_answer(struct peer *peer, const struct connect_call *call,
                    struct connect_result *result)
{
    if (result->has_session) {
        if (is_paired(peer)) {
            receipts_sign(peer->service, &peer->id, &result->session);
        }
        peer->ops.set_approved(peer->user, true);
    }
    call->done(call->user, result);
}

/* ---- through the writer ------------------------------------------------------------------------
 */

struct connect_change {
    struct change change; /* first */
    struct peer *peer;    /* held */
    struct connect_call call;
    struct attempt attempt;
    unsigned n_tries;
    enum oc_status status;
    struct oc_error error;
    struct connect_result result;
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

/* The line that tells an administrator what to do about a newcomer. */
static void log_request(const struct peer *peer, const struct pairing_decision *decision)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    char fix[64];
    const struct pairing_request *request = &decision->next.request;
    oc_device_id_format(&peer->id, id);
    (void)snprintf(fix, sizeof fix, "openclaw devices approve %s", request->id.text);
    if (decision->is_audited) {
        log_limited(LOG_LEVEL_INFO, "pairing.approved", id, "device=%s rule=%s source=%s", id,
                    decision->audit.rule, peer->source);
        return;
    }
    log_limited(LOG_LEVEL_INFO, "pairing.requested", peer->source,
                "device=%s request=%s why=%s source=%s claims=%s fix=%s", id, request->id.text,
                oc_why_name(request->why), peer->source, request->ask.name, fix);
}

static void stage(struct group *group, struct change *change)
{
    struct connect_change *connect = connect_of(change);
    struct service *service = group_service(group);
    const struct peer *peer = connect->peer;
    const struct attempt *attempt = &connect->attempt;
    struct pairing was;
    struct group_receipt receipt;
    connect->status = OC_OK;
    group_read(group, &peer->id, &was);
    struct pairing_event event = event_of(peer, attempt);
    name_request(peer, &was, &event);
    event.is_over_cap = !has_room(peer);
    event.look_alike = find_look_alike(service, &peer->id, attempt);
    struct pairing_decision decision =
        pairing_decide(&was, &event, &service->options.policy, service_now_ms(service));
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
        log_request(peer, &decision);
    }
}

static void deliver(struct delivery *delivery)
{
    struct connect_change *connect =
        (struct connect_change *)(void *)((char *)delivery -
                                          offsetof(struct connect_change, change.delivery));
    struct peer *peer = connect->peer;
    if (peer_enter(peer)) {
        connect_answer(peer, &connect->call, &connect->result);
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
    const struct oc_error *error = failed ? failed : &connect->error;
    enum oc_status status = failed ? failed->status : connect->status;
    if (status) {
        fail(&connect->result, status, error);
    } else {
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
