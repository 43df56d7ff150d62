/* See restore_withdraw.h. Two loads side by side would need both in memory, so the present database
 * is remembered in few bytes a device, and the backup is gone through until nothing is left to do.
 */
#include "server/restore_withdraw.h"

#include <stdlib.h>
#include <string.h>

#include "server/store/row_form.h"

enum {
    AT_ONCE = 1024,    /* decisions in one transaction */
    MOST_NAMES = 1000, /* the rest is counted */
};

/* A grant in its compact form, in work.grants. */
struct span {
    size_t at, n;
};

/* What the present database says of a device. */
struct stand {
    struct oc_device_id id;
    uint64_t generation;
    enum oc_standing standing;
    struct span granted;  /* while approved */
    int64_t term_ends_ms; /* 0: until revoked */
    bool is_announced;    /* approved in advance, as follows */
    struct span announced;
    int64_t announced_until_ms;
    int64_t announced_term_ms; /* 0: until revoked */
    bool is_in_backup;
};

struct withdrawal {
    struct pairing was;
    enum pairing_event_kind kind;
    bool is_narrowed; /* approved in both, but with less now */
};

struct work {
    struct stand *stands;
    size_t n, cap;
    uint8_t *grants;
    size_t n_grants, cap_grants;
    bool is_same_history;
    bool is_later; /* the present is what became of the backup */
    FILE *names;
    struct withdrawal *todo;
    size_t n_todo;
};

/* ---- the present database ------------------------------------------------------------------ */

static bool add_grant(struct work *work, const struct oc_grant *grant, struct span *out)
{
    if (work->cap_grants - work->n_grants < ROW_GRANT_BYTES) {
        const size_t cap = 2 * work->cap_grants + 64 * (size_t)ROW_GRANT_BYTES;
        uint8_t *grown = realloc(work->grants, cap);
        if (!grown) {
            return false;
        }
        work->grants = grown;
        work->cap_grants = cap;
    }
    out->at = work->n_grants;
    out->n = row_encode_grant(grant, work->grants + out->at);
    work->n_grants += out->n;
    return true;
}

static struct stand *add_stand(struct work *work)
{
    if (work->n == work->cap) {
        const size_t cap = work->cap ? 2 * work->cap : 1024;
        struct stand *grown = realloc(work->stands, cap * sizeof *grown);
        if (!grown) {
            return NULL;
        }
        work->stands = grown;
        work->cap = cap;
    }
    return &work->stands[work->n++];
}

static enum oc_status remember(void *user, const struct pairing *pairing,
                               const struct sighting *sighting)
{
    struct work *work = user;
    const struct expectation *expectation = &pairing->expectation;
    (void)sighting;
    if (pairing->is_quarantined) {
        return OC_OK;
    }
    struct stand *stand = add_stand(work);
    if (!stand) {
        return OC_RESOURCE_EXHAUSTED;
    }
    *stand = (struct stand){
        .id = pairing->id,
        .generation = pairing->generation,
        .standing = pairing->standing,
        .term_ends_ms = pairing->term_ends_ms,
        .is_announced = expectation->is_set && expectation->approves,
        .announced_until_ms = expectation->until_ms,
        .announced_term_ms = expectation->term_ms,
    };
    const bool is_approved = stand->standing == OC_STANDING_APPROVED;
    const bool fits =
        (!is_approved || add_grant(work, &pairing->granted, &stand->granted)) &&
        (!stand->is_announced || add_grant(work, &expectation->grant, &stand->announced));
    return fits ? OC_OK : OC_RESOURCE_EXHAUSTED;
}

static int by_id(const void *a, const void *b)
{
    const struct stand *left = a;
    const struct stand *right = b;
    return memcmp(left->id.bytes, right->id.bytes, sizeof left->id.bytes);
}

/* ---- what is to be done -------------------------------------------------------------------- */

static bool gives_more(const struct work *work, const struct oc_grant *was, const struct span *now)
{
    struct oc_grant grant;
    return !row_decode_grant(work->grants + now->at, now->n, &grant) ||
           !oc_grant_is_within(was, &grant);
}

/* Of two ends, where 0 is none. */
static bool lasts_longer(int64_t was, int64_t now)
{
    return now != 0 && (was == 0 || was > now);
}

static bool was_narrowed(const struct work *work, const struct pairing *backup,
                         const struct stand *now)
{
    return backup->standing == OC_STANDING_APPROVED && now->standing == OC_STANDING_APPROVED &&
           work->is_same_history && now->generation > backup->generation &&
           (gives_more(work, &backup->granted, &now->granted) ||
            lasts_longer(backup->term_ends_ms, now->term_ends_ms));
}

/* To announce is no decision that would be counted: here the audit says which one is the later. */
static bool is_announcement_over(const struct work *work, const struct pairing *backup,
                                 const struct stand *now, bool was_decided)
{
    const struct expectation *was = &backup->expectation;
    if (!was->is_set || !was->approves) {
        return false;
    }
    if (!now->is_announced) {
        return now->standing == OC_STANDING_REVOKED || was_decided;
    }
    return work->is_same_history && work->is_later &&
           (gives_more(work, &was->grant, &now->announced) ||
            lasts_longer(was->term_ms, now->announced_term_ms) ||
            was->until_ms > now->announced_until_ms);
}

static bool needs(const struct work *work, const struct pairing *backup, const struct stand *now,
                  struct withdrawal *out)
{
    const bool was_decided = work->is_same_history && now->generation > backup->generation;
    *out = (struct withdrawal){.was = *backup, .kind = PAIRING_EV_EXPECT_END};
    if (now->standing == OC_STANDING_BLOCKED && backup->standing != OC_STANDING_BLOCKED) {
        out->kind = PAIRING_EV_BLOCK;
        return true;
    }
    if (backup->standing == OC_STANDING_APPROVED && now->standing != OC_STANDING_APPROVED &&
        (now->standing == OC_STANDING_REVOKED || was_decided)) {
        out->kind = PAIRING_EV_REVOKE;
        return true;
    }
    if (was_narrowed(work, backup, now)) {
        out->kind = PAIRING_EV_REVOKE;
        out->is_narrowed = true;
        return true;
    }
    return is_announcement_over(work, backup, now, was_decided);
}

static enum oc_status compare(void *user, const struct pairing *backup,
                              const struct sighting *sighting)
{
    struct work *work = user;
    const struct stand key = {.id = backup->id};
    (void)sighting;
    struct stand *now =
        work->n > 0 ? bsearch(&key, work->stands, work->n, sizeof *work->stands, by_id) : NULL;
    if (!now) {
        return OC_OK;
    }
    now->is_in_backup = true;
    if (work->n_todo < AT_ONCE && needs(work, backup, now, &work->todo[work->n_todo])) {
        work->n_todo++;
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

static void count(struct work *work, const struct withdrawal *done, struct restore_withdrawn *out)
{
    char device[OC_DEVICE_ID_DIGITS + 1];
    out->n_blocked += done->kind == PAIRING_EV_BLOCK;
    out->n_revoked += done->kind == PAIRING_EV_REVOKE && !done->is_narrowed;
    out->n_expectations += done->kind == PAIRING_EV_EXPECT_END;
    if (done->is_narrowed && out->n_narrowed++ < MOST_NAMES) {
        oc_device_id_format(&done->was.id, device);
        (void)fprintf(work->names, "  device %s\n", device);
    }
}

static const char *reason_of(const struct withdrawal *withdrawal)
{
    return withdrawal->is_narrowed
               ? "restored from a backup in which it may more than it was granted since"
               : "made again at a restore: it came after the backup";
}

static enum oc_status apply_one(struct store *store, const struct withdrawal *withdrawal,
                                int64_t now_ms, bool *has_changed, struct oc_error *err)
{
    static const struct policy policy = {.pending_ttl_ms = INT64_C(1) << 40};
    const struct pairing *was = &withdrawal->was;
    struct pairing_event event = {
        .kind = withdrawal->kind,
        .actor = {.name = "gateway", .source = "local"},
    };
    (void)snprintf(event.reason, sizeof event.reason, "%s", reason_of(withdrawal));
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
            count(work, &work->todo[i], out);
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

static enum oc_status work_through(struct work *work, struct restore_side *backup,
                                   const struct restore_side *present, int64_t now_ms,
                                   struct restore_withdrawn *out, struct oc_error *err)
{
    const int64_t clock_ms = store_clock_ms(backup->store);
    enum oc_status st = store_load_all(present->store, remember, work, err);
    if (!st && work->n > 0) {
        qsort(work->stands, work->n, sizeof *work->stands, by_id);
        st = run(backup, work, now_ms > clock_ms ? now_ms : clock_ms, out, err);
    }
    return st;
}

enum oc_status restore_withdraw(struct restore_side *backup, const struct restore_side *present,
                                const struct restore_lost *lost, int64_t now_ms,
                                struct restore_withdrawn *out, struct oc_error *err)
{
    struct work work = {.is_same_history = lost->is_same_history, .is_later = lost->is_later};
    size_t n_bytes = 0;
    *out = (struct restore_withdrawn){.text = NULL};
    work.todo = calloc(AT_ONCE, sizeof *work.todo);
    work.names = open_memstream(&out->text, &n_bytes);
    enum oc_status st = work.todo && work.names
                            ? work_through(&work, backup, present, now_ms, out, err)
                            : oc_fail(err, OC_RESOURCE_EXHAUSTED, "restore: out of memory");
    if (work.names) {
        (void)fclose(work.names);
    }
    free(work.stands);
    free(work.grants);
    free(work.todo);
    return st;
}
