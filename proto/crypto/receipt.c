/* See receipt.h. */
#include "proto/crypto/receipt.h"

#include <string.h>

#include "proto/crypto/signed_bytes.h"

static const char label[] = "openclaw receipt v1";

enum {
    SIGNED_BYTES =
        sizeof label + OC_GATEWAY_ID_BYTES + OC_DATABASE_ID_BYTES + 8 + OC_DEVICE_ID_BYTES + 8,
};

static void format_signed_bytes(const struct oc_receipt *receipt, uint8_t out[SIGNED_BYTES])
{
    uint8_t *at = oc_signed_put(out, label, sizeof label);
    at = oc_signed_put(at, receipt->gateway_id, sizeof receipt->gateway_id);
    at = oc_signed_put(at, receipt->database_id, sizeof receipt->database_id);
    at = oc_signed_put_u64(at, receipt->seq);
    at = oc_signed_put(at, receipt->device_id.bytes, sizeof receipt->device_id.bytes);
    (void)oc_signed_put_u64(at, (uint64_t)receipt->issued_at_ms);
}

enum oc_status oc_receipt_sign(const struct oc_identity *gateway, struct oc_receipt *receipt,
                               struct oc_error *err)
{
    uint8_t bytes[SIGNED_BYTES];
    format_signed_bytes(receipt, bytes);
    uint8_t signature[OC_RECEIPT_MAX_SIGNATURE_BYTES] = {0};
    size_t n = sizeof signature;
    enum oc_status st = oc_identity_sign(gateway, bytes, sizeof bytes, signature, &n, err);
    if (st) {
        return st;
    }
    memcpy(receipt->signature, signature, sizeof signature);
    receipt->n_signature = (uint8_t)n;
    return OC_OK;
}

bool oc_receipt_verify(const struct oc_identity *gateway, const struct oc_receipt *receipt)
{
    if (receipt->n_signature == 0 || receipt->n_signature > sizeof receipt->signature) {
        return false;
    }
    uint8_t bytes[SIGNED_BYTES];
    format_signed_bytes(receipt, bytes);
    return oc_signature_is_genuine(oc_identity_evp_pkey(gateway), bytes, sizeof bytes,
                                   receipt->signature, receipt->n_signature);
}
