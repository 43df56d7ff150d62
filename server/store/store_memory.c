/*
 * The store in memory: the same contract without durability, for tests and trial runs.
 *
 * Invariant: what an open group did is in `undo` and behind the `*_kept` lengths, so that a
 * rollback gives back exactly what was committed.
 */
#include "server/store/store_memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/audit_chain.h"
#include "server/store/memory_administrators.h"
#include "server/store/memory_records.h"
#include "server/store/store_backend.h"

/* An array that only grows, and the number of its items that are committed. */
struct list {
    void *items;
    size_t n;
    size_t room;
    size_t n_kept;
};

struct key_row {
    struct store_key key;
    int64_t created_ms;
};

enum undo_kind {
    UNDO_ADDED, /* the last record */
    UNDO_REPLACED,
    UNDO_TAKEN_OUT, /* and freed when that is committed */
};

struct undo {
    enum undo_kind kind;
    struct memory_record *record; /* of all but ADDED */
    struct pairing before;        /* REPLACED */
};

struct memory_store {
    struct store base;
    struct memory_records records;
    struct memory_administrators administrators;
    struct list audit;   /* of store_audit_row */
    struct list changes; /* of store_change_row, without gaps */
    struct list keys;    /* of key_row */
    struct list undo;
    enum store_memory_fault fault;
};

static struct memory_store *memory_of(struct store *store)
{
    return (struct memory_store *)store;
}

static enum oc_status refuse_memory(struct oc_error *err)
{
    return oc_fail(err, OC_RESOURCE_EXHAUSTED, "store: out of memory");
}

static bool list_reserve(struct list *list, size_t item_bytes)
{
    if (list->n < list->room) {
        return true;
    }
    size_t room = list->room ? 2 * list->room : 64;
    void *items = realloc(list->items, room * item_bytes);
    if (!items) {
        return false;
    }
    list->items = items;
    list->room = room;
    return true;
}

static void list_drop_first(struct list *list, size_t n, size_t item_bytes)
{
    memmove(list->items, (char *)list->items + n * item_bytes, (list->n - n) * item_bytes);
    list->n -= n;
    list->n_kept = list->n;
}

static bool take_fault(struct memory_store *memory, enum store_memory_fault fault)
{
    if (memory->fault != fault) {
        return false;
    }
    memory->fault = STORE_MEMORY_FINE;
    return true;
}

void store_memory_fail_next(struct store *store, enum store_memory_fault fault)
{
    memory_of(store)->fault = fault;
}

/* What was taken out is gone for good. */
static void drop_undo(struct memory_store *memory)
{
    const struct undo *undo = memory->undo.items;
    for (size_t i = 0; i < memory->undo.n; i++) {
        if (undo[i].kind == UNDO_TAKEN_OUT) {
            free(undo[i].record);
        }
    }
    memory->undo.n = 0;
}

static enum oc_status fail_full(struct oc_error *err)
{
    (void)oc_fail(err, OC_RESOURCE_EXHAUSTED, "store: planned full disk");
    if (err) {
        (void)snprintf(err->cause, sizeof err->cause, "%s", STORE_CAUSE_DISK_FULL);
    }
    return OC_RESOURCE_EXHAUSTED;
}

static void memory_close(struct store *store)
{
    struct memory_store *memory = memory_of(store);
    memory_records_deinit(&memory->records);
    memory_administrators_deinit(&memory->administrators);
    drop_undo(memory);
    free(memory->audit.items);
    free(memory->changes.items);
    free(memory->keys.items);
    free(memory->undo.items);
    free(memory);
}

static enum oc_status memory_reopen(struct store *store, struct oc_error *err)
{
    if (take_fault(memory_of(store), STORE_MEMORY_REOPEN)) {
        return oc_fail(err, OC_UNAVAILABLE, "store: planned failure of a reopen");
    }
    return OC_OK;
}

static enum oc_status memory_load_all(struct store *store, store_visit_fn visit, void *user,
                                      struct oc_error *err)
{
    (void)err;
    const struct memory_records *records = &memory_of(store)->records;
    for (size_t i = 0; i < records->n; i++) {
        enum oc_status st = visit(user, &records->items[i]->pairing, &records->items[i]->sighting);
        if (st) {
            return st;
        }
    }
    return OC_OK;
}

static enum oc_status memory_load_administrators(struct store *store,
                                                 store_visit_administrator_fn visit, void *user,
                                                 struct oc_error *err)
{
    (void)err;
    const struct memory_administrator_list *list =
        memory_administrators_now(&memory_of(store)->administrators);
    enum oc_status st = OC_OK;
    for (size_t i = 0; i < list->n && !st; i++) {
        st = visit(user, list->items[i]);
    }
    return st;
}

/* ---- groups -------------------------------------------------------------------------------- */

static void undo_to(struct memory_store *memory, size_t n)
{
    struct undo *undo = memory->undo.items;
    while (memory->undo.n > n) {
        struct undo *last = &undo[--memory->undo.n];
        switch (last->kind) {
        case UNDO_ADDED:
            memory_records_drop_last(&memory->records);
            break;
        case UNDO_REPLACED:
            memory_records_replace(&memory->records, last->record, &last->before);
            break;
        case UNDO_TAKEN_OUT:
            memory_records_put_back(&memory->records, last->record);
            break;
        }
    }
}

static enum oc_status memory_begin(struct store *store, struct oc_error *err)
{
    (void)store;
    (void)err;
    return OC_OK;
}

static void memory_rollback(struct store *store)
{
    struct memory_store *memory = memory_of(store);
    undo_to(memory, 0);
    memory_administrators_rollback(&memory->administrators);
    memory->audit.n = memory->audit.n_kept;
    memory->changes.n = memory->changes.n_kept;
    memory->keys.n = memory->keys.n_kept;
}

static enum oc_status memory_commit(struct store *store, bool *rolled_back, struct oc_error *err)
{
    struct memory_store *memory = memory_of(store);
    if (take_fault(memory, STORE_MEMORY_COMMIT_FULL)) {
        memory_rollback(store);
        *rolled_back = true;
        return fail_full(err);
    }
    if (take_fault(memory, STORE_MEMORY_COMMIT_LOST)) {
        memory_rollback(store);
        return oc_fail(err, OC_UNAVAILABLE, "store: planned failure of a commit");
    }
    drop_undo(memory);
    memory_administrators_commit(&memory->administrators);
    memory->audit.n_kept = memory->audit.n;
    memory->changes.n_kept = memory->changes.n;
    memory->keys.n_kept = memory->keys.n;
    if (take_fault(memory, STORE_MEMORY_COMMIT_KEPT)) {
        store->committed = store->working;
        return oc_fail(err, OC_UNAVAILABLE, "store: planned failure of a commit");
    }
    return OC_OK;
}

static enum oc_status memory_check_room(struct store *store, struct oc_error *err)
{
    (void)store;
    (void)err;
    return OC_OK;
}

static struct key_row *find_key_row(struct memory_store *memory, const char *actor, uint32_t method,
                                    const uint8_t key[STORE_KEY_BYTES])
{
    struct key_row *rows = memory->keys.items;
    for (size_t i = memory->keys.n; i-- > 0;) {
        if (rows[i].key.method == method && memcmp(rows[i].key.key, key, STORE_KEY_BYTES) == 0 &&
            strcmp(rows[i].key.actor, actor) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* What the schema's unique indexes refuse in a database. */
static enum oc_status check_unique(struct memory_store *memory, const struct store_change *change,
                                   struct oc_error *err)
{
    const struct pairing *after = change->after;
    if (after) {
        const struct memory_record *own =
            memory_records_find(&memory->records, MEMORY_BY_ID, after);
        const struct memory_record *other =
            memory_records_find(&memory->records, MEMORY_BY_ALIAS, after);
        if (other && other != own) {
            return oc_fail(err, OC_ALREADY_EXISTS, "store: the alias is taken");
        }
        other = memory_records_find(&memory->records, MEMORY_BY_REQUEST, after);
        if (other && other != own) {
            return oc_fail(err, OC_DATA_LOSS, "store: the request id is open for another device");
        }
    }
    const struct store_key *key = change->key;
    if (key && find_key_row(memory, key->actor, key->method, key->key)) {
        return oc_fail(err, OC_DATA_LOSS, "store: the idempotency key is already kept");
    }
    return OC_OK;
}

static enum oc_status put_record(struct memory_store *memory, const struct pairing *after,
                                 struct oc_error *err)
{
    if (!list_reserve(&memory->undo, sizeof(struct undo)) ||
        !memory_records_reserve(&memory->records)) {
        return refuse_memory(err);
    }
    struct undo *undo = (struct undo *)memory->undo.items + memory->undo.n;
    undo->record = memory_records_find(&memory->records, MEMORY_BY_ID, after);
    undo->kind = undo->record ? UNDO_REPLACED : UNDO_ADDED;
    if (undo->record) {
        undo->before = undo->record->pairing;
        memory_records_replace(&memory->records, undo->record, after);
    } else if (!memory_records_add(&memory->records, after)) {
        return refuse_memory(err);
    }
    memory->undo.n++;
    return OC_OK;
}

static enum oc_status forget_record(struct memory_store *memory, const struct oc_device_id *id,
                                    struct oc_error *err)
{
    const struct pairing like = {.id = *id};
    struct memory_record *record = memory_records_find(&memory->records, MEMORY_BY_ID, &like);
    if (!record) {
        return OC_OK;
    }
    if (!list_reserve(&memory->undo, sizeof(struct undo))) {
        return refuse_memory(err);
    }
    struct undo *undo = (struct undo *)memory->undo.items + memory->undo.n++;
    *undo = (struct undo){.kind = UNDO_TAKEN_OUT, .record = record};
    memory_records_take_out(&memory->records, record);
    return OC_OK;
}

static void put_history(struct memory_store *memory, const struct store_write *write)
{
    const struct store_change *change = write->change;
    if (write->seq) {
        struct store_change_row *row =
            (struct store_change_row *)memory->changes.items + memory->changes.n++;
        *row = (struct store_change_row){
            .seq = write->seq,
            .at_ms = change->now_ms,
        };
        if (change->after || change->forget) {
            row->device_id = change->after ? change->after->id : *change->forget;
        }
        (void)snprintf(row->action, sizeof row->action, "%s", change->action);
    }
    if (change->audit) {
        struct store_audit_row *row =
            (struct store_audit_row *)memory->audit.items + memory->audit.n++;
        *row = (struct store_audit_row){
            .seq = write->audit_seq, .event = *change->audit, .hash = write->audit_hash};
    }
    if (change->key) {
        struct key_row *row = (struct key_row *)memory->keys.items + memory->keys.n++;
        *row = (struct key_row){.key = *change->key, .created_ms = change->now_ms};
        row->key.seq = write->seq;
    }
}

static enum oc_status memory_apply(struct store *store, const struct store_write *write,
                                   struct oc_error *err)
{
    struct memory_store *memory = memory_of(store);
    if (take_fault(memory, STORE_MEMORY_APPLY_FULL)) {
        return fail_full(err);
    }
    enum oc_status st = check_unique(memory, write->change, err);
    if (st) {
        return st;
    }
    if (!list_reserve(&memory->audit, sizeof(struct store_audit_row)) ||
        !list_reserve(&memory->changes, sizeof(struct store_change_row)) ||
        !list_reserve(&memory->keys, sizeof(struct key_row))) {
        return refuse_memory(err);
    }
    if (write->change->after) {
        st = put_record(memory, write->change->after, err);
    }
    if (!st && write->change->forget) {
        st = forget_record(memory, write->change->forget, err);
    }
    if (!st && write->change->administrator &&
        !memory_administrators_put(&memory->administrators, write->change->administrator)) {
        st = refuse_memory(err);
    }
    if (!st) {
        put_history(memory, write);
    }
    return st;
}

static enum oc_status memory_find_key(struct store *store, const char *actor, uint32_t method,
                                      const uint8_t key[STORE_KEY_BYTES], struct store_key *out,
                                      struct oc_error *err)
{
    const struct key_row *row = find_key_row(memory_of(store), actor, method, key);
    if (!row) {
        return oc_fail(err, OC_NOT_FOUND, "store: no such idempotency key");
    }
    *out = row->key;
    return OC_OK;
}

static enum oc_status memory_save_sightings(struct store *store, const struct store_sighting *rows,
                                            size_t n, struct oc_error *err)
{
    (void)err;
    for (size_t i = 0; i < n; i++) {
        const struct pairing like = {.id = rows[i].id};
        struct memory_record *record =
            memory_records_find(&memory_of(store)->records, MEMORY_BY_ID, &like);
        if (record) {
            record->sighting = rows[i].sighting;
        }
    }
    return OC_OK;
}

static size_t count_old_changes(const struct memory_store *memory, int64_t now_ms)
{
    const struct store_change_row *rows = memory->changes.items;
    size_t n = 0;
    while (n < memory->changes.n && rows[n].at_ms < now_ms - STORE_KEEP_CHANGES_MS) {
        n++;
    }
    size_t n_over =
        memory->changes.n > STORE_KEEP_CHANGES ? memory->changes.n - STORE_KEEP_CHANGES : 0;
    return n > n_over ? n : n_over;
}

static size_t count_old_keys(const struct memory_store *memory, int64_t now_ms)
{
    const struct key_row *rows = memory->keys.items;
    size_t n = 0;
    while (n < memory->keys.n && rows[n].created_ms < now_ms - STORE_KEEP_KEYS_MS) {
        n++;
    }
    return n;
}

static enum oc_status memory_prune(struct store *store, int64_t now_ms, bool *more,
                                   struct oc_error *err)
{
    (void)err;
    struct memory_store *memory = memory_of(store);
    size_t n_changes = count_old_changes(memory, now_ms);
    size_t n_keys = count_old_keys(memory, now_ms);
    *more = n_changes + n_keys > STORE_PRUNE_ROWS;
    if (n_changes > STORE_PRUNE_ROWS) {
        n_changes = STORE_PRUNE_ROWS;
    }
    if (n_keys > STORE_PRUNE_ROWS - n_changes) {
        n_keys = STORE_PRUNE_ROWS - n_changes;
    }
    if (n_changes) {
        list_drop_first(&memory->changes, n_changes, sizeof(struct store_change_row));
    }
    if (n_keys) {
        list_drop_first(&memory->keys, n_keys, sizeof(struct key_row));
    }
    return OC_OK;
}

/* ---- history ------------------------------------------------------------------------------- */

static bool audit_matches(const struct store_audit_query *query, const struct store_audit_row *row)
{
    return !query->has_device_id || oc_device_id_equal(&query->device_id, &row->event.device_id);
}

static enum oc_status memory_list_audit(struct store *store, const struct store_audit_query *query,
                                        struct store_audit_row *rows, size_t *n,
                                        struct oc_error *err)
{
    (void)err;
    const struct list *audit = &memory_of(store)->audit;
    const struct store_audit_row *all = audit->items; /* row seq is item seq - 1 */
    size_t found = 0;
    if (query->newest_first) {
        size_t i = query->after_seq && query->after_seq - 1 < audit->n
                       ? (size_t)query->after_seq - 1
                       : audit->n;
        while (i-- > 0 && found < query->limit) {
            if (audit_matches(query, &all[i])) {
                rows[found++] = all[i];
            }
        }
    } else if (query->after_seq < audit->n) {
        for (size_t i = (size_t)query->after_seq; i < audit->n && found < query->limit; i++) {
            if (audit_matches(query, &all[i])) {
                rows[found++] = all[i];
            }
        }
    }
    *n = found;
    return OC_OK;
}

static enum oc_status memory_list_changes(struct store *store, uint64_t after_seq,
                                          struct store_change_row *rows, size_t limit, size_t *n,
                                          struct oc_error *err)
{
    const struct list *changes = &memory_of(store)->changes;
    const struct store_change_row *all = changes->items;
    const uint64_t last = store->working.seq;
    const uint64_t forgotten = last - changes->n;
    if (after_seq < forgotten || after_seq > last) {
        return oc_fail(err, OC_OUT_OF_RANGE, "store: changes are kept after %llu up to %llu",
                       (unsigned long long)forgotten, (unsigned long long)last);
    }
    size_t at = (size_t)(after_seq - forgotten);
    size_t found = 0;
    while (at < changes->n && found < limit) {
        rows[found++] = all[at++];
    }
    *n = found;
    return OC_OK;
}

static const struct store_ops memory_ops = {
    .close = memory_close,
    .reopen = memory_reopen,
    .load_all = memory_load_all,
    .load_administrators = memory_load_administrators,
    .begin = memory_begin,
    .apply = memory_apply,
    .commit = memory_commit,
    .rollback = memory_rollback,
    .check_room = memory_check_room,
    .find_key = memory_find_key,
    .save_sightings = memory_save_sightings,
    .prune = memory_prune,
    .list_audit = memory_list_audit,
    .list_changes = memory_list_changes,
};

enum oc_status store_open_memory(const struct store_options *options, struct store **out,
                                 struct oc_error *err)
{
    if (!options->may_create) {
        return oc_fail(err, OC_NOT_FOUND, "store: a store in memory always starts empty");
    }
    struct memory_store *memory = calloc(1, sizeof *memory);
    if (!memory) {
        return refuse_memory(err);
    }
    struct store *base = &memory->base;
    base->ops = &memory_ops;
    memcpy(base->gateway_id, options->gateway_id, STORE_ID_BYTES);
    memcpy(base->database_id, options->database_id, STORE_ID_BYTES);
    base->committed = (struct store_progress){
        .epoch = 1,
        .audit_head = audit_chain_genesis(options->gateway_id, options->database_id),
        .clock_ms = options->now_ms,
    };
    base->working = base->committed;
    (void)snprintf(base->description, sizeof base->description, "memory");
    *out = base;
    return OC_OK;
}
