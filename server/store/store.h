/*
 * The store as services see it: operations on domain values, one transaction per group of
 * changes, all or nothing per change. Two backends, one contract, one conformance suite.
 *
 * Invariant: a change, its audit row, its change-log row and its idempotency row are written
 * together or not at all; change-log and audit numbers have no gaps.
 *
 * One thread at a time: the writer thread from start to stop (the opener before that).
 */
#pragma once

#include <openclaw/error.h>

#include "proto/base/cleanup.h"
#include "proto/base/secret.h"
#include "server/domain/administrator.h"
#include "server/domain/pairing.h"

struct store;

enum {
    STORE_ID_BYTES = 16,
    STORE_KEY_BYTES = 16,
    STORE_KEEP_CHANGES_MS = 7 * 24 * 60 * 60 * 1000,
    STORE_KEEP_CHANGES = 100 * 1000, /* rows at most: what strangers do is logged, too */
    STORE_KEEP_KEYS_MS = 24 * 60 * 60 * 1000,
    STORE_MAX_PAGE = 256,
};

/* What names a database and how far it got; the marker outside it holds the same four. */
struct store_identity {
    uint8_t gateway_id[STORE_ID_BYTES];
    uint8_t database_id[STORE_ID_BYTES];
    uint64_t epoch; /* trust epoch: grows when an administrator accepts a rollback */
    uint64_t seq;   /* highest change-log number */
};

struct store_options {
    const char *path;             /* of the database; ignored by the memory backend */
    const struct oc_key *row_key; /* authenticates trust rows; kept outside the database */
    bool may_create;              /* with the two ids below; else a missing file is NOT_FOUND */
    uint8_t gateway_id[STORE_ID_BYTES];
    uint8_t database_id[STORE_ID_BYTES];
    int64_t now_ms;
    /* For a start, where a load follows: it may be read while quick_check goes on, and nothing that
     * was read counts before store_load_all returned OK. Writing waits for the check, too. */
    bool checks_while_loading;
};

/*
 * Opens, checks (quick_check), migrates.
 * Owns:  release with store_close.
 * Fails: NOT_FOUND (missing and may_create is false); DATA_LOSS (corrupt, or not a database of
 *        ours: the text says which); FAILED_PRECONDITION (a newer schema, or another process holds
 *        it); UNAVAILABLE (disk); RESOURCE_EXHAUSTED (disk full or memory).
 */
OC_MUST_CHECK enum oc_status store_open_sqlite(const struct store_options *options,
                                               struct store **out, struct oc_error *err);
OC_MUST_CHECK enum oc_status store_open_memory(const struct store_options *options,
                                               struct store **out, struct oc_error *err);
void store_close(struct store *store);
OC_DEFINE_CLEANUP(store_close, struct store);

struct store_identity store_identity(const struct store *store);
/* In a group: the change-log number that the next change of a record will get. */
uint64_t store_next_seq(const struct store *store);
/* The highest now_ms of any committed change: time never stood lower. Unix milliseconds. */
int64_t store_clock_ms(const struct store *store);
/* "sqlite 3.40.1" or "memory". */
const char *store_describe(const struct store *store);

/* Visits every record, tombstones included, once, in no order. A row whose HMAC or whose
 * invariants fail is visited with is_quarantined set and its standing as stored. *sighting has
 * seen_ms 0 if there is none. Stops at the first status other than OK that the visitor returns,
 * and returns it. The visitor runs on the caller's thread and must not use the store. */
typedef enum oc_status (*store_visit_fn)(void *user, const struct pairing *pairing,
                                         const struct sighting *sighting);
OC_MUST_CHECK enum oc_status store_load_all(struct store *store, store_visit_fn visit, void *user,
                                            struct oc_error *err);

/* Every administrator, by name; is_quarantined as above. */
typedef enum oc_status (*store_visit_administrator_fn)(void *user,
                                                       const struct administrator *administrator);
OC_MUST_CHECK enum oc_status store_load_administrators(struct store *store,
                                                       store_visit_administrator_fn visit,
                                                       void *user, struct oc_error *err);

/* ---- changes ------------------------------------------------------------------------------- */

/* The memory of a call that changed something, so that its repetition changes nothing. */
struct store_key {
    char actor[OC_MAX_ACTOR_BYTES + 1];
    uint32_t method;
    uint8_t key[STORE_KEY_BYTES];
    struct oc_digest payload_digest;
    enum pairing_outcome outcome;
    struct oc_device_id device_id;
    struct oc_request_id request_id;
    uint64_t seq;
    bool session_closed;
};

struct store_change {
    const struct pairing *after;       /* NULL: no record changes (a refusal, an unlock) */
    const struct oc_device_id *forget; /* instead of `after`: deletes this record; NULL: none */
    const struct administrator *administrator; /* instead of both: numbered, too, as a change of
                                                  the device of zeros; NULL: none */
    const struct audit_event *audit;           /* NULL: not audited */
    const char *action;          /* change-log word; with `after`, `forget` or `administrator` */
    const struct store_key *key; /* NULL: none; its seq is filled by the store */
    int64_t now_ms;
};

/* The error's cause where the disk is what failed. */
#define STORE_CAUSE_DISK_FULL  "disk_full"
#define STORE_CAUSE_DISK_FAILS "disk_fails"
/* The database took it, the marker beside it did not. */
#define STORE_CAUSE_MARKER_FAILS "marker_fails"

/*
 * A group: begin, any number of applies, commit. An apply runs in its own savepoint: when it
 * fails, it alone is undone and the group goes on. *seq gets the change-log number (0 without
 * `after`, `forget` and `administrator`). To forget a device that has no record is done, and
 * numbered all the same. Fails (apply): RESOURCE_EXHAUSTED (disk full), UNAVAILABLE (I/O),
 * ALREADY_EXISTS (alias taken), DATA_LOSS (the record breaks its invariants, or a constraint of the
 * schema refused the row: a bug, contained). Fails (commit): nothing of the group is on disk or
 * ever will be, and the store goes on; or, with is_outcome_unknown and store_needs_reopen, nobody
 * knows: the store must be reopened with store_reopen, and read anew if its numbers moved, before
 * it is used again.
 *
 * store_reopen takes what lies there, an older database or another one, too: whoever calls it
 * compares store_identity with what was committed before anything is read into memory or written.
 */
OC_MUST_CHECK enum oc_status store_begin(struct store *store, struct oc_error *err);
OC_MUST_CHECK enum oc_status store_apply(struct store *store, const struct store_change *change,
                                         uint64_t *seq, struct oc_error *err);
OC_MUST_CHECK enum oc_status store_commit(struct store *store, struct oc_error *err);
void store_rollback(struct store *store);
OC_MUST_CHECK enum oc_status store_reopen(struct store *store, struct oc_error *err);
/* Whether nothing but store_reopen is served. */
bool store_needs_reopen(const struct store *store);
/* Whether the disk has room for many changes. Fails: RESOURCE_EXHAUSTED, STORE_CAUSE_DISK_FULL. */
OC_MUST_CHECK enum oc_status store_check_room(struct store *store, struct oc_error *err);

/* Inside or outside of a group; sees what the group applied. Fails: NOT_FOUND. */
OC_MUST_CHECK enum oc_status store_find_key(struct store *store, const char *actor, uint32_t method,
                                            const uint8_t key[STORE_KEY_BYTES],
                                            struct store_key *out, struct oc_error *err);

/* One transaction of its own, no audit, no change-log row: what devices say of themselves. Rows
 * of unknown devices are skipped. When this or store_prune fails, nothing that was decided is in
 * doubt: the store sets itself right before its next use. */
struct store_sighting {
    struct oc_device_id id;
    struct sighting sighting;
};
OC_MUST_CHECK enum oc_status store_save_sightings(struct store *store,
                                                  const struct store_sighting *rows, size_t n,
                                                  struct oc_error *err);

/* Forgets change-log rows and keys past their time, and the oldest change-log rows of more than
 * STORE_KEEP_CHANGES, at most 1,000 rows a call; *more tells whether another call has work. */
OC_MUST_CHECK enum oc_status store_prune(struct store *store, int64_t now_ms, bool *more,
                                         struct oc_error *err);

/* In a group: its commit raises the trust epoch. Fails: INVALID_ARGUMENT (it is no higher). */
OC_MUST_CHECK enum oc_status store_set_epoch(struct store *store, uint64_t epoch,
                                             struct oc_error *err);
/* A new trust epoch (an administrator accepted a rollback), with its audit row, in a group of its
 * own. */
OC_MUST_CHECK enum oc_status store_raise_epoch(struct store *store, uint64_t epoch,
                                               const struct audit_event *audit, int64_t now_ms,
                                               struct oc_error *err);

/* ---- history ------------------------------------------------------------------------------- */

struct store_audit_row {
    uint64_t seq;
    struct audit_event event;
    struct oc_digest hash; /* over the canonical bytes of this row and the hash before */
};

struct store_audit_query {
    uint64_t after_seq; /* newest_first: before this one; 0: from the end */
    bool newest_first;
    bool has_device_id;
    struct oc_device_id device_id;
    size_t limit; /* 1..STORE_MAX_PAGE */
};
/* The last committed audit row; the hash is the genesis hash before any. */
struct store_audit_end {
    uint64_t seq;
    struct oc_digest hash;
};
struct store_audit_end store_audit_end(const struct store *store);
OC_MUST_CHECK enum oc_status store_list_audit(struct store *store,
                                              const struct store_audit_query *query,
                                              struct store_audit_row *rows, size_t *n,
                                              struct oc_error *err);

struct store_change_row {
    uint64_t seq;
    int64_t at_ms;
    char action[24];
    struct oc_device_id device_id;
};
/* Fails: OUT_OF_RANGE (after_seq is older than what is kept, or ahead of us). */
OC_MUST_CHECK enum oc_status store_list_changes(struct store *store, uint64_t after_seq,
                                                struct store_change_row *rows, size_t limit,
                                                size_t *n, struct oc_error *err);
