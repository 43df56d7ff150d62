/*
 * Time. clock.c alone reads the system's clocks; everything else gets a `struct clock`, so that a
 * test decides what time it is.
 *
 * The system clock is Unix milliseconds that never jump inside a process: the wall clock at start
 * plus what CLOCK_MONOTONIC counted since. The wall clock's small corrections are followed at
 * 0.1 %; a step of a second or more is ignored, so that no term, cool-down or lifetime ends early
 * or late by it, and is told once by system_clock_take_step. Over restarts see host/boot_clock.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/cleanup.h"

struct clock {
    int64_t (*now_ms)(void *user);
    void *user;
};

/* Unix milliseconds, UTC; never less than an earlier answer. Thread: any. */
static inline int64_t clock_now_ms(const struct clock *clock)
{
    return clock->now_ms(clock->user);
}

/* Milliseconds of CLOCK_MONOTONIC: for intervals, and deadlines of condition variables only.
 * Thread: any. */
int64_t clock_monotonic_ms(void);

/* Milliseconds since the machine was started, those of its sleep included. Thread: any. */
int64_t clock_boot_ms(void);

struct system_clock;

/* Where a system clock reads: replaced in the tests of the clock itself. */
struct clock_source {
    int64_t (*wall_ms)(void *user);
    int64_t (*monotonic_ms)(void *user);
    void *user;
};

/*
 * Makes a system clock; `source` NULL reads the machine's clocks.
 *
 * Owns:  system_clock_free. NULL when out of memory.
 */
struct system_clock *system_clock_new(const struct clock_source *source);
void system_clock_free(struct system_clock *clock);
OC_DEFINE_CLEANUP(system_clock_free, struct system_clock);

/*
 * Goes on from `now_ms` instead of from what the wall clock said when the clock was made; the
 * difference is a step that is not followed.
 * Thread: before anybody else reads it.
 */
void system_clock_set(struct system_clock *clock, int64_t now_ms);

/* The clock as its readers see it; valid as long as the system clock lives. */
struct clock system_clock_clock(struct system_clock *clock);

/*
 * Whether the wall clock stepped since the last call, and by how much in all (negative: back).
 * The caller logs it. Thread: any.
 */
bool system_clock_take_step(struct system_clock *clock, int64_t *step_ms);
