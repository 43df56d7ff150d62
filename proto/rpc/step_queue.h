/*
 * Handshake steps, run by a few worker threads, round-robin by source: a source with a thousand
 * steps waiting delays another's step by one step, not by a thousand.
 *
 * Steps and lanes are embedded in what they belong to; the queue allocates nothing.
 */
#pragma once

#include <openclaw/error.h>
#include <stdbool.h>

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

/* Owns: oc_step_queue_free, when no step is waiting or running. */
OC_MUST_CHECK enum oc_status oc_step_queue_new(unsigned n_workers, struct oc_step_queue **out,
                                               struct oc_error *err);
void oc_step_queue_free(struct oc_step_queue *queue);

/* Runs the step once on a worker. Any thread. */
void oc_step_queue_push(struct oc_step_queue *queue, struct oc_lane *lane, struct oc_step *step);
