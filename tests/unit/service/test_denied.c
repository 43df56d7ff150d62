/* Refused calls are audited, and no local user can make the audit grow by them without limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/service/denied_limit.h"
#include "tests/support/service_fixture.h"

enum {
    LONG_MS = 10 * 1000,
    MANY = 1000,
};

static int set_up(void **state)
{
    struct service_fixture *fixture = malloc(sizeof *fixture);
    fixture_init(fixture);
    fixture_start(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    fixture_stop(*state);
    free(*state);
    return 0;
}

struct reading {
    struct pending_call pending;
    size_t n;
    struct store_audit_row last;
};

static void read_rows(void *user, const struct audit_result *result)
{
    struct reading *reading = user;
    pthread_mutex_lock(&reading->pending.lock);
    reading->n = result->n;
    if (result->n > 0) {
        reading->last = result->rows[result->n - 1];
    }
    reading->pending.is_done = true;
    pthread_cond_broadcast(&reading->pending.changed);
    pthread_mutex_unlock(&reading->pending.lock);
}

static struct reading read_audit(struct service_fixture *fixture)
{
    static struct reading reading;
    const struct store_audit_query query = {.limit = STORE_MAX_PAGE};
    const struct audit_call call = {.done = read_rows, .user = &reading};
    pending_init(&reading.pending);
    admin_list_audit(fixture->service, &query, &call);
    assert_true(pending_wait(&reading.pending, LONG_MS));
    return reading;
}

static void refuse(struct service_fixture *fixture, unsigned uid)
{
    struct audit_actor actor = {.source = "local"};
    (void)snprintf(actor.name, sizeof actor.name, "uid:%u", uid);
    admin_record_denied(fixture->service, &actor, "openclaw.v1.AdminService/Approve", "role");
}

static void one_user_gets_a_few_rows_and_then_one_at_times_that_tells_how_many(void **state)
{
    struct service_fixture *fixture = *state;
    for (int i = 0; i < MANY; i++) {
        refuse(fixture, 1001);
    }
    struct reading reading = read_audit(fixture);
    assert_int_equal(reading.n, DENIED_BURST);
    assert_string_equal(reading.last.event.action, "denied");
    assert_string_equal(reading.last.event.outcome, "permission_denied");
    assert_string_equal(reading.last.event.actor.name, "uid:1001");
    assert_string_equal(reading.last.event.reason, "role");
    assert_string_equal(reading.last.event.detail, "openclaw.v1.AdminService/Approve");
    fake_clock_advance(&fixture->monotonic, DENIED_EVERY_S * 1000);
    refuse(fixture, 1001);
    refuse(fixture, 1001);
    reading = read_audit(fixture);
    assert_int_equal(reading.n, DENIED_BURST + 1);
    assert_string_equal(reading.last.event.reason,
                        "role; and 992 refused calls since the last such record");
}

static void another_user_is_still_recorded_and_so_is_what_administrators_do(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    for (int i = 0; i < MANY; i++) {
        refuse(fixture, 1001);
    }
    refuse(fixture, 1002);
    assert_string_equal(read_audit(fixture).last.event.actor.name, "uid:1002");
    device_open(fixture, &device, 1);
    (void)device_connect(&device);
    (void)admin_decide_on(fixture, PAIRING_EV_REVOKE, &device.id); /* never approved: refused */
    assert_string_equal(read_audit(fixture).last.event.action, "revoke");
    device_close(&device);
}

/* Whoever has many user ids pushes his own out of the table; all together have a bound of their
 * own. */
static void many_users_together_are_bounded_too(void **state)
{
    struct service_fixture *fixture = *state;
    for (unsigned uid = 0; uid < MANY; uid++) {
        refuse(fixture, uid);
    }
    assert_int_equal(read_audit(fixture).n, DENIED_BURST_OF_ALL);
    fake_clock_advance(&fixture->monotonic, 24 * 3600 * 1000LL);
    for (unsigned uid = 0; uid < MANY; uid++) {
        refuse(fixture, uid);
    }
    assert_int_equal(read_audit(fixture).n, 2 * DENIED_BURST_OF_ALL);
}

static void a_row_that_was_not_written_is_counted_with_what_it_told(void **state)
{
    (void)state;
    struct denied_limit limit;
    uint64_t n = 0;
    denied_limit_init(&limit, 0);
    for (int i = 0; i < DENIED_BURST; i++) {
        assert_true(denied_limit_take(&limit, "uid:1", 0, &n));
        assert_int_equal(n, 0);
    }
    assert_false(denied_limit_take(&limit, "uid:1", 0, &n));
    assert_false(denied_limit_take(&limit, "uid:1", 0, &n));
    assert_true(denied_limit_take(&limit, "uid:2", 0, &n));
    assert_int_equal(n, 2);
    denied_limit_give_back(&limit, n);
    assert_true(denied_limit_take(&limit, "uid:2", 0, &n));
    assert_int_equal(n, 3);
    denied_limit_deinit(&limit);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_user_gets_a_few_rows_and_then_one_at_times_that_tells_how_many),
        TEST(another_user_is_still_recorded_and_so_is_what_administrators_do),
        TEST(many_users_together_are_bounded_too),
        cmocka_unit_test(a_row_that_was_not_written_is_counted_with_what_it_told),
    };
    return cmocka_run_group_tests_name("denied", tests, NULL, NULL);
}
