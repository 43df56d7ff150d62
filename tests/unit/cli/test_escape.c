/* What somebody else wrote reaches a terminal or a document only in harmless form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/escape.h"

struct hostile {
    const char *text;
    const char *on_terminal;
    const char *in_json;
};

static const struct hostile table[] = {
    {"web-1", "web-1", "\"web-1\""},
    {"", "", "\"\""},
    {"caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac", "caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac",
     "\"caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac\""},
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
    /* ANSI: colour, clear screen, title, hyperlink; DEL; C1 in UTF-8 and bare */
    {"\x1b[31mred", "\\x1B[31mred", "\"\\u001b[31mred\""},
    {"\x1b]0;title\x07", "\\x1B]0;title\\x07", "\"\\u001b]0;title\\u0007\""},
    {"a\x7f", "a\\x7F", "\"a\\u007f\""},
    {"\xc2\x9b\x33\x31m", "\\u{009B}31m", "\"\\u009b31m\""},
    {"\x9b\x33\x31m", "\\x9B31m", "\"\\ufffd31m\""},
    /* lines that would forge another row */
    {"a\nb\rc\td", "a\\x0Ab\\x0Dc\\x09d", "\"a\\u000ab\\u000dc\\u0009d\""},
    {"a\xe2\x80\xa8"
     "b",
     "a\\u{2028}b", "\"a\\u2028b\""},
    {"a\xc2\x85"
     "b",
     "a\\u{0085}b", "\"a\\u0085b\""},
    /* bidi override, isolate, mark; zero width space, joiner; byte order mark; soft hyphen */
    {"\xe2\x80\xae"
     "1-bew",
     "\\u{202E}1-bew", "\"\\u202e1-bew\""},
    {"\xe2\x81\xa6x\xe2\x81\xa9", "\\u{2066}x\\u{2069}", "\"\\u2066x\\u2069\""},
    {"\xd8\x9c", "\\u{061C}", "\"\\u061c\""},
    {"we\xe2\x80\x8b"
     "b",
     "we\\u{200B}b", "\"we\\u200bb\""},
    {"\xef\xbb\xbfweb", "\\u{FEFF}web", "\"\\ufeffweb\""},
    {"we\xc2\xad"
     "b",
     "we\\u{00AD}b", "\"we\\u00adb\""},
    /* blanks that are no space: no-break space, ideographic space, Hangul filler, braille blank */
    {"a\xc2\xa0"
     "b",
     "a\\u{00A0}b", "\"a\\u00a0b\""},
    {"\xe3\x80\x80", "\\u{3000}", "\"\\u3000\""},
    {"\xe3\x85\xa4", "\\u{3164}", "\"\\u3164\""},
    {"\xe2\xa0\x80", "\\u{2800}", "\"\\u2800\""},
    /* variation selector, tag character (outside the basic plane) */
    {"a\xef\xb8\x8f", "a\\u{FE0F}", "\"a\\ufe0f\""},
    {"\xf3\xa0\x81\x81", "\\u{E0041}", "\"\\udb40\\udc41\""},
    /* an annotation mark: a format character that is not among the ignorable ones */
    {"\xef\xbf\xb9", "\\u{FFF9}", "\"\\ufff9\""},
    /* unassigned, private use, noncharacter */
    {"\xcd\xb8", "\\u{0378}", "\"\\u0378\""},
    {"\xee\x80\x80", "\\u{E000}", "\"\\ue000\""},
    {"\xef\xbf\xbf", "\\u{FFFF}", "\"\\uffff\""},
    /* invalid UTF-8: lone continuation, cut, overlong slash, surrogate, beyond the last */
    {"\x80", "\\x80", "\"\\ufffd\""},
    {"a\xe2\x82", "a\\xE2\\x82", "\"a\\ufffd\\ufffd\""},
    {"\xc0\xaf", "\\xC0\\xAF", "\"\\ufffd\\ufffd\""},
    {"\xed\xa0\x80", "\\xED\\xA0\\x80", "\"\\ufffd\\ufffd\\ufffd\""},
    {"\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
    /* what looks like an escape of ours is told apart */
    {"\\x1B", "\\\\x1B", "\"\\\\x1B\""},
    {"say \"hi\"", "say \"hi\"", "\"say \\\"hi\\\"\""},
    /* marks: on nothing, on a letter, piled up */
    {"\xcc\x81"
     "a",
     "\\u{0301}a",
     "\"\xcc\x81"
     "a\""},
    {"e\xcc\x81", "e\xcc\x81", "\"e\xcc\x81\""},
    {"e\xcc\x81\xcc\x81\xcc\x81\xcc\x81", "e\xcc\x81\xcc\x81\xcc\x81\\u{0301}",
     "\"e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\""},
};

static void every_hostile_string_is_harmless_on_a_terminal(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char out[256];
        escape_for_terminal(table[i].text, out, sizeof out);
        assert_string_equal(out, table[i].on_terminal);
    }
}

static void every_hostile_string_is_harmless_in_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char *out = NULL;
        size_t n = 0;
        FILE *file = open_memstream(&out, &n);
        escape_write_string(file, table[i].text, ESCAPE_JSON);
        (void)fclose(file);
        assert_string_equal(out, table[i].in_json);
        free(out);
    }
}

static void yaml_writes_far_characters_without_surrogates(void **state)
{
    (void)state;
    char *out = NULL;
    size_t n = 0;
    FILE *file = open_memstream(&out, &n);
    escape_write_string(file, "\xf3\xa0\x81\x81", ESCAPE_YAML);
    (void)fclose(file);
    assert_string_equal(out, "\"\\U000e0041\"");
    free(out);
}

static void every_single_byte_is_printable_afterwards(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        char text[2] = {(char)byte, '\0'};
        char out[32];
        escape_for_terminal(text, out, sizeof out);
        for (const char *c = out; *c != '\0'; c++) {
            assert_in_range(*c, 0x20, 0x7e);
        }
        assert_true(strlen(out) <= ESCAPE_MOST);
    }
}

static void a_text_that_does_not_fit_is_cut_between_characters(void **state)
{
    (void)state;
    char out[6];
    escape_for_terminal("ab\x1b\x1b", out, sizeof out);
    assert_string_equal(out, "ab");
    escape_quoted("abcdef", out, sizeof out);
    assert_string_equal(out, "\"abc\"");
}

static void quotes_inside_quotes_are_escaped(void **state)
{
    (void)state;
    char out[32];
    escape_quoted("a\" approved \"b", out, sizeof out);
    assert_string_equal(out, "\"a\\\" approved \\\"b\"");
}

static void wide_characters_take_two_columns_and_marks_none(void **state)
{
    (void)state;
    assert_int_equal(escape_columns("abc"), 3);
    assert_int_equal(escape_columns("\xe6\x97\xa5\xe6\x9c\xac"), 4);
    assert_int_equal(escape_columns("e\xcc\x81"), 1);
}

static void a_wide_text_is_cut_with_an_ellipsis(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t columns;
        const char *cut;
    } cuts[] = {
        {"abcdefghij", 5, "abcd\xe2\x80\xa6"},
        {"abcdef", 5, "abcd\xe2\x80\xa6"},
        {"ab", 1, "\xe2\x80\xa6"},
        {"abcde", 5, "abcde"},
        {"abcde", 0, "abcde"},
        {"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 4, "\xe6\x97\xa5\xe2\x80\xa6"},
    };
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "%s", cuts[i].text);
        escape_cut(text, strlen(text) + 1 + ESCAPE_CUT_ROOM, cuts[i].columns);
        assert_string_equal(text, cuts[i].cut);
    }
}

static void quoted_text_cannot_turn_around_what_stands_beside_it(void **state)
{
    (void)state;
    char out[64];
    escape_quoted("a\xd7\x90\xd8\xa7\xd9\xa1", out, sizeof out); /* Hebrew, Arabic, a digit */
    assert_string_equal(out, "\"a\\u{05D0}\\u{0627}\\u{0661}\"");
    escape_for_terminal("\xd7\x90", out, sizeof out); /* an administrator's own words */
    assert_string_equal(out, "\xd7\x90");
}

static void a_spelled_text_is_ascii(void **state)
{
    (void)state;
    char out[64];
    escape_spelled("w\xd0\xb5"
                   "b \"1\"\xff",
                   out, sizeof out);
    assert_string_equal(out, "\"w\\u{0435}b \\\"1\\\"\\xFF\"");
    char small[8];
    escape_spelled("\xd0\xb5\xd0\xb5", small, sizeof small);
    assert_string_equal(small, "\"\"");
}

static void what_fits_is_whole_characters_with_their_marks(void **state)
{
    (void)state;
    assert_int_equal(escape_fitting("abcdef", 3), 3);
    assert_int_equal(escape_fitting("ab", 3), 2);
    assert_int_equal(escape_fitting("a\xcc\x81"
                                    "b",
                                    1),
                     3);
    assert_int_equal(escape_fitting("\xe4\xb8\xad\xe4\xb8\xad", 3), 3); /* two columns each */
    assert_int_equal(escape_fitting("\xe4\xb8\xad", 1), 3);             /* one at least */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quoted_text_cannot_turn_around_what_stands_beside_it),
        cmocka_unit_test(a_spelled_text_is_ascii),
        cmocka_unit_test(what_fits_is_whole_characters_with_their_marks),
        cmocka_unit_test(every_hostile_string_is_harmless_on_a_terminal),
        cmocka_unit_test(every_hostile_string_is_harmless_in_json),
        cmocka_unit_test(yaml_writes_far_characters_without_surrogates),
        cmocka_unit_test(every_single_byte_is_printable_afterwards),
        cmocka_unit_test(a_text_that_does_not_fit_is_cut_between_characters),
        cmocka_unit_test(quotes_inside_quotes_are_escaped),
        cmocka_unit_test(wide_characters_take_two_columns_and_marks_none),
        cmocka_unit_test(a_wide_text_is_cut_with_an_ellipsis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
