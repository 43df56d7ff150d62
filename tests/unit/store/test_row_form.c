/* The compact forms and the codes of stored rows, against vectors that must never change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "proto/base/hex.h"
#include "server/store/row_form.h"

static const struct oc_grant sample_grant = {
    .role = "agent",
    .n_scopes = 2,
    .scopes = {"chat", "tools"},
};
static const struct oc_labels sample_labels = {
    .n = 2,
    .items = {{"rack", ""}, {"site", "berlin"}},
};

static void assert_hex(const uint8_t *bytes, size_t n, const char *want)
{
    char text[2048];
    assert_true(2 * n < sizeof text);
    oc_hex_format(bytes, n, text);
    assert_string_equal(text, want);
}

static void a_grant_has_the_form_of_the_readme(void **state)
{
    (void)state;
    uint8_t form[ROW_GRANT_BYTES];
    size_t n = row_encode_grant(&sample_grant, form);
    assert_hex(form, n, "056167656e7402046368617405746f6f6c73");
    const struct oc_grant role_alone = {.role = "a"};
    n = row_encode_grant(&role_alone, form);
    assert_hex(form, n, "016100");
    const struct oc_grant none = {0};
    assert_int_equal(row_encode_grant(&none, form), 0);
}

static void labels_have_the_form_of_the_readme(void **state)
{
    (void)state;
    uint8_t form[ROW_LABELS_BYTES];
    size_t n = row_encode_labels(&sample_labels, form);
    assert_hex(form, n,
               "02047261636b00047369746506"
               "6265726c696e");
    const struct oc_labels none = {0};
    assert_int_equal(row_encode_labels(&none, form), 0);
}

static void the_longest_values_fit_and_come_back(void **state)
{
    (void)state;
    struct oc_grant grant = {.n_scopes = OC_MAX_SCOPES};
    struct oc_labels labels = {.n = OC_MAX_LABELS};
    memset(grant.role, 'r', OC_MAX_ROLE_BYTES);
    for (unsigned i = 0; i < OC_MAX_SCOPES; i++) {
        memset(grant.scopes[i], (int)('a' + i), OC_MAX_SCOPE_BYTES);
    }
    for (unsigned i = 0; i < OC_MAX_LABELS; i++) {
        memset(labels.items[i].key, (int)('a' + i), OC_MAX_LABEL_KEY_BYTES);
        memset(labels.items[i].value, 'v', OC_MAX_LABEL_VALUE_BYTES);
    }
    uint8_t form[ROW_LABELS_BYTES > ROW_GRANT_BYTES ? ROW_LABELS_BYTES : ROW_GRANT_BYTES];
    struct oc_grant grant_found;
    assert_int_equal(row_encode_grant(&grant, form), ROW_GRANT_BYTES);
    assert_true(row_decode_grant(form, ROW_GRANT_BYTES, &grant_found));
    assert_true(oc_grant_equal(&grant, &grant_found));
    struct oc_labels labels_found;
    assert_int_equal(row_encode_labels(&labels, form), ROW_LABELS_BYTES);
    assert_true(row_decode_labels(form, ROW_LABELS_BYTES, &labels_found));
    assert_memory_equal(&labels, &labels_found, sizeof labels);
}

static void only_the_one_form_of_a_grant_is_read(void **state)
{
    static const char *const broken[] = {
        "00",       /* ends before the number of scopes */
        "0000",     /* no grant has the empty form */
        "01",       /* ends within the role */
        "0161",     /* ends before the number of scopes */
        "016101",   /* a scope is missing */
        "01610001", /* a byte too many */
        "016102016201"
        "61", /* scopes out of order */
        "016102016201"
        "62",     /* a scope twice */
        "010000", /* NUL in the role */
        "016111", /* seventeen scopes */
    };
    (void)state;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(broken); i++) {
        uint8_t bytes[64];
        const size_t n = strlen(broken[i]) / 2;
        assert_true(oc_hex_parse(broken[i], n, bytes));
        struct oc_grant found = sample_grant;
        if (row_decode_grant(bytes, n, &found)) {
            fail_msg("was read: %s", broken[i]);
        }
        assert_int_equal(found.role[0], 0);
        assert_int_equal(found.n_scopes, 0);
    }
}

static void a_text_beyond_its_bound_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[2 + OC_MAX_ROLE_BYTES + 1];
    memset(bytes, 'r', sizeof bytes);
    bytes[0] = OC_MAX_ROLE_BYTES + 1;
    bytes[sizeof bytes - 1] = 0; /* no scopes */
    struct oc_grant found;
    assert_false(row_decode_grant(bytes, sizeof bytes, &found));
    assert_int_equal(found.role[0], 0);
}

static void only_the_one_form_of_labels_is_read(void **state)
{
    static const char *const broken[] = {
        "00",     /* no labels have the empty form */
        "01",     /* a key is missing */
        "010161", /* a value is missing */
        "01016100"
        "00", /* a byte too many */
        "0201620001"
        "6100", /* keys out of order */
        "0201610001"
        "6100",       /* a key twice */
        "0101000161", /* NUL in a key */
        "09",         /* nine labels */
    };
    (void)state;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(broken); i++) {
        uint8_t bytes[64];
        const size_t n = strlen(broken[i]) / 2;
        assert_true(oc_hex_parse(broken[i], n, bytes));
        struct oc_labels found = sample_labels;
        if (row_decode_labels(bytes, n, &found)) {
            fail_msg("was read: %s", broken[i]);
        }
        assert_int_equal(found.n, 0);
    }
}

/* Whatever is read is written back as it was. */
static void any_bytes_are_refused_or_come_back(void **state)
{
    (void)state;
    uint32_t random = 1;
    unsigned n_read = 0;
    for (unsigned round = 0; round < 200000; round++) {
        uint8_t bytes[12];
        for (size_t i = 0; i < sizeof bytes; i++) {
            random = random * 1664525u + 1013904223u;
            bytes[i] = (uint8_t)((random >> 24) % 4);
        }
        const size_t n = random % (sizeof bytes + 1);
        uint8_t again[ROW_LABELS_BYTES];
        struct oc_grant grant;
        struct oc_labels labels;
        if (row_decode_grant(bytes, n, &grant)) {
            assert_int_equal(row_encode_grant(&grant, again), n);
            assert_memory_equal(bytes, again, n);
            n_read++;
        }
        if (row_decode_labels(bytes, n, &labels)) {
            assert_int_equal(row_encode_labels(&labels, again), n);
            assert_memory_equal(bytes, again, n);
            n_read++;
        }
    }
    assert_true(n_read > 1000);
}

static void the_codes_of_rows_never_change(void **state)
{
    (void)state;
    struct oc_key key;
    uint8_t gateway_id[ROW_ID_BYTES];
    memset(key.bytes, 0x11, sizeof key.bytes);
    memset(gateway_id, 0x22, sizeof gateway_id);
    struct oc_hmac *hmac = oc_hmac_new(&key);
    assert_non_null(hmac);
    struct pairing record = {
        .standing = OC_STANDING_APPROVED,
        .generation = 7,
        .asked = sample_grant,
        .granted = {.role = "agent", .n_scopes = 1, .scopes = {"chat"}},
        .term_ends_ms = 1700000000000,
        .alias = "printer",
        .labels = sample_labels,
    };
    memset(record.id.bytes, 0x33, sizeof record.id.bytes);
    const struct oc_digest mac = row_device_mac(hmac, gateway_id, &record);
    assert_hex(mac.bytes, OC_DIGEST_BYTES,
               "4c0d007cacee65ce856cea1ecf4222f6d9a260fa54e0dd09444fba01d6c27307");
    const struct expectation expectation = {
        .is_set = true,
        .approves = true,
        .until_ms = 1700000000000,
        .grant = sample_grant,
        .labels = sample_labels,
        .term_ms = 3600000,
    };
    const struct oc_digest other = row_expectation_mac(hmac, gateway_id, &record.id, &expectation);
    assert_hex(other.bytes, OC_DIGEST_BYTES,
               "34ca5ae672421632fd2d48af9109a1e9a3fd0f8105291fde1b7e4c164229c85b");
    oc_hmac_free(hmac);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grant_has_the_form_of_the_readme),
        cmocka_unit_test(labels_have_the_form_of_the_readme),
        cmocka_unit_test(the_longest_values_fit_and_come_back),
        cmocka_unit_test(only_the_one_form_of_a_grant_is_read),
        cmocka_unit_test(a_text_beyond_its_bound_is_refused),
        cmocka_unit_test(only_the_one_form_of_labels_is_read),
        cmocka_unit_test(any_bytes_are_refused_or_come_back),
        cmocka_unit_test(the_codes_of_rows_never_change),
    };
    return cmocka_run_group_tests_name("row forms", tests, NULL, NULL);
}
