/*
 * See envelope.h. The envelope is read by hand, not by protobuf-c: it is on every call's path, it
 * must cost no memory, and its payload stays where it is.
 */
#include "proto/rpc/envelope.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"
#include "proto/rpc/wire.h"
#include "proto/rpc/wire_check.h"

enum {
    CALL_VERSION = 1,
    CALL_METHOD,
    CALL_TRACE_ID,
    CALL_BUDGET_MS,
    CALL_IDEMPOTENCY_KEY,
    CALL_PAYLOAD,
    CALL_FIELDS,

    REPLY_VERSION = 1,
    REPLY_STATUS,
    REPLY_PHRASE,
    REPLY_DETAILS,
    REPLY_PAYLOAD,
    REPLY_FIELDS,

    DETAILS_RETRY_AFTER_MS = 1,
    DETAILS_REQUEST_ID,
    DETAILS_CLOSEST,
    DETAILS_FIELD,
    DETAILS_MIN_VERSION,
    DETAILS_MAX_VERSION,
    DETAILS_NOT_DURABLE,
    DETAILS_OUTCOME_UNKNOWN,
    DETAILS_CAUSE,
    DETAILS_FIELDS,

    MAX_SLOTS = DETAILS_FIELDS,
    /* Tags, lengths and numbers of a Call, with room to spare. */
    CALL_OVERHEAD_BYTES = 96,
    MAX_DETAILS_BYTES = 320,
    BYTES_PER_FIELD = 64,
};

/* ---- reading ------------------------------------------------------------------------------- */

/* A flat message: slot i holds field i, or number 0 and nothing else if it did not stand there. */
struct slots {
    struct oc_wire_field of[MAX_SLOTS];
    bool has_unknown;
};

static bool read_slots(const uint8_t *bytes, size_t n, uint32_t n_slots, struct slots *slots)
{
    struct oc_wire_cursor cursor = {.bytes = bytes, .n = n};
    slots->has_unknown = false;
    for (uint32_t i = 0; i < n_slots; i++) {
        slots->of[i].number = 0;
    }
    for (;;) {
        struct oc_wire_field field;
        const enum oc_wire_result result = oc_wire_next(&cursor, &field);
        if (result != OC_WIRE_FIELD) {
            return result == OC_WIRE_END;
        }
        if (field.number >= n_slots) {
            slots->has_unknown = true;
            continue;
        }
        if (slots->of[field.number].number != 0) {
            return false; /* stands twice: whoever reads the other one sees another call */
        }
        slots->of[field.number] = field;
    }
}

static bool slot_number(const struct slots *slots, uint32_t number, uint64_t max, uint32_t *out)
{
    const struct oc_wire_field *field = &slots->of[number];
    if (field->number == 0) {
        *out = 0;
        return true;
    }
    *out = (uint32_t)field->value;
    return field->type == OC_WIRE_VARINT && field->value <= max;
}

/* Bytes of exactly `wanted` length, or none. */
static bool slot_fixed(const struct slots *slots, uint32_t number, size_t wanted, bool *has,
                       uint8_t *out)
{
    const struct oc_wire_field *field = &slots->of[number];
    *has = field->number != 0 && field->n > 0;
    if (field->number == 0) {
        return true;
    }
    if (field->type != OC_WIRE_BYTES || (field->n != 0 && field->n != wanted)) {
        return false;
    }
    if (*has) {
        memcpy(out, field->data, wanted);
    }
    return true;
}

static bool slot_bytes(const struct slots *slots, uint32_t number, const uint8_t **out, size_t *n)
{
    const struct oc_wire_field *field = &slots->of[number];
    *out = NULL;
    *n = 0;
    if (field->number == 0) {
        return true;
    }
    *out = field->data;
    *n = field->n;
    return field->type == OC_WIRE_BYTES;
}

/* Text of less than cap bytes, NUL-terminated in out. */
static bool slot_text(const struct slots *slots, uint32_t number, char *out, size_t cap)
{
    const uint8_t *data = NULL;
    size_t n = 0;
    if (!slot_bytes(slots, number, &data, &n) || n >= cap || !oc_utf8_is_text(data, n)) {
        return false;
    }
    if (n > 0) {
        memcpy(out, data, n);
    }
    out[n] = '\0';
    return true;
}

static enum oc_status refuse(struct oc_error *err, const char *field, const char *why)
{
    enum oc_status status = oc_fail(err, OC_INVALID_ARGUMENT, "envelope: %s: %s", field, why);
    if (err) {
        (void)snprintf(err->field, sizeof err->field, "%s", field);
    }
    return status;
}

static enum oc_status check_version(const struct slots *slots, uint32_t number,
                                    struct oc_error *err)
{
    uint32_t version = 0;
    if (!slot_number(slots, number, UINT32_MAX, &version)) {
        return refuse(err, "version", "not a number");
    }
    if (version != OC_ENVELOPE_VERSION) {
        return oc_fail(err, OC_UNIMPLEMENTED, "envelope: version %u, spoken here is %d", version,
                       OC_ENVELOPE_VERSION);
    }
    return OC_OK;
}

enum oc_status oc_call_unpack(const uint8_t *bytes, size_t n, struct oc_call *out,
                              struct oc_error *err)
{
    struct slots slots;
    struct oc_call call = {.method = 0};
    if (!read_slots(bytes, n, CALL_FIELDS, &slots)) {
        return refuse(err, "Call", "broken encoding");
    }
    enum oc_status status = check_version(&slots, CALL_VERSION, err);
    if (status) {
        return status;
    }
    if (!slot_number(&slots, CALL_METHOD, UINT32_MAX, &call.method)) {
        return refuse(err, "method", "not a method number");
    }
    if (!slot_fixed(&slots, CALL_TRACE_ID, OC_TRACE_ID_BYTES, &call.has_trace_id, call.trace_id)) {
        return refuse(err, "trace_id", "must be 0 or 16 bytes");
    }
    if (!slot_number(&slots, CALL_BUDGET_MS, OC_MAX_BUDGET_MS, &call.budget_ms)) {
        return refuse(err, "budget_ms", "must be 0 to 60000");
    }
    if (!slot_fixed(&slots, CALL_IDEMPOTENCY_KEY, OC_IDEMPOTENCY_KEY_BYTES,
                    &call.has_idempotency_key, call.idempotency_key)) {
        return refuse(err, "idempotency_key", "must be 0 or 16 bytes");
    }
    if (!slot_bytes(&slots, CALL_PAYLOAD, &call.payload, &call.n_payload)) {
        return refuse(err, "payload", "not bytes");
    }
    call.budget_ms = call.budget_ms != 0 ? call.budget_ms : OC_DEFAULT_BUDGET_MS;
    call.has_unknown_fields = slots.has_unknown;
    *out = call;
    return OC_OK;
}

static bool read_details(const uint8_t *bytes, size_t n, struct oc_error *error)
{
    struct slots slots;
    uint32_t is_not_durable = 0;
    uint32_t is_outcome_unknown = 0;
    if (!read_slots(bytes, n, DETAILS_FIELDS, &slots) ||
        !slot_number(&slots, DETAILS_RETRY_AFTER_MS, UINT32_MAX, &error->retry_after_ms) ||
        !slot_text(&slots, DETAILS_REQUEST_ID, error->request_id, sizeof error->request_id) ||
        !slot_text(&slots, DETAILS_CLOSEST, error->closest, sizeof error->closest) ||
        !slot_text(&slots, DETAILS_FIELD, error->field, sizeof error->field) ||
        !slot_text(&slots, DETAILS_CAUSE, error->cause, sizeof error->cause) ||
        !slot_number(&slots, DETAILS_NOT_DURABLE, 1, &is_not_durable) ||
        !slot_number(&slots, DETAILS_OUTCOME_UNKNOWN, 1, &is_outcome_unknown)) {
        return false;
    }
    error->is_not_durable = is_not_durable != 0;
    error->is_outcome_unknown = is_outcome_unknown != 0;
    return true;
}

/* Most replies are OK: then the details are not looked at. */
static bool read_error(const struct slots *slots, enum oc_status status, struct oc_error *out)
{
    if (status == OC_OK) {
        *out = (struct oc_error){.status = OC_OK};
        return true;
    }
    struct oc_error error = {.status = status};
    const uint8_t *details = NULL;
    size_t n_details = 0;
    if (!slot_text(slots, REPLY_PHRASE, error.text, sizeof error.text) ||
        !slot_bytes(slots, REPLY_DETAILS, &details, &n_details) ||
        !read_details(details, n_details, &error)) {
        return false;
    }
    *out = error;
    return true;
}

enum oc_status oc_reply_unpack(const uint8_t *bytes, size_t n, struct oc_reply *out,
                               struct oc_error *err)
{
    struct slots slots;
    uint32_t number = 0;
    if (!read_slots(bytes, n, REPLY_FIELDS, &slots)) {
        return refuse(err, "Reply", "broken encoding");
    }
    enum oc_status status = check_version(&slots, REPLY_VERSION, err);
    if (status) {
        return status;
    }
    if (!slot_number(&slots, REPLY_STATUS, UINT32_MAX, &number)) {
        return refuse(err, "status", "not a status");
    }
    const uint8_t *payload = NULL;
    size_t n_payload = 0;
    if (!slot_bytes(&slots, REPLY_PAYLOAD, &payload, &n_payload)) {
        return refuse(err, "payload", "not bytes");
    }
    const enum oc_status answered = number < OC_STATUS_COUNT ? (enum oc_status)number : OC_UNKNOWN;
    if (!read_error(&slots, answered, &out->error)) {
        return refuse(err, "details", "not the details of a status");
    }
    out->status = answered;
    out->payload = payload;
    out->n_payload = n_payload;
    return OC_OK;
}

/* ---- writing ------------------------------------------------------------------------------- */

size_t oc_call_packed_bound(const struct oc_call *call)
{
    return CALL_OVERHEAD_BYTES + call->n_payload;
}

size_t oc_call_pack(const struct oc_call *call, uint8_t *out, size_t cap)
{
    struct oc_wire_writer writer = {.out = out, .cap = cap};
    oc_wire_put_number(&writer, CALL_VERSION, OC_ENVELOPE_VERSION);
    oc_wire_put_number(&writer, CALL_METHOD, call->method);
    oc_wire_put_bytes(&writer, CALL_TRACE_ID, call->trace_id,
                      call->has_trace_id ? sizeof call->trace_id : 0);
    oc_wire_put_number(&writer, CALL_BUDGET_MS, call->budget_ms);
    oc_wire_put_bytes(&writer, CALL_IDEMPOTENCY_KEY, call->idempotency_key,
                      call->has_idempotency_key ? sizeof call->idempotency_key : 0);
    oc_wire_put_bytes(&writer, CALL_PAYLOAD, call->payload, call->n_payload);
    return writer.n <= cap ? writer.n : 0;
}

static const char *const phrases[OC_STATUS_COUNT] = {
    [OC_OK] = "ok",
    [OC_CANCELLED] = "the call was given up",
    [OC_UNKNOWN] = "failed for a reason this gateway cannot name",
    [OC_INVALID_ARGUMENT] = "the request is not valid",
    [OC_DEADLINE_EXCEEDED] = "the time given for the call was over before it began",
    [OC_NOT_FOUND] = "there is no such device or request",
    [OC_ALREADY_EXISTS] = "that name is taken",
    [OC_PERMISSION_DENIED] = "the caller may not do this",
    [OC_RESOURCE_EXHAUSTED] = "too much at once: try again later",
    [OC_FAILED_PRECONDITION] = "not possible in the present state",
    [OC_ABORTED] = "the request changed or was replaced: look at it again",
    [OC_OUT_OF_RANGE] = "the cursor is older than what is kept: list anew and go on from there",
    [OC_UNIMPLEMENTED] = "this door offers no such method, or not in this version",
    [OC_INTERNAL] = "the gateway failed: see its log",
    [OC_UNAVAILABLE] = "the gateway cannot serve this now",
    [OC_DATA_LOSS] = "stored data is damaged: see the gateway's log",
    [OC_UNAUTHENTICATED] = "the caller is not known",
};

/* What shares a status is told apart by its cause: the outcome words of the domain, mostly. */
static const struct {
    const char *cause;
    const char *phrase;
} causes[] = {
    {"no_request", "no such request is open"},
    {"replaced", "the request was replaced by a newer one of the same device"},
    {"changed", "the request changed since it was shown: look at it again"},
    {"too_wide", "more than the device asks for cannot be granted"},
    {"code_wrong", "the pairing code is not that of this request"},
    {"code_closed", "too many wrong codes: approve this request without a code, or reject it"},
    {"code_unavailable", "the code cannot be checked: the agent is not waiting at the gateway"},
    {"not_approved", "this device is not approved: reject its request instead"},
    {"not_blocked", "this device is not blocked"},
    {"not_known", "nothing is known of this device"},
    {"is_blocked", "this device is blocked: unblock it first"},
    {"no_session", "the device has no session: connect first"},
    {"locked", "the gateway is locked until an administrator unlocks it"},
    {"not_locked", "the gateway is not locked"},
    {"backup_running", "another backup is under way"},
    {"backup_gone",
     "there is no such backup: nobody asked after it, or the gateway was started anew"},
    {"disk_full", "the gateway's disk is full: nothing was changed; free space and repeat"},
    {"disk_fails", "the gateway's disk fails: nothing was changed; mend it and repeat"},
    {"store_fails", "the gateway's database cannot be written: nothing was changed"},
    {"marker_fails",
     "done, in force and in the database, but not in the marker beside it: an older "
     "database might not be noticed"},
    {"bound_none",
     "this approver may decide nothing: admin.bounds of the gateway's configuration has "
     "neither it nor default; an administrator of the role admin can do it"},
    {"bound_labels",
     "beyond this approver's bound: the device has not the labels of the bound from "
     "an administrator; one of the role admin can do it"},
    {"bound_grant", "beyond this approver's bound: it has not this role, or not all of these "
                    "scopes; grant less, or an administrator of the role admin can do it"},
    {"bound_gives_labels", "an approver with a bound gives no labels and takes none away; an "
                           "administrator of the role admin can do it"},
    {"certificate_unknown", "the certificate is not registered at this gateway"},
    {"certificate_revoked", "the certificate was revoked"},
    {"certificate_expired", "the certificate has expired"},
    {"certificate_unmapped", "the gateway's admin.map does not name this certificate any more"},
    {"external_ca",
     "the gateway's admin CA is that of admin.ca, and certificates of administrators "
     "are made there, not here"},
    {"nonce", "the nonce does not open the commitment that Connect gave"},
};

static const char *phrase_of_cause(const char *cause)
{
    for (size_t i = 0; i < OC_ARRAY_LENGTH(causes); i++) {
        if (strcmp(cause, causes[i].cause) == 0) {
            return causes[i].phrase;
        }
    }
    return NULL;
}

const char *oc_reply_phrase(enum oc_status status, const struct oc_error *err)
{
    const char *phrase = err ? phrase_of_cause(err->cause) : NULL;
    if (err && err->is_outcome_unknown) {
        return "outcome unknown: it may have happened or not; repeating the call with the same "
               "idempotency key is safe";
    }
    if (err && err->is_not_durable && strcmp(err->cause, "marker_fails") != 0) {
        return "cut off at once and in force, but not durable yet: the disk did not take it";
    }
    if (phrase) {
        return phrase;
    }
    if (status == OC_INVALID_ARGUMENT && err && err->field[0] != '\0') {
        return "a field of the request is not valid";
    }
    const size_t i = (size_t)status;
    return i < OC_ARRAY_LENGTH(phrases) ? phrases[i] : phrases[OC_UNKNOWN];
}

static void put_text(struct oc_wire_writer *writer, uint32_t field, const char *text)
{
    oc_wire_put_bytes(writer, field, text, strlen(text));
}

static void put_details(struct oc_wire_writer *writer, enum oc_status status,
                        const struct oc_error *err)
{
    static const struct oc_error none;
    const struct oc_error *facts = err ? err : &none;
    const bool tells_versions = status == OC_UNIMPLEMENTED;
    uint8_t details[MAX_DETAILS_BYTES];
    struct oc_wire_writer inner = {.out = details, .cap = sizeof details};
    oc_wire_put_number(&inner, DETAILS_RETRY_AFTER_MS, facts->retry_after_ms);
    put_text(&inner, DETAILS_REQUEST_ID, facts->request_id);
    put_text(&inner, DETAILS_CLOSEST, facts->closest);
    put_text(&inner, DETAILS_FIELD, facts->field);
    oc_wire_put_number(&inner, DETAILS_MIN_VERSION, tells_versions ? OC_ENVELOPE_VERSION : 0);
    oc_wire_put_number(&inner, DETAILS_MAX_VERSION, tells_versions ? OC_ENVELOPE_VERSION : 0);
    oc_wire_put_number(&inner, DETAILS_NOT_DURABLE, facts->is_not_durable);
    oc_wire_put_number(&inner, DETAILS_OUTCOME_UNKNOWN, facts->is_outcome_unknown);
    put_text(&inner, DETAILS_CAUSE, facts->cause);
    oc_wire_put_bytes(writer, REPLY_DETAILS, details, inner.n);
}

size_t oc_reply_pack(enum oc_status status, const struct oc_error *err,
                     const ProtobufCMessage *message, uint8_t *out, size_t cap)
{
    struct oc_wire_writer writer = {.out = out, .cap = cap};
    oc_wire_put_number(&writer, REPLY_VERSION, OC_ENVELOPE_VERSION);
    oc_wire_put_number(&writer, REPLY_STATUS, (uint64_t)status);
    if (status != OC_OK) {
        put_text(&writer, REPLY_PHRASE, oc_reply_phrase(status, err));
        put_details(&writer, status, err);
        return writer.n <= cap ? writer.n : 0;
    }
    const size_t n_payload = message ? protobuf_c_message_get_packed_size(message) : 0;
    if (n_payload == 0) {
        return writer.n <= cap ? writer.n : 0;
    }
    oc_wire_put_length(&writer, REPLY_PAYLOAD, n_payload);
    if (writer.n > cap || n_payload > cap - writer.n) {
        return 0;
    }
    return writer.n + protobuf_c_message_pack(message, out + writer.n);
}

/* ---- payloads ------------------------------------------------------------------------------ */

struct arena_allocator {
    struct oc_arena *arena;
    bool is_exhausted;
};

static void *allocate(void *user, size_t bytes)
{
    struct arena_allocator *allocator = user;
    void *block = oc_arena_alloc(allocator->arena, bytes);
    allocator->is_exhausted = allocator->is_exhausted || !block;
    return block;
}

static void forget(void *user, void *block)
{
    (void)user;
    (void)block;
}

enum oc_status oc_payload_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
                                 size_t n, bool refuse_unknown, struct oc_arena *arena,
                                 ProtobufCMessage **out, struct oc_error *err)
{
    struct oc_wire_facts facts;
    const size_t max_fields = oc_arena_capacity(arena) / BYTES_PER_FIELD;
    enum oc_status status = oc_wire_check(descriptor, bytes, n, (uint32_t)max_fields, &facts, err);
    if (status) {
        return status;
    }
    if (refuse_unknown && facts.n_unknown > 0) {
        return refuse(err, "payload", "holds fields this version does not know (newer client)");
    }
    struct arena_allocator state = {.arena = arena};
    ProtobufCAllocator allocator = {.alloc = allocate, .free = forget, .allocator_data = &state};
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &allocator, n, bytes);
    if (!message) {
        return state.is_exhausted
                   ? oc_fail(err, OC_RESOURCE_EXHAUSTED, "message: decoding needs too much memory")
                   : refuse(err, descriptor->short_name, "not a message of this kind");
    }
    *out = message;
    return OC_OK;
}
