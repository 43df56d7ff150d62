#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"

static bool is_text(const char *text)
{
    return oc_utf8_is_text((const uint8_t *)text, strlen(text));
}

static void well_formed_text_of_every_length_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t code_point;
    } cases[] = {{"A", 'A'},
                 {"\xc2\x80", 0x80},
                 {"\xdf\xbf", 0x7ff},
                 {"\xe0\xa0\x80", 0x800},
                 {"\xed\x9f\xbf", 0xd7ff},
                 {"\xee\x80\x80", 0xe000},
                 {"\xf0\x90\x80\x80", 0x10000},
                 {"\xf4\x8f\xbf\xbf", 0x10ffff}};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(cases); i++) {
        uint32_t code_point = 0;
        const size_t n = strlen(cases[i].text);
        assert_int_equal(oc_utf8_next((const uint8_t *)cases[i].text, n, &code_point), n);
        assert_int_equal(code_point, cases[i].code_point);
        assert_true(is_text(cases[i].text));
    }
}

static void malformed_text_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "\x80",             /* a continuation byte alone */
        "\xc0\x80",         /* overlong NUL */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* past the last code point */
        "\xf5\x80\x80\x80",
        "\xff",
        "ab\xc3",
        "\xe2\x82",
        "\xc3(",
        "\xe2(\xa1",
        "\xf0\x9f\x92(",
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(cases); i++) {
        assert_false(is_text(cases[i]));
    }
}

static void a_nul_is_no_text(void **state)
{
    (void)state;
    assert_false(oc_utf8_is_text((const uint8_t *)"a\0b", 3));
    assert_true(oc_utf8_is_text(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_text_of_every_length_is_read),
        cmocka_unit_test(malformed_text_is_refused),
        cmocka_unit_test(a_nul_is_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
