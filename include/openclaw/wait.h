/*
 * Waits until devices, or requests, have come to what they are wanted to be. Fails as the calls of
 * admin.h do.
 *
 * Units:  durations are milliseconds.
 * Thread: any.
 */
#pragma once

#include <openclaw/client.h>
#include <openclaw/device.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* What a device is waited for to be. */
enum oc_wait_for {
    OC_WAIT_APPROVED,
    OC_WAIT_CONNECTED, /* approved, and it has a session */
    OC_WAIT_OFFLINE,   /* it has none */
    OC_WAIT_PENDING,   /* a request of it is open */
    OC_WAIT_REJECTED,
    OC_WAIT_REVOKED,
    OC_WAIT_BLOCKED,
};

/* How a wait stands. */
enum oc_wait_outcome {
    OC_WAIT_NOT_YET,
    OC_WAIT_REACHED,
    OC_WAIT_OUT_OF_REACH, /* something else was decided: `why` */
    OC_WAIT_NOT_FOUND,    /* no such device or request */
};

/* One device, or one request, that is waited for. The program sets the first three and clears the
 * rest. */
struct oc_wait {
    enum oc_wait_for wanted;
    struct oc_device_id device_id;
    struct oc_request_id request_id; /* the fate of this one request of it; "": of the device */
    enum oc_wait_outcome outcome;
    char why[24]; /* OUT_OF_REACH: "rejected", "revoked", "blocked", "approved", "replaced", or how
                     else the request ended: "dismissed", "expired", "closed" */
    struct oc_request_id replaced_by; /* with "replaced" */
    struct oc_device device;          /* as last seen */
    uint64_t reserved[8];             /* zero: see version.h */
};

/* Told as soon as a wait has its outcome; borrowed for the call, on the thread that waits. */
typedef void (*oc_wait_fn)(void *user, const struct oc_wait *wait);

/*
 * Waits until each has an outcome. Goes on over lost connections and restarts of the gateway;
 * sessions are looked for a few times a second, all else is followed in the change log.
 *
 * Units:  timeout_ms: for all together; 0: looks once.
 * Owns:   `waits` is the program's, of n; `settled` may be NULL.
 * Fails:  DEADLINE_EXCEEDED (some are NOT_YET; the others have their outcome); INVALID_ARGUMENT
 *         (wanted, a field that this version does not know); UNAVAILABLE (there was no gateway from
 *         the first to the last); as all calls of admin.h.
 * Thread: any.
 */
OC_MUST_CHECK enum oc_status oc_admin_wait(struct oc_client *client, struct oc_wait *waits,
                                           size_t n, uint32_t timeout_ms, oc_wait_fn settled,
                                           void *user, struct oc_error *err);

/* The word as on the command line: "connected"; "unknown" for a value that is not in the table.
 * Never NULL; the text is constant. */
const char *oc_wait_for_name(enum oc_wait_for wanted);
/* Reads a word as oc_wait_for_name gives it. False, *out as it was, if it is none of the table. */
bool oc_wait_for_parse(const char *text, enum oc_wait_for *out);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
