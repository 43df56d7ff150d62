/* See wire.h. */
#include "proto/rpc/wire.h"

#include <string.h>

enum {
    MAX_VARINT_BYTES = 10,
    TYPE_BITS = 3,
};

static bool take_long_varint(struct oc_wire_cursor *cursor, uint64_t *value)
{
    uint64_t number = 0;
    for (size_t i = 0; i < MAX_VARINT_BYTES && i < cursor->n; i++) {
        const uint8_t byte = cursor->bytes[i];
        if (i == MAX_VARINT_BYTES - 1 && byte > 1) {
            return false; /* more than 64 bits */
        }
        number |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            cursor->bytes += i + 1;
            cursor->n -= i + 1;
            *value = number;
            return true;
        }
    }
    return false;
}

/* Most numbers, tags and lengths are one byte. */
static inline bool take_varint(struct oc_wire_cursor *cursor, uint64_t *value)
{
    if (cursor->n == 0 || cursor->bytes[0] >= 0x80) {
        return take_long_varint(cursor, value);
    }
    *value = cursor->bytes[0];
    cursor->bytes++;
    cursor->n--;
    return true;
}

bool oc_wire_take_varint(struct oc_wire_cursor *cursor, uint64_t *value)
{
    return take_varint(cursor, value);
}

static bool take_bytes(struct oc_wire_cursor *cursor, uint64_t n, struct oc_wire_field *field)
{
    if (n > cursor->n) {
        return false;
    }
    field->data = cursor->bytes;
    field->n = (size_t)n;
    cursor->bytes += n;
    cursor->n -= (size_t)n;
    return true;
}

static bool take_content(struct oc_wire_cursor *cursor, uint64_t type, struct oc_wire_field *field)
{
    uint64_t length = 0;
    switch (type) {
    case OC_WIRE_VARINT:
        return take_varint(cursor, &field->value);
    case OC_WIRE_FIXED64:
        return take_bytes(cursor, 8, field);
    case OC_WIRE_FIXED32:
        return take_bytes(cursor, 4, field);
    case OC_WIRE_BYTES:
        return take_varint(cursor, &length) && take_bytes(cursor, length, field);
    default:
        return false; /* groups, and what is no type at all */
    }
}

enum oc_wire_result oc_wire_next(struct oc_wire_cursor *cursor, struct oc_wire_field *field)
{
    if (cursor->n == 0) {
        return OC_WIRE_END;
    }
    uint64_t tag = 0;
    if (!take_varint(cursor, &tag) || tag > UINT32_MAX || tag >> TYPE_BITS == 0) {
        return OC_WIRE_BROKEN;
    }
    *field = (struct oc_wire_field){.number = (uint32_t)(tag >> TYPE_BITS)};
    if (!take_content(cursor, tag & 7, field)) {
        return OC_WIRE_BROKEN;
    }
    field->type = (enum oc_wire_type)(tag & 7);
    return OC_WIRE_FIELD;
}

static void put_raw(struct oc_wire_writer *writer, const void *data, size_t n)
{
    if (n > 0 && writer->n <= writer->cap && n <= writer->cap - writer->n) {
        memcpy(writer->out + writer->n, data, n);
    }
    writer->n += n;
}

static void put_long_varint(struct oc_wire_writer *writer, uint64_t value)
{
    uint8_t bytes[MAX_VARINT_BYTES];
    size_t n = 0;
    while (value >= 0x80) {
        bytes[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[n++] = (uint8_t)value;
    put_raw(writer, bytes, n);
}

static inline void put_varint(struct oc_wire_writer *writer, uint64_t value)
{
    if (value >= 0x80) {
        put_long_varint(writer, value);
        return;
    }
    if (writer->n < writer->cap) {
        writer->out[writer->n] = (uint8_t)value;
    }
    writer->n++;
}

static void put_tag(struct oc_wire_writer *writer, uint32_t field, enum oc_wire_type type)
{
    put_varint(writer, (uint64_t)field << TYPE_BITS | (uint64_t)type);
}

void oc_wire_put_number(struct oc_wire_writer *writer, uint32_t field, uint64_t value)
{
    if (value != 0) {
        put_tag(writer, field, OC_WIRE_VARINT);
        put_varint(writer, value);
    }
}

void oc_wire_put_length(struct oc_wire_writer *writer, uint32_t field, size_t n)
{
    put_tag(writer, field, OC_WIRE_BYTES);
    put_varint(writer, n);
}

void oc_wire_put_bytes(struct oc_wire_writer *writer, uint32_t field, const void *data, size_t n)
{
    if (n > 0) {
        oc_wire_put_length(writer, field, n);
        put_raw(writer, data, n);
    }
}
