/*
 * The check of a whole database, on a thread of its own while its records are loaded: of a million
 * devices it reads as long as the load does.
 *
 * Invariant: until it has ended, nobody writes to the database and nothing read from it counts.
 */
#pragma once

#include "server/store/database.h"

struct whole_check;

/*
 * Begins. `path` is borrowed until the end.
 * Owns:  whole_check_end. NULL where there is no thread or memory: check first, then.
 */
struct whole_check *whole_check_start(const struct database_path *path);
/* Whether it has ended, and not well: what is read meanwhile need not go on. Thread: any. */
bool whole_check_has_failed(const struct whole_check *check);
/* Waits for what it found, and releases it. Fails: as database_open (DATA_LOSS: corrupt). */
OC_MUST_CHECK enum oc_status whole_check_end(struct whole_check *check, struct oc_error *err);
