/*
 * Arena: a bump allocator over one fixed block with a hard cap, for decoding what a peer sent.
 *
 * Invariant: an arena never gives out more than its capacity between two resets, whatever a
 * message claims (two wire bytes can cost 136 bytes of memory in protobuf-c). One thread at a time.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct oc_arena;

/* Returns NULL when out of memory. Owns: release with oc_arena_free. */
struct oc_arena *oc_arena_new(size_t capacity_bytes);
void oc_arena_free(struct oc_arena *arena);

/* One inside memory of the caller's, which it shares with its own few words: bytes of it are more
 * than the capacity. Resetting is all that is owed. */
enum {
    OC_ARENA_ALIGNMENT = 16,
    OC_ARENA_HEAD_BYTES = 16,
};
struct oc_arena *oc_arena_at(void *memory, size_t bytes);

/* 16-byte aligned and uninitialised; NULL past the cap. Valid until the next reset. */
void *oc_arena_alloc(struct oc_arena *arena, size_t bytes);

/* Takes everything back and wipes what was used: calls carry codes and nonces. */
void oc_arena_reset(struct oc_arena *arena);

size_t oc_arena_capacity(const struct oc_arena *arena);
size_t oc_arena_used(const struct oc_arena *arena);
