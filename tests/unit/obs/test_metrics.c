/* The table of metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/obs/metrics.h"

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text);
    return n > strlen(end) && !strcmp(text + n - strlen(end), end);
}

static void every_metric_has_a_name_that_ends_in_its_unit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        const char *name = metric_name((enum metric)i);
        assert_non_null(name);
        assert_int_equal(strncmp(name, "openclaw_", strlen("openclaw_")), 0);
        assert_true(ends_in(name, "_total") || ends_in(name, "_count"));
        for (unsigned other = 0; other < i; other++) {
            assert_string_not_equal(name, metric_name((enum metric)other));
        }
    }
}

static void collect(void *user, const char *name, int64_t value)
{
    int64_t *sum = user;
    assert_non_null(name);
    *sum += value;
}

static void what_is_added_and_set_is_read_out(void **state)
{
    (void)state;
    metric_add(METRIC_CALLS_TOTAL, 2);
    metric_add(METRIC_CALLS_TOTAL, 3);
    metric_set(METRIC_SESSIONS_COUNT, 7);
    metric_add(METRIC_SESSIONS_COUNT, -1);
    assert_int_equal(metric_get(METRIC_CALLS_TOTAL), 5);
    assert_int_equal(metric_get(METRIC_SESSIONS_COUNT), 6);
    int64_t sum = 0;
    metrics_read(collect, &sum);
    assert_int_equal(sum, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_metric_has_a_name_that_ends_in_its_unit),
        cmocka_unit_test(what_is_added_and_set_is_read_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
