/* See utf8.h. The ranges are those of table 3-7 of the Unicode standard. */
#include "proto/base/utf8.h"

static size_t sequence_length(uint8_t first)
{
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xc2) {
        return 0; /* a continuation byte, or an overlong form of one byte */
    }
    if (first < 0xe0) {
        return 2;
    }
    if (first < 0xf0) {
        return 3;
    }
    return first < 0xf5 ? 4 : 0;
}

static bool is_in_range(uint32_t code_point, size_t length)
{
    switch (length) {
    case 3:
        return code_point >= 0x800 && (code_point < 0xd800 || code_point > 0xdfff);
    case 4:
        return code_point >= 0x10000 && code_point <= 0x10ffff;
    default:
        return true;
    }
}

size_t oc_utf8_next(const uint8_t *bytes, size_t n, uint32_t *code_point)
{
    static const uint8_t first_bits[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const size_t length = n > 0 ? sequence_length(bytes[0]) : 0;
    if (length == 0 || length > n) {
        return 0;
    }
    uint32_t value = bytes[0] & first_bits[length];
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (bytes[i] & 0x3fU);
    }
    if (!is_in_range(value, length)) {
        return 0;
    }
    *code_point = value;
    return length;
}

bool oc_utf8_is_text(const uint8_t *bytes, size_t n)
{
    size_t at = 0;
    while (at < n) {
        uint32_t code_point = 0;
        const size_t length = oc_utf8_next(bytes + at, n - at, &code_point);
        if (length == 0 || code_point == 0) {
            return false;
        }
        at += length;
    }
    return true;
}
