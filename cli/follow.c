/* Follows a watch, record after record; see follow.h. */
#include "cli/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/event_view.h"
#include "cli/failure.h"
#include "cli/memory.h"
#include "cli/seen.h"
#include "cli/steady_out.h"

enum {
    ROWS_HELD = 500,
};

struct follower {
    struct cli *cli;
    const struct follow *follow;
    struct oc_watch *watch;
    struct oc_watch_item item;
    struct steady_out steady;
    struct seen seen;
    /* A record is composed in memory, then written. */
    struct terminal memory;
    struct output output;
    struct listing listing;
    char *text;
    size_t n_text;
    size_t n_shown, n_changes, n_held;
    bool has_begun; /* the gateway answered */
    bool is_in_snapshot;
};

bool follow_choose_format(struct cli *cli)
{
    const struct arguments *args = &cli->args;
    bool is_asked = arguments_has(args, OPT_OUTPUT) || arguments_has(args, OPT_JSON);
    if (!is_asked && !cli->terminal->out_is_terminal) {
        cli->output.format = OUTPUT_NDJSON;
    }
    if (cli->output.format == OUTPUT_JSON || cli->output.format == OUTPUT_YAML) {
        (void)command_usage(cli, "what is watched has no end, and a document needs one: -o ndjson");
        return false;
    }
    return true;
}

/* ---- what is shown ------------------------------------------------------------------------- */

static bool is_wanted(const struct follow *follow, const struct oc_device *device)
{
    uint32_t states = follow->options.states;
    bool is_waiting = device->request_id.text[0] != '\0';
    return states == 0 || (states & 1U << device->state) != 0 ||
           ((states & 1U << OC_STATE_PENDING) != 0 && is_waiting);
}

/* What was asked for alone. A snapshot has devices and no actions: it is of all that happened. */
static bool is_asked_for(const struct follow *follow, const struct oc_watch_item *item)
{
    const bool is_change = item->kind == OC_WATCH_CHANGE;
    return (!follow->has_device || oc_device_id_equal(&follow->device, &item->event.device.id)) &&
           (!follow->action || !is_change || strcmp(follow->action, item->event.action) == 0);
}

/* A list of devices, or their names alone, have no place for a change of none. */
static bool has_place(const struct follower *follower)
{
    return event_has_device(&follower->item) ||
           (!follower->follow->rows && follower->output.format != OUTPUT_NAME);
}

/* What a list of some states left out does not come in as a change; what goes out of it does. */
static bool is_shown(struct follower *follower)
{
    const struct oc_watch_item *item = &follower->item;
    bool is_for_people = output_is_for_people(&follower->output);
    switch (item->kind) {
    case OC_WATCH_CHANGE:
    case OC_WATCH_DEVICE:
        break;
    case OC_WATCH_RESYNC:
        return !is_for_people && follower->output.format != OUTPUT_NAME &&
               item->why != OC_RESYNC_ASKED;
    case OC_WATCH_SYNCED:
        return !is_for_people && follower->output.format != OUTPUT_NAME && follower->is_in_snapshot;
    case OC_WATCH_NOTHING:
    case OC_WATCH_LOST:
    case OC_WATCH_BACK:
        return false;
    }
    if (!is_asked_for(follower->follow, item) || !has_place(follower)) {
        return false;
    }
    bool is_in = is_wanted(follower->follow, &item->event.device);
    if (follower->follow->options.states == 0) {
        return true;
    }
    bool was_in = seen_note(&follower->seen, &item->event.device.id, is_in);
    return is_in || was_in;
}

/* What people are told beside the records. */
static void say(struct follower *follower)
{
    const struct terminal *terminal = follower->cli->terminal;
    const struct oc_watch_item *item = &follower->item;
    if (item->kind == OC_WATCH_LOST) {
        terminal_say(terminal, "openclaw: lost the gateway: %s; going on when it is back",
                     item->error.text);
    } else if (item->kind == OC_WATCH_BACK) {
        terminal_say(terminal, "openclaw: the gateway is back");
    } else if (item->kind == OC_WATCH_RESYNC && item->why == OC_RESYNC_OUT_OF_RANGE) {
        terminal_say(terminal, "openclaw: the gateway keeps no changes from there on: every device "
                               "as it is now follows, then what changes");
    } else if (item->kind == OC_WATCH_RESYNC && item->why == OC_RESYNC_OTHER_RECORDS) {
        terminal_say(terminal, "openclaw: the gateway serves other records than before: every "
                               "device as it is now follows, then what changes");
    } else if (item->kind == OC_WATCH_SYNCED && follower->n_shown == 0 &&
               follower->follow->nothing) {
        terminal_say(terminal, "%s", follower->follow->nothing);
    }
}

static enum steady_state write_rows(struct follower *follower)
{
    rewind(follower->memory.out);
    listing_flush(&follower->listing);
    (void)fflush(follower->memory.out);
    follower->n_held = 0;
    return steady_write(&follower->steady, follower->text, follower->n_text);
}

static enum steady_state show(struct follower *follower)
{
    bool is_row = output_is_for_people(&follower->output) && follower->follow->rows;
    const void *shown = &follower->item;
    if (is_row) {
        shown = &follower->item.event.device;
    }
    follower->n_shown++;
    if (!output_is_for_people(&follower->output)) {
        rewind(follower->memory.out);
        listing_add(&follower->listing, shown);
        (void)fflush(follower->memory.out);
        return steady_write(&follower->steady, follower->text, follower->n_text);
    }
    listing_add(&follower->listing, shown);
    follower->n_held++;
    /* Rows of a list stand in line with each other. */
    bool holds = follower->item.kind == OC_WATCH_DEVICE && follower->n_held < ROWS_HELD;
    return holds ? STEADY_ON : write_rows(follower);
}

/* ---- from start to exit code ----------------------------------------------------------------- */

static enum exit_code code_of(struct follower *follower, enum steady_state state)
{
    switch (state) {
    case STEADY_INTERRUPTED:
        return EXIT_INTERRUPTED;
    case STEADY_TERMINATED:
        return EXIT_TERMINATED;
    case STEADY_READER_GONE:
        follower->cli->is_reader_gone = true;
        return EXIT_DONE;
    case STEADY_FAILED:
        terminal_say(follower->cli->terminal, "openclaw: the output could not be written");
        return EXIT_FAILED;
    case STEADY_ON:
        break;
    }
    return EXIT_DONE;
}

static enum exit_code fail(const struct follower *follower, enum oc_status status,
                           const struct oc_error *err)
{
    struct failure failure;
    (void)call_failure(&failure, follower->cli, "cannot watch", status, err);
    return failure_say(follower->cli->terminal, &failure);
}

/* One item. False: it is over, with *code. */
static bool take(struct follower *follower, enum exit_code *code)
{
    const struct oc_watch_item *item = &follower->item;
    enum steady_state state = STEADY_ON;
    if (item->kind == OC_WATCH_NOTHING) {
        state = steady_wait(&follower->steady, oc_watch_fd(follower->watch));
    } else if (item->kind == OC_WATCH_LOST && !follower->has_begun) {
        *code = fail(follower, item->error.status, &item->error);
        return false;
    } else {
        bool does_show = is_shown(follower);
        follower->has_begun = true;
        follower->is_in_snapshot = item->kind == OC_WATCH_RESYNC ||
                                   (follower->is_in_snapshot && item->kind != OC_WATCH_SYNCED);
        say(follower);
        if (does_show) {
            state = show(follower);
        } else if (follower->n_held > 0 && item->kind != OC_WATCH_DEVICE) {
            state = write_rows(follower);
        }
        follower->n_changes += item->kind == OC_WATCH_CHANGE && does_show;
    }
    *code = code_of(follower, state);
    return state == STEADY_ON && follower->n_changes < follower->follow->most_changes;
}

static enum exit_code run(struct follower *follower)
{
    struct oc_error err;
    enum oc_status status =
        oc_watch_open(follower->cli->client, &follower->follow->options, &follower->watch, &err);
    enum exit_code code = EXIT_DONE;
    bool goes_on = status == OC_OK;
    while (goes_on) {
        status = oc_watch_next(follower->watch, 0, &follower->item, &err);
        goes_on = status == OC_OK && take(follower, &code);
    }
    return status ? fail(follower, status, &err) : code;
}

enum exit_code follow_run(struct cli *cli, const struct follow *follow)
{
    struct failure failure;
    if (!follow_choose_format(cli)) {
        return EXIT_USAGE;
    }
    if (call_open(cli, &failure)) {
        return failure_say(cli->terminal, &failure);
    }
    struct follower *follower = memory_zeroed(1, sizeof *follower);
    follower->cli = cli;
    follower->follow = follow;
    follower->memory = *cli->terminal;
    follower->memory.out = open_memstream(&follower->text, &follower->n_text);
    follower->output = cli->output;
    follower->output.terminal = &follower->memory;
    enum exit_code code = EXIT_FAILED;
    if (!follower->memory.out || !steady_begin(&follower->steady, cli->terminal)) {
        terminal_say(cli->terminal, "openclaw: cannot watch: %s", strerror(errno));
    } else {
        bool is_row = output_is_for_people(&cli->output) && follow->rows;
        listing_begin(&follower->listing, &follower->output, is_row ? follow->rows : &event_kind);
        code = run(follower);
        listing_abandon(&follower->listing);
        steady_end(&follower->steady);
    }
    oc_watch_free(follower->watch);
    if (follower->memory.out) {
        (void)fclose(follower->memory.out);
    }
    free(follower->text);
    seen_deinit(&follower->seen);
    free(follower);
    return code;
}
