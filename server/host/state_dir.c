/*
 * Owns the descriptor of the gateway's directory and its lock. Invariant: while a state_dir lives,
 * no other process has one on the same directory, and nobody else could read or change its files.
 */
#include "server/host/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/files/file.h"

enum {
    PID_TEXT_BYTES = 24,
};

static const char LOCK_NAME[] = "lock";

struct state_dir {
    int fd;
    int lock_fd;
    char path[STATE_DIR_MAX_PATH_BYTES + 1];
};

static enum oc_status fail_errno(const char *path, const char *what, struct oc_error *err)
{
    return oc_fail(err, OC_UNAVAILABLE, "%s: %s: %s", path, what, strerror(errno));
}

/* ---- where it is --------------------------------------------------------------------------- */

static const char *home_directory(void)
{
    const char *home = getenv("HOME");
    if (home && home[0] == '/') {
        return home;
    }
    const struct passwd *user = getpwuid(geteuid());
    return user && user->pw_dir && user->pw_dir[0] == '/' ? user->pw_dir : NULL;
}

/* Joins base and rest with a slash unless one of them is empty. */
static enum oc_status join_path(const char *base, const char *rest,
                                char out[STATE_DIR_MAX_PATH_BYTES + 1], struct oc_error *err)
{
    char joined[STATE_DIR_MAX_PATH_BYTES + 1];
    int n = snprintf(joined, sizeof joined, "%s%s%s", base, base[0] ? "/" : "", rest);
    if (n < 0 || n > STATE_DIR_MAX_PATH_BYTES) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "the data directory's path is %d bytes long, at most %d are supported", n,
                       STATE_DIR_MAX_PATH_BYTES);
    }
    memcpy(out, joined, (size_t)n + 1);
    return OC_OK;
}

static enum oc_status make_absolute(const char *given, const char *origin,
                                    char out[STATE_DIR_MAX_PATH_BYTES + 1], struct oc_error *err)
{
    char here[PATH_MAX];
    if (!given[0]) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "%s is empty; name a directory", origin);
    }
    if (given[0] == '/') {
        return join_path("", given, out, err);
    }
    if (!getcwd(here, sizeof here)) {
        return fail_errno(given, "finding the current directory", err);
    }
    return join_path(here, given, out, err);
}

enum oc_status data_dir_choose(const char *option, char out[STATE_DIR_MAX_PATH_BYTES + 1],
                               struct oc_error *err)
{
    const char *from_environment = getenv("OPENCLAW_HOME");
    if (option) {
        return make_absolute(option, "--data-dir", out, err);
    }
    if (from_environment) {
        return make_absolute(from_environment, "OPENCLAW_HOME", out, err);
    }
    const char *home = home_directory();
    if (!home) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "no home directory to hold .openclaw; set OPENCLAW_HOME or --data-dir");
    }
    return join_path(home, ".openclaw", out, err);
}

/* ---- whether it is private ----------------------------------------------------------------- */

struct demand {
    mode_t forbidden; /* bits that may not be set */
    mode_t wanted;    /* as the error says it */
    bool may_be_roots;
};

static enum oc_status check_facts(const struct stat *facts, const struct demand *demand,
                                  const char *path, struct oc_error *err)
{
    uid_t self = geteuid();
    if (facts->st_uid != self && !(demand->may_be_roots && facts->st_uid == 0)) {
        return oc_fail(err, OC_PERMISSION_DENIED,
                       "%s: belongs to uid %u, wanted uid %u; run: chown %u %s", path,
                       facts->st_uid, self, self, path);
    }
    if (facts->st_mode & demand->forbidden) {
        return oc_fail(err, OC_PERMISSION_DENIED,
                       "%s: has mode %04o, wanted %04o; run: chmod %o %s", path,
                       facts->st_mode & 07777U, demand->wanted, demand->wanted, path);
    }
    return OC_OK;
}

/* Who may write in the directory around it could put another one in its place; a sticky bit, as
 * that of /tmp, stands against that. */
static enum oc_status check_around(const struct stat *facts, const char *path, struct oc_error *err)
{
    if ((facts->st_mode & S_IWOTH) && !(facts->st_mode & S_ISVTX)) {
        return oc_fail(
            err, OC_PERMISSION_DENIED,
            "%s: lies in a directory (mode %04o) in which every user may put another one "
            "in its place; run: chmod o-w %s/..",
            path, facts->st_mode & 07777U, path);
    }
    return OC_OK;
}

/* Where the name stands, and where the directory itself does: a link may lie between. */
static enum oc_status check_parents(const char *path, int fd, struct oc_error *err)
{
    char copy[STATE_DIR_MAX_PATH_BYTES + 1];
    struct stat around, above;
    (void)snprintf(copy, sizeof copy, "%s", path);
    if (stat(dirname(copy), &around) || fstatat(fd, "..", &above, 0)) {
        return fail_errno(path, "looking at the directory around it", err);
    }
    enum oc_status st = check_around(&around, path, err);
    return st ? st : check_around(&above, path, err);
}

/* mkdir -p with 0700; an existing path is fine whatever it is. */
static enum oc_status make_directories(const char *path, struct oc_error *err)
{
    char part[STATE_DIR_MAX_PATH_BYTES + 1];
    size_t n = strlen(path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0700) && errno != EEXIST) {
            return fail_errno(part, "creating the directory", err);
        }
    }
    return OC_OK;
}

/* Opens a directory to work in; `flags` may forbid a symbolic link. */
static enum oc_status open_directory(const char *path, int flags, int *out, struct oc_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "%s: is not a directory (a symbolic link is not followed here); move it "
                       "away, or name the directory itself",
                       path);
    }
    if (fd < 0) {
        return fail_errno(path, "opening the directory", err);
    }
    *out = fd;
    return OC_OK;
}

enum oc_status data_dir_prepare(const char *path, struct oc_error *err)
{
    static const struct demand demand = {
        .forbidden = S_IWGRP | S_IWOTH, .wanted = 0755, .may_be_roots = true};
    enum oc_status st = make_directories(path, err);
    if (st) {
        return st;
    }
    OC_CLEANUP(oc_file_close) int fd = -1;
    st = open_directory(path, 0, &fd, err);
    if (st) {
        return st;
    }
    struct stat facts;
    if (fstat(fd, &facts)) {
        return fail_errno(path, "looking at the directory", err);
    }
    st = check_facts(&facts, &demand, path, err);
    return st ? st : check_parents(path, fd, err);
}

/* ---- files in it --------------------------------------------------------------------------- */

/* The path of a file as errors show it. */
struct shown_path {
    char text[STATE_DIR_MAX_PATH_BYTES + STATE_DIR_MAX_NAME_BYTES + 2];
};

static struct shown_path show_path(const struct state_dir *dir, const char *name)
{
    struct shown_path path;
    (void)snprintf(path.text, sizeof path.text, "%s/%.*s", dir->path, STATE_DIR_MAX_NAME_BYTES,
                   name);
    return path;
}

/* A second name of the file could be somewhere that others reach. */
static enum oc_status check_file_facts(int fd, const char *path, struct oc_error *err)
{
    static const struct demand demand = {.forbidden = 0177 | S_ISUID | S_ISGID, .wanted = 0600};
    struct stat facts;
    if (fstat(fd, &facts)) {
        return fail_errno(path, "looking at the file", err);
    }
    if (!S_ISREG(facts.st_mode)) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "%s: is not a regular file; move it away", path);
    }
    if (facts.st_nlink > 1) {
        return oc_fail(err, OC_PERMISSION_DENIED,
                       "%s: has %u names (hard links), wanted 1; remove the others", path,
                       (unsigned)facts.st_nlink);
    }
    return check_facts(&facts, &demand, path, err);
}

/* O_NONBLOCK: a FIFO put there must not hang the start. */
static enum oc_status open_file(const struct state_dir *dir, const char *name, int *out,
                                struct oc_error *err)
{
    struct shown_path path = show_path(dir, name);
    int fd = openat(dir->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT) {
        return oc_fail(err, OC_NOT_FOUND, "%s: no such file", path.text);
    }
    if (fd < 0 && errno == ELOOP) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "%s: is a symbolic link, wanted the file itself; move it away", path.text);
    }
    if (fd < 0) {
        return fail_errno(path.text, "opening the file", err);
    }
    enum oc_status st = check_file_facts(fd, path.text, err);
    if (st) {
        (void)close(fd);
        return st;
    }
    *out = fd;
    return OC_OK;
}

enum oc_status state_dir_check_file(struct state_dir *dir, const char *name, struct oc_error *err)
{
    OC_CLEANUP(oc_file_close) int fd = -1;
    return open_file(dir, name, &fd, err);
}

enum oc_status state_dir_read_file(struct state_dir *dir, const char *name, void *out, size_t cap,
                                   size_t *n, struct oc_error *err)
{
    struct shown_path path = show_path(dir, name);
    OC_CLEANUP(oc_file_close) int fd = -1;
    enum oc_status st = open_file(dir, name, &fd, err);
    if (st) {
        return st;
    }
    ssize_t got = oc_file_read(fd, out, cap);
    uint8_t more = 0;
    ssize_t got_more = got < 0 ? -1 : oc_file_read(fd, &more, sizeof more);
    if (got < 0 || got_more < 0) {
        return fail_errno(path.text, "reading", err);
    }
    if (got_more > 0) {
        return oc_fail(err, OC_OUT_OF_RANGE, "%s: is longer than %zu bytes", path.text, cap);
    }
    *n = (size_t)got;
    return OC_OK;
}

enum oc_status state_dir_write_file(struct state_dir *dir, const char *name, const void *bytes,
                                    size_t n, struct oc_error *err)
{
    char temporary[STATE_DIR_MAX_NAME_BYTES + 8];
    struct shown_path path = show_path(dir, name);
    (void)snprintf(temporary, sizeof temporary, "%.*s.new", STATE_DIR_MAX_NAME_BYTES, name);
    /* What a crash left; the lock says that no other gateway is writing it. */
    (void)unlinkat(dir->fd, temporary, 0);
    OC_CLEANUP(oc_file_close)
    int fd = openat(dir->fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail_errno(path.text, "creating the file", err);
    }
    if (fchmod(fd, 0600) || !oc_file_write(fd, bytes, n) || fsync(fd)) {
        enum oc_status st = fail_errno(path.text, "writing", err);
        (void)unlinkat(dir->fd, temporary, 0);
        return st;
    }
    if (renameat(dir->fd, temporary, dir->fd, name) || fsync(dir->fd)) {
        return fail_errno(path.text, "putting the file in place", err);
    }
    return OC_OK;
}

/* ---- the lock ------------------------------------------------------------------------------ */

static enum oc_status fail_held(const char *path, int fd, struct oc_error *err)
{
    uint8_t text[PID_TEXT_BYTES + 1] = {0};
    (void)oc_file_read(fd, text, PID_TEXT_BYTES);
    long pid = strtol((const char *)text, NULL, 10);
    char holder[48] = "another process";
    if (pid > 0) {
        (void)snprintf(holder, sizeof holder, "the gateway with pid %ld", pid);
    }
    return oc_fail(err, OC_ALREADY_EXISTS,
                   "%s: is held by %s; stop that one first, or use another --data-dir", path,
                   holder);
}

/* The file stays when the lock goes: removing it would let two hold "the" lock. */
static enum oc_status take_lock(struct state_dir *dir, struct oc_error *err)
{
    struct shown_path path = show_path(dir, LOCK_NAME);
    OC_CLEANUP(oc_file_close)
    int fd =
        openat(dir->fd, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0) {
        return fail_errno(path.text, "opening the lock", err);
    }
    enum oc_status st = check_file_facts(fd, path.text, err);
    if (st) {
        return st;
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        return errno == EWOULDBLOCK ? fail_held(path.text, fd, err)
                                    : fail_errno(path.text, "locking", err);
    }
    char text[PID_TEXT_BYTES];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* Over what is there: a gateway must come up on a full disk, too. */
    if (!oc_file_write(fd, text, (size_t)n) || ftruncate(fd, n)) {
        return fail_errno(path.text, "writing the pid", err);
    }
    dir->lock_fd = fd;
    fd = -1;
    return OC_OK;
}

static enum oc_status check_state_dir(const struct state_dir *dir, struct oc_error *err)
{
    static const struct demand demand = {.forbidden = 077, .wanted = 0700};
    struct stat facts;
    if (fstat(dir->fd, &facts)) {
        return fail_errno(dir->path, "looking at the directory", err);
    }
    enum oc_status st = check_facts(&facts, &demand, dir->path, err);
    return st ? st : check_parents(dir->path, dir->fd, err);
}

enum oc_status state_dir_open(const char *path, struct state_dir **out, struct oc_error *err)
{
    OC_CLEANUP(state_dir_closep) struct state_dir *dir = calloc(1, sizeof *dir);
    if (!dir) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "state directory: out of memory");
    }
    dir->fd = -1;
    dir->lock_fd = -1;
    enum oc_status st = make_absolute(path, "stateDir", dir->path, err);
    if (!st) {
        st = make_directories(dir->path, err);
    }
    if (!st) {
        st = open_directory(dir->path, O_NOFOLLOW, &dir->fd, err);
    }
    if (!st) {
        st = check_state_dir(dir, err);
    }
    if (!st) {
        st = take_lock(dir, err);
    }
    if (st) {
        return st;
    }
    *out = OC_STEAL(dir);
    return OC_OK;
}

void state_dir_close(struct state_dir *dir)
{
    if (!dir) {
        return;
    }
    oc_file_close(&dir->lock_fd);
    oc_file_close(&dir->fd);
    free(dir);
}

const char *state_dir_path(const struct state_dir *dir)
{
    return dir->path;
}
