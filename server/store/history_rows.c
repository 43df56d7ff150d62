/* History and keys as rows; see history_rows.h. */
#include "server/store/history_rows.h"

#include <stdio.h>
#include <string.h>

#include "server/store/statement.h"

#define AUDIT_COLUMNS                                                                              \
    "SELECT seq, at_ms, actor, source, action, outcome, device_id, request_id, state_before,"      \
    " state_after, reason, rule, detail, hash FROM audit"

static const char *const sources[HISTORY_STATEMENT_COUNT] = {
    [HISTORY_PUT_CHANGE] =
        "INSERT INTO change_log (seq, at_ms, action, device_id) VALUES (?1, ?2, ?3, ?4)",
    [HISTORY_PUT_AUDIT] =
        "INSERT INTO audit (seq, at_ms, actor, source, action, outcome, device_id, request_id,"
        " state_before, state_after, reason, rule, detail, hash)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    [HISTORY_PUT_KEY] =
        "INSERT INTO idempotency (actor, method, key, payload_digest, outcome, device_id,"
        " request_id, seq, session_closed, created_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [HISTORY_FIND_KEY] =
        "SELECT payload_digest, outcome, device_id, request_id, seq, session_closed"
        " FROM idempotency WHERE actor = ?1 AND method = ?2 AND key = ?3",
    [HISTORY_LIST_CHANGES] = "SELECT seq, at_ms, action, device_id FROM change_log"
                             " WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    [HISTORY_FIRST_CHANGE] = "SELECT min(seq) FROM change_log",
    [HISTORY_LIST_AUDIT] = AUDIT_COLUMNS " WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    [HISTORY_LIST_AUDIT_BACK] = AUDIT_COLUMNS " WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2",
    [HISTORY_LIST_AUDIT_OF] =
        AUDIT_COLUMNS " WHERE device_id = ?3 AND seq > ?1 ORDER BY seq LIMIT ?2",
    [HISTORY_LIST_AUDIT_OF_BACK] =
        AUDIT_COLUMNS " WHERE device_id = ?3 AND seq < ?1 ORDER BY seq DESC LIMIT ?2",
    /* Only ever from the front, so that no gap appears even if times are out of order. */
    [HISTORY_PRUNE_CHANGES] =
        "DELETE FROM change_log WHERE seq < coalesce((SELECT seq FROM (SELECT seq, at_ms FROM"
        " change_log ORDER BY seq LIMIT ?2) WHERE at_ms >= ?1 AND seq > ?3 ORDER BY seq LIMIT 1),"
        " (SELECT min(seq) FROM change_log) + ?2)",
    [HISTORY_PRUNE_KEYS] = "DELETE FROM idempotency WHERE rowid IN (SELECT rowid FROM idempotency"
                           " WHERE created_ms < ?1 ORDER BY created_ms LIMIT ?2)",
    [HISTORY_HAS_OLD] =
        "SELECT (SELECT at_ms < ?1 OR seq <= ?3 FROM change_log ORDER BY seq LIMIT 1)"
        " OR EXISTS (SELECT 1 FROM idempotency WHERE created_ms < ?2)",
};

enum oc_status history_rows_init(struct history_rows *history, sqlite3 *db, struct oc_error *err)
{
    history->db = db;
    for (size_t i = 0; i < HISTORY_STATEMENT_COUNT; i++) {
        enum oc_status st = statement_prepare(db, sources[i], &history->statements[i], err);
        if (st) {
            return st;
        }
    }
    return OC_OK;
}

void history_rows_deinit(struct history_rows *history)
{
    for (size_t i = 0; i < HISTORY_STATEMENT_COUNT; i++) {
        (void)sqlite3_finalize(history->statements[i]);
        history->statements[i] = NULL;
    }
    history->db = NULL;
}

static struct binder bind(struct history_rows *history, enum history_statement which)
{
    return (struct binder){.statement = history->statements[which]};
}

static enum oc_status finish(struct history_rows *history, int result, const char *what,
                             struct oc_error *err)
{
    return result == SQLITE_DONE ? OC_OK : statement_fail(history->db, result, what, err);
}

/* ---- writing ------------------------------------------------------------------------------- */

enum oc_status history_rows_put_change(struct history_rows *history,
                                       const struct store_write *write, struct oc_error *err)
{
    const struct store_change *change = write->change;
    static const struct oc_device_id none;
    const struct oc_device_id *id = change->after ? &change->after->id : change->forget;
    id = id ? id : &none;
    struct binder binder = bind(history, HISTORY_PUT_CHANGE);
    bind_number(&binder, (int64_t)write->seq);
    bind_number(&binder, change->now_ms);
    bind_text(&binder, change->action, strlen(change->action));
    bind_blob(&binder, id->bytes, OC_DEVICE_ID_BYTES);
    return finish(history, bind_run(&binder), "write the change log", err);
}

enum oc_status history_rows_put_audit(struct history_rows *history, const struct store_write *write,
                                      struct oc_error *err)
{
    const struct audit_event *event = write->change->audit;
    struct oc_digest device_id; /* zeros, no device, become NULL */
    memcpy(device_id.bytes, event->device_id.bytes, OC_DEVICE_ID_BYTES);
    struct binder binder = bind(history, HISTORY_PUT_AUDIT);
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
    return finish(history, bind_run(&binder), "write the audit", err);
}

enum oc_status history_rows_put_key(struct history_rows *history, const struct store_write *write,
                                    struct oc_error *err)
{
    const struct store_key *key = write->change->key;
    struct binder binder = bind(history, HISTORY_PUT_KEY);
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
    return finish(history, bind_run(&binder), "write an idempotency key", err);
}

/* ---- keys and pruning --------------------------------------------------------------------- */

enum oc_status history_rows_find_key(struct history_rows *history, const char *actor,
                                     uint32_t method, const uint8_t key[STORE_KEY_BYTES],
                                     struct store_key *out, struct oc_error *err)
{
    struct binder binder = bind(history, HISTORY_FIND_KEY);
    bind_text(&binder, actor, OC_MAX_ACTOR_BYTES);
    bind_number(&binder, method);
    bind_blob(&binder, key, STORE_KEY_BYTES);
    int result = bind_step(&binder);
    enum oc_status st = OC_OK;
    if (result == SQLITE_DONE) {
        st = oc_fail(err, OC_NOT_FOUND, "store: no such idempotency key");
    } else if (result != SQLITE_ROW) {
        st = statement_fail(history->db, result, "find an idempotency key", err);
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

static enum oc_status end_prune(struct history_rows *history, struct binder *binder, int *room,
                                struct oc_error *err)
{
    enum oc_status st = finish(history, bind_run(binder), "forget old rows", err);
    if (!st) {
        *room -= sqlite3_changes(history->db);
    }
    return st;
}

/* The highest number that is one too many. */
static int64_t last_over(uint64_t last)
{
    return last > STORE_KEEP_CHANGES ? (int64_t)(last - STORE_KEEP_CHANGES) : 0;
}

static enum oc_status prune_changes(struct history_rows *history, uint64_t last, int64_t now_ms,
                                    int *room, struct oc_error *err)
{
    struct binder binder = bind(history, HISTORY_PRUNE_CHANGES);
    bind_number(&binder, now_ms - STORE_KEEP_CHANGES_MS);
    bind_number(&binder, *room);
    bind_number(&binder, last_over(last));
    return end_prune(history, &binder, room, err);
}

static enum oc_status prune_keys(struct history_rows *history, int64_t now_ms, int *room,
                                 struct oc_error *err)
{
    struct binder binder = bind(history, HISTORY_PRUNE_KEYS);
    bind_number(&binder, now_ms - STORE_KEEP_KEYS_MS);
    bind_number(&binder, *room);
    return end_prune(history, &binder, room, err);
}

enum oc_status history_rows_has_old(struct history_rows *history, uint64_t last, int64_t now_ms,
                                    bool *out, struct oc_error *err)
{
    struct binder binder = bind(history, HISTORY_HAS_OLD);
    bind_number(&binder, now_ms - STORE_KEEP_CHANGES_MS);
    bind_number(&binder, now_ms - STORE_KEEP_KEYS_MS);
    bind_number(&binder, last_over(last));
    int result = bind_step(&binder);
    enum oc_status st = OC_OK;
    if (result == SQLITE_ROW) {
        *out = sqlite3_column_int(binder.statement, 0) == 1;
    } else {
        st = statement_fail(history->db, result, "look for old rows", err);
    }
    (void)sqlite3_reset(binder.statement);
    return st;
}

enum oc_status history_rows_prune(struct history_rows *history, uint64_t last, int64_t now_ms,
                                  struct oc_error *err)
{
    int room = STORE_PRUNE_ROWS;
    enum oc_status st = prune_changes(history, last, now_ms, &room, err);
    return st || room <= 0 ? st : prune_keys(history, now_ms, &room, err);
}

/* ---- listing ------------------------------------------------------------------------------- */

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

static struct binder bind_audit_query(struct history_rows *history,
                                      const struct store_audit_query *query)
{
    enum history_statement which =
        query->has_device_id ? HISTORY_LIST_AUDIT_OF : HISTORY_LIST_AUDIT;
    uint64_t from = query->after_seq;
    if (query->newest_first) {
        which = query->has_device_id ? HISTORY_LIST_AUDIT_OF_BACK : HISTORY_LIST_AUDIT_BACK;
        from = from ? from : INT64_MAX;
    }
    struct binder binder = bind(history, which);
    bind_number(&binder, from > INT64_MAX ? INT64_MAX : (int64_t)from);
    bind_number(&binder, (int64_t)query->limit);
    if (query->has_device_id) {
        bind_blob(&binder, query->device_id.bytes, OC_DEVICE_ID_BYTES);
    }
    return binder;
}

enum oc_status history_rows_list_audit(struct history_rows *history,
                                       const struct store_audit_query *query,
                                       struct store_audit_row *rows, size_t *n,
                                       struct oc_error *err)
{
    struct binder binder = bind_audit_query(history, query);
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
        st = finish(history, result, "list the audit", err);
    }
    (void)sqlite3_reset(binder.statement);
    if (!st) {
        *n = found;
    }
    return st;
}

/* The highest number that is forgotten. */
static enum oc_status find_forgotten(struct history_rows *history, uint64_t last, uint64_t *out,
                                     struct oc_error *err)
{
    struct binder binder = bind(history, HISTORY_FIRST_CHANGE);
    int result = bind_step(&binder);
    enum oc_status st = OC_OK;
    if (result != SQLITE_ROW) {
        st = statement_fail(history->db, result, "find the first change", err);
    } else if (sqlite3_column_type(binder.statement, 0) == SQLITE_NULL) {
        *out = last;
    } else {
        *out = (uint64_t)sqlite3_column_int64(binder.statement, 0) - 1;
    }
    (void)sqlite3_reset(binder.statement);
    return st;
}

enum oc_status history_rows_list_changes(struct history_rows *history, uint64_t last,
                                         uint64_t after_seq, struct store_change_row *rows,
                                         size_t limit, size_t *n, struct oc_error *err)
{
    uint64_t forgotten = 0;
    enum oc_status st = find_forgotten(history, last, &forgotten, err);
    if (st) {
        return st;
    }
    if (after_seq < forgotten || after_seq > last) {
        return oc_fail(err, OC_OUT_OF_RANGE, "store: changes are kept after %llu up to %llu",
                       (unsigned long long)forgotten, (unsigned long long)last);
    }
    struct binder binder = bind(history, HISTORY_LIST_CHANGES);
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
    st = finish(history, result, "list changes", err);
    (void)sqlite3_reset(binder.statement);
    if (!st) {
        *n = found;
    }
    return st;
}
