/* The note of an agent's last attempt, as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/outcome.h"

static const char url[] = "tls+tcp://gw.example:18789";

static struct oc_outcome full_outcome(void)
{
    struct oc_outcome outcome = {.kind = OC_OUTCOME_REFUSED,
                                 .at_ms = INT64_MAX,
                                 .refusal = OC_REFUSAL_PAIRING_REQUIRED,
                                 .why = OC_WHY_IDENTITY_CHANGED,
                                 .request_id = {.text = "7QK4M2T9XA"},
                                 .retry_after_ms = UINT32_MAX,
                                 .status = OC_UNAUTHENTICATED};
    memset(outcome.device_id.bytes, 0x9f, sizeof outcome.device_id.bytes);
    memset(outcome.text, 't', sizeof outcome.text - 1);
    return outcome;
}

static enum oc_status parse(const char *text, struct oc_outcome *out)
{
    char found[OC_GATEWAY_URL_BYTES];
    return oc_outcome_parse(text, strlen(text), found, out, NULL);
}

static void the_longest_note_reads_back_as_it_was_written(void **state)
{
    (void)state;
    char longest[OC_MAX_GATEWAY_URL_BYTES + 1];
    char text[OC_OUTCOME_BYTES];
    char found[OC_GATEWAY_URL_BYTES] = "";
    struct oc_outcome outcome = full_outcome();
    struct oc_outcome back;
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "tls+tcp://", 10);
    memcpy(longest + 10 + 253, ":18789", 7);
    size_t n = oc_outcome_format(longest, &outcome, text);
    assert_true(n > 0);
    assert_int_equal(oc_outcome_parse(text, n, found, &back, NULL), OC_OK);
    assert_string_equal(found, longest);
    assert_int_equal(back.kind, outcome.kind);
    assert_true(back.at_ms == outcome.at_ms && back.retry_after_ms == outcome.retry_after_ms);
    assert_true(oc_device_id_equal(&back.device_id, &outcome.device_id));
    assert_int_equal(back.refusal, outcome.refusal);
    assert_int_equal(back.why, outcome.why);
    assert_string_equal(back.request_id.text, outcome.request_id.text);
    assert_int_equal(back.status, outcome.status);
    assert_string_equal(back.text, outcome.text);
}

static void lines_of_a_newer_agent_are_left_unread(void **state)
{
    (void)state;
    struct oc_outcome outcome;
    assert_int_equal(parse("gateway: tls+tcp://gw.example:18789\nat: 5\noutcome: connected\n"
                           "mood: good\nrefusal: a_newer_one\n"
                           "device: "
                           "9999999999999999999999999999999999999999999999999999999999999999\n",
                           &outcome),
                     OC_OK);
    assert_int_equal(outcome.kind, OC_OUTCOME_CONNECTED);
    assert_int_equal(outcome.refusal, OC_REFUSAL_NONE);
}

static void what_is_cut_or_no_note_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    char text[OC_OUTCOME_BYTES];
    struct oc_outcome outcome = full_outcome();
    size_t n = oc_outcome_format(url, &outcome, text);
    struct oc_outcome untouched = {.at_ms = 77};
    char found[OC_GATEWAY_URL_BYTES] = "as it was";
    /* The device is the last line that must be whole. */
    size_t n_required = (size_t)(strstr(text, "refusal:") - text);
    for (size_t i = 0; i < n_required - 2; i++) {
        assert_int_equal(oc_outcome_parse(text, i, found, &untouched, NULL), OC_DATA_LOSS);
    }
    assert_true(untouched.at_ms == 77);
    assert_string_equal(found, "as it was");
    text[n / 2] = '\0';
    assert_int_equal(oc_outcome_parse(text, n, found, &untouched, NULL), OC_DATA_LOSS);
    assert_int_equal(parse("gateway: ipc:///x\nat: 5\n", &untouched), OC_DATA_LOSS);
    assert_int_equal(parse("gateway: tls+tcp://gw.example:18789\nat: -5\n", &untouched),
                     OC_DATA_LOSS);
    assert_int_equal(parse("outcome: splendid\n", &untouched), OC_DATA_LOSS);
    assert_int_equal(parse("status: 17\n", &untouched), OC_DATA_LOSS);
}

static void text_that_would_move_a_cursor_is_made_harmless_both_ways(void **state)
{
    (void)state;
    char text[OC_OUTCOME_BYTES];
    char found[OC_GATEWAY_URL_BYTES];
    struct oc_outcome outcome = full_outcome();
    struct oc_outcome back;
    strcpy(outcome.text, "up\x1b[31m\nrequest: 0000000000");
    size_t n = oc_outcome_format(url, &outcome, text);
    assert_int_equal(oc_outcome_parse(text, n, found, &back, NULL), OC_OK);
    assert_string_equal(back.text, "up?[31m?request: 0000000000");
    assert_string_equal(back.request_id.text, "7QK4M2T9XA");
    char *edited = strstr(text, "up?");
    edited[2] = '\x1b';
    assert_int_equal(oc_outcome_parse(text, n, found, &back, NULL), OC_OK);
    assert_string_equal(back.text, "up?[31m?request: 0000000000");
}

static void the_note_lies_beside_the_record(void **state)
{
    (void)state;
    struct oc_gateway_address address;
    char name[128];
    assert_int_equal(oc_gateway_address_parse(url, &address, NULL), OC_OK);
    oc_outcome_file_name(&address, name, sizeof name);
    assert_memory_equal(name, "gw.example_18789-", 17);
    assert_string_equal(name + strlen(name) - 5, ".last");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_note_reads_back_as_it_was_written),
        cmocka_unit_test(lines_of_a_newer_agent_are_left_unread),
        cmocka_unit_test(what_is_cut_or_no_note_is_refused_and_changes_nothing),
        cmocka_unit_test(text_that_would_move_a_cursor_is_made_harmless_both_ways),
        cmocka_unit_test(the_note_lies_beside_the_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
