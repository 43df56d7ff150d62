/*
 * Who holds a slot, by source, with a cap for one source and one for all. A source is an IPv4
 * address or an IPv6 /64: what one subscriber gets. When all are taken the fullest source gives
 * one up, so that no flood keeps out the one who knocks once.
 *
 * Memory: one node per source that holds something, so never more nodes than the cap for all.
 * One thread at a time; the caller's lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/cleanup.h"
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

struct source_node;

/* Part of its holder. All zeros: holds nothing. */
struct source_slot {
    struct source_node *node;
    struct source_slot *next;
    struct source_slot **link;
};

enum source_caps_result {
    SOURCE_CAPS_TAKEN,
    SOURCE_CAPS_SOURCE_FULL, /* this source has its share */
    SOURCE_CAPS_ALL_FULL,    /* source_caps_find_fullest may help; also: out of memory */
};

/* Takes a slot, which must be empty. An exempt source has no cap of its own. */
enum source_caps_result source_caps_take(struct source_caps *caps, const struct oc_source *source,
                                         bool is_exempt, struct source_slot *slot);
/* Gives it back; harmless on an empty one. */
void source_caps_give(struct source_caps *caps, struct source_slot *slot);

/* The newest slot of the source that holds most, or NULL if that is less than this newcomer's
 * source would hold: then the newcomer is the one to go. Ties are broken at random. */
struct source_slot *source_caps_find_fullest(struct source_caps *caps,
                                             const struct oc_source *newcomer);

unsigned source_caps_total(const struct source_caps *caps);
