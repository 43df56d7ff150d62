/*
 * Logs that are written in few writes: after a sync the file holds what was handed over, byte for
 * byte, and what could not be written is told.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "server/store/gathering_vfs.h"
#include "tests/support/fault_vfs.h"

enum {
    HEAD = 24, /* a frame as SQLite hands it over */
    PAGE = 4096,
    FRAMES = 100,       /* more than are gathered */
    LARGE = 125 * 1000, /* more than is gathered, and the most that can be written at once */
    LOG_BYTES = FRAMES * (HEAD + PAGE),
};

struct log {
    char directory[64];
    char path[96];
    const char *name; /* the path as SQLite passes it */
    sqlite3_file *file;
    uint8_t want[LOG_BYTES];
    uint8_t found[LOG_BYTES + 1];
};

static int set_up(void **state)
{
    struct log *log = calloc(1, sizeof *log);
    (void)snprintf(log->directory, sizeof log->directory, "/tmp/openclaw-test-XXXXXX");
    assert_non_null(mkdtemp(log->directory));
    (void)snprintf(log->path, sizeof log->path, "%s/a.db", log->directory);
    const int database = open(log->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(database >= 0);
    (void)close(database);
    (void)strcat(log->path, "-wal");
    fault_vfs_install();
    sqlite3_vfs *vfs = sqlite3_vfs_find(gathering_vfs());
    assert_non_null(vfs);
    log->file = calloc(1, (size_t)vfs->szOsFile);
    log->name = sqlite3_create_filename(log->path, log->path, log->path, 0, NULL);
    const int flags = SQLITE_OPEN_WAL | SQLITE_OPEN_CREATE | SQLITE_OPEN_READWRITE;
    assert_int_equal(vfs->xOpen(vfs, log->name, log->file, flags, NULL), SQLITE_OK);
    for (size_t i = 0; i < sizeof log->want; i++) {
        log->want[i] = (uint8_t)(i * 31 + i / 251);
    }
    *state = log;
    return 0;
}

static int tear_down(void **state)
{
    struct log *log = *state;
    if (log->file->pMethods) {
        (void)log->file->pMethods->xClose(log->file);
    }
    fault_vfs_remove();
    (void)unlink(log->path);
    log->path[strlen(log->path) - strlen("-wal")] = '\0';
    (void)unlink(log->path);
    (void)rmdir(log->directory);
    sqlite3_free_filename(log->name);
    free(log->file);
    free(log);
    return 0;
}

static int hand_over(struct log *log, sqlite3_int64 at, int n)
{
    return log->file->pMethods->xWrite(log->file, log->want + at, n, at);
}

static void hand_over_frames(struct log *log, int n)
{
    for (int i = 0; i < n; i++) {
        const sqlite3_int64 at = (sqlite3_int64)i * (HEAD + PAGE);
        assert_int_equal(hand_over(log, at, HEAD), SQLITE_OK);
        assert_int_equal(hand_over(log, at + HEAD, PAGE), SQLITE_OK);
    }
}

static int sync_log(struct log *log)
{
    return log->file->pMethods->xSync(log->file, SQLITE_SYNC_NORMAL);
}

/* What another program would find. */
static size_t read_outside(struct log *log)
{
    const int fd = open(log->path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    const ssize_t n = read(fd, log->found, sizeof log->found);
    (void)close(fd);
    assert_true(n >= 0);
    return (size_t)n;
}

static void assert_file_holds(struct log *log, size_t n)
{
    assert_int_equal(read_outside(log), n);
    assert_memory_equal(log->found, log->want, n);
}

static void a_sync_brings_everything_to_the_file(void **state)
{
    struct log *log = *state;
    hand_over_frames(log, FRAMES);
    assert_int_equal(sync_log(log), SQLITE_OK);
    assert_file_holds(log, LOG_BYTES);
}

static void frames_reach_the_file_in_few_writes(void **state)
{
    struct log *log = *state;
    fault_vfs_plan(FAULT_NONE, 0, 0);
    hand_over_frames(log, FRAMES);
    assert_int_equal(sync_log(log), SQLITE_OK);
    assert_int_equal(fault_vfs_syncs(), 1);
    assert_in_range(fault_vfs_operations(), 2, 6);
}

static void pieces_keep_their_places_in_any_order(void **state)
{
    struct log *log = *state;
    const uint8_t first = log->want[0];
    log->want[0] = (uint8_t)~first;
    assert_int_equal(hand_over(log, 0, 10), SQLITE_OK);
    log->want[0] = first;
    assert_int_equal(hand_over(log, 20, 10), SQLITE_OK); /* leaves a gap ... */
    assert_int_equal(hand_over(log, 0, 5), SQLITE_OK);   /* ... overwrites ... */
    assert_int_equal(hand_over(log, 10, 10), SQLITE_OK); /* ... and fills the gap */
    assert_int_equal(hand_over(log, 30, LARGE), SQLITE_OK);
    assert_int_equal(sync_log(log), SQLITE_OK);
    assert_file_holds(log, 30 + LARGE);
}

static void who_reads_finds_what_was_handed_over(void **state)
{
    struct log *log = *state;
    sqlite3_int64 size = 0;
    hand_over_frames(log, 1);
    assert_int_equal(log->file->pMethods->xRead(log->file, log->found, PAGE, HEAD), SQLITE_OK);
    assert_memory_equal(log->found, log->want + HEAD, PAGE);
    hand_over_frames(log, 2);
    assert_int_equal(log->file->pMethods->xFileSize(log->file, &size), SQLITE_OK);
    assert_int_equal(size, 2 * (HEAD + PAGE));
}

static void a_truncation_comes_after_what_was_handed_over_before(void **state)
{
    struct log *log = *state;
    hand_over_frames(log, 2);
    assert_int_equal(log->file->pMethods->xTruncate(log->file, HEAD), SQLITE_OK);
    assert_int_equal(sync_log(log), SQLITE_OK);
    assert_file_holds(log, HEAD);
}

static void a_sync_tells_that_it_could_not_write(void **state)
{
    struct log *log = *state;
    hand_over_frames(log, 2);
    fault_vfs_plan(FAULT_FULL, 1, 0);
    assert_int_equal(sync_log(log), SQLITE_FULL);
    assert_true(fault_vfs_has_struck());
    assert_int_equal(fault_vfs_syncs(), 0);
}

static void a_later_piece_tells_that_earlier_ones_could_not_be_written(void **state)
{
    struct log *log = *state;
    int result = SQLITE_OK;
    fault_vfs_plan(FAULT_IO_ERROR, 1, 0);
    for (int i = 0; i < FRAMES && !result; i++) {
        result = hand_over(log, (sqlite3_int64)i * PAGE, PAGE);
    }
    assert_int_equal(result, SQLITE_IOERR_WRITE);
}

static void what_could_not_be_written_does_not_appear_later(void **state)
{
    struct log *log = *state;
    hand_over_frames(log, 2);
    fault_vfs_plan(FAULT_IO_ERROR, 1, 0);
    assert_int_equal(sync_log(log), SQLITE_IOERR_WRITE);
    assert_int_equal(hand_over(log, 0, HEAD), SQLITE_OK);
    assert_int_equal(sync_log(log), SQLITE_OK);
    assert_file_holds(log, HEAD);
}

static void a_failed_sync_is_told(void **state)
{
    struct log *log = *state;
    hand_over_frames(log, 1);
    fault_vfs_plan(FAULT_IO_ERROR, 2, 0);
    assert_int_equal(sync_log(log), SQLITE_IOERR_FSYNC);
}

static void closing_keeps_what_was_handed_over(void **state)
{
    struct log *log = *state;
    hand_over_frames(log, 3);
    assert_int_equal(log->file->pMethods->xClose(log->file), SQLITE_OK);
    log->file->pMethods = NULL;
    assert_file_holds(log, 3 * (HEAD + PAGE));
}

static void it_is_made_once_for_a_default(void **state)
{
    (void)state;
    const char *name = gathering_vfs();
    assert_ptr_equal(gathering_vfs(), name);
    assert_string_equal(name, "gathering fault");
    assert_string_equal(sqlite3_vfs_find(NULL)->zName, "fault");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sync_brings_everything_to_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(frames_reach_the_file_in_few_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pieces_keep_their_places_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_reads_finds_what_was_handed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_truncation_comes_after_what_was_handed_over_before,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sync_tells_that_it_could_not_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_later_piece_tells_that_earlier_ones_could_not_be_written,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_could_not_be_written_does_not_appear_later, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_failed_sync_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_keeps_what_was_handed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_made_once_for_a_default, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
