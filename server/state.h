/*
 * What the gateway finds in its directory, and makes there at its first start: its key, its
 * secret, the marker and the database.
 *
 * Invariant: a first start is one where none of them exists. Where some do and others are missing,
 * nothing is made in their place: the gateway refuses to start, or starts locked.
 */
#pragma once

#include "proto/crypto/admin_ca.h"
#include "proto/crypto/identity.h"
#include "server/base/random.h"
#include "server/host/state_dir.h"
#include "server/store/marker.h"

enum {
    STATE_PATH_BYTES = STATE_DIR_MAX_PATH_BYTES + STATE_DIR_MAX_NAME_BYTES + 2,
};

struct state {
    struct state_dir *dir;        /* with the lock */
    struct oc_identity *identity; /* the gateway's key */
    struct oc_admin_ca *admin_ca; /* NULL: none yet, or it cannot be read; the service takes it */
    struct oc_key secret;         /* request ids and nonces are derived from it */
    struct oc_key row_key;        /* authenticates trust rows */
    struct store *store;          /* NULL when locked without one; the service takes it */
    enum store_lock lock;
    char marker_path[STATE_PATH_BYTES];
    char database_path[STATE_PATH_BYTES];
    char backup_path[STATE_PATH_BYTES]; /* the directory of backups; made by the first one */
    const struct random_source *random; /* borrowed */
    bool is_first_start;
};

/*
 * Opens everything in `path`, creating the directory and what a first start needs. A database may
 * still be checked on return (store.h, checks_while_loading).
 *
 * Owns:  state_close, also after a failure (init to zeros first).
 * Fails: as state_dir_open; FAILED_PRECONDITION (a key is missing where records exist, a newer
 *        schema); INVALID_ARGUMENT (a key that is none); UNAVAILABLE.
 */
OC_MUST_CHECK enum oc_status state_open(const char *path, const struct random_source *random,
                                        int64_t now_ms, struct state *state, struct oc_error *err);

/* The service could not load the database and closed it: locks, says why, and has again what else
 * the service took. */
void state_lock_corrupt(struct state *state, const struct oc_error *why);

/*
 * For work on the files of a gateway that does not run: takes its lock and loads its keys. Makes
 * nothing, and opens no database.
 *
 * Owns:  state_close, also after a failure (init to zeros first).
 * Fails: NOT_FOUND (no such directory); FAILED_PRECONDITION (a key is missing); PERMISSION_DENIED
 *        (the directory is another user's); as state_dir_open.
 */
OC_MUST_CHECK enum oc_status state_open_keys(const char *path, struct state *state,
                                             struct oc_error *err);

/* After `unlock --init`: moves the old database aside, if there is one, and makes an empty one.
 * Fails: as store_open_sqlite. Thread: one at a time. */
OC_MUST_CHECK enum oc_status state_make_store(struct state *state, int64_t now_ms,
                                              struct store **out, struct oc_error *err);

/*
 * The note that a restore leaves (file `restored`): which database it put in place, to the last
 * audit row, and what the marker was then. `marker` NULL: there is none.
 * Fails: as state_dir_write_file.
 */
OC_MUST_CHECK enum oc_status state_note_restored(struct state *state, const struct store *store,
                                                 const struct store_identity *marker,
                                                 struct oc_error *err);
/* Whether the note is of this database and of the marker that there is now: nothing was decided
 * since that this database lacks. */
bool state_was_restored(struct state *state, struct store *store);

/* The admin CA as its file has it. Owns: oc_admin_ca_free. Fails: NOT_FOUND; as
 * state_dir_read_file and oc_admin_ca_parse. */
OC_MUST_CHECK enum oc_status state_read_admin_ca(struct state *state, struct oc_admin_ca **out,
                                                 struct oc_error *err);
/* Puts it in the place of the one that is kept, in one step. Fails: as state_dir_write_file. */
OC_MUST_CHECK enum oc_status state_write_admin_ca(struct state *state, const struct oc_admin_ca *ca,
                                                  struct oc_error *err);

/* Wipes the secrets, closes what is open, gives the lock back. */
void state_close(struct state *state);

/* What authenticates trust rows, from the bytes of secret.key. */
void state_derive_row_key(const struct oc_key *root, struct oc_key *out);
