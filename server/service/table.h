/*
 * A hash table from 64-bit keys to pointers that grows in small steps, so that no single insertion
 * pays for moving everything. Several values may share a key; the caller tells them apart.
 *
 * Invariant: while it grows, a value is in exactly one of the two arrays. The table owns its
 * arrays, never the values. One thread at a time: its owner's mutex guards it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_slot {
    uint64_t key;
    void *value; /* NULL: free */
};

struct table_array {
    struct table_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t n_taken;  /* values and graves */
};

struct table {
    struct table_array now;
    struct table_array old; /* being moved into `now` */
    size_t n_moved;         /* slots of `old` that were looked at */
    size_t n_values;
    uint64_t seed; /* unknown to peers, so that they cannot choose who collides */
};

void table_init(struct table *table, uint64_t seed);
void table_deinit(struct table *table);

/* Makes room for n more values; false when out of memory, and nothing changed. */
bool table_reserve(struct table *table, size_t n);
/* Room must have been reserved. `value` is not NULL and not already there under this key. */
void table_insert(struct table *table, uint64_t key, void *value);
/* False: it was not there. */
bool table_remove(struct table *table, uint64_t key, const void *value);

/* The first value under `key` for which `is_it` says true, in no order; NULL if none. */
typedef bool (*table_match_fn)(const void *value, const void *wanted);
void *table_find(const struct table *table, uint64_t key, table_match_fn is_it, const void *wanted);

/* Has the place of `key` fetched from memory, for a search that comes soon. */
void table_expect(const struct table *table, uint64_t key);

/* Visits every value; the table must not change meanwhile. */
void table_each(const struct table *table, void (*visit)(void *user, void *value), void *user);

/* The same with each value's key, which is at hand without looking at the value. */
void table_each_key(const struct table *table, void (*visit)(void *user, uint64_t key, void *value),
                    void *user);

/* Bytes held by the arrays. */
size_t table_bytes(const struct table *table);
