/*
 * An administrator's calls. Blocking; each has a bound in time (the client's timeout_ms). The facts
 * in oc_error tell what stands instead (request_id, closest, retry_after_ms).
 *
 * Units:  times are Unix milliseconds, UTC, 0 absent; durations are milliseconds.
 * Owns:   results are plain values in memory the caller gives; nothing is to be released. They are
 *         large (a device is 3 KiB): arrays of them belong on the heap.
 * Fails:  all of them: UNAVAILABLE (no gateway there; draining; locked, for decisions);
 *         PERMISSION_DENIED (this caller is no administrator, or may not do that);
 *         DEADLINE_EXCEEDED; RESOURCE_EXHAUSTED (memory, too many calls in flight, a cap of the
 *         gateway); CANCELLED (the client was closed); FAILED_PRECONDITION (a child of fork);
 *         UNIMPLEMENTED (an older gateway); INTERNAL (an answer that is not understood). Further
 *         ones are named at each.
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

/* ---- reading ----------------------------------------------------------------------------- */

/* One page of a list. The program sets items and cap; the call fills in the rest. */
struct oc_device_page {
    struct oc_device *items; /* the caller's array ... */
    size_t cap;              /* ... and its room: the page size, 1 to OC_MAX_LIST_PAGE */
    size_t n;
    char next_cursor[OC_CURSOR_BYTES]; /* "" when this was the last page */
    uint64_t revision;                 /* what changed later has a higher seq: see oc_admin_watch */
    uint64_t reserved[4];
};
/*
 * Reads a page of devices: pending first, then approved, then the others, by id within. A page may
 * hold fewer than asked for: go on while next_cursor is not "". After a failure what stands in
 * items is of no use.
 *
 * Units:  states: a bit (1 << OC_STATE_...) for each state wanted; 0: all but NONE. cursor: "" or
 *         NULL for the first page, else next_cursor of the page before.
 * Fails:  INVALID_ARGUMENT (cap, cursor); as all calls here.
 */
OC_MUST_CHECK enum oc_status oc_admin_list(struct oc_client *client, uint32_t states,
                                           const char *cursor, struct oc_device_page *page,
                                           struct oc_error *err);

/* What a selector may mean. */
struct oc_matches {
    size_t n; /* 0: not found (see closest, replaced_by); several: ambiguous */
    struct oc_device items[OC_MAX_MATCHES];
    char closest[OC_DEVICE_ID_DIGITS + 1]; /* of ids and aliases, to suggest; "": none */
    struct oc_request_id replaced_by;      /* the request that was named gave way to it; "": none */
    char closed_as[16]; /* how the request that was named ended: "rejected"; "": it did not */
    uint64_t reserved[6];
};
/*
 * Finds what a person typed: device id, request id, alias, or a unique prefix (16 digits of a
 * device id, 4 characters of an open request's id; any length if prefix_is_enough, as when a
 * pairing code comes with it). A claimed name selects nothing. Not found is no failure: n is 0.
 *
 * Fails:  INVALID_ARGUMENT (longer than 128 bytes); as all calls here.
 */
OC_MUST_CHECK enum oc_status oc_admin_resolve(struct oc_client *client, const char *selector,
                                              bool prefix_is_enough, struct oc_matches *out,
                                              struct oc_error *err);

/*
 * Reads the gateway's own status; a locked gateway answers too.
 *
 * Fails:  as all calls here.
 */
OC_MUST_CHECK enum oc_status oc_admin_status(struct oc_client *client,
                                             struct oc_gateway_status *out, struct oc_error *err);

/* ---- deciding ---------------------------------------------------------------------------- */

enum oc_decision_kind {
    OC_APPROVE, /* by request id and ask digest: what was shown is what is approved */
    OC_REJECT,  /* by request id; the device is told 403 and stops */
    OC_DISMISS, /* by request id; not decided: the device asks again later */
    OC_REVOKE,  /* by device id, as all that follow; a live session is cut before the answer */
    OC_BLOCK,   /* also of a device that was never seen */
    OC_UNBLOCK,
    OC_REMOVE, /* revokes and forgets, but for what says why it must pair again */
    OC_RENAME, /* sets the alias; "" takes it away */
    OC_EXPECT, /* announces a device; kept for 7 days */
};

/* Filled in by the program; what the kind does not name is left zero. */
struct oc_decision {
    enum oc_decision_kind kind;
    struct oc_request_id request_id; /* as listed */
    struct oc_digest ask_digest;     /* as listed with it */
    struct oc_device_id device_id;
    bool narrows;  /* APPROVE: only `grant`, which must be within the ask */
    bool approves; /* EXPECT: approve at the first connect, with what follows */
    struct oc_grant grant;
    char code[16];   /* APPROVE: as typed from the agent's output, "4821-7730"; "" not used */
    int64_t term_ms; /* APPROVE, EXPECT: a duration; 0 until revoked */
    char alias[OC_MAX_NAME_BYTES + 1];    /* APPROVE, RENAME, EXPECT; "" not used */
    struct oc_labels labels;              /* APPROVE, EXPECT: given by the administrator */
    char reason[OC_MAX_REASON_BYTES + 1]; /* for the audit, of all but RENAME; "" none */
    /* Repeating a decision with the same key does not repeat its effect. All zeros: a fresh one
     * is made for this call, and used again by its own retries. */
    uint8_t idempotency_key[OC_KEY_ID_BYTES];
    /* APPROVE, not 0: although votes are missing. For root (uid 0) at the gateway's local socket,
     * with a reason; the audit, the log and the gateway's status tell of it. */
    uint64_t breaks_glass;
    uint64_t reserved[15]; /* zero: see version.h */
};

/* What came of a decision. */
struct oc_decision_result {
    struct oc_device device; /* as it is now */
    uint64_t seq;            /* of the change; 0: nothing changed */
    bool session_closed;     /* a live session was cut by it */
    /* APPROVE, where several administrators must agree: openclaw/votes.h. */
    uint64_t n_votes; /* for this grant so far, this one among them; 0: one is enough */
    uint64_t n_votes_needed;
    uint64_t n_votes_for_else; /* of others, for another grant: they do not add up */
    bool is_vote;              /* more must agree: the request is still open */
    bool broke_glass;          /* approved although votes were missing */
    uint64_t reserved[4];
};

/*
 * Decides. OK means that it is in force, on disk and in the audit; of an approval that needs
 * several administrators, that this vote is (is_vote). When the connection is lost on the way it is
 * sent once more with the same key, so that it happens once; if that does not help either,
 * is_outcome_unknown: repeat it with the same key.
 *
 * Fails:  NOT_FOUND (no such request or device); ABORTED (replaced, closed or changed since it was
 *         shown, wrong code: `cause` says which); FAILED_PRECONDITION (revoke of a never-approved
 *         device, unblock of one that is not blocked, a grant wider than the ask ...);
 *         ALREADY_EXISTS (the alias is another's); INVALID_ARGUMENT (`field`; a key that was used
 *         for something else; a field that this version does not know); UNAVAILABLE with
 *         is_not_durable (a withdrawal is in force but not on disk yet) or is_outcome_unknown; as
 *         all calls here.
 */
OC_MUST_CHECK enum oc_status oc_admin_decide(struct oc_client *client,
                                             const struct oc_decision *decision,
                                             struct oc_decision_result *out, struct oc_error *err);

/* How a decision ended: `result` if the status is OK, else `err`; the other is NULL. Both are
 * borrowed for the call. */
typedef void (*oc_decide_fn)(void *user, enum oc_status status,
                             const struct oc_decision_result *result, const struct oc_error *err);

/*
 * The same without blocking. After OK `done` comes exactly once: on a thread of the library, maybe
 * before this returns, and at the latest, with CANCELLED, on the thread that closes the client. It
 * may decide again, and must not block.
 *
 * Owns:   the decision is copied; `user` is borrowed until `done`.
 * Fails:  INVALID_ARGUMENT; RESOURCE_EXHAUSTED (1,024 in flight, memory); FAILED_PRECONDITION (a
 *         child of fork); CANCELLED (closing). Then `done` is not called. What the gateway says is
 *         told to `done`, as oc_admin_decide.
 * Thread: any, callbacks too.
 */
OC_MUST_CHECK enum oc_status oc_admin_decide_async(struct oc_client *client,
                                                   const struct oc_decision *decision,
                                                   oc_decide_fn done, void *user,
                                                   struct oc_error *err);

/*
 * Makes a gateway serve that started locked, because its records are missing, foreign or older than
 * they should be; oc_admin_status says why. Exactly one of the two: accept_rollback goes on with
 * the records as they are, init begins with none.
 *
 * Fails:  INVALID_ARGUMENT (none or both); FAILED_PRECONDITION (not locked, or not for that); as
 *         all calls here.
 */
OC_MUST_CHECK enum oc_status oc_admin_unlock(struct oc_client *client, bool accept_rollback,
                                             bool init, struct oc_error *err);

/* ---- history ----------------------------------------------------------------------------- */

/* One page of the audit. The program sets items and cap; the call fills in the rest. */
struct oc_audit_page {
    struct oc_audit_record *items; /* the caller's array ... */
    size_t cap;                    /* ... and its room: the page size, 1 to OC_MAX_AUDIT_PAGE */
    size_t n;
    uint64_t next_after_seq; /* for the next page; 0: no more */
    uint64_t revision;       /* the last change that this page could show */
    uint64_t reserved[4];
};
/*
 * Reads a page of the audit: every decision, and every administrator's call that was refused. After
 * a failure what stands in items is of no use.
 *
 * Units:  after_seq: 0 for the first page, else next_after_seq of the page before; with
 *         newest_first the pages go backwards. device_id: only of this device; NULL: of all.
 * Fails:  INVALID_ARGUMENT (cap); as all calls here.
 */
OC_MUST_CHECK enum oc_status oc_admin_list_audit(struct oc_client *client, uint64_t after_seq,
                                                 bool newest_first,
                                                 const struct oc_device_id *device_id,
                                                 struct oc_audit_page *page, struct oc_error *err);

/*
 * Waits for changes after `after_seq` and gives at most `cap` of them, oldest first; *n is 0 when
 * there was none in time, which is OK. *next_after_seq is where to go on, and with `revision` of a
 * list as the first `after_seq` no change is missed and none comes twice.
 *
 * Units:  wait_ms: milliseconds, 1 to 25,000 (others are taken as the nearest of these); cap: room
 *         for events, at least 1.
 * Fails:  OUT_OF_RANGE (after_seq is older than what the gateway keeps: list anew and go on from
 *         its revision); INVALID_ARGUMENT (cap); as all calls here.
 */
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
