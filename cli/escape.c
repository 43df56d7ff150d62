/* Makes untrusted text harmless; see escape.h. */
#include "cli/escape.h"

#include <stdbool.h>
#include <string.h>
#include <utf8proc.h>

enum {
    MOST_MARKS = 3,         /* on one base character; more is a smear over other lines */
    BRAILLE_BLANK = 0x2800, /* a symbol by category, and invisible */
    REPLACEMENT = 0xFFFD,
    ONE_ESCAPE_BYTES = 16,
};

/* One character or one byte that is not part of any. */
struct step {
    utf8proc_int32_t codepoint; /* -1: `bytes` is one invalid byte */
    size_t bytes;
};

static struct step next_step(const char *text)
{
    struct step step = {.codepoint = -1, .bytes = 1};
    utf8proc_int32_t codepoint = -1;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text,
                                          (utf8proc_ssize_t)strnlen(text, 4), &codepoint);
    if (n > 0) {
        step.codepoint = codepoint;
        step.bytes = (size_t)n;
    }
    return step;
}

static bool is_mark(utf8proc_int32_t codepoint)
{
    utf8proc_category_t category = utf8proc_category(codepoint);
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
           category == UTF8PROC_CATEGORY_ME;
}

static bool is_printable(utf8proc_int32_t codepoint)
{
    if (codepoint < 0x80) {
        return codepoint >= 0x20 && codepoint != 0x7f;
    }
    if (codepoint == BRAILLE_BLANK || utf8proc_get_property(codepoint)->ignorable) {
        return false;
    }
    switch (utf8proc_category(codepoint)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;
    default:
        return true;
    }
}

/* A letter that turns the direction of what stands beside it: an id, a number, a closing quote. */
static bool runs_leftwards(utf8proc_int32_t codepoint)
{
    switch (utf8proc_get_property(codepoint)->bidi_class) {
    case UTF8PROC_BIDI_CLASS_R:
    case UTF8PROC_BIDI_CLASS_AL:
    case UTF8PROC_BIDI_CLASS_AN:
        return true;
    default:
        return false;
    }
}

/* What stands for one step on a terminal. Returns its length. */
static size_t render_step(struct step step, const char *text, bool is_allowed, bool is_quoted,
                          char out[ONE_ESCAPE_BYTES])
{
    int n = 0;
    if (step.codepoint < 0) {
        n = snprintf(out, ONE_ESCAPE_BYTES, "\\x%02X", (unsigned)(unsigned char)text[0]);
    } else if (step.codepoint == '\\' || (is_quoted && step.codepoint == '"')) {
        n = snprintf(out, ONE_ESCAPE_BYTES, "\\%c", (char)step.codepoint);
    } else if (is_allowed) {
        memcpy(out, text, step.bytes);
        n = (int)step.bytes;
    } else if (step.codepoint < 0x80) {
        n = snprintf(out, ONE_ESCAPE_BYTES, "\\x%02X", (unsigned)step.codepoint);
    } else {
        n = snprintf(out, ONE_ESCAPE_BYTES, "\\u{%04X}", (unsigned)step.codepoint);
    }
    return (size_t)n;
}

/* Returns how many bytes were written, without a NUL; always fewer than cap. */
static size_t escape_into(const char *text, char *out, size_t cap, bool is_quoted)
{
    size_t n = 0;
    size_t n_marks = MOST_MARKS; /* a mark at the start stands on nothing */
    while (*text != '\0') {
        struct step step = next_step(text);
        bool is_allowed = step.codepoint >= 0 && is_printable(step.codepoint) &&
                          !(is_quoted && runs_leftwards(step.codepoint));
        if (is_allowed && is_mark(step.codepoint)) {
            is_allowed = n_marks < MOST_MARKS;
            n_marks++;
        } else {
            n_marks = is_allowed && step.codepoint != ' ' ? 0 : MOST_MARKS;
        }
        char rendered[ONE_ESCAPE_BYTES];
        size_t length = render_step(step, text, is_allowed, is_quoted, rendered);
        if (n + length >= cap) {
            break;
        }
        memcpy(out + n, rendered, length);
        n += length;
        text += step.bytes;
    }
    return n;
}

void escape_for_terminal(const char *text, char *out, size_t cap)
{
    out[escape_into(text, out, cap, false)] = '\0';
}

void escape_quoted(const char *text, char *out, size_t cap)
{
    if (cap < 3) {
        out[0] = '\0';
        return;
    }
    out[0] = '"';
    size_t n = 1 + escape_into(text, out + 1, cap - 2, true);
    out[n] = '"';
    out[n + 1] = '\0';
}

void escape_spelled(const char *text, char *out, size_t cap)
{
    size_t n = 0;
    char rendered[ONE_ESCAPE_BYTES];
    out[n++] = '"';
    while (*text != '\0') {
        struct step step = next_step(text);
        bool is_plain = step.codepoint >= 0x20 && step.codepoint < 0x7f;
        size_t length = render_step(step, text, is_plain, true, rendered);
        if (n + length + 2 > cap) {
            break;
        }
        memcpy(out + n, rendered, length);
        n += length;
        text += step.bytes;
    }
    out[n++] = '"';
    out[n] = '\0';
}

size_t escape_columns(const char *text)
{
    size_t columns = 0;
    while (*text != '\0') {
        struct step step = next_step(text);
        int width = step.codepoint < 0 ? 1 : utf8proc_charwidth(step.codepoint);
        columns += width > 0 ? (size_t)width : 0;
        text += step.bytes;
    }
    return columns;
}

size_t escape_fitting(const char *text, size_t columns)
{
    size_t used = 0;
    size_t n = 0;
    while (text[n] != '\0') {
        struct step step = next_step(text + n);
        int width = step.codepoint < 0 ? 1 : utf8proc_charwidth(step.codepoint);
        used += width > 0 ? (size_t)width : 0;
        if (used > columns && n > 0) {
            break;
        }
        n += step.bytes;
    }
    return n;
}

void escape_cut(char *text, size_t cap, size_t columns)
{
    static const char ellipsis[] = "\u2026";
    if (columns == 0 || escape_columns(text) <= columns) {
        return;
    }
    size_t used = 0;
    size_t n = 0;
    while (text[n] != '\0') {
        struct step step = next_step(text + n);
        int width = step.codepoint < 0 ? 1 : utf8proc_charwidth(step.codepoint);
        if (used + (size_t)width + 1 > columns || n + step.bytes + sizeof ellipsis > cap) {
            break;
        }
        used += (size_t)width;
        n += step.bytes;
    }
    if (n + sizeof ellipsis <= cap) {
        memcpy(text + n, ellipsis, sizeof ellipsis);
    }
}

static void write_codepoint(FILE *out, uint32_t codepoint, enum escape_dialect dialect)
{
    if (codepoint < 0x10000) {
        (void)fprintf(out, "\\u%04x", codepoint);
    } else if (dialect == ESCAPE_YAML) {
        (void)fprintf(out, "\\U%08x", codepoint);
    } else {
        uint32_t rest = codepoint - 0x10000;
        (void)fprintf(out, "\\u%04x\\u%04x", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
    }
}

void escape_write_string(FILE *out, const char *text, enum escape_dialect dialect)
{
    (void)fputc('"', out);
    while (*text != '\0') {
        struct step step = next_step(text);
        if (step.codepoint < 0) {
            write_codepoint(out, REPLACEMENT, dialect);
        } else if (step.codepoint == '"' || step.codepoint == '\\') {
            (void)fprintf(out, "\\%c", (char)step.codepoint);
        } else if (is_printable(step.codepoint)) {
            (void)fwrite(text, 1, step.bytes, out);
        } else {
            write_codepoint(out, (uint32_t)step.codepoint, dialect);
        }
        text += step.bytes;
    }
    (void)fputc('"', out);
}
