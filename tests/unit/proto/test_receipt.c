#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "proto/crypto/receipt.h"

static struct oc_identity *new_gateway(void)
{
    struct oc_identity *gateway = NULL;
    assert_int_equal(oc_identity_generate(OC_IDENTITY_GATEWAY, &gateway, NULL), OC_OK);
    return gateway;
}

static struct oc_receipt signed_receipt(const struct oc_identity *gateway)
{
    struct oc_receipt receipt = {.seq = 0x0102030405060708, .issued_at_ms = 1700000000123};
    memset(receipt.gateway_id, 0x11, sizeof receipt.gateway_id);
    memset(receipt.database_id, 0x22, sizeof receipt.database_id);
    memset(receipt.device_id.bytes, 0x33, sizeof receipt.device_id.bytes);
    assert_int_equal(oc_receipt_sign(gateway, &receipt, NULL), OC_OK);
    return receipt;
}

static void a_receipt_verifies_under_the_key_that_signed_it_alone(void **state)
{
    (void)state;
    OC_CLEANUP(oc_identity_freep) struct oc_identity *gateway = new_gateway();
    OC_CLEANUP(oc_identity_freep) struct oc_identity *other = new_gateway();
    struct oc_receipt receipt = signed_receipt(gateway);
    assert_true(oc_receipt_verify(gateway, &receipt));
    assert_false(oc_receipt_verify(other, &receipt));
}

static void a_change_of_any_field_breaks_it(void **state)
{
    (void)state;
    OC_CLEANUP(oc_identity_freep) struct oc_identity *gateway = new_gateway();
    const struct oc_receipt good = signed_receipt(gateway);
    struct oc_receipt bad[6];
    for (size_t i = 0; i < OC_ARRAY_LENGTH(bad); i++) {
        bad[i] = good;
    }
    bad[0].gateway_id[15] ^= 1;
    bad[1].database_id[0] ^= 1;
    bad[2].seq++;
    bad[3].device_id.bytes[31] ^= 1;
    bad[4].issued_at_ms--;
    bad[5].signature[good.n_signature - 1] ^= 1;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(bad); i++) {
        assert_false(oc_receipt_verify(gateway, &bad[i]));
    }
}

static void an_absent_or_overlong_signature_is_refused(void **state)
{
    (void)state;
    OC_CLEANUP(oc_identity_freep) struct oc_identity *gateway = new_gateway();
    struct oc_receipt receipt = signed_receipt(gateway);
    receipt.n_signature = 0;
    assert_false(oc_receipt_verify(gateway, &receipt));
    receipt.n_signature = 255;
    assert_false(oc_receipt_verify(gateway, &receipt));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_receipt_verifies_under_the_key_that_signed_it_alone),
        cmocka_unit_test(a_change_of_any_field_breaks_it),
        cmocka_unit_test(an_absent_or_overlong_signature_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
