/* Contexts on disk; see context_store.h. */
#include "cli/context_store.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openclaw/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/failure.h"
#include "cli/memory.h"

enum {
    NAME_BYTES = CONTEXT_NAME_BYTES + sizeof ".bundle",
    NAMES_MOST = 10000,
    MODE_BITS = 07777,
};

static const char bundle_end[] = ".bundle";
static const char current_name[] = "current";

bool context_name_is_sound(const char *name)
{
    static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t n = strlen(name);
    return n > 0 && n <= CONTEXT_NAME_BYTES && strspn(name, rest) == n &&
           strchr("._-", name[0]) == NULL && !strstr(name, "..") &&
           strcmp(name, CONTEXT_LOCAL) != 0;
}

/* ---- the directory --------------------------------------------------------------------------- */

static enum exit_code fail_errno(struct failure *failure, const char *path, const char *what)
{
    const int code = errno;
    return failure_set(failure, code == EACCES || code == EPERM ? EXIT_FORBIDDEN : EXIT_FAILED,
                       "%.900s: %s: %s", path, what, strerror(code));
}

static void advise_local(struct failure *failure)
{
    failure_advise(failure, "for the gateway of this machine:  --context %s", CONTEXT_LOCAL);
}

static enum exit_code refuse_owner(struct failure *failure, const char *path, uid_t owner)
{
    failure_set(failure, EXIT_FAILED, "%.900s belongs to uid %u, and this runs as uid %u", path,
                (unsigned)owner, (unsigned)geteuid());
    failure_advise(failure, "run it as the owner, or name another data directory (--data-dir)");
    advise_local(failure);
    return failure->code;
}

static enum exit_code refuse_mode(struct failure *failure, const char *path, mode_t found,
                                  unsigned wanted)
{
    failure_set(failure, EXIT_FAILED, "%.900s: others may reach it: mode %04o", path,
                (unsigned)found & MODE_BITS);
    failure_advise(failure, "chmod %o %.900s", wanted, path);
    return failure->code;
}

/* Whoever can write to the data directory could put other contexts in the place of these. */
static enum exit_code check_data_dir(const char *path, int fd, struct failure *failure)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0) {
        return fail_errno(failure, path, "cannot be looked at");
    }
    if (facts.st_uid != geteuid() && facts.st_uid != 0 && geteuid() != 0) {
        return refuse_owner(failure, path, facts.st_uid);
    }
    if (facts.st_mode & (S_IWGRP | S_IWOTH)) {
        return refuse_mode(failure, path, facts.st_mode,
                           facts.st_mode & MODE_BITS & ~(unsigned)(S_IWGRP | S_IWOTH));
    }
    return EXIT_DONE;
}

static enum exit_code check_directory(const struct context_store *store, struct failure *failure)
{
    struct stat facts;
    if (fstat(store->fd, &facts) != 0) {
        return fail_errno(failure, store->path, "cannot be looked at");
    }
    if (facts.st_uid != geteuid()) {
        return refuse_owner(failure, store->path, facts.st_uid);
    }
    if (facts.st_mode & (S_IRWXG | S_IRWXO)) {
        return refuse_mode(failure, store->path, facts.st_mode, 0700);
    }
    return EXIT_DONE;
}

/* Opens the directory in one that is open. Without it: EXIT_DONE, and fd stays -1. */
static enum exit_code open_inside(int data_dir_fd, const char *data_dir, bool may_create,
                                  struct context_store *store, struct failure *failure)
{
    if (may_create && mkdirat(data_dir_fd, "contexts", 0700) == 0) {
        (void)fsync(data_dir_fd);
    }
    store->fd = openat(data_dir_fd, "contexts", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (store->fd < 0 && errno == ENOENT && !may_create) {
        return EXIT_DONE;
    }
    if (store->fd < 0) {
        return fail_errno(failure, store->path,
                          errno == ELOOP || errno == ENOTDIR ? "a link, or no directory"
                                                             : "cannot be opened");
    }
    const enum exit_code code = check_data_dir(data_dir, data_dir_fd, failure);
    return code ? code : check_directory(store, failure);
}

enum exit_code context_store_open(const char *data_dir, bool may_create, struct context_store *out,
                                  struct failure *failure)
{
    char home[CONTEXT_PATH_BYTES];
    struct context_store store = {.fd = -1};
    struct oc_error err;
    *out = store;
    if (!data_dir) {
        if (oc_default_data_dir(home, sizeof home, &err)) {
            return may_create ? failure_set(failure, EXIT_FAILED, "%s", err.text) : EXIT_DONE;
        }
        data_dir = home;
    }
    const int n = snprintf(store.path, sizeof store.path, "%s/contexts", data_dir);
    if (n < 0 || (size_t)n >= sizeof store.path) {
        return failure_set(failure, EXIT_USAGE, "data directory: %.100s...: too long", data_dir);
    }
    if (may_create && mkdir(data_dir, 0700) != 0 && errno != EEXIST) {
        return fail_errno(failure, data_dir, "cannot be made");
    }
    const int fd = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return may_create ? fail_errno(failure, data_dir, "cannot be opened") : EXIT_DONE;
    }
    const enum exit_code code = open_inside(fd, data_dir, may_create, &store, failure);
    (void)close(fd);
    if (code) {
        context_store_close(&store);
        return code;
    }
    *out = store;
    return EXIT_DONE;
}

void context_store_close(struct context_store *store)
{
    if (store->fd >= 0) {
        (void)close(store->fd);
        store->fd = -1;
    }
}

/* ---- the one in use -------------------------------------------------------------------------- */

static enum exit_code refuse_current(const struct context_store *store, const char *why,
                                     struct failure *failure)
{
    failure_set(failure, EXIT_FAILED, "%.900s/%s: %s", store->path, current_name, why);
    failure_advise(failure, "choose anew:  openclaw context use NAME   (or %s: this machine's)",
                   CONTEXT_LOCAL);
    return failure->code;
}

enum exit_code context_store_current(const struct context_store *store,
                                     char out[CONTEXT_NAME_BYTES + 1], struct failure *failure)
{
    char text[CONTEXT_NAME_BYTES + 2] = "";
    struct stat facts;
    out[0] = '\0';
    if (store->fd < 0) {
        return EXIT_DONE;
    }
    const int fd = openat(store->fd, current_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return EXIT_DONE;
    }
    if (fd < 0) {
        return refuse_current(store, strerror(errno), failure);
    }
    const bool is_ours = fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) &&
                         facts.st_uid == geteuid() && !(facts.st_mode & (S_IWGRP | S_IWOTH));
    const ssize_t n = is_ours ? read(fd, text, sizeof text - 1) : -1;
    (void)close(fd);
    if (!is_ours) {
        return refuse_current(store, "is no file that only this user can write", failure);
    }
    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (!context_name_is_sound(text)) {
        return refuse_current(store, "holds no name of a context", failure);
    }
    memcpy(out, text, strlen(text) + 1);
    return EXIT_DONE;
}

static bool write_whole(int fd, const char *name)
{
    char line[CONTEXT_NAME_BYTES + 2];
    const int n = snprintf(line, sizeof line, "%s\n", name);
    return n > 0 && write(fd, line, (size_t)n) == n && fsync(fd) == 0;
}

enum exit_code context_store_set_current(const struct context_store *store, const char *name,
                                         struct failure *failure)
{
    static const char made[] = ".current.new";
    if (name[0] == '\0') {
        const bool is_gone = unlinkat(store->fd, current_name, 0) == 0 || errno == ENOENT;
        (void)fsync(store->fd);
        return is_gone ? EXIT_DONE : fail_errno(failure, store->path, "cannot be changed");
    }
    (void)unlinkat(store->fd, made, 0); /* what an interrupted one left */
    const int fd =
        openat(store->fd, made, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool is_done = fd >= 0 && write_whole(fd, name);
    const int code = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = code;
    is_done = is_done && renameat(store->fd, made, store->fd, current_name) == 0;
    if (!is_done) {
        (void)fail_errno(failure, store->path, "cannot be changed");
        (void)unlinkat(store->fd, made, 0);
        return failure->code;
    }
    (void)fsync(store->fd);
    return EXIT_DONE;
}

/* ---- bundles --------------------------------------------------------------------------------- */

static void file_of(const char *name, char out[NAME_BYTES])
{
    (void)snprintf(out, NAME_BYTES, "%.*s%s", CONTEXT_NAME_BYTES, name, bundle_end);
}

bool context_store_has(const struct context_store *store, const char *name)
{
    char file[NAME_BYTES];
    struct stat facts;
    file_of(name, file);
    return store->fd >= 0 && fstatat(store->fd, file, &facts, AT_SYMLINK_NOFOLLOW) == 0;
}

bool context_store_path(const struct context_store *store, const char *name,
                        char out[CONTEXT_PATH_BYTES])
{
    char file[NAME_BYTES];
    file_of(name, file);
    const int n = snprintf(out, CONTEXT_PATH_BYTES, "%s/%s", store->path, file);
    return n > 0 && n < CONTEXT_PATH_BYTES;
}

static int by_name(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;
    return strcmp(*left, *right);
}

/* The name of a context in that of a file; NULL: it is none. Owns: free(). */
static char *name_of_file(const char *file)
{
    const size_t n = strlen(file);
    const size_t n_end = sizeof bundle_end - 1;
    if (n <= n_end || strcmp(file + n - n_end, bundle_end) != 0) {
        return NULL;
    }
    char *name = memory_copy_text(file);
    name[n - n_end] = '\0';
    if (!context_name_is_sound(name)) {
        free(name);
        return NULL;
    }
    return name;
}

enum exit_code context_store_list(const struct context_store *store,
                                  void (*take)(void *user, const char *name), void *user,
                                  struct failure *failure)
{
    if (store->fd < 0) {
        return EXIT_DONE;
    }
    const int fd = openat(store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory) {
        (void)fail_errno(failure, store->path, "cannot be read");
        if (fd >= 0) {
            (void)close(fd);
        }
        return failure->code;
    }
    char **names = memory_zeroed(NAMES_MOST, sizeof names[0]);
    size_t n = 0;
    for (struct dirent *entry = readdir(directory); entry && n < NAMES_MOST;
         entry = readdir(directory)) {
        names[n] = name_of_file(entry->d_name);
        n += names[n] != NULL;
    }
    (void)closedir(directory);
    qsort(names, n, sizeof names[0], by_name);
    for (size_t i = 0; i < n; i++) {
        take(user, names[i]);
        free(names[i]);
    }
    free(names);
    return EXIT_DONE;
}

enum exit_code context_store_remove(const struct context_store *store, const char *name,
                                    struct failure *failure)
{
    char file[NAME_BYTES];
    file_of(name, file);
    if (store->fd < 0 || unlinkat(store->fd, file, 0) != 0) {
        return fail_errno(failure, store->path, "cannot be changed");
    }
    (void)fsync(store->fd);
    return EXIT_DONE;
}
