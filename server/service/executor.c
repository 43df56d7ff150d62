#include "server/service/executor.h"

#include <pthread.h>
#include <stdlib.h>

struct executor {
    struct executor_options options;
    pthread_mutex_t lock; /* guards everything below but `thread` */
    pthread_cond_t changed;
    struct job *first;
    struct job **end; /* NULL: empty */
    size_t n_queued;  /* without the reserved ones */
    bool is_stopping;
    bool is_joined;
    pthread_t thread;
};

/* Takes at most a batch off the front; NULL when stopping and empty. */
static struct job *take_batch(struct executor *executor)
{
    pthread_mutex_lock(&executor->lock);
    while (!executor->first && !executor->is_stopping) {
        pthread_cond_wait(&executor->changed, &executor->lock);
    }
    struct job *first = executor->first;
    struct job **link = &executor->first;
    for (size_t n = 0; n < EXECUTOR_BATCH && *link; n++) {
        executor->n_queued -= (*link)->is_reserved ? 0 : 1;
        link = &(*link)->next;
    }
    struct job *rest = *link;
    *link = NULL;
    executor->first = rest;
    if (!rest) {
        executor->end = NULL;
    }
    pthread_mutex_unlock(&executor->lock);
    return first;
}

static void *run(void *user)
{
    struct executor *executor = user;
    struct job *batch;
    while ((batch = take_batch(executor))) {
        executor->options.run(executor->options.user, batch);
    }
    return NULL;
}

enum oc_status executor_new(const struct executor_options *options, struct executor **out,
                            struct oc_error *err)
{
    struct executor *executor = calloc(1, sizeof *executor);
    if (!executor) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "service: out of memory");
    }
    executor->options = *options;
    pthread_mutex_init(&executor->lock, NULL);
    pthread_cond_init(&executor->changed, NULL);
    if (pthread_create(&executor->thread, NULL, run, executor) != 0) {
        pthread_cond_destroy(&executor->changed);
        pthread_mutex_destroy(&executor->lock);
        free(executor);
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "service: cannot start the writer's thread");
    }
    *out = executor;
    return OC_OK;
}

bool executor_push(struct executor *executor, struct job *job)
{
    pthread_mutex_lock(&executor->lock);
    bool has_room = job->is_reserved || executor->n_queued < executor->options.max_queue;
    bool is_accepted = has_room && !executor->is_stopping;
    if (is_accepted) {
        job->next = NULL;
        *(executor->end ? executor->end : &executor->first) = job;
        executor->end = &job->next;
        executor->n_queued += job->is_reserved ? 0 : 1;
        pthread_cond_signal(&executor->changed);
    }
    pthread_mutex_unlock(&executor->lock);
    return is_accepted;
}

size_t executor_n_queued(struct executor *executor)
{
    pthread_mutex_lock(&executor->lock);
    size_t n = executor->n_queued;
    pthread_mutex_unlock(&executor->lock);
    return n;
}

void executor_stop(struct executor *executor)
{
    if (executor->is_joined) {
        return;
    }
    pthread_mutex_lock(&executor->lock);
    executor->is_stopping = true;
    pthread_cond_signal(&executor->changed);
    pthread_mutex_unlock(&executor->lock);
    pthread_join(executor->thread, NULL);
    executor->is_joined = true;
}

void executor_free(struct executor *executor)
{
    if (!executor) {
        return;
    }
    executor_stop(executor);
    pthread_cond_destroy(&executor->changed);
    pthread_mutex_destroy(&executor->lock);
    free(executor);
}
