/*
 * A backup's file and its steps; see backup.h.
 *
 * SQLite carries what its own connection commits into a running copy, so the copy is the state at
 * the step that completes it, whatever was committed since the first. The sync of what was written
 * is cut into pieces, too: one call for all of it would hold the writer as long as the disk likes.
 */
#include "server/store/backup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <sqlite3.h>

#include "server/store/database.h"
#include "server/store/directory.h"
#include "server/store/statement.h"
#include "server/store/store_backend.h"

enum {
    STEP_PAGES = 16,
    SYNC_BYTES = 1 << 20,
    /* What a backup leaves free: the write-ahead log and the marker must go on. */
    RESERVE_BYTES = 64 << 20,
};

enum phase {
    PHASE_COPY,
    PHASE_SYNC,
    PHASE_DONE,
    PHASE_FAILED,
};

struct store_backup {
    struct store *store; /* NULL: it was closed, or opened anew */
    enum phase phase;
    sqlite3 *to;
    sqlite3_backup *copy;
    int fd; /* of the unfinished file; open before anything is written, to hear of every error */
    off_t synced;
    struct store_backup_progress progress;
    char unfinished[1152];
};

static enum oc_status fail_errno(const char *path, const char *what, struct oc_error *err)
{
    const bool is_full = errno == ENOSPC || errno == EDQUOT;
    return oc_fail(err, is_full ? OC_RESOURCE_EXHAUSTED : OC_UNAVAILABLE, "backup: %s: %s: %s",
                   path, what, strerror(errno));
}

/* ---- where it goes ------------------------------------------------------------------------- */

static enum oc_status check_directory(const char *path, struct oc_error *err)
{
    struct stat status;
    if (mkdir(path, 0700) && errno != EEXIST) {
        return fail_errno(path, "cannot be created", err);
    }
    if (lstat(path, &status)) {
        return fail_errno(path, "cannot be looked at", err);
    }
    if (!S_ISDIR(status.st_mode)) {
        return oc_fail(err, OC_PERMISSION_DENIED, "backup: %s is not a directory; move it away",
                       path);
    }
    if (status.st_uid != geteuid() || (status.st_mode & 077) != 0) {
        return oc_fail(err, OC_PERMISSION_DENIED,
                       "backup: %s belongs to uid %u with mode %04o, wanted uid %u and 0700; run: "
                       "chown %u %s && chmod 700 %s",
                       path, (unsigned)status.st_uid, (unsigned)status.st_mode & 07777U,
                       (unsigned)geteuid(), (unsigned)geteuid(), path, path);
    }
    return OC_OK;
}

/* A backup must not be what fills the disk on which decisions are written. */
static enum oc_status check_room(sqlite3 *db, const char *directory, struct oc_error *err)
{
    struct statvfs disk;
    sqlite3_stmt *statement = NULL;
    enum oc_status st = statement_prepare(
        db, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        &statement, err);
    if (st) {
        return st;
    }
    const int result = sqlite3_step(statement);
    const uint64_t size = result == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    (void)sqlite3_finalize(statement);
    if (result != SQLITE_ROW) {
        return statement_fail(db, result, "read the size", err);
    }
    if (statvfs(directory, &disk)) {
        return fail_errno(directory, "cannot be looked at", err);
    }
    const uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (room < size + RESERVE_BYTES) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED,
                       "backup: %s has %llu MiB free, the copy needs %llu MiB and the gateway "
                       "itself %d MiB: make room, and try again",
                       directory, (unsigned long long)(room >> 20),
                       (unsigned long long)(size >> 20) + 1, RESERVE_BYTES >> 20);
    }
    return OC_OK;
}

static enum oc_status set_paths(struct store_backup *backup, const char *directory,
                                const char *name, struct oc_error *err)
{
    struct store_backup_progress *progress = &backup->progress;
    const int n = snprintf(progress->path, sizeof progress->path, "%s/%s", directory, name);
    const int n_unfinished = snprintf(backup->unfinished, sizeof backup->unfinished, "%s/%s",
                                      directory, BACKUP_UNFINISHED);
    const size_t room = sizeof progress->path - sizeof "-journal";
    if (n < 0 || (size_t)n >= room || n_unfinished < 0 || (size_t)n_unfinished >= room) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "backup: %.100s: the path is too long", directory);
    }
    struct stat status;
    if (!lstat(progress->path, &status)) {
        return oc_fail(err, OC_ALREADY_EXISTS, "backup: %s is there already", progress->path);
    }
    return OC_OK;
}

static void remove_unfinished(const char *path)
{
    static const char *const suffixes[] = {"", "-journal", "-wal"};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(suffixes); i++) {
        char name[1152 + sizeof "-journal"];
        (void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
}

static enum oc_status open_file(struct store_backup *backup, struct oc_error *err)
{
    const char *path = backup->unfinished;
    remove_unfinished(path);
    backup->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (backup->fd < 0) {
        return fail_errno(path, "cannot be created", err);
    }
    return OC_OK;
}

/* ---- copying ------------------------------------------------------------------------------- */

/* The file is nobody's until it is complete, so it needs no journal and no sync of SQLite's. */
static enum oc_status begin_copy(struct store_backup *backup, sqlite3 *from, struct oc_error *err)
{
    enum oc_status st = database_connect(backup->unfinished, &backup->to, err);
    if (!st) {
        st = statement_exec(backup->to,
                            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY;"
                            "PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY",
                            err);
    }
    if (st) {
        return st;
    }
    backup->copy = sqlite3_backup_init(backup->to, "main", from, "main");
    return backup->copy ? OC_OK
                        : statement_fail(backup->to, sqlite3_errcode(backup->to), "backup", err);
}

static void end_copy(struct store_backup *backup)
{
    if (backup->copy) {
        (void)sqlite3_backup_finish(backup->copy);
        backup->copy = NULL;
    }
    database_close(backup->to, true);
    backup->to = NULL;
}

/* What was copied says of itself that it has a write-ahead log; a file that stands alone must not,
 * or it could not be read where nothing may be written. */
static enum oc_status complete_copy(struct store_backup *backup, struct oc_error *err)
{
    backup->progress.identity = store_identity(backup->store);
    (void)sqlite3_backup_finish(backup->copy);
    backup->copy = NULL;
    enum oc_status st = statement_exec(backup->to, "PRAGMA journal_mode = DELETE", err);
    end_copy(backup);
    struct stat status;
    if (!st && fstat(backup->fd, &status)) {
        st = fail_errno(backup->unfinished, "cannot be looked at", err);
    }
    if (!st) {
        backup->progress.bytes = (uint64_t)status.st_size;
        backup->phase = PHASE_SYNC;
    }
    return st;
}

static enum oc_status copy_some(struct store_backup *backup, struct oc_error *err)
{
    if (!backup->store || backup->store->is_unknown || backup->store->is_stale) {
        return oc_fail(err, OC_UNAVAILABLE,
                       "backup: the database failed meanwhile; see openclaw gateway status, and "
                       "try again");
    }
    assert(!backup->store->is_in_group);
    const int result = sqlite3_backup_step(backup->copy, STEP_PAGES);
    backup->progress.pages = (uint64_t)sqlite3_backup_pagecount(backup->copy);
    backup->progress.pages_left = (uint64_t)sqlite3_backup_remaining(backup->copy);
    if (result == SQLITE_DONE) {
        return complete_copy(backup, err);
    }
    if (result == SQLITE_OK) {
        return OC_OK;
    }
    return oc_fail(err, (result & 0xff) == SQLITE_FULL ? OC_RESOURCE_EXHAUSTED : OC_UNAVAILABLE,
                   "backup: %s: cannot copy (sqlite %d): %s", backup->unfinished, result,
                   sqlite3_errstr(result));
}

/* ---- making it durable --------------------------------------------------------------------- */

static enum oc_status give_name(const struct store_backup *backup, struct oc_error *err)
{
    const char *path = backup->progress.path;
    int failed = renameat2(AT_FDCWD, backup->unfinished, AT_FDCWD, path, RENAME_NOREPLACE);
    if (failed && (errno == EINVAL || errno == ENOSYS) && access(path, F_OK)) {
        failed = rename(backup->unfinished, path); /* a file system without the flag */
    }
    if (failed && errno == EEXIST) {
        return oc_fail(err, OC_ALREADY_EXISTS, "backup: %s is there already", path);
    }
    if (failed) {
        return fail_errno(path, "cannot be put in place", err);
    }
    return directory_sync_of(path, err);
}

static enum oc_status sync_some(struct store_backup *backup, struct oc_error *err)
{
    const unsigned wait_for_all =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    if (backup->synced < (off_t)backup->progress.bytes) {
        const int failed = sync_file_range(backup->fd, backup->synced, SYNC_BYTES, wait_for_all);
        if (failed && errno != ENOSYS && errno != EINVAL && errno != ESPIPE) {
            return fail_errno(backup->unfinished, "cannot be synced", err);
        }
        backup->synced += SYNC_BYTES;
        return OC_OK;
    }
    if (fsync(backup->fd)) {
        return fail_errno(backup->unfinished, "cannot be synced", err);
    }
    enum oc_status st = give_name(backup, err);
    if (!st) {
        backup->phase = PHASE_DONE;
    }
    return st;
}

/* ---- the contract -------------------------------------------------------------------------- */

static enum oc_status begin(struct store_backup *backup, sqlite3 *from, const char *directory,
                            const char *name, struct oc_error *err)
{
    enum oc_status st = set_paths(backup, directory, name, err);
    if (!st) {
        st = check_directory(directory, err);
    }
    if (!st) {
        st = check_room(from, directory, err);
    }
    if (!st) {
        st = open_file(backup, err);
    }
    return st ? st : begin_copy(backup, from, err);
}

enum oc_status backup_new(struct store *store, sqlite3 *from, const char *directory,
                          const char *name, struct store_backup **out, struct oc_error *err)
{
    OC_CLEANUP(store_backup_freep) struct store_backup *backup = calloc(1, sizeof *backup);
    if (!backup) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "backup: out of memory");
    }
    backup->fd = -1;
    enum oc_status st = begin(backup, from, directory, name, err);
    if (st) {
        return st;
    }
    backup->store = store;
    store->backup = backup;
    *out = OC_STEAL(backup);
    return OC_OK;
}

void backup_detach(struct store *store)
{
    struct store_backup *backup = store->backup;
    if (backup) {
        end_copy(backup);
        backup->store = NULL;
        store->backup = NULL;
    }
}

enum oc_status store_backup_step(struct store_backup *backup, bool *is_done, struct oc_error *err)
{
    assert(backup->phase == PHASE_COPY || backup->phase == PHASE_SYNC);
    enum oc_status st =
        backup->phase == PHASE_COPY ? copy_some(backup, err) : sync_some(backup, err);
    if (st) {
        backup->phase = PHASE_FAILED;
    }
    *is_done = backup->phase == PHASE_DONE;
    return st;
}

void store_backup_progress(const struct store_backup *backup, struct store_backup_progress *out)
{
    *out = backup->progress;
}

void store_backup_free(struct store_backup *backup)
{
    if (!backup) {
        return;
    }
    if (backup->store) {
        backup->store->backup = NULL;
    }
    end_copy(backup);
    if (backup->fd >= 0) {
        if (backup->phase != PHASE_DONE) {
            remove_unfinished(backup->unfinished);
        }
        (void)close(backup->fd);
    }
    free(backup);
}
