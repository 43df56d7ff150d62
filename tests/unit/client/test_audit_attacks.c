/*
 * An export in the hands of somebody who may write it and has no key: other spellings, parts of
 * several, other checkpoints. Each is found, by the first bad record.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/audit_exports.h"

/* ---- in other words ------------------------------------------------------------------------ */

/* A line of the export in another spelling. Each means the same to a reader of JSON, or hides what
 * another reader would see. */
static const struct spelling {
    const char *what, *from, *to; /* `from` is in the line */
} spellings[] = {
    {"a key twice, the second as it was", "{\"seq\":8,", "{\"seq\":7,\"seq\":8,"},
    {"a key twice, the first as it was", "\"actor\":\"uid:1\",",
     "\"actor\":\"uid:1\",\"actor\":\"uid:0\","},
    {"a key twice at the end", "\"}\n", "\",\"actor\":\"uid:0\"}\n"},
    {"a key more", "\"rule\":", "\"extra\":1,\"rule\":"},
    {"a key less", "\"rule\":null,", ""},
    {"keys in another order", "\"rule\":null,\"detail\":\"role=agent scopes=chat\"",
     "\"detail\":\"role=agent scopes=chat\",\"rule\":null"},
    {"1.0", "{\"seq\":8,", "{\"seq\":8.0,"},
    {"an exponent", "{\"seq\":8,", "{\"seq\":8e0,"},
    {"a zero before", "{\"seq\":8,", "{\"seq\":08,"},
    {"a plus", "{\"seq\":8,", "{\"seq\":+8,"},
    {"a minus zero", "{\"seq\":8,", "{\"seq\":-0,"},
    {"a number that wraps", "{\"seq\":8,", "{\"seq\":18446744073709551624,"},
    {"a number as text", "{\"seq\":8,", "{\"seq\":\"8\","},
    {"an escape of a letter", "\"uid:1\"", "\"\\u0075id:1\""},
    {"an escape in upper case", "\\u00fc", "\\u00FC"},
    {"bytes in the place of an escape", "\\u00fc", "\xc3\xbc"},
    {"a slash that is escaped", "\"local\"", "\"loc\\/al\""},
    {"a NUL that is escaped", "\"local\"", "\"local\\u0000\""},
    {"half a pair", "\\ud83e\\udd80", "\\ud83e"},
    {"pairs the wrong way round", "\\ud83e\\udd80", "\\udd80\\ud83e"},
    {"null and nothing", "\"rule\":null", "\"rule\":\"\""},
    {"a space", "\"rule\":null", "\"rule\": null"},
    {"a time in another zone", "Z\"", "+00:00\""},
    {"a time without its fraction", ".000Z\"", "Z\""},
    {"hex in upper case", "\"device_id\":\"0", "\"device_id\":\"A"},
    {"a carriage return", "}\n", "}\r\n"},
    {"a space at the end", "}\n", "} \n"},
    {"an empty line behind it", "}\n", "}\n\n"},
    {"something behind it", "}\n", "}{}\n"},
    {"a comma behind it", "}\n", "},\n"},
    {"a mark of the byte order", "{\"seq\":8,", "\xef\xbb\xbf{\"seq\":8,"},
};

/* The n-th line with `from` replaced; false: it is not in it. */
static bool respell(const struct export *good, size_t line, const struct spelling *spelling,
                    struct export *out)
{
    char text[OC_AUDIT_LINE_BYTES + 1] = "";
    const size_t n_line = good->lines[line + 1] - good->lines[line];
    memcpy(text, good->text + good->lines[line], n_line);
    char *at = strstr(text, spelling->from);
    if (!at) {
        return false;
    }
    out->n = out->n_lines = 0;
    add_line(out, good->text, good->lines[line]);
    add_line(out, text, (size_t)(at - text));
    add_line(out, spelling->to, strlen(spelling->to));
    at += strlen(spelling->from);
    add_line(out, at, strlen(at));
    add_line(out, good->text + good->lines[line + 1], good->n - good->lines[line + 1]);
    return true;
}

static void no_other_spelling_of_a_record_passes(void **state)
{
    const struct exports_fixture *fixture = *state;
    struct export export = new_export();
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        size_t n_tried = 0;
        for (size_t line = 1; line <= 10; line++) {
            char wanted[40];
            if (!respell(&fixture->export, line, &spellings[i], &export)) {
                continue;
            }
            n_tried++;
            const enum oc_status st = verify(&export);
            /* An empty line is met behind the record, as the next one. */
            const bool is_behind = strcmp(spellings[i].to, "}\n\n") == 0;
            (void)snprintf(wanted, sizeof wanted, "record %zu ", line + (is_behind ? 1 : 0));
            if (st != OC_DATA_LOSS || !strstr(why.text, wanted)) {
                print_error("%s, line %zu: status %d, said: %s\n", spellings[i].what, line, (int)st,
                            why.text);
                fail();
            }
        }
        if (n_tried == 0) {
            print_error("%s: is in no line\n", spellings[i].what);
            fail();
        }
    }
    free(export.text);
}

/* ---- parts of several ---------------------------------------------------------------------- */

static void parts_of_two_exports_do_not_make_one(void **state)
{
    struct exports_fixture *fixture = *state;
    struct history *other = new_history();
    struct export export = new_export();
    struct export *good = &fixture->export;
    forge(other); /* another from record 50 on, signed with the same key */
    add_export(&export, other, gateway, 1, RECORDS);
    /* The beginning of the one, the end of the other, at the fork and behind it. */
    for (size_t at = 50; at <= 60; at += 10) {
        struct export spliced = new_export();
        add_line(&spliced, good->text, good->lines[at + 1]);
        add_line(&spliced, export.text + export.lines[at + 1], export.n - export.lines[at + 1]);
        char wanted[40];
        (void)snprintf(wanted, sizeof wanted, "record %zu (line %zu) does not fit", at + 1, at + 2);
        assert_bad(verify(&spliced), wanted);
        free(spliced.text);
    }
    /* Another database's, and another gateway's, behind it. */
    export.n = export.n_lines = 0;
    add_line(&export, good->text, good->n);
    other->header.database_id[0] ^= 1;
    rehash(other, 0);
    add_export(&export, other, gateway, 1, 20);
    assert_bad(verify(&export), "that of another gateway or database");
    free(export.text);
    free(other);
}

static void add_checkpoint(struct export *export, const struct history *history,
                           const struct oc_identity *key, uint64_t seq)
{
    char line[OC_AUDIT_LINE_BYTES];
    const struct oc_audit_checkpoint checkpoint = checkpoint_at(history, key, seq);
    add_line(export, line, oc_audit_format_checkpoint(&checkpoint, line));
}

static void no_other_checkpoint_takes_the_place_of_the_last(void **state)
{
    struct exports_fixture *fixture = *state;
    struct history *history = fixture->history;
    struct export *good = &fixture->export;
    struct export export = new_export();
    const size_t n_records = good->lines[RECORDS + 1];
    add_line(&export, good->text, n_records);
    add_checkpoint(&export, history, gateway, 100); /* an older one of the same history */
    assert_bad(verify(&export), "record 200 or one before it was changed or added");
    export.n = export.n_lines = 0;
    add_line(&export, good->text, n_records);
    add_checkpoint(&export, history, thief, RECORDS);
    assert_bad(verify(&export), "of another gateway, database or key");
    export.n = export.n_lines = 0;
    add_line(&export, good->text, n_records);
    history->header.gateway_id[0] ^= 1;
    add_checkpoint(&export, history, gateway, RECORDS);
    history->header.gateway_id[0] ^= 1;
    assert_bad(verify(&export), "of another gateway, database or key");
    /* One of an older epoch behind a newer one. */
    export.n = export.n_lines = 0;
    add_line(&export, good->text, n_records);
    history->epoch = 2;
    add_checkpoint(&export, history, gateway, RECORDS);
    history->epoch = 1;
    add_checkpoint(&export, history, gateway, RECORDS);
    assert_bad(verify(&export), "of an older epoch");
    free(export.text);
}

static void records_behind_the_checkpoint_are_not_signed(void **state)
{
    struct exports_fixture *fixture = *state;
    struct export *good = &fixture->export;
    struct export export = new_export();
    add_export(&export, fixture->history, gateway, 1, 150);
    add_line(&export, good->text + good->lines[151], good->lines[161] - good->lines[151]);
    assert_bad(verify(&export), "record 161 or the checkpoint is missing");
    /* With the old checkpoint again behind them. */
    add_checkpoint(&export, fixture->history, gateway, 150);
    assert_bad(verify(&export), "record 160 or one before it was changed or added");
    free(export.text);
}

static void a_record_that_is_too_long_is_named_and_costs_no_memory(void **state)
{
    struct exports_fixture *fixture = *state;
    const struct export *good = &fixture->export;
    struct oc_audit_verifier *verifier = oc_audit_verifier_new(NULL);
    char piece[4096];
    memset(piece, 'x', sizeof piece);
    assert_int_equal(oc_audit_verifier_feed(verifier, good->text, good->lines[57], &why), OC_OK);
    enum oc_status st = OC_OK;
    for (int i = 0; i < 25000 && !st; i++) { /* a hundred megabytes, if it were let */
        st = oc_audit_verifier_feed(verifier, piece, sizeof piece, &why);
    }
    assert_bad(st, "record 57 (line 58) is longer than any record");
    oc_audit_verifier_free(verifier);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, exports_set_up, exports_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_other_spelling_of_a_record_passes),
        TEST(parts_of_two_exports_do_not_make_one),
        TEST(no_other_checkpoint_takes_the_place_of_the_last),
        TEST(records_behind_the_checkpoint_are_not_signed),
        TEST(a_record_that_is_too_long_is_named_and_costs_no_memory),
    };
    return cmocka_run_group_tests_name("audit attacks", tests, exports_make_keys,
                                       exports_free_keys);
}
