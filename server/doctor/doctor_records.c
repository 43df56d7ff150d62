/*
 * See examination.h: marker and database of a gateway that does not run. The database is copied
 * first, log and all, so that what SQLite does at opening (the log is merged, a schema brought up)
 * happens to the copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "server/doctor/examination.h"
#include "server/store/marker.h"
#include "server/store/verify.h"

enum {
    CHUNK_BYTES = 64 * 1024,
    SKEW_MS = 60 * 1000,
    TIME_BYTES = 32,
};

static void skip(const struct examination *examination, const char *check, const char *cause,
                 const char *advice)
{
    struct report report = report_make(check, REPORT_SKIPPED, "not looked into");
    report_set(report.cause, "%s", cause);
    report_set(report.advice, "%s", advice);
    report_print(examination->out, &report);
}

/* ---- a copy to look at ----------------------------------------------------------------------- */

struct copy {
    char dir[PATH_MAX / 2];
    char path[PATH_MAX / 2 + 16];
};

static void remove_copy(const struct copy *copy)
{
    static const char *const suffixes[] = {"", "-wal", "-journal", "-shm"};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(suffixes); i++) {
        char name[PATH_MAX];
        (void)snprintf(name, sizeof name, "%s%s", copy->path, suffixes[i]);
        (void)unlink(name);
    }
    (void)rmdir(copy->dir);
}

static const int deadly[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};

/* They are blocked while there is a copy; who sent one does not wait for the end of it. */
static bool is_asked_to_end(void)
{
    sigset_t pending;
    bool is_asked = false;
    (void)sigemptyset(&pending);
    (void)sigpending(&pending);
    for (size_t i = 0; i < OC_ARRAY_LENGTH(deadly); i++) {
        is_asked = is_asked || sigismember(&pending, deadly[i]) == 1;
    }
    return is_asked;
}

/* A file as it was when it was opened: its owner can let it grow at any time. */
struct source {
    int fd; /* -1: there is none */
    uint64_t size;
};

/* 0 or an errno; ENOENT: there is none. */
static int open_source(const char *path, struct source *source)
{
    struct stat facts;
    *source = (struct source){.fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)};
    if (source->fd < 0) {
        return errno;
    }
    if (fstat(source->fd, &facts) != 0) {
        return errno;
    }
    source->size = facts.st_size > 0 ? (uint64_t)facts.st_size : 0;
    return S_ISREG(facts.st_mode) ? 0 : EINVAL;
}

static void close_source(const struct source *source)
{
    if (source->fd >= 0) {
        (void)close(source->fd);
    }
}

/* 0 or an errno. */
static int write_all(int to, const char *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        const ssize_t wrote = write(to, bytes + done, n - done);
        if (wrote < 0 && errno != EINTR) {
            return errno;
        }
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return 0;
}

/* 0 or an errno; EINTR: a signal waits. */
static int copy_source(const struct source *source, const char *to_path)
{
    static char chunk[CHUNK_BYTES];
    const int to = open(to_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int failed = to < 0 ? errno : 0;
    ssize_t n = 1;
    for (uint64_t left = source->size; !failed && n > 0 && left > 0; left -= (uint64_t)n) {
        n = read(source->fd, chunk, left < sizeof chunk ? (size_t)left : sizeof chunk);
        failed = n < 0 ? errno : is_asked_to_end() ? EINTR : 0;
        n = n > 0 ? n : 0;
        failed = failed ? failed : write_all(to, chunk, (size_t)n);
    }
    if (to >= 0) {
        (void)close(to);
    }
    return failed;
}

static bool has_room(const char *dir, uint64_t bytes)
{
    struct statvfs facts;
    return statvfs(dir, &facts) == 0 && (uint64_t)facts.f_bavail * facts.f_frsize > bytes;
}

static enum oc_status copy_sources(const struct source *database, const struct source *log,
                                   struct copy *copy, struct oc_error *err)
{
    const char *where = getenv("TMPDIR");
    char copied_log[PATH_MAX];
    where = where && where[0] == '/' ? where : "/tmp";
    const uint64_t bytes = database->size + log->size;
    if (!has_room(where, bytes + bytes / 8 + (1U << 20))) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED,
                       "%s has no room for a copy of %" PRIu64 " MiB; name another directory with "
                       "TMPDIR",
                       where, (bytes >> 20) + 1);
    }
    (void)snprintf(copy->dir, sizeof copy->dir, "%.1900s/openclaw-doctor.XXXXXX", where);
    if (!mkdtemp(copy->dir)) {
        return oc_fail(err, OC_UNAVAILABLE, "%s: %s", copy->dir, strerror(errno));
    }
    (void)snprintf(copy->path, sizeof copy->path, "%s/copy.db", copy->dir);
    (void)snprintf(copied_log, sizeof copied_log, "%s-wal", copy->path);
    int failed = copy_source(database, copy->path);
    failed = failed || log->fd < 0 ? failed : copy_source(log, copied_log);
    if (failed) {
        remove_copy(copy);
        return oc_fail(err, OC_UNAVAILABLE, "it cannot be copied: %s", strerror(failed));
    }
    return OC_OK;
}

/* OK, or why there is no copy, in words for people. */
static enum oc_status make_copy(const char *path, struct copy *copy, struct oc_error *err)
{
    char log_path[STATE_PATH_BYTES + 8];
    struct source database;
    struct source log = {.fd = -1};
    (void)snprintf(log_path, sizeof log_path, "%s-wal", path);
    int failed = open_source(path, &database);
    if (!failed) {
        failed = open_source(log_path, &log);
        failed = failed == ENOENT ? 0 : failed;
    }
    const enum oc_status status =
        failed ? oc_fail(err, OC_UNAVAILABLE, "%s cannot be copied: %s", path, strerror(failed))
               : copy_sources(&database, &log, copy, err);
    close_source(&database);
    close_source(&log);
    return status;
}

/* ---- the marker ------------------------------------------------------------------------------ */

/* Whether there is a whole one; an absent one is told with the database. */
static bool read_marker(const struct examination *examination, struct store_identity *out)
{
    char path[STATE_PATH_BYTES];
    struct oc_error err;
    examination_path(examination, "marker", path);
    const enum oc_status status = marker_read(path, out, &err);
    if (status == OC_OK) {
        const struct report report = report_make(
            "marker", REPORT_OK, "epoch %" PRIu64 ", seq %" PRIu64, out->epoch, out->seq);
        report_print(examination->out, &report);
        return true;
    }
    if (status != OC_NOT_FOUND) {
        struct report report = report_make("marker", REPORT_FAIL, "%s", err.text);
        report_set(report.cause,
                   "without it nobody can tell whether the database is the newest: the "
                   "gateway starts locked");
        report_set(report.advice, "restore it from a backup, or start the gateway and, if the "
                                  "database is the right one, run");
        report_set(report.fix, "%s gateway unlock --accept-rollback", examination->openclaw);
        report_print(examination->out, &report);
    }
    return false;
}

static void tell_lock(const struct examination *examination, enum store_lock lock, const char *more)
{
    const bool is_empty = lock == STORE_LOCK_MISSING || lock == STORE_LOCK_CORRUPT;
    struct report report = report_make("database", REPORT_FAIL, "the gateway starts locked%s%s",
                                       more[0] ? ": " : "", more);
    report_set(report.cause, "%s", store_lock_text(lock));
    report_set(report.advice,
               is_empty ? "put a backup in place with `openclaw gateway restore FILE`; only "
                          "if there is none, start the gateway and run"
                        : "put the newer one back if there is one; else start the gateway "
                          "and run");
    report_set(report.fix, "%s gateway unlock %s", examination->openclaw,
               is_empty ? "--init" : "--accept-rollback");
    report_print(examination->out, &report);
}

/* ---- the database ---------------------------------------------------------------------------- */

static void format_time(int64_t at_ms, char out[TIME_BYTES])
{
    const time_t seconds = (time_t)(at_ms / 1000);
    struct tm parts;
    out[0] = '\0';
    if (gmtime_r(&seconds, &parts)) {
        (void)strftime(out, TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts);
    }
}

struct count {
    uint64_t n_all; /* with what is left of removed ones */
    uint64_t n_records, n_approved, n_quarantined;
};

static enum oc_status count_record(void *user, const struct pairing *pairing,
                                   const struct sighting *sighting)
{
    struct count *count = user;
    (void)sighting;
    count->n_all++;
    count->n_records += !pairing->is_removed;
    count->n_approved += !pairing->is_removed && pairing->standing == OC_STANDING_APPROVED;
    count->n_quarantined += pairing->is_quarantined;
    return OC_OK;
}

static void verify_records(const struct examination *examination, struct store *store)
{
    struct count count = {.n_records = 0};
    struct oc_error err;
    if (store_load_all(store, count_record, &count, &err)) {
        skip(examination, "records", err.text, "");
        return;
    }
    if (count.n_quarantined == 0) {
        const struct report report = report_make(
            "records", REPORT_OK, "%" PRIu64 " devices, %" PRIu64 " approved, all sealed",
            count.n_records, count.n_approved);
        report_print(examination->out, &report);
        return;
    }
    struct report report =
        report_make("records", REPORT_FAIL, "%" PRIu64 " of %" PRIu64 " records have a wrong seal",
                    count.n_quarantined, count.n_all);
    report_set(report.cause,
               "they were changed by something that is not the gateway, or secret.key "
               "is another one: those devices get no session");
    report_set(report.advice,
               "find out who wrote into the database; then restore a backup, or start "
               "the gateway and decide on each anew; they are told by");
    report_set(report.fix, "%s devices list", examination->openclaw);
    report_print(examination->out, &report);
}

static void verify_audit(const struct examination *examination, struct store *store)
{
    struct store_findings found;
    struct oc_error err;
    const enum oc_status status = store_verify(store, &found, &err);
    if (status == OC_OK) {
        const struct report report =
            report_make("audit", REPORT_OK, "%" PRIu64 " rows, the chain holds", found.n_audit);
        report_print(examination->out, &report);
        return;
    }
    if (status != OC_DATA_LOSS) {
        skip(examination, "audit", err.text, "");
        return;
    }
    struct report report = report_make("audit", REPORT_FAIL, "%s", err.text);
    report_set(report.cause, "the history was changed by something that is not the gateway");
    report_set(report.advice, "keep this state for whoever looks into it, and compare it with the "
                              "backups, each of which is checked by");
    report_set(report.fix, "%s audit verify FILE", examination->openclaw);
    report_print(examination->out, &report);
}

static void tell_clock(const struct examination *examination, int64_t store_ms)
{
    char now[TIME_BYTES];
    char then[TIME_BYTES];
    format_time(examination->now_ms, now);
    format_time(store_ms, then);
    if (store_ms <= examination->now_ms + SKEW_MS) {
        const struct report report = report_make("clock", REPORT_OK, "%s", now);
        report_print(examination->out, &report);
        return;
    }
    struct report report = report_make("clock", REPORT_WARN,
                                       "it says %s, but a decision is on record at %s", now, then);
    report_set(report.cause,
               "the clock was set back, or stood ahead before: requests and terms end "
               "later than they should");
    report_set(report.advice, "set it, as with");
    report_set(report.fix, "timedatectl set-ntp true");
    report_print(examination->out, &report);
}

/* Opens the copy; what it says is compared with the marker. */
static void look_at_copy(const struct examination *examination, const struct copy *copy,
                         const struct store_identity *marker)
{
    const struct store_options options = {
        .path = copy->path, .row_key = &examination->row_key, .now_ms = examination->now_ms};
    struct store *store = NULL;
    struct oc_error err;
    const enum oc_status status = store_open_sqlite(&options, &store, &err);
    if (status == OC_DATA_LOSS) {
        tell_lock(examination, STORE_LOCK_CORRUPT, "it cannot be read");
        return;
    }
    if (status) {
        skip(examination, "database", err.text, "");
        return;
    }
    const struct store_identity identity = store_identity(store);
    enum store_lock lock = store_lock_reason(&identity, marker);
    if (lock == STORE_LOCK_NONE && !marker && examination_has(examination, "marker")) {
        lock = STORE_LOCK_NO_MARKER;
    }
    if (lock != STORE_LOCK_NONE) {
        char more[128];
        (void)snprintf(more, sizeof more, "epoch %" PRIu64 ", seq %" PRIu64, identity.epoch,
                       identity.seq);
        tell_lock(examination, lock, more);
    } else {
        const struct report report =
            report_make("database", REPORT_OK, "whole, epoch %" PRIu64 ", seq %" PRIu64 ", %s",
                        identity.epoch, identity.seq, store_describe(store));
        report_print(examination->out, &report);
    }
    verify_records(examination, store);
    verify_audit(examination, store);
    examine_administrators(examination, store);
    tell_clock(examination, store_clock_ms(store));
    store_close(store);
}

static void copy_and_look(struct examination *examination, const char *path,
                          const struct store_identity *marker)
{
    struct copy copy;
    struct oc_error err;
    if (make_copy(path, &copy, &err)) {
        skip(examination, "database", err.text, "");
        return;
    }
    if (examination_is_running(examination)) {
        skip(examination, "database", "a gateway was started while it was copied", "");
    } else {
        look_at_copy(examination, &copy, marker);
    }
    remove_copy(&copy);
}

/* A signal must not leave the copy behind. */
static void look_undisturbed(struct examination *examination, const char *path,
                             const struct store_identity *marker)
{
    sigset_t set;
    sigset_t before;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < OC_ARRAY_LENGTH(deadly); i++) {
        (void)sigaddset(&set, deadly[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &set, &before);
    copy_and_look(examination, path, marker);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
}

void examine_records(struct examination *examination)
{
    char path[STATE_PATH_BYTES];
    struct store_identity marker;
    examination_path(examination, "gateway.db", path);
    if (examination->pid != 0) {
        skip(
            examination, "database",
            "the gateway that runs has it for itself, and looked it through "
            "at its start",
            "to have structure, seals, audit and marker checked now, stop the gateway and run this "
            "again; a backup of it can be checked at any time");
        return;
    }
    const bool has_marker = read_marker(examination, &marker);
    if (!examination_has(examination, "gateway.db")) {
        if (has_marker || examination_has(examination, "marker")) {
            tell_lock(examination, STORE_LOCK_MISSING, "gateway.db is not there");
        } else {
            const struct report report =
                report_make("database", REPORT_OK, "none yet: the first start makes it");
            report_print(examination->out, &report);
        }
        return;
    }
    if (!examination->has_row_key) {
        skip(examination, "database", "it is sealed with secret.key, which cannot be read", "");
        return;
    }
    look_undisturbed(examination, path, has_marker ? &marker : NULL);
}
