/*
 * Status: how a call ended. The numbers are gRPC's and stand on the wire; they never change.
 */
#pragma once

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

enum oc_status {
    OC_OK = 0,
    OC_CANCELLED = 1,
    OC_UNKNOWN = 2,
    OC_INVALID_ARGUMENT = 3,
    OC_DEADLINE_EXCEEDED = 4,
    OC_NOT_FOUND = 5,
    OC_ALREADY_EXISTS = 6,
    OC_PERMISSION_DENIED = 7,
    OC_RESOURCE_EXHAUSTED = 8,
    OC_FAILED_PRECONDITION = 9,
    OC_ABORTED = 10,
    OC_OUT_OF_RANGE = 11,
    OC_UNIMPLEMENTED = 12,
    OC_INTERNAL = 13,
    OC_UNAVAILABLE = 14,
    OC_DATA_LOSS = 15,
    OC_UNAUTHENTICATED = 16,
    OC_STATUS_COUNT
};

/* A status-returning function must be checked. */
#if defined(__GNUC__)
#define OC_MUST_CHECK __attribute__((warn_unused_result))
#else
#define OC_MUST_CHECK
#endif

/* "RESOURCE_EXHAUSTED"; "UNKNOWN" for a number outside the table. Never NULL. Any thread. */
const char *oc_status_name(enum oc_status status);

/* Whether the same call may succeed later without anybody changing anything: UNAVAILABLE,
 * RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, ABORTED is not among them. Any thread. */
bool oc_status_is_retryable(enum oc_status status);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
