/* When all places for open requests are taken: who gives way, who never does, and what he is told.
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
    MOST = 8,
    MOST_PER_SOURCE = 4,
    LONG_MS = 10 * 1000,
    DAY_MS = 24 * 60 * 60 * 1000,
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
    bench->fixture.options.max_pending = MOST;
    bench->fixture.options.max_pending_per_source = MOST_PER_SOURCE;
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

static uint64_t n_pending(struct bench *bench)
{
    struct service_status status;
    service_get_status(bench->fixture.service, &status);
    return status.n_pending;
}

static bool is_open(struct bench *bench, const struct device *device)
{
    struct device_view view;
    return view_of(&bench->fixture, &device->id, &view) && view.pairing.request.is_open;
}

/* The n-th device asks from an address and leaves. */
static struct connect_result ask_from(struct bench *bench, unsigned n, const char *address)
{
    struct device device;
    device_open_from(&bench->fixture, &device, n, address);
    struct connect_result result = device_connect(&device);
    device_close(&device);
    return result;
}

static void fill(struct bench *bench, unsigned first, unsigned n, const char *address)
{
    for (unsigned i = 0; i < n; i++) {
        struct connect_result asked = ask_from(bench, first + i, address);
        assert_int_equal(asked.refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    }
}

static void a_newcomer_takes_the_place_of_the_fullest_source(void **state)
{
    struct bench *bench = *state;
    struct device early, late, newcomer;
    struct pending_call wait;
    device_open_from(&bench->fixture, &early, 100, "203.0.113.1");
    (void)device_connect(&early);
    fill(bench, 1, 2, "203.0.113.1");
    device_open_from(&bench->fixture, &late, 101, "203.0.113.1");
    struct connect_result asked = device_connect(&late);
    device_wait_start(&late, &asked.refusal.request_id, 25000, &wait);
    fill(bench, 10, 3, "203.0.113.2");
    fill(bench, 20, 1, "203.0.113.3");
    assert_int_equal(n_pending(bench), MOST);

    int64_t n_shed = metric_get(METRIC_REQUESTS_SHED_TOTAL);
    device_open_from(&bench->fixture, &newcomer, 102, "198.51.100.1");
    assert_int_equal(device_connect(&newcomer).refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    assert_true(is_open(bench, &newcomer));
    assert_int_equal(n_pending(bench), MOST);
    assert_int_equal(metric_get(METRIC_REQUESTS_SHED_TOTAL) - n_shed, 1);
    assert_true(is_open(bench, &early)); /* the newest goes */
    assert_false(is_open(bench, &late));
    assert_true(pending_wait(&wait, LONG_MS));
    assert_int_equal(wait.result.wait.outcome, WAIT_NOT_DECIDED);
    assert_int_equal(wait.result.wait.refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    assert_in_range(wait.result.wait.refusal.retry_after_ms, 1000, 10000);
    assert_int_equal(atomic_load(&late.n_cuts), 0);

    struct connect_result again = device_connect(&late);
    assert_string_equal(again.refusal.request_id.text, "");
    assert_int_equal(again.refusal.kind, OC_REFUSAL_BUSY); /* it would be the fullest */
    device_close(&early);
    device_close(&late);
    device_close(&newcomer);
}

static void the_shed_ask_comes_back_under_its_id(void **state)
{
    struct bench *bench = *state;
    struct device device;
    fill(bench, 1, 3, "203.0.113.1");
    device_open_from(&bench->fixture, &device, 100, "203.0.113.1");
    struct connect_result first = device_connect(&device);
    for (unsigned i = 0; i < 5; i++) {
        char address[OC_MAX_SOURCE_BYTES + 1];
        (void)snprintf(address, sizeof address, "198.51.%u.1", 100 + i);
        fill(bench, 10 + i, 1, address);
    }
    assert_false(is_open(bench, &device));
    for (unsigned n = 1; n <= 2; n++) {
        struct oc_device_id id;
        struct device other;
        device_open_from(&bench->fixture, &other, n, "203.0.113.1");
        id = other.id;
        assert_int_equal(admin_decide_on(&bench->fixture, PAIRING_EV_REJECT, &id).status, OC_OK);
        device_close(&other);
    }
    struct connect_result again = device_connect(&device);
    assert_string_equal(again.refusal.request_id.text, first.refusal.request_id.text);
    assert_true(is_open(bench, &device));
    device_close(&device);
}

static void a_source_beyond_its_share_sheds_nobody(void **state)
{
    struct bench *bench = *state;
    int64_t n_shed = metric_get(METRIC_REQUESTS_SHED_TOTAL);
    int64_t n_refused = metric_get(METRIC_REQUESTS_REFUSED_AT_CAP_TOTAL);
    fill(bench, 1, MOST_PER_SOURCE, "203.0.113.1");
    struct connect_result refused = ask_from(bench, 50, "203.0.113.1");
    assert_int_equal(refused.refusal.kind, OC_REFUSAL_BUSY);
    assert_true(refused.refusal.retry_after_ms > 0);
    assert_int_equal(n_pending(bench), MOST_PER_SOURCE);
    assert_int_equal(metric_get(METRIC_REQUESTS_SHED_TOTAL), n_shed);
    assert_int_equal(metric_get(METRIC_REQUESTS_REFUSED_AT_CAP_TOTAL), n_refused + 1);
    fill(bench, 60, 1, "203.0.113.2");
}

static void expect(struct bench *bench, const struct oc_device_id *id)
{
    struct decide_command command = {.kind = PAIRING_EV_EXPECT, .device_id = *id};
    assert_int_equal(admin_do(&bench->fixture, &command).status, OC_OK);
}

/* From the very address that floods. */
static void the_announced_get_in_and_are_never_shed(void **state)
{
    struct bench *bench = *state;
    struct device before, after;
    device_open_from(&bench->fixture, &before, 100, "203.0.113.1");
    (void)device_connect(&before);
    expect(bench, &before.id);
    fill(bench, 1, MOST_PER_SOURCE, "203.0.113.1");
    fill(bench, 11, MOST_PER_SOURCE, "203.0.113.2");
    assert_int_equal(n_pending(bench), MOST + 1);
    device_open_from(&bench->fixture, &after, 101, "203.0.113.1");
    expect(bench, &after.id);
    assert_int_equal(device_connect(&after).refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    for (unsigned i = 0; i < 40; i++) {
        char address[OC_MAX_SOURCE_BYTES + 1];
        (void)snprintf(address, sizeof address, "198.51.100.%u", 1 + i);
        (void)ask_from(bench, 200 + i, address);
    }
    assert_true(is_open(bench, &before) && is_open(bench, &after));
    assert_int_equal(n_pending(bench), MOST + 2);
    /* Nobody came to decide: from now on they are strangers like others. */
    fake_clock_advance(&bench->fixture.clock, 7 * (int64_t)DAY_MS);
    device_close(&before);
    device_close(&after);
}

static void an_approved_device_asks_for_more_whatever_strangers_do(void **state)
{
    struct bench *bench = *state;
    struct device device;
    device_open_from(&bench->fixture, &device, 100, "203.0.113.1");
    (void)device_connect(&device);
    assert_int_equal(admin_decide_on(&bench->fixture, PAIRING_EV_APPROVE, &device.id).status,
                     OC_OK);
    fill(bench, 1, MOST_PER_SOURCE, "203.0.113.1");
    fill(bench, 11, MOST_PER_SOURCE, "203.0.113.2");
    (void)snprintf(device.facts.ask.grant.scopes[device.facts.ask.grant.n_scopes++],
                   OC_MAX_SCOPE_BYTES + 1, "tools");
    assert_true(device_connect(&device).has_session);
    assert_true(is_open(bench, &device));
    for (unsigned i = 0; i < 20; i++) {
        char address[OC_MAX_SOURCE_BYTES + 1];
        (void)snprintf(address, sizeof address, "198.51.100.%u", 1 + i);
        (void)ask_from(bench, 200 + i, address);
    }
    assert_true(is_open(bench, &device));
    assert_int_equal(n_pending(bench), MOST + 1);
    device_close(&device);
}

/* Each from an address of its own, far apart: only chance decides, and the places stay taken. */
static void a_flood_from_everywhere_never_takes_more_than_all_places(void **state)
{
    struct bench *bench = *state;
    unsigned n_in = 0;
    for (unsigned i = 0; i < 400; i++) {
        char address[OC_MAX_SOURCE_BYTES + 1];
        (void)snprintf(address, sizeof address, "%u.%u.0.1", 11 + i % 100, i / 100);
        n_in += ask_from(bench, 1 + i, address).refusal.kind == OC_REFUSAL_PAIRING_REQUIRED;
        assert_true(n_pending(bench) <= MOST);
    }
    assert_int_equal(n_pending(bench), MOST);
    assert_in_range(n_in, 300, 400);
    struct service_status status;
    service_get_status(bench->fixture.service, &status);
    assert_int_equal(status.n_records, MOST); /* nobody left a trace */
}

static bool has_recovered(void *user)
{
    struct service_status status;
    service_get_status(((struct bench *)user)->fixture.service, &status);
    return status.failing_since_ms == 0;
}

static void connect_over_a_failing_disk(struct bench *bench, struct device *device,
                                        enum store_memory_fault fault)
{
    store_memory_fail_next(bench->store, fault);
    struct connect_result result = device_connect(device);
    assert_false(result.has_session);
    fake_clock_advance(&bench->fixture.monotonic, 10 * 1000);
    assert_true(eventually(has_recovered, bench));
}

static void who_stays_connected_outlasts_a_flood_that_asks_and_leaves(void **state)
{
    struct bench *bench = *state;
    struct device device;
    device_open_from(&bench->fixture, &device, 1000, "203.0.113.1");
    (void)device_connect(&device);
    for (unsigned i = 0; i < 300; i++) {
        char address[OC_MAX_SOURCE_BYTES + 1];
        (void)snprintf(address, sizeof address, "%u.%u.0.1", 11 + i % 100, i / 100);
        (void)ask_from(bench, 1 + i, address);
        assert_true(is_open(bench, &device));
    }
    assert_int_equal(n_pending(bench), MOST);
    device_close(&device);
}

static void a_lost_commit_gives_the_place_back(void **state)
{
    struct bench *bench = *state;
    struct device newcomer;
    fill(bench, 1, MOST_PER_SOURCE, "203.0.113.1");
    fill(bench, 11, MOST_PER_SOURCE, "203.0.113.2");
    device_open_from(&bench->fixture, &newcomer, 100, "198.51.100.1");
    connect_over_a_failing_disk(bench, &newcomer, STORE_MEMORY_COMMIT_LOST);
    assert_int_equal(n_pending(bench), MOST);
    struct connect_result refused = ask_from(bench, 50, "203.0.113.1");
    assert_int_equal(refused.refusal.kind, OC_REFUSAL_BUSY); /* its share is taken as before */
    refused = ask_from(bench, 51, "203.0.113.2");
    assert_int_equal(refused.refusal.kind, OC_REFUSAL_BUSY);
    assert_int_equal(device_connect(&newcomer).refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    assert_int_equal(n_pending(bench), MOST);
    device_close(&newcomer);
}

static void a_commit_that_was_there_leaves_nobody_counted_twice(void **state)
{
    struct bench *bench = *state;
    struct device newcomer;
    fill(bench, 1, MOST_PER_SOURCE, "203.0.113.1");
    fill(bench, 11, MOST_PER_SOURCE, "203.0.113.2");
    device_open_from(&bench->fixture, &newcomer, 100, "198.51.100.1");
    connect_over_a_failing_disk(bench, &newcomer, STORE_MEMORY_COMMIT_KEPT);
    assert_int_equal(n_pending(bench), MOST);
    assert_true(is_open(bench, &newcomer));
    fill(bench, 60, 1, "198.51.100.2");
    assert_int_equal(n_pending(bench), MOST);
    device_close(&newcomer);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_newcomer_takes_the_place_of_the_fullest_source),
        CASE(the_shed_ask_comes_back_under_its_id),
        CASE(a_source_beyond_its_share_sheds_nobody),
        CASE(the_announced_get_in_and_are_never_shed),
        CASE(an_approved_device_asks_for_more_whatever_strangers_do),
        CASE(a_flood_from_everywhere_never_takes_more_than_all_places),
        CASE(who_stays_connected_outlasts_a_flood_that_asks_and_leaves),
        CASE(a_lost_commit_gives_the_place_back),
        CASE(a_commit_that_was_there_leaves_nobody_counted_twice),
    };
    return cmocka_run_group_tests_name("shedding", tests, NULL, NULL);
}
