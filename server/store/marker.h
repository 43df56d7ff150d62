/*
 * The marker: a small file outside the database that remembers which database this gateway
 * trusts and how far it got, so that a lost, swapped or rolled-back one is noticed.
 *
 * Written in place, into the older of two slots, and synced: one sync and no room on the disk. At
 * most once a second, and before the answer of revoke and block.
 */
#pragma once

#include "server/store/store.h"

/* Fails: NOT_FOUND; DATA_LOSS (not a marker, or its checksum is wrong); UNAVAILABLE. */
OC_MUST_CHECK enum oc_status marker_read(const char *path, struct store_identity *out,
                                         struct oc_error *err);
/* It only goes forward: to a higher epoch, or a seq that is no lower, of the same database, or to
 * another database. (A rollback that is accepted raises the epoch.)
 * Fails: FAILED_PRECONDITION (it would go back); UNAVAILABLE; RESOURCE_EXHAUSTED (disk full). The
 * old marker is still there, or, but for the first, the new one already is. */
OC_MUST_CHECK enum oc_status marker_write(const char *path, const struct store_identity *identity,
                                          struct oc_error *err);

/* Why a gateway starts locked. */
enum store_lock {
    STORE_LOCK_NONE,
    STORE_LOCK_MISSING,   /* a marker, but no database */
    STORE_LOCK_CORRUPT,   /* the database cannot be read */
    STORE_LOCK_FOREIGN,   /* another gateway's or another database id */
    STORE_LOCK_BEHIND,    /* a lower epoch than the marker, or the same and a lower seq */
    STORE_LOCK_NO_MARKER, /* a database with history, but no marker */
    STORE_LOCK_RECEIPT,   /* a device holds a receipt from beyond our seq */
    STORE_LOCK_COUNT
};

/* Pure. Either may be NULL (not there). */
enum store_lock store_lock_reason(const struct store_identity *database,
                                  const struct store_identity *marker);
/* A sentence with the fix: what is wrong, and `openclaw gateway unlock ...`. */
const char *store_lock_text(enum store_lock lock);

/* The command that ends it, with what is there: "openclaw gateway unlock --init". Never NULL. */
const char *store_lock_fix(enum store_lock lock);
