/* Lists of devices, page by page, for `devices list` and `pairing list`. */
#pragma once

#include "cli/command.h"

#define DEVICE_LIST_WATCH_NOTE                                                                     \
    "--watch goes on with what changes, until it is interrupted: rows on a terminal, a line of\n"  \
    "JSON for each in a pipe (see `openclaw events watch --help`).\n"

/* Reads --limit, --cursor, --watch; `states` is a bit per enum oc_state, 0 for all. */
enum exit_code device_list_run(struct cli *cli, const struct item_kind *kind, uint32_t states,
                               const char *nothing);
