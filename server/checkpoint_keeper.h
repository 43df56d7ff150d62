/*
 * Keeps signed checkpoints: appends each to a file, durably, and gives it to syslog if that is
 * wanted. A thread of its own does both, so that no disk and no log daemon holds up a decision; of
 * checkpoints that come faster than it keeps them the newest is kept.
 *
 * The file is opened for each, by its name: whoever rotates it just renames it. What a crash left
 * of a line is cut off before the next.
 */
#pragma once

#include <openclaw/error.h>

#include "proto/base/cleanup.h"
#include "proto/crypto/checkpoint.h"

enum {
    CHECKPOINT_PATH_BYTES = 1152,
};

struct checkpoint_keeper;

/*
 * Starts the thread. `path` is copied; "" keeps none in a file.
 * Owns:  checkpoint_keeper_stop. Fails: RESOURCE_EXHAUSTED.
 */
OC_MUST_CHECK enum oc_status checkpoint_keeper_start(const char *path, bool uses_syslog,
                                                     struct checkpoint_keeper **out,
                                                     struct oc_error *err);
/* Tries once more to keep what is not kept yet, and ends the thread. Accepts NULL. */
void checkpoint_keeper_stop(struct checkpoint_keeper *keeper);
OC_DEFINE_CLEANUP(checkpoint_keeper_stop, struct checkpoint_keeper);

/* Never blocks on disk. Thread: any. */
void checkpoint_keeper_put(struct checkpoint_keeper *keeper,
                           const struct oc_audit_checkpoint *checkpoint);

struct checkpoint_keeper_state {
    uint64_t kept_seq;  /* of the last one that is in the file, durably, since the start */
    int64_t kept_at_ms; /* of its making; 0: none yet */
    char path[CHECKPOINT_PATH_BYTES]; /* "": no file */
    char error[256];                  /* why the last one is not in it; "": it is */
};
/* Thread: any. */
void checkpoint_keeper_read(struct checkpoint_keeper *keeper, struct checkpoint_keeper_state *out);

/*
 * The last checkpoint in a file that is genuine and of this gateway's key. A line that is none is
 * passed over.
 *
 * Fails: NOT_FOUND (no file, or none in it); UNAVAILABLE; RESOURCE_EXHAUSTED.
 */
OC_MUST_CHECK enum oc_status checkpoint_file_newest(const char *path,
                                                    const struct oc_digest *spki_sha256,
                                                    struct oc_audit_checkpoint *out,
                                                    struct oc_error *err);
