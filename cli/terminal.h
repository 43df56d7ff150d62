/*
 * Where one invocation reads and writes, and what stands at the other end. Filled once by main (or
 * a test) and then only read, so every command can be run in a test without a terminal.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct terminal {
    FILE *in;
    FILE *out;            /* data */
    FILE *err;            /* prompts, progress, warnings, errors */
    bool is_interactive;  /* a person can be asked: in and err are terminals */
    bool out_is_terminal; /* relative ages, short ids */
    bool may_colour;      /* the environment does not forbid it */
    size_t columns;       /* of the terminal; 0: unknown or none */
    int64_t now_ms;       /* Unix milliseconds at the start */
};

/* Standard streams, environment (NO_COLOR, TERM) and clock of this process. */
struct terminal terminal_of_process(void);

/* A line on err; every byte of it is escaped first. Units: `format` as printf, without newline. */
__attribute__((format(printf, 2, 3))) void terminal_say(const struct terminal *terminal,
                                                        const char *format, ...);

/* Prints `question` on err and reads one line, without its newline. A longer line is cut and the
 * rest of it dropped. False at the end of input. */
bool terminal_ask(const struct terminal *terminal, const char *question, char *line, size_t cap);
