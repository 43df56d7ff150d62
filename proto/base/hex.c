/* See hex.h. */
#include "proto/base/hex.h"

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

void oc_hex_format(const uint8_t *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 0x0f];
    }
    out[2 * n] = '\0';
}

bool oc_hex_parse(const char *text, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < 2 * n; i++) {
        if (digit_value(text[i]) < 0) {
            return false;
        }
    }
    if (text[2 * n] != '\0') {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(digit_value(text[2 * i]) * 16 + digit_value(text[2 * i + 1]));
    }
    return true;
}
