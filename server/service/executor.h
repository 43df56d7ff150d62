/*
 * The executor: a bounded queue and the single writer thread. Jobs run in the order in which they
 * were queued, many to a batch: what arrived while one batch ran goes into the next.
 */
#pragma once

#include <openclaw/error.h>
#include <stddef.h>

#include "proto/base/cleanup.h"

struct executor;

enum {
    EXECUTOR_BATCH = 256,
};

/* Embedded in what is queued. */
struct job {
    struct job *next;
    bool is_reserved; /* does not count against the bound: the gateway's own work */
};

struct executor_options {
    size_t max_queue;
    /* Runs a batch, oldest first, at most EXECUTOR_BATCH; takes the jobs. Writer thread. */
    void (*run)(void *user, struct job *first);
    void *user;
};

/* Fails: RESOURCE_EXHAUSTED. Owns: executor_free. */
OC_MUST_CHECK enum oc_status executor_new(const struct executor_options *options,
                                          struct executor **out, struct oc_error *err);
/* False when the queue is full (never for is_reserved) or stopping: the job stays the caller's.
 * Any thread, never blocks on disk. */
OC_MUST_CHECK bool executor_push(struct executor *executor, struct job *job);
size_t executor_n_queued(struct executor *executor);
/* Runs what is queued, then stops; later pushes fail. executor_free does the same if need be. */
void executor_stop(struct executor *executor);
void executor_free(struct executor *executor);
