#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/rpc/timer.h"

/* Collects the order in which timers fire. */
struct log {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned n;
    unsigned order[64];
};

struct probe {
    struct oc_timer timer;
    struct log *log;
    unsigned number;
    uint64_t due_ms;
    bool is_early;
};

static void on_time(void *user)
{
    struct probe *probe = user;
    (void)pthread_mutex_lock(&probe->log->lock);
    probe->is_early = oc_monotonic_ms() < probe->due_ms;
    probe->log->order[probe->log->n++] = probe->number;
    (void)pthread_cond_broadcast(&probe->log->changed);
    (void)pthread_mutex_unlock(&probe->log->lock);
}

static void wait_for(struct log *log, unsigned n)
{
    (void)pthread_mutex_lock(&log->lock);
    while (log->n < n) {
        (void)pthread_cond_wait(&log->changed, &log->lock);
    }
    (void)pthread_mutex_unlock(&log->lock);
}

static void timers_fire_in_order_and_never_early(void **state)
{
    (void)state;
    enum { N = 40 };
    struct log log = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct oc_timers *timers = NULL;
    assert_int_equal(oc_timers_new(&timers, NULL), OC_OK);
    struct probe probes[N];
    const uint64_t start_ms = oc_monotonic_ms() + 20;
    for (unsigned i = 0; i < N; i++) {
        const unsigned place = i * 7 % N; /* armed in another order than they are due */
        probes[place] =
            (struct probe){.log = &log, .number = place, .due_ms = start_ms + 3 * place};
        assert_true(oc_timer_init(&probes[place].timer, timers, on_time, &probes[place]));
        oc_timer_arm(&probes[place].timer, probes[place].due_ms);
    }
    wait_for(&log, N);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(log.order[i], i);
        assert_false(probes[i].is_early);
        oc_timer_deinit(&probes[i].timer);
    }
    oc_timers_free(timers);
}

static void a_timer_armed_again_fires_once_at_its_last_time(void **state)
{
    (void)state;
    struct log log = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct oc_timers *timers = NULL;
    assert_int_equal(oc_timers_new(&timers, NULL), OC_OK);
    struct probe moved = {.log = &log, .number = 1};
    struct probe last = {.log = &log, .number = 2};
    assert_true(oc_timer_init(&moved.timer, timers, on_time, &moved));
    assert_true(oc_timer_init(&last.timer, timers, on_time, &last));
    const uint64_t now_ms = oc_monotonic_ms();
    oc_timer_arm(&moved.timer, now_ms + 100000);
    oc_timer_arm(&moved.timer, now_ms + 5);
    oc_timer_arm(&moved.timer, now_ms + 10);
    oc_timer_arm(&last.timer, now_ms + 30);
    wait_for(&log, 2);
    assert_int_equal(log.order[0], 1);
    assert_int_equal(log.order[1], 2);
    oc_timer_deinit(&moved.timer);
    oc_timer_deinit(&last.timer);
    oc_timers_free(timers);
}

static void a_cancelled_timer_never_fires(void **state)
{
    (void)state;
    struct log log = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct oc_timers *timers = NULL;
    assert_int_equal(oc_timers_new(&timers, NULL), OC_OK);
    struct probe cancelled = {.log = &log, .number = 1};
    struct probe later = {.log = &log, .number = 2};
    assert_true(oc_timer_init(&cancelled.timer, timers, on_time, &cancelled));
    assert_true(oc_timer_init(&later.timer, timers, on_time, &later));
    oc_timer_arm(&cancelled.timer, oc_monotonic_ms() + 10);
    oc_timer_arm(&later.timer, oc_monotonic_ms() + 20);
    oc_timer_deinit(&cancelled.timer);
    wait_for(&log, 1);
    assert_int_equal(log.order[0], 2);
    oc_timer_deinit(&later.timer);
    oc_timers_free(timers);
}

/* The public form: one allocation, cancelled exactly once, also from its own callback. */
struct own_end {
    struct log log;
    struct oc_timer *timer;
};

static void cancel_oneself(void *user)
{
    struct own_end *own = user;
    (void)pthread_mutex_lock(&own->log.lock);
    oc_timer_cancel(own->timer);
    own->log.n++;
    (void)pthread_cond_broadcast(&own->log.changed);
    (void)pthread_mutex_unlock(&own->log.lock);
}

static void a_timer_may_cancel_itself(void **state)
{
    (void)state;
    struct own_end own = {
        .log = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER}};
    const struct oc_transport_options options = {.n_handshake_workers = 1};
    struct oc_transport *transport = NULL;
    assert_int_equal(oc_transport_new(&options, &transport, NULL), OC_OK);
    (void)pthread_mutex_lock(&own.log.lock);
    own.timer = oc_timer_start(transport, 0, cancel_oneself, &own);
    assert_non_null(own.timer);
    (void)pthread_mutex_unlock(&own.log.lock);
    wait_for(&own.log, 1);
    oc_transport_free(transport);
}

/* While the callback runs, cancel waits: the test would else read `is_done` too early. */
struct slow {
    struct log log;
    bool is_done;
};

static void run_slowly(void *user)
{
    struct slow *slow = user;
    (void)pthread_mutex_lock(&slow->log.lock);
    slow->log.n++;
    (void)pthread_cond_broadcast(&slow->log.changed);
    (void)pthread_mutex_unlock(&slow->log.lock);
    const uint64_t until_ms = oc_monotonic_ms() + 30;
    while (oc_monotonic_ms() < until_ms) {
    }
    slow->is_done = true;
}

static void cancelling_waits_for_a_callback_that_runs(void **state)
{
    (void)state;
    struct slow slow = {
        .log = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER}};
    struct oc_timers *timers = NULL;
    struct oc_timer timer;
    assert_int_equal(oc_timers_new(&timers, NULL), OC_OK);
    assert_true(oc_timer_init(&timer, timers, run_slowly, &slow));
    oc_timer_arm(&timer, 0);
    wait_for(&slow.log, 1);
    oc_timer_deinit(&timer);
    assert_true(slow.is_done);
    oc_timers_free(timers);
}

static void far_deadlines_share_moments_that_are_no_second_late(void **state)
{
    (void)state;
    const uint64_t now_ms = 1234567;
    for (uint64_t ahead_ms = 0; ahead_ms < 8000; ahead_ms++) {
        assert_int_equal(oc_timer_shared_moment(now_ms, now_ms + ahead_ms), now_ms + ahead_ms);
    }
    assert_int_equal(oc_timer_shared_moment(now_ms, now_ms - 1), now_ms - 1);
    uint64_t last_ms = 0;
    unsigned n_moments = 0;
    for (uint64_t due_ms = now_ms + 8000; due_ms < now_ms + 68000; due_ms++) {
        const uint64_t moment_ms = oc_timer_shared_moment(now_ms, due_ms);
        assert_true(moment_ms >= due_ms && moment_ms - due_ms < 1000);
        n_moments += moment_ms != last_ms ? 1 : 0;
        last_ms = moment_ms;
    }
    assert_int_equal(n_moments, 61); /* in a minute, and a piece of a second at its end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_and_never_early),
        cmocka_unit_test(a_timer_armed_again_fires_once_at_its_last_time),
        cmocka_unit_test(a_cancelled_timer_never_fires),
        cmocka_unit_test(a_timer_may_cancel_itself),
        cmocka_unit_test(cancelling_waits_for_a_callback_that_runs),
        cmocka_unit_test(far_deadlines_share_moments_that_are_no_second_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
