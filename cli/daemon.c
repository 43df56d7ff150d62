/* See daemon.h. */
#include "cli/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
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

enum exit_code daemon_exec(struct cli *cli, const char *verb, const char *const *words)
{
    char path[PATH_BYTES] = "openclaw-gateway";
    char *arguments[MOST_ARGUMENTS] = {NULL};
    size_t n = 0;
    struct failure failure;
    if (!find_daemon(path)) {
        failure_set(&failure, EXIT_FAILED, "cannot tell where this program is: %s",
                    strerror(errno));
        return failure_say(cli->terminal, &failure);
    }
    arguments[n++] = path;
    arguments[n++] = memory_copy_text(verb);
    add_option(arguments, &n, "--data-dir", cli->data_dir);
    add_option(arguments, &n, "--config", arguments_value(&cli->args, OPT_CONFIG));
    for (size_t i = 0; words && words[i] && i < DAEMON_MOST_WORDS; i++) {
        arguments[n++] = memory_copy_text(words[i]);
    }
    (void)fflush(NULL);
    (void)signal(SIGPIPE, SIG_DFL); /* main ignores it, and exec would hand that on */
    (void)execv(path, arguments);
    failure_set(&failure, EXIT_FAILED, "cannot start the gateway %s: %s", path, strerror(errno));
    failure_advise(&failure, "openclaw-gateway must stand beside openclaw; install both");
    for (size_t i = 1; i < n; i++) {
        free(arguments[i]);
    }
    return failure_say(cli->terminal, &failure);
}
