/* What an administrator may decide. The service decides whether it may be done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/crypto/digest.h"
#include "server/rpc/convert.h"
#include "server/rpc/convert_out.h"
#include "server/rpc/handlers.h"

enum {
    LOCK_TEXT_BYTES = 512,
};

static void decide_done(void *user, const struct decide_result *result)
{
    struct call *call = user;
    if (result->status) {
        call_fail_with(call, result->status, &result->error);
        return;
    }
    struct device_message device;
    Openclaw__V1__DecisionReply reply = OPENCLAW__V1__DECISION_REPLY__INIT;
    convert_device_out(&result->view, &device);
    reply.device = &device.device;
    reply.seq = result->seq;
    reply.session_closed = result->session_closed;
    reply.voted = result->votes.is_vote;
    reply.votes = result->votes.n;
    reply.votes_needed = result->votes.needed;
    reply.votes_for_else = result->votes.n_for_else;
    reply.broke_glass = result->votes.broke_glass;
    call_reply(call, &reply.base);
}

void admin_caller_of(const struct call *call, struct admin_caller *out)
{
    const struct caller_certificate *certificate = call->caller->certificate;
    const struct oc_call *envelope = call->envelope;
    const struct oc_bytes payload = {.data = envelope->payload, .n = envelope->n_payload};
    *out = (struct admin_caller){
        .has_key = envelope->has_idempotency_key,
        .method = call->method->number,
        .payload_digest = oc_sha256(&payload, 1),
        .budget_ms = call->budget_ms,
        .is_root = call->caller->is_root,
    };
    caller_audit_actor(call->caller, &out->actor);
    memcpy(out->key, envelope->idempotency_key, sizeof out->key);
    if (certificate) {
        out->is_remote = true;
        out->certificate = certificate->sha256;
        memcpy(out->remote_name, certificate->name, sizeof out->remote_name);
    }
}

/* Answers a request that could not be converted, or hands the command to the service. */
static void decide(struct call *call, enum oc_status status, struct decide_command *command,
                   const struct oc_error *err)
{
    if (status) {
        call_fail(call, err);
        return;
    }
    struct admin_caller caller;
    admin_caller_of(call, &caller);
    struct call *deferred = call_defer(call);
    if (deferred) {
        const struct decide_call decide_call = {decide_done, deferred};
        admin_decide(dispatch_service(deferred->dispatch), &caller, command, &decide_call);
    }
    oc_wipe(command->code, sizeof command->code);
}

void handle_approve(struct call *call, const ProtobufCMessage *request)
{
    struct decide_command command;
    struct oc_error err;
    enum oc_status status =
        convert_approve((const Openclaw__V1__ApproveRequest *)request, &command, &err);
    decide(call, status, &command, &err);
}

static void decide_on_request(struct call *call, const ProtobufCMessage *request,
                              enum pairing_event_kind kind)
{
    struct decide_command command;
    struct oc_error err;
    enum oc_status status = convert_request_decision((const Openclaw__V1__RequestDecision *)request,
                                                     kind, &command, &err);
    decide(call, status, &command, &err);
}

void handle_reject(struct call *call, const ProtobufCMessage *request)
{
    decide_on_request(call, request, PAIRING_EV_REJECT);
}

void handle_dismiss(struct call *call, const ProtobufCMessage *request)
{
    decide_on_request(call, request, PAIRING_EV_DISMISS);
}

static void decide_on_device(struct call *call, const ProtobufCMessage *request,
                             enum pairing_event_kind kind)
{
    struct decide_command command;
    struct oc_error err;
    enum oc_status status = convert_device_decision((const Openclaw__V1__DeviceDecision *)request,
                                                    kind, &command, &err);
    decide(call, status, &command, &err);
}

void handle_revoke(struct call *call, const ProtobufCMessage *request)
{
    decide_on_device(call, request, PAIRING_EV_REVOKE);
}

void handle_block(struct call *call, const ProtobufCMessage *request)
{
    decide_on_device(call, request, PAIRING_EV_BLOCK);
}

void handle_unblock(struct call *call, const ProtobufCMessage *request)
{
    decide_on_device(call, request, PAIRING_EV_UNBLOCK);
}

void handle_remove(struct call *call, const ProtobufCMessage *request)
{
    decide_on_device(call, request, PAIRING_EV_REMOVE);
}

void handle_rename(struct call *call, const ProtobufCMessage *request)
{
    struct decide_command command;
    struct oc_error err;
    enum oc_status status =
        convert_rename((const Openclaw__V1__RenameRequest *)request, &command, &err);
    decide(call, status, &command, &err);
}

void handle_expect(struct call *call, const ProtobufCMessage *request)
{
    struct decide_command command;
    struct oc_error err;
    enum oc_status status =
        convert_expect((const Openclaw__V1__ExpectRequest *)request, &command, &err);
    decide(call, status, &command, &err);
}

/* ---- Unlock -------------------------------------------------------------------------------- */

struct unlock {
    struct call *call;
    enum store_lock was; /* before it was unlocked */
};

static void answer_unlock(const struct unlock *unlock)
{
    struct service_status status;
    char was[LOCK_TEXT_BYTES];
    Openclaw__V1__UnlockReply reply = OPENCLAW__V1__UNLOCK_REPLY__INIT;
    service_get_status(dispatch_service(unlock->call->dispatch), &status);
    (void)snprintf(was, sizeof was, "%s", store_lock_text(unlock->was));
    reply.was_locked_because = was;
    reply.epoch = status.identity.epoch;
    call_reply(unlock->call, &reply.base);
}

static void unlock_done(void *user, const struct decide_result *result)
{
    struct unlock *unlock = user;
    if (result->status) {
        call_fail_with(unlock->call, result->status, &result->error);
    } else {
        answer_unlock(unlock);
    }
    free(unlock);
}

static void start_unlock(struct call *call, bool accept_rollback, bool init)
{
    struct admin_caller caller;
    admin_caller_of(call, &caller);
    struct service *service = dispatch_service(call->dispatch);
    struct service_status status;
    service_get_status(service, &status);
    struct unlock *unlock = malloc(sizeof *unlock);
    if (!unlock) {
        struct oc_error err;
        (void)oc_fail(&err, OC_RESOURCE_EXHAUSTED, "unlock: out of memory");
        call_fail(call, &err);
        return;
    }
    *unlock = (struct unlock){.call = call_defer(call), .was = status.lock};
    if (!unlock->call) {
        free(unlock);
        return;
    }
    const struct decide_call decide_call = {unlock_done, unlock};
    admin_unlock(service, &caller, accept_rollback, init, &decide_call);
}

void handle_unlock(struct call *call, const ProtobufCMessage *request)
{
    const Openclaw__V1__UnlockRequest *in = (const Openclaw__V1__UnlockRequest *)request;
    struct oc_error err;
    if (convert_unlock(in, &err)) {
        call_fail(call, &err);
    } else {
        start_unlock(call, in->accept_rollback != 0, in->init != 0);
    }
}
