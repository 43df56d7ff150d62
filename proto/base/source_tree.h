/*
 * Who holds how much of what is capped, by source, and who gives way when all of it is taken.
 *
 * A source is an IPv4 address or an IPv6 /64: what one subscriber gets. Sources lie in networks
 * (/24, or /56), these in wider ones (/16, or /48), and these in regions (/8, or /32). The fullest
 * source gives way; of equally full ones the one in the fuller network, then in the fuller wider
 * network, then in the fuller region, then one at random of all that are left, each as likely.
 *
 * How full a network is counts only beyond a sixteenth of all places: who sends from one address in
 * each of many networks must not be able to single out the few neighbours of one honest network,
 * and who fills a network must not hide behind it. So no flood from one network, of whatever width,
 * keeps out or pushes out the one who knocks once; of a flood from everywhere each newcomer pushes
 * out one at random, itself included.
 *
 * Entering, leaving and picking cost O(log n) of the sources. One thread at a time: the owner's
 * lock guards a tree and its slots.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/cleanup.h"

enum {
    OC_SOURCE_ADDRESS_BYTES = 16,
    /* A source that is known to be many (a NAT) counts as this many. */
    OC_SOURCE_EXEMPT_SHARE = 64,
    /* A network that holds less than one in so many places is as good as empty. */
    OC_SOURCE_NETWORK_PART = 16,
};

struct oc_source_tree;
struct oc_source_node;

/* Part of its holder. All zeros: holds nothing. */
struct oc_source_slot {
    struct oc_source_node *node;
    struct oc_source_slot *next;
    struct oc_source_slot **link;
};

/* What all addresses of one source have in common: IPv4 whole, of IPv6 the /64. */
void oc_source_key(const uint8_t address[OC_SOURCE_ADDRESS_BYTES],
                   uint8_t key[OC_SOURCE_ADDRESS_BYTES]);
/* Of a key; with a secret seed nobody outside can fill one chain of a table. */
uint64_t oc_source_hash(uint64_t seed, const uint8_t key[OC_SOURCE_ADDRESS_BYTES]);

/* `seed` is random: which sources share a chain must not be known outside. `max` is how many places
 * there are.
 * Owns: oc_source_tree_free. NULL when out of memory. */
struct oc_source_tree *oc_source_tree_new(uint64_t seed, unsigned max);
/* Slots that are still entered are not touched. Accepts NULL. */
void oc_source_tree_free(struct oc_source_tree *tree);
OC_DEFINE_CLEANUP(oc_source_tree_free, struct oc_source_tree);

/* Enters an empty slot. The address is 16 bytes, IPv4 as ::ffff:a.b.c.d. False when out of memory.
 */
bool oc_source_tree_enter(struct oc_source_tree *tree,
                          const uint8_t address[OC_SOURCE_ADDRESS_BYTES], bool is_exempt,
                          struct oc_source_slot *slot);
/* Harmless on an empty slot. */
void oc_source_tree_leave(struct oc_source_tree *tree, struct oc_source_slot *slot);

/* Slots in all, and of the address's source. */
unsigned oc_source_tree_total(const struct oc_source_tree *tree);
unsigned oc_source_tree_count(const struct oc_source_tree *tree,
                              const uint8_t address[OC_SOURCE_ADDRESS_BYTES]);

/* The newest slot of the source that gives way; NULL when the tree is empty. Enter a newcomer
 * first, so that it takes its chance like everybody else. */
struct oc_source_slot *oc_source_tree_pick(struct oc_source_tree *tree);

/* The newest slot of a source drawn by lot, for handing out what is scarce: half of the time each
 * source is as likely; else each region is, in it each wider network, and so on, so that who has
 * many addresses in one network draws no more often than who has one in another. NULL when the tree
 * is empty. */
struct oc_source_slot *oc_source_tree_draw(struct oc_source_tree *tree);

/* Whether the slot's source is the one to give way, with no other as full. */
bool oc_source_tree_is_fullest(const struct oc_source_tree *tree,
                               const struct oc_source_slot *slot);
