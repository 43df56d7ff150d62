/* The administrators of the memory backend: what is committed, and what the open group made of it.
 */
#pragma once

#include "server/domain/administrator.h"

struct memory_administrator_list {
    struct administrator **items; /* each owned; by name */
    size_t n;
};

struct memory_administrators {
    struct memory_administrator_list kept;
    struct memory_administrator_list working;
    bool is_changed; /* working differs from kept */
};

/* False when out of memory, with nothing changed. */
bool memory_administrators_put(struct memory_administrators *all,
                               const struct administrator *administrator);
void memory_administrators_commit(struct memory_administrators *all);
void memory_administrators_rollback(struct memory_administrators *all);
void memory_administrators_deinit(struct memory_administrators *all);
/* What a load sees. */
const struct memory_administrator_list *
memory_administrators_now(const struct memory_administrators *all);
