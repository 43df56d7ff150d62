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
