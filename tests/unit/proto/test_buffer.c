#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/rpc/buffer.h"

static void what_goes_in_comes_out_in_order(void **state)
{
    (void)state;
    struct oc_buffer buffer = {0};
    uint8_t next_in = 0;
    uint8_t next_out = 0;
    for (size_t round = 1; round < 400; round++) {
        uint8_t bytes[97];
        const size_t n = round % sizeof bytes;
        for (size_t i = 0; i < n; i++) {
            bytes[i] = next_in++;
        }
        assert_true(oc_buffer_append(&buffer, bytes, n));
        const size_t n_taken = oc_buffer_length(&buffer) * (round % 4) / 3;
        const size_t n_out = n_taken < oc_buffer_length(&buffer) ? n_taken : 0;
        for (size_t i = 0; i < n_out; i++) {
            assert_int_equal(oc_buffer_front(&buffer)[i], next_out++);
        }
        oc_buffer_consume(&buffer, n_out);
    }
    oc_buffer_free(&buffer);
}

static void an_empty_buffer_holds_no_memory(void **state)
{
    (void)state;
    struct oc_buffer buffer = {0};
    assert_true(oc_buffer_append(&buffer, "abc", 3));
    oc_buffer_consume(&buffer, 2);
    assert_non_null(buffer.data);
    oc_buffer_consume(&buffer, 1);
    assert_null(buffer.data);
    assert_int_equal(buffer.capacity, 0);
}

static void impossible_sizes_are_refused_and_harm_nothing(void **state)
{
    (void)state;
    struct oc_buffer buffer = {0};
    assert_true(oc_buffer_append(&buffer, "abc", 3));
    assert_false(oc_buffer_reserve(&buffer, SIZE_MAX));
    assert_false(oc_buffer_reserve(&buffer, SIZE_MAX / 2));
    assert_memory_equal(oc_buffer_front(&buffer), "abc", 3);
    oc_buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out_in_order),
        cmocka_unit_test(an_empty_buffer_holds_no_memory),
        cmocka_unit_test(impossible_sizes_are_refused_and_harm_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
