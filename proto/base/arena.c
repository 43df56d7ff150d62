/* See arena.h. */
#include "proto/base/arena.h"

#include <assert.h>
#include <stdlib.h>

#include "proto/base/secret.h"

struct oc_arena {
    size_t capacity;
    size_t used;
    _Alignas(OC_ARENA_ALIGNMENT) uint8_t block[];
};
_Static_assert(sizeof(struct oc_arena) == OC_ARENA_HEAD_BYTES, "what oc_arena_at takes of it");

struct oc_arena *oc_arena_new(size_t capacity_bytes)
{
    if (capacity_bytes > SIZE_MAX - sizeof(struct oc_arena)) {
        return NULL;
    }
    struct oc_arena *arena = malloc(sizeof *arena + capacity_bytes);
    if (!arena) {
        return NULL;
    }
    arena->capacity = capacity_bytes;
    arena->used = 0;
    return arena;
}

struct oc_arena *oc_arena_at(void *memory, size_t bytes)
{
    assert((uintptr_t)memory % OC_ARENA_ALIGNMENT == 0 && bytes >= OC_ARENA_HEAD_BYTES);
    struct oc_arena *arena = memory;
    arena->capacity = bytes - OC_ARENA_HEAD_BYTES;
    arena->used = 0;
    return arena;
}

void oc_arena_free(struct oc_arena *arena)
{
    if (arena) {
        oc_arena_reset(arena);
        free(arena);
    }
}

void *oc_arena_alloc(struct oc_arena *arena, size_t bytes)
{
    size_t start = (arena->used + (OC_ARENA_ALIGNMENT - 1)) & ~(size_t)(OC_ARENA_ALIGNMENT - 1);
    if (start > arena->capacity || bytes > arena->capacity - start) {
        return NULL;
    }
    arena->used = start + bytes;
    return arena->block + start;
}

void oc_arena_reset(struct oc_arena *arena)
{
    oc_wipe(arena->block, arena->used);
    arena->used = 0;
}

size_t oc_arena_capacity(const struct oc_arena *arena)
{
    return arena->capacity;
}

size_t oc_arena_used(const struct oc_arena *arena)
{
    return arena->used;
}
