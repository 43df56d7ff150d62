/*
 * Who holds a slot, by source, with a cap for one source and one for all. When all are taken the
 * source gives one up that source_tree.h names, so that no flood keeps out the one who knocks once.
 *
 * Memory: a few nodes per source that holds something. One thread at a time; the caller's lock.
 */
#pragma once

#include "proto/base/source_tree.h"
#include "proto/rpc/connection.h"

struct source_caps;

struct source_caps_options {
    unsigned max;
    unsigned max_per_source;
    uint64_t seed; /* random: which sources share a chain must not be known outside */
};

/* Owns: source_caps_free. NULL when out of memory. */
struct source_caps *source_caps_new(const struct source_caps_options *options);
void source_caps_free(struct source_caps *caps);
OC_DEFINE_CLEANUP(source_caps_free, struct source_caps);

enum source_caps_result {
    SOURCE_CAPS_TAKEN,
    SOURCE_CAPS_SOURCE_FULL, /* this source has its share */
    SOURCE_CAPS_ALL_FULL,    /* source_caps_shed_for may help; also: out of memory */
};

/* Takes a slot, which must be empty. An exempt source has no cap of its own. */
enum source_caps_result source_caps_take(struct source_caps *caps, const struct oc_source *source,
                                         bool is_exempt, struct oc_source_slot *slot);
/* Gives it back; harmless on an empty one. */
void source_caps_give(struct source_caps *caps, struct oc_source_slot *slot);

/* When all are taken: fills the newcomer's slot and gives the one that must make room, still
 * entered; NULL when the newcomer is the one to go, and its slot is empty. */
struct oc_source_slot *source_caps_shed_for(struct source_caps *caps,
                                            const struct oc_source *source, bool is_exempt,
                                            struct oc_source_slot *newcomer);

/* Other caps from now on; who is in stays. */
void source_caps_change(struct source_caps *caps, unsigned max, unsigned max_per_source);

unsigned source_caps_total(const struct source_caps *caps);
