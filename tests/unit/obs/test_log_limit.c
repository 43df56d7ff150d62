/* The limiter of log lines, with time given by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/obs/log_limit.h"

enum {
    WARN = 1,
    INFO = 2,
    N_TOLD = LOG_LIMIT_SOURCES_TOLD + 1,
};

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

static bool ask(struct log_limiter *limiter, const char *subject, const char *detail,
                const char *source, int64_t now_ms)
{
    const struct log_about about = {
        .event = "device.refused", .subject = subject, .detail = detail, .source = source};
    return log_limiter_ask(limiter, &about, WARN, now_ms);
}

static bool ask_again(struct log_limiter *limiter, const char *subject, int64_t now_ms)
{
    const struct log_about about = {
        .event = "session.started", .subject = subject, .source = "192.0.2.1", .may_repeat = true};
    return log_limiter_ask(limiter, &about, INFO, now_ms);
}

static void a_repeated_refusal_is_written_once_an_hour_and_counted(void **state)
{
    struct log_limiter *limiter = *state;
    struct log_left_out told[N_TOLD];
    assert_true(ask(limiter, "9f3c", "pending", "203.0.113.9", 1000));
    for (int i = 0; i < 5; i++) {
        assert_false(ask(limiter, "9f3c", "pending", "203.0.113.9", 2000 + i));
    }
    assert_int_equal(log_limiter_take_left_out(limiter, 60999, false, told), 0);
    assert_int_equal(log_limiter_take_left_out(limiter, 61000, false, told), 1);
    assert_int_equal(told[0].count, 5);
    assert_int_equal(told[0].level, WARN);
    assert_string_equal(told[0].event, "device.refused");
    assert_string_equal(told[0].source, "203.0.113.9");
    assert_string_equal(told[0].subject, "9f3c");
    assert_int_equal(log_limiter_take_left_out(limiter, 200000, true, told), 0);
    assert_false(ask(limiter, "9f3c", "pending", "203.0.113.9", 1000 + LOG_LIMIT_AGAIN_MS - 1));
    assert_true(ask(limiter, "9f3c", "pending", "203.0.113.9", 1000 + LOG_LIMIT_AGAIN_MS));
}

static void another_reason_or_device_is_another_line(void **state)
{
    struct log_limiter *limiter = *state;
    assert_true(ask(limiter, "a", "bc", "203.0.113.9", 0));
    assert_true(ask(limiter, "ab", "c", "203.0.113.9", 0));
    assert_true(ask(limiter, "a", "bd", "203.0.113.9", 0));
    assert_true(ask(limiter, "a", NULL, "203.0.113.9", 0));
    assert_false(ask(limiter, "a", "bc", "198.51.100.1", 0)); /* the device moved: no news */
}

static void one_source_does_not_silence_another(void **state)
{
    struct log_limiter *limiter = *state;
    struct log_left_out told[N_TOLD];
    char subject[32];
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(subject, sizeof subject, "key %d", i);
        assert_int_equal(ask(limiter, subject, "pending", "203.0.113.9", i * 10),
                         i < LOG_LIMIT_PER_SOURCE);
    }
    assert_true(ask(limiter, "honest", "pending", "198.51.100.1", 10000));
    assert_int_equal(log_limiter_take_left_out(limiter, 0, true, told), 1);
    assert_int_equal(told[0].count, 1000 - LOG_LIMIT_PER_SOURCE);
    assert_string_equal(told[0].subject, ""); /* several */
    assert_true(ask(limiter, "the next window", "pending", "203.0.113.9", 10001));
}

static void an_approved_device_that_flaps_is_bounded_per_device_only(void **state)
{
    struct log_limiter *limiter = *state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(ask_again(limiter, "flapping", i), i < LOG_LIMIT_PER_SUBJECT);
    }
    for (int i = 0; i < 1000; i++) {
        char subject[32];
        (void)snprintf(subject, sizeof subject, "fleet %d", i);
        assert_true(ask_again(limiter, subject, 200));
    }
    assert_true(ask_again(limiter, "flapping", LOG_LIMIT_WINDOW_MS));
}

/* n asks in ten seconds, each of a new key from one of n_sources; everything must add up. */
static void flood(struct log_limiter *limiter, uint64_t n, uint64_t n_sources)
{
    struct log_left_out told[N_TOLD];
    uint64_t n_written = 0;
    uint64_t n_told = 0;
    for (uint64_t i = 0; i < n; i++) {
        char subject[32];
        char source[32];
        (void)snprintf(subject, sizeof subject, "%ju", (uintmax_t)i);
        (void)snprintf(source, sizeof source, "s%ju", (uintmax_t)(i % n_sources));
        n_written += ask(limiter, subject, "pending", source, (int64_t)(i * 10000 / n));
    }
    assert_in_range(n_written, LOG_LIMIT_BURST, LOG_LIMIT_BURST + 10 * LOG_LIMIT_PER_SECOND);
    size_t n_lines = log_limiter_take_left_out(limiter, LOG_LIMIT_WINDOW_MS, false, told);
    assert_in_range(n_lines, 1, N_TOLD);
    for (size_t i = 0; i < n_lines; i++) {
        n_told += told[i].count;
        assert_true(i < 2 || !told[i].event || told[i].count <= told[i - 1].count);
    }
    assert_int_equal(n_written + n_told, n);
}

static void a_flood_is_bounded_in_lines_and_none_of_it_goes_uncounted(void **state)
{
    flood(*state, 100000, 2000);
}

static void the_busiest_sources_are_told_apart_and_the_rest_together(void **state)
{
    struct log_limiter *limiter = *state;
    struct log_left_out told[N_TOLD];
    for (int source = 0; source < 25; source++) {
        char text[32];
        (void)snprintf(text, sizeof text, "s%d", source);
        for (int i = 0; i < source + 2; i++) {
            (void)ask(limiter, text, "pending", text, 0);
        }
    }
    assert_int_equal(log_limiter_take_left_out(limiter, 0, true, told), N_TOLD);
    assert_string_equal(told[0].source, "s24");
    assert_int_equal(told[0].count, 25);
    assert_string_equal(told[LOG_LIMIT_SOURCES_TOLD - 1].source, "s5");
    assert_null(told[LOG_LIMIT_SOURCES_TOLD].event);
    assert_int_equal(told[LOG_LIMIT_SOURCES_TOLD].count, 1 + 2 + 3 + 4 + 5);
}

int main(void)
{
#define WITH_LIMITER(test) cmocka_unit_test_setup_teardown(test, new_limiter, free_limiter)
    const struct CMUnitTest tests[] = {
        WITH_LIMITER(a_repeated_refusal_is_written_once_an_hour_and_counted),
        WITH_LIMITER(another_reason_or_device_is_another_line),
        WITH_LIMITER(one_source_does_not_silence_another),
        WITH_LIMITER(an_approved_device_that_flaps_is_bounded_per_device_only),
        WITH_LIMITER(a_flood_is_bounded_in_lines_and_none_of_it_goes_uncounted),
        WITH_LIMITER(the_busiest_sources_are_told_apart_and_the_rest_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
