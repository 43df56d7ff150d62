/*
 * The protobuf wire format, one field at a time: what envelope.c and wire_check.c read and write
 * with. Reads never go past the bytes given; groups and broken numbers end the reading.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum oc_wire_type {
    OC_WIRE_VARINT = 0,
    OC_WIRE_FIXED64 = 1,
    OC_WIRE_BYTES = 2,
    OC_WIRE_FIXED32 = 5,
};

enum oc_wire_result {
    OC_WIRE_FIELD,
    OC_WIRE_END,
    OC_WIRE_BROKEN,
};

struct oc_wire_field {
    uint32_t number;
    enum oc_wire_type type;
    uint64_t value;      /* VARINT */
    const uint8_t *data; /* BYTES and FIXED: borrowed */
    size_t n;
};

struct oc_wire_cursor {
    const uint8_t *bytes;
    size_t n;
};

/* Takes the next field off the front. */
enum oc_wire_result oc_wire_next(struct oc_wire_cursor *cursor, struct oc_wire_field *field);

/* Takes one number of at most 64 bits off the front; false if there is none. */
bool oc_wire_take_varint(struct oc_wire_cursor *cursor, uint64_t *value);

/* A writer that counts on when the room is used up; `n` past `cap` means it did not fit. */
struct oc_wire_writer {
    uint8_t *out;
    size_t cap;
    size_t n;
};

/* Both write nothing for the default (0, no bytes), as proto3 does. */
void oc_wire_put_number(struct oc_wire_writer *writer, uint32_t field, uint64_t value);
void oc_wire_put_bytes(struct oc_wire_writer *writer, uint32_t field, const void *data, size_t n);

/* The tag and length of a field of n bytes that the caller writes itself. */
void oc_wire_put_length(struct oc_wire_writer *writer, uint32_t field, size_t n);
