/* From argv to the command that runs. */
#include "cli/command.h"

#include <openclaw/version.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>

#include "cli/failure.h"
#include "cli/help.h"
#include "cli/moment.h"
#include "cli/suggest.h"

const struct noun *const nouns[] = {
    &gateway_noun,  &pairing_noun, &devices_noun, &events_noun,  &agent_noun,
    &identity_noun, &audit_noun,   &pki_noun,     &context_noun, &doctor_noun,
};
const size_t n_nouns = sizeof nouns / sizeof nouns[0];

static const int64_t MOST_TIMEOUT_MS = 60000;
static const int64_t MOST_WAIT_MS = INT64_C(30) * 24 * 3600 * 1000;

static const struct noun *find_noun(const char *name)
{
    for (size_t i = 0; i < n_nouns; i++) {
        if (strcmp(nouns[i]->name, name) == 0) {
            return nouns[i];
        }
    }
    return NULL;
}

static const struct command *find_command(const struct noun *noun, const char *verb)
{
    for (size_t i = 0; i < noun->n_commands; i++) {
        if (strcmp(noun->commands[i].verb, verb) == 0) {
            return &noun->commands[i];
        }
    }
    return NULL;
}

static enum exit_code unknown_noun(const struct terminal *terminal, const char *typed)
{
    struct suggestion best = suggestion_start(typed);
    for (size_t i = 0; i < n_nouns; i++) {
        suggestion_consider(&best, nouns[i]->name);
    }
    if (best.name[0] != '\0') {
        terminal_say(terminal, "openclaw: unknown command %s; did you mean openclaw %s?", typed,
                     best.name);
    } else {
        terminal_say(terminal, "openclaw: unknown command %s; see openclaw --help", typed);
    }
    return EXIT_USAGE;
}

static enum exit_code unknown_verb(const struct terminal *terminal, const struct noun *noun,
                                   const char *typed)
{
    struct suggestion best = suggestion_start(typed);
    for (size_t i = 0; i < noun->n_commands; i++) {
        suggestion_consider(&best, noun->commands[i].verb);
    }
    if (best.name[0] != '\0') {
        terminal_say(terminal, "openclaw: unknown command %s %s; did you mean openclaw %s %s?",
                     noun->name, typed, noun->name, best.name);
    } else {
        terminal_say(terminal, "openclaw: unknown command %s %s; see openclaw %s --help",
                     noun->name, typed, noun->name);
    }
    return EXIT_USAGE;
}

enum exit_code command_usage(const struct cli *cli, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    terminal_say(cli->terminal, "openclaw: %s", text);
    return EXIT_USAGE;
}

/* Reads the options that every command has. */
static bool apply_globals(struct cli *cli, char *error, size_t cap)
{
    const struct arguments *args = &cli->args;
    const char *format = arguments_has(args, OPT_JSON) ? "json" : arguments_value(args, OPT_OUTPUT);
    const char *colour = arguments_value(args, OPT_COLOR);
    const char *timeout = arguments_value(args, OPT_TIMEOUT);
    int64_t timeout_ms = 0;
    if (format && !output_format_parse(format, &cli->output.format)) {
        (void)snprintf(error, cap,
                       "-o %s: no such format; there are table, wide, json, yaml, ndjson and name",
                       format);
        return false;
    }
    if (colour && strcmp(colour, "auto") != 0 && strcmp(colour, "always") != 0 &&
        strcmp(colour, "never") != 0) {
        (void)snprintf(error, cap, "--color %s: it is auto, always or never", colour);
        return false;
    }
    bool waits = cli->command->waits;
    if (timeout && (!duration_parse(timeout, &timeout_ms) ||
                    timeout_ms > (waits ? MOST_WAIT_MS : MOST_TIMEOUT_MS))) {
        (void)snprintf(error, cap, "--timeout %s: give a time up to %s", timeout,
                       waits ? "30d, such as 90s or 5m" : "60s, such as 500ms or 5s");
        return false;
    }
    cli->timeout_ms = waits ? 0 : (uint32_t)timeout_ms;
    cli->wait_ms = waits ? timeout_ms : 0;
    cli->data_dir = arguments_value(args, OPT_DATA_DIR);
    cli->assumes_yes = arguments_has(args, OPT_YES);
    cli->output.has_colour = cli->terminal->out_is_terminal && cli->terminal->may_colour;
    if (colour && strcmp(colour, "auto") != 0) {
        cli->output.has_colour = strcmp(colour, "always") == 0;
    }
    return true;
}

static enum exit_code check_words(const struct cli *cli, const struct noun *noun)
{
    const struct command *command = cli->command;
    const char *gap = command->verb[0] != '\0' ? " " : "";
    if (cli->args.n_words < command->least_words) {
        return command_usage(cli, "%s %s needs %s; see openclaw %s %s --help", noun->name,
                             command->verb, command->words, noun->name, command->verb);
    }
    if (cli->args.n_words > command->most_words) {
        return command_usage(cli, "%s%s%s: one word too many: %s; see openclaw %s%s%s --help",
                             noun->name, gap, command->verb, cli->args.words[command->most_words],
                             noun->name, gap, command->verb);
    }
    return EXIT_DONE;
}

/* Finds out which gateway is meant before anything is done to one. */
static enum exit_code choose_context(struct cli *cli, const struct noun *noun)
{
    char call[64];
    struct failure failure;
    (void)snprintf(call, sizeof call, "%s%s%s", noun->name, cli->command->verb[0] ? " " : "",
                   cli->command->verb);
    enum exit_code code = context_prepare(cli, cli->command->target, call, &failure);
    return code ? failure_say(cli->terminal, &failure) : EXIT_DONE;
}

static enum exit_code run_command(struct cli *cli, const struct noun *noun, int argc, char **argv)
{
    char error[512];
    uint64_t allowed = OPT_GLOBALS | cli->command->options;
    if (!arguments_parse(argc, argv, allowed, &cli->args, error, sizeof error)) {
        return command_usage(cli, "%s; see openclaw %s %s --help", error, noun->name,
                             cli->command->verb);
    }
    if (arguments_has(&cli->args, OPT_HELP)) {
        help_command(cli->terminal->out, noun, cli->command);
        return EXIT_DONE;
    }
    /* The first two words are noun and verb, or one is both. */
    size_t n_own = cli->command->verb[0] != '\0' ? 2 : 1;
    cli->args.words += n_own;
    cli->args.n_words -= n_own;
    if (!apply_globals(cli, error, sizeof error)) {
        return command_usage(cli, "%s", error);
    }
    enum exit_code code = check_words(cli, noun);
    if (code == EXIT_DONE) {
        code = choose_context(cli, noun);
    }
    if (code == EXIT_DONE) {
        code = cli->command->run(cli);
    }
    oc_client_close(cli->client);
    return code;
}

/* The first words of argv that are no options, nor the value of a global one. */
static size_t leading_words(int argc, char **argv, const char *words[2])
{
    size_t n = 0;
    for (int i = 1; i < argc && n < 2; i++) {
        if (argv[i][0] != '-' || argv[i][1] == '\0') {
            words[n++] = argv[i];
            continue;
        }
        for (unsigned id = 0; id < OPT_GLOBAL_COUNT; id++) {
            const struct option_info *info = option_info((enum option_id)id);
            bool is_long = strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, info->name) == 0;
            bool is_short = argv[i][1] == info->letter && argv[i][2] == '\0';
            if (info->value && (is_long || is_short)) {
                i++;
                break;
            }
        }
    }
    return n;
}

/* Without a command: help and version, or the overview as an answer to nothing. */
static enum exit_code run_bare(const struct terminal *terminal, int argc, char **argv)
{
    struct arguments args;
    char error[512];
    if (!arguments_parse(argc, argv, OPT_GLOBALS, &args, error, sizeof error)) {
        terminal_say(terminal, "openclaw: %s; see openclaw --help", error);
        return EXIT_USAGE;
    }
    if (arguments_has(&args, OPT_VERSION)) {
        (void)fprintf(terminal->out, "openclaw %s\n", oc_version());
        return EXIT_DONE;
    }
    bool is_asked = arguments_has(&args, OPT_HELP);
    help_overview(is_asked ? terminal->out : terminal->err);
    return is_asked ? EXIT_DONE : EXIT_USAGE;
}

/* `openclaw help [NOUN]`, for those who type it that way. */
static enum exit_code run_help(const struct terminal *terminal, const char *name)
{
    const struct noun *noun = name ? find_noun(name) : NULL;
    if (name && !noun) {
        return unknown_noun(terminal, name);
    }
    if (noun) {
        help_noun(terminal->out, noun);
    } else {
        help_overview(terminal->out);
    }
    return EXIT_DONE;
}

static enum exit_code run_noun(const struct terminal *terminal, const struct noun *noun, int argc,
                               char **argv)
{
    struct arguments args;
    char error[512];
    bool is_asked = arguments_parse(argc, argv, OPT_GLOBALS, &args, error, sizeof error) &&
                    arguments_has(&args, OPT_HELP);
    help_noun(is_asked ? terminal->out : terminal->err, noun);
    return is_asked ? EXIT_DONE : EXIT_USAGE;
}

/* `openclaw devices list | head`: nobody wants to read about it. */
static bool is_reader_gone(FILE *out)
{
    struct pollfd fd = {.fd = fileno(out)};
    return poll(&fd, 1, 0) == 1 && (fd.revents & POLLERR) != 0;
}

enum exit_code command_main(const struct terminal *terminal, int argc, char **argv)
{
    const char *words[2] = {NULL, NULL};
    size_t n = leading_words(argc, argv, words);
    bool wants_version = argc == 2 && strcmp(argv[1], "--version") == 0;
    if (n == 0 || wants_version) {
        return run_bare(terminal, argc, argv);
    }
    if (strcmp(words[0], "help") == 0) {
        return run_help(terminal, words[1]);
    }
    const struct noun *noun = find_noun(words[0]);
    if (!noun) {
        return unknown_noun(terminal, words[0]);
    }
    const struct command *command = find_command(noun, "");
    if (!command && n == 1) {
        return run_noun(terminal, noun, argc, argv);
    }
    command = command ? command : find_command(noun, words[1]);
    if (!command) {
        return unknown_verb(terminal, noun, words[1]);
    }
    struct cli cli = {.terminal = terminal, .command = command};
    cli.output.terminal = terminal;
    cli.output.cli = &cli;
    enum exit_code code = run_command(&cli, noun, argc, argv);
    if (fflush(terminal->out) != 0 || ferror(terminal->out)) {
        if (cli.is_reader_gone) {
            return code;
        }
        if (!is_reader_gone(terminal->out)) {
            terminal_say(terminal, "openclaw: the output could not be written");
        }
        return code == EXIT_DONE ? EXIT_FAILED : code;
    }
    return code;
}
