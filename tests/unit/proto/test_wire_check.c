#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/pairing.pb-c.h"
#include "proto/base/cleanup.h"
#include "proto/rpc/wire_check.h"

enum { MAX_FIELDS = 4096 };

static const ProtobufCMessageDescriptor *const connect_request =
    &openclaw__v1__connect_request__descriptor;

static enum oc_status check(const ProtobufCMessageDescriptor *descriptor, const char *bytes,
                            size_t n, uint32_t *n_unknown, struct oc_error *err)
{
    struct oc_wire_facts facts = {.n_unknown = 99};
    enum oc_status status =
        oc_wire_check(descriptor, (const uint8_t *)bytes, n, MAX_FIELDS, &facts, err);
    *n_unknown = facts.n_unknown;
    return status;
}

static void sound_messages_pass(void **state)
{
    (void)state;
    uint32_t n_unknown = 99;
    assert_int_equal(check(connect_request, "", 0, &n_unknown, NULL), OC_OK);
    assert_int_equal(n_unknown, 0);
    const char connect[] = "\x0a\x0d\x0a\x05"
                           "agent\x12\x04"
                           "chat\x12\x06w\xc3\xbcrze\x1a\x06\x0a\x01k\x12\x01v\x50\x07";
    assert_int_equal(check(connect_request, connect, sizeof connect - 1, &n_unknown, NULL), OC_OK);
    const char states[] = "\x1a\x02\x01\x02\x18\x03"; /* packed, and one by one */
    assert_int_equal(
        check(&openclaw__v1__list_devices_request__descriptor, states, 6, &n_unknown, NULL), OC_OK);
}

static void unsound_messages_name_the_field(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        size_t n;
        const char *bytes;
    } cases[] = {
        {"ConnectRequest", 1, "\x12"},      /* cut after the tag */
        {"ConnectRequest", 3, "\x12\x05w"}, /* length past the end */
        {"ConnectRequest", 2, "\x13\x14"},  /* a group */
        {"ConnectRequest", 2, "\x16\x00"},  /* wire type 6 */
        {"ConnectRequest", 2, "\x02\x00"},  /* field number 0 */
        {"ConnectRequest", 12, "\x50\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"}, /* 65 bits */
        {"name", 2, "\x10\x01"},                /* a number for a text */
        {"session_counter", 3, "\x52\x01\x01"}, /* bytes for a number */
        {"name", 4, "\x12\x02\xc3\x28"},        /* not UTF-8 */
        {"name", 5,
         "\x12\x03"
         "a\x00"
         "b"}, /* a NUL */
        {"name", 6,
         "\x12\x01"
         "a\x12\x01"
         "b"},                                             /* twice */
        {"asked", 4, "\x0a\x00\x0a\x00"},                  /* twice: protobuf would merge */
        {"value", 9, "\x1a\x07\x0a\x01k\x12\x02\xed\xa0"}, /* inside a label */
        {"Grant", 3, "\x0a\x01\x0a"},                      /* broken inside */
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(cases); i++) {
        uint32_t n_unknown = 0;
        struct oc_error err;
        assert_int_equal(check(connect_request, cases[i].bytes, cases[i].n, &n_unknown, &err),
                         OC_INVALID_ARGUMENT);
        assert_string_equal(err.field, cases[i].field);
        assert_int_equal(n_unknown, 99);
    }
}

static void numbers_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *list = &openclaw__v1__list_devices_request__descriptor;
    const ProtobufCMessageDescriptor *expect = &openclaw__v1__expect_request__descriptor;
    uint32_t n_unknown = 0;
    assert_int_equal(check(list, "\x08\xff\xff\xff\xff\x0f", 6, &n_unknown, NULL), OC_OK);
    assert_int_equal(check(list, "\x08\x80\x80\x80\x80\x10", 6, &n_unknown, NULL),
                     OC_INVALID_ARGUMENT);
    assert_int_equal(check(list, "\x18\x80\x80\x80\x80\x10", 6, &n_unknown, NULL),
                     OC_INVALID_ARGUMENT);
    assert_int_equal(check(list, "\x1a\x02\x01\x80", 4, &n_unknown, NULL), OC_INVALID_ARGUMENT);
    assert_int_equal(check(expect, "\x10\x02", 2, &n_unknown, NULL), OC_INVALID_ARGUMENT);
    assert_int_equal(check(expect, "\x10\x01", 2, &n_unknown, NULL), OC_OK);
}

static void two_members_of_a_oneof_are_refused(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *reply = &openclaw__v1__connect_reply__descriptor;
    uint32_t n_unknown = 0;
    assert_int_equal(check(reply, "\x12\x00", 2, &n_unknown, NULL), OC_OK);
    assert_int_equal(check(reply, "\x12\x00\x1a\x00", 4, &n_unknown, NULL), OC_INVALID_ARGUMENT);
}

static void unknown_fields_are_counted_at_every_level(void **state)
{
    (void)state;
    uint32_t n_unknown = 0;
    const char newer[] = "\x6a\x01x\x0a\x03\x98\x06\x01\x1a\x02\x7a\x00";
    assert_int_equal(check(connect_request, newer, sizeof newer - 1, &n_unknown, NULL), OC_OK);
    assert_int_equal(n_unknown, 3);
}

static void too_many_fields_are_refused(void **state)
{
    (void)state;
    static char labels[2 * (MAX_FIELDS + 1)];
    uint32_t n_unknown = 0;
    for (size_t i = 0; i < sizeof labels; i += 2) {
        labels[i] = 0x1a;
    }
    assert_int_equal(check(connect_request, labels, 2 * (size_t)MAX_FIELDS, &n_unknown, NULL),
                     OC_OK);
    assert_int_equal(check(connect_request, labels, sizeof labels, &n_unknown, NULL),
                     OC_INVALID_ARGUMENT);
    static char states[3 + MAX_FIELDS] = {0x1a, (char)0x80, 0x20}; /* packed: 4096 numbers */
    assert_int_equal(check(&openclaw__v1__list_devices_request__descriptor, states, sizeof states,
                           &n_unknown, NULL),
                     OC_INVALID_ARGUMENT);
}

/* No schema of ours nests this deep, so the descriptor is made here: a message that holds itself.
 */
static void nesting_ends_at_eight_levels(void **state)
{
    (void)state;
    static ProtobufCMessageDescriptor nest;
    static ProtobufCFieldDescriptor field = {
        .name = "inner",
        .id = 1,
        .label = PROTOBUF_C_LABEL_NONE,
        .type = PROTOBUF_C_TYPE_MESSAGE,
        .descriptor = &nest,
    };
    static const ProtobufCIntRange ranges[] = {{1, 0}, {0, 1}};
    nest = (ProtobufCMessageDescriptor){
        .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
        .short_name = "Nest",
        .n_fields = 1,
        .fields = &field,
        .n_field_ranges = 1,
        .field_ranges = ranges,
    };
    uint32_t n_unknown = 0;
    const char seven[] = "\x0a\x0c\x0a\x0a\x0a\x08\x0a\x06\x0a\x04\x0a\x02\x0a\x00";
    const char eight[] = "\x0a\x0e\x0a\x0c\x0a\x0a\x0a\x08\x0a\x06\x0a\x04\x0a\x02\x0a\x00";
    assert_int_equal(check(&nest, seven, sizeof seven - 1, &n_unknown, NULL), OC_OK);
    assert_int_equal(check(&nest, eight, sizeof eight - 1, &n_unknown, NULL), OC_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_messages_pass),
        cmocka_unit_test(unsound_messages_name_the_field),
        cmocka_unit_test(numbers_that_do_not_fit_are_refused),
        cmocka_unit_test(two_members_of_a_oneof_are_refused),
        cmocka_unit_test(unknown_fields_are_counted_at_every_level),
        cmocka_unit_test(too_many_fields_are_refused),
        cmocka_unit_test(nesting_ends_at_eight_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
