/*
 * Open addressing with linear probing. Removed values leave graves, which the next move of the
 * table drops. Growing allocates a new array and moves TABLE_STEP slots with every change.
 */
#include "server/service/table.h"

#include <assert.h>
#include <stdlib.h>

enum {
    TABLE_FIRST_CAPACITY = 16,
    TABLE_STEP = 16,
};

/* What a removed value leaves behind, so that probing goes on; compared by address alone. */
static const char grave_mark;
static const void *const grave = &grave_mark;

static size_t first_slot(const struct table *table, const struct table_array *array, uint64_t key)
{
    uint64_t mixed = (key ^ table->seed) * UINT64_C(0x9E3779B97F4A7C15);
    mixed ^= mixed >> 29;
    mixed *= UINT64_C(0xBF58476D1CE4E5B9);
    return (size_t)(mixed >> 20) & (array->capacity - 1);
}

static size_t room(const struct table_array *array)
{
    return array->capacity / 5 * 4 - array->n_taken;
}

void table_init(struct table *table, uint64_t seed)
{
    *table = (struct table){.seed = seed};
}

void table_deinit(struct table *table)
{
    free(table->now.slots);
    free(table->old.slots);
    *table = (struct table){.seed = table->seed};
}

static void put(const struct table *table, struct table_array *array, uint64_t key, void *value)
{
    size_t i = first_slot(table, array, key);
    while (array->slots[i].value) {
        i = (i + 1) & (array->capacity - 1);
    }
    array->slots[i] = (struct table_slot){.key = key, .value = value};
    array->n_taken++;
}

static void move_some(struct table *table, size_t n)
{
    while (n-- > 0 && table->n_moved < table->old.capacity) {
        struct table_slot *slot = &table->old.slots[table->n_moved++];
        if (slot->value && slot->value != grave) {
            put(table, &table->now, slot->key, slot->value);
            /* A grave, not a free slot: probing for what was not moved yet must pass it. */
            slot->value = (void *)(uintptr_t)grave;
        }
    }
    if (table->old.slots && table->n_moved == table->old.capacity) {
        free(table->old.slots);
        table->old = (struct table_array){0};
        table->n_moved = 0;
    }
}

bool table_reserve(struct table *table, size_t n)
{
    /* What waits in the old array needs its room in the new one, too. */
    size_t n_waiting = table->old.capacity - table->n_moved;
    if (table->now.capacity > 0 && room(&table->now) >= n_waiting + n) {
        return true;
    }
    move_some(table, table->old.capacity);
    if (table->now.capacity > 0 && room(&table->now) >= n) {
        return true;
    }
    size_t capacity = TABLE_FIRST_CAPACITY;
    while (capacity / 5 * 4 < table->n_values * 3 / 2 + n + 1) {
        capacity *= 2;
    }
    struct table_slot *slots = calloc(capacity, sizeof *slots);
    if (!slots) {
        return false;
    }
    table->old = table->now;
    table->n_moved = 0;
    table->now = (struct table_array){.slots = slots, .capacity = capacity};
    move_some(table, TABLE_STEP);
    return true;
}

void table_insert(struct table *table, uint64_t key, void *value)
{
    assert(value && table->now.capacity > 0 && room(&table->now) > 0);
    put(table, &table->now, key, value);
    table->n_values++;
    move_some(table, TABLE_STEP);
}

static struct table_slot *find_value(const struct table *table, const struct table_array *array,
                                     uint64_t key, const void *value)
{
    if (array->capacity == 0) {
        return NULL;
    }
    size_t i = first_slot(table, array, key);
    while (array->slots[i].value) {
        if (array->slots[i].key == key && array->slots[i].value == value) {
            return &array->slots[i];
        }
        i = (i + 1) & (array->capacity - 1);
    }
    return NULL;
}

bool table_remove(struct table *table, uint64_t key, const void *value)
{
    struct table_slot *slot = find_value(table, &table->now, key, value);
    if (!slot) {
        slot = find_value(table, &table->old, key, value);
    }
    if (!slot) {
        return false;
    }
    slot->value = (void *)(uintptr_t)grave;
    table->n_values--;
    move_some(table, TABLE_STEP);
    return true;
}

static void *find_match(const struct table *table, const struct table_array *array, uint64_t key,
                        table_match_fn is_it, const void *wanted)
{
    if (array->capacity == 0) {
        return NULL;
    }
    size_t i = first_slot(table, array, key);
    while (array->slots[i].value) {
        struct table_slot *slot = &array->slots[i];
        if (slot->key == key && slot->value != grave && is_it(slot->value, wanted)) {
            return slot->value;
        }
        i = (i + 1) & (array->capacity - 1);
    }
    return NULL;
}

void *table_find(const struct table *table, uint64_t key, table_match_fn is_it, const void *wanted)
{
    void *found = find_match(table, &table->now, key, is_it, wanted);
    return found ? found : find_match(table, &table->old, key, is_it, wanted);
}

void table_expect(const struct table *table, uint64_t key)
{
    if (table->now.capacity > 0) {
        __builtin_prefetch(&table->now.slots[first_slot(table, &table->now, key)]);
    }
}

static void each_of(const struct table_array *array, void (*visit)(void *user, void *value),
                    void *user)
{
    for (size_t i = 0; i < array->capacity; i++) {
        if (array->slots[i].value && array->slots[i].value != grave) {
            visit(user, array->slots[i].value);
        }
    }
}

void table_each(const struct table *table, void (*visit)(void *user, void *value), void *user)
{
    each_of(&table->now, visit, user);
    each_of(&table->old, visit, user);
}

static void each_key_of(const struct table_array *array,
                        void (*visit)(void *user, uint64_t key, void *value), void *user)
{
    for (size_t i = 0; i < array->capacity; i++) {
        if (array->slots[i].value && array->slots[i].value != grave) {
            visit(user, array->slots[i].key, array->slots[i].value);
        }
    }
}

void table_each_key(const struct table *table, void (*visit)(void *user, uint64_t key, void *value),
                    void *user)
{
    each_key_of(&table->now, visit, user);
    each_key_of(&table->old, visit, user);
}

size_t table_bytes(const struct table *table)
{
    return (table->now.capacity + table->old.capacity) * sizeof(struct table_slot);
}
