/*
 * Deadlines of parked calls and of sessions, many and mostly not met: adding and removing one is
 * O(1), and a tick looks only at the slot that came round.
 *
 * Units: milliseconds of the monotonic clock. One thread at a time: its owner's mutex guards it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    TIMER_SLOTS = 256,
    TIMER_SLOT_MS = 128, /* how late a deadline may be noticed */
};

/* Embedded in what waits; zeroed is idle. */
struct timer {
    struct timer *next;
    struct timer **link; /* what points here; NULL: idle */
    int64_t due_ms;
    uint8_t kind; /* the owner's */
};

struct timer_wheel {
    struct timer *slots[TIMER_SLOTS];
    int64_t tick; /* the last slot number that was looked at */
};

void timer_wheel_init(struct timer_wheel *wheel, int64_t now_ms);
void timer_wheel_add(struct timer_wheel *wheel, struct timer *timer, int64_t due_ms);
/* Harmless when idle. */
void timer_wheel_remove(struct timer *timer);
/* Takes one timer out that is due; NULL: no more. Call until then at every tick. */
struct timer *timer_wheel_take_due(struct timer_wheel *wheel, int64_t now_ms);
