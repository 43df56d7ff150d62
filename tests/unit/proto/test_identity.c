#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "proto/base/cleanup.h"
#include "proto/base/hex.h"
#include "proto/crypto/identity.h"

static void assert_sound(const char *hex, bool expected)
{
    uint8_t raw[32];
    assert_true(oc_hex_parse(hex, sizeof raw, raw));
    assert_int_equal(oc_ed25519_is_sound(raw), expected);
}

/* The eight points of small order, and every other way to write them. */
static void small_order_keys_are_not_sound(void **state)
{
    (void)state;
    static const char *const encodings[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        /* the same points written in ways that are not canonical */
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(encodings); i++) {
        assert_sound(encodings[i], false);
    }
}

static void coordinates_from_the_prime_up_are_not_canonical(void **state)
{
    (void)state;
    char hex[] = "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
    assert_sound(hex, false);
    hex[0] = 'e';
    hex[1] = 'b'; /* two below the prime */
    assert_sound(hex, true);
    memset(hex, 'f', 64);
    assert_sound(hex, false);
}

static void fresh_keys_are_sound_and_differ(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++) {
        OC_CLEANUP(oc_identity_freep) struct oc_identity *one = NULL;
        OC_CLEANUP(oc_identity_freep) struct oc_identity *two = NULL;
        assert_int_equal(oc_identity_generate(OC_IDENTITY_DEVICE, &one, NULL), OC_OK);
        assert_int_equal(oc_identity_generate(OC_IDENTITY_DEVICE, &two, NULL), OC_OK);
        uint8_t raw[32];
        oc_identity_raw_public(one, raw);
        assert_true(oc_ed25519_is_sound(raw));
        struct oc_device_id a = oc_identity_device_id(one);
        struct oc_device_id b = oc_identity_device_id(two);
        struct oc_device_id computed = oc_device_id_of_key(raw);
        assert_false(oc_device_id_equal(&a, &b));
        assert_true(oc_device_id_equal(&a, &computed));
    }
}

static void a_key_survives_the_round_trip_through_pem(void **state)
{
    (void)state;
    const enum oc_identity_kind kinds[] = {OC_IDENTITY_DEVICE, OC_IDENTITY_GATEWAY};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(kinds); i++) {
        OC_CLEANUP(oc_identity_freep) struct oc_identity *identity = NULL;
        OC_CLEANUP(oc_identity_freep) struct oc_identity *back = NULL;
        struct oc_error err;
        char pem[1024];
        size_t n = 0;
        assert_int_equal(oc_identity_generate(kinds[i], &identity, &err), OC_OK);
        assert_int_equal(oc_identity_format(identity, pem, sizeof pem, &n, &err), OC_OK);
        assert_memory_equal(pem, "-----BEGIN PRIVATE KEY-----", 27);
        assert_int_equal(oc_identity_parse(kinds[i], pem, n, &back, &err), OC_OK);
        struct oc_digest a = oc_identity_spki_sha256(identity);
        struct oc_digest b = oc_identity_spki_sha256(back);
        assert_memory_equal(a.bytes, b.bytes, sizeof a.bytes);
        struct oc_device_id id = oc_identity_device_id(identity);
        struct oc_device_id id_back = oc_identity_device_id(back);
        assert_true(oc_device_id_equal(&id, &id_back));
        assert_int_equal(oc_identity_format(identity, pem, n - 1, &n, &err), OC_INTERNAL);
    }
}

static void a_key_of_the_other_kind_is_refused(void **state)
{
    (void)state;
    const enum oc_identity_kind kinds[] = {OC_IDENTITY_DEVICE, OC_IDENTITY_GATEWAY};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(kinds); i++) {
        OC_CLEANUP(oc_identity_freep) struct oc_identity *identity = NULL;
        struct oc_identity *back = NULL;
        struct oc_error err;
        char pem[1024];
        size_t n = 0;
        assert_int_equal(oc_identity_generate(kinds[i], &identity, &err), OC_OK);
        assert_int_equal(oc_identity_format(identity, pem, sizeof pem, &n, &err), OC_OK);
        assert_int_equal(oc_identity_parse(kinds[1 - i], pem, n, &back, &err), OC_INVALID_ARGUMENT);
        assert_null(back);
        assert_non_null(strstr(err.text, "the key is not"));
    }
}

static void text_that_is_no_key_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "hello",
        "-----BEGIN PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAoGCCqGSIb3DQUN\n"
        "-----END ENCRYPTED PRIVATE KEY-----\n",
        /* an Ed25519 key with 31 bytes */
        "-----BEGIN PRIVATE KEY-----\nMC0CAQAwBQYDK2VwBCEEHwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAAA=\n-----END PRIVATE KEY-----\n",
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(texts); i++) {
        struct oc_identity *identity = NULL;
        struct oc_error err;
        assert_int_equal(
            oc_identity_parse(OC_IDENTITY_DEVICE, texts[i], strlen(texts[i]), &identity, &err),
            OC_INVALID_ARGUMENT);
        assert_null(identity);
    }
}

static void the_certificate_is_small_and_verifies_under_its_own_key(void **state)
{
    (void)state;
    const enum oc_identity_kind kinds[] = {OC_IDENTITY_DEVICE, OC_IDENTITY_GATEWAY};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(kinds); i++) {
        OC_CLEANUP(oc_identity_freep) struct oc_identity *identity = NULL;
        assert_int_equal(oc_identity_generate(kinds[i], &identity, NULL), OC_OK);
        X509 *certificate = oc_identity_x509(identity);
        assert_int_equal(X509_verify(certificate, oc_identity_evp_pkey(identity)), 1);
        assert_in_range(i2d_X509(certificate, NULL), 100, 350);
        assert_true(X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0);
        assert_true(X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0);
    }
}

static void only_a_gateway_signs(void **state)
{
    (void)state;
    OC_CLEANUP(oc_identity_freep) struct oc_identity *device = NULL;
    OC_CLEANUP(oc_identity_freep) struct oc_identity *gateway = NULL;
    assert_int_equal(oc_identity_generate(OC_IDENTITY_DEVICE, &device, NULL), OC_OK);
    assert_int_equal(oc_identity_generate(OC_IDENTITY_GATEWAY, &gateway, NULL), OC_OK);
    const uint8_t text[] = "text";
    uint8_t signature[80];
    size_t n = sizeof signature;
    assert_int_equal(oc_identity_sign(device, text, 4, signature, &n, NULL), OC_INTERNAL);
    n = sizeof signature;
    assert_int_equal(oc_identity_sign(gateway, text, 4, signature, &n, NULL), OC_OK);
    assert_in_range(n, 60, 72);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_order_keys_are_not_sound),
        cmocka_unit_test(coordinates_from_the_prime_up_are_not_canonical),
        cmocka_unit_test(fresh_keys_are_sound_and_differ),
        cmocka_unit_test(a_key_survives_the_round_trip_through_pem),
        cmocka_unit_test(a_key_of_the_other_kind_is_refused),
        cmocka_unit_test(text_that_is_no_key_is_refused),
        cmocka_unit_test(the_certificate_is_small_and_verifies_under_its_own_key),
        cmocka_unit_test(only_a_gateway_signs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
