/* Times, ages and durations as people and scripts write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/moment.h"

static void a_moment_is_written_in_utc_with_milliseconds(void **state)
{
    (void)state;
    char out[MOMENT_BYTES];
    moment_format(1795348800125, out);
    assert_string_equal(out, "2026-11-22T12:00:00.125Z");
    moment_format(-1, out);
    assert_string_equal(out, "1969-12-31T23:59:59.999Z");
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    static const int64_t moments[] = {1, 951782400000, 1795348800125, 4102444799999};
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        char text[MOMENT_BYTES];
        int64_t back = 0;
        moment_format(moments[i], text);
        assert_true(moment_parse(text, &back));
        assert_int_equal(back, moments[i]);
    }
}

static void offsets_dates_and_fractions_are_read(void **state)
{
    (void)state;
    int64_t at = 0;
    assert_true(moment_parse("2026-11-22T13:30:00+01:30", &at));
    assert_int_equal(at, 1795348800000);
    assert_true(moment_parse("2026-11-22", &at));
    assert_int_equal(at, 1795305600000);
    assert_true(moment_parse("2026-11-22T12:00:00.1234Z", &at));
    assert_int_equal(at, 1795348800123);
}

static void what_is_no_moment_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "tomorrow",
        "2026-02-30",
        "2026-13-01",
        "2026-11-22T12:00:00",
        "2026-11-22T",
        "2026-11-22T24:00:00Z",
        "2026-11-22T12:00:00Zx",
        "26-11-22",
        "2026-11-22T12:00:00.Z",
        "1969-01-01",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int64_t at = 7;
        assert_false(moment_parse(wrong[i], &at));
        assert_int_equal(at, 7);
    }
}

static void an_age_has_one_unit(void **state)
{
    (void)state;
    static const struct {
        int64_t age_ms;
        const char *text;
    } table[] = {
        {0, "0s"},       {119999, "119s"},   {120000, "2m"},    {7199999, "119m"},
        {7200000, "2h"}, {172799999, "47h"}, {172800000, "2d"}, {-60000, "in 60s"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char out[MOMENT_BYTES];
        moment_format_age(1795348800000 - table[i].age_ms, 1795348800000, out);
        assert_string_equal(out, table[i].text);
    }
}

static void durations_need_a_unit_and_a_bound(void **state)
{
    (void)state;
    int64_t ms = 0;
    assert_true(duration_parse("500ms", &ms) && ms == 500);
    assert_true(duration_parse("8h", &ms) && ms == INT64_C(8) * 3600 * 1000);
    assert_true(duration_parse("7d", &ms) && ms == 7LL * 24 * 3600 * 1000);
    static const char *const wrong[] = {
        "",     "8",   "h",      "0s",           "-1s",
        "1.5h", "8 h", "8hours", "99999999999d", "18446744073709551617s"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(duration_parse(wrong[i], &ms));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_moment_is_written_in_utc_with_milliseconds),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(offsets_dates_and_fractions_are_read),
        cmocka_unit_test(what_is_no_moment_is_refused),
        cmocka_unit_test(an_age_has_one_unit),
        cmocka_unit_test(durations_need_a_unit_and_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
