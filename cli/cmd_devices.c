/* openclaw devices: decide about devices, and look at them. */
#include <openclaw/admin.h>
#include <string.h>

#include "cli/approve.h"
#include "cli/decide.h"
#include "cli/device_list.h"
#include "cli/device_view.h"
#include "cli/device_wait.h"
#include "cli/review.h"
#include "cli/select.h"
#include "cli/values.h"
#include "cli/withdraw.h"

enum {
    IDS_MOST = 10000,
};

static enum exit_code run_list(struct cli *cli)
{
    uint32_t states = 0;
    for (size_t i = 0; i < cli->args.n_options; i++) {
        enum oc_state state;
        if (cli->args.options[i].id != OPT_STATE) {
            continue;
        }
        if (!oc_state_parse(cli->args.options[i].value, &state)) {
            return command_usage(
                cli, "--state %s: it is pending, approved, rejected, revoked, blocked or none",
                cli->args.options[i].value);
        }
        states |= 1u << state;
    }
    return device_list_run(cli, &device_kind, states, "No devices.");
}

static enum exit_code run_show(struct cli *cli)
{
    struct oc_device device;
    struct review review;
    struct failure failure;
    if (select_by_name(cli, cli->args.words[0], false, &device, &failure) ||
        review_load(cli, &device, &review, &failure)) {
        return failure_say(cli->terminal, &failure);
    }
    if (!output_item(&cli->output, &review_kind, &review)) {
        review_print(&cli->output, cli->terminal->out, &review);
        (void)fflush(cli->terminal->out);
        if (cli->terminal->is_interactive) {
            review_advise(cli->terminal, &review, false);
        }
    }
    return EXIT_DONE;
}

static enum exit_code run_approve(struct cli *cli)
{
    return approve_run(cli, cli->args.n_words, cli->args.words);
}

/* unblock and expect: of devices there may be no record of, so the id is needed in full. */
static enum exit_code decide_by_full_id(struct cli *cli, enum oc_decision_kind kind,
                                        const char *verb, const char *word)
{
    struct oc_decision decision = {.kind = kind};
    struct failure failure;
    if (decision_read_options(cli, &decision, &failure)) {
        return failure_say(cli->terminal, &failure);
    }
    decision.approves = arguments_has(&cli->args, OPT_APPROVE);
    (void)value_read_whole_grant(&cli->args, &decision.grant); /* was readable already */
    bool has_terms =
        decision.grant.role[0] != '\0' || decision.grant.n_scopes > 0 || decision.term_ms != 0;
    if (has_terms && !decision.approves) {
        return command_usage(cli, "--role, --scope, --for and --until go with --approve");
    }
    if (cli->args.n_words > 1 && decision.alias[0] != '\0') {
        return command_usage(cli, "--alias belongs to one device; give one id");
    }
    struct decisions decisions;
    decisions_begin(&decisions, cli);
    for (size_t i = 0; i < cli->args.n_words; i++) {
        struct decided decided = {.selector = cli->args.words[i], .word = word};
        char doing[128];
        (void)snprintf(doing, sizeof doing, "cannot %s %s", verb, decided.selector);
        if (oc_device_id_parse(decided.selector, &decision.device_id)) {
            (void)decision_make(cli, &decision, doing, &decided.result, &decided.failure);
        } else {
            failure_set(&decided.failure, EXIT_USAGE, "%s needs the full device id, 64 hex digits",
                        verb);
            failure_advise(&decided.failure,
                           "on the agent's host run:  openclaw identity show -o name");
        }
        decisions_add(&decisions, &decided);
    }
    return decisions_end(&decisions);
}

static enum exit_code run_unblock(struct cli *cli)
{
    return decide_by_full_id(cli, OC_UNBLOCK, "unblock", "unblocked");
}

static enum exit_code run_expect(struct cli *cli)
{
    return decide_by_full_id(cli, OC_EXPECT, "expect", "expected");
}

static enum exit_code run_rename(struct cli *cli)
{
    struct oc_device device;
    struct decided decided = {.selector = cli->args.words[0], .word = "renamed"};
    struct oc_decision decision = {.kind = OC_RENAME};
    if (!value_copy(cli->args.words[1], decision.alias, sizeof decision.alias)) {
        return command_usage(cli, "a name has at most %d bytes", OC_MAX_NAME_BYTES);
    }
    struct decisions decisions;
    decisions_begin(&decisions, cli);
    if (!select_by_name(cli, decided.selector, false, &device, &decided.failure)) {
        decision.device_id = device.id;
        (void)decision_make(cli, &decision, "cannot rename", &decided.result, &decided.failure);
    }
    decisions_add(&decisions, &decided);
    return decisions_end(&decisions);
}

static const struct command commands[] = {
    {
        .verb = "approve",
        .words = "[REQUEST...]",
        .summary = "Admits a device that awaits approval",
        .examples =
            "  openclaw devices approve                              lists who waits, and asks\n"
            "  openclaw devices approve 7QK4M2T9XA\n"
            "  openclaw devices approve 7QK4 --code 4821-7730\n"
            "  openclaw devices approve 7QK4M2T9XA --scope chat --for 8h --alias web-1\n",
        .notes = "Run it on the gateway's machine, or with --context. The agent connects by "
                 "itself, within\n"
                 "seconds. Compare the device id with the one the agent shows, or type its code.\n"
                 "Without a terminal the full request id is the confirmation.\n"
                 "\n"
                 "Where gateway.yaml has approvals, several administrators must agree: each runs "
                 "this\n"
                 "with the same --role, --scope, --label and --for. All but the last end with 9. "
                 "With\n"
                 "--until the grant is another one each time, so give --for.\n",
        .options = OPT_BIT(OPT_CODE) | OPT_BIT(OPT_ROLE) | OPT_BIT(OPT_SCOPE) | OPT_BIT(OPT_FOR) |
                   OPT_BIT(OPT_UNTIL) | OPT_BIT(OPT_LABEL) | OPT_BIT(OPT_ALIAS) |
                   OPT_BIT(OPT_REASON) | OPT_BIT(OPT_BREAK_GLASS),
        .most_words = IDS_MOST,
        .run = run_approve,
    },
    {
        .verb = "list",
        .words = "",
        .summary = "All devices the gateway knows",
        .examples = "  openclaw devices list\n"
                    "  openclaw devices list --state revoked --state blocked -o wide\n"
                    "  openclaw devices list --state pending --watch\n",
        .notes =
            "--state none: nothing is decided and nothing asked; announced devices are there.\n"
            "\n" DEVICE_LIST_WATCH_NOTE,
        .options =
            OPT_BIT(OPT_STATE) | OPT_BIT(OPT_LIMIT) | OPT_BIT(OPT_CURSOR) | OPT_BIT(OPT_WATCH),
        .run = run_list,
    },
    {
        .verb = "show",
        .words = "ID",
        .summary = "Everything that is known of one device",
        .examples = "  openclaw devices show 7QK4M2T9XA\n"
                    "  openclaw devices show web-1 -o json\n",
        .least_words = 1,
        .most_words = 1,
        .run = run_show,
    },
    {
        .verb = "wait",
        .words = "ID...",
        .summary = "Waits until devices are what --for says",
        .examples = "  openclaw devices wait web-1 --for connected\n"
                    "  openclaw devices wait 7QK4M2T9XA --for approved --timeout 30m\n"
                    "  openclaw devices revoke web-1 --yes && openclaw devices wait web-1 --for "
                    "offline\n",
        .notes =
            "--for: approved, connected, offline, pending, rejected, revoked or blocked. A "
            "request\n"
            "id waits for the fate of that one request. --timeout is for all together: 5m unless\n"
            "given, at most 30d. Goes on over restarts of the gateway.\n"
            "\n"
            "Ends with 0 when it is so, 7 when it was not in time, 5 when it was rejected, "
            "revoked\n"
            "or blocked instead, 6 when the request was replaced or ended otherwise, 3 when "
            "nothing\n"
            "is called that; of several ids, with 8 when some failed.\n",
        .options = OPT_BIT(OPT_FOR),
        .least_words = 1,
        .most_words = IDS_MOST,
        .waits = true,
        .run = device_wait_run,
    },
    {
        .verb = "reject",
        .words = "[REQUEST...]",
        .summary = "Refuses a request; the device may ask again later",
        .examples = "  openclaw devices reject 7QK4M2T9XA --reason \"not ours\"\n",
        .notes = "The device gets 403 Forbidden. To keep it from asking again, block it.\n",
        .options = OPT_BIT(OPT_REASON),
        .most_words = IDS_MOST,
        .run = withdraw_reject,
    },
    {
        .verb = "dismiss",
        .words = "[REQUEST...]",
        .summary = "Drops a request without deciding",
        .examples = "  openclaw devices dismiss 7QK4M2T9XA\n",
        .options = OPT_BIT(OPT_REASON),
        .most_words = IDS_MOST,
        .run = withdraw_dismiss,
    },
    {
        .verb = "revoke",
        .words = "[ID...]",
        .summary = "Ends a pairing; the connection is closed before this returns",
        .examples = "  openclaw devices revoke              lists who is approved, and asks\n"
                    "  openclaw devices revoke web-1\n"
                    "  openclaw devices revoke web-1 web-2 --yes\n"
                    "  openclaw devices revoke web-1 --yes --wait\n",
        .notes = "--wait looks again: the device is offline, and nobody approved it meanwhile. It "
                 "says\nhow long the decision took.\n",
        .options = OPT_BIT(OPT_REASON) | OPT_BIT(OPT_WAIT),
        .most_words = IDS_MOST,
        .run = withdraw_revoke,
    },
    {
        .verb = "block",
        .words = "[ID...]",
        .summary = "Keeps a device from connecting and from asking",
        .examples = "  openclaw devices block\n"
                    "  openclaw devices block web-1 --yes\n",
        .notes = "A full device id is blocked even if the gateway has never seen it.\n",
        .options = OPT_BIT(OPT_REASON) | OPT_BIT(OPT_WAIT),
        .most_words = IDS_MOST,
        .run = withdraw_block,
    },
    {
        .verb = "unblock",
        .words = "DEVICE...",
        .summary = "Lets a blocked device ask again",
        .examples = "  openclaw devices unblock DEVICE      the full device id\n",
        .options = OPT_BIT(OPT_REASON),
        .least_words = 1,
        .most_words = IDS_MOST,
        .run = run_unblock,
    },
    {
        .verb = "rename",
        .words = "ID NAME",
        .summary = "Gives a device a name of your own, by which it can be called",
        .examples = "  openclaw devices rename 9f3c01d2a4b5c6d7 web-1\n"
                    "  openclaw devices rename web-1 \"\"       takes the name away\n",
        .least_words = 2,
        .most_words = 2,
        .run = run_rename,
    },
    {
        .verb = "remove",
        .words = "[ID...]",
        .summary = "Ends a pairing and drops the device's record",
        .examples = "  openclaw devices remove web-1\n"
                    "  openclaw devices remove web-1 web-2 --yes\n",
        .options = OPT_BIT(OPT_REASON) | OPT_BIT(OPT_WAIT),
        .most_words = IDS_MOST,
        .run = withdraw_remove,
    },
    {
        .verb = "expect",
        .words = "DEVICE...",
        .summary = "Announces a device before it first connects",
        .examples =
            "  openclaw devices expect DEVICE       a reserved place in the queue for 7 days\n"
            "  openclaw devices expect DEVICE --approve --role agent --scope chat\n",
        .notes = "With --approve the device is admitted at its first connect. Its id:\n"
                 "`openclaw identity show -o name` on the agent's host.\n",
        .options = OPT_BIT(OPT_APPROVE) | OPT_BIT(OPT_ROLE) | OPT_BIT(OPT_SCOPE) |
                   OPT_BIT(OPT_FOR) | OPT_BIT(OPT_UNTIL) | OPT_BIT(OPT_LABEL) | OPT_BIT(OPT_ALIAS) |
                   OPT_BIT(OPT_REASON),
        .least_words = 1,
        .most_words = IDS_MOST,
        .run = run_expect,
    },
};

const struct noun devices_noun = {
    .name = "devices",
    .summary = "decide about devices, and look at them",
    .commands = commands,
    .n_commands = sizeof commands / sizeof commands[0],
};
