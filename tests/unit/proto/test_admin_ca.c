#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "proto/base/cleanup.h"
#include "proto/crypto/admin_ca.h"
#include "proto/crypto/identity.h"
#include "tests/support/admin_certificates.h"

static struct admin_signer ours;
static struct admin_signer other;

static int make_signers(void **state)
{
    (void)state;
    admin_signer_init(&ours, "one");
    admin_signer_init(&other, "one"); /* the same name: the signature alone tells them apart */
    return 0;
}

static int free_signers(void **state)
{
    (void)state;
    admin_signer_deinit(&ours);
    admin_signer_deinit(&other);
    return 0;
}

static enum oc_admin_verdict judge_der(const struct oc_admin_der *der, int64_t now_ms,
                                       struct oc_admin_certificate *out)
{
    const struct oc_bytes sent = {der->bytes, der->n};
    const enum oc_admin_verdict verdict =
        oc_admin_certificate_judge(ours.ca, &sent, 1, now_ms, out);
    assert_int_equal(ERR_peek_error(), 0);
    return verdict;
}

static enum oc_admin_verdict judge(const struct admin_wish *wish)
{
    struct admin_made made;
    struct oc_admin_certificate out;
    memset(&out, 0x5a, sizeof out);
    struct oc_admin_certificate untouched = out;
    admin_make(&ours, wish, &made);
    const enum oc_admin_verdict verdict = judge_der(&made.der, ADMIN_NOW_MS, &out);
    if (verdict != OC_ADMIN_ACCEPTED) {
        assert_memory_equal(&out, &untouched, sizeof out);
    }
    admin_made_deinit(&made);
    return verdict;
}

/* ---- the matrix ---------------------------------------------------------------------------- */

#define NAME_OF_64 "a23456789012345678901234567890123456789012345678901234567890123."
#define RAW(text)  .raw_uri = (text), .n_raw_uri = sizeof(text) - 1

static const struct {
    const char *what;
    struct admin_wish wish;
    enum oc_admin_verdict wanted;
} matrix[] = {
    {"a good one", {0}, OC_ADMIN_ACCEPTED},
    {"Ed25519", {.key = "ED25519"}, OC_ADMIN_ACCEPTED},
    {"without key usage", {.ku = ""}, OC_ADMIN_ACCEPTED},
    {"without basic constraints", {.basic = ""}, OC_ADMIN_ACCEPTED},
    {"for servers too", {.eku = "serverAuth,clientAuth"}, OC_ADMIN_ACCEPTED},
    {"64 characters", {.san = "URI:openclaw:admin/" NAME_OF_64}, OC_ADMIN_ACCEPTED},
    {"SHA-384", {.digest = "SHA384"}, OC_ADMIN_ACCEPTED},

    {"self-signed", {.is_self_signed = true}, OC_ADMIN_OTHER_CA},
    {"another issuer", {.issuer = "OpenClaw admin two"}, OC_ADMIN_OTHER_CA},
    {"SHA-1", {.digest = "SHA1"}, OC_ADMIN_OTHER_CA},
    {"version 1", {.version = 1}, OC_ADMIN_UNREADABLE},
    {"expired", {.to_ms = ADMIN_NOW_MS - 1000}, OC_ADMIN_EXPIRED},
    {"not yet valid", {.from_ms = ADMIN_NOW_MS + 1000}, OC_ADMIN_NOT_YET_VALID},
    {"for servers", {.eku = "serverAuth"}, OC_ADMIN_WRONG_PURPOSE},
    {"for anything", {.eku = "anyExtendedKeyUsage"}, OC_ADMIN_WRONG_PURPOSE},
    {"no EKU", {.eku = ""}, OC_ADMIN_WRONG_PURPOSE},
    {"a key that may not sign", {.ku = "critical,keyAgreement"}, OC_ADMIN_WRONG_PURPOSE},
    {"a CA", {.basic = "critical,CA:TRUE"}, OC_ADMIN_IS_A_CA},
    {"what may sign certificates",
     {.basic = "", .ku = "critical,digitalSignature,keyCertSign"},
     OC_ADMIN_IS_A_CA},
    {"RSA of 1024 bits", {.key = "RSA-1024"}, OC_ADMIN_WEAK_KEY},
    {"P-384", {.key = "P-384"}, OC_ADMIN_WEAK_KEY},
    {"an unknown rule", {.critical = "1.3.6.1.4.1.99999.1"}, OC_ADMIN_UNKNOWN_RULE},
    {"broken name constraints", {.critical = "2.5.29.30"}, OC_ADMIN_UNKNOWN_RULE},

    {"no name", {.san = ""}, OC_ADMIN_NO_NAME},
    {"two names", {.san = "URI:openclaw:admin/alice,URI:openclaw:admin/bob"}, OC_ADMIN_NO_NAME},
    {"a DNS name beside", {.san = "URI:openclaw:admin/alice,DNS:a.example"}, OC_ADMIN_NO_NAME},
    {"two extensions", {.second_san = "URI:openclaw:admin/bob"}, OC_ADMIN_UNKNOWN_RULE},
    {"a DNS name", {.san = "DNS:openclaw"}, OC_ADMIN_NO_NAME},
    {"our name as a DNS name", {.san = "DNS:openclaw:admin/alice"}, OC_ADMIN_NO_NAME},
    {"an address of mail", {.san = "email:alice@a.example"}, OC_ADMIN_NO_NAME},
    {"another URI", {.san = "URI:spiffe://a/alice"}, OC_ADMIN_NO_NAME},
    {"an empty name", {.san = "URI:openclaw:admin/"}, OC_ADMIN_NO_NAME},
    {"upper case", {.san = "URI:openclaw:admin/Alice"}, OC_ADMIN_NO_NAME},
    {"upper case before", {.san = "URI:OpenClaw:admin/alice"}, OC_ADMIN_NO_NAME},
    {"a digit first", {.san = "URI:openclaw:admin/1alice"}, OC_ADMIN_NO_NAME},
    {"a slash", {.san = "URI:openclaw:admin/alice/root"}, OC_ADMIN_NO_NAME},
    {"65 characters", {.san = "URI:openclaw:admin/" NAME_OF_64 "x"}, OC_ADMIN_NO_NAME},
    {"a NUL", {RAW("openclaw:admin/alice\0.evil")}, OC_ADMIN_NO_NAME},
    {"a NUL at the end", {RAW("openclaw:admin/alice\0")}, OC_ADMIN_NO_NAME},
    {"a line feed", {RAW("openclaw:admin/alice\n")}, OC_ADMIN_NO_NAME},
    {"a blank", {RAW("openclaw:admin/al ice")}, OC_ADMIN_NO_NAME},
    {"UTF-8",
     {RAW("openclaw:admin/al\xc3\xad"
          "ce")},
     OC_ADMIN_NO_NAME},
};

static void every_certificate_of_the_matrix_is_judged_as_written_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(matrix); i++) {
        const enum oc_admin_verdict found = judge(&matrix[i].wish);
        if (found != matrix[i].wanted) {
            fail_msg("%s: %s", matrix[i].what, oc_admin_verdict_text(found));
        }
    }
}

static void what_it_says_is_told(void **state)
{
    (void)state;
    const struct admin_wish wish = {.to_ms = ADMIN_NOW_MS + 5000};
    struct admin_made made;
    struct oc_admin_certificate out;
    admin_make(&ours, &wish, &made);
    assert_int_equal(judge_der(&made.der, ADMIN_NOW_MS, &out), OC_ADMIN_ACCEPTED);
    const struct oc_bytes piece = {made.der.bytes, made.der.n};
    const struct oc_digest digest = oc_sha256(&piece, 1);
    assert_string_equal(out.name, "alice");
    assert_memory_equal(&out.sha256, &digest, sizeof digest);
    assert_int_equal(out.n_serial, 2);
    assert_int_equal(out.serial[0] * 256 + out.serial[1], 4711);
    assert_int_equal(out.not_after_ms, ADMIN_NOW_MS + 5000);
    assert_int_equal(judge_der(&made.der, ADMIN_NOW_MS + 5000, &out), OC_ADMIN_ACCEPTED);
    assert_int_equal(judge_der(&made.der, ADMIN_NOW_MS + 5001, &out), OC_ADMIN_EXPIRED);
    admin_made_deinit(&made);
}

static void another_ca_of_the_same_name_is_another_ca(void **state)
{
    (void)state;
    const struct admin_wish wish = {0};
    struct admin_made made;
    struct oc_admin_certificate out;
    admin_make(&other, &wish, &made);
    assert_int_equal(judge_der(&made.der, ADMIN_NOW_MS, &out), OC_ADMIN_OTHER_CA);
    admin_made_deinit(&made);
}

static void the_ca_s_own_certificate_lets_nobody_in(void **state)
{
    (void)state;
    struct oc_admin_certificate out;
    const struct oc_bytes sent = oc_admin_ca_certificate(ours.ca);
    assert_int_equal(oc_admin_certificate_judge(ours.ca, &sent, 1, ADMIN_NOW_MS, &out),
                     OC_ADMIN_IS_A_CA);
}

static void a_device_s_certificate_lets_nobody_in(void **state)
{
    (void)state;
    OC_CLEANUP(oc_identity_freep) struct oc_identity *device = NULL;
    struct oc_admin_certificate out;
    struct oc_admin_der der;
    assert_int_equal(oc_identity_generate(OC_IDENTITY_DEVICE, &device, NULL), OC_OK);
    uint8_t *at = der.bytes;
    der.n = (size_t)i2d_X509(oc_identity_x509(device), &at);
    assert_int_equal(judge_der(&der, ADMIN_NOW_MS, &out), OC_ADMIN_OTHER_CA);
}

static void nothing_may_stand_between_a_certificate_and_the_ca(void **state)
{
    (void)state;
    const struct admin_wish wish = {0};
    struct admin_made made;
    struct oc_admin_certificate out;
    admin_make(&ours, &wish, &made);
    const struct oc_bytes leaf = {made.der.bytes, made.der.n};
    const struct oc_bytes ca = oc_admin_ca_certificate(ours.ca);
    const struct oc_bytes foreign = oc_admin_ca_certificate(other.ca);
    const struct oc_bytes with_ca[] = {leaf, ca};
    const struct oc_bytes with_foreign[] = {leaf, foreign};
    const struct oc_bytes with_itself[] = {leaf, leaf};
    const struct oc_bytes with_three[] = {leaf, ca, ca};
    assert_int_equal(oc_admin_certificate_judge(ours.ca, with_ca, 2, ADMIN_NOW_MS, &out),
                     OC_ADMIN_ACCEPTED);
    assert_int_equal(oc_admin_certificate_judge(ours.ca, with_foreign, 2, ADMIN_NOW_MS, &out),
                     OC_ADMIN_CHAIN_TOO_LONG);
    assert_int_equal(oc_admin_certificate_judge(ours.ca, with_itself, 2, ADMIN_NOW_MS, &out),
                     OC_ADMIN_CHAIN_TOO_LONG);
    assert_int_equal(oc_admin_certificate_judge(ours.ca, with_three, 3, ADMIN_NOW_MS, &out),
                     OC_ADMIN_CHAIN_TOO_LONG);
    assert_int_equal(oc_admin_certificate_judge(ours.ca, &leaf, 0, ADMIN_NOW_MS, &out),
                     OC_ADMIN_UNREADABLE);
    admin_made_deinit(&made);
}

/* A flipped bit anywhere is seen; a byte more or less, too. */
static void a_certificate_that_was_changed_lets_nobody_in(void **state)
{
    (void)state;
    const struct admin_wish wish = {0};
    struct admin_made made;
    struct oc_admin_certificate out;
    admin_make(&ours, &wish, &made);
    for (size_t i = 0; i < made.der.n; i++) {
        made.der.bytes[i] ^= 0x01;
        assert_int_not_equal(judge_der(&made.der, ADMIN_NOW_MS, &out), OC_ADMIN_ACCEPTED);
        made.der.bytes[i] ^= 0x01;
    }
    assert_int_equal(judge_der(&made.der, ADMIN_NOW_MS, &out), OC_ADMIN_ACCEPTED);
    made.der.n++;
    assert_int_equal(judge_der(&made.der, ADMIN_NOW_MS, &out), OC_ADMIN_UNREADABLE);
    for (made.der.n -= 2; made.der.n > 0; made.der.n--) {
        assert_int_equal(judge_der(&made.der, ADMIN_NOW_MS, &out), OC_ADMIN_UNREADABLE);
    }
    admin_made_deinit(&made);
}

static void a_ca_that_ended_lets_nobody_in(void **state)
{
    (void)state;
    const int64_t later_ms = ADMIN_NOW_MS + 4000 * OC_ADMIN_DAY_MS;
    const struct admin_wish wish = {.to_ms = later_ms + 1000};
    struct admin_made made;
    struct oc_admin_certificate out;
    admin_make(&ours, &wish, &made);
    assert_int_equal(judge_der(&made.der, later_ms, &out), OC_ADMIN_EXPIRED);
    admin_made_deinit(&made);
}

static void every_verdict_has_words(void **state)
{
    (void)state;
    for (int i = 0; i <= OC_ADMIN_VERDICT_COUNT; i++) {
        assert_true(strlen(oc_admin_verdict_text((enum oc_admin_verdict)i)) > 3);
        assert_true(strlen(oc_admin_verdict_fix((enum oc_admin_verdict)i)) > 3);
    }
}

/* ---- signing ------------------------------------------------------------------------------- */

struct asked {
    struct oc_identity *identity;
    uint8_t bytes[OC_ADMIN_CSR_BYTES];
    size_t n;
};

static void ask(struct asked *asked, enum oc_identity_kind kind)
{
    assert_int_equal(oc_identity_generate(kind, &asked->identity, NULL), OC_OK);
    assert_int_equal(
        oc_admin_csr_make(asked->identity, asked->bytes, sizeof asked->bytes, &asked->n, NULL),
        OC_OK);
}

static struct oc_admin_order order_of(const struct asked *asked)
{
    return (struct oc_admin_order){.name = "bob",
                                   .csr = {asked->bytes, asked->n},
                                   .now_ms = ADMIN_NOW_MS,
                                   .ttl_ms = OC_ADMIN_DAY_MS};
}

static void what_the_ca_signs_comes_in(void **state)
{
    (void)state;
    const enum oc_identity_kind kinds[] = {OC_IDENTITY_GATEWAY, OC_IDENTITY_DEVICE};
    for (size_t i = 0; i < 2; i++) {
        struct asked asked;
        struct oc_admin_der der;
        struct oc_admin_certificate out;
        struct oc_digest key;
        ask(&asked, kinds[i]);
        const struct oc_admin_order order = order_of(&asked);
        assert_int_equal(oc_admin_ca_sign(ours.ca, &order, &der, NULL), OC_OK);
        assert_int_equal(judge_der(&der, ADMIN_NOW_MS, &out), OC_ADMIN_ACCEPTED);
        assert_string_equal(out.name, "bob");
        assert_int_equal(out.not_after_ms, ADMIN_NOW_MS + OC_ADMIN_DAY_MS);
        assert_int_equal(out.not_before_ms, ADMIN_NOW_MS - 5 * 60 * 1000);
        assert_true(out.n_serial > 12); /* 128 random bits */
        const struct oc_digest own = oc_identity_spki_sha256(asked.identity);
        assert_memory_equal(&out.spki_sha256, &own, sizeof own);
        assert_int_equal(oc_admin_csr_key(order.csr, &key, NULL), OC_OK);
        assert_memory_equal(&key, &own, sizeof own);
        oc_identity_free(asked.identity);
    }
}

static void a_csr_that_was_changed_is_refused(void **state)
{
    (void)state;
    struct asked asked;
    struct oc_admin_der der;
    struct oc_error err;
    ask(&asked, OC_IDENTITY_GATEWAY);
    struct oc_admin_order order = order_of(&asked);
    for (size_t i = 0; i < asked.n; i++) {
        asked.bytes[i] ^= 0x01;
        assert_int_equal(oc_admin_ca_sign(ours.ca, &order, &der, &err), OC_INVALID_ARGUMENT);
        assert_string_equal(err.field, "csr");
        asked.bytes[i] ^= 0x01;
    }
    order.csr.n--;
    assert_int_equal(oc_admin_ca_sign(ours.ca, &order, &der, &err), OC_INVALID_ARGUMENT);
    assert_int_equal(ERR_peek_error(), 0);
    oc_identity_free(asked.identity);
}

static void orders_have_bounds(void **state)
{
    (void)state;
    struct asked asked;
    struct oc_admin_der der;
    struct oc_error err;
    ask(&asked, OC_IDENTITY_GATEWAY);
    struct oc_admin_order order = order_of(&asked);
    order.ttl_ms = OC_ADMIN_MAX_TTL_MS + 1;
    assert_int_equal(oc_admin_ca_sign(ours.ca, &order, &der, &err), OC_INVALID_ARGUMENT);
    assert_string_equal(err.field, "ttl_ms");
    order.ttl_ms = 0;
    assert_int_equal(oc_admin_ca_sign(ours.ca, &order, &der, &err), OC_INVALID_ARGUMENT);
    order = order_of(&asked);
    order.name = "Bob";
    assert_int_equal(oc_admin_ca_sign(ours.ca, &order, &der, &err), OC_INVALID_ARGUMENT);
    assert_string_equal(err.field, "name");
    order = order_of(&asked);
    order.now_ms = ADMIN_NOW_MS + 3600 * OC_ADMIN_DAY_MS;
    order.ttl_ms = OC_ADMIN_MAX_TTL_MS; /* cut to the end of the CA */
    struct oc_admin_certificate out;
    assert_int_equal(oc_admin_ca_sign(ours.ca, &order, &der, NULL), OC_OK);
    assert_int_equal(judge_der(&der, order.now_ms, &out), OC_ADMIN_ACCEPTED);
    assert_int_equal(out.not_after_ms, oc_admin_ca_not_after_ms(ours.ca));
    oc_identity_free(asked.identity);
}

/* ---- the CA -------------------------------------------------------------------------------- */

static void a_ca_is_read_as_it_was_written(void **state)
{
    (void)state;
    char pem[OC_ADMIN_CA_PEM_BYTES];
    size_t n = 0;
    OC_CLEANUP(oc_admin_ca_freep) struct oc_admin_ca *read = NULL;
    OC_CLEANUP(oc_admin_ca_freep) struct oc_admin_ca *offline = NULL;
    OC_CLEANUP(oc_admin_ca_freep) struct oc_admin_ca *again = NULL;
    assert_int_equal(oc_admin_ca_format(ours.ca, pem, sizeof pem, &n, NULL), OC_OK);
    assert_int_equal(oc_admin_ca_parse(pem, n, &read, NULL), OC_OK);
    assert_true(oc_admin_ca_can_sign(read));
    const struct oc_digest was = oc_admin_ca_sha256(ours.ca);
    struct oc_digest is = oc_admin_ca_sha256(read);
    assert_memory_equal(&is, &was, sizeof is);
    const struct oc_bytes der = oc_admin_ca_certificate(ours.ca);
    assert_int_equal(oc_admin_ca_from_certificate(der.data, der.n, &offline, NULL), OC_OK);
    assert_false(oc_admin_ca_can_sign(offline));
    assert_int_equal(oc_admin_ca_format(offline, pem, sizeof pem, &n, NULL), OC_OK);
    assert_null(strstr(pem, "PRIVATE"));
    assert_int_equal(oc_admin_ca_parse(pem, n, &again, NULL), OC_OK);
    is = oc_admin_ca_sha256(again);
    assert_memory_equal(&is, &was, sizeof is);
    struct asked asked;
    struct oc_admin_der signed_der;
    ask(&asked, OC_IDENTITY_GATEWAY);
    const struct oc_admin_order order = order_of(&asked);
    assert_int_equal(oc_admin_ca_sign(offline, &order, &signed_der, NULL), OC_FAILED_PRECONDITION);
    oc_identity_free(asked.identity);
}

static void half_a_ca_is_refused(void **state)
{
    (void)state;
    char pem[OC_ADMIN_CA_PEM_BYTES];
    char mixed[2 * OC_ADMIN_CA_PEM_BYTES];
    size_t n = 0;
    struct oc_admin_ca *read = NULL;
    assert_int_equal(oc_admin_ca_format(ours.ca, pem, sizeof pem - 1, &n, NULL), OC_OK);
    pem[n] = '\0';
    const char *own_certificate = strstr(pem, "-----BEGIN CERTIFICATE");
    const size_t n_key = (size_t)(own_certificate - pem);
    assert_int_equal(oc_admin_ca_parse(pem, n_key, &read, NULL), OC_INVALID_ARGUMENT);
    assert_int_equal(oc_admin_ca_parse(pem, n - 40, &read, NULL), OC_INVALID_ARGUMENT);
    assert_int_equal(oc_admin_ca_parse("", 0, &read, NULL), OC_INVALID_ARGUMENT);
    /* the key of one, the certificate of the other */
    char theirs[OC_ADMIN_CA_PEM_BYTES];
    size_t n_theirs = 0;
    assert_int_equal(oc_admin_ca_format(other.ca, theirs, sizeof theirs - 1, &n_theirs, NULL),
                     OC_OK);
    theirs[n_theirs] = '\0';
    (void)snprintf(mixed, sizeof mixed, "%.*s%s", (int)n_key, pem,
                   strstr(theirs, "-----BEGIN CERTIFICATE"));
    assert_int_equal(oc_admin_ca_parse(mixed, strlen(mixed), &read, NULL), OC_INVALID_ARGUMENT);
    /* two certificates: which one? */
    (void)snprintf(mixed, sizeof mixed, "%s%s", pem, own_certificate);
    assert_int_equal(oc_admin_ca_parse(mixed, strlen(mixed), &read, NULL), OC_INVALID_ARGUMENT);
    /* a key that cannot be read is no CA without its key */
    pem[100] = pem[100] == 'A' ? 'B' : 'A';
    assert_int_equal(oc_admin_ca_parse(pem, n, &read, NULL), OC_INVALID_ARGUMENT);
    assert_null(read);
    assert_int_equal(ERR_peek_error(), 0);
}

static void only_a_ca_is_taken_for_one(void **state)
{
    (void)state;
    static const struct admin_wish wishes[] = {
        {0}, /* a leaf */
        {.ku = "keyCertSign"},
        {.basic = "critical,CA:TRUE"}, /* may not sign certificates */
        {.basic = "critical,CA:TRUE", .ku = "keyCertSign", .key = "RSA-1024"},
        {.basic = "critical,CA:TRUE", .ku = "keyCertSign", .critical = "2.5.29.30"},
        {.version = 1},
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(wishes); i++) {
        struct admin_made made;
        struct oc_admin_ca *ca = NULL;
        struct oc_error err;
        admin_make(&ours, &wishes[i], &made);
        assert_int_equal(oc_admin_ca_from_certificate(made.der.bytes, made.der.n, &ca, &err),
                         OC_INVALID_ARGUMENT);
        assert_string_equal(err.field, "ca_certificate");
        admin_made_deinit(&made);
    }
    const struct admin_wish good = {.basic = "critical,CA:TRUE", .ku = "keyCertSign", .san = ""};
    struct admin_made made;
    OC_CLEANUP(oc_admin_ca_freep) struct oc_admin_ca *ca = NULL;
    admin_make(&ours, &good, &made);
    assert_int_equal(oc_admin_ca_from_certificate(made.der.bytes, made.der.n, &ca, NULL), OC_OK);
    admin_made_deinit(&made);
}

static void labels_of_cas_have_bounds(void **state)
{
    (void)state;
    struct oc_admin_ca *ca = NULL;
    assert_int_equal(oc_admin_ca_make("", ADMIN_NOW_MS, &ca, NULL), OC_INVALID_ARGUMENT);
    assert_int_equal(oc_admin_ca_make("a\nb", ADMIN_NOW_MS, &ca, NULL), OC_INVALID_ARGUMENT);
    assert_int_equal(
        oc_admin_ca_make("0123456789012345678901234567890123456789012345678", 0, &ca, NULL),
        OC_INVALID_ARGUMENT);
}

/* The same CA, as one that is not ours. */
static struct oc_admin_ca *as_external(void)
{
    char pem[OC_ADMIN_CA_PEM_BYTES];
    size_t n = 0;
    struct oc_admin_ca *external = NULL;
    OC_CLEANUP(oc_admin_ca_freep) struct oc_admin_ca *bare = NULL;
    const struct oc_bytes der = oc_admin_ca_certificate(ours.ca);
    assert_int_equal(oc_admin_ca_from_certificate(der.data, der.n, &bare, NULL), OC_OK);
    assert_int_equal(oc_admin_ca_format(bare, pem, sizeof pem, &n, NULL), OC_OK);
    assert_int_equal(oc_admin_ca_parse_external(pem, n, &external, NULL), OC_OK);
    return external;
}

static void an_external_ca_brings_no_key(void **state)
{
    (void)state;
    char pem[OC_ADMIN_CA_PEM_BYTES];
    size_t n = 0;
    struct oc_error err = {.text = ""};
    struct oc_admin_ca *external = NULL;
    assert_int_equal(oc_admin_ca_format(ours.ca, pem, sizeof pem, &n, NULL), OC_OK);
    assert_int_equal(oc_admin_ca_parse_external(pem, n, &external, &err), OC_INVALID_ARGUMENT);
    assert_non_null(strstr(err.text, "holds a private key"));
    assert_int_equal(oc_admin_ca_parse_external("", 0, &external, &err), OC_INVALID_ARGUMENT);
    assert_null(external);
}

static void an_external_ca_names_by_one_sound_uri(void **state)
{
    static const char longest[] = "URI:a:345678901234567890123456789012345678901234567890123456789"
                                  "01234";
    static const struct {
        struct admin_wish wish;
        const char *name; /* NULL: refused */
    } cases[] = {
        {{.san = "URI:spiffe://corp.example/ops/alice"}, "spiffe://corp.example/ops/alice"},
        {{.key = NULL}, "openclaw:admin/alice"},
        {{.san = longest}, longest + 4},
        {{.san = "URI:a:3456789012345678901234567890123456789012345678901234567890123456"}, NULL},
        {{.san = ""}, NULL},
        {{.san = "DNS:corp.example"}, NULL},
        {{.san = "URI:a:b,URI:a:c"}, NULL},
        {{.san = "URI:a:b,DNS:corp.example"}, NULL},
        {{.raw_uri = "a:b\0c", .n_raw_uri = 5}, NULL},
        {{.raw_uri = "a:b\nc", .n_raw_uri = 5}, NULL},
        {{.raw_uri = "a:b\0", .n_raw_uri = 4}, NULL},
        {{.raw_uri = "a:b c", .n_raw_uri = 5}, NULL},
        {{.raw_uri = "a:b*c", .n_raw_uri = 5}, NULL},
        {{.raw_uri = "a:\"b\"", .n_raw_uri = 5}, NULL},
        {{.raw_uri = "a:\x1b[m", .n_raw_uri = 5}, NULL},
        {{.raw_uri = "a:\xc3\xa4", .n_raw_uri = 4}, NULL},
        {{.raw_uri = "a:", .n_raw_uri = 2}, NULL},
        {{.raw_uri = ":ab", .n_raw_uri = 3}, NULL},
        {{.raw_uri = "1a:b", .n_raw_uri = 4}, NULL},
        {{.raw_uri = "ab", .n_raw_uri = 2}, NULL},
        {{.raw_uri = "a/b:c", .n_raw_uri = 5}, NULL},
    };
    (void)state;
    OC_CLEANUP(oc_admin_ca_freep) struct oc_admin_ca *external = as_external();
    const struct oc_digest ca = oc_admin_ca_sha256(external);
    for (size_t i = 0; i < OC_ARRAY_LENGTH(cases); i++) {
        struct admin_made made;
        struct oc_admin_certificate out = {.name = ""};
        admin_make(&ours, &cases[i].wish, &made);
        const struct oc_bytes piece = {made.der.bytes, made.der.n};
        const enum oc_admin_verdict verdict =
            oc_admin_certificate_judge(external, &piece, 1, ADMIN_NOW_MS, &out);
        if (verdict != (cases[i].name ? OC_ADMIN_ACCEPTED : OC_ADMIN_NO_URI)) {
            fail_msg("case %zu: %s", i, oc_admin_verdict_text(verdict));
        }
        assert_string_equal(out.name, cases[i].name ? cases[i].name : "");
        assert_true(!cases[i].name || memcmp(&out.ca_sha256, &ca, sizeof ca) == 0);
        assert_true(!cases[i].name || oc_admin_uri_is_sound(out.name));
        assert_false(oc_admin_name_is_sound(out.name)); /* none of ours, in any table */
        admin_made_deinit(&made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_certificate_of_the_matrix_is_judged_as_written_down),
        cmocka_unit_test(what_it_says_is_told),
        cmocka_unit_test(another_ca_of_the_same_name_is_another_ca),
        cmocka_unit_test(the_ca_s_own_certificate_lets_nobody_in),
        cmocka_unit_test(a_device_s_certificate_lets_nobody_in),
        cmocka_unit_test(nothing_may_stand_between_a_certificate_and_the_ca),
        cmocka_unit_test(a_certificate_that_was_changed_lets_nobody_in),
        cmocka_unit_test(a_ca_that_ended_lets_nobody_in),
        cmocka_unit_test(every_verdict_has_words),
        cmocka_unit_test(what_the_ca_signs_comes_in),
        cmocka_unit_test(a_csr_that_was_changed_is_refused),
        cmocka_unit_test(orders_have_bounds),
        cmocka_unit_test(a_ca_is_read_as_it_was_written),
        cmocka_unit_test(half_a_ca_is_refused),
        cmocka_unit_test(only_a_ca_is_taken_for_one),
        cmocka_unit_test(labels_of_cas_have_bounds),
        cmocka_unit_test(an_external_ca_brings_no_key),
        cmocka_unit_test(an_external_ca_names_by_one_sound_uri),
    };
    return cmocka_run_group_tests(tests, make_signers, free_signers);
}
