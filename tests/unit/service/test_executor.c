/* The queue of the writer: order, batches, its bound and its end. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/service/executor.h"

struct task {
    struct job job; /* first */
    unsigned number;
};

struct desk {
    struct executor *executor;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_held;
    bool is_running;
    unsigned done[1000];
    size_t n_done;
    size_t n_batches;
    size_t largest;
};

static void run(void *user, struct job *first)
{
    struct desk *desk = user;
    size_t n = 0;
    pthread_mutex_lock(&desk->lock);
    desk->is_running = true;
    pthread_cond_broadcast(&desk->changed);
    while (desk->is_held) {
        pthread_cond_wait(&desk->changed, &desk->lock);
    }
    for (struct job *job = first; job; job = job->next) {
        desk->done[desk->n_done++] = ((struct task *)(void *)job)->number;
        n++;
    }
    desk->n_batches++;
    desk->largest = n > desk->largest ? n : desk->largest;
    pthread_mutex_unlock(&desk->lock);
}

static void set_up(struct desk *desk, size_t max_queue)
{
    struct executor_options options = {.max_queue = max_queue, .run = run, .user = desk};
    struct oc_error err;
    *desk = (struct desk){.n_done = 0};
    pthread_mutex_init(&desk->lock, NULL);
    pthread_cond_init(&desk->changed, NULL);
    assert_int_equal(executor_new(&options, &desk->executor, &err), OC_OK);
}

static void hold(struct desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    desk->is_held = true;
    pthread_mutex_unlock(&desk->lock);
}

static void wait_until_running(struct desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    while (!desk->is_running) {
        pthread_cond_wait(&desk->changed, &desk->lock);
    }
    pthread_mutex_unlock(&desk->lock);
}

static void release(struct desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    desk->is_held = false;
    pthread_cond_broadcast(&desk->changed);
    pthread_mutex_unlock(&desk->lock);
}

static void jobs_run_in_order_and_what_waited_runs_together(void **state)
{
    enum { N = 601 };
    static struct task tasks[N];
    struct desk desk;
    (void)state;
    set_up(&desk, 4096);
    hold(&desk);
    for (unsigned i = 0; i < N; i++) {
        tasks[i].number = i;
        assert_true(executor_push(desk.executor, &tasks[i].job));
        if (i == 0) {
            wait_until_running(&desk);
        }
    }
    assert_int_equal(executor_n_queued(desk.executor), N - 1);
    release(&desk);
    executor_stop(desk.executor);
    assert_int_equal(desk.n_done, N);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(desk.done[i], i);
    }
    assert_int_equal(desk.largest, EXECUTOR_BATCH);
    assert_int_equal(desk.n_batches, 1 + 3);
    executor_free(desk.executor);
}

static void a_full_queue_refuses_all_but_the_gateways_own_work(void **state)
{
    struct task tasks[5] = {{.number = 0}};
    struct desk desk;
    (void)state;
    set_up(&desk, 2);
    hold(&desk);
    assert_true(executor_push(desk.executor, &tasks[0].job));
    wait_until_running(&desk);
    assert_true(executor_push(desk.executor, &tasks[1].job));
    assert_true(executor_push(desk.executor, &tasks[2].job));
    assert_false(executor_push(desk.executor, &tasks[3].job));
    tasks[4].job.is_reserved = true;
    assert_true(executor_push(desk.executor, &tasks[4].job));
    release(&desk);
    executor_stop(desk.executor);
    assert_int_equal(desk.n_done, 4);
    assert_false(executor_push(desk.executor, &tasks[3].job));
    executor_free(desk.executor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_in_order_and_what_waited_runs_together),
        cmocka_unit_test(a_full_queue_refuses_all_but_the_gateways_own_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
