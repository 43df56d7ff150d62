/* fsync of directories, and their room; see directory.h. */
#include "server/store/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/store/store.h"

enum oc_status directory_sync_of(const char *path, struct oc_error *err)
{
    char copy[PATH_MAX]; /* dirname writes into what it is given */
    int n = snprintf(copy, sizeof copy, "%s", path);
    if (n < 0 || (size_t)n >= sizeof copy) {
        return oc_fail(err, OC_UNAVAILABLE, "%.100s...: the path is too long", path);
    }
    const char *name = dirname(copy);
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return oc_fail(err, OC_UNAVAILABLE, "%s: cannot open: %s", name, strerror(errno));
    }
    int failed = fsync(fd) ? errno : 0;
    (void)close(fd);
    if (failed) {
        return oc_fail(err, OC_UNAVAILABLE, "%s: cannot fsync: %s", name, strerror(failed));
    }
    return OC_OK;
}

enum oc_status directory_check_room(const char *path, int64_t bytes, struct oc_error *err)
{
    char copy[PATH_MAX];
    (void)snprintf(copy, sizeof copy, "%s", path);
    const char *name = dirname(copy);
    int fd = open(name, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
    int failed = fd < 0 ? errno : 0;
    if (fd >= 0) {
        failed = fallocate(fd, 0, 0, bytes) ? errno : 0;
        (void)close(fd);
    }
    if (failed != ENOSPC && failed != EDQUOT) {
        return OC_OK;
    }
    (void)oc_fail(err, OC_RESOURCE_EXHAUSTED, "the disk of %s is full", path);
    if (err) {
        (void)snprintf(err->cause, sizeof err->cause, "%s", STORE_CAUSE_DISK_FULL);
    }
    return OC_RESOURCE_EXHAUSTED;
}
