#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/rpc/source_caps.h"

static struct oc_source v4(uint8_t last)
{
    return (struct oc_source){.address = {[10] = 0xff, [11] = 0xff, 203, 0, 113, last}};
}

static struct oc_source v6(uint8_t network, uint8_t host)
{
    return (struct oc_source){.address = {0x20, 1, 0xd, 0xb8, [7] = network, [15] = host}};
}

static struct source_caps *caps_of(unsigned max, unsigned max_per_source)
{
    const struct source_caps_options options = {max, max_per_source, 0x1234};
    struct source_caps *caps = source_caps_new(&options);
    assert_non_null(caps);
    return caps;
}

static bool take(struct source_caps *caps, const struct oc_source *source, bool is_exempt,
                 struct oc_source_slot *slot)
{
    *slot = (struct oc_source_slot){.node = NULL};
    return source_caps_take(caps, source, is_exempt, slot) == SOURCE_CAPS_TAKEN;
}

static void a_source_gets_its_share_and_no_more(void **state)
{
    (void)state;
    OC_CLEANUP(source_caps_freep) struct source_caps *caps = caps_of(100, 2);
    const struct oc_source one = v4(1);
    const struct oc_source other = v4(2);
    struct oc_source_slot slots[5];
    assert_true(take(caps, &one, false, &slots[0]));
    assert_true(take(caps, &one, false, &slots[1]));
    slots[2] = (struct oc_source_slot){.node = NULL};
    assert_int_equal(source_caps_take(caps, &one, false, &slots[2]), SOURCE_CAPS_SOURCE_FULL);
    assert_true(take(caps, &other, false, &slots[3]));
    source_caps_give(caps, &slots[0]);
    source_caps_give(caps, &slots[0]); /* nothing any more */
    assert_true(take(caps, &one, false, &slots[4]));
    assert_int_equal(source_caps_total(caps), 3);
}

static void an_exempt_source_is_bounded_by_the_total_alone(void **state)
{
    (void)state;
    OC_CLEANUP(source_caps_freep) struct source_caps *caps = caps_of(5, 2);
    const struct oc_source nat = v4(1);
    struct oc_source_slot slots[6];
    for (int i = 0; i < 5; i++) {
        assert_true(take(caps, &nat, true, &slots[i]));
    }
    slots[5] = (struct oc_source_slot){.node = NULL};
    assert_int_equal(source_caps_take(caps, &nat, true, &slots[5]), SOURCE_CAPS_ALL_FULL);
}

static void a_v6_network_is_one_source(void **state)
{
    (void)state;
    OC_CLEANUP(source_caps_freep) struct source_caps *caps = caps_of(100, 2);
    const struct oc_source hosts[] = {v6(1, 1), v6(1, 2), v6(1, 3), v6(2, 1)};
    struct oc_source_slot slots[4];
    assert_true(take(caps, &hosts[0], false, &slots[0]));
    assert_true(take(caps, &hosts[1], false, &slots[1]));
    assert_false(take(caps, &hosts[2], false, &slots[2]));
    assert_true(take(caps, &hosts[3], false, &slots[3]));
}

static void the_fullest_source_gives_way_to_the_emptier(void **state)
{
    (void)state;
    OC_CLEANUP(source_caps_freep) struct source_caps *caps = caps_of(5, 4);
    const struct oc_source flood = v4(1);
    const struct oc_source other = v4(2);
    const struct oc_source newcomer = v4(3);
    struct oc_source_slot slots[5];
    struct oc_source_slot late = {.node = NULL};
    for (int i = 0; i < 4; i++) {
        assert_true(take(caps, &flood, false, &slots[i]));
    }
    assert_true(take(caps, &other, false, &slots[4]));
    assert_null(source_caps_shed_for(caps, &flood, true, &late)); /* it is the fullest itself */
    assert_null(late.node);
    assert_int_equal(source_caps_total(caps), 5);
    assert_ptr_equal(source_caps_shed_for(caps, &newcomer, false, &late), &slots[3]);
    source_caps_give(caps, &slots[3]);
    assert_int_equal(source_caps_total(caps), 5);
    assert_non_null(late.node);
}

static void many_sources_come_and_go(void **state)
{
    (void)state;
    enum { N_SOURCES = 10000 };
    OC_CLEANUP(source_caps_freep) struct source_caps *caps = caps_of(N_SOURCES, 1);
    static struct oc_source_slot slots[N_SOURCES];
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < N_SOURCES; i++) {
            struct oc_source source = v4((uint8_t)i);
            source.address[14] = (uint8_t)(i >> 8);
            assert_true(take(caps, &source, false, &slots[i]));
        }
        assert_int_equal(source_caps_total(caps), N_SOURCES);
        for (unsigned i = 0; i < N_SOURCES; i++) {
            source_caps_give(caps, &slots[i]);
        }
        assert_int_equal(source_caps_total(caps), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_gets_its_share_and_no_more),
        cmocka_unit_test(an_exempt_source_is_bounded_by_the_total_alone),
        cmocka_unit_test(a_v6_network_is_one_source),
        cmocka_unit_test(the_fullest_source_gives_way_to_the_emptier),
        cmocka_unit_test(many_sources_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
