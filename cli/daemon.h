/* openclaw-gateway beside this program: for what needs the gateway's own files. */
#pragma once

#include "cli/command.h"

enum {
    DAEMON_MOST_WORDS = 8,
};

/*
 * Becomes `openclaw-gateway VERB --data-dir .. --config .. WORDS..`, with the options that were
 * given. `words` ends with NULL; NULL: none. Returns only if that failed.
 */
enum exit_code daemon_exec(struct cli *cli, const char *verb, const char *const *words);

/*
 * Runs `openclaw-gateway VERB` with the same options and gives what it writes to stdout, line by
 * line without the newline, to `take`. Its stderr is ours.
 * Fails: EXIT_FAILED, *failure filled (it cannot be started, or ended with another code than 0).
 */
struct failure;
enum exit_code daemon_read(struct cli *cli, const char *verb, void (*take)(void *user, char *line),
                           void *user, struct failure *failure);
