#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/rpc/step_queue.h"

/* One worker; the first step waits for the gate, so that the order of the others is the queue's. */
struct scene {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_open;
    unsigned n_run;
    unsigned order[64];
};

struct work {
    struct oc_step step; /* first: a step is its work */
    struct scene *scene;
    unsigned number;
};

static void run_work(struct oc_step *step)
{
    struct work *work = (struct work *)(void *)step;
    struct scene *scene = work->scene;
    (void)pthread_mutex_lock(&scene->lock);
    while (!scene->is_open) {
        (void)pthread_cond_wait(&scene->changed, &scene->lock);
    }
    scene->order[scene->n_run++] = work->number;
    (void)pthread_cond_broadcast(&scene->changed);
    (void)pthread_mutex_unlock(&scene->lock);
}

static void open_and_wait(struct scene *scene, unsigned n)
{
    (void)pthread_mutex_lock(&scene->lock);
    scene->is_open = true;
    (void)pthread_cond_broadcast(&scene->changed);
    while (scene->n_run < n) {
        (void)pthread_cond_wait(&scene->changed, &scene->lock);
    }
    (void)pthread_mutex_unlock(&scene->lock);
}

static void a_source_with_many_steps_delays_another_by_one(void **state)
{
    (void)state;
    enum { FLOOD = 40 };
    struct scene scene = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct oc_step_queue *queue = NULL;
    assert_int_equal(oc_step_queue_new(1, &queue, NULL), OC_OK);
    struct oc_lane flood = {0};
    struct oc_lane quiet = {0};
    struct work works[FLOOD + 2];
    for (unsigned i = 0; i < FLOOD + 2; i++) {
        works[i] = (struct work){.step = {.run = run_work}, .scene = &scene, .number = i};
        oc_step_queue_push(queue, i < FLOOD ? &flood : &quiet, &works[i].step);
    }
    open_and_wait(&scene, FLOOD + 2);
    unsigned place_of_first = 0;
    unsigned place_of_second = 0;
    for (unsigned i = 0; i < FLOOD + 2; i++) {
        place_of_first = scene.order[i] == FLOOD ? i : place_of_first;
        place_of_second = scene.order[i] == FLOOD + 1 ? i : place_of_second;
    }
    /* One may already have been with the worker. */
    assert_true(place_of_first <= 2);
    assert_true(place_of_second <= 4);
    oc_step_queue_free(queue);
}

static void steps_of_one_source_run_in_order(void **state)
{
    (void)state;
    enum { N = 20 };
    struct scene scene = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct oc_step_queue *queue = NULL;
    assert_int_equal(oc_step_queue_new(1, &queue, NULL), OC_OK);
    struct oc_lane lane = {0};
    struct work works[N];
    for (unsigned i = 0; i < N; i++) {
        works[i] = (struct work){.step = {.run = run_work}, .scene = &scene, .number = i};
        oc_step_queue_push(queue, &lane, &works[i].step);
    }
    open_and_wait(&scene, N);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(scene.order[i], i);
    }
    assert_null(lane.first);
    assert_null(lane.last);
    oc_step_queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_with_many_steps_delays_another_by_one),
        cmocka_unit_test(steps_of_one_source_run_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
