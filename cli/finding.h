/*
 * What a doctor found: one line of its report, and all of them in order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum finding_side { SIDE_AGENT, SIDE_GATEWAY, SIDE_COUNT };

/* In the order of how bad it is. */
enum finding_result {
    FINDING_OK,
    FINDING_SKIPPED, /* could not be looked at; `cause` says why */
    FINDING_WARN,    /* works, but will hurt, or is not as safe as it should be */
    FINDING_FAIL,    /* does not work */
    FINDING_RESULT_COUNT
};

enum {
    FINDING_WORD_BYTES = 32,
    FINDING_TEXT_BYTES = 1024,
};

/* Texts may hold what others wrote: escape them before printing. */
struct finding {
    enum finding_side side;
    enum finding_result result;
    char check[FINDING_WORD_BYTES]; /* "device_key" */
    char found[FINDING_TEXT_BYTES];
    char cause[FINDING_TEXT_BYTES];  /* ""; never with OK */
    char advice[FINDING_TEXT_BYTES]; /* ""; what to do; before a fix, where or when to run it */
    char fix[FINDING_TEXT_BYTES];    /* ""; a command line that can be pasted into a shell */
};

struct findings {
    struct finding *items;
    size_t n, cap;
    size_t counts[FINDING_RESULT_COUNT];
};

/* Adds one; the pointer is good until the next. Out of memory ends the process with a message. */
__attribute__((format(printf, 5, 6))) struct finding *
findings_add(struct findings *findings, enum finding_side side, const char *check,
             enum finding_result result, const char *format, ...);

__attribute__((format(printf, 2, 3))) void finding_set_cause(struct finding *finding,
                                                             const char *format, ...);
__attribute__((format(printf, 2, 3))) void finding_set_advice(struct finding *finding,
                                                              const char *format, ...);
__attribute__((format(printf, 2, 3))) void finding_set_fix(struct finding *finding,
                                                           const char *format, ...);

void findings_deinit(struct findings *findings);

/* "warn", "agent"; never NULL. */
const char *finding_result_name(enum finding_result result);
const char *finding_side_name(enum finding_side side);
/* False if it is no such word. */
bool finding_result_parse(const char *word, enum finding_result *out);
bool finding_side_parse(const char *word, enum finding_side *out);

enum {
    QUOTED_BYTES = 1024,
};
/* The text as one word of a shell's command line, in quotes where it needs them. */
const char *shell_word(const char *text, char out[QUOTED_BYTES]);
