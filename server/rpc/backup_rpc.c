/* A live backup. What became of it is told in the reply: its causes name paths of this machine. */
#include <string.h>

#include "openclaw/v1/admin.pb-c.h"
#include "server/rpc/handlers.h"
#include "server/service/backup.h"

static void fill_identity(struct store_identity *identity, Openclaw__V1__BackupReply *reply)
{
    reply->gateway_id = (ProtobufCBinaryData){sizeof identity->gateway_id, identity->gateway_id};
    reply->database_id = (ProtobufCBinaryData){sizeof identity->database_id, identity->database_id};
    reply->epoch = identity->epoch;
    reply->seq = identity->seq;
}

static void backup_done(void *user, const struct backup_result *result)
{
    struct call *call = user;
    if (result->status) {
        call_fail_with(call, result->status, &result->error);
        return;
    }
    struct store_backup_progress progress = result->progress;
    char failure[OC_ERROR_TEXT_BYTES];
    Openclaw__V1__BackupReply reply = OPENCLAW__V1__BACKUP_REPLY__INIT;
    memcpy(failure, result->failed_text, sizeof failure);
    reply.ticket = result->ticket;
    reply.done = result->is_done;
    reply.failed = (uint32_t)result->failed;
    reply.failure = failure;
    reply.pages = progress.pages;
    reply.pages_left = progress.pages_left;
    reply.path = progress.path;
    if (result->is_done && !result->failed) {
        reply.bytes = progress.bytes;
        fill_identity(&progress.identity, &reply);
    }
    call_reply(call, &reply.base);
}

void handle_backup(struct call *call, const ProtobufCMessage *request)
{
    const uint64_t ticket = ((const Openclaw__V1__BackupRequest *)request)->ticket;
    struct admin_caller caller = {.budget_ms = call->budget_ms};
    caller_audit_actor(call->caller, &caller.actor);
    struct call *deferred = call_defer(call);
    if (deferred) {
        const struct backup_call backup_call = {backup_done, deferred};
        admin_backup(dispatch_service(deferred->dispatch), &caller, ticket, &backup_call);
    }
}
