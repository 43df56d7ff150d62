/* See file.h. */
#include "proto/files/file.h"

#include <errno.h>
#include <unistd.h>

void oc_file_close(const int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

ssize_t oc_file_read(int fd, void *out, size_t cap)
{
    char *at = out;
    size_t n = 0;
    while (n < cap) {
        ssize_t got = read(fd, at + n, cap - n);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        n += (size_t)got;
    }
    return (ssize_t)n;
}

bool oc_file_write(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t put = write(fd, at, n);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return false;
        }
        at += put;
        n -= (size_t)put;
    }
    return true;
}
