#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "proto/rpc/step_queue.h"
#include "proto/rpc/transport.h"

/* Steps wait for the gate, so that who holds a slot keeps it, and the order of the others is the
 * queue's. */
struct scene {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_open;
    unsigned n_begun;
    unsigned n_brought; /* whose bringer has nothing more to do with it */
    unsigned n_at_once;
    unsigned most_at_once;
    unsigned n_run;
    unsigned order[64];
};

struct work {
    struct oc_step step; /* first: a step is its work */
    struct scene *scene;
    unsigned number;
    pthread_t runner;
    int priority; /* of the runner */
};

/* Steps that find a slot are run by who brings them: here a thread for each. */
struct bringer {
    struct oc_step_queue *queue;
    struct oc_lane *lane;
    struct work *work;
    pthread_t thread;
};

static void run_work(struct oc_step *step)
{
    struct work *work = (struct work *)(void *)step;
    struct scene *scene = work->scene;
    (void)pthread_mutex_lock(&scene->lock);
    work->runner = pthread_self();
    work->priority = getpriority(PRIO_PROCESS, 0);
    scene->n_begun++;
    scene->n_at_once++;
    if (scene->n_at_once > scene->most_at_once) {
        scene->most_at_once = scene->n_at_once;
    }
    (void)pthread_cond_broadcast(&scene->changed);
    while (!scene->is_open) {
        (void)pthread_cond_wait(&scene->changed, &scene->lock);
    }
    scene->n_at_once--;
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

static void *bring(void *argument)
{
    const struct bringer *bringer = argument;
    struct scene *scene = bringer->work->scene;
    oc_step_queue_run(bringer->queue, bringer->lane, &bringer->work->step);
    (void)pthread_mutex_lock(&scene->lock);
    scene->n_brought++;
    (void)pthread_cond_broadcast(&scene->changed);
    (void)pthread_mutex_unlock(&scene->lock);
    return NULL;
}

/* Has a thread bring a step, and waits until that runs. */
static void occupy(struct bringer *bringer, struct oc_step_queue *queue, struct oc_lane *lane,
                   struct work *work)
{
    struct scene *scene = work->scene;
    *bringer = (struct bringer){.queue = queue, .lane = lane, .work = work};
    (void)pthread_mutex_lock(&scene->lock);
    const unsigned n_wanted = scene->n_begun + 1;
    assert_int_equal(pthread_create(&bringer->thread, NULL, bring, bringer), 0);
    while (scene->n_begun < n_wanted) {
        (void)pthread_cond_wait(&scene->changed, &scene->lock);
    }
    (void)pthread_mutex_unlock(&scene->lock);
}

static void a_free_slot_is_used_where_the_step_is_brought(void **state)
{
    (void)state;
    struct scene scene = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .is_open = true};
    struct oc_step_queue *queue = NULL;
    assert_int_equal(oc_step_queue_new(1, true, &queue, NULL), OC_OK);
    struct oc_lane lane = {0};
    for (unsigned i = 0; i < 3; i++) {
        struct work work = {.step = {.run = run_work}, .scene = &scene, .number = i};
        oc_step_queue_run(queue, &lane, &work.step);
        assert_int_equal(scene.n_run, i + 1); /* it has run when the call returns */
        assert_true(pthread_equal(work.runner, pthread_self()));
    }
    oc_step_queue_free(queue);
}

static void a_source_with_many_steps_delays_another_by_one(void **state)
{
    (void)state;
    enum { FLOOD = 40 };
    struct scene scene = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct oc_step_queue *queue = NULL;
    assert_int_equal(oc_step_queue_new(1, true, &queue, NULL), OC_OK);
    struct oc_lane flood = {0};
    struct oc_lane quiet = {0};
    struct work works[FLOOD + 2];
    for (unsigned i = 0; i < FLOOD + 2; i++) {
        works[i] = (struct work){.step = {.run = run_work}, .scene = &scene, .number = i};
    }
    struct bringer first;
    occupy(&first, queue, &flood, &works[0]);
    for (unsigned i = 1; i < FLOOD + 2; i++) {
        oc_step_queue_run(queue, i < FLOOD ? &flood : &quiet, &works[i].step);
    }
    open_and_wait(&scene, FLOOD + 2);
    /* The one that ran, then one of each in turn. */
    assert_int_equal(scene.order[0], 0);
    assert_int_equal(scene.order[2], FLOOD);
    assert_int_equal(scene.order[4], FLOOD + 1);
    (void)pthread_join(first.thread, NULL);
    oc_step_queue_free(queue);
}

/* A step that brings another while it runs: that one has to wait, as the only slot is taken. */
struct nested {
    struct work work; /* first: a step is its work */
    struct oc_step_queue *queue;
    struct oc_lane *lane;
    struct work *brings;
};

static void run_nested(struct oc_step *step)
{
    struct nested *nested = (struct nested *)(void *)step;
    oc_step_queue_run(nested->queue, nested->lane, &nested->brings->step);
    run_work(step);
}

static void who_comes_does_not_pass_who_waits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        struct oc_step_queue *queue = NULL;
        assert_int_equal(oc_step_queue_new(1, true, &queue, NULL), OC_OK);
        struct scene scene = {.lock = PTHREAD_MUTEX_INITIALIZER,
                              .changed = PTHREAD_COND_INITIALIZER,
                              .is_open = true};
        struct oc_lane lanes[3] = {{0}};
        struct work waits = {.step = {.run = run_work}, .scene = &scene, .number = 1};
        struct work comes = {.step = {.run = run_work}, .scene = &scene, .number = 2};
        struct nested first = {.work = {.step = {.run = run_nested}, .scene = &scene},
                               .queue = queue,
                               .lane = &lanes[1],
                               .brings = &waits};
        oc_step_queue_run(queue, &lanes[0], &first.work.step);
        /* The slot is free again, and its next is perhaps still being woken. */
        oc_step_queue_run(queue, &lanes[2], &comes.step);
        open_and_wait(&scene, 3);
        oc_step_queue_free(queue);
        assert_int_equal(scene.order[0], 0);
        assert_int_equal(scene.order[1], 1);
        assert_int_equal(scene.order[2], 2);
    }
}

static void steps_of_one_source_run_in_order(void **state)
{
    (void)state;
    enum { N = 20 };
    struct scene scene = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct oc_step_queue *queue = NULL;
    assert_int_equal(oc_step_queue_new(1, true, &queue, NULL), OC_OK);
    struct oc_lane lane = {0};
    struct work works[N];
    struct bringer first;
    for (unsigned i = 0; i < N; i++) {
        works[i] = (struct work){.step = {.run = run_work}, .scene = &scene, .number = i};
    }
    occupy(&first, queue, &lane, &works[0]);
    for (unsigned i = 1; i < N; i++) {
        oc_step_queue_run(queue, &lane, &works[i].step);
    }
    open_and_wait(&scene, N);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(scene.order[i], i);
    }
    assert_null(lane.first);
    assert_null(lane.last);
    (void)pthread_join(first.thread, NULL);
    oc_step_queue_free(queue);
}

/* However many bring steps at once, and whoever runs them. */
static void no_more_steps_run_at_once_than_there_are_slots(void **state)
{
    (void)state;
    enum { SLOTS = 2, BRINGERS = 6, N = 30 };
    struct scene scene = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct oc_step_queue *queue = NULL;
    assert_int_equal(oc_step_queue_new(SLOTS, true, &queue, NULL), OC_OK);
    struct oc_lane lanes[BRINGERS] = {{0}};
    struct work works[N];
    struct bringer bringers[N];
    for (unsigned i = 0; i < N; i++) {
        works[i] = (struct work){.step = {.run = run_work}, .scene = &scene, .number = i};
        bringers[i] =
            (struct bringer){.queue = queue, .lane = &lanes[i % BRINGERS], .work = &works[i]};
    }
    occupy(&bringers[0], queue, &lanes[0], &works[0]);
    for (unsigned i = 1; i < N; i++) {
        if (i == N / 2) {
            oc_step_queue_yield(queue, oc_monotonic_ms() + UINT64_C(3600) * 1000);
        }
        assert_int_equal(pthread_create(&bringers[i].thread, NULL, bring, &bringers[i]), 0);
    }
    (void)pthread_mutex_lock(&scene.lock);
    while (scene.n_begun + scene.n_brought < N) { /* the others have yet to come */
        (void)pthread_cond_wait(&scene.changed, &scene.lock);
    }
    (void)pthread_mutex_unlock(&scene.lock);
    open_and_wait(&scene, N);
    for (unsigned i = 0; i < N; i++) {
        (void)pthread_join(bringers[i].thread, NULL);
    }
    assert_true(scene.most_at_once <= SLOTS);
    oc_step_queue_free(queue);
}

/* Whether the second of two steps, brought while the first one runs, is run by who brings it.
 * Established calls were heard, which had steps yield until these times. */
static bool is_second_run_by_its_bringer(bool yields, uint64_t until_ms, uint64_t then_until_ms,
                                         struct work works[2])
{
    struct scene scene = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct oc_step_queue *queue = NULL;
    struct oc_lane lanes[2] = {{0}};
    struct bringer bringers[2];
    assert_int_equal(oc_step_queue_new(2, yields, &queue, NULL), OC_OK);
    oc_step_queue_yield(queue, until_ms);
    oc_step_queue_yield(queue, then_until_ms);
    for (unsigned i = 0; i < 2; i++) {
        works[i] = (struct work){.step = {.run = run_work}, .scene = &scene, .number = i};
        occupy(&bringers[i], queue, &lanes[i], &works[i]);
    }
    open_and_wait(&scene, 2);
    assert_true(pthread_equal(works[0].runner, bringers[0].thread)); /* nothing else ran */
    const bool is = pthread_equal(works[1].runner, bringers[1].thread);
    (void)pthread_join(bringers[0].thread, NULL);
    (void)pthread_join(bringers[1].thread, NULL);
    oc_step_queue_free(queue);
    return is;
}

static void steps_leave_the_threads_that_bring_them_to_established_calls(void **state)
{
    (void)state;
    const uint64_t now_ms = oc_monotonic_ms();
    const uint64_t later_ms = now_ms + UINT64_C(3600) * 1000;
    struct work works[2];
    assert_true(is_second_run_by_its_bringer(true, 0, 0, works));
    assert_true(is_second_run_by_its_bringer(true, 0, now_ms, works)); /* heard long ago */
    assert_false(is_second_run_by_its_bringer(true, now_ms, later_ms, works));
    /* The second was heard by a thread that had looked at the clock before. */
    assert_false(is_second_run_by_its_bringer(true, later_ms, now_ms, works));
    assert_true(is_second_run_by_its_bringer(false, 0, later_ms, works)); /* has none */
}

static void workers_run_when_nobody_else_wants_to(void **state)
{
    (void)state;
    const uint64_t later_ms = oc_monotonic_ms() + UINT64_C(3600) * 1000;
    struct work works[2];
    if (getpriority(PRIO_PROCESS, 0) >= 19) {
        skip(); /* nothing is lower */
    }
    assert_false(is_second_run_by_its_bringer(true, 0, later_ms, works));
    assert_int_equal(works[0].priority, getpriority(PRIO_PROCESS, 0));
    assert_true(works[1].priority > works[0].priority);
}

static void wait_for_begun(struct scene *scene, unsigned n)
{
    (void)pthread_mutex_lock(&scene->lock);
    while (scene->n_begun < n) {
        (void)pthread_cond_wait(&scene->changed, &scene->lock);
    }
    (void)pthread_mutex_unlock(&scene->lock);
}

/* One runs when it ends: who ran that leaves the others to those whose turn it is. */
static void what_waits_when_yielding_ends_is_run_by_other_workers(void **state)
{
    (void)state;
    enum { N = 12, YIELDS_MS = 100 };
    struct scene before = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct scene after = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct work first = {.step = {.run = run_work}, .scene = &before};
    struct work works[N];
    struct oc_step_queue *queue = NULL;
    struct oc_lane lane = {0};
    struct bringer bringer;
    assert_int_equal(oc_step_queue_new(1, true, &queue, NULL), OC_OK);
    const uint64_t until_ms = oc_monotonic_ms() + YIELDS_MS;
    oc_step_queue_yield(queue, until_ms);
    occupy(&bringer, queue, &lane, &first);
    for (unsigned i = 0; i < N; i++) {
        works[i] = (struct work){.step = {.run = run_work}, .scene = &after, .number = i};
        oc_step_queue_run(queue, &lane, &works[i].step);
    }
    open_and_wait(&before, 1);
    wait_for_begun(&after, 1);
    while (oc_monotonic_ms() < until_ms) {
    }
    open_and_wait(&after, N);
    for (unsigned i = 1; i < N; i++) {
        assert_int_equal(works[i].priority, getpriority(PRIO_PROCESS, 0));
    }
    (void)pthread_join(bringer.thread, NULL);
    oc_step_queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_free_slot_is_used_where_the_step_is_brought),
        cmocka_unit_test(who_comes_does_not_pass_who_waits),
        cmocka_unit_test(no_more_steps_run_at_once_than_there_are_slots),
        cmocka_unit_test(a_source_with_many_steps_delays_another_by_one),
        cmocka_unit_test(steps_of_one_source_run_in_order),
        cmocka_unit_test(steps_leave_the_threads_that_bring_them_to_established_calls),
        cmocka_unit_test(workers_run_when_nobody_else_wants_to),
        cmocka_unit_test(what_waits_when_yielding_ends_is_run_by_other_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
