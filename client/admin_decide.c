/* An administrator's decisions, blocking and not: openclaw/admin.h. */
#include <openclaw/admin.h>
#include <stdlib.h>
#include <string.h>

#include "client/client_internal.h"
#include "client/convert.h"
#include "client/unknown_field.h"

typedef Openclaw__V1__DecisionReply_Closure decision_closure;

/* ---- one generated call per kind --------------------------------------------------------- */

static void send_approve(ProtobufCService *service, const struct oc_decision *decision,
                         decision_closure closure, void *user)
{
    struct oc_grant_message grant;
    struct oc_labels_message labels;
    Openclaw__V1__ApproveRequest request = OPENCLAW__V1__APPROVE_REQUEST__INIT;
    request.request_id = oc_put_text(decision->request_id.text);
    request.ask_digest =
        oc_put_bytes(decision->ask_digest.bytes, sizeof decision->ask_digest.bytes);
    if (decision->narrows) {
        oc_put_grant(&decision->grant, &grant);
        request.grant = &grant.message;
    }
    oc_put_labels(&decision->labels, &labels);
    request.labels = labels.list;
    request.n_labels = labels.n;
    request.code = oc_put_text(decision->code);
    request.term_ms = decision->term_ms;
    request.alias = oc_put_text(decision->alias);
    request.reason = oc_put_text(decision->reason);
    request.break_glass = decision->breaks_glass != 0;
    openclaw__v1__admin_service__approve(service, &request, closure, user);
}

static void send_expect(ProtobufCService *service, const struct oc_decision *decision,
                        decision_closure closure, void *user)
{
    struct oc_grant_message grant;
    struct oc_labels_message labels;
    Openclaw__V1__ExpectRequest request = OPENCLAW__V1__EXPECT_REQUEST__INIT;
    request.device_id = oc_put_bytes(decision->device_id.bytes, sizeof decision->device_id.bytes);
    request.approve = decision->approves;
    if (decision->grant.role[0] != '\0') {
        oc_put_grant(&decision->grant, &grant);
        request.grant = &grant.message;
    }
    oc_put_labels(&decision->labels, &labels);
    request.labels = labels.list;
    request.n_labels = labels.n;
    request.term_ms = decision->term_ms;
    request.alias = oc_put_text(decision->alias);
    request.reason = oc_put_text(decision->reason);
    openclaw__v1__admin_service__expect(service, &request, closure, user);
}

static void send_rename(ProtobufCService *service, const struct oc_decision *decision,
                        decision_closure closure, void *user)
{
    Openclaw__V1__RenameRequest request = OPENCLAW__V1__RENAME_REQUEST__INIT;
    request.device_id = oc_put_bytes(decision->device_id.bytes, sizeof decision->device_id.bytes);
    request.alias = oc_put_text(decision->alias);
    openclaw__v1__admin_service__rename(service, &request, closure, user);
}

static Openclaw__V1__RequestDecision on_request(const struct oc_decision *decision)
{
    Openclaw__V1__RequestDecision request = OPENCLAW__V1__REQUEST_DECISION__INIT;
    request.request_id = oc_put_text(decision->request_id.text);
    request.reason = oc_put_text(decision->reason);
    return request;
}

static Openclaw__V1__DeviceDecision on_device(const struct oc_decision *decision)
{
    Openclaw__V1__DeviceDecision request = OPENCLAW__V1__DEVICE_DECISION__INIT;
    request.device_id = oc_put_bytes(decision->device_id.bytes, sizeof decision->device_id.bytes);
    request.reason = oc_put_text(decision->reason);
    return request;
}

static void send_decision(ProtobufCService *service, const struct oc_decision *decision,
                          decision_closure closure, void *user)
{
    const Openclaw__V1__RequestDecision request = on_request(decision);
    const Openclaw__V1__DeviceDecision device = on_device(decision);
    switch (decision->kind) {
    case OC_APPROVE:
        send_approve(service, decision, closure, user);
        return;
    case OC_REJECT:
        openclaw__v1__admin_service__reject(service, &request, closure, user);
        return;
    case OC_DISMISS:
        openclaw__v1__admin_service__dismiss(service, &request, closure, user);
        return;
    case OC_REVOKE:
        openclaw__v1__admin_service__revoke(service, &device, closure, user);
        return;
    case OC_BLOCK:
        openclaw__v1__admin_service__block(service, &device, closure, user);
        return;
    case OC_UNBLOCK:
        openclaw__v1__admin_service__unblock(service, &device, closure, user);
        return;
    case OC_REMOVE:
        openclaw__v1__admin_service__remove(service, &device, closure, user);
        return;
    case OC_RENAME:
        send_rename(service, decision, closure, user);
        return;
    case OC_EXPECT:
        send_expect(service, decision, closure, user);
        return;
    }
}

static enum oc_status check_decision(const struct oc_decision *decision, struct oc_error *err)
{
    enum oc_status st =
        oc_refuse_unknown_field(decision->reserved, sizeof decision->reserved, "oc_decision", err);
    if (st) {
        return st;
    }
    unsigned kind = (unsigned)decision->kind;
    if (kind > OC_EXPECT) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "decision: no such kind (%u)", kind);
    }
    if (decision->grant.n_scopes > OC_MAX_SCOPES || decision->labels.n > OC_MAX_LABELS) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "decision: at most %d scopes and %d labels",
                       OC_MAX_SCOPES, OC_MAX_LABELS);
    }
    return OC_OK;
}

/* The key given, or a fresh one for all attempts of this call. */
static void choose_key(const struct oc_decision *decision, uint8_t out[OC_KEY_ID_BYTES])
{
    static const uint8_t none[OC_KEY_ID_BYTES];
    memcpy(out, decision->idempotency_key, OC_KEY_ID_BYTES);
    if (memcmp(out, none, OC_KEY_ID_BYTES) == 0) {
        oc_make_idempotency_key(out);
    }
}

static bool take_result(const Openclaw__V1__DecisionReply *reply, struct oc_decision_result *out)
{
    struct oc_decision_result result = {
        .seq = reply->seq,
        .session_closed = reply->session_closed,
        .is_vote = reply->voted,
        .broke_glass = reply->broke_glass,
        .n_votes = reply->votes,
        .n_votes_needed = reply->votes_needed,
        .n_votes_for_else = reply->votes_for_else,
    };
    if (!oc_take_device(reply->device, &result.device)) {
        return false;
    }
    *out = result;
    return true;
}

/* ---- blocking ---------------------------------------------------------------------------- */

static void on_decision(const Openclaw__V1__DecisionReply *reply, void *user)
{
    struct oc_blocking *call = user;
    bool ok = reply && take_result(reply, call->out);
    oc_blocking_finish(call, reply != NULL, ok ? OC_OK : OC_INTERNAL);
}

enum oc_status oc_admin_decide(struct oc_client *client, const struct oc_decision *decision,
                               struct oc_decision_result *out, struct oc_error *err)
{
    enum oc_status st = check_decision(decision, err);
    if (st) {
        return st;
    }
    uint8_t key[OC_KEY_ID_BYTES];
    choose_key(decision, key);
    struct oc_blocking call;
    oc_blocking_begin(&call, client, &openclaw__v1__admin_service__descriptor, out);
    call.proxy.idempotency_key = key;
    send_decision(&call.proxy.base, decision, on_decision, &call);
    return oc_blocking_end(&call, err);
}

/* ---- with a callback --------------------------------------------------------------------- */

struct async_decision {
    struct oc_service_proxy proxy;
    uint8_t key[OC_KEY_ID_BYTES];
    oc_decide_fn done;
    void *user;
};

static void on_async_decision(const Openclaw__V1__DecisionReply *reply, void *user)
{
    struct async_decision *call = user;
    struct oc_decision_result result;
    enum oc_status st = call->proxy.error.status;
    if (reply) {
        st = take_result(reply, &result) ? OC_OK
                                         : oc_fail(&call->proxy.error, OC_INTERNAL,
                                                   "the gateway's answer is not understood");
    } else if (st == OC_OK) {
        st = OC_INTERNAL;
    }
    call->done(call->user, st, st ? NULL : &result, st ? &call->proxy.error : NULL);
    free(call);
}

enum oc_status oc_admin_decide_async(struct oc_client *client, const struct oc_decision *decision,
                                     oc_decide_fn done, void *user, struct oc_error *err)
{
    enum oc_status st = check_decision(decision, err);
    if (st) {
        return st;
    }
    struct async_decision *call = calloc(1, sizeof *call);
    if (!call) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "decision: out of memory");
    }
    oc_service_proxy_init(&call->proxy, client->channel, &openclaw__v1__admin_service__descriptor);
    call->proxy.timeout_ms = client->timeout_ms;
    choose_key(decision, call->key);
    call->proxy.idempotency_key = call->key;
    call->done = done;
    call->user = user;
    call->proxy.not_sent = &st;
    send_decision(&call->proxy.base, decision, on_async_decision, call);
    if (st) { /* else `call` belongs to the closure, which may have been called already */
        if (err) {
            *err = call->proxy.error;
        }
        free(call);
    }
    return st;
}
