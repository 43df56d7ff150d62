/*
 * libopenclaw: a client of one gateway door, for administrators and fleet tools.
 *
 * Threads: a client may be used from any number of threads at once; calls are multiplexed over
 * one connection, which is made at the first call and made again after it was lost. A client must
 * be closed in the process that opened it, and not from one of its own callbacks. It does not
 * survive fork().
 */
#pragma once

#include <openclaw/error.h>
#include <openclaw/types.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

struct oc_client;

struct oc_client_options {
    /* "ipc:///path/admin.sock". NULL: the local door of the gateway in data_dir. */
    const char *url;
    /* NULL: $OPENCLAW_HOME, else ~/.openclaw. */
    const char *data_dir;
    /* For each call that names no other; 0: 10,000. At most 60,000. */
    uint32_t timeout_ms;
    uint64_t reserved[16]; /* zero: see version.h */
};

/*
 * Prepares a client; connects at the first call.
 * Owns:  oc_client_close.
 * Fails: INVALID_ARGUMENT (url), RESOURCE_EXHAUSTED, INTERNAL.
 */
OC_MUST_CHECK enum oc_status oc_client_open(const struct oc_client_options *options,
                                            struct oc_client **out, struct oc_error *err);

/* Ends calls in flight with CANCELLED, then frees. Accepts NULL. */
void oc_client_close(struct oc_client *client);

/* The data directory that NULL stands for: $OPENCLAW_HOME, else ~/.openclaw. Writes at most cap
 * bytes with the NUL. Fails: FAILED_PRECONDITION (neither is set), INVALID_ARGUMENT (too long). */
OC_MUST_CHECK enum oc_status oc_default_data_dir(char *out, size_t cap, struct oc_error *err);

/* How the gateway answers Health. */
enum oc_serving {
    OC_SERVING_UNKNOWN,
    OC_SERVING_YES,
    OC_SERVING_LOCKED,
    OC_SERVING_DRAINING,
};
OC_MUST_CHECK enum oc_status oc_client_health(struct oc_client *client, enum oc_serving *out,
                                              struct oc_error *err);

/* Fills `out` with random bytes for an idempotency key. */
enum {
    OC_KEY_ID_BYTES = 16,
};
void oc_make_idempotency_key(uint8_t out[OC_KEY_ID_BYTES]);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
