/*
 * The admin CA: the one authority that signs certificates of remote administrators. Its key is
 * here, or it is elsewhere (offline) and only its certificate is.
 *
 * Kept as one PEM text, key before certificate, so that both are replaced in one step.
 *
 * Thread: any; a CA is immutable once made.
 */
#pragma once

#include "proto/base/cleanup.h"
#include "proto/crypto/admin_certificate.h"

struct oc_admin_ca;

enum {
    OC_ADMIN_CA_PEM_BYTES = 16 * 1024,
    OC_ADMIN_CSR_BYTES = 2 * 1024,
};
#define OC_ADMIN_DAY_MS     (INT64_C(24) * 3600 * 1000)
#define OC_ADMIN_TTL_MS     (90 * OC_ADMIN_DAY_MS)
#define OC_ADMIN_MAX_TTL_MS (398 * OC_ADMIN_DAY_MS)

/* Makes a CA of a fresh ECDSA P-256 key, valid for ten years from a little before now_ms. `label`
 * goes into its name, so that people tell two of them apart: the gateway's id, say.
 * Owns: oc_admin_ca_free. Fails: INTERNAL; INVALID_ARGUMENT (label: printable ASCII, 1-48). */
OC_MUST_CHECK enum oc_status oc_admin_ca_make(const char *label, int64_t now_ms,
                                              struct oc_admin_ca **out, struct oc_error *err);

/* From the DER of a certificate whose key is elsewhere. It must be a CA (basicConstraints, and
 * keyCertSign where it has a key usage) of a key that is strong enough (P-256, P-384, P-521,
 * Ed25519 or RSA from 2048 bits). Owns: oc_admin_ca_free. Fails: INVALID_ARGUMENT, which says what
 * is wrong. */
OC_MUST_CHECK enum oc_status oc_admin_ca_from_certificate(const uint8_t *der, size_t n,
                                                          struct oc_admin_ca **out,
                                                          struct oc_error *err);

/* PEM: a PKCS#8 key, or none, and one certificate. *n is the length without NUL; the caller wipes.
 * Parsing checks as above, and that the key is the certificate's. */
OC_MUST_CHECK enum oc_status oc_admin_ca_format(const struct oc_admin_ca *ca, char *out, size_t cap,
                                                size_t *n, struct oc_error *err);
OC_MUST_CHECK enum oc_status oc_admin_ca_parse(const char *pem, size_t n, struct oc_admin_ca **out,
                                               struct oc_error *err);

/* The same of a CA that is not ours: its certificates name their holders by any URI. No key may be
 * there. */
OC_MUST_CHECK enum oc_status oc_admin_ca_parse_external(const char *pem, size_t n,
                                                        struct oc_admin_ca **out,
                                                        struct oc_error *err);

/* Wipes and frees; accepts NULL. */
void oc_admin_ca_free(struct oc_admin_ca *ca);
OC_DEFINE_CLEANUP(oc_admin_ca_free, struct oc_admin_ca);

/* DER, borrowed from the CA. */
struct oc_bytes oc_admin_ca_certificate(const struct oc_admin_ca *ca);
struct oc_digest oc_admin_ca_sha256(const struct oc_admin_ca *ca);
int64_t oc_admin_ca_not_before_ms(const struct oc_admin_ca *ca);
int64_t oc_admin_ca_not_after_ms(const struct oc_admin_ca *ca);
/* Whether its key is here. */
bool oc_admin_ca_can_sign(const struct oc_admin_ca *ca);

/* ---- signing ------------------------------------------------------------------------------- */

/* A certificate as DER. */
struct oc_admin_der {
    uint8_t bytes[OC_ADMIN_CERTIFICATE_BYTES];
    size_t n;
};

struct oc_admin_order {
    const char *name;    /* sound, as oc_admin_name_is_sound */
    struct oc_bytes csr; /* PKCS#10 DER */
    int64_t now_ms;
    int64_t ttl_ms; /* 1 min to 398 days; cut to the end of the CA */
};

/*
 * Signs the public key of a CSR. The CSR's own signature is checked, so that nobody gets a
 * certificate of somebody else's key; its subject and what it asks for are not read. The
 * certificate: serial of 128 random bits, EKU clientAuth, one URI SAN, no CA, digital signatures
 * alone. It begins five minutes before now_ms, for clocks that differ. Fails: INVALID_ARGUMENT with
 * err->field (csr, name, ttl_ms); FAILED_PRECONDITION (the key is elsewhere, or the CA has ended);
 * INTERNAL.
 */
OC_MUST_CHECK enum oc_status oc_admin_ca_sign(const struct oc_admin_ca *ca,
                                              const struct oc_admin_order *order,
                                              struct oc_admin_der *out, struct oc_error *err);

/* SHA-256 of the public key (SPKI) that a CSR asks to have certified; checks it as above. */
OC_MUST_CHECK enum oc_status oc_admin_csr_key(struct oc_bytes csr, struct oc_digest *out,
                                              struct oc_error *err);

struct oc_identity;

/* The other end: a CSR for the key of `identity` (either kind). *n gets its length. */
OC_MUST_CHECK enum oc_status oc_admin_csr_make(const struct oc_identity *identity, uint8_t *out,
                                               size_t cap, size_t *n, struct oc_error *err);
