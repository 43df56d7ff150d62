/* Reject, dismiss, revoke, block, remove; see withdraw.h. */
#include "cli/withdraw.h"

#include <openclaw/wait.h>
#include <string.h>
#include <time.h>

#include "cli/decide.h"
#include "cli/device_view.h"
#include "cli/escape.h"
#include "cli/select.h"

enum {
    OFFLINE_MS = 10 * 1000,
    NAME_COLUMNS = 24, /* of a name, on a line of its own even where lines are short */
};

struct withdrawal {
    enum oc_decision_kind kind;
    const char *verb;        /* "revoke" */
    const char *word;        /* "revoked" */
    const char *consequence; /* what the question warns of */
    struct choice choice;
    bool is_confirmed;      /* asks on a terminal, needs --yes off it */
    bool by_request;        /* names the open request, not the device */
    bool may_be_never_seen; /* a full device id that no record has */
};

static const struct withdrawal reject_row = {
    .kind = OC_REJECT,
    .verb = "reject",
    .word = "rejected",
    .by_request = true,
    .choice = {"Pending requests", "no request is waiting", 1u << OC_STATE_PENDING, true},
};

static const struct withdrawal dismiss_row = {
    .kind = OC_DISMISS,
    .verb = "dismiss",
    .word = "dismissed",
    .by_request = true,
    .choice = {"Pending requests", "no request is waiting", 1u << OC_STATE_PENDING, true},
};

static const struct withdrawal revoke_row = {
    .kind = OC_REVOKE,
    .verb = "revoke",
    .word = "revoked",
    .consequence = "Its connection is closed at once.",
    .is_confirmed = true,
    .choice = {"Approved devices", "no device is approved", 1u << OC_STATE_APPROVED, false},
};

static const struct withdrawal block_row = {
    .kind = OC_BLOCK,
    .verb = "block",
    .word = "blocked",
    .consequence = "Its connection is closed and it cannot ask again.",
    .is_confirmed = true,
    .may_be_never_seen = true,
    .choice = {"Devices", "no device is known",
               1u << OC_STATE_PENDING | 1u << OC_STATE_APPROVED | 1u << OC_STATE_REJECTED |
                   1u << OC_STATE_REVOKED,
               false},
};

static const struct withdrawal remove_row = {
    .kind = OC_REMOVE,
    .verb = "remove",
    .word = "removed",
    .consequence = "Its connection is closed and its record is dropped.",
    .is_confirmed = true,
    .choice = {"Devices", "no device is known", 0, false},
};

/* Asks for the ids on the command line, where nobody can be shown a list. */
static enum exit_code explain_missing(const struct cli *cli, const struct withdrawal *row)
{
    if (row->by_request) {
        return command_usage(cli,
                             "without a terminal, name the request: openclaw devices %s REQUEST "
                             "(openclaw pairing list shows them)",
                             row->verb);
    }
    return command_usage(cli,
                         "without a terminal, name the device: openclaw devices %s DEVICE --yes "
                         "(openclaw devices list shows them)",
                         row->verb);
}

static enum exit_code confirm_device(const struct cli *cli, const struct withdrawal *row,
                                     const struct oc_device *device, struct failure *failure)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    char name[DEVICE_NAME_BYTES];
    char question[CELL_BYTES];
    oc_device_id_format(&device->id, id);
    device_format_name(device, name);
    if (!row->is_confirmed || cli->assumes_yes) {
        return EXIT_DONE;
    }
    if (!cli->terminal->is_interactive) {
        failure_set(failure, EXIT_USAGE, "without a terminal, %s needs --yes", row->verb);
        failure_advise(failure, "openclaw devices %s %s --yes", row->verb, id);
        return EXIT_USAGE;
    }
    escape_cut(name, sizeof name, NAME_COLUMNS);
    (void)snprintf(question, sizeof question, "%c%s device %s?\n%s%s%s%s [y/N] ",
                   row->verb[0] - 'a' + 'A', row->verb + 1, id, name[0] != '\0' ? "  it is " : "",
                   name, name[0] != '\0' ? "\n" : "", row->consequence);
    context_say_where(cli);
    if (!confirm(cli->terminal, question)) {
        return failure_set(failure, EXIT_USAGE, "not confirmed; nothing was changed");
    }
    return EXIT_DONE;
}

static int64_t steady_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --wait: it is in force, so the session is closed; this looks whether it is, and stays so. */
static enum exit_code confirm_offline(struct cli *cli, struct decided *out)
{
    struct oc_wait wait = {.wanted = OC_WAIT_OFFLINE, .device_id = out->result.device.id};
    struct oc_error err;
    enum oc_status status = oc_admin_wait(
        cli->client, &wait, 1, cli->timeout_ms ? cli->timeout_ms : OFFLINE_MS, NULL, NULL, &err);
    if (status == OC_DEADLINE_EXCEEDED) {
        return failure_set(&out->failure, EXIT_UNAVAILABLE, "it is decided, but not seen offline");
    }
    if (status) {
        return call_failure(&out->failure, cli, "it is decided, but not seen offline", status,
                            &err);
    }
    if (wait.outcome == OC_WAIT_REACHED && wait.device.standing == OC_STANDING_APPROVED) {
        return failure_set(&out->failure, EXIT_CONFLICT,
                           "it was %s, and approved again meanwhile by %s", out->word,
                           wait.device.decided_by);
    }
    out->is_confirmed = true;
    return EXIT_DONE;
}

static enum exit_code act(struct cli *cli, const struct withdrawal *row,
                          const struct oc_device *device, const struct oc_decision *options,
                          struct decided *out)
{
    struct oc_decision decision = *options;
    char doing[CELL_BYTES];
    decision.device_id = device->id;
    decision.request_id = device->request_id;
    if (row->by_request && device->request_id.text[0] == '\0') {
        failure_set(&out->failure, EXIT_NOT_FOUND, "no request of %s is waiting; it is %s",
                    out->selector, oc_state_name(device->state));
        if (device->state == OC_STATE_APPROVED) {
            failure_advise(&out->failure, "to end its pairing:  openclaw devices revoke %s",
                           out->selector);
        }
        return EXIT_NOT_FOUND;
    }
    enum exit_code code = confirm_device(cli, row, device, &out->failure);
    if (code) {
        return code;
    }
    (void)snprintf(doing, sizeof doing, "cannot %s %s", row->verb, out->selector);
    int64_t began_ms = steady_ms();
    code = decision_make(cli, &decision, doing, &out->result, &out->failure);
    out->took_ms = steady_ms() - began_ms;
    if (code == EXIT_DONE && arguments_has(&cli->args, OPT_WAIT)) {
        return confirm_offline(cli, out);
    }
    if (code == EXIT_CONFLICT && row->kind == OC_REVOKE && device->request_id.text[0] != '\0') {
        failure_advise(&out->failure, "refuse its request instead:  openclaw devices reject %s",
                       device->request_id.text);
    }
    return code;
}

static enum exit_code act_by_name(struct cli *cli, const struct withdrawal *row,
                                  const struct oc_decision *options, struct decided *out)
{
    struct oc_device device = {.claimed_name = ""};
    enum exit_code code = select_by_name(cli, out->selector, false, &device, &out->failure);
    if (code == EXIT_NOT_FOUND && row->may_be_never_seen &&
        oc_device_id_parse(out->selector, &device.id)) {
        code = EXIT_DONE;
    }
    return code ? code : act(cli, row, &device, options, out);
}

static enum exit_code act_on_choice(struct cli *cli, const struct withdrawal *row,
                                    const struct oc_decision *options)
{
    struct oc_device device;
    struct decided decided = {.word = row->word};
    char id[OC_DEVICE_ID_DIGITS + 1];
    if (select_by_asking(cli, &row->choice, &device, &decided.failure)) {
        return failure_say(cli->terminal, &decided.failure);
    }
    oc_device_id_format(&device.id, id);
    decided.selector = id;
    struct decisions decisions;
    (void)act(cli, row, &device, options, &decided);
    decisions_begin(&decisions, cli);
    decisions_add(&decisions, &decided);
    return decisions_end(&decisions);
}

static enum exit_code withdraw(struct cli *cli, const struct withdrawal *row)
{
    struct oc_decision options = {.kind = row->kind};
    struct failure failure;
    if (decision_read_options(cli, &options, &failure)) {
        return failure_say(cli->terminal, &failure);
    }
    if (cli->args.n_words == 0) {
        return cli->terminal->is_interactive ? act_on_choice(cli, row, &options)
                                             : explain_missing(cli, row);
    }
    struct decisions decisions;
    decisions_begin(&decisions, cli);
    for (size_t i = 0; i < cli->args.n_words; i++) {
        struct decided decided = {.selector = cli->args.words[i], .word = row->word};
        (void)act_by_name(cli, row, &options, &decided);
        decisions_add(&decisions, &decided);
    }
    return decisions_end(&decisions);
}

enum exit_code withdraw_reject(struct cli *cli)
{
    return withdraw(cli, &reject_row);
}

enum exit_code withdraw_dismiss(struct cli *cli)
{
    return withdraw(cli, &dismiss_row);
}

enum exit_code withdraw_revoke(struct cli *cli)
{
    return withdraw(cli, &revoke_row);
}

enum exit_code withdraw_block(struct cli *cli)
{
    return withdraw(cli, &block_row);
}

enum exit_code withdraw_remove(struct cli *cli)
{
    return withdraw(cli, &remove_row);
}
