/* See checkpoint_keeper.h. */
#include "server/checkpoint_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "proto/files/file.h"
#include "server/base/clock.h"
#include "server/obs/log.h"
#include "server/store/directory.h"

enum {
    RETRY_S = 5,
    TAIL_BYTES = OC_AUDIT_LINE_BYTES, /* no line is longer */
};

static const char line_start[] = "{\"openclaw\":\"audit checkpoint ";

struct checkpoint_keeper {
    char path[CHECKPOINT_PATH_BYTES];
    bool uses_syslog;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    bool is_stopping;
    bool has_next;
    struct oc_audit_checkpoint next;
    struct checkpoint_keeper_state state;
};

/* ---- the file -------------------------------------------------------------------------------- */

static enum oc_status fail_file(const char *path, const char *doing, struct oc_error *err)
{
    return oc_fail(err, errno == ENOENT ? OC_NOT_FOUND : OC_UNAVAILABLE, "%s: cannot be %s: %s",
                   path, doing, strerror(errno));
}

/* Where the bytes after the last newline begin, if they are of a line of ours; else the end. */
static off_t end_of_lines(const char *tail, size_t n, off_t size)
{
    const char *newline = memrchr(tail, '\n', n);
    const char *rest = newline ? newline + 1 : tail;
    const size_t n_rest = n - (size_t)(rest - tail);
    const size_t n_start = n_rest < sizeof line_start - 1 ? n_rest : sizeof line_start - 1;
    const bool is_ours = (newline || (off_t)n == size) && memcmp(rest, line_start, n_start) == 0;
    return is_ours ? size - (off_t)n_rest : size;
}

/* What a crash left of a line is cut off; what is somebody else's gets an end. */
static bool end_last_line(int fd, off_t *size)
{
    char tail[TAIL_BYTES];
    const off_t from = *size > TAIL_BYTES ? *size - TAIL_BYTES : 0;
    const ssize_t n = pread(fd, tail, (size_t)(*size - from), from);
    if (n <= 0) {
        return n == 0;
    }
    if (tail[n - 1] == '\n') {
        return true;
    }
    const off_t end = end_of_lines(tail, (size_t)n, *size);
    if (end < *size && ftruncate(fd, end) == 0) {
        *size = end;
        return true;
    }
    *size += 1;
    return oc_file_write(fd, "\n", 1);
}

static enum oc_status append_to(int fd, const char *path, const char *line, size_t n,
                                struct oc_error *err)
{
    struct stat facts;
    if (fstat(fd, &facts)) {
        return fail_file(path, "examined", err);
    }
    if (!S_ISREG(facts.st_mode)) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "%s: not a regular file", path);
    }
    off_t size = facts.st_size;
    if (!end_last_line(fd, &size)) {
        return fail_file(path, "read or written", err);
    }
    if (!oc_file_write(fd, line, n) || fdatasync(fd)) {
        const enum oc_status st = fail_file(path, "written", err);
        (void)!ftruncate(fd, size); /* what got in of the line; else the next one cuts it off */
        return st;
    }
    return facts.st_size == 0 ? directory_sync_of(path, err) : OC_OK;
}

static enum oc_status append(const char *path, const char *line, size_t n, struct oc_error *err)
{
    const int fd =
        open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail_file(path, "opened", err);
    }
    const enum oc_status st = append_to(fd, path, line, n, err);
    (void)close(fd);
    return st;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void note(struct checkpoint_keeper *keeper, const struct oc_audit_checkpoint *checkpoint,
                 enum oc_status status, const struct oc_error *err)
{
    struct checkpoint_keeper_state *state = &keeper->state;
    const bool was_failing = state->error[0] != '\0';
    if (status) {
        (void)snprintf(state->error, sizeof state->error, "%.255s", err->text);
        if (!was_failing) {
            log_error("checkpoint.failing", "seq=%llu error=%s",
                      (unsigned long long)checkpoint->seq, err->text);
        }
        return;
    }
    state->error[0] = '\0';
    state->kept_seq = checkpoint->seq;
    state->kept_at_ms = checkpoint->at_ms;
    if (was_failing) {
        log_info("checkpoint.recovered", "seq=%llu", (unsigned long long)checkpoint->seq);
    }
}

/* Without the mutex: this is what may take long. */
static enum oc_status keep(const struct checkpoint_keeper *keeper,
                           const struct oc_audit_checkpoint *checkpoint, bool is_first_try,
                           struct oc_error *err)
{
    char line[OC_AUDIT_LINE_BYTES];
    const size_t n = oc_checkpoint_format(checkpoint, line);
    if (keeper->uses_syslog && is_first_try) {
        syslog(LOG_AUTHPRIV | LOG_NOTICE, "%.*s", (int)(n - 1), line);
    }
    return keeper->path[0] != '\0' ? append(keeper->path, line, n, err) : OC_OK;
}

static void wait_for_next(struct checkpoint_keeper *keeper, bool is_failing)
{
    if (!is_failing) {
        pthread_cond_wait(&keeper->changed, &keeper->mutex);
        return;
    }
    const struct timespec until = {.tv_sec = clock_monotonic_ms() / 1000 + RETRY_S};
    (void)pthread_cond_timedwait(&keeper->changed, &keeper->mutex, &until);
}

/* One that could not be kept is tried again until there is a newer one. */
static void *run(void *user)
{
    struct checkpoint_keeper *keeper = user;
    struct oc_audit_checkpoint checkpoint;
    struct oc_error err;
    bool is_failing = false;
    pthread_mutex_lock(&keeper->mutex);
    for (;;) {
        while (!keeper->has_next && !is_failing && !keeper->is_stopping) {
            wait_for_next(keeper, false);
        }
        const bool is_new = keeper->has_next;
        if (!is_new && !is_failing) {
            break;
        }
        checkpoint = is_new ? keeper->next : checkpoint;
        keeper->has_next = false;
        pthread_mutex_unlock(&keeper->mutex);
        const enum oc_status status = keep(keeper, &checkpoint, is_new, &err);
        pthread_mutex_lock(&keeper->mutex);
        note(keeper, &checkpoint, status, &err);
        is_failing = status != OC_OK;
        if (keeper->is_stopping && !keeper->has_next) {
            break;
        }
        if (is_failing && !keeper->has_next) {
            wait_for_next(keeper, true);
        }
    }
    pthread_mutex_unlock(&keeper->mutex);
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

enum oc_status checkpoint_keeper_start(const char *path, bool uses_syslog,
                                       struct checkpoint_keeper **out, struct oc_error *err)
{
    pthread_condattr_t monotonic;
    struct checkpoint_keeper *keeper = calloc(1, sizeof *keeper);
    if (!keeper) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "checkpoints: out of memory");
    }
    (void)snprintf(keeper->path, sizeof keeper->path, "%s", path);
    (void)snprintf(keeper->state.path, sizeof keeper->state.path, "%s", path);
    keeper->uses_syslog = uses_syslog;
    pthread_mutex_init(&keeper->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&keeper->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (uses_syslog) {
        openlog("openclaw-gateway", LOG_PID, LOG_AUTHPRIV);
    }
    if (pthread_create(&keeper->thread, NULL, run, keeper) != 0) {
        pthread_cond_destroy(&keeper->changed);
        pthread_mutex_destroy(&keeper->mutex);
        free(keeper);
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "checkpoints: cannot start a thread");
    }
    *out = keeper;
    return OC_OK;
}

void checkpoint_keeper_stop(struct checkpoint_keeper *keeper)
{
    if (!keeper) {
        return;
    }
    pthread_mutex_lock(&keeper->mutex);
    keeper->is_stopping = true;
    pthread_cond_signal(&keeper->changed);
    pthread_mutex_unlock(&keeper->mutex);
    pthread_join(keeper->thread, NULL);
    pthread_cond_destroy(&keeper->changed);
    pthread_mutex_destroy(&keeper->mutex);
    free(keeper);
}

void checkpoint_keeper_put(struct checkpoint_keeper *keeper,
                           const struct oc_audit_checkpoint *checkpoint)
{
    pthread_mutex_lock(&keeper->mutex);
    keeper->next = *checkpoint;
    keeper->has_next = true;
    pthread_cond_signal(&keeper->changed);
    pthread_mutex_unlock(&keeper->mutex);
}

void checkpoint_keeper_read(struct checkpoint_keeper *keeper, struct checkpoint_keeper_state *out)
{
    pthread_mutex_lock(&keeper->mutex);
    *out = keeper->state;
    pthread_mutex_unlock(&keeper->mutex);
}

/* ---- reading it back ------------------------------------------------------------------------- */

/* The last line in n bytes that is genuine and of this key. */
static bool find_newest(const char *text, size_t n, const struct oc_digest *spki,
                        struct oc_audit_checkpoint *out)
{
    while (n > 0) {
        const size_t n_line = text[n - 1] == '\n' ? n - 1 : n;
        const char *newline = memrchr(text, '\n', n_line);
        const char *line = newline ? newline + 1 : text;
        struct oc_audit_checkpoint found;
        if (oc_checkpoint_parse(line, n_line - (size_t)(line - text), &found)) {
            const struct oc_digest pin = oc_checkpoint_pin(found.key);
            if (memcmp(&pin, spki, sizeof pin) == 0 && oc_checkpoint_verify(&found)) {
                *out = found;
                return true;
            }
        }
        n = (size_t)(line - text);
    }
    return false;
}

enum oc_status checkpoint_file_newest(const char *path, const struct oc_digest *spki_sha256,
                                      struct oc_audit_checkpoint *out, struct oc_error *err)
{
    enum { LOOK_BYTES = 256 * 1024 }; /* of the end: hundreds of lines */
    struct stat facts;
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &facts)) {
        const enum oc_status st = fail_file(path, "opened", err);
        oc_file_close(&fd);
        return st;
    }
    const off_t from = facts.st_size > LOOK_BYTES ? facts.st_size - LOOK_BYTES : 0;
    char *text = malloc(LOOK_BYTES);
    ssize_t n = -1;
    if (text && lseek(fd, from, SEEK_SET) == from) {
        n = oc_file_read(fd, text, LOOK_BYTES);
    }
    enum oc_status st = n < 0 ? fail_file(path, "read", err) : OC_OK;
    if (!st && !find_newest(text, (size_t)n, spki_sha256, out)) {
        st = oc_fail(err, OC_NOT_FOUND, "%s: no checkpoint of this gateway", path);
    }
    free(text);
    (void)close(fd);
    return st;
}
