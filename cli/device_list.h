/* Lists of devices, page by page, for `devices list` and `pairing list`. */
#pragma once

#include "cli/command.h"

/* Reads --limit, --cursor; `states` is a bit per enum oc_state, 0 for all. */
enum exit_code device_list_run(struct cli *cli, const struct item_kind *kind, uint32_t states,
                               const char *nothing);
