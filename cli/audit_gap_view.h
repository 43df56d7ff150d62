/* Records that an export or a checkpoint tells of, and that the gateway does not have. */
#pragma once

#include <openclaw/rollback.h>

#include "cli/command.h"

/*
 * Compares the gateway's records with the file and prints on err what they lack, record by record
 * if it is an export. The file must be signed by the key that the gateway uses.
 *
 * Fails: EXIT_NOT_FOUND, EXIT_FAILED, said.
 */
enum exit_code audit_gap_print(struct cli *cli, const struct oc_gateway_status *status,
                               const char *path);
