/* Networks and listen URLs as the configuration writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "server/config/network.h"

static void address_of(const char *text, uint8_t out[NETWORK_ADDRESS_BYTES])
{
    struct network network;
    assert_int_equal(network_parse(text, &network), NETWORK_OK);
    memcpy(out, network.address, sizeof network.address);
}

static void a_network_holds_its_addresses_and_no_others(void **state)
{
    static const struct {
        const char *network, *address;
        bool is_inside;
    } cases[] = {
        {"10.0.0.0/8", "10.255.255.255", true},  {"10.0.0.0/8", "11.0.0.0", false},
        {"10.20.0.0/15", "10.21.9.9", true},     {"10.20.0.0/15", "10.22.0.0", false},
        {"192.0.2.1", "192.0.2.1", true},        {"192.0.2.1", "192.0.2.2", false},
        {"2001:db8::/32", "2001:db8::5", true},  {"2001:db8::/32", "2001:db9::", false},
        {"10.0.0.0/8", "::ffff:10.1.1.1", true}, {"::1", "0.0.0.1", false},
        {"0.0.0.0/1", "10.0.0.1", true},         {"0.0.0.0/1", "2001:db8::1", false},
    };
    (void)state;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(cases); i++) {
        struct network network;
        uint8_t address[NETWORK_ADDRESS_BYTES];
        assert_int_equal(network_parse(cases[i].network, &network), NETWORK_OK);
        address_of(cases[i].address, address);
        assert_int_equal(network_contains(&network, address), cases[i].is_inside);
    }
}

static void what_is_no_network_says_why(void **state)
{
    static const struct {
        const char *text;
        enum network_problem problem;
    } cases[] = {
        {"", NETWORK_IS_NO_ADDRESS},
        {"10.0.0", NETWORK_IS_NO_ADDRESS},
        {"10.0.0.0.0/8", NETWORK_IS_NO_ADDRESS},
        {" 10.0.0.0/8", NETWORK_IS_NO_ADDRESS},
        {"example.com", NETWORK_IS_NO_ADDRESS},
        {"/8", NETWORK_IS_NO_ADDRESS},
        {"10.0.0.0/", NETWORK_IS_NO_PREFIX},
        {"10.0.0.0/33", NETWORK_IS_NO_PREFIX},
        {"10.0.0.0/+8", NETWORK_IS_NO_PREFIX},
        {"10.0.0.0/8/8", NETWORK_IS_NO_PREFIX},
        {"::/129", NETWORK_IS_NO_PREFIX},
        {"10.0.0.0/99999999999999999999", NETWORK_IS_NO_PREFIX},
        {"10.0.0.1/8", NETWORK_HAS_HOST_BITS},
        {"2001:db8::1/64", NETWORK_HAS_HOST_BITS},
        {"0.0.0.0/0", NETWORK_IS_EVERYTHING},
        {"::/0", NETWORK_IS_EVERYTHING},
    };
    (void)state;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(cases); i++) {
        struct network network;
        assert_int_equal(network_parse(cases[i].text, &network), cases[i].problem);
    }
}

static void the_reach_of_a_listener_is_judged_by_its_address(void **state)
{
    static const struct {
        const char *url;
        enum listen_reach reach;
        uint16_t port;
    } cases[] = {
        {"tls+tcp://127.0.0.1:18789", LISTEN_LOOPBACK, 18789},
        {"tls+tcp://127.9.9.9:0", LISTEN_LOOPBACK, 0},
        {"tls+tcp://localhost:1", LISTEN_LOOPBACK, 1},
        {"tls+tcp://[::1]:65535", LISTEN_LOOPBACK, 65535},
        {"tls+tcp://[::ffff:127.0.0.1]:1", LISTEN_LOOPBACK, 1},
        {"tls+tcp://10.1.2.3:1", LISTEN_PRIVATE, 1},
        {"tls+tcp://172.31.0.1:1", LISTEN_PRIVATE, 1},
        {"tls+tcp://172.32.0.1:1", LISTEN_ELSEWHERE, 1},
        {"tls+tcp://192.168.0.1:1", LISTEN_PRIVATE, 1},
        {"tls+tcp://[fd00::1]:1", LISTEN_PRIVATE, 1},
        {"tls+tcp://[fe80::1]:1", LISTEN_PRIVATE, 1},
        {"tls+tcp://0.0.0.0:1", LISTEN_ELSEWHERE, 1},
        {"tls+tcp://[::]:1", LISTEN_ELSEWHERE, 1},
        {"tls+tcp://203.0.113.9:1", LISTEN_ELSEWHERE, 1},
        {"tls+tcp://localhost.example:1", LISTEN_ELSEWHERE, 1},
        {"tls+tcp://gateway.internal:1", LISTEN_ELSEWHERE, 1},
    };
    (void)state;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(cases); i++) {
        struct listen_url url;
        assert_true(listen_url_parse(cases[i].url, "tls+tcp", &url));
        assert_int_equal(url.reach, cases[i].reach);
        assert_int_equal(url.port, cases[i].port);
    }
}

static void what_is_no_listen_url_is_refused(void **state)
{
    static const char *const urls[] = {
        "",
        "tls+tcp://",
        "tls+tcp://:1",
        "tls+tcp://127.0.0.1",
        "tls+tcp://127.0.0.1:",
        "tls+tcp://127.0.0.1:65536",
        "tls+tcp://127.0.0.1:-1",
        "tls+tcp://127.0.0.1:1/",
        "tls+tcp://127.0.0.1:1 ",
        "tls+tcp://::1:1",
        "tls+tcp://[::1]",
        "tls+tcp://[::1:1",
        "tls+tcp://[127.0.0.1]:1",
        "tls+tcp://[host]:1",
        "tls+tcp://ho st:1",
        "tls+tcp://user@host:1",
        "tls+tcp://*:1",
        "tcp://127.0.0.1:1",
        "TLS+TCP://127.0.0.1:1",
        "tls+tcp://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1",
    };
    (void)state;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(urls); i++) {
        struct listen_url url;
        assert_false(listen_url_parse(urls[i], "tls+tcp", &url));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_holds_its_addresses_and_no_others),
        cmocka_unit_test(what_is_no_network_says_why),
        cmocka_unit_test(the_reach_of_a_listener_is_judged_by_its_address),
        cmocka_unit_test(what_is_no_listen_url_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
