/*
 * Backups of a store in use: what is copied, what is committed meanwhile, what lies in the way, and
 * a disk that fails under it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/store/backup.h"
#include "tests/conformance/store_suite.h"
#include "tests/conformance/store_values.h"
#include "tests/support/fault_vfs.h"

enum {
    N_RECORDS = 600, /* more than a few steps of pages */
    MOST_STEPS = 100000,
};

static struct suite_backend backend = {
    .name = "SQLite",
    .open = store_open_sqlite,
    .is_durable = true,
};

struct scene {
    struct suite *suite;
    char directory[128];
    char path[192];
    uint32_t n_records;
};

static void put_next(struct scene *scene)
{
    const struct pairing record = value_record(SHAPE_APPROVED, scene->n_records++);
    suite_put(scene->suite, &record);
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    void *suite = &backend;
    assert_non_null(scene);
    (void)suite_set_up(&suite);
    scene->suite = suite;
    (void)snprintf(scene->directory, sizeof scene->directory, "%s/backups",
                   scene->suite->directory);
    (void)snprintf(scene->path, sizeof scene->path, "%s/a.db", scene->directory);
    *state = scene;
    return 0;
}

static int set_up_with_records(void **state)
{
    (void)set_up(state);
    struct scene *scene = *state;
    while (scene->n_records < N_RECORDS) {
        put_next(scene);
    }
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    void *suite = scene->suite;
    (void)suite_tear_down(&suite);
    free(scene);
    return 0;
}

static enum oc_status start(struct scene *scene, struct store_backup **out)
{
    struct oc_error err = {0};
    const enum oc_status st =
        store_backup_start(scene->suite->store, scene->directory, "a.db", out, &err);
    assert_true(st == OC_OK || strlen(err.text) > 10);
    return st;
}

/* Steps to the end; true if there is a backup then. */
static bool finish(struct store_backup *backup)
{
    for (unsigned i = 0; i < MOST_STEPS; i++) {
        struct oc_error err = {0};
        bool is_done = false;
        if (store_backup_step(backup, &is_done, &err)) {
            assert_true(strlen(err.text) > 10);
            return false;
        }
        if (is_done) {
            return true;
        }
    }
    fail_msg("the backup never ends");
    return false;
}

static bool is_there(const struct scene *scene, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", scene->directory, name);
    return access(path, F_OK) == 0;
}

/* Opens the backup as a gateway would, and compares it with the first `n` records. */
static void check_backup(struct scene *scene, uint32_t n)
{
    struct suite copy = *scene->suite;
    struct oc_error err = {0};
    copy.store = NULL;
    copy.options.path = scene->path;
    copy.options.may_create = false;
    if (store_open_sqlite(&copy.options, &copy.store, &err)) {
        fail_msg("the backup cannot be opened: %s", err.text);
    }
    assert_int_equal(store_identity(copy.store).seq, n);
    suite_check_audit(&copy, n);
    struct suite_rows rows = suite_load(&copy);
    assert_int_equal(rows.n, n);
    for (size_t i = 0; i < rows.n; i++) {
        assert_false(rows.records[i].is_quarantined);
    }
    suite_rows_free(&rows);
    store_close(copy.store);
}

static void a_backup_is_the_database_in_one_file_for_its_owner_alone(void **state)
{
    struct scene *scene = *state;
    struct store_backup *backup = NULL;
    struct store_backup_progress progress;
    struct stat facts;
    assert_int_equal(start(scene, &backup), OC_OK);
    assert_true(finish(backup));
    store_backup_progress(backup, &progress);
    store_backup_free(backup);
    assert_string_equal(progress.path, scene->path);
    assert_int_equal(progress.identity.seq, N_RECORDS);
    assert_int_equal(progress.pages_left, 0);
    assert_int_equal(stat(scene->path, &facts), 0);
    assert_int_equal(facts.st_size, progress.bytes);
    assert_int_equal(facts.st_mode & 07777, 0600);
    assert_int_equal(facts.st_nlink, 1);
    assert_false(is_there(scene, BACKUP_UNFINISHED));
    assert_false(is_there(scene, "a.db-wal"));
    /* Bytes 18 and 19 of the header: no write-ahead log, so it can be read where none can be made.
     */
    FILE *file = fopen(scene->path, "re");
    uint8_t header[20];
    assert_int_equal(fread(header, 1, sizeof header, file), sizeof header);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(header[18], 1);
    assert_int_equal(header[19], 1);
    assert_int_equal(stat(scene->directory, &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0700);
    check_backup(scene, N_RECORDS);
}

static void what_is_committed_between_the_steps_is_in_it(void **state)
{
    struct scene *scene = *state;
    struct store_backup *backup = NULL;
    struct store_backup_progress progress;
    struct oc_error err = {0};
    bool is_done = false;
    unsigned n_steps = 0;
    assert_int_equal(start(scene, &backup), OC_OK);
    do {
        assert_int_equal(store_backup_step(backup, &is_done, &err), OC_OK);
        store_backup_progress(backup, &progress);
        if (progress.bytes == 0) {
            put_next(scene);
            n_steps++;
        }
    } while (!is_done);
    store_backup_free(backup);
    assert_true(n_steps > 3);
    assert_int_equal(progress.identity.seq, scene->n_records);
    put_next(scene);
    check_backup(scene, scene->n_records - 1);
}

static void what_was_rolled_back_between_the_steps_is_not_in_it(void **state)
{
    struct scene *scene = *state;
    struct store_backup *backup = NULL;
    struct oc_error err = {0};
    bool is_done = false;
    assert_int_equal(start(scene, &backup), OC_OK);
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(store_backup_step(backup, &is_done, &err), OC_OK);
        suite_begin(scene->suite);
        for (uint32_t i = 0; i < 50; i++) {
            const struct pairing record = value_record(SHAPE_BLOCKED, i);
            const struct audit_event event = value_event(i);
            const struct store_change change = suite_change(scene->suite, &record, &event);
            (void)suite_apply(scene->suite, &change, OC_OK);
        }
        store_rollback(scene->suite->store);
    }
    assert_true(finish(backup));
    store_backup_free(backup);
    check_backup(scene, N_RECORDS);
}

static void an_existing_file_is_never_written_over(void **state)
{
    struct scene *scene = *state;
    struct store_backup *backup = NULL;
    assert_int_equal(start(scene, &backup), OC_OK);
    assert_true(finish(backup));
    store_backup_free(backup);
    backup = NULL;
    assert_int_equal(start(scene, &backup), OC_ALREADY_EXISTS);
    assert_null(backup);
    check_backup(scene, N_RECORDS);
    /* One that appears while the backup runs, a link that leads nowhere included. */
    assert_int_equal(unlink(scene->path), 0);
    assert_int_equal(start(scene, &backup), OC_OK);
    assert_int_equal(symlink("/nowhere/at/all", scene->path), 0);
    assert_false(finish(backup));
    store_backup_free(backup);
    struct stat facts;
    assert_int_equal(lstat(scene->path, &facts), 0);
    assert_true(S_ISLNK(facts.st_mode));
    assert_false(is_there(scene, BACKUP_UNFINISHED));
}

static void a_directory_that_others_may_enter_is_refused(void **state)
{
    struct scene *scene = *state;
    struct store_backup *backup = NULL;
    assert_int_equal(mkdir(scene->directory, 0700), 0);
    assert_int_equal(chmod(scene->directory, 0770), 0);
    assert_int_equal(start(scene, &backup), OC_PERMISSION_DENIED);
    assert_int_equal(rmdir(scene->directory), 0);
    assert_int_equal(symlink("/tmp", scene->directory), 0);
    assert_int_equal(start(scene, &backup), OC_PERMISSION_DENIED);
    assert_int_equal(unlink(scene->directory), 0);
    assert_null(backup);
    put_next(scene);
}

static void what_an_interrupted_backup_left_is_removed_by_the_next(void **state)
{
    struct scene *scene = *state;
    struct store_backup *backup = NULL;
    char path[256];
    assert_int_equal(mkdir(scene->directory, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/%s", scene->directory, BACKUP_UNFINISHED);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fputs("half of a backup", file) < 0, 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(start(scene, &backup), OC_OK);
    assert_true(finish(backup));
    store_backup_free(backup);
    check_backup(scene, N_RECORDS);
}

static void a_backup_that_is_given_up_leaves_nothing(void **state)
{
    struct scene *scene = *state;
    struct store_backup *backup = NULL;
    struct store_backup *second = NULL;
    struct oc_error err = {0};
    bool is_done = false;
    assert_int_equal(start(scene, &backup), OC_OK);
    assert_int_equal(start(scene, &second), OC_FAILED_PRECONDITION);
    assert_int_equal(store_backup_step(backup, &is_done, &err), OC_OK);
    assert_true(is_there(scene, BACKUP_UNFINISHED));
    store_backup_free(backup);
    assert_false(is_there(scene, BACKUP_UNFINISHED));
    assert_false(is_there(scene, "a.db"));
    put_next(scene);
    assert_int_equal(start(scene, &backup), OC_OK);
    assert_true(finish(backup));
    store_backup_free(backup);
    check_backup(scene, N_RECORDS + 1);
}

static void a_store_that_is_opened_anew_or_closed_ends_its_backup(void **state)
{
    struct scene *scene = *state;
    struct store_backup *backup = NULL;
    struct oc_error err = {0};
    bool is_done = false;
    assert_int_equal(start(scene, &backup), OC_OK);
    assert_int_equal(store_backup_step(backup, &is_done, &err), OC_OK);
    assert_int_equal(store_reopen(scene->suite->store, &err), OC_OK);
    assert_int_equal(store_backup_step(backup, &is_done, &err), OC_UNAVAILABLE);
    store_backup_free(backup);
    backup = NULL;
    assert_int_equal(start(scene, &backup), OC_OK);
    assert_int_equal(store_backup_step(backup, &is_done, &err), OC_OK);
    store_close(scene->suite->store);
    scene->suite->store = NULL;
    store_backup_free(backup);
    assert_false(is_there(scene, BACKUP_UNFINISHED));
    assert_false(is_there(scene, "a.db"));
}

/* ---- on a disk that fails -------------------------------------------------------------------- */

/* A backup with a decision after each of its first steps, on a disk whose operation number `at`
 * fails; then the disk is well, and everything that was acknowledged is there. */
static bool run_on_failing_disk(struct scene *scene, enum fault_kind kind, uint64_t at)
{
    struct store_backup *backup = NULL;
    struct oc_error err = {0};
    uint64_t acknowledged = store_identity(scene->suite->store).seq;
    bool is_done = false;
    fault_vfs_plan(kind, at, 1);
    enum oc_status st =
        store_backup_start(scene->suite->store, scene->directory, "a.db", &backup, &err);
    for (unsigned i = 0; i < MOST_STEPS && !st && !is_done; i++) {
        st = store_backup_step(backup, &is_done, &err);
        const struct pairing record = value_record(SHAPE_APPROVED, scene->n_records);
        const struct audit_event event = value_event(scene->n_records);
        const struct store_change change = suite_change(scene->suite, &record, &event);
        uint64_t seq = 0;
        if (i > 4 || store_begin(scene->suite->store, &err)) {
            continue;
        }
        if (store_apply(scene->suite->store, &change, &seq, &err)) {
            store_rollback(scene->suite->store);
        } else if (store_commit(scene->suite->store, &err)) {
            assert_int_equal(store_reopen(scene->suite->store, &err), OC_OK);
            scene->n_records = (uint32_t)store_identity(scene->suite->store).seq;
        } else {
            scene->n_records++;
            acknowledged = seq;
        }
    }
    store_backup_free(backup);
    const bool has_struck = fault_vfs_has_struck();
    fault_vfs_plan(FAULT_NONE, 0, 0);
    assert_int_equal(is_done, is_there(scene, "a.db"));
    assert_false(is_there(scene, BACKUP_UNFINISHED));
    suite_restart(scene->suite);
    assert_true(store_identity(scene->suite->store).seq >= acknowledged);
    suite_check_audit(scene->suite, store_identity(scene->suite->store).seq);
    if (is_done) {
        struct suite copy = *scene->suite;
        copy.store = NULL;
        copy.options.path = scene->path;
        assert_int_equal(store_open_sqlite(&copy.options, &copy.store, &err), OC_OK);
        suite_check_audit(&copy, store_identity(copy.store).seq);
        store_close(copy.store);
        assert_int_equal(unlink(scene->path), 0);
    }
    return has_struck;
}

static void a_disk_that_fails_under_a_backup_costs_no_decision_and_leaves_no_half(void **state)
{
    static const enum fault_kind kinds[] = {FAULT_IO_ERROR, FAULT_FULL, FAULT_LATE_ERROR};
    struct scene *scene = *state;
    unsigned n_struck = 0;
    store_close(scene->suite->store);
    scene->suite->store = NULL;
    fault_vfs_install();
    struct oc_error err = {0};
    assert_int_equal(store_open_sqlite(&scene->suite->options, &scene->suite->store, &err), OC_OK);
    for (size_t i = 0; i < OC_ARRAY_LENGTH(kinds); i++) {
        bool has_struck = true;
        for (uint64_t at = 1; has_struck; at += 1 + at / 8) {
            has_struck = run_on_failing_disk(scene, kinds[i], at);
            n_struck += has_struck;
        }
    }
    store_close(scene->suite->store);
    scene->suite->store = NULL;
    fault_vfs_remove();
    print_message("%u operations failed\n", n_struck);
    assert_true(n_struck > 40);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up_with_records, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_backup_is_the_database_in_one_file_for_its_owner_alone),
        CASE(what_is_committed_between_the_steps_is_in_it),
        CASE(what_was_rolled_back_between_the_steps_is_not_in_it),
        CASE(an_existing_file_is_never_written_over),
        CASE(a_directory_that_others_may_enter_is_refused),
        CASE(what_an_interrupted_backup_left_is_removed_by_the_next),
        CASE(a_backup_that_is_given_up_leaves_nothing),
        CASE(a_store_that_is_opened_anew_or_closed_ends_its_backup),
        CASE(a_disk_that_fails_under_a_backup_costs_no_decision_and_leaves_no_half),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
