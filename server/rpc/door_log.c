/* See door_log.h. Everything here is caused by strangers, and limited by source. */
#include "server/rpc/door_log.h"

#include <stdio.h>
#include <string.h>

#include "proto/crypto/admin_certificate.h"
#include "server/obs/log.h"

enum {
    FIX_BYTES = 200,
};

/* ---- handshakes ------------------------------------------------------------------------------ */

/* A few words of the TLS library, and what they come from. */
static const struct {
    const char *says;
    const char *reason;
    const char *fix;
} handshakes[] = {
    {"peer did not return a certificate", "the peer showed no certificate, so it has no device id",
     "connect with an OpenClaw agent, or with the certificate of a device key"},
    {"certificate verify failed", "the certificate is not one of an Ed25519 device key",
     "connect with an OpenClaw agent, or with the certificate of a device key"},
    {"unsupported protocol", "the peer speaks no TLS 1.3", "use a TLS library that has TLS 1.3"},
    {"wrong version number", "the peer does not speak TLS", "use a tls+tcp:// address"},
    {"http request", "the peer speaks HTTP", "use a tls+tcp:// address"},
    {"did not finish its handshake", "the peer did not finish its handshake and first call in time",
     "check the network between the two"},
};

/* A peer that only looked whether somebody listens is no event. */
static bool is_worth_telling(const struct oc_error *err)
{
    return err->status != OC_OK && !strstr(err->text, "the peer went away") &&
           !strstr(err->text, "the peer closed") && !strstr(err->text, "onnection reset") &&
           !strstr(err->text, "onnection shutdown") && !strstr(err->text, "bject closed");
}

static void log_handshake(const struct oc_source *source, const struct oc_error *err,
                          const char *reason, const char *fix)
{
    char text[OC_MAX_SOURCE_BYTES + 1];
    oc_source_format(source, text);
    const struct log_about about = {
        .event = "handshake.refused", .subject = reason, .detail = text, .source = text};
    if (is_worth_telling(err)) {
        log_limited(LOG_LEVEL_WARN, &about, "source=%s reason=%s fix=%s detail=%s", text, reason,
                    fix, err->text);
    } else {
        log_debug("handshake.left", "source=%s reason=%s", text, err->text);
    }
}

void door_log_handshake(const struct oc_source *source, const struct oc_error *err)
{
    const char *reason = err->text;
    const char *fix = "none";
    for (size_t i = 0; i < OC_ARRAY_LENGTH(handshakes); i++) {
        if (strstr(err->text, handshakes[i].says)) {
            reason = handshakes[i].reason;
            fix = handshakes[i].fix;
        }
    }
    log_handshake(source, err, reason, fix);
}

void door_log_admin_handshake(const struct oc_source *source, const struct oc_error *err)
{
    for (int i = OC_ADMIN_ACCEPTED + 1; i < OC_ADMIN_VERDICT_COUNT; i++) {
        const char *reason = oc_admin_verdict_text((enum oc_admin_verdict)i);
        if (strstr(err->text, reason)) {
            log_handshake(source, err, reason, oc_admin_verdict_fix((enum oc_admin_verdict)i));
            return;
        }
    }
    if (strstr(err->text, "peer did not return a certificate")) {
        log_handshake(source, err, "the peer showed no certificate",
                      "connect with the certificate of an administrator: openclaw --context NAME");
        return;
    }
    door_log_handshake(source, err);
}

/* ---- caps ------------------------------------------------------------------------------------ */

void door_log_cap(const char *source, const char *what, const char *fix)
{
    const struct log_about about = {
        .event = "connection.over_cap", .subject = what, .detail = source, .source = source};
    log_limited(LOG_LEVEL_WARN, &about, "source=%s reason=%s fix=%s", source, what, fix);
}

void door_log_not_trusted(const char *source)
{
    char fix[FIX_BYTES];
    const struct log_about about = {
        .event = "connection.not_trusted", .subject = source, .source = source};
    (void)snprintf(fix, sizeof fix, "add %s to trustedNetworks in gateway.yaml", source);
    log_limited(LOG_LEVEL_WARN, &about, "source=%s reason=%s fix=%s", source,
                "pairing is off, and this source is in none of the trustedNetworks", fix);
}

void door_log_struck_out(const struct caller *caller)
{
    const char *source = caller->actor.source;
    const struct log_about about = {
        .event = "connection.struck_out", .subject = source, .source = source};
    log_limited(LOG_LEVEL_WARN, &about, "source=%s door=%s reason=%s", source,
                rpc_door_name(caller->door), "too many refused calls on one connection");
}

/* ---- administrators -------------------------------------------------------------------------- */

/* Why, in the words of dispatch, and what to do about it. */
static const struct {
    const char *why;
    const char *reason;
    const char *fix;
} remote_refusals[] = {
    {DOOR_LOG_ROLE, "the administrator's role is not enough",
     "openclaw pki role NAME ROLE, by an administrator with the role admin"},
    {DOOR_LOG_NO_METHOD, "there is no such method at the admin door",
     "on the gateway's machine, if it is done there alone; else a client of its version"},
    {"unmapped", "unmapped", "add its URI to admin.map in gateway.yaml, if it shall get in"},
};

static void log_remote_denied(const struct caller *caller, const char *method, const char *why)
{
    const char *name = caller->actor.name;
    const char *reason = why;
    const char *fix = "openclaw pki issue NAME --role ROLE, if this administrator shall get in";
    const struct log_about about = {.event = "admin.refused",
                                    .subject = name,
                                    .detail = method,
                                    .source = caller->actor.source};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(remote_refusals); i++) {
        if (strcmp(why, remote_refusals[i].why) == 0) {
            reason = remote_refusals[i].reason;
            fix = remote_refusals[i].fix;
        }
    }
    log_limited(LOG_LEVEL_WARN, &about, "by=%s method=%s door=%s source=%s reason=%s fix=%s", name,
                method, rpc_door_name(caller->door), caller->actor.source, reason, fix);
}

void door_log_denied(const struct caller *caller, const char *method, const char *why)
{
    char fix[FIX_BYTES];
    const char *name = caller->actor.name;
    const struct oc_peer *peer = oc_connection_peer(caller->connection);
    const struct log_about about = {.event = "admin.refused",
                                    .subject = name,
                                    .detail = method,
                                    .source = caller->actor.source};
    if (caller->door == RPC_DOOR_ADMIN) {
        log_remote_denied(caller, method, why);
        return;
    }
    (void)snprintf(fix, sizeof fix, "add %u to admin.localUids in gateway.yaml", peer->uid);
    log_limited(LOG_LEVEL_WARN, &about, "by=%s method=%s door=%s pid=%u reason=%s fix=%s", name,
                method, rpc_door_name(caller->door), peer->pid,
                "neither root, nor the gateway's user, nor in admin.localUids", fix);
}
