/*
 * The part of the store that is the same over every backend: which call may follow which, the
 * numbers that must have no gaps, and the audit chain.
 *
 * Invariant: `working` never differs from `committed` outside of a group, and a change that fails
 * leaves `working` as it was.
 */
#include "server/store/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/domain/pairing.h"
#include "server/store/audit_chain.h"
#include "server/store/store_backend.h"

/* Upkeep changes no number: a connection that had to be made anew finds what the old one left, or
 * the files were exchanged or damaged meanwhile. */
static enum oc_status check_same(struct store *store, const struct store_identity *before,
                                 struct oc_error *err)
{
    const struct store_identity after = store_identity(store);
    store->is_unknown = memcmp(before, &after, sizeof after) != 0;
    return store->is_unknown
               ? oc_fail(err, OC_UNAVAILABLE,
                         "store: the database is not as it was left; reopen and reload first")
               : OC_OK;
}

/* Before every use: whether what the store would say is what the disk holds. */
static enum oc_status make_ready(struct store *store, struct oc_error *err)
{
    const struct store_identity before = store_identity(store);
    if (store->is_unknown) {
        return oc_fail(err, OC_UNAVAILABLE,
                       "store: the outcome of the last commit is unknown; reopen and reload first");
    }
    if (!store->is_stale || store->is_in_group) {
        return OC_OK;
    }
    enum oc_status st = store->ops->reopen(store, err);
    if (!st) {
        store->working = store->committed;
        store->is_stale = false;
        st = check_same(store, &before, err);
    }
    return st;
}

void store_close(struct store *store)
{
    if (store) {
        store->ops->close(store);
    }
}

struct store_identity store_identity(const struct store *store)
{
    struct store_identity identity = {
        .epoch = store->committed.epoch,
        .seq = store->committed.seq,
    };
    memcpy(identity.gateway_id, store->gateway_id, STORE_ID_BYTES);
    memcpy(identity.database_id, store->database_id, STORE_ID_BYTES);
    return identity;
}

struct store_audit_end store_audit_end(const struct store *store)
{
    return (struct store_audit_end){store->committed.audit_seq, store->committed.audit_head};
}

int64_t store_clock_ms(const struct store *store)
{
    return store->committed.clock_ms;
}

uint64_t store_next_seq(const struct store *store)
{
    assert(store->is_in_group);
    return store->working.seq + 1;
}

const char *store_describe(const struct store *store)
{
    return store->description;
}

enum oc_status store_load_all(struct store *store, store_visit_fn visit, void *user,
                              struct oc_error *err)
{
    enum oc_status st = make_ready(store, err);
    return st ? st : store->ops->load_all(store, visit, user, err);
}

enum oc_status store_load_administrators(struct store *store, store_visit_administrator_fn visit,
                                         void *user, struct oc_error *err)
{
    enum oc_status st = make_ready(store, err);
    return st ? st : store->ops->load_administrators(store, visit, user, err);
}

enum oc_status store_begin(struct store *store, struct oc_error *err)
{
    assert(!store->is_in_group);
    enum oc_status st = make_ready(store, err);
    if (!st) {
        st = store->ops->begin(store, err);
    }
    if (!st) {
        store->working = store->committed;
        store->is_in_group = true;
    }
    return st;
}

enum oc_status store_apply(struct store *store, const struct store_change *change, uint64_t *seq,
                           struct oc_error *err)
{
    assert(store->is_in_group);
    const bool is_numbered = change->after || change->forget || change->administrator;
    assert((change->after != NULL) + (change->forget != NULL) + (change->administrator != NULL) <=
           1);
    assert(!is_numbered || change->action);
    if ((change->after && !pairing_is_consistent(change->after)) ||
        (change->administrator && !administrator_is_consistent(change->administrator))) {
        return oc_fail(err, OC_DATA_LOSS, "store: a record that breaks its invariants is refused");
    }
    const struct store_progress before = store->working;
    struct store_progress *working = &store->working;
    struct store_write write = {.change = change};
    if (is_numbered) {
        write.seq = ++working->seq;
    }
    if (change->audit) {
        write.audit_seq = ++working->audit_seq;
        working->audit_head = audit_chain_next(&before.audit_head, write.audit_seq, change->audit);
        write.audit_hash = working->audit_head;
    }
    if (change->now_ms > working->clock_ms) {
        working->clock_ms = change->now_ms;
    }
    enum oc_status st = store->ops->apply(store, &write, err);
    if (st) {
        store->working = before;
        return st;
    }
    *seq = write.seq;
    return OC_OK;
}

enum oc_status store_commit(struct store *store, struct oc_error *err)
{
    assert(store->is_in_group);
    bool rolled_back = false;
    store->is_in_group = false;
    enum oc_status st = store->ops->commit(store, &rolled_back, err);
    if (st) {
        store->is_unknown = !rolled_back;
        store->working = store->committed;
        if (err) {
            err->is_outcome_unknown = store->is_unknown;
        }
        return st;
    }
    store->committed = store->working;
    return OC_OK;
}

void store_rollback(struct store *store)
{
    assert(store->is_in_group);
    store->ops->rollback(store);
    store->working = store->committed;
    store->is_in_group = false;
}

enum oc_status store_reopen(struct store *store, struct oc_error *err)
{
    if (store->is_in_group) {
        store_rollback(store);
    }
    /* Until it worked nothing in memory may be taken for what the disk holds. */
    store->is_unknown = true;
    enum oc_status st = store->ops->reopen(store, err);
    if (!st) {
        store->working = store->committed;
        store->is_unknown = false;
        store->is_stale = false;
    }
    return st;
}

enum oc_status store_backup_start(struct store *store, const char *directory, const char *name,
                                  struct store_backup **out, struct oc_error *err)
{
    assert(!store->is_in_group);
    if (!store->ops->start_backup) {
        return oc_fail(err, OC_UNIMPLEMENTED, "backup: this store has no file");
    }
    enum oc_status st = make_ready(store, err);
    if (!st && store->backup) {
        st = oc_fail(err, OC_FAILED_PRECONDITION, "backup: another one is under way");
    }
    return st ? st : store->ops->start_backup(store, directory, name, out, err);
}

bool store_needs_reopen(const struct store *store)
{
    return store->is_unknown;
}

enum oc_status store_check_room(struct store *store, struct oc_error *err)
{
    return store->ops->check_room(store, err);
}

enum oc_status store_find_key(struct store *store, const char *actor, uint32_t method,
                              const uint8_t key[STORE_KEY_BYTES], struct store_key *out,
                              struct oc_error *err)
{
    enum oc_status st = make_ready(store, err);
    return st ? st : store->ops->find_key(store, actor, method, key, out, err);
}

enum oc_status store_save_sightings(struct store *store, const struct store_sighting *rows,
                                    size_t n, struct oc_error *err)
{
    assert(!store->is_in_group);
    enum oc_status st = make_ready(store, err);
    return st ? st : store->ops->save_sightings(store, rows, n, err);
}

enum oc_status store_prune(struct store *store, int64_t now_ms, bool *more, struct oc_error *err)
{
    assert(!store->is_in_group);
    enum oc_status st = make_ready(store, err);
    return st ? st : store->ops->prune(store, now_ms, more, err);
}

enum oc_status store_set_epoch(struct store *store, uint64_t epoch, struct oc_error *err)
{
    assert(store->is_in_group);
    if (epoch <= store->working.epoch) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "store: the trust epoch can only grow");
    }
    store->working.epoch = epoch;
    return OC_OK;
}

enum oc_status store_raise_epoch(struct store *store, uint64_t epoch,
                                 const struct audit_event *audit, int64_t now_ms,
                                 struct oc_error *err)
{
    const struct store_change change = {.audit = audit, .now_ms = now_ms};
    uint64_t seq = 0;
    enum oc_status st = store_begin(store, err);
    if (st) {
        return st;
    }
    st = store_set_epoch(store, epoch, err);
    if (!st) {
        st = store_apply(store, &change, &seq, err);
    }
    if (st) {
        store_rollback(store);
        return st;
    }
    return store_commit(store, err);
}

enum oc_status store_list_audit(struct store *store, const struct store_audit_query *query,
                                struct store_audit_row *rows, size_t *n, struct oc_error *err)
{
    assert(query->limit >= 1 && query->limit <= STORE_MAX_PAGE);
    enum oc_status st = make_ready(store, err);
    return st ? st : store->ops->list_audit(store, query, rows, n, err);
}

enum oc_status store_list_changes(struct store *store, uint64_t after_seq,
                                  struct store_change_row *rows, size_t limit, size_t *n,
                                  struct oc_error *err)
{
    assert(limit >= 1 && limit <= STORE_MAX_PAGE);
    enum oc_status st = make_ready(store, err);
    return st ? st : store->ops->list_changes(store, after_seq, rows, limit, n, err);
}
