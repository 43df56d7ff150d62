/* openclaw gateway backup and restore. */
#pragma once

#include <openclaw/admin.h>

#include "cli/command.h"

enum exit_code gateway_run_backup(struct cli *cli);
enum exit_code gateway_run_restore(struct cli *cli);

/* Before an older state is accepted: which decisions are missing from it, as restore noted beside
 * the database. Says nothing if it did not, or noted it of another state. */
void gateway_say_lost(const struct cli *cli, const struct oc_gateway_status *status);

/* The audit records that a locked gateway lacks, as far as it knows; there must be some. */
void gateway_format_missing(const struct oc_gateway_status *status, char *out, size_t cap);
