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

static void a_source_gets_its_share_and_no_more(void **state)
{
    (void)state;
    OC_CLEANUP(source_caps_freep) struct source_caps *caps = caps_of(100, 2);
    const struct oc_source one = v4(1);
    const struct oc_source other = v4(2);
    assert_true(source_caps_take(caps, &one, false));
    assert_true(source_caps_take(caps, &one, false));
    assert_false(source_caps_take(caps, &one, false));
    assert_true(source_caps_take(caps, &other, false));
    source_caps_give(caps, &one);
    assert_true(source_caps_take(caps, &one, false));
    assert_int_equal(source_caps_total(caps), 3);
}

static void an_exempt_source_is_bounded_by_the_total_alone(void **state)
{
    (void)state;
    OC_CLEANUP(source_caps_freep) struct source_caps *caps = caps_of(5, 2);
    const struct oc_source nat = v4(1);
    for (int i = 0; i < 5; i++) {
        assert_true(source_caps_take(caps, &nat, true));
    }
    assert_false(source_caps_take(caps, &nat, true));
}

static void a_v6_network_is_one_source(void **state)
{
    (void)state;
    OC_CLEANUP(source_caps_freep) struct source_caps *caps = caps_of(100, 2);
    const struct oc_source hosts[] = {v6(1, 1), v6(1, 2), v6(1, 3), v6(2, 1)};
    assert_true(source_caps_take(caps, &hosts[0], false));
    assert_true(source_caps_take(caps, &hosts[1], false));
    assert_false(source_caps_take(caps, &hosts[2], false));
    assert_true(source_caps_take(caps, &hosts[3], false));
}

static void many_sources_come_and_go(void **state)
{
    (void)state;
    OC_CLEANUP(source_caps_freep) struct source_caps *caps = caps_of(10000, 1);
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 10000; i++) {
            struct oc_source source = v4((uint8_t)i);
            source.address[14] = (uint8_t)(i >> 8);
            assert_true(source_caps_take(caps, &source, false));
        }
        assert_int_equal(source_caps_total(caps), 10000);
        for (unsigned i = 0; i < 10000; i++) {
            struct oc_source source = v4((uint8_t)i);
            source.address[14] = (uint8_t)(i >> 8);
            source_caps_give(caps, &source);
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
        cmocka_unit_test(many_sources_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
