/* The map of an external CA's names: which row fits, and which rows may not stand together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/domain/administrator_map.h"

static struct administrator_mapping row(const char *san)
{
    struct administrator_mapping mapping = {.role = ADMINISTRATOR_VIEWER};
    (void)snprintf(mapping.san, sizeof mapping.san, "%s", san);
    return mapping;
}

static bool has(const char *san, const char *uri)
{
    static struct administrator_map map;
    map = (struct administrator_map){.n = 1, .items = {row(san)}};
    return administrator_map_find(&map, uri) != NULL;
}

static bool ambiguous(const char *a, const char *b)
{
    const struct administrator_mapping one = row(a);
    const struct administrator_mapping other = row(b);
    assert_int_equal(administrator_map_is_ambiguous(&one, &other),
                     administrator_map_is_ambiguous(&other, &one));
    return administrator_map_is_ambiguous(&one, &other);
}

static void a_star_is_everything_but_a_slash(void **state)
{
    (void)state;
    assert_true(has("a:/x/*", "a:/x/y"));
    assert_true(has("a:/x/*", "a:/x/"));
    assert_true(has("a:/*/y", "a:/x/y"));
    assert_true(has("a:*b*c", "a:xbxbxc"));
    assert_true(has("a:*b*b", "a:bb"));
    assert_true(has("a:**", "a:x"));
    assert_false(has("a:/x/*", "a:/x/y/z"));
    assert_false(has("a:/x/*", "a:/x"));
    assert_false(has("a:/*/y", "a:/x/z/y"));
    assert_false(has("a:*b", "a:/b"));
    assert_false(has("a:*b", "a:bc"));
    assert_false(has("a:/x/*", "b:/x/y"));
    assert_false(has("a:/x/y", "a:/x/yz"));
    assert_false(has("a:/x/y", "a:/x/Y"));
    assert_false(has("a:/x.y", "a:/x-y"));
}

static void a_name_that_is_written_out_comes_before_patterns(void **state)
{
    (void)state;
    static struct administrator_map map;
    map = (struct administrator_map){.n = 2, .items = {row("a:/*"), row("a:/x")}};
    map.items[1].role = ADMINISTRATOR_ADMIN;
    assert_int_equal(administrator_map_find(&map, "a:/x")->role, ADMINISTRATOR_ADMIN);
    assert_int_equal(administrator_map_find(&map, "a:/y")->role, ADMINISTRATOR_VIEWER);
    assert_null(administrator_map_find(&map, "b:/y"));
    assert_false(ambiguous("a:/*", "a:/x"));
}

static void rows_that_fit_one_name_are_ambiguous(void **state)
{
    (void)state;
    assert_true(ambiguous("a:/x", "a:/x"));
    assert_true(ambiguous("a:/x/*", "a:/*/y"));
    assert_true(ambiguous("a:x*", "a:*x"));
    assert_true(ambiguous("a:*b*", "a:c*d"));
    assert_false(ambiguous("a:/x/*", "a:/y/*"));
    assert_false(ambiguous("a:/x/*", "a:/x/*/*"));
    assert_false(ambiguous("a:x*", "a:y*"));
    assert_false(ambiguous("a:x*y", "a:x*z"));
    assert_false(ambiguous("a:/x", "a:/y"));
}

/* Every text of three letters and up to four characters, against all pairs of short patterns. */
enum {
    LONGEST = 4,
};
static const char letters[] = "xy/*";

static void spell(unsigned number, unsigned n_letters, char out[LONGEST + 3])
{
    size_t n = 2;
    memcpy(out, "a:", n);
    for (; number > 0; number /= n_letters + 1) {
        if (number % (n_letters + 1) > 0) {
            out[n++] = letters[number % (n_letters + 1) - 1];
        }
    }
    out[n] = '\0';
}

static bool share_a_text(const char *a, const char *b)
{
    char text[LONGEST + 3];
    for (unsigned i = 0; i < 4 * 4 * 4 * 4; i++) {
        spell(i, 3, text);
        if (has(a, text) && has(b, text)) {
            return true;
        }
    }
    return false;
}

static void what_is_called_ambiguous_has_a_common_name_and_nothing_else_has(void **state)
{
    (void)state;
    char a[LONGEST + 3];
    char b[LONGEST + 3];
    for (unsigned i = 0; i < 5 * 5 * 5; i++) {
        for (unsigned j = 0; j < 5 * 5 * 5; j += 3) {
            spell(i, 4, a);
            spell(j, 4, b);
            const bool are_patterns = strchr(a, '*') && strchr(b, '*');
            const bool wanted = strcmp(a, b) == 0 || (are_patterns && share_a_text(a, b));
            if (ambiguous(a, b) != wanted) {
                fail_msg("%s and %s: %d", a, b, wanted);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_star_is_everything_but_a_slash),
        cmocka_unit_test(a_name_that_is_written_out_comes_before_patterns),
        cmocka_unit_test(rows_that_fit_one_name_are_ambiguous),
        cmocka_unit_test(what_is_called_ambiguous_has_a_common_name_and_nothing_else_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
