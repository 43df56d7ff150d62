/*
 * An export of 200 records, and everything that may be done to it: each change is found, and what
 * cannot be found is said to be open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/audit_verify.h"
#include "tests/support/audit_exports.h"

/* ---- what is good -------------------------------------------------------------------------- */

static void a_whole_export_is_proved_and_what_is_open_is_told(void **state)
{
    const struct exports_fixture *fixture = *state;
    assert_int_equal(verify(&fixture->export), OC_OK);
    assert_int_equal(proof.n_records, RECORDS);
    assert_int_equal(proof.first_seq, 1);
    assert_int_equal(proof.last_seq, RECORDS);
    assert_int_equal(proof.signed_seq, RECORDS);
    assert_true(proof.is_from_first && proof.is_pinned);
    assert_int_equal(proof.n_held, 0);
    assert_memory_equal(&proof.last_hash, &fixture->history->records[RECORDS - 1].hash, 32);
    assert_int_equal(verify_with(&fixture->export, NULL, NULL), OC_OK);
    assert_false(proof.is_pinned);
}

static void it_may_come_in_pieces_of_any_size(void **state)
{
    const struct exports_fixture *fixture = *state;
    struct oc_audit_verifier *verifier = oc_audit_verifier_new(NULL);
    for (size_t at = 0, piece = 1; at < fixture->export.n; at += piece, piece = piece % 97 + 1) {
        piece = piece < fixture->export.n - at ? piece : fixture->export.n - at;
        assert_int_equal(oc_audit_verifier_feed(verifier, fixture->export.text + at, piece, NULL),
                         OC_OK);
    }
    assert_int_equal(oc_audit_verifier_finish(verifier, &proof, NULL), OC_OK);
    oc_audit_verifier_free(verifier);
}

static void an_export_goes_on_where_it_ended_and_nowhere_else(void **state)
{
    struct exports_fixture *fixture = *state;
    struct export export = new_export();
    add_export(&export, fixture->history, gateway, 1, 120);
    add_export(&export, fixture->history, gateway, 121, RECORDS);
    assert_int_equal(verify(&export), OC_OK);
    assert_int_equal(proof.n_records, RECORDS);
    export.n = export.n_lines = 0;
    add_export(&export, fixture->history, gateway, 1, 120);
    add_export(&export, fixture->history, gateway, 122, RECORDS);
    assert_bad(verify(&export), "does not go on where it was");
    export.n = export.n_lines = 0;
    add_export(&export, fixture->history, gateway, 1, 120);
    add_export(&export, fixture->history, gateway, 120, RECORDS);
    assert_bad(verify(&export), "does not go on where it was");
    export.n = export.n_lines = 0;
    add_export(&export, fixture->history, gateway, 57, RECORDS);
    assert_int_equal(verify(&export), OC_OK);
    assert_false(proof.is_from_first);
    assert_int_equal(proof.first_seq, 57);
    free(export.text);
}

/* ---- mutations ----------------------------------------------------------------------------- */

/* Goes on from what was good before the line, so that each change costs one line and not all. */
static void assert_change_is_found(const struct export *export,
                                   const struct oc_audit_verifier *good, size_t start, size_t at,
                                   char wrong)
{
    static struct oc_audit_verifier verifier; /* large */
    const char *text = export->text;
    verifier = *good;
    enum oc_status st = oc_audit_verifier_feed(&verifier, text + start, at - start, NULL);
    assert_int_equal(st, OC_OK);
    st = oc_audit_verifier_feed(&verifier, &wrong, 1, NULL);
    for (size_t from = at + 1; !st && from < export->n;) {
        const size_t n = export->n - from < 1024 ? export->n - from : 1024;
        st = oc_audit_verifier_feed(&verifier, text + from, n, NULL);
        from += n;
    }
    if (!st) {
        st = oc_audit_verifier_finish(&verifier, &proof, NULL);
    }
    if (st != OC_DATA_LOSS) {
        print_error("byte %zu as 0x%02x went unseen\n", at, (unsigned)(uint8_t)wrong);
        fail();
    }
}

static void every_byte_that_is_flipped_is_found(void **state)
{
    const struct exports_fixture *fixture = *state;
    const struct export *export = &fixture->export;
    struct oc_audit_verifier *good = oc_audit_verifier_new(NULL); /* not even a pin */
    size_t n_flipped = 0;
    for (size_t line = 0; line < export->n_lines; line++) {
        for (size_t at = export->lines[line]; at < export->lines[line + 1]; at++) {
            const char was = export->text[at];
            const char bit = (char)(was ^ (1 << at % 8));
            assert_change_is_found(export, good, export->lines[line], at, bit);
            assert_change_is_found(export, good, export->lines[line], at, (char)(was ^ 0x20));
            n_flipped++;
        }
        assert_int_equal(oc_audit_verifier_feed(good, export->text + export->lines[line],
                                                export->lines[line + 1] - export->lines[line],
                                                NULL),
                         OC_OK);
    }
    assert_int_equal(n_flipped, export->n);
    oc_audit_verifier_free(good);
}

static void what_is_cut_short_is_named(void **state)
{
    static const char checkpoint[] = "{\"openclaw\":\"audit checkpoint ";
    const struct exports_fixture *fixture = *state;
    struct export cut = fixture->export;
    const size_t last = cut.lines[cut.n_lines - 1];
    cut.n = last + sizeof checkpoint;
    assert_bad(verify(&cut), "the checkpoint (line 202) is cut short");
    cut.n = last + 1; /* too little to tell */
    assert_bad(verify(&cut), "line 202, of record 201 or the checkpoint, is cut short");
    cut.n = cut.lines[cut.n_lines - 2] + 40;
    assert_bad(verify(&cut), "record 200 (line 201) is cut short");
    cut.n = 10;
    assert_bad(verify(&cut), "the header (line 1) is cut short");
}

static void every_cut_is_found(void **state)
{
    const struct exports_fixture *fixture = *state;
    const struct export *export = &fixture->export;
    static struct oc_audit_verifier verifier;
    struct oc_audit_verifier *good = oc_audit_verifier_new(NULL);
    for (size_t n = 0; n < export->n; n++) {
        verifier = *good;
        assert_int_equal(oc_audit_verifier_finish(&verifier, &proof, NULL), OC_DATA_LOSS);
        assert_int_equal(oc_audit_verifier_feed(good, export->text + n, 1, NULL), OC_OK);
    }
    assert_int_equal(oc_audit_verifier_finish(good, &proof, NULL), OC_OK);
    oc_audit_verifier_free(good);
}

/* Lines in another order; `order` ends with SIZE_MAX. */
static enum oc_status verify_order(const struct export *from, const size_t *order)
{
    struct export export = new_export();
    for (size_t i = 0; order[i] != SIZE_MAX; i++) {
        const size_t line = order[i];
        add_line(&export, from->text + from->lines[line],
                 from->lines[line + 1] - from->lines[line]);
    }
    const enum oc_status st = verify(&export);
    free(export.text);
    return st;
}

static void every_line_that_is_dropped_doubled_or_moved_is_found(void **state)
{
    const struct exports_fixture *fixture = *state;
    const struct export *export = &fixture->export;
    size_t order[RECORDS + 16];
    for (size_t line = 0; line < export->n_lines; line++) {
        size_t n = 0;
        for (size_t i = 0; i < export->n_lines; i++) {
            order[n] = i;
            n += i != line;
        }
        order[n] = SIZE_MAX;
        assert_bad(verify_order(export, order), line > 0 && line <= RECORDS ? "is missing" : "");
        for (size_t i = 0; i <= export->n_lines; i++) {
            order[i] = i > line ? i - 1 : i;
        }
        order[export->n_lines + 1] = SIZE_MAX;
        /* The last line twice says the same twice. */
        const enum oc_status twice = verify_order(export, order);
        assert_true(twice == OC_DATA_LOSS || line == export->n_lines - 1);
        for (size_t i = 0; i < export->n_lines; i++) {
            order[i] = i;
        }
        order[export->n_lines] = SIZE_MAX;
        if (line + 1 < export->n_lines) {
            order[line] = line + 1;
            order[line + 1] = line;
            assert_bad(verify_order(export, order), "");
        }
    }
}

static void the_first_bad_record_is_named(void **state)
{
    struct exports_fixture *fixture = *state;
    struct export export = new_export();
    fixture->history->records[56].reason[0] ^= 1;
    add_export(&export, fixture->history, gateway, 1, RECORDS);
    assert_bad(verify(&export), "record 57 (line 58) does not fit its hash");
    fixture->history->records[56].reason[0] ^= 1;
    (void)snprintf(fixture->history->records[99].actor, 8, "nobody");
    export.n = export.n_lines = 0;
    add_export(&export, fixture->history, gateway, 1, RECORDS);
    assert_bad(verify(&export), "record 100 (line 101)");
    free(export.text);
}

/* ---- making it anew ------------------------------------------------------------------------ */

static void a_chain_made_anew_without_the_key_is_found(void **state)
{
    struct exports_fixture *fixture = *state;
    struct export export = new_export();
    struct export *good = &fixture->export;
    forge(fixture->history);
    add_export(&export, fixture->history, thief, 1, RECORDS);
    /* The old checkpoint, and the old header with the old key. */
    memcpy(export.text, good->text, good->lines[1]);
    const size_t last = good->n_lines - 1;
    export.n = export.lines[export.n_lines - 1];
    export.n_lines--;
    add_line(&export, good->text + good->lines[last], good->n - good->lines[last]);
    assert_bad(verify_with(&export, NULL, NULL), "the checkpoint in line 202 was made of others");
    free(export.text);
}

static void one_signed_with_another_key_is_found_by_the_pin_or_a_kept_checkpoint(void **state)
{
    struct exports_fixture *fixture = *state;
    char kept[4096] = "";
    struct export export = new_export();
    append_checkpoint(kept, sizeof kept, fixture->history, gateway, 100);
    forge(fixture->history);
    add_export(&export, fixture->history, thief, 1, RECORDS);
    assert_bad(verify_with(&export, gateway, NULL), "the key is not the one of the pin");
    assert_bad(verify_with(&export, NULL, kept), "signed by another key");
    /* Without either nobody can know; it is not called pinned. */
    assert_int_equal(verify_with(&export, NULL, NULL), OC_OK);
    assert_false(proof.is_pinned);
    free(export.text);
}

static void one_made_anew_with_the_key_is_found_by_a_kept_checkpoint(void **state)
{
    struct exports_fixture *fixture = *state;
    char kept[4096] = "";
    struct export export = new_export();
    append_checkpoint(kept, sizeof kept, fixture->history, gateway, 30);
    append_checkpoint(kept, sizeof kept, fixture->history, gateway, 100);
    forge(fixture->history);
    add_export(&export, fixture->history, gateway, 1, RECORDS);
    assert_bad(verify_with(&export, gateway, kept), "record 100 is not the one");
    assert_bad(verify_with(&export, gateway, kept), "a record from 31 on was changed");
    free(export.text);
}

static void yesterdays_file_is_found_by_a_checkpoint_of_today(void **state)
{
    struct exports_fixture *fixture = *state;
    char kept[4096] = "";
    struct export export = new_export();
    add_export(&export, fixture->history, gateway, 1, 150);
    append_checkpoint(kept, sizeof kept, fixture->history, gateway, 150);
    assert_int_equal(verify_with(&export, gateway, kept), OC_OK);
    assert_int_equal(proof.n_held, 1);
    append_checkpoint(kept, sizeof kept, fixture->history, gateway, RECORDS);
    assert_bad(verify_with(&export, gateway, kept), "record 151 is missing, and all up to 200");
    free(export.text);
}

/* ---- checkpoints that were kept ------------------------------------------------------------ */

static void a_rollback_that_was_accepted_gives_up_an_older_epoch_alone(void **state)
{
    struct exports_fixture *fixture = *state;
    char kept[8192] = "";
    struct export export = new_export();
    append_checkpoint(kept, sizeof kept, fixture->history, gateway, 40);
    append_checkpoint(kept, sizeof kept, fixture->history, gateway, 180);
    forge(fixture->history); /* what was decided after the restore of record 49 */
    add_export(&export, fixture->history, gateway, 1, 150);
    assert_bad(verify_with(&export, gateway, kept), "record 151 is missing");
    export.n = export.n_lines = 0;
    fixture->history->epoch = 2;
    add_export(&export, fixture->history, gateway, 1, 150);
    assert_int_equal(verify_with(&export, gateway, kept), OC_OK);
    assert_int_equal(proof.n_held, 1);
    assert_int_equal(proof.held_seq, 40);
    assert_int_equal(proof.n_given_up, 1);
    assert_int_equal(proof.given_up_seq, 180);
    free(export.text);
}

/* Whoever can add a line to what was kept must not have the others given up by it. */
static void a_checkpoint_of_another_key_gives_up_nothing(void **state)
{
    struct exports_fixture *fixture = *state;
    char kept[8192] = "";
    struct export export = new_export();
    append_checkpoint(kept, sizeof kept, fixture->history, gateway, 180);
    add_export(&export, fixture->history, gateway, 1, 150);
    fixture->history->epoch = 9;
    append_checkpoint(kept, sizeof kept, fixture->history, thief, 10);
    assert_bad(verify_with(&export, gateway, kept), "line 2: signed by another key");
    free(export.text);
}

static void a_newer_checkpoint_of_another_database_is_found(void **state)
{
    struct exports_fixture *fixture = *state;
    char kept[8192] = "";
    append_checkpoint(kept, sizeof kept, fixture->history, gateway, RECORDS);
    fixture->history->header.database_id[0] ^= 1;
    append_checkpoint(kept, sizeof kept, fixture->history, gateway, 10);
    assert_bad(verify_with(&fixture->export, gateway, kept), "another database of this gateway");
    fixture->history->header.database_id[0] ^= 1;
    append_checkpoint(kept, sizeof kept, fixture->history, gateway, RECORDS);
    assert_int_equal(verify_with(&fixture->export, gateway, kept), OC_OK);
    assert_int_equal(proof.n_held, 2);
    assert_int_equal(proof.n_foreign, 1);
}

static void checkpoints_of_other_gateways_are_passed_over(void **state)
{
    struct exports_fixture *fixture = *state;
    char kept[8192] = "Nov 23 03:00:00 gw openclaw-gateway[7]: ";
    append_checkpoint(kept, sizeof kept, fixture->history, gateway, 100);
    fixture->history->header.gateway_id[0] ^= 1;
    append_checkpoint(kept, sizeof kept, fixture->history, thief, 10);
    assert_int_equal(verify_with(&fixture->export, gateway, kept), OC_OK);
    assert_int_equal(proof.n_held, 1);
    assert_int_equal(proof.n_foreign, 1);
    char others[4096] = "";
    append_checkpoint(others, sizeof others, fixture->history, thief, 10);
    assert_bad(verify_with(&fixture->export, gateway, others), "no checkpoint that was given");
    fixture->history->header.gateway_id[0] ^= 1;
}

static void every_flipped_byte_of_a_kept_checkpoint_is_found(void **state)
{
    struct exports_fixture *fixture = *state;
    char kept[4096] = "";
    append_checkpoint(kept, sizeof kept, fixture->history, gateway, 100);
    const size_t n = strlen(kept);
    append_checkpoint(kept, sizeof kept, fixture->history, gateway, RECORDS);
    for (size_t i = 0; i < n; i++) {
        const char was = kept[i];
        kept[i] = (char)(was ^ (1 << i % 7));
        struct oc_audit_verifier *verifier = oc_audit_verifier_new(NULL);
        const enum oc_status st =
            oc_audit_verifier_add_checkpoints(verifier, kept, strlen(kept), &why);
        oc_audit_verifier_free(verifier);
        if (st != OC_DATA_LOSS) {
            print_error("byte %zu of %.*s as %c went unseen\n", i, (int)n, kept, kept[i]);
            fail();
        }
        kept[i] = was;
    }
}

static void a_last_line_that_a_crash_cut_short_is_counted_and_no_other(void **state)
{
    struct exports_fixture *fixture = *state;
    char kept[8192] = "";
    append_checkpoint(kept, sizeof kept, fixture->history, gateway, 100);
    const size_t n = strlen(kept);
    append_checkpoint(kept, sizeof kept, fixture->history, gateway, RECORDS);
    const size_t whole = strlen(kept);
    for (size_t cut = n + 1; cut < whole - 1; cut += 37) {
        char part[8192];
        memcpy(part, kept, cut);
        part[cut] = '\0';
        assert_int_equal(verify_with(&fixture->export, gateway, part), OC_OK);
        assert_int_equal(proof.n_cut_short, 1);
        assert_int_equal(proof.n_held, 1);
    }
    kept[n - 20] = '\n';
    assert_bad(verify_with(&fixture->export, gateway, kept), "line 1: not a checkpoint");
    assert_int_equal(verify_with(&fixture->export, gateway, "\n\n"), OC_INVALID_ARGUMENT);
}

static void what_is_no_export_is_refused_in_words(void **state)
{
    struct exports_fixture *fixture = *state;
    static char long_line[3 * OC_AUDIT_LINE_BYTES];
    struct export export = {.text = long_line, .n = sizeof long_line};
    memset(long_line, 'x', sizeof long_line);
    assert_bad(verify(&export), "longer than any record");
    export.n = 0;
    assert_bad(verify(&export), "empty");
    long_line[3] = '\n';
    export.n = 4;
    assert_bad(verify(&export), "not the header");
    export = fixture->export;
    export.text += export.lines[1];
    export.n -= export.lines[1];
    assert_bad(verify(&export), "not the header");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, exports_set_up, exports_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_export_is_proved_and_what_is_open_is_told),
        TEST(it_may_come_in_pieces_of_any_size),
        TEST(an_export_goes_on_where_it_ended_and_nowhere_else),
        TEST(every_byte_that_is_flipped_is_found),
        TEST(every_cut_is_found),
        TEST(what_is_cut_short_is_named),
        TEST(every_line_that_is_dropped_doubled_or_moved_is_found),
        TEST(the_first_bad_record_is_named),
        TEST(a_chain_made_anew_without_the_key_is_found),
        TEST(one_signed_with_another_key_is_found_by_the_pin_or_a_kept_checkpoint),
        TEST(one_made_anew_with_the_key_is_found_by_a_kept_checkpoint),
        TEST(yesterdays_file_is_found_by_a_checkpoint_of_today),
        TEST(a_rollback_that_was_accepted_gives_up_an_older_epoch_alone),
        TEST(a_checkpoint_of_another_key_gives_up_nothing),
        TEST(a_newer_checkpoint_of_another_database_is_found),
        TEST(checkpoints_of_other_gateways_are_passed_over),
        TEST(every_flipped_byte_of_a_kept_checkpoint_is_found),
        TEST(a_last_line_that_a_crash_cut_short_is_counted_and_no_other),
        TEST(what_is_no_export_is_refused_in_words),
    };
    return cmocka_run_group_tests_name("audit verify", tests, exports_make_keys, exports_free_keys);
}
