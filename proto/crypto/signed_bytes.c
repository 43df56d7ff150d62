/* See signed_bytes.h. */
#include "proto/crypto/signed_bytes.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "proto/base/cleanup.h"

OC_DEFINE_CLEANUP(EVP_MD_CTX_free, EVP_MD_CTX);

uint8_t *oc_signed_put(uint8_t *at, const void *bytes, size_t n)
{
    memcpy(at, bytes, n);
    return at + n;
}

uint8_t *oc_signed_put_u64(uint8_t *at, uint64_t value)
{
    for (unsigned shift = 64; shift > 0; shift -= 8) {
        *at++ = (uint8_t)(value >> (shift - 8));
    }
    return at;
}

bool oc_signature_is_genuine(EVP_PKEY *key, const uint8_t *bytes, size_t n,
                             const uint8_t *signature, size_t n_signature)
{
    OC_CLEANUP(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool is_genuine =
        context && EVP_DigestVerifyInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
        EVP_DigestVerify(context, signature, n_signature, bytes, n) == 1;
    ERR_clear_error();
    return is_genuine;
}
