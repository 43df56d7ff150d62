/*
 * How many rows refused calls may add to the audit: whoever may open the local socket can have
 * calls refused at will, and audit rows are never forgotten. What is left out is counted, and the
 * next row says how many; the log tells of each within limits of its own.
 *
 * Thread: any.
 */
#pragma once

#include <pthread.h>

#include "server/domain/audit_event.h"
#include "server/domain/quota.h"

enum {
    DENIED_ACTORS = 16,   /* that are told apart; of more, the one seen longest ago is forgotten */
    DENIED_BURST = 8,     /* rows of one actor at once ... */
    DENIED_EVERY_S = 600, /* ... and then one in this time */
    DENIED_BURST_OF_ALL = 64,
    DENIED_EVERY_S_OF_ALL = 60,
};

struct denied_limit {
    pthread_mutex_t mutex; /* guards what follows; a leaf */
    struct {
        char name[OC_MAX_ACTOR_BYTES + 1]; /* "": free */
        struct quota quota;
        int64_t seen_ms;
    } actors[DENIED_ACTORS];
    struct quota all;
    uint64_t n_left_out; /* since the last row */
};

void denied_limit_init(struct denied_limit *limit, int64_t monotonic_ms);
void denied_limit_deinit(struct denied_limit *limit);

/* Whether a refused call of this actor gets a row; *n_left_out gets how many before it did not. */
bool denied_limit_take(struct denied_limit *limit, const char *actor, int64_t monotonic_ms,
                       uint64_t *n_left_out);
/* A row that was promised so many was not written after all. */
void denied_limit_give_back(struct denied_limit *limit, uint64_t n_left_out);
