/*
 * What a gateway's key signs: canonical bytes, put together field by field behind a label of their
 * own. oc_identity_sign signs them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

/* Each puts its bytes at `at` and gives the place behind them; numbers are big-endian. */
uint8_t *oc_signed_put(uint8_t *at, const void *bytes, size_t n);
uint8_t *oc_signed_put_u64(uint8_t *at, uint64_t value);

/* Whether the signature (ECDSA, SHA-256, DER) is the key's over `bytes`. The thread's queue of
 * OpenSSL's errors is empty afterwards. Thread: any. */
bool oc_signature_is_genuine(EVP_PKEY *key, const uint8_t *bytes, size_t n,
                             const uint8_t *signature, size_t n_signature);
