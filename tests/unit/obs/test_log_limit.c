/* The limiter of log lines, with time given by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/obs/log_limit.h"

static int new_limiter(void **state)
{
    *state = calloc(1, sizeof(struct log_limiter));
    return *state ? 0 : -1;
}

static int free_limiter(void **state)
{
    free(*state);
    return 0;
}

static void a_repeated_line_is_left_out_for_the_interval_and_counted(void **state)
{
    struct log_limiter *limiter = *state;
    assert_true(log_limiter_ask(limiter, "frame.bad", "203.0.113.9", 1000).may_write);
    for (int i = 0; i < 5; i++) {
        assert_false(log_limiter_ask(limiter, "frame.bad", "203.0.113.9", 10999).may_write);
    }
    struct log_verdict verdict = log_limiter_ask(limiter, "frame.bad", "203.0.113.9", 11000);
    assert_true(verdict.may_write);
    assert_int_equal(verdict.n_suppressed, 5);
    assert_int_equal(log_limiter_ask(limiter, "frame.bad", "203.0.113.9", 22000).n_suppressed, 0);
}

static void subjects_and_events_do_not_silence_each_other(void **state)
{
    struct log_limiter *limiter = *state;
    assert_true(log_limiter_ask(limiter, "a", "bc", 0).may_write);
    assert_true(log_limiter_ask(limiter, "ab", "c", 0).may_write);
    assert_true(log_limiter_ask(limiter, "a", "bd", 0).may_write);
}

static void ever_new_subjects_are_bounded_in_all_and_none_goes_uncounted(void **state)
{
    struct log_limiter *limiter = *state;
    uint64_t n_written = 0;
    uint64_t n_told = 0;
    const uint64_t n_asked = 100000;
    for (uint64_t i = 0; i < n_asked; i++) {
        char subject[32];
        (void)snprintf(subject, sizeof subject, "%ju", (uintmax_t)i);
        struct log_verdict verdict =
            log_limiter_ask(limiter, "frame.bad", subject, (int64_t)(i / 10)); /* 10 s in all */
        n_written += verdict.may_write;
        n_told += verdict.n_suppressed + verdict.n_unattributed;
    }
    assert_in_range(n_written, LOG_LIMIT_BURST, LOG_LIMIT_BURST + 10 * LOG_LIMIT_PER_SECOND);
    n_told += log_limiter_ask(limiter, "other", "x", 1000000).n_unattributed;
    assert_int_equal(n_written + n_told, n_asked);
}

int main(void)
{
#define WITH_LIMITER(test) cmocka_unit_test_setup_teardown(test, new_limiter, free_limiter)
    const struct CMUnitTest tests[] = {
        WITH_LIMITER(a_repeated_line_is_left_out_for_the_interval_and_counted),
        WITH_LIMITER(subjects_and_events_do_not_silence_each_other),
        WITH_LIMITER(ever_new_subjects_are_bounded_in_all_and_none_goes_uncounted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
