/*
 * Slots of connections whose device has no session: a cap for each source and one for all. When all
 * are taken a newcomer gets the slot of the source that source_tree.h names, and that connection is
 * closed; never one whose device is expected or approved, which needs no slot.
 *
 * Lock: its own, then an index shard's, by which it asks whether a device needs a slot.
 */
#pragma once

#include "server/rpc/caller.h"

struct door_slots;

struct door_slots_use {
    uint64_t in_use, limit, limit_per_source;
    uint64_t n_refused; /* since the start: newcomers that got none */
    uint64_t n_shed;    /* connections that made room */
};

/* Owns: door_slots_free. NULL when out of memory. */
struct door_slots *door_slots_new(const struct source_caps_options *options);
void door_slots_free(struct door_slots *slots);

/* Gives the caller, which has a connection and a peer, a slot, unless it has one. False: it has
 * none, and is one too many. */
bool door_slots_take(struct door_slots *slots, struct caller *caller, bool is_exempt);
void door_slots_give(struct door_slots *slots, struct caller *caller);
/* Before the caller's peer goes: gives it back, for good. */
void door_slots_leave(struct door_slots *slots, struct caller *caller);

/* Other caps from now on; who is in stays. Any thread. */
void door_slots_change(struct door_slots *slots, unsigned max, unsigned max_per_source);

struct door_slots_use door_slots_use(struct door_slots *slots);
