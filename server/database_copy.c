/* See database_copy.h. */
#include "server/database_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CHUNK_BYTES = 64 * 1024,
};

enum oc_status database_copy_fail(const char *path, const char *what, struct oc_error *err)
{
    enum oc_status status = OC_UNAVAILABLE;
    if (errno == ENOENT || errno == ENOTDIR) {
        status = OC_NOT_FOUND;
    } else if (errno == EACCES || errno == EPERM) {
        status = OC_PERMISSION_DENIED;
    } else if (errno == ENOSPC || errno == EDQUOT) {
        status = OC_RESOURCE_EXHAUSTED;
    }
    return oc_fail(err, status, "%s: %s: %s", path, what, strerror(errno));
}

bool database_copy_has_log(const char *path)
{
    char name[PATH_MAX];
    struct stat facts;
    const int n = snprintf(name, sizeof name, "%s-wal", path);
    return n > 0 && (size_t)n < sizeof name && lstat(name, &facts) == 0 && facts.st_size > 0;
}

static enum oc_status open_given(const char *path, int *out, struct oc_error *err)
{
    struct stat facts;
    if (database_copy_has_log(path)) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "%s has a write-ahead log beside it: it is no backup, but a database in use "
                       "or one that was copied while it was; make one with: openclaw gateway "
                       "backup",
                       path);
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return database_copy_fail(path, "cannot be opened", err);
    }
    if (fstat(fd, &facts) || !S_ISREG(facts.st_mode)) {
        (void)close(fd);
        return oc_fail(err, OC_INVALID_ARGUMENT, "%s is not a file", path);
    }
    *out = fd;
    return OC_OK;
}

/* 0, or -1 with errno. */
static int copy_bytes(int from, int to)
{
    static char chunk[CHUNK_BYTES];
    for (;;) {
        const ssize_t n = read(from, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -1 : fsync(to);
        }
        for (ssize_t done = 0; done < n;) {
            const ssize_t wrote = write(to, chunk + done, (size_t)(n - done));
            if (wrote < 0 && errno != EINTR) {
                return -1;
            }
            done += wrote > 0 ? wrote : 0;
        }
    }
}

enum oc_status database_copy_make(const char *from_path, const char *to_path, struct oc_error *err)
{
    int from = -1;
    enum oc_status st = open_given(from_path, &from, err);
    if (st) {
        return st;
    }
    const int to =
        open(to_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (to < 0 || copy_bytes(from, to) != 0) {
        st = database_copy_fail(to_path, "cannot be written", err);
    }
    if (to >= 0) {
        (void)close(to);
    }
    (void)close(from);
    return st;
}

void database_copy_remove(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-journal"};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(suffixes); i++) {
        char name[PATH_MAX];
        (void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
}
