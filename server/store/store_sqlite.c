/*
 * The store on SQLite: transactions, history and keys. Records are record_rows.c, the file itself
 * is database.c.
 *
 * Invariant: `db` is open exactly while no commit's outcome is unknown, or the reopen after one
 * has not failed; the numbers in `meta` are written by the commit that makes them true.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "server/store/database.h"
#include "server/store/record_rows.h"
#include "server/store/statement.h"
#include "server/store/store_backend.h"

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    SAVEPOINT,
    RELEASE,
    ROLLBACK_TO,
    UPDATE_META,
    PUT_CHANGE,
    PUT_AUDIT,
    PUT_KEY,
    FIND_KEY,
    LIST_CHANGES,
    FIRST_CHANGE,
    LIST_AUDIT,
    LIST_AUDIT_BACK,
    LIST_AUDIT_OF,
    LIST_AUDIT_OF_BACK,
    PRUNE_CHANGES,
    PRUNE_KEYS,
    HAS_OLD,
    STATEMENT_COUNT
};

#define AUDIT_COLUMNS                                                                              \
    "SELECT seq, at_ms, actor, source, action, outcome, device_id, request_id, state_before,"      \
    " state_after, reason, rule, detail, hash FROM audit"

static const char *const sources[STATEMENT_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [SAVEPOINT] = "SAVEPOINT change",
    [RELEASE] = "RELEASE change",
    [ROLLBACK_TO] = "ROLLBACK TO change",
    [UPDATE_META] = "UPDATE meta SET epoch = ?1, seq = ?2, audit_seq = ?3, audit_head = ?4,"
                    " clock_ms = ?5 WHERE id = 1",
    [PUT_CHANGE] = "INSERT INTO change_log (seq, at_ms, action, device) VALUES (?1, ?2, ?3, ?4)",
    [PUT_AUDIT] =
        "INSERT INTO audit (seq, at_ms, actor, source, action, outcome, device_id, request_id,"
        " state_before, state_after, reason, rule, detail, hash)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    [PUT_KEY] = "INSERT INTO idempotency (actor, method, key, payload_digest, outcome, device_id,"
                " request_id, seq, session_closed, created_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [FIND_KEY] = "SELECT payload_digest, outcome, device_id, request_id, seq, session_closed"
                 " FROM idempotency WHERE actor = ?1 AND method = ?2 AND key = ?3",
    [LIST_CHANGES] = "SELECT c.seq, c.at_ms, c.action, d.id FROM change_log c"
                     " JOIN devices d ON d.device = c.device WHERE c.seq > ?1"
                     " ORDER BY c.seq LIMIT ?2",
    [FIRST_CHANGE] = "SELECT min(seq) FROM change_log",
    [LIST_AUDIT] = AUDIT_COLUMNS " WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    [LIST_AUDIT_BACK] = AUDIT_COLUMNS " WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2",
    [LIST_AUDIT_OF] = AUDIT_COLUMNS " WHERE device_id = ?3 AND seq > ?1 ORDER BY seq LIMIT ?2",
    [LIST_AUDIT_OF_BACK] =
        AUDIT_COLUMNS " WHERE device_id = ?3 AND seq < ?1 ORDER BY seq DESC LIMIT ?2",
    /* Only ever from the front, so that no gap appears even if times are out of order. */
    [PRUNE_CHANGES] =
        "DELETE FROM change_log WHERE seq < coalesce((SELECT seq FROM (SELECT seq, at_ms FROM"
        " change_log ORDER BY seq LIMIT ?2) WHERE at_ms >= ?1 ORDER BY seq LIMIT 1),"
        " (SELECT min(seq) FROM change_log) + ?2)",
    [PRUNE_KEYS] = "DELETE FROM idempotency WHERE rowid IN (SELECT rowid FROM idempotency"
                   " WHERE created_ms < ?1 ORDER BY created_ms LIMIT ?2)",
    [HAS_OLD] = "SELECT (SELECT at_ms < ?1 FROM change_log ORDER BY seq LIMIT 1)"
                " OR EXISTS (SELECT 1 FROM idempotency WHERE created_ms < ?2)",
};

struct sqlite_store {
    struct store base;
    struct database_path path;
    struct oc_key row_key;
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct record_rows rows;
    bool is_group_lost; /* SQLite gave the open group up by itself */
};

static struct sqlite_store *sqlite_of(struct store *store)
{
    return (struct sqlite_store *)store;
}

static struct binder bind(struct sqlite_store *sqlite, enum statement which)
{
    return (struct binder){.statement = sqlite->statements[which]};
}

static enum oc_status finish(struct sqlite_store *sqlite, int result, const char *what,
                             struct oc_error *err)
{
    return result == SQLITE_DONE ? OC_OK : statement_fail(sqlite->db, result, what, err);
}

static enum oc_status run(struct sqlite_store *sqlite, enum statement which, struct oc_error *err)
{
    struct binder binder = bind(sqlite, which);
    return finish(sqlite, bind_run(&binder), sources[which], err);
}

/* ---- opening and closing ------------------------------------------------------------------- */

static void detach(struct sqlite_store *sqlite, bool is_sound)
{
    record_rows_deinit(&sqlite->rows);
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        (void)sqlite3_finalize(sqlite->statements[i]);
        sqlite->statements[i] = NULL;
    }
    database_close(sqlite->db, is_sound);
    sqlite->db = NULL;
}

static enum oc_status prepare_all(struct sqlite_store *sqlite, struct oc_error *err)
{
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        enum oc_status st = statement_prepare(sqlite->db, sources[i], &sqlite->statements[i], err);
        if (st) {
            return st;
        }
    }
    return record_rows_init(&sqlite->rows, sqlite->db, err);
}

struct meta {
    uint8_t gateway_id[STORE_ID_BYTES];
    uint8_t database_id[STORE_ID_BYTES];
    struct store_progress progress;
};

/* Reads the one row, and whether the last row of either log is the one it names. */
static bool read_meta(sqlite3_stmt *statement, struct meta *out)
{
    struct reader reader = {.statement = statement};
    read_blob(&reader, out->gateway_id, STORE_ID_BYTES);
    read_blob(&reader, out->database_id, STORE_ID_BYTES);
    out->progress.epoch = (uint64_t)read_number(&reader);
    out->progress.seq = (uint64_t)read_number(&reader);
    out->progress.audit_seq = (uint64_t)read_number(&reader);
    read_blob(&reader, out->progress.audit_head.bytes, OC_DIGEST_BYTES);
    out->progress.clock_ms = read_number(&reader);
    const bool logs_agree = read_small(&reader, 1) == 1;
    return logs_agree && !reader.is_broken;
}

static enum oc_status load_meta(sqlite3 *db, struct meta *out, struct oc_error *err)
{
    static const char source[] =
        "SELECT gateway_id, database_id, epoch, seq, audit_seq, audit_head, clock_ms,"
        " coalesce((SELECT max(seq) FROM change_log), meta.seq) = meta.seq"
        " AND coalesce((SELECT max(seq) FROM audit), 0) = meta.audit_seq"
        " AND coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), audit_head)"
        "     = audit_head"
        " FROM meta WHERE id = 1";
    sqlite3_stmt *statement = NULL;
    enum oc_status st = statement_prepare(db, source, &statement, err);
    if (st) {
        return st;
    }
    int result = sqlite3_step(statement);
    if (result != SQLITE_ROW) {
        st = result == SQLITE_DONE
                 ? oc_fail(err, OC_DATA_LOSS, "store: the database lacks the row that names it")
                 : statement_fail(db, result, "read the ids", err);
    } else if (!read_meta(statement, out)) {
        st = oc_fail(err, OC_DATA_LOSS, "store: the numbers of the database contradict its logs");
    }
    (void)sqlite3_finalize(statement);
    return st;
}

/* Opens the file and makes its ids and numbers those of the store. */
static enum oc_status attach(struct sqlite_store *sqlite, struct meta *meta, struct oc_error *err)
{
    enum oc_status st = database_open(&sqlite->path, &sqlite->db, err);
    if (!st) {
        st = prepare_all(sqlite, err);
    }
    if (!st) {
        st = load_meta(sqlite->db, meta, err);
    }
    if (st) {
        detach(sqlite, false);
    }
    return st;
}

static void sqlite_close(struct store *store)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    if (store->is_in_group) {
        store_rollback(store);
    }
    detach(sqlite, !store->is_unknown);
    oc_wipe(&sqlite->row_key, sizeof sqlite->row_key);
    free(sqlite);
}

static enum oc_status sqlite_reopen(struct store *store, struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    detach(sqlite, false);
    struct meta meta;
    enum oc_status st = attach(sqlite, &meta, err);
    if (st) {
        return st;
    }
    if (memcmp(meta.gateway_id, store->gateway_id, STORE_ID_BYTES) != 0 ||
        memcmp(meta.database_id, store->database_id, STORE_ID_BYTES) != 0) {
        detach(sqlite, false);
        return oc_fail(err, OC_DATA_LOSS, "store: another database lies at %s now",
                       sqlite->path.text);
    }
    store->committed = meta.progress;
    return OC_OK;
}

static enum oc_status sqlite_load_all(struct store *store, store_visit_fn visit, void *user,
                                      struct oc_error *err)
{
    return record_rows_load(&sqlite_of(store)->rows, visit, user, err);
}

/* ---- groups -------------------------------------------------------------------------------- */

static enum oc_status sqlite_begin(struct store *store, struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    sqlite->is_group_lost = false;
    return run(sqlite, BEGIN, err);
}

static enum oc_status put_change(struct sqlite_store *sqlite, const struct store_write *write,
                                 struct oc_error *err)
{
    const struct store_change *change = write->change;
    int64_t device = 0;
    enum oc_status st = record_rows_put(&sqlite->rows, change->after, &device, err);
    if (st) {
        return st;
    }
    struct binder binder = bind(sqlite, PUT_CHANGE);
    bind_number(&binder, (int64_t)write->seq);
    bind_number(&binder, change->now_ms);
    bind_text(&binder, change->action, strlen(change->action));
    bind_number(&binder, device);
    return finish(sqlite, bind_run(&binder), "write the change log", err);
}

static enum oc_status put_audit(struct sqlite_store *sqlite, const struct store_write *write,
                                struct oc_error *err)
{
    const struct audit_event *event = write->change->audit;
    struct oc_digest device_id; /* zeros, no device, become NULL */
    memcpy(device_id.bytes, event->device_id.bytes, OC_DEVICE_ID_BYTES);
    struct binder binder = bind(sqlite, PUT_AUDIT);
    bind_number(&binder, (int64_t)write->audit_seq);
    bind_number(&binder, event->at_ms);
    bind_text(&binder, event->actor.name, OC_MAX_ACTOR_BYTES);
    bind_text(&binder, event->actor.source, OC_MAX_SOURCE_BYTES);
    bind_text(&binder, event->action, sizeof event->action - 1);
    bind_text(&binder, event->outcome, sizeof event->outcome - 1);
    bind_digest(&binder, &device_id);
    bind_text(&binder, event->request_id.text, OC_REQUEST_ID_CHARS);
    bind_text(&binder, event->before, sizeof event->before - 1);
    bind_text(&binder, event->after, sizeof event->after - 1);
    bind_text(&binder, event->reason, OC_MAX_REASON_BYTES);
    bind_text(&binder, event->rule, sizeof event->rule - 1);
    bind_text(&binder, event->detail, sizeof event->detail - 1);
    bind_blob(&binder, write->audit_hash.bytes, OC_DIGEST_BYTES);
    return finish(sqlite, bind_run(&binder), "write the audit", err);
}

static enum oc_status put_key(struct sqlite_store *sqlite, const struct store_write *write,
                              struct oc_error *err)
{
    const struct store_key *key = write->change->key;
    struct binder binder = bind(sqlite, PUT_KEY);
    bind_text(&binder, key->actor, OC_MAX_ACTOR_BYTES);
    bind_number(&binder, key->method);
    bind_blob(&binder, key->key, STORE_KEY_BYTES);
    bind_blob(&binder, key->payload_digest.bytes, OC_DIGEST_BYTES);
    bind_number(&binder, key->outcome);
    bind_blob(&binder, key->device_id.bytes, OC_DEVICE_ID_BYTES);
    bind_text(&binder, key->request_id.text, OC_REQUEST_ID_CHARS);
    bind_number(&binder, (int64_t)write->seq);
    bind_number(&binder, key->session_closed);
    bind_number(&binder, write->change->now_ms);
    return finish(sqlite, bind_run(&binder), "write an idempotency key", err);
}

static enum oc_status put_all(struct sqlite_store *sqlite, const struct store_write *write,
                              struct oc_error *err)
{
    const struct store_change *change = write->change;
    enum oc_status st = change->after ? put_change(sqlite, write, err) : OC_OK;
    if (!st && change->audit) {
        st = put_audit(sqlite, write, err);
    }
    if (!st && change->key) {
        st = put_key(sqlite, write, err);
    }
    return st;
}

/* Undoes the one change; where that is not possible the whole group is given up. */
static void undo_change(struct sqlite_store *sqlite)
{
    if (sqlite3_get_autocommit(sqlite->db) || run(sqlite, ROLLBACK_TO, NULL) ||
        run(sqlite, RELEASE, NULL)) {
        sqlite->is_group_lost = true;
    }
}

static enum oc_status sqlite_apply(struct store *store, const struct store_write *write,
                                   struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    if (sqlite->is_group_lost) {
        return oc_fail(err, OC_UNAVAILABLE, "store: the group was given up after a failure");
    }
    enum oc_status st = run(sqlite, SAVEPOINT, err);
    if (st) {
        return st;
    }
    st = put_all(sqlite, write, err);
    if (st) {
        undo_change(sqlite);
        return st;
    }
    return run(sqlite, RELEASE, err);
}

static void sqlite_rollback(struct store *store)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    if (!sqlite3_get_autocommit(sqlite->db) && run(sqlite, ROLLBACK, NULL)) {
        store->is_unknown = true; /* a transaction that cannot be ended: only a reopen helps */
    }
}

static bool is_same_progress(const struct store_progress *a, const struct store_progress *b)
{
    return a->epoch == b->epoch && a->seq == b->seq && a->audit_seq == b->audit_seq &&
           a->clock_ms == b->clock_ms;
}

static enum oc_status update_meta(struct sqlite_store *sqlite, struct oc_error *err)
{
    const struct store_progress *working = &sqlite->base.working;
    struct binder binder = bind(sqlite, UPDATE_META);
    bind_number(&binder, (int64_t)working->epoch);
    bind_number(&binder, (int64_t)working->seq);
    bind_number(&binder, (int64_t)working->audit_seq);
    bind_blob(&binder, working->audit_head.bytes, OC_DIGEST_BYTES);
    bind_number(&binder, working->clock_ms);
    return finish(sqlite, bind_run(&binder), "write the numbers", err);
}

static enum oc_status sqlite_commit(struct store *store, struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    enum oc_status st = OC_OK;
    if (sqlite->is_group_lost) {
        st = oc_fail(err, OC_UNAVAILABLE, "store: the group was given up after a failure");
    }
    if (!st && !is_same_progress(&store->working, &store->committed)) {
        st = update_meta(sqlite, err);
    }
    if (!st) {
        st = run(sqlite, COMMIT, err);
    }
    if (st && !sqlite3_get_autocommit(sqlite->db)) {
        (void)run(sqlite, ROLLBACK, NULL); /* the reopen that must follow settles it */
    }
    return st;
}

/* ---- keys, sightings, pruning -------------------------------------------------------------- */

static enum oc_status sqlite_find_key(struct store *store, const char *actor, uint32_t method,
                                      const uint8_t key[STORE_KEY_BYTES], struct store_key *out,
                                      struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    struct binder binder = bind(sqlite, FIND_KEY);
    bind_text(&binder, actor, OC_MAX_ACTOR_BYTES);
    bind_number(&binder, method);
    bind_blob(&binder, key, STORE_KEY_BYTES);
    int result = bind_step(&binder);
    enum oc_status st = OC_OK;
    if (result == SQLITE_DONE) {
        st = oc_fail(err, OC_NOT_FOUND, "store: no such idempotency key");
    } else if (result != SQLITE_ROW) {
        st = statement_fail(sqlite->db, result, "find an idempotency key", err);
    } else {
        struct store_key found = {.method = method};
        struct reader reader = {.statement = binder.statement};
        (void)snprintf(found.actor, sizeof found.actor, "%s", actor);
        memcpy(found.key, key, STORE_KEY_BYTES);
        read_blob(&reader, found.payload_digest.bytes, OC_DIGEST_BYTES);
        found.outcome = read_small(&reader, PAIRING_OUTCOME_COUNT - 1);
        read_blob(&reader, found.device_id.bytes, OC_DEVICE_ID_BYTES);
        read_text(&reader, found.request_id.text, OC_REQUEST_ID_CHARS);
        found.seq = (uint64_t)read_number(&reader);
        found.session_closed = read_small(&reader, 1);
        if (reader.is_broken) {
            st = oc_fail(err, OC_DATA_LOSS, "store: an idempotency key is damaged");
        } else {
            *out = found;
        }
    }
    (void)sqlite3_reset(binder.statement);
    return st;
}

/* Ends a transaction of rows that no decision rests on. After a failure it is tried again later,
 * on a connection that is opened anew: the failed one does not know what its log holds. */
static enum oc_status end_upkeep(struct store *store, enum oc_status st, struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    if (!st) {
        st = run(sqlite, COMMIT, err);
    }
    if (st && store_reopen(store, NULL)) {
        store->is_unknown = true;
    }
    return st;
}

static enum oc_status sqlite_save_sightings(struct store *store, const struct store_sighting *rows,
                                            size_t n, struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    enum oc_status st = run(sqlite, BEGIN, err);
    if (st) {
        return st;
    }
    for (size_t i = 0; i < n && !st; i++) {
        st = record_rows_put_sighting(&sqlite->rows, &rows[i], err);
    }
    return end_upkeep(store, st, err);
}

static enum oc_status prune(struct sqlite_store *sqlite, enum statement which, int64_t before_ms,
                            int *room, struct oc_error *err)
{
    struct binder binder = bind(sqlite, which);
    bind_number(&binder, before_ms);
    bind_number(&binder, *room);
    enum oc_status st = finish(sqlite, bind_run(&binder), "forget old rows", err);
    if (!st) {
        *room -= sqlite3_changes(sqlite->db);
    }
    return st;
}

static enum oc_status has_old(struct sqlite_store *sqlite, int64_t changes_ms, int64_t keys_ms,
                              bool *out, struct oc_error *err)
{
    struct binder binder = bind(sqlite, HAS_OLD);
    bind_number(&binder, changes_ms);
    bind_number(&binder, keys_ms);
    int result = bind_step(&binder);
    enum oc_status st = OC_OK;
    if (result == SQLITE_ROW) {
        *out = sqlite3_column_int(binder.statement, 0) == 1;
    } else {
        st = statement_fail(sqlite->db, result, "look for old rows", err);
    }
    (void)sqlite3_reset(binder.statement);
    return st;
}

static enum oc_status sqlite_prune(struct store *store, int64_t now_ms, bool *more,
                                   struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    const int64_t changes_ms = now_ms - STORE_KEEP_CHANGES_MS;
    const int64_t keys_ms = now_ms - STORE_KEEP_KEYS_MS;
    bool found = false;
    enum oc_status st = has_old(sqlite, changes_ms, keys_ms, &found, err);
    if (st || !found) {
        *more = false;
        return st;
    }
    st = run(sqlite, BEGIN, err);
    if (st) {
        return st;
    }
    int room = STORE_PRUNE_ROWS;
    st = prune(sqlite, PRUNE_CHANGES, changes_ms, &room, err);
    if (!st && room > 0) {
        st = prune(sqlite, PRUNE_KEYS, keys_ms, &room, err);
    }
    st = end_upkeep(store, st, err);
    return st ? st : has_old(sqlite, changes_ms, keys_ms, more, err);
}

/* ---- history ------------------------------------------------------------------------------- */

static bool read_audit(sqlite3_stmt *statement, struct store_audit_row *row)
{
    struct reader reader = {.statement = statement};
    struct audit_event *event = &row->event;
    struct oc_digest device_id = {0};
    memset(row, 0, sizeof *row);
    row->seq = (uint64_t)read_number(&reader);
    event->at_ms = read_number(&reader);
    read_text(&reader, event->actor.name, OC_MAX_ACTOR_BYTES);
    read_text(&reader, event->actor.source, OC_MAX_SOURCE_BYTES);
    read_text(&reader, event->action, sizeof event->action - 1);
    read_text(&reader, event->outcome, sizeof event->outcome - 1);
    read_digest(&reader, &device_id);
    memcpy(event->device_id.bytes, device_id.bytes, OC_DEVICE_ID_BYTES);
    read_text(&reader, event->request_id.text, OC_REQUEST_ID_CHARS);
    read_text(&reader, event->before, sizeof event->before - 1);
    read_text(&reader, event->after, sizeof event->after - 1);
    read_text(&reader, event->reason, OC_MAX_REASON_BYTES);
    read_text(&reader, event->rule, sizeof event->rule - 1);
    read_text(&reader, event->detail, sizeof event->detail - 1);
    read_blob(&reader, row->hash.bytes, OC_DIGEST_BYTES);
    return !reader.is_broken;
}

static struct binder bind_audit_query(struct sqlite_store *sqlite,
                                      const struct store_audit_query *query)
{
    enum statement which = query->has_device_id ? LIST_AUDIT_OF : LIST_AUDIT;
    uint64_t from = query->after_seq;
    if (query->newest_first) {
        which = query->has_device_id ? LIST_AUDIT_OF_BACK : LIST_AUDIT_BACK;
        from = from ? from : INT64_MAX;
    }
    struct binder binder = bind(sqlite, which);
    bind_number(&binder, from > INT64_MAX ? INT64_MAX : (int64_t)from);
    bind_number(&binder, (int64_t)query->limit);
    if (query->has_device_id) {
        bind_blob(&binder, query->device_id.bytes, OC_DEVICE_ID_BYTES);
    }
    return binder;
}

static enum oc_status sqlite_list_audit(struct store *store, const struct store_audit_query *query,
                                        struct store_audit_row *rows, size_t *n,
                                        struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    struct binder binder = bind_audit_query(sqlite, query);
    size_t found = 0;
    enum oc_status st = OC_OK;
    int result = bind_step(&binder);
    while (result == SQLITE_ROW && !st) {
        if (!read_audit(binder.statement, &rows[found])) {
            st = oc_fail(err, OC_DATA_LOSS, "store: audit row %llu is damaged",
                         (unsigned long long)rows[found].seq);
        }
        found++;
        result = sqlite3_step(binder.statement);
    }
    if (!st) {
        st = finish(sqlite, result, "list the audit", err);
    }
    (void)sqlite3_reset(binder.statement);
    if (!st) {
        *n = found;
    }
    return st;
}

/* The highest number that is forgotten. */
static enum oc_status find_forgotten(struct sqlite_store *sqlite, uint64_t *out,
                                     struct oc_error *err)
{
    struct binder binder = bind(sqlite, FIRST_CHANGE);
    int result = bind_step(&binder);
    enum oc_status st = OC_OK;
    if (result != SQLITE_ROW) {
        st = statement_fail(sqlite->db, result, "find the first change", err);
    } else if (sqlite3_column_type(binder.statement, 0) == SQLITE_NULL) {
        *out = sqlite->base.working.seq;
    } else {
        *out = (uint64_t)sqlite3_column_int64(binder.statement, 0) - 1;
    }
    (void)sqlite3_reset(binder.statement);
    return st;
}

static enum oc_status sqlite_list_changes(struct store *store, uint64_t after_seq,
                                          struct store_change_row *rows, size_t limit, size_t *n,
                                          struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    uint64_t forgotten = 0;
    enum oc_status st = find_forgotten(sqlite, &forgotten, err);
    if (st) {
        return st;
    }
    const uint64_t last = store->working.seq;
    if (after_seq < forgotten || after_seq > last) {
        return oc_fail(err, OC_OUT_OF_RANGE, "store: changes are kept after %llu up to %llu",
                       (unsigned long long)forgotten, (unsigned long long)last);
    }
    struct binder binder = bind(sqlite, LIST_CHANGES);
    bind_number(&binder, (int64_t)after_seq);
    bind_number(&binder, (int64_t)limit);
    size_t found = 0;
    int result = bind_step(&binder);
    while (result == SQLITE_ROW) {
        struct reader reader = {.statement = binder.statement};
        struct store_change_row *row = &rows[found++];
        row->seq = (uint64_t)read_number(&reader);
        row->at_ms = read_number(&reader);
        read_text(&reader, row->action, sizeof row->action - 1);
        read_blob(&reader, row->device_id.bytes, OC_DEVICE_ID_BYTES);
        result = reader.is_broken ? SQLITE_CORRUPT : sqlite3_step(binder.statement);
    }
    st = finish(sqlite, result, "list changes", err);
    (void)sqlite3_reset(binder.statement);
    if (!st) {
        *n = found;
    }
    return st;
}

static const struct store_ops sqlite_ops = {
    .close = sqlite_close,
    .reopen = sqlite_reopen,
    .load_all = sqlite_load_all,
    .begin = sqlite_begin,
    .apply = sqlite_apply,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .find_key = sqlite_find_key,
    .save_sightings = sqlite_save_sightings,
    .prune = sqlite_prune,
    .list_audit = sqlite_list_audit,
    .list_changes = sqlite_list_changes,
};

static void sqlite_free(struct sqlite_store *sqlite)
{
    if (sqlite) {
        sqlite_close(&sqlite->base);
    }
}
OC_DEFINE_CLEANUP(sqlite_free, struct sqlite_store);

static enum oc_status open_or_create(struct sqlite_store *sqlite,
                                     const struct store_options *options, struct meta *meta,
                                     struct oc_error *err)
{
    enum oc_status st = attach(sqlite, meta, err);
    if (st != OC_NOT_FOUND || !options->may_create) {
        return st;
    }
    st = database_create(&sqlite->path, options, err);
    return st ? st : attach(sqlite, meta, err);
}

enum oc_status store_open_sqlite(const struct store_options *options, struct store **out,
                                 struct oc_error *err)
{
    OC_CLEANUP(sqlite_freep) struct sqlite_store *sqlite = calloc(1, sizeof *sqlite);
    if (!sqlite) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "store: out of memory");
    }
    struct store *base = &sqlite->base;
    base->ops = &sqlite_ops;
    sqlite->row_key = *options->row_key;
    sqlite->rows.row_key = &sqlite->row_key;
    sqlite->rows.gateway_id = base->gateway_id;
    struct meta meta;
    enum oc_status st = database_resolve(options->path, &sqlite->path, err);
    if (!st) {
        st = open_or_create(sqlite, options, &meta, err);
    }
    if (st) {
        return st;
    }
    memcpy(base->gateway_id, meta.gateway_id, STORE_ID_BYTES);
    memcpy(base->database_id, meta.database_id, STORE_ID_BYTES);
    base->committed = meta.progress;
    base->working = meta.progress;
    (void)snprintf(base->description, sizeof base->description, "sqlite %s", sqlite3_libversion());
    *out = &OC_STEAL(sqlite)->base;
    return OC_OK;
}
