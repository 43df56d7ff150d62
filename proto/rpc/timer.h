/*
 * Deadlines on CLOCK_MONOTONIC: one thread, one heap. NNG's own time-outs follow the wall clock.
 *
 * A timer is embedded in what it watches. Arming never fails, as room is reserved by init; what
 * re-arms often keeps the due time itself and arms only for an earlier one.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "proto/rpc/transport.h"

struct oc_timers;

struct oc_timer {
    struct oc_timers *timers;
    oc_timer_fn fn;
    void *user;
    uint64_t due_ms;
    size_t place; /* in the heap */
};

/* Starts the thread. Owns: oc_timers_free, when no timer is left. */
OC_MUST_CHECK enum oc_status oc_timers_new(struct oc_timers **out, struct oc_error *err);
void oc_timers_free(struct oc_timers *timers);

/* False when out of memory. */
OC_MUST_CHECK bool oc_timer_init(struct oc_timer *timer, struct oc_timers *timers, oc_timer_fn fn,
                                 void *user);
/* Calls fn once at due_ms of oc_monotonic_ms; replaces what was armed before. Any thread. */
void oc_timer_arm(struct oc_timer *timer, uint64_t due_ms);
/* For a deadline that many have and that may come up to a second late: those that are some seconds
 * away share moments, so that thousands of them wake the thread once a second. */
uint64_t oc_timer_shared_moment(uint64_t now_ms, uint64_t due_ms);
/* Whether oc_monotonic_ms has yet to reach a moment that any thread may move; 0: there was none,
 * for which the clock is not read. */
bool oc_is_before(const atomic_uint_fast64_t *moment_ms);
/* Disarms and waits until fn is not running, unless called from fn. Call it exactly once, without
 * a lock that fn takes. */
void oc_timer_deinit(struct oc_timer *timer);
