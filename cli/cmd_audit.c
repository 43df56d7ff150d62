/* openclaw audit: who decided what. */
#include <inttypes.h>
#include <openclaw/audit.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"
#include "cli/audit_follow.h"
#include "cli/audit_view.h"
#include "cli/failure.h"
#include "cli/memory.h"
#include "cli/select.h"
#include "cli/values.h"

enum {
    SHOWN_UNLESS_ASKED = 100,
};

/* ---- list ---------------------------------------------------------------------------------- */

struct audit_query {
    uint64_t after;
    size_t limit;
    bool newest_first;
    struct oc_audit_filter filter;
};

/* A time, or how long ago. */
static bool read_time(const struct cli *cli, const char *text, int64_t *out)
{
    int64_t ago_ms = 0;
    if (duration_parse(text, &ago_ms)) {
        *out = cli->terminal->now_ms - ago_ms;
        return true;
    }
    return moment_parse(text, out);
}

/* What a record must be: false, and said, if a value is none. */
static bool read_filter(struct cli *cli, struct oc_audit_filter *filter)
{
    const struct arguments *args = &cli->args;
    const char *since = arguments_value(args, OPT_SINCE);
    const char *before = arguments_value(args, OPT_BEFORE);
    const char *request = arguments_value(args, OPT_REQUEST);
    const char *last = arguments_value(args, OPT_TO_SEQ);
    size_t last_seq = 0;
    if ((since && !read_time(cli, since, &filter->since_ms)) ||
        (before && !read_time(cli, before, &filter->until_ms))) {
        (void)command_usage(cli,
                            "--since and --before: give a date, RFC 3339, or how long ago: 8h");
        return false;
    }
    if (last && !value_read_count(last, &last_seq)) {
        (void)command_usage(cli, "--to-seq %s: give the number of a record", last);
        return false;
    }
    if (request && !oc_request_id_parse(request, &filter->request_id)) {
        (void)command_usage(cli, "--request %s: give a full request id", request);
        return false;
    }
    filter->last_seq = last_seq;
    if (!value_copy(arguments_value(args, OPT_ACTOR), filter->actor, sizeof filter->actor) ||
        !value_copy(arguments_value(args, OPT_ACTION), filter->action, sizeof filter->action) ||
        !value_copy(arguments_value(args, OPT_OUTCOME), filter->outcome, sizeof filter->outcome)) {
        (void)command_usage(cli, "--actor, --action, --outcome: a value is too long to be one");
        return false;
    }
    return true;
}

static enum exit_code read_query(struct cli *cli, struct audit_query *query)
{
    const char *after = arguments_value(&cli->args, OPT_AFTER);
    const char *limit = arguments_value(&cli->args, OPT_LIMIT);
    const char *device = arguments_value(&cli->args, OPT_DEVICE);
    size_t after_count = 0;
    *query = (struct audit_query){.limit = SHOWN_UNLESS_ASKED,
                                  .newest_first = arguments_has(&cli->args, OPT_NEWEST)};
    if (after && strcmp(after, "0") != 0 && !value_read_count(after, &after_count)) {
        return command_usage(cli, "--after %s: give the number of a record", after);
    }
    if (limit && !value_read_count(limit, &query->limit)) {
        return command_usage(cli, "--limit %s: give a number, 1 or more", limit);
    }
    query->after = after_count;
    if (!read_filter(cli, &query->filter)) {
        return EXIT_USAGE;
    }
    query->filter.has_device_id = device != NULL;
    if (device && !oc_device_id_parse(device, &query->filter.device_id)) {
        struct failure failure;
        struct oc_device found;
        if (select_by_name(cli, device, false, &found, &failure)) {
            return failure_say(cli->terminal, &failure);
        }
        query->filter.device_id = found.id;
    }
    return EXIT_DONE;
}

static enum exit_code load_page(struct cli *cli, const struct audit_query *query, size_t most,
                                struct oc_audit_page *page)
{
    struct oc_error err;
    page->cap = most < OC_MAX_AUDIT_PAGE ? most : OC_MAX_AUDIT_PAGE;
    enum oc_status status = oc_admin_search_audit(cli->client, &query->filter, page->next_after_seq,
                                                  query->newest_first, page, &err);
    if (status) {
        struct failure failure;
        (void)call_failure(&failure, cli, "cannot read the audit log", status, &err);
        return failure_say(cli->terminal, &failure);
    }
    return EXIT_DONE;
}

/* A person types the name of another; records have it with its kind. */
static void advise_actor(const struct terminal *terminal, const char *actor)
{
    static const char *const others[] = {"", "gateway", "device", "signal"};
    bool is_one = strchr(actor, ':') != NULL;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        is_one = is_one || strcmp(actor, others[i]) == 0;
    }
    if (!is_one) {
        const bool is_uid = actor[strspn(actor, "0123456789")] == '\0';
        terminal_say(terminal, "  %s:  openclaw audit list --actor %s:%s",
                     is_uid ? "a user of the gateway's machine" : "an administrator",
                     is_uid ? "uid" : "admin", actor);
    }
}

static enum exit_code print_pages(struct cli *cli, const struct audit_query *query,
                                  struct oc_audit_page *page)
{
    struct listing listing;
    char cursor[OC_CURSOR_BYTES] = "";
    enum exit_code code = load_page(cli, query, query->limit, page);
    if (code) {
        return code;
    }
    listing_begin(&listing, &cli->output, &audit_kind);
    for (;;) {
        for (size_t i = 0; i < page->n; i++) {
            listing_add(&listing, &page->items[i]);
        }
        listing_flush(&listing);
        if (page->next_after_seq == 0 || listing.n_items >= query->limit) {
            break;
        }
        code = load_page(cli, query, query->limit - listing.n_items, page);
        if (code) {
            listing_abandon(&listing);
            return code;
        }
    }
    if (page->next_after_seq != 0) {
        (void)snprintf(cursor, sizeof cursor, "%" PRIu64, page->next_after_seq);
        terminal_say(cli->terminal, "There is more: openclaw audit list --after %s%s", cursor,
                     query->newest_first ? " --newest" : "");
    }
    bool is_empty = listing.n_items == 0;
    listing_end(&listing, cursor, page->revision);
    if (is_empty) {
        terminal_say(cli->terminal, "No audit records.");
        advise_actor(cli->terminal, query->filter.actor);
    }
    return EXIT_DONE;
}

static enum exit_code run_follow(struct cli *cli, const struct audit_query *query)
{
    const struct arguments *args = &cli->args;
    const struct audit_follow follow = {
        .filter = query->filter,
        .has_after = arguments_has(args, OPT_AFTER),
        .after = query->after,
        .limit = arguments_has(args, OPT_LIMIT) ? query->limit : SIZE_MAX,
        .kind = &audit_follow_kind,
    };
    if (query->newest_first || query->filter.until_ms > 0) {
        return command_usage(cli, "--follow goes forward and has no end: not with --newest or "
                                  "--before");
    }
    return audit_follow_run(cli, &follow);
}

static enum exit_code run_list(struct cli *cli)
{
    struct audit_query query;
    struct failure failure;
    enum exit_code code = read_query(cli, &query);
    if (code) {
        return code;
    }
    if (arguments_has(&cli->args, OPT_FOLLOW)) {
        return run_follow(cli, &query);
    }
    if (call_open(cli, &failure)) {
        return failure_say(cli->terminal, &failure);
    }
    struct oc_audit_page page = {.items = memory_zeroed(OC_MAX_AUDIT_PAGE, sizeof page.items[0]),
                                 .next_after_seq = query.after};
    code = print_pages(cli, &query, &page);
    free(page.items);
    return code;
}

static const struct command commands[] = {
    {
        .verb = "list",
        .words = "",
        .summary = "Decisions, oldest first: who, what, about which device, with what outcome",
        .examples = "  openclaw audit list --newest\n"
                    "  openclaw audit list --device web-1\n"
                    "  openclaw audit list --action revoke --actor uid:1000 --since 7d\n"
                    "  openclaw audit list --after 120 --limit 1000 -o ndjson\n"
                    "  openclaw audit list --follow --outcome denied\n",
        .notes =
            "Shows 100 records unless --limit says otherwise.\n"
            "\n"
            "--follow shows each record as it is written, from now on, or behind --after, or\n"
            "--since; in a pipe as lines of JSON. None is left out and none comes twice, over\n"
            "lost connections and restarts of the gateway. Records that were told and are then\n"
            "others, or gone, end it with exit 6.\n",
        .options = OPT_BIT(OPT_ACTION) | OPT_BIT(OPT_ACTOR) | OPT_BIT(OPT_AFTER) |
                   OPT_BIT(OPT_BEFORE) | OPT_BIT(OPT_DEVICE) | OPT_BIT(OPT_FOLLOW) |
                   OPT_BIT(OPT_LIMIT) | OPT_BIT(OPT_NEWEST) | OPT_BIT(OPT_OUTCOME) |
                   OPT_BIT(OPT_REQUEST) | OPT_BIT(OPT_SINCE) | OPT_BIT(OPT_TO_SEQ),
        .run = run_list,
    },
    {
        .verb = "export",
        .words = "",
        .summary = "All records, a line of JSON each, with what is needed to verify them later",
        .examples = "  openclaw audit export > audit.ndjson\n"
                    "  openclaw audit export --from-seq 1201 >> audit.ndjson\n",
        .notes = "The first line names the gateway, the last one is a signed checkpoint. An export "
                 "may be\ncontinued by a later one: the lines of both, one behind the other, are "
                 "one export.\n",
        .options = OPT_BIT(OPT_FROM_SEQ),
        .run = audit_run_export,
    },
    {
        .verb = "checkpoint",
        .words = "",
        .summary = "The number and hash of the last record, signed by the gateway's key",
        .examples = "  openclaw audit checkpoint | ssh archive 'cat >> checkpoints.ndjson'\n",
        .notes = "Kept where nobody who can write on the gateway's machine can, it shows later "
                 "that records\nwere cut off, made anew, or put back to an older state: see audit "
                 "verify. Only the\nline as it comes without -o, or with -o ndjson, is what was "
                 "signed.\n",
        .run = audit_run_checkpoint,
    },
    {
        .verb = "verify",
        .words = "[FILE]",
        .summary = "Checks an export, a backup or a copied database; needs no gateway",
        .examples = "  openclaw audit verify audit.ndjson --checkpoint checkpoints.ndjson --pin "
                    "sha256:6b1f...\n"
                    "  openclaw audit verify --database /var/backups/openclaw.db\n",
        .notes = "Names the first record that is wrong, and ends with exit 1. Tells what was "
                 "proved, and what\nwas not: without a pin not whose key signed it, without "
                 "checkpoints that were kept elsewhere\nnot that it is the newest state.\n",
        .options = OPT_BIT(OPT_CHECKPOINT) | OPT_BIT(OPT_DATABASE) | OPT_BIT(OPT_PIN),
        .most_words = 1,
        .target = TARGET_NONE,
        .run = audit_run_verify,
    },
};

const struct noun audit_noun = {
    .name = "audit",
    .summary = "who decided what",
    .commands = commands,
    .n_commands = sizeof commands / sizeof commands[0],
};
