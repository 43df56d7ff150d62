/* See admin_ca.h. Here: the CA itself, made, read and written; admin_sign.c is what it signs. */
#include "proto/crypto/admin_ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "proto/crypto/admin_internal.h"
#include "proto/crypto/digest.h"
#include "proto/crypto/provider.h"

enum {
    MAX_CA_BYTES = 4 * 1024,
    MAX_LABEL_BYTES = 48,
    SERIAL_BYTES = 16,
    MIN_RSA_BITS = 2048,
    MS_PER_S = 1000,
};
/* For clocks that differ. */
#define EARLIER_MS (INT64_C(5) * 60 * 1000)
#define CA_LIFE_MS (INT64_C(3653) * OC_ADMIN_DAY_MS)

OC_DEFINE_CLEANUP(X509_free, X509);
OC_DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY);
OC_DEFINE_CLEANUP(EVP_PKEY_CTX_free, EVP_PKEY_CTX);
OC_DEFINE_CLEANUP(X509_EXTENSION_free, X509_EXTENSION);
OC_DEFINE_CLEANUP(BN_free, BIGNUM);
OC_DEFINE_CLEANUP(PKCS8_PRIV_KEY_INFO_free, PKCS8_PRIV_KEY_INFO);

static void bio_freep(BIO **bio)
{
    BIO_free(*bio);
}

/* ---- small steps --------------------------------------------------------------------------- */

enum oc_status oc_admin_fail(struct oc_error *err, enum oc_status status, const char *what)
{
    char reason[128];
    oc_provider_take_error(reason, sizeof reason);
    return oc_fail(err, status, "admin CA: %s: %s", what, reason);
}

enum oc_status oc_admin_refuse(struct oc_error *err, const char *field, const char *why)
{
    char reason[128];
    oc_provider_take_error(reason, sizeof reason);
    (void)oc_fail(err, OC_INVALID_ARGUMENT, "%s: %s", field, why);
    if (err) {
        (void)snprintf(err->field, sizeof err->field, "%s", field);
    }
    return OC_INVALID_ARGUMENT;
}

bool oc_admin_add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    OC_CLEANUP(X509_EXTENSION_freep)
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    return extension && X509_add_ext(certificate, extension, -1) == 1;
}

static bool set_serial(X509 *certificate)
{
    uint8_t bytes[SERIAL_BYTES];
    if (RAND_bytes(bytes, sizeof bytes) != 1) {
        return false;
    }
    OC_CLEANUP(BN_freep) BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    return number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
}

bool oc_admin_set_frame(X509 *certificate, int64_t not_before_ms, int64_t not_after_ms)
{
    return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
           ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(not_before_ms / MS_PER_S)) &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(not_after_ms / MS_PER_S));
}

bool oc_admin_sign_with(X509 *certificate, EVP_PKEY *key)
{
    /* Ed25519 hashes by itself and takes no digest. */
    const EVP_MD *digest = EVP_PKEY_is_a(key, "ED25519") ? NULL : oc_provider_sha256();
    return X509_sign(certificate, key, digest) > 0;
}

/* ---- life ---------------------------------------------------------------------------------- */

void oc_admin_ca_free(struct oc_admin_ca *ca)
{
    if (ca) {
        EVP_PKEY_free(ca->key); /* OpenSSL wipes the private half */
        X509_free(ca->certificate);
        OPENSSL_free(ca->der);
        free(ca);
    }
}

/* Takes both, also on failure. */
static enum oc_status adopt(EVP_PKEY *key, X509 *certificate, struct oc_admin_ca **out,
                            struct oc_error *err)
{
    OC_CLEANUP(oc_admin_ca_freep) struct oc_admin_ca *ca = calloc(1, sizeof *ca);
    if (!ca) {
        EVP_PKEY_free(key);
        X509_free(certificate);
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "admin CA: out of memory");
    }
    ca->key = key;
    ca->certificate = certificate;
    const int n = i2d_X509(certificate, &ca->der);
    if (n <= 0 || !oc_admin_time(X509_get0_notBefore(certificate), &ca->not_before_ms) ||
        !oc_admin_time(X509_get0_notAfter(certificate), &ca->not_after_ms)) {
        return oc_admin_fail(err, OC_INVALID_ARGUMENT, "the certificate cannot be read");
    }
    ca->n_der = (size_t)n;
    const struct oc_bytes piece = {ca->der, ca->n_der};
    ca->sha256 = oc_sha256(&piece, 1);
    *out = OC_STEAL(ca);
    return OC_OK;
}

static bool label_is_sound(const char *label)
{
    const size_t n = strnlen(label, MAX_LABEL_BYTES + 1);
    for (size_t i = 0; i < n; i++) {
        if (label[i] < ' ' || label[i] > '~') {
            return false;
        }
    }
    return n > 0 && n <= MAX_LABEL_BYTES;
}

static bool name_ca(X509 *certificate, const char *label)
{
    unsigned char name[MAX_LABEL_BYTES + 32];
    (void)snprintf((char *)name, sizeof name, "OpenClaw admin %s", label);
    X509_NAME *subject = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, subject) == 1;
}

static bool fill_ca(X509 *certificate, EVP_PKEY *key, const char *label, int64_t now_ms)
{
    return oc_admin_set_frame(certificate, now_ms - EARLIER_MS, now_ms + CA_LIFE_MS) &&
           name_ca(certificate, label) && X509_set_pubkey(certificate, key) == 1 &&
           oc_admin_add_extension(certificate, certificate, NID_basic_constraints,
                                  "critical,CA:TRUE,pathlen:0") &&
           oc_admin_add_extension(certificate, certificate, NID_key_usage,
                                  "critical,keyCertSign") &&
           oc_admin_add_extension(certificate, certificate, NID_subject_key_identifier, "hash") &&
           oc_admin_sign_with(certificate, key);
}

enum oc_status oc_admin_ca_make(const char *label, int64_t now_ms, struct oc_admin_ca **out,
                                struct oc_error *err)
{
    oc_provider_start();
    if (!label_is_sound(label)) {
        return oc_admin_refuse(err, "label", "1 to 48 printable characters");
    }
    OC_CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    OC_CLEANUP(X509_freep) X509 *certificate = X509_new();
    if (!key || !certificate || !fill_ca(certificate, key, label, now_ms)) {
        return oc_admin_fail(err, OC_INTERNAL, "cannot be made");
    }
    return adopt(OC_STEAL(key), OC_STEAL(certificate), out, err);
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool key_may_sign(EVP_PKEY *key)
{
    char group[32] = "";
    size_t n = 0;
    if (EVP_PKEY_is_a(key, "RSA") == 1) {
        return EVP_PKEY_get_bits(key) >= MIN_RSA_BITS;
    }
    if (oc_admin_key_is_sound(key)) {
        return true;
    }
    return EVP_PKEY_is_a(key, "EC") == 1 &&
           EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1 &&
           (strcmp(group, "secp384r1") == 0 || strcmp(group, "secp521r1") == 0);
}

static enum oc_status check_ca(X509 *certificate, struct oc_error *err)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    const uint32_t flags = X509_get_extension_flags(certificate);
    if (X509_get_version(certificate) != X509_VERSION_3 || (flags & EXFLAG_INVALID)) {
        return oc_admin_refuse(err, "ca_certificate", "not a sound X.509 version 3 certificate");
    }
    if (!oc_admin_rules_are_known(certificate)) {
        return oc_admin_refuse(err, "ca_certificate", "has a critical extension not known here");
    }
    if (!(flags & EXFLAG_CA) || !(X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN)) {
        return oc_admin_refuse(err, "ca_certificate",
                               "not a CA (basicConstraints CA:TRUE, keyUsage keyCertSign)");
    }
    if (!key || !key_may_sign(key)) {
        return oc_admin_refuse(err, "ca_certificate",
                               "its key must be ECDSA P-256, P-384, P-521, Ed25519, or RSA from "
                               "2048 bits");
    }
    return OC_OK;
}

enum oc_status oc_admin_ca_from_certificate(const uint8_t *der, size_t n, struct oc_admin_ca **out,
                                            struct oc_error *err)
{
    oc_provider_start();
    const uint8_t *at = der;
    OC_CLEANUP(X509_freep)
    X509 *certificate = n > 0 && n <= MAX_CA_BYTES ? d2i_X509(NULL, &at, (long)n) : NULL;
    if (!certificate || at != der + n) {
        return oc_admin_refuse(err, "ca_certificate", "not one certificate in DER, of 4 KiB");
    }
    enum oc_status status = check_ca(certificate, err);
    return status ? status : adopt(NULL, OC_STEAL(certificate), out, err);
}

static X509 *read_only_certificate(const char *pem, size_t n)
{
    OC_CLEANUP(bio_freep) BIO *text = BIO_new_mem_buf(pem, (int)n);
    OC_CLEANUP(X509_freep) X509 *first = text ? PEM_read_bio_X509(text, NULL, NULL, NULL) : NULL;
    OC_CLEANUP(X509_freep) X509 *second = first ? PEM_read_bio_X509(text, NULL, NULL, NULL) : NULL;
    return second ? NULL : OC_STEAL(first);
}

/* Unencrypted PKCS#8 alone, so that nothing here can ask a terminal for a password. */
static EVP_PKEY *read_key(const char *pem, size_t n)
{
    OC_CLEANUP(bio_freep) BIO *text = BIO_new_mem_buf(pem, (int)n);
    OC_CLEANUP(PKCS8_PRIV_KEY_INFO_freep)
    PKCS8_PRIV_KEY_INFO *info =
        text ? PEM_read_bio_PKCS8_PRIV_KEY_INFO(text, NULL, NULL, NULL) : NULL;
    return info ? EVP_PKCS82PKEY(info) : NULL;
}

/* The library compares public halves alone, and takes the file's word for that of the key. */
static bool is_key_of(X509 *certificate, EVP_PKEY *key)
{
    OC_CLEANUP(EVP_PKEY_CTX_freep)
    EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    return context && EVP_PKEY_pairwise_check(context) == 1 &&
           X509_check_private_key(certificate, key) == 1;
}

enum oc_status oc_admin_ca_parse(const char *pem, size_t n, struct oc_admin_ca **out,
                                 struct oc_error *err)
{
    static const char word[] = "PRIVATE KEY-----";
    oc_provider_start();
    if (n > OC_ADMIN_CA_PEM_BYTES) {
        return oc_admin_refuse(err, "ca", "longer than 16 KiB");
    }
    OC_CLEANUP(X509_freep) X509 *certificate = read_only_certificate(pem, n);
    if (!certificate) {
        return oc_admin_refuse(err, "ca", "must hold one certificate in PEM");
    }
    enum oc_status status = check_ca(certificate, err);
    if (status) {
        return status;
    }
    const bool has_key = memmem(pem, n, word, sizeof word - 1) != NULL;
    OC_CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = has_key ? read_key(pem, n) : NULL;
    if (has_key && !is_key_of(certificate, key)) {
        return oc_admin_refuse(err, "ca",
                               "its key is no unencrypted PKCS#8 key of its certificate");
    }
    return adopt(OC_STEAL(key), OC_STEAL(certificate), out, err);
}

enum oc_status oc_admin_ca_parse_external(const char *pem, size_t n, struct oc_admin_ca **out,
                                          struct oc_error *err)
{
    static const char word[] = "PRIVATE KEY-----";
    OC_CLEANUP(oc_admin_ca_freep) struct oc_admin_ca *ca = NULL;
    if (n <= OC_ADMIN_CA_PEM_BYTES && memmem(pem, n, word, sizeof word - 1)) {
        return oc_admin_refuse(err, "ca",
                               "holds a private key, which is nobody's but the CA's: put the "
                               "certificate alone there");
    }
    enum oc_status status = oc_admin_ca_parse(pem, n, &ca, err);
    if (!status) {
        ca->is_external = true;
        *out = OC_STEAL(ca);
    }
    return status;
}

enum oc_status oc_admin_ca_format(const struct oc_admin_ca *ca, char *out, size_t cap, size_t *n,
                                  struct oc_error *err)
{
    OC_CLEANUP(bio_freep) BIO *text = BIO_new(BIO_s_secmem());
    if (!text ||
        (ca->key && PEM_write_bio_PKCS8PrivateKey(text, ca->key, NULL, NULL, 0, NULL, NULL) != 1) ||
        PEM_write_bio_X509(text, ca->certificate) != 1) {
        return oc_admin_fail(err, OC_INTERNAL, "cannot be written");
    }
    char *data = NULL;
    const long length = BIO_get_mem_data(text, &data);
    if (length <= 0 || (size_t)length > cap) {
        return oc_fail(err, OC_INTERNAL, "admin CA: needs %ld bytes of %zu", length, cap);
    }
    memcpy(out, data, (size_t)length);
    *n = (size_t)length;
    return OC_OK;
}

/* ---- looking ------------------------------------------------------------------------------- */

struct oc_bytes oc_admin_ca_certificate(const struct oc_admin_ca *ca)
{
    return (struct oc_bytes){ca->der, ca->n_der};
}

struct oc_digest oc_admin_ca_sha256(const struct oc_admin_ca *ca)
{
    return ca->sha256;
}

int64_t oc_admin_ca_not_before_ms(const struct oc_admin_ca *ca)
{
    return ca->not_before_ms;
}

int64_t oc_admin_ca_not_after_ms(const struct oc_admin_ca *ca)
{
    return ca->not_after_ms;
}

bool oc_admin_ca_can_sign(const struct oc_admin_ca *ca)
{
    return ca->key != NULL;
}
