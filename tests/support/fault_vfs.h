/*
 * A disk that fails on order: an SQLite VFS over the real one, for the tests of the store.
 *
 * Every write, sync and truncation is counted; the plan names the one that fails and how. What
 * was written since a file's last sync is remembered, so that a power cut can take it back. Syncs
 * are not passed on: the power cut is ours, and the test is fast.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
    FAULT_NONE,
    FAULT_IO_ERROR,    /* the operation fails once, with an I/O error */
    FAULT_FULL,        /* the operation fails once, as on a full disk: half of a write is there */
    FAULT_LATE_ERROR,  /* the operation is done and then reported as an I/O error, once */
    FAULT_SYNC_LOST,   /* a sync fails once, and what it was for is never written unless it is
                          written again, though reads still find it: as Linux does */
    FAULT_TORN,        /* half of it is done, then the disk is dead until fault_vfs_revive */
    FAULT_CUT,         /* power cut before it: unsynced writes are lost, the disk is dead */
    FAULT_CUT_SHUFFLE, /* the same, but some of the unsynced writes are there, whole or in part */
    FAULT_COUNT
};

/* Becomes the default VFS / stops being one. One at a time; single thread. */
void fault_vfs_install(void);
void fault_vfs_remove(void);

/* From now on, the operation number `at` (1 is the next) fails. `seed` decides what a shuffle
 * keeps. */
void fault_vfs_plan(enum fault_kind kind, uint64_t at, uint32_t seed);
/* Whether it says of itself that a write never harms what lies beside it, as SQLite takes real
 * disks to be. For files opened from now on. */
void fault_vfs_set_powersafe(bool is_powersafe);
/* Operations since the plan was made. */
uint64_t fault_vfs_operations(void);
uint64_t fault_vfs_syncs(void);
/* Whether the planned operation was reached. */
bool fault_vfs_has_struck(void);
/* Power cut now: the disk is dead until fault_vfs_revive. */
void fault_vfs_cut(void);
/* After a power cut, or with one planned: what is not on the disk is gone. The disk works again,
 * with no plan. Every file must be closed. */
void fault_vfs_revive(void);
