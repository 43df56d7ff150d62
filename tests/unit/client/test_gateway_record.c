#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/gateway_record.h"
#include "proto/base/cleanup.h"

static struct oc_gateway_record full_record(void)
{
    struct oc_gateway_record record = {
        .url = "tls+tcp://gw.example:18789",
        .trust = {.n_pins = OC_MAX_PINS, .is_first_use = true},
        .n_sessions = UINT64_MAX,
        .receipt = {.seq = 77, .issued_at_ms = INT64_MAX, .n_signature = 72},
    };
    for (size_t i = 0; i < OC_MAX_PINS; i++) {
        memset(record.trust.pins[i].bytes, (int)(0xa0 + i), OC_DIGEST_BYTES);
    }
    memset(record.receipt.gateway_id, 1, sizeof record.receipt.gateway_id);
    memset(record.receipt.database_id, 2, sizeof record.receipt.database_id);
    memset(record.receipt.device_id.bytes, 3, sizeof record.receipt.device_id.bytes);
    memset(record.receipt.signature, 4, record.receipt.n_signature);
    return record;
}

static enum oc_status parse(const char *text, struct oc_gateway_record *out, struct oc_error *err)
{
    return oc_gateway_record_parse(text, strlen(text), out, err);
}

static void a_record_reads_back_as_it_was_written(void **state)
{
    (void)state;
    struct oc_gateway_record record = full_record();
    /* The longest there is: longest address and signature. */
    memset(record.url, 'a', OC_MAX_GATEWAY_URL_BYTES);
    record.receipt.n_signature = OC_RECEIPT_MAX_SIGNATURE_BYTES;
    memset(record.receipt.signature, 4, OC_RECEIPT_MAX_SIGNATURE_BYTES);
    char text[OC_GATEWAY_RECORD_BYTES];
    size_t n = oc_gateway_record_format(&record, text);
    assert_true(n > 0);
    struct oc_gateway_record back;
    memset(&back, 0xff, sizeof back);
    assert_int_equal(oc_gateway_record_parse(text, n, &back, NULL), OC_OK);
    assert_string_equal(back.url, record.url);
    assert_int_equal(back.trust.n_pins, OC_MAX_PINS);
    assert_memory_equal(back.trust.pins, record.trust.pins, sizeof record.trust.pins);
    assert_true(back.trust.is_first_use);
    assert_true(back.n_sessions == UINT64_MAX);
    assert_int_equal(back.receipt.n_signature, record.receipt.n_signature);
    assert_memory_equal(back.receipt.signature, record.receipt.signature,
                        record.receipt.n_signature);
    assert_true(back.receipt.seq == 77 && back.receipt.issued_at_ms == INT64_MAX);
    assert_memory_equal(back.receipt.gateway_id, record.receipt.gateway_id, 16);
    assert_memory_equal(back.receipt.database_id, record.receipt.database_id, 16);
    assert_memory_equal(back.receipt.device_id.bytes, record.receipt.device_id.bytes, 32);
}

static void a_record_without_receipt_has_none(void **state)
{
    (void)state;
    struct oc_gateway_record record = {.url = "tls+tcp://gw:1"};
    char text[OC_GATEWAY_RECORD_BYTES];
    size_t n = oc_gateway_record_format(&record, text);
    struct oc_gateway_record back;
    assert_int_equal(oc_gateway_record_parse(text, n, &back, NULL), OC_OK);
    assert_int_equal(back.receipt.n_signature, 0);
    assert_int_equal(back.trust.n_pins, 0);
}

#define HEAD "gateway: tls+tcp://gw:1\npins:"
#define TAIL "\nfirst_use: false\nsessions: 3\n"
#define PIN  "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void an_edited_record_is_read_or_refused_by_line(void **state)
{
    (void)state;
    struct oc_gateway_record record;
    struct oc_error err;
    assert_int_equal(parse("# mine\n\n" HEAD " " PIN TAIL, &record, &err), OC_OK);
    assert_int_equal(record.trust.n_pins, 1);
    assert_int_equal(parse(HEAD " sha256:00" TAIL, &record, &err), OC_DATA_LOSS);
    assert_non_null(strstr(err.text, "line 2"));
}

static void every_broken_record_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        HEAD "\nfirst_use: false\n",
        HEAD TAIL "pins:\n",
        HEAD TAIL "pin: x\n",
        HEAD "\nfirst_use: maybe\nsessions: 3\n",
        HEAD "\nfirst_use:\nsessions: 3\n",
        HEAD "\nfirst_use: false\nsessions: -3\n",
        HEAD "\nfirst_use: false\nsessions: 18446744073709551616\n",
        HEAD "\nfirst_use: false\nsessions: 3 4\n",
        HEAD TAIL "receipt:\n",
        HEAD TAIL "receipt: 00 00 1 00 1 00\n",
        HEAD " " PIN " " PIN " " PIN " " PIN " " PIN " " PIN " " PIN " " PIN " " PIN TAIL,
        ("gateway: a b\npins:" TAIL),
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(bad); i++) {
        struct oc_gateway_record record = {.n_sessions = 42};
        assert_int_equal(parse(bad[i], &record, NULL), OC_DATA_LOSS);
        assert_true(record.n_sessions == 42);
    }
    char with_nul[] = HEAD TAIL;
    with_nul[10] = '\0';
    struct oc_gateway_record record;
    assert_int_equal(oc_gateway_record_parse(with_nul, sizeof with_nul - 1, &record, NULL),
                     OC_DATA_LOSS);
}

static void file_names_differ_and_hold_no_path(void **state)
{
    (void)state;
    static const char *const urls[] = {"tls+tcp://a:1", "tls+tcp://a:2", "tls+tcp://[::1]:1",
                                       "tls+tcp://..:1", "tls+tcp://[..1]:1"};
    char names[OC_ARRAY_LENGTH(urls)][OC_GATEWAY_FILE_NAME_BYTES];
    for (size_t i = 0; i < OC_ARRAY_LENGTH(urls); i++) {
        struct oc_gateway_address address;
        assert_int_equal(oc_gateway_address_parse(urls[i], &address, NULL), OC_OK);
        oc_gateway_file_name(&address, names[i]);
        assert_null(strchr(names[i], '/'));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(names[i], names[j]);
        }
    }
}

static void a_pin_is_read_with_and_without_prefix_and_not_cut_short(void **state)
{
    (void)state;
    struct oc_digest pin;
    char text[OC_PIN_TEXT_BYTES];
    assert_true(oc_pin_parse(PIN, &pin));
    oc_pin_format(&pin, text);
    assert_string_equal(text, PIN);
    assert_true(oc_pin_parse(&PIN[7], &pin));
    assert_false(oc_pin_parse("sha256:0011", &pin));
    assert_false(oc_pin_parse(PIN "00", &pin));
    assert_false(oc_pin_parse("", &pin));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_reads_back_as_it_was_written),
        cmocka_unit_test(a_record_without_receipt_has_none),
        cmocka_unit_test(an_edited_record_is_read_or_refused_by_line),
        cmocka_unit_test(every_broken_record_is_refused),
        cmocka_unit_test(file_names_differ_and_hold_no_path),
        cmocka_unit_test(a_pin_is_read_with_and_without_prefix_and_not_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
