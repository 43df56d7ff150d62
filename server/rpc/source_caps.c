/* See source_caps.h. Chained hashing; chains are short as nobody outside knows the seed. */
#include "server/rpc/source_caps.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    N_CHAINS = 4096,
    KEY_BYTES = 16,
    NETWORK_BYTES = 8, /* of an IPv6 address: its /64 */
};

struct source_node {
    struct source_node *next;
    struct source_node **link;
    struct source_slot *slots; /* the newest first */
    uint8_t key[KEY_BYTES];
    unsigned n;
};

struct source_caps {
    struct source_caps_options options;
    uint64_t dice; /* where the search for the fullest begins */
    unsigned total;
    struct source_node *chains[N_CHAINS];
};

struct source_caps *source_caps_new(const struct source_caps_options *options)
{
    struct source_caps *caps = calloc(1, sizeof *caps);
    if (caps) {
        caps->options = *options;
        caps->dice = options->seed | 1;
    }
    return caps;
}

void source_caps_free(struct source_caps *caps)
{
    for (size_t i = 0; caps && i < N_CHAINS; i++) {
        for (struct source_node *node = caps->chains[i]; node;) {
            struct source_node *next = node->next;
            free(node);
            node = next;
        }
    }
    free(caps);
}

static void key_of(const struct oc_source *source, uint8_t key[KEY_BYTES])
{
    static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
    const bool is_v4 = memcmp(source->address, v4_mapped, sizeof v4_mapped) == 0;
    memset(key, 0, KEY_BYTES);
    memcpy(key, source->address, is_v4 ? KEY_BYTES : NETWORK_BYTES);
}

/* Two rounds of multiply and fold over both halves, from a secret start. */
static size_t chain_of(const struct source_caps *caps, const uint8_t key[KEY_BYTES])
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = caps->options.seed;
    for (size_t i = 0; i < KEY_BYTES; i += sizeof hash) {
        uint64_t half = 0;
        memcpy(&half, key + i, sizeof half);
        hash = (hash ^ half) * odd;
        hash ^= hash >> 29;
        hash = (hash + caps->options.seed) * odd;
        hash ^= hash >> 32;
    }
    return (size_t)(hash % N_CHAINS);
}

static struct source_node *find(const struct source_caps *caps, const uint8_t key[KEY_BYTES])
{
    struct source_node *node = caps->chains[chain_of(caps, key)];
    while (node && memcmp(node->key, key, KEY_BYTES) != 0) {
        node = node->next;
    }
    return node;
}

/* NULL when out of memory. */
static struct source_node *make_node(struct source_caps *caps, const uint8_t key[KEY_BYTES])
{
    struct source_node *node = calloc(1, sizeof *node);
    if (node) {
        struct source_node **chain = &caps->chains[chain_of(caps, key)];
        memcpy(node->key, key, KEY_BYTES);
        node->next = *chain;
        node->link = chain;
        if (node->next) {
            node->next->link = &node->next;
        }
        *chain = node;
    }
    return node;
}

static void drop_node(struct source_node *node)
{
    *node->link = node->next;
    if (node->next) {
        node->next->link = node->link;
    }
    free(node);
}

static void fill_slot(struct source_node *node, struct source_slot *slot)
{
    slot->node = node;
    slot->next = node->slots;
    slot->link = &node->slots;
    if (slot->next) {
        slot->next->link = &slot->next;
    }
    node->slots = slot;
    node->n++;
}

enum source_caps_result source_caps_take(struct source_caps *caps, const struct oc_source *source,
                                         bool is_exempt, struct source_slot *slot)
{
    uint8_t key[KEY_BYTES];
    assert(!slot->node);
    key_of(source, key);
    struct source_node *node = find(caps, key);
    if (node && !is_exempt && node->n >= caps->options.max_per_source) {
        return SOURCE_CAPS_SOURCE_FULL;
    }
    if (caps->total >= caps->options.max) {
        return SOURCE_CAPS_ALL_FULL;
    }
    node = node ? node : make_node(caps, key);
    if (!node) {
        return SOURCE_CAPS_ALL_FULL;
    }
    fill_slot(node, slot);
    caps->total++;
    return SOURCE_CAPS_TAKEN;
}

void source_caps_give(struct source_caps *caps, struct source_slot *slot)
{
    struct source_node *node = slot->node;
    if (!node) {
        return;
    }
    assert(node->n > 0 && caps->total > 0);
    *slot->link = slot->next;
    if (slot->next) {
        slot->next->link = slot->link;
    }
    *slot = (struct source_slot){.node = NULL};
    caps->total--;
    if (--node->n == 0) {
        drop_node(node);
    }
}

/* Another number each time; xorshift is enough to share the burden. */
static size_t throw_dice(struct source_caps *caps)
{
    caps->dice ^= caps->dice << 13;
    caps->dice ^= caps->dice >> 7;
    caps->dice ^= caps->dice << 17;
    return (size_t)(caps->dice % N_CHAINS);
}

struct source_slot *source_caps_find_fullest(struct source_caps *caps,
                                             const struct oc_source *newcomer)
{
    uint8_t key[KEY_BYTES];
    key_of(newcomer, key);
    const struct source_node *own = find(caps, key);
    const struct source_node *fullest = NULL;
    const size_t first = throw_dice(caps);
    for (size_t i = 0; i < N_CHAINS; i++) {
        const struct source_node *node = caps->chains[(first + i) % N_CHAINS];
        for (; node; node = node->next) {
            fullest = !fullest || node->n > fullest->n ? node : fullest;
        }
    }
    const unsigned wanted = own ? own->n + 1 : 1;
    return fullest && fullest->n >= wanted ? fullest->slots : NULL;
}

unsigned source_caps_total(const struct source_caps *caps)
{
    return caps->total;
}
