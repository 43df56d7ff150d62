#include "server/service/writer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/obs/log.h"
#include "server/obs/metrics.h"
#include "server/service/records.h"
#include "server/service/unsaved.h"
#include "server/service/watchers.h"

/* A change of a record in the group on its way. */
struct staged {
    struct staged *older;
    struct shard *shard;
    struct entry *entry; /* held */
    struct packed record;
    unsigned effects;
    bool forgets;
    bool is_published;
    struct unsaved *unsaved; /* withdrawals: to be written again if the commit fails */
};

struct group {
    struct service *service;
    struct staged *newest;
    size_t n_staged;
    int64_t now_ms;
    bool has_begun;
    bool needs_marker;
};

struct writer {
    struct store *store; /* NULL: the gateway is locked without one */
    bool is_broken;      /* a commit failed, and reopening did too */
    struct unsaved_list unsaved;
    uint64_t marker_seq;
    uint64_t marker_epoch;
};

static bool has_session(struct shard *shard, struct entry *entry)
{
    shard_lock(shard);
    bool has = entry->live && entry->live->session;
    shard_unlock(shard);
    return has;
}

/* ---- groups --------------------------------------------------------------------------------- */

struct service *group_service(struct group *group)
{
    return group->service;
}

struct store *group_store(struct group *group)
{
    const struct writer *writer = group->service->writer;
    return writer->is_broken ? NULL : writer->store;
}

static struct staged *newest_of(struct group *group, const struct oc_device_id *id)
{
    for (struct staged *staged = group->newest; staged; staged = staged->older) {
        if (oc_device_id_equal(&staged->entry->id, id)) {
            return staged;
        }
    }
    return NULL;
}

void group_read(struct group *group, const struct oc_device_id *id, struct pairing *out)
{
    struct shard *shard = index_shard(&group->service->index, id);
    const struct staged *staged = newest_of(group, id);
    if (staged && !staged->is_published) {
        packed_to_pairing(&staged->record, id, out);
        return;
    }
    shard_lock(shard);
    const struct entry *entry = shard_find(shard, id);
    if (entry) {
        entry_read(entry, out);
    } else {
        *out = pairing_of_stranger(id);
    }
    shard_unlock(shard);
}

static enum oc_status begin(struct group *group, struct oc_error *err)
{
    struct store *store = group_store(group);
    if (!store) {
        return oc_fail(err, OC_UNAVAILABLE, "the database cannot be written at the moment");
    }
    if (group->has_begun) {
        return OC_OK;
    }
    enum oc_status st = store_begin(store, err);
    group->has_begun = st == OC_OK;
    return st;
}

static enum oc_status apply_unsaved(struct group *group, struct unsaved *unsaved,
                                    struct oc_error *err)
{
    struct pairing pairing;
    packed_to_pairing(&unsaved->record, &unsaved->id, &pairing);
    const struct store_change row = {
        .after = &pairing,
        .audit = unsaved->is_audited ? &unsaved->audit : NULL,
        .action = unsaved->action,
        .now_ms = group->now_ms,
    };
    uint64_t seq;
    enum oc_status st = begin(group, err);
    if (!st) {
        st = store_apply(group_store(group), &row, &seq, err);
    }
    unsaved->is_applied = st == OC_OK;
    return st;
}

/* What was withdrawn earlier must be on disk before anything later of the same device. */
static enum oc_status apply_unsaved_of(struct group *group, const struct oc_device_id *id,
                                       struct oc_error *err)
{
    struct writer *writer = group->service->writer;
    for (struct unsaved *unsaved = writer->unsaved.first; unsaved; unsaved = unsaved->next) {
        if (unsaved->is_applied || !oc_device_id_equal(&unsaved->id, id)) {
            continue;
        }
        enum oc_status st = apply_unsaved(group, unsaved, err);
        if (st) {
            return st;
        }
    }
    return OC_OK;
}

static void staged_free(struct staged *staged)
{
    packed_free(&staged->record);
    unsaved_free(staged->unsaved);
    free(staged);
}

static void unhold(struct service *service, struct staged *staged)
{
    records_settle_source(service, staged->entry);
    shard_lock(staged->shard);
    staged->entry->n_holds--;
    shard_trim(staged->shard, staged->entry);
    shard_unlock(staged->shard);
}

/* Everything that could run out of memory later is had here, or the change fails alone. */
static struct staged *staged_new(struct group *group, const struct group_change *change)
{
    struct service *service = group->service;
    const struct pairing *next = &change->decision->next;
    bool withdraws = change->decision->effects & PAIRING_WITHDRAWS;
    struct staged *staged = calloc(1, sizeof *staged);
    if (!staged) {
        return NULL;
    }
    staged->effects = change->decision->effects;
    staged->forgets = change->decision->forgets;
    staged->shard = index_shard(&service->index, change->id);
    staged->unsaved = withdraws ? unsaved_new(change->decision, change->action) : NULL;
    bool is_packed = packed_from_pairing(next, &staged->record);
    shard_lock(staged->shard);
    staged->entry = shard_obtain(staged->shard, change->id);
    bool is_ready = staged->entry && shard_make_live(staged->shard, staged->entry);
    if (staged->entry) {
        staged->entry->n_holds++;
    }
    shard_unlock(staged->shard);
    is_ready =
        is_ready && is_packed && (!withdraws || staged->unsaved) &&
        directory_reserve(&service->directory, group->n_staged + 1) &&
        (!next->request.is_open || records_count_open(service, staged->entry, change->source));
    if (is_ready) {
        return staged;
    }
    if (staged->entry) {
        unhold(service, staged);
    }
    staged_free(staged);
    return NULL;
}

static void append(struct group *group, struct staged *staged)
{
    staged->older = group->newest;
    group->newest = staged;
    group->n_staged++;
}

/* Denies at once; true if a session was taken out. */
static bool withdraw_now(struct group *group, struct staged *staged, const struct pairing *next)
{
    bool closes = has_session(staged->shard, staged->entry);
    records_publish(group->service, staged->entry, &staged->record, next, staged->effects);
    staged->is_published = true;
    return closes;
}

static enum oc_status write_change(struct group *group, const struct group_change *change,
                                   uint64_t *seq, struct oc_error *err)
{
    const struct pairing_decision *decision = change->decision;
    const struct store_change row = {
        .after = decision->changed && !decision->forgets ? &decision->next : NULL,
        .forget = decision->forgets ? &decision->next.id : NULL,
        .audit = decision->is_audited ? &decision->audit : NULL,
        .action = change->action,
        .key = change->key,
        .now_ms = group->now_ms,
    };
    enum oc_status st = begin(group, err);
    if (!st && decision->changed) {
        st = apply_unsaved_of(group, change->id, err);
    }
    return st ? st : store_apply(group_store(group), &row, seq, err);
}

static enum oc_status fail_not_durable(struct oc_error *err)
{
    char cause[256];
    memcpy(cause, err->text, sizeof cause - 1);
    cause[sizeof cause - 1] = '\0';
    (void)oc_fail(err, OC_UNAVAILABLE, "in force, but not durable yet: %s", cause);
    err->is_not_durable = true;
    return OC_UNAVAILABLE;
}

/* In force, not durable: the caller is told so, and it is written again later. */
static enum oc_status keep_withdrawn(struct group *group, struct staged *staged,
                                     struct oc_error *err)
{
    unsaved_list_keep(&group->service->writer->unsaved, OC_STEAL(staged->unsaved));
    append(group, staged);
    return fail_not_durable(err);
}

/* "It is so already" is said of what is on disk: the withdrawal that made it so comes first. */
static enum oc_status settle_unsaved(struct group *group, const struct group_change *change,
                                     struct oc_error *err)
{
    enum oc_status st = apply_unsaved_of(group, change->id, err);
    return st && change->decision->outcome == PAIRING_DONE ? fail_not_durable(err) : st;
}

static enum oc_status apply_record(struct group *group, const struct group_change *change,
                                   struct group_receipt *receipt, struct oc_error *err)
{
    bool withdraws = change->decision->effects & PAIRING_WITHDRAWS;
    struct staged *staged = staged_new(group, change);
    if (!staged) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "service: out of memory");
    }
    if (withdraws) {
        receipt->session_closed = withdraw_now(group, staged, &change->decision->next);
    }
    if (change->key) {
        change->key->session_closed = receipt->session_closed;
    }
    enum oc_status st = write_change(group, change, &receipt->seq, err);
    if (st && withdraws) {
        return keep_withdrawn(group, staged, err);
    }
    if (st) {
        unhold(group->service, staged);
        staged_free(staged);
        return st;
    }
    append(group, staged);
    group->needs_marker |= change->needs_marker;
    return OC_OK;
}

enum oc_status group_apply(struct group *group, const struct group_change *change,
                           struct group_receipt *receipt, struct oc_error *err)
{
    struct oc_error ignored;
    *receipt = (struct group_receipt){.seq = 0};
    err = err ? err : &ignored;
    if (change->decision->changed) {
        return apply_record(group, change, receipt, err);
    }
    enum oc_status st = settle_unsaved(group, change, err);
    if (st || (!change->decision->is_audited && !change->key)) {
        return st;
    }
    return write_change(group, change, &receipt->seq, err);
}

enum oc_status group_apply_audit(struct group *group, const struct audit_event *audit,
                                 struct oc_error *err)
{
    const struct store_change row = {.audit = audit, .now_ms = group->now_ms};
    uint64_t seq;
    enum oc_status st = begin(group, err);
    return st ? st : store_apply(group_store(group), &row, &seq, err);
}

static void publish_staged(struct group *group, struct staged *staged)
{
    struct pairing pairing;
    unsigned effects = 0;
    for (const struct staged *each = staged; each; each = each->older) {
        effects |= each->entry == staged->entry ? each->effects : 0;
    }
    if (staged->forgets) {
        records_forget(group->service, staged->entry, effects);
        return;
    }
    packed_to_pairing(&staged->record, &staged->entry->id, &pairing);
    records_publish(group->service, staged->entry, &staged->record, &pairing,
                    effects & ~(unsigned)PAIRING_CUTS_SESSION);
}

/* Only the last word on each device is published; what withdrew was already. */
static void publish_group(struct group *group)
{
    for (struct staged *staged = group->newest; staged; staged = staged->older) {
        if (newest_of(group, &staged->entry->id) == staged && !staged->is_published) {
            publish_staged(group, staged);
        }
    }
}

/* Oldest first, so that unsaved withdrawals of one device keep their order. */
static void turn_round(struct group *group)
{
    struct staged *turned = NULL;
    while (group->newest) {
        struct staged *staged = group->newest;
        group->newest = staged->older;
        staged->older = turned;
        turned = staged;
    }
    group->newest = turned;
}

static void end_group(struct group *group, bool keeps_withdrawals)
{
    turn_round(group);
    while (group->newest) {
        struct staged *staged = group->newest;
        group->newest = staged->older;
        if (keeps_withdrawals && staged->unsaved) {
            unsaved_list_keep(&group->service->writer->unsaved, OC_STEAL(staged->unsaved));
        }
        unhold(group->service, staged);
        staged_free(staged);
    }
}

static void after_commit(struct group *group)
{
    struct service *service = group->service;
    struct oc_error err;
    metric_add(METRIC_COMMITS_TOTAL, 1);
    service_set_identity(service, service->writer->store);
    unsaved_list_drop_applied(&service->writer->unsaved);
    if (group->needs_marker && writer_write_marker(service, &err)) {
        log_error("marker.failed", "error=%s", err.text);
    }
    publish_group(group);
    end_group(group, false);
    watchers_wake(service);
}

static void reopen(struct service *service)
{
    struct writer *writer = service->writer;
    struct oc_error err;
    enum oc_status st = store_reopen(writer->store, &err);
    writer->is_broken = st != OC_OK;
    if (!st) {
        service_set_identity(service, writer->store);
        st = writer_load(service, &err);
        writer->is_broken = st != OC_OK;
    }
    if (st) {
        log_error("store.reopen_failed", "error=%s", err.text);
    }
}

/* Nobody knows what is on disk: memory keeps the denials, and learns the rest by reading. */
static void after_failed_commit(struct group *group, const struct oc_error *err)
{
    struct service *service = group->service;
    metric_add(METRIC_COMMITS_FAILED_TOTAL, 1);
    log_error("store.commit_failed", "error=%s", err->text);
    unsaved_list_reset_applied(&service->writer->unsaved);
    end_group(group, true);
    reopen(service);
}

/* The withdrawals of the list are older than those of the group: order is kept. */
static const struct oc_error *commit(struct group *group, struct oc_error *err)
{
    if (!group->has_begun) {
        end_group(group, false); /* withdrawals that could not be written */
        return NULL;
    }
    if (store_commit(group->service->writer->store, err)) {
        after_failed_commit(group, err);
        (void)oc_fail(err, OC_UNAVAILABLE, "the outcome is unknown: the database failed");
        err->is_outcome_unknown = true;
        return err;
    }
    after_commit(group);
    return NULL;
}

static struct change *change_of(struct job *job)
{
    return (struct change *)(void *)job;
}

void writer_run_batch(void *user, struct job *first)
{
    struct service *service = user;
    struct group group = {.service = service, .now_ms = service_now_ms(service)};
    struct oc_error err;
    for (struct job *job = first; job; job = job->next) {
        struct change *change = change_of(job);
        if (change->ops->stage) {
            change->ops->stage(&group, change);
        }
    }
    const struct oc_error *failed = commit(&group, &err);
    while (first) {
        struct change *change = change_of(first);
        first = first->next;
        if (change->ops->run) {
            change->ops->run(service, change);
        }
        change->ops->finish(service, change, change->ops->run ? NULL : failed);
    }
}

bool writer_push(struct service *service, struct change *change)
{
    bool is_accepted = executor_push(service->executor, &change->job);
    if (!is_accepted) {
        metric_add(METRIC_WRITER_QUEUE_FULL_TOTAL, 1);
    }
    return is_accepted;
}

void group_retry_unsaved(struct group *group)
{
    struct writer *writer = group->service->writer;
    struct oc_error err;
    /* Not every commit is a group's: the unlock's and the upkeep's may have failed, too. */
    bool needs_reopen = writer->store && (writer->is_broken || store_needs_reopen(writer->store));
    if (needs_reopen && !group->has_begun) {
        reopen(group->service);
    }
    size_t n = 0;
    for (struct unsaved *unsaved = writer->unsaved.first; unsaved && n < 64;
         unsaved = unsaved->next) {
        if (!unsaved->is_applied && apply_unsaved(group, unsaved, &err)) {
            return; /* the disk has not come back */
        }
        n++;
    }
}

/* ---- the store ------------------------------------------------------------------------------ */

enum oc_status writer_new(struct service *service, struct store *store, struct oc_error *err)
{
    struct writer *writer = calloc(1, sizeof *writer);
    if (!writer) {
        store_close(store);
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "service: out of memory");
    }
    writer->store = store;
    unsaved_list_init(&writer->unsaved);
    service->writer = writer;
    if (store) {
        service_set_identity(service, store);
    }
    return OC_OK;
}

void writer_free(struct writer *writer)
{
    if (!writer) {
        return;
    }
    unsaved_list_deinit(&writer->unsaved);
    store_close(writer->store);
    free(writer);
}

enum oc_status writer_load(struct service *service, struct oc_error *err)
{
    struct writer *writer = service->writer;
    return records_load(service, writer->store, &writer->unsaved, err);
}

struct store *writer_store(struct service *service)
{
    return service->writer->is_broken ? NULL : service->writer->store;
}

enum oc_status writer_replace_store(struct service *service, struct store *store,
                                    struct oc_error *err)
{
    struct writer *writer = service->writer;
    records_forget_all(service);
    unsaved_list_deinit(&writer->unsaved);
    store_close(writer->store);
    writer->store = store;
    writer->is_broken = false;
    service_set_identity(service, store);
    return writer_load(service, err);
}

enum oc_status writer_write_marker(struct service *service, struct oc_error *err)
{
    struct writer *writer = service->writer;
    struct store_identity identity = service_identity(service);
    bool is_written = writer->marker_seq == identity.seq && writer->marker_epoch == identity.epoch;
    if (!service->options.marker_path || is_written || service_is_locked(service)) {
        return OC_OK;
    }
    enum oc_status st = marker_write(service->options.marker_path, &identity, err);
    if (!st) {
        writer->marker_seq = identity.seq;
        writer->marker_epoch = identity.epoch;
    }
    return st;
}
