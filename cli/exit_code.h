/*
 * How the program ends. Scripts rely on these numbers.
 */
#pragma once

#include <openclaw/error.h>

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2, /* or a confirmation is missing */
    EXIT_NOT_FOUND = 3,
    EXIT_NOT_AUTHENTICATED = 4,
    EXIT_FORBIDDEN = 5,
    EXIT_CONFLICT = 6,
    EXIT_UNAVAILABLE = 7, /* or timed out, or not durable yet */
    EXIT_SOME_FAILED = 8,
    EXIT_STILL_PENDING = 9,
    EXIT_CODE_COUNT,
    /* Of what goes on until it is ended: 128 and the signal's number, as shells have it. */
    EXIT_INTERRUPTED = 130,
    EXIT_TERMINATED = 143,
};

/* The one table from statuses to exit codes. */
enum exit_code exit_code_of(enum oc_status status);

/* The same for a decision, where FAILED_PRECONDITION says that the record stands otherwise. */
enum exit_code exit_code_of_decision(enum oc_status status);

/* "not found"; never NULL. */
const char *exit_code_text(enum exit_code code);
