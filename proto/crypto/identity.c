/*
 * See identity.h. Owns the EVP_PKEY and X509 of one identity; both are immutable once made, so
 * every reader may be on any thread.
 */
#include "proto/crypto/identity.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "proto/crypto/certificate.h"
#include "proto/crypto/digest.h"
#include "proto/crypto/provider.h"

enum {
    RAW_KEY_BYTES = 32,
    MAX_SPKI_BYTES = 256,
};

struct oc_identity {
    enum oc_identity_kind kind;
    EVP_PKEY *key;
    X509 *certificate;
    bool is_certified;
    struct oc_device_id device_id;
    struct oc_digest spki;
    uint8_t raw_public[RAW_KEY_BYTES];
};

OC_DEFINE_CLEANUP(X509_free, X509);
OC_DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY);
OC_DEFINE_CLEANUP(EVP_PKEY_CTX_free, EVP_PKEY_CTX);
OC_DEFINE_CLEANUP(EVP_MD_CTX_free, EVP_MD_CTX);
OC_DEFINE_CLEANUP(PKCS8_PRIV_KEY_INFO_free, PKCS8_PRIV_KEY_INFO);

static void bio_freep(BIO **bio)
{
    BIO_free(*bio);
}

static enum oc_status fail_of_library(struct oc_error *err, enum oc_status status, const char *what)
{
    char reason[128];
    oc_provider_take_error(reason, sizeof reason);
    return oc_fail(err, status, "%s: %s", what, reason);
}

static const char *kind_text(enum oc_identity_kind kind)
{
    return kind == OC_IDENTITY_DEVICE ? "an Ed25519 key" : "an ECDSA P-256 key";
}

static bool is_of_kind(const EVP_PKEY *key, enum oc_identity_kind kind)
{
    if (kind == OC_IDENTITY_DEVICE) {
        return EVP_PKEY_is_a(key, "ED25519") == 1;
    }
    char group[32] = "";
    size_t n = 0;
    return EVP_PKEY_is_a(key, "EC") == 1 &&
           EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

static bool read_public(struct oc_identity *identity)
{
    uint8_t spki[MAX_SPKI_BYTES];
    int n = i2d_PUBKEY(identity->key, NULL);
    if (n <= 0 || (size_t)n > sizeof spki) {
        return false;
    }
    uint8_t *at = spki;
    n = i2d_PUBKEY(identity->key, &at);
    const struct oc_bytes piece = {spki, (size_t)n};
    identity->spki = oc_sha256(&piece, 1);
    if (identity->kind != OC_IDENTITY_DEVICE) {
        return true;
    }
    size_t n_raw = sizeof identity->raw_public;
    if (EVP_PKEY_get_raw_public_key(identity->key, identity->raw_public, &n_raw) != 1 ||
        n_raw != sizeof identity->raw_public) {
        return false;
    }
    identity->device_id = oc_device_id_of_key(identity->raw_public);
    return true;
}

/* Takes the key, also on failure. */
static enum oc_status adopt_key(enum oc_identity_kind kind, EVP_PKEY *key, struct oc_identity **out,
                                struct oc_error *err)
{
    OC_CLEANUP(oc_identity_freep) struct oc_identity *identity = calloc(1, sizeof *identity);
    if (!identity) {
        EVP_PKEY_free(key);
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "identity: out of memory");
    }
    identity->kind = kind;
    identity->key = key;
    if (!read_public(identity)) {
        return fail_of_library(err, OC_INTERNAL, "identity: cannot read the public key");
    }
    if (kind == OC_IDENTITY_DEVICE && !oc_ed25519_is_sound(identity->raw_public)) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "identity: the Ed25519 key is degenerate");
    }
    enum oc_status st = oc_certificate_make(key, &identity->certificate, err);
    if (st) {
        return st;
    }
    *out = OC_STEAL(identity);
    return OC_OK;
}

enum oc_status oc_identity_generate(enum oc_identity_kind kind, struct oc_identity **out,
                                    struct oc_error *err)
{
    oc_provider_start();
    EVP_PKEY *key = kind == OC_IDENTITY_DEVICE ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                               : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    if (!key) {
        return fail_of_library(err, OC_INTERNAL, "identity: cannot make a key");
    }
    return adopt_key(kind, key, out, err);
}

/* A file may carry a public half that is not that of its private half; OpenSSL takes its word. */
static bool halves_match(EVP_PKEY *key)
{
    OC_CLEANUP(EVP_PKEY_CTX_freep)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    return context && EVP_PKEY_pairwise_check(context) == 1;
}

enum oc_status oc_identity_parse(enum oc_identity_kind kind, const char *pem, size_t n,
                                 struct oc_identity **out, struct oc_error *err)
{
    oc_provider_start();
    if (n > INT32_MAX) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "identity: no PKCS#8 PEM key: too long");
    }
    OC_CLEANUP(bio_freep) BIO *text = BIO_new_mem_buf(pem, (int)n);
    /* Reads unencrypted PKCS#8 alone, so that nothing here can ask a terminal for a password. */
    OC_CLEANUP(PKCS8_PRIV_KEY_INFO_freep)
    PKCS8_PRIV_KEY_INFO *info =
        text ? PEM_read_bio_PKCS8_PRIV_KEY_INFO(text, NULL, NULL, NULL) : NULL;
    if (!info) {
        return fail_of_library(err, OC_INVALID_ARGUMENT, "identity: no PKCS#8 PEM key");
    }
    OC_CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = EVP_PKCS82PKEY(info);
    if (!key) {
        return fail_of_library(err, OC_INVALID_ARGUMENT, "identity: unreadable key");
    }
    if (!is_of_kind(key, kind)) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "identity: the key is not %s", kind_text(kind));
    }
    if (!halves_match(key)) {
        return fail_of_library(err, OC_INVALID_ARGUMENT,
                               "identity: the public half is not that of the private half");
    }
    return adopt_key(kind, OC_STEAL(key), out, err);
}

enum oc_status oc_identity_format(const struct oc_identity *identity, char *out, size_t cap,
                                  size_t *n, struct oc_error *err)
{
    OC_CLEANUP(bio_freep) BIO *text = BIO_new(BIO_s_secmem());
    if (!text ||
        PEM_write_bio_PKCS8PrivateKey(text, identity->key, NULL, NULL, 0, NULL, NULL) != 1) {
        return fail_of_library(err, OC_INTERNAL, "identity: cannot write the key");
    }
    char *data = NULL;
    long length = BIO_get_mem_data(text, &data);
    if (length <= 0 || (size_t)length > cap) {
        return oc_fail(err, OC_INTERNAL, "identity: the key needs %ld bytes of %zu", length, cap);
    }
    memcpy(out, data, (size_t)length);
    *n = (size_t)length;
    return OC_OK;
}

enum oc_status oc_identity_certify(struct oc_identity *identity, const uint8_t *der, size_t n,
                                   struct oc_error *err)
{
    const uint8_t *at = der;
    OC_CLEANUP(X509_freep)
    X509 *certificate = n > 0 && n <= INT32_MAX ? d2i_X509(NULL, &at, (long)n) : NULL;
    if (!certificate || at != der + n) {
        return fail_of_library(err, OC_INVALID_ARGUMENT, "identity: no certificate in DER");
    }
    if (X509_check_private_key(certificate, identity->key) != 1) {
        return fail_of_library(err, OC_INVALID_ARGUMENT,
                               "identity: the certificate is not of this key");
    }
    X509_free(identity->certificate);
    identity->certificate = OC_STEAL(certificate);
    identity->is_certified = true;
    return OC_OK;
}

bool oc_identity_is_certified(const struct oc_identity *identity)
{
    return identity->is_certified;
}

void oc_identity_free(struct oc_identity *identity)
{
    if (identity) {
        EVP_PKEY_free(identity->key); /* OpenSSL wipes the private half */
        X509_free(identity->certificate);
        free(identity);
    }
}

struct oc_device_id oc_identity_device_id(const struct oc_identity *identity)
{
    return identity->device_id;
}

void oc_identity_raw_public(const struct oc_identity *identity, uint8_t out[32])
{
    memcpy(out, identity->raw_public, RAW_KEY_BYTES);
}

struct oc_digest oc_identity_spki_sha256(const struct oc_identity *identity)
{
    return identity->spki;
}

enum oc_status oc_identity_sign(const struct oc_identity *identity, const uint8_t *bytes, size_t n,
                                uint8_t *signature, size_t *n_signature, struct oc_error *err)
{
    if (identity->kind != OC_IDENTITY_GATEWAY) {
        return oc_fail(err, OC_INTERNAL, "identity: only a gateway's key signs");
    }
    OC_CLEANUP(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context ||
        EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, identity->key, NULL) != 1 ||
        EVP_DigestSign(context, signature, n_signature, bytes, n) != 1) {
        return fail_of_library(err, OC_INTERNAL, "identity: cannot sign");
    }
    return OC_OK;
}

struct oc_device_id oc_device_id_of_key(const uint8_t raw[32])
{
    const struct oc_bytes piece = {raw, RAW_KEY_BYTES};
    struct oc_digest digest = oc_sha256(&piece, 1);
    struct oc_device_id id;
    memcpy(id.bytes, digest.bytes, sizeof id.bytes);
    return id;
}

void *oc_identity_evp_pkey(const struct oc_identity *identity)
{
    return identity->key;
}

void *oc_identity_x509(const struct oc_identity *identity)
{
    return identity->certificate;
}
