/* What the files of the admin CA share: the CA's inside, and small steps with OpenSSL's objects. */
#pragma once

#include <openssl/x509.h>

#include "proto/crypto/admin_ca.h"

struct oc_admin_ca {
    bool is_external; /* names its holders as it likes */
    EVP_PKEY *key;    /* NULL: kept elsewhere */
    X509 *certificate;
    uint8_t *der; /* of the certificate; OpenSSL's memory */
    size_t n_der;
    struct oc_digest sha256;
    int64_t not_before_ms;
    int64_t not_after_ms;
};

#define OC_ADMIN_URI "openclaw:admin/"

/* Fails with OpenSSL's newest reason, and empties its queue. */
enum oc_status oc_admin_fail(struct oc_error *err, enum oc_status status, const char *what);
/* INVALID_ARGUMENT of a field. */
enum oc_status oc_admin_refuse(struct oc_error *err, const char *field, const char *why);

/* Unix milliseconds; false if it is no time. */
bool oc_admin_time(const ASN1_TIME *time, int64_t *out_ms);
/* Adds an extension, as OpenSSL's configuration files write it. */
bool oc_admin_add_extension(X509 *certificate, X509 *issuer, int nid, const char *value);
/* Serial, times; from not_before_ms to not_after_ms. */
bool oc_admin_set_frame(X509 *certificate, int64_t not_before_ms, int64_t not_after_ms);
bool oc_admin_sign_with(X509 *certificate, EVP_PKEY *key);

/* P-256, named and not spelled out, or a sound Ed25519 key. */
bool oc_admin_key_is_sound(EVP_PKEY *key);
/* Whether every critical extension is one that is judged here. */
bool oc_admin_rules_are_known(const X509 *certificate);
bool oc_admin_digest_of_key(EVP_PKEY *key, struct oc_digest *out);
