/* The database file; see database.h and server/store/README.md for the why of the settings. */
#include "server/store/database.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/store/directory.h"
#include "server/store/gathering_vfs.h"
#include "server/store/migrate.h"
#include "server/store/statement.h"

enum {
    LOG_CHUNK_BYTES = 32768,
};

struct setting {
    const char *sql;
    const char *want;         /* NULL: whatever it answers */
    enum oc_status otherwise; /* where it answers anything else */
    const char *text;
};

/* In this order: the lock before the first read, so that a second process never gets further,
 * and nothing is written before the file is known to be ours. */
static const struct setting reading[] = {
    {"PRAGMA locking_mode = EXCLUSIVE", "exclusive", OC_UNAVAILABLE, "cannot be locked"},
    {"PRAGMA mmap_size = 0", NULL, OC_OK, NULL},
    {"PRAGMA cell_size_check = ON", NULL, OC_OK, NULL},
    {"PRAGMA temp_store = MEMORY", NULL, OC_OK, NULL},
    /* KiB. The check and the load read each page once; see database_widen_cache. */
    {"PRAGMA cache_size = -2048", NULL, OC_OK, NULL},
    {"PRAGMA foreign_keys = ON", NULL, OC_OK, NULL},
    {"PRAGMA application_id", "1329813297", OC_DATA_LOSS, "is not a database of this gateway"},
};
/* Known to be whole. The structure alone: a row that breaks a CHECK is one device's matter, judged
 * at load. */
static const struct setting checking[] = {
    {"PRAGMA ignore_check_constraints = ON", NULL, OC_OK, NULL},
    {"PRAGMA quick_check(1)", "ok", OC_DATA_LOSS, "is corrupt"},
    {"PRAGMA ignore_check_constraints = OFF", NULL, OC_OK, NULL},
};
/* Of a database that is in use already: nothing is written before this answers so. */
static const struct setting in_use[] = {
    {"PRAGMA journal_mode", "wal", OC_UNAVAILABLE, "is not in use yet"},
};
static const struct setting working[] = {
    {"PRAGMA journal_mode = WAL", "wal", OC_UNAVAILABLE, "has no write-ahead log"},
    {"PRAGMA synchronous = FULL", NULL, OC_OK, NULL},
    {"PRAGMA synchronous", "2", OC_UNAVAILABLE, "is not synchronous"},
    {"PRAGMA wal_autocheckpoint = 4096", NULL, OC_OK, NULL}, /* pages: 16 MiB */
    {"PRAGMA journal_size_limit = 67108864", NULL, OC_OK, NULL},
    {"BEGIN IMMEDIATE", NULL, OC_OK, NULL}, /* takes the lock that EXCLUSIVE then keeps */
    {"COMMIT", NULL, OC_OK, NULL},
};
_Static_assert(MIGRATE_APPLICATION_ID == 1329813297, "the setting above says it in decimal");

enum oc_status database_resolve(const char *path, struct database_path *out, struct oc_error *err)
{
    char directory[PATH_MAX];
    char name[PATH_MAX];
    int n = snprintf(directory, sizeof directory, "%s", path);
    if (n <= 0 || (size_t)n >= sizeof directory) {
        return oc_fail(err, OC_UNAVAILABLE, "store: %.100s: not a usable path", path);
    }
    memcpy(name, directory, (size_t)n + 1);
    char *resolved = realpath(dirname(directory), NULL);
    if (!resolved) {
        return oc_fail(err, errno == ENOENT ? OC_NOT_FOUND : OC_UNAVAILABLE,
                       "store: the directory of %s: %s", path, strerror(errno));
    }
    n = snprintf(out->text, sizeof out->text, "%s/%s", resolved, basename(name));
    free(resolved);
    if (n < 0 || (size_t)n >= sizeof out->text - sizeof "-journal") {
        return oc_fail(err, OC_UNAVAILABLE, "store: %.100s: the path is too long", path);
    }
    return OC_OK;
}

/* ---- opening ------------------------------------------------------------------------------- */

/* What lies there before SQLite touches it: it would take an empty file for a new database. */
static enum oc_status inspect(const struct database_path *path, struct oc_error *err)
{
    struct stat status;
    if (lstat(path->text, &status)) {
        return oc_fail(err, errno == ENOENT ? OC_NOT_FOUND : OC_UNAVAILABLE, "store: %s: %s",
                       path->text, strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return oc_fail(err, OC_DATA_LOSS, "store: %s is not a regular file", path->text);
    }
    if (status.st_size == 0) {
        return oc_fail(err, OC_DATA_LOSS, "store: %s is an empty file, not a database", path->text);
    }
    return OC_OK;
}

/*
 * A backup is in rollback mode; a database that was opened once is not, and gets its first log only
 * after that is on the disk. So a log beside one in rollback mode belongs to another database,
 * which somebody copied the backup over: SQLite would replay it into this one.
 */
static enum oc_status refuse_foreign_log(sqlite3 *db, const struct database_path *path,
                                         struct oc_error *err)
{
    enum { WRITE_VERSION_AT = 18, ROLLBACK_MODE = 1 };
    char log[PATH_MAX + sizeof "-wal"];
    struct stat facts;
    uint8_t version = 0;
    sqlite3_file *file = NULL;
    (void)snprintf(log, sizeof log, "%s-wal", path->text);
    if (lstat(log, &facts) || facts.st_size == 0 ||
        sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || !file ||
        !file->pMethods ||
        file->pMethods->xRead(file, &version, 1, WRITE_VERSION_AT) != SQLITE_OK) {
        return OC_OK; /* what cannot be read is told by what follows */
    }
    return version == ROLLBACK_MODE
               ? oc_fail(err, OC_DATA_LOSS,
                         "store: %s is a backup that was copied over a database whose log %s-wal "
                         "is still there; put it in place with: openclaw gateway restore",
                         path->text, path->text)
               : OC_OK;
}

/* Runs one setting and compares the first column of its answer. */
static enum oc_status apply_setting(sqlite3 *db, const struct setting *setting,
                                    const struct database_path *path, struct oc_error *err)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, setting->sql, -1, &statement, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
    }
    enum oc_status st = OC_OK;
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        st = statement_fail(db, result, path->text, err);
    } else if (setting->want) {
        const unsigned char *found =
            result == SQLITE_ROW ? sqlite3_column_text(statement, 0) : NULL;
        const char *answer = found ? (const char *)found : "nothing";
        if (strcmp(answer, setting->want) != 0) {
            st = oc_fail(err, setting->otherwise, "store: %s %s (%s answers %.100s)", path->text,
                         setting->text, setting->sql, answer);
        }
    }
    (void)sqlite3_finalize(statement);
    return st;
}

/* Against a file that was prepared by somebody else, not against us. */
static void harden(sqlite3 *db)
{
    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_busy_timeout(db, 0);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    (void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
}

static enum oc_status connect_with(const char *path, int flags, const char *vfs, sqlite3 **out,
                                   struct oc_error *err)
{
    sqlite3 *db = NULL;
    int result = sqlite3_open_v2(path, &db, flags, vfs);
    if (result != SQLITE_OK) {
        enum oc_status st = db ? statement_fail(db, result, path, err)
                               : oc_fail(err, OC_RESOURCE_EXHAUSTED, "store: out of memory");
        (void)sqlite3_close(db);
        return st;
    }
    harden(db);
    *out = db;
    return OC_OK;
}

enum oc_status database_connect(const char *path, sqlite3 **out, struct oc_error *err)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    /* Counting its memory, which nobody asks for, costs a lock at each allocation. Refused, and no
     * harm done, once SQLite is in use. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    return connect_with(path, flags, gathering_vfs(), out, err);
}

/*
 * Writes the log over itself and syncs it. After a failed sync the system may show us what never
 * reached the disk and call it clean: without this, commits that are acknowledged later would
 * stand behind a hole. Under the lock; the bytes do not change.
 */
static enum oc_status secure_log(sqlite3 *db, const struct database_path *path,
                                 struct oc_error *err)
{
    sqlite3_file *log = NULL;
    sqlite3_int64 size = 0;
    int result = sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (result != SQLITE_OK || !log || !log->pMethods) {
        return oc_fail(err, OC_UNAVAILABLE, "store: %s has no write-ahead log", path->text);
    }
    result = log->pMethods->xFileSize(log, &size);
    for (sqlite3_int64 at = 0; at < size && result == SQLITE_OK; at += LOG_CHUNK_BYTES) {
        uint8_t chunk[LOG_CHUNK_BYTES];
        const sqlite3_int64 left = size - at;
        const int n = left < LOG_CHUNK_BYTES ? (int)left : LOG_CHUNK_BYTES;
        result = log->pMethods->xRead(log, chunk, n, at);
        if (result == SQLITE_OK) {
            result = log->pMethods->xWrite(log, chunk, n, at);
        }
    }
    if (result == SQLITE_OK && size > 0) {
        result = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
    }
    if (result != SQLITE_OK) {
        return oc_fail(err, (result & 0xff) == SQLITE_FULL ? OC_RESOURCE_EXHAUSTED : OC_UNAVAILABLE,
                       "store: %s: cannot secure the write-ahead log (sqlite %d)", path->text,
                       result);
    }
    return OC_OK;
}

#define APPLY(settings, db, path, err) apply(settings, OC_ARRAY_LENGTH(settings), db, path, err)

static enum oc_status apply(const struct setting *settings, size_t n, sqlite3 *db,
                            const struct database_path *path, struct oc_error *err)
{
    enum oc_status st = OC_OK;
    for (size_t i = 0; i < n && !st; i++) {
        st = apply_setting(db, &settings[i], path, err);
    }
    return st;
}

/* Whether setting it up writes nothing, so that it may be checked meanwhile. What cannot be told is
 * told by a check before anything else. */
static bool is_in_use(sqlite3 *db, const struct database_path *path)
{
    bool is_latest = false;
    struct oc_error ignored;
    return !APPLY(in_use, db, path, &ignored) && !migrate_is_latest(db, &is_latest, &ignored) &&
           is_latest;
}

static enum oc_status set_up(sqlite3 *db, const struct database_path *path, bool *checks_beside,
                             struct oc_error *err)
{
    enum oc_status st = APPLY(reading, db, path, err);
    if (st) {
        return st;
    }
    *checks_beside = *checks_beside && is_in_use(db, path);
    if (!*checks_beside) {
        st = APPLY(checking, db, path, err);
    }
    if (!st) {
        st = APPLY(working, db, path, err);
    }
    if (!st) {
        st = secure_log(db, path, err);
    }
    return st ? st : migrate_upgrade(db, err);
}

enum oc_status database_check_beside(const struct database_path *path, const char *vfs,
                                     struct oc_error *err)
{
    sqlite3 *db = NULL;
    const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    enum oc_status st = connect_with(path->text, flags, vfs, &db, err);
    if (!st) {
        st = APPLY(reading, db, path, err);
    }
    if (!st) {
        st = APPLY(checking, db, path, err);
    }
    database_close(db, false);
    return st;
}

static enum oc_status open_checked(const struct database_path *path, bool *checks_beside,
                                   sqlite3 **out, struct oc_error *err)
{
    enum oc_status st = inspect(path, err);
    sqlite3 *db = NULL;
    if (!st) {
        st = database_connect(path->text, &db, err);
    }
    if (!st) {
        st = refuse_foreign_log(db, path, err);
    }
    if (!st) {
        st = set_up(db, path, checks_beside, err);
    }
    if (st) {
        database_close(db, false);
        return st;
    }
    *out = db;
    return OC_OK;
}

enum oc_status database_open(const struct database_path *path, sqlite3 **out, struct oc_error *err)
{
    bool checks_beside = false;
    return open_checked(path, &checks_beside, out, err);
}

enum oc_status database_open_unchecked(const struct database_path *path, sqlite3 **out,
                                       bool *is_checked, struct oc_error *err)
{
    bool checks_beside = true;
    const enum oc_status st = open_checked(path, &checks_beside, out, err);
    if (!st) {
        *is_checked = !checks_beside;
    }
    return st;
}

/* A bound, not a reservation: what is used of it are pages that were written or searched. */
void database_widen_cache(sqlite3 *db)
{
    struct oc_error ignored; /* the narrow one serves as well, more slowly */
    if (statement_exec(db, "PRAGMA cache_size = -32768", &ignored)) {
        return;
    }
}

void database_close(sqlite3 *db, bool is_sound)
{
    if (!db) {
        return;
    }
    if (!is_sound) {
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    int result = sqlite3_close(db);
    assert(result == SQLITE_OK); /* a statement of ours was not finalized */
}

/* ---- creating ------------------------------------------------------------------------------ */

static const char *const suffixes[] = {"-wal", "-journal", "-shm"};

/* A log without its database would be replayed into the new one. */
static enum oc_status refuse_leftovers(const struct database_path *path, struct oc_error *err)
{
    for (size_t i = 0; i < OC_ARRAY_LENGTH(suffixes); i++) {
        char name[PATH_MAX];
        (void)snprintf(name, sizeof name, "%s%s", path->text, suffixes[i]);
        struct stat status;
        if (!lstat(name, &status)) {
            return oc_fail(err, OC_DATA_LOSS,
                           "store: %s is there without its database: put the database back, or "
                           "move this file away",
                           name);
        }
    }
    return OC_OK;
}

/* What an interrupted creation left under the temporary name. */
static enum oc_status make_empty_file(const char *name, struct oc_error *err)
{
    for (size_t i = 0; i < OC_ARRAY_LENGTH(suffixes); i++) {
        char extra[PATH_MAX];
        int n = snprintf(extra, sizeof extra, "%s%s", name, suffixes[i]);
        if (n > 0 && (size_t)n < sizeof extra) {
            (void)unlink(extra);
        }
    }
    (void)unlink(name);
    int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return oc_fail(err, errno == ENOSPC ? OC_RESOURCE_EXHAUSTED : OC_UNAVAILABLE,
                       "store: cannot create %s: %s", name, strerror(errno));
    }
    (void)close(fd); /* before SQLite has it open: closing drops a process's locks */
    return OC_OK;
}

/* With a rollback journal, which leaves a single file behind. */
static enum oc_status fill_file(const char *name, const struct store_options *options,
                                struct oc_error *err)
{
    sqlite3 *db = NULL;
    enum oc_status st = database_connect(name, &db, err);
    if (!st) {
        st = statement_exec(db, "PRAGMA synchronous = EXTRA", err);
    }
    if (!st) {
        st = migrate_create(db, options, err);
    }
    database_close(db, !st);
    return st;
}

enum oc_status database_create(const struct database_path *path,
                               const struct store_options *options, struct oc_error *err)
{
    char name[PATH_MAX + 8];
    (void)snprintf(name, sizeof name, "%s.new", path->text);
    enum oc_status st = refuse_leftovers(path, err);
    if (!st) {
        st = make_empty_file(name, err);
    }
    if (!st) {
        st = fill_file(name, options, err);
    }
    if (!st && rename(name, path->text)) {
        st = oc_fail(err, OC_UNAVAILABLE, "store: cannot rename %s: %s", name, strerror(errno));
    }
    return st ? st : directory_sync_of(path->text, err);
}
