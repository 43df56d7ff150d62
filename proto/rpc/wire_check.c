/* See wire_check.h. Recursion is bounded by MAX_LEVELS; no message type of ours is recursive. */
#include "proto/rpc/wire_check.h"

#include <assert.h>
#include <stdio.h>

#include "proto/base/utf8.h"
#include "proto/rpc/wire.h"

enum {
    MAX_LEVELS = 8,
    MAX_FIELDS_OF_A_MESSAGE = 64,
};

struct check {
    struct oc_wire_facts *facts;
    struct oc_error *err;
    uint32_t max_fields;
    uint32_t n_fields;
};

static enum oc_status check_message(struct check *check,
                                    const ProtobufCMessageDescriptor *descriptor,
                                    struct oc_wire_cursor cursor, unsigned level);

static enum oc_status refuse(struct check *check, const char *field, const char *why)
{
    enum oc_status status = oc_fail(check->err, OC_INVALID_ARGUMENT, "message: %s: %s", field, why);
    if (check->err) {
        (void)snprintf(check->err->field, sizeof check->err->field, "%s", field);
    }
    return status;
}

static bool is_repeated(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_REPEATED;
}

static enum oc_wire_type wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return OC_WIRE_FIXED32;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return OC_WIRE_FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return OC_WIRE_BYTES;
    default:
        return OC_WIRE_VARINT;
    }
}

/* protobuf-c would cut what does not fit. */
static bool number_fits(ProtobufCType type, uint64_t value)
{
    switch (type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_SINT32:
        return value <= UINT32_MAX;
    case PROTOBUF_C_TYPE_BOOL:
        return value <= 1;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        return value <= INT32_MAX || value >= (uint64_t)INT32_MIN;
    default:
        return true;
    }
}

static enum oc_status check_packed(struct check *check, const ProtobufCFieldDescriptor *field,
                                   const struct oc_wire_field *found)
{
    struct oc_wire_cursor cursor = {.bytes = found->data, .n = found->n};
    if (wire_type_of(field->type) != OC_WIRE_VARINT) {
        const size_t each = wire_type_of(field->type) == OC_WIRE_FIXED32 ? 4 : 8;
        check->n_fields += (uint32_t)(found->n / each);
        return found->n % each == 0 ? OC_OK : refuse(check, field->name, "a broken list");
    }
    while (cursor.n > 0) {
        uint64_t value = 0;
        if (!oc_wire_take_varint(&cursor, &value) || !number_fits(field->type, value)) {
            return refuse(check, field->name, "a broken number");
        }
        check->n_fields++;
    }
    return OC_OK;
}

static enum oc_status check_field(struct check *check, const ProtobufCFieldDescriptor *field,
                                  const struct oc_wire_field *found, unsigned level)
{
    const enum oc_wire_type wanted = wire_type_of(field->type);
    if (found->type != wanted) {
        const bool is_packed = found->type == OC_WIRE_BYTES && is_repeated(field);
        return is_packed ? check_packed(check, field, found)
                         : refuse(check, field->name, "another kind of value");
    }
    if (wanted == OC_WIRE_VARINT && !number_fits(field->type, found->value)) {
        return refuse(check, field->name, "a number out of range");
    }
    if (field->type == PROTOBUF_C_TYPE_STRING && !oc_utf8_is_text(found->data, found->n)) {
        return refuse(check, field->name, "not UTF-8 text");
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const struct oc_wire_cursor inner = {.bytes = found->data, .n = found->n};
        if (level >= MAX_LEVELS) {
            return refuse(check, field->name, "nested too deeply");
        }
        return check_message(check, field->descriptor, inner, level + 1);
    }
    return OC_OK;
}

/* The fields that may not stand beside this one: itself, and the others of its oneof. */
static uint64_t exclusion_mask(const ProtobufCMessageDescriptor *descriptor,
                               const ProtobufCFieldDescriptor *field)
{
    uint64_t mask = UINT64_C(1) << (field - descriptor->fields);
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0) {
        return mask;
    }
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *other = &descriptor->fields[i];
        if ((other->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
            other->quantifier_offset == field->quantifier_offset) {
            mask |= UINT64_C(1) << i;
        }
    }
    return mask;
}

static enum oc_status check_known(struct check *check, const ProtobufCMessageDescriptor *descriptor,
                                  const struct oc_wire_field *found, uint64_t *seen, unsigned level)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(descriptor, found->number);
    if (!field) {
        check->facts->n_unknown++;
        return OC_OK;
    }
    const uint64_t excluded = exclusion_mask(descriptor, field);
    if (!is_repeated(field) && (*seen & excluded) != 0) {
        return refuse(check, field->name, "stands twice");
    }
    *seen |= UINT64_C(1) << (field - descriptor->fields);
    return check_field(check, field, found, level);
}

static enum oc_status check_message(struct check *check,
                                    const ProtobufCMessageDescriptor *descriptor,
                                    struct oc_wire_cursor cursor, unsigned level)
{
    assert(descriptor->n_fields <= MAX_FIELDS_OF_A_MESSAGE);
    uint64_t seen = 0;
    for (;;) {
        struct oc_wire_field found;
        const enum oc_wire_result result = oc_wire_next(&cursor, &found);
        if (result == OC_WIRE_END) {
            return OC_OK;
        }
        if (result == OC_WIRE_BROKEN) {
            return refuse(check, descriptor->short_name, "broken encoding");
        }
        check->n_fields++;
        enum oc_status status = check_known(check, descriptor, &found, &seen, level);
        if (status) {
            return status;
        }
        if (check->n_fields > check->max_fields) {
            return refuse(check, descriptor->short_name, "too many fields");
        }
    }
}

enum oc_status oc_wire_check(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
                             size_t n, uint32_t max_fields, struct oc_wire_facts *facts,
                             struct oc_error *err)
{
    struct oc_wire_facts found = {.n_unknown = 0};
    struct check check = {.facts = &found, .err = err, .max_fields = max_fields};
    const struct oc_wire_cursor cursor = {.bytes = bytes, .n = n};
    enum oc_status status = check_message(&check, descriptor, cursor, 1);
    if (status) {
        return status;
    }
    *facts = found;
    return OC_OK;
}
