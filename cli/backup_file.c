/* See backup_file.h. */
#include "cli/backup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATH_BYTES = 4096,
    CHUNK_BYTES = 64 * 1024,
};

static enum exit_code fail_errno(struct failure *failure, const char *path, const char *what)
{
    const bool is_forbidden = errno == EACCES || errno == EPERM || errno == EROFS;
    const bool is_full = errno == ENOSPC || errno == EDQUOT;
    const bool is_missing = errno == ENOENT || errno == ENOTDIR;
    return failure_set(failure,
                       is_forbidden ? EXIT_FORBIDDEN
                       : is_full    ? EXIT_UNAVAILABLE
                       : is_missing ? EXIT_NOT_FOUND
                                    : EXIT_FAILED,
                       "%s: %s: %s", path, what, strerror(errno));
}

static bool directory_of(const char *path, char out[PATH_BYTES])
{
    const int n = snprintf(out, PATH_BYTES, "%s", path);
    if (n <= 0 || n >= PATH_BYTES) {
        return false;
    }
    char *name = dirname(out);
    memmove(out, name, strlen(name) + 1);
    return true;
}

enum exit_code backup_file_check(const char *path, struct failure *failure)
{
    char directory[PATH_BYTES];
    struct stat facts;
    if (!directory_of(path, directory) || strlen(path) > PATH_BYTES - sizeof ".unfinished") {
        return failure_set(failure, EXIT_USAGE, "'%.60s' is no path for a backup", path);
    }
    if (lstat(path, &facts) == 0) {
        failure_set(failure, EXIT_CONFLICT, "%s is there already, and is never written over", path);
        failure_advise(failure, "name another file, or move that one away");
        return failure->code;
    }
    if (errno != ENOENT || stat(directory, &facts) != 0) {
        return fail_errno(failure, directory, "cannot be looked at");
    }
    if (!S_ISDIR(facts.st_mode)) {
        return failure_set(failure, EXIT_NOT_FOUND, "%s is not a directory", directory);
    }
    if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (facts.st_mode & S_ISVTX) == 0) {
        failure_set(failure, EXIT_FORBIDDEN, "others may write to %s: they could swap the backup",
                    directory);
        failure_advise(failure, "name another place, or:  chmod go-w %s", directory);
        return failure->code;
    }
    if (access(directory, W_OK | X_OK) != 0) {
        return fail_errno(failure, directory, "cannot be written to");
    }
    return EXIT_DONE;
}

/* 0, or -1 with errno. */
static int copy_bytes(int from, int to)
{
    static char chunk[CHUNK_BYTES];
    for (;;) {
        ssize_t n = read(from, chunk, sizeof chunk);
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

static int sync_directory(const char *directory)
{
    const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int failed = fd < 0 || fsync(fd) != 0 ? -1 : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return failed;
}

/* A file system without the flag gets a look and a rename: nobody else writes there. */
static int rename_to_nothing(const char *from, const char *to)
{
    struct stat facts;
    int failed = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    if (failed && (errno == EINVAL || errno == ENOSYS) && lstat(to, &facts) != 0) {
        failed = rename(from, to);
    }
    return failed;
}

static enum exit_code copy_file(int from, const char *to, struct failure *failure)
{
    char directory[PATH_BYTES];
    char unfinished[PATH_BYTES + sizeof ".unfinished"];
    (void)snprintf(unfinished, sizeof unfinished, "%s.unfinished", to);
    (void)directory_of(to, directory);
    const int fd =
        open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return fail_errno(failure, unfinished, "cannot be created");
    }
    int failed = fchmod(fd, S_IRUSR | S_IWUSR) != 0 || copy_bytes(from, fd) != 0 ? errno : 0;
    if (close(fd) != 0 && !failed) {
        failed = errno;
    }
    if (!failed && rename_to_nothing(unfinished, to) != 0) {
        failed = errno;
    }
    if (failed) {
        (void)unlink(unfinished);
        errno = failed;
        return fail_errno(failure, to, "cannot be written");
    }
    return sync_directory(directory) == 0 ? EXIT_DONE
                                          : fail_errno(failure, directory, "cannot be synced");
}

enum exit_code backup_file_take(const char *from, const char *to, struct failure *failure)
{
    const int fd = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return fail_errno(failure, from, "cannot be read from here");
    }
    const enum exit_code code = copy_file(fd, to, failure);
    (void)close(fd);
    if (!code && unlink(from) != 0) {
        return fail_errno(failure, from, "is copied, but cannot be removed");
    }
    return code;
}
