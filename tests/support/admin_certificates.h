/* Certificates of administrators, good and bad in every way, for tests of who may come in. */
#pragma once

#include <openssl/x509.h>

#include "proto/crypto/admin_ca.h"

#define ADMIN_NOW_MS (INT64_C(1700000000) * 1000)

/* A CA with its key in the open. */
struct admin_signer {
    struct oc_admin_ca *ca;
    EVP_PKEY *key;
    X509 *certificate;
};
void admin_signer_init(struct admin_signer *signer, const char *label);
void admin_signer_deinit(struct admin_signer *signer);

/* What a certificate shall say; zeros and NULL are what a good one says. */
struct admin_wish {
    const char *key;     /* "P-256", "ED25519", "RSA-1024", "P-384" */
    const char *eku;     /* "" none */
    const char *ku;      /* "" none */
    const char *basic;   /* "" none */
    const char *san;     /* "" none; several: "URI:a,URI:b" */
    const char *raw_uri; /* instead: n_raw_uri bytes as they are */
    size_t n_raw_uri;
    const char *second_san; /* a second extension of the kind */
    const char *critical;   /* an OID of a critical extension */
    const char *digest;     /* "SHA256" */
    const char *issuer;     /* another name for the issuer */
    int64_t from_ms, to_ms; /* Unix milliseconds */
    long version;           /* X509_VERSION_3 */
    bool is_self_signed;
};

struct admin_made {
    struct oc_admin_der der;
    EVP_PKEY *key;
};
/* Fails the test when it cannot be made. */
void admin_make(const struct admin_signer *signer, const struct admin_wish *wish,
                struct admin_made *out);
void admin_made_deinit(struct admin_made *made);
