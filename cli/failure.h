/*
 * Why a command cannot go on, as a value: the exit code, one line that names the thing and the
 * cause, and what to do about it. Said once, by whoever handles it; kept where many items are
 * worked through.
 */
#pragma once

#include <openclaw/types.h>

#include "cli/command.h"

enum {
    FAILURE_TEXT_BYTES = 1024,
};

struct failure {
    enum exit_code code;
    char cause[24]; /* the gateway's word for it: "code_wrong"; "": none */
    char text[FAILURE_TEXT_BYTES];
    char hint[FAILURE_TEXT_BYTES]; /* lines; "": none */
    bool is_absent;                /* no gateway runs on this machine */
    struct oc_request_id stands;   /* the request that stands instead of the one named; "": none */
};

/* Fills *failure, without a hint, and returns the code, so that `return failure_set(...)` fails. */
__attribute__((format(printf, 3, 4))) enum exit_code
failure_set(struct failure *failure, enum exit_code code, const char *format, ...);

/* Adds one line of advice. */
__attribute__((format(printf, 2, 3))) void failure_advise(struct failure *failure,
                                                          const char *format, ...);

/* Prints it on err, escaped, and returns its code. */
enum exit_code failure_say(const struct terminal *terminal, const struct failure *failure);

/* ---- calls to the gateway ------------------------------------------------------------------ */

/* Opens the client of this invocation, if it is not open. */
enum exit_code call_open(struct cli *cli, struct failure *failure);
/* The same, with the bundle in this file, whichever context is in force. */
enum exit_code call_open_bundle(struct cli *cli, const char *path, struct failure *failure);

/* What a failed call means. `doing`: "cannot list devices". */
enum exit_code call_failure(struct failure *failure, const struct cli *cli, const char *doing,
                            enum oc_status status, const struct oc_error *err);
/* The same for a decision; see exit_code_of_decision. */
enum exit_code decision_failure(struct failure *failure, const struct cli *cli, const char *doing,
                                enum oc_status status, const struct oc_error *err);
