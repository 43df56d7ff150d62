/*
 * `gateway restore FILE`: puts a backup in the place of the database of a gateway that does not
 * run.
 *
 * Invariant: at every moment there is a whole database at the path, the one before or the restored
 * one (or, before the exchange, none, if there was none), never beside a log that is not its own;
 * and nothing is deleted. The marker is never taken back, so that an older state starts
 * locked.
 */
#pragma once

#include <stdio.h>

#include "server/base/clock.h"
#include "server/state.h"

struct restore_options {
    const char *state_dir;
    const char *checkpoint_file; /* audit.checkpointFile: what its last line tells; NULL: nothing */
    const char *file;
    bool assumes_yes;
    bool as_it_was; /* later withdrawals are not made again */
    bool may_ask;   /* a person can be asked */
    FILE *in, *out, *err;
    int64_t now_ms;
};

/* How it ended; the numbers are exit codes (design: 0 done, 2 a confirmation is missing). */
enum restore_end {
    RESTORE_DONE = 0,
    RESTORE_FAILED = 1,
    RESTORE_UNCONFIRMED = 2,
    RESTORE_NOT_FOUND = 3,
    RESTORE_FORBIDDEN = 5,
    RESTORE_IN_USE = 6,
    RESTORE_UNAVAILABLE = 7,
};

/* Says on `out` what would change, asks, does it. Failures are told on `err`. */
enum restore_end restore_run(const struct restore_options *options);
