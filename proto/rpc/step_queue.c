/*
 * See step_queue.h. The lanes that have steps form one list; a worker takes the first lane's
 * first step and puts the lane at the end if it has more. Whoever waits goes before whoever comes:
 * a step is run where it was brought only while that list is empty.
 *
 * Lock: one mutex, a leaf; never held while a step runs.
 */
#include "proto/rpc/step_queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "proto/rpc/timer.h"

enum {
    MAX_WORKERS = 64,
    /* Of 20 steps of priority: whoever else wants to run does, and where others keep all cores
     * busy a worker still has some hundredths of one. */
    WORKERS_YIELD_BY = 15,
    /* So much of the time that was asked for may be missing: it need not be written at each call.
     */
    YIELD_SLACK_MS = 1000,
    /* So long after a step had to wait, more are expected to. */
    CROWDED_MS = 1000,
};

/* While steps yield, one set of workers is at work, else the other: a thread that has given up its
 * priority does not get it back. */
enum { EAGER, YIELDING, SETS };

struct worker {
    struct oc_step_queue *queue;
    unsigned set;
    pthread_t thread;
};

struct oc_step_queue {
    pthread_mutex_t lock;
    pthread_cond_t work[SETS];
    bool is_stopping;
    bool yields;
    struct oc_lane *first;
    struct oc_lane *last;
    atomic_uint_fast64_t yields_until_ms;
    atomic_uint_fast64_t crowded_until_ms; /* 0: no step has waited yet */
    unsigned n_slots;
    unsigned n_running; /* on workers and elsewhere; never more than n_slots */
    unsigned n_workers;
    struct worker workers[SETS * MAX_WORKERS];
};

static void append_lane(struct oc_step_queue *queue, struct oc_lane *lane)
{
    lane->next = NULL;
    if (queue->last) {
        queue->last->next = lane;
    } else {
        queue->first = lane;
    }
    queue->last = lane;
}

static struct oc_step *take_step(struct oc_step_queue *queue)
{
    struct oc_lane *lane = queue->first;
    queue->first = lane->next;
    if (!queue->first) {
        queue->last = NULL;
    }
    struct oc_step *step = lane->first;
    lane->first = step->next;
    if (lane->first) {
        append_lane(queue, lane);
    } else {
        lane->last = NULL;
    }
    return step;
}

static bool may_run(const struct oc_step_queue *queue)
{
    return queue->n_running < queue->n_slots;
}

/* With the lock, which it gives up meanwhile. */
static void run_in_slot(struct oc_step_queue *queue, struct oc_step *step)
{
    queue->n_running++;
    (void)pthread_mutex_unlock(&queue->lock);
    step->run(step);
    (void)pthread_mutex_lock(&queue->lock);
    queue->n_running--;
}

/* Of the calling thread alone, as Linux does it; elsewhere it would be the whole process. */
static void lower_priority(void)
{
#ifdef __linux__
    errno = 0;
    const int now = getpriority(PRIO_PROCESS, 0);
    if (errno == 0) {
        (void)setpriority(PRIO_PROCESS, 0, now + WORKERS_YIELD_BY);
    }
#endif
}

static unsigned set_at_work(const struct oc_step_queue *queue)
{
    return oc_is_before(&queue->yields_until_ms) ? YIELDING : EAGER;
}

/* A step waits and a slot is free: then one of the set is waiting, too, or about to look. */
static void call_worker(struct oc_step_queue *queue)
{
    if (queue->first && may_run(queue)) {
        (void)pthread_cond_signal(&queue->work[set_at_work(queue)]);
    }
}

static void *work(void *argument)
{
    const struct worker *worker = argument;
    struct oc_step_queue *queue = worker->queue;
    if (worker->set == YIELDING) {
        lower_priority();
    }
    (void)pthread_mutex_lock(&queue->lock);
    while (queue->first || !queue->is_stopping) {
        const bool is_mine = set_at_work(queue) == worker->set || queue->is_stopping;
        if (is_mine && queue->first && may_run(queue)) {
            run_in_slot(queue, take_step(queue));
        } else {
            call_worker(queue); /* of the other set */
            (void)pthread_cond_wait(&queue->work[worker->set], &queue->lock);
        }
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return NULL;
}

static bool start_worker(struct oc_step_queue *queue, unsigned set)
{
    struct worker *worker = &queue->workers[queue->n_workers];
    *worker = (struct worker){.queue = queue, .set = set};
    const bool is_started = pthread_create(&worker->thread, NULL, work, worker) == 0;
    queue->n_workers += is_started ? 1 : 0;
    return is_started;
}

enum oc_status oc_step_queue_new(unsigned n_slots, bool yields, struct oc_step_queue **out,
                                 struct oc_error *err)
{
    struct oc_step_queue *queue = calloc(1, sizeof *queue);
    if (!queue) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "handshake queue: out of memory");
    }
    (void)pthread_mutex_init(&queue->lock, NULL);
    atomic_init(&queue->yields_until_ms, 0);
    atomic_init(&queue->crowded_until_ms, 0);
    queue->n_slots = n_slots > MAX_WORKERS ? MAX_WORKERS : n_slots;
    queue->yields = yields;
    bool is_started = true;
    for (unsigned set = 0; set < SETS; set++) {
        (void)pthread_cond_init(&queue->work[set], NULL);
    }
    for (unsigned i = 0; i < queue->n_slots && is_started; i++) {
        is_started = start_worker(queue, EAGER) && (!yields || start_worker(queue, YIELDING));
    }
    if (!is_started) {
        oc_step_queue_free(queue);
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "handshake queue: cannot start a thread");
    }
    *out = queue;
    return OC_OK;
}

void oc_step_queue_free(struct oc_step_queue *queue)
{
    if (!queue) {
        return;
    }
    (void)pthread_mutex_lock(&queue->lock);
    queue->is_stopping = true;
    for (unsigned set = 0; set < SETS; set++) {
        (void)pthread_cond_broadcast(&queue->work[set]);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    for (unsigned i = 0; i < queue->n_workers; i++) {
        (void)pthread_join(queue->workers[i].thread, NULL);
    }
    for (unsigned set = 0; set < SETS; set++) {
        (void)pthread_cond_destroy(&queue->work[set]);
    }
    (void)pthread_mutex_destroy(&queue->lock);
    free(queue);
}

static void append_step(struct oc_step_queue *queue, struct oc_lane *lane, struct oc_step *step)
{
    step->next = NULL;
    if (lane->last) {
        lane->last->next = step;
        lane->last = step;
    } else {
        lane->first = lane->last = step;
        append_lane(queue, lane);
    }
}

void oc_step_queue_yield(struct oc_step_queue *queue, uint64_t until_ms)
{
    if (queue->yields &&
        until_ms >
            atomic_load_explicit(&queue->yields_until_ms, memory_order_relaxed) + YIELD_SLACK_MS) {
        atomic_store_explicit(&queue->yields_until_ms, until_ms, memory_order_relaxed);
    }
}

bool oc_step_queue_presses(const struct oc_step_queue *queue)
{
    return oc_is_before(&queue->crowded_until_ms) && set_at_work(queue) == YIELDING;
}

static bool may_run_here(struct oc_step_queue *queue)
{
    return !queue->first && may_run(queue) &&
           (queue->n_running == 0 || set_at_work(queue) == EAGER);
}

void oc_step_queue_run(struct oc_step_queue *queue, struct oc_lane *lane, struct oc_step *step)
{
    (void)pthread_mutex_lock(&queue->lock);
    if (may_run_here(queue)) {
        run_in_slot(queue, step);
    } else {
        append_step(queue, lane, step);
        atomic_store_explicit(&queue->crowded_until_ms, oc_monotonic_ms() + CROWDED_MS,
                              memory_order_relaxed);
    }
    call_worker(queue); /* whichever came last, the step or the slot */
    (void)pthread_mutex_unlock(&queue->lock);
}
