#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/clean_text.h"
#include "proto/base/cleanup.h"

static void what_could_deceive_a_reader_is_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *dirty;
        const char *clean;
    } rows[] = {
        {"", ""},
        {"plain text", "plain text"},
        {"gr\xc3\xbc\xc3\x9f Gott \xe2\x82\xac \xf0\x9f\x90\xbe",
         "gr\xc3\xbc\xc3\x9f Gott \xe2\x82\xac \xf0\x9f\x90\xbe"},
        {"\x1b[2Jgone", "?[2Jgone"},
        {"a\nb\rc\td\x7f", "a?b?c?d?"},
        {"c1 \xc2\x9b", "c1 ?"},
        {"rtl \xe2\x80\xae txt", "rtl ? txt"},
        {"isolate \xe2\x81\xa6", "isolate ?"},
        {"zero\xe2\x80\x8bwidth \xef\xbb\xbf", "zero?width ?"},
        {"tag \xf3\xa0\x81\x81", "tag ?"},
        {"broken \xff\xc3", "broken ??"},
        {"overlong \xc0\xaf", "overlong ??"},
        {"\xe2\x80", "??"},
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(rows); i++) {
        char text[64];
        strcpy(text, rows[i].dirty);
        oc_clean_text(text);
        assert_string_equal(text, rows[i].clean);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_could_deceive_a_reader_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
