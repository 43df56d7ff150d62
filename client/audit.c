/* A signed checkpoint of a gateway's audit. openclaw/audit.h tells the contract. */
#include <openclaw/audit.h>
#include <string.h>

#include "client/client_internal.h"
#include "client/convert.h"
#include "proto/crypto/checkpoint.h"

static bool take_signature(ProtobufCBinaryData bytes, struct oc_audit_checkpoint *out)
{
    if (bytes.len == 0 || bytes.len > sizeof out->signature) {
        return false;
    }
    memcpy(out->signature, bytes.data, bytes.len);
    out->n_signature = (uint8_t)bytes.len;
    return true;
}

/* One whose signature is wrong is of no use to anybody. */
static bool take_checkpoint(const Openclaw__V1__CheckpointReply *reply,
                            struct oc_audit_checkpoint *out)
{
    struct oc_audit_checkpoint found = {
        .epoch = reply->epoch, .seq = reply->seq, .at_ms = reply->at_ms};
    if (!oc_take_bytes(reply->gateway_id, false, found.gateway_id, sizeof found.gateway_id) ||
        !oc_take_bytes(reply->database_id, false, found.database_id, sizeof found.database_id) ||
        !oc_take_bytes(reply->hash, false, found.hash.bytes, sizeof found.hash.bytes) ||
        !oc_take_bytes(reply->key, false, found.key, sizeof found.key) ||
        !take_signature(reply->signature, &found) || !oc_checkpoint_verify(&found)) {
        return false;
    }
    *out = found;
    return true;
}

static void on_checkpoint(const Openclaw__V1__CheckpointReply *reply, void *user)
{
    struct oc_blocking *call = user;
    const bool ok = reply && take_checkpoint(reply, call->out);
    oc_blocking_finish(call, reply != NULL, ok ? OC_OK : OC_INTERNAL);
}

enum oc_status oc_admin_audit_checkpoint(struct oc_client *client, struct oc_audit_checkpoint *out,
                                         struct oc_error *err)
{
    const Openclaw__V1__CheckpointRequest request = OPENCLAW__V1__CHECKPOINT_REQUEST__INIT;
    struct oc_blocking call;
    oc_blocking_begin(&call, client, &openclaw__v1__admin_service__descriptor, out);
    openclaw__v1__admin_service__checkpoint(&call.proxy.base, &request, on_checkpoint, &call);
    return oc_blocking_end(&call, err);
}
