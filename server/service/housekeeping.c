#include "server/service/housekeeping.h"

#include <stdlib.h>

#include "server/obs/log.h"
#include "server/obs/metrics.h"
#include "server/service/administrators_state.h"
#include "server/service/certificates.h"
#include "server/service/checkpoints.h"
#include "server/service/writer.h"

enum {
    RETRY_EVERY_MS = 1000,
    MARKER_EVERY_MS = 1000,
    SIGHTINGS_EVERY_MS = 60 * 1000,
    PRUNE_LOOK_MS = 1000,
    PRUNE_EVERY_MS = 10 * 60 * 1000,
    PRUNE_EVERY_CHANGES = 10 * 1000, /* or sooner, after these many: a flood is not waited for */
    METRICS_EVERY_MS = 1000,
    CHECKPOINT_LOOK_MS = 1000,
    CERTIFICATES_LOOK_MS = 1000,
    SIGHTINGS_AT_ONCE = 256,
};

enum chore_kind {
    CHORE_RETRY,
    CHORE_ADMINISTRATORS,
    CHORE_MARKER,
    CHORE_SIGHTINGS,
    CHORE_PRUNE,
    CHORE_METRICS,
    CHORE_CHECKPOINT,
    CHORE_CERTIFICATES,
    CHORE_COUNT
};

struct chore {
    struct change change; /* first */
    atomic_bool is_queued;
    int64_t next_ms;
    uint64_t pruned_seq; /* PRUNE: when it last had nothing left to do */
    int64_t pruned_ms;
};

struct housekeeping {
    struct service *service;
    struct chore chores[CHORE_COUNT];
};

static void stage_retry(struct group *group, struct change *change)
{
    (void)change;
    group_retry(group);
}

static void run_marker(struct service *service, struct change *change)
{
    (void)change;
    writer_write_marker(service);
}

/* Takes up to `max` sightings off a shard's list. */
static size_t take_sightings(struct shard *shard, struct store_sighting *rows, size_t max)
{
    size_t n = 0;
    shard_lock(shard);
    const struct entry *entry;
    while (n < max && (entry = shard_take_dirty(shard))) {
        rows[n].id = entry->id;
        entry_read_sighting(entry, &rows[n].sighting);
        n++;
    }
    shard_unlock(shard);
    return n;
}

/* A failure costs only how recently devices were seen; they are seen again. */
static void save_sightings(struct service *service)
{
    struct store *store = writer_store(service);
    struct store_sighting *rows = calloc(SIGHTINGS_AT_ONCE, sizeof *rows);
    struct oc_error err;
    size_t n = 0;
    for (size_t i = 0; store && rows && i < INDEX_SHARDS; i++) {
        size_t n_taken;
        do {
            n_taken = take_sightings(&service->index.shards[i], rows + n, SIGHTINGS_AT_ONCE - n);
            n += n_taken;
            bool is_full = n == SIGHTINGS_AT_ONCE || (i == INDEX_SHARDS - 1 && n > 0);
            enum oc_status st = is_full ? store_save_sightings(store, rows, n, &err) : OC_OK;
            if (st) {
                log_warn("sightings.failed", "error=%s", err.text);
                writer_note_failure(service, st, &err);
            }
            n = is_full ? 0 : n;
        } while (n_taken > 0);
    }
    free(rows);
}

static void run_sightings(struct service *service, struct change *change)
{
    (void)change;
    if (!service_is_locked(service) && !outage_is_on(&service->outage)) {
        save_sightings(service);
    }
}

/* Rarely, as each prune is a transaction; but the log must not outgrow its bound meanwhile. */
static bool is_time_to_prune(struct service *service, const struct chore *chore)
{
    return service_monotonic_ms(service) - chore->pruned_ms >= PRUNE_EVERY_MS ||
           atomic_load(&service->seq) - chore->pruned_seq >= PRUNE_EVERY_CHANGES;
}

static void run_prune(struct service *service, struct change *change)
{
    struct chore *chore = (struct chore *)(void *)change;
    struct store *store = writer_store(service);
    struct oc_error err;
    bool more = false;
    if (!store || service_is_locked(service) || outage_is_on(&service->outage) ||
        !is_time_to_prune(service, chore)) {
        return;
    }
    enum oc_status st = store_prune(store, service_now_ms(service), &more, &err);
    if (st) {
        log_warn("prune.failed", "error=%s", err.text);
        writer_note_failure(service, st, &err);
    }
    if (more) {
        chore->next_ms = 0; /* go on at the next tick */
    } else {
        chore->pruned_seq = atomic_load(&service->seq);
        chore->pruned_ms = service_monotonic_ms(service);
    }
}

/* What somebody did to the wall clock is not followed, and told. */
static void tell_clock_step(const struct service *service)
{
    const struct service_options *options = &service->options;
    int64_t step_ms = 0;
    if (options->take_clock_step && options->take_clock_step(options->clock_user, &step_ms)) {
        metric_add(METRIC_CLOCK_STEPS_TOTAL, 1);
        log_warn("clock.stepped", "seconds=%lld effect=%s", (long long)(step_ms / 1000),
                 "none: the gateway goes on with its own time");
    }
}

static void run_administrators(struct service *service, struct change *change)
{
    (void)change;
    (void)administrators_retry(service);
}

static void run_metrics(struct service *service, struct change *change)
{
    struct service_status status;
    (void)change;
    tell_clock_step(service);
    service_get_status(service, &status);
    metric_set(METRIC_DEVICES_COUNT, (int64_t)status.n_records);
    metric_set(METRIC_REQUESTS_OPEN_COUNT, (int64_t)status.n_pending);
    metric_set(METRIC_ROWS_QUARANTINED_COUNT, (int64_t)status.n_quarantined);
    metric_set(METRIC_WRITER_QUEUE_COUNT, (int64_t)status.n_queued);
}

static void run_checkpoint(struct service *service, struct change *change)
{
    (void)change;
    checkpoints_tick(service);
}

static void run_certificates(struct service *service, struct change *change)
{
    (void)change;
    certificates_tick(service);
}

static void finish(struct service *service, struct change *change, const struct oc_error *failed)
{
    (void)service;
    (void)failed;
    atomic_store(&((struct chore *)(void *)change)->is_queued, false);
}

static const struct {
    struct change_ops ops;
    int64_t every_ms;
} chores[CHORE_COUNT] = {
    [CHORE_RETRY] = {{.stage = stage_retry, .finish = finish}, RETRY_EVERY_MS},
    [CHORE_ADMINISTRATORS] = {{.run = run_administrators, .finish = finish}, RETRY_EVERY_MS},
    [CHORE_MARKER] = {{.run = run_marker, .finish = finish}, MARKER_EVERY_MS},
    [CHORE_SIGHTINGS] = {{.run = run_sightings, .finish = finish}, SIGHTINGS_EVERY_MS},
    [CHORE_PRUNE] = {{.run = run_prune, .finish = finish}, PRUNE_LOOK_MS},
    [CHORE_METRICS] = {{.run = run_metrics, .finish = finish}, METRICS_EVERY_MS},
    [CHORE_CHECKPOINT] = {{.run = run_checkpoint, .finish = finish}, CHECKPOINT_LOOK_MS},
    [CHORE_CERTIFICATES] = {{.run = run_certificates, .finish = finish}, CERTIFICATES_LOOK_MS},
};

struct housekeeping *housekeeping_new(struct service *service)
{
    struct housekeeping *housekeeping = calloc(1, sizeof *housekeeping);
    if (!housekeeping) {
        return NULL;
    }
    int64_t now_ms = service_monotonic_ms(service);
    housekeeping->service = service;
    for (int kind = 0; kind < CHORE_COUNT; kind++) {
        struct chore *chore = &housekeeping->chores[kind];
        chore->change.ops = &chores[kind].ops;
        chore->change.job.is_reserved = true;
        chore->next_ms = now_ms + chores[kind].every_ms;
        chore->pruned_ms = now_ms;
    }
    return housekeeping;
}

void housekeeping_free(struct housekeeping *housekeeping)
{
    free(housekeeping);
}

void housekeeping_tick(struct housekeeping *housekeeping, int64_t monotonic_ms)
{
    for (int kind = 0; kind < CHORE_COUNT; kind++) {
        struct chore *chore = &housekeeping->chores[kind];
        if (atomic_load(&chore->is_queued) || monotonic_ms < chore->next_ms) {
            continue;
        }
        chore->next_ms = monotonic_ms + chores[kind].every_ms;
        atomic_store(&chore->is_queued, true);
        if (!writer_push(housekeeping->service, &chore->change)) {
            atomic_store(&chore->is_queued, false);
        }
    }
}

void housekeeping_finish(struct service *service)
{
    writer_finish(service);
    administrators_finish(service);
    run_sightings(service, NULL);
    run_marker(service, NULL);
    checkpoints_finish(service);
}
