/* What strangers leave behind goes, from memory and store alike, and nothing that matters with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/obs/metrics.h"
#include "server/store/store_memory.h"
#include "tests/support/service_fixture.h"

enum {
    MINUTE = 60 * 1000,
    HOUR = 60 * MINUTE,
    LAPSED_MS = HOUR + PAIRING_LAPSED_KEPT_MS,
    LONG_MS = 10 * 1000,
};

struct bench {
    struct service_fixture fixture;
    struct store *store;
};

static int set_up(void **state)
{
    struct bench *bench = malloc(sizeof *bench);
    fixture_init(&bench->fixture);
    bench->store = bench->fixture.options.store;
    fixture_start(&bench->fixture);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    fixture_stop(&bench->fixture);
    free(bench);
    return 0;
}

static uint64_t n_records(struct service_fixture *fixture)
{
    struct service_status status;
    service_get_status(fixture->service, &status);
    return status.n_records;
}

static bool is_empty(void *user)
{
    return n_records(user) == 0;
}

static struct connect_result visit(struct service_fixture *fixture, unsigned n)
{
    struct device device;
    device_open(fixture, &device, n);
    struct connect_result result = device_connect(&device);
    device_close(&device);
    return result;
}

/* Every device asks once and leaves. */
static void strangers_who_went_away_are_forgotten(void **state)
{
    struct bench *bench = *state;
    struct service_fixture *fixture = &bench->fixture;
    int64_t before = metric_get(METRIC_RECORDS_FORGOTTEN_TOTAL);
    char first[OC_REQUEST_ID_CHARS + 1];
    for (unsigned n = 1; n <= 30; n++) {
        struct connect_result asked = visit(fixture, n);
        assert_int_equal(asked.refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
        if (n == 1) {
            memcpy(first, asked.refusal.request_id.text, sizeof first);
        }
    }
    assert_int_equal(n_records(fixture), 30);
    fake_clock_advance(&fixture->clock, LAPSED_MS);
    assert_true(eventually(is_empty, fixture));
    assert_int_equal(metric_get(METRIC_RECORDS_FORGOTTEN_TOTAL) - before, 30);
    assert_string_equal(visit(fixture, 1).refusal.request_id.text, first);
}

static bool are_four_left(void *user)
{
    return n_records(user) == 4;
}

static bool are_three_left(void *user)
{
    return n_records(user) == 3;
}

/* But for a rejection, which is remembered for a day. */
static void who_was_decided_on_is_not(void **state)
{
    struct bench *bench = *state;
    struct service_fixture *fixture = &bench->fixture;
    static const enum pairing_event_kind decisions[] = {PAIRING_EV_APPROVE, PAIRING_EV_REJECT,
                                                        PAIRING_EV_BLOCK, PAIRING_EV_REMOVE};
    for (unsigned n = 0; n < 4; n++) {
        struct device device;
        device_open(fixture, &device, n + 1);
        (void)device_connect(&device);
        assert_int_equal(admin_decide_on(fixture, decisions[n], &device.id).status, OC_OK);
        device_close(&device);
    }
    (void)visit(fixture, 9);
    fake_clock_advance(&fixture->clock, LAPSED_MS);
    assert_true(eventually(are_four_left, fixture));
    fake_clock_advance(&fixture->clock, MINUTE + (int64_t)PAIRING_REJECTED_KEPT_MS);
    assert_true(eventually(are_three_left, fixture));
}

/* The entry lives on for its connection, and its record comes back. */
static void a_stranger_is_forgotten_under_his_own_eyes(void **state)
{
    struct bench *bench = *state;
    struct service_fixture *fixture = &bench->fixture;
    struct device device;
    device_open(fixture, &device, 1);
    struct connect_result asked = device_connect(&device);
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_DISMISS, &device.id).status, OC_OK);
    fake_clock_advance(&fixture->clock, LAPSED_MS);
    assert_true(eventually(is_empty, fixture));
    struct wait_result waited = device_wait(&device, &asked.refusal.request_id, 25000);
    assert_int_equal(waited.outcome, WAIT_NOT_DECIDED);
    struct connect_result again = device_connect(&device);
    assert_string_equal(again.refusal.request_id.text, asked.refusal.request_id.text);
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_APPROVE, &device.id).status, OC_OK);
    assert_true(device_connect(&device).has_session);
    device_close(&device);
}

struct watching {
    struct pending_call pending;
    char actions[4][24];
    size_t n;
};

static void watched(void *user, const struct watch_result *result)
{
    struct watching *watching = user;
    pthread_mutex_lock(&watching->pending.lock);
    for (size_t i = 0; i < result->n && i < 4; i++) {
        memcpy(watching->actions[i], result->events[i].change.action, 24);
        assert_false(result->events[i].view.pairing.request.is_open);
    }
    watching->n = result->n;
    watching->pending.is_done = true;
    pthread_cond_broadcast(&watching->pending.changed);
    pthread_mutex_unlock(&watching->pending.lock);
}

static void watchers_see_a_stranger_go(void **state)
{
    struct bench *bench = *state;
    struct service_fixture *fixture = &bench->fixture;
    (void)visit(fixture, 1);
    fake_clock_advance(&fixture->clock, LAPSED_MS);
    assert_true(eventually(is_empty, fixture));
    struct watching watching;
    const struct watch_call call = {watched, &watching};
    pending_init(&watching.pending);
    admin_watch(fixture->service, 0, 25000, &call);
    assert_true(pending_wait(&watching.pending, LONG_MS));
    assert_int_equal(watching.n, 3);
    assert_string_equal(watching.actions[0], "request");
    assert_string_equal(watching.actions[1], "expire");
    assert_string_equal(watching.actions[2], "forget");
}

static bool is_nobody_waiting(void *user)
{
    struct service_fixture *fixture = user;
    struct service_status status;
    service_get_status(fixture->service, &status);
    return status.n_pending == 0;
}

/* What could not be written is tried again once the writer has found the disk well. */
static bool is_empty_in_the_end(void *user)
{
    struct service_fixture *fixture = user;
    fake_clock_advance(&fixture->clock, 1000);
    fake_clock_advance(&fixture->monotonic, 1000);
    return is_empty(fixture);
}

static void forget_over_a_failing_disk(struct bench *bench, enum store_memory_fault fault)
{
    struct service_fixture *fixture = &bench->fixture;
    for (unsigned n = 1; n <= 5; n++) {
        (void)visit(fixture, n);
    }
    fake_clock_advance(&fixture->clock, HOUR);
    assert_true(eventually(is_nobody_waiting, fixture));
    assert_int_equal(n_records(fixture), 5);
    store_memory_fail_next(bench->store, fault);
    fake_clock_advance(&fixture->clock, PAIRING_LAPSED_KEPT_MS);
    assert_true(eventually(is_empty_in_the_end, fixture));
    struct service_status status;
    service_get_status(fixture->service, &status);
    assert_int_equal(status.identity.seq, 3 * 5); /* nobody was forgotten twice */
}

static void a_lost_commit_is_made_up_for(void **state)
{
    forget_over_a_failing_disk(*state, STORE_MEMORY_COMMIT_LOST);
}

static void a_commit_that_was_there_after_all_is_learnt_of(void **state)
{
    forget_over_a_failing_disk(*state, STORE_MEMORY_COMMIT_KEPT);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(strangers_who_went_away_are_forgotten),
        CASE(who_was_decided_on_is_not),
        CASE(a_stranger_is_forgotten_under_his_own_eyes),
        CASE(watchers_see_a_stranger_go),
        CASE(a_lost_commit_is_made_up_for),
        CASE(a_commit_that_was_there_after_all_is_learnt_of),
    };
    return cmocka_run_group_tests_name("forgetting", tests, NULL, NULL);
}
