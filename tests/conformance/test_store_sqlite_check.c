/*
 * The check of the whole database beside its load finds what a check before it finds, whatever page
 * is damaged; until it has ended nothing is written, and nobody else gets at the file.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "server/store/backup.h"
#include "tests/conformance/store_suite.h"
#include "tests/conformance/store_values.h"

enum {
    PAGE = 4096,
    N_RECORDS = 90,
    HANGS_AFTER_S = 60,
};

static int set_up(void **state)
{
    static struct suite_backend backend = {
        .name = "sqlite", .open = store_open_sqlite, .is_durable = true};
    *state = &backend;
    return suite_set_up(state);
}

static void close_store(struct suite *suite)
{
    store_close(suite->store);
    suite->store = NULL;
}

/* ---- files ----------------------------------------------------------------------------------- */

struct bytes {
    uint8_t *at;
    size_t n;
};

static void name_file(const struct suite *suite, const char *suffix, char out[128])
{
    (void)snprintf(out, 128, "%s%s", suite->path, suffix);
}

/* Of a file that is not there: none. */
static struct bytes read_file(const struct suite *suite, const char *suffix)
{
    char name[128];
    struct stat facts = {0};
    name_file(suite, suffix, name);
    if (stat(name, &facts)) {
        return (struct bytes){0};
    }
    struct bytes bytes = {.at = malloc((size_t)facts.st_size + 1), .n = (size_t)facts.st_size};
    const int fd = open(name, O_RDONLY | O_CLOEXEC);
    assert_non_null(bytes.at);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, bytes.at, bytes.n), bytes.n);
    assert_int_equal(close(fd), 0);
    return bytes;
}

static void write_file(const struct suite *suite, const char *suffix, const struct bytes *bytes)
{
    char name[128];
    name_file(suite, suffix, name);
    (void)unlink(name);
    if (bytes->at) {
        const int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes->at, bytes->n), bytes->n);
        assert_int_equal(close(fd), 0);
    }
}

struct files {
    struct bytes database, log;
};

static struct files read_files(const struct suite *suite)
{
    const struct files files = {read_file(suite, ""), read_file(suite, "-wal")};
    if (!files.database.at) {
        abort(); /* every analyser knows that it does not return */
    }
    return files;
}

static void write_files(const struct suite *suite, const struct files *files)
{
    write_file(suite, "", &files->database);
    write_file(suite, "-wal", &files->log);
}

static void free_files(struct files *files)
{
    free(files->database.at);
    free(files->log.at);
}

static bool is_same(const struct bytes *a, const struct bytes *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->at, b->at, a->n) == 0);
}

static void assert_untouched(const struct suite *suite, const struct files *files)
{
    struct files now = read_files(suite);
    assert_true(is_same(&now.database, &files->database));
    assert_true(is_same(&now.log, &files->log));
    free_files(&now);
}

/* ---- what is opened -------------------------------------------------------------------------- */

static enum oc_status ignore(void *user, const struct pairing *pairing,
                             const struct sighting *sighting)
{
    (void)pairing;
    (void)sighting;
    ++*(size_t *)user;
    return OC_OK;
}

static enum oc_status open_as(struct suite *suite, bool checks_while_loading)
{
    struct oc_error err;
    suite->options.may_create = false;
    suite->options.checks_while_loading = checks_while_loading;
    return store_open_sqlite(&suite->options, &suite->store, &err);
}

static enum oc_status load(struct suite *suite, size_t *n)
{
    struct oc_error err;
    *n = 0;
    return store_load_all(suite->store, ignore, n, &err);
}

/* Checked at the opening: the measure of what follows. */
static bool is_refused_before(struct suite *suite)
{
    const enum oc_status st = open_as(suite, false);
    close_store(suite);
    return st == OC_DATA_LOSS;
}

static bool is_refused_beside(struct suite *suite)
{
    size_t n;
    enum oc_status st = open_as(suite, true);
    if (!st) {
        st = load(suite, &n);
    }
    close_store(suite);
    return st == OC_DATA_LOSS;
}

static void execute(const struct suite *suite, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(suite->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int root_page(const struct suite *suite, const char *name)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open_v2(suite->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_master WHERE name = ?1",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const int page = sqlite3_column_int(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return page;
}

/* Every table and index has rows, some pages are free. */
static void fill(struct suite *suite)
{
    for (uint32_t i = 0; i < N_RECORDS; i++) {
        const struct pairing record = value_record((enum record_shape)(i % SHAPE_COUNT), i);
        suite_put(suite, &record);
    }
    close_store(suite);
    execute(
        suite,
        "CREATE TABLE filler (a); INSERT INTO filler SELECT zeroblob(3000) FROM devices LIMIT 6;"
        " DROP TABLE filler");
}

/* ---- every page ------------------------------------------------------------------------------ */

static void break_page(uint8_t *page, int how)
{
    switch (how) {
    case 0:
        memset(page, 0, PAGE);
        break;
    case 1:
        page[0] ^= 0xff; /* what kind of page, or the next one */
        break;
    case 2:
        page[3] ^= 0x40; /* how many cells */
        break;
    default:
        memmove(page + PAGE / 2, page + PAGE / 4, PAGE / 4); /* cells over cells */
    }
}

static void damage_in_any_page_is_found_beside_the_load_as_before_it(void **state)
{
    struct suite *suite = *state;
    size_t n_found = 0;
    fill(suite);
    struct files files = read_files(suite);
    const size_t n_pages = files.database.n / PAGE;
    assert_true(n_pages > 40);
    for (size_t at = 0; at < 2 * n_pages; at++) {
        uint8_t *page = files.database.at + at / 2 * PAGE;
        uint8_t whole[PAGE];
        memcpy(whole, page, PAGE);
        break_page(page, (int)(at % 2 ? at / 2 % 3 : 3));
        write_files(suite, &files);
        const bool is_refused = is_refused_before(suite);
        assert_int_equal(is_refused_beside(suite), is_refused);
        if (is_refused) {
            assert_untouched(suite, &files);
        }
        n_found += is_refused;
        write_files(suite, &files);
        memcpy(page, whole, PAGE);
    }
    assert_true(n_found > n_pages);
    free_files(&files);
}

static void damage_that_a_load_does_not_read_is_told_at_its_end(void **state)
{
    static const char *const names[] = {"audit_by_device", "idempotency_by_age", "change_log"};
    struct suite *suite = *state;
    fill(suite);
    for (size_t i = 0; i < OC_ARRAY_LENGTH(names); i++) {
        struct files files = read_files(suite);
        struct files damaged = read_files(suite);
        size_t n;
        memset(damaged.database.at + (size_t)(root_page(suite, names[i]) - 1) * PAGE + 1, 0xff, 7);
        write_files(suite, &damaged);
        const enum oc_status st = open_as(suite, true);
        if (!st) { /* the change log is read by the opening itself */
            assert_int_equal(load(suite, &n), OC_DATA_LOSS);
            close_store(suite);
        } else {
            assert_int_equal(st, OC_DATA_LOSS);
        }
        assert_untouched(suite, &damaged);
        write_files(suite, &files);
        free_files(&damaged);
        free_files(&files);
    }
}

static void put_number(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

/* An inner page of a table, all of whose children are the same page. */
static void make_inner_page(uint8_t *page, uint32_t child)
{
    enum { HEAD = 12, CELL = 5, N_CELLS = 400 };
    const size_t content = PAGE - (size_t)N_CELLS * CELL;
    memset(page, 0, PAGE);
    page[0] = 5;
    page[3] = N_CELLS >> 8;
    page[4] = N_CELLS & 0xff;
    page[5] = (uint8_t)(content >> 8);
    page[6] = (uint8_t)content;
    put_number(page + 8, child);
    for (size_t i = 0; i < N_CELLS; i++) {
        const size_t cell = content + i * CELL;
        page[HEAD + 2 * i] = (uint8_t)(cell >> 8);
        page[HEAD + 2 * i + 1] = (uint8_t)cell;
        put_number(page + cell, child);
    }
}

/* A table of some 10^18 rows, all of them the same few. */
static void a_load_without_end_ends_with_the_check(void **state)
{
    enum { LEVELS = 6, PAGE_COUNT_AT = 28 };
    struct suite *suite = *state;
    size_t n;
    fill(suite);
    struct files files = read_files(suite);
    const uint32_t root = (uint32_t)root_page(suite, "devices");
    uint32_t child = (uint32_t)(files.database.n / PAGE);
    const size_t grown = files.database.n + (size_t)LEVELS * PAGE;
    files.database.at = realloc(files.database.at, grown);
    assert_non_null(files.database.at);
    uint8_t *page = files.database.at + (size_t)(root - 1) * PAGE;
    const size_t first = (size_t)page[12] << 8 | page[13];
    assert_int_equal(page[0], 5);
    make_inner_page(files.database.at + files.database.n,
                    (uint32_t)page[first + 2] << 8 | page[first + 3]); /* a leaf */
    for (size_t at = files.database.n + PAGE; at < grown; at += PAGE) {
        make_inner_page(files.database.at + at, ++child);
    }
    make_inner_page(page, ++child);
    files.database.n = grown;
    put_number(files.database.at + PAGE_COUNT_AT, child);
    write_files(suite, &files);
    (void)alarm(HANGS_AFTER_S);
    assert_int_equal(open_as(suite, true), OC_OK);
    assert_int_equal(load(suite, &n), OC_DATA_LOSS);
    (void)alarm(0);
    assert_true(n > N_RECORDS);
    close_store(suite);
    assert_untouched(suite, &files);
    free_files(&files);
}

/* ---- the log --------------------------------------------------------------------------------- */

/* As a kill leaves it: what was committed last stands in the log alone. */
static struct files leave_log(struct suite *suite)
{
    for (uint32_t i = 0; i < N_RECORDS; i++) {
        const struct pairing record = value_record(SHAPE_APPROVED, i);
        suite_put(suite, &record);
    }
    struct files files = read_files(suite);
    assert_true(files.log.n > files.database.n);
    close_store(suite);
    return files;
}

static bool has_page(const struct bytes *log, size_t number)
{
    for (size_t at = 32; at + 24 + PAGE <= log->n; at += 24 + PAGE) {
        const uint8_t *frame = log->at + at;
        if (((size_t)frame[0] << 24 | (size_t)frame[1] << 16 | (size_t)frame[2] << 8 | frame[3]) ==
            number) {
            return true;
        }
    }
    return false;
}

/* What stands in the place of a page that the log has does not count, and all else does. */
static void the_check_reads_the_log(void **state)
{
    struct suite *suite = *state;
    struct files files = leave_log(suite);
    size_t n;
    size_t n_beneath = 0;
    for (size_t number = 2; number <= files.database.n / PAGE; number++) {
        if (has_page(&files.log, number)) {
            memset(files.database.at + (number - 1) * PAGE, 0xff, PAGE);
            n_beneath++;
        }
    }
    assert_true(n_beneath > 5);
    write_files(suite, &files);
    assert_int_equal(open_as(suite, true), OC_OK);
    assert_int_equal(load(suite, &n), OC_OK);
    assert_int_equal(n, N_RECORDS);
    close_store(suite);
    const size_t number = (size_t)root_page(suite, "idempotency_by_age");
    assert_false(has_page(&files.log, number));
    memset(files.database.at + (number - 1) * PAGE, 0xff, PAGE);
    write_files(suite, &files);
    assert_true(is_refused_beside(suite));
    assert_untouched(suite, &files);
    free_files(&files);
}

static void a_log_that_was_cut_off_is_checked_as_far_as_it_goes(void **state)
{
    struct suite *suite = *state;
    struct files files = leave_log(suite);
    const size_t whole = files.log.n;
    for (size_t n = 0; n <= whole; n += whole / 16) {
        files.log.n = n;
        write_files(suite, &files);
        const bool is_refused = is_refused_before(suite);
        write_files(suite, &files);
        assert_int_equal(is_refused_beside(suite), is_refused);
    }
    free_files(&files);
}

/* ---- until it has ended ---------------------------------------------------------------------- */

static void damage_an_index(struct suite *suite)
{
    struct files files = read_files(suite);
    memset(files.database.at + (size_t)(root_page(suite, "audit_by_device") - 1) * PAGE, 0xff, 8);
    write_files(suite, &files);
    free_files(&files);
}

static void nothing_is_written_before_the_check_has_ended(void **state)
{
    struct suite *suite = *state;
    const struct store_sighting sighting = {.sighting = {.seen_ms = 1}};
    struct store_backup *backup = NULL;
    struct oc_error err;
    fill(suite);
    damage_an_index(suite);
    struct files files = read_files(suite);
    for (int how = 0; how < 3; how++) {
        assert_int_equal(open_as(suite, true), OC_OK);
        const enum oc_status st =
            how == 0 ? store_begin(suite->store, &err)
            : how == 1
                ? store_save_sightings(suite->store, &sighting, 1, &err)
                : store_backup_start(suite->store, suite->directory, "copy.db", &backup, &err);
        assert_int_equal(st, OC_DATA_LOSS);
        assert_int_equal(store_begin(suite->store, &err), OC_UNAVAILABLE);
        assert_int_equal(store_reopen(suite->store, &err), OC_DATA_LOSS);
        close_store(suite);
        assert_untouched(suite, &files);
    }
    free_files(&files);
}

static void what_opening_would_write_to_is_checked_before(void **state)
{
    static const char *const changes[] = {"PRAGMA journal_mode = DELETE",
                                          "UPDATE meta SET schema_version = schema_version - 1"};
    struct suite *suite = *state;
    fill(suite);
    struct files sound = read_files(suite);
    for (size_t i = 0; i < OC_ARRAY_LENGTH(changes); i++) {
        write_files(suite, &sound);
        execute(suite, changes[i]);
        damage_an_index(suite);
        struct files files = read_files(suite);
        assert_int_equal(open_as(suite, true), OC_DATA_LOSS);
        assert_untouched(suite, &files);
        free_files(&files);
    }
    free_files(&sound);
}

static void a_sound_database_is_written_to_after_its_load(void **state)
{
    struct suite *suite = *state;
    size_t n;
    fill(suite);
    assert_int_equal(open_as(suite, true), OC_OK);
    assert_int_equal(load(suite, &n), OC_OK);
    const struct pairing record = value_record(SHAPE_PENDING, N_RECORDS);
    assert_int_equal(suite_put(suite, &record), N_RECORDS + 1);
    suite_restart(suite);
    assert_int_equal(store_identity(suite->store).seq, N_RECORDS + 1);
}

/* The check's connection is closed: that must not take the process's lock with it. */
static void the_lock_outlives_the_check(void **state)
{
    struct suite *suite = *state;
    int word[2];
    size_t n;
    char byte;
    fill(suite);
    assert_int_equal(pipe(word), 0);
    const pid_t child = fork(); /* before this process has the file open */
    if (child == 0) {
        _exit(read(word[0], &byte, 1) == 1 ? (int)open_as(suite, false) : 99);
    }
    assert_int_equal(open_as(suite, true), OC_OK);
    assert_int_equal(load(suite, &n), OC_OK);
    assert_int_equal(write(word[1], "x", 1), 1);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), OC_FAILED_PRECONDITION);
    assert_int_equal(close(word[0]), 0);
    assert_int_equal(close(word[1]), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, suite_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(damage_in_any_page_is_found_beside_the_load_as_before_it),
        TEST(damage_that_a_load_does_not_read_is_told_at_its_end),
        TEST(a_load_without_end_ends_with_the_check),
        TEST(the_check_reads_the_log),
        TEST(a_log_that_was_cut_off_is_checked_as_far_as_it_goes),
        TEST(nothing_is_written_before_the_check_has_ended),
        TEST(what_opening_would_write_to_is_checked_before),
        TEST(a_sound_database_is_written_to_after_its_load),
        TEST(the_lock_outlives_the_check),
    };
    return cmocka_run_group_tests_name("check beside a load", tests, NULL, NULL);
}
