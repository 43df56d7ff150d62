/*
 * Runs a command in this process, on streams in memory, against the double of the library.
 */
#pragma once

#include "cli/command.h"

struct ran {
    enum exit_code code;
    char *out;
    char *err;
};

struct stage {
    const char *input;   /* what the person types; NULL: end of input */
    bool is_interactive; /* in and err are terminals */
    bool out_is_terminal;
    size_t columns; /* 0: as many as it takes */
};

/* Runs `openclaw WORDS...`; words end with NULL. Owns: ran_free. */
struct ran run_on(const struct stage *stage, const char *const *words);
void ran_free(struct ran *ran);

/* Off a terminal. */
#define RUN(...) run_on(&(struct stage){.input = NULL}, (const char *const[]){__VA_ARGS__, NULL})
/* On a terminal, where `typed` is typed. */
#define RUN_TYPING(typed, ...)                                                                     \
    run_on(&(struct stage){.input = (typed), .is_interactive = true, .out_is_terminal = true},     \
           (const char *const[]){__VA_ARGS__, NULL})

/* Fails the test unless `text` is the content of golden/NAME. With $OC_UPDATE_GOLDEN set it
 * writes the file instead. */
void assert_golden(const char *name, const char *text);

#define assert_contains(text, part) assert_contains_at((text), (part), __FILE__, __LINE__)
void assert_contains_at(const char *text, const char *part, const char *file, int line);
