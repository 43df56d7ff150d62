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

/* At most `left` bytes: who owns the file can let it grow meanwhile. 0, or -1 with errno. */
static int copy_bytes(int from, int to, off_t left)
{
    static char chunk[CHUNK_BYTES];
    while (left > 0) {
        const size_t wanted = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        const ssize_t n = read(from, chunk, wanted);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        for (ssize_t done = 0; done < n;) {
            const ssize_t wrote = write(to, chunk + done, (size_t)(n - done));
            if (wrote < 0 && errno != EINTR) {
                return -1;
            }
            done += wrote > 0 ? wrote : 0;
        }
        left -= n;
    }
    return fsync(to);
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

static enum exit_code copy_file(int from, off_t size, const char *to, struct failure *failure)
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
    int failed = fchmod(fd, S_IRUSR | S_IWUSR) != 0 || copy_bytes(from, fd, size) != 0 ? errno : 0;
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

/* ---- what the gateway made --------------------------------------------------------------------
 */

struct made {
    const char *path;
    const char *name; /* the end of path */
    int directory;
    int fd;
    struct stat facts;
};

static enum exit_code refuse(struct failure *failure, const char *path, const char *cause)
{
    failure_set(failure, EXIT_FORBIDDEN, "%.900s: %s: it was neither read nor removed", path,
                cause);
    (void)snprintf(failure->cause, sizeof failure->cause, "%s", BACKUP_FILE_REFUSED);
    failure_advise(failure, "a gateway that is sound makes no such file: look into whom it runs "
                            "under before you trust it");
    return failure->code;
}

/* gateway-20261122T120000.000Z.db, as the gateway names them. */
static bool is_name_of_backup(const char *name)
{
    static const char form[] = "gateway-00000000T000000.000Z.db";
    size_t i = 0;
    for (; form[i]; i++) {
        const bool fits = form[i] == '0' ? name[i] >= '0' && name[i] <= '9' : name[i] == form[i];
        if (!fits) {
            return false;
        }
    }
    return name[i] == '\0';
}

/* What was opened is looked at, not what has the name: its owner can change that at any time. */
static enum exit_code open_directory(struct made *made, uint32_t uid, struct failure *failure)
{
    char path[PATH_BYTES];
    struct stat facts;
    const char *slash = strrchr(made->path, '/');
    made->name = slash ? slash + 1 : "";
    if (made->path[0] != '/' || !is_name_of_backup(made->name) || !directory_of(made->path, path)) {
        return refuse(failure, made->path, "that is no path of a backup");
    }
    made->directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (made->directory < 0 && (errno == ELOOP || errno == ENOTDIR)) {
        return refuse(failure, path, "a link or no directory");
    }
    if (made->directory < 0 || fstat(made->directory, &facts) != 0) {
        return fail_errno(failure, path, "cannot be read from here");
    }
    if (uid == UINT32_MAX || facts.st_uid != uid || (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return refuse(failure, path, "it is not the gateway's own directory");
    }
    return EXIT_DONE;
}

static enum exit_code open_made(struct made *made, uint32_t uid, struct failure *failure)
{
    const enum exit_code code = open_directory(made, uid, failure);
    if (code) {
        return code;
    }
    made->fd = openat(made->directory, made->name,
                      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (made->fd < 0 && (errno == ELOOP || errno == ENXIO)) {
        return refuse(failure, made->path, "it is no regular file");
    }
    if (made->fd < 0 || fstat(made->fd, &made->facts) != 0) {
        return fail_errno(failure, made->path, "cannot be read from here");
    }
    if (!S_ISREG(made->facts.st_mode)) {
        return refuse(failure, made->path, "it is no regular file");
    }
    if (made->facts.st_uid != uid || made->facts.st_nlink != 1) {
        return refuse(failure, made->path, "it is not the gateway's own file");
    }
    return EXIT_DONE;
}

/* Removes what was copied, and nothing that has come to its name. */
static enum exit_code remove_made(const struct made *made, struct failure *failure)
{
    struct stat facts;
    if (fstatat(made->directory, made->name, &facts, AT_SYMLINK_NOFOLLOW) != 0 ||
        facts.st_ino != made->facts.st_ino || facts.st_dev != made->facts.st_dev) {
        return failure_set(failure, EXIT_FAILED,
                           "%.900s: is copied, but something else has its name now", made->path);
    }
    return unlinkat(made->directory, made->name, 0) == 0
               ? EXIT_DONE
               : fail_errno(failure, made->path, "is copied, but cannot be removed");
}

enum exit_code backup_file_take(const char *from, uint32_t gateway_uid, const char *to,
                                struct failure *failure)
{
    struct made made = {.path = from, .directory = -1, .fd = -1};
    enum exit_code code = open_made(&made, gateway_uid, failure);
    if (!code) {
        code = copy_file(made.fd, made.facts.st_size, to, failure);
    }
    if (!code) {
        code = remove_made(&made, failure);
    }
    if (made.fd >= 0) {
        (void)close(made.fd);
    }
    if (made.directory >= 0) {
        (void)close(made.directory);
    }
    return code;
}
