/* What devices send and what administrators look for: one half of convert.h. Every check names the
 * field as it stands in the schema. */
#include "server/rpc/convert.h"

#include <string.h>

#include "server/rpc/convert_fields.h"
#include "server/service/audit_search.h"

/* ---- devices ------------------------------------------------------------------------------- */

static enum oc_status take_receipt(const Openclaw__V1__Receipt *in, struct oc_receipt *out,
                                   struct oc_error *err)
{
    struct oc_receipt receipt = {.seq = in->seq, .issued_at_ms = in->issued_at_ms};
    enum oc_status status = field_take_bytes("gateway_id", in->gateway_id, OC_GATEWAY_ID_BYTES,
                                             receipt.gateway_id, err);
    if (!status) {
        status = field_take_bytes("database_id", in->database_id, OC_DATABASE_ID_BYTES,
                                  receipt.database_id, err);
    }
    if (!status) {
        status = field_take_bytes("device_id", in->device_id, OC_DEVICE_ID_BYTES,
                                  receipt.device_id.bytes, err);
    }
    if (status) {
        return status;
    }
    if (in->signature.len == 0 || in->signature.len > OC_RECEIPT_MAX_SIGNATURE_BYTES) {
        return field_refuse(err, "signature", "of another length");
    }
    if (in->issued_at_ms < 0) {
        return field_refuse(err, "issued_at_ms", "must not be negative");
    }
    memcpy(receipt.signature, in->signature.data, in->signature.len);
    receipt.n_signature = (uint8_t)in->signature.len;
    *out = receipt;
    return OC_OK;
}

static enum oc_status take_ask(const Openclaw__V1__ConnectRequest *in, struct connect_facts *facts,
                               struct oc_error *err)
{
    struct ask *ask = &facts->ask;
    enum oc_status status = field_take_text("name", in->name, OC_MAX_NAME_BYTES, ask->name, err);
    if (!status) {
        status = field_take_text("purpose", in->purpose, OC_MAX_PURPOSE_BYTES, ask->purpose, err);
    }
    if (!status) {
        status = field_take_labels(in->labels, in->n_labels, &ask->labels, err);
    }
    if (!status && in->asked) {
        facts->has_ask = true;
        status = field_take_asked(in->asked, &ask->grant, err);
    }
    return status;
}

static enum oc_status take_sighting(const Openclaw__V1__ConnectRequest *in,
                                    struct sighting *sighting, struct oc_error *err)
{
    enum oc_status status =
        field_take_text("platform", in->platform, OC_MAX_PLATFORM_BYTES, sighting->platform, err);
    if (!status) {
        status =
            field_take_text("version", in->version, OC_MAX_VERSION_BYTES, sighting->version, err);
    }
    if (!status) {
        status = field_take_bytes_or_none("instance_id", in->instance_id, OC_INSTANCE_BYTES,
                                          sighting->instance_id, err);
    }
    if (!status) {
        status = field_take_bytes_or_none("boot_id", in->boot_id, OC_INSTANCE_BYTES,
                                          sighting->boot_id, err);
    }
    if (!status) {
        status = field_take_bytes_or_none("host_hint", in->host_hint, OC_INSTANCE_BYTES,
                                          sighting->host_hint, err);
    }
    sighting->session_counter = in->session_counter;
    return status;
}

enum oc_status convert_connect(const Openclaw__V1__ConnectRequest *in, struct connect_facts *out,
                               struct oc_error *err)
{
    struct connect_facts facts = {.has_receipt = in->receipt != NULL};
    enum oc_status status = take_ask(in, &facts, err);
    if (!status) {
        status = take_sighting(in, &facts.sighting, err);
    }
    if (!status) {
        status = field_take_bytes("nonce_commitment", in->nonce_commitment, OC_DIGEST_BYTES,
                                  facts.nonce_commitment.bytes, err);
    }
    if (!status && in->receipt) {
        status = take_receipt(in->receipt, &facts.receipt, err);
    }
    if (!status) {
        *out = facts;
    }
    return status;
}

enum oc_status convert_await(const Openclaw__V1__AwaitDecisionRequest *in, struct await_facts *out,
                             struct oc_error *err)
{
    struct await_facts facts;
    enum oc_status status = field_take_request_id(in->request_id, &facts.request_id, err);
    if (!status) {
        status = field_take_bytes("device_nonce", in->device_nonce, OC_NONCE_BYTES,
                                  facts.device_nonce, err);
    }
    if (!status) {
        *out = facts;
    }
    return status;
}

/* ---- administrators: reading --------------------------------------------------------------- */

static enum oc_status take_page_size(uint32_t in, uint32_t max, size_t *out, struct oc_error *err)
{
    if (in > max) {
        return field_refuse(err, "page_size", "over the limit");
    }
    *out = in != 0 ? in : CONVERT_DEFAULT_PAGE;
    return OC_OK;
}

enum oc_status convert_list(const Openclaw__V1__ListDevicesRequest *in, struct list_query *out,
                            struct oc_error *err)
{
    struct list_query query = {.states = 0};
    enum oc_status status = take_page_size(in->page_size, CONVERT_MAX_PAGE, &query.limit, err);
    if (!status) {
        status = field_take_text("cursor", in->cursor, sizeof query.cursor - 1, query.cursor, err);
    }
    if (status) {
        return status;
    }
    for (size_t i = 0; i < in->n_states; i++) {
        const int state = (int)in->states[i];
        if (state < 0 || state >= OC_STATE_COUNT) {
            return field_refuse(err, "states", "no such state");
        }
        query.states |= UINT32_C(1) << state;
    }
    *out = query;
    return OC_OK;
}

enum oc_status convert_selector(const Openclaw__V1__ResolveRequest *in,
                                char out[CONVERT_MAX_SELECTOR_BYTES + 1], struct oc_error *err)
{
    if (in->selector[0] == '\0') {
        return field_refuse(err, "selector", "empty");
    }
    return field_take_text("selector", in->selector, CONVERT_MAX_SELECTOR_BYTES, out, err);
}

enum oc_status convert_audit_filter(const Openclaw__V1__ListAuditRequest *in,
                                    struct audit_filter *out, struct oc_error *err)
{
    struct audit_filter filter;
    memset(&filter, 0, sizeof filter); /* compared as a whole */
    filter.since_ms = in->since_ms;
    filter.until_ms = in->until_ms;
    filter.last_seq = in->last_seq;
    enum oc_status status =
        field_take_text("actor", in->actor, OC_MAX_ACTOR_BYTES, filter.actor, err);
    if (!status) {
        status =
            field_take_text("action", in->action, sizeof filter.action - 1, filter.action, err);
    }
    if (!status) {
        status =
            field_take_text("outcome", in->outcome, sizeof filter.outcome - 1, filter.outcome, err);
    }
    if (!status) {
        status = field_take_text("request_id", in->request_id, OC_REQUEST_ID_CHARS,
                                 filter.request_id.text, err);
    }
    if (!status) {
        *out = filter;
    }
    return status;
}

enum oc_status convert_audit(const Openclaw__V1__ListAuditRequest *in,
                             struct store_audit_query *out, struct oc_error *err)
{
    struct store_audit_query query = {
        .after_seq = in->after_seq,
        .newest_first = in->newest_first != 0,
        .has_device_id = in->device_id.len > 0,
    };
    enum oc_status status = take_page_size(in->page_size, STORE_MAX_PAGE, &query.limit, err);
    if (!status) {
        status = field_take_bytes_or_none("device_id", in->device_id, OC_DEVICE_ID_BYTES,
                                          query.device_id.bytes, err);
    }
    if (!status) {
        *out = query;
    }
    return status;
}
