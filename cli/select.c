/* Records by name or by choice; see select.h. */
#include "cli/select.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/device_view.h"
#include "cli/host_note.h"
#include "cli/memory.h"

enum {
    CHOICES_MOST = 100, /* what a person can look through; more must be named */
    LINE_BYTES = 160,
};

/* The kind of table for people on err, whatever stdout is. */
static struct output output_on_err(const struct cli *cli, struct terminal *terminal)
{
    *terminal = *cli->terminal;
    terminal->out = cli->terminal->err;
    terminal->out_is_terminal = cli->terminal->is_interactive;
    return (struct output){
        .terminal = terminal,
        .format = OUTPUT_TABLE,
        .has_colour = cli->output.has_colour && terminal->is_interactive,
    };
}

/* ---- by name ------------------------------------------------------------------------------- */

static enum exit_code explain_none(const struct oc_matches *matches, const char *selector,
                                   struct failure *failure)
{
    if (matches->replaced_by.text[0] != '\0') {
        failure_set(failure, EXIT_CONFLICT, "request %s was replaced by %s", selector,
                    matches->replaced_by.text);
        failure_advise(failure, "look at what it asks now:  openclaw devices show %s",
                       matches->replaced_by.text);
        return EXIT_CONFLICT;
    }
    struct oc_request_id request;
    if (oc_request_id_parse(selector, &request) && matches->closed_as[0] != '\0') {
        failure_set(failure, EXIT_CONFLICT, "request %s is no longer open: it was %s", request.text,
                    matches->closed_as);
        failure_advise(failure, "see who waits now:  openclaw pairing list");
        (void)snprintf(failure->cause, sizeof failure->cause, "%s", matches->closed_as);
        return EXIT_CONFLICT;
    }
    if (oc_request_id_parse(selector, &request)) {
        failure_set(failure, EXIT_NOT_FOUND, "no request %s is open; it may be decided already",
                    request.text);
    } else {
        failure_set(failure, EXIT_NOT_FOUND, "no device or request is called %s", selector);
    }
    if (matches->closest[0] != '\0') {
        failure_advise(failure, "the closest there is:  %s", matches->closest);
    }
    failure_advise(failure, "see all:  openclaw devices list");
    return EXIT_NOT_FOUND;
}

static enum exit_code explain_several(const struct cli *cli, const struct oc_matches *matches,
                                      const char *selector, struct failure *failure)
{
    struct terminal terminal;
    struct output output = output_on_err(cli, &terminal);
    struct listing listing;
    listing_begin(&listing, &output, &pairing_kind);
    for (size_t i = 0; i < matches->n; i++) {
        listing_add(&listing, &matches->items[i]);
    }
    listing_end(&listing, "", 0);
    failure_set(failure, EXIT_USAGE, "%s names several of them; give more of the id", selector);
    return EXIT_USAGE;
}

enum exit_code select_by_name(struct cli *cli, const char *selector, bool prefix_is_enough,
                              struct oc_device *out, struct failure *failure)
{
    enum exit_code code = call_open(cli, failure);
    if (code) {
        return code;
    }
    struct oc_matches *matches = memory_zeroed(1, sizeof *matches);
    struct oc_error err;
    enum oc_status status =
        oc_admin_resolve(cli->client, selector, prefix_is_enough, matches, &err);
    if (status) {
        code = call_failure(failure, cli, "cannot look up the id", status, &err);
    } else if (matches->n == 0) {
        code = explain_none(matches, selector, failure);
    } else if (matches->n > 1) {
        code = explain_several(cli, matches, selector, failure);
    } else {
        *out = matches->items[0];
    }
    free(matches);
    return code;
}

/* ---- by choice ----------------------------------------------------------------------------- */

struct choices {
    struct oc_device *items;
    size_t n;
    bool has_more;
};

static enum exit_code load_choices(struct cli *cli, const struct choice *choice,
                                   struct choices *out, struct failure *failure)
{
    struct oc_device_page page = {.items = out->items, .cap = CHOICES_MOST};
    struct oc_error err;
    enum exit_code code = call_open(cli, failure);
    if (code) {
        return code;
    }
    enum oc_status status = oc_admin_list(cli->client, choice->states, "", &page, &err);
    if (status) {
        return call_failure(failure, cli, "cannot list devices", status, &err);
    }
    out->n = 0;
    for (size_t i = 0; i < page.n; i++) {
        if (!choice->needs_request || page.items[i].request_id.text[0] != '\0') {
            struct oc_device kept = page.items[i];
            out->items[out->n++] = kept;
        }
    }
    out->has_more = page.next_cursor[0] != '\0';
    return EXIT_DONE;
}

static void print_choices(const struct cli *cli, const struct choice *choice,
                          const struct choices *choices)
{
    struct terminal terminal;
    struct output output = output_on_err(cli, &terminal);
    const struct item_kind *kind = choice->needs_request ? &request_kind : &pairing_kind;
    struct table table = {.most_columns = terminal.columns};
    table_add_column(&table, " #", false);
    for (size_t i = 0; i < kind->n_columns; i++) {
        if (!kind->columns[i].is_wide) {
            table_add_column(&table, kind->columns[i].title, kind->columns[i].may_cut);
        }
    }
    struct host_note *note = memory_zeroed(1, sizeof *note);
    for (size_t i = 0; i < choices->n; i++) {
        struct cell cell = {.text = ""};
        host_note_see(note, &choices->items[i]);
        (void)snprintf(cell.text, sizeof cell.text, "%2zu", i + 1);
        table_add_cell(&table, &cell);
        for (size_t j = 0; j < kind->n_columns; j++) {
            if (!kind->columns[j].is_wide) {
                cell = (struct cell){.text = ""};
                kind->columns[j].fill(&output, &choices->items[i], &cell);
                table_add_cell(&table, &cell);
            }
        }
    }
    (void)fprintf(terminal.err, "%s:\n", choice->title);
    table_print(&table, terminal.err, output.has_colour);
    table_deinit(&table);
    host_note_tell(note, &terminal);
    free(note);
    if (choices->has_more) {
        terminal_say(&terminal, "There are more than %d; name one by its id to reach it.",
                     CHOICES_MOST);
    }
}

static bool is_chosen(const struct oc_device *device, const char *typed)
{
    struct oc_request_id request;
    struct oc_device_id id;
    if (oc_request_id_parse(typed, &request)) {
        return oc_request_id_equal(&request, &device->request_id);
    }
    if (oc_device_id_parse(typed, &id)) {
        return oc_device_id_equal(&id, &device->id);
    }
    return device->alias[0] != '\0' && strcmp(typed, device->alias) == 0;
}

/* The item that a line names: its number on the list as shown, or an id that is on it. */
static const struct oc_device *find_choice(const struct choices *choices, const char *typed)
{
    char *end = NULL;
    unsigned long number = strtoul(typed, &end, 10);
    bool is_number = typed[0] >= '0' && typed[0] <= '9' && *end == '\0' && strlen(typed) <= 3;
    if (is_number) {
        return number >= 1 && number <= choices->n ? &choices->items[number - 1] : NULL;
    }
    for (size_t i = 0; i < choices->n; i++) {
        if (is_chosen(&choices->items[i], typed)) {
            return &choices->items[i];
        }
    }
    return NULL;
}

static char *trimmed(char *line)
{
    line += strspn(line, " \t");
    size_t n = strlen(line);
    while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t')) {
        line[--n] = '\0';
    }
    return line;
}

/* One list and the questions about it. EXIT_CODE_COUNT: the list is to be shown again. */
static enum exit_code choose_once(struct cli *cli, const struct choice *choice,
                                  struct choices *choices, struct oc_device *out,
                                  struct failure *failure)
{
    enum exit_code code = load_choices(cli, choice, choices, failure);
    if (code) {
        return code;
    }
    if (choices->n == 0) {
        return failure_set(failure, EXIT_NOT_FOUND, "%s", choice->nothing);
    }
    context_say_where(cli);
    print_choices(cli, choice, choices);
    const char *question = choice->needs_request
                               ? "Number or request id (Enter refreshes, q quits): "
                               : "Number or device id (Enter refreshes, q quits): ";
    char line[LINE_BYTES];
    while (terminal_ask(cli->terminal, question, line, sizeof line)) {
        const char *typed = trimmed(line);
        if (typed[0] == '\0') {
            return EXIT_CODE_COUNT;
        }
        if (strcasecmp(typed, "q") == 0 || strcasecmp(typed, "quit") == 0) {
            return failure_set(failure, EXIT_USAGE, "nothing was chosen, nothing was changed");
        }
        const struct oc_device *chosen = find_choice(choices, typed);
        if (chosen) {
            *out = *chosen;
            return EXIT_DONE;
        }
        terminal_say(cli->terminal, "%s is not on the list.", typed);
    }
    return failure_set(failure, EXIT_USAGE, "the input ended; nothing was changed");
}

enum exit_code select_by_asking(struct cli *cli, const struct choice *choice, struct oc_device *out,
                                struct failure *failure)
{
    struct choices choices = {.items = memory_zeroed(CHOICES_MOST, sizeof choices.items[0])};
    enum exit_code code = EXIT_CODE_COUNT;
    while (code == EXIT_CODE_COUNT) {
        code = choose_once(cli, choice, &choices, out, failure);
    }
    free(choices.items);
    return code;
}

bool confirm(const struct terminal *terminal, const char *question)
{
    char line[LINE_BYTES];
    if (!terminal_ask(terminal, question, line, sizeof line)) {
        return false;
    }
    const char *typed = trimmed(line);
    return strcasecmp(typed, "y") == 0 || strcasecmp(typed, "yes") == 0;
}
