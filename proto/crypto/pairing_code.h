/*
 * The pairing code: eight digits that show an administrator that a request is the one of the
 * agent in front of them, and expose a man in the middle at first contact.
 *
 * Both ends compute it; it is never sent. The device commits to its nonce (SHA-256) before the
 * gateway shows its own, so neither end, nor anyone between, can steer the digits.
 */
#pragma once

#include <openclaw/types.h>

struct oc_pairing_code_input {
    struct oc_device_id device_id; /* stands for the device's key */
    struct oc_digest gateway_spki;
    uint8_t device_nonce[OC_NONCE_BYTES];
    uint8_t gateway_nonce[OC_NONCE_BYTES];
    struct oc_request_id request_id;
};

/* Writes eight digits and a NUL: SHA-256("openclaw pairing code v1" NUL, device id, SPKI, device
 * nonce, gateway nonce, request id), its first 8 bytes as a big-endian number modulo 10^8. */
void oc_pairing_code(const struct oc_pairing_code_input *input, char out[OC_CODE_DIGITS + 1]);

/* SHA-256("openclaw nonce commitment v1" NUL, nonce). */
struct oc_digest oc_nonce_commitment(const uint8_t nonce[OC_NONCE_BYTES]);

/* Reduces what a person typed ("4821-7730", "4821 7730") to eight digits; false if it is not. */
bool oc_pairing_code_parse(const char *typed, char out[OC_CODE_DIGITS + 1]);
