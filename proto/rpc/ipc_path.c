/* See oc_ipc_path_prepare in address.h. NNG deletes whatever refuses a connect: so we look first.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/rpc/address.h"

enum { CLOSED_TO_OTHERS = 0077 };

static void copy_parent(const char *path, char out[OC_MAX_IPC_PATH_BYTES + 1])
{
    const char *slash = strrchr(path, '/');
    if (!slash) {
        (void)snprintf(out, OC_MAX_IPC_PATH_BYTES + 1, ".");
    } else if (slash == path) {
        (void)snprintf(out, OC_MAX_IPC_PATH_BYTES + 1, "/");
    } else {
        (void)snprintf(out, OC_MAX_IPC_PATH_BYTES + 1, "%.*s", (int)(slash - path), path);
    }
}

static enum oc_status check_parent(const char *path, struct oc_error *err)
{
    char parent[OC_MAX_IPC_PATH_BYTES + 1];
    struct stat found;
    copy_parent(path, parent);
    if (stat(parent, &found) != 0) {
        return oc_fail(err, OC_FAILED_PRECONDITION, "directory %s of the socket: %s", parent,
                       strerror(errno));
    }
    if (!S_ISDIR(found.st_mode)) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "%s, where the socket shall be, is no directory", parent);
    }
    if (found.st_uid != geteuid()) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "directory %s of the socket belongs to uid %u, not to us (uid %u)", parent,
                       (unsigned)found.st_uid, (unsigned)geteuid());
    }
    if ((found.st_mode & CLOSED_TO_OTHERS) != 0) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "directory %s of the socket has mode %04o; want 0700: chmod 700 %s", parent,
                       (unsigned)(found.st_mode & 07777), parent);
    }
    return OC_OK;
}

/* Whether nobody listens at the socket: 1, 0, or -1 with errno. */
static int is_stale(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    const int result = connect(fd, (const struct sockaddr *)(const void *)&address, sizeof address);
    const int reason = errno;
    (void)close(fd);
    if (result == 0 || reason == EAGAIN) {
        return 0; /* somebody listens, perhaps with a full backlog */
    }
    errno = reason;
    return reason == ECONNREFUSED ? 1 : -1;
}

static enum oc_status remove_stale(const char *path, struct oc_error *err)
{
    const int stale = is_stale(path);
    if (stale == 0) {
        return oc_fail(err, OC_ALREADY_EXISTS, "socket %s: another process listens there", path);
    }
    if (stale < 0 || unlink(path) != 0) {
        return oc_fail(err, OC_UNAVAILABLE, "socket %s: %s", path, strerror(errno));
    }
    return OC_OK;
}

enum oc_status oc_ipc_path_prepare(const char *path, struct oc_error *err)
{
    enum oc_status st = check_parent(path, err);
    if (st) {
        return st;
    }
    struct stat found;
    if (lstat(path, &found) != 0) {
        if (errno == ENOENT) {
            return OC_OK;
        }
        return oc_fail(err, OC_UNAVAILABLE, "socket %s: %s", path, strerror(errno));
    }
    if (!S_ISSOCK(found.st_mode) || found.st_uid != geteuid()) {
        return oc_fail(err, OC_ALREADY_EXISTS,
                       "%s exists and is no socket of ours (mode %06o, uid %u): move it away", path,
                       (unsigned)found.st_mode, (unsigned)found.st_uid);
    }
    return remove_stale(path, err);
}
