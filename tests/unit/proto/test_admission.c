/* Who comes to a listener: caps, the line, and who is next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/rpc/admission.h"

static struct oc_source v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct oc_source){.address = {[10] = 0xff, [11] = 0xff, a, b, c, d}};
}

static struct oc_source v6(uint8_t network, uint8_t host)
{
    return (struct oc_source){.address = {0x20, 0x01, 0x0d, 0xb8, [7] = network, [15] = host}};
}

static struct oc_admission *make(unsigned arrivals, unsigned per_source, unsigned begun,
                                 unsigned begun_per_source)
{
    const struct oc_admission_limits limits = {.max_arrivals = arrivals,
                                               .max_arrivals_per_source = per_source,
                                               .max_begun = begun,
                                               .max_begun_per_source = begun_per_source};
    struct oc_admission *admission = oc_admission_new(&limits, 42);
    assert_non_null(admission);
    return admission;
}

static bool arrive(struct oc_admission *admission, const struct oc_source source,
                   struct oc_admission_place *its)
{
    struct oc_admission_place *loser = NULL;
    *its = (struct oc_admission_place){.source = NULL};
    const bool is_in = oc_admission_arrive(admission, &source, false, false, its, &loser);
    assert_null(loser);
    return is_in;
}

static void line_up(struct oc_admission *admission, const struct oc_source source,
                    struct oc_admission_place *its)
{
    assert_true(arrive(admission, source, its));
    oc_admission_line_up(admission, its);
}

static void leave_all(struct oc_admission *admission, struct oc_admission_place *places, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        oc_admission_leave(admission, &places[i], false);
    }
    assert_int_equal(oc_admission_n_arrivals(admission), 0);
    assert_int_equal(oc_admission_n_begun(admission), 0);
    oc_admission_free(admission);
}

/* ---- arriving ------------------------------------------------------------------------------ */

static void each_source_has_its_own_bound(void **state)
{
    (void)state;
    struct oc_admission *admission = make(10, 2, 10, 10);
    struct oc_admission_place places[5];
    assert_true(arrive(admission, v4(10, 0, 0, 1), &places[0]));
    assert_true(arrive(admission, v4(10, 0, 0, 1), &places[1]));
    assert_false(arrive(admission, v4(10, 0, 0, 1), &places[2]));
    assert_true(arrive(admission, v4(10, 0, 0, 2), &places[3]));
    assert_ptr_equal(oc_admission_lane(&places[0]), oc_admission_lane(&places[1]));
    assert_ptr_not_equal(oc_admission_lane(&places[0]), oc_admission_lane(&places[3]));
    oc_admission_leave(admission, &places[0], false);
    assert_true(arrive(admission, v4(10, 0, 0, 1), &places[4]));
    assert_int_equal(oc_admission_n_arrivals(admission), 3);
    leave_all(admission, places, 5);
}

static void the_hosts_of_one_ipv6_network_are_one_source(void **state)
{
    (void)state;
    struct oc_admission *admission = make(10, 2, 10, 10);
    struct oc_admission_place places[4];
    assert_true(arrive(admission, v6(1, 1), &places[0]));
    assert_true(arrive(admission, v6(1, 2), &places[1]));
    assert_false(arrive(admission, v6(1, 3), &places[2]));
    assert_true(arrive(admission, v6(2, 1), &places[3]));
    leave_all(admission, places, 4);
}

static void neither_the_exempt_nor_the_local_have_a_bound_of_their_own(void **state)
{
    (void)state;
    struct oc_admission *admission = make(10, 2, 10, 2);
    const struct oc_source local = {.is_local = true};
    const struct oc_source nat = v4(10, 0, 0, 1);
    struct oc_admission_place places[6];
    struct oc_admission_place *loser = NULL;
    memset(places, 0, sizeof places);
    for (size_t i = 0; i < 6; i++) {
        const struct oc_source *source = i < 3 ? &local : &nat;
        assert_true(oc_admission_arrive(admission, source, i >= 3, false, &places[i], &loser));
        assert_true(oc_admission_begin(admission, &places[i]));
    }
    leave_all(admission, places, 6);
}

static void the_fullest_source_gives_way_to_a_newcomer(void **state)
{
    (void)state;
    struct oc_admission *admission = make(4, 4, 10, 10);
    struct oc_admission_place places[6];
    struct oc_admission_place *loser = NULL;
    memset(places, 0, sizeof places);
    for (size_t i = 0; i < 3; i++) {
        line_up(admission, v4(10, 0, 0, 1), &places[i]);
    }
    line_up(admission, v4(10, 0, 0, 2), &places[3]);
    const struct oc_source newcomer = v4(10, 0, 0, 3);
    assert_true(oc_admission_arrive(admission, &newcomer, false, false, &places[4], &loser));
    assert_ptr_equal(loser, &places[2]); /* the newest of the fullest */
    assert_int_equal(loser->state, OC_ADMISSION_SHED);
    assert_int_equal(oc_admission_n_arrivals(admission), 4);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_not_equal(oc_admission_call(admission), &places[2]);
    }
    assert_null(oc_admission_call(admission));
    leave_all(admission, places, 6);
}

static void where_it_is_tight_somebody_goes_for_each_newcomer(void **state)
{
    (void)state;
    struct oc_admission *admission = make(100, 100, 10, 10);
    struct oc_admission_place places[3];
    struct oc_admission_place *loser = NULL;
    memset(places, 0, sizeof places);
    const struct oc_source first = v4(10, 0, 0, 1);
    const struct oc_source second = v4(10, 0, 0, 2);
    assert_false(oc_admission_arrive(admission, &first, false, true, &places[0], &loser));
    assert_true(arrive(admission, first, &places[0]));
    assert_true(arrive(admission, first, &places[1]));
    assert_true(oc_admission_arrive(admission, &second, false, true, &places[2], &loser));
    assert_ptr_equal(loser, &places[1]);
    leave_all(admission, places, 3);
}

/* ---- the line ------------------------------------------------------------------------------ */

static void who_finds_a_free_place_begins_and_who_does_not_waits(void **state)
{
    (void)state;
    struct oc_admission *admission = make(10, 10, 2, 2);
    struct oc_admission_place places[4];
    for (uint8_t i = 0; i < 4; i++) {
        assert_true(arrive(admission, v4(10, 0, 0, i), &places[i]));
        assert_int_equal(oc_admission_begin(admission, &places[i]), i < 2);
        oc_admission_line_up(admission, &places[i]);
    }
    assert_null(oc_admission_call(admission));
    assert_int_equal(oc_admission_n_begun(admission), 2);
    assert_int_equal(oc_admission_n_arrivals(admission), 2);
    oc_admission_leave(admission, &places[0], true);
    struct oc_admission_place *next = oc_admission_call(admission);
    assert_true(next == &places[2] || next == &places[3]);
    assert_true(oc_admission_begin(admission, next)); /* it has */
    assert_null(oc_admission_call(admission));
    leave_all(admission, places, 4);
}

static void a_source_begins_no_more_than_its_share_and_in_order(void **state)
{
    (void)state;
    struct oc_admission *admission = make(10, 10, 10, 2);
    struct oc_admission_place places[5];
    for (size_t i = 0; i < 4; i++) {
        line_up(admission, v4(10, 0, 0, 1), &places[i]);
    }
    assert_ptr_equal(oc_admission_call(admission), &places[0]);
    assert_ptr_equal(oc_admission_call(admission), &places[1]);
    assert_null(oc_admission_call(admission));
    assert_true(arrive(admission, v4(10, 0, 0, 2), &places[4]));
    assert_true(oc_admission_begin(admission, &places[4])); /* another's share */
    oc_admission_leave(admission, &places[2], false);       /* went, in line */
    oc_admission_leave(admission, &places[0], false);
    assert_ptr_equal(oc_admission_call(admission), &places[3]);
    assert_null(oc_admission_call(admission));
    leave_all(admission, places, 5);
}

/* A thousand addresses of one network wait; the one of another network is drawn soon. The chance
 * that it is not is below a millionth. */
static void a_wide_network_in_line_does_not_keep_another_waiting(void **state)
{
    (void)state;
    enum { N = 1000, SOON = 60 };
    struct oc_admission *admission = make(2 * N, N, 2 * N, 2 * N);
    static struct oc_admission_place places[N + 1];
    for (unsigned i = 0; i < N; i++) {
        line_up(admission, v4(10, 66, (uint8_t)(i / 250), (uint8_t)(i % 250)), &places[i]);
    }
    line_up(admission, v4(203, 0, 113, 9), &places[N]);
    unsigned n_calls = 0;
    while (places[N].state == OC_ADMISSION_LINED_UP) {
        assert_non_null(oc_admission_call(admission));
        n_calls++;
    }
    assert_in_range(n_calls, 1, SOON);
    leave_all(admission, places, N + 1);
}

/* Nor does one address in each of many regions keep a fleet in one region waiting. */
static void a_fleet_of_one_network_gets_its_part_among_many_networks(void **state)
{
    (void)state;
    enum { FLEET = 400, WIDE = 200, CALLS = 200 };
    struct oc_admission *admission = make(1000, 1000, 1000, 1000);
    static struct oc_admission_place places[FLEET + WIDE];
    for (unsigned i = 0; i < FLEET; i++) {
        line_up(admission, v4(10, 66, (uint8_t)(i / 250), (uint8_t)(i % 250)), &places[i]);
    }
    for (unsigned i = 0; i < WIDE; i++) {
        line_up(admission, v4((uint8_t)(11 + i), 1, 1, 1), &places[FLEET + i]);
    }
    unsigned n_fleet = 0;
    for (unsigned i = 0; i < CALLS; i++) {
        n_fleet += oc_admission_call(admission) < &places[FLEET];
    }
    assert_in_range(n_fleet, CALLS / 5, CALLS); /* a third of them on average */
    leave_all(admission, places, FLEET + WIDE);
}

/* ---- giving way ---------------------------------------------------------------------------- */

static void as_many_give_way_as_wait(void **state)
{
    (void)state;
    struct oc_admission *admission = make(10, 10, 3, 3);
    struct oc_admission_place places[5];
    for (uint8_t i = 0; i < 3; i++) {
        assert_true(arrive(admission, v4(10, 0, 0, i), &places[i]));
        assert_true(oc_admission_begin(admission, &places[i]));
    }
    assert_false(oc_admission_gives_way(admission, &places[0])); /* nobody waits */
    line_up(admission, v4(10, 0, 1, 1), &places[3]);
    line_up(admission, v4(10, 0, 1, 2), &places[4]);
    assert_true(oc_admission_gives_way(admission, &places[0]));
    assert_false(oc_admission_gives_way(admission, &places[0])); /* it goes already */
    assert_true(oc_admission_gives_way(admission, &places[1]));
    assert_false(oc_admission_gives_way(admission, &places[2]));
    assert_null(oc_admission_call(admission)); /* their state is there until they are gone */
    oc_admission_leave(admission, &places[0], false);
    assert_non_null(oc_admission_call(admission));
    leave_all(admission, places, 5);
}

static void who_waits_for_its_own_source_is_waited_for(void **state)
{
    (void)state;
    struct oc_admission *admission = make(10, 10, 10, 1);
    struct oc_admission_place places[3];
    assert_true(arrive(admission, v4(10, 0, 0, 1), &places[0]));
    assert_true(oc_admission_begin(admission, &places[0]));
    assert_true(arrive(admission, v4(10, 0, 0, 2), &places[1]));
    assert_true(oc_admission_begin(admission, &places[1]));
    line_up(admission, v4(10, 0, 0, 1), &places[2]);
    assert_false(oc_admission_gives_way(admission, &places[1])); /* that would help nobody */
    assert_true(oc_admission_gives_way(admission, &places[0]));
    leave_all(admission, places, 3);
}

static void a_machine_that_does_what_it_can_keeps_its_places(void **state)
{
    (void)state;
    struct oc_admission *admission = make(10, 10, 2, 2);
    struct oc_admission_place places[4];
    for (size_t i = 0; i < 2; i++) {
        assert_true(arrive(admission, v4(10, 0, 0, 1), &places[i]));
        assert_true(oc_admission_begin(admission, &places[i]));
    }
    line_up(admission, v4(10, 0, 0, 1), &places[2]);
    line_up(admission, v4(10, 0, 0, 1), &places[3]);
    oc_admission_leave(admission, &places[0], true);
    assert_ptr_equal(oc_admission_call(admission), &places[2]);
    assert_false(oc_admission_gives_way(admission, &places[1])); /* another opened meanwhile */
    assert_true(oc_admission_gives_way(admission, &places[2]));  /* and not since this began */
    leave_all(admission, places, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_source_has_its_own_bound),
        cmocka_unit_test(the_hosts_of_one_ipv6_network_are_one_source),
        cmocka_unit_test(neither_the_exempt_nor_the_local_have_a_bound_of_their_own),
        cmocka_unit_test(the_fullest_source_gives_way_to_a_newcomer),
        cmocka_unit_test(where_it_is_tight_somebody_goes_for_each_newcomer),
        cmocka_unit_test(who_finds_a_free_place_begins_and_who_does_not_waits),
        cmocka_unit_test(a_source_begins_no_more_than_its_share_and_in_order),
        cmocka_unit_test(a_wide_network_in_line_does_not_keep_another_waiting),
        cmocka_unit_test(a_fleet_of_one_network_gets_its_part_among_many_networks),
        cmocka_unit_test(as_many_give_way_as_wait),
        cmocka_unit_test(who_waits_for_its_own_source_is_waited_for),
        cmocka_unit_test(a_machine_that_does_what_it_can_keeps_its_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
