/*
 * The file `clock`: four lines of text. It is of use only as long as the machine runs, so nothing
 * of it must survive a power cut.
 *
 *     openclaw gateway clock 1
 *     boot 8-4-4-4-12 hex digits
 *     boot_ms decimal
 *     unix_ms decimal
 */
#include "server/host/boot_clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_FILE_BYTES = 256,
};

static const char file_name[] = "clock";

enum oc_status boot_clock_identify(struct boot_moment *out, struct oc_error *err)
{
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    char text[BOOT_ID_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    int failed = n < 0 ? errno : EINVAL;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (n != BOOT_ID_BYTES) {
        return oc_fail(err, OC_UNAVAILABLE, "%s: %s", path, strerror(failed));
    }
    memcpy(out->boot_id, text, sizeof text);
    out->boot_id[BOOT_ID_BYTES] = '\0';
    return OC_OK;
}

static int format(const struct boot_moment *moment, char out[MAX_FILE_BYTES])
{
    return snprintf(out, MAX_FILE_BYTES,
                    "openclaw gateway clock 1\nboot %s\nboot_ms %" PRId64 "\nunix_ms %" PRId64 "\n",
                    moment->boot_id, moment->boot_ms, moment->unix_ms);
}

enum oc_status boot_clock_read(struct state_dir *dir, struct boot_moment *out, struct oc_error *err)
{
    char text[MAX_FILE_BYTES + 1];
    char again[MAX_FILE_BYTES];
    size_t n = 0;
    enum oc_status status = state_dir_read_file(dir, file_name, text, MAX_FILE_BYTES, &n, err);
    if (status) {
        return status;
    }
    struct boot_moment found = {.boot_ms = 0};
    text[n] = '\0';
    const char *boot = strstr(text, "\nboot ");
    const char *boot_ms = strstr(text, "\nboot_ms ");
    const char *unix_ms = strstr(text, "\nunix_ms ");
    if (boot && boot_ms && unix_ms) {
        (void)snprintf(found.boot_id, sizeof found.boot_id, "%.36s", boot + strlen("\nboot "));
        found.boot_ms = strtoll(boot_ms + strlen("\nboot_ms "), NULL, 10);
        found.unix_ms = strtoll(unix_ms + strlen("\nunix_ms "), NULL, 10);
    }
    /* That it was all in order is shown by formatting it again. */
    const int n_again = format(&found, again);
    if (n_again != (int)n || memcmp(again, text, n) != 0) {
        return oc_fail(err, OC_DATA_LOSS, "%s/%s: does not tell the time of a boot",
                       state_dir_path(dir), file_name);
    }
    *out = found;
    return OC_OK;
}

enum oc_status boot_clock_write(struct state_dir *dir, const struct boot_moment *moment,
                                struct oc_error *err)
{
    char text[MAX_FILE_BYTES];
    const int n = format(moment, text);
    return state_dir_write_file(dir, file_name, text, (size_t)n, err);
}

bool boot_clock_tells(const struct boot_moment *kept, const struct boot_moment *here,
                      int64_t *unix_ms)
{
    if (strcmp(kept->boot_id, here->boot_id) != 0 || here->boot_ms < kept->boot_ms) {
        return false;
    }
    *unix_ms = kept->unix_ms + (here->boot_ms - kept->boot_ms);
    return true;
}
