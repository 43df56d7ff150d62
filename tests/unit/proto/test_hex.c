#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/hex.h"
#include "proto/base/secret.h"

static void formats_and_parses_every_byte(void **state)
{
    (void)state;
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    char text[2 * sizeof bytes + 1];
    uint8_t back[sizeof bytes];
    oc_hex_format(bytes, sizeof bytes, text);
    assert_int_equal(strlen(text), 2 * sizeof bytes);
    assert_true(oc_hex_parse(text, sizeof bytes, back));
    assert_memory_equal(bytes, back, sizeof bytes);
}

static void accepts_either_case_and_nothing_else(void **state)
{
    (void)state;
    uint8_t out[2] = {7, 7};
    assert_true(oc_hex_parse("aBCd", 2, out));
    assert_int_equal(out[0], 0xab);
    assert_int_equal(out[1], 0xcd);
    const char *const bad[] = {"", "abc", "abcde", "abcdef", "ab c", "abcg", "0xab", "ab\xc3\xa4"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(oc_hex_parse(bad[i], 2, out));
        assert_int_equal(out[0], 0xab);
    }
}

static void wipe_zeroes_and_compare_sees_every_byte(void **state)
{
    (void)state;
    uint8_t a[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t b[8];
    memcpy(b, a, sizeof a);
    assert_true(oc_equal_constant_time(a, b, sizeof a));
    for (size_t i = 0; i < sizeof a; i++) {
        b[i] ^= 0x80;
        assert_false(oc_equal_constant_time(a, b, sizeof a));
        b[i] ^= 0x80;
    }
    const uint8_t zeros[8] = {0};
    oc_wipe(a, sizeof a);
    assert_memory_equal(a, zeros, sizeof a);
    oc_wipe(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_and_parses_every_byte),
        cmocka_unit_test(accepts_either_case_and_nothing_else),
        cmocka_unit_test(wipe_zeroes_and_compare_sees_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
