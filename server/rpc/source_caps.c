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

struct node {
    struct node *next;
    uint8_t key[KEY_BYTES];
    unsigned n;
};

struct source_caps {
    struct source_caps_options options;
    unsigned total;
    struct node *chains[N_CHAINS];
};

struct source_caps *source_caps_new(const struct source_caps_options *options)
{
    struct source_caps *caps = calloc(1, sizeof *caps);
    if (caps) {
        caps->options = *options;
    }
    return caps;
}

void source_caps_free(struct source_caps *caps)
{
    for (size_t i = 0; caps && i < N_CHAINS; i++) {
        for (struct node *node = caps->chains[i]; node;) {
            struct node *next = node->next;
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

/* The place that points to the node of the key, or to the NULL where it belongs. */
static struct node **find(struct source_caps *caps, const uint8_t key[KEY_BYTES])
{
    struct node **place = &caps->chains[chain_of(caps, key)];
    while (*place && memcmp((*place)->key, key, KEY_BYTES) != 0) {
        place = &(*place)->next;
    }
    return place;
}

bool source_caps_take(struct source_caps *caps, const struct oc_source *source, bool is_exempt)
{
    uint8_t key[KEY_BYTES];
    key_of(source, key);
    struct node **place = find(caps, key);
    const unsigned held = *place ? (*place)->n : 0;
    if (caps->total >= caps->options.max || (!is_exempt && held >= caps->options.max_per_source)) {
        return false;
    }
    if (!*place) {
        struct node *node = calloc(1, sizeof *node);
        if (!node) {
            return false;
        }
        memcpy(node->key, key, KEY_BYTES);
        *place = node;
    }
    (*place)->n++;
    caps->total++;
    return true;
}

void source_caps_give(struct source_caps *caps, const struct oc_source *source)
{
    uint8_t key[KEY_BYTES];
    key_of(source, key);
    struct node **place = find(caps, key);
    assert(*place && caps->total > 0);
    caps->total--;
    if (--(*place)->n == 0) {
        struct node *empty = *place;
        *place = empty->next;
        free(empty);
    }
}

unsigned source_caps_total(const struct source_caps *caps)
{
    return caps->total;
}
