#include "server/service/expiry.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/obs/log.h"
#include "server/obs/metrics.h"
#include "server/service/housekeeping.h"
#include "server/service/waiters.h"
#include "server/service/watchers.h"
#include "server/service/writer.h"

enum {
    TICK_MS = 50,
    DUE_PER_TICK = 512,
    DUE_SLACK = 4096,
};

/* What falls due: a heap, soonest first. A record has at most one place that counts, the one its
 * entry's due_ms tells; others are passed over. */
struct due {
    int64_t due_ms;
    struct oc_device_id id;
};

struct clockwork {
    struct service *service;
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t changed;
    bool is_stopping;
    bool is_running;
    pthread_t thread;
    struct due *heap;
    size_t n_due, cap_due;
    size_t n_tidy;                     /* that were left when the heap was last looked through */
    struct housekeeping *housekeeping; /* the thread's */
    bool cut_all;                      /* the thread's: sessions were cut for the lock */
};

/* ---- the heap ------------------------------------------------------------------------------- */

static void sift_up(struct clockwork *clockwork, size_t i)
{
    struct due *heap = clockwork->heap;
    while (i > 0 && heap[i].due_ms < heap[(i - 1) / 2].due_ms) {
        struct due parent = heap[(i - 1) / 2];
        heap[(i - 1) / 2] = heap[i];
        heap[i] = parent;
        i = (i - 1) / 2;
    }
}

static void sift_down(struct clockwork *clockwork)
{
    struct due *heap = clockwork->heap;
    size_t i = 0;
    while (2 * i + 1 < clockwork->n_due) {
        size_t child = 2 * i + 1;
        if (child + 1 < clockwork->n_due && heap[child + 1].due_ms < heap[child].due_ms) {
            child++;
        }
        if (heap[i].due_ms <= heap[child].due_ms) {
            return;
        }
        struct due parent = heap[i];
        heap[i] = heap[child];
        heap[child] = parent;
        i = child;
    }
}

static bool push(struct clockwork *clockwork, const struct due *due)
{
    if (clockwork->n_due == clockwork->cap_due) {
        size_t cap = clockwork->cap_due ? clockwork->cap_due * 2 : 64;
        struct due *heap = realloc(clockwork->heap, cap * sizeof *heap);
        if (!heap) {
            return false;
        }
        clockwork->heap = heap;
        clockwork->cap_due = cap;
    }
    clockwork->heap[clockwork->n_due++] = *due;
    sift_up(clockwork, clockwork->n_due - 1);
    return true;
}

bool clockwork_schedule(struct clockwork *clockwork, const struct oc_device_id *id, int64_t due_ms)
{
    struct due due = {.due_ms = due_ms, .id = *id};
    pthread_mutex_lock(&clockwork->lock);
    bool is_pushed = push(clockwork, &due);
    pthread_mutex_unlock(&clockwork->lock);
    return is_pushed;
}

static bool pop(struct clockwork *clockwork, int64_t now_ms, struct due *out)
{
    pthread_mutex_lock(&clockwork->lock);
    bool is_due = clockwork->n_due > 0 && clockwork->heap[0].due_ms <= now_ms;
    if (is_due) {
        *out = clockwork->heap[0];
        clockwork->heap[0] = clockwork->heap[--clockwork->n_due];
        sift_down(clockwork);
    }
    pthread_mutex_unlock(&clockwork->lock);
    return is_due;
}

/* ---- what falls due in records -------------------------------------------------------------- */

struct due_change {
    struct change change; /* first */
    struct due due;
};

/* The connection of a device that waits counts as an attempt. */
static void note_presence(struct service *service, const struct oc_device_id *id)
{
    struct shard *shard = index_shard(&service->index, id);
    shard_lock(shard);
    struct entry *entry = shard_find(shard, id);
    if (entry && entry->live && entry->live->peers) {
        shard_touch(shard, entry, service_now_ms(service));
    }
    if (entry) {
        entry->due_ms = 0;
    }
    shard_unlock(shard);
}

/* What was not due after all, or could not be written, comes back. */
static void schedule_again(struct service *service, const struct oc_device_id *id, int64_t due_ms)
{
    struct shard *shard = index_shard(&service->index, id);
    shard_lock(shard);
    struct entry *entry = shard_find(shard, id);
    bool is_wanted = entry && (entry->due_ms == 0 || due_ms < entry->due_ms);
    if (is_wanted) {
        entry->due_ms = due_ms;
    }
    shard_unlock(shard);
    if (is_wanted && !clockwork_schedule(service->clockwork, id, due_ms)) {
        log_error("clockwork.out_of_memory", "due_ms=%lld", (long long)due_ms);
    }
}

static void log_due(const struct pairing_decision *decision, enum pairing_event_kind kind)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_device_id_format(&decision->next.id, id);
    const struct log_about about = {
        .event = "pairing.due", .subject = id, .detail = pairing_event_name(kind), .source = ""};
    log_limited(kind == PAIRING_EV_FORGET ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, &about,
                "device=%s event=%s", id, about.detail);
}

static void stage_due(struct group *group, struct change *change)
{
    const struct due_change *due = (const struct due_change *)(const void *)change;
    struct service *service = group_service(group);
    const struct policy policy = service_policy(service);
    int64_t now_ms = service_now_ms(service);
    struct pairing was;
    struct pairing_event event = {.actor = {.name = "gateway", .source = "local"}};
    struct group_receipt receipt;
    struct oc_error err;
    note_presence(service, &due->due.id);
    group_read(group, &due->due.id, &was);
    int64_t due_ms = pairing_next_due(&was, &policy, &event.kind);
    if (due_ms == 0) {
        return;
    }
    if (due_ms > now_ms) {
        schedule_again(service, &due->due.id, due_ms);
        return;
    }
    struct pairing_decision decision = pairing_decide(&was, &event, &policy, now_ms);
    const struct group_change row = {
        .id = &due->due.id,
        .decision = &decision,
        .action = pairing_event_name(event.kind),
        .source = "",
    };
    if (group_apply(group, &row, &receipt, &err)) {
        const bool is_outage = outage_is_on(&service->outage); /* the log tells of it once */
        schedule_again(service, &due->due.id, now_ms + (is_outage ? OUTAGE_MAX_PROBE_MS : 1000));
        if (!is_outage) {
            log_error("pairing.due_failed", "event=%s error=%s", row.action, err.text);
        }
    } else if (decision.changed) {
        log_due(&decision, event.kind);
    }
}

static void finish_due(struct service *service, struct change *change,
                       const struct oc_error *failed)
{
    struct due_change *due = (struct due_change *)(void *)change;
    if (failed) {
        schedule_again(service, &due->due.id, service_now_ms(service) + 1000);
    }
    free(due);
}

static bool raise_due(struct service *service, const struct due *due)
{
    static const struct change_ops ops = {.stage = stage_due, .finish = finish_due};
    struct due_change *change = calloc(1, sizeof *change);
    if (!change) {
        return false;
    }
    change->change.ops = &ops;
    change->due = *due;
    if (writer_push(service, &change->change)) {
        return true;
    }
    free(change);
    return false;
}

static bool is_current(struct service *service, const struct due *due)
{
    struct shard *shard = index_shard(&service->index, &due->id);
    shard_lock(shard);
    const struct entry *entry = shard_find(shard, &due->id);
    bool is = entry && entry->due_ms == due->due_ms;
    shard_unlock(shard);
    return is;
}

/* Gives the heap to the caller once at least half of it may be stale; NULL: not yet. */
static struct due *take_untidy(struct clockwork *clockwork, size_t *n)
{
    struct due *heap = NULL;
    pthread_mutex_lock(&clockwork->lock);
    if (clockwork->n_due > 2 * clockwork->n_tidy + DUE_SLACK) {
        heap = clockwork->heap;
        *n = clockwork->n_due;
        clockwork->heap = NULL;
        clockwork->n_due = 0;
        clockwork->cap_due = 0;
    }
    pthread_mutex_unlock(&clockwork->lock);
    return heap;
}

/* Strangers that are forgotten leave their times behind; a flood of them must not pile up. */
static void tidy(struct clockwork *clockwork)
{
    size_t n = 0;
    struct due *heap = take_untidy(clockwork, &n);
    if (!heap) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (is_current(clockwork->service, &heap[i]) &&
            !clockwork_schedule(clockwork, &heap[i].id, heap[i].due_ms)) {
            log_error("clockwork.out_of_memory", "due_ms=%lld", (long long)heap[i].due_ms);
        }
    }
    free(heap);
    pthread_mutex_lock(&clockwork->lock);
    clockwork->n_tidy = clockwork->n_due;
    pthread_mutex_unlock(&clockwork->lock);
}

static void raise_all_due(struct clockwork *clockwork)
{
    struct service *service = clockwork->service;
    int64_t now_ms = service_now_ms(service);
    struct due due;
    for (int n = 0; n < DUE_PER_TICK && pop(clockwork, now_ms, &due); n++) {
        if (!is_current(service, &due) || raise_due(service, &due)) {
            continue;
        }
        if (!clockwork_schedule(clockwork, &due.id, due.due_ms)) {
            log_error("clockwork.out_of_memory", "due_ms=%lld", (long long)due.due_ms);
        }
        return; /* the queue is full: the next tick tries again */
    }
}

/* ---- parked calls and heartbeats ------------------------------------------------------------ */

static void tick_timer(struct service *service, struct timer *timer, int64_t monotonic_ms,
                       struct delivery_list *deliveries)
{
    if (timer->kind == TIMER_PARKED) {
        waiters_fire_timeout(timer, deliveries);
        return;
    }
    struct peer *peer = peer_of_beat_timer(timer);
    if (!peer_check_heartbeat(peer, monotonic_ms)) {
        const struct session_end silent = {.notice = NOTICE_NONE_YET, .cut_why = "silent"};
        (void)entry_end_session(service, peer->entry, &silent, deliveries);
    }
}

static void tick_shard(struct service *service, struct shard *shard, int64_t monotonic_ms)
{
    struct delivery_list deliveries = {0};
    struct timer *timer;
    shard_lock(shard);
    while ((timer = timer_wheel_take_due(&shard->wheel, monotonic_ms))) {
        tick_timer(service, timer, monotonic_ms, &deliveries);
    }
    shard_unlock(shard);
    notifier_post(service->notifier, &deliveries);
}

/* The gateway has locked itself: connects are refused by now, and the sessions that are left go. */
static void cut_everybody(struct service *service)
{
    const struct session_end locked = {
        .notice = NOTICE_ENDED, .refusal = OC_REFUSAL_LOCKED, .cut_why = "locked"};
    for (size_t i = 0; i < INDEX_SHARDS; i++) {
        struct shard *shard = &service->index.shards[i];
        struct delivery_list deliveries = {0};
        shard_lock(shard);
        for (struct live *live = shard->lives; live; live = live->next) {
            (void)entry_end_session(service, live->owner, &locked, &deliveries);
        }
        shard_unlock(shard);
        notifier_post(service->notifier, &deliveries);
    }
}

static void tick(struct clockwork *clockwork)
{
    struct service *service = clockwork->service;
    int64_t monotonic_ms = service_monotonic_ms(service);
    for (size_t i = 0; i < INDEX_SHARDS; i++) {
        tick_shard(service, &service->index.shards[i], monotonic_ms);
    }
    bool is_locked = service_is_locked(service);
    if (is_locked && !clockwork->cut_all) {
        cut_everybody(service);
    }
    clockwork->cut_all = is_locked;
    if (!is_locked) {
        raise_all_due(clockwork);
    }
    tidy(clockwork);
    watchers_expire(service, monotonic_ms);
    log_tell_suppressed();
    housekeeping_tick(clockwork->housekeeping, monotonic_ms);
}

/* ---- the thread ----------------------------------------------------------------------------- */

static void wait_for_tick(struct clockwork *clockwork)
{
    int64_t until_ms = clock_monotonic_ms() + TICK_MS;
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000L};
    (void)pthread_cond_timedwait(&clockwork->changed, &clockwork->lock, &until);
}

static void *run(void *user)
{
    struct clockwork *clockwork = user;
    pthread_mutex_lock(&clockwork->lock);
    while (!clockwork->is_stopping) {
        pthread_mutex_unlock(&clockwork->lock);
        tick(clockwork);
        pthread_mutex_lock(&clockwork->lock);
        if (!clockwork->is_stopping) {
            wait_for_tick(clockwork);
        }
    }
    pthread_mutex_unlock(&clockwork->lock);
    return NULL;
}

enum oc_status clockwork_new(struct service *service, struct clockwork **out, struct oc_error *err)
{
    struct clockwork *clockwork = calloc(1, sizeof *clockwork);
    struct housekeeping *housekeeping = housekeeping_new(service);
    if (!clockwork || !housekeeping) {
        free(clockwork);
        housekeeping_free(housekeeping);
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "service: out of memory");
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&clockwork->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&clockwork->lock, NULL);
    clockwork->service = service;
    clockwork->housekeeping = housekeeping;
    *out = clockwork;
    return OC_OK;
}

enum oc_status clockwork_start(struct clockwork *clockwork, struct oc_error *err)
{
    if (pthread_create(&clockwork->thread, NULL, run, clockwork) != 0) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "service: cannot start the clockwork's thread");
    }
    clockwork->is_running = true;
    return OC_OK;
}

void clockwork_stop(struct clockwork *clockwork)
{
    if (!clockwork || !clockwork->is_running) {
        return;
    }
    pthread_mutex_lock(&clockwork->lock);
    clockwork->is_stopping = true;
    pthread_cond_signal(&clockwork->changed);
    pthread_mutex_unlock(&clockwork->lock);
    pthread_join(clockwork->thread, NULL);
    clockwork->is_running = false;
}

void clockwork_free(struct clockwork *clockwork)
{
    if (!clockwork) {
        return;
    }
    clockwork_stop(clockwork);
    housekeeping_free(clockwork->housekeeping);
    pthread_cond_destroy(&clockwork->changed);
    pthread_mutex_destroy(&clockwork->lock);
    free(clockwork->heap);
    free(clockwork);
}
