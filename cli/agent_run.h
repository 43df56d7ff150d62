/* `openclaw agent run`: the library's agent with a voice, ended by a signal or by its answer. */
#pragma once

#include <openclaw/pairing.h>

#include "cli/command.h"

enum exit_code agent_run(struct cli *cli);

/* Reads every --pin. Fails: EXIT_USAGE, said. */
enum exit_code agent_read_pins(const struct cli *cli, struct oc_trust *out);
