/* A database read beside its owner; see reading_vfs.h. */
#include "server/store/reading_vfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

enum {
    ALIGNMENT = 16,
};

struct reading {
    sqlite3_vfs vfs; /* first */
    sqlite3_vfs *real;
    size_t methods_at; /* in the memory of a file: its methods behind what the real one keeps */
    char name[64];
};

static int grant(sqlite3_file *file, int level)
{
    (void)file;
    (void)level;
    return SQLITE_OK;
}

static int refuse_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
    (void)file;
    (void)bytes;
    (void)n;
    (void)at;
    return SQLITE_READONLY;
}

static int refuse_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    (void)file;
    (void)size;
    return SQLITE_READONLY;
}

static int refuse_delete(sqlite3_vfs *vfs, const char *name, int syncs)
{
    (void)vfs;
    (void)name;
    (void)syncs;
    return SQLITE_READONLY;
}

/* Without shared memory: the connection has the log's index to itself. */
static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *flags_out)
{
    struct reading *reading = (struct reading *)(void *)vfs;
    const int writing = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    const int wanted = flags & SQLITE_OPEN_WAL ? (flags & ~writing) | SQLITE_OPEN_READONLY : flags;
    file->pMethods = NULL;
    const int result = reading->real->xOpen(reading->real, name, file, wanted, flags_out);
    if (result == SQLITE_OK && flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) {
        sqlite3_io_methods *methods =
            (sqlite3_io_methods *)(void *)((char *)file + reading->methods_at);
        *methods = *file->pMethods;
        methods->iVersion = 1;
        methods->xWrite = refuse_write;
        methods->xTruncate = refuse_truncate;
        methods->xLock = grant;
        methods->xUnlock = grant;
        file->pMethods = methods;
    }
    return result;
}

const char *reading_vfs(void)
{
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    char name[sizeof((struct reading *)0)->name];
    (void)snprintf(name, sizeof name, "reading %s", real->zName);
    sqlite3_vfs *known = sqlite3_vfs_find(name);
    if (known) {
        return known->zName;
    }
    struct reading *reading = calloc(1, sizeof *reading);
    if (!reading) {
        return NULL;
    }
    reading->real = real;
    reading->methods_at = ((size_t)real->szOsFile + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    reading->vfs = *real;
    reading->vfs.pNext = NULL;
    reading->vfs.szOsFile = (int)(reading->methods_at + sizeof(sqlite3_io_methods));
    reading->vfs.xOpen = open_file;
    reading->vfs.xDelete = refuse_delete;
    memcpy(reading->name, name, sizeof name);
    reading->vfs.zName = reading->name;
    if (sqlite3_vfs_register(&reading->vfs, 0) != SQLITE_OK) {
        free(reading);
        return NULL;
    }
    return reading->name;
}
