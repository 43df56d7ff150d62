/* Decisions and what is printed of them; see decide.h. */
#include "cli/decide.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cli/device_view.h"
#include "cli/escape.h"
#include "cli/finding.h"
#include "cli/moment.h"
#include "cli/values.h"

enum {
    NAME_COLUMNS = 32,     /* of a name on a terminal */
    REPEAT_MS = 10 * 1000, /* unless --timeout says otherwise */
    REPEAT_EVERY_MS = 200,
    OPTIONS_BYTES = 1800, /* of a grant: what terminal_say has room for */
};

/* ---- results ------------------------------------------------------------------------------- */

/* A vote is no approval yet. */
static enum exit_code code_of(const struct decided *decided)
{
    bool is_vote = decided->failure.code == EXIT_DONE && decided->result.is_vote;
    return is_vote ? EXIT_STILL_PENDING : decided->failure.code;
}

static const char *word_of(const struct decided *decided)
{
    return decided->result.is_vote ? "voted" : decided->word;
}

static void write_decided(struct writer *writer, const void *item)
{
    const struct decided *decided = item;
    bool is_done = decided->failure.code == EXIT_DONE;
    writer_begin_object(writer);
    writer_text_or_null(writer, "id", decided->selector);
    writer_key(writer, "ok");
    writer_bool(writer, code_of(decided) == EXIT_DONE);
    writer_key(writer, "exit_code");
    writer_uint(writer, (uint64_t)code_of(decided));
    writer_text_or_null(writer, "cause", decided->failure.cause);
    writer_text_or_null(writer, "message", is_done ? word_of(decided) : decided->failure.text);
    writer_key(writer, "changed");
    writer_bool(writer, is_done && decided->result.seq != 0);
    writer_key(writer, "session_closed");
    writer_bool(writer, is_done && decided->result.session_closed);
    writer_key(writer, "offline");
    if (decided->is_confirmed) {
        writer_bool(writer, true);
    } else {
        writer_null(writer);
    }
    writer_key(writer, "took_ms");
    if (decided->is_confirmed) {
        writer_uint(writer, (uint64_t)decided->took_ms);
    } else {
        writer_null(writer);
    }
    writer_key(writer, "device");
    if (is_done) {
        device_write(writer, &decided->result.device);
    } else {
        writer_null(writer);
    }
    writer_end_object(writer);
}

static void name_decided(const void *item, char out[OUTPUT_NAME_BYTES])
{
    const struct decided *decided = item;
    oc_device_id_format(&decided->result.device.id, out);
}

static const struct item_kind decided_kind = {.write = write_decided, .name = name_decided};

/* One line on out: what happened to which device. */
static void print_line(const struct output *output, const struct decided *decided)
{
    const struct oc_device *device = &decided->result.device;
    char id[OC_DEVICE_ID_DIGITS + 1];
    char name[DEVICE_NAME_BYTES];
    char grant[CELL_BYTES] = "";
    oc_device_id_format(&device->id, id);
    device_format_name(device, name);
    FILE *out = output->terminal->out;
    (void)fprintf(out, "%s %s", word_of(decided), id);
    if (name[0] != '\0' && output->terminal->out_is_terminal) {
        /* On a line of its own: where a long line breaks, a name would stand at the margin. */
        escape_cut(name, sizeof name, NAME_COLUMNS);
        (void)fprintf(out, "\n  %s", name);
    } else if (name[0] != '\0') {
        (void)fprintf(out, "  %s", name);
    }
    if (decided->result.is_vote) {
        (void)fprintf(out, "  %" PRIu64 " of %" PRIu64 " votes, not approved yet",
                      decided->result.n_votes, decided->result.n_votes_needed);
    } else if (strcmp(decided->word, "approved") == 0) {
        char term[MOMENT_BYTES] = "revoked";
        if (device->expires_at_ms != 0) {
            moment_format(device->expires_at_ms, term);
        }
        device_format_grant(&device->granted, grant, sizeof grant);
        (void)fprintf(out, "  %s, until %s", grant, term);
    }
    if (decided->result.session_closed) {
        (void)fputs("  its connection is closed", out);
    }
    if (decided->is_confirmed) {
        (void)fprintf(out, "  offline, after %" PRId64 " ms", decided->took_ms);
    }
    (void)fputs(decided->result.seq == 0 ? "  (it was so already)\n" : "\n", out);
}

static void add_option(FILE *out, const char *name, const char *value)
{
    char word[QUOTED_BYTES];
    (void)fprintf(out, " --%s %s", name, shell_word(value, word));
}

/* The options of what this vote is for. --until is told as the time that is left until then, as
 * that is what was voted for: the same words, a minute later, are another grant. */
static void add_grant_options(FILE *out, const struct cli *cli)
{
    const struct arguments *args = &cli->args;
    struct oc_decision given = {.kind = OC_APPROVE};
    struct failure failure;
    if (decision_read_options(cli, &given, &failure)) {
        return;
    }
    if (arguments_has(args, OPT_ROLE)) {
        add_option(out, "role", given.grant.role);
    }
    for (size_t i = 0; i < given.grant.n_scopes; i++) {
        add_option(out, "scope", given.grant.scopes[i]);
    }
    for (size_t i = 0; i < given.labels.n; i++) {
        const struct oc_label *label = &given.labels.items[i];
        char text[sizeof label->key + sizeof label->value];
        (void)snprintf(text, sizeof text, "%s=%s", label->key, label->value);
        add_option(out, "label", text);
    }
    if (arguments_has(args, OPT_FOR)) {
        add_option(out, "for", arguments_value(args, OPT_FOR));
    } else if (given.term_ms > 0) {
        (void)fprintf(out, " --for %" PRId64 "ms", given.term_ms);
    }
}

/* The command by which another administrator gives the same vote. */
static void tell_who_agrees(const struct cli *cli, uint64_t n_missing,
                            const struct oc_request_id *request)
{
    char options[OPTIONS_BYTES] = "";
    FILE *out = fmemopen(options, sizeof options, "w");
    if (out) {
        add_grant_options(out, cli);
        (void)fclose(out);
    }
    terminal_say(cli->terminal, "%" PRIu64 " more must agree:  openclaw devices approve %s%s",
                 n_missing, request->text, options);
}

/* What the line on out does not say. */
static void tell_of_votes(const struct cli *cli, const struct decided *decided)
{
    const struct terminal *terminal = cli->terminal;
    const struct oc_decision_result *result = &decided->result;
    const uint64_t n_missing =
        result->n_votes_needed > result->n_votes ? result->n_votes_needed - result->n_votes : 0;
    if (result->broke_glass) {
        terminal_say(terminal,
                     "openclaw: break-glass: approved with %" PRIu64 " of %" PRIu64
                     " votes; the audit, the log and openclaw gateway status tell of it",
                     result->n_votes, result->n_votes_needed);
    }
    if (!result->is_vote) {
        return;
    }
    tell_who_agrees(cli, n_missing, &result->device.request_id);
    if (result->n_votes_for_else > 0) {
        terminal_say(terminal,
                     "%" PRIu64 " voted for another grant of this device, which does not add up: "
                     "the role, scopes, labels and --for must be the same",
                     result->n_votes_for_else);
        terminal_say(terminal, "see what they voted for:  openclaw audit list --request %s -o wide",
                     result->device.request_id.text);
    }
}

void decisions_begin(struct decisions *decisions, struct cli *cli)
{
    *decisions = (struct decisions){.cli = cli};
    listing_begin(&decisions->listing, &cli->output, &decided_kind);
}

void decisions_add(struct decisions *decisions, const struct decided *decided)
{
    const struct output *output = &decisions->cli->output;
    bool is_done = decided->failure.code == EXIT_DONE;
    decisions->n++;
    decisions->last = code_of(decided);
    decisions->n_votes += decisions->last == EXIT_STILL_PENDING;
    if (!is_done) {
        decisions->n_failed++;
        (void)failure_say(output->terminal, &decided->failure);
    } else if (decided->result.seq > decisions->revision) {
        decisions->revision = decided->result.seq;
    }
    if (is_done && output_is_for_people(output)) {
        print_line(output, decided);
    } else if (!output_is_for_people(output) &&
               (code_of(decided) == EXIT_DONE || output->format != OUTPUT_NAME)) {
        listing_add(&decisions->listing, decided);
    }
    (void)fflush(output->terminal->out);
    if (is_done) {
        tell_of_votes(decisions->cli, decided);
    }
}

enum exit_code decisions_end(struct decisions *decisions)
{
    listing_end(&decisions->listing, "", decisions->revision);
    if (decisions->n > 1 && decisions->n_failed > 0) {
        terminal_say(decisions->cli->terminal, "openclaw: %zu of %zu failed", decisions->n_failed,
                     decisions->n);
        return EXIT_SOME_FAILED;
    }
    return decisions->n_votes > 0 ? EXIT_STILL_PENDING : decisions->last;
}

/* ---- options ------------------------------------------------------------------------------- */

bool decision_read_code(const char *typed, char out[OC_CODE_DIGITS + 1])
{
    size_t n = 0;
    char digits[OC_CODE_DIGITS + 1];
    for (const char *c = typed; *c != '\0'; c++) {
        if (*c >= '0' && *c <= '9' && n < OC_CODE_DIGITS) {
            digits[n++] = *c;
        } else if ((*c != '-' && *c != ' ') || n != OC_CODE_DIGITS / 2) {
            return false;
        }
    }
    if (n != OC_CODE_DIGITS) {
        return false;
    }
    digits[n] = '\0';
    memcpy(out, digits, sizeof digits);
    return true;
}

static enum exit_code read_term(const struct cli *cli, int64_t *out_ms, struct failure *failure)
{
    const char *term = arguments_value(&cli->args, OPT_FOR);
    const char *until = arguments_value(&cli->args, OPT_UNTIL);
    int64_t until_ms = 0;
    if (term && until) {
        return failure_set(failure, EXIT_USAGE, "--for and --until: give one of them");
    }
    if (term && !duration_parse(term, out_ms)) {
        return failure_set(failure, EXIT_USAGE, "--for %s: give a time such as 30m, 8h or 7d",
                           term);
    }
    if (!until) {
        return EXIT_DONE;
    }
    if (!moment_parse(until, &until_ms)) {
        return failure_set(failure, EXIT_USAGE,
                           "--until %s: give a date such as 2027-01-31 or 2027-01-31T18:00:00Z",
                           until);
    }
    if (until_ms <= cli->terminal->now_ms) {
        return failure_set(failure, EXIT_USAGE, "--until %s is in the past", until);
    }
    *out_ms = until_ms - cli->terminal->now_ms;
    return EXIT_DONE;
}

enum exit_code decision_read_options(const struct cli *cli, struct oc_decision *out,
                                     struct failure *failure)
{
    const struct arguments *args = &cli->args;
    const char *code = arguments_value(args, OPT_CODE);
    if (!value_read_grant(args, &out->grant)) {
        return failure_set(failure, EXIT_USAGE,
                           "--role and --scope: at most %d bytes each, at most %d scopes",
                           OC_MAX_SCOPE_BYTES, OC_MAX_SCOPES);
    }
    if (!value_read_labels(args, &out->labels)) {
        return failure_set(failure, EXIT_USAGE,
                           "--label: give KEY=VALUE, each key once, at most %d", OC_MAX_LABELS);
    }
    if (!value_copy(arguments_value(args, OPT_ALIAS), out->alias, sizeof out->alias)) {
        return failure_set(failure, EXIT_USAGE, "--alias: at most %d bytes", OC_MAX_NAME_BYTES);
    }
    if (!value_copy(arguments_value(args, OPT_REASON), out->reason, sizeof out->reason)) {
        return failure_set(failure, EXIT_USAGE, "--reason: at most %d bytes", OC_MAX_REASON_BYTES);
    }
    if (code && !decision_read_code(code, out->code)) {
        return failure_set(failure, EXIT_USAGE,
                           "--code: give the 8 digits that the agent shows, as in 4821-7730");
    }
    return read_term(cli, &out->term_ms, failure);
}

/* ---- the call ------------------------------------------------------------------------------ */

static int64_t steady_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* No answer, or one from a gateway that cannot tell: it is starting or stopping. */
static bool is_still_unknown(enum oc_status status, const struct oc_error *err)
{
    return (status == OC_UNAVAILABLE || status == OC_DEADLINE_EXCEEDED) && !err->is_not_durable;
}

/*
 * It was sent, and no answer came: it may have happened. What it became is learnt by asking again
 * with the same key, by which nothing happens twice; for as long as a gateway takes to start again.
 */
static enum oc_status ask_again(struct cli *cli, const struct oc_decision *decision,
                                struct oc_decision_result *out, struct oc_error *err)
{
    const struct timespec pause = {.tv_nsec = REPEAT_EVERY_MS * 1000000L};
    const int64_t until_ms = steady_ms() + (cli->timeout_ms ? cli->timeout_ms : REPEAT_MS);
    enum oc_status status = OC_UNAVAILABLE;
    terminal_say(cli->terminal, "openclaw: the connection was lost before the answer: whether it "
                                "happened is unknown");
    terminal_say(cli->terminal, "  asking again with the same key, so that it happens once");
    do {
        (void)nanosleep(&pause, NULL);
        status = oc_admin_decide(cli->client, decision, out, err);
    } while (is_still_unknown(status, err) && steady_ms() < until_ms);
    err->is_outcome_unknown = is_still_unknown(status, err);
    return status;
}

/* Where a person looks who wants to know. */
static void advise_unknown(const struct oc_decision *decision, struct failure *failure)
{
    char device[OC_DEVICE_ID_DIGITS + 1];
    const bool by_request = decision->request_id.text[0] != '\0';
    oc_device_id_format(&decision->device_id, device);
    (void)snprintf(failure->cause, sizeof failure->cause, "outcome_unknown");
    failure_advise(failure, "it may have happened; find out, once the gateway answers:");
    failure_advise(failure, "  openclaw devices show %s",
                   by_request ? decision->request_id.text : device);
}

enum exit_code decision_make(struct cli *cli, const struct oc_decision *decision, const char *doing,
                             struct oc_decision_result *out, struct failure *failure)
{
    struct oc_error err;
    enum exit_code code = call_open(cli, failure);
    if (code) {
        return code;
    }
    struct oc_decision keyed = *decision;
    oc_make_idempotency_key(keyed.idempotency_key);
    enum oc_status status = oc_admin_decide(cli->client, &keyed, out, &err);
    if (status && err.is_outcome_unknown && !err.is_not_durable) {
        status = ask_again(cli, &keyed, out, &err);
    }
    if (status) {
        code = decision_failure(failure, cli, doing, status, &err);
        if (err.is_outcome_unknown) {
            advise_unknown(&keyed, failure);
        }
        return code;
    }
    *failure = (struct failure){.code = EXIT_DONE};
    return EXIT_DONE;
}
