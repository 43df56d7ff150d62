/*
 * Handshake steps, a few at a time, round-robin by source: a source with a thousand steps waiting
 * delays another's step by one step, not by a thousand.
 *
 * A slot is the right to run one step. As long as a slot is free and no step waits, the thread
 * that brings a step runs it itself: that spares two switches of threads. Else the step waits in
 * its source's lane for a worker; there are as many as slots.
 *
 * Handshakes yield to established calls: the threads that bring steps are those that answer calls.
 * For a while after a call was heard they run a step only if no other runs, so that many steps
 * are the workers' alone; and those that work then have a lower priority than all other threads.
 *
 * Steps and lanes are embedded in what they belong to; the queue allocates nothing.
 */
#pragma once

#include <openclaw/error.h>
#include <stdbool.h>
#include <stdint.h>

struct oc_step_queue;

struct oc_step {
    void (*run)(struct oc_step *step);
    struct oc_step *next;
};

/* The steps of one source. {0} is empty. Lives at least as long as a step waits in it. */
struct oc_lane {
    struct oc_step *first;
    struct oc_step *last;
    struct oc_lane *next;
};

/* `yields`: this process has established calls to yield to; it takes as many workers more.
 * Owns: oc_step_queue_free, when no step is waiting or running. */
OC_MUST_CHECK enum oc_status oc_step_queue_new(unsigned n_slots, bool yields,
                                               struct oc_step_queue **out, struct oc_error *err);
void oc_step_queue_free(struct oc_step_queue *queue);

/* An established call was heard: steps yield until then, of oc_monotonic_ms, where they do at all.
 * Any thread. */
void oc_step_queue_yield(struct oc_step_queue *queue, uint64_t until_ms);

/* Whether steps press on what they yield to: both have come of late, and some step had to
 * wait for a slot. Any thread. */
bool oc_step_queue_presses(const struct oc_step_queue *queue);

/* Runs the step once: here before it returns, or later on a worker. No lock that the step takes
 * may be held. Any thread. */
void oc_step_queue_run(struct oc_step_queue *queue, struct oc_lane *lane, struct oc_step *step);
