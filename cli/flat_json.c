/* See flat_json.h. */
#include "cli/flat_json.h"

#include <stdint.h>
#include <string.h>

struct reader {
    char *at; /* what is read next; texts are written in front of it, in place */
};

static void skip_blanks(struct reader *reader)
{
    reader->at += strspn(reader->at, " \t\r");
}

static bool take(struct reader *reader, char wanted)
{
    skip_blanks(reader);
    if (*reader->at != wanted) {
        return false;
    }
    reader->at++;
    return true;
}

static bool read_hex(const char *digits, uint32_t *out)
{
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        static const char all[] = "0123456789abcdef";
        const char *found = digits[i] ? strchr(all, digits[i] | 0x20) : NULL;
        if (!found) {
            return false;
        }
        value = value << 4 | (uint32_t)(found - all);
    }
    *out = value;
    return true;
}

/* Never longer than the escape it stands for. */
static char *put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* Behind "\u". */
static bool read_code(struct reader *reader, uint32_t *out)
{
    uint32_t low = 0;
    if (!read_hex(reader->at, out)) {
        return false;
    }
    reader->at += 4;
    if (*out < 0xd800 || *out > 0xdfff) {
        return *out != 0;
    }
    if (*out > 0xdbff || strncmp(reader->at, "\\u", 2) != 0 || !read_hex(reader->at + 2, &low) ||
        low < 0xdc00 || low > 0xdfff) {
        return false;
    }
    reader->at += 6;
    *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static bool read_escape(struct reader *reader, char **to)
{
    static const char from[] = "\"\\/bfnrt";
    static const char into[] = "\"\\/\b\f\n\r\t";
    uint32_t code = 0;
    char letter = *reader->at;
    const char *found = letter ? strchr(from, letter) : NULL;
    if (found) {
        reader->at++;
        *(*to)++ = into[found - from];
        return true;
    }
    if (letter != 'u') {
        return false;
    }
    reader->at++;
    if (!read_code(reader, &code)) {
        return false;
    }
    *to = put_utf8(*to, code);
    return true;
}

static const char *read_text(struct reader *reader)
{
    if (!take(reader, '"')) {
        return NULL;
    }
    char *start = reader->at;
    char *to = start;
    while (*reader->at != '"') {
        if (*reader->at == '\0') {
            return NULL;
        }
        if (*reader->at == '\\') {
            reader->at++;
            if (!read_escape(reader, &to)) {
                return NULL;
            }
        } else {
            *to++ = *reader->at++;
        }
    }
    reader->at++;
    *to = '\0';
    return start;
}

bool flat_json_read(char *line, struct flat_object *out)
{
    struct reader reader = {.at = line};
    out->n = 0;
    if (!take(&reader, '{')) {
        return false;
    }
    do {
        struct flat_member member = {.key = read_text(&reader)};
        if (!member.key || !take(&reader, ':')) {
            return false;
        }
        member.value = read_text(&reader);
        if (!member.value || out->n == FLAT_MOST_MEMBERS) {
            return false;
        }
        out->members[out->n++] = member;
    } while (take(&reader, ','));
    bool is_closed = take(&reader, '}');
    skip_blanks(&reader);
    return is_closed && *reader.at == '\0';
}

const char *flat_json_value(const struct flat_object *object, const char *key)
{
    for (size_t i = 0; i < object->n; i++) {
        if (strcmp(object->members[i].key, key) == 0) {
            return object->members[i].value;
        }
    }
    return "";
}
