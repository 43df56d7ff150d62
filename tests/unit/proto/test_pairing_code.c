#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/hex.h"
#include "proto/crypto/pairing_code.h"

static void fill(uint8_t *out, uint8_t first)
{
    for (size_t i = 0; i < 32; i++) {
        out[i] = (uint8_t)(first + i);
    }
}

static struct oc_pairing_code_input sample(void)
{
    struct oc_pairing_code_input input = {.request_id = {.text = "7QK4M2T9XA"}};
    fill(input.device_id.bytes, 0);
    fill(input.gateway_spki.bytes, 32);
    fill(input.device_nonce, 64);
    fill(input.gateway_nonce, 96);
    return input;
}

/* Both vectors were computed with another SHA-256 from the description in the header. */
static void the_code_and_the_commitment_match_their_vectors(void **state)
{
    (void)state;
    struct oc_pairing_code_input input = sample();
    char code[OC_CODE_DIGITS + 1];
    oc_pairing_code(&input, code);
    assert_string_equal(code, "88322455");
    struct oc_digest commitment = oc_nonce_commitment(input.device_nonce);
    char text[2 * OC_DIGEST_BYTES + 1];
    oc_hex_format(commitment.bytes, sizeof commitment.bytes, text);
    assert_string_equal(text, "519881a960ce4b8ecebeaf6c9592f964db4361c80c6c7cdbe2dc5742760a58c7");
}

static void assert_code_differs(const struct oc_pairing_code_input *changed)
{
    struct oc_pairing_code_input input = sample();
    char a[OC_CODE_DIGITS + 1];
    char b[OC_CODE_DIGITS + 1];
    oc_pairing_code(&input, a);
    oc_pairing_code(changed, b);
    assert_string_not_equal(a, b);
}

static void every_input_moves_the_code(void **state)
{
    (void)state;
    struct oc_pairing_code_input input = sample();
    input.device_id.bytes[31] ^= 1;
    assert_code_differs(&input);
    input = sample();
    input.gateway_spki.bytes[0] ^= 1;
    assert_code_differs(&input);
    input = sample();
    input.device_nonce[5] ^= 1;
    assert_code_differs(&input);
    input = sample();
    input.gateway_nonce[31] ^= 1;
    assert_code_differs(&input);
    input = sample();
    input.request_id.text[9] = 'B';
    assert_code_differs(&input);
}

static void what_a_person_types_is_reduced_to_digits(void **state)
{
    (void)state;
    static const char *const good[] = {"48217730", "4821-7730", "4821 7730", " 48 21-77 30 "};
    static const char *const bad[] = {"",         "4821773",   "482177301", "4821_7730",
                                      "4821773O", "+48217730", "48217730\n"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char code[OC_CODE_DIGITS + 1];
        assert_true(oc_pairing_code_parse(good[i], code));
        assert_string_equal(code, "48217730");
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char code[OC_CODE_DIGITS + 1] = "before";
        assert_false(oc_pairing_code_parse(bad[i], code));
        assert_string_equal(code, "before");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_code_and_the_commitment_match_their_vectors),
        cmocka_unit_test(every_input_moves_the_code),
        cmocka_unit_test(what_a_person_types_is_reduced_to_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
