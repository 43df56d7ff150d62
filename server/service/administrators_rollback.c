/*
 * Somebody accepts a database that is older than what this gateway decided, or another one. Who was
 * revoked since may be in force in it, and nobody can tell: so nobody comes in from afar by it. The
 * local door is the way back.
 */
#include <stdlib.h>
#include <string.h>

#include "server/obs/log.h"
#include "server/service/administrators_state.h"

struct void_one {
    struct void_one *next;
    struct administrator_decision decision;
};

struct voiding {
    const struct audit_event *audit;
    struct void_one *first;
    unsigned n;
};

static enum oc_status decide_one(void *user, const struct administrator *found)
{
    struct voiding *all = user;
    struct administrator_event *event = calloc(1, sizeof *event);
    struct void_one *it = calloc(1, sizeof *it);
    if (!event || !it || found->is_quarantined) {
        const bool is_out_of_memory = !event || !it;
        free(event);
        free(it);
        return is_out_of_memory ? OC_RESOURCE_EXHAUSTED : OC_OK; /* may nothing as it is */
    }
    event->kind = ADMINISTRATOR_EV_VOID;
    event->actor = all->audit->actor;
    memcpy(event->name, found->name, sizeof event->name);
    static const char why[] = "a rollback was accepted: a revocation may be missing";
    memcpy(event->reason, why, sizeof why);
    administrator_decide(found, event, all->audit->at_ms, &it->decision);
    free(event);
    if (!it->decision.changed) {
        free(it);
        return OC_OK;
    }
    it->next = all->first;
    all->first = it;
    all->n++;
    return OC_OK;
}

static enum oc_status apply_all(struct store *store, const struct voiding *all, uint64_t epoch,
                                struct oc_error *err)
{
    const struct store_change unlock = {.audit = all->audit, .now_ms = all->audit->at_ms};
    uint64_t seq;
    enum oc_status st = store_set_epoch(store, epoch, err);
    if (!st) {
        st = store_apply(store, &unlock, &seq, err);
    }
    for (const struct void_one *it = all->first; it && !st; it = it->next) {
        const struct store_change change = {
            .administrator = &it->decision.next,
            .audit = &it->decision.audit,
            .action = administrator_event_name(ADMINISTRATOR_EV_VOID),
            .now_ms = all->audit->at_ms,
        };
        st = store_apply(store, &change, &seq, err);
    }
    return st;
}

static enum oc_status write_all(struct store *store, const struct voiding *all, uint64_t epoch,
                                struct oc_error *err)
{
    enum oc_status st = store_begin(store, err);
    if (st) {
        return st;
    }
    st = apply_all(store, all, epoch, err);
    if (st) {
        store_rollback(store);
        return st;
    }
    return store_commit(store, err);
}

static void free_all(struct voiding *all)
{
    while (all->first) {
        struct void_one *it = all->first;
        all->first = it->next;
        free(it);
    }
}

enum oc_status administrators_accept_rollback(struct service *service, struct store *store,
                                              uint64_t epoch, const struct audit_event *audit,
                                              struct oc_error *err)
{
    const struct service_options *options = &service->options;
    struct voiding all = {.audit = audit};
    enum oc_status st = OC_OK;
    if (!options->was_restored || !options->was_restored(options->was_restored_user, store)) {
        st = store_load_administrators(store, decide_one, &all, err);
        if (st == OC_RESOURCE_EXHAUSTED) {
            st = oc_fail(err, st, "service: out of memory");
        }
    }
    if (!st) {
        st = write_all(store, &all, epoch, err);
    }
    if (!st) {
        st = administrators_load(service, store, err);
    }
    if (!st && all.n > 0) {
        log_warn("administrators.void", "count=%u by=%s reason=%s fix=%s", all.n, audit->actor.name,
                 "a rollback was accepted that no restore has checked: a revocation may be missing",
                 "openclaw pki issue NAME --role ROLE, for each who shall come in again");
    }
    free_all(&all);
    return st;
}
