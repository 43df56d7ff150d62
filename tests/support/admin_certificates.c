/* See admin_certificates.h. */
#include "tests/support/admin_certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum {
    HOUR_MS = 3600 * 1000,
};

void admin_signer_init(struct admin_signer *signer, const char *label)
{
    char pem[OC_ADMIN_CA_PEM_BYTES];
    size_t n = 0;
    assert_int_equal(oc_admin_ca_make(label, ADMIN_NOW_MS - HOUR_MS, &signer->ca, NULL), OC_OK);
    assert_int_equal(oc_admin_ca_format(signer->ca, pem, sizeof pem, &n, NULL), OC_OK);
    BIO *text = BIO_new_mem_buf(pem, (int)n);
    signer->key = PEM_read_bio_PrivateKey(text, NULL, NULL, NULL);
    signer->certificate = PEM_read_bio_X509(text, NULL, NULL, NULL);
    BIO_free(text);
    assert_non_null(signer->key);
    assert_non_null(signer->certificate);
}

void admin_signer_deinit(struct admin_signer *signer)
{
    oc_admin_ca_free(signer->ca);
    EVP_PKEY_free(signer->key);
    X509_free(signer->certificate);
}

static EVP_PKEY *make_key(const char *kind)
{
    if (!kind || strcmp(kind, "P-256") == 0) {
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    }
    if (strcmp(kind, "P-384") == 0) {
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
    }
    if (strcmp(kind, "RSA-1024") == 0) {
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    }
    return EVP_PKEY_Q_keygen(NULL, NULL, kind);
}

static void add(X509 *certificate, int nid, const char *wanted, const char *usual)
{
    const char *value = wanted ? wanted : usual;
    if (value[0] != '\0') {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
        assert_non_null(extension);
        assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
        X509_EXTENSION_free(extension);
    }
}

static void add_raw_uri(X509 *certificate, const char *bytes, size_t n)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *uri = ASN1_IA5STRING_new();
    assert_int_equal(ASN1_STRING_set(uri, bytes, (int)n), 1);
    GENERAL_NAME_set0_value(name, GEN_URI, uri);
    assert_true(sk_GENERAL_NAME_push(names, name) > 0);
    assert_int_equal(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0), 1);
    GENERAL_NAMES_free(names);
}

static void add_critical(X509 *certificate, const char *oid)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *bytes = ASN1_OCTET_STRING_new();
    assert_int_equal(ASN1_OCTET_STRING_set(bytes, (const unsigned char *)"\x05\x00", 2), 1);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 1, bytes);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(bytes);
    ASN1_OBJECT_free(object);
}

static void add_extensions(X509 *certificate, const struct admin_wish *wish)
{
    add(certificate, NID_basic_constraints, wish->basic, "critical,CA:FALSE");
    add(certificate, NID_key_usage, wish->ku, "critical,digitalSignature");
    add(certificate, NID_ext_key_usage, wish->eku, "clientAuth");
    if (wish->raw_uri) {
        add_raw_uri(certificate, wish->raw_uri, wish->n_raw_uri);
    } else {
        add(certificate, NID_subject_alt_name, wish->san, "URI:openclaw:admin/alice");
    }
    if (wish->second_san) {
        add(certificate, NID_subject_alt_name, wish->second_san, "");
    }
    if (wish->critical) {
        add_critical(certificate, wish->critical);
    }
}

static void set_names(X509 *certificate, const struct admin_signer *signer,
                      const struct admin_wish *wish)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    const unsigned char name[] = "alice";
    assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0), 1);
    if (wish->issuer) {
        X509_NAME *issuer = X509_NAME_new();
        const unsigned char *text = (const unsigned char *)wish->issuer;
        assert_int_equal(X509_NAME_add_entry_by_txt(issuer, "CN", MBSTRING_ASC, text, -1, -1, 0),
                         1);
        assert_int_equal(X509_set_issuer_name(certificate, issuer), 1);
        X509_NAME_free(issuer);
    } else {
        assert_int_equal(
            X509_set_issuer_name(certificate, X509_get_subject_name(signer->certificate)), 1);
    }
}

void admin_make(const struct admin_signer *signer, const struct admin_wish *wish,
                struct admin_made *out)
{
    const int64_t from_ms = wish->from_ms ? wish->from_ms : ADMIN_NOW_MS - HOUR_MS;
    const int64_t to_ms = wish->to_ms ? wish->to_ms : ADMIN_NOW_MS + HOUR_MS;
    X509 *certificate = X509_new();
    out->key = make_key(wish->key);
    assert_non_null(out->key);
    assert_int_equal(
        X509_set_version(certificate, wish->version ? wish->version - 1 : (long)X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 4711), 1);
    assert_non_null(ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(from_ms / 1000)));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(to_ms / 1000)));
    set_names(certificate, signer, wish);
    assert_int_equal(X509_set_pubkey(certificate, out->key), 1);
    if (!wish->version || wish->version == 3) {
        add_extensions(certificate, wish);
    }
    EVP_PKEY *signing = wish->is_self_signed ? out->key : signer->key;
    const EVP_MD *digest = EVP_get_digestbyname(wish->digest ? wish->digest : "SHA256");
    assert_true(X509_sign(certificate, signing, EVP_PKEY_is_a(signing, "ED25519") ? NULL : digest) >
                0);
    uint8_t *at = out->der.bytes;
    const int n = i2d_X509(certificate, NULL);
    assert_true(n > 0 && (size_t)n <= sizeof out->der.bytes);
    out->der.n = (size_t)i2d_X509(certificate, &at);
    X509_free(certificate);
}

void admin_made_deinit(struct admin_made *made)
{
    EVP_PKEY_free(made->key);
}
