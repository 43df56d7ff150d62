#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/rpc/limits.h"
#include "proto/rpc/sp.h"

enum { MAX_LENGTH = 64 };

/* Writes one message and returns its length. */
static size_t put_message(bool is_ipc, uint32_t word, const char *body, uint8_t *out)
{
    size_t n = oc_sp_header(is_ipc, word, strlen(body), out);
    memcpy(out + n, body, strlen(body));
    return n + strlen(body);
}

static void the_header_is_right_to_the_byte(void **state)
{
    (void)state;
    const uint8_t tcp[] = {0, 0, 0, 0, 0, 0, 0x01, 0x06, 0x80, 0x00, 0xab, 0xcd};
    uint8_t header[OC_SP_MAX_HEADER_BYTES];
    assert_int_equal(oc_sp_header(false, 0x8000abcd, 0x102, header), sizeof tcp);
    assert_memory_equal(header, tcp, sizeof tcp);
    assert_int_equal(oc_sp_header(true, 0x8000abcd, 0x102, header), sizeof tcp + 1);
    assert_int_equal(header[0], 1);
    assert_memory_equal(header + 1, tcp, sizeof tcp);
}

static void greetings_match_the_other_role_alone(void **state)
{
    (void)state;
    const uint8_t caller[] = {0x00, 0x53, 0x50, 0x00, 0x00, 0x30, 0x00, 0x00};
    uint8_t greeting[OC_SP_GREETING_BYTES];
    oc_sp_greeting(OC_SP_CALLER, greeting);
    assert_memory_equal(greeting, caller, sizeof caller);
    assert_true(oc_sp_greeting_matches(OC_SP_GATEWAY, greeting, 8));
    assert_false(oc_sp_greeting_matches(OC_SP_CALLER, greeting, 8));
    oc_sp_greeting(OC_SP_GATEWAY, greeting);
    assert_true(oc_sp_greeting_matches(OC_SP_CALLER, greeting, 8));
    assert_false(oc_sp_greeting_matches(OC_SP_GATEWAY, greeting, 8));
}

static void a_wrong_greeting_is_seen_at_its_first_wrong_byte(void **state)
{
    (void)state;
    uint8_t greeting[OC_SP_GREETING_BYTES];
    oc_sp_greeting(OC_SP_CALLER, greeting);
    for (size_t i = 0; i < sizeof greeting; i++) {
        greeting[i] ^= 1;
        assert_true(oc_sp_greeting_matches(OC_SP_GATEWAY, greeting, i));
        assert_false(oc_sp_greeting_matches(OC_SP_GATEWAY, greeting, i + 1));
        greeting[i] ^= 1;
    }
}

static void a_stream_cut_anywhere_gives_the_same_messages(void **state)
{
    (void)state;
    for (int ipc = 0; ipc < 2; ipc++) {
        uint8_t stream[128];
        size_t n = put_message(ipc, 0x80000001, "one", stream);
        const size_t n_first = n;
        n += put_message(ipc, 0xffffffff, "", stream + n);
        for (size_t cut = 0; cut <= n; cut++) {
            struct oc_sp_frame frame;
            enum oc_sp_result result = oc_sp_next(ipc, stream, cut, MAX_LENGTH, &frame);
            if (cut < n_first) {
                assert_int_equal(result, OC_SP_NEED_MORE);
                continue;
            }
            assert_int_equal(result, OC_SP_FRAME);
            assert_int_equal(frame.word, 0x80000001);
            assert_int_equal(frame.n_body, 3);
            assert_memory_equal(frame.body, "one", 3);
            assert_int_equal(frame.n_consumed, n_first);
            result = oc_sp_next(ipc, stream + n_first, cut - n_first, MAX_LENGTH, &frame);
            assert_int_equal(result, cut < n ? OC_SP_NEED_MORE : OC_SP_FRAME);
        }
    }
}

static void a_length_over_the_bound_breaks_before_its_body_arrives(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {MAX_LENGTH + 1, 0x80000000u, 0xffffffffu, UINT64_MAX - 8,
                                       UINT64_MAX};
    for (int ipc = 0; ipc < 2; ipc++) {
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            uint8_t bytes[9] = {1};
            for (size_t k = 0; k < 8; k++) {
                bytes[(ipc ? 1 : 0) + k] = (uint8_t)(lengths[i] >> (56 - 8 * k));
            }
            struct oc_sp_frame frame;
            const size_t n = ipc ? 9 : 8;
            assert_int_equal(oc_sp_next(ipc, bytes, n - 1, MAX_LENGTH, &frame), OC_SP_NEED_MORE);
            assert_int_equal(oc_sp_next(ipc, bytes, n, MAX_LENGTH, &frame), OC_SP_BROKEN);
        }
    }
}

static void a_length_at_the_bound_passes(void **state)
{
    (void)state;
    uint8_t bytes[OC_SP_MAX_HEADER_BYTES + MAX_LENGTH] = {0};
    struct oc_sp_frame frame;
    size_t n = oc_sp_header(false, 0x80000000, MAX_LENGTH - 4, bytes) + MAX_LENGTH - 4;
    assert_int_equal(oc_sp_next(false, bytes, n, MAX_LENGTH, &frame), OC_SP_FRAME);
    assert_int_equal(frame.n_consumed, n);
}

static void a_length_that_holds_no_word_breaks(void **state)
{
    (void)state;
    for (uint8_t length = 0; length < 4; length++) {
        const uint8_t bytes[12] = {0, 0, 0, 0, 0, 0, 0, length, 0x80};
        struct oc_sp_frame frame;
        assert_int_equal(oc_sp_next(false, bytes, 8, MAX_LENGTH, &frame), OC_SP_BROKEN);
    }
}

static void a_routing_word_breaks_at_its_first_byte(void **state)
{
    (void)state;
    for (int ipc = 0; ipc < 2; ipc++) {
        uint8_t bytes[64];
        size_t n = put_message(ipc, 0x7fffffff, "body", bytes);
        struct oc_sp_frame frame;
        const size_t n_prefix = ipc ? 9 : 8;
        assert_int_equal(oc_sp_next(ipc, bytes, n_prefix, MAX_LENGTH, &frame), OC_SP_NEED_MORE);
        assert_int_equal(oc_sp_next(ipc, bytes, n_prefix + 1, MAX_LENGTH, &frame), OC_SP_BROKEN);
        assert_int_equal(oc_sp_next(ipc, bytes, n, MAX_LENGTH, &frame), OC_SP_BROKEN);
    }
}

static void a_wrong_ipc_mark_breaks_at_once(void **state)
{
    (void)state;
    const uint8_t bytes[] = {2};
    struct oc_sp_frame frame;
    assert_int_equal(oc_sp_next(true, bytes, 1, MAX_LENGTH, &frame), OC_SP_BROKEN);
    assert_int_equal(oc_sp_next(true, bytes, 0, MAX_LENGTH, &frame), OC_SP_NEED_MORE);
}

static void wanted_is_known_with_the_length_and_does_not_wrap(void **state)
{
    (void)state;
    uint8_t bytes[64];
    size_t n = put_message(false, 0x80000001, "four", bytes);
    assert_int_equal(oc_sp_wanted(false, bytes, 7), 0);
    assert_int_equal(oc_sp_wanted(false, bytes, 8), n);
    n = put_message(true, 0x80000001, "four", bytes);
    assert_int_equal(oc_sp_wanted(true, bytes, 8), 0);
    assert_int_equal(oc_sp_wanted(true, bytes, 9), n);
    memset(bytes, 0xff, 9);
    assert_true(oc_sp_wanted(true, bytes, 9) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_is_right_to_the_byte),
        cmocka_unit_test(greetings_match_the_other_role_alone),
        cmocka_unit_test(a_wrong_greeting_is_seen_at_its_first_wrong_byte),
        cmocka_unit_test(a_stream_cut_anywhere_gives_the_same_messages),
        cmocka_unit_test(a_length_over_the_bound_breaks_before_its_body_arrives),
        cmocka_unit_test(a_length_at_the_bound_passes),
        cmocka_unit_test(a_length_that_holds_no_word_breaks),
        cmocka_unit_test(a_routing_word_breaks_at_its_first_byte),
        cmocka_unit_test(a_wrong_ipc_mark_breaks_at_once),
        cmocka_unit_test(wanted_is_known_with_the_length_and_does_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
