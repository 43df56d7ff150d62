#include "server/service/watchers.h"

#include <stdlib.h>

#include "server/service/admin_service.h"
#include "server/service/writer.h"

/* A call that watches: being read, being answered, or parked on the list. */
struct watch_change {
    struct change change; /* first */
    struct watch_change *next;
    struct watch_change **link; /* NULL: not parked */
    struct service *service;
    uint64_t after_seq;
    int64_t due_ms;
    struct watch_call call;
    enum oc_status status;
    struct oc_error error;
    struct store_identity identity; /* of what was read last */
    struct store_change_row rows[WATCH_PAGE];
    size_t n;
};

struct watchers {
    pthread_mutex_t lock; /* guards everything below */
    struct watch_change *parked;
    size_t n_parked;
    bool is_draining;
};

struct watchers *watchers_new(void)
{
    struct watchers *watchers = calloc(1, sizeof *watchers);
    if (watchers) {
        pthread_mutex_init(&watchers->lock, NULL);
    }
    return watchers;
}

static void unpark(struct watchers *watchers, struct watch_change *watch)
{
    *watch->link = watch->next;
    if (watch->next) {
        watch->next->link = watch->link;
    }
    watch->link = NULL;
    watchers->n_parked--;
}

/* False: no room, or the time is up. */
static bool park(struct service *service, struct watch_change *watch)
{
    struct watchers *watchers = service->watchers;
    pthread_mutex_lock(&watchers->lock);
    bool may_wait = watchers->n_parked < WATCHERS_MOST && !watchers->is_draining &&
                    service_monotonic_ms(service) < watch->due_ms;
    if (may_wait) {
        watch->next = watchers->parked;
        watch->link = &watchers->parked;
        if (watch->next) {
            watch->next->link = &watch->next;
        }
        watchers->parked = watch;
        watchers->n_parked++;
    }
    pthread_mutex_unlock(&watchers->lock);
    return may_wait;
}

/* ---- answering ------------------------------------------------------------------------------ */

static void fill_events(struct watch_change *watch, struct watch_event *events)
{
    for (size_t i = 0; i < watch->n; i++) {
        events[i].change = watch->rows[i];
        if (!service_view(watch->service, &watch->rows[i].device_id, &events[i].view)) {
            events[i].view.pairing = pairing_of_stranger(&watch->rows[i].device_id);
        }
    }
}

static void deliver(struct delivery *delivery)
{
    struct watch_change *watch =
        (struct watch_change *)(void *)((char *)delivery -
                                        offsetof(struct watch_change, change.delivery));
    struct watch_event *events = watch->n > 0 ? calloc(watch->n, sizeof *events) : NULL;
    struct watch_result result = {
        .status = watch->status,
        .error = watch->error,
        .n = watch->n,
        .next_after_seq = watch->n > 0 ? watch->rows[watch->n - 1].seq : watch->after_seq,
        .identity = watch->identity,
    };
    if (watch->n > 0 && !events) {
        result.n = 0;
        result.status = oc_fail(&result.error, OC_RESOURCE_EXHAUSTED, "out of memory");
    } else if (events) {
        fill_events(watch, events);
        result.events = events;
    }
    watch->call.done(watch->call.user, &result);
    free(events);
    free(watch);
}

static void answer(struct service *service, struct watch_change *watch)
{
    notifier_post_one(service->notifier, &watch->change.delivery);
}

static void run(struct service *service, struct change *change)
{
    struct watch_change *watch = (struct watch_change *)(void *)change;
    struct store *store = writer_store(service);
    if (!store) {
        watch->status =
            oc_fail(&watch->error, OC_UNAVAILABLE, "the database cannot be read at the moment");
        return;
    }
    watch->identity = store_identity(store);
    watch->status = store_list_changes(store, watch->after_seq, watch->rows, WATCH_PAGE, &watch->n,
                                       &watch->error);
}

static void finish(struct service *service, struct change *change, const struct oc_error *failed)
{
    struct watch_change *watch = (struct watch_change *)(void *)change;
    (void)failed;
    /* The writer alone commits and wakes, and this is its thread: nothing slips in between. */
    if (watch->status || watch->n > 0 || !park(service, watch)) {
        answer(service, watch);
    }
}

/* ---- waking --------------------------------------------------------------------------------- */

static struct watch_change *take(struct watchers *watchers, int64_t due_ms)
{
    pthread_mutex_lock(&watchers->lock);
    struct watch_change *watch = watchers->parked;
    while (watch && watch->due_ms > due_ms) {
        watch = watch->next;
    }
    if (watch) {
        unpark(watchers, watch);
    }
    pthread_mutex_unlock(&watchers->lock);
    return watch;
}

void watchers_wake(struct service *service)
{
    struct watch_change *watch;
    while ((watch = take(service->watchers, INT64_MAX))) {
        watch->change.job.is_reserved = true; /* it had its place in the queue before */
        if (!writer_push(service, &watch->change)) {
            answer(service, watch); /* with nothing: the gateway stops */
        }
    }
}

void watchers_expire(struct service *service, int64_t monotonic_ms)
{
    struct watch_change *watch;
    while ((watch = take(service->watchers, monotonic_ms))) {
        answer(service, watch);
    }
}

void watchers_drain(struct service *service)
{
    pthread_mutex_lock(&service->watchers->lock);
    service->watchers->is_draining = true;
    pthread_mutex_unlock(&service->watchers->lock);
    watchers_expire(service, INT64_MAX);
}

void watchers_free(struct watchers *watchers)
{
    if (watchers) {
        pthread_mutex_destroy(&watchers->lock);
        free(watchers);
    }
}

void admin_watch(struct service *service, uint64_t after_seq, uint32_t budget_ms,
                 const struct watch_call *call)
{
    static const struct change_ops ops = {.run = run, .finish = finish};
    struct watch_change *watch = calloc(1, sizeof *watch);
    if (watch) {
        watch->change.ops = &ops;
        watch->change.delivery.deliver = deliver;
        watch->service = service;
        watch->after_seq = after_seq;
        watch->due_ms = service_monotonic_ms(service) + budget_ms;
        watch->call = *call;
    }
    if (!watch || !writer_push(service, &watch->change)) {
        struct watch_result result = {.status = OC_RESOURCE_EXHAUSTED};
        (void)oc_fail(&result.error, OC_RESOURCE_EXHAUSTED, "too many jobs are waiting");
        free(watch);
        call->done(call->user, &result);
    }
}
