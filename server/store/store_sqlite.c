/*
 * The store on SQLite: its transactions. The rows are record_rows.c and history_rows.c, the file
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

#include "proto/crypto/digest.h"
#include "server/store/administrator_rows.h"
#include "server/store/database.h"
#include "server/store/directory.h"
#include "server/store/history_rows.h"
#include "server/store/record_rows.h"
#include "server/store/statement.h"
#include "server/store/store_backend.h"
#include "server/store/whole_check.h"

enum {
    STEPS_BETWEEN_LOOKS = 10000, /* of SQLite's machine: whether a load is still worth its while */
};

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    SAVEPOINT,
    RELEASE,
    ROLLBACK_TO,
    UPDATE_META,
    STATEMENT_COUNT
};

static const char *const sources[STATEMENT_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [SAVEPOINT] = "SAVEPOINT change",
    [RELEASE] = "RELEASE change",
    [ROLLBACK_TO] = "ROLLBACK TO change",
    [UPDATE_META] = "UPDATE meta SET epoch = ?1, seq = ?2, audit_seq = ?3, audit_head = ?4,"
                    " clock_ms = ?5 WHERE id = 1",
};

struct sqlite_store {
    struct store base;
    struct database_path path;
    struct oc_hmac *hmac; /* of the row key */
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct record_rows rows;
    struct history_rows history;
    struct administrator_rows administrators;
    bool checks_while_loading; /* at the next attach */
    struct whole_check *check; /* of what is attached, still going on; NULL: it passed */
    bool is_group_lost;        /* the open group cannot be committed any more */
    enum oc_status lost_by;    /* what made it so ... */
    char lost_cause[24];       /* ... and its error's cause */
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

/* Before the first write, and before what was loaded counts. A database that is not whole is left
 * as it is, and nothing but closing and reopening it works any more. */
static enum oc_status settle_check(struct sqlite_store *sqlite, struct oc_error *err)
{
    if (!sqlite->check) {
        return OC_OK;
    }
    sqlite3_progress_handler(sqlite->db, 0, NULL, NULL);
    const enum oc_status st = whole_check_end(OC_STEAL(sqlite->check), err);
    sqlite->base.is_unknown = sqlite->base.is_unknown || st != OC_OK;
    return st;
}

static void detach(struct sqlite_store *sqlite, bool is_sound)
{
    if (settle_check(sqlite, NULL)) {
        is_sound = false;
    }
    backup_detach(&sqlite->base);
    record_rows_deinit(&sqlite->rows);
    history_rows_deinit(&sqlite->history);
    administrator_rows_deinit(&sqlite->administrators);
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
    enum oc_status st = record_rows_init(&sqlite->rows, sqlite->db, err);
    if (!st) {
        st = history_rows_init(&sqlite->history, sqlite->db, err);
    }
    return st ? st : administrator_rows_init(&sqlite->administrators, sqlite->db, err);
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

/* Where pages have the same child, a few of them make a table without end. */
static int is_in_vain(void *user)
{
    return whole_check_has_failed(user);
}

/* Where it may, and can, the check of the whole goes on behind. */
static enum oc_status open_database(struct sqlite_store *sqlite, struct oc_error *err)
{
    bool is_checked = true;
    enum oc_status st = OC_OK;
    if (!sqlite->checks_while_loading) {
        return database_open(&sqlite->path, &sqlite->db, err);
    }
    sqlite->checks_while_loading =
        false; /* once: a load follows the opening, and not a reopening */
    st = database_open_unchecked(&sqlite->path, &sqlite->db, &is_checked, err);
    if (st || is_checked) {
        return st;
    }
    sqlite->check = whole_check_start(&sqlite->path);
    if (sqlite->check) {
        sqlite3_progress_handler(sqlite->db, STEPS_BETWEEN_LOOKS, is_in_vain, sqlite->check);
        return OC_OK;
    }
    database_close(sqlite->db, false);
    sqlite->db = NULL;
    return database_open(&sqlite->path, &sqlite->db, err);
}

/* Opens the file and makes its ids and numbers those of the store. */
static enum oc_status attach(struct sqlite_store *sqlite, struct meta *meta, struct oc_error *err)
{
    enum oc_status st = open_database(sqlite, err);
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
    detach(sqlite, !store->is_unknown && !store->is_stale);
    oc_hmac_free(sqlite->hmac);
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
    memcpy(store->gateway_id, meta.gateway_id, STORE_ID_BYTES);
    memcpy(store->database_id, meta.database_id, STORE_ID_BYTES);
    store->committed = meta.progress;
    return OC_OK;
}

static enum oc_status begin(struct sqlite_store *sqlite, struct oc_error *err)
{
    const enum oc_status st = settle_check(sqlite, err);
    return st ? st : run(sqlite, BEGIN, err);
}

static enum oc_status sqlite_load_all(struct store *store, store_visit_fn visit, void *user,
                                      struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    enum oc_status st = record_rows_load(&sqlite->rows, visit, user, err);
    const enum oc_status checked = settle_check(sqlite, err);
    database_widen_cache(sqlite->db);
    return checked ? checked : st;
}

static enum oc_status sqlite_load_administrators(struct store *store,
                                                 store_visit_administrator_fn visit, void *user,
                                                 struct oc_error *err)
{
    return administrator_rows_load(&sqlite_of(store)->administrators, visit, user, err);
}

/* ---- groups -------------------------------------------------------------------------------- */

static enum oc_status sqlite_begin(struct store *store, struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    sqlite->is_group_lost = false;
    return begin(sqlite, err);
}

static enum oc_status put_all(struct sqlite_store *sqlite, const struct store_write *write,
                              struct oc_error *err)
{
    const struct store_change *change = write->change;
    enum oc_status st = OC_OK;
    if (change->after) {
        st = record_rows_put(&sqlite->rows, change->after, err);
    } else if (change->forget) {
        st = record_rows_forget(&sqlite->rows, change->forget, err);
    } else if (change->administrator) {
        st = administrator_rows_put(&sqlite->administrators, change->administrator, err);
    }
    if (!st && write->seq) {
        st = history_rows_put_change(&sqlite->history, write, err);
    }
    if (!st && change->audit) {
        st = history_rows_put_audit(&sqlite->history, write, err);
    }
    if (!st && change->key) {
        st = history_rows_put_key(&sqlite->history, write, err);
    }
    return st;
}

/* The group cannot go on, and nothing of it is ever committed. What failed on the way was not a
 * sync, so a full disk leaves the connection sound; after anything else it is made anew. */
static void give_up_group(struct sqlite_store *sqlite, enum oc_status why,
                          const struct oc_error *err)
{
    sqlite->is_group_lost = true;
    sqlite->lost_by = why;
    (void)snprintf(sqlite->lost_cause, sizeof sqlite->lost_cause, "%s", err ? err->cause : "");
}

/* Undoes the one change; where that is not possible the whole group is given up. */
static void undo_change(struct sqlite_store *sqlite, enum oc_status why, const struct oc_error *err)
{
    if (sqlite3_get_autocommit(sqlite->db) || run(sqlite, ROLLBACK_TO, NULL) ||
        run(sqlite, RELEASE, NULL)) {
        give_up_group(sqlite, why, err);
    }
}

static enum oc_status fail_lost(const struct sqlite_store *sqlite, struct oc_error *err)
{
    (void)oc_fail(err, sqlite->lost_by, "store: %s: the group was given up after a failure",
                  sqlite->path.text);
    if (err) {
        memcpy(err->cause, sqlite->lost_cause, sizeof sqlite->lost_cause);
    }
    return sqlite->lost_by;
}

static enum oc_status sqlite_apply(struct store *store, const struct store_write *write,
                                   struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    if (sqlite->is_group_lost) {
        return fail_lost(sqlite, err);
    }
    enum oc_status st = run(sqlite, SAVEPOINT, err);
    if (st) {
        if (sqlite3_get_autocommit(sqlite->db)) {
            give_up_group(sqlite, st, err);
        }
        return st;
    }
    st = put_all(sqlite, write, err);
    if (st) {
        undo_change(sqlite, st, err);
        return st;
    }
    st = run(sqlite, RELEASE, err);
    if (st) {
        give_up_group(sqlite, st, err); /* the change stands in a savepoint that nobody closes */
    }
    return st;
}

static void sqlite_rollback(struct store *store)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    if (!sqlite3_get_autocommit(sqlite->db) && run(sqlite, ROLLBACK, NULL)) {
        store->is_stale = true; /* a transaction that cannot be ended */
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

/* Ends what was not committed; it is gone, whatever becomes of the connection. */
static void abandon(struct sqlite_store *sqlite, enum oc_status why)
{
    sqlite_rollback(&sqlite->base);
    sqlite->base.is_stale = sqlite->base.is_stale || why != OC_RESOURCE_EXHAUSTED;
}

/*
 * A COMMIT that met a full disk did not write its last frame whole, as SQLite says FULL only of a
 * write, and with powersafe overwrite nothing is written behind that frame: no reader of the log
 * takes it for a commit. After any other failure the frame may be there, even durably.
 */
static bool is_surely_undone(struct sqlite_store *sqlite, int result)
{
    sqlite3_file *file = NULL;
    if ((result & 0xff) != SQLITE_FULL || !sqlite3_get_autocommit(sqlite->db) ||
        sqlite3_file_control(sqlite->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
        !file || !file->pMethods) {
        return false;
    }
    return file->pMethods->xDeviceCharacteristics(file) & SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static enum oc_status sqlite_commit(struct store *store, bool *rolled_back, struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    enum oc_status st = sqlite->is_group_lost ? fail_lost(sqlite, err) : OC_OK;
    if (!st && !is_same_progress(&store->working, &store->committed)) {
        st = update_meta(sqlite, err);
    }
    if (st) {
        abandon(sqlite, st);
        *rolled_back = true;
        return st;
    }
    struct binder binder = bind(sqlite, COMMIT);
    int result = bind_run(&binder);
    if (result == SQLITE_DONE) {
        return OC_OK;
    }
    st = finish(sqlite, result, sources[COMMIT], err);
    *rolled_back = is_surely_undone(sqlite, result);
    if (!sqlite3_get_autocommit(sqlite->db)) {
        (void)run(sqlite, ROLLBACK, NULL); /* the reopen that must follow settles it */
    }
    return st;
}

static enum oc_status sqlite_check_room(struct store *store, struct oc_error *err)
{
    enum { ROOM_BYTES = 1 << 20 }; /* some twenty decisions, and what they move */
    return directory_check_room(sqlite_of(store)->path.text, ROOM_BYTES, err);
}

/* ---- sightings and pruning -------------------------------------------------------------- */

/* Ends a transaction of rows that no decision rests on; after a failure it is tried again later.
 * A full disk leaves the connection sound. After anything else a sync may have failed, and with it
 * what earlier commits left to it: only a new connection secures the log. */
static enum oc_status end_upkeep(struct store *store, enum oc_status st, struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    if (!st) {
        st = run(sqlite, COMMIT, err);
    }
    if (st) {
        sqlite_rollback(store);
        store->is_stale = store->is_stale || st != OC_RESOURCE_EXHAUSTED;
    }
    return st;
}

static enum oc_status sqlite_save_sightings(struct store *store, const struct store_sighting *rows,
                                            size_t n, struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    enum oc_status st = begin(sqlite, err);
    if (st) {
        return st;
    }
    for (size_t i = 0; i < n && !st; i++) {
        st = record_rows_put_sighting(&sqlite->rows, &rows[i], err);
    }
    return end_upkeep(store, st, err);
}

static enum oc_status sqlite_prune(struct store *store, int64_t now_ms, bool *more,
                                   struct oc_error *err)
{
    struct sqlite_store *sqlite = sqlite_of(store);
    bool found = false;
    enum oc_status st =
        history_rows_has_old(&sqlite->history, store->committed.seq, now_ms, &found, err);
    if (st || !found) {
        *more = false;
        return st;
    }
    st = begin(sqlite, err);
    if (st) {
        return st;
    }
    st = end_upkeep(store, history_rows_prune(&sqlite->history, store->committed.seq, now_ms, err),
                    err);
    return st ? st
              : history_rows_has_old(&sqlite->history, store->committed.seq, now_ms, more, err);
}

/* ---- history ------------------------------------------------------------------------------- */

static enum oc_status sqlite_find_key(struct store *store, const char *actor, uint32_t method,
                                      const uint8_t key[STORE_KEY_BYTES], struct store_key *out,
                                      struct oc_error *err)
{
    return history_rows_find_key(&sqlite_of(store)->history, actor, method, key, out, err);
}

static enum oc_status sqlite_list_audit(struct store *store, const struct store_audit_query *query,
                                        struct store_audit_row *rows, size_t *n,
                                        struct oc_error *err)
{
    return history_rows_list_audit(&sqlite_of(store)->history, query, rows, n, err);
}

static enum oc_status sqlite_list_changes(struct store *store, uint64_t after_seq,
                                          struct store_change_row *rows, size_t limit, size_t *n,
                                          struct oc_error *err)
{
    return history_rows_list_changes(&sqlite_of(store)->history, store->working.seq, after_seq,
                                     rows, limit, n, err);
}

static enum oc_status sqlite_start_backup(struct store *store, const char *directory,
                                          const char *name, struct store_backup **out,
                                          struct oc_error *err)
{
    const enum oc_status st = settle_check(sqlite_of(store), err);
    return st ? st : backup_new(store, sqlite_of(store)->db, directory, name, out, err);
}

static const struct store_ops sqlite_ops = {
    .close = sqlite_close,
    .reopen = sqlite_reopen,
    .load_all = sqlite_load_all,
    .load_administrators = sqlite_load_administrators,
    .begin = sqlite_begin,
    .apply = sqlite_apply,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .check_room = sqlite_check_room,
    .find_key = sqlite_find_key,
    .save_sightings = sqlite_save_sightings,
    .prune = sqlite_prune,
    .start_backup = sqlite_start_backup,
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
    if (sqlite) {
        sqlite->hmac = oc_hmac_new(options->row_key);
    }
    if (!sqlite || !sqlite->hmac) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "store: out of memory");
    }
    struct store *base = &sqlite->base;
    base->ops = &sqlite_ops;
    sqlite->rows.hmac = sqlite->hmac;
    sqlite->rows.gateway_id = base->gateway_id;
    sqlite->administrators.hmac = sqlite->hmac;
    sqlite->administrators.gateway_id = base->gateway_id;
    sqlite->checks_while_loading = options->checks_while_loading;
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
