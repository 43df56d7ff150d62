/* See clean_text.h. */
#include "client/clean_text.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"

/* First and last code points of what is never passed on. */
static const struct {
    uint32_t first, last;
} harmful[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},       {0x061c, 0x061c},
    {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
    {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
};

static bool is_harmful(uint32_t code_point)
{
    for (size_t i = 0; i < OC_ARRAY_LENGTH(harmful); i++) {
        if (code_point >= harmful[i].first && code_point <= harmful[i].last) {
            return true;
        }
    }
    return false;
}

void oc_clean_text(char *text)
{
    const size_t n = strlen(text);
    size_t to = 0;
    for (size_t from = 0; from < n;) {
        uint32_t code_point = 0;
        size_t step = oc_utf8_next((const uint8_t *)text + from, n - from, &code_point);
        if (step == 0 || is_harmful(code_point)) {
            text[to++] = '?';
            from += step ? step : 1;
            continue;
        }
        memmove(text + to, text + from, step);
        to += step;
        from += step;
    }
    text[to] = '\0';
}

void oc_clean_error(struct oc_error *err)
{
    oc_clean_text(err->text);
    oc_clean_text(err->request_id);
    oc_clean_text(err->closest);
    oc_clean_text(err->field);
    oc_clean_text(err->cause);
}
