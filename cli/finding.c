/* See finding.h. */
#include "cli/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/memory.h"

static const char *const result_names[FINDING_RESULT_COUNT] = {
    [FINDING_OK] = "ok",
    [FINDING_SKIPPED] = "skipped",
    [FINDING_WARN] = "warn",
    [FINDING_FAIL] = "fail",
};

static const char *const side_names[SIDE_COUNT] = {
    [SIDE_AGENT] = "agent",
    [SIDE_GATEWAY] = "gateway",
};

struct finding *findings_add(struct findings *findings, enum finding_side side, const char *check,
                             enum finding_result result, const char *format, ...)
{
    if (findings->n == findings->cap) {
        findings->cap = findings->cap ? 2 * findings->cap : 32;
        findings->items = memory_resize(findings->items, findings->cap * sizeof findings->items[0]);
    }
    struct finding *finding = &findings->items[findings->n++];
    *finding = (struct finding){.side = side, .result = result};
    (void)snprintf(finding->check, sizeof finding->check, "%s", check);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(finding->found, sizeof finding->found, format, arguments);
    va_end(arguments);
    findings->counts[result]++;
    return finding;
}

void finding_set_cause(struct finding *finding, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(finding->cause, sizeof finding->cause, format, arguments);
    va_end(arguments);
}

void finding_set_advice(struct finding *finding, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(finding->advice, sizeof finding->advice, format, arguments);
    va_end(arguments);
}

void finding_set_fix(struct finding *finding, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(finding->fix, sizeof finding->fix, format, arguments);
    va_end(arguments);
}

void findings_deinit(struct findings *findings)
{
    free(findings->items);
    *findings = (struct findings){.items = NULL};
}

const char *finding_result_name(enum finding_result result)
{
    return (unsigned)result < FINDING_RESULT_COUNT ? result_names[result] : "unknown";
}

const char *finding_side_name(enum finding_side side)
{
    return (unsigned)side < SIDE_COUNT ? side_names[side] : "unknown";
}

bool finding_result_parse(const char *word, enum finding_result *out)
{
    for (unsigned i = 0; i < FINDING_RESULT_COUNT; i++) {
        if (strcmp(word, result_names[i]) == 0) {
            *out = (enum finding_result)i;
            return true;
        }
    }
    return false;
}

bool finding_side_parse(const char *word, enum finding_side *out)
{
    for (unsigned i = 0; i < SIDE_COUNT; i++) {
        if (strcmp(word, side_names[i]) == 0) {
            *out = (enum finding_side)i;
            return true;
        }
    }
    return false;
}

static bool is_plain(const char *text)
{
    return *text != '\0' && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789_-./:@%+=,")] == '\0';
}

const char *shell_word(const char *text, char out[QUOTED_BYTES])
{
    size_t n = 0;
    if (is_plain(text)) {
        (void)snprintf(out, QUOTED_BYTES, "%s", text);
        return out;
    }
    out[n++] = '\'';
    for (; *text && n < QUOTED_BYTES - 8; text++) {
        if (*text == '\'') {
            memcpy(out + n, "'\\''", 4);
            n += 4;
        } else {
            out[n++] = *text;
        }
    }
    out[n++] = '\'';
    out[n] = '\0';
    return out;
}
