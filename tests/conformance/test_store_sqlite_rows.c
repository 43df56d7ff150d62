/* Rows that somebody changed behind the store's back, and rows that the schema itself refuses. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "server/store/audit_chain.h"
#include "tests/conformance/store_suite.h"
#include "tests/conformance/store_values.h"

enum {
    FLIPS = 1500,
};

static struct suite_backend backend = {
    .name = "SQLite",
    .open = store_open_sqlite,
    .is_durable = true,
};

/* A store with one record of every sound shape, closed; a copy of its bytes to go back to. */
struct tamper {
    struct suite *suite;
    uint8_t *bytes;
    size_t n;
};

static void write_back(const struct tamper *tamper)
{
    int fd = open(tamper->suite->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, tamper->bytes, tamper->n), tamper->n);
    assert_int_equal(close(fd), 0);
}

static int set_up(void **state)
{
    *state = &backend;
    (void)suite_set_up(state);
    struct tamper *tamper = calloc(1, sizeof *tamper);
    assert_non_null(tamper);
    tamper->suite = *state;
    for (uint32_t shape = 0; shape < SHAPE_QUARANTINED; shape++) {
        const struct pairing record = value_record((enum record_shape)shape, shape);
        suite_put(tamper->suite, &record);
        const struct store_sighting row = {record.id, value_sighting(shape)};
        struct oc_error err;
        assert_int_equal(store_save_sightings(tamper->suite->store, &row, 1, &err), OC_OK);
    }
    store_close(tamper->suite->store);
    tamper->suite->store = NULL;
    struct stat status;
    assert_int_equal(stat(tamper->suite->path, &status), 0);
    tamper->n = (size_t)status.st_size;
    tamper->bytes = malloc(tamper->n);
    assert_non_null(tamper->bytes);
    int fd = open(tamper->suite->path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, tamper->bytes, tamper->n), tamper->n);
    assert_int_equal(close(fd), 0);
    *state = tamper;
    return 0;
}

static int tear_down(void **state)
{
    struct tamper *tamper = *state;
    void *suite = tamper->suite;
    free(tamper->bytes);
    free(tamper);
    return suite_tear_down(&suite);
}

/* Runs SQL on the closed file, checks of the schema switched off or on. */
static int execute(const struct tamper *tamper, bool checks, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(tamper->suite->path, &db, SQLITE_OPEN_READWRITE, NULL),
                     SQLITE_OK);
    const char *pragma =
        checks ? "PRAGMA foreign_keys = ON" : "PRAGMA ignore_check_constraints = ON";
    assert_int_equal(sqlite3_exec(db, pragma, NULL, NULL, NULL), SQLITE_OK);
    int result = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (result == SQLITE_OK) {
        assert_int_equal(sqlite3_changes(db) > 0, 1);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return result;
}

static void open_again(struct tamper *tamper)
{
    struct oc_error err = {0};
    tamper->suite->options.may_create = false;
    if (store_open_sqlite(&tamper->suite->options, &tamper->suite->store, &err)) {
        fail_msg("open: %s", err.text);
    }
}

static void close_again(struct tamper *tamper)
{
    store_close(tamper->suite->store);
    tamper->suite->store = NULL;
}

/* ---- trust rows ---------------------------------------------------------------------------- */

/* Number of the record, SQL, whether it must be quarantined. */
static void every_edit_of_a_trust_row_is_quarantined(void **state)
{
    static const struct {
        const char *set;
        enum record_shape shape;
    } rows[] = {
        {"UPDATE devices SET standing = 2", SHAPE_APPROVED},
        {"UPDATE devices SET standing = 3", SHAPE_APPROVED},
        {"UPDATE devices SET standing = 9", SHAPE_APPROVED},
        {"UPDATE devices SET standing = 1, granted = (SELECT granted FROM devices"
         " WHERE standing = 1 LIMIT 1)",
         SHAPE_BLOCKED},
        {"UPDATE devices SET standing = 0", SHAPE_BLOCKED},
        {"UPDATE devices SET standing = 0", SHAPE_REVOKED},
        {"UPDATE devices SET generation = generation + 1", SHAPE_APPROVED},
        {"UPDATE devices SET generation = generation - 1", SHAPE_APPROVED},
        {"UPDATE devices SET is_removed = 0", SHAPE_REMOVED},
        {"UPDATE devices SET granted = asked", SHAPE_APPROVED},
        {"UPDATE devices SET granted = x'0161'", SHAPE_APPROVED},
        {"UPDATE devices SET granted = x''", SHAPE_APPROVED},
        {"UPDATE devices SET asked = granted", SHAPE_APPROVED},
        {"UPDATE devices SET term_ends_ms = 0", SHAPE_UPGRADE},
        {"UPDATE devices SET term_ends_ms = term_ends_ms + 1", SHAPE_UPGRADE},
        {"UPDATE devices SET alias = 'x'", SHAPE_UPGRADE},
        {"UPDATE devices SET labels = x''", SHAPE_UPGRADE},
        {"UPDATE devices SET labels = x'ff'", SHAPE_UPGRADE},
        {"UPDATE devices SET mac = zeroblob(32)", SHAPE_APPROVED},
        {"UPDATE devices SET mac = (SELECT mac FROM devices WHERE standing = 3)", SHAPE_APPROVED},
        {"UPDATE devices SET id = randomblob(32)", SHAPE_APPROVED},
        {"UPDATE expectations SET approves = 0", SHAPE_EXPECTED},
        {"UPDATE expectations SET until_ms = until_ms + 1", SHAPE_EXPECTED},
        {"UPDATE expectations SET granted = (SELECT asked FROM devices WHERE standing = 1)",
         SHAPE_EXPECTED},
        {"UPDATE expectations SET labels = x''", SHAPE_EXPECTED},
        {"UPDATE expectations SET term_ms = 0", SHAPE_EXPECTED},
        {"UPDATE expectations SET mac = zeroblob(32)", SHAPE_EXPECTED},
        {"UPDATE requests SET ask = x'00'", SHAPE_PENDING},
        {"UPDATE requests SET why = 0", SHAPE_PENDING},
        {"UPDATE requests SET votes = (SELECT votes FROM requests WHERE device = 3)",
         SHAPE_PENDING},
        {"UPDATE requests SET votes = x'00'", SHAPE_PENDING},
        {"UPDATE requests SET id = '0123456789'", SHAPE_UPGRADE},
        {"UPDATE requests SET digest = zeroblob(32)", SHAPE_UPGRADE},
        {"UPDATE requests SET votes = substr(votes, 1, length(votes) - 1)", SHAPE_UPGRADE},
        {"UPDATE requests SET votes = CAST(substr(votes, 1, 5) || 'x' || substr(votes, 7) AS BLOB)",
         SHAPE_UPGRADE},
    };
    struct tamper *tamper = *state;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(rows); i++) {
        char sql[512];
        (void)snprintf(sql, sizeof sql, "%s WHERE device = %d", rows[i].set,
                       (int)rows[i].shape + 1);
        write_back(tamper);
        assert_int_equal(execute(tamper, false, sql), SQLITE_OK);
        open_again(tamper);
        struct suite_rows loaded = suite_load(tamper->suite);
        assert_int_equal(loaded.n, SHAPE_QUARANTINED);
        for (size_t n = 0; n < loaded.n; n++) {
            const bool is_the_one = n == (size_t)rows[i].shape;
            if (loaded.records[n].is_quarantined != is_the_one) {
                fail_msg("record %zu after: %s", n, sql);
            }
        }
        suite_rows_free(&loaded);
        close_again(tamper);
    }
}

static void votes_that_are_not_authentic_are_none(void **state)
{
    struct tamper *tamper = *state;
    const struct oc_device_id id = value_device_id(SHAPE_UPGRADE);
    assert_int_equal(execute(tamper, false,
                             "UPDATE requests SET votes = CAST(substr(votes, 1, 5) || 'x' ||"
                             " substr(votes, 7) AS BLOB) WHERE device = 3"),
                     SQLITE_OK);
    open_again(tamper);
    const struct pairing record = suite_find(tamper->suite, &id);
    assert_true(record.is_quarantined);
    assert_int_equal(record.request.n_votes, 0);
}

static void an_approved_row_that_somebody_inserts_is_quarantined(void **state)
{
    struct tamper *tamper = *state;
    assert_int_equal(execute(tamper, true,
                             "INSERT INTO devices SELECT 100, randomblob(32), standing, generation,"
                             " is_removed, asked, granted, term_ends_ms, '', labels, mac,"
                             " claimed_name, last_end, replaced, replaced_ms, cool_down_until_ms,"
                             " cool_down_step, refused_upgrade, refused_upgrade_until_ms,"
                             " first_seen_ms, requested_ms, decided_ms, decided_by, approval_seq,"
                             " closed, closed_end"
                             " FROM devices"
                             " WHERE device = 2"),
                     SQLITE_OK);
    open_again(tamper);
    struct suite_rows rows = suite_load(tamper->suite);
    assert_int_equal(rows.n, SHAPE_QUARANTINED + 1);
    assert_int_equal(rows.records[rows.n - 1].standing, OC_STANDING_APPROVED);
    assert_true(rows.records[rows.n - 1].is_quarantined);
    suite_rows_free(&rows);
}

static void expect_all_quarantined(struct tamper *tamper)
{
    struct suite_rows rows = suite_load(tamper->suite);
    for (size_t i = 0; i < rows.n; i++) {
        assert_true(rows.records[i].is_quarantined);
    }
    suite_rows_free(&rows);
}

static void under_another_key_nothing_is_trusted(void **state)
{
    struct tamper *tamper = *state;
    tamper->suite->row_key.bytes[31] ^= 1;
    open_again(tamper);
    expect_all_quarantined(tamper);
}

static void the_rows_of_another_gateway_are_not_trusted(void **state)
{
    struct tamper *tamper = *state;
    assert_int_equal(execute(tamper, true, "UPDATE meta SET gateway_id = zeroblob(16)"), SQLITE_OK);
    open_again(tamper);
    expect_all_quarantined(tamper);
}

static void a_quarantined_row_is_trusted_again_only_when_decided_anew(void **state)
{
    struct tamper *tamper = *state;
    struct suite *suite = tamper->suite;
    assert_int_equal(execute(tamper, false, "UPDATE devices SET generation = 77 WHERE device = 2"),
                     SQLITE_OK);
    open_again(tamper);
    const struct oc_device_id id = value_device_id(SHAPE_APPROVED);
    struct pairing record = suite_find(suite, &id);
    assert_true(record.is_quarantined);
    record.generation++;
    suite_put(suite, &record);
    suite_restart(suite);
    record = suite_find(suite, &id);
    assert_true(record.is_quarantined);
    record.is_quarantined = false;
    suite_put(suite, &record);
    suite_restart(suite);
    record = suite_find(suite, &id);
    assert_false(record.is_quarantined);
}

static void a_broken_sighting_counts_as_none(void **state)
{
    struct tamper *tamper = *state;
    assert_int_equal(
        execute(tamper, false, "UPDATE sightings SET boot_id = x'00' WHERE device = 2"), SQLITE_OK);
    open_again(tamper);
    struct suite_rows rows = suite_load(tamper->suite);
    const struct sighting none = {0};
    assert_false(rows.records[1].is_quarantined);
    assert_same_sighting(&none, &rows.sightings[1]);
    suite_rows_free(&rows);
}

/* What an administrator decided of a record that loads as sound is what was written. */
static void expect_sound_or_quarantined(struct tamper *tamper)
{
    struct suite_rows rows = suite_load(tamper->suite);
    for (size_t i = 0; i < rows.n; i++) {
        const struct pairing *found = &rows.records[i];
        if (found->is_quarantined) {
            continue;
        }
        size_t n = 0;
        struct pairing sent = {0};
        while (n < SHAPE_QUARANTINED && !oc_device_id_equal(&sent.id, &found->id)) {
            sent = value_record((enum record_shape)n, (uint32_t)n);
            n++;
        }
        assert_true(oc_device_id_equal(&sent.id, &found->id));
        assert_int_equal(sent.standing, found->standing);
        assert_int_equal(sent.generation, found->generation);
        assert_int_equal(sent.is_removed, found->is_removed);
        assert_true(oc_grant_equal(&sent.granted, &found->granted));
        assert_true(oc_grant_equal(&sent.asked, &found->asked));
        assert_int_equal(sent.term_ends_ms, found->term_ends_ms);
        assert_string_equal(sent.alias, found->alias);
        assert_true(!found->expectation.is_set ||
                    oc_grant_equal(&sent.expectation.grant, &found->expectation.grant));
    }
    suite_rows_free(&rows);
}

static void a_flipped_bit_anywhere_never_changes_what_is_trusted(void **state)
{
    struct tamper *tamper = *state;
    struct suite *suite = tamper->suite;
    uint32_t random = 20240607;
    unsigned n_opened = 0;
    for (unsigned i = 0; i < FLIPS; i++) {
        random = random * 1664525u + 1013904223u;
        const size_t at = (random >> 3) % tamper->n;
        const uint8_t bit = (uint8_t)(1u << (random >> 29));
        tamper->bytes[at] ^= bit;
        write_back(tamper);
        tamper->bytes[at] ^= bit;
        struct oc_error err = {0};
        suite->options.may_create = true;
        enum oc_status st = store_open_sqlite(&suite->options, &suite->store, &err);
        if (st) {
            assert_true(st == OC_DATA_LOSS || st == OC_FAILED_PRECONDITION || st == OC_UNAVAILABLE);
            continue;
        }
        n_opened++;
        expect_sound_or_quarantined(tamper);
        close_again(tamper);
    }
    assert_true(n_opened > 0 && n_opened < FLIPS);
}

/* ---- the schema ---------------------------------------------------------------------------- */

static void the_schema_refuses_impossible_rows(void **state)
{
    static const char *const edits[] = {
        "UPDATE devices SET standing = 4 WHERE device = 2",
        "UPDATE devices SET standing = -1 WHERE device = 2",
        "UPDATE devices SET standing = 0 WHERE device = 2",
        "UPDATE devices SET standing = 1 WHERE device = 1",
        "UPDATE devices SET granted = x'' WHERE device = 2",
        "UPDATE devices SET generation = 0 WHERE device = 2",
        "UPDATE devices SET generation = -1 WHERE device = 1",
        "UPDATE devices SET id = x'00' WHERE device = 2",
        "UPDATE devices SET id = (SELECT id FROM devices WHERE device = 1) WHERE device = 2",
        "UPDATE devices SET mac = x'' WHERE device = 2",
        "UPDATE devices SET term_ends_ms = 5 WHERE device = 1",
        "UPDATE devices SET cool_down_until_ms = 5 WHERE standing = 3",
        "UPDATE devices SET alias = 'x' WHERE is_removed = 1",
        "UPDATE devices SET is_removed = 1 WHERE device = 2",
        "UPDATE devices SET is_removed = 2 WHERE is_removed = 1",
        "UPDATE devices SET alias = 'x' WHERE device IN (1, 2)",
        "UPDATE devices SET replaced = 'ABC' WHERE device = 1",
        "UPDATE devices SET alias = printf('%065d', 1) WHERE device = 2",
        "UPDATE devices SET last_end = 7 WHERE device = 2",
        "UPDATE devices SET standing = 'approved' WHERE device = 2",
        "UPDATE devices SET first_seen_ms = NULL WHERE device = 2",
        "UPDATE requests SET id = '' WHERE device = 1",
        "UPDATE requests SET id = 'R000000002' WHERE device = 1",
        "UPDATE requests SET digest = x'' WHERE device = 1",
        "UPDATE requests SET ask = x'' WHERE device = 1",
        "UPDATE requests SET why = 1 WHERE device = 1",
        "UPDATE requests SET code_failures = 6 WHERE device = 1",
        "UPDATE requests SET attempted_ms = opened_ms - 1 WHERE device = 1",
        "UPDATE requests SET device = 4711 WHERE device = 1",
        "DELETE FROM devices WHERE device = 1",
        "UPDATE expectations SET granted = x''",
        "UPDATE expectations SET until_ms = 0",
        "UPDATE sightings SET host_hint = x'' WHERE device = 1",
        "UPDATE audit SET hash = x'' WHERE seq = 1",
        "UPDATE audit SET device_id = x'00' WHERE seq = 1",
        "UPDATE change_log SET action = '' WHERE seq = 1",
        "UPDATE change_log SET device_id = x'00' WHERE seq = 1",
        "UPDATE meta SET epoch = 0",
        "UPDATE meta SET id = 2",
        "INSERT INTO meta SELECT 2, gateway_id, database_id, schema_version, epoch, seq, audit_seq,"
        " audit_head, created_ms, clock_ms FROM meta",
        "UPDATE meta SET gateway_id = zeroblob(15)",
    };
    struct tamper *tamper = *state;
    assert_int_equal(
        execute(tamper, true, "UPDATE requests SET id = 'R000000002' WHERE device = 3"), SQLITE_OK);
    for (size_t i = 0; i < OC_ARRAY_LENGTH(edits); i++) {
        int result = execute(tamper, true, edits[i]);
        if (result != SQLITE_CONSTRAINT) {
            fail_msg("%s: result %d", edits[i], result);
        }
    }
}

/* ---- the audit of a copy ------------------------------------------------------------------- */

static void copy_text(sqlite3_stmt *statement, int column, char *out, size_t room)
{
    (void)snprintf(out, room, "%s", (const char *)sqlite3_column_text(statement, column));
}

/* As somebody without this gateway would: SQL and the description in README.md. */
static bool verify_copy(const struct tamper *tamper)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *rows = NULL;
    sqlite3_stmt *meta = NULL;
    assert_int_equal(sqlite3_open_v2(tamper->suite->path, &db, SQLITE_OPEN_READONLY, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT gateway_id, database_id, audit_seq, audit_head"
                                        " FROM meta",
                                        -1, &meta, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT * FROM audit ORDER BY seq", -1, &rows, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(meta), SQLITE_ROW);
    struct oc_digest head =
        audit_chain_genesis(sqlite3_column_blob(meta, 0), sqlite3_column_blob(meta, 1));
    int64_t seq = 0;
    bool is_valid = true;
    while (sqlite3_step(rows) == SQLITE_ROW) {
        struct audit_event event = {.at_ms = sqlite3_column_int64(rows, 1)};
        copy_text(rows, 2, event.actor.name, sizeof event.actor.name);
        copy_text(rows, 3, event.actor.source, sizeof event.actor.source);
        copy_text(rows, 4, event.action, sizeof event.action);
        copy_text(rows, 5, event.outcome, sizeof event.outcome);
        if (sqlite3_column_bytes(rows, 6) == OC_DEVICE_ID_BYTES) {
            memcpy(event.device_id.bytes, sqlite3_column_blob(rows, 6), OC_DEVICE_ID_BYTES);
        }
        copy_text(rows, 7, event.request_id.text, sizeof event.request_id.text);
        copy_text(rows, 8, event.before, sizeof event.before);
        copy_text(rows, 9, event.after, sizeof event.after);
        copy_text(rows, 10, event.reason, sizeof event.reason);
        copy_text(rows, 11, event.rule, sizeof event.rule);
        copy_text(rows, 12, event.detail, sizeof event.detail);
        is_valid = is_valid && sqlite3_column_int64(rows, 0) == ++seq;
        head = audit_chain_next(&head, (uint64_t)seq, &event);
        is_valid =
            is_valid && memcmp(head.bytes, sqlite3_column_blob(rows, 13), OC_DIGEST_BYTES) == 0;
    }
    is_valid = is_valid && seq == sqlite3_column_int64(meta, 2) &&
               memcmp(head.bytes, sqlite3_column_blob(meta, 3), OC_DIGEST_BYTES) == 0;
    (void)sqlite3_finalize(rows);
    (void)sqlite3_finalize(meta);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return is_valid;
}

static void the_audit_of_a_copy_can_be_verified_and_shows_every_edit(void **state)
{
    static const char *const edits[] = {
        "UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 3",
        "UPDATE audit SET actor = 'uid:0' WHERE seq = 3",
        "UPDATE audit SET source = 'local' WHERE seq = 3",
        "UPDATE audit SET action = 'reject' WHERE seq = 3",
        "UPDATE audit SET outcome = 'denied' WHERE seq = 3",
        "UPDATE audit SET device_id = NULL WHERE seq = 3",
        "UPDATE audit SET request_id = '' WHERE seq = 3",
        "UPDATE audit SET state_before = 'none' WHERE seq = 3",
        "UPDATE audit SET state_after = 'none' WHERE seq = 3",
        "UPDATE audit SET reason = '' WHERE seq = 3",
        "UPDATE audit SET rule = '' WHERE seq = 3",
        "UPDATE audit SET detail = '' WHERE seq = 3",
        "UPDATE audit SET hash = zeroblob(32) WHERE seq = 3",
        "UPDATE audit SET state_before = state_before || state_after, state_after = ''"
        " WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 1",
        "DELETE FROM audit WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 8",
        "UPDATE audit SET seq = CASE seq WHEN 8 THEN 100 ELSE seq END",
        "UPDATE audit SET reason = (SELECT substr(reason, 2) FROM audit WHERE seq = 4) WHERE seq = "
        "8",
        "UPDATE meta SET audit_head = zeroblob(32)",
        "UPDATE meta SET audit_seq = 7",
        "UPDATE meta SET gateway_id = zeroblob(16)",
        "UPDATE meta SET database_id = zeroblob(16)",
    };
    struct tamper *tamper = *state;
    assert_true(verify_copy(tamper));
    for (size_t i = 0; i < OC_ARRAY_LENGTH(edits); i++) {
        write_back(tamper);
        assert_int_equal(execute(tamper, false, edits[i]), SQLITE_OK);
        if (verify_copy(tamper)) {
            fail_msg("not noticed: %s", edits[i]);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_edit_of_a_trust_row_is_quarantined),
        TEST(votes_that_are_not_authentic_are_none),
        TEST(an_approved_row_that_somebody_inserts_is_quarantined),
        TEST(under_another_key_nothing_is_trusted),
        TEST(the_rows_of_another_gateway_are_not_trusted),
        TEST(a_quarantined_row_is_trusted_again_only_when_decided_anew),
        TEST(a_broken_sighting_counts_as_none),
        TEST(a_flipped_bit_anywhere_never_changes_what_is_trusted),
        TEST(the_schema_refuses_impossible_rows),
        TEST(the_audit_of_a_copy_can_be_verified_and_shows_every_edit),
    };
    return cmocka_run_group_tests_name("rows of the database", tests, NULL, NULL);
}
