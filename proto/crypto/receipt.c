/* See receipt.h. */
#include "proto/crypto/receipt.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "proto/base/cleanup.h"

static const char label[] = "openclaw receipt v1";

enum {
    SIGNED_BYTES =
        sizeof label + OC_GATEWAY_ID_BYTES + OC_DATABASE_ID_BYTES + 8 + OC_DEVICE_ID_BYTES + 8,
};

OC_DEFINE_CLEANUP(EVP_MD_CTX_free, EVP_MD_CTX);

static uint8_t *put(uint8_t *at, const void *bytes, size_t n)
{
    memcpy(at, bytes, n);
    return at + n;
}

static uint8_t *put_u64(uint8_t *at, uint64_t value)
{
    for (unsigned shift = 64; shift > 0; shift -= 8) {
        *at++ = (uint8_t)(value >> (shift - 8));
    }
    return at;
}

static void format_signed_bytes(const struct oc_receipt *receipt, uint8_t out[SIGNED_BYTES])
{
    uint8_t *at = put(out, label, sizeof label);
    at = put(at, receipt->gateway_id, sizeof receipt->gateway_id);
    at = put(at, receipt->database_id, sizeof receipt->database_id);
    at = put_u64(at, receipt->seq);
    at = put(at, receipt->device_id.bytes, sizeof receipt->device_id.bytes);
    (void)put_u64(at, (uint64_t)receipt->issued_at_ms);
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
    OC_CLEANUP(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY *key = oc_identity_evp_pkey(gateway);
    bool is_genuine =
        context && EVP_DigestVerifyInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
        EVP_DigestVerify(context, receipt->signature, receipt->n_signature, bytes, sizeof bytes) ==
            1;
    ERR_clear_error();
    return is_genuine;
}
