/*
 * Out of the locked start: an administrator accepts the database as it is, or a new one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/obs/log.h"
#include "server/service/admin_service.h"
#include "server/service/administrators_state.h"
#include "server/service/writer.h"

struct unlock_change {
    struct change change; /* first */
    struct admin_caller caller;
    bool accept_rollback;
    bool init;
    struct decide_call call;
    struct decide_result result;
};

static struct audit_event audit_of(struct service *service, const struct unlock_change *unlock)
{
    struct audit_event audit = {
        .at_ms = service_now_ms(service),
        .actor = unlock->caller.actor,
        .action = "unlock",
        .outcome = "done",
        .before = "locked",
        .after = "serving",
    };
    const char *why = store_lock_text((enum store_lock)atomic_load(&service->lock));
    const char *how = unlock->init ? "init" : "accept_rollback";
    memcpy(audit.reason, why, strnlen(why, sizeof audit.reason - 1));
    memcpy(audit.detail, how, strlen(how));
    return audit;
}

/* Higher than any epoch that this database or the marker has seen. */
static uint64_t next_epoch(struct service *service)
{
    struct store_identity marker;
    struct oc_error err;
    const struct store *store = writer_store(service);
    uint64_t epoch = service_identity(service).epoch;
    if (store && store_identity(store).epoch > epoch) {
        epoch = store_identity(store).epoch;
    }
    if (service->options.marker_path &&
        marker_read(service->options.marker_path, &marker, &err) == OC_OK && marker.epoch > epoch) {
        epoch = marker.epoch;
    }
    return epoch + 1;
}

static enum oc_status accept_database(struct service *service, const struct unlock_change *unlock,
                                      struct oc_error *err)
{
    struct store *store = writer_store(service);
    struct audit_event audit = audit_of(service, unlock);
    if (!store) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "there is no database to accept: use --init for a new one");
    }
    enum oc_status st =
        administrators_accept_rollback(service, store, next_epoch(service), &audit, err);
    return st ? st : writer_accept_store(service, err);
}

static enum oc_status make_database(struct service *service, const struct unlock_change *unlock,
                                    struct oc_error *err)
{
    const struct service_options *options = &service->options;
    struct audit_event audit = audit_of(service, unlock);
    struct store *store;
    if (!options->make_store) {
        return oc_fail(err, OC_FAILED_PRECONDITION, "this gateway cannot make a new database");
    }
    uint64_t epoch = next_epoch(service);
    enum oc_status st = options->make_store(options->make_store_user, &store, err);
    if (!st) {
        st = writer_replace_store(service, store, err);
    }
    if (!st) {
        st = store_raise_epoch(store, epoch, &audit, audit.at_ms, err);
    }
    if (!st) {
        service_set_identity(service, store);
    }
    return st;
}

static enum oc_status unlock_now(struct service *service, const struct unlock_change *unlock,
                                 struct oc_error *err)
{
    if (!service_is_locked(service)) {
        return oc_fail(err, OC_FAILED_PRECONDITION, "the gateway is not locked");
    }
    if (unlock->init == unlock->accept_rollback) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "%s",
                       store_lock_text((enum store_lock)atomic_load(&service->lock)));
    }
    enum oc_status st =
        unlock->init ? make_database(service, unlock, err) : accept_database(service, unlock, err);
    struct store_identity identity = service_identity(service);
    if (!st && service->options.marker_path) {
        st = marker_write(service->options.marker_path, &identity, err);
    }
    return st;
}

static void run(struct service *service, struct change *change)
{
    struct unlock_change *unlock = (struct unlock_change *)(void *)change;
    struct decide_result *result = &unlock->result;
    const char *was = store_lock_text((enum store_lock)atomic_load(&service->lock));
    result->status = unlock_now(service, unlock, &result->error);
    if (result->status == OC_OK) {
        (void)snprintf(result->error.text, sizeof result->error.text, "%s", was);
        result->seq = service_identity(service).seq;
        atomic_store(&service->rollback_ms, service_now_ms(service));
        missing_forget(&service->missing);
        atomic_store(&service->lock, STORE_LOCK_NONE);
        log_info("gateway.unlocked", "by=%s how=%s", unlock->caller.actor.name,
                 unlock->init ? "init" : "accept_rollback");
    }
}

static void deliver(struct delivery *delivery)
{
    struct unlock_change *unlock =
        (struct unlock_change *)(void *)((char *)delivery -
                                         offsetof(struct unlock_change, change.delivery));
    unlock->call.done(unlock->call.user, &unlock->result);
    free(unlock);
}

static void finish(struct service *service, struct change *change, const struct oc_error *failed)
{
    (void)failed;
    notifier_post_one(service->notifier, &change->delivery);
}

void admin_unlock(struct service *service, const struct admin_caller *caller, bool accept_rollback,
                  bool init, const struct decide_call *call)
{
    static const struct change_ops ops = {.run = run, .finish = finish};
    struct unlock_change *unlock = calloc(1, sizeof *unlock);
    if (unlock) {
        unlock->change.ops = &ops;
        unlock->change.delivery.deliver = deliver;
        unlock->caller = *caller;
        unlock->accept_rollback = accept_rollback;
        unlock->init = init;
        unlock->call = *call;
    }
    if (!unlock || !writer_push(service, &unlock->change)) {
        struct decide_result result = {.status = OC_RESOURCE_EXHAUSTED};
        (void)oc_fail(&result.error, OC_RESOURCE_EXHAUSTED, "too many changes are waiting");
        free(unlock);
        call->done(call->user, &result);
    }
}
