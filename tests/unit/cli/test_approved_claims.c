/* What a device claimed at its last approval, read from an audit row that anybody may have made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/approved_claims.h"

static struct approved_claims claims_in(const char *detail)
{
    struct approved_claims claims;
    memset(&claims, 0xa5, sizeof claims);
    approved_claims_read(detail, &claims);
    return claims;
}

static void assert_nothing_in(const char *detail)
{
    const struct approved_claims claims = claims_in(detail);
    if (claims.has_source || claims.has_name || claims.has_platform || claims.has_labels ||
        claims.has_purpose) {
        fail_msg("something is believed of: %s", detail);
    }
    assert_string_equal(claims.name, "");
    assert_int_equal(claims.labels.n, 0);
}

static void every_word_is_read_as_it_was_written(void **state)
{
    (void)state;
    const struct approved_claims claims = claims_in(
        "until_ms=5 role=agent scopes=chat,+3 source=2001:db8::1 name=a%20%25%3D%22%0A "
        "platform=linux%20x86_64 labels=site:berlin,a%3Ab:c%2Cd,empty: purpose=%C3%A4 more=1");
    assert_true(claims.has_source && claims.has_name && claims.has_platform && claims.has_labels &&
                claims.has_purpose);
    assert_string_equal(claims.source, "2001:db8::1");
    assert_string_equal(claims.name, "a %=\"\n");
    assert_string_equal(claims.platform, "linux x86_64");
    assert_string_equal(claims.purpose, "\xc3\xa4");
    assert_int_equal(claims.labels.n, 3);
    assert_string_equal(claims.labels.items[0].value, "berlin");
    assert_string_equal(claims.labels.items[1].key, "a:b");
    assert_string_equal(claims.labels.items[1].value, "c,d");
    assert_string_equal(claims.labels.items[2].key, "empty");
    assert_string_equal(claims.labels.items[2].value, "");
}

static void an_empty_claim_is_recorded_and_a_missing_one_is_not(void **state)
{
    (void)state;
    const struct approved_claims claims = claims_in("role=agent scopes=chat name= labels= more=1");
    struct terms terms = {.purpose = "x"};
    assert_true(claims.has_name && claims.has_labels);
    assert_false(claims.has_purpose || claims.has_source || claims.has_platform);
    approved_claims_tell(&claims, &terms);
    assert_string_equal(terms.name, "");
    assert_int_equal(terms.labels->n, 0);
    assert_null(terms.purpose);
    assert_null(terms.source);
    assert_null(terms.platform);
}

static void rows_without_words_record_nothing(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "role=agent scopes=chat,tools",
        "until_ms=1 role=agent scopes=chat,+10",
        "alias=web",
        "place held",
        "named=x sources=y label=z:1 NAME=x",
        "=name",
        " = ==  ",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_nothing_in(rows[i]);
    }
}

static void of_a_row_that_is_spelled_otherwise_nothing_is_believed(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "source=a name=a name=b", "name=a source=b name=",
        "source=a name=a%",       "source=a name=a%2",
        "source=a name=a%2g",     "source=a name=%1b",
        "source=a name=%00",      "source=a name=a%00b",
        "source=a name=%61",      "source=a name=\"a\"",
        "source=a name=a\x1b[2J", "source=a name=\xc3\xa4",
        "source=a name=a=b",      "source=a name=a,b",
        "source=%3A name=a",      "name=a labels=a",
        "name=a labels=:b",       "name=a labels=a:b,",
        "name=a labels=,a:b",     "name=a labels=a:b:c",
        "name=a labels=a:b,,c:d", "name=a labels=a:b labels=",
        "name=a labels=a:%",      "name=a labels=a:,b:,c:,d:,e:,f:,g:,h:,i:",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_nothing_in(rows[i]);
    }
}

static void assert_fits(const char *key, size_t most, bool is_fitting)
{
    char detail[512];
    char value[256];
    memset(value, 'x', sizeof value);
    value[most] = '\0';
    (void)snprintf(detail, sizeof detail, "%s%s", key, value);
    const struct approved_claims claims = claims_in(detail);
    const bool is_read = claims.has_source || claims.has_name || claims.has_platform ||
                         claims.has_labels || claims.has_purpose;
    assert_int_equal(is_read, is_fitting);
}

static void what_is_longer_than_a_claim_can_be_is_not_read(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        size_t most;
    } words[] = {
        {"source=", OC_MAX_SOURCE_BYTES},        {"name=", OC_MAX_NAME_BYTES},
        {"platform=", OC_MAX_PLATFORM_BYTES},    {"purpose=", OC_MAX_PURPOSE_BYTES},
        {"labels=a:", OC_MAX_LABEL_VALUE_BYTES},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_fits(words[i].key, words[i].most, true);
        assert_fits(words[i].key, words[i].most + 1, false);
    }
}

/* Every cut of a row, and every byte of it made another: whatever comes of it lies within bounds
 * (the sanitizers watch), and a text that is read is a text. */
static void damaged_rows_do_no_harm(void **state)
{
    (void)state;
    static const char row[] = "role=agent scopes=chat source=::1 name=%D0%B5 labels=a:b,c%20: "
                              "purpose=x%20y more=1";
    char copy[sizeof row];
    for (size_t i = 0; i < sizeof row - 1; i++) {
        memcpy(copy, row, sizeof row);
        copy[i] = '\0';
        (void)claims_in(copy);
        for (unsigned byte = 1; byte < 256; byte++) {
            copy[i] = (char)byte;
            const struct approved_claims claims = claims_in(copy);
            assert_true(claims.labels.n <= OC_MAX_LABELS);
            assert_true(strnlen(claims.name, sizeof claims.name) < sizeof claims.name);
            assert_true(strnlen(claims.purpose, sizeof claims.purpose) < sizeof claims.purpose);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_is_read_as_it_was_written),
        cmocka_unit_test(an_empty_claim_is_recorded_and_a_missing_one_is_not),
        cmocka_unit_test(rows_without_words_record_nothing),
        cmocka_unit_test(of_a_row_that_is_spelled_otherwise_nothing_is_believed),
        cmocka_unit_test(what_is_longer_than_a_claim_can_be_is_not_read),
        cmocka_unit_test(damaged_rows_do_no_harm),
    };
    return cmocka_run_group_tests_name("approved_claims", tests, NULL, NULL);
}
