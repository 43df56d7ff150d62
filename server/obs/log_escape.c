/*
 * Owns what may stand in a log line. Invariant: the output is printable UTF-8 on one line, with
 * no character that hides, reorders or overwrites its neighbours.
 */
#include "server/obs/log_escape.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"

void log_line_append(struct log_line *line, const char *text, size_t n)
{
    if (line->is_full || n > line->cap - line->n) {
        line->is_full = true;
        return;
    }
    memcpy(line->text + line->n, text, n);
    line->n += n;
}

static size_t sequence_length(uint8_t lead)
{
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        return 2;
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        return 3;
    }
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/* The code point at text and its length in bytes; length 0 if no valid sequence starts there. */
static size_t decode_utf8(const uint8_t *text, size_t n, uint32_t *point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    static const uint8_t lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t length = sequence_length(text[0]);
    if (length == 0 || length > n) {
        return 0;
    }
    uint32_t value = text[0] & lead_bits[length];
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (text[i] & 0x3fU);
    }
    bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
    if (value < smallest[length] || value > 0x10ffff || is_surrogate) {
        return 0;
    }
    *point = value;
    return length;
}

/* Characters that are controls, invisible, or change the direction or the line of what follows. */
static bool is_hidden(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x00, 0x1f},       {0x7f, 0xa0},        {0xad, 0xad},     {0x34f, 0x34f},
        {0x61c, 0x61c},     {0x115f, 0x1160},    {0x17b4, 0x17b5}, {0x180b, 0x180f},
        {0x2000, 0x200f},   {0x2028, 0x202f},    {0x205f, 0x206f}, {0x3000, 0x3000},
        {0x3164, 0x3164},   {0xd800, 0xf8ff},    {0xfe00, 0xfe0f}, {0xfeff, 0xfeff},
        {0xffa0, 0xffa0},   {0xfff0, 0xfffb},    {0xfffe, 0xffff}, {0x1bca0, 0x1bca3},
        {0x1d173, 0x1d17a}, {0xe0000, 0x10ffff},
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(ranges); i++) {
        if (point >= ranges[i].first && point <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

/* Beyond the 16 bits of \uXXXX JSON wants a surrogate pair; the text form follows it. */
static void append_point_escape(struct log_line *line, uint32_t point)
{
    char escape[16];
    int n = 0;
    if (point > 0xffff) {
        uint32_t rest = point - 0x10000;
        n = snprintf(escape, sizeof escape, "\\u%04x\\u%04x", 0xd800 + (rest >> 10),
                     0xdc00 + (rest & 0x3ff));
    } else {
        n = snprintf(escape, sizeof escape, "\\u%04x", point);
    }
    log_line_append(line, escape, (size_t)n);
}

static bool append_short_escape(struct log_line *line, uint8_t byte)
{
    switch (byte) {
    case '"':
        log_line_append(line, "\\\"", 2);
        return true;
    case '\\':
        log_line_append(line, "\\\\", 2);
        return true;
    case '\n':
        log_line_append(line, "\\n", 2);
        return true;
    case '\r':
        log_line_append(line, "\\r", 2);
        return true;
    case '\t':
        log_line_append(line, "\\t", 2);
        return true;
    default:
        return false;
    }
}

static void append_bad_byte(struct log_line *line, uint8_t byte, bool is_json)
{
    if (is_json) {
        log_line_append(line, "\xef\xbf\xbd", 3);
        return;
    }
    char escape[8];
    int n = snprintf(escape, sizeof escape, "\\x%02x", byte);
    log_line_append(line, escape, (size_t)n);
}

static void append_quoted(struct log_line *line, const char *value, size_t n, bool is_json)
{
    const uint8_t *bytes = (const uint8_t *)value;
    log_line_append(line, "\"", 1);
    for (size_t i = 0; i < n;) {
        uint32_t point = 0;
        size_t length = decode_utf8(bytes + i, n - i, &point);
        if (length == 0) {
            append_bad_byte(line, bytes[i], is_json);
            i++;
            continue;
        }
        if (!append_short_escape(line, length == 1 ? bytes[i] : 0)) {
            if (is_hidden(point)) {
                append_point_escape(line, point);
            } else {
                log_line_append(line, value + i, length);
            }
        }
        i += length;
    }
    log_line_append(line, "\"", 1);
}

static bool is_plain(const char *value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)value[i];
        if (byte <= ' ' || byte >= 0x7f || byte == '"' || byte == '\\' || byte == '=') {
            return false;
        }
    }
    return n > 0;
}

void log_line_append_text_value(struct log_line *line, const char *value, size_t n)
{
    if (is_plain(value, n)) {
        log_line_append(line, value, n);
        return;
    }
    append_quoted(line, value, n, false);
}

void log_line_append_json_value(struct log_line *line, const char *value, size_t n)
{
    append_quoted(line, value, n, true);
}
