/*
 * What the gateway's doctor says, for a program to read: one JSON object a line on stdout.
 *
 *     {"fact":"state_dir","value":"/root/.openclaw/gateway"}
 *     {"check":"marker","result":"fail","found":"...","cause":"...","advice":"...","fix":"..."}
 *
 * `openclaw doctor` reads it, adds what it finds itself, and prints all for people.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum report_result { REPORT_OK, REPORT_SKIPPED, REPORT_WARN, REPORT_FAIL, REPORT_RESULT_COUNT };

enum {
    REPORT_TEXT_BYTES = 1024,
};

/* One finding; "" where there is nothing to say. */
struct report {
    const char *check; /* a word of ours */
    enum report_result result;
    char found[REPORT_TEXT_BYTES];
    char cause[REPORT_TEXT_BYTES];
    char advice[REPORT_TEXT_BYTES]; /* what to do; before a fix, where or when to run it */
    char fix[REPORT_TEXT_BYTES];    /* a command line */
};

/* A finding that says `format`, the rest to be set. */
__attribute__((format(printf, 3, 4))) struct report
report_make(const char *check, enum report_result result, const char *format, ...);
__attribute__((format(printf, 2, 3))) void report_set(char out[REPORT_TEXT_BYTES],
                                                      const char *format, ...);
void report_print(FILE *out, const struct report *report);
void report_print_fact(FILE *out, const char *fact, const char *value);
