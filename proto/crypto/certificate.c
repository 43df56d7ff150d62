/* See certificate.h. */
#include "proto/crypto/certificate.h"

#include <stdbool.h>

#include "proto/base/cleanup.h"
#include "proto/crypto/provider.h"

OC_DEFINE_CLEANUP(X509_free, X509);

static bool set_names(X509 *certificate)
{
    static const unsigned char name[] = "oc";
    X509_NAME *subject = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, 2, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, subject) == 1;
}

static bool set_validity(X509 *certificate)
{
    return ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), "19700101000000Z") == 1 &&
           ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), "99991231235959Z") == 1;
}

enum oc_status oc_certificate_make(EVP_PKEY *key, X509 **out, struct oc_error *err)
{
    OC_CLEANUP(X509_freep) X509 *certificate = X509_new();
    /* Ed25519 hashes by itself and takes no digest. */
    const EVP_MD *digest = EVP_PKEY_is_a(key, "ED25519") ? NULL : oc_provider_sha256();
    bool is_made = certificate && X509_set_version(certificate, X509_VERSION_3) == 1 &&
                   ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
                   set_names(certificate) && set_validity(certificate) &&
                   X509_set_pubkey(certificate, key) == 1 &&
                   X509_sign(certificate, key, digest) > 0;
    if (!is_made) {
        char reason[128];
        oc_provider_take_error(reason, sizeof reason);
        return oc_fail(err, OC_INTERNAL, "certificate: %s", reason);
    }
    *out = OC_STEAL(certificate);
    return OC_OK;
}
