/* See host.h. */
#include "client/host.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "proto/crypto/digest.h"

void oc_random_fill(void *out, size_t n)
{
    uint8_t *p = out;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno != EINTR) {
            abort();
        }
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        }
    }
}

void oc_signals_block(sigset_t *before)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, before);
}

void oc_signals_restore(const sigset_t *before)
{
    (void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

void oc_host_name(char out[OC_MAX_NAME_BYTES + 1])
{
    char name[256] = "";
    if (gethostname(name, sizeof name - 1) != 0) {
        name[0] = '\0';
    }
    size_t n = 0;
    for (const char *p = name; *p && n < OC_MAX_NAME_BYTES; p++) {
        if (*p > ' ' && *p < 0x7f) {
            out[n++] = *p;
        }
    }
    out[n] = '\0';
}

void oc_host_platform(char out[OC_MAX_PLATFORM_BYTES + 1])
{
    struct utsname facts;
    if (uname(&facts) != 0) {
        out[0] = '\0';
        return;
    }
    (void)snprintf(out, OC_MAX_PLATFORM_BYTES + 1, "%.15s %.15s", facts.sysname, facts.machine);
    for (char *p = out; *p; p++) {
        *p = (char)tolower((unsigned char)*p);
    }
}

/* The first line of a small file; 0 if there is none. */
static size_t read_line(const char *path, char *out, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return 0;
    }
    ssize_t got = read(fd, out, cap);
    (void)close(fd);
    size_t n = got > 0 ? (size_t)got : 0;
    const char *end = memchr(out, '\n', n);
    return end ? (size_t)(end - out) : n;
}

bool oc_host_hint(const struct oc_digest *gateway_spki, uint8_t out[OC_HOST_HINT_BYTES])
{
    char id[64];
    size_t n = read_line("/etc/machine-id", id, sizeof id);
    if (n == 0) {
        n = read_line("/proc/sys/kernel/random/boot_id", id, sizeof id);
    }
    if (n == 0) {
        return false;
    }
    struct oc_key key;
    memcpy(key.bytes, gateway_spki->bytes, sizeof key.bytes);
    const struct oc_bytes piece = {id, n};
    struct oc_digest digest = oc_hmac_sha256(&key, &piece, 1);
    memcpy(out, digest.bytes, OC_HOST_HINT_BYTES);
    return true;
}
