/*
 * Times as people and scripts read and write them. Units: Unix milliseconds, UTC.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MOMENT_BYTES = 40, /* room for any of the texts below, with the NUL */
};

/* "2026-11-22T21:13:02.125Z". */
void moment_format(int64_t at_ms, char out[MOMENT_BYTES]);

/* RFC 3339 with Z or an offset, or a date alone (its first instant, UTC). False if it is neither
 * or no such day exists. */
bool moment_parse(const char *text, int64_t *out);

/* How long before `now_ms`: "0s", "59s", "12m", "3h", "45d"; "in 3h" for what is still to come. */
void moment_format_age(int64_t at_ms, int64_t now_ms, char out[MOMENT_BYTES]);

/* "<int>(ms|s|m|h|d)", more than nothing and at most 100 years. */
bool duration_parse(const char *text, int64_t *out_ms);
