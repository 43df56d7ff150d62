/* Randomness: the kernel's, and the arithmetic on top of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/random.h"

static void two_fills_differ_and_every_byte_is_reached(void **state)
{
    (void)state;
    struct random_source source = random_system();
    uint8_t seen[64] = {0};
    uint8_t first[64];
    uint8_t second[64];
    random_fill(&source, first, sizeof first);
    random_fill(&source, second, sizeof second);
    assert_memory_not_equal(first, second, sizeof first);
    for (int round = 0; round < 16; round++) {
        random_fill(&source, first, sizeof first);
        for (size_t i = 0; i < sizeof first; i++) {
            seen[i] |= first[i];
        }
    }
    for (size_t i = 0; i < sizeof seen; i++) {
        assert_true(seen[i] != 0);
    }
}

struct script {
    const uint32_t *numbers;
    size_t next;
};

static void fill_from_script(void *user, void *out, size_t n)
{
    struct script *script = user;
    assert_int_equal(n, sizeof(uint32_t));
    memcpy(out, &script->numbers[script->next++], n);
}

static void numbers_past_the_last_whole_multiple_are_drawn_again(void **state)
{
    (void)state;
    /* 2^32 - 1 = 3 * 1431655765: of bound 3 only the last number is over. */
    const uint32_t numbers[] = {UINT32_MAX, UINT32_MAX, 7};
    struct script script = {.numbers = numbers};
    struct random_source source = {.fill = fill_from_script, .user = &script};
    assert_int_equal(random_below(&source, 3), 1);
    assert_int_equal(script.next, 3);
}

static void a_number_is_always_below_its_bound(void **state)
{
    (void)state;
    struct random_source source = random_system();
    for (uint32_t bound = 1; bound < 200; bound++) {
        assert_true(random_below(&source, bound) < bound);
    }
    assert_true(random_below(&source, UINT32_MAX) < UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_fills_differ_and_every_byte_is_reached),
        cmocka_unit_test(numbers_past_the_last_whole_multiple_are_drawn_again),
        cmocka_unit_test(a_number_is_always_below_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
