/* What a locked gateway's records lack. openclaw/rollback.h tells the contract. */
#include <openclaw/rollback.h>
#include <string.h>

#include "client/client_internal.h"
#include "client/convert.h"

static bool take_approvals(const Openclaw__V1__GetStatusReply *from, struct oc_rollback *out)
{
    if (from->n_missing_approvals > OC_MAX_MISSING_APPROVALS) {
        return false;
    }
    for (size_t i = 0; i < from->n_missing_approvals; i++) {
        const Openclaw__V1__MissingApproval *item = from->missing_approvals[i];
        struct oc_missing_approval *approval = &out->approvals[i];
        approval->seq = item->seq;
        approval->receipt_at_ms = item->receipt_at_ms;
        if (!oc_take_bytes(item->device_id, false, approval->device_id.bytes,
                           sizeof approval->device_id.bytes)) {
            return false;
        }
    }
    out->n_approvals = from->n_missing_approvals;
    out->n_approvals_in_all = from->missing_approvals_in_all;
    out->has_more_approvals = from->has_more_missing_approvals;
    return true;
}

static bool take_rollback(const Openclaw__V1__GetStatusReply *from, struct oc_rollback *out)
{
    uint8_t database_id[16] = {0};
    uint8_t marker_id[16] = {0};
    struct oc_rollback found = {.epoch = from->epoch,
                                .seq = from->seq,
                                .has_marker = from->marker_database_id.len > 0,
                                .marker_epoch = from->marker_epoch,
                                .marker_seq = from->marker_seq,
                                .missing_from_seq = from->missing_from_seq,
                                .missing_to_seq = from->missing_to_seq,
                                .missing_told_at_ms = from->missing_told_at_ms};
    oc_take_text(from->lock_reason, found.lock_reason, sizeof found.lock_reason);
    if (!oc_take_bytes(from->database_id, true, database_id, sizeof database_id) ||
        !oc_take_bytes(from->marker_database_id, true, marker_id, sizeof marker_id) ||
        !take_approvals(from, &found)) {
        return false;
    }
    found.is_marker_of_others =
        found.has_marker && memcmp(database_id, marker_id, sizeof marker_id) != 0;
    *out = found;
    return true;
}

static void on_status(const Openclaw__V1__GetStatusReply *reply, void *user)
{
    struct oc_blocking *call = user;
    const bool ok = reply && take_rollback(reply, call->out);
    oc_blocking_finish(call, reply != NULL, ok ? OC_OK : OC_INTERNAL);
}

enum oc_status oc_admin_rollback(struct oc_client *client, struct oc_rollback *out,
                                 struct oc_error *err)
{
    const Openclaw__V1__GetStatusRequest request = OPENCLAW__V1__GET_STATUS_REQUEST__INIT;
    struct oc_blocking call;
    oc_blocking_begin(&call, client, &openclaw__v1__admin_service__descriptor, out);
    openclaw__v1__admin_service__get_status(&call.proxy.base, &request, on_status, &call);
    return oc_blocking_end(&call, err);
}
