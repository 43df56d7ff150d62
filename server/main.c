/* openclaw-gateway: arguments, signals, exit code. */
#include <errno.h>
#include <openclaw/version.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "server/app.h"
#include "server/app_external_ca.h"
#include "server/doctor/doctor.h"
#include "server/domain/audit_event.h"
#include "server/host/sandbox.h"
#include "server/offline.h"

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    /* A stop that takes longer than this is ended; what was acknowledged is on disk anyway. */
    STOP_DEADLINE_S = 20,
    SIGNAL_TEXT_BYTES = 80,
};

static const char usage[] =
    "usage: openclaw-gateway COMMAND [--config FILE] [--data-dir DIR]\n"
    "\n"
    "  run            serve until SIGTERM or SIGINT\n"
    "  check-config   check the configuration: OK, or the error with line and column\n"
    "  doctor         what the gateway's files say of its health, a JSON object a line\n"
    "  restore FILE   put a backup in the place of the database (--yes: without asking)\n"
    "  verify FILE    check a backup: its structure, and its audit from the first row to the last\n"
    "  version        print the version\n"
    "\n"
    "The configuration FILE defaults to gateway.yaml in DIR, DIR to OPENCLAW_HOME or "
    "~/.openclaw.\n";

static int fail(const struct oc_error *err)
{
    (void)fprintf(stderr, "openclaw-gateway: %s\n", err->text);
    return EXIT_FAILED;
}

/* ---- run ------------------------------------------------------------------------------------- */

/* Before any thread starts, so that all inherit it. SIGPIPE: a peer that went away is no reason to
 * die; SIGHUP: read the configuration again. */
static int block_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGHUP, SIG_DFL); /* one that nohup has ignored would not arrive */
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return -1;
    }
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static void wait_for_signal(int fd, struct signalfd_siginfo *out)
{
    ssize_t n = 0;
    do {
        n = read(fd, out, sizeof *out);
    } while (n < 0 && errno == EINTR);
}

/* Who asked for a reload, for the audit: the signal's sender. */
static void reload(struct app *app, const struct signalfd_siginfo *info)
{
    struct audit_actor actor = {.name = "signal", .source = "SIGHUP"};
    if (info->ssi_code == SI_USER) {
        (void)snprintf(actor.name, sizeof actor.name, "uid:%u", info->ssi_uid);
    }
    app_reload(app, &actor);
}

/* Returns at the first signal that means the end. */
static void serve_signals(struct app *app, int fd, struct signalfd_siginfo *out)
{
    wait_for_signal(fd, out);
    while (out->ssi_signo == SIGHUP) {
        reload(app, out);
        wait_for_signal(fd, out);
    }
}

/* "SIGTERM from process 4711 of uid 0". */
static void format_signal(const struct signalfd_siginfo *info, char out[SIGNAL_TEXT_BYTES])
{
    const char *name = info->ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT";
    if (info->ssi_code == SI_USER) {
        (void)snprintf(out, SIGNAL_TEXT_BYTES, "%s from process %u of uid %u", name, info->ssi_pid,
                       info->ssi_uid);
    } else {
        (void)snprintf(out, SIGNAL_TEXT_BYTES, "%s", name);
    }
}

static void on_deadline(int signal_number)
{
    static const char text[] = "openclaw-gateway: did not stop in time\n";
    (void)signal_number;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(EXIT_FAILED);
}

static int run(const struct app_options *options)
{
    struct oc_error err;
    struct signalfd_siginfo info = {.ssi_signo = SIGTERM};
    char why[SIGNAL_TEXT_BYTES];
    struct app *app = NULL;
    if (sandbox_enter(&err)) {
        return fail(&err);
    }
    (void)sandbox_raise_open_files();
    const int signals = block_signals();
    if (signals < 0) {
        (void)oc_fail(&err, OC_INTERNAL, "signals: %s", strerror(errno));
        return fail(&err);
    }
    if (app_start(options, &app, &err)) {
        (void)close(signals);
        return log_format_now() == LOG_FORMAT_JSON ? EXIT_FAILED : fail(&err);
    }
    serve_signals(app, signals, &info);
    format_signal(&info, why);
    app_tell_stop(app, why);
    (void)signal(SIGALRM, on_deadline);
    (void)alarm(STOP_DEADLINE_S);
    app_stop(app);
    (void)close(signals);
    return EXIT_DONE;
}

static int check_config(const struct app_options *options)
{
    struct oc_error err;
    struct config *config = malloc(sizeof *config);
    if (!config) {
        (void)oc_fail(&err, OC_RESOURCE_EXHAUSTED, "out of memory");
        return fail(&err);
    }
    struct oc_admin_ca *ca = NULL;
    enum oc_status status = app_load_config(options, config, &err);
    if (!status) {
        status = app_external_ca_read(config, &ca, &err);
    }
    oc_admin_ca_free(ca);
    free(config);
    if (status) {
        return fail(&err);
    }
    (void)puts("OK");
    return EXIT_DONE;
}

static int print_version(const struct app_options *options)
{
    (void)options;
    (void)printf("openclaw-gateway %s\n", oc_version());
    return EXIT_DONE;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*run)(const struct app_options *options);
} commands[] = {
    {"run", run},
    {"check-config", check_config},
    {"doctor", doctor_run},
    {"version", print_version},
};

/* "--name VALUE" or "--name=VALUE" at *at; advances *at past what it took. */
static const char *take_option(char **arguments, int n, int *at, const char *name)
{
    const size_t length = strlen(name);
    const char *argument = arguments[*at];
    if (strncmp(argument, name, length) != 0) {
        return NULL;
    }
    if (argument[length] == '=') {
        *at += 1;
        return argument + length + 1;
    }
    if (argument[length] != '\0' || *at + 1 >= n) {
        return NULL;
    }
    *at += 2;
    return arguments[*at - 1];
}

static bool parse_options(char **arguments, int n, struct app_options *out)
{
    int at = 0;
    while (at < n) {
        const char *value = take_option(arguments, n, &at, "--config");
        if (value) {
            out->config_path = value;
            continue;
        }
        value = take_option(arguments, n, &at, "--data-dir");
        if (!value) {
            (void)fprintf(stderr, "openclaw-gateway: unknown or incomplete option: %s\n",
                          arguments[at]);
            return false;
        }
        out->data_dir = value;
    }
    return true;
}

static int run_command(const char *name, char **arguments, int n)
{
    struct app_options options = {.data_dir = NULL};
    if (strcmp(name, "restore") == 0) {
        return offline_restore(n, arguments);
    }
    if (strcmp(name, "verify") == 0) {
        return offline_verify(n, arguments);
    }
    for (size_t i = 0; i < OC_ARRAY_LENGTH(commands); i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return parse_options(arguments, n, &options) ? commands[i].run(&options) : EXIT_USAGE;
        }
    }
    (void)fprintf(stderr, "openclaw-gateway: unknown command: %s\n%s", name, usage);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    if (argc >= 2 && (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0)) {
        (void)fputs(usage, stdout);
        return EXIT_DONE;
    }
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        return print_version(NULL);
    }
    if (argc < 2) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    return run_command(argv[1], argv + 2, argc - 2);
}
