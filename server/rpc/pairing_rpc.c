/* What a device may ask. Who it is stands in the caller, never in a request. */
#include <openclaw/version.h>
#include <stdio.h>

#include "proto/base/secret.h"
#include "server/rpc/convert.h"
#include "server/rpc/convert_out.h"
#include "server/rpc/handlers.h"

/* A refusal message and the text it points to. */
struct refusal_message {
    Openclaw__V1__Refusal refusal;
    char text[OC_REFUSAL_TEXT_BYTES];
};

static void fill_refusal(const struct call *call, const struct refusal_facts *facts,
                         struct refusal_message *out)
{
    refusal_text_format(call->caller->gateway, &call->caller->device_id, facts, out->text);
    convert_refusal_out(facts, out->text, &out->refusal);
}

/* ---- Connect ------------------------------------------------------------------------------- */

static void answer_connect(struct call *call, const struct connect_result *result)
{
    uint8_t gateway_id[OC_GATEWAY_ID_BYTES];
    uint8_t database_id[OC_DATABASE_ID_BYTES];
    char version[] = OC_VERSION_TEXT;
    struct session_message session;
    struct refusal_message refusal;
    Openclaw__V1__Gateway gateway = OPENCLAW__V1__GATEWAY__INIT;
    Openclaw__V1__ConnectReply reply = OPENCLAW__V1__CONNECT_REPLY__INIT;
    service_gateway_ids(dispatch_service(call->dispatch), gateway_id, database_id);
    gateway.gateway_id = (ProtobufCBinaryData){.len = sizeof gateway_id, .data = gateway_id};
    gateway.database_id = (ProtobufCBinaryData){.len = sizeof database_id, .data = database_id};
    gateway.version = version;
    reply.gateway = &gateway;
    if (result->has_session) {
        convert_session_out(&result->session, &session);
        reply.outcome_case = OPENCLAW__V1__CONNECT_REPLY__OUTCOME_SESSION;
        reply.session = &session.session;
    } else {
        fill_refusal(call, &result->refusal, &refusal);
        reply.outcome_case = OPENCLAW__V1__CONNECT_REPLY__OUTCOME_REFUSAL;
        reply.refusal = &refusal.refusal;
    }
    call_reply(call, &reply.base);
}

static void connect_done(void *user, const struct connect_result *result)
{
    struct call *call = user;
    if (result->status) {
        call_fail_with(call, result->status, &result->error);
    } else {
        answer_connect(call, result);
    }
}

static void dropped(void *user)
{
    call_drop(user);
}

void handle_connect(struct call *call, const ProtobufCMessage *request)
{
    struct connect_facts facts;
    struct oc_error err;
    if (convert_connect((const Openclaw__V1__ConnectRequest *)request, &facts, &err)) {
        call_fail(call, &err);
        return;
    }
    struct call *deferred = call_defer(call);
    if (deferred) {
        const struct connect_call connect_call = {connect_done, dropped, deferred};
        peer_connect(deferred->caller->peer, &facts, &connect_call);
    }
}

/* ---- AwaitDecision ------------------------------------------------------------------------- */

static bool has_refusal(enum wait_outcome outcome)
{
    return outcome != WAIT_NONE_YET && outcome != WAIT_APPROVED;
}

static void await_decision_done(void *user, const struct wait_result *result)
{
    struct call *call = user;
    if (result->status) {
        call_fail_with(call, result->status, &result->error);
        return;
    }
    struct refusal_message refusal;
    struct oc_request_id request_id = result->request_id;
    Openclaw__V1__AwaitDecisionReply reply = OPENCLAW__V1__AWAIT_DECISION_REPLY__INIT;
    reply.decision = (Openclaw__V1__Decision)result->outcome;
    if (has_refusal(result->outcome)) {
        fill_refusal(call, &result->refusal, &refusal);
        reply.refusal = &refusal.refusal;
    }
    if (result->outcome == WAIT_REPLACED) {
        reply.request_id = request_id.text;
    }
    call_reply(call, &reply.base);
}

void handle_await_decision(struct call *call, const ProtobufCMessage *request)
{
    struct await_facts facts;
    struct oc_error err;
    if (convert_await((const Openclaw__V1__AwaitDecisionRequest *)request, &facts, &err)) {
        call_fail(call, &err);
        return;
    }
    struct call *deferred = call_defer(call);
    if (deferred) {
        const struct wait_call wait_call = {await_decision_done, dropped, deferred};
        peer_await_decision(deferred->caller->peer, &facts.request_id, facts.device_nonce,
                            deferred->budget_ms, &wait_call);
    }
    oc_wipe(&facts, sizeof facts);
}

/* Heartbeat and AwaitNotice have one reason to fail this way. */
static void fail_session(struct call *call, enum oc_status status, const struct oc_error *facts)
{
    struct oc_error err = *facts;
    if (status == OC_FAILED_PRECONDITION) {
        (void)snprintf(err.cause, sizeof err.cause, "no_session");
    }
    call_fail_with(call, status, &err);
}

/* ---- Heartbeat and AwaitNotice ------------------------------------------------------------- */

void handle_heartbeat(struct call *call, const ProtobufCMessage *request)
{
    const Openclaw__V1__HeartbeatRequest *in = (const Openclaw__V1__HeartbeatRequest *)request;
    Openclaw__V1__HeartbeatReply reply = OPENCLAW__V1__HEARTBEAT_REPLY__INIT;
    uint64_t generation = 0;
    enum oc_status status = peer_heartbeat(call->caller->peer, &generation);
    if (status) {
        const struct oc_error none = {.status = status};
        fail_session(call, status, &none);
        return;
    }
    reply.sequence = in->sequence;
    reply.generation = generation;
    call_reply(call, &reply.base);
}

static void await_notice_done(void *user, const struct notice_result *result)
{
    struct call *call = user;
    if (result->status) {
        fail_session(call, result->status, &result->error);
        return;
    }
    struct session_message session;
    struct refusal_message refusal;
    Openclaw__V1__AwaitNoticeReply reply = OPENCLAW__V1__AWAIT_NOTICE_REPLY__INIT;
    reply.kind = (Openclaw__V1__NoticeKind)result->kind;
    reply.retry_after_ms = result->retry_after_ms;
    if (result->kind == NOTICE_GRANT_CHANGED) {
        convert_session_out(&result->session, &session);
        reply.session = &session.session;
    }
    if (result->kind == NOTICE_ENDED) {
        fill_refusal(call, &result->refusal, &refusal);
        reply.refusal = &refusal.refusal;
    }
    call_reply(call, &reply.base);
}

void handle_await_notice(struct call *call, const ProtobufCMessage *request)
{
    const Openclaw__V1__AwaitNoticeRequest *in = (const Openclaw__V1__AwaitNoticeRequest *)request;
    struct call *deferred = call_defer(call);
    if (deferred) {
        const struct notice_call notice_call = {await_notice_done, dropped, deferred};
        peer_await_notice(deferred->caller->peer, in->generation, deferred->budget_ms,
                          &notice_call);
    }
}
