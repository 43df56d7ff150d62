/* Pages of devices; see device_list.h. */
#include "cli/device_list.h"

#include <openclaw/admin.h>
#include <stdlib.h>
#include <string.h>

#include "cli/failure.h"
#include "cli/memory.h"
#include "cli/values.h"

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
                                  size_t limit, struct oc_device_page *page, size_t *n_printed)
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
    *n_printed = listing.n_items;
    listing_end(&listing, page->next_cursor, page->revision);
    return EXIT_DONE;
}

enum exit_code device_list_run(struct cli *cli, const struct item_kind *kind, uint32_t states,
                               const char *nothing)
{
    size_t limit = SIZE_MAX;
    size_t n_printed = 0;
    struct failure failure;
    struct oc_device_page page = {.next_cursor = ""};
    const char *wanted = arguments_value(&cli->args, OPT_LIMIT);
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
    enum exit_code code = print_pages(cli, kind, states, limit, &page, &n_printed);
    free(page.items);
    if (code == EXIT_DONE && n_printed == 0) {
        terminal_say(cli->terminal, "%s", nothing);
    }
    return code;
}
