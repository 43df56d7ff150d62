/*
 * See source_tree.h. Five levels: all, regions, wider networks, networks, sources. Each node keeps
 * its children in a heap with the fullest on top, and is found by its prefix in one chained hash
 * table. Sources stand in a list besides, from which one is drawn.
 *
 * Invariant: a node that is not the root has something below it, and is in its parent's heap at
 * `place`. How full a network is follows from its fullest child, then from its own count; so what
 * changes at a source changes one place in one heap of every level.
 */
#include "proto/base/source_tree.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEVEL_ALL,
    LEVEL_REGION,
    LEVEL_WIDE,
    LEVEL_NETWORK,
    LEVEL_SOURCE,
    FIRST_CHAINS = 64,
    TIE_TRIES = 32,
};

struct oc_source_node {
    struct oc_source_node *chained;
    struct oc_source_node *parent;
    size_t place;
    unsigned level;
    unsigned n;
    unsigned excess; /* of a network: what it holds beyond what is tolerated */
    unsigned share;  /* of a source: as how many it counts */
    uint8_t key[OC_SOURCE_ADDRESS_BYTES];
    struct oc_source_node **children;
    size_t n_children, cap_children;
    struct oc_source_slot *slots; /* of a source, the newest first */
    size_t listed_at;             /* of a source: in the tree's list */
};

struct oc_source_tree {
    struct oc_source_node all;
    uint64_t seed;
    uint64_t dice;
    struct oc_source_node **chains;
    size_t n_chains; /* a power of two */
    size_t n_nodes;
    unsigned tolerated; /* slots of a network that do not count */
    struct oc_source_node **sources;
    size_t n_sources, cap_sources;
};

/* ---- keys ---------------------------------------------------------------------------------- */

/* The address's prefix at a level, the rest zero. */
static void make_key(const uint8_t address[OC_SOURCE_ADDRESS_BYTES], unsigned level,
                     uint8_t key[OC_SOURCE_ADDRESS_BYTES])
{
    static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const size_t v4_bytes[] = {0, 13, 14, 15, 16};
    static const size_t v6_bytes[] = {0, 4, 6, 7, 8};
    const bool is_v4 = memcmp(address, v4_mapped, sizeof v4_mapped) == 0;
    memset(key, 0, OC_SOURCE_ADDRESS_BYTES);
    memcpy(key, address, is_v4 ? v4_bytes[level] : v6_bytes[level]);
}

void oc_source_key(const uint8_t address[OC_SOURCE_ADDRESS_BYTES],
                   uint8_t key[OC_SOURCE_ADDRESS_BYTES])
{
    make_key(address, LEVEL_SOURCE, key);
}

/* Two rounds of multiply and fold over both halves. */
static uint64_t hash_from(uint64_t start, uint64_t seed, const uint8_t key[OC_SOURCE_ADDRESS_BYTES])
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = start;
    for (size_t i = 0; i < OC_SOURCE_ADDRESS_BYTES; i += sizeof hash) {
        uint64_t half = 0;
        memcpy(&half, key + i, sizeof half);
        hash = (hash ^ half) * odd;
        hash ^= hash >> 29;
        hash = (hash + seed) * odd;
        hash ^= hash >> 32;
    }
    return hash;
}

uint64_t oc_source_hash(uint64_t seed, const uint8_t key[OC_SOURCE_ADDRESS_BYTES])
{
    return hash_from(seed, seed, key);
}

static size_t chain_of(const struct oc_source_tree *tree, unsigned level,
                       const uint8_t key[OC_SOURCE_ADDRESS_BYTES])
{
    return (size_t)hash_from(tree->seed + level, tree->seed, key) & (tree->n_chains - 1);
}

static struct oc_source_node *find(const struct oc_source_tree *tree, unsigned level,
                                   const uint8_t key[OC_SOURCE_ADDRESS_BYTES])
{
    struct oc_source_node *node = tree->chains[chain_of(tree, level, key)];
    while (node && (node->level != level || memcmp(node->key, key, OC_SOURCE_ADDRESS_BYTES) != 0)) {
        node = node->chained;
    }
    return node;
}

static void chain(struct oc_source_tree *tree, struct oc_source_node *node)
{
    struct oc_source_node **head = &tree->chains[chain_of(tree, node->level, node->key)];
    node->chained = *head;
    *head = node;
}

static void unchain(struct oc_source_tree *tree, const struct oc_source_node *node)
{
    struct oc_source_node **at = &tree->chains[chain_of(tree, node->level, node->key)];
    while (*at != node) {
        at = &(*at)->chained;
    }
    *at = node->chained;
}

/* Longer chains are slower, not wrong: without memory it stays as it is. */
static void grow_chains(struct oc_source_tree *tree)
{
    struct oc_source_node **old = tree->chains;
    size_t n_old = tree->n_chains;
    struct oc_source_node **chains = calloc(2 * n_old, sizeof(struct oc_source_node *));
    if (!chains) {
        return;
    }
    tree->chains = chains;
    tree->n_chains = 2 * n_old;
    for (size_t i = 0; i < n_old; i++) {
        for (struct oc_source_node *node = old[i]; node;) {
            struct oc_source_node *next = node->chained;
            chain(tree, node);
            node = next;
        }
    }
    free(old);
}

/* ---- heaps --------------------------------------------------------------------------------- */

static int compare_numbers(unsigned a, unsigned b)
{
    return (a > b) - (a < b);
}

/* Of siblings: above zero when `a` is the fuller one. */
static int compare(const struct oc_source_node *a, const struct oc_source_node *b)
{
    if (a->level == LEVEL_SOURCE) {
        return compare_numbers((a->n + a->share - 1) / a->share, (b->n + b->share - 1) / b->share);
    }
    if (a->n_children == 0 || b->n_children == 0) {
        return (a->n_children > 0) - (b->n_children > 0);
    }
    int by_fullest = compare(a->children[0], b->children[0]);
    return by_fullest != 0 ? by_fullest : compare_numbers(a->excess, b->excess);
}

static void put_at(struct oc_source_node *parent, size_t place, struct oc_source_node *node)
{
    parent->children[place] = node;
    node->place = place;
}

static void sift_up(struct oc_source_node *node)
{
    struct oc_source_node *parent = node->parent;
    size_t place = node->place;
    while (place > 0 && compare(node, parent->children[(place - 1) / 2]) > 0) {
        put_at(parent, place, parent->children[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put_at(parent, place, node);
}

static void sift_down(struct oc_source_node *node)
{
    struct oc_source_node *parent = node->parent;
    size_t place = node->place;
    while (2 * place + 1 < parent->n_children) {
        size_t child = 2 * place + 1;
        if (child + 1 < parent->n_children &&
            compare(parent->children[child + 1], parent->children[child]) > 0) {
            child++;
        }
        if (compare(node, parent->children[child]) >= 0) {
            break;
        }
        put_at(parent, place, parent->children[child]);
        place = child;
    }
    put_at(parent, place, node);
}

static bool has_room_for_one(struct oc_source_node ***nodes, size_t n, size_t *cap)
{
    if (n < *cap) {
        return true;
    }
    size_t grown_cap = *cap ? 2 * *cap : 1;
    struct oc_source_node **grown = realloc(*nodes, grown_cap * sizeof *grown);
    if (!grown) {
        return false;
    }
    *nodes = grown;
    *cap = grown_cap;
    return true;
}

static bool has_room_for_child(struct oc_source_tree *tree, struct oc_source_node *parent)
{
    return has_room_for_one(&parent->children, parent->n_children, &parent->cap_children) &&
           has_room_for_one(&tree->sources, tree->n_sources, &tree->cap_sources);
}

/* ---- the list of sources ------------------------------------------------------------------- */

static void list_source(struct oc_source_tree *tree, struct oc_source_node *source)
{
    source->listed_at = tree->n_sources;
    tree->sources[tree->n_sources++] = source;
}

static void unlist_source(struct oc_source_tree *tree, const struct oc_source_node *source)
{
    struct oc_source_node *last = tree->sources[--tree->n_sources];
    tree->sources[source->listed_at] = last;
    last->listed_at = source->listed_at;
}

/* ---- nodes --------------------------------------------------------------------------------- */

/* An empty node is the least of all: it may stand last. */
static struct oc_source_node *add_child(struct oc_source_tree *tree, struct oc_source_node *parent,
                                        const uint8_t key[OC_SOURCE_ADDRESS_BYTES])
{
    struct oc_source_node *node = has_room_for_child(tree, parent) ? calloc(1, sizeof *node) : NULL;
    if (!node) {
        return NULL;
    }
    node->parent = parent;
    node->level = parent->level + 1;
    node->share = 1;
    memcpy(node->key, key, OC_SOURCE_ADDRESS_BYTES);
    put_at(parent, parent->n_children++, node);
    if (++tree->n_nodes > tree->n_chains) {
        grow_chains(tree);
    }
    chain(tree, node);
    if (node->level == LEVEL_SOURCE) {
        list_source(tree, node);
    }
    return node;
}

/* Takes a node with nothing below it out, and every parent that is empty then. */
static void drop_empty(struct oc_source_tree *tree, struct oc_source_node *node)
{
    while (node->level != LEVEL_ALL && node->n == 0 && node->n_children == 0) {
        struct oc_source_node *parent = node->parent;
        struct oc_source_node *last = parent->children[--parent->n_children];
        if (last != node) {
            put_at(parent, node->place, last);
            sift_up(last);
            sift_down(last);
        }
        unchain(tree, node);
        if (node->level == LEVEL_SOURCE) {
            unlist_source(tree, node);
        }
        tree->n_nodes--;
        free(node->children);
        free(node);
        node = parent;
    }
}

/* ---- the tree ------------------------------------------------------------------------------ */

struct oc_source_tree *oc_source_tree_new(uint64_t seed, unsigned max)
{
    struct oc_source_tree *tree = calloc(1, sizeof *tree);
    struct oc_source_node **chains = calloc(FIRST_CHAINS, sizeof(struct oc_source_node *));
    if (!tree || !chains) {
        free(tree);
        free(chains);
        return NULL;
    }
    tree->seed = seed;
    tree->dice = seed | 1;
    tree->chains = chains;
    tree->n_chains = FIRST_CHAINS;
    tree->tolerated = max / OC_SOURCE_NETWORK_PART;
    return tree;
}

void oc_source_tree_free(struct oc_source_tree *tree)
{
    if (!tree) {
        return;
    }
    for (size_t i = 0; i < tree->n_chains; i++) {
        for (struct oc_source_node *node = tree->chains[i]; node;) {
            struct oc_source_node *next = node->chained;
            free(node->children);
            free(node);
            node = next;
        }
    }
    free(tree->all.children);
    free(tree->chains);
    free(tree->sources);
    free(tree);
}

/* The source's node, made with its networks where there is none; NULL when out of memory. */
static struct oc_source_node *obtain(struct oc_source_tree *tree,
                                     const uint8_t address[OC_SOURCE_ADDRESS_BYTES])
{
    struct oc_source_node *parent = &tree->all;
    for (unsigned level = LEVEL_REGION; level <= LEVEL_SOURCE; level++) {
        uint8_t key[OC_SOURCE_ADDRESS_BYTES];
        make_key(address, level, key);
        struct oc_source_node *node = find(tree, level, key);
        node = node ? node : add_child(tree, parent, key);
        if (!node) {
            drop_empty(tree, parent);
            return NULL;
        }
        parent = node;
    }
    return parent;
}

static void count(struct oc_source_tree *tree, struct oc_source_node *node, unsigned n)
{
    node->n = n;
    node->excess = n > tree->tolerated ? n - tree->tolerated : 0;
}

bool oc_source_tree_enter(struct oc_source_tree *tree,
                          const uint8_t address[OC_SOURCE_ADDRESS_BYTES], bool is_exempt,
                          struct oc_source_slot *slot)
{
    assert(!slot->node);
    struct oc_source_node *node = obtain(tree, address);
    if (!node) {
        return false;
    }
    if (node->n == 0) {
        node->share = is_exempt ? OC_SOURCE_EXEMPT_SHARE : 1; /* later it would upset the heaps */
    }
    slot->node = node;
    slot->next = node->slots;
    slot->link = &node->slots;
    if (slot->next) {
        slot->next->link = &slot->next;
    }
    node->slots = slot;
    for (; node->level != LEVEL_ALL; node = node->parent) {
        count(tree, node, node->n + 1);
        sift_up(node);
    }
    node->n++;
    return true;
}

void oc_source_tree_leave(struct oc_source_tree *tree, struct oc_source_slot *slot)
{
    struct oc_source_node *source = slot->node;
    if (!source) {
        return;
    }
    *slot->link = slot->next;
    if (slot->next) {
        slot->next->link = slot->link;
    }
    *slot = (struct oc_source_slot){.node = NULL};
    struct oc_source_node *node = source;
    for (; node->level != LEVEL_ALL; node = node->parent) {
        assert(node->n > 0);
        count(tree, node, node->n - 1);
        sift_down(node);
    }
    node->n--;
    drop_empty(tree, source);
}

unsigned oc_source_tree_total(const struct oc_source_tree *tree)
{
    return tree->all.n;
}

unsigned oc_source_tree_count(const struct oc_source_tree *tree,
                              const uint8_t address[OC_SOURCE_ADDRESS_BYTES])
{
    uint8_t key[OC_SOURCE_ADDRESS_BYTES];
    make_key(address, LEVEL_SOURCE, key);
    const struct oc_source_node *node = find(tree, LEVEL_SOURCE, key);
    return node ? node->n : 0;
}

/* ---- giving way ---------------------------------------------------------------------------- */

/* Xorshift: enough to share the burden. */
static size_t throw_dice(struct oc_source_tree *tree, size_t sides)
{
    tree->dice ^= tree->dice << 13;
    tree->dice ^= tree->dice >> 7;
    tree->dice ^= tree->dice << 17;
    return (size_t)(tree->dice >> 16) % sides;
}

/* Whether nobody is to give way before this source. */
static bool is_as_full_as_any(const struct oc_source_tree *tree, const struct oc_source_node *node)
{
    for (; node != &tree->all; node = node->parent) {
        if (compare(node, node->parent->children[0]) != 0) {
            return false;
        }
    }
    return true;
}

/* Any of the sources that tie, each as likely; NULL where few do. */
static struct oc_source_node *draw(struct oc_source_tree *tree)
{
    for (int i = 0; i < TIE_TRIES; i++) {
        struct oc_source_node *source = tree->sources[throw_dice(tree, tree->n_sources)];
        if (is_as_full_as_any(tree, source)) {
            return source;
        }
    }
    return NULL;
}

/* One of those as full as the top. Where few are, tries find none of them and the top it is: it
 * sinks when it has given way. */
static struct oc_source_node *pick_child(struct oc_source_tree *tree,
                                         const struct oc_source_node *parent)
{
    struct oc_source_node *top = parent->children[0];
    for (int i = 0; i < TIE_TRIES && parent->n_children > 1; i++) {
        struct oc_source_node *other = parent->children[throw_dice(tree, parent->n_children)];
        if (compare(other, top) == 0) {
            return other;
        }
    }
    return top;
}

struct oc_source_slot *oc_source_tree_pick(struct oc_source_tree *tree)
{
    if (tree->n_sources == 0) {
        return NULL;
    }
    const struct oc_source_node *drawn = draw(tree);
    const struct oc_source_node *node = drawn ? drawn : &tree->all;
    while (node->level != LEVEL_SOURCE) {
        node = pick_child(tree, node);
    }
    return node->slots;
}

struct oc_source_slot *oc_source_tree_draw(struct oc_source_tree *tree)
{
    if (tree->n_sources == 0) {
        return NULL;
    }
    const struct oc_source_node *node = &tree->all;
    if (throw_dice(tree, 2) == 0) {
        node = tree->sources[throw_dice(tree, tree->n_sources)];
    }
    while (node->level != LEVEL_SOURCE) {
        node = node->children[throw_dice(tree, node->n_children)];
    }
    return node->slots;
}

bool oc_source_tree_is_fullest(const struct oc_source_tree *tree, const struct oc_source_slot *slot)
{
    for (const struct oc_source_node *node = slot->node; node != &tree->all; node = node->parent) {
        const struct oc_source_node *parent = node->parent;
        if (node->place != 0) {
            return false;
        }
        for (size_t i = 1; i < parent->n_children && i <= 2; i++) {
            if (compare(parent->children[i], node) == 0) {
                return false;
            }
        }
    }
    return true;
}
