/*
 * A backup in a place of the caller's choosing. The gateway writes into its own directory only and
 * is never told a path; from there this program takes the file, with the caller's own rights, so
 * that nobody can make the gateway write where he may not.
 */
#pragma once

#include "cli/failure.h"

/* The failure's cause when what the gateway named is not to be believed. */
#define BACKUP_FILE_REFUSED "not_the_gateways"

/* Whether a file may be made at `path`: nothing lies there, and nobody but its owner could put
 * another one in its place. Exit code 2, 3, 5 or 6 otherwise. */
enum exit_code backup_file_check(const char *path, struct failure *failure);

/*
 * Copies `from` to `to` (0600), never over anything, durable before it has its name; then removes
 * `from`. After a failure nothing is at `to`, and `from` stands.
 *
 * `from` is the gateway's word, and the caller may be root: it must have the form of a backup's
 * path, and both the file and its directory must belong to `gateway_uid`, whom the process runs
 * under that said so. Anything else is neither read nor removed (exit code 5): a gateway gets
 * nothing done that it could not do itself. The failure's cause is BACKUP_FILE_REFUSED then.
 */
enum exit_code backup_file_take(const char *from, uint32_t gateway_uid, const char *to,
                                struct failure *failure);
