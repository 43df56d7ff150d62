/* See private_dir.h. All access goes through descriptors (openat), so that what was checked is
 * what is used. */
#include "client/private_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/host.h"
#include "proto/base/cleanup.h"
#include "proto/base/hex.h"
#include "proto/files/file.h"

enum {
    TEMP_RANDOM_BYTES = 8,
    TEMP_NAME_BYTES = 128,
    MODE_BITS = 07777,
};

static enum oc_status fail_errno(struct oc_error *err, const char *what, const char *dir,
                                 const char *name)
{
    int code = errno;
    enum oc_status st = code == ENOENT ? OC_NOT_FOUND : OC_INTERNAL;
    const char *cause = strerrordesc_np(code);
    return oc_fail(err, st, "%s%s%s: cannot %s: %s", dir, name[0] ? "/" : "", name, what,
                   cause ? cause : "unknown error");
}

static enum oc_status fail_mode(struct oc_error *err, const char *dir, const char *name,
                                mode_t found, unsigned wanted)
{
    const char *slash = name[0] ? "/" : "";
    return oc_fail(err, OC_FAILED_PRECONDITION,
                   "%s%s%s: mode %04o found, %04o wanted; fix: chmod %o %s%s%s", dir, slash, name,
                   (unsigned)found & MODE_BITS, wanted, wanted, dir, slash, name);
}

static enum oc_status fail_owner(struct oc_error *err, const char *dir, const char *name,
                                 uid_t found)
{
    return oc_fail(err, OC_FAILED_PRECONDITION,
                   "%s%s%s: belongs to uid %u, this process runs as uid %u; run it as the owner or "
                   "name another data directory",
                   dir, name[0] ? "/" : "", name, (unsigned)found, (unsigned)geteuid());
}

static enum oc_status join(const char *dir, const char *name, char out[OC_PATH_BYTES],
                           struct oc_error *err)
{
    int n = snprintf(out, OC_PATH_BYTES, "%s%s%s", dir, name[0] ? "/" : "", name);
    if (n <= 0 || n >= OC_PATH_BYTES) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "path of the data directory: %s",
                       n <= 0 ? "empty" : "too long");
    }
    return OC_OK;
}

/* A new entry is durable once the directory that holds it is. */
static void sync_directory(int fd)
{
    /* Some file systems cannot sync a directory; what was written into it is synced anyway. */
    (void)fsync(fd);
}

static enum oc_status check_data_dir(const char *path, const struct stat *st, struct oc_error *err)
{
    if (st->st_uid != geteuid() && st->st_uid != 0 && geteuid() != 0) {
        return fail_owner(err, path, "", st->st_uid);
    }
    if (st->st_mode & (S_IWGRP | S_IWOTH)) {
        return fail_mode(err, path, "", st->st_mode, st->st_mode & MODE_BITS & ~022U);
    }
    return OC_OK;
}

static void sync_parent_of(const char *path)
{
    char parent[OC_PATH_BYTES + 4];
    (void)snprintf(parent, sizeof parent, "%s/..", path);
    OC_CLEANUP(oc_file_close) int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        sync_directory(fd);
    }
}

enum oc_status oc_data_dir_open(const char *path, bool may_create, struct oc_private_dir *out,
                                struct oc_error *err)
{
    struct oc_private_dir dir = {.fd = -1};
    enum oc_status st = join(path, "", dir.path, err);
    if (st) {
        return st;
    }
    if (may_create && mkdir(path, 0700) == 0) {
        sync_parent_of(path);
    }
    OC_CLEANUP(oc_file_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat facts;
    if (fd < 0 || fstat(fd, &facts) != 0) {
        return fail_errno(err, "open the data directory", path, "");
    }
    st = check_data_dir(path, &facts, err);
    if (st) {
        return st;
    }
    dir.fd = fd;
    fd = -1;
    *out = dir;
    return OC_OK;
}

/* open() with O_NOFOLLOW says ELOOP or ENOTDIR for a symbolic link: name the real cause. */
static bool is_link(int dir_fd, const char *name)
{
    struct stat facts;
    return fstatat(dir_fd, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(facts.st_mode);
}

static enum oc_status open_checked(const struct oc_private_dir *parent, const char *name, int flags,
                                   int *out, struct oc_error *err)
{
    OC_CLEANUP(oc_file_close)
    int fd = openat(parent->fd, name, flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat facts;
    if (fd < 0 && is_link(parent->fd, name)) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "%s/%s: is a symbolic link; put the real thing in its place", parent->path,
                       name);
    }
    if (fd < 0 || fstat(fd, &facts) != 0) {
        return fail_errno(err, "open", parent->path, name);
    }
    const bool is_dir = (flags & O_DIRECTORY) != 0; /* then nothing else was opened */
    if (!is_dir && !S_ISREG(facts.st_mode)) {
        return oc_fail(err, OC_FAILED_PRECONDITION, "%s/%s: is not a regular file", parent->path,
                       name);
    }
    if (facts.st_uid != geteuid()) {
        return fail_owner(err, parent->path, name, facts.st_uid);
    }
    if (facts.st_mode & (S_IRWXG | S_IRWXO)) {
        return fail_mode(err, parent->path, name, facts.st_mode, is_dir ? 0700 : 0600);
    }
    *out = fd;
    fd = -1;
    return OC_OK;
}

enum oc_status oc_private_dir_open(const struct oc_private_dir *parent, const char *name,
                                   bool may_create, struct oc_private_dir *out,
                                   struct oc_error *err)
{
    struct oc_private_dir dir = {.fd = -1};
    enum oc_status st = join(parent->path, name, dir.path, err);
    if (st) {
        return st;
    }
    if (may_create && mkdirat(parent->fd, name, 0700) == 0) {
        sync_directory(parent->fd);
    }
    st = open_checked(parent, name, O_DIRECTORY, &dir.fd, err);
    if (st) {
        return st;
    }
    *out = dir;
    return OC_OK;
}

enum oc_status oc_private_dir_of_file(const char *path, struct oc_private_dir *out,
                                      const char **name, struct oc_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    struct oc_private_dir dir = {.fd = -1};
    const int n = !slash ? snprintf(dir.path, sizeof dir.path, ".")
                  : slash == path
                      ? snprintf(dir.path, sizeof dir.path, "/")
                      : snprintf(dir.path, sizeof dir.path, "%.*s", (int)(slash - path), path);
    if (n <= 0 || (size_t)n >= sizeof dir.path || base[0] == '\0' || strcmp(base, ".") == 0 ||
        strcmp(base, "..") == 0) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "%.200s: no path of a file, or too long", path);
    }
    dir.fd = open(dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir.fd < 0) {
        return fail_errno(err, "open the directory", dir.path, "");
    }
    if (slash == path) {
        dir.path[0] = '\0'; /* texts put a slash and the name behind it */
    }
    *out = dir;
    *name = base;
    return OC_OK;
}

void oc_private_dir_close(struct oc_private_dir *dir)
{
    oc_file_close(&dir->fd);
    dir->fd = -1;
}

enum oc_status oc_private_dir_lock(const struct oc_private_dir *dir, struct oc_error *err)
{
    while (flock(dir->fd, LOCK_EX) != 0) {
        if (errno != EINTR) {
            return fail_errno(err, "lock", dir->path, "");
        }
    }
    return OC_OK;
}

enum oc_status oc_private_file_read(const struct oc_private_dir *dir, const char *name, char *out,
                                    size_t cap, size_t *n, struct oc_error *err)
{
    OC_CLEANUP(oc_file_close) int fd = -1;
    enum oc_status st = open_checked(dir, name, 0, &fd, err);
    if (st) {
        return st;
    }
    ssize_t got = oc_file_read(fd, out, cap);
    if (got < 0) {
        return fail_errno(err, "read", dir->path, name);
    }
    char more = 0;
    if ((size_t)got == cap && oc_file_read(fd, &more, 1) != 0) {
        return oc_fail(err, OC_DATA_LOSS, "%s/%s: longer than the %zu bytes such a file may have",
                       dir->path, name, cap);
    }
    *n = (size_t)got;
    return OC_OK;
}

/* Writes a file under a name nobody knows; the caller syncs it and moves it to its place. */
static enum oc_status open_temporary(const struct oc_private_dir *dir, const char *name,
                                     const char *bytes, size_t n, char temp[TEMP_NAME_BYTES],
                                     int *out, struct oc_error *err)
{
    uint8_t random[TEMP_RANDOM_BYTES];
    char digits[2 * TEMP_RANDOM_BYTES + 1];
    oc_random_fill(random, sizeof random);
    oc_hex_format(random, sizeof random, digits);
    (void)snprintf(temp, TEMP_NAME_BYTES, ".%.80s.%s", name, digits);
    OC_CLEANUP(oc_file_close)
    int fd = openat(dir->fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail_errno(err, "make a temporary file for", dir->path, name);
    }
    /* The umask may have taken bits away; the mode must be exactly what is checked at reading. */
    if (fchmod(fd, 0600) != 0 || !oc_file_write(fd, bytes, n)) {
        enum oc_status st = fail_errno(err, "write", dir->path, name);
        (void)unlinkat(dir->fd, temp, 0);
        return st;
    }
    *out = fd;
    fd = -1;
    return OC_OK;
}

/* The same, synced. */
static enum oc_status write_temporary(const struct oc_private_dir *dir, const char *name,
                                      const char *bytes, size_t n, char temp[TEMP_NAME_BYTES],
                                      struct oc_error *err)
{
    OC_CLEANUP(oc_file_close) int fd = -1;
    enum oc_status st = open_temporary(dir, name, bytes, n, temp, &fd, err);
    if (st == OC_OK && fsync(fd) != 0) {
        st = fail_errno(err, "write", dir->path, name);
        (void)unlinkat(dir->fd, temp, 0);
    }
    return st;
}

static enum oc_status rename_temporary(const struct oc_private_dir *dir, const char *temp,
                                       const char *name, struct oc_error *err)
{
    if (renameat(dir->fd, temp, dir->fd, name) != 0) {
        enum oc_status st = fail_errno(err, "replace", dir->path, name);
        (void)unlinkat(dir->fd, temp, 0);
        return st;
    }
    return OC_OK;
}

enum oc_status oc_private_file_create(const struct oc_private_dir *dir, const char *name,
                                      const char *bytes, size_t n, struct oc_error *err)
{
    char temp[TEMP_NAME_BYTES];
    enum oc_status st = write_temporary(dir, name, bytes, n, temp, err);
    if (st) {
        return st;
    }
    /* link() refuses an existing name, so of two first starts exactly one wins. */
    if (linkat(dir->fd, temp, dir->fd, name, 0) != 0) {
        st = errno == EEXIST ? oc_fail(err, OC_ALREADY_EXISTS, "%s/%s: exists", dir->path, name)
                             : fail_errno(err, "make", dir->path, name);
    }
    (void)unlinkat(dir->fd, temp, 0);
    sync_directory(dir->fd);
    return st;
}

enum oc_status oc_private_file_replace(const struct oc_private_dir *dir, const char *name,
                                       const char *bytes, size_t n, struct oc_error *err)
{
    char temp[TEMP_NAME_BYTES];
    enum oc_status st = write_temporary(dir, name, bytes, n, temp, err);
    if (st) {
        return st;
    }
    st = rename_temporary(dir, temp, name, err);
    if (st) {
        return st;
    }
    sync_directory(dir->fd);
    return OC_OK;
}

enum oc_status oc_private_file_jot(const struct oc_private_dir *dir, const char *name,
                                   const char *bytes, size_t n, struct oc_error *err)
{
    char temp[TEMP_NAME_BYTES];
    OC_CLEANUP(oc_file_close) int fd = -1;
    enum oc_status st = open_temporary(dir, name, bytes, n, temp, &fd, err);
    return st ? st : rename_temporary(dir, temp, name, err);
}
