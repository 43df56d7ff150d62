/* A copy of a database file that somebody named, to look at and to keep: what is checked cannot be
 * swapped any more. */
#pragma once

#include "server/store/store.h"

/*
 * Copies `from`, which must be a database that stands alone, to `to` (0600, durable but for its
 * name), where nothing may lie.
 *
 * Fails: NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED (disk full), UNAVAILABLE;
 *        INVALID_ARGUMENT (no file, or one with a write-ahead log beside it).
 */
OC_MUST_CHECK enum oc_status database_copy_make(const char *from, const char *to,
                                                struct oc_error *err);

/* Removes a copy, and what was made beside it. */
void database_copy_remove(const char *path);

/* Whether a write-ahead log that holds anything lies beside the database at `path`. */
bool database_copy_has_log(const char *path);

/* What errno means for the file at `path`; `what` went wrong with it. The status is never OK. */
enum oc_status database_copy_fail(const char *path, const char *what, struct oc_error *err);
