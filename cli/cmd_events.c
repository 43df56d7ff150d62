/* openclaw events: what changes at the gateway, as it happens. */
#include <openclaw/watch.h>

#include "cli/failure.h"
#include "cli/follow.h"
#include "cli/select.h"
#include "cli/values.h"

/* Also of a device that nobody has heard of yet, by its full id. */
static enum exit_code find_device(struct cli *cli, struct follow *follow)
{
    const char *selector = arguments_value(&cli->args, OPT_DEVICE);
    struct oc_device found;
    struct failure failure;
    follow->has_device = selector != NULL;
    if (!selector || oc_device_id_parse(selector, &follow->device)) {
        return EXIT_DONE;
    }
    if (select_by_name(cli, selector, false, &found, &failure)) {
        return failure_say(cli->terminal, &failure);
    }
    follow->device = found.id;
    return EXIT_DONE;
}

static enum exit_code run_watch(struct cli *cli)
{
    struct follow follow = {.action = arguments_value(&cli->args, OPT_ACTION),
                            .most_changes = SIZE_MAX};
    const char *from = arguments_value(&cli->args, OPT_FROM);
    const char *limit = arguments_value(&cli->args, OPT_LIMIT);
    if (from) {
        follow.options.start = OC_WATCH_FROM_CURSOR;
        if (!oc_cursor_parse(from, &follow.options.cursor)) {
            return command_usage(cli, "--from %s: give a number, or the cursor of a line", from);
        }
    }
    if (limit && !value_read_count(limit, &follow.most_changes)) {
        return command_usage(cli, "--limit %s: give a number, 1 or more", limit);
    }
    enum exit_code code = find_device(cli, &follow);
    return code ? code : follow_run(cli, &follow);
}

static const struct command commands[] = {
    {
        .verb = "watch",
        .words = "",
        .summary = "Every change of a device's record, as it happens",
        .examples = "  openclaw events watch\n"
                    "  openclaw events watch --from 120 -o ndjson >>events.ndjson\n"
                    "  openclaw events watch --device web-1 --action revoke --limit 1\n"
                    "  openclaw events watch | jq --unbuffered 'select(.action == \"request\")'\n",
        .notes =
            "Follows the change log: every change has a number (seq) and comes once, none is left\n"
            "out, over lost connections and restarts of the gateway. Without --from it begins "
            "now;\n"
            "with the seq or the cursor of the last line that was read, it goes on from there.\n"
            "--device and --action leave out the others; --limit counts what is shown.\n"
            "\n"
            "In a pipe a line of JSON for each: type \"change\" with seq, at, action and the "
            "device\n"
            "as it is now; device is null where it was none, as of an administrator. The gateway\n"
            "keeps changes for 7 days. When it cannot go on from where it was asked to, a line of\n"
            "type \"resync\" says why, then there is a line of type \"device\" for each that is\n"
            "known, and one of type \"synced\" with the seq from which\n"
            "on changes follow.\n"
            "\n"
            "Ends with 130 on SIGINT, with 0 when nobody reads its output any more.\n",
        .options =
            OPT_BIT(OPT_ACTION) | OPT_BIT(OPT_DEVICE) | OPT_BIT(OPT_FROM) | OPT_BIT(OPT_LIMIT),
        .run = run_watch,
    },
};

const struct noun events_noun = {
    .name = "events",
    .summary = "what changes, as it happens",
    .commands = commands,
    .n_commands = sizeof commands / sizeof commands[0],
};
