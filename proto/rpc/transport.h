/*
 * The transport: what a process needs once to run connections. It owns the monotonic timer
 * thread, the queue of handshake steps (round-robin by source) and the reaper, the one
 * thread that frees connections.
 */
#pragma once

#include <openclaw/error.h>
#include <openclaw/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/cleanup.h"

struct oc_transport;

/* {0} is good for everyone but tests. */
struct oc_transport_options {
    unsigned n_handshake_workers; /* slots, step_queue.h; 0: one per core, at least 1 */
    bool owns_process;            /* may choose how its threads and NNG's are scheduled: handshakes
                                     yield to calls (step_queue.h), calls to the poller
                                     (thread_class.h). Not for a library */
    uint32_t handshake_ms;        /* 0: OC_HANDSHAKE_MS; tests shorten it */
    uint32_t send_stall_ms;       /* 0: OC_SEND_STALL_MS; tests shorten it */
    uint32_t patience_ms;         /* 0: OC_HANDSHAKE_PATIENCE_MS; tests change it */
};

/* Owns: release with oc_transport_free, after every listener and dialled connection was closed.
 * Fails: RESOURCE_EXHAUSTED, INTERNAL. */
OC_MUST_CHECK enum oc_status oc_transport_new(const struct oc_transport_options *options,
                                              struct oc_transport **out, struct oc_error *err);

/* Closes what is still open, waits until the reaper has freed every connection (at most 5 s),
 * stops the threads. Not from a callback. Accepts NULL. */
void oc_transport_free(struct oc_transport *transport);
OC_DEFINE_CLEANUP(oc_transport_free, struct oc_transport);

/* Timers, on CLOCK_MONOTONIC. A callback runs on the timer thread and must not block. */
struct oc_timer;
typedef void (*oc_timer_fn)(void *user);

/* One-shot after delay_ms; NULL when out of memory. The handle must be cancelled exactly once,
 * whether it fired or not; after oc_timer_cancel returns, `fn` is not running and will not run
 * (unless called from `fn` itself). */
struct oc_timer *oc_timer_start(struct oc_transport *transport, uint64_t delay_ms, oc_timer_fn fn,
                                void *user);
void oc_timer_cancel(struct oc_timer *timer);

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t oc_monotonic_ms(void);
