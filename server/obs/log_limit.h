/*
 * How often a limited event may be written. Pure: time is given, memory is fixed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    LOG_LIMIT_INTERVAL_MS = 10000, /* between two lines of one event and subject */
    LOG_LIMIT_PER_SECOND = 20,     /* of all limited lines */
    LOG_LIMIT_BURST = 100,
    LOG_LIMIT_SLOTS = 1024, /* events and subjects remembered */
    LOG_LIMIT_WAYS = 4,
};

struct log_limit_slot {
    uint64_t key; /* 0: free */
    int64_t written_ms;
    uint64_t n_suppressed;
};

struct log_limiter {
    struct log_limit_slot slots[LOG_LIMIT_SLOTS];
    int64_t refilled_ms;
    int64_t tokens_thousandth;
    uint64_t n_unattributed; /* suppressed without a line of their own to say so */
    bool is_started;
};

struct log_verdict {
    bool may_write;
    uint64_t n_suppressed;   /* of this event and subject, since its last line */
    uint64_t n_unattributed; /* of others: the caller tells them and they are forgotten */
};

/*
 * Whether the line may be written now; counts it as suppressed otherwise.
 *
 * Units:  monotonic milliseconds.
 * Thread: one at a time.
 */
struct log_verdict log_limiter_ask(struct log_limiter *limiter, const char *event,
                                   const char *subject, int64_t now_ms);
