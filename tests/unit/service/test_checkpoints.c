/* When the audit's head is signed: of what is committed, as often as was said, and never while the
 * gateway is locked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "server/service/checkpoints.h"
#include "tests/support/service_fixture.h"

enum {
    LONG_MS = 10 * 1000,
    EVERY_MS = 600 * 1000,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct oc_audit_checkpoint kept;
static unsigned n_kept;

static void keep(void *user, const struct oc_audit_checkpoint *checkpoint)
{
    (void)user;
    pthread_mutex_lock(&lock);
    kept = *checkpoint;
    n_kept++;
    pthread_mutex_unlock(&lock);
}

static unsigned count(void)
{
    pthread_mutex_lock(&lock);
    const unsigned n = n_kept;
    pthread_mutex_unlock(&lock);
    return n;
}

static int set_up_with(void **state, enum store_lock why)
{
    struct service_fixture *fixture = malloc(sizeof *fixture);
    n_kept = 0;
    fixture_init(fixture);
    fixture->options.lock = why;
    fixture->options.checkpoints = (struct checkpoint_sink){.every_ms = EVERY_MS, .keep = keep};
    fixture_start(fixture);
    *state = fixture;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, STORE_LOCK_NONE);
}

static int set_up_locked(void **state)
{
    return set_up_with(state, STORE_LOCK_BEHIND);
}

static int tear_down(void **state)
{
    fixture_stop(*state);
    free(*state);
    return 0;
}

struct answer {
    struct pending_call pending;
    struct checkpoint_result result;
};

static void answered(void *user, const struct checkpoint_result *result)
{
    struct answer *answer = user;
    pthread_mutex_lock(&answer->pending.lock);
    answer->result = *result;
    answer->pending.is_done = true;
    pthread_cond_broadcast(&answer->pending.changed);
    pthread_mutex_unlock(&answer->pending.lock);
}

static struct checkpoint_result ask(struct service_fixture *fixture)
{
    static struct answer answer;
    const struct checkpoint_call call = {answered, &answer};
    pending_init(&answer.pending);
    admin_checkpoint(fixture->service, &call);
    assert_true(pending_wait(&answer.pending, LONG_MS));
    return answer.result;
}

static void block(struct service_fixture *fixture, uint8_t n)
{
    struct decide_command command = {.kind = PAIRING_EV_BLOCK, .device_id = {{0xee, n}}};
    assert_int_equal(admin_do(fixture, &command).status, OC_OK);
}

static void one_is_made_on_request_of_what_is_committed_and_not_twice(void **state)
{
    struct service_fixture *fixture = *state;
    block(fixture, 1);
    struct checkpoint_result first = ask(fixture);
    assert_int_equal(first.status, OC_OK);
    assert_int_equal(first.checkpoint.seq, 1);
    assert_true(oc_checkpoint_verify(&first.checkpoint));
    struct checkpoint_result again = ask(fixture);
    assert_memory_equal(&again.checkpoint, &first.checkpoint, sizeof first.checkpoint);
    block(fixture, 2);
    again = ask(fixture);
    assert_int_equal(again.checkpoint.seq, 2);
    assert_memory_not_equal(&again.checkpoint.hash, &first.checkpoint.hash, 32);
    assert_memory_equal(&kept, &again.checkpoint, sizeof kept);
}

static void a_new_row_is_signed_when_the_time_is_over_and_no_row_is_not(void **state)
{
    struct service_fixture *fixture = *state;
    const struct timespec pause = {.tv_nsec = 1000000};
    assert_int_equal(ask(fixture).status, OC_OK);
    unsigned n = count();
    for (int i = 0; i < 20; i++) {
        fake_clock_advance(&fixture->monotonic, EVERY_MS);
        (void)ask(fixture); /* the same one: nothing was written */
    }
    assert_int_equal(count(), n);
    block(fixture, 3);
    for (int waited_ms = 0; waited_ms < LONG_MS && count() == n; waited_ms++) {
        fake_clock_advance(&fixture->monotonic, 2000);
        (void)nanosleep(&pause, NULL);
    }
    assert_true(count() > n);
    assert_int_equal(kept.seq, 1);
}

static void a_locked_gateway_signs_nothing(void **state)
{
    struct service_fixture *fixture = *state;
    fake_clock_advance(&fixture->monotonic, EVERY_MS);
    assert_int_equal(ask(fixture).status, OC_UNAVAILABLE);
    assert_int_equal(count(), 0);
}

static void the_last_rows_are_signed_at_the_stop(void **state)
{
    struct service_fixture *fixture = *state;
    (void)ask(fixture);
    block(fixture, 4);
    const unsigned n = count();
    fixture_stop(fixture);
    assert_int_equal(count(), n + 1);
    assert_int_equal(kept.seq, 1);
    free(fixture);
    *state = NULL;
}

static int nothing_left(void **state)
{
    (void)state;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_is_made_on_request_of_what_is_committed_and_not_twice,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_row_is_signed_when_the_time_is_over_and_no_row_is_not,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_locked_gateway_signs_nothing, set_up_locked, tear_down),
        cmocka_unit_test_setup_teardown(the_last_rows_are_signed_at_the_stop, set_up, nothing_left),
    };
    return cmocka_run_group_tests_name("checkpoints", tests, NULL, NULL);
}
