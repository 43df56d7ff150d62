/*
 * See step_queue.h. The lanes that have steps form one list; a worker takes the first lane's
 * first step and puts the lane at the end if it has more.
 *
 * Lock: one mutex, a leaf; never held while a step runs.
 */
#include "proto/rpc/step_queue.h"

#include <pthread.h>
#include <stdlib.h>

enum { MAX_WORKERS = 64 };

struct oc_step_queue {
    pthread_mutex_t lock;
    pthread_cond_t work;
    bool is_stopping;
    struct oc_lane *first;
    struct oc_lane *last;
    unsigned n_workers;
    pthread_t workers[MAX_WORKERS];
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

static void *work(void *argument)
{
    struct oc_step_queue *queue = argument;
    (void)pthread_mutex_lock(&queue->lock);
    for (;;) {
        while (!queue->first && !queue->is_stopping) {
            (void)pthread_cond_wait(&queue->work, &queue->lock);
        }
        if (!queue->first) {
            break;
        }
        struct oc_step *step = take_step(queue);
        (void)pthread_mutex_unlock(&queue->lock);
        step->run(step);
        (void)pthread_mutex_lock(&queue->lock);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return NULL;
}

enum oc_status oc_step_queue_new(unsigned n_workers, struct oc_step_queue **out,
                                 struct oc_error *err)
{
    struct oc_step_queue *queue = calloc(1, sizeof *queue);
    if (!queue) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "handshake queue: out of memory");
    }
    (void)pthread_mutex_init(&queue->lock, NULL);
    (void)pthread_cond_init(&queue->work, NULL);
    const unsigned n_wanted = n_workers > MAX_WORKERS ? MAX_WORKERS : n_workers;
    while (queue->n_workers < n_wanted &&
           pthread_create(&queue->workers[queue->n_workers], NULL, work, queue) == 0) {
        queue->n_workers++;
    }
    if (queue->n_workers < n_wanted) {
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
    (void)pthread_cond_broadcast(&queue->work);
    (void)pthread_mutex_unlock(&queue->lock);
    for (unsigned i = 0; i < queue->n_workers; i++) {
        (void)pthread_join(queue->workers[i], NULL);
    }
    (void)pthread_cond_destroy(&queue->work);
    (void)pthread_mutex_destroy(&queue->lock);
    free(queue);
}

void oc_step_queue_push(struct oc_step_queue *queue, struct oc_lane *lane, struct oc_step *step)
{
    (void)pthread_mutex_lock(&queue->lock);
    step->next = NULL;
    if (lane->last) {
        lane->last->next = step;
        lane->last = step;
    } else {
        lane->first = lane->last = step;
        append_lane(queue, lane);
    }
    (void)pthread_cond_signal(&queue->work);
    (void)pthread_mutex_unlock(&queue->lock);
}
