#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/rpc/refusal_text.h"

static struct refusal_gateway gateway;
static struct oc_device_id device;

static int fill(void **state)
{
    (void)state;
    strcpy(gateway.address, "tls+tcp://gw.example:18789");
    memset(gateway.spki_sha256.bytes, 0x6b, sizeof gateway.spki_sha256.bytes);
    memset(device.bytes, 0x9f, sizeof device.bytes);
    return 0;
}

static void the_block_is_the_one_users_know(void **state)
{
    (void)state;
    char text[OC_REFUSAL_TEXT_BYTES];
    const struct refusal_facts facts = {
        .kind = OC_REFUSAL_PAIRING_REQUIRED,
        .request_id = {"7QK4M2T9XA"},
        .why = OC_WHY_NEW_DEVICE,
    };
    refusal_text_format(&gateway, &device, &facts, text);
    assert_string_equal(
        text, "Gateway pairing required.\n"
              "  gateway  tls+tcp://gw.example:18789  "
              "sha256:6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b\n"
              "  device   9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f\n"
              "  request  7QK4M2T9XA   awaiting approval\n"
              "  why      new device: this gateway has never seen this key\n"
              "  fix      on the gateway machine run:  openclaw devices approve 7QK4M2T9XA\n");
}

static void every_kind_and_why_fits_and_says_something(void **state)
{
    (void)state;
    memset(gateway.address, 'g', sizeof gateway.address - 1);
    for (int kind = OC_REFUSAL_NONE; kind < OC_REFUSAL_COUNT; kind++) {
        for (int why = OC_WHY_NONE; why < OC_WHY_COUNT; why++) {
            char text[OC_REFUSAL_TEXT_BYTES];
            const struct refusal_facts facts = {
                .kind = (enum oc_refusal_kind)kind,
                .request_id = {"7QK4M2T9XA"},
                .why = (enum oc_why)why,
                .retry_after_ms = UINT32_MAX,
            };
            refusal_text_format(&gateway, &device, &facts, text);
            assert_in_range(strlen(text), 1, sizeof text - 2);
            assert_int_equal(text[strlen(text) - 1], '\n');
            assert_non_null(strstr(text, "\n  fix      "));
        }
    }
}

static void a_refusal_without_a_request_names_none(void **state)
{
    (void)state;
    char text[OC_REFUSAL_TEXT_BYTES];
    const struct refusal_facts facts = {
        .kind = OC_REFUSAL_REJECTED, .why = OC_WHY_REJECTED, .retry_after_ms = 60000};
    refusal_text_format(&gateway, &device, &facts, text);
    assert_null(strstr(text, "request  "));
    assert_non_null(strstr(text, "403 Forbidden"));
    assert_non_null(strstr(text, "not before 60 s"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_block_is_the_one_users_know),
        cmocka_unit_test(every_kind_and_why_fits_and_says_something),
        cmocka_unit_test(a_refusal_without_a_request_names_none),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
