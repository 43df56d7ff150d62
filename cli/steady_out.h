/*
 * Writing to a reader who may be slow, stop reading or go away, without losing sight of signals:
 * SIGINT and SIGTERM are taken from a descriptor, and what is written goes out in pieces that do
 * not block.
 */
#pragma once

#include "cli/exit_code.h"
#include "cli/terminal.h"

enum steady_state {
    STEADY_ON,          /* go on */
    STEADY_INTERRUPTED, /* SIGINT */
    STEADY_TERMINATED,  /* SIGTERM */
    STEADY_READER_GONE,
    STEADY_FAILED, /* the output could not be written: a full disk, say */
};

struct steady_out {
    const struct terminal *terminal;
    int signal_fd;
    int out_fd; /* -1: memory, which takes everything at once */
};

/* Blocks the two signals for the rest of the program. False: out of descriptors. */
bool steady_begin(struct steady_out *steady, const struct terminal *terminal);
void steady_end(struct steady_out *steady);

/* Writes all of it. */
enum steady_state steady_write(struct steady_out *steady, const char *bytes, size_t n);
/* Waits until `fd` is readable. */
enum steady_state steady_wait(struct steady_out *steady, int fd);
