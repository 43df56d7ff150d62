/*
 * See timer.h. The heap is ordered by due time, each timer knows its place in it.
 *
 * Lock: one mutex, a leaf; it is never held while a callback runs.
 */
#include "proto/rpc/timer.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { FIRST_CAPACITY = 64 };

#define NOWHERE SIZE_MAX

struct oc_timers {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t earlier; /* the first due time changed, or stop */
    pthread_cond_t idle;    /* a callback returned */
    bool is_stopping;
    struct oc_timer *running;
    struct oc_timer **heap;
    size_t n_armed;
    size_t n_timers; /* initialised; never more than capacity */
    size_t capacity;
};

uint64_t oc_monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool oc_is_before(const atomic_uint_fast64_t *moment_ms)
{
    const uint64_t until_ms = atomic_load_explicit(moment_ms, memory_order_relaxed);
    return until_ms > 0 && oc_monotonic_ms() < until_ms;
}

/* ---- the heap ---------------------------------------------------------------------------- */

static void put(struct oc_timers *timers, size_t place, struct oc_timer *timer)
{
    timers->heap[place] = timer;
    timer->place = place;
}

static void sift_up(struct oc_timers *timers, size_t place)
{
    struct oc_timer *timer = timers->heap[place];
    while (place > 0) {
        const size_t parent = (place - 1) / 2;
        if (timers->heap[parent]->due_ms <= timer->due_ms) {
            break;
        }
        put(timers, place, timers->heap[parent]);
        place = parent;
    }
    put(timers, place, timer);
}

static void sift_down(struct oc_timers *timers, size_t place)
{
    struct oc_timer *timer = timers->heap[place];
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= timers->n_armed) {
            break;
        }
        if (child + 1 < timers->n_armed &&
            timers->heap[child + 1]->due_ms < timers->heap[child]->due_ms) {
            child++;
        }
        if (timer->due_ms <= timers->heap[child]->due_ms) {
            break;
        }
        put(timers, place, timers->heap[child]);
        place = child;
    }
    put(timers, place, timer);
}

static void take_out(struct oc_timers *timers, struct oc_timer *timer)
{
    const size_t place = timer->place;
    if (place == NOWHERE) {
        return;
    }
    timer->place = NOWHERE;
    struct oc_timer *last = timers->heap[--timers->n_armed];
    if (last != timer) {
        put(timers, place, last);
        sift_up(timers, place);
        sift_down(timers, last->place);
    }
}

/* ---- the thread -------------------------------------------------------------------------- */

static void wait_until(struct oc_timers *timers, uint64_t due_ms)
{
    const struct timespec due = {.tv_sec = (time_t)(due_ms / 1000),
                                 .tv_nsec = (long)(due_ms % 1000) * 1000000};
    (void)pthread_cond_timedwait(&timers->earlier, &timers->lock, &due);
}

static void run_one(struct oc_timers *timers, struct oc_timer *timer)
{
    take_out(timers, timer);
    timers->running = timer;
    const oc_timer_fn fn = timer->fn;
    void *user = timer->user;
    (void)pthread_mutex_unlock(&timers->lock);
    fn(user); /* may free the timer */
    (void)pthread_mutex_lock(&timers->lock);
    timers->running = NULL;
    (void)pthread_cond_broadcast(&timers->idle);
}

static void *run(void *argument)
{
    struct oc_timers *timers = argument;
    (void)pthread_mutex_lock(&timers->lock);
    while (!timers->is_stopping) {
        if (timers->n_armed == 0) {
            (void)pthread_cond_wait(&timers->earlier, &timers->lock);
        } else if (timers->heap[0]->due_ms > oc_monotonic_ms()) {
            wait_until(timers, timers->heap[0]->due_ms);
        } else {
            run_one(timers, timers->heap[0]);
        }
    }
    (void)pthread_mutex_unlock(&timers->lock);
    return NULL;
}

enum oc_status oc_timers_new(struct oc_timers **out, struct oc_error *err)
{
    struct oc_timers *timers = calloc(1, sizeof *timers);
    if (!timers) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "timers: out of memory");
    }
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&timers->lock, NULL);
    (void)pthread_cond_init(&timers->earlier, &monotonic);
    (void)pthread_cond_init(&timers->idle, NULL);
    (void)pthread_condattr_destroy(&monotonic);
    if (pthread_create(&timers->thread, NULL, run, timers) != 0) {
        free(timers);
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "timers: cannot start a thread");
    }
    *out = timers;
    return OC_OK;
}

void oc_timers_free(struct oc_timers *timers)
{
    if (!timers) {
        return;
    }
    (void)pthread_mutex_lock(&timers->lock);
    timers->is_stopping = true;
    (void)pthread_cond_signal(&timers->earlier);
    (void)pthread_mutex_unlock(&timers->lock);
    (void)pthread_join(timers->thread, NULL);
    (void)pthread_cond_destroy(&timers->earlier);
    (void)pthread_cond_destroy(&timers->idle);
    (void)pthread_mutex_destroy(&timers->lock);
    free(timers->heap);
    free(timers);
}

/* ---- one timer --------------------------------------------------------------------------- */

static bool reserve(struct oc_timers *timers)
{
    if (timers->n_timers < timers->capacity) {
        return true;
    }
    const size_t capacity = timers->capacity == 0 ? FIRST_CAPACITY : 2 * timers->capacity;
    struct oc_timer **heap = realloc(timers->heap, capacity * sizeof(struct oc_timer *));
    if (!heap) {
        return false;
    }
    timers->heap = heap;
    timers->capacity = capacity;
    return true;
}

bool oc_timer_init(struct oc_timer *timer, struct oc_timers *timers, oc_timer_fn fn, void *user)
{
    *timer = (struct oc_timer){.timers = timers, .fn = fn, .user = user, .place = NOWHERE};
    (void)pthread_mutex_lock(&timers->lock);
    const bool has_room = reserve(timers);
    if (has_room) {
        timers->n_timers++;
    }
    (void)pthread_mutex_unlock(&timers->lock);
    return has_room;
}

uint64_t oc_timer_shared_moment(uint64_t now_ms, uint64_t due_ms)
{
    enum { FAR_MS = 8000, MOMENT_MS = 1000 };
    const bool is_far = due_ms >= now_ms && due_ms - now_ms >= FAR_MS;
    return is_far ? (due_ms + MOMENT_MS - 1) / MOMENT_MS * MOMENT_MS : due_ms;
}

void oc_timer_arm(struct oc_timer *timer, uint64_t due_ms)
{
    struct oc_timers *timers = timer->timers;
    (void)pthread_mutex_lock(&timers->lock);
    take_out(timers, timer);
    timer->due_ms = due_ms;
    put(timers, timers->n_armed, timer);
    sift_up(timers, timers->n_armed++);
    if (timer->place == 0) {
        (void)pthread_cond_signal(&timers->earlier);
    }
    (void)pthread_mutex_unlock(&timers->lock);
}

void oc_timer_deinit(struct oc_timer *timer)
{
    struct oc_timers *timers = timer->timers;
    (void)pthread_mutex_lock(&timers->lock);
    take_out(timers, timer);
    while (timers->running == timer && !pthread_equal(pthread_self(), timers->thread)) {
        (void)pthread_cond_wait(&timers->idle, &timers->lock);
    }
    /* It may have armed itself while it ran. */
    take_out(timers, timer);
    timers->n_timers--;
    (void)pthread_mutex_unlock(&timers->lock);
}
