/*
 * What store.c shares with its backends, and nobody else includes: the head that every store
 * begins with, and the operations a backend provides.
 *
 * store.c owns the order of calls, the numbers (change log, audit, epoch, clock) and the audit
 * hash; a backend stores and finds what it is given. So both backends number and chain alike.
 */
#pragma once

#include "server/store/backup.h"

/* How far a database got. `committed` is what is durable, `working` what the open group made. */
struct store_progress {
    uint64_t epoch;
    uint64_t seq;
    uint64_t audit_seq;
    struct oc_digest audit_head; /* hash of audit row audit_seq; the genesis hash before any */
    int64_t clock_ms;            /* the highest now_ms of any change */
};

/* One change with the numbers it gets if it is stored. */
struct store_write {
    const struct store_change *change;
    uint64_t seq;       /* 0 without a record's change */
    uint64_t audit_seq; /* 0 without an audit event */
    struct oc_digest audit_hash;
};

struct store_ops {
    void (*close)(struct store *store);
    enum oc_status (*reopen)(struct store *store, struct oc_error *err); /* sets `committed` */
    enum oc_status (*load_all)(struct store *store, store_visit_fn visit, void *user,
                               struct oc_error *err);
    enum oc_status (*load_administrators)(struct store *store, store_visit_administrator_fn visit,
                                          void *user, struct oc_error *err);
    enum oc_status (*begin)(struct store *store, struct oc_error *err);
    enum oc_status (*apply)(struct store *store, const struct store_write *write,
                            struct oc_error *err); /* all of it or nothing */
    /* Of `working`. *rolled_back, false before: nothing of the group is there, nor ever will be. */
    enum oc_status (*commit)(struct store *store, bool *rolled_back, struct oc_error *err);
    void (*rollback)(struct store *store);
    enum oc_status (*check_room)(struct store *store, struct oc_error *err);
    enum oc_status (*find_key)(struct store *store, const char *actor, uint32_t method,
                               const uint8_t key[STORE_KEY_BYTES], struct store_key *out,
                               struct oc_error *err);
    enum oc_status (*save_sightings)(struct store *store, const struct store_sighting *rows,
                                     size_t n, struct oc_error *err);
    enum oc_status (*prune)(struct store *store, int64_t now_ms, bool *more, struct oc_error *err);
    /* NULL: there is no file that could be copied. */
    enum oc_status (*start_backup)(struct store *store, const char *directory, const char *name,
                                   struct store_backup **out, struct oc_error *err);
    enum oc_status (*list_audit)(struct store *store, const struct store_audit_query *query,
                                 struct store_audit_row *rows, size_t *n, struct oc_error *err);
    enum oc_status (*list_changes)(struct store *store, uint64_t after_seq,
                                   struct store_change_row *rows, size_t limit, size_t *n,
                                   struct oc_error *err);
};

/* The first member of every backend's own struct. */
struct store {
    const struct store_ops *ops;
    uint8_t gateway_id[STORE_ID_BYTES];
    uint8_t database_id[STORE_ID_BYTES];
    struct store_progress committed;
    struct store_progress working;
    bool is_in_group;
    bool is_unknown; /* a commit failed: nothing but reopen and close is allowed */
    bool is_stale;   /* set by a backend whose connection failed outside of a group's commit: it
                        is opened anew before its next use, and nobody need know */
    struct store_backup *backup; /* the one under way; NULL: none */
    char description[32];
};

/* backup.c, for backends on SQLite: begins to copy `from`, and lets go of it before it is closed.
 */
struct sqlite3;
OC_MUST_CHECK enum oc_status backup_new(struct store *store, struct sqlite3 *from,
                                        const char *directory, const char *name,
                                        struct store_backup **out, struct oc_error *err);
void backup_detach(struct store *store);

enum {
    STORE_PRUNE_ROWS = 1000, /* at most, a call */
};
