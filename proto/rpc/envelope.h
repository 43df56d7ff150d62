/*
 * The envelope: pack, unpack and validate a Call or a Reply. Bytes in, values out; no sockets.
 */
#pragma once

#include <openclaw/error.h>

#include <protobuf-c/protobuf-c.h>

#include "proto/base/arena.h"
#include "proto/rpc/limits.h"

struct oc_call {
    uint32_t method;
    uint32_t budget_ms; /* after defaulting: never 0 */
    bool has_trace_id;
    uint8_t trace_id[OC_TRACE_ID_BYTES];
    bool has_idempotency_key;
    uint8_t idempotency_key[OC_IDEMPOTENCY_KEY_BYTES];
    bool has_unknown_fields; /* of a newer envelope; refused in calls that change something */
    const uint8_t *payload;  /* borrowed from the bytes unpacked */
    size_t n_payload;
};

struct oc_reply {
    enum oc_status status;
    struct oc_error error;  /* status, phrase in text, and details; with a status other than OK */
    const uint8_t *payload; /* borrowed */
    size_t n_payload;
};

/*
 * Fails: INVALID_ARGUMENT (not an envelope, or a field out of its range: err->field),
 *        UNIMPLEMENTED (another envelope version).
 */
OC_MUST_CHECK enum oc_status oc_call_unpack(const uint8_t *bytes, size_t n, struct oc_call *out,
                                            struct oc_error *err);
OC_MUST_CHECK enum oc_status oc_reply_unpack(const uint8_t *bytes, size_t n, struct oc_reply *out,
                                             struct oc_error *err);

/* Bytes that packing needs at most; the payload's length included. */
size_t oc_call_packed_bound(const struct oc_call *call);

/* Packs into out; returns the length, or 0 when it does not fit in cap. */
size_t oc_call_pack(const struct oc_call *call, uint8_t *out, size_t cap);

/* Packs a reply that carries `message` (NULL with a status other than OK). Only the status, its
 * fixed phrase and the facts of *err cross the wire, never err->text. */
size_t oc_reply_pack(enum oc_status status, const struct oc_error *err,
                     const ProtobufCMessage *message, uint8_t *out, size_t cap);

/* The fixed phrase that goes with a status and the facts of *err (which may be NULL). Never NULL,
 * never peer text. Any thread. */
const char *oc_reply_phrase(enum oc_status status, const struct oc_error *err);

/* Decodes a payload into the arena: wire_check, then protobuf-c. Refuses unknown fields when
 * `refuse_unknown` ("newer client"), and more fields than the arena has room for at 64 bytes
 * each: 4096 in a call's arena. *out lives as long as the arena is not reset.
 * Fails: INVALID_ARGUMENT, RESOURCE_EXHAUSTED (arena's cap). */
OC_MUST_CHECK enum oc_status oc_payload_unpack(const ProtobufCMessageDescriptor *descriptor,
                                               const uint8_t *bytes, size_t n, bool refuse_unknown,
                                               struct oc_arena *arena, ProtobufCMessage **out,
                                               struct oc_error *err);
