/* Three chained hash tables over one list of records; see memory_records.h. */
#include "server/store/memory_records.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_ROOM = 64,
};

struct key {
    const void *bytes;
    size_t n; /* 0: the record has no such key */
};

static struct key key_of(enum memory_index index, const struct pairing *pairing)
{
    switch (index) {
    case MEMORY_BY_ID:
        return (struct key){pairing->id.bytes, OC_DEVICE_ID_BYTES};
    case MEMORY_BY_REQUEST:
        return (struct key){pairing->request.id.text,
                            pairing->request.is_open ? strlen(pairing->request.id.text) : 0};
    case MEMORY_BY_ALIAS:
        return (struct key){pairing->alias, strlen(pairing->alias)};
    case MEMORY_INDEX_COUNT:
        break;
    }
    return (struct key){NULL, 0};
}

static size_t bucket_of(const struct memory_records *records, struct key key)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    const uint8_t *bytes = key.bytes;
    for (size_t i = 0; i < key.n; i++) {
        hash = (hash ^ bytes[i]) * 1099511628211u;
    }
    return (size_t)(hash ^ hash >> 32) & (records->n_buckets - 1);
}

static void link_record(struct memory_records *records, struct memory_record *record)
{
    for (int i = 0; i < MEMORY_INDEX_COUNT; i++) {
        struct key key = key_of((enum memory_index)i, &record->pairing);
        if (key.n) {
            struct memory_record **head = &records->buckets[i][bucket_of(records, key)];
            record->next[i] = *head;
            *head = record;
        }
    }
}

static void unlink_record(struct memory_records *records, struct memory_record *record)
{
    for (int i = 0; i < MEMORY_INDEX_COUNT; i++) {
        struct key key = key_of((enum memory_index)i, &record->pairing);
        if (key.n) {
            struct memory_record **at = &records->buckets[i][bucket_of(records, key)];
            while (*at != record) {
                assert(*at);
                at = &(*at)->next[i];
            }
            *at = record->next[i];
            record->next[i] = NULL;
        }
    }
}

static bool grow_buckets(struct memory_records *records, size_t n_buckets)
{
    struct memory_record **buckets[MEMORY_INDEX_COUNT] = {NULL};
    bool is_complete = true;
    for (int i = 0; i < MEMORY_INDEX_COUNT; i++) {
        buckets[i] = calloc(n_buckets, sizeof(struct memory_record *));
        is_complete = is_complete && buckets[i];
    }
    for (int i = 0; i < MEMORY_INDEX_COUNT; i++) {
        if (is_complete) {
            struct memory_record **old = records->buckets[i];
            records->buckets[i] = buckets[i];
            buckets[i] = old;
        }
        free(buckets[i]);
    }
    if (is_complete) {
        records->n_buckets = n_buckets;
        for (size_t i = 0; i < records->n; i++) {
            link_record(records, records->items[i]);
        }
    }
    return is_complete;
}

bool memory_records_reserve(struct memory_records *records)
{
    if (records->n < records->room) {
        return true;
    }
    size_t room = records->room ? 2 * records->room : FIRST_ROOM;
    struct memory_record **items = realloc(records->items, room * sizeof(struct memory_record *));
    if (!items) {
        return false;
    }
    records->items = items;
    if (!grow_buckets(records, room)) {
        return false;
    }
    records->room = room;
    return true;
}

struct memory_record *memory_records_add(struct memory_records *records,
                                         const struct pairing *pairing)
{
    assert(records->n < records->room);
    struct memory_record *record = calloc(1, sizeof *record);
    if (record) {
        record->pairing = *pairing;
        record->place = records->n;
        records->items[records->n++] = record;
        link_record(records, record);
    }
    return record;
}

void memory_records_drop_last(struct memory_records *records)
{
    struct memory_record *record = records->items[--records->n];
    unlink_record(records, record);
    free(record);
}

/* The last one takes its place, and moves back when it is put back. */
void memory_records_take_out(struct memory_records *records, struct memory_record *record)
{
    unlink_record(records, record);
    struct memory_record *last = records->items[--records->n];
    records->items[record->place] = last;
    last->place = record->place;
}

void memory_records_put_back(struct memory_records *records, struct memory_record *record)
{
    if (record->place < records->n) {
        struct memory_record *other = records->items[record->place];
        other->place = records->n;
        records->items[records->n] = other;
    }
    records->items[record->place] = record;
    records->n++;
    link_record(records, record);
}

void memory_records_replace(struct memory_records *records, struct memory_record *record,
                            const struct pairing *pairing)
{
    unlink_record(records, record);
    record->pairing = *pairing;
    link_record(records, record);
}

struct memory_record *memory_records_find(const struct memory_records *records,
                                          enum memory_index index, const struct pairing *like)
{
    struct key key = key_of(index, like);
    if (!key.n || !records->n_buckets) {
        return NULL;
    }
    struct memory_record *record = records->buckets[index][bucket_of(records, key)];
    for (; record; record = record->next[index]) {
        struct key have = key_of(index, &record->pairing);
        if (have.n == key.n && memcmp(have.bytes, key.bytes, key.n) == 0) {
            return record;
        }
    }
    return NULL;
}

void memory_records_deinit(struct memory_records *records)
{
    for (size_t i = 0; i < records->n; i++) {
        free(records->items[i]);
    }
    free(records->items);
    for (int i = 0; i < MEMORY_INDEX_COUNT; i++) {
        free(records->buckets[i]);
    }
}
