/* Checkpoint: made on the writer's thread, where what is committed is known. */
#include "openclaw/v1/admin.pb-c.h"
#include "server/rpc/handlers.h"
#include "server/service/checkpoints.h"

static ProtobufCBinaryData bytes_of(uint8_t *bytes, size_t n)
{
    return (ProtobufCBinaryData){.len = n, .data = bytes};
}

static void done(void *user, const struct checkpoint_result *result)
{
    struct call *call = user;
    if (result->status) {
        call_fail_with(call, result->status, &result->error);
        return;
    }
    struct oc_audit_checkpoint copy = result->checkpoint; /* the wire's bytes are not const */
    Openclaw__V1__CheckpointReply reply = OPENCLAW__V1__CHECKPOINT_REPLY__INIT;
    reply.gateway_id = bytes_of(copy.gateway_id, sizeof copy.gateway_id);
    reply.database_id = bytes_of(copy.database_id, sizeof copy.database_id);
    reply.epoch = copy.epoch;
    reply.seq = copy.seq;
    reply.hash = bytes_of(copy.hash.bytes, sizeof copy.hash.bytes);
    reply.at_ms = copy.at_ms;
    reply.key = bytes_of(copy.key, sizeof copy.key);
    reply.signature = bytes_of(copy.signature, copy.n_signature);
    call_reply(call, &reply.base);
}

void handle_checkpoint(struct call *call, const ProtobufCMessage *request)
{
    (void)request;
    struct call *deferred = call_defer(call);
    if (deferred) {
        const struct checkpoint_call checkpoint_call = {done, deferred};
        admin_checkpoint(dispatch_service(deferred->dispatch), &checkpoint_call);
    }
}
