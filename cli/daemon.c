/* See daemon.h. */
#include "cli/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/failure.h"
#include "cli/memory.h"

enum {
    PATH_BYTES = 4096,
    MOST_ARGUMENTS = 8 + DAEMON_MOST_WORDS,
};

static bool find_daemon(char path[PATH_BYTES])
{
    static const char name[] = "openclaw-gateway";
    ssize_t n = readlink("/proc/self/exe", path, PATH_BYTES - sizeof name);
    if (n <= 0) {
        return false;
    }
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash) {
        return false;
    }
    memcpy(slash + 1, name, sizeof name);
    return true;
}

static void add_option(char **arguments, size_t *n, const char *name, const char *value)
{
    if (value) {
        arguments[(*n)++] = memory_copy_text(name);
        arguments[(*n)++] = memory_copy_text(value);
    }
}

/* Fills what the daemon is called with; the first is the path itself. False: it is not known. */
static bool make_arguments(const struct cli *cli, const char *verb, const char *const *words,
                           char path[PATH_BYTES], char *arguments[MOST_ARGUMENTS])
{
    size_t n = 0;
    if (!find_daemon(path)) {
        return false;
    }
    arguments[n++] = path;
    arguments[n++] = memory_copy_text(verb);
    add_option(arguments, &n, "--data-dir", cli->data_dir);
    add_option(arguments, &n, "--config", arguments_value(&cli->args, OPT_CONFIG));
    for (size_t i = 0; words && words[i] && i < DAEMON_MOST_WORDS; i++) {
        arguments[n++] = memory_copy_text(words[i]);
    }
    return true;
}

static void free_arguments(char *arguments[MOST_ARGUMENTS])
{
    for (size_t i = 1; i < MOST_ARGUMENTS && arguments[i]; i++) {
        free(arguments[i]);
    }
}

static void explain_no_start(struct failure *failure, const char *path, int error)
{
    failure_set(failure, EXIT_FAILED, "cannot start the gateway %s: %s", path, strerror(error));
    failure_advise(failure, "openclaw-gateway must stand beside openclaw; install both");
}

enum exit_code daemon_exec(struct cli *cli, const char *verb, const char *const *words)
{
    char path[PATH_BYTES] = "openclaw-gateway";
    char *arguments[MOST_ARGUMENTS] = {NULL};
    struct failure failure;
    if (!make_arguments(cli, verb, words, path, arguments)) {
        failure_set(&failure, EXIT_FAILED, "cannot tell where this program is: %s",
                    strerror(errno));
        return failure_say(cli->terminal, &failure);
    }
    (void)fflush(NULL);
    (void)signal(SIGPIPE, SIG_DFL); /* main ignores it, and exec would hand that on */
    (void)execv(path, arguments);
    explain_no_start(&failure, path, errno);
    free_arguments(arguments);
    return failure_say(cli->terminal, &failure);
}

/* ---- a daemon to read from ------------------------------------------------------------------- */

/* 0 and the child with the end to read from, or an errno. */
static int spawn(const char *path, char *const *arguments, pid_t *pid, int *out)
{
    int ends[2];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    (void)posix_spawnattr_init(&attributes);
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGPIPE);
    (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    int error = posix_spawn(pid, path, &actions, &attributes, arguments, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    if (error) {
        (void)close(ends[0]);
        return error;
    }
    *out = ends[0];
    return 0;
}

static void read_lines(int fd, void (*take)(void *user, char *line), void *user)
{
    FILE *lines = fdopen(fd, "re");
    char *line = NULL;
    size_t cap = 0;
    if (!lines) {
        (void)close(fd);
        return;
    }
    for (ssize_t n = getline(&line, &cap, lines); n > 0; n = getline(&line, &cap, lines)) {
        line[n - 1] = line[n - 1] == '\n' ? '\0' : line[n - 1];
        take(user, line);
    }
    free(line);
    (void)fclose(lines);
}

enum exit_code daemon_read(struct cli *cli, const char *verb, void (*take)(void *user, char *line),
                           void *user, struct failure *failure)
{
    char path[PATH_BYTES] = "openclaw-gateway";
    char *arguments[MOST_ARGUMENTS] = {NULL};
    pid_t pid = 0;
    int fd = -1;
    int status = 0;
    bool is_found = make_arguments(cli, verb, NULL, path, arguments);
    int error = is_found ? spawn(path, arguments, &pid, &fd) : errno;
    free_arguments(arguments);
    if (error) {
        explain_no_start(failure, path, error);
        return failure->code;
    }
    read_lines(fd, take, user);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return failure_set(failure, EXIT_FAILED, "%s %s did not come to its end", path, verb);
    }
    return EXIT_DONE;
}
