/*
 * The approval of pending requests: the one flow behind `devices approve` and `pairing list
 * --approve`. What was shown is what is approved: the decision carries request id and ask digest.
 */
#pragma once

#include "cli/command.h"

/* Approves the ids given, or without any lets a person choose one. */
enum exit_code approve_run(struct cli *cli, size_t n_ids, char *const *ids);
