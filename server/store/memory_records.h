/*
 * The records of the memory backend, found by device id, by open request id and by alias.
 *
 * Invariant: a record is in the index of every key it has. The links are part of the record, so
 * changing keys never allocates and an undo cannot fail.
 */
#pragma once

#include "server/domain/record.h"

enum memory_index {
    MEMORY_BY_ID,
    MEMORY_BY_REQUEST, /* open requests only */
    MEMORY_BY_ALIAS,   /* where not empty */
    MEMORY_INDEX_COUNT
};

struct memory_record {
    size_t place; /* in items */
    struct pairing pairing;
    struct sighting sighting;
    struct memory_record *next[MEMORY_INDEX_COUNT];
};

struct memory_records {
    struct memory_record **items;
    size_t n;
    size_t room;
    struct memory_record **buckets[MEMORY_INDEX_COUNT];
    size_t n_buckets; /* a power of two, or 0 */
};

/* Room for one record more; false when out of memory, with nothing changed. */
bool memory_records_reserve(struct memory_records *records);
/* Needs a reserve before. Returns NULL when out of memory. */
struct memory_record *memory_records_add(struct memory_records *records,
                                         const struct pairing *pairing);
/* Takes back the last add. */
void memory_records_drop_last(struct memory_records *records);
/* Takes a record out and gives it to the caller; put back in reverse order, nothing has changed. */
void memory_records_take_out(struct memory_records *records, struct memory_record *record);
void memory_records_put_back(struct memory_records *records, struct memory_record *record);
/* Puts another value into a record and moves it to where its keys now belong. */
void memory_records_replace(struct memory_records *records, struct memory_record *record,
                            const struct pairing *pairing);
/* The record that shares that key with `like`, or NULL; also NULL if `like` has no such key. */
struct memory_record *memory_records_find(const struct memory_records *records,
                                          enum memory_index index, const struct pairing *like);
void memory_records_deinit(struct memory_records *records);
