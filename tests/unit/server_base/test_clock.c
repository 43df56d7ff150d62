/* The system clock, driven by two fake clocks of the machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/base/clock.h"

struct machine {
    int64_t wall_ms;
    int64_t monotonic_ms;
    struct system_clock *system;
    struct clock clock;
};

static int64_t wall_ms(void *user)
{
    return ((struct machine *)user)->wall_ms;
}

static int64_t monotonic_ms(void *user)
{
    return ((struct machine *)user)->monotonic_ms;
}

static const int64_t START_MS = 1700000000000;

static int start_machine(void **state)
{
    static struct machine machine;
    machine = (struct machine){.wall_ms = START_MS, .monotonic_ms = 5000};
    machine.system = system_clock_new(&(struct clock_source){wall_ms, monotonic_ms, &machine});
    assert_non_null(machine.system);
    machine.clock = system_clock_clock(machine.system);
    *state = &machine;
    return 0;
}

static int stop_machine(void **state)
{
    struct machine *machine = *state;
    system_clock_free(machine->system);
    return 0;
}

/* Lets `ms` of real time go by, with the wall clock going `drift_ms` faster, look by look. */
static int64_t pass(struct machine *machine, int64_t ms, int64_t drift_ms)
{
    int64_t passed_ms = 0;
    int64_t last_ms = clock_now_ms(&machine->clock);
    while (passed_ms < ms) {
        machine->monotonic_ms += 100;
        machine->wall_ms += 100 + drift_ms * (passed_ms + 100) / ms - drift_ms * passed_ms / ms;
        passed_ms += 100;
        int64_t now_ms = clock_now_ms(&machine->clock);
        assert_true(now_ms >= last_ms);
        last_ms = now_ms;
    }
    return last_ms;
}

static void time_starts_at_the_wall_clock_and_follows_the_monotonic_one(void **state)
{
    struct machine *machine = *state;
    assert_int_equal(clock_now_ms(&machine->clock), START_MS);
    machine->monotonic_ms += 700;
    machine->wall_ms += 1234;
    assert_int_equal(clock_now_ms(&machine->clock), START_MS + 700);
}

static void a_step_of_the_wall_clock_changes_no_interval_and_is_told_once(void **state)
{
    static const int64_t steps_ms[] = {-10LL * 365 * 86400 * 1000, -60000, -1000, 1000, 60000,
                                       10LL * 365 * 86400 * 1000};
    struct machine *machine = *state;
    int64_t expected_ms = START_MS;
    int64_t step_ms = 0;
    for (size_t i = 0; i < sizeof steps_ms / sizeof steps_ms[0]; i++) {
        machine->wall_ms += steps_ms[i];
        expected_ms += 30000;
        assert_int_equal(pass(machine, 30000, 0), expected_ms);
        assert_true(system_clock_take_step(machine->system, &step_ms));
        assert_int_equal(step_ms, steps_ms[i]);
        assert_false(system_clock_take_step(machine->system, &step_ms));
    }
}

static void small_drift_is_followed_slowly_and_in_the_end_fully(void **state)
{
    struct machine *machine = *state;
    machine->wall_ms += 300;
    int64_t step_ms = 0;
    assert_int_equal(pass(machine, 10000, 0), START_MS + 10000 + 10);
    assert_int_equal(pass(machine, 390000, 0), START_MS + 400000 + 300);
    assert_false(system_clock_take_step(machine->system, &step_ms));
}

static void drift_backwards_never_takes_time_back(void **state)
{
    struct machine *machine = *state;
    machine->wall_ms -= 300;
    assert_int_equal(pass(machine, 400000, 0), START_MS + 400000 - 300);
}

static void a_wall_clock_that_runs_fast_is_followed_at_a_tenth_of_a_percent(void **state)
{
    struct machine *machine = *state;
    int64_t now_ms = pass(machine, 1000000, 500);
    assert_in_range(now_ms - START_MS, 1000480, 1000500);
}

static void the_machine_clocks_advance(void **state)
{
    (void)state;
    OC_CLEANUP(system_clock_freep) struct system_clock *system = system_clock_new(NULL);
    assert_non_null(system);
    struct clock clock = system_clock_clock(system);
    int64_t first_ms = clock_now_ms(&clock);
    assert_true(first_ms > START_MS);
    int64_t start_ms = clock_monotonic_ms();
    while (clock_monotonic_ms() - start_ms < 3) {
    }
    assert_true(clock_now_ms(&clock) > first_ms);
}

/* As after a restart: the time that was kept, and no step, however far the wall clock is off. */
static void time_goes_on_from_what_it_is_set_to(void **state)
{
    static const int64_t off_ms[] = {-10LL * 365 * 86400 * 1000, -5 * 3600 * 1000, 3600 * 1000,
                                     10LL * 365 * 86400 * 1000};
    struct machine *machine = *state;
    int64_t step_ms = 0;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(off_ms); i++) {
        system_clock_set(machine->system, START_MS + off_ms[i]);
        assert_int_equal(clock_now_ms(&machine->clock), START_MS + off_ms[i]);
        assert_int_equal(pass(machine, 60000, 0), START_MS + off_ms[i] + 60000);
        assert_false(system_clock_take_step(machine->system, &step_ms));
        machine->wall_ms -= 60000;
        machine->monotonic_ms += 1;
        (void)clock_now_ms(&machine->clock);
        (void)pass(machine, 2000, 0);
        assert_true(system_clock_take_step(machine->system, &step_ms));
    }
}

int main(void)
{
#define WITH_MACHINE(test) cmocka_unit_test_setup_teardown(test, start_machine, stop_machine)
    const struct CMUnitTest tests[] = {
        WITH_MACHINE(time_starts_at_the_wall_clock_and_follows_the_monotonic_one),
        WITH_MACHINE(a_step_of_the_wall_clock_changes_no_interval_and_is_told_once),
        WITH_MACHINE(small_drift_is_followed_slowly_and_in_the_end_fully),
        WITH_MACHINE(drift_backwards_never_takes_time_back),
        WITH_MACHINE(a_wall_clock_that_runs_fast_is_followed_at_a_tenth_of_a_percent),
        WITH_MACHINE(time_goes_on_from_what_it_is_set_to),
        cmocka_unit_test(the_machine_clocks_advance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
