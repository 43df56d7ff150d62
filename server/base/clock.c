/*
 * Owns the reading of time. Invariant: answers of one system clock never decrease, and between
 * two checks of the wall clock they advance exactly as the monotonic clock does.
 */
#include "server/base/clock.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum {
    CHECK_EVERY_MS = 1000, /* how often the wall clock is looked at */
    STEP_MS = 1000,        /* a change of this much between two checks is a step */
    SLEW_MS = 1,           /* how much of the drift is followed per check: 0.1 % */
};

struct system_clock {
    struct clock_source source;
    _Atomic int64_t offset_ms;     /* Unix time minus monotonic time, as we tell it */
    _Atomic int64_t last_ms;       /* the latest answer */
    _Atomic int64_t next_check_ms; /* monotonic; who moves it owns the fields below till the next */
    _Atomic int64_t seen_offset_ms;
    _Atomic int64_t ignored_ms;
    _Atomic int64_t untold_step_ms;
};

static int64_t read_clock_ms(clockid_t id)
{
    struct timespec now;
    int failed = clock_gettime(id, &now);
    assert(!failed);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t machine_wall_ms(void *user)
{
    (void)user;
    return read_clock_ms(CLOCK_REALTIME);
}

static int64_t machine_monotonic_ms(void *user)
{
    (void)user;
    return read_clock_ms(CLOCK_MONOTONIC);
}

int64_t clock_monotonic_ms(void)
{
    return read_clock_ms(CLOCK_MONOTONIC);
}

int64_t clock_boot_ms(void)
{
    return read_clock_ms(CLOCK_BOOTTIME);
}

struct system_clock *system_clock_new(const struct clock_source *source)
{
    struct system_clock *clock = calloc(1, sizeof *clock);
    if (!clock) {
        return NULL;
    }
    clock->source =
        source ? *source : (struct clock_source){machine_wall_ms, machine_monotonic_ms, NULL};
    int64_t monotonic_ms = clock->source.monotonic_ms(clock->source.user);
    int64_t offset_ms = clock->source.wall_ms(clock->source.user) - monotonic_ms;
    atomic_init(&clock->offset_ms, offset_ms);
    atomic_init(&clock->seen_offset_ms, offset_ms);
    atomic_init(&clock->last_ms, monotonic_ms + offset_ms);
    atomic_init(&clock->next_check_ms, monotonic_ms + CHECK_EVERY_MS);
    return clock;
}

void system_clock_free(struct system_clock *clock)
{
    free(clock);
}

void system_clock_set(struct system_clock *clock, int64_t now_ms)
{
    const int64_t offset_ms = now_ms - clock->source.monotonic_ms(clock->source.user);
    atomic_store(&clock->ignored_ms, atomic_load(&clock->seen_offset_ms) - offset_ms);
    atomic_store(&clock->offset_ms, offset_ms);
    atomic_store(&clock->last_ms, now_ms);
}

static int64_t magnitude(int64_t value)
{
    return value < 0 ? -value : value;
}

/* One thread at a time: the one that moved next_check_ms. */
static void check_wall_clock(struct system_clock *clock, int64_t monotonic_ms)
{
    int64_t seen_ms = clock->source.wall_ms(clock->source.user) - monotonic_ms;
    int64_t change_ms = seen_ms - atomic_exchange(&clock->seen_offset_ms, seen_ms);
    if (magnitude(change_ms) >= STEP_MS) {
        atomic_fetch_add(&clock->ignored_ms, change_ms);
        atomic_fetch_add(&clock->untold_step_ms, change_ms);
        return;
    }
    int64_t target_ms = seen_ms - atomic_load(&clock->ignored_ms);
    int64_t offset_ms = atomic_load(&clock->offset_ms);
    if (target_ms > offset_ms) {
        atomic_fetch_add(&clock->offset_ms, SLEW_MS);
    } else if (target_ms < offset_ms) {
        atomic_fetch_sub(&clock->offset_ms, SLEW_MS);
    }
}

/* The larger of `now_ms` and every earlier answer. */
static int64_t never_back(struct system_clock *clock, int64_t now_ms)
{
    int64_t last_ms = atomic_load(&clock->last_ms);
    while (last_ms < now_ms) {
        if (atomic_compare_exchange_weak(&clock->last_ms, &last_ms, now_ms)) {
            return now_ms;
        }
    }
    return last_ms;
}

static int64_t system_now_ms(void *user)
{
    struct system_clock *clock = user;
    int64_t monotonic_ms = clock->source.monotonic_ms(clock->source.user);
    int64_t due_ms = atomic_load(&clock->next_check_ms);
    if (monotonic_ms >= due_ms && atomic_compare_exchange_strong(&clock->next_check_ms, &due_ms,
                                                                 monotonic_ms + CHECK_EVERY_MS)) {
        check_wall_clock(clock, monotonic_ms);
    }
    return never_back(clock, monotonic_ms + atomic_load(&clock->offset_ms));
}

struct clock system_clock_clock(struct system_clock *clock)
{
    return (struct clock){.now_ms = system_now_ms, .user = clock};
}

bool system_clock_take_step(struct system_clock *clock, int64_t *step_ms)
{
    int64_t untold_ms = atomic_exchange(&clock->untold_step_ms, 0);
    if (untold_ms == 0) {
        return false;
    }
    *step_ms = untold_ms;
    return true;
}
