#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/refusal_text.h"

#define PIN "0101010101010101010101010101010101010101010101010101010101010101"
#define ID  "0202020202020202020202020202020202020202020202020202020202020202"

static struct oc_refusal_facts facts_of(enum oc_refusal_kind kind)
{
    struct oc_refusal_facts facts = {
        .gateway_url = "tls+tcp://gw.example:18789", .kind = kind, .code = ""};
    memset(facts.gateway_spki.bytes, 1, sizeof facts.gateway_spki.bytes);
    memset(facts.device_id.bytes, 2, sizeof facts.device_id.bytes);
    return facts;
}

static void a_queued_device_prints_every_fact_and_the_next_command(void **state)
{
    (void)state;
    struct oc_refusal_facts facts = facts_of(OC_REFUSAL_PAIRING_REQUIRED);
    facts.request_id = (struct oc_request_id){"7QK4M2T9XA"};
    facts.why = OC_WHY_NEW_DEVICE;
    facts.code = "4821-7730";
    char text[OC_REFUSAL_TEXT_BYTES];
    oc_refusal_text_format(&facts, text);
    assert_string_equal(
        text, "Gateway pairing required.\n"
              "  gateway  tls+tcp://gw.example:18789  sha256:" PIN "\n"
              "  device   " ID "\n"
              "  request  7QK4M2T9XA   awaiting approval   code 4821-7730\n"
              "  why      new device: this gateway has never seen this key\n"
              "  fix      on the gateway machine run:  openclaw devices approve 7QK4M2T9XA\n");
}

static void a_403_says_so_and_offers_no_approve(void **state)
{
    (void)state;
    for (int kind = OC_REFUSAL_REJECTED; kind <= OC_REFUSAL_BLOCKED; kind++) {
        struct oc_refusal_facts facts = facts_of((enum oc_refusal_kind)kind);
        facts.retry_after_ms = 59001;
        char text[OC_REFUSAL_TEXT_BYTES];
        oc_refusal_text_format(&facts, text);
        assert_non_null(strstr(text, "403 Forbidden"));
        assert_non_null(strstr(text, "not before 60 s"));
        assert_null(strstr(text, "devices approve"));
        assert_non_null(strstr(text, "  fix      "));
    }
}

static void the_longest_block_fits(void **state)
{
    (void)state;
    char url[321];
    memset(url, 'a', 320);
    url[320] = '\0';
    for (int kind = 0; kind < OC_REFUSAL_COUNT; kind++) {
        for (int why = 0; why < OC_WHY_COUNT; why++) {
            struct oc_refusal_facts facts = facts_of((enum oc_refusal_kind)kind);
            facts.gateway_url = url;
            facts.why = (enum oc_why)why;
            facts.retry_after_ms = UINT32_MAX;
            char text[OC_REFUSAL_TEXT_BYTES];
            oc_refusal_text_format(&facts, text);
            assert_true(strlen(text) < OC_REFUSAL_TEXT_BYTES / 2);
            assert_int_equal(text[strlen(text) - 1], '\n');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queued_device_prints_every_fact_and_the_next_command),
        cmocka_unit_test(a_403_says_so_and_offers_no_approve),
        cmocka_unit_test(the_longest_block_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
