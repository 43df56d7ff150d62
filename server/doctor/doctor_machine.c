/* See examination.h: what the machine has to give. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "server/doctor/examination.h"

enum {
    LITTLE_MIB = 256,
    TOO_LITTLE_MIB = 16,
    LEAST_INODES = 64,
    /* Unfinished handshakes, listeners, the database, the log and what libraries open. */
    OTHER_DESCRIPTORS = 512 + 128,
};

void examine_disk(struct examination *examination)
{
    struct statvfs facts;
    const char *path = examination->config.state_dir;
    if (statvfs(path, &facts) != 0 && statvfs(examination->data_dir, &facts) != 0) {
        return; /* there is no directory yet */
    }
    const uint64_t mib = (uint64_t)facts.f_bavail * facts.f_frsize >> 20;
    const bool has_inodes = facts.f_files == 0 || facts.f_favail >= LEAST_INODES;
    enum report_result result = mib < LITTLE_MIB ? REPORT_WARN : REPORT_OK;
    result = mib < TOO_LITTLE_MIB || !has_inodes ? REPORT_FAIL : result;
    struct report report = report_make("disk_space", result, "%" PRIu64 " MiB free at %s%s", mib,
                                       path, has_inodes ? "" : ", and no room for more files");
    if (result != REPORT_OK) {
        report_set(report.cause,
                   "on a full disk approvals are refused; revoke and block still cut, "
                   "and are written when there is room again");
        report_set(report.advice, "make room; see what takes it with");
        report_set(report.fix, "du -xh '%.900s' | sort -h | tail", path);
    }
    report_print(examination->out, &report);
}

/* The hard limit of open files of the gateway that runs, else of this process: a gateway raises
 * its own to the hard one. 0: not known. */
static uint64_t hard_limit(const struct examination *examination)
{
    struct rlimit own;
    char line[256];
    char path[64];
    uint64_t limit = 0;
    if (examination->pid <= 0) {
        return getrlimit(RLIMIT_NOFILE, &own) == 0 ? (uint64_t)own.rlim_max : 0;
    }
    (void)snprintf(path, sizeof path, "/proc/%ld/limits", examination->pid);
    FILE *file = fopen(path, "re");
    while (file && limit == 0 && fgets(line, sizeof line, file)) {
        static const char name[] = "Max open files";
        if (strncmp(line, name, sizeof name - 1) == 0) {
            limit = strtoull(line + sizeof name - 1, NULL, 10); /* soft, which it has raised */
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return limit;
}

void examine_descriptors(struct examination *examination)
{
    const uint64_t limit = hard_limit(examination);
    const uint64_t wanted = examination->config.pairing.max_pending + OTHER_DESCRIPTORS;
    if (limit == 0) {
        return;
    }
    if (limit >= wanted) {
        const struct report report = report_make("open_files", REPORT_OK,
                                                 "%" PRIu64 " allowed: %" PRIu64
                                                 " for agents beside every place in the queue",
                                                 limit, limit - wanted);
        report_print(examination->out, &report);
        return;
    }
    struct report report = report_make(
        "open_files", REPORT_WARN,
        "%" PRIu64 " allowed, %" PRIu64 " needed when all places are taken", limit, wanted);
    report_set(report.cause,
               "pairing.maxPending is %u, and each waiting device holds a connection: "
               "strangers could take all there are",
               examination->config.pairing.max_pending);
    report_set(report.advice,
               "raise the hard limit where the gateway is started (LimitNOFILE=65536 "
               "in a systemd unit, --ulimit nofile=65536 in docker), or lower "
               "pairing.maxPending");
    report_set(report.fix, "ulimit -Hn 65536");
    report_print(examination->out, &report);
}
