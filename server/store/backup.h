/*
 * A copy of the database in use, made in small steps between groups: a single file that holds
 * exactly the state after one commit, and no secret.
 *
 * Invariant: under a backup's name there is a whole, durable copy or nothing. Until then it is
 * called BACKUP_UNFINISHED, which the next backup removes.
 */
#pragma once

#include "server/store/store.h"

#define BACKUP_UNFINISHED "unfinished.db"

enum {
    BACKUP_NAME_BYTES = 96,
};

struct store_backup;

/*
 * Begins a backup into `directory`, which is made (0700) if it is missing. One at a time.
 *
 * Owns:  store_backup_free, before or after the store is closed.
 * Fails: PERMISSION_DENIED (the directory belongs to another user, or others may enter it);
 *        ALREADY_EXISTS (a file of that name); RESOURCE_EXHAUSTED (no room for the copy and what
 *        the gateway itself may need meanwhile); FAILED_PRECONDITION (another backup is under
 *        way); UNIMPLEMENTED (this backend has no file); UNAVAILABLE.
 */
OC_MUST_CHECK enum oc_status store_backup_start(struct store *store, const char *directory,
                                                const char *name, struct store_backup **out,
                                                struct oc_error *err);

/*
 * A little of the work: a few pages copied, or synced. What is committed in between is in the
 * copy. With *is_done the file is durable and has its name.
 *
 * Fails: UNAVAILABLE (I/O, or the store was opened anew meanwhile); RESOURCE_EXHAUSTED (disk
 *        full); ALREADY_EXISTS. The backup is over then. The store is as it was.
 * Thread: the store's, outside of a group.
 */
OC_MUST_CHECK enum oc_status store_backup_step(struct store_backup *backup, bool *is_done,
                                               struct oc_error *err);

struct store_backup_progress {
    struct store_identity identity; /* what the copy holds; zeros while pages are left */
    uint64_t pages;                 /* of the database now; 0: not known yet */
    uint64_t pages_left;            /* to copy */
    uint64_t bytes;                 /* of the file; 0 until it is complete */
    char path[1152];
};
void store_backup_progress(const struct store_backup *backup, struct store_backup_progress *out);

/* Ends it; a backup that is not done leaves nothing behind. Accepts NULL. */
void store_backup_free(struct store_backup *backup);
OC_DEFINE_CLEANUP(store_backup_free, struct store_backup);
