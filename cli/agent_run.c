/*
 * The agent as a program. The library's agent runs on its own thread and calls the functions of
 * `ops` there; the main thread waits for a signal or for the end. What the callbacks write is read
 * by the main thread only after oc_agent_wait.
 */
#include "cli/agent_run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/device_view.h"
#include "cli/escape.h"
#include "cli/failure.h"
#include "cli/reach.h"
#include "cli/values.h"

struct agent_view {
    const struct cli *cli;
    const char *gateway;
    int ended_fd; /* an eventfd: stopped() was called */
    bool is_connected;
    enum oc_refusal_kind last_refusal; /* NONE once connected */
    struct oc_error last_error;
    enum oc_status end;
};

/* ---- what is printed ------------------------------------------------------------------------- */

static void write_event(const struct agent_view *view, const char *event,
                        void (*write)(struct writer *writer, const void *detail),
                        const void *detail)
{
    struct writer line = writer_make(view->cli->terminal->out, WRITER_JSON);
    writer_begin_object(&line);
    writer_text_or_null(&line, "event", event);
    writer_text_or_null(&line, "gateway", view->gateway);
    if (write) {
        write(&line, detail);
    }
    writer_end_object(&line);
    writer_end(&line);
    (void)fflush(view->cli->terminal->out);
}

static void write_refusal(struct writer *writer, const void *detail)
{
    const struct oc_refusal *refusal = detail;
    writer_text_or_null(writer, "kind", oc_refusal_name(refusal->kind));
    writer_key(writer, "http_status");
    writer_uint(writer, refusal->http_status);
    writer_text_or_null(writer, "request_id", refusal->request_id.text);
    writer_text_or_null(writer, "why",
                        refusal->why == OC_WHY_NONE ? "" : oc_why_name(refusal->why));
    writer_text_or_null(writer, "code", refusal->code);
    writer_key(writer, "retry_after_ms");
    writer_uint(writer, refusal->retry_after_ms);
}

static void write_session(struct writer *writer, const void *detail)
{
    const struct oc_session *session = detail;
    writer_text_or_null(writer, "role", session->granted.role);
    writer_key(writer, "scopes");
    writer_begin_list(writer);
    for (size_t i = 0; i < session->granted.n_scopes; i++) {
        writer_string(writer, session->granted.scopes[i]);
    }
    writer_end_list(writer);
    writer_text_or_null(writer, "name", session->alias);
    bool wants_more = session->upgrade_request_id.text[0] != '\0';
    writer_text_or_null(writer, "upgrade_request_id", session->upgrade_request_id.text);
    writer_text_or_null(writer, "upgrade_code", session->upgrade_code);
    writer_text_or_null(writer, "why", wants_more ? oc_why_name(OC_WHY_ACCESS_WIDENED) : "");
    writer_time_or_null(writer, "expires_at", session->term_ends_at_ms);
}

static void write_error(struct writer *writer, const void *detail)
{
    const struct oc_error *err = detail;
    writer_text_or_null(writer, "status", oc_status_name(err->status));
    writer_text_or_null(writer, "message", err->text);
}

static bool is_for_people(const struct agent_view *view)
{
    return output_is_for_people(&view->cli->output) || view->cli->output.format == OUTPUT_NAME;
}

/* A block of several lines, of which each byte but the newlines is escaped. */
static void say_block(const struct terminal *terminal, const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        terminal_say(terminal, "%.*s", (int)n, text);
        text += n + (text[n] == '\n' ? 1 : 0);
    }
}

static void print_session(const struct agent_view *view, const char *word,
                          const struct oc_session *session)
{
    const struct terminal *terminal = view->cli->terminal;
    char gateway[CELL_BYTES];
    char grant[CELL_BYTES];
    char term[MOMENT_BYTES] = "revoked";
    if (session->term_ends_at_ms != 0) {
        moment_format(session->term_ends_at_ms, term);
    }
    escape_for_terminal(view->gateway, gateway, sizeof gateway);
    device_format_grant(&session->granted, grant, sizeof grant);
    (void)fprintf(terminal->out, "%s  %s  %s, until %s\n", word, gateway, grant, term);
    (void)fflush(terminal->out);
    if (session->upgrade_request_id.text[0] != '\0') {
        bool has_code = session->upgrade_code[0] != '\0';
        terminal_say(terminal, "more access awaits approval: request %s%s%s",
                     session->upgrade_request_id.text, has_code ? "   code " : "",
                     session->upgrade_code);
        terminal_say(terminal, "  why      %s", oc_why_text(OC_WHY_ACCESS_WIDENED));
        terminal_say(terminal,
                     "  fix      on the gateway machine run:  openclaw devices approve %s",
                     session->upgrade_request_id.text);
    }
}

/* ---- callbacks, on the agent's thread -------------------------------------------------------- */

static void on_first_use(void *user, const struct oc_digest *pin)
{
    const struct agent_view *view = user;
    const struct terminal *terminal = view->cli->terminal;
    char digits[2 * OC_DIGEST_BYTES + 1];
    for (size_t i = 0; i < sizeof pin->bytes; i++) {
        (void)snprintf(digits + 2 * i, 3, "%02x", pin->bytes[i]);
    }
    terminal_say(terminal, "openclaw: warning: trusting %s at first contact, with the key",
                 view->gateway);
    terminal_say(terminal, "  sha256:%s", digits);
    terminal_say(terminal, "  compare it with `openclaw gateway info` on the gateway machine, or "
                           "start with --pin");
}

static void on_refused(void *user, const struct oc_refusal *refusal)
{
    struct agent_view *view = user;
    view->last_refusal = refusal->kind;
    view->is_connected = false;
    if (is_for_people(view)) {
        say_block(view->cli->terminal, refusal->text);
    } else {
        write_event(view, "refused", write_refusal, refusal);
    }
}

static void on_connected(void *user, const struct oc_session *session)
{
    struct agent_view *view = user;
    view->last_refusal = OC_REFUSAL_NONE;
    view->is_connected = true;
    if (is_for_people(view)) {
        print_session(view, "connected", session);
    } else {
        write_event(view, "connected", write_session, session);
    }
}

static void on_grant_changed(void *user, const struct oc_session *session)
{
    struct agent_view *view = user;
    if (is_for_people(view)) {
        print_session(view, "access changed", session);
    } else {
        write_event(view, "grant_changed", write_session, session);
    }
}

static void on_disconnected(void *user, const struct oc_error *err, uint32_t retry_ms)
{
    struct agent_view *view = user;
    char wait[MOMENT_BYTES];
    if (err) {
        view->last_error = *err;
    }
    view->is_connected = false;
    const char *text = err && err->text[0] != '\0' ? err->text : "the connection ended";
    if (!is_for_people(view)) {
        write_event(view, "disconnected", err ? write_error : NULL, err);
        return;
    }
    moment_format_age(0, retry_ms, wait);
    if (arguments_has(&view->cli->args, OPT_ONCE)) {
        terminal_say(view->cli->terminal, "not connected: %s", text);
    } else {
        terminal_say(view->cli->terminal, "not connected: %s; trying again in %s", text, wait);
    }
}

static void on_stopped(void *user, enum oc_status why, const struct oc_error *err)
{
    struct agent_view *view = user;
    uint64_t one = 1;
    view->end = why;
    if (err && why) {
        view->last_error = *err;
    }
    while (write(view->ended_fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

static const struct oc_agent_ops agent_ops = {
    .trusted_first_use = on_first_use,
    .refused = on_refused,
    .connected = on_connected,
    .grant_changed = on_grant_changed,
    .disconnected = on_disconnected,
    .stopped = on_stopped,
};

/* ---- from start to exit code ----------------------------------------------------------------- */

/* Blocks until the agent ended or a signal asks it to. True: a signal. */
static bool wait_for_end(int signal_fd, int ended_fd)
{
    struct pollfd fds[2] = {{.fd = signal_fd, .events = POLLIN},
                            {.fd = ended_fd, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0 && errno == EINTR) {
    }
    return (fds[0].revents & POLLIN) != 0 && (fds[1].revents & POLLIN) == 0;
}

/* After --once the answer is the exit code. */
static enum exit_code code_of_answer(const struct agent_view *view)
{
    switch (view->last_refusal) {
    case OC_REFUSAL_PAIRING_REQUIRED:
        return EXIT_STILL_PENDING;
    case OC_REFUSAL_REJECTED:
    case OC_REFUSAL_REVOKED:
    case OC_REFUSAL_BLOCKED:
        return EXIT_FORBIDDEN;
    case OC_REFUSAL_BUSY:
    case OC_REFUSAL_LOCKED:
        return EXIT_UNAVAILABLE;
    case OC_REFUSAL_NONE:
    case OC_REFUSAL_COUNT:
        break;
    }
    return view->is_connected ? EXIT_DONE : exit_code_of(view->last_error.status);
}

static enum exit_code code_of_end(const struct agent_view *view, bool was_signalled)
{
    const struct terminal *terminal = view->cli->terminal;
    if (view->end == OC_OK) {
        bool is_once = arguments_has(&view->cli->args, OPT_ONCE) && !was_signalled;
        return is_once ? code_of_answer(view) : EXIT_DONE;
    }
    if (view->last_refusal == OC_REFUSAL_NONE || view->end != OC_PERMISSION_DENIED) {
        terminal_say(terminal, "openclaw: the agent ended: %s",
                     view->last_error.text[0] != '\0' ? view->last_error.text
                                                      : oc_status_name(view->end));
    }
    return exit_code_of(view->end);
}

static void warn_of_reach(const struct cli *cli)
{
    char dir[4096];
    char found[4608];
    struct oc_error err;
    const char *data_dir = cli->data_dir;
    if (!data_dir && oc_default_data_dir(dir, sizeof dir, &err) == OC_OK) {
        data_dir = dir;
    }
    if (reach_find_gateway(data_dir, found, sizeof found)) {
        terminal_say(cli->terminal,
                     "openclaw: warning: %s: this agent could approve itself; give "
                     "it a user and a data directory of its own",
                     found);
    }
}

static enum exit_code run_until_end(struct agent_view *view, const struct oc_agent_options *options,
                                    int signal_fd)
{
    struct oc_agent *agent = NULL;
    struct oc_error err;
    enum oc_status status = oc_agent_start(options, &agent, &err);
    if (status) {
        terminal_say(view->cli->terminal, "openclaw: cannot start the agent: %s", err.text);
        return exit_code_of(status);
    }
    bool was_signalled = wait_for_end(signal_fd, view->ended_fd);
    if (was_signalled) {
        oc_agent_stop(agent);
    }
    (void)oc_agent_wait(agent);
    oc_agent_free(agent);
    return code_of_end(view, was_signalled);
}

/* Signals are taken from a descriptor: no handler, so nothing runs at a bad moment. */
static enum exit_code run_with_signals(struct agent_view *view,
                                       const struct oc_agent_options *options)
{
    sigset_t signals;
    sigset_t before;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &signals, &before);
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    view->ended_fd = eventfd(0, EFD_CLOEXEC);
    enum exit_code code = EXIT_FAILED;
    if (signal_fd < 0 || view->ended_fd < 0) {
        terminal_say(view->cli->terminal, "openclaw: cannot watch for signals: %s",
                     strerror(errno));
    } else {
        code = run_until_end(view, options, signal_fd);
    }
    (void)close(signal_fd);
    (void)close(view->ended_fd);
    return code;
}

enum exit_code agent_run(struct cli *cli)
{
    struct oc_trust trust;
    struct agent_view view = {.cli = cli};
    struct oc_agent_options options = {
        .ops = &agent_ops,
        .user = &view,
        .gateway_url = arguments_value(&cli->args, OPT_GATEWAY),
        .data_dir = cli->data_dir,
        .ca_file = arguments_value(&cli->args, OPT_CA),
        .server_name = arguments_value(&cli->args, OPT_SERVER_NAME),
        .name = arguments_value(&cli->args, OPT_NAME),
        .purpose = arguments_value(&cli->args, OPT_PURPOSE),
        .keeps_asking = arguments_has(&cli->args, OPT_KEEP_ASKING),
        .is_once = arguments_has(&cli->args, OPT_ONCE),
    };
    if (!options.gateway_url) {
        return command_usage(cli, "agent run needs --gateway tls+tcp://HOST:PORT (openclaw gateway "
                                  "info shows it on the gateway machine)");
    }
    if (agent_read_pins(cli, &trust)) {
        return EXIT_USAGE;
    }
    if (!value_read_grant(&cli->args, &options.ask) ||
        !value_read_labels(&cli->args, &options.labels)) {
        return command_usage(cli,
                             "--role, --scope and --label: see openclaw agent run --help for "
                             "their form; at most %d bytes, %d scopes, %d labels",
                             OC_MAX_SCOPE_BYTES, OC_MAX_SCOPES, OC_MAX_LABELS);
    }
    options.n_pins = trust.n_pins;
    options.pins = trust.pins;
    warn_of_reach(cli);
    view.gateway = options.gateway_url;
    return run_with_signals(&view, &options);
}
