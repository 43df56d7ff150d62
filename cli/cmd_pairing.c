/* openclaw pairing: the seed's view of who is approved and who awaits approval. */
#include <openclaw/admin.h>

#include "cli/approve.h"
#include "cli/device_list.h"
#include "cli/device_view.h"

static enum exit_code run_list(struct cli *cli)
{
    if (arguments_has(&cli->args, OPT_APPROVE) && arguments_has(&cli->args, OPT_WATCH)) {
        return command_usage(cli, "--approve and --watch: give one of them");
    }
    if (arguments_has(&cli->args, OPT_APPROVE)) {
        return approve_run(cli, 0, NULL);
    }
    return device_list_run(cli, &pairing_kind, 1u << OC_STATE_PENDING | 1u << OC_STATE_APPROVED,
                           "No pairings, and no request is waiting.");
}

static const struct command commands[] = {
    {
        .verb = "list",
        .words = "",
        .summary = "All approved pairings and all requests that await approval",
        .examples =
            "  openclaw pairing list\n"
            "  openclaw pairing list --approve     select a waiting request and approve it\n"
            "  openclaw pairing list -o json\n"
            "  openclaw pairing list --watch\n",
        .notes = "Requests that wait are shown as \"awaiting approval\". A name in quotes is what "
                 "the\ndevice claims to be called; a name without was given by an administrator.\n"
                 "\n" DEVICE_LIST_WATCH_NOTE,
        .options =
            OPT_BIT(OPT_APPROVE) | OPT_BIT(OPT_LIMIT) | OPT_BIT(OPT_CURSOR) | OPT_BIT(OPT_WATCH),
        .run = run_list,
    },
};

const struct noun pairing_noun = {
    .name = "pairing",
    .summary = "who is approved and who awaits approval",
    .commands = commands,
    .n_commands = sizeof commands / sizeof commands[0],
};
