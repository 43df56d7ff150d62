/* Checkpoints, and the lines they are written in: vectors that must never change, and the one way
 * to write each value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "proto/base/json_line.h"
#include "proto/crypto/audit_chain.h"
#include "proto/crypto/checkpoint.h"

/* Signed once by a key that is gone, and verified by other means (README of server/store). */
static const char vector[] =
    "{\"openclaw\":\"audit checkpoint 1\",\"gateway_id\":\"111111111111111111111111111111"
    "11\",\"database_id\":\"22222222222222222222222222222222\",\"epoch\":2,\"seq\":726238"
    "59790382856,\"hash\":\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1"
    "e1f\",\"at\":\"2023-11-14T22:13:20.123Z\",\"key\":\"3059301306072a8648ce3d020106082a"
    "8648ce3d03010703420004c0f5ae7040b38ed1b1669462d81b6a8967232f77b264a31b3769bfddc65b01"
    "1a3b27f786aadda748f404179fae15e990cbf6c8eb05061fd7570af57c71618898\",\"signature\":"
    "\"3046022100b1ac10cd97f0af52621576e524c916441e176bab18453e2656b504ba8fe41ebd022100f7"
    "d7a50b94fd16d5baad0eec3cbcf824257324f36003df7a5b5238cbcbed9c1b\"}\n";

static void a_checkpoint_of_long_ago_is_still_genuine(void **state)
{
    (void)state;
    struct oc_audit_checkpoint checkpoint;
    char again[OC_AUDIT_LINE_BYTES];
    assert_true(oc_checkpoint_parse(vector, sizeof vector - 1, &checkpoint));
    assert_true(oc_checkpoint_verify(&checkpoint));
    assert_int_equal(checkpoint.epoch, 2);
    assert_int_equal(checkpoint.seq, 0x0102030405060708);
    assert_int_equal(checkpoint.at_ms, 1700000000123);
    assert_int_equal(oc_checkpoint_format(&checkpoint, again), sizeof vector - 1);
    assert_string_equal(again, vector);
}

static void a_change_of_any_field_breaks_it(void **state)
{
    (void)state;
    struct oc_audit_checkpoint good;
    assert_true(oc_checkpoint_parse(vector, sizeof vector - 1, &good));
    struct oc_audit_checkpoint bad[9];
    for (size_t i = 0; i < OC_ARRAY_LENGTH(bad); i++) {
        bad[i] = good;
    }
    bad[0].gateway_id[15] ^= 1;
    bad[1].database_id[0] ^= 1;
    bad[2].epoch++;
    bad[3].seq--;
    bad[4].hash.bytes[31] ^= 1;
    bad[5].at_ms++;
    bad[6].key[OC_AUDIT_KEY_BYTES - 1] ^= 1;
    bad[7].signature[good.n_signature - 1] ^= 1;
    bad[8].n_signature = 0;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(bad); i++) {
        assert_false(oc_checkpoint_verify(&bad[i]));
    }
}

/* OpenSSL takes a point in its hybrid form, 06 or 07 and both coordinates, for the same key. */
static void a_key_has_one_form(void **state)
{
    (void)state;
    struct oc_audit_checkpoint checkpoint;
    assert_true(oc_checkpoint_parse(vector, sizeof vector - 1, &checkpoint));
    const size_t form = OC_AUDIT_KEY_BYTES - 65;
    assert_int_equal(checkpoint.key[form], 4);
    for (uint8_t other = 5; other < 8; other++) {
        checkpoint.key[form] = other;
        assert_false(oc_checkpoint_verify(&checkpoint));
    }
}

static void what_a_fresh_key_signs_verifies_and_names_the_pin(void **state)
{
    (void)state;
    OC_CLEANUP(oc_identity_freep) struct oc_identity *gateway = NULL;
    OC_CLEANUP(oc_identity_freep) struct oc_identity *device = NULL;
    assert_int_equal(oc_identity_generate(OC_IDENTITY_GATEWAY, &gateway, NULL), OC_OK);
    assert_int_equal(oc_identity_generate(OC_IDENTITY_DEVICE, &device, NULL), OC_OK);
    struct oc_audit_checkpoint checkpoint = {.epoch = 1, .seq = 7};
    assert_int_equal(oc_checkpoint_sign(device, &checkpoint, NULL), OC_INTERNAL);
    assert_int_equal(oc_checkpoint_sign(gateway, &checkpoint, NULL), OC_OK);
    assert_true(oc_checkpoint_verify(&checkpoint));
    const struct oc_digest pin = oc_checkpoint_pin(checkpoint.key);
    const struct oc_digest spki = oc_identity_spki_sha256(gateway);
    assert_memory_equal(&pin, &spki, sizeof pin);
}

/* A receipt and a checkpoint of the same key are never taken for one another. */
static void what_is_signed_begins_with_a_label_of_its_own(void **state)
{
    (void)state;
    static const uint8_t label[] = "openclaw audit checkpoint v1";
    OC_CLEANUP(oc_identity_freep) struct oc_identity *gateway = NULL;
    assert_int_equal(oc_identity_generate(OC_IDENTITY_GATEWAY, &gateway, NULL), OC_OK);
    struct oc_audit_checkpoint checkpoint = {.seq = 1};
    uint8_t bytes[sizeof label + 16 + 16 + 8 + 8 + 32 + 8] = {0};
    memcpy(bytes, label, sizeof label);
    bytes[sizeof label + 16 + 16 + 8 + 7] = 1;
    size_t n = sizeof checkpoint.signature;
    assert_int_equal(oc_checkpoint_sign(gateway, &checkpoint, NULL), OC_OK);
    assert_int_equal(oc_identity_sign(gateway, bytes, sizeof bytes, checkpoint.signature, &n, NULL),
                     OC_OK);
    checkpoint.n_signature = (uint8_t)n;
    assert_true(oc_checkpoint_verify(&checkpoint));
    bytes[0] = 'O';
    n = sizeof checkpoint.signature;
    assert_int_equal(oc_identity_sign(gateway, bytes, sizeof bytes, checkpoint.signature, &n, NULL),
                     OC_OK);
    checkpoint.n_signature = (uint8_t)n;
    assert_false(oc_checkpoint_verify(&checkpoint));
}

/* ---- lines --------------------------------------------------------------------------------- */

static const char *text_line(const char *text, char line[256])
{
    struct oc_json_writer writer = oc_json_begin(line, 256);
    oc_json_put_text(&writer, "t", text);
    (void)oc_json_end(&writer);
    return line;
}

static void a_text_comes_back_as_it_was_whatever_it_holds(void **state)
{
    (void)state;
    static const struct {
        const char *text, *line;
    } rows[] = {
        {"", "{\"t\":null}\n"},
        {"plain ~", "{\"t\":\"plain ~\"}\n"},
        {"\"\\/", "{\"t\":\"\\\"\\\\/\"}\n"},
        {"\n\x1b\x7f", "{\"t\":\"\\u000a\\u001b\\u007f\"}\n"},
        {"\xc3\xbc\xe2\x80\xae\xf0\x9f\xa6\x80", "{\"t\":\"\\u00fc\\u202e\\ud83e\\udd80\"}\n"},
        {"\xff\xc3(\xed\xa0\x80", "{\"t\":\"\\udcff\\udcc3(\\udced\\udca0\\udc80\"}\n"},
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(rows); i++) {
        char line[256];
        char back[64];
        assert_string_equal(text_line(rows[i].text, line), rows[i].line);
        struct oc_json_reader reader = oc_json_read(line, strlen(line));
        oc_json_take_text(&reader, "t", back, sizeof back);
        assert_true(oc_json_is_over(&reader));
        assert_string_equal(back, rows[i].text);
    }
}

static void every_single_byte_and_code_point_comes_back(void **state)
{
    (void)state;
    for (uint32_t point = 1; point < 0x110000; point += point < 0x3000 ? 1 : 0x3f1) {
        char line[256];
        char text[8] = {(char)point};
        char back[64];
        if (point > 0xff) { /* U+0100 and up in UTF-8; the surrogates as what they would be */
            const int n = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
            for (int i = n - 1, rest = (int)point; i >= 0; i--, rest >>= 6) {
                text[i] = (char)(0x80 | (rest & 0x3f));
            }
            text[0] = (char)((uint8_t)text[0] | (0xf0 << (4 - n) & 0xf0) | (n == 2 ? 0x40 : 0));
        }
        (void)text_line(text, line);
        struct oc_json_reader reader = oc_json_read(line, strlen(line));
        oc_json_take_text(&reader, "t", back, sizeof back);
        assert_true(oc_json_is_over(&reader));
        assert_string_equal(back, text);
    }
}

static void times_come_back_in_every_year(void **state)
{
    (void)state;
    static const struct {
        int64_t at_ms;
        const char *line;
    } rows[] = {
        {0, "{\"at\":\"1970-01-01T00:00:00.000Z\"}\n"},
        {951782399999, "{\"at\":\"2000-02-28T23:59:59.999Z\"}\n"},
        {951782400000, "{\"at\":\"2000-02-29T00:00:00.000Z\"}\n"},
        {1700000000123, "{\"at\":\"2023-11-14T22:13:20.123Z\"}\n"},
        {4107542400000, "{\"at\":\"2100-03-01T00:00:00.000Z\"}\n"},
        {253402300799999, "{\"at\":\"9999-12-31T23:59:59.999Z\"}\n"},
        {253402300800000, "{\"at\":\"@253402300800000\"}\n"},
        {-1, "{\"at\":\"@-1\"}\n"},
        {INT64_MIN, "{\"at\":\"@-9223372036854775808\"}\n"},
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(rows); i++) {
        char line[128];
        struct oc_json_writer writer = oc_json_begin(line, sizeof line);
        oc_json_put_time(&writer, "at", rows[i].at_ms);
        (void)oc_json_end(&writer);
        assert_string_equal(line, rows[i].line);
        struct oc_json_reader reader = oc_json_read(line, strlen(line));
        assert_int_equal(oc_json_take_time(&reader, "at"), rows[i].at_ms);
        assert_true(oc_json_is_over(&reader));
    }
}

static void what_is_written_otherwise_is_refused(void **state)
{
    (void)state;
    struct oc_audit_checkpoint checkpoint;
    char line[sizeof vector + 8];
    static const struct {
        const char *was, *is;
    } rows[] = {
        {"\"epoch\":2", "\"epoch\":02"},
        {"\"epoch\":2", "\"epoch\": 2"},
        {"\"epoch\":2", "\"epoch\":2.0"},
        {"audit checkpoint 1", "audit checkpoint 2"},
        {"T22:", "t22:"},
        {"\"openclaw\"", "\"Openclaw\""},
        {"gateway_id\":\"11", "gateway_id\":\"1"},
        {"audit checkpoint", "audit \\u0063heckpoint"},
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(rows); i++) {
        const char *at = strstr(vector, rows[i].was);
        assert_non_null(at);
        (void)snprintf(line, sizeof line, "%.*s%s%s", (int)(at - vector), vector, rows[i].is,
                       at + strlen(rows[i].was));
        assert_false(oc_checkpoint_parse(line, strlen(line), &checkpoint));
    }
    for (size_t n = 0; n < sizeof vector - 2; n++) {
        assert_false(oc_checkpoint_parse(vector, n, &checkpoint));
    }
    assert_true(oc_checkpoint_parse(vector, sizeof vector - 2, &checkpoint)); /* no newline */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_of_long_ago_is_still_genuine),
        cmocka_unit_test(a_change_of_any_field_breaks_it),
        cmocka_unit_test(a_key_has_one_form),
        cmocka_unit_test(what_a_fresh_key_signs_verifies_and_names_the_pin),
        cmocka_unit_test(what_is_signed_begins_with_a_label_of_its_own),
        cmocka_unit_test(a_text_comes_back_as_it_was_whatever_it_holds),
        cmocka_unit_test(every_single_byte_and_code_point_comes_back),
        cmocka_unit_test(times_come_back_in_every_year),
        cmocka_unit_test(what_is_written_otherwise_is_refused),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
