#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/gateway_address.h"
#include "proto/base/cleanup.h"

static void an_address_is_kept_in_lower_case(void **state)
{
    (void)state;
    struct oc_gateway_address address;
    assert_int_equal(oc_gateway_address_parse("tls+tcp://GW.Example:18789", &address, NULL), OC_OK);
    assert_string_equal(address.url, "tls+tcp://gw.example:18789");
    assert_string_equal(address.host, "gw.example");
    assert_int_equal(address.port, 18789);
    assert_false(address.is_local);
}

static void an_ipv6_address_loses_its_brackets_in_the_host_alone(void **state)
{
    (void)state;
    struct oc_gateway_address address;
    assert_int_equal(oc_gateway_address_parse("tls+tcp://[2001:DB8::1]:1", &address, NULL), OC_OK);
    assert_string_equal(address.url, "tls+tcp://[2001:db8::1]:1");
    assert_string_equal(address.host, "2001:db8::1");
}

static void a_local_door_is_a_path(void **state)
{
    (void)state;
    struct oc_gateway_address address;
    assert_int_equal(oc_gateway_address_parse("ipc:///run/x/admin.sock", &address, NULL), OC_OK);
    assert_true(address.is_local);
    assert_string_equal(address.url, "ipc:///run/x/admin.sock");
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "gw.example:18789",
        "tcp://gw.example:18789",
        "tls+tcp://",
        "tls+tcp://:18789",
        "tls+tcp://gw.example",
        "tls+tcp://gw.example:",
        "tls+tcp://gw.example:0",
        "tls+tcp://gw.example:018",
        "tls+tcp://gw.example:65536",
        "tls+tcp://gw.example:99999999999999999999",
        "tls+tcp://gw.example:1x",
        "tls+tcp://gw example:1",
        "tls+tcp://user@gw:1",
        "tls+tcp://gw/:1",
        "tls+tcp://gw\n:1",
        "tls+tcp://[::1:1",
        "tls+tcp://[]:1",
        "ipc://",
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(bad); i++) {
        struct oc_gateway_address address;
        struct oc_error err;
        assert_int_equal(oc_gateway_address_parse(bad[i], &address, &err), OC_INVALID_ARGUMENT);
    }
}

static void a_host_name_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char text[512] = "tls+tcp://";
    memset(text + 10, 'a', OC_MAX_HOST_BYTES + 1);
    strcpy(text + 10 + OC_MAX_HOST_BYTES, ":1");
    struct oc_gateway_address address;
    assert_int_equal(oc_gateway_address_parse(text, &address, NULL), OC_OK);
    strcpy(text + 10 + OC_MAX_HOST_BYTES, "a:1");
    assert_int_equal(oc_gateway_address_parse(text, &address, NULL), OC_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_kept_in_lower_case),
        cmocka_unit_test(an_ipv6_address_loses_its_brackets_in_the_host_alone),
        cmocka_unit_test(a_local_door_is_a_path),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(a_host_name_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
