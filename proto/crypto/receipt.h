/*
 * Receipts: what the gateway signs at approval and the device keeps beside the pin. They explain
 * (records were reset, or rolled back) and never grant.
 */
#pragma once

#include "proto/crypto/identity.h"

enum {
    OC_RECEIPT_MAX_SIGNATURE_BYTES = 80,
    OC_GATEWAY_ID_BYTES = 16,
    OC_DATABASE_ID_BYTES = 16,
};

struct oc_receipt {
    uint8_t gateway_id[OC_GATEWAY_ID_BYTES];
    uint8_t database_id[OC_DATABASE_ID_BYTES];
    uint64_t seq;
    struct oc_device_id device_id;
    int64_t issued_at_ms;
    uint8_t signature[OC_RECEIPT_MAX_SIGNATURE_BYTES];
    uint8_t n_signature; /* 0: no receipt */
};

/* Signs over: "openclaw receipt v1" NUL, gateway id, database id, seq (8 bytes, big-endian),
 * device id, issued_at_ms (8 bytes, big-endian). */
OC_MUST_CHECK enum oc_status oc_receipt_sign(const struct oc_identity *gateway,
                                             struct oc_receipt *receipt, struct oc_error *err);

/* Whether the signature is that of the gateway's key. */
bool oc_receipt_verify(const struct oc_identity *gateway, const struct oc_receipt *receipt);
