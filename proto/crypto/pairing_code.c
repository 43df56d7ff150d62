/* See pairing_code.h. */
#include "proto/crypto/pairing_code.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/crypto/digest.h"

enum { CODE_RANGE = 100000000 };

void oc_pairing_code(const struct oc_pairing_code_input *input, char out[OC_CODE_DIGITS + 1])
{
    static const char label[] = "openclaw pairing code v1";
    const struct oc_bytes pieces[] = {
        {label, sizeof label}, /* with its NUL */
        {input->device_id.bytes, sizeof input->device_id.bytes},
        {input->gateway_spki.bytes, sizeof input->gateway_spki.bytes},
        {input->device_nonce, sizeof input->device_nonce},
        {input->gateway_nonce, sizeof input->gateway_nonce},
        {input->request_id.text, strlen(input->request_id.text)},
    };
    struct oc_digest digest = oc_sha256(pieces, OC_ARRAY_LENGTH(pieces));
    uint64_t number = 0;
    for (size_t i = 0; i < 8; i++) {
        number = number << 8 | digest.bytes[i];
    }
    (void)snprintf(out, OC_CODE_DIGITS + 1, "%08" PRIu32, (uint32_t)(number % CODE_RANGE));
}

struct oc_digest oc_nonce_commitment(const uint8_t nonce[OC_NONCE_BYTES])
{
    static const char label[] = "openclaw nonce commitment v1";
    const struct oc_bytes pieces[] = {
        {label, sizeof label},
        {nonce, OC_NONCE_BYTES},
    };
    return oc_sha256(pieces, OC_ARRAY_LENGTH(pieces));
}

bool oc_pairing_code_parse(const char *typed, char out[OC_CODE_DIGITS + 1])
{
    char digits[OC_CODE_DIGITS + 1] = "";
    size_t n = 0;
    for (const char *at = typed; *at != '\0'; at++) {
        if (*at == ' ' || *at == '-') {
            continue;
        }
        if (*at < '0' || *at > '9' || n == OC_CODE_DIGITS) {
            return false;
        }
        digits[n++] = *at;
    }
    if (n != OC_CODE_DIGITS) {
        return false;
    }
    memcpy(out, digits, sizeof digits);
    return true;
}
