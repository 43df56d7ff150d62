/*
 * The one backup that may be under way. Everything here but admin_backup runs on the writer's
 * thread, which alone uses the store, so there is nothing to lock.
 *
 *     begin (audited in a group) -> step, step, step ... between groups -> done or failed
 *     a call waits for its end, a second at most; the next one asks again
 *
 * Invariant: `step` is in the writer's queue exactly while a copy is under way.
 */
#include "server/service/backup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/obs/log.h"
#include "server/service/writer.h"

enum {
    STEPS_AT_ONCE = 8,
    STEP_MS = 2, /* between two groups */
    RETRY_AFTER_MS = 1000,
};

/* A call: to begin, or to ask. */
struct backup_change {
    struct change change; /* first */
    struct admin_caller caller;
    uint64_t ticket;
    struct backup_call call;
    char name[BACKUP_NAME_BYTES];
    bool has_claimed; /* the backup that it begins is its own */
    struct backup_result result;
};

struct backup {
    struct change step; /* first */
    struct service *service;
    struct store_backup *copy;     /* NULL: none under way */
    struct backup_change *waiting; /* for it; NULL: nobody */
    bool is_claimed;               /* by the call that begins it in this group */
    uint64_t ticket;               /* of this one, or of the last; 0: there was none */
    int64_t started_ms;            /* monotonic, as the next */
    int64_t asked_ms;
    int64_t answer_ms; /* after the asking, at the latest */
    struct backup_result result;
};

static struct backup_change *call_of(struct change *change)
{
    return (struct backup_change *)(void *)change;
}

/* ---- answers -------------------------------------------------------------------------------- */

static void deliver(struct delivery *delivery)
{
    struct backup_change *call =
        (struct backup_change *)(void *)((char *)delivery -
                                         offsetof(struct backup_change, change.delivery));
    call->call.done(call->call.user, &call->result);
    free(call);
}

static void answer(struct backup *backup, struct backup_change *call)
{
    notifier_post_one(backup->service->notifier, &call->change.delivery);
}

/* Tells who waits how far it got. */
static void answer_waiting(struct backup *backup)
{
    struct backup_change *call = OC_STEAL(backup->waiting);
    if (call) {
        call->result = backup->result;
        answer(backup, call);
    }
}

static void wait_for_it(struct backup *backup, struct backup_change *call)
{
    backup->waiting = call;
    backup->asked_ms = service_monotonic_ms(backup->service);
    const int64_t half_ms = call->caller.budget_ms / 2;
    backup->answer_ms = half_ms > 0 && half_ms < BACKUP_ANSWER_MS ? half_ms : BACKUP_ANSWER_MS;
}

/* ---- its end -------------------------------------------------------------------------------- */

static void end(struct backup *backup, enum oc_status failed, const char *text)
{
    struct backup_result *result = &backup->result;
    const int64_t took_ms = service_monotonic_ms(backup->service) - backup->started_ms;
    store_backup_progress(backup->copy, &result->progress);
    store_backup_free(backup->copy);
    backup->copy = NULL;
    result->is_done = true;
    result->failed = failed;
    if (failed) {
        (void)snprintf(result->failed_text, sizeof result->failed_text, "%s", text);
        log_warn("backup.failed", "path=%s error=%s", result->progress.path, text);
    } else {
        log_info("backup.done", "path=%s seq=%" PRIu64 " bytes=%" PRIu64 " took_ms=%" PRId64,
                 result->progress.path, result->progress.identity.seq, result->progress.bytes,
                 took_ms);
    }
    answer_waiting(backup);
}

/* ---- steps ---------------------------------------------------------------------------------- */

/* Whether to go on, before any work is done. */
static bool is_wanted(struct backup *backup, int64_t now_ms)
{
    if (now_ms - backup->started_ms > BACKUP_MOST_MS) {
        end(backup, OC_DEADLINE_EXCEEDED, "the backup took more than ten minutes: given up");
    } else if (!backup->waiting && now_ms - backup->asked_ms > BACKUP_ABANDONED_MS) {
        end(backup, OC_CANCELLED, "nobody asks after the backup any more: given up");
    }
    return backup->copy != NULL;
}

static void run_step(struct service *service, struct change *change)
{
    struct backup *backup = (struct backup *)(void *)change;
    const int64_t start_ms = service_monotonic_ms(service);
    struct oc_error err = {.status = OC_OK};
    bool is_done = false;
    if (!is_wanted(backup, start_ms)) {
        return;
    }
    int64_t now_ms = start_ms;
    for (unsigned i = 0; i < STEPS_AT_ONCE && !is_done && now_ms - start_ms < STEP_MS; i++) {
        if (store_backup_step(backup->copy, &is_done, &err)) {
            end(backup, err.status, err.text);
            return;
        }
        now_ms = service_monotonic_ms(service);
    }
    if (is_done) {
        end(backup, OC_OK, "");
    } else if (backup->waiting && now_ms - backup->asked_ms >= backup->answer_ms) {
        store_backup_progress(backup->copy, &backup->result.progress);
        answer_waiting(backup);
    }
}

static void finish_step(struct service *service, struct change *change,
                        const struct oc_error *failed)
{
    struct backup *backup = (struct backup *)(void *)change;
    (void)failed;
    if (backup->copy && !writer_push(service, change)) {
        end(backup, OC_UNAVAILABLE, "the gateway stops: the backup was given up");
    }
}

/* ---- beginning ------------------------------------------------------------------------------ */

static void format_name(int64_t now_ms, char out[BACKUP_NAME_BYTES])
{
    const time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    char moment[32];
    (void)gmtime_r(&seconds, &utc);
    (void)strftime(moment, sizeof moment, "%Y%m%dT%H%M%S", &utc);
    (void)snprintf(out, BACKUP_NAME_BYTES, "gateway-%s.%03dZ.db", moment, (int)(now_ms % 1000));
}

static enum oc_status may_begin(struct service *service, struct oc_error *err)
{
    const struct backup *backup = service->backup;
    if (service_is_locked(service)) {
        (void)oc_fail(err, OC_UNAVAILABLE, "%s",
                      store_lock_text((enum store_lock)atomic_load(&service->lock)));
        memcpy(err->cause, "locked", sizeof "locked");
        return OC_UNAVAILABLE;
    }
    if (!service->options.backup_dir) {
        return oc_fail(err, OC_UNIMPLEMENTED, "this gateway has no place for backups");
    }
    if (backup->copy || backup->is_claimed) {
        (void)oc_fail(err, OC_RESOURCE_EXHAUSTED, "another backup is under way");
        memcpy(err->cause, "backup_running", sizeof "backup_running");
        err->retry_after_ms = RETRY_AFTER_MS;
        return OC_RESOURCE_EXHAUSTED;
    }
    return OC_OK;
}

/* Who takes a copy of all records away is on record before there is one. */
static void stage_begin(struct group *group, struct change *change)
{
    struct service *service = group_service(group);
    struct backup_change *call = call_of(change);
    struct backup_result *result = &call->result;
    result->status = may_begin(service, &result->error);
    if (result->status) {
        return;
    }
    struct audit_event audit = {
        .at_ms = service_now_ms(service),
        .actor = call->caller.actor,
        .action = "backup",
        .outcome = "done",
    };
    format_name(audit.at_ms, call->name);
    (void)snprintf(audit.detail, sizeof audit.detail, "file=%s", call->name);
    result->status = group_apply_audit(group, &audit, &result->error);
    call->has_claimed = service->backup->is_claimed = result->status == OC_OK;
}

static enum oc_status begin(struct service *service, struct backup_change *call,
                            struct oc_error *err)
{
    struct backup *backup = service->backup;
    struct store *store = writer_store(service);
    if (!store) {
        return oc_fail(err, OC_UNAVAILABLE, "the database cannot be read at the moment");
    }
    enum oc_status st =
        store_backup_start(store, service->options.backup_dir, call->name, &backup->copy, err);
    if (st) {
        return st;
    }
    random_fill(service->options.random, &backup->ticket, sizeof backup->ticket);
    backup->ticket |= 1; /* 0 is none */
    backup->started_ms = service_monotonic_ms(service);
    backup->result = (struct backup_result){.ticket = backup->ticket};
    log_info("backup.started", "by=%s name=%s", call->caller.actor.name, call->name);
    wait_for_it(backup, call);
    finish_step(service, &backup->step, NULL);
    return OC_OK;
}

static void finish_begin(struct service *service, struct change *change,
                         const struct oc_error *failed)
{
    struct backup_change *call = call_of(change);
    struct backup_result *result = &call->result;
    struct backup *backup = service->backup;
    struct oc_error err;
    if (call->has_claimed) {
        backup->is_claimed = false;
    }
    if (result->status == OC_OK && failed) {
        result->status = failed->status;
        result->error = *failed;
    }
    if (result->status == OC_OK) {
        result->failed = begin(service, call, &err);
        if (result->failed == OC_OK) {
            return; /* it waits now, or was answered */
        }
        result->is_done = true;
        (void)snprintf(result->failed_text, sizeof result->failed_text, "%s", err.text);
        log_warn("backup.failed", "name=%s error=%s", call->name, err.text);
    }
    answer(backup, call);
}

/* ---- asking --------------------------------------------------------------------------------- */

static void finish_ask(struct service *service, struct change *change,
                       const struct oc_error *failed)
{
    struct backup_change *call = call_of(change);
    struct backup *backup = service->backup;
    (void)failed;
    if (call->ticket != backup->ticket) {
        struct oc_error *err = &call->result.error;
        call->result.status = oc_fail(err, OC_NOT_FOUND, "there is no such backup");
        memcpy(err->cause, "backup_gone", sizeof "backup_gone");
        answer(backup, call);
        return;
    }
    answer_waiting(backup); /* a call that was given up, or a second one of the same */
    wait_for_it(backup, call);
    if (!backup->copy) {
        answer_waiting(backup);
    }
}

static void run_nothing(struct service *service, struct change *change)
{
    (void)service;
    (void)change;
}

void admin_backup(struct service *service, const struct admin_caller *caller, uint64_t ticket,
                  const struct backup_call *call)
{
    static const struct change_ops begin_ops = {.stage = stage_begin, .finish = finish_begin};
    static const struct change_ops ask_ops = {.run = run_nothing, .finish = finish_ask};
    struct backup_change *change = calloc(1, sizeof *change);
    if (change) {
        change->change.ops = ticket ? &ask_ops : &begin_ops;
        change->change.delivery.deliver = deliver;
        change->caller = *caller;
        change->ticket = ticket;
        change->call = *call;
    }
    if (!change || !writer_push(service, &change->change)) {
        struct backup_result result = {.status = OC_RESOURCE_EXHAUSTED};
        (void)oc_fail(&result.error, OC_RESOURCE_EXHAUSTED, "too many changes are waiting");
        free(change);
        call->done(call->user, &result);
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

struct backup *backup_create(struct service *service)
{
    static const struct change_ops step_ops = {.run = run_step, .finish = finish_step};
    struct backup *backup = calloc(1, sizeof *backup);
    if (backup) {
        backup->service = service;
        backup->step.ops = &step_ops;
        backup->step.job.is_reserved = true;
    }
    return backup;
}

void backup_destroy(struct backup *backup)
{
    if (backup) {
        store_backup_free(backup->copy);
        free(backup);
    }
}
