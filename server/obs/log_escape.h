/*
 * Escaping of one value for one log line. Pure; bytes in, bytes out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A line under construction; what does not fit sets is_full and changes nothing. */
struct log_line {
    char *text;
    size_t n;
    size_t cap;
    bool is_full;
};

void log_line_append(struct log_line *line, const char *text, size_t n);

/* The value as it is where that is plain, else quoted: a "b"\n\x9b\u202e. */
void log_line_append_text_value(struct log_line *line, const char *value, size_t n);

/* A JSON string with its quotes; a byte that is not UTF-8 becomes U+FFFD. */
void log_line_append_json_value(struct log_line *line, const char *value, size_t n);
