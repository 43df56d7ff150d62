#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/rpc/source_table.h"

static struct oc_source v4(uint8_t last)
{
    struct oc_source source = {.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0}};
    source.address[15] = last;
    return source;
}

static struct oc_source v6(uint8_t network, uint8_t host)
{
    struct oc_source source = {.address = {0x20, 0x01, 0x0d, 0xb8}};
    source.address[7] = network;
    source.address[15] = host;
    return source;
}

static void each_source_has_its_own_bound(void **state)
{
    (void)state;
    struct oc_source_table *table = oc_source_table_new(10, 2);
    const struct oc_source one = v4(1);
    const struct oc_source two = v4(2);
    struct oc_lane *lane = oc_source_table_enter(table, &one, false);
    assert_non_null(lane);
    assert_ptr_equal(oc_source_table_enter(table, &one, false), lane);
    assert_null(oc_source_table_enter(table, &one, false));
    struct oc_lane *other = oc_source_table_enter(table, &two, false);
    assert_non_null(other);
    assert_ptr_not_equal(other, lane);
    oc_source_table_leave(table, lane);
    assert_non_null(oc_source_table_enter(table, &one, false));
    assert_int_equal(oc_source_table_total(table), 3);
    oc_source_table_free(table);
}

static void the_hosts_of_one_ipv6_network_are_one_source(void **state)
{
    (void)state;
    struct oc_source_table *table = oc_source_table_new(10, 2);
    const struct oc_source a = v6(1, 1);
    const struct oc_source b = v6(1, 2);
    const struct oc_source c = v6(1, 3);
    const struct oc_source elsewhere = v6(2, 1);
    assert_non_null(oc_source_table_enter(table, &a, false));
    assert_non_null(oc_source_table_enter(table, &b, false));
    assert_null(oc_source_table_enter(table, &c, false));
    assert_non_null(oc_source_table_enter(table, &elsewhere, false));
    oc_source_table_free(table);
}

static void the_total_bounds_all_sources(void **state)
{
    (void)state;
    struct oc_source_table *table = oc_source_table_new(300, 2);
    struct oc_lane *lanes[300];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 300; i++) {
            struct oc_source source = v4((uint8_t)i);
            source.address[14] = (uint8_t)(i >> 8);
            lanes[i] = oc_source_table_enter(table, &source, false);
            assert_non_null(lanes[i]);
        }
        const struct oc_source newcomer = v6(9, 9);
        assert_null(oc_source_table_enter(table, &newcomer, false));
        for (unsigned i = 0; i < 300; i++) {
            oc_source_table_leave(table, lanes[(i * 7 + round) % 300]);
        }
        assert_int_equal(oc_source_table_total(table), 0);
    }
    oc_source_table_free(table);
}

static void the_local_door_is_bounded_by_the_total_alone(void **state)
{
    (void)state;
    struct oc_source_table *table = oc_source_table_new(5, 2);
    const struct oc_source local = {.is_local = true};
    for (unsigned i = 0; i < 5; i++) {
        assert_non_null(oc_source_table_enter(table, &local, false));
    }
    assert_null(oc_source_table_enter(table, &local, false));
    oc_source_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_source_has_its_own_bound),
        cmocka_unit_test(the_hosts_of_one_ipv6_network_are_one_source),
        cmocka_unit_test(the_total_bounds_all_sources),
        cmocka_unit_test(the_local_door_is_bounded_by_the_total_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
