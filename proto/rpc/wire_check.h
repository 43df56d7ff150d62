/*
 * One pass over a payload by its descriptor, before protobuf-c sees it: protobuf-c has no depth
 * limit, accepts invalid UTF-8, cuts strings at a NUL unseen and keeps unknown fields.
 */
#pragma once

#include <openclaw/error.h>

#include <protobuf-c/protobuf-c.h>

struct oc_wire_facts {
    uint32_t n_unknown; /* fields the descriptor does not know, at any level */
};

/*
 * Refuses: broken varints and lengths, groups, wrong wire types, more than 8 levels, strings that
 * are not UTF-8 or hold a NUL, more than max_fields fields in all, a singular field that stands
 * twice, two members of one oneof.
 * Fails: INVALID_ARGUMENT, err->field names the field.
 * Thread: any.
 */
OC_MUST_CHECK enum oc_status oc_wire_check(const ProtobufCMessageDescriptor *descriptor,
                                           const uint8_t *bytes, size_t n, uint32_t max_fields,
                                           struct oc_wire_facts *facts, struct oc_error *err);
