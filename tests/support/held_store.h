/*
 * A memory store whose commits a test can hold, to look at the world between the write and its
 * answer, and whose disk can stay full until told otherwise. One at a time in a process.
 */
#pragma once

#include "server/store/store.h"

/* Takes over the operations of a store of store_open_memory. */
void held_store_take(struct store *store);

void held_store_hold(void);
/* Waits until a commit is being held; false after ten seconds. */
bool held_store_wait(void);
void held_store_release(void);

/* Every reopen finds a store of these numbers and ids, until NULL says that it finds its own. */
void held_store_reopen_as(const struct store_identity *identity);
/* Every apply fails with RESOURCE_EXHAUSTED while the disk is full. */
void held_store_set_full(bool is_full);
/* Writes succeed, but store_check_room says that there is no room for more. */
void held_store_set_no_room(bool none);
unsigned held_store_n_commits(void);
unsigned held_store_n_applies(void);
unsigned held_store_n_reopens(void);
unsigned held_store_n_loads(void);
