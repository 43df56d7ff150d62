/* Names that a person would take for one another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/resemblance.h"

static enum resemblance compare(const char *name, const char *other)
{
    char skeleton[SKELETON_BYTES];
    skeleton_of(name, skeleton);
    return resemblance_to(name, skeleton, other);
}

static void the_same_bytes_are_the_same_name(void **state)
{
    (void)state;
    assert_int_equal(compare("web-1", "web-1"), RESEMBLES_EXACTLY);
    assert_int_equal(compare("\xe2\x9a\x99", "\xe2\x9a\x99"), RESEMBLES_EXACTLY);
}

static void a_name_that_is_not_given_resembles_nothing(void **state)
{
    (void)state;
    assert_int_equal(compare("", ""), RESEMBLES_NOT);
    assert_int_equal(compare("web-1", ""), RESEMBLES_NOT);
    assert_int_equal(compare("", "web-1"), RESEMBLES_NOT);
    assert_int_equal(compare("--", ".."), RESEMBLES_NOT);
}

static void other_names_are_other_names(void **state)
{
    (void)state;
    static const char *const others[] = {"web-2", "web-12", "we-1", "wab-1", "web-7", "bew-1"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(compare("web-1", others[i]), RESEMBLES_NOT);
        assert_int_equal(compare(others[i], "web-1"), RESEMBLES_NOT);
    }
}

static void what_a_glance_does_not_tell_apart_is_confusable(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"web-1", "WEB-1"},
        {"web-1", "web_1"},
        {"web-1", "web 1"},
        {"web-1", "web1"},
        {"web-1", "web-l"},
        {"web-1", "web-I"},
        {"db-0", "db-O"},
        {"modern", "modem"},
        {"vvorker", "worker"},
        {"payments", "p\xc3\xa1yments"},                             /* a with acute */
        {"payments", "pa\xcc\x81yments"},                            /* a combining acute */
        {"payments", "p\xd0\xb0yments"},                             /* Cyrillic a */
        {"payments", "\xd1\x80\xd0\xb0yments"},                      /* Cyrillic r, a */
        {"OTTO", "\xce\x9f\xce\xa4\xce\xa4\xce\x9f"},                /* Greek capitals */
        {"web", "\xef\xbd\x97\xef\xbd\x85\xef\xbd\x82"},             /* full width */
        {"web", "\xf0\x9d\x90\xb0\xf0\x9d\x90\x9e\xf0\x9d\x90\x9b"}, /* mathematical bold */
        {"node-3", "node-\xf0\x9d\x9f\x91"},                         /* mathematical digit */
        {"web-1", "web\xe2\x80\x91"
                  "1"}, /* non-breaking hyphen */
        {"hub", "h\xd5\xbd"
                "b"},            /* Armenian u */
        {"oslo", "\xd6\x85slo"}, /* Armenian o */
        {"zurich", "z\xc3\xbcrich"},
        {"lodz", "\xc5\x81\xc3\xb3"
                 "d\xc5\xba"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_int_equal(compare(pairs[i][0], pairs[i][1]), RESEMBLES_CONFUSABLY);
        assert_int_equal(compare(pairs[i][1], pairs[i][0]), RESEMBLES_CONFUSABLY);
    }
}

static void no_skeleton_is_longer_than_its_name(void **state)
{
    (void)state;
    char name[OC_MAX_NAME_BYTES + 1];
    uint64_t random = 7;
    for (int round = 0; round < 100000; round++) {
        char skeleton[SKELETON_BYTES];
        size_t n = (size_t)(random >> 40) % sizeof name;
        for (size_t i = 0; i < n; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
            uint8_t byte = (uint8_t)(random >> 33);
            name[i] = byte ? (char)byte : 'x';
        }
        name[n] = '\0';
        skeleton_of(name, skeleton);
        assert_true(strlen(skeleton) <= n);
        char again[SKELETON_BYTES];
        skeleton_of(name, again);
        assert_string_equal(again, skeleton);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bytes_are_the_same_name),
        cmocka_unit_test(a_name_that_is_not_given_resembles_nothing),
        cmocka_unit_test(other_names_are_other_names),
        cmocka_unit_test(what_a_glance_does_not_tell_apart_is_confusable),
        cmocka_unit_test(no_skeleton_is_longer_than_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
