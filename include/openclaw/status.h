/*
 * Status: how a call ended. The numbers are gRPC's and stand on the wire; they never change.
 *
 * Thread: any; every function here is pure.
 */
#pragma once

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* How a call ended. A newer gateway may say a number that is not here: treat it as UNKNOWN. */
enum oc_status {
    OC_OK = 0,
    OC_CANCELLED = 1,         /* the handle was closed meanwhile */
    OC_UNKNOWN = 2,           /* the other side gave no reason that is known here */
    OC_INVALID_ARGUMENT = 3,  /* wrong whatever the state is: mend the call */
    OC_DEADLINE_EXCEEDED = 4, /* no answer in time */
    OC_NOT_FOUND = 5,
    OC_ALREADY_EXISTS = 6,
    OC_PERMISSION_DENIED = 7,   /* this caller may not; asking again does not help */
    OC_RESOURCE_EXHAUSTED = 8,  /* memory, a cap or a quota: later, see retry_after_ms */
    OC_FAILED_PRECONDITION = 9, /* not in this state: something else has to be done first */
    OC_ABORTED = 10,            /* what was shown has changed: look again, then decide */
    OC_OUT_OF_RANGE = 11,       /* a cursor older than what is kept: begin anew */
    OC_UNIMPLEMENTED = 12,      /* the other side is of another version */
    OC_INTERNAL = 13,           /* a bug or the system: see the text */
    OC_UNAVAILABLE = 14,        /* nobody there, or not serving now */
    OC_DATA_LOSS = 15,          /* a file or a record is damaged */
    OC_UNAUTHENTICATED = 16,    /* the other side is not who it should be */
    OC_STATUS_COUNT
};

/* A status-returning function must be checked. */
#if defined(__GNUC__)
#define OC_MUST_CHECK __attribute__((warn_unused_result))
#else
#define OC_MUST_CHECK
#endif

/* The status in capitals, "RESOURCE_EXHAUSTED"; "UNKNOWN" for a number that is not in the table.
 * Never NULL; the text is constant. */
const char *oc_status_name(enum oc_status status);

/* Whether the same call may succeed later without anybody changing anything: UNAVAILABLE,
 * RESOURCE_EXHAUSTED and DEADLINE_EXCEEDED. ABORTED is not among them. A decision is repeated with
 * the same idempotency key. */
bool oc_status_is_retryable(enum oc_status status);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
