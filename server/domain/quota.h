/*
 * Token buckets as arithmetic: a bucket holds at most `burst` tokens and gains `per_second` of
 * them each second. Pure; the caller keeps the bucket and brings the time of a monotonic clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct quota_rate {
    uint32_t per_second; /* 0: what is spent never comes back */
    uint32_t burst;
};

struct quota {
    uint64_t tokens_milli; /* thousandths, so that slow rates do not lose what they earn */
    int64_t filled_ms;     /* up to when the gain is counted in */
};

/* A full bucket. */
struct quota quota_full(const struct quota_rate *rate, int64_t now_ms);

/* Takes `cost` tokens, or takes nothing and says no. A clock that went back gains nothing. */
bool quota_take(struct quota *quota, const struct quota_rate *rate, uint32_t cost, int64_t now_ms);

/* After how many ms `cost` tokens will be there; 0: now, INT64_MAX: never. Changes nothing. */
int64_t quota_wait_ms(const struct quota *quota, const struct quota_rate *rate, uint32_t cost,
                      int64_t now_ms);
