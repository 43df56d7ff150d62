/* Token buckets: bursts, gains, waiting times, and clocks that misbehave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/domain/quota.h"

static const struct quota_rate two_a_second = {.per_second = 2, .burst = 5};

static void full_bucket_gives_its_burst_and_no_more(void **state)
{
    (void)state;
    struct quota quota = quota_full(&two_a_second, 1000);
    for (int i = 0; i < 5; i++) {
        assert_true(quota_take(&quota, &two_a_second, 1, 1000));
    }
    assert_false(quota_take(&quota, &two_a_second, 1, 1000));
    assert_int_equal(quota_wait_ms(&quota, &two_a_second, 1, 1000), 500);
}

static void tokens_come_back_at_the_rate(void **state)
{
    (void)state;
    struct quota quota = quota_full(&two_a_second, 0);
    assert_true(quota_take(&quota, &two_a_second, 5, 0));
    assert_false(quota_take(&quota, &two_a_second, 1, 499));
    assert_true(quota_take(&quota, &two_a_second, 1, 500));
    assert_false(quota_take(&quota, &two_a_second, 3, 1999));
    assert_true(quota_take(&quota, &two_a_second, 3, 2000));
}

static void asking_often_does_not_lose_fractions(void **state)
{
    (void)state;
    struct quota_rate slow = {.per_second = 1, .burst = 1};
    struct quota quota = quota_full(&slow, 0);
    assert_true(quota_take(&quota, &slow, 1, 0));
    for (int64_t ms = 1; ms < 1000; ms++) {
        assert_false(quota_take(&quota, &slow, 1, ms));
    }
    assert_true(quota_take(&quota, &slow, 1, 1000));
}

static void long_pause_fills_to_the_brim_only(void **state)
{
    (void)state;
    struct quota_rate fast = {.per_second = UINT32_MAX, .burst = UINT32_MAX};
    struct quota quota = quota_full(&fast, INT64_MIN);
    assert_true(quota_take(&quota, &fast, UINT32_MAX, INT64_MIN));
    assert_true(quota_take(&quota, &fast, UINT32_MAX, INT64_MAX));
    assert_false(quota_take(&quota, &fast, 1, INT64_MAX));
    quota = quota_full(&two_a_second, 0);
    assert_false(quota_take(&quota, &two_a_second, 6, INT64_MAX));
}

static void clock_that_goes_back_gains_nothing(void **state)
{
    (void)state;
    struct quota quota = quota_full(&two_a_second, 10000);
    assert_true(quota_take(&quota, &two_a_second, 5, 10000));
    assert_false(quota_take(&quota, &two_a_second, 1, 0));
    assert_false(quota_take(&quota, &two_a_second, 1, 10499));
    assert_true(quota_take(&quota, &two_a_second, 1, 10500));
}

static void what_can_never_be_had_is_told(void **state)
{
    (void)state;
    struct quota_rate once = {.per_second = 0, .burst = 1};
    struct quota quota = quota_full(&once, 0);
    assert_int_equal(quota_wait_ms(&quota, &once, 1, 0), 0);
    assert_true(quota_take(&quota, &once, 1, 0));
    assert_false(quota_take(&quota, &once, 1, INT64_MAX));
    assert_true(quota_wait_ms(&quota, &once, 1, INT64_MAX) == INT64_MAX);
    assert_true(quota_wait_ms(&quota, &two_a_second, 6, 0) == INT64_MAX);
}

static void waiting_as_told_is_enough(void **state)
{
    (void)state;
    struct quota_rate odd = {.per_second = 7, .burst = 11};
    for (uint32_t cost = 1; cost <= 11; cost++) {
        struct quota quota = quota_full(&odd, 0);
        assert_true(quota_take(&quota, &odd, 11, 0));
        int64_t wait_ms = quota_wait_ms(&quota, &odd, cost, 0);
        struct quota early = quota;
        assert_false(quota_take(&early, &odd, cost, wait_ms - 1));
        assert_true(quota_take(&quota, &odd, cost, wait_ms));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_bucket_gives_its_burst_and_no_more),
        cmocka_unit_test(tokens_come_back_at_the_rate),
        cmocka_unit_test(asking_often_does_not_lose_fractions),
        cmocka_unit_test(long_pause_fills_to_the_brim_only),
        cmocka_unit_test(clock_that_goes_back_gains_nothing),
        cmocka_unit_test(what_can_never_be_had_is_told),
        cmocka_unit_test(waiting_as_told_is_enough),
    };
    return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
