/*
 * The data directory and the gateway's own directory in it: where they are, whether they are
 * private enough, and that one gateway alone uses them.
 *
 * Every refusal names the path, what was found, what is wanted and the command that mends it.
 */
#pragma once

#include <openclaw/error.h>

#include "proto/base/cleanup.h"

enum {
    STATE_DIR_MAX_PATH_BYTES = 1023,
    STATE_DIR_MAX_NAME_BYTES = 64, /* of a file in it */
};

/*
 * The data directory's absolute path: `option` if not NULL, else OPENCLAW_HOME, else .openclaw in
 * the home directory. It need not exist.
 *
 * Fails: INVALID_ARGUMENT (empty, too long), FAILED_PRECONDITION (no home directory).
 */
OC_MUST_CHECK enum oc_status
data_dir_choose(const char *option, char out[STATE_DIR_MAX_PATH_BYTES + 1], struct oc_error *err);

/*
 * Creates the data directory (0700, with its parents) if there is none, and checks that it is a
 * directory of ours or root's that nobody else may write, in one where not everybody may put
 * another in its place (a sticky one, as /tmp, is fine).
 *
 * Fails: PERMISSION_DENIED (mode or owner), INVALID_ARGUMENT (no directory), UNAVAILABLE.
 */
OC_MUST_CHECK enum oc_status data_dir_prepare(const char *path, struct oc_error *err);

struct state_dir;

/*
 * Opens the gateway's directory, creates it (0700) if there is none, and takes its lock, which is
 * held until it is closed or the process ends, however it ends.
 *
 * Owns:  state_dir_close.
 * Fails: ALREADY_EXISTS (another gateway holds it: its pid is named), and as data_dir_prepare;
 *        here any right of others is refused, and so is a symbolic link.
 */
OC_MUST_CHECK enum oc_status state_dir_open(const char *path, struct state_dir **out,
                                            struct oc_error *err);

/* Accepts NULL. */
void state_dir_close(struct state_dir *dir);
OC_DEFINE_CLEANUP(state_dir_close, struct state_dir);

const char *state_dir_path(const struct state_dir *dir);

/*
 * Whether a file in it may be trusted: regular, ours, one name, 0600 or less. For files that
 * others open by path, such as the database.
 *
 * Fails: NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT (no regular file), UNAVAILABLE.
 */
OC_MUST_CHECK enum oc_status state_dir_check_file(struct state_dir *dir, const char *name,
                                                  struct oc_error *err);

/*
 * Reads a whole file of at most cap bytes, checked as above. The caller wipes `out` if it held a
 * secret; also after a failure, since part of it may have been read.
 *
 * Fails: as state_dir_check_file; OUT_OF_RANGE (longer than cap).
 */
OC_MUST_CHECK enum oc_status state_dir_read_file(struct state_dir *dir, const char *name, void *out,
                                                 size_t cap, size_t *n, struct oc_error *err);

/*
 * Replaces a file: the new one is whole and on disk (0600) before it takes the name, so that a
 * crash leaves the old or the new one.
 *
 * Fails: UNAVAILABLE; the old file stands.
 */
OC_MUST_CHECK enum oc_status state_dir_write_file(struct state_dir *dir, const char *name,
                                                  const void *bytes, size_t n,
                                                  struct oc_error *err);
