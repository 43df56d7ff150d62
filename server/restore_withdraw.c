/* See restore_withdraw.h. Two loads side by side would need both in memory, so the present database
 * is remembered in few bytes a device, and the backup is gone through until nothing is left to do.
 */
#include "server/restore_withdraw.h"

#include <stdlib.h>
#include <string.h>

enum {
    AT_ONCE = 1024, /* decisions in one transaction */
};

/* What the present database says of a device. */
struct stand {
    struct oc_device_id id;
    uint64_t generation;
    enum oc_standing standing;
    bool is_announced; /* approved in advance */
    bool is_in_backup;
};

struct withdrawal {
    struct pairing was;
    enum pairing_event_kind kind;
};

struct work {
    struct stand *stands;
    size_t n, cap;
    bool is_same_history;
    struct withdrawal *todo;
    size_t n_todo;
};

/* ---- the present database ------------------------------------------------------------------ */

static enum oc_status remember(void *user, const struct pairing *pairing,
                               const struct sighting *sighting)
{
    struct work *work = user;
    (void)sighting;
    if (pairing->is_quarantined) {
        return OC_OK;
    }
    if (work->n == work->cap) {
        const size_t cap = work->cap ? 2 * work->cap : 1024;
        struct stand *grown = realloc(work->stands, cap * sizeof *grown);
        if (!grown) {
            return OC_RESOURCE_EXHAUSTED;
        }
        work->stands = grown;
        work->cap = cap;
    }
    work->stands[work->n++] = (struct stand){
        .id = pairing->id,
        .generation = pairing->generation,
        .standing = pairing->standing,
        .is_announced = pairing->expectation.is_set && pairing->expectation.approves,
    };
    return OC_OK;
}

static int by_id(const void *a, const void *b)
{
    const struct stand *left = a;
    const struct stand *right = b;
    return memcmp(left->id.bytes, right->id.bytes, sizeof left->id.bytes);
}

/* ---- what is to be done -------------------------------------------------------------------- */

static bool needs(const struct work *work, const struct pairing *backup, const struct stand *now,
                  enum pairing_event_kind *kind)
{
    const bool was_decided = work->is_same_history && now->generation > backup->generation;
    if (now->standing == OC_STANDING_BLOCKED && backup->standing != OC_STANDING_BLOCKED) {
        *kind = PAIRING_EV_BLOCK;
        return true;
    }
    if (backup->standing == OC_STANDING_APPROVED && now->standing != OC_STANDING_APPROVED &&
        (now->standing == OC_STANDING_REVOKED || was_decided)) {
        *kind = PAIRING_EV_REVOKE;
        return true;
    }
    *kind = PAIRING_EV_EXPECT_END;
    return backup->expectation.is_set && backup->expectation.approves && !now->is_announced &&
           (now->standing == OC_STANDING_REVOKED || was_decided);
}

static enum oc_status compare(void *user, const struct pairing *backup,
                              const struct sighting *sighting)
{
    struct work *work = user;
    const struct stand key = {.id = backup->id};
    enum pairing_event_kind kind;
    (void)sighting;
    struct stand *now =
        work->n > 0 ? bsearch(&key, work->stands, work->n, sizeof *work->stands, by_id) : NULL;
    if (!now) {
        return OC_OK;
    }
    now->is_in_backup = true;
    if (work->n_todo < AT_ONCE && needs(work, backup, now, &kind)) {
        work->todo[work->n_todo++] = (struct withdrawal){.was = *backup, .kind = kind};
    }
    return OC_OK;
}

/* Those that the backup has never heard of: only a block says anything of them. */
static void add_strangers(struct work *work)
{
    for (size_t i = 0; i < work->n && work->n_todo < AT_ONCE; i++) {
        struct stand *now = &work->stands[i];
        if (!now->is_in_backup && now->standing == OC_STANDING_BLOCKED) {
            work->todo[work->n_todo++] =
                (struct withdrawal){.was = pairing_of_stranger(&now->id), .kind = PAIRING_EV_BLOCK};
            now->is_in_backup = true;
        }
    }
}

/* ---- doing it ------------------------------------------------------------------------------ */

static void count(enum pairing_event_kind kind, struct restore_withdrawn *out)
{
    out->n_blocked += kind == PAIRING_EV_BLOCK;
    out->n_revoked += kind == PAIRING_EV_REVOKE;
    out->n_expectations += kind == PAIRING_EV_EXPECT_END;
}

static enum oc_status apply_one(struct store *store, const struct withdrawal *withdrawal,
                                int64_t now_ms, bool *has_changed, struct oc_error *err)
{
    static const struct policy policy = {.pending_ttl_ms = INT64_C(1) << 40};
    const struct pairing *was = &withdrawal->was;
    const struct pairing_event event = {
        .kind = withdrawal->kind,
        .actor = {.name = "gateway", .source = "local"},
        .reason = "made again at a restore: it came after the backup",
    };
    /* An announcement ends when its time is up, so it is said to be. */
    const int64_t at_ms =
        withdrawal->kind == PAIRING_EV_EXPECT_END && was->expectation.until_ms > now_ms
            ? was->expectation.until_ms
            : now_ms;
    struct pairing_decision decision = pairing_decide(was, &event, &policy, at_ms);
    *has_changed = decision.changed;
    if (!decision.changed) {
        return OC_OK;
    }
    decision.audit.at_ms = now_ms;
    (void)memcpy(decision.audit.rule, "restore", sizeof "restore");
    const struct store_change change = {
        .after = decision.forgets ? NULL : &decision.next,
        .forget = decision.forgets ? &was->id : NULL,
        .audit = decision.is_audited ? &decision.audit : NULL,
        .action = pairing_event_name(withdrawal->kind),
        .now_ms = now_ms,
    };
    uint64_t seq;
    return store_apply(store, &change, &seq, err);
}

static enum oc_status apply_all(struct store *store, struct work *work, int64_t now_ms,
                                struct restore_withdrawn *out, size_t *n_changed,
                                struct oc_error *err)
{
    enum oc_status st = store_begin(store, err);
    *n_changed = 0;
    if (st) {
        return st;
    }
    for (size_t i = 0; i < work->n_todo && !st; i++) {
        bool has_changed = false;
        st = apply_one(store, &work->todo[i], now_ms, &has_changed, err);
        if (!st && has_changed) {
            count(work->todo[i].kind, out);
            *n_changed += 1;
        }
    }
    work->n_todo = 0;
    if (st) {
        store_rollback(store);
        return st;
    }
    return store_commit(store, err);
}

static enum oc_status run(struct restore_side *backup, struct work *work, int64_t now_ms,
                          struct restore_withdrawn *out, struct oc_error *err)
{
    size_t n_changed = 1;
    enum oc_status st = OC_OK;
    while (!st && n_changed > 0) {
        st = store_load_all(backup->store, compare, work, err);
        if (!st && work->n_todo < AT_ONCE) {
            add_strangers(work);
        }
        if (!st) {
            st = apply_all(backup->store, work, now_ms, out, &n_changed, err);
        }
    }
    return st;
}

enum oc_status restore_withdraw(struct restore_side *backup, const struct restore_side *present,
                                const struct restore_lost *lost, int64_t now_ms,
                                struct restore_withdrawn *out, struct oc_error *err)
{
    struct work work = {.is_same_history = lost->is_same_history};
    const int64_t clock_ms = store_clock_ms(backup->store);
    *out = (struct restore_withdrawn){.n_revoked = 0};
    work.todo = calloc(AT_ONCE, sizeof *work.todo);
    enum oc_status st =
        work.todo ? OC_OK : oc_fail(err, OC_RESOURCE_EXHAUSTED, "restore: out of memory");
    if (!st) {
        st = store_load_all(present->store, remember, &work, err);
    }
    if (!st && work.n > 0) {
        qsort(work.stands, work.n, sizeof *work.stands, by_id);
        st = run(backup, &work, now_ms > clock_ms ? now_ms : clock_ms, out, err);
    }
    if (!st) {
        backup->identity = store_identity(backup->store);
    }
    free(work.stands);
    free(work.todo);
    return st;
}
