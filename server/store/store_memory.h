/*
 * How the memory backend can be made to fail like a disk, for the tests of what uses a store.
 */
#pragma once

#include "server/store/store.h"

enum store_memory_fault {
    STORE_MEMORY_FINE,
    STORE_MEMORY_APPLY_FULL,  /* the next apply: RESOURCE_EXHAUSTED, that change is undone */
    STORE_MEMORY_COMMIT_LOST, /* the next commit: UNAVAILABLE, and nothing of it is there */
    STORE_MEMORY_COMMIT_KEPT, /* the next commit: UNAVAILABLE, and all of it is there */
    STORE_MEMORY_COMMIT_FULL, /* the next commit: RESOURCE_EXHAUSTED, surely not there */
    STORE_MEMORY_REOPEN,      /* the next reopen: UNAVAILABLE */
};

/* The next call that the fault names fails once. `store` is one of store_open_memory. */
void store_memory_fail_next(struct store *store, enum store_memory_fault fault);
