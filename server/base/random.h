/*
 * Randomness. random.c alone asks the kernel; everything else gets a `struct random_source`, so
 * that a test replays the same ids, nonces and keys.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct random_source {
    void (*fill)(void *user, void *out, size_t n);
    void *user;
};

/* Fills out with n unpredictable bytes. Cannot fail: a machine without entropy stops the process.
 * Thread: any. */
static inline void random_fill(const struct random_source *source, void *out, size_t n)
{
    source->fill(source->user, out, n);
}

/* The kernel's generator, getrandom(2). Holds nothing. */
struct random_source random_system(void);

/* A number below `bound` (> 0), every one equally likely. */
uint32_t random_below(const struct random_source *source, uint32_t bound);
