/*
 * An administrator's calls. Blocking; each has a bound in time (the client's timeout_ms).
 *
 * All results are plain values in memory the caller gives. Times are Unix milliseconds, 0 absent.
 *
 * Fails, all of them: UNAVAILABLE (no gateway there, locked), UNAUTHENTICATED, PERMISSION_DENIED,
 * DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED; and what is named below. The facts in oc_error tell what
 * stands instead (request_id, closest, retry_after_ms, is_not_durable, is_outcome_unknown).
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

/* ---- reading ----------------------------------------------------------------------------- */

struct oc_device_page {
    struct oc_device *items; /* the caller's array ... */
    size_t cap;              /* ... and its room: the page size, at most OC_MAX_LIST_PAGE */
    size_t n;
    char next_cursor[OC_CURSOR_BYTES]; /* "" when this was the last page */
    uint64_t revision;
    uint64_t reserved[4];
};
/* `states`: a bit per enum oc_state, 0 for all; `cursor`: "" or the page before's.
 * Fails: INVALID_ARGUMENT (cursor). */
OC_MUST_CHECK enum oc_status oc_admin_list(struct oc_client *client, uint32_t states,
                                           const char *cursor, struct oc_device_page *page,
                                           struct oc_error *err);

struct oc_matches {
    size_t n; /* 0: not found (see closest, replaced_by); several: ambiguous */
    struct oc_device items[OC_MAX_MATCHES];
    char closest[OC_DEVICE_ID_DIGITS + 1];
    struct oc_request_id replaced_by;
    uint64_t reserved[8];
};
/* What a person typed: device id, request id, alias or unique prefix. */
OC_MUST_CHECK enum oc_status oc_admin_resolve(struct oc_client *client, const char *selector,
                                              bool prefix_is_enough, struct oc_matches *out,
                                              struct oc_error *err);

OC_MUST_CHECK enum oc_status oc_admin_status(struct oc_client *client,
                                             struct oc_gateway_status *out, struct oc_error *err);

/* ---- deciding ---------------------------------------------------------------------------- */

enum oc_decision_kind {
    OC_APPROVE, /* by request id and ask digest: what was shown is what is approved */
    OC_REJECT,  /* by request id */
    OC_DISMISS, /* by request id */
    OC_REVOKE,  /* by device id, as all that follow */
    OC_BLOCK,
    OC_UNBLOCK,
    OC_REMOVE,
    OC_RENAME,
    OC_EXPECT,
};

struct oc_decision {
    enum oc_decision_kind kind;
    struct oc_request_id request_id;
    struct oc_digest ask_digest;
    struct oc_device_id device_id;
    bool narrows;  /* APPROVE: only `grant`, which must be within the ask */
    bool approves; /* EXPECT: approve at the first connect, with what follows */
    struct oc_grant grant;
    char code[16];   /* APPROVE: as typed from the agent's output; "" not used */
    int64_t term_ms; /* APPROVE, EXPECT: 0 until revoked */
    char alias[OC_MAX_NAME_BYTES + 1];
    struct oc_labels labels;
    char reason[OC_MAX_REASON_BYTES + 1];
    /* Repeating a decision with the same key does not repeat its effect. All zeros: a fresh one
     * is made for this call, and used again by its own retries. */
    uint8_t idempotency_key[OC_KEY_ID_BYTES];
    uint64_t reserved[16]; /* zero: see version.h */
};

struct oc_decision_result {
    struct oc_device device; /* as it is now */
    uint64_t seq;            /* 0: nothing changed */
    bool session_closed;
    uint64_t reserved[8];
};
/*
 * Fails: NOT_FOUND (no such request or device), ABORTED (replaced, changed since shown, wrong
 *        code), FAILED_PRECONDITION (revoke of a never-approved device ...), INVALID_ARGUMENT,
 *        ALREADY_EXISTS (alias), UNAVAILABLE with is_not_durable or is_outcome_unknown.
 */
OC_MUST_CHECK enum oc_status oc_admin_decide(struct oc_client *client,
                                             const struct oc_decision *decision,
                                             struct oc_decision_result *out, struct oc_error *err);

/* The same without blocking: `done` comes exactly once, on a thread of the library. */
typedef void (*oc_decide_fn)(void *user, enum oc_status status,
                             const struct oc_decision_result *result, const struct oc_error *err);
OC_MUST_CHECK enum oc_status oc_admin_decide_async(struct oc_client *client,
                                                   const struct oc_decision *decision,
                                                   oc_decide_fn done, void *user,
                                                   struct oc_error *err);

/* Leaves a locked start; exactly one of the two. */
OC_MUST_CHECK enum oc_status oc_admin_unlock(struct oc_client *client, bool accept_rollback,
                                             bool init, struct oc_error *err);

/* ---- history ----------------------------------------------------------------------------- */

struct oc_audit_page {
    struct oc_audit_record *items; /* the caller's, room for cap (at most OC_MAX_AUDIT_PAGE) */
    size_t cap;
    size_t n;
    uint64_t next_after_seq; /* 0: no more */
    uint64_t revision;
    uint64_t reserved[4];
};
OC_MUST_CHECK enum oc_status oc_admin_list_audit(struct oc_client *client, uint64_t after_seq,
                                                 bool newest_first,
                                                 const struct oc_device_id *device_id,
                                                 struct oc_audit_page *page, struct oc_error *err);

/* Waits at most wait_ms for changes after `after_seq`; n may be 0. Fails: OUT_OF_RANGE. */
OC_MUST_CHECK enum oc_status oc_admin_watch(struct oc_client *client, uint64_t after_seq,
                                            uint32_t wait_ms, struct oc_event *events, size_t cap,
                                            size_t *n, uint64_t *next_after_seq,
                                            struct oc_error *err);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
