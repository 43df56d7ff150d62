/* See json_line.h. */
#include "proto/base/json_line.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/hex.h"
#include "proto/base/utf8.h"

enum {
    MS_PER_DAY = 24 * 60 * 60 * 1000,
    TIME_BYTES = 32,
    MAX_HEX_BYTES = 128,
    NO_CHARACTER = 0xdc00, /* and the byte: half of a pair, which no character has alone */
};

static const int64_t end_of_time_ms = 253402300800000; /* the year 10000 */

/* ---- writing ------------------------------------------------------------------------------- */

static void put(struct oc_json_writer *writer, const char *bytes, size_t n)
{
    assert(writer->n + n < writer->cap);
    memcpy(writer->out + writer->n, bytes, n);
    writer->n += n;
}

static void put_string(struct oc_json_writer *writer, const char *text)
{
    put(writer, text, strlen(text));
}

static void put_name(struct oc_json_writer *writer, const char *name)
{
    put_string(writer, writer->n > 1 ? ",\"" : "\"");
    put_string(writer, name);
    put_string(writer, "\":");
}

struct oc_json_writer oc_json_begin(char *out, size_t cap)
{
    struct oc_json_writer writer = {.out = out, .cap = cap};
    put(&writer, "{", 1);
    return writer;
}

size_t oc_json_end(struct oc_json_writer *writer)
{
    put(writer, "}\n", 2);
    writer->out[writer->n] = '\0';
    return writer->n;
}

static void put_unit(struct oc_json_writer *writer, uint32_t unit)
{
    char text[8];
    (void)snprintf(text, sizeof text, "\\u%04x", (unsigned)unit & 0xffff);
    put_string(writer, text);
}

static void put_character(struct oc_json_writer *writer, uint32_t point)
{
    if (point == '"' || point == '\\') {
        const char pair[] = {'\\', (char)point};
        put(writer, pair, 2);
    } else if (point >= ' ' && point <= '~') {
        const char c = (char)point;
        put(writer, &c, 1);
    } else if (point > 0xffff) {
        put_unit(writer, 0xd800 + ((point - 0x10000) >> 10));
        put_unit(writer, 0xdc00 + ((point - 0x10000) & 0x3ff));
    } else {
        put_unit(writer, point);
    }
}

void oc_json_put_text(struct oc_json_writer *writer, const char *name, const char *text)
{
    put_name(writer, name);
    if (text[0] == '\0') {
        put_string(writer, "null");
        return;
    }
    const uint8_t *at = (const uint8_t *)text;
    put(writer, "\"", 1);
    for (size_t left = strlen(text); left > 0;) {
        uint32_t point = 0;
        size_t n = oc_utf8_next(at, left, &point);
        if (n == 0) {
            point = NO_CHARACTER + *at;
            n = 1;
        }
        put_character(writer, point);
        at += n;
        left -= n;
    }
    put(writer, "\"", 1);
}

void oc_json_put_number(struct oc_json_writer *writer, const char *name, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    put_name(writer, name);
    put_string(writer, text);
}

void oc_json_put_hex(struct oc_json_writer *writer, const char *name, const uint8_t *bytes,
                     size_t n)
{
    char text[2 * MAX_HEX_BYTES + 1];
    assert(n <= MAX_HEX_BYTES);
    oc_hex_format(bytes, n, text);
    put_name(writer, name);
    put(writer, "\"", 1);
    put_string(writer, text);
    put(writer, "\"", 1);
}

void oc_json_put_id(struct oc_json_writer *writer, const char *name, const uint8_t *bytes, size_t n)
{
    bool is_any = false;
    for (size_t i = 0; i < n; i++) {
        is_any |= bytes[i] != 0;
    }
    if (is_any) {
        oc_json_put_hex(writer, name, bytes, n);
    } else {
        oc_json_put_text(writer, name, "");
    }
}

/* The day of the civil calendar that lies `days` after 1970-01-01 (not negative). */
static void civil_of_days(int64_t days, int *year, int *month, int *day)
{
    const int64_t shifted = days + 719468; /* from 0000-03-01 */
    const int64_t era = shifted / 146097;
    const int64_t of_era = shifted % 146097;
    const int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    const int64_t march = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * march + 2) / 5 + 1);
    *month = (int)(march < 10 ? march + 3 : march - 9);
    *year = (int)(years + era * 400 + (*month <= 2));
}

static int64_t days_of_civil(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    const int64_t era = year / 400;
    const int64_t of_era_years = year % 400;
    const int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    const int64_t of_era = of_era_years * 365 + of_era_years / 4 - of_era_years / 100 + of_year;
    return era * 146097 + of_era - 719468;
}

void oc_json_put_time(struct oc_json_writer *writer, const char *name, int64_t at_ms)
{
    char text[TIME_BYTES + 32];
    if (at_ms < 0 || at_ms >= end_of_time_ms) {
        (void)snprintf(text, sizeof text, "@%" PRId64, at_ms);
    } else {
        int year;
        int month;
        int day;
        const int ms = (int)(at_ms % MS_PER_DAY);
        civil_of_days(at_ms / MS_PER_DAY, &year, &month, &day);
        (void)snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, day,
                       ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
    }
    oc_json_put_text(writer, name, text);
}

/* ---- reading ------------------------------------------------------------------------------- */

struct oc_json_reader oc_json_read(const char *line, size_t n)
{
    struct oc_json_reader reader = {.at = line, .end = line + n};
    reader.is_bad = n == 0 || *reader.at++ != '{';
    return reader;
}

/* Passes over exactly this; is_bad if something else stands there. */
static void pass(struct oc_json_reader *reader, const char *text)
{
    const size_t n = strlen(text);
    reader->is_bad |= (size_t)(reader->end - reader->at) < n || memcmp(reader->at, text, n) != 0;
    if (!reader->is_bad) {
        reader->at += n;
    }
}

static bool is_next(const struct oc_json_reader *reader, const char *text)
{
    struct oc_json_reader look = *reader;
    pass(&look, text);
    return !look.is_bad;
}

static void pass_name(struct oc_json_reader *reader, const char *name)
{
    pass(reader, reader->is_inside ? ",\"" : "\"");
    pass(reader, name);
    pass(reader, "\":");
    reader->is_inside = true;
}

bool oc_json_is_over(struct oc_json_reader *reader)
{
    pass(reader, "}");
    if (!reader->is_bad && reader->at < reader->end) {
        pass(reader, "\n");
    }
    return !reader->is_bad && reader->at == reader->end;
}

static uint32_t take_unit(struct oc_json_reader *reader)
{
    uint8_t bytes[2] = {0};
    char digits[5] = "";
    pass(reader, "\\u");
    if (!reader->is_bad && reader->end - reader->at >= 4) {
        memcpy(digits, reader->at, 4);
        reader->at += 4;
    }
    reader->is_bad |= !oc_hex_parse(digits, 2, bytes);
    return (uint32_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t take_character(struct oc_json_reader *reader)
{
    if (*reader->at != '\\') {
        return (uint8_t)*reader->at++;
    }
    if (is_next(reader, "\\\"") || is_next(reader, "\\\\")) {
        reader->at += 2;
        return (uint8_t)reader->at[-1];
    }
    const uint32_t unit = take_unit(reader);
    if (unit < 0xd800 || unit > 0xdbff) {
        return unit;
    }
    return 0x10000 + ((unit - 0xd800) << 10) + ((take_unit(reader) - 0xdc00) & 0x3ff);
}

/* Returns the number of bytes. */
static size_t encode(uint32_t point, char out[4])
{
    if (point >= NO_CHARACTER + 0x80 && point <= NO_CHARACTER + 0xff) {
        out[0] = (char)(point - NO_CHARACTER);
        return 1;
    }
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    const size_t n = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    out[0] = (char)(heads[n] | point);
    return n;
}

void oc_json_take_text(struct oc_json_reader *reader, const char *name, char *out, size_t cap)
{
    size_t n = 0;
    out[0] = '\0';
    pass_name(reader, name);
    if (!reader->is_bad && is_next(reader, "null")) {
        reader->at += 4;
        return;
    }
    pass(reader, "\"");
    while (!reader->is_bad && reader->at < reader->end && *reader->at != '"') {
        char bytes[4];
        const size_t n_bytes = encode(take_character(reader), bytes);
        reader->is_bad |= n + n_bytes >= cap;
        if (!reader->is_bad) {
            memcpy(out + n, bytes, n_bytes);
            n += n_bytes;
        }
    }
    out[n] = '\0';
    pass(reader, "\"");
}

uint64_t oc_json_take_number(struct oc_json_reader *reader, const char *name)
{
    uint64_t value = 0;
    pass_name(reader, name);
    reader->is_bad |= reader->at == reader->end || *reader->at < '0' || *reader->at > '9';
    while (!reader->is_bad && reader->at < reader->end && *reader->at >= '0' &&
           *reader->at <= '9') {
        value = value * 10 + (uint64_t)(*reader->at++ - '0'); /* too large: another when written */
    }
    return value;
}

size_t oc_json_take_some_hex(struct oc_json_reader *reader, const char *name, uint8_t *out,
                             size_t cap)
{
    char text[2 * MAX_HEX_BYTES + 1];
    assert(cap <= MAX_HEX_BYTES);
    oc_json_take_text(reader, name, text, 2 * cap + 1);
    const size_t n = strlen(text) / 2;
    reader->is_bad |= n == 0 || !oc_hex_parse(text, n, out);
    return reader->is_bad ? 0 : n;
}

void oc_json_take_hex(struct oc_json_reader *reader, const char *name, uint8_t *out, size_t n)
{
    reader->is_bad |= oc_json_take_some_hex(reader, name, out, n) != n;
}

void oc_json_take_id(struct oc_json_reader *reader, const char *name, uint8_t *out, size_t n)
{
    char text[2 * MAX_HEX_BYTES + 1];
    assert(n <= MAX_HEX_BYTES);
    memset(out, 0, n);
    oc_json_take_text(reader, name, text, 2 * n + 1);
    reader->is_bad |= text[0] != '\0' && !oc_hex_parse(text, n, out);
}

int64_t oc_json_take_time(struct oc_json_reader *reader, const char *name)
{
    char text[TIME_BYTES];
    int part[7];
    oc_json_take_text(reader, name, text, sizeof text);
    if (text[0] == '@') {
        return strtoll(text + 1, NULL, 10);
    }
    const int n = sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &part[0], &part[1], &part[2],
                         &part[3], &part[4], &part[5], &part[6]);
    if (n != 7 || part[0] < 1970 || part[1] < 1 || part[1] > 12 || part[2] < 1) {
        reader->is_bad = true;
        return 0;
    }
    const int64_t of_day = ((part[3] * 60LL + part[4]) * 60 + part[5]) * 1000 + part[6];
    return days_of_civil(part[0], part[1], part[2]) * MS_PER_DAY + of_day;
}
