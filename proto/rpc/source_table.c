/* See source_table.h. Buckets of entries; entries come from one pool, free ones in a list. */
#include "proto/rpc/source_table.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    N_BUCKETS = 256,
    KEY_BYTES = 16,
};

struct entry {
    struct oc_lane lane; /* first: a lane is its entry */
    uint8_t key[KEY_BYTES];
    unsigned n;
    struct entry *next;
};

struct oc_source_table {
    unsigned max_total;
    unsigned max_per_source;
    unsigned n_total;
    struct entry *free;
    struct entry *buckets[N_BUCKETS];
    struct entry pool[];
};

struct oc_source_table *oc_source_table_new(unsigned max_total, unsigned max_per_source)
{
    struct oc_source_table *table = calloc(1, sizeof *table + max_total * sizeof(struct entry));
    if (!table) {
        return NULL;
    }
    table->max_total = max_total;
    table->max_per_source = max_per_source;
    for (unsigned i = 0; i < max_total; i++) {
        table->pool[i].next = table->free;
        table->free = &table->pool[i];
    }
    return table;
}

void oc_source_table_free(struct oc_source_table *table)
{
    free(table);
}

static void make_key(const struct oc_source *source, uint8_t key[KEY_BYTES])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    memcpy(key, source->address, KEY_BYTES);
    if (memcmp(key, mapped, sizeof mapped) != 0) {
        memset(key + KEY_BYTES / 2, 0, KEY_BYTES / 2);
    }
}

/* FNV-1a. Whoever makes collisions on purpose gets a list of at most max_total. */
static struct entry **bucket_of(struct oc_source_table *table, const uint8_t key[KEY_BYTES])
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < KEY_BYTES; i++) {
        hash = (hash ^ key[i]) * 16777619u;
    }
    return &table->buckets[(hash ^ hash >> 16) % N_BUCKETS];
}

static struct entry *find_or_add(struct oc_source_table *table, const uint8_t key[KEY_BYTES])
{
    struct entry **bucket = bucket_of(table, key);
    for (struct entry *at = *bucket; at; at = at->next) {
        if (memcmp(at->key, key, KEY_BYTES) == 0) {
            return at;
        }
    }
    struct entry *entry = table->free;
    table->free = entry->next;
    *entry = (struct entry){.next = *bucket};
    memcpy(entry->key, key, KEY_BYTES);
    *bucket = entry;
    return entry;
}

struct oc_lane *oc_source_table_enter(struct oc_source_table *table, const struct oc_source *source,
                                      bool is_exempt)
{
    if (table->n_total == table->max_total) {
        return NULL;
    }
    uint8_t key[KEY_BYTES];
    make_key(source, key);
    struct entry *entry = find_or_add(table, key);
    /* The local door is guarded by its file mode; one user there is no crowd. */
    if (!source->is_local && !is_exempt && entry->n >= table->max_per_source) {
        return NULL;
    }
    entry->n++;
    table->n_total++;
    return &entry->lane;
}

void oc_source_table_leave(struct oc_source_table *table, struct oc_lane *lane)
{
    struct entry *entry = (struct entry *)(void *)lane;
    table->n_total--;
    if (--entry->n > 0) {
        return;
    }
    struct entry **link = bucket_of(table, entry->key);
    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    entry->next = table->free;
    table->free = entry;
}

unsigned oc_source_table_total(const struct oc_source_table *table)
{
    return table->n_total;
}
