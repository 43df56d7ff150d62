#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/arena.h"

static void gives_aligned_memory_up_to_its_cap(void **state)
{
    (void)state;
    struct oc_arena *arena = oc_arena_new(64);
    void *first = oc_arena_alloc(arena, 1);
    void *second = oc_arena_alloc(arena, 48);
    assert_non_null(first);
    assert_non_null(second);
    assert_int_equal((uintptr_t)second % 16, 0);
    assert_null(oc_arena_alloc(arena, 1));
    assert_int_equal(oc_arena_used(arena), 64);
    oc_arena_free(arena);
}

static void refuses_sizes_that_would_wrap(void **state)
{
    (void)state;
    struct oc_arena *arena = oc_arena_new(64);
    assert_non_null(oc_arena_alloc(arena, 8));
    assert_null(oc_arena_alloc(arena, SIZE_MAX));
    assert_null(oc_arena_alloc(arena, SIZE_MAX - 15));
    assert_null(oc_arena_new(SIZE_MAX));
    oc_arena_free(arena);
}

static void reset_wipes_and_gives_everything_back(void **state)
{
    (void)state;
    struct oc_arena *arena = oc_arena_new(32);
    uint8_t *bytes = oc_arena_alloc(arena, 32);
    memset(bytes, 0xaa, 32);
    oc_arena_reset(arena);
    const uint8_t zeros[32] = {0};
    assert_ptr_equal(oc_arena_alloc(arena, 32), bytes);
    assert_memory_equal(bytes, zeros, 32);
    oc_arena_free(arena);
    oc_arena_free(NULL);
}

static void one_in_borrowed_memory_keeps_to_it(void **state)
{
    (void)state;
    struct {
        _Alignas(OC_ARENA_ALIGNMENT) uint8_t bytes[OC_ARENA_HEAD_BYTES + 32];
        uint8_t beyond[32];
    } memory;
    memset(&memory, 0xaa, sizeof memory);
    struct oc_arena *arena = oc_arena_at(memory.bytes, sizeof memory.bytes);
    assert_int_equal(oc_arena_capacity(arena), 32);
    uint8_t *bytes = oc_arena_alloc(arena, 32);
    assert_ptr_equal(bytes + 32, memory.beyond);
    assert_null(oc_arena_alloc(arena, 1));
    oc_arena_reset(arena);
    const uint8_t zeros[32] = {0};
    assert_memory_equal(bytes, zeros, 32);
    assert_int_equal(memory.beyond[0], 0xaa);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_aligned_memory_up_to_its_cap),
        cmocka_unit_test(refuses_sizes_that_would_wrap),
        cmocka_unit_test(one_in_borrowed_memory_keeps_to_it),
        cmocka_unit_test(reset_wipes_and_gives_everything_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
