/*
 * Invariant: every session whose start was told has its end told, once; what a stranger says of
 * itself stands last in a line, so that it can crowd out nothing.
 */
#include "server/service/peer_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/obs/log.h"

enum {
    FIX_BYTES = 128,
    DETAIL_BYTES = 64,
    MS_PER_S = 1000,
    TOO_SOON_MS = 10 * 1000,
};

/* ---- the command that mends it --------------------------------------------------------------- */

/* Not the caps: those take longer to free up. */
static bool is_too_soon(const struct refusal_facts *refusal)
{
    return refusal->kind == OC_REFUSAL_BUSY && refusal->retry_after_ms <= TOO_SOON_MS;
}

/* The same command as the agent's screen shows. */
static void format_fix(const char *device, const struct refusal_facts *refusal, char out[FIX_BYTES])
{
    switch (refusal->kind) {
    case OC_REFUSAL_PAIRING_REQUIRED:
        (void)snprintf(out, FIX_BYTES, "openclaw devices approve %s", refusal->request_id.text);
        break;
    case OC_REFUSAL_REJECTED:
    case OC_REFUSAL_REVOKED:
        (void)snprintf(out, FIX_BYTES, "openclaw devices expect %s", device);
        break;
    case OC_REFUSAL_BLOCKED:
        (void)snprintf(out, FIX_BYTES, "openclaw devices unblock %s", device);
        break;
    case OC_REFUSAL_BUSY:
        if (is_too_soon(refusal)) {
            (void)snprintf(out, FIX_BYTES, "none: the agent tries again by itself");
        } else { /* an announced device has a place outside the caps */
            (void)snprintf(out, FIX_BYTES, "openclaw devices expect %s", device);
        }
        break;
    case OC_REFUSAL_LOCKED:
        (void)snprintf(out, FIX_BYTES, "openclaw gateway status");
        break;
    case OC_REFUSAL_NONE:
    case OC_REFUSAL_COUNT:
        out[0] = '\0';
        break;
    }
}

static const char *reason_of(const struct refusal_facts *refusal)
{
    switch (refusal->kind) {
    case OC_REFUSAL_BUSY:
        return is_too_soon(refusal) ? "this attempt came too soon after the one before"
                                    : "as many requests are open as may be, of this source or in "
                                      "all";
    case OC_REFUSAL_LOCKED:
        return "the gateway is locked and serves nobody";
    case OC_REFUSAL_NONE:
    case OC_REFUSAL_PAIRING_REQUIRED:
    case OC_REFUSAL_REJECTED:
    case OC_REFUSAL_REVOKED:
    case OC_REFUSAL_BLOCKED:
    case OC_REFUSAL_COUNT:
        break;
    }
    return oc_why_text(refusal->why);
}

/* The one word: what kept it out, where no record says more. */
static const char *why_of(const struct refusal_facts *refusal)
{
    return refusal->why != OC_WHY_NONE ? oc_why_name(refusal->why) : oc_refusal_name(refusal->kind);
}

/* ---- refused --------------------------------------------------------------------------------- */

static void log_refused(const struct peer *peer, const struct attempt *attempt,
                        const struct refusal_facts *refusal)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    char fix[FIX_BYTES];
    char detail[DETAIL_BYTES];
    const char *request = refusal->request_id.text;
    oc_device_id_format(&peer->id, id);
    format_fix(id, refusal, fix);
    /* The same refusal again is no news; another request, or another reason, is. */
    (void)snprintf(detail, sizeof detail, "%d %d %s", (int)refusal->kind, (int)refusal->why,
                   request);
    const struct log_about about = {
        .event = "device.refused", .subject = id, .detail = detail, .source = peer->source};
    log_limited(is_too_soon(refusal) ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, &about,
                "device=%s request=%s refusal=%s why=%s reason=%s fix=%s retry_in_s=%u source=%s "
                "claims=%s",
                id, request[0] != '\0' ? request : "none", oc_refusal_name(refusal->kind),
                why_of(refusal), reason_of(refusal), fix,
                (refusal->retry_after_ms + MS_PER_S - 1) / MS_PER_S, peer->source,
                attempt->ask.name);
}

/* Neither a session nor a refusal: the gateway could not decide. */
static void log_failed(const struct peer *peer, const struct attempt *attempt,
                       const struct connect_result *result)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_device_id_format(&peer->id, id);
    const struct log_about about = {.event = "device.not_served",
                                    .subject = id,
                                    .detail = result->error.text,
                                    .source = peer->source};
    log_limited(LOG_LEVEL_WARN, &about, "device=%s status=%s reason=%s fix=%s source=%s claims=%s",
                id, oc_status_name(result->status), result->error.text, "openclaw gateway status",
                peer->source, attempt->ask.name);
}

void peer_log_upgrade(const struct peer *peer, const struct attempt *attempt,
                      const struct oc_request_id *request_id)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    char fix[FIX_BYTES];
    oc_device_id_format(&peer->id, id);
    (void)snprintf(fix, sizeof fix, "openclaw devices approve %s", request_id->text);
    const struct log_about about = {.event = "device.asks_for_more",
                                    .subject = id,
                                    .detail = request_id->text,
                                    .source = peer->source};
    log_limited(LOG_LEVEL_INFO, &about,
                "device=%s request=%s why=%s reason=%s fix=%s source=%s claims=%s", id,
                request_id->text, oc_why_name(OC_WHY_ACCESS_WIDENED),
                oc_why_text(OC_WHY_ACCESS_WIDENED), fix, peer->source, attempt->ask.name);
}

/* ---- sessions -------------------------------------------------------------------------------- */

/* False: it was told, or is over. */
static bool begin_telling(struct peer *peer)
{
    shard_lock(peer->shard);
    const bool is_news = peer_has_session(peer) && !peer->is_session_told;
    if (is_news) {
        peer->is_session_told = true;
        peer->session_ms = service_monotonic_ms(peer->service);
    }
    shard_unlock(peer->shard);
    return is_news;
}

static bool end_telling(struct peer *peer, int64_t *lasted_ms)
{
    shard_lock(peer->shard);
    const bool was_told = peer->is_session_told;
    peer->is_session_told = false;
    *lasted_ms = service_monotonic_ms(peer->service) - peer->session_ms;
    shard_unlock(peer->shard);
    return was_told;
}

static void log_started(struct peer *peer, const struct attempt *attempt,
                        const struct session_facts *session)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    if (!begin_telling(peer)) {
        return;
    }
    oc_device_id_format(&peer->id, id);
    const struct log_about about = {
        .event = "session.started", .subject = id, .source = peer->source, .may_repeat = true};
    log_limited(LOG_LEVEL_INFO, &about, "device=%s name=%s role=%s why=%s source=%s claims=%s", id,
                session->alias[0] != '\0' ? session->alias : "none", session->granted.role,
                session->is_unpaired ? "pairing_off" : "approved", peer->source, attempt->ask.name);
}

void peer_log_end(struct peer *peer, const char *why)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    int64_t lasted_ms;
    if (!end_telling(peer, &lasted_ms)) {
        return;
    }
    oc_device_id_format(&peer->id, id);
    const struct log_about about = {
        .event = "session.ended", .subject = id, .source = peer->source, .may_repeat = true};
    log_limited(LOG_LEVEL_INFO, &about, "device=%s why=%s lasted_s=%" PRId64 " source=%s", id, why,
                lasted_ms / MS_PER_S, peer->source);
}

void peer_log_answer(struct peer *peer, const struct attempt *attempt,
                     const struct connect_result *result)
{
    if (result->status) {
        log_failed(peer, attempt, result);
    } else if (result->has_session) {
        log_started(peer, attempt, &result->session);
    } else {
        log_refused(peer, attempt, &result->refusal);
    }
}
