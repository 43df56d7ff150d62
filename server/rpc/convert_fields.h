/*
 * Values of one field: length, range, alphabet. Between convert.c and convert_decide.c. Each
 * refuses with the field's name as it stands in the schema, and leaves *out alone then.
 *
 * Fails: INVALID_ARGUMENT with err->field. Thread: any; pure.
 */
#pragma once

#include "openclaw/v1/types.pb-c.h"
#include "server/rpc/convert.h"

enum oc_status field_refuse(struct oc_error *err, const char *field, const char *why);

/* One line of printable text, at most max_bytes; out has room for one more. */
OC_MUST_CHECK enum oc_status field_take_text(const char *field, const char *in, size_t max_bytes,
                                             char *out, struct oc_error *err);
/* Exactly `wanted` bytes. */
OC_MUST_CHECK enum oc_status field_take_bytes(const char *field, ProtobufCBinaryData in,
                                              size_t wanted, uint8_t *out, struct oc_error *err);
/* The bytes, or none: then out is all zeros. */
OC_MUST_CHECK enum oc_status field_take_bytes_or_none(const char *field, ProtobufCBinaryData in,
                                                      size_t wanted, uint8_t *out,
                                                      struct oc_error *err);
OC_MUST_CHECK enum oc_status field_take_request_id(const char *in, struct oc_request_id *out,
                                                   struct oc_error *err);
OC_MUST_CHECK enum oc_status field_take_device_id(ProtobufCBinaryData in, struct oc_device_id *out,
                                                  struct oc_error *err);
OC_MUST_CHECK enum oc_status field_take_term(int64_t in, int64_t *out, struct oc_error *err);
/* Sorted scopes without doubles. */
OC_MUST_CHECK enum oc_status field_take_grant(const Openclaw__V1__Grant *in, struct oc_grant *out,
                                              struct oc_error *err);
/* What a device asks for: without a role it is the gateway's usual one. */
OC_MUST_CHECK enum oc_status field_take_asked(const Openclaw__V1__Grant *in, struct oc_grant *out,
                                              struct oc_error *err);
/* Sorted labels, no key twice. */
OC_MUST_CHECK enum oc_status field_take_labels(Openclaw__V1__Label *const *in, size_t n,
                                               struct oc_labels *out, struct oc_error *err);
/* Selects a device later: must not be readable as an id. */
OC_MUST_CHECK enum oc_status field_take_alias(const char *in, char out[OC_MAX_NAME_BYTES + 1],
                                              struct oc_error *err);
