/*
 * The compact form of an administrator's certificates, and what authenticates an administrator's
 * row. Pure; server/store/README.md describes the bytes.
 *
 * Invariant: a list has one form, and a form that is not exactly that is refused.
 */
#pragma once

#include "proto/crypto/digest.h"
#include "server/domain/administrator.h"

enum {
    ADMINISTRATOR_ID_BYTES = 16,
    ADMINISTRATOR_CERTIFICATE_FORM_BYTES = 3 * OC_DIGEST_BYTES + 1 + ADMINISTRATOR_SERIAL_BYTES +
                                           4 * 8 + 2 * (1 + OC_MAX_ACTOR_BYTES) + 2 +
                                           ADMINISTRATOR_DER_BYTES,
    ADMINISTRATOR_FORM_BYTES =
        1 + ADMINISTRATOR_CERTIFICATES * ADMINISTRATOR_CERTIFICATE_FORM_BYTES,
};

/* Returns the number of bytes. */
size_t administrator_encode(const struct administrator *administrator,
                            uint8_t out[ADMINISTRATOR_FORM_BYTES]);
/* Fills n_certificates and certificates; false if the bytes are not such a form. */
bool administrator_decode(const uint8_t *bytes, size_t n, struct administrator *out);

/* HMAC-SHA-256 over gateway id, name and everything else of the row. */
struct oc_digest administrator_mac(struct oc_hmac *hmac,
                                   const uint8_t gateway_id[ADMINISTRATOR_ID_BYTES],
                                   const struct administrator *administrator);
