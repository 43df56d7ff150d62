/* See report.h. */
#include "server/doctor/report.h"

#include <stdarg.h>
#include <string.h>

#include "server/obs/log_escape.h"

enum {
    /* Six bytes for each of a text, and the keys. */
    VALUE_BYTES = 6 * REPORT_TEXT_BYTES + 16,
};

static const char *const results[REPORT_RESULT_COUNT] = {
    [REPORT_OK] = "ok",
    [REPORT_SKIPPED] = "skipped",
    [REPORT_WARN] = "warn",
    [REPORT_FAIL] = "fail",
};

struct report report_make(const char *check, enum report_result result, const char *format, ...)
{
    struct report report = {.check = check, .result = result};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(report.found, sizeof report.found, format, arguments);
    va_end(arguments);
    return report;
}

void report_set(char out[REPORT_TEXT_BYTES], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(out, REPORT_TEXT_BYTES, format, arguments);
    va_end(arguments);
}

static void print_member(FILE *out, char before, const char *key, const char *value)
{
    char text[VALUE_BYTES];
    struct log_line line = {.text = text, .cap = sizeof text};
    log_line_append_json_value(&line, value, strlen(value));
    (void)fprintf(out, "%c\"%s\":%.*s", before, key, (int)line.n, text);
}

void report_print(FILE *out, const struct report *report)
{
    print_member(out, '{', "check", report->check);
    print_member(out, ',', "result", results[report->result]);
    print_member(out, ',', "found", report->found);
    print_member(out, ',', "cause", report->cause);
    print_member(out, ',', "advice", report->advice);
    print_member(out, ',', "fix", report->fix);
    (void)fputs("}\n", out);
}

void report_print_fact(FILE *out, const char *fact, const char *value)
{
    print_member(out, '{', "fact", fact);
    print_member(out, ',', "value", value);
    (void)fputs("}\n", out);
}
