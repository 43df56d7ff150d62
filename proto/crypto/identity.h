/*
 * Key pairs and the minimal self-signed certificates made of them.
 *
 * A device's key is Ed25519, a gateway's ECDSA P-256. The device id is SHA-256 of the 32 raw
 * bytes of the public key. A key that is small-order or not canonically encoded is no identity:
 * OpenSSL 3.0 verifies signatures under such keys.
 */
#pragma once

#include <openclaw/error.h>
#include <openclaw/types.h>
#include <stdbool.h>

#include "proto/base/cleanup.h"

struct oc_identity;

enum oc_identity_kind {
    OC_IDENTITY_DEVICE,  /* Ed25519 */
    OC_IDENTITY_GATEWAY, /* ECDSA P-256 */
};

/* Makes a fresh key pair and its certificate. Fails: INTERNAL. Owns: oc_identity_free. */
OC_MUST_CHECK enum oc_status oc_identity_generate(enum oc_identity_kind kind,
                                                  struct oc_identity **out, struct oc_error *err);

/* From PKCS#8 PEM text (not NUL-terminated). The key must be of `kind`; a device key must be
 * sound. The certificate is made anew, deterministic but for its signature.
 * Fails: INVALID_ARGUMENT (not such a key). Owns: oc_identity_free. */
OC_MUST_CHECK enum oc_status oc_identity_parse(enum oc_identity_kind kind, const char *pem,
                                               size_t n, struct oc_identity **out,
                                               struct oc_error *err);

/* Writes PKCS#8 PEM into out (cap bytes), *n its length without NUL. The caller wipes it. */
OC_MUST_CHECK enum oc_status oc_identity_format(const struct oc_identity *identity, char *out,
                                                size_t cap, size_t *n, struct oc_error *err);

/* Has it present a certificate that a CA made of its key, in place of the one that it made itself.
 * Before others use the identity. Fails: INVALID_ARGUMENT (no certificate in DER, or of another
 * key); then it is as it was. */
OC_MUST_CHECK enum oc_status oc_identity_certify(struct oc_identity *identity, const uint8_t *der,
                                                 size_t n, struct oc_error *err);
/* Whether that was done. */
bool oc_identity_is_certified(const struct oc_identity *identity);

/* Wipes and frees; accepts NULL. */
void oc_identity_free(struct oc_identity *identity);
OC_DEFINE_CLEANUP(oc_identity_free, struct oc_identity);

/* A device's id; all zeros for a gateway key. */
struct oc_device_id oc_identity_device_id(const struct oc_identity *identity);
/* The 32 raw public-key bytes of a device key. */
void oc_identity_raw_public(const struct oc_identity *identity, uint8_t out[32]);
/* SHA-256 of the SubjectPublicKeyInfo: a gateway's pin. */
struct oc_digest oc_identity_spki_sha256(const struct oc_identity *identity);

/* Signs `bytes` with the gateway's key (ECDSA, SHA-256, DER). *n_out holds the room on entry. */
OC_MUST_CHECK enum oc_status oc_identity_sign(const struct oc_identity *identity,
                                              const uint8_t *bytes, size_t n, uint8_t *signature,
                                              size_t *n_signature, struct oc_error *err);

/* Whether 32 raw bytes are a canonical Ed25519 public key that is not of small order. */
bool oc_ed25519_is_sound(const uint8_t raw[32]);

/* SHA-256 of 32 raw public-key bytes. */
struct oc_device_id oc_device_id_of_key(const uint8_t raw[32]);

/* For tls.c alone: the OpenSSL objects, borrowed (EVP_PKEY *, X509 *). */
void *oc_identity_evp_pkey(const struct oc_identity *identity);
void *oc_identity_x509(const struct oc_identity *identity);
