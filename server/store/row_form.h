/*
 * The compact forms of grants and labels in stored rows, and what authenticates a trust row.
 * Pure; server/store/README.md describes the bytes.
 *
 * Invariant: a value has one form, and a form that is not exactly what encoding its value gives
 * is refused.
 */
#pragma once

#include <stdbool.h>

#include "proto/crypto/digest.h"
#include "server/domain/record.h"

enum {
    ROW_GRANT_BYTES = 2 + OC_MAX_ROLE_BYTES + OC_MAX_SCOPES * (1 + OC_MAX_SCOPE_BYTES),
    ROW_LABELS_BYTES = 1 + OC_MAX_LABELS * (2 + OC_MAX_LABEL_KEY_BYTES + OC_MAX_LABEL_VALUE_BYTES),
    ROW_ID_BYTES = 16,
};

/* Return the number of bytes; 0 for no grant and for no labels. */
size_t row_encode_grant(const struct oc_grant *grant, uint8_t out[ROW_GRANT_BYTES]);
size_t row_encode_labels(const struct oc_labels *labels, uint8_t out[ROW_LABELS_BYTES]);

/* False if the bytes are not such a form; *out is then empty. */
bool row_decode_grant(const uint8_t *bytes, size_t n, struct oc_grant *out);
bool row_decode_labels(const uint8_t *bytes, size_t n, struct oc_labels *out);

/* HMAC-SHA-256 over what an administrator decided of a device: gateway id, device id, standing,
 * generation, tombstone, asked, granted, end of term, alias, labels. */
struct oc_digest row_device_mac(struct oc_hmac *hmac, const uint8_t gateway_id[ROW_ID_BYTES],
                                const struct pairing *pairing);
/* The same over gateway id, device id and the expectation. */
struct oc_digest row_expectation_mac(struct oc_hmac *hmac, const uint8_t gateway_id[ROW_ID_BYTES],
                                     const struct oc_device_id *id,
                                     const struct expectation *expectation);
