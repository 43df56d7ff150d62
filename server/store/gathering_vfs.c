/* Logs written in few writes; see gathering_vfs.h. */
#include "server/store/gathering_vfs.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

enum {
    GATHERED_BYTES = 120 * 1024, /* some thirty frames; SQLite's own VFS writes less than 128 KiB */
};

struct gathering {
    sqlite3_vfs vfs; /* first */
    sqlite3_vfs *real;
    char name[64];
};

/* A write-ahead log. Any other file is the real one itself, in the same memory. */
struct log_file {
    sqlite3_file file; /* first: what SQLite sees */
    sqlite3_file *real;
    uint8_t *gathered; /* not handed on yet ... */
    sqlite3_int64 at;  /* ... from here on in the file ... */
    int n;             /* ... that many bytes */
};

static struct log_file *log_of(sqlite3_file *file)
{
    return (struct log_file *)(void *)file;
}

/* What could not be written is dropped: who handed it over is told now, or is about to sync. */
static int hand_on(struct log_file *log)
{
    const int n = log->n;
    log->n = 0;
    return n > 0 ? log->real->pMethods->xWrite(log->real, log->gathered, n, log->at) : SQLITE_OK;
}

static int log_close(sqlite3_file *file)
{
    struct log_file *log = log_of(file);
    const int handed = hand_on(log);
    const int closed = log->real->pMethods->xClose(log->real);
    free(log->gathered);
    log->gathered = NULL;
    return handed ? handed : closed;
}

static int log_read(sqlite3_file *file, void *bytes, int n, sqlite3_int64 at)
{
    struct log_file *log = log_of(file);
    const int result = hand_on(log);
    return result ? result : log->real->pMethods->xRead(log->real, bytes, n, at);
}

static int log_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
    struct log_file *log = log_of(file);
    const int fits = GATHERED_BYTES - log->n;
    if (log->n > 0 && (at != log->at + log->n || n > fits)) {
        const int result = hand_on(log);
        if (result) {
            return result;
        }
    }
    if (n > GATHERED_BYTES) {
        return log->real->pMethods->xWrite(log->real, bytes, n, at);
    }
    if (log->n == 0) {
        log->at = at;
    }
    memcpy(log->gathered + log->n, bytes, (size_t)n);
    log->n += n;
    return SQLITE_OK;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct log_file *log = log_of(file);
    const int result = hand_on(log);
    return result ? result : log->real->pMethods->xTruncate(log->real, size);
}

static int log_sync(sqlite3_file *file, int flags)
{
    struct log_file *log = log_of(file);
    const int result = hand_on(log);
    return result ? result : log->real->pMethods->xSync(log->real, flags);
}

static int log_size(sqlite3_file *file, sqlite3_int64 *size)
{
    struct log_file *log = log_of(file);
    const int result = hand_on(log);
    return result ? result : log->real->pMethods->xFileSize(log->real, size);
}

static int log_lock(sqlite3_file *file, int level)
{
    sqlite3_file *real = log_of(file)->real;
    return real->pMethods->xLock(real, level);
}

static int log_unlock(sqlite3_file *file, int level)
{
    sqlite3_file *real = log_of(file)->real;
    return real->pMethods->xUnlock(real, level);
}

static int log_check_lock(sqlite3_file *file, int *is_locked)
{
    sqlite3_file *real = log_of(file)->real;
    return real->pMethods->xCheckReservedLock(real, is_locked);
}

static int log_control(sqlite3_file *file, int operation, void *argument)
{
    struct log_file *log = log_of(file);
    const int result = hand_on(log);
    return result ? result : log->real->pMethods->xFileControl(log->real, operation, argument);
}

static int log_sector_size(sqlite3_file *file)
{
    sqlite3_file *real = log_of(file)->real;
    return real->pMethods->xSectorSize(real);
}

static int log_characteristics(sqlite3_file *file)
{
    sqlite3_file *real = log_of(file)->real;
    return real->pMethods->xDeviceCharacteristics(real);
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1, /* no shared memory and no mapping: those are of databases */
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_check_lock,
    .xFileControl = log_control,
    .xSectorSize = log_sector_size,
    .xDeviceCharacteristics = log_characteristics,
};

static int open_log(sqlite3_vfs *real, const char *name, struct log_file *log, int flags,
                    int *flags_out)
{
    *log = (struct log_file){.real = (sqlite3_file *)(void *)(log + 1)};
    log->gathered = malloc(GATHERED_BYTES);
    if (!log->gathered) {
        return SQLITE_NOMEM;
    }
    log->real->pMethods = NULL;
    const int result = real->xOpen(real, name, log->real, flags, flags_out);
    if (result) {
        free(log->gathered);
        return result;
    }
    log->file.pMethods = &log_methods;
    return SQLITE_OK;
}

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *flags_out)
{
    sqlite3_vfs *real = ((struct gathering *)(void *)vfs)->real;
    file->pMethods = NULL;
    return flags & SQLITE_OPEN_WAL ? open_log(real, name, log_of(file), flags, flags_out)
                                   : real->xOpen(real, name, file, flags, flags_out);
}

const char *gathering_vfs(void)
{
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    char name[sizeof((struct gathering *)0)->name];
    (void)snprintf(name, sizeof name, "gathering %s", real->zName);
    sqlite3_vfs *known = sqlite3_vfs_find(name);
    if (known) {
        return known->zName;
    }
    struct gathering *gathering = calloc(1, sizeof *gathering);
    if (!gathering) {
        return NULL;
    }
    gathering->vfs = *real;
    gathering->vfs.pNext = NULL;
    gathering->vfs.szOsFile = (int)sizeof(struct log_file) + real->szOsFile;
    gathering->vfs.xOpen = open_file;
    gathering->real = real;
    memcpy(gathering->name, name, sizeof name);
    gathering->vfs.zName = gathering->name;
    if (sqlite3_vfs_register(&gathering->vfs, 0) != SQLITE_OK) {
        free(gathering);
        return NULL;
    }
    return gathering->name;
}
