/*
 * Builds the services and takes them down: index and directory, then the notifier, the writer with
 * its store, the clockwork. Down in the reverse order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/obs/log.h"
#include "server/service/admin_service.h"
#include "server/service/administrators_state.h"
#include "server/service/backup.h"
#include "server/service/expiry.h"
#include "server/service/externals.h"
#include "server/service/housekeeping.h"
#include "server/service/receipts.h"
#include "server/service/service_state.h"
#include "server/service/votes.h"
#include "server/service/waiters.h"
#include "server/service/watchers.h"
#include "server/service/writer.h"

enum {
    DEFAULT_MAX_QUEUE = 4096,
};

int64_t service_now_ms(struct service *service)
{
    return clock_now_ms(service->options.clock) + atomic_load(&service->ahead_ms);
}

int64_t service_monotonic_ms(const struct service *service)
{
    const struct clock *monotonic = service->options.monotonic;
    return monotonic ? clock_now_ms(monotonic) : clock_monotonic_ms();
}

struct outage_time service_outage_time(struct service *service)
{
    return (struct outage_time){service_now_ms(service), service_monotonic_ms(service)};
}

bool service_is_locked(const struct service *service)
{
    return atomic_load(&service->lock) != STORE_LOCK_NONE;
}

void service_lock(struct service *service, enum store_lock lock)
{
    int none = STORE_LOCK_NONE;
    (void)atomic_compare_exchange_strong(&service->lock, &none, (int)lock);
}

struct store_identity service_identity(struct service *service)
{
    pthread_mutex_lock(&service->identity_mutex);
    struct store_identity identity = service->identity;
    pthread_mutex_unlock(&service->identity_mutex);
    return identity;
}

void service_set_identity(struct service *service, const struct store *store)
{
    struct store_identity identity = store_identity(store);
    /* A clock that is behind what the store has seen goes on from there; it does not wait. */
    int64_t behind_ms = store_clock_ms(store) - service_now_ms(service);
    pthread_mutex_lock(&service->identity_mutex);
    service->identity = identity;
    (void)snprintf(service->store_text, sizeof service->store_text, "%s", store_describe(store));
    pthread_mutex_unlock(&service->identity_mutex);
    atomic_store(&service->seq, identity.seq);
    if (behind_ms > 0) {
        atomic_fetch_add(&service->ahead_ms, behind_ms);
    }
}

struct open_requests_source service_source(const struct service *service, const char *address)
{
    const struct service_options *options = &service->options;
    return (struct open_requests_source){
        .address = address,
        .is_exempt = options->is_exempt && options->is_exempt(options->is_exempt_user, address),
    };
}

/* ---- building ------------------------------------------------------------------------------- */

static void free_parts(struct service *service)
{
    administrators_free(service->administrators);
    externals_free(service->externals);
    open_requests_deinit(&service->waiting);
    directory_deinit(&service->directory);
    index_deinit(&service->index);
    pthread_mutex_destroy(&service->settings_mutex);
    pthread_mutex_destroy(&service->identity_mutex);
    outage_deinit(&service->outage);
    denied_limit_deinit(&service->denied);
    naming_deinit(&service->naming);
    missing_deinit(&service->missing);
    free(service);
}

static struct service *allocate(const struct service_options *options)
{
    struct service *service = calloc(1, sizeof *service);
    if (!service) {
        oc_admin_ca_free(options->admin_ca);
        return NULL;
    }
    service->administrators = administrators_new(options->admin_ca);
    service->externals = externals_new();
    uint64_t seed;
    random_fill(options->random, &seed, sizeof seed);
    service->options = *options;
    service->options.store = NULL;
    service->options.secret = NULL;
    if (service->options.max_queue == 0) {
        service->options.max_queue = DEFAULT_MAX_QUEUE;
    }
    naming_init(&service->naming, options->secret);
    outage_init(&service->outage);
    denied_limit_init(&service->denied, service_monotonic_ms(service));
    atomic_init(&service->lock, (int)options->lock);
    missing_init(&service->missing, options);
    pthread_mutex_init(&service->identity_mutex, NULL);
    pthread_mutex_init(&service->settings_mutex, NULL);
    service->settings = (struct service_settings){
        .policy = options->policy,
        .default_grant = options->default_grant,
        .max_pending = options->max_pending,
        .max_pending_per_source = options->max_pending_per_source,
        .pairing_required = options->pairing_required,
    };
    if (options->bounds) {
        service->bounds = *options->bounds;
    }
    service->options.bounds = NULL;
    votes_change_rules(service, &options->voting);
    index_init(&service->index, seed, service_monotonic_ms(service));
    directory_init(&service->directory, seed);
    service->options.admin_ca = NULL;
    if (!open_requests_init(&service->waiting, seed, options->max_pending) ||
        !service->administrators || !service->externals) {
        free_parts(service);
        return NULL;
    }
    service->started_ms = clock_now_ms(options->clock);
    return service;
}

/* Everything that runs; the clockwork last, as it queues work for the writer. */
static enum oc_status start(struct service *service, struct store *store, struct oc_error *err)
{
    const struct executor_options executor = {
        .max_queue = service->options.max_queue,
        .run = writer_run_batch,
        .user = service,
    };
    enum oc_status st = writer_new(service, store, err);
    if (!st &&
        (!(service->watchers = watchers_new()) || !(service->backup = backup_create(service)))) {
        st = oc_fail(err, OC_RESOURCE_EXHAUSTED, "service: out of memory");
    }
    if (!st) {
        st = clockwork_new(service, &service->clockwork, err);
    }
    if (!st) {
        st = notifier_new(&service->notifier, err);
    }
    if (!st && store) {
        receipts_load(service, store);
        st = writer_load(service, err);
    }
    if (!st) {
        st = executor_new(&executor, &service->executor, err);
    }
    return st ? st : clockwork_start(service->clockwork, err);
}

enum oc_status service_new(const struct service_options *options, struct service **out,
                           struct oc_error *err)
{
    struct service *service = allocate(options);
    if (!service) {
        store_close(options->store);
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "service: out of memory");
    }
    enum oc_status st = start(service, options->store, err);
    if (st) {
        service_free(service);
        return st;
    }
    *out = service;
    return OC_OK;
}

void service_free(struct service *service)
{
    if (!service) {
        return;
    }
    clockwork_stop(service->clockwork);
    if (service->executor) {
        watchers_drain(service);
        executor_stop(service->executor);
        housekeeping_finish(service);
    }
    watchers_free(service->watchers);
    notifier_free(service->notifier);
    clockwork_free(service->clockwork);
    executor_free(service->executor);
    backup_destroy(service->backup);
    writer_free(service->writer);
    free_parts(service);
}

/* ---- stopping and status -------------------------------------------------------------------- */

static void drain_shard(struct service *service, struct shard *shard, uint32_t spread_ms,
                        struct delivery_list *deliveries)
{
    shard_lock(shard);
    for (struct live *live = shard->lives; live; live = live->next) {
        for (struct peer *peer = live->peers; peer; peer = peer->next) {
            uint32_t spread = random_below(service->options.random, spread_ms ? spread_ms : 1);
            waiters_drain(peer, 1000 + spread, deliveries);
        }
    }
    shard_unlock(shard);
}

void service_drain(struct service *service, uint32_t spread_ms)
{
    atomic_store(&service->is_draining, true);
    for (size_t i = 0; i < INDEX_SHARDS; i++) {
        struct delivery_list deliveries = {0};
        drain_shard(service, &service->index.shards[i], spread_ms, &deliveries);
        notifier_post(service->notifier, &deliveries);
    }
    watchers_drain(service);
}

static void add_shard(struct shard *shard, struct service_status *out)
{
    shard_lock(shard);
    out->n_pending += shard->n_in_group[ENTRY_OPEN];
    out->n_approved += shard->n_in_state[OC_STATE_APPROVED];
    out->n_revoked += shard->n_in_state[OC_STATE_REVOKED];
    out->n_blocked += shard->n_in_state[OC_STATE_BLOCKED];
    out->n_quarantined += shard->n_quarantined;
    for (size_t i = 0; i < ENTRY_GROUP_COUNT; i++) {
        out->n_records += shard->n_in_group[i];
    }
    shard_unlock(shard);
}

void service_get_status(struct service *service, struct service_status *out)
{
    struct service_settings settings;
    service_get_settings(service, &settings);
    *out = (struct service_status){
        .lock = (enum store_lock)atomic_load(&service->lock),
        .identity = service_identity(service),
        .pairing_required = settings.pairing_required,
        .n_counted_requests = open_requests_total(&service->waiting),
        .max_pending = settings.max_pending,
        .max_pending_per_source = settings.max_pending_per_source,
        .started_ms = service->started_ms,
        .n_online = atomic_load(&service->n_online),
        .n_queued = executor_n_queued(service->executor),
        .n_unsaved = atomic_load(&service->n_unsaved) + administrators_n_unsaved(service),
    };
    const struct checkpoint_sink *sink = &service->options.checkpoints;
    if (sink->read) {
        sink->read(sink->user, &out->checkpoint);
    }
    if (out->lock) {
        missing_read(service, &out->missing);
    }
    struct outage_facts outage;
    outage_read(&service->outage, &outage);
    out->failing_since_ms = outage.since_ms;
    out->last_write_ms = outage.last_ok_ms;
    memcpy(out->store_error, outage.error, sizeof out->store_error);
    memcpy(out->store_cause, outage.cause, sizeof out->store_cause);
    pthread_mutex_lock(&service->identity_mutex);
    memcpy(out->store_text, service->store_text, sizeof out->store_text);
    pthread_mutex_unlock(&service->identity_mutex);
    for (size_t i = 0; i < INDEX_SHARDS; i++) {
        add_shard(&service->index.shards[i], out);
    }
}
