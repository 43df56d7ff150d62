/* See offline.h. */
#include "server/offline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/app.h"
#include "server/host/sandbox.h"
#include "server/restore.h"

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
};

struct offline_line {
    struct app_options app;
    const char *file;
    bool assumes_yes;
    bool as_it_was;
};

static int fail(const struct oc_error *err)
{
    (void)fprintf(stderr, "openclaw-gateway: %s\n", err->text);
    return err->status == OC_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_FAILED;
}

bool offline_take_value(int n, char **arguments, int *at, const char *name, const char **out)
{
    const size_t length = strlen(name);
    const char *argument = arguments[*at];
    if (strncmp(argument, name, length) != 0) {
        return false;
    }
    if (argument[length] == '=') {
        *out = argument + length + 1;
        return true;
    }
    if (argument[length] != '\0' || *at + 1 >= n) {
        return false;
    }
    *out = arguments[++*at];
    return true;
}

static bool parse(int n, char **arguments, struct offline_line *out)
{
    for (int at = 0; at < n; at++) {
        if (offline_take_value(n, arguments, &at, "--config", &out->app.config_path) ||
            offline_take_value(n, arguments, &at, "--data-dir", &out->app.data_dir)) {
            continue;
        }
        if (strcmp(arguments[at], "--yes") == 0) {
            out->assumes_yes = true;
        } else if (strcmp(arguments[at], "--as-it-was") == 0) {
            out->as_it_was = true;
        } else if (strcmp(arguments[at], "--") == 0 && at + 2 == n && !out->file) {
            out->file = arguments[++at];
        } else if (arguments[at][0] != '-' && !out->file) {
            out->file = arguments[at];
        } else {
            (void)fprintf(stderr, "openclaw-gateway: unknown or incomplete option: %s\n",
                          arguments[at]);
            return false;
        }
    }
    if (!out->file) {
        (void)fprintf(stderr, "openclaw-gateway: name the file\n");
    }
    return out->file != NULL;
}

/* ---- restore --------------------------------------------------------------------------------- */

static int restore(const struct offline_line *line, const struct config *config, int64_t now_ms)
{
    const struct restore_options options = {
        .state_dir = config->state_dir,
        .checkpoint_file = config->audit.checkpoint_file,
        .file = line->file,
        .assumes_yes = line->assumes_yes,
        .as_it_was = line->as_it_was,
        .may_ask = isatty(STDIN_FILENO) && isatty(STDERR_FILENO),
        .in = stdin,
        .out = stdout,
        .err = stderr,
        .now_ms = now_ms,
    };
    const int end = (int)restore_run(&options);
    return fflush(stdout) == 0 || end ? end : EXIT_FAILED;
}

int offline_restore(int n, char **arguments)
{
    struct offline_line line = {.file = NULL};
    struct oc_error err = {.status = OC_OK};
    if (!parse(n, arguments, &line)) {
        return EXIT_USAGE;
    }
    struct config *config = malloc(sizeof *config);
    OC_CLEANUP(system_clock_freep) struct system_clock *source = system_clock_new(NULL);
    if (!config || !source) {
        free(config);
        (void)oc_fail(&err, OC_RESOURCE_EXHAUSTED, "out of memory");
        return fail(&err);
    }
    enum oc_status status = sandbox_enter(&err);
    if (!status) {
        status = app_load_config(&line.app, config, &err);
    }
    const struct clock clock = system_clock_clock(source);
    const int code = status ? fail(&err) : restore(&line, config, clock_now_ms(&clock));
    free(config);
    return code;
}
