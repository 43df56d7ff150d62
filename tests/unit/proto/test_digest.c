#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/hex.h"
#include "proto/crypto/digest.h"

static void assert_digest(struct oc_digest digest, const char *expected)
{
    char text[2 * OC_DIGEST_BYTES + 1];
    oc_hex_format(digest.bytes, sizeof digest.bytes, text);
    assert_string_equal(text, expected);
}

static void sha256_of_pieces_is_that_of_their_concatenation(void **state)
{
    (void)state;
    const char *abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const struct oc_bytes whole = {"abc", 3};
    const struct oc_bytes pieces[] = {{"a", 1}, {"", 0}, {"bc", 2}};
    assert_digest(oc_sha256(&whole, 1), abc);
    assert_digest(oc_sha256(pieces, 3), abc);
    assert_digest(oc_sha256(NULL, 0),
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 4231, test case 1, its 20-byte key padded with zeros as HMAC itself pads it. */
static void hmac_matches_the_published_vector(void **state)
{
    (void)state;
    struct oc_key key;
    memset(&key, 0, sizeof key);
    memset(key.bytes, 0x0b, 20);
    const struct oc_bytes pieces[] = {{"Hi ", 3}, {"There", 5}};
    assert_digest(oc_hmac_sha256(&key, pieces, 2),
                  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}

/* OpenSSL's contexts carry on where they stood unless they are told to start anew. */
static void an_hmac_kept_forgets_what_it_digested_before(void **state)
{
    (void)state;
    struct oc_key key;
    memset(&key, 0x0b, sizeof key);
    struct oc_hmac *hmac = oc_hmac_new(&key);
    assert_non_null(hmac);
    const struct oc_bytes pieces[] = {{"Hi ", 3}, {"There", 5}};
    for (size_t n = 0; n <= 2; n++) {
        const struct oc_digest once = oc_hmac_sha256(&key, pieces, n);
        const struct oc_digest kept = oc_hmac_digest(hmac, pieces, n);
        assert_memory_equal(kept.bytes, once.bytes, OC_DIGEST_BYTES);
    }
    oc_hmac_free(hmac);
    oc_hmac_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_pieces_is_that_of_their_concatenation),
        cmocka_unit_test(hmac_matches_the_published_vector),
        cmocka_unit_test(an_hmac_kept_forgets_what_it_digested_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
