/* See text.h. The only file of the gateway that asks utf8proc. */
#include "server/rpc/text.h"

#include <openclaw/types.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "proto/base/cleanup.h"

static void free_text(utf8proc_uint8_t **text)
{
    free(*text);
}

static bool is_printable(utf8proc_int32_t code_point)
{
    const utf8proc_property_t *property = utf8proc_get_property(code_point);
    if (property->ignorable) {
        return false; /* shows nothing: two names that look the same would not be */
    }
    switch (property->category) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;
    default:
        return true;
    }
}

static bool is_all_printable(const utf8proc_uint8_t *text)
{
    utf8proc_ssize_t length = 0;
    for (; *text != '\0'; text += length) {
        utf8proc_int32_t code_point = 0;
        length = utf8proc_iterate(text, -1, &code_point);
        if (length <= 0 || !is_printable(code_point)) {
            return false;
        }
    }
    return true;
}

bool text_accept_printable(const char *in, size_t max_bytes, char *out)
{
    if (strnlen(in, max_bytes + 1) > max_bytes) {
        return false;
    }
    OC_CLEANUP(free_text)
    utf8proc_uint8_t *normal = utf8proc_NFC((const utf8proc_uint8_t *)in);
    if (!normal || !is_all_printable(normal)) {
        return false;
    }
    const size_t n = strlen((const char *)normal);
    if (n > max_bytes) {
        return false;
    }
    memcpy(out, normal, n + 1);
    return true;
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

/* 1 to max bytes, each a lower-case letter, a digit or one of `others`. */
static bool is_made_of(const char *text, const char *others, size_t max)
{
    size_t n = 0;
    for (; text[n] != '\0'; n++) {
        const char c = text[n];
        const bool is_digit = c >= '0' && c <= '9';
        if (n == max || (!is_lower(c) && !is_digit && !strchr(others, c))) {
            return false;
        }
    }
    return n > 0;
}

bool text_is_role(const char *text)
{
    return is_lower(text[0]) && is_made_of(text, "._-", OC_MAX_ROLE_BYTES);
}

bool text_is_scope(const char *text)
{
    return is_made_of(text, "._:/*-", OC_MAX_SCOPE_BYTES);
}

bool text_is_label_key(const char *text)
{
    return is_made_of(text, "._/-", OC_MAX_LABEL_KEY_BYTES);
}
