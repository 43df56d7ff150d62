/* See convert.h. Every check names the field as it stands in the schema. */
#include "server/rpc/convert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/crypto/pairing_code.h"
#include "server/rpc/text.h"

static enum oc_status refuse(struct oc_error *err, const char *field, const char *why)
{
    enum oc_status status = oc_fail(err, OC_INVALID_ARGUMENT, "request: %s: %s", field, why);
    if (err) {
        (void)snprintf(err->field, sizeof err->field, "%s", field);
    }
    return status;
}

/* ---- values of one field ------------------------------------------------------------------- */

static enum oc_status take_text(const char *field, const char *in, size_t max_bytes, char *out,
                                struct oc_error *err)
{
    return text_accept_printable(in, max_bytes, out)
               ? OC_OK
               : refuse(err, field, "too long, or not one line of printable text");
}

static enum oc_status take_bytes(const char *field, ProtobufCBinaryData in, size_t wanted,
                                 uint8_t *out, struct oc_error *err)
{
    if (in.len != wanted) {
        return refuse(err, field, "of another length");
    }
    memcpy(out, in.data, wanted);
    return OC_OK;
}

/* The bytes, or none: then out is all zeros. */
static enum oc_status take_bytes_or_none(const char *field, ProtobufCBinaryData in, size_t wanted,
                                         uint8_t *out, struct oc_error *err)
{
    memset(out, 0, wanted);
    return in.len == 0 ? OC_OK : take_bytes(field, in, wanted, out, err);
}

static enum oc_status take_request_id(const char *in, struct oc_request_id *out,
                                      struct oc_error *err)
{
    return oc_request_id_parse(in, out) ? OC_OK : refuse(err, "request_id", "not a request id");
}

static enum oc_status take_term(int64_t in, int64_t *out, struct oc_error *err)
{
    if (in != 0 && (in < CONVERT_MIN_TERM_MS || in > CONVERT_MAX_TERM_MS)) {
        return refuse(err, "term_ms", "must be 0, or a second to a hundred years");
    }
    *out = in;
    return OC_OK;
}

static enum oc_status take_scopes(const Openclaw__V1__Grant *in, struct oc_grant *out,
                                  struct oc_error *err)
{
    struct oc_grant grant = *out;
    if (in->n_scopes > OC_MAX_SCOPES) {
        return refuse(err, "scopes", "at most 16");
    }
    for (size_t i = 0; i < in->n_scopes; i++) {
        if (!text_is_scope(in->scopes[i])) {
            return refuse(err, "scopes", "each must be [a-z0-9._:/*-]+, at most 32 bytes");
        }
        memcpy(grant.scopes[i], in->scopes[i], strlen(in->scopes[i]) + 1);
    }
    grant.n_scopes = (uint8_t)in->n_scopes;
    oc_grant_normalise(&grant);
    *out = grant;
    return OC_OK;
}

static enum oc_status take_grant(const Openclaw__V1__Grant *in, struct oc_grant *out,
                                 struct oc_error *err)
{
    struct oc_grant grant = {.n_scopes = 0};
    if (!text_is_role(in->role)) {
        return refuse(err, "role", "must be [a-z][a-z0-9._-]*, at most 32 bytes");
    }
    memcpy(grant.role, in->role, strlen(in->role) + 1);
    enum oc_status status = take_scopes(in, &grant, err);
    if (!status) {
        *out = grant;
    }
    return status;
}

/* What a device asks for: without a role it is the gateway's usual one. */
static enum oc_status take_asked(const Openclaw__V1__Grant *in, struct oc_grant *out,
                                 struct oc_error *err)
{
    if (in->role[0] != '\0') {
        return take_grant(in, out, err);
    }
    *out = (struct oc_grant){.n_scopes = 0};
    return take_scopes(in, out, err);
}

static int compare_labels(const void *a, const void *b)
{
    const struct oc_label *left = a;
    const struct oc_label *right = b;
    return strcmp(left->key, right->key);
}

/* Sorts by key; the same label twice is one. False when a key has two values. */
static bool normalise_labels(struct oc_labels *labels)
{
    qsort(labels->items, labels->n, sizeof labels->items[0], compare_labels);
    struct oc_labels kept = {.n = 0};
    for (size_t i = 0; i < labels->n; i++) {
        const struct oc_label *label = &labels->items[i];
        const struct oc_label *before = kept.n > 0 ? &kept.items[kept.n - 1] : NULL;
        if (!before || strcmp(before->key, label->key) != 0) {
            kept.items[kept.n++] = *label;
        } else if (strcmp(before->value, label->value) != 0) {
            return false;
        }
    }
    *labels = kept;
    return true;
}

static enum oc_status take_labels(Openclaw__V1__Label *const *in, size_t n, struct oc_labels *out,
                                  struct oc_error *err)
{
    struct oc_labels labels = {.n = 0};
    if (n > OC_MAX_LABELS) {
        return refuse(err, "labels", "at most 8");
    }
    for (size_t i = 0; i < n; i++) {
        struct oc_label *label = &labels.items[i];
        if (!text_is_label_key(in[i]->key)) {
            return refuse(err, "key", "must be [a-z0-9._/-]+, at most 32 bytes");
        }
        memcpy(label->key, in[i]->key, strlen(in[i]->key) + 1);
        enum oc_status status =
            take_text("value", in[i]->value, OC_MAX_LABEL_VALUE_BYTES, label->value, err);
        if (status) {
            return status;
        }
    }
    labels.n = (uint8_t)n;
    if (!normalise_labels(&labels)) {
        return refuse(err, "labels", "one key with two values");
    }
    *out = labels;
    return OC_OK;
}

/* An alias selects a device: it must not be readable as an id. */
static enum oc_status take_alias(const char *in, char out[OC_MAX_NAME_BYTES + 1],
                                 struct oc_error *err)
{
    struct oc_device_id device_id;
    struct oc_request_id request_id;
    if (oc_device_id_parse(in, &device_id) || oc_request_id_parse(in, &request_id)) {
        return refuse(err, "alias", "reads as an id");
    }
    return take_text("alias", in, OC_MAX_NAME_BYTES, out, err);
}

/* ---- devices ------------------------------------------------------------------------------- */

static enum oc_status take_receipt(const Openclaw__V1__Receipt *in, struct oc_receipt *out,
                                   struct oc_error *err)
{
    struct oc_receipt receipt = {.seq = in->seq, .issued_at_ms = in->issued_at_ms};
    enum oc_status status =
        take_bytes("gateway_id", in->gateway_id, OC_GATEWAY_ID_BYTES, receipt.gateway_id, err);
    if (!status) {
        status = take_bytes("database_id", in->database_id, OC_DATABASE_ID_BYTES,
                            receipt.database_id, err);
    }
    if (!status) {
        status = take_bytes("device_id", in->device_id, OC_DEVICE_ID_BYTES, receipt.device_id.bytes,
                            err);
    }
    if (status) {
        return status;
    }
    if (in->signature.len == 0 || in->signature.len > OC_RECEIPT_MAX_SIGNATURE_BYTES) {
        return refuse(err, "signature", "of another length");
    }
    if (in->issued_at_ms < 0) {
        return refuse(err, "issued_at_ms", "must not be negative");
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
    enum oc_status status = take_text("name", in->name, OC_MAX_NAME_BYTES, ask->name, err);
    if (!status) {
        status = take_text("purpose", in->purpose, OC_MAX_PURPOSE_BYTES, ask->purpose, err);
    }
    if (!status) {
        status = take_labels(in->labels, in->n_labels, &ask->labels, err);
    }
    if (!status && in->asked) {
        facts->has_ask = true;
        status = take_asked(in->asked, &ask->grant, err);
    }
    return status;
}

static enum oc_status take_sighting(const Openclaw__V1__ConnectRequest *in,
                                    struct sighting *sighting, struct oc_error *err)
{
    enum oc_status status =
        take_text("platform", in->platform, OC_MAX_PLATFORM_BYTES, sighting->platform, err);
    if (!status) {
        status = take_text("version", in->version, OC_MAX_VERSION_BYTES, sighting->version, err);
    }
    if (!status) {
        status = take_bytes_or_none("instance_id", in->instance_id, OC_INSTANCE_BYTES,
                                    sighting->instance_id, err);
    }
    if (!status) {
        status =
            take_bytes_or_none("boot_id", in->boot_id, OC_INSTANCE_BYTES, sighting->boot_id, err);
    }
    if (!status) {
        status = take_bytes_or_none("host_hint", in->host_hint, OC_INSTANCE_BYTES,
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
        status = take_bytes("nonce_commitment", in->nonce_commitment, OC_DIGEST_BYTES,
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
    enum oc_status status = take_request_id(in->request_id, &facts.request_id, err);
    if (!status) {
        status =
            take_bytes("device_nonce", in->device_nonce, OC_NONCE_BYTES, facts.device_nonce, err);
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
        return refuse(err, "page_size", "over the limit");
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
        status = take_text("cursor", in->cursor, sizeof query.cursor - 1, query.cursor, err);
    }
    if (status) {
        return status;
    }
    for (size_t i = 0; i < in->n_states; i++) {
        const int state = (int)in->states[i];
        if (state < 0 || state >= OC_STATE_COUNT) {
            return refuse(err, "states", "no such state");
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
        return refuse(err, "selector", "empty");
    }
    return take_text("selector", in->selector, CONVERT_MAX_SELECTOR_BYTES, out, err);
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
        status = take_bytes_or_none("device_id", in->device_id, OC_DEVICE_ID_BYTES,
                                    query.device_id.bytes, err);
    }
    if (!status) {
        *out = query;
    }
    return status;
}

/* ---- administrators: deciding -------------------------------------------------------------- */

/* What Approve and Expect give a device. */
struct terms {
    const Openclaw__V1__Grant *grant;
    Openclaw__V1__Label *const *labels;
    size_t n_labels;
    int64_t term_ms;
    const char *alias;
    const char *reason;
};

static enum oc_status take_terms(const struct terms *in, struct decide_command *command,
                                 struct oc_error *err)
{
    enum oc_status status = in->grant ? take_grant(in->grant, &command->grant, err) : OC_OK;
    if (!status) {
        status = take_labels(in->labels, in->n_labels, &command->labels, err);
    }
    if (!status) {
        status = take_term(in->term_ms, &command->term_ms, err);
    }
    if (!status) {
        status = take_alias(in->alias, command->alias, err);
    }
    if (!status) {
        status = take_text("reason", in->reason, OC_MAX_REASON_BYTES, command->reason, err);
    }
    return status;
}

static enum oc_status take_code(const char *in, char out[OC_CODE_DIGITS + 1], struct oc_error *err)
{
    if (in[0] == '\0') {
        out[0] = '\0';
        return OC_OK;
    }
    return oc_pairing_code_parse(in, out) ? OC_OK : refuse(err, "code", "must be eight digits");
}

enum oc_status convert_approve(const Openclaw__V1__ApproveRequest *in, struct decide_command *out,
                               struct oc_error *err)
{
    struct decide_command command = {.kind = PAIRING_EV_APPROVE, .narrows = in->grant != NULL};
    const struct terms terms = {in->grant,   in->labels, in->n_labels,
                                in->term_ms, in->alias,  in->reason};
    enum oc_status status = take_request_id(in->request_id, &command.request_id, err);
    if (!status) {
        status = take_bytes("ask_digest", in->ask_digest, OC_DIGEST_BYTES, command.ask_digest.bytes,
                            err);
    }
    if (!status) {
        status = take_terms(&terms, &command, err);
    }
    if (!status) {
        status = take_code(in->code, command.code, err);
    }
    if (!status) {
        *out = command;
    }
    oc_wipe(command.code, sizeof command.code);
    return status;
}

enum oc_status convert_request_decision(const Openclaw__V1__RequestDecision *in,
                                        enum pairing_event_kind kind, struct decide_command *out,
                                        struct oc_error *err)
{
    struct decide_command command = {.kind = kind};
    enum oc_status status = take_request_id(in->request_id, &command.request_id, err);
    if (!status) {
        status = take_text("reason", in->reason, OC_MAX_REASON_BYTES, command.reason, err);
    }
    if (!status) {
        *out = command;
    }
    return status;
}

static enum oc_status take_device_id(ProtobufCBinaryData in, struct oc_device_id *out,
                                     struct oc_error *err)
{
    return take_bytes("device_id", in, OC_DEVICE_ID_BYTES, out->bytes, err);
}

enum oc_status convert_device_decision(const Openclaw__V1__DeviceDecision *in,
                                       enum pairing_event_kind kind, struct decide_command *out,
                                       struct oc_error *err)
{
    struct decide_command command = {.kind = kind};
    enum oc_status status = take_device_id(in->device_id, &command.device_id, err);
    if (!status) {
        status = take_text("reason", in->reason, OC_MAX_REASON_BYTES, command.reason, err);
    }
    if (!status) {
        *out = command;
    }
    return status;
}

enum oc_status convert_rename(const Openclaw__V1__RenameRequest *in, struct decide_command *out,
                              struct oc_error *err)
{
    struct decide_command command = {.kind = PAIRING_EV_RENAME};
    enum oc_status status = take_device_id(in->device_id, &command.device_id, err);
    if (!status) {
        status = take_alias(in->alias, command.alias, err);
    }
    if (!status) {
        *out = command;
    }
    return status;
}

enum oc_status convert_expect(const Openclaw__V1__ExpectRequest *in, struct decide_command *out,
                              struct oc_error *err)
{
    struct decide_command command = {.kind = PAIRING_EV_EXPECT, .approves = in->approve != 0};
    const struct terms terms = {in->grant,   in->labels, in->n_labels,
                                in->term_ms, in->alias,  in->reason};
    if (command.approves && !in->grant) {
        return refuse(err, "grant", "needed with approve");
    }
    enum oc_status status = take_device_id(in->device_id, &command.device_id, err);
    if (!status) {
        status = take_terms(&terms, &command, err);
    }
    if (!status) {
        *out = command;
    }
    return status;
}

enum oc_status convert_unlock(const Openclaw__V1__UnlockRequest *in, struct oc_error *err)
{
    return (in->accept_rollback != 0) != (in->init != 0)
               ? OC_OK
               : refuse(err, "accept_rollback", "exactly one of accept_rollback and init");
}
