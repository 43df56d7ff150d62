#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/refusal_text.h"

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

static void what_lets_it_in_again_is_named(void **state)
{
    (void)state;
    char text[OC_REFUSAL_TEXT_BYTES];
    struct oc_refusal_facts facts = facts_of(OC_REFUSAL_REVOKED);
    facts.why = OC_WHY_REVOKED;
    facts.retry_after_ms = 60000;
    oc_refusal_text_format(&facts, text);
    assert_string_equal(
        text,
        "Gateway pairing required: 403 Forbidden, this device's pairing was revoked.\n"
        "  gateway  tls+tcp://gw.example:18789  sha256:" PIN "\n"
        "  device   " ID "\n"
        "  why      revoked: this device's pairing was ended, by an administrator or with its "
        "term\n"
        "  again    not before 60 s from now\n"
        "  fix      on the gateway machine run:  openclaw devices expect " ID "\n"
        "  then     start this agent again; its new request awaits approval\n");
    facts = facts_of(OC_REFUSAL_BLOCKED);
    facts.why = OC_WHY_BLOCKED;
    facts.goes_on = true;
    oc_refusal_text_format(&facts, text);
    assert_non_null(strstr(text,
                           "  fix      on the gateway machine run:  openclaw devices unblock " ID
                           "\n  then     wait: this agent keeps asking; its new request "
                           "awaits approval\n"));
}

static void a_lost_identity_is_told_to_keep_its_directory_on_a_volume(void **state)
{
    (void)state;
    char text[OC_REFUSAL_TEXT_BYTES];
    struct oc_refusal_facts facts = facts_of(OC_REFUSAL_PAIRING_REQUIRED);
    facts.request_id = (struct oc_request_id){"7QK4M2T9XA"};
    facts.why = OC_WHY_IDENTITY_CHANGED;
    oc_refusal_text_format(&facts, text);
    assert_non_null(strstr(
        text,
        "  why      identity changed: claims to be an approved device with another key; is its "
        "data "
        "directory persisted?\n"
        "  fix      on the gateway machine run:  openclaw devices approve 7QK4M2T9XA\n"
        "  also     a fresh data directory is a new device; keep it, in a container on a volume:\n"
        "           docker run -v /host/path/openclaw-data:/root/.openclaw your-openclaw-image\n"));
    facts.data_dir = "/srv/agent";
    oc_refusal_text_format(&facts, text);
    assert_non_null(strstr(text, "openclaw-data:/srv/agent your"));
    facts.data_dir = "/srv/a b"; /* not as a person would type it */
    oc_refusal_text_format(&facts, text);
    assert_non_null(strstr(text, "openclaw-data:/root/.openclaw your"));
    facts.data_dir = "/\x1b[2J";
    oc_refusal_text_format(&facts, text);
    assert_null(strchr(text, '\x1b'));
}

/* Whatever the reason: what the cause is, and a command or that none is needed. */
static void every_reason_is_told_with_what_mends_it(void **state)
{
    (void)state;
    for (int why = OC_WHY_BLOCKED; why < OC_WHY_COUNT; why++) {
        char text[OC_REFUSAL_TEXT_BYTES];
        struct oc_refusal_facts facts = facts_of(OC_REFUSAL_PAIRING_REQUIRED);
        facts.request_id = (struct oc_request_id){"7QK4M2T9XA"};
        facts.why = (enum oc_why)why;
        oc_refusal_text_format(&facts, text);
        assert_non_null(strstr(text, oc_why_text((enum oc_why)why)));
        assert_non_null(strstr(text, "openclaw devices approve 7QK4M2T9XA"));
    }
}

static void the_longest_block_fits(void **state)
{
    (void)state;
    char url[321];
    memset(url, 'a', 320);
    url[320] = '\0';
    char dir[OC_REFUSAL_MOST_DIR_BYTES + 1];
    memset(dir, 'd', OC_REFUSAL_MOST_DIR_BYTES);
    dir[OC_REFUSAL_MOST_DIR_BYTES] = '\0';
    for (int kind = 0; kind < OC_REFUSAL_COUNT; kind++) {
        for (int why = 0; why < 2 * OC_WHY_COUNT; why++) {
            bool with_request = why >= OC_WHY_COUNT;
            struct oc_refusal_facts facts = facts_of((enum oc_refusal_kind)kind);
            facts.gateway_url = url;
            facts.why = (enum oc_why)(why % OC_WHY_COUNT);
            facts.retry_after_ms = UINT32_MAX;
            facts.data_dir = dir;
            facts.request_id.text[0] = with_request ? '7' : '\0';
            char text[OC_REFUSAL_TEXT_BYTES];
            oc_refusal_text_format(&facts, text);
            assert_true(strlen(text) < OC_REFUSAL_TEXT_BYTES * 3 / 4);
            assert_int_equal(text[strlen(text) - 1], '\n');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queued_device_prints_every_fact_and_the_next_command),
        cmocka_unit_test(a_403_says_so_and_offers_no_approve),
        cmocka_unit_test(what_lets_it_in_again_is_named),
        cmocka_unit_test(a_lost_identity_is_told_to_keep_its_directory_on_a_volume),
        cmocka_unit_test(every_reason_is_told_with_what_mends_it),
        cmocka_unit_test(the_longest_block_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
