#include "server/service/writer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/obs/log.h"
#include "server/obs/metrics.h"
#include "server/service/kept_marker.h"
#include "server/service/records.h"
#include "server/service/unsaved.h"
#include "server/service/watchers.h"

/* A change of a record in the group on its way. */
struct staged {
    struct staged *older;
    struct staged *before; /* the older change of the same record; NULL: none in this group */
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
    bool has_written; /* so that its commit shows what the disk can do ... */
    bool has_failed;  /* ... unless not all of it could be */
    bool needs_marker;
    bool has_looked_for_room;
    bool has_room; /* where it has looked */
};

struct writer {
    struct store *store; /* NULL: the gateway is locked without one */
    bool is_broken;      /* a commit failed, and reopening did too */
    bool needs_load;     /* the disk holds other records than memory stands on */
    bool is_set_back;    /* and they are older, or another's: locked, nothing is written to it */
    struct kept_marker marker;
    struct unsaved_list unsaved;
    struct delivery_list answers; /* of the batch that runs */
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

void group_read(struct group *group, const struct oc_device_id *id, struct pairing *out)
{
    struct shard *shard = index_shard(&group->service->index, id);
    shard_lock(shard);
    const struct entry *entry = shard_find(shard, id);
    const struct staged *staged = entry && entry->live ? entry->live->staged : NULL;
    if (staged && !staged->is_published) {
        packed_to_pairing(&staged->record, id, out);
    } else if (entry) {
        entry_read(entry, out);
    } else {
        *out = pairing_of_stranger(id);
    }
    shard_unlock(shard);
}

/* ---- a store that fails --------------------------------------------------------------------- */

static enum oc_status note_outage(struct service *service, struct oc_error *err)
{
    const struct outage_time now = service_outage_time(service);
    outage_note_failure(&service->outage, err, &now);
    err->status = OC_UNAVAILABLE;
    return OC_UNAVAILABLE;
}

/* A disk that cannot be written is an outage; a row that the store refuses is not. */
static enum oc_status note_failure(struct service *service, enum oc_status st, struct oc_error *err)
{
    const bool is_disk = strcmp(err->cause, STORE_CAUSE_DISK_FULL) == 0 ||
                         strcmp(err->cause, STORE_CAUSE_DISK_FAILS) == 0;
    return st && is_disk ? note_outage(service, err) : st;
}

void writer_note_failure(struct service *service, enum oc_status st, struct oc_error *err)
{
    (void)note_failure(service, st, err);
}

static bool has_room(struct group *group)
{
    struct store *store = group_store(group);
    if (!group->has_looked_for_room) {
        group->has_looked_for_room = true;
        group->has_room = store && store_check_room(store, NULL) == OC_OK;
    }
    return group->has_room;
}

/* In an outage what withdraws is tried, whatever an administrator decides if there is room, and
 * what strangers cause is not: it could make the disk fail again and again. */
static enum oc_status admit(struct group *group, bool withdraws, bool is_administrators,
                            struct oc_error *err)
{
    struct outage *outage = &group->service->outage;
    if (withdraws || !outage_is_on(outage) || (is_administrators && has_room(group))) {
        return OC_OK;
    }
    return outage_fail(outage, err);
}

static enum oc_status begin(struct group *group, struct oc_error *err)
{
    struct store *store = group_store(group);
    if (!store) {
        return outage_fail(&group->service->outage, err);
    }
    if (group->service->writer->is_set_back) {
        return oc_fail(err, OC_UNAVAILABLE, "locked: see openclaw gateway status");
    }
    if (group->has_begun) {
        return OC_OK;
    }
    enum oc_status st = store_begin(store, err);
    group->has_begun = st == OC_OK;
    return st ? note_outage(group->service, err) : OC_OK;
}

/* ---- writing -------------------------------------------------------------------------------- */

static enum oc_status apply_row(struct group *group, const struct store_change *row, uint64_t *seq,
                                struct oc_error *err)
{
    enum oc_status st = begin(group, err);
    if (!st) {
        st = note_failure(group->service, store_apply(group_store(group), row, seq, err), err);
        group->has_written |= st == OC_OK;
        group->has_failed |= st == OC_UNAVAILABLE;
    }
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
    enum oc_status st = apply_row(group, &row, &seq, err);
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
    is_ready = is_ready && is_packed && (!withdraws || staged->unsaved) &&
               directory_reserve(&service->directory, group->n_staged + 1) &&
               records_count_open(service, staged->entry, next, change->source);
    if (is_ready) {
        return staged;
    }
    if (staged->entry) {
        unhold(service, staged);
    }
    staged_free(staged);
    return NULL;
}

/* Its hold keeps what the entry needs alive. */
static void append(struct group *group, struct staged *staged)
{
    struct live *live = staged->entry->live;
    staged->older = group->newest;
    group->newest = staged;
    group->n_staged++;
    staged->before = live->staged;
    live->staged = staged;
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
    const bool withdraws = decision->effects & PAIRING_WITHDRAWS;
    enum oc_status st = admit(group, withdraws, change->is_administrators, err);
    if (!st && decision->changed) {
        st = apply_unsaved_of(group, change->id, err);
    }
    return st ? st : apply_row(group, &row, seq, err);
}

static enum oc_status fail_not_durable(struct oc_error *err)
{
    const struct oc_error was = *err;
    (void)oc_fail(err, OC_UNAVAILABLE, "in force, but not durable yet: %.400s", was.text);
    memcpy(err->cause, was.cause, sizeof err->cause);
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

/* The record names the change that approves it: the next one, once nothing is left to be written
 * before it. */
static enum oc_status apply_approval(struct group *group, const struct group_change *change,
                                     struct group_receipt *receipt, struct oc_error *err)
{
    struct pairing_decision decision = *change->decision;
    struct group_change numbered = *change;
    enum oc_status st = begin(group, err);
    if (!st) {
        st = apply_unsaved_of(group, change->id, err);
    }
    if (st) {
        return st;
    }
    decision.next.approval_seq = store_next_seq(group_store(group));
    numbered.decision = &decision;
    return apply_record(group, &numbered, receipt, err);
}

enum oc_status group_apply(struct group *group, const struct group_change *change,
                           struct group_receipt *receipt, struct oc_error *err)
{
    struct oc_error ignored;
    *receipt = (struct group_receipt){.seq = 0};
    err = err ? err : &ignored;
    if (change->decision->changed && change->decision->effects & PAIRING_APPROVES) {
        return apply_approval(group, change, receipt, err);
    }
    if (change->decision->changed) {
        return apply_record(group, change, receipt, err);
    }
    enum oc_status st = settle_unsaved(group, change, err);
    group->needs_marker |= change->needs_marker; /* of what made it so */
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
    enum oc_status st = admit(group, false, true, err);
    return st ? st : apply_row(group, &row, &seq, err);
}

static void publish_staged(struct group *group, struct staged *staged)
{
    struct pairing pairing;
    unsigned effects = 0;
    for (const struct staged *each = staged; each; each = each->before) {
        effects |= each->effects;
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
        if (staged->entry->live->staged == staged && !staged->is_published) {
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
        staged->entry->live->staged = NULL;
        unhold(group->service, staged);
        staged_free(staged);
    }
}

static void after_commit(struct group *group)
{
    struct service *service = group->service;
    metric_add(METRIC_COMMITS_TOTAL, 1);
    service_set_identity(service, service->writer->store);
    unsaved_list_drop_applied(&service->writer->unsaved);
    if (group->needs_marker) {
        writer_write_marker(service);
    }
    if (group->has_written) {
        const struct outage_time now = service_outage_time(service);
        const bool is_over = outage_is_on(&service->outage) && !group->has_failed &&
                             !service->writer->marker.is_failing && has_room(group);
        outage_note_success(&service->outage, is_over, service->writer->unsaved.n, &now);
    }
    publish_group(group);
    end_group(group, false);
    watchers_wake(service);
}

/* Nothing is read anew if the disk holds what memory stands on: then the group was lost as a whole,
 * and what it withdrew is kept as unsaved. Only what was acknowledged must be there: of the group
 * whose outcome is unknown, all or nothing may be. */
static enum oc_status reopen_and_load(struct service *service, struct oc_error *err)
{
    struct writer *writer = service->writer;
    const struct store_identity before = service_identity(service);
    enum oc_status st = store_reopen(writer->store, err);
    if (st) {
        return st;
    }
    const struct store_identity after = store_identity(writer->store);
    const enum store_lock lock = kept_marker_judge(service, &before, &after);
    if (lock) { /* memory stays what was acknowledged, and denies */
        writer->is_set_back = writer->needs_load = true;
        service_lock(service, lock);
        return OC_OK;
    }
    writer->needs_load |= memcmp(&before, &after, sizeof before) != 0;
    return writer_accept_store(service, err);
}

static void reopen(struct service *service)
{
    struct oc_error err;
    service->writer->is_broken = reopen_and_load(service, &err) != OC_OK;
    if (service->writer->is_broken) {
        (void)note_outage(service, &err);
    }
}

/* What was withdrawn stays in force and is written again. Where nobody knows what is on the disk,
 * it is read; a group that is known to be lost leaves the store as it was. */
static void after_failed_commit(struct group *group, struct oc_error *err)
{
    struct service *service = group->service;
    metric_add(METRIC_COMMITS_FAILED_TOTAL, 1);
    (void)note_outage(service, err);
    unsaved_list_reset_applied(&service->writer->unsaved);
    end_group(group, true);
    if (store_needs_reopen(service->writer->store)) {
        reopen(service);
    }
}

/* The withdrawals of the list are older than those of the group: order is kept. */
static const struct oc_error *commit(struct group *group, struct oc_error *err)
{
    if (!group->has_begun) {
        end_group(group, false); /* withdrawals that could not be written */
        return NULL;
    }
    if (store_commit(group->service->writer->store, err)) {
        after_failed_commit(group, err); /* a status of UNAVAILABLE, is_outcome_unknown or not */
        return err;
    }
    after_commit(group);
    return NULL;
}

static struct change *change_of(struct job *job)
{
    return (struct change *)(void *)job;
}

void writer_answer(struct service *service, struct change *change)
{
    delivery_list_add(&service->writer->answers, &change->delivery);
}

void writer_run_batch(void *user, struct job *first)
{
    struct service *service = user;
    struct group group = {.service = service, .now_ms = service_now_ms(service)};
    struct delivery_list *answers = &service->writer->answers;
    struct oc_error err;
    for (struct job *job = first; job; job = job->next) {
        struct change *change = change_of(job);
        if (change->ops->stage) {
            change->ops->stage(&group, change);
        }
    }
    const struct oc_error *failed = commit(&group, &err);
    atomic_store(&service->n_unsaved, service->writer->unsaved.n);
    while (first) {
        struct change *change = change_of(first);
        first = first->next;
        if (change->ops->run) {
            notifier_post(service->notifier, answers); /* no job delays what was decided */
            change->ops->run(service, change);
        }
        change->ops->finish(service, change, change->ops->run ? NULL : failed);
    }
    notifier_post(service->notifier, answers);
}

bool writer_push(struct service *service, struct change *change)
{
    const bool is_accepted = executor_push(service->executor, &change->job);
    metric_add(METRIC_WRITER_QUEUE_FULL_TOTAL, is_accepted ? 0 : 1);
    return is_accepted;
}

static void apply_all_unsaved(struct group *group)
{
    struct oc_error err;
    size_t n = 0;
    for (struct unsaved *unsaved = group->service->writer->unsaved.first; unsaved && n < 64;
         unsaved = unsaved->next) {
        if (!unsaved->is_applied && apply_unsaved(group, unsaved, &err)) {
            return; /* the disk has not come back */
        }
        n++;
    }
}

/* The least that reaches the disk: the store's clock goes on. */
static void apply_probe(struct group *group)
{
    struct store *store = group_store(group);
    struct oc_error err;
    uint64_t seq;
    if (!store || !has_room(group)) {
        return;
    }
    const int64_t least_ms = store_clock_ms(store) + 1;
    const struct store_change probe = {.now_ms =
                                           group->now_ms > least_ms ? group->now_ms : least_ms};
    (void)apply_row(group, &probe, &seq, &err);
}

void group_retry(struct group *group)
{
    struct service *service = group->service;
    struct writer *writer = service->writer;
    const bool was_on = outage_is_on(&service->outage);
    if (was_on && !outage_takes_probe(&service->outage, service_monotonic_ms(service))) {
        return;
    }
    /* Not every commit is a group's: the unlock's and the upkeep's may have failed, too. */
    bool needs_reopen = writer->store && (writer->is_broken || store_needs_reopen(writer->store));
    if (needs_reopen && !group->has_begun) {
        reopen(service);
    }
    apply_all_unsaved(group);
    if (was_on) {
        apply_probe(group);
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
    writer->is_broken = writer->is_set_back = writer->needs_load = false;
    service_set_identity(service, store);
    return writer_load(service, err);
}

enum oc_status writer_accept_store(struct service *service, struct oc_error *err)
{
    struct writer *writer = service->writer;
    service_set_identity(service, writer->store);
    const enum oc_status st = writer->needs_load ? writer_load(service, err) : OC_OK;
    if (!st) {
        writer->needs_load = writer->is_set_back = false;
    }
    return st;
}

void writer_write_marker(struct service *service)
{
    struct oc_error err;
    if (kept_marker_write(&service->writer->marker, service, &err)) {
        (void)note_outage(service, &err);
    }
}

enum oc_status writer_check_marker(struct service *service, struct oc_error *err)
{
    return kept_marker_check(&service->writer->marker, err);
}

void writer_finish(struct service *service)
{
    struct writer *writer = service->writer;
    struct group group = {.service = service, .now_ms = service_now_ms(service)};
    struct oc_error err;
    if (writer->unsaved.n > 0) {
        apply_all_unsaved(&group);
        (void)commit(&group, &err);
    }
    unsaved_list_log_lost(&writer->unsaved);
}
