/* What goes wrong, in words a person can act on; see failure.h. */
#include "cli/failure.h"

#include <openclaw/admin.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/absence.h"
#include "cli/escape.h"
#include "cli/memory.h"
#include "cli/moment.h"

enum exit_code failure_set(struct failure *failure, enum exit_code code, const char *format, ...)
{
    failure->code = code;
    failure->cause[0] = '\0';
    failure->hint[0] = '\0';
    failure->stands.text[0] = '\0';
    failure->is_absent = false;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(failure->text, sizeof failure->text, format, arguments);
    va_end(arguments);
    return code;
}

void failure_advise(struct failure *failure, const char *format, ...)
{
    size_t n = strlen(failure->hint);
    if (n > 0 && n + 1 < sizeof failure->hint) {
        failure->hint[n++] = '\n';
        failure->hint[n] = '\0';
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(failure->hint + n, sizeof failure->hint - n, format, arguments);
    va_end(arguments);
}

enum exit_code failure_say(const struct terminal *terminal, const struct failure *failure)
{
    terminal_say(terminal, "openclaw: %s", failure->text);
    const char *line = failure->hint;
    while (*line != '\0') {
        size_t n = strcspn(line, "\n");
        terminal_say(terminal, "  %.*s", (int)n, line);
        line += n + (line[n] == '\n' ? 1 : 0);
    }
    return failure->code;
}

static enum exit_code open_client(struct cli *cli, const char *bundle, struct failure *failure)
{
    if (cli->client) {
        return EXIT_DONE;
    }
    const struct oc_client_options options = {
        .data_dir = cli->data_dir, .timeout_ms = cli->timeout_ms, .bundle_file = bundle};
    struct oc_error err;
    enum oc_status status = oc_client_open(&options, &cli->client, &err);
    if (status) {
        return failure_set(failure, exit_code_of(status), "%s", err.text);
    }
    return EXIT_DONE;
}

enum exit_code call_open(struct cli *cli, struct failure *failure)
{
    return open_client(cli, context_is_remote(cli) ? cli->context.path : NULL, failure);
}

enum exit_code call_open_bundle(struct cli *cli, const char *path, struct failure *failure)
{
    return open_client(cli, path, failure);
}

/* What helps against a cause. */
static void advise_by_cause(struct failure *failure, const char *cause)
{
    static const struct {
        const char *cause;
        const char *advice;
    } table[] = {
        {"no_request", "see who waits:  openclaw pairing list"},
        {"changed", "see what it asks now:  openclaw pairing list"},
        {"code_wrong", "compare the device id and the code with what the agent shows"},
        {"code_closed", "compare the device id instead, and approve without --code; or reject"},
        {"code_unavailable",
         "start the agent, or compare the device id and approve without --code"},
        {"is_blocked", "unblock it first:  openclaw devices unblock DEVICE"},
        {"needs_votes", "several administrators must agree to this grant, or to take an announced "
                        "label away: announce the device with its labels and without --approve, "
                        "then each approves its request"},
        {"break_glass", "it is for root (uid 0) on the gateway's machine; without it this is a "
                        "vote:  openclaw devices approve REQUEST"},
        {"locked",
         "openclaw gateway status tells why, openclaw gateway unlock --help the ways out"},
    };
    (void)snprintf(failure->cause, sizeof failure->cause, "%s", cause);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(cause, table[i].cause) == 0) {
            failure_advise(failure, "%s", table[i].advice);
        }
    }
}

static bool is_of_store(const char *cause)
{
    return strcmp(cause, "disk_full") == 0 || strcmp(cause, "disk_fails") == 0 ||
           strcmp(cause, "store_fails") == 0 || strcmp(cause, "marker_fails") == 0;
}

/* The gateway alone knows which disk it is. */
static void name_disk(struct failure *failure, const struct cli *cli, const char *cause)
{
    struct oc_error err;
    if (!cli->client || !is_of_store(cause)) {
        return;
    }
    struct oc_gateway_status *status = memory_zeroed(1, sizeof *status);
    if (!oc_admin_status(cli->client, status, &err) && status->store_error[0] != '\0') {
        char error[CELL_BYTES];
        escape_for_terminal(status->store_error, error, sizeof error);
        failure_advise(failure, "%s", error);
    }
    free(status);
}

static void advise_by_facts(struct failure *failure, const struct cli *cli,
                            const struct oc_error *err)
{
    advise_by_cause(failure, err->cause);
    name_disk(failure, cli, err->cause);
    if (err->field[0] != '\0') {
        failure_advise(failure, "what is not valid:  %s", err->field);
    }
    if (err->is_not_durable && strcmp(err->cause, "marker_fails") == 0) {
        failure_advise(failure, "it is in force and stays so over a restart; but the marker beside "
                                "the database does not tell of it yet");
        failure_advise(failure, "put no older database back until that file can be written: the "
                                "gateway tries again every second");
        failure_advise(failure, "see:  openclaw gateway status");
    } else if (err->is_not_durable) {
        failure_advise(failure, "it is in force, but not durable yet: the gateway keeps trying to "
                                "write it; if it ends before it could, repeat this");
        failure_advise(failure, "see:  openclaw gateway status");
    }
    if (err->is_outcome_unknown) {
        failure_advise(failure, "repeating is safe: what is done is not done twice");
    }
    if (err->request_id[0] != '\0') {
        failure_advise(failure, "this request stands now:  openclaw devices approve %s",
                       err->request_id);
        (void)oc_request_id_parse(err->request_id, &failure->stands);
    }
    if (err->closest[0] != '\0' && strncmp(err->cause, "bound_", sizeof "bound_" - 1) == 0) {
        failure_advise(failure, "the bound:  admin.bounds.%s, in the gateway's gateway.yaml",
                       err->closest);
    } else if (err->closest[0] != '\0') {
        failure_advise(failure, "the closest there is:  %s", err->closest);
    }
    if (err->retry_after_ms > 0) {
        char wait[MOMENT_BYTES];
        moment_format_age(0, (int64_t)err->retry_after_ms + 999, wait);
        failure_advise(failure, "try again in %s", wait);
    }
}

enum exit_code call_failure(struct failure *failure, const struct cli *cli, const char *doing,
                            enum oc_status status, const struct oc_error *err)
{
    if (!context_is_remote(cli) && absence_explain(failure, cli, status, err)) {
        return failure->code;
    }
    static const char cannot[] = "cannot ";
    if (err->is_not_durable && strncmp(doing, cannot, sizeof cannot - 1) == 0) {
        doing += sizeof cannot - 1; /* it could */
    }
    failure_set(failure, exit_code_of(status), "%s: %s", doing,
                err->text[0] != '\0' ? err->text : oc_status_name(status));
    advise_by_facts(failure, cli, err);
    if (strcmp(err->cause, "break_glass") != 0) { /* which no role is enough for */
        context_advise(failure, cli, status);
    }
    return failure->code;
}

enum exit_code decision_failure(struct failure *failure, const struct cli *cli, const char *doing,
                                enum oc_status status, const struct oc_error *err)
{
    (void)call_failure(failure, cli, doing, status, err);
    if (status == OC_FAILED_PRECONDITION) {
        failure->code = exit_code_of_decision(status);
    }
    return failure->code;
}
