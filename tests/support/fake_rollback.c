/* What a locked gateway tells, and a checkpoint of it: see fake_openclaw.h. */
#include <openclaw/rollback.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fake_openclaw.h"

#define SET(field, text) ((void)snprintf(field, sizeof(field), "%s", text))

static enum oc_status read_failure(struct oc_error *err)
{
    return oc_fail(err, fake.reads_fail_with, "this double was told to fail");
}

enum oc_status oc_admin_rollback(struct oc_client *client, struct oc_rollback *out,
                                 struct oc_error *err)
{
    (void)client;
    if (fake.reads_fail_with) {
        return read_failure(err);
    }
    memset(out, 0, sizeof *out);
    if (fake.is_locked) {
        SET(out->lock_reason, "the database is older than the marker");
        out->epoch = 1;
        out->seq = 41;
        out->has_marker = true;
        out->marker_epoch = 1;
        out->marker_seq = 57;
        out->n_approvals = 2;
        out->n_approvals_in_all = 2;
        memset(out->approvals[0].device_id.bytes, 0x9f, OC_DEVICE_ID_BYTES);
        out->approvals[0].seq = 44;
        out->approvals[0].receipt_at_ms = FAKE_NOW_MS - INT64_C(3600) * 1000;
        memset(out->approvals[1].device_id.bytes, 0x3c, OC_DEVICE_ID_BYTES);
        out->approvals[1].seq = 52;
        out->approvals[1].receipt_at_ms = FAKE_NOW_MS - INT64_C(1800) * 1000;
    }
    return OC_OK;
}

enum oc_status oc_admin_audit_checkpoint(struct oc_client *client, struct oc_audit_checkpoint *out,
                                         struct oc_error *err)
{
    (void)client;
    if (fake.reads_fail_with) {
        return read_failure(err);
    }
    memset(out, 0, sizeof *out);
    memset(out->gateway_id, 0xaa, sizeof out->gateway_id);
    memset(out->database_id, 0xbb, sizeof out->database_id);
    out->epoch = 1;
    out->seq = 41;
    memset(&out->hash, 0xcc, sizeof out->hash);
    out->at_ms = FAKE_NOW_MS;
    memset(out->key, 0xdd, sizeof out->key);
    out->n_signature = 70; /* of nobody */
    memset(out->signature, 0xee, out->n_signature);
    return OC_OK;
}
