/* See admin_certificate.h. Nothing of OpenSSL's chain building is used: there is no chain to build,
 * and every rule stands here where it can be read. */
#include "proto/crypto/admin_certificate.h"

#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "proto/base/cleanup.h"
#include "proto/crypto/admin_internal.h"
#include "proto/crypto/identity.h"
#include "proto/crypto/provider.h"

enum {
    /* What the signature must be worth: SHA-1 and MD5 are not. */
    MIN_SIGNATURE_BITS = 112,
    MS_PER_S = 1000,
};

OC_DEFINE_CLEANUP(X509_free, X509);
OC_DEFINE_CLEANUP(GENERAL_NAMES_free, GENERAL_NAMES);

/* ---- words --------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    const char *fix;
} words[OC_ADMIN_VERDICT_COUNT] = {
    [OC_ADMIN_ACCEPTED] = {"accepted", "none"},
    [OC_ADMIN_UNREADABLE] = {"the certificate cannot be read: X.509 version 3 of at most 2 KiB",
                             "openclaw pki issue NAME --role ROLE"},
    [OC_ADMIN_CHAIN_TOO_LONG] = {"there are certificates between this one and the admin CA",
                                 "have it signed by the admin CA itself"},
    [OC_ADMIN_OTHER_CA] = {"the certificate is not signed by this gateway's admin CA",
                           "openclaw pki issue NAME --role ROLE, on the gateway's machine"},
    [OC_ADMIN_UNKNOWN_RULE] = {"the certificate has a critical extension that is not known here",
                               "issue it without"},
    [OC_ADMIN_IS_A_CA] = {"the certificate is that of a CA, not of an administrator",
                          "connect with the administrator's own certificate"},
    [OC_ADMIN_WEAK_KEY] = {"the certificate's key is neither ECDSA P-256 nor Ed25519",
                           "openclaw pki issue NAME --role ROLE"},
    [OC_ADMIN_WRONG_PURPOSE] = {"the certificate is not made for clients (EKU clientAuth)",
                                "issue it with extendedKeyUsage=clientAuth"},
    [OC_ADMIN_NO_NAME] = {"the certificate's one name must be the URI openclaw:admin/NAME",
                          "issue it with subjectAltName=URI:openclaw:admin/NAME"},
    [OC_ADMIN_NO_URI] = {"the certificate's one name must be a URI of at most 64 plain characters",
                         "issue it with one subjectAltName, the URI that admin.map names"},
    [OC_ADMIN_NOT_YET_VALID] = {"the certificate is not valid yet",
                                "compare the clocks of the machine that issued it and of this one"},
    [OC_ADMIN_EXPIRED] = {"the certificate has expired", "openclaw pki renew"},
    [OC_ADMIN_UNMAPPED] = {"nothing in admin.map names the URI of the certificate",
                           "add it to admin.map in gateway.yaml, then openclaw gateway reload"},
};

const char *oc_admin_verdict_text(enum oc_admin_verdict verdict)
{
    return verdict < OC_ADMIN_VERDICT_COUNT ? words[verdict].text : "refused";
}

const char *oc_admin_verdict_fix(enum oc_admin_verdict verdict)
{
    return verdict < OC_ADMIN_VERDICT_COUNT ? words[verdict].fix : "none";
}

/* ---- names --------------------------------------------------------------------------------- */

bool oc_admin_name_is_sound_n(const char *text, size_t n)
{
    if (n == 0 || n > OC_ADMIN_NAME_BYTES || text[0] < 'a' || text[0] > 'z') {
        return false;
    }
    for (size_t i = 1; i < n; i++) {
        const char c = text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
              c == '-')) {
            return false;
        }
    }
    return true;
}

bool oc_admin_name_is_sound(const char *text)
{
    return oc_admin_name_is_sound_n(text, strnlen(text, OC_ADMIN_NAME_BYTES + 1));
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Fewer characters than RFC 3986 has: none that a quote, a shell or a pattern could trip over. */
bool oc_admin_uri_is_sound_n(const char *text, size_t n)
{
    static const char others[] = "-._~:/?#@!$&()+,;=%";
    bool has_scheme = false;
    if (n == 0 || n > OC_ADMIN_NAME_BYTES || !is_letter(text[0])) {
        return false;
    }
    for (size_t i = 1; i < n; i++) {
        const char c = text[i];
        has_scheme = has_scheme || c == ':';
        const bool may_be_there = has_scheme ? memchr(others, c, sizeof others - 1) != NULL
                                             : c == '+' || c == '-' || c == '.';
        if (!is_letter(c) && !is_digit(c) && !may_be_there) {
            return false;
        }
    }
    return has_scheme && text[n - 1] != ':';
}

bool oc_admin_uri_is_sound(const char *text)
{
    return oc_admin_uri_is_sound_n(text, strnlen(text, OC_ADMIN_NAME_BYTES + 1));
}

static bool take_foreign_uri(const char *text, size_t n, char out[OC_ADMIN_NAME_BYTES + 1])
{
    if (!oc_admin_uri_is_sound_n(text, n)) {
        return false;
    }
    memcpy(out, text, n);
    out[n] = '\0';
    return true;
}

/* The URI's bytes by their length: a NUL among them is no end. */
static bool take_uri(const ASN1_IA5STRING *uri, bool is_external, char out[OC_ADMIN_NAME_BYTES + 1])
{
    const size_t n_prefix = sizeof OC_ADMIN_URI - 1;
    const char *text = (const char *)ASN1_STRING_get0_data(uri);
    const size_t n = (size_t)ASN1_STRING_length(uri);
    if (is_external) {
        return take_foreign_uri(text, n, out);
    }
    if (n <= n_prefix || memcmp(text, OC_ADMIN_URI, n_prefix) != 0 ||
        !oc_admin_name_is_sound_n(text + n_prefix, n - n_prefix)) {
        return false;
    }
    memcpy(out, text + n_prefix, n - n_prefix);
    out[n - n_prefix] = '\0';
    return true;
}

static bool read_name(const X509 *certificate, bool is_external, char out[OC_ADMIN_NAME_BYTES + 1])
{
    /* NULL where there is none, and where there are two of the extension. */
    OC_CLEANUP(GENERAL_NAMES_freep)
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    if (!names || sk_GENERAL_NAME_num(names) != 1) {
        return false;
    }
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, 0);
    return name->type == GEN_URI && take_uri(name->d.uniformResourceIdentifier, is_external, out);
}

/* ---- keys and rules ------------------------------------------------------------------------ */

static bool is_p256(EVP_PKEY *key)
{
    char group[32] = "";
    size_t n = 0;
    int spelled_out = 0;
    (void)EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                                 &spelled_out);
    return EVP_PKEY_is_a(key, "EC") == 1 && spelled_out == 0 &&
           EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

static bool is_ed25519(EVP_PKEY *key)
{
    uint8_t raw[32];
    size_t n = sizeof raw;
    return EVP_PKEY_is_a(key, "ED25519") == 1 && EVP_PKEY_get_raw_public_key(key, raw, &n) == 1 &&
           n == sizeof raw && oc_ed25519_is_sound(raw);
}

bool oc_admin_key_is_sound(EVP_PKEY *key)
{
    return key && (is_p256(key) || is_ed25519(key));
}

bool oc_admin_rules_are_known(const X509 *certificate)
{
    for (int i = 0; i < X509_get_ext_count(certificate); i++) {
        X509_EXTENSION *extension = X509_get_ext(certificate, i);
        const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (X509_EXTENSION_get_critical(extension) && nid != NID_basic_constraints &&
            nid != NID_key_usage && nid != NID_ext_key_usage && nid != NID_subject_alt_name) {
            return false;
        }
    }
    return true;
}

bool oc_admin_digest_of_key(EVP_PKEY *key, struct oc_digest *out)
{
    unsigned char *der = NULL;
    const int n = i2d_PUBKEY(key, &der);
    if (n <= 0) {
        return false;
    }
    const struct oc_bytes piece = {der, (size_t)n};
    *out = oc_sha256(&piece, 1);
    OPENSSL_free(der);
    return true;
}

bool oc_admin_time(const ASN1_TIME *time, int64_t *out_ms)
{
    struct tm parts;
    if (!time || ASN1_TIME_to_tm(time, &parts) != 1) {
        return false;
    }
    *out_ms = (int64_t)timegm(&parts) * MS_PER_S;
    return true;
}

static bool is_signed_by(X509 *certificate, X509 *ca)
{
    int bits = 0;
    return X509_check_issued(ca, certificate) == X509_V_OK &&
           X509_get_signature_info(certificate, NULL, NULL, &bits, NULL) == 1 &&
           bits >= MIN_SIGNATURE_BITS && X509_verify(certificate, X509_get0_pubkey(ca)) == 1;
}

static bool is_for_clients(X509 *certificate)
{
    return (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) &&
           (X509_get_extended_key_usage(certificate) & XKU_SSL_CLIENT) &&
           (X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE);
}

/* ---- judging ------------------------------------------------------------------------------- */

static bool read_facts(X509 *certificate, struct oc_admin_certificate *out)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    const int n = ASN1_STRING_length(serial);
    if (n <= 0 || n > OC_ADMIN_SERIAL_BYTES ||
        !oc_admin_time(X509_get0_notBefore(certificate), &out->not_before_ms) ||
        !oc_admin_time(X509_get0_notAfter(certificate), &out->not_after_ms)) {
        return false;
    }
    memcpy(out->serial, ASN1_STRING_get0_data(serial), (size_t)n);
    out->n_serial = (uint8_t)n;
    return true;
}

/* All but the time, the name last. */
static enum oc_admin_verdict judge_form(const struct oc_admin_ca *ca, X509 *certificate,
                                        struct oc_admin_certificate *out)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    const uint32_t flags = X509_get_extension_flags(certificate);
    if (X509_get_version(certificate) != X509_VERSION_3 || !read_facts(certificate, out)) {
        return OC_ADMIN_UNREADABLE;
    }
    if ((flags & (EXFLAG_INVALID | EXFLAG_PROXY)) || !oc_admin_rules_are_known(certificate)) {
        return OC_ADMIN_UNKNOWN_RULE;
    }
    if (!is_signed_by(certificate, ca->certificate)) {
        return OC_ADMIN_OTHER_CA;
    }
    /* The library calls it no CA where its key usage forbids to sign certificates; we do. */
    if ((flags & EXFLAG_CA) || X509_check_ca(certificate) != 0) {
        return OC_ADMIN_IS_A_CA;
    }
    if (!oc_admin_key_is_sound(key) || !oc_admin_digest_of_key(key, &out->spki_sha256)) {
        return OC_ADMIN_WEAK_KEY;
    }
    if (!is_for_clients(certificate)) {
        return OC_ADMIN_WRONG_PURPOSE;
    }
    if (read_name(certificate, ca->is_external, out->name)) {
        return OC_ADMIN_ACCEPTED;
    }
    return ca->is_external ? OC_ADMIN_NO_URI : OC_ADMIN_NO_NAME;
}

static enum oc_admin_verdict judge(const struct oc_admin_ca *ca, X509 *certificate, int64_t now_ms,
                                   struct oc_admin_certificate *out)
{
    const enum oc_admin_verdict form = judge_form(ca, certificate, out);
    if (form != OC_ADMIN_ACCEPTED) {
        return form;
    }
    if (now_ms < out->not_before_ms || now_ms < ca->not_before_ms) {
        return OC_ADMIN_NOT_YET_VALID;
    }
    return now_ms > out->not_after_ms || now_ms > ca->not_after_ms ? OC_ADMIN_EXPIRED
                                                                   : OC_ADMIN_ACCEPTED;
}

static bool is_the_ca(const struct oc_admin_ca *ca, const struct oc_bytes *der)
{
    return der->n == ca->n_der && memcmp(der->data, ca->der, ca->n_der) == 0;
}

static X509 *read_whole(const struct oc_bytes *der)
{
    const uint8_t *at = der->data;
    OC_CLEANUP(X509_freep) X509 *certificate = d2i_X509(NULL, &at, (long)der->n);
    return certificate && at == (const uint8_t *)der->data + der->n ? OC_STEAL(certificate) : NULL;
}

enum oc_admin_verdict oc_admin_certificate_judge(const struct oc_admin_ca *ca,
                                                 const struct oc_bytes *sent, size_t n_sent,
                                                 int64_t now_ms, struct oc_admin_certificate *out)
{
    oc_provider_start();
    if (n_sent == 0 || sent[0].n == 0 || sent[0].n > OC_ADMIN_CERTIFICATE_BYTES) {
        return OC_ADMIN_UNREADABLE;
    }
    if (n_sent > OC_ADMIN_MAX_CHAIN || (n_sent == 2 && !is_the_ca(ca, &sent[1]))) {
        return OC_ADMIN_CHAIN_TOO_LONG;
    }
    OC_CLEANUP(X509_freep) X509 *certificate = read_whole(&sent[0]);
    struct oc_admin_certificate found = {.sha256 = oc_sha256(sent, 1), .ca_sha256 = ca->sha256};
    const enum oc_admin_verdict verdict =
        certificate ? judge(ca, certificate, now_ms, &found) : OC_ADMIN_UNREADABLE;
    ERR_clear_error();
    if (verdict == OC_ADMIN_ACCEPTED) {
        *out = found;
    }
    return verdict;
}

enum oc_status oc_admin_certificate_inspect(const struct oc_admin_ca *ca, struct oc_bytes der,
                                            struct oc_admin_certificate *out, struct oc_error *err)
{
    oc_provider_start();
    const bool is_short = der.n > 0 && der.n <= OC_ADMIN_CERTIFICATE_BYTES;
    OC_CLEANUP(X509_freep) X509 *certificate = is_short ? read_whole(&der) : NULL;
    struct oc_admin_certificate found = {.sha256 = oc_sha256(&der, 1)};
    const enum oc_admin_verdict verdict =
        certificate ? judge_form(ca, certificate, &found) : OC_ADMIN_UNREADABLE;
    ERR_clear_error();
    if (verdict != OC_ADMIN_ACCEPTED && verdict != OC_ADMIN_NO_NAME) {
        return oc_admin_refuse(err, "certificate", oc_admin_verdict_text(verdict));
    }
    *out = found;
    return OC_OK;
}
