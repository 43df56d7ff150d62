#include "server/service/connect.h"

#include <stdlib.h>
#include <string.h>

#include "server/obs/metrics.h"
#include "server/service/peer_log.h"
#include "server/service/votes.h"
#include "server/service/waiters.h"

enum {
    CUT_RETRY_MS = 1000,
};

/* ---- deciding ------------------------------------------------------------------------------- */

struct pairing_event connect_event_of(const struct peer *peer, const struct attempt *attempt)
{
    const struct service_options *options = &peer->service->options;
    struct service_settings settings;
    service_get_settings(peer->service, &settings);
    struct pairing_event event = {
        .kind = PAIRING_EV_CONNECT,
        .actor = {.name = "device"},
        .ask = attempt->ask,
        .ask_digest = attempt->ask_digest,
        .holds_foreign_receipt = attempt->holds_foreign_receipt,
        .is_over_cap = attempt->is_over_cap,
        .pairs_everyone =
            !settings.pairing_required &&
            (!options->is_trusted || options->is_trusted(options->is_trusted_user, peer->source)),
        .is_read_only = outage_is_on(&peer->service->outage),
    };
    memcpy(event.actor.source, peer->source, sizeof event.actor.source);
    event.sighting = attempt->sighting;
    if (event.pairs_everyone) {
        event.grant = settings.default_grant;
    }
    return event;
}

void connect_fill_event(const struct peer *peer, const struct pairing *was,
                        const struct approval_rules *rules, struct pairing_event *event)
{
    event->request_id =
        naming_request_id(&peer->service->naming, &peer->id, &event->ask_digest, was->generation);
    event->votes.need = votes_need_of_connect(rules, was, event);
}

enum open_requests_room connect_look_for_room(const struct peer *peer)
{
    struct service *service = peer->service;
    struct open_requests_caps caps = service_caps(service);
    struct open_requests_source source = service_source(service, peer->source);
    return open_requests_look(&service->waiting, &caps, &source);
}

/* ---- answers -------------------------------------------------------------------------------- */

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
    case PAIRING_VOTED:
    case PAIRING_NEEDS_VOTES:
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

/* What the session may do stands in the record, unless pairing is switched off. */
static bool settle_grant(struct peer *peer, const struct pairing_decision *decision, int64_t now_ms)
{
    if (pairing_may_serve(&decision->next, now_ms)) {
        free(peer->unpaired_grant);
        peer->unpaired_grant = NULL;
        return true;
    }
    if (!peer->unpaired_grant) {
        peer->unpaired_grant = malloc(sizeof *peer->unpaired_grant);
    }
    if (peer->unpaired_grant) {
        *peer->unpaired_grant = decision->grant;
    }
    return peer->unpaired_grant;
}

static void answer_session(struct peer *peer, const struct attempt *attempt,
                           const struct pairing_decision *decision, struct connect_result *result,
                           struct delivery_list *deliveries)
{
    int64_t now_ms = attempt->sighting.seen_ms;
    if (!settle_grant(peer, decision, now_ms)) {
        refuse_plainly(result, OC_REFUSAL_BUSY, CUT_RETRY_MS); /* out of memory */
        return;
    }
    if (decision->next.request.is_open && !commit_to(peer, &attempt->commitment)) {
        peer->has_commitment = false; /* too soon for another: this upgrade goes without a code */
    }
    peer_take_session(peer, deliveries);
    result->has_session = true;
    session_facts_fill(peer, &decision->next, &result->session);
    result->session.granted = decision->grant;
}

/* An attempt under the rules of now. */
struct trial {
    const struct attempt *attempt;
    struct policy policy;
    struct approval_rules rules;
    struct pairing_event event;
};

static enum connect_step decide_locked(struct peer *peer, struct trial *trial,
                                       struct connect_result *result,
                                       struct delivery_list *deliveries)
{
    struct service *service = peer->service;
    const struct attempt *attempt = trial->attempt;
    struct pairing was;
    if (peer->is_closed) {
        return CONNECT_IS_CLOSED;
    }
    if (service_is_locked(service)) {
        refuse_plainly(result, OC_REFUSAL_LOCKED, 0);
        return CONNECT_ANSWERED;
    }
    entry_read(peer->entry, &was);
    connect_fill_event(peer, &was, &trial->rules, &trial->event);
    trial->event.pairs_everyone = trial->event.pairs_everyone && peer->is_source_trusted;
    struct pairing_decision decision =
        pairing_decide(&was, &trial->event, &trial->policy, attempt->sighting.seen_ms);
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

static enum connect_step decide(struct peer *peer, struct trial *trial,
                                struct connect_result *result, struct delivery_list *deliveries)
{
    memset(result, 0, sizeof *result);
    shard_lock(peer->shard);
    enum connect_step step = decide_locked(peer, trial, result, deliveries);
    shard_unlock(peer->shard);
    return step;
}

/* The caps are looked at only when something would be opened, and then before the writer is
 * bothered: a flood of newcomers is answered here. */
enum connect_step connect_in_memory(struct peer *peer, const struct attempt *attempt,
                                    struct connect_result *result, struct delivery_list *deliveries)
{
    struct trial trial = {
        .attempt = attempt,
        .policy = service_policy(peer->service),
        .event = connect_event_of(peer, attempt),
    };
    votes_get_rules(peer->service, &trial.rules);
    enum connect_step step = decide(peer, &trial, result, deliveries);
    if (step == CONNECT_NEEDS_WRITER && !trial.event.is_over_cap &&
        connect_look_for_room(peer) == OPEN_REQUESTS_ARE_FULL) {
        trial.event.is_over_cap = true;
        step = decide(peer, &trial, result, deliveries);
    }
    if (trial.event.is_over_cap && step == CONNECT_ANSWERED &&
        result->refusal.kind == OC_REFUSAL_BUSY) {
        metric_add(METRIC_REQUESTS_REFUSED_AT_CAP_TOTAL, 1);
    }
    return step;
}

void connect_answer(struct peer *peer, const struct attempt *attempt,
                    const struct connect_call *call, struct connect_result *result)
{
    if (result->has_session) {
        if (!result->session.is_unpaired) {
            receipts_sign(peer->service, &peer->id, &attempt->held, &result->session);
        }
        peer->ops.set_approved(peer->user, true);
    }
    peer_log_answer(peer, attempt, result);
    call->done(call->user, result);
}
