/*
 * Errors: what failed and what goes with it. A plain value, on the caller's stack, no pointers.
 *
 * `text` is for people and for logs. What crosses the wire is the status, a fixed phrase and the
 * facts below `text`.
 */
#pragma once

#include <openclaw/status.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

enum {
    OC_ERROR_TEXT_BYTES = 512,
};

/* Filled in by a call that fails; after one that did not, it is as it was. All text in it may be
 * printed: control characters and the like were taken out of what a gateway sent. */
struct oc_error {
    enum oc_status status;
    char text[OC_ERROR_TEXT_BYTES]; /* one line: the thing, the cause, the fix; NUL-terminated */
    uint32_t retry_after_ms;        /* 0: not known */
    char request_id[11];            /* the request that stands now; "" if none */
    char closest[65];               /* closest match of what was not found; of a cause bound_...:
                                       what the bound is called; "" if none */
    char field[33];                 /* the field that was refused; "" if none */
    char cause[24];                 /* why, in one fixed word: "code_wrong"; "" if none */
    bool is_not_durable;            /* in force, but not yet on disk */
    bool is_outcome_unknown;        /* it may have happened; repeat with the same key */
    uint64_t reserved[8];
};

/*
 * Fills *err (which may be NULL) with a status and a formatted text, cut where it is full, clears
 * the other facts and returns the status, so that `return oc_fail(err, ...)` is the one way to
 * fail. For programs that pass the library's errors on with their own.
 *
 * Thread: any.
 */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
enum oc_status
oc_fail(struct oc_error *err, enum oc_status status, const char *format, ...);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
