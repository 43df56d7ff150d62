#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/pairing_flow.h"

/* ---- helpers ----------------------------------------------------------------------------- */

static struct oc_flow_step take(struct oc_flow *flow, enum oc_flow_event_kind kind)
{
    const struct oc_flow_event event = {.kind = kind};
    return oc_flow_take(flow, &event, 0);
}

static struct oc_flow_step refuse(struct oc_flow *flow, enum oc_refusal_kind refusal,
                                  uint32_t retry_after_ms)
{
    const struct oc_flow_event event = {.kind = OC_FLOW_EV_REFUSED,
                                        .refusal = refusal,
                                        .has_request = refusal == OC_REFUSAL_PAIRING_REQUIRED,
                                        .retry_after_ms = retry_after_ms};
    return oc_flow_take(flow, &event, 0);
}

static struct oc_flow asking(bool keeps_asking, bool is_once)
{
    struct oc_flow flow;
    oc_flow_init(&flow, keeps_asking, is_once);
    assert_int_equal(take(&flow, OC_FLOW_EV_START).action, OC_FLOW_DO_DIAL);
    assert_int_equal(take(&flow, OC_FLOW_EV_OPENED).action, OC_FLOW_DO_CONNECT);
    return flow;
}

static struct oc_flow waiting(void)
{
    struct oc_flow flow = asking(false, false);
    struct oc_flow_step step = refuse(&flow, OC_REFUSAL_PAIRING_REQUIRED, 0);
    assert_int_equal(step.action, OC_FLOW_DO_AWAIT_DECISION);
    assert_int_equal(step.delay_ms, 0);
    return flow;
}

static struct oc_flow in_session(void)
{
    struct oc_flow flow = asking(false, false);
    assert_int_equal(take(&flow, OC_FLOW_EV_ADMITTED).action, OC_FLOW_DO_AWAIT_NOTICE);
    return flow;
}

/* ---- the main road ----------------------------------------------------------------------- */

static void a_refused_device_waits_and_connects_at_once_when_approved(void **state)
{
    (void)state;
    struct oc_flow flow = waiting();
    struct oc_flow_step step = take(&flow, OC_FLOW_EV_APPROVED);
    assert_int_equal(step.action, OC_FLOW_DO_CONNECT);
    assert_int_equal(step.delay_ms, 0);
    assert_int_equal(take(&flow, OC_FLOW_EV_ADMITTED).action, OC_FLOW_DO_AWAIT_NOTICE);
    assert_int_equal(flow.state, OC_FLOW_SESSION);
}

static void a_lost_connection_is_dialled_again_after_a_pause(void **state)
{
    (void)state;
    struct oc_flow flows[] = {asking(false, false), waiting(), in_session()};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(take(&flows[i], OC_FLOW_EV_LOST).action, OC_FLOW_DO_SLEEP);
        assert_int_equal(take(&flows[i], OC_FLOW_EV_DELAY_OVER).action, OC_FLOW_DO_DIAL);
    }
}

static void rejected_revoked_and_blocked_end_it_wherever_they_come(void **state)
{
    (void)state;
    for (int kind = OC_REFUSAL_REJECTED; kind <= OC_REFUSAL_BLOCKED; kind++) {
        struct oc_flow flows[] = {asking(false, false), waiting(), in_session()};
        for (size_t i = 0; i < 3; i++) {
            struct oc_flow_step step = refuse(&flows[i], (enum oc_refusal_kind)kind, 5);
            assert_int_equal(step.action, OC_FLOW_DO_STOP);
            assert_int_equal(step.status, OC_PERMISSION_DENIED);
        }
    }
}

static void an_agent_that_keeps_asking_waits_a_minute_or_as_told(void **state)
{
    (void)state;
    struct oc_flow flow = asking(true, false);
    struct oc_flow_step step = refuse(&flow, OC_REFUSAL_REJECTED, 5);
    assert_int_equal(step.action, OC_FLOW_DO_SLEEP);
    assert_true(step.delay_ms >= OC_FLOW_STAY_AWAY_MS);
    flow = asking(true, false);
    assert_true(refuse(&flow, OC_REFUSAL_BLOCKED, 120000).delay_ms >= 120000);
}

static void a_wrong_gateway_ends_it_even_for_one_that_keeps_asking(void **state)
{
    (void)state;
    struct oc_flow flow;
    oc_flow_init(&flow, true, false);
    (void)take(&flow, OC_FLOW_EV_START);
    const struct oc_flow_event wrong = {.kind = OC_FLOW_EV_HOPELESS, .status = OC_UNAUTHENTICATED};
    struct oc_flow_step step = oc_flow_take(&flow, &wrong, 0);
    assert_int_equal(step.action, OC_FLOW_DO_STOP);
    assert_int_equal(step.status, OC_UNAUTHENTICATED);
}

static void once_stops_after_the_first_answer(void **state)
{
    (void)state;
    struct oc_flow flow = asking(false, true);
    struct oc_flow_step step = refuse(&flow, OC_REFUSAL_PAIRING_REQUIRED, 0);
    assert_true(step.action == OC_FLOW_DO_STOP && step.status == OC_OK);
    flow = asking(false, true);
    step = take(&flow, OC_FLOW_EV_ADMITTED);
    assert_true(step.action == OC_FLOW_DO_STOP && step.status == OC_OK);
    flow = asking(true, true);
    step = refuse(&flow, OC_REFUSAL_REJECTED, 0);
    assert_true(step.action == OC_FLOW_DO_STOP && step.status == OC_PERMISSION_DENIED);
    flow = asking(false, true);
    const struct oc_flow_event lost = {.kind = OC_FLOW_EV_LOST, .status = OC_UNAVAILABLE};
    step = oc_flow_take(&flow, &lost, 0);
    assert_true(step.action == OC_FLOW_DO_STOP && step.status == OC_UNAVAILABLE);
}

/* ---- pauses ------------------------------------------------------------------------------ */

static void pauses_double_with_full_jitter_up_to_a_bound(void **state)
{
    (void)state;
    struct oc_flow flow;
    oc_flow_init(&flow, false, false);
    (void)take(&flow, OC_FLOW_EV_START);
    const struct oc_flow_event lost = {.kind = OC_FLOW_EV_LOST, .status = OC_UNAVAILABLE};
    uint64_t window = OC_FLOW_FIRST_WINDOW_MS;
    for (int i = 0; i < 12; i++) {
        struct oc_flow low = flow;
        assert_int_equal(oc_flow_take(&low, &lost, 0).delay_ms, 0);
        struct oc_flow_step step = oc_flow_take(&flow, &lost, (uint32_t)window);
        assert_int_equal(step.delay_ms, window);
        (void)take(&flow, OC_FLOW_EV_DELAY_OVER);
        window = window * 2 > OC_FLOW_LAST_WINDOW_MS ? OC_FLOW_LAST_WINDOW_MS : window * 2;
    }
}

static void the_gateway_bounds_a_pause_from_below_but_not_for_ever(void **state)
{
    (void)state;
    const struct oc_flow_event away = {.kind = OC_FLOW_EV_AWAY, .retry_after_ms = 40000};
    struct oc_flow flow = in_session();
    assert_int_equal(oc_flow_take(&flow, &away, 0).delay_ms, 40000);
    flow = in_session();
    assert_int_equal(oc_flow_take(&flow, &away, 10000).delay_ms, 50000);
    const struct oc_flow_event never = {.kind = OC_FLOW_EV_AWAY, .retry_after_ms = UINT32_MAX};
    flow = in_session();
    assert_true(oc_flow_take(&flow, &never, UINT32_MAX).delay_ms <= 2 * OC_FLOW_MAX_RETRY_AFTER_MS);
}

static void what_went_well_shortens_the_next_pause(void **state)
{
    (void)state;
    struct oc_flow flow = in_session();
    flow.n_failures = 9;
    (void)take(&flow, OC_FLOW_EV_ALIVE);
    assert_int_equal(flow.n_failures, 0);
    flow = waiting();
    flow.n_failures = 9;
    const struct oc_flow_event settled = {.kind = OC_FLOW_EV_POLLED,
                                          .elapsed_ms = OC_FLOW_SETTLED_MS};
    (void)oc_flow_take(&flow, &settled, 0);
    assert_int_equal(flow.n_failures, 0);
}

static void a_gateway_that_answers_waits_at_once_is_paced(void **state)
{
    (void)state;
    const struct oc_flow_event quick = {.kind = OC_FLOW_EV_POLLED, .elapsed_ms = 1};
    struct oc_flow flows[] = {waiting(), in_session()};
    for (size_t i = 0; i < 2; i++) {
        flows[i].n_failures = 3;
        struct oc_flow_step step = oc_flow_take(&flows[i], &quick, 0);
        assert_int_equal(step.delay_ms, OC_FLOW_MIN_POLL_MS - 1);
        assert_int_equal(flows[i].n_failures, 3);
    }
}

static void a_gateway_that_approves_and_refuses_in_turn_is_left(void **state)
{
    (void)state;
    struct oc_flow flow = asking(false, false);
    int n_asks = 1;
    while (refuse(&flow, OC_REFUSAL_PAIRING_REQUIRED, 0).action == OC_FLOW_DO_AWAIT_DECISION) {
        assert_int_equal(take(&flow, OC_FLOW_EV_APPROVED).action, OC_FLOW_DO_CONNECT);
        n_asks++;
        assert_true(n_asks < 100);
    }
    assert_int_equal(n_asks, OC_FLOW_MAX_ASKS + 1);
    assert_int_equal(flow.state, OC_FLOW_BACKOFF);
}

/* ---- all of it --------------------------------------------------------------------------- */

static void a_request_that_lapsed_is_asked_anew_on_a_fresh_connection(void **state)
{
    (void)state;
    struct oc_flow flows[] = {waiting(), in_session()};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(refuse(&flows[i], OC_REFUSAL_PAIRING_REQUIRED, 7).action,
                         OC_FLOW_DO_SLEEP);
    }
}

/* The events that may do anything in each state; every other one must change nothing. */
static const unsigned lively[OC_FLOW_STATE_COUNT] = {
    [OC_FLOW_IDLE] = 1U << OC_FLOW_EV_START | 1U << OC_FLOW_EV_STOP,
    [OC_FLOW_DIALLING] = 1U << OC_FLOW_EV_OPENED | 1U << OC_FLOW_EV_LOST |
                         1U << OC_FLOW_EV_HOPELESS | 1U << OC_FLOW_EV_STOP,
    [OC_FLOW_ASKING] = 1U << OC_FLOW_EV_ADMITTED | 1U << OC_FLOW_EV_REFUSED |
                       1U << OC_FLOW_EV_LOST | 1U << OC_FLOW_EV_HOPELESS | 1U << OC_FLOW_EV_STOP,
    [OC_FLOW_WAITING] = 1U << OC_FLOW_EV_APPROVED | 1U << OC_FLOW_EV_POLLED |
                        1U << OC_FLOW_EV_REFUSED | 1U << OC_FLOW_EV_AWAY | 1U << OC_FLOW_EV_LOST |
                        1U << OC_FLOW_EV_STOP,
    [OC_FLOW_SESSION] = 1U << OC_FLOW_EV_POLLED | 1U << OC_FLOW_EV_ALIVE |
                        1U << OC_FLOW_EV_REFUSED | 1U << OC_FLOW_EV_AWAY | 1U << OC_FLOW_EV_LOST |
                        1U << OC_FLOW_EV_STOP,
    [OC_FLOW_BACKOFF] = 1U << OC_FLOW_EV_DELAY_OVER | 1U << OC_FLOW_EV_STOP,
    [OC_FLOW_STOPPED] = 0,
};

static void every_event_that_does_not_belong_changes_nothing(void **state)
{
    (void)state;
    for (int s = 0; s < OC_FLOW_STATE_COUNT; s++) {
        for (int e = 0; e < OC_FLOW_EVENT_COUNT; e++) {
            const struct oc_flow before = {.state = (enum oc_flow_state)s, .n_failures = 5};
            struct oc_flow flow = before;
            struct oc_flow_step step = take(&flow, (enum oc_flow_event_kind)e);
            bool did = step.action != OC_FLOW_DO_NOTHING || flow.state != before.state ||
                       flow.n_failures != before.n_failures || flow.n_asks != before.n_asks;
            assert_int_equal(did, (lively[s] >> e & 1U) != 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_device_waits_and_connects_at_once_when_approved),
        cmocka_unit_test(a_lost_connection_is_dialled_again_after_a_pause),
        cmocka_unit_test(rejected_revoked_and_blocked_end_it_wherever_they_come),
        cmocka_unit_test(an_agent_that_keeps_asking_waits_a_minute_or_as_told),
        cmocka_unit_test(a_wrong_gateway_ends_it_even_for_one_that_keeps_asking),
        cmocka_unit_test(once_stops_after_the_first_answer),
        cmocka_unit_test(pauses_double_with_full_jitter_up_to_a_bound),
        cmocka_unit_test(the_gateway_bounds_a_pause_from_below_but_not_for_ever),
        cmocka_unit_test(what_went_well_shortens_the_next_pause),
        cmocka_unit_test(a_gateway_that_answers_waits_at_once_is_paced),
        cmocka_unit_test(a_gateway_that_approves_and_refuses_in_turn_is_left),
        cmocka_unit_test(a_request_that_lapsed_is_asked_anew_on_a_fresh_connection),
        cmocka_unit_test(every_event_that_does_not_belong_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
