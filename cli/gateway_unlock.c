/* See gateway_unlock.h. */
#include "cli/gateway_unlock.h"

#include <openclaw/admin.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit_gap_view.h"
#include "cli/failure.h"
#include "cli/gateway_upkeep.h"
#include "cli/memory.h"
#include "cli/rollback_view.h"
#include "cli/select.h"

/* What restore noted, what the gateway's own checkpoint tells, and what marker and devices do. */
static enum exit_code say_what_is_lost(struct cli *cli)
{
    const char *kept = arguments_value(&cli->args, OPT_CHECKPOINT);
    struct oc_gateway_status *status = memory_zeroed(1, sizeof *status);
    struct rollback_view *view = memory_zeroed(1, sizeof *view);
    struct oc_error err;
    enum exit_code code = EXIT_DONE;
    if (!oc_admin_status(cli->client, status, &err) && status->lock_reason[0] != '\0') {
        gateway_say_lost(cli, status);
        if (status->missing_to_seq > 0) {
            char text[CELL_BYTES];
            gateway_format_missing(status, text, sizeof text);
            terminal_say(cli->terminal, "Missing from these records: %s.", text);
        }
        rollback_load(cli, view);
        rollback_print(cli->terminal->err, view);
        code = kept ? audit_gap_print(cli, status, kept) : EXIT_DONE;
    }
    free(view);
    free(status);
    return code;
}

static enum exit_code ask(const struct cli *cli, bool init)
{
    struct failure failure;
    const char *question = init ? "Start with new, empty records?"
                                : "Serve the records that are there, and give up what is missing?";
    if (!cli->assumes_yes && cli->terminal->is_interactive && !confirm(cli->terminal, question)) {
        failure_set(&failure, EXIT_USAGE, "not confirmed; nothing was changed");
        return failure_say(cli->terminal, &failure);
    }
    return EXIT_DONE;
}

static enum exit_code unlock(struct cli *cli, bool accept, bool init)
{
    struct failure failure;
    struct oc_error err;
    enum oc_status status = oc_admin_unlock(cli->client, accept, init, &err);
    if (status) {
        (void)decision_failure(&failure, cli, "cannot unlock", status, &err);
        failure_advise(&failure, "whether it is locked, and why:  openclaw gateway status");
        return failure_say(cli->terminal, &failure);
    }
    terminal_say(cli->terminal, "The gateway serves %s.",
                 init ? "new, empty records: every device must pair again"
                      : "the records that are there, in a new trust epoch");
    terminal_say(cli->terminal, "%s",
                 init ? "There are no remote administrators:  openclaw pki issue NAME --role ROLE"
                      : "Unless a restore has checked them, remote administrators' certificates "
                        "are void:  openclaw pki list");
    return EXIT_DONE;
}

enum exit_code gateway_run_unlock(struct cli *cli)
{
    bool accept = arguments_has(&cli->args, OPT_ACCEPT_ROLLBACK);
    bool init = arguments_has(&cli->args, OPT_INIT);
    const bool only_compares = !accept && !init && arguments_has(&cli->args, OPT_CHECKPOINT);
    struct failure failure;
    if (accept == init && !only_compares) {
        return command_usage(cli, "gateway unlock needs one of --accept-rollback (serve the "
                                  "records that are there) and --init (start with none)");
    }
    if (call_open(cli, &failure)) {
        return failure_say(cli->terminal, &failure);
    }
    enum exit_code code = say_what_is_lost(cli);
    if (code || only_compares) {
        return code;
    }
    code = ask(cli, init);
    return code ? code : unlock(cli, accept, init);
}
