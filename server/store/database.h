/*
 * The database file: how it comes to be, and every setting that durability rests on.
 *
 * Invariant: a file at the path is a whole database of ours or not ours at all: a new one is
 * built under another name and renamed when it is durable.
 */
#pragma once

#include <limits.h>

#include <sqlite3.h>

#include "server/store/store.h"

struct database_path {
    char text[PATH_MAX]; /* the directory without links, then the name */
};

/* Fails: NOT_FOUND (no such directory); UNAVAILABLE. */
OC_MUST_CHECK enum oc_status database_resolve(const char *path, struct database_path *out,
                                              struct oc_error *err);

/*
 * Creates the database with its schema and ids, readable by its owner alone.
 * Fails: DATA_LOSS (a journal without its database lies there); as store_open_sqlite.
 */
OC_MUST_CHECK enum oc_status database_create(const struct database_path *path,
                                             const struct store_options *options,
                                             struct oc_error *err);

/*
 * Opens an existing database for this process alone, checks it whole, sets it up, migrates.
 * Owns:  database_close.
 * Fails: NOT_FOUND; as store_open_sqlite.
 */
OC_MUST_CHECK enum oc_status database_open(const struct database_path *path, sqlite3 **out,
                                           struct oc_error *err);

/*
 * As database_open, but leaves the check of the whole to the caller where that is sound:
 * *is_checked is false for a database in use already, of the latest schema, of which opening wrote
 * nothing. The caller has database_check_beside look at it before the first write, and before
 * anything that was read counts.
 */
OC_MUST_CHECK enum oc_status database_open_unchecked(const struct database_path *path,
                                                     sqlite3 **out, bool *is_checked,
                                                     struct oc_error *err);
/*
 * Checks a database that this process has open and does not write to meanwhile: on a connection of
 * its own, through the VFS of that name (reading_vfs.h).
 * Fails:  as database_open.
 * Thread: any.
 */
OC_MUST_CHECK enum oc_status database_check_beside(const struct database_path *path,
                                                   const char *vfs, struct oc_error *err);

/*
 * Opens a file without looking at it, hardened against what it may hold: for one that this process
 * has just made, or looks at itself.
 * Owns:  database_close.
 * Fails: as database_open.
 */
OC_MUST_CHECK enum oc_status database_connect(const char *path, sqlite3 **out,
                                              struct oc_error *err);

/* For work, after the whole of it was read with a narrow page cache, which keeps what each device
 * takes of memory to its record. */
void database_widen_cache(sqlite3 *db);

/* Accepts NULL. Every statement must be finalized. `is_sound` false: leaves the write-ahead log
 * as it is, for the next open to judge. */
void database_close(sqlite3 *db, bool is_sound);
