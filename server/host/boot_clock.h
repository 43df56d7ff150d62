/*
 * What time it was at a moment of this boot of the machine, kept in the state directory, so that a
 * gateway that is started again goes on with the time it had, whatever somebody did to the wall
 * clock meanwhile: no term, request or cool-down ends early, or comes back, by it.
 *
 * After the machine itself was started again nobody knows how long it was off, and the wall clock
 * is believed, as far as it is not behind what the store has seen.
 */
#pragma once

#include "server/host/state_dir.h"

enum {
    BOOT_ID_BYTES = 36,
};

struct boot_moment {
    char boot_id[BOOT_ID_BYTES + 1]; /* the kernel's, of this boot */
    int64_t boot_ms;                 /* since the boot */
    int64_t unix_ms;
};

/* Fills boot_id. Fails: UNAVAILABLE (the kernel does not tell). */
OC_MUST_CHECK enum oc_status boot_clock_identify(struct boot_moment *out, struct oc_error *err);

/* Fails: NOT_FOUND; DATA_LOSS (not such a file); as state_dir_read_file. */
OC_MUST_CHECK enum oc_status boot_clock_read(struct state_dir *dir, struct boot_moment *out,
                                             struct oc_error *err);
OC_MUST_CHECK enum oc_status
boot_clock_write(struct state_dir *dir, const struct boot_moment *moment, struct oc_error *err);

/* The time at `here` (boot id and boot_ms) by what was kept: false if it is of another boot. Pure.
 */
bool boot_clock_tells(const struct boot_moment *kept, const struct boot_moment *here,
                      int64_t *unix_ms);
