/* The audit chain against vectors that must never change, computed by other means from README.md.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/hex.h"
#include "server/store/audit_chain.h"

static const struct audit_event sample = {
    .at_ms = 1700000000000,
    .actor = {.name = "uid:0", .source = "local"},
    .action = "approve",
    .outcome = "done",
    .device_id = {{0xab}},
    .request_id = {"7QK4M2T9XA"},
    .before = "pending",
    .after = "approved",
    .reason = "",
    .rule = "",
    .detail = "role=agent scopes=chat",
};

static void assert_hex(const uint8_t *bytes, size_t n, const char *want)
{
    char text[2 * AUDIT_CHAIN_ROW_BYTES + 1];
    oc_hex_format(bytes, n, text);
    assert_string_equal(text, want);
}

static void the_bytes_of_a_row_never_change(void **state)
{
    (void)state;
    uint8_t row[AUDIT_CHAIN_ROW_BYTES];
    const size_t n = audit_chain_row(1, &sample, row);
    assert_hex(row, n,
               "0008000000000000000100080000018bcfe5680000057569643a3000056c6f63"
               "616c0007617070726f76650004646f6e650020ab000000000000000000000000"
               "00000000000000000000000000000000000000000a37514b344d325439584100"
               "0770656e64696e670008617070726f766564000000000016726f6c653d616765"
               "6e742073636f7065733d63686174");
}

static void the_hashes_of_a_chain_never_change(void **state)
{
    (void)state;
    const uint8_t gateway_id[AUDIT_CHAIN_ID_BYTES] = {1};
    const uint8_t database_id[AUDIT_CHAIN_ID_BYTES] = {2};
    struct oc_digest head = audit_chain_genesis(gateway_id, database_id);
    assert_hex(head.bytes, OC_DIGEST_BYTES,
               "a032c3567887be199a64526c3ca59c7a0b02a44d47ba7b2ff96ee3e624aa5d17");
    head = audit_chain_next(&head, 1, &sample);
    assert_hex(head.bytes, OC_DIGEST_BYTES,
               "853cca2765ff79c856c9ceb19d78dfc1cc61cceb6bb149b2f7c9b26f82e61023");
    head = audit_chain_next(&head, 2, &sample);
    assert_hex(head.bytes, OC_DIGEST_BYTES,
               "4b27ed50e73de129067aafbc8fcdf0a4b407d64a33ec9aa03e327ceab299fc8e");
}

static void the_longest_row_fits(void **state)
{
    (void)state;
    struct audit_event event;
    memset(&event, 'x', sizeof event); /* every text without its end */
    uint8_t row[AUDIT_CHAIN_ROW_BYTES];
    const size_t n = audit_chain_row(UINT64_MAX, &event, row);
    assert_true(n > 800 && n <= sizeof row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_of_a_row_never_change),
        cmocka_unit_test(the_hashes_of_a_chain_never_change),
        cmocka_unit_test(the_longest_row_fits),
    };
    return cmocka_run_group_tests_name("audit chain", tests, NULL, NULL);
}
