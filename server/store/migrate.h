/* The numbered schemas, forward only, and the one row that says which database this is. */
#pragma once

#include <sqlite3.h>

#include "server/store/store.h"

enum {
    MIGRATE_APPLICATION_ID = 0x4f435731, /* "OCW1" in the file's header: a database of ours */
    MIGRATE_LATEST = 6,
};

/* Fills an empty database with the latest schema and its ids, in one transaction. */
OC_MUST_CHECK enum oc_status migrate_create(sqlite3 *db, const struct store_options *options,
                                            struct oc_error *err);
/* Whether there is nothing to migrate. Fails: as migrate_upgrade. */
OC_MUST_CHECK enum oc_status migrate_is_latest(sqlite3 *db, bool *is, struct oc_error *err);
/* Brings an older schema to the latest, in one transaction.
 * Fails: FAILED_PRECONDITION (newer than we know); DATA_LOSS (no such row). */
OC_MUST_CHECK enum oc_status migrate_upgrade(sqlite3 *db, struct oc_error *err);
