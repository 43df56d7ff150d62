/* What the admin CA signs, and what it is asked with; see admin_ca.h. */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "proto/base/cleanup.h"
#include "proto/crypto/admin_internal.h"
#include "proto/crypto/identity.h"
#include "proto/crypto/provider.h"

#define EARLIER_MS (INT64_C(5) * 60 * 1000)
#define MIN_TTL_MS (INT64_C(60) * 1000)

OC_DEFINE_CLEANUP(X509_free, X509);
OC_DEFINE_CLEANUP(X509_REQ_free, X509_REQ);

static enum oc_status read_csr(struct oc_bytes csr, X509_REQ **out, struct oc_error *err)
{
    const uint8_t *at = csr.data;
    OC_CLEANUP(X509_REQ_freep)
    X509_REQ *request =
        csr.n > 0 && csr.n <= OC_ADMIN_CSR_BYTES ? d2i_X509_REQ(NULL, &at, (long)csr.n) : NULL;
    if (!request || at != (const uint8_t *)csr.data + csr.n) {
        return oc_admin_refuse(err, "csr", "not one PKCS#10 request in DER, of 2 KiB");
    }
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    if (!oc_admin_key_is_sound(key)) {
        return oc_admin_refuse(err, "csr", "its key must be ECDSA P-256 or Ed25519");
    }
    if (X509_REQ_verify(request, key) != 1) {
        return oc_admin_refuse(err, "csr", "is not signed by the key that it names");
    }
    *out = OC_STEAL(request);
    return OC_OK;
}

enum oc_status oc_admin_csr_key(struct oc_bytes csr, struct oc_digest *out, struct oc_error *err)
{
    oc_provider_start();
    OC_CLEANUP(X509_REQ_freep) X509_REQ *request = NULL;
    enum oc_status status = read_csr(csr, &request, err);
    if (!status && !oc_admin_digest_of_key(X509_REQ_get0_pubkey(request), out)) {
        status = oc_admin_fail(err, OC_INTERNAL, "cannot read a key");
    }
    return status;
}

static enum oc_status check_order(const struct oc_admin_ca *ca, const struct oc_admin_order *order,
                                  struct oc_error *err)
{
    if (!oc_admin_name_is_sound(order->name)) {
        return oc_admin_refuse(err, "name", "a letter, then a-z 0-9 . _ -, at most 64");
    }
    if (order->ttl_ms < MIN_TTL_MS || order->ttl_ms > OC_ADMIN_MAX_TTL_MS) {
        return oc_admin_refuse(err, "ttl_ms", "from a minute to 398 days");
    }
    if (!ca->key) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "the key of the admin CA is kept elsewhere: have it signed there, and bring "
                       "the certificate");
    }
    if (order->now_ms < ca->not_before_ms || order->now_ms + MIN_TTL_MS > ca->not_after_ms) {
        return oc_fail(err, OC_FAILED_PRECONDITION, "the admin CA itself is not valid now");
    }
    return OC_OK;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool fill(X509 *certificate, const struct oc_admin_ca *ca,
                 const struct oc_admin_order *order, EVP_PKEY *key)
{
    char uri[sizeof "URI:" OC_ADMIN_URI + OC_ADMIN_NAME_BYTES];
    unsigned char name[OC_ADMIN_NAME_BYTES + 1];
    const int64_t wanted_ms = order->now_ms + order->ttl_ms;
    const int64_t end_ms = wanted_ms < ca->not_after_ms ? wanted_ms : ca->not_after_ms;
    const int64_t begin_ms = later(order->now_ms - EARLIER_MS, ca->not_before_ms);
    X509_NAME *subject = X509_get_subject_name(certificate);
    (void)snprintf(uri, sizeof uri, "URI:%s%s", OC_ADMIN_URI, order->name);
    (void)snprintf((char *)name, sizeof name, "%s", order->name);
    X509 *issuer = ca->certificate;
    return oc_admin_set_frame(certificate, begin_ms, end_ms) &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
           X509_set_pubkey(certificate, key) == 1 &&
           oc_admin_add_extension(certificate, issuer, NID_basic_constraints,
                                  "critical,CA:FALSE") &&
           oc_admin_add_extension(certificate, issuer, NID_key_usage,
                                  "critical,digitalSignature") &&
           oc_admin_add_extension(certificate, issuer, NID_ext_key_usage, "clientAuth") &&
           oc_admin_add_extension(certificate, issuer, NID_subject_alt_name, uri) &&
           oc_admin_add_extension(certificate, issuer, NID_authority_key_identifier, "keyid") &&
           oc_admin_sign_with(certificate, ca->key);
}

enum oc_status oc_admin_ca_sign(const struct oc_admin_ca *ca, const struct oc_admin_order *order,
                                struct oc_admin_der *out, struct oc_error *err)
{
    oc_provider_start();
    OC_CLEANUP(X509_REQ_freep) X509_REQ *request = NULL;
    enum oc_status status = check_order(ca, order, err);
    if (!status) {
        status = read_csr(order->csr, &request, err);
    }
    if (status) {
        return status;
    }
    OC_CLEANUP(X509_freep) X509 *certificate = X509_new();
    if (!certificate || !fill(certificate, ca, order, X509_REQ_get0_pubkey(request))) {
        return oc_admin_fail(err, OC_INTERNAL, "cannot sign");
    }
    const int n = i2d_X509(certificate, NULL);
    if (n <= 0 || (size_t)n > sizeof out->bytes) {
        return oc_fail(err, OC_INTERNAL, "admin CA: a certificate of %d bytes is too long", n);
    }
    uint8_t *at = out->bytes;
    out->n = (size_t)i2d_X509(certificate, &at);
    ERR_clear_error();
    return OC_OK;
}

enum oc_status oc_admin_csr_make(const struct oc_identity *identity, uint8_t *out, size_t cap,
                                 size_t *n, struct oc_error *err)
{
    oc_provider_start();
    EVP_PKEY *key = oc_identity_evp_pkey(identity);
    const EVP_MD *digest = EVP_PKEY_is_a(key, "ED25519") ? NULL : oc_provider_sha256();
    OC_CLEANUP(X509_REQ_freep) X509_REQ *request = X509_REQ_new();
    if (!request || X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_pubkey(request, key) != 1 || X509_REQ_sign(request, key, digest) <= 0) {
        return oc_admin_fail(err, OC_INTERNAL, "cannot make a request");
    }
    const int length = i2d_X509_REQ(request, NULL);
    if (length <= 0 || (size_t)length > cap) {
        return oc_fail(err, OC_INTERNAL, "admin CA: a request needs %d bytes of %zu", length, cap);
    }
    *n = (size_t)i2d_X509_REQ(request, &out);
    return OC_OK;
}
