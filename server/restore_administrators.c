/* See restore_administrators.h. They are few: both sides are held in memory. */
#include "server/restore_administrators.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/domain/administrator_restore.h"

struct list {
    struct administrator *items; /* by name */
    size_t n, cap;
};

struct work {
    struct store *store; /* of the backup */
    int64_t now_ms;
    FILE *names;
    uint64_t n;
    struct administrator_event event; /* too large for a stack, as what follows */
    struct administrator_decision decision;
    struct administrator row;
};

static enum oc_status remember(void *user, const struct administrator *found)
{
    struct list *list = user;
    if (list->n == list->cap) {
        const size_t cap = list->cap ? 2 * list->cap : 16;
        struct administrator *grown = realloc(list->items, cap * sizeof *grown);
        if (!grown) {
            return OC_RESOURCE_EXHAUSTED;
        }
        list->items = grown;
        list->cap = cap;
    }
    list->items[list->n++] = *found;
    return OC_OK;
}

static enum oc_status load(const struct restore_side *side, struct list *out, struct oc_error *err)
{
    enum oc_status st =
        side->store ? store_load_administrators(side->store, remember, out, err) : OC_OK;
    return st == OC_RESOURCE_EXHAUSTED ? oc_fail(err, st, "restore: out of memory") : st;
}

static const struct administrator *find(const struct list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

/* ---- writing --------------------------------------------------------------------------------- */

static enum oc_status write_row(struct work *work, const struct administrator *row,
                                struct audit_event *audit, struct oc_error *err)
{
    const char *action = audit->action;
    uint64_t seq;
    memcpy(audit->rule, "restore", sizeof "restore");
    const struct store_change change = {
        .administrator = row, .audit = audit, .action = action, .now_ms = work->now_ms};
    (void)fprintf(work->names, "  %-12s %s\n", action, audit->detail);
    work->n++;
    return store_apply(work->store, &change, &seq, err);
}

static void name_actor(struct administrator_event *event)
{
    event->actor = (struct audit_actor){.name = "gateway", .source = "local"};
    (void)snprintf(event->reason, sizeof event->reason,
                   "made again at a restore: the present database does not give it");
}

static enum oc_status withdraw(struct work *work, struct administrator *older,
                               const struct administrator *present, struct oc_error *err)
{
    enum oc_status st = OC_OK;
    while (!st && administrator_next_withdrawal(older, present, work->now_ms, &work->event)) {
        name_actor(&work->event);
        administrator_decide(older, &work->event, work->now_ms, &work->decision);
        if (!work->decision.changed) {
            return oc_fail(err, OC_INTERNAL, "restore: %s cannot be withdrawn from", older->name);
        }
        *older = work->decision.next;
        st = write_row(work, older, &work->decision.audit, err);
    }
    return st;
}

static bool is_plain(const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~') {
            return false;
        }
    }
    return name[0] != '\0';
}

/* `older` NULL: the backup does not know it. A name that no certificate can have, somebody else
 * wrote: it bars nobody, and is not printed. */
static enum oc_status carry(struct work *work, const struct administrator *older,
                            const struct administrator *present, struct oc_error *err)
{
    static const struct administrator nobody;
    if (!is_plain(present->name) ||
        !administrator_carry_revoked(older, present, work->now_ms, &work->row)) {
        return OC_OK;
    }
    work->event = (struct administrator_event){.kind = ADMINISTRATOR_EV_REVOKE};
    memcpy(work->event.name, present->name, sizeof work->event.name);
    name_actor(&work->event);
    /* For its audit row: what was decided is the row that was made. */
    administrator_decide(&work->row, &work->event, work->now_ms, &work->decision);
    const bool has_older = older && !older->is_quarantined;
    work->row.generation = (has_older ? older : &nobody)->generation + 1;
    return write_row(work, &work->row, &work->decision.audit, err);
}

static enum oc_status work_through(struct work *work, struct list *backup,
                                   const struct list *present, struct oc_error *err)
{
    enum oc_status st = OC_OK;
    for (size_t i = 0; i < backup->n && !st; i++) {
        struct administrator *older = &backup->items[i];
        st = withdraw(work, older, find(present, older->name), err);
    }
    for (size_t i = 0; i < present->n && !st; i++) {
        st = carry(work, find(backup, present->items[i].name), &present->items[i], err);
    }
    return st;
}

static enum oc_status write_all(struct work *work, struct list *backup, const struct list *present,
                                struct oc_error *err)
{
    enum oc_status st = store_begin(work->store, err);
    if (st) {
        return st;
    }
    st = work_through(work, backup, present, err);
    if (st) {
        store_rollback(work->store);
        return st;
    }
    return store_commit(work->store, err);
}

static enum oc_status compare(struct work *work, const struct restore_side *backup,
                              const struct restore_side *present, struct oc_error *err)
{
    struct list older = {0};
    struct list now = {0};
    enum oc_status st = load(backup, &older, err);
    if (!st) {
        st = load(present, &now, err);
    }
    if (!st) {
        st = write_all(work, &older, &now, err);
    }
    free(older.items);
    free(now.items);
    return st;
}

enum oc_status restore_withdraw_administrators(struct restore_side *backup,
                                               const struct restore_side *present,
                                               const struct restore_lost *lost, int64_t now_ms,
                                               struct restore_administrators *out,
                                               struct oc_error *err)
{
    const int64_t clock_ms = store_clock_ms(backup->store);
    size_t n_bytes = 0;
    *out = (struct restore_administrators){.text = NULL};
    if ((lost->is_same_history && !lost->is_later) || (!present->store && lost->is_vouched)) {
        return OC_OK; /* what the backup gives was decided last */
    }
    struct work *work = calloc(1, sizeof *work);
    FILE *names = open_memstream(&out->text, &n_bytes);
    enum oc_status st =
        work && names ? OC_OK : oc_fail(err, OC_RESOURCE_EXHAUSTED, "restore: out of memory");
    if (!st) {
        work->store = backup->store;
        work->now_ms = now_ms > clock_ms ? now_ms : clock_ms;
        work->names = names;
        st = compare(work, backup, present, err);
        out->n_withdrawn = work->n;
    }
    if (names) {
        (void)fclose(names);
    }
    free(work);
    return st;
}

void restore_print_administrators(FILE *out, const struct restore_administrators *again)
{
    if (again->n_withdrawn > 0) {
        (void)fprintf(out,
                      "administrators: withdrawn, so that none may more than before: %" PRIu64
                      "; who shall come in again: openclaw pki issue NAME --role ROLE\n%s",
                      again->n_withdrawn, again->text ? again->text : "");
    }
}
