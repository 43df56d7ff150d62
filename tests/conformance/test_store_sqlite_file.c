/* The database file: how it comes to be, what is refused in its place, and who may open it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "server/store/store_backend.h"
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

static void close_store(struct suite *suite)
{
    store_close(suite->store);
    suite->store = NULL;
}

static enum oc_status try_open(struct suite *suite, bool may_create)
{
    struct oc_error err = {0};
    suite->options.may_create = may_create;
    enum oc_status st = store_open_sqlite(&suite->options, &suite->store, &err);
    if (st) {
        assert_null(suite->store);
        assert_true(strlen(err.text) > 10);
    }
    return st;
}

static void put_some(struct suite *suite)
{
    for (uint32_t i = 0; i < 4; i++) {
        const struct pairing record = value_record(SHAPE_APPROVED, i);
        suite_put(suite, &record);
    }
}

static void execute(const struct suite *suite, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(suite->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    char *text = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK) {
        fail_msg("%s: %s", sql, text);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void overwrite(const char *path, const char *bytes, size_t n)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void beside(const struct suite *suite, const char *suffix, char out[128])
{
    (void)snprintf(out, 128, "%s%s", suite->path, suffix);
}

/* ---- coming to be -------------------------------------------------------------------------- */

static void a_missing_database_is_not_found_and_not_made(void **state)
{
    struct suite *suite = *state;
    close_store(suite);
    assert_int_equal(unlink(suite->path), 0);
    assert_int_equal(try_open(suite, false), OC_NOT_FOUND);
    assert_int_equal(access(suite->path, F_OK), -1);
    (void)snprintf(suite->path, sizeof suite->path, "%s/none/gateway.db", suite->directory);
    assert_int_equal(try_open(suite, false), OC_NOT_FOUND);
}

static void an_existing_database_is_never_made_anew(void **state)
{
    struct suite *suite = *state;
    put_some(suite);
    close_store(suite);
    suite->options.database_id[0] = 99;
    assert_int_equal(try_open(suite, true), OC_OK);
    assert_int_equal(store_identity(suite->store).database_id[0], 4);
    assert_int_equal(store_identity(suite->store).seq, 4);
}

static void the_files_are_for_their_owner_alone(void **state)
{
    struct suite *suite = *state;
    close_store(suite);
    assert_int_equal(unlink(suite->path), 0);
    const mode_t before = umask(0);
    assert_int_equal(try_open(suite, true), OC_OK);
    put_some(suite);
    (void)umask(before);
    static const char *const names[] = {"", "-wal"};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(names); i++) {
        char name[128];
        struct stat status;
        beside(suite, names[i], name);
        assert_int_equal(stat(name, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
    char name[128];
    beside(suite, "-shm", name);
    assert_int_equal(access(name, F_OK), -1);
}

static void an_interrupted_creation_is_done_again(void **state)
{
    struct suite *suite = *state;
    close_store(suite);
    char name[128];
    beside(suite, ".new", name);
    assert_int_equal(rename(suite->path, name), 0);
    beside(suite, ".new-journal", name);
    overwrite(name, "half a journal", 14);
    assert_int_equal(try_open(suite, true), OC_OK);
    assert_int_equal(access(name, F_OK), -1);
    beside(suite, ".new", name);
    assert_int_equal(access(name, F_OK), -1);
}

static void a_log_without_its_database_stops_a_creation(void **state)
{
    struct suite *suite = *state;
    put_some(suite);
    /* What is on the disk while the store runs, without the database itself. */
    char live[128];
    char saved[128];
    beside(suite, "-wal", live);
    beside(suite, "-saved", saved);
    assert_int_equal(link(live, saved), 0);
    close_store(suite);
    assert_int_equal(unlink(suite->path), 0);
    assert_int_equal(rename(saved, live), 0);
    assert_int_equal(try_open(suite, true), OC_DATA_LOSS);
    assert_int_equal(access(suite->path, F_OK), -1);
}

/* What a backup is when somebody copies it over the database by hand: in rollback mode, and the log
 * beside it, sound in itself, is another's. */
static void a_backup_beside_the_log_of_another_database_is_data_loss(void **state)
{
    struct suite *suite = *state;
    struct oc_error err;
    char live[128];
    char saved[128];
    put_some(suite);
    beside(suite, "-wal", live);
    beside(suite, "-saved", saved);
    assert_int_equal(link(live, saved), 0);
    close_store(suite);
    execute(suite, "PRAGMA journal_mode = DELETE");
    assert_int_equal(rename(saved, live), 0);
    suite->options.may_create = false;
    assert_int_equal(store_open_sqlite(&suite->options, &suite->store, &err), OC_DATA_LOSS);
    assert_non_null(strstr(err.text, "openclaw gateway restore"));
    /* Alone, or beside a log without content, it is what a restore or a creation leaves. */
    overwrite(live, "", 0);
    assert_int_equal(try_open(suite, false), OC_OK);
}

/* ---- what is not ours ---------------------------------------------------------------------- */

static void an_empty_file_is_data_loss(void **state)
{
    struct suite *suite = *state;
    close_store(suite);
    overwrite(suite->path, "", 0);
    assert_int_equal(try_open(suite, true), OC_DATA_LOSS);
    assert_int_equal(try_open(suite, false), OC_DATA_LOSS);
    struct stat status;
    assert_int_equal(stat(suite->path, &status), 0);
    assert_int_equal(status.st_size, 0);
}

static void a_file_of_another_kind_is_data_loss(void **state)
{
    struct suite *suite = *state;
    close_store(suite);
    char text[8192];
    memset(text, 'x', sizeof text);
    overwrite(suite->path, text, sizeof text);
    assert_int_equal(try_open(suite, true), OC_DATA_LOSS);
    overwrite(suite->path, text, 3);
    assert_int_equal(try_open(suite, true), OC_DATA_LOSS);
}

static void a_database_of_another_program_is_data_loss_and_stays_as_it_is(void **state)
{
    struct suite *suite = *state;
    close_store(suite);
    assert_int_equal(unlink(suite->path), 0);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(suite->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE mine (a)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    struct stat before;
    struct stat after;
    assert_int_equal(stat(suite->path, &before), 0);
    assert_int_equal(try_open(suite, true), OC_DATA_LOSS);
    assert_int_equal(stat(suite->path, &after), 0);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_equal(before.st_size, after.st_size);
}

static void a_directory_or_a_link_is_data_loss(void **state)
{
    struct suite *suite = *state;
    close_store(suite);
    char name[128];
    beside(suite, "-elsewhere", name);
    assert_int_equal(rename(suite->path, name), 0);
    assert_int_equal(symlink(name, suite->path), 0);
    assert_int_equal(try_open(suite, true), OC_DATA_LOSS);
    assert_int_equal(unlink(suite->path), 0);
    assert_int_equal(mkdir(suite->path, 0700), 0);
    assert_int_equal(try_open(suite, true), OC_DATA_LOSS);
}

static void the_way_to_the_database_may_have_links(void **state)
{
    struct suite *suite = *state;
    put_some(suite);
    close_store(suite);
    char link[128];
    beside(suite, "-way", link);
    assert_int_equal(symlink(suite->directory, link), 0);
    char path[256];
    (void)snprintf(path, sizeof path, "%s/gateway.db", link);
    suite->options.path = path;
    assert_int_equal(try_open(suite, false), OC_OK);
    assert_int_equal(store_identity(suite->store).seq, 4);
}

static void a_cut_off_database_is_data_loss(void **state)
{
    struct suite *suite = *state;
    put_some(suite);
    close_store(suite);
    struct stat status;
    assert_int_equal(stat(suite->path, &status), 0);
    for (off_t size = status.st_size - 4096; size > 0; size -= 4096) {
        assert_int_equal(truncate(suite->path, size), 0);
        assert_int_equal(try_open(suite, true), OC_DATA_LOSS);
    }
}

static void damage_in_a_page_that_a_start_does_not_read_is_noticed(void **state)
{
    struct suite *suite = *state;
    put_some(suite);
    close_store(suite);
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open_v2(suite->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT rootpage FROM sqlite_master"
                                        " WHERE name = 'audit_by_device'",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const off_t at = (sqlite3_column_int(statement, 0) - 1) * (off_t)4096;
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    static const uint8_t zeros[4096];
    int fd = open(suite->path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, zeros, sizeof zeros, at), sizeof zeros);
    assert_int_equal(close(fd), 0);
    assert_int_equal(try_open(suite, true), OC_DATA_LOSS);
}

static void a_newer_schema_asks_for_the_newer_gateway(void **state)
{
    struct suite *suite = *state;
    close_store(suite);
    execute(suite, "UPDATE meta SET schema_version = schema_version + 1");
    assert_int_equal(try_open(suite, true), OC_FAILED_PRECONDITION);
}

/* What version 1 had in place of what later ones have. */
static const char back_to_version_1[] =
    "CREATE TABLE change_log_1 (seq INTEGER PRIMARY KEY CHECK (seq > 0), at_ms INTEGER NOT NULL,"
    " action TEXT NOT NULL CHECK (length(CAST(action AS BLOB)) BETWEEN 1 AND 23),"
    " device INTEGER NOT NULL REFERENCES devices (device)) STRICT;"
    "INSERT INTO change_log_1 SELECT c.seq, c.at_ms, c.action, d.device FROM change_log c"
    " JOIN devices d ON d.id = c.device_id;"
    "DROP TABLE change_log; ALTER TABLE change_log_1 RENAME TO change_log;"
    "ALTER TABLE devices DROP COLUMN approval_seq;"
    "ALTER TABLE devices DROP COLUMN closed; ALTER TABLE devices DROP COLUMN closed_end;"
    "DROP TABLE administrators; ALTER TABLE requests DROP COLUMN votes;"
    "UPDATE meta SET schema_version = 1";

static void a_database_of_version_1_is_brought_up_with_its_history(void **state)
{
    struct suite *suite = *state;
    put_some(suite);
    const struct store_identity before = store_identity(suite->store);
    close_store(suite);
    execute(suite, back_to_version_1);
    assert_int_equal(try_open(suite, false), OC_OK);
    assert_int_equal(store_identity(suite->store).seq, before.seq);
    struct store_change_row rows[5];
    size_t n = 0;
    struct oc_error err;
    assert_int_equal(store_list_changes(suite->store, 0, rows, 5, &n, &err), OC_OK);
    assert_int_equal(n, 4);
    for (uint32_t i = 0; i < 4; i++) {
        const struct oc_device_id id = value_device_id(i);
        struct pairing sent = value_record(SHAPE_APPROVED, i);
        sent.approval_seq = 0; /* nobody kept it then */
        sent.closed = (struct oc_request_id){.text = ""};
        sent.closed_end = REQUEST_END_NONE;
        const struct pairing found = suite_find(suite, &id);
        assert_int_equal(rows[i].seq, i + 1);
        assert_true(oc_device_id_equal(&rows[i].device_id, &id));
        assert_same_record(&sent, &found);
    }
    const struct pairing next = value_record(SHAPE_PENDING, 9);
    assert_int_equal(suite_put(suite, &next), 5);
    suite_restart(suite);
    assert_int_equal(store_identity(suite->store).seq, 5);
}

static void a_database_without_its_name_is_data_loss(void **state)
{
    struct suite *suite = *state;
    close_store(suite);
    execute(suite, "DELETE FROM meta");
    assert_int_equal(try_open(suite, true), OC_DATA_LOSS);
}

static void logs_that_contradict_the_numbers_are_data_loss(void **state)
{
    static const char *const edits[] = {
        "UPDATE meta SET seq = seq - 1",
        "UPDATE meta SET seq = seq + 1",
        "UPDATE meta SET audit_seq = audit_seq + 1",
        "UPDATE meta SET audit_head = zeroblob(32)",
        "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)",
        "DELETE FROM change_log WHERE seq = (SELECT max(seq) FROM change_log)",
        "DELETE FROM audit",
    };
    struct suite *suite = *state;
    put_some(suite);
    close_store(suite);
    char copy[64 * 1024 * 4];
    int fd = open(suite->path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = read(fd, copy, sizeof copy);
    assert_true(n > 0 && (size_t)n < sizeof copy);
    assert_int_equal(close(fd), 0);
    for (size_t i = 0; i < OC_ARRAY_LENGTH(edits); i++) {
        overwrite(suite->path, copy, (size_t)n);
        execute(suite, edits[i]);
        assert_int_equal(try_open(suite, true), OC_DATA_LOSS);
    }
}

static void a_reopen_tells_of_another_database_in_its_place(void **state)
{
    struct suite *suite = *state;
    put_some(suite);
    close_store(suite);
    char name[128];
    beside(suite, "-mine", name);
    assert_int_equal(rename(suite->path, name), 0);
    suite->options.database_id[0] = 77;
    assert_int_equal(try_open(suite, true), OC_OK);
    close_store(suite);
    char other[128];
    beside(suite, "-other", other);
    assert_int_equal(rename(suite->path, other), 0);
    assert_int_equal(rename(name, suite->path), 0);
    assert_int_equal(try_open(suite, false), OC_OK);
    assert_int_equal(rename(other, suite->path), 0);
    struct oc_error err;
    assert_int_equal(store_reopen(suite->store, &err), OC_OK);
    assert_int_equal(store_identity(suite->store).database_id[0], 77);
}

/* Upkeep that failed has the connection made anew; what it finds is compared, not believed. */
static void a_connection_made_anew_that_finds_other_numbers_is_not_used(void **state)
{
    struct suite *suite = *state;
    struct oc_error err;
    put_some(suite);
    suite->store->is_stale = true;
    assert_int_equal(store_begin(suite->store, &err), OC_OK);
    store_rollback(suite->store);
    suite->store->is_stale = true;
    suite->store->committed.seq++; /* as if the last change had gone from the file */
    assert_int_equal(store_begin(suite->store, &err), OC_UNAVAILABLE);
    assert_true(store_needs_reopen(suite->store));
    assert_int_equal(store_begin(suite->store, &err), OC_UNAVAILABLE);
    assert_int_equal(store_reopen(suite->store, &err), OC_OK);
    assert_int_equal(store_begin(suite->store, &err), OC_OK);
    store_rollback(suite->store);
}

/* ---- who may open it ----------------------------------------------------------------------- */

/* Runs in the child: waits for the word, tries to open, exits with the status. */
static void open_when_told(struct suite *suite, int word)
{
    char byte;
    if (read(word, &byte, 1) != 1) {
        _exit(99);
    }
    struct oc_error err;
    struct store *store = NULL;
    suite->options.may_create = false;
    _exit((int)store_open_sqlite(&suite->options, &store, &err));
}

static void a_second_process_is_refused_and_the_first_unharmed(void **state)
{
    struct suite *suite = *state;
    close_store(suite);
    int word[2];
    assert_int_equal(pipe(word), 0);
    /* Forked before this process has the file open: a fork would share its locks' bookkeeping. */
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        open_when_told(suite, word[0]);
    }
    assert_int_equal(try_open(suite, false), OC_OK);
    put_some(suite);
    assert_int_equal(write(word[1], "x", 1), 1);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), OC_FAILED_PRECONDITION);
    assert_int_equal(close(word[0]), 0);
    assert_int_equal(close(word[1]), 0);
    const struct pairing record = value_record(SHAPE_PENDING, 9);
    assert_int_equal(suite_put(suite, &record), 5);
    suite_restart(suite);
    assert_int_equal(store_identity(suite->store).seq, 5);
}

static void a_second_store_in_one_process_is_refused(void **state)
{
    struct suite *suite = *state;
    struct store *second = NULL;
    struct oc_error err;
    assert_int_equal(store_open_sqlite(&suite->options, &second, &err), OC_FAILED_PRECONDITION);
    assert_null(second);
    put_some(suite);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(suite->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "SELECT * FROM meta", NULL, NULL, NULL), SQLITE_BUSY);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, suite_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_missing_database_is_not_found_and_not_made),
        TEST(an_existing_database_is_never_made_anew),
        TEST(the_files_are_for_their_owner_alone),
        TEST(an_interrupted_creation_is_done_again),
        TEST(a_log_without_its_database_stops_a_creation),
        TEST(a_backup_beside_the_log_of_another_database_is_data_loss),
        TEST(an_empty_file_is_data_loss),
        TEST(a_file_of_another_kind_is_data_loss),
        TEST(a_database_of_another_program_is_data_loss_and_stays_as_it_is),
        TEST(a_directory_or_a_link_is_data_loss),
        TEST(the_way_to_the_database_may_have_links),
        TEST(a_cut_off_database_is_data_loss),
        TEST(damage_in_a_page_that_a_start_does_not_read_is_noticed),
        TEST(a_newer_schema_asks_for_the_newer_gateway),
        TEST(a_database_of_version_1_is_brought_up_with_its_history),
        TEST(a_database_without_its_name_is_data_loss),
        TEST(logs_that_contradict_the_numbers_are_data_loss),
        TEST(a_reopen_tells_of_another_database_in_its_place),
        TEST(a_connection_made_anew_that_finds_other_numbers_is_not_used),
        TEST(a_second_process_is_refused_and_the_first_unharmed),
        TEST(a_second_store_in_one_process_is_refused),
    };
    return cmocka_run_group_tests_name("database file", tests, NULL, NULL);
}
