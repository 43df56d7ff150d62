/* Short payloads are decoded into a small arena: it must be enough for all that fits in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/rpc/dispatch.h"

enum {
    LEAST_FIELD_BYTES = 2, /* a tag and an empty value */
    MAX_LEVELS = 8,
    /* Of protobuf-c: a field it does not know, and its copy. */
    UNKNOWN_FIELD_BYTES = sizeof(ProtobufCMessageUnknownField) + OC_ARENA_ALIGNMENT,
};

static size_t aligned(size_t n)
{
    return (n + OC_ARENA_ALIGNMENT - 1) / OC_ARENA_ALIGNMENT * OC_ARENA_ALIGNMENT;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The most that two bytes can cost anywhere in a message of this kind: a place in an array, and
 * what it points to. */
static size_t dearest_field(const ProtobufCMessageDescriptor *kind, unsigned level)
{
    size_t most = UNKNOWN_FIELD_BYTES;
    assert_true(level <= MAX_LEVELS);
    for (unsigned i = 0; i < kind->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &kind->fields[i];
        size_t bytes = sizeof(ProtobufCBinaryData) + OC_ARENA_ALIGNMENT;
        if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
            const ProtobufCMessageDescriptor *inner = field->descriptor;
            bytes = larger(sizeof(void *) + aligned(inner->sizeof_message),
                           dearest_field(inner, level + 1));
        }
        most = larger(most, bytes);
    }
    return most;
}

static size_t dearest_request(const ProtobufCMessageDescriptor *kind)
{
    const size_t n_fields = DISPATCH_SMALL_PAYLOAD_BYTES / LEAST_FIELD_BYTES;
    return aligned(kind->sizeof_message) +
           n_fields * (dearest_field(kind, 1) + OC_ARENA_ALIGNMENT); /* and an array's rounding */
}

static void no_method_s_short_payload_can_cost_more_than_the_small_arena(void **state)
{
    (void)state;
    unsigned n = 0;
    const struct oc_method *table = oc_method_table(&n);
    for (unsigned i = 0; i < n; i++) {
        const ProtobufCMessageDescriptor *kind = oc_method_input(&table[i]);
        if (dearest_request(kind) > DISPATCH_SMALL_ARENA_BYTES) {
            fail_msg("%s: %zu bytes", kind->name, dearest_request(kind));
        }
    }
}

/* As many fields of this tag as there is room for, each empty; or one as long as all of them. */
static void fill(uint8_t tag, bool is_one, uint8_t out[DISPATCH_SMALL_PAYLOAD_BYTES])
{
    memset(out, 0, DISPATCH_SMALL_PAYLOAD_BYTES);
    for (size_t i = 0; i < DISPATCH_SMALL_PAYLOAD_BYTES && !is_one; i += LEAST_FIELD_BYTES) {
        out[i] = tag;
    }
    out[0] = tag;
    out[1] = is_one ? DISPATCH_SMALL_PAYLOAD_BYTES - LEAST_FIELD_BYTES : 0;
}

/* Whether it is a request; asserts that if it is none, the arena is not the reason. */
static bool is_decoded(const struct oc_method *method, uint8_t tag, bool is_one)
{
    _Alignas(OC_ARENA_ALIGNMENT) uint8_t memory[OC_ARENA_HEAD_BYTES + DISPATCH_SMALL_ARENA_BYTES];
    struct oc_arena *arena = oc_arena_at(memory, sizeof memory);
    uint8_t payload[DISPATCH_SMALL_PAYLOAD_BYTES];
    ProtobufCMessage *request = NULL;
    struct oc_error err = {.status = OC_OK};
    fill(tag, is_one, payload);
    const enum oc_status status = oc_payload_unpack(oc_method_input(method), payload,
                                                    sizeof payload, false, arena, &request, &err);
    assert_true(status == OC_OK || status == OC_INVALID_ARGUMENT);
    assert_null(strstr(err.text, "too many fields"));
    return status == OC_OK;
}

static void a_short_payload_is_never_refused_for_its_arena(void **state)
{
    (void)state;
    unsigned n = 0;
    unsigned n_decoded = 0;
    const struct oc_method *table = oc_method_table(&n);
    for (unsigned i = 0; i < n; i++) {
        for (uint8_t tag = 8; tag < 0x80; tag++) { /* fields 1 to 15, every type */
            n_decoded += is_decoded(&table[i], tag, false);
            n_decoded += is_decoded(&table[i], tag, true);
        }
    }
    assert_true(n_decoded > n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_method_s_short_payload_can_cost_more_than_the_small_arena),
        cmocka_unit_test(a_short_payload_is_never_refused_for_its_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
