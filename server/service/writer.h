/*
 * The writer's work: groups of changes, each decided on the state that the changes before it left,
 * written in one transaction, and published together after its commit.
 *
 * Invariant: memory is never more permissive than the disk. What withdraws (revoke, block, remove,
 * end of a term) is published before the commit, and stays if the commit or its own write fails;
 * then it is kept as unsaved and written again until it is durable. And memory is never older than
 * what was acknowledged: a reopened store that is, is neither read nor written, but locks.
 *
 * Everything here runs on the writer's thread unless it says otherwise.
 */
#pragma once

#include "server/service/peer.h"

struct writer;
struct group;
struct change;

/* One queued thing to do. Either it is staged in a group, or it runs by itself between groups. */
struct change_ops {
    /* Decides and applies; fills the change's own answer. NULL: runs by itself. */
    void (*stage)(struct group *group, struct change *change);
    /* Between groups, outside of a transaction; with stage NULL. */
    void (*run)(struct service *service, struct change *change);
    /* The group is over, memory is published: answers. `failed` is NULL, or says that nothing of
     * the whole group is on disk, or that its outcome is unknown. Frees the change or hands it on.
     */
    void (*finish)(struct service *service, struct change *change, const struct oc_error *failed);
};

struct change {
    struct job job; /* first */
    const struct change_ops *ops;
    struct delivery delivery; /* for the answer */
};

/* Any thread. False: the queue is full or the gateway stops; the change stays the caller's. */
OC_MUST_CHECK bool writer_push(struct service *service, struct change *change);

/* The record as the group has left it so far. */
void group_read(struct group *group, const struct oc_device_id *id, struct pairing *out);
struct service *group_service(struct group *group);
/* NULL: the gateway has none, or cannot use it now. */
struct store *group_store(struct group *group);

struct group_change {
    const struct oc_device_id *id;
    const struct pairing_decision *decision;
    const char *action;     /* change-log word */
    const char *source;     /* under which an opened request is counted */
    struct store_key *key;  /* NULL: none; session_closed is filled */
    bool needs_marker;      /* the answer waits for the marker */
    bool is_administrators; /* tried in an outage, too, if there is room */
};
struct group_receipt {
    uint64_t seq;
    bool session_closed;
};
/*
 * Writes what a decision changed and what it audits; nothing if neither.
 * Fails: as store_apply; UNAVAILABLE with is_not_durable for a withdrawal, which is in force;
 *        UNAVAILABLE with the store's cause while it fails.
 */
OC_MUST_CHECK enum oc_status group_apply(struct group *group, const struct group_change *change,
                                         struct group_receipt *receipt, struct oc_error *err);
/* An audit row alone. Fails: as store_apply. */
OC_MUST_CHECK enum oc_status group_apply_audit(struct group *group, const struct audit_event *audit,
                                               struct oc_error *err);

OC_MUST_CHECK enum oc_status writer_new(struct service *service, struct store *store,
                                        struct oc_error *err);
/* The store goes with it. The executor has stopped. */
void writer_free(struct writer *writer);
/* Loads every record; at start, and after the store was reopened or replaced. */
OC_MUST_CHECK enum oc_status writer_load(struct service *service, struct oc_error *err);
/* Closes the store, forgets every record, and goes on with `store`, which is taken. */
OC_MUST_CHECK enum oc_status writer_replace_store(struct service *service, struct store *store,
                                                  struct oc_error *err);
struct store *writer_store(struct service *service);
/* What the store holds is served from now on: it was judged, or an administrator accepted it. Read
 * anew where memory stands on something else. Fails: as store_load_all, and then it is not. */
OC_MUST_CHECK enum oc_status writer_accept_store(struct service *service, struct oc_error *err);
/* If anything was committed since; a failure is told in the log, once, and is an outage. */
void writer_write_marker(struct service *service);
/* What a revocation is answered that is durable itself. Fails: UNAVAILABLE with is_not_durable and
 * STORE_CAUSE_MARKER_FAILS while the marker could not be written. */
OC_MUST_CHECK enum oc_status writer_check_marker(struct service *service, struct oc_error *err);
/* The last try for what is unsaved; says in the log what the next start will not know. The executor
 * has stopped. */
void writer_finish(struct service *service);

/* Writes unsaved withdrawals again, reopens a store that failed, looks whether an outage is over.
 */
void group_retry(struct group *group);
/* For writes outside of a group: an outage begins where the disk is what failed. */
void writer_note_failure(struct service *service, enum oc_status st, struct oc_error *err);

/* Posts what `change` delivers, together with the other answers of its group and behind all that
 * the commit published; from its finish. */
void writer_answer(struct service *service, struct change *change);

/* The executor's batch function; `user` is the service. */
void writer_run_batch(void *user, struct job *first);
