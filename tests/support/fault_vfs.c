/* The failing disk; see fault_vfs.h. */
#include "tests/support/fault_vfs.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

/* A write or truncation that is not synced: what the file held there before, and after. */
struct change {
    char *path;
    sqlite3_int64 at;
    sqlite3_int64 size_before; /* of the file */
    uint8_t *before;
    size_t n_before;
    uint8_t *after;
    size_t n_after;
    bool truncates;
    bool is_lost; /* its sync failed: only writing the same place again can save it */
};

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    enum fault_kind kind;
    uint64_t at;
    uint64_t n_operations;
    uint64_t n_syncs;
    uint32_t random;
    bool has_struck;
    bool is_dead;
    bool is_powersafe;
    struct change *changes;
    size_t n_changes;
} disk;

struct file {
    sqlite3_file base;
    char *path;
    sqlite3_file *real; /* lies behind this struct */
};

static struct file *file_of(sqlite3_file *base)
{
    return (struct file *)(void *)base;
}

static uint32_t random_number(void)
{
    disk.random = disk.random * 1664525u + 1013904223u;
    return disk.random >> 8;
}

/* ---- what is not synced -------------------------------------------------------------------- */

static void free_change(struct change *change)
{
    free(change->path);
    free(change->before);
    free(change->after);
}

static struct change *add_change(struct file *file, sqlite3_int64 at, size_t n_before)
{
    disk.changes = realloc(disk.changes, (disk.n_changes + 1) * sizeof *disk.changes);
    assert(disk.changes);
    struct change *change = &disk.changes[disk.n_changes++];
    *change = (struct change){.path = strdup(file->path), .at = at};
    assert(file->real->pMethods->xFileSize(file->real, &change->size_before) == SQLITE_OK);
    change->before = calloc(1, n_before + 1);
    assert(change->path && change->before);
    if (at < change->size_before) {
        sqlite3_int64 left = change->size_before - at;
        change->n_before = (sqlite3_int64)n_before < left ? n_before : (size_t)left;
        assert(file->real->pMethods->xRead(file->real, change->before, (int)change->n_before, at) ==
               SQLITE_OK);
    }
    return change;
}

static uint8_t *copy_bytes(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = malloc(n + 1);
    assert(copy);
    memcpy(copy, bytes, n);
    return copy;
}

/* Keeps `n` bytes from `skip` on of a lost change as a lost change of its own. */
static void keep_part(const struct change *lost, size_t skip, size_t n)
{
    if (n == 0) {
        return;
    }
    struct change part = {
        .path = strdup(lost->path),
        .at = lost->at + (sqlite3_int64)skip,
        .before = copy_bytes(lost->before + skip, n),
        .n_before = n,
        .after = copy_bytes(lost->after + skip, n),
        .n_after = n,
        .is_lost = true,
    };
    disk.changes = realloc(disk.changes, (disk.n_changes + 1) * sizeof *disk.changes);
    assert(disk.changes && part.path);
    disk.changes[disk.n_changes++] = part;
}

/* A durable write saves what lost changes it covers. */
static void save_lost(const char *path, sqlite3_int64 from, sqlite3_int64 to)
{
    const size_t n = disk.n_changes;
    for (size_t i = 0; i < n; i++) {
        struct change lost = disk.changes[i];
        const sqlite3_int64 start = lost.at;
        const sqlite3_int64 end = lost.at + (sqlite3_int64)lost.n_after;
        if (!lost.is_lost || strcmp(lost.path, path) != 0 || end <= from || to <= start) {
            continue;
        }
        const size_t left = from > start ? (size_t)(from - start) : 0;
        const size_t right = end > to ? (size_t)(end - to) : 0;
        keep_part(&lost, 0, left);
        keep_part(&lost, lost.n_after - right, right);
        disk.changes[i].n_before = 0;
        disk.changes[i].n_after = 0;
    }
}

/* What a sync made durable is no change any more. */
static void forget_changes(const char *path)
{
    for (size_t i = 0; i < disk.n_changes; i++) {
        const struct change change = disk.changes[i];
        if (!change.is_lost && !change.truncates && strcmp(change.path, path) == 0) {
            save_lost(path, change.at, change.at + (sqlite3_int64)change.n_after);
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < disk.n_changes; i++) {
        if (!disk.changes[i].is_lost && strcmp(disk.changes[i].path, path) == 0) {
            free_change(&disk.changes[i]);
        } else {
            disk.changes[kept++] = disk.changes[i];
        }
    }
    disk.n_changes = kept;
}

/* The sync that failed leaves the file's unsynced writes to the system's memory alone. */
static void lose_changes(const char *path)
{
    for (size_t i = 0; i < disk.n_changes; i++) {
        struct change *change = &disk.changes[i];
        if (strcmp(change->path, path) != 0 || change->is_lost || change->truncates) {
            continue;
        }
        uint8_t *before = calloc(1, change->n_after + 1); /* zeros where the file ended */
        assert(before);
        memcpy(before, change->before, change->n_before);
        free(change->before);
        change->before = before;
        change->n_before = change->n_after;
        change->is_lost = true;
    }
}

static void undo_change(const struct change *change)
{
    int fd = open(change->path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return; /* deleted since */
    }
    assert(pwrite(fd, change->before, change->n_before, change->at) == (ssize_t)change->n_before);
    if (!change->is_lost) {
        assert(ftruncate(fd, change->size_before) == 0);
    }
    (void)close(fd);
}

static void redo_change(const struct change *change, size_t n)
{
    int fd = open(change->path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (change->truncates) {
        assert(ftruncate(fd, change->at) == 0);
    } else {
        assert(pwrite(fd, change->after, n, change->at) == (ssize_t)n);
    }
    (void)close(fd);
}

static void lose_unsynced(bool shuffles)
{
    for (size_t i = disk.n_changes; i-- > 0;) {
        undo_change(&disk.changes[i]);
    }
    for (size_t i = 0; i < disk.n_changes; i++) {
        const struct change *change = &disk.changes[i];
        uint32_t dice = random_number() % 4;
        if (shuffles && dice > 0 && !change->is_lost) {
            size_t sectors = change->n_after / 512;
            size_t part = sectors ? 512 * (random_number() % (sectors + 1)) : 0;
            redo_change(change, dice > 1 ? change->n_after : part);
        }
    }
    for (size_t i = 0; i < disk.n_changes; i++) {
        free_change(&disk.changes[i]);
    }
    free(disk.changes);
    disk.changes = NULL;
    disk.n_changes = 0;
}

/* ---- the fault ----------------------------------------------------------------------------- */

enum verdict {
    PASS,
    FAIL_IO,
    FAIL_FULL,
    DO_AND_FAIL,
    DO_HALF,
    LOSE,
};

static enum verdict judge(bool is_sync)
{
    if (disk.is_dead) {
        return FAIL_IO;
    }
    if (++disk.n_operations != disk.at || disk.kind == FAULT_NONE) {
        return PASS;
    }
    if (disk.kind == FAULT_SYNC_LOST && !is_sync) {
        return PASS;
    }
    disk.has_struck = true;
    switch (disk.kind) {
    case FAULT_IO_ERROR:
        return FAIL_IO;
    case FAULT_FULL:
        return FAIL_FULL;
    case FAULT_LATE_ERROR:
        return DO_AND_FAIL;
    case FAULT_SYNC_LOST:
        return LOSE;
    case FAULT_TORN:
        disk.is_dead = true;
        return DO_HALF;
    case FAULT_CUT:
    case FAULT_CUT_SHUFFLE:
        disk.is_dead = true;
        return FAIL_IO;
    case FAULT_NONE:
    case FAULT_COUNT:
        break;
    }
    return PASS;
}

/* ---- the methods --------------------------------------------------------------------------- */

static int file_close(sqlite3_file *base)
{
    struct file *file = file_of(base);
    int result = file->real->pMethods ? file->real->pMethods->xClose(file->real) : SQLITE_OK;
    free(file->path);
    file->path = NULL;
    return result;
}

static int file_read(sqlite3_file *base, void *out, int n, sqlite3_int64 at)
{
    struct file *file = file_of(base);
    return disk.is_dead ? SQLITE_IOERR_READ : file->real->pMethods->xRead(file->real, out, n, at);
}

static int file_write(sqlite3_file *base, const void *bytes, int n, sqlite3_int64 at)
{
    struct file *file = file_of(base);
    enum verdict verdict = judge(false);
    if (verdict == FAIL_IO) {
        return SQLITE_IOERR_WRITE;
    }
    int done = verdict == DO_HALF || verdict == FAIL_FULL ? n / 2 : n;
    struct change *change = add_change(file, at, (size_t)done);
    change->after = malloc((size_t)done + 1);
    assert(change->after);
    memcpy(change->after, bytes, (size_t)done);
    change->n_after = (size_t)done;
    int result = file->real->pMethods->xWrite(file->real, bytes, done, at);
    return verdict == PASS ? result : verdict == FAIL_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct file *file = file_of(base);
    enum verdict verdict = judge(false);
    if (verdict == FAIL_IO || verdict == FAIL_FULL || verdict == DO_HALF) {
        return SQLITE_IOERR_TRUNCATE;
    }
    sqlite3_int64 now = 0;
    assert(file->real->pMethods->xFileSize(file->real, &now) == SQLITE_OK);
    struct change *change = add_change(file, size, now > size ? (size_t)(now - size) : 0);
    change->truncates = true;
    int result = file->real->pMethods->xTruncate(file->real, size);
    return verdict == PASS ? result : SQLITE_IOERR_TRUNCATE;
}

static int file_sync(sqlite3_file *base, int flags)
{
    (void)flags;
    struct file *file = file_of(base);
    enum verdict verdict = judge(true);
    if (verdict == LOSE) {
        lose_changes(file->path);
    }
    if (verdict != PASS && verdict != DO_AND_FAIL) {
        return SQLITE_IOERR_FSYNC;
    }
    disk.n_syncs++;
    forget_changes(file->path);
    return verdict == PASS ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size)
{
    return file_of(base)->real->pMethods->xFileSize(file_of(base)->real, size);
}

static int file_lock(sqlite3_file *base, int level)
{
    return file_of(base)->real->pMethods->xLock(file_of(base)->real, level);
}

static int file_unlock(sqlite3_file *base, int level)
{
    return file_of(base)->real->pMethods->xUnlock(file_of(base)->real, level);
}

static int file_check_lock(sqlite3_file *base, int *out)
{
    return file_of(base)->real->pMethods->xCheckReservedLock(file_of(base)->real, out);
}

static int file_control(sqlite3_file *base, int operation, void *argument)
{
    return file_of(base)->real->pMethods->xFileControl(file_of(base)->real, operation, argument);
}

static int file_sector_size(sqlite3_file *base)
{
    return file_of(base)->real->pMethods->xSectorSize(file_of(base)->real);
}

/* A disk that promises nothing: SQLite must bring its own order. Or as little as the real one. */
static int file_characteristics(sqlite3_file *base)
{
    (void)base;
    return disk.is_powersafe ? SQLITE_IOCAP_POWERSAFE_OVERWRITE : 0;
}

void fault_vfs_set_powersafe(bool is_powersafe)
{
    disk.is_powersafe = is_powersafe;
}

/* Version 1: no shared memory and no mapping, which an exclusive store must not need. */
static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                    int *flags_out)
{
    (void)vfs;
    struct file *file = file_of(base);
    memset(file, 0, sizeof *file);
    file->real = (sqlite3_file *)(void *)(file + 1);
    if (disk.is_dead) {
        return SQLITE_CANTOPEN;
    }
    int result = disk.real->xOpen(disk.real, name, file->real, flags, flags_out);
    if (result == SQLITE_OK) {
        file->path = strdup(name ? name : "");
        assert(file->path);
        base->pMethods = &methods;
    }
    return result;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int syncs)
{
    (void)vfs;
    enum verdict verdict = judge(false);
    if (verdict == FAIL_IO || verdict == FAIL_FULL || verdict == DO_HALF) {
        return SQLITE_IOERR_DELETE;
    }
    forget_changes(name);
    int result = disk.real->xDelete(disk.real, name, syncs);
    return verdict == PASS ? result : SQLITE_IOERR_DELETE;
}

void fault_vfs_install(void)
{
    memset(&disk, 0, sizeof disk);
    disk.real = sqlite3_vfs_find("unix");
    assert(disk.real);
    disk.vfs = *disk.real;
    disk.vfs.zName = "fault";
    disk.vfs.szOsFile = (int)sizeof(struct file) + disk.real->szOsFile;
    disk.vfs.xOpen = vfs_open;
    disk.vfs.xDelete = vfs_delete;
    assert(sqlite3_vfs_register(&disk.vfs, 1) == SQLITE_OK);
}

void fault_vfs_remove(void)
{
    fault_vfs_revive();
    assert(sqlite3_vfs_unregister(&disk.vfs) == SQLITE_OK);
    assert(sqlite3_vfs_register(disk.real, 1) == SQLITE_OK);
}

void fault_vfs_plan(enum fault_kind kind, uint64_t at, uint32_t seed)
{
    disk.kind = kind;
    disk.at = at;
    disk.n_operations = 0;
    disk.n_syncs = 0;
    disk.random = seed * 2654435761u + 1;
    disk.has_struck = false;
}

uint64_t fault_vfs_operations(void)
{
    return disk.n_operations;
}

uint64_t fault_vfs_syncs(void)
{
    return disk.n_syncs;
}

bool fault_vfs_has_struck(void)
{
    return disk.has_struck;
}

void fault_vfs_cut(void)
{
    disk.is_dead = true;
    disk.kind = FAULT_CUT;
}

void fault_vfs_revive(void)
{
    const bool is_cut = disk.kind == FAULT_CUT || disk.kind == FAULT_CUT_SHUFFLE;
    if (is_cut) {
        lose_unsynced(disk.kind == FAULT_CUT_SHUFFLE);
    }
    for (size_t i = 0; i < disk.n_changes; i++) {
        free_change(&disk.changes[i]);
    }
    free(disk.changes);
    disk.changes = NULL;
    disk.n_changes = 0;
    disk.is_dead = false;
    disk.kind = FAULT_NONE;
}
