/*
 * An administrator's use cases. Who calls and what the caller may do was checked by dispatch; the
 * actor is written into the audit as given.
 */
#pragma once

#include "server/domain/administrator.h"
#include "server/service/device_view.h"
#include "server/service/pairing_service.h"

/* ---- reading: answered from memory, on the calling thread ----------------------------------- */

struct list_query {
    uint32_t states; /* bit per enum oc_state; 0: all but tombstones and lapsed requests */
    size_t limit;    /* 1..500 */
    char cursor[80]; /* from the page before; "" for the first */
};

/* Pending first, then approved, then the others, by device id within. Calls visit once per device
 * under no lock; `view` is borrowed. Fails: INVALID_ARGUMENT (cursor). */
typedef void (*device_visit_fn)(void *user, const struct device_view *view);
OC_MUST_CHECK enum oc_status admin_list(struct service *service, const struct list_query *query,
                                        device_visit_fn visit, void *user, char next_cursor[80],
                                        uint64_t *revision, struct oc_error *err);

enum {
    ADMIN_MAX_MATCHES = 16,
};
struct resolve_result {
    size_t n_matches; /* 0: not found; several: ambiguous */
    struct device_view matches[ADMIN_MAX_MATCHES];
    char closest[OC_DEVICE_ID_DIGITS + 1]; /* with none: "" if nothing is close */
    struct oc_request_id replaced_by;      /* with none: the named request was replaced by this */
    const char *closed_as; /* with none: how the named request ended, "closed" if that is not known
                              any more; "": no such request */
};
/* Full device id, full request id, alias, unique prefix (16+ digits of a device id, 4+ characters
 * of an open request's id, any number with prefix_is_enough), in this order. A claimed name never
 * selects. *out is large: keep it on the heap. */
void admin_resolve(struct service *service, const char *selector, bool prefix_is_enough,
                   struct resolve_result *out);

/* ---- deciding: through the writer ----------------------------------------------------------- */

struct admin_caller {
    struct audit_actor actor;
    bool has_key; /* idempotency key */
    uint32_t method;
    uint8_t key[STORE_KEY_BYTES];
    struct oc_digest payload_digest;
    uint32_t budget_ms; /* work that has not started by then is not done; 0: no bound */
    /* From afar: who it is was proved by this certificate, and may be no administrator any more. */
    bool is_remote;
    bool is_root; /* uid 0, at the local door */
    char remote_name[ADMINISTRATOR_NAME_BYTES + 1];
    struct oc_digest certificate;
    void *origin; /* the call, for administrators_changed_fn; NULL: none */
};

struct decide_command {
    enum pairing_event_kind kind; /* APPROVE .. RENAME */
    /* By request id (APPROVE, REJECT, DISMISS) or by device id (the others). */
    struct oc_request_id request_id;
    struct oc_device_id device_id;
    struct oc_digest ask_digest; /* APPROVE */
    bool narrows;                /* APPROVE: grant is given */
    bool approves;               /* EXPECT: with grant, labels, term */
    bool breaks_glass;           /* APPROVE: although votes are missing; root's alone */
    struct oc_grant grant;
    char code[OC_CODE_DIGITS + 1];     /* APPROVE; "" none; wiped by the service */
    int64_t term_ms;                   /* 0: until revoked */
    char alias[OC_MAX_NAME_BYTES + 1]; /* RENAME; APPROVE and EXPECT when not "" */
    struct oc_labels labels;           /* APPROVE, EXPECT */
    char reason[OC_MAX_REASON_BYTES + 1];
};

struct decide_result {
    enum oc_status status;
    struct oc_error error; /* its facts: request_id, closest, is_not_durable, is_outcome_unknown */
    struct device_view view; /* after the decision; with OK */
    uint64_t seq;            /* 0: nothing changed */
    bool session_closed;
    struct votes_cast votes; /* APPROVE; a vote is OK, too */
};

/* `done` comes exactly once, on the notifier's thread (or on the caller's when the queue is full
 * or the gateway is locked). Statuses: NOT_FOUND; ABORTED (replaced, changed, wrong code);
 * FAILED_PRECONDITION (see the text); INVALID_ARGUMENT; ALREADY_EXISTS (alias);
 * RESOURCE_EXHAUSTED (queue, disk full); UNAVAILABLE (outcome unknown, not durable, locked);
 * DEADLINE_EXCEEDED (nothing was done). */
struct decide_call {
    void (*done)(void *user, const struct decide_result *result);
    void *user;
};
void admin_decide(struct service *service, const struct admin_caller *caller,
                  const struct decide_command *command, const struct decide_call *call);

/* Writes a row for a call that dispatch refused (role, door), within the limits of denied_limit.h.
 * Never blocks; dropped when the queue is full, and counted. */
void admin_record_denied(struct service *service, const struct audit_actor *actor,
                         const char *method, const char *why);

/* ---- history: small jobs on the writer's thread, between groups ----------------------------- */

struct audit_result {
    enum oc_status status;
    struct oc_error error;
    const struct store_audit_row *rows;
    size_t n;
    uint64_t next_after_seq; /* 0: no more */
    uint64_t revision;
};
struct audit_call {
    void (*done)(void *user, const struct audit_result *result);
    void *user;
};
void admin_list_audit(struct service *service, const struct store_audit_query *query,
                      const struct audit_call *call);

struct watch_event {
    struct store_change_row change;
    struct device_view view; /* as it is now */
};
struct watch_result {
    enum oc_status status; /* OUT_OF_RANGE: take a snapshot and go on from its revision */
    struct oc_error error;
    const struct watch_event *events;
    size_t n;
    uint64_t next_after_seq;
    struct store_identity identity; /* of the records that were read */
};
struct watch_call {
    void (*done)(void *user, const struct watch_result *result);
    void *user;
};
/* Answers with at most 64 changes after `after_seq`; waits up to budget_ms for the first. */
void admin_watch(struct service *service, uint64_t after_seq, uint32_t budget_ms,
                 const struct watch_call *call);

/* Leaves the locked start. accept_rollback: serve this database, in a new trust epoch.
 * init: serve a new, empty one. `done` as in admin_decide, with view unset. */
void admin_unlock(struct service *service, const struct admin_caller *caller, bool accept_rollback,
                  bool init, const struct decide_call *call);
