/* Rows of administrators that somebody changed behind the store's back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "proto/base/cleanup.h"
#include "tests/conformance/store_suite.h"
#include "tests/conformance/store_values.h"

static struct suite_backend backend = {
    .name = "SQLite",
    .open = store_open_sqlite,
    .is_durable = true,
};

static int set_up(void **state)
{
    *state = &backend;
    return suite_set_up(state);
}

static void put(struct suite *suite, const char *name)
{
    static struct administrator administrator;
    value_administrator(name, 3, &administrator);
    const struct store_change change = {
        .administrator = &administrator, .action = "admin.issue", .now_ms = suite->now_ms++};
    suite_begin(suite);
    suite_apply(suite, &change, OC_OK);
    suite_commit(suite);
}

static void execute(struct suite *suite, const char *sql)
{
    sqlite3 *db = NULL;
    store_close(suite->store);
    suite->store = NULL;
    assert_int_equal(sqlite3_open(suite->path, &db), SQLITE_OK);
    if (sqlite3_exec(db, "PRAGMA ignore_check_constraints = 1", NULL, NULL, NULL) ||
        sqlite3_exec(db, sql, NULL, NULL, NULL)) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    struct oc_error err;
    if (store_open_sqlite(&suite->options, &suite->store, &err)) {
        fail_msg("open: %s", err.text);
    }
}

struct count {
    size_t n;
    size_t n_trusted;
};

static enum oc_status count(void *user, const struct administrator *administrator)
{
    struct count *out = user;
    out->n++;
    out->n_trusted += !administrator->is_quarantined;
    return OC_OK;
}

static struct count load(struct suite *suite)
{
    struct count out = {0};
    struct oc_error err;
    assert_int_equal(store_load_administrators(suite->store, count, &out, &err), OC_OK);
    return out;
}

static const char *const edits[] = {
    "UPDATE administrators SET role = 3 WHERE name = 'alice'",
    "UPDATE administrators SET role = 0 WHERE name = 'alice'",
    "UPDATE administrators SET is_revoked = 1 WHERE name = 'alice'",
    "UPDATE administrators SET generation = generation - 1 WHERE name = 'alice'",
    "UPDATE administrators SET created_by = 'uid:1' WHERE name = 'alice'",
    "UPDATE administrators SET created_ms = 1 WHERE name = 'alice'",
    "UPDATE administrators SET decided_by = '' WHERE name = 'alice'",
    "UPDATE administrators SET decided_ms = 1 WHERE name = 'alice'",
    "UPDATE administrators SET name = 'mallory' WHERE name = 'alice'",
    "UPDATE administrators SET certificates = x'' WHERE name = 'alice'",
    "UPDATE administrators SET certificates = x'00' WHERE name = 'alice'",
    "UPDATE administrators SET certificates = CAST(certificates || x'00' AS BLOB) WHERE name = "
    "'alice'",
    "UPDATE administrators SET certificates = substr(certificates, 1, 99) WHERE name = 'alice'",
    "UPDATE administrators SET mac = zeroblob(32) WHERE name = 'alice'",
    "UPDATE administrators SET mac = (SELECT mac FROM administrators WHERE name = 'bob')"
    " WHERE name = 'alice'",
};

static void every_edit_of_an_administrator_is_quarantined(void **state)
{
    struct suite *suite = *state;
    put(suite, "bob");
    for (size_t i = 0; i < OC_ARRAY_LENGTH(edits); i++) {
        put(suite, "alice");
        execute(suite, edits[i]);
        const struct count found = load(suite);
        if (found.n_trusted != found.n - 1) {
            fail_msg("trusted: %s", edits[i]);
        }
        execute(suite, "DELETE FROM administrators WHERE name <> 'bob'");
    }
}

static void a_flipped_bit_in_its_certificates_is_quarantined(void **state)
{
    struct suite *suite = *state;
    char sql[256];
    put(suite, "alice");
    execute(suite, "CREATE TABLE kept AS SELECT certificates FROM administrators");
    for (int at = 1; at < 2000; at += 13) {
        (void)snprintf(sql, sizeof sql,
                       "UPDATE administrators SET certificates = (SELECT"
                       " CAST(substr(certificates, 1, %d) || x'a5' || substr(certificates, %d)"
                       " AS BLOB) FROM kept)",
                       at - 1, at + 1);
        execute(suite, sql);
        assert_int_equal(load(suite).n_trusted, 0);
    }
    execute(suite, "UPDATE administrators SET certificates = (SELECT certificates FROM kept)");
    assert_int_equal(load(suite).n_trusted, 1);
    execute(suite, "DROP TABLE kept");
}

static void what_is_written_while_quarantined_stays_so(void **state)
{
    struct suite *suite = *state;
    static struct administrator alice;
    value_administrator("alice", 1, &alice);
    alice.is_quarantined = true;
    const struct store_change change = {
        .administrator = &alice, .action = "admin.issue", .now_ms = suite->now_ms++};
    suite_begin(suite);
    suite_apply(suite, &change, OC_OK);
    suite_commit(suite);
    suite_restart(suite);
    assert_int_equal(load(suite).n_trusted, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_edit_of_an_administrator_is_quarantined, set_up,
                                        suite_tear_down),
        cmocka_unit_test_setup_teardown(a_flipped_bit_in_its_certificates_is_quarantined, set_up,
                                        suite_tear_down),
        cmocka_unit_test_setup_teardown(what_is_written_while_quarantined_stays_so, set_up,
                                        suite_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
