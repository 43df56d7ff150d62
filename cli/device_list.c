/* Pages of devices; see device_list.h. */
#include "cli/device_list.h"

#include <openclaw/admin.h>
#include <stdlib.h>
#include <string.h>

#include "cli/failure.h"
#include "cli/follow.h"
#include "cli/host_note.h"
#include "cli/memory.h"
#include "cli/values.h"

/* What is said beside the list, once it is printed. */
struct printed {
    size_t n;
    size_t n_with_code; /* requests whose agents show a code */
    struct host_note hosts;
};

/* Fetches the page at page->next_cursor, at most `most` items. */
static enum exit_code load_page(struct cli *cli, uint32_t states, size_t most,
                                struct oc_device_page *page)
{
    char cursor[OC_CURSOR_BYTES];
    struct oc_error err;
    memcpy(cursor, page->next_cursor, sizeof cursor);
    page->cap = most < OC_MAX_LIST_PAGE ? most : OC_MAX_LIST_PAGE;
    enum oc_status status = oc_admin_list(cli->client, states, cursor, page, &err);
    if (status) {
        struct failure failure;
        (void)call_failure(&failure, cli, "cannot list devices", status, &err);
        return failure_say(cli->terminal, &failure);
    }
    return EXIT_DONE;
}

/* A failure after the first page leaves the document without its end: what reads it must notice. */
static enum exit_code print_pages(struct cli *cli, const struct item_kind *kind, uint32_t states,
                                  size_t limit, struct oc_device_page *page,
                                  struct printed *printed)
{
    struct listing listing;
    enum exit_code code = load_page(cli, states, limit, page);
    if (code) {
        return code;
    }
    listing_begin(&listing, &cli->output, kind);
    for (;;) {
        for (size_t i = 0; i < page->n; i++) {
            listing_add(&listing, &page->items[i]);
            host_note_see(&printed->hosts, &page->items[i]);
            printed->n_with_code += page->items[i].can_check_code ? 1 : 0;
        }
        listing_flush(&listing);
        if (page->next_cursor[0] == '\0' || listing.n_items >= limit) {
            break;
        }
        code = load_page(cli, states, limit - listing.n_items, page);
        if (code) {
            listing_abandon(&listing);
            return code;
        }
    }
    printed->n = listing.n_items;
    listing_end(&listing, page->next_cursor, page->revision);
    return EXIT_DONE;
}

static enum exit_code watch(struct cli *cli, const struct item_kind *kind, uint32_t states,
                            const char *nothing)
{
    const struct follow follow = {
        .options = {.start = OC_WATCH_FROM_SNAPSHOT, .states = states},
        .rows = kind,
        .nothing = nothing,
        .most_changes = SIZE_MAX,
    };
    if (arguments_has(&cli->args, OPT_LIMIT) || arguments_has(&cli->args, OPT_CURSOR)) {
        return command_usage(cli, "--watch begins with the whole list: --limit and --cursor do not "
                                  "go with it");
    }
    return follow_run(cli, &follow);
}

enum exit_code device_list_run(struct cli *cli, const struct item_kind *kind, uint32_t states,
                               const char *nothing)
{
    size_t limit = SIZE_MAX;
    struct failure failure;
    struct oc_device_page page = {.next_cursor = ""};
    const char *wanted = arguments_value(&cli->args, OPT_LIMIT);
    if (arguments_has(&cli->args, OPT_WATCH)) {
        return watch(cli, kind, states, nothing);
    }
    if (wanted && !value_read_count(wanted, &limit)) {
        return command_usage(cli, "--limit %s: give a number, 1 or more", wanted);
    }
    if (!value_copy(arguments_value(&cli->args, OPT_CURSOR), page.next_cursor,
                    sizeof page.next_cursor)) {
        return command_usage(cli, "--cursor: not a next_cursor that a list gave");
    }
    if (call_open(cli, &failure)) {
        return failure_say(cli->terminal, &failure);
    }
    page.items = memory_zeroed(OC_MAX_LIST_PAGE, sizeof page.items[0]);
    struct printed *printed = memory_zeroed(1, sizeof *printed);
    enum exit_code code = print_pages(cli, kind, states, limit, &page, printed);
    if (code == EXIT_DONE && printed->n == 0) {
        terminal_say(cli->terminal, "%s", nothing);
    }
    if (code == EXIT_DONE && output_is_for_people(&cli->output)) {
        (void)fflush(cli->terminal->out); /* the note stands below the table, wherever both go */
        host_note_tell(&printed->hosts, cli->terminal);
        if (printed->n_with_code > 0 && cli->terminal->is_interactive) {
            terminal_say(cli->terminal, "Safest is to approve by the code that the agent shows:  "
                                        "openclaw devices approve REQUEST --code CODE");
        }
    }
    free(printed);
    free(page.items);
    return code;
}
