/* openclaw context: gateways elsewhere, and which one commands act upon. */
#include <openclaw/bundle.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/certificate_view.h"
#include "cli/context_view.h"
#include "cli/escape.h"
#include "cli/failure.h"
#include "cli/memory.h"
#include "cli/select.h"

/* ---- add ------------------------------------------------------------------------------------- */

static enum exit_code fail_call(struct failure *failure, enum oc_status status,
                                const struct oc_error *err, const char *doing)
{
    return failure_set(failure, exit_code_of(status), "%s: %s", doing, err->text);
}

/* A bundle that works, from a file that was brought here. */
static enum exit_code read_bundle(const char *path, struct oc_bundle **out,
                                  struct oc_bundle_facts *facts, struct failure *failure)
{
    struct oc_error err;
    const enum oc_status status = oc_bundle_read(path, out, &err);
    if (status) {
        return fail_call(failure, status, &err, "the bundle cannot be used");
    }
    oc_bundle_get_facts(*out, facts);
    if (facts->is_draft || facts->gateway_url[0] == '\0') {
        oc_bundle_free(*out);
        *out = NULL;
        failure_set(failure, EXIT_FAILED, "%.900s: %s", path,
                    facts->is_draft ? "is a draft: it has a key and no certificate yet"
                                    : "names no gateway");
        failure_advise(failure, "on the gateway's machine:  openclaw pki issue --help");
        return failure->code;
    }
    return EXIT_DONE;
}

static enum exit_code put(const struct context_view *view, const struct oc_bundle *bundle,
                          const char *from, struct failure *failure)
{
    struct oc_error err;
    const enum oc_status status = oc_bundle_write(bundle, view->path, &err);
    if (status == OC_ALREADY_EXISTS) {
        failure_set(failure, EXIT_CONFLICT, "there is a context %s already", view->name);
        failure_advise(failure, "see it:           openclaw context show %s", view->name);
        failure_advise(failure,
                       "in its place, as the same administrator:  openclaw context add %s --bundle "
                       "%.200s --replace",
                       view->name, from);
        failure_advise(failure, "take it away:     openclaw context remove %s", view->name);
        return failure->code;
    }
    return status ? fail_call(failure, status, &err, "the context cannot be added") : EXIT_DONE;
}

/* A new bundle of the same administrator; the context stays in use if it is. */
static enum exit_code put_in_place(const struct context_view *view, const struct oc_bundle *bundle,
                                   struct failure *failure)
{
    struct oc_error err;
    const enum oc_status status = oc_bundle_replace(bundle, view->path, &err);
    if (!status) {
        return EXIT_DONE;
    }
    (void)fail_call(failure, status, &err, "the context cannot be replaced");
    if (status == OC_NOT_FOUND) {
        failure_advise(failure, "there is none to be replaced: leave out --replace");
    } else {
        failure_advise(failure, "take it away first:  openclaw context remove %s", view->name);
    }
    return failure->code;
}

static void tell_added(const struct cli *cli, const struct context_view *view, const char *from)
{
    const struct terminal *terminal = cli->terminal;
    if (!output_item(&cli->output, &context_kind, view)) {
        char url[ESCAPE_MOST * OC_MAX_URL_BYTES];
        escape_for_terminal(view->facts.gateway_url, url, sizeof url);
        (void)fprintf(terminal->out, "%s context %s: %s, as administrator %s (%s)\n",
                      arguments_has(&cli->args, OPT_REPLACE) ? "replaced" : "added", view->name,
                      url, view->facts.name, oc_administrator_role_name(view->facts.role));
    }
    (void)fflush(terminal->out);
    terminal_say(terminal, "try it:  openclaw --context %s gateway status", view->name);
    terminal_say(terminal, "use it:  openclaw context use %s", view->name);
    terminal_say(terminal, "%s holds the private key too, and is not needed any more", from);
    context_view_warn(cli, view);
}

/* Copies what is in the file; *view gets what was added. */
static enum exit_code add(const struct cli *cli, const char *from, struct context_view *view,
                          struct failure *failure)
{
    struct context_store store = {.fd = -1};
    struct oc_bundle *bundle = NULL;
    enum exit_code code = read_bundle(from, &bundle, &view->facts, failure);
    if (!code) {
        code = context_store_open(cli->data_dir, true, &store, failure);
    }
    if (!code && !context_store_path(&store, view->name, view->path)) {
        code = failure_set(failure, EXIT_USAGE, "%.100s...: too long", store.path);
    }
    if (!code) {
        code = arguments_has(&cli->args, OPT_REPLACE) ? put_in_place(view, bundle, failure)
                                                      : put(view, bundle, from, failure);
    }
    context_store_close(&store);
    oc_bundle_free(bundle);
    return code;
}

static enum exit_code run_add(struct cli *cli)
{
    const char *name = cli->args.words[0];
    const char *from = arguments_value(&cli->args, OPT_BUNDLE);
    struct failure failure;
    if (!from) {
        return command_usage(cli, "context add needs --bundle FILE: what openclaw pki issue made "
                                  "on the gateway's machine");
    }
    if (!context_name_is_sound(name)) {
        return command_usage(cli,
                             "%s: no name for a context: a letter or digit, then letters, digits "
                             "and . _ -, at most %d, and not %s",
                             name, CONTEXT_NAME_BYTES, CONTEXT_LOCAL);
    }
    struct context_view *view = memory_zeroed(1, sizeof *view);
    view->is_readable = true;
    memcpy(view->name, name, strlen(name) + 1);
    const enum exit_code code = add(cli, from, view, &failure);
    if (code) {
        (void)failure_say(cli->terminal, &failure);
    } else {
        tell_added(cli, view, from);
    }
    free(view);
    return code;
}

/* ---- use, remove ----------------------------------------------------------------------------- */

static enum exit_code refuse_unknown(const char *name, struct failure *failure)
{
    failure_set(failure, EXIT_NOT_FOUND, "there is no context %s", name);
    failure_advise(failure, "see those that are there:  openclaw context list");
    failure_advise(failure, "make one:                  openclaw context add NAME --bundle FILE");
    return failure->code;
}

/* Opens the contexts, among them the one of that name. */
static enum exit_code open_with(const struct cli *cli, const char *name,
                                struct context_store *store, struct failure *failure)
{
    const enum exit_code code = context_store_open(cli->data_dir, false, store, failure);
    if (code) {
        return code;
    }
    if (!context_name_is_sound(name) || !context_store_has(store, name)) {
        context_store_close(store);
        return refuse_unknown(name, failure);
    }
    return EXIT_DONE;
}

/* Whether the environment has commands act on another one than that. */
static bool is_overruled(const char *name)
{
    const char *environment = context_environment();
    return environment && strcmp(environment, name) != 0;
}

/* How to say what was put to use: in a shell whose environment names another one, not yet. */
static const char *from_when(const char *name)
{
    return is_overruled(name) ? "without $OPENCLAW_CONTEXT, " : "";
}

static void warn_of_environment(const struct cli *cli)
{
    const char *environment = context_environment();
    (void)fflush(cli->terminal->out);
    if (environment) {
        terminal_say(cli->terminal,
                     "openclaw: warning: $OPENCLAW_CONTEXT is set to %s, and goes before this; to "
                     "end that:  unset OPENCLAW_CONTEXT",
                     environment);
    }
}

static enum exit_code use_local(struct cli *cli)
{
    struct context_store store;
    struct failure failure;
    enum exit_code code = context_store_open(cli->data_dir, false, &store, &failure);
    if (!code && store.fd >= 0) {
        code = context_store_set_current(&store, "", &failure);
    }
    context_store_close(&store);
    if (code) {
        return failure_say(cli->terminal, &failure);
    }
    (void)fprintf(cli->terminal->out, "%scommands act on the gateway of this machine\n",
                  from_when(CONTEXT_LOCAL));
    warn_of_environment(cli);
    return EXIT_DONE;
}

/* Only what works is put to use. */
static enum exit_code use(const struct cli *cli, struct context_view *view, struct failure *failure)
{
    struct context_store store;
    enum exit_code code = open_with(cli, view->name, &store, failure);
    if (code) {
        return code;
    }
    if (context_store_path(&store, view->name, view->path)) {
        context_view_load(view);
    }
    code = view->is_readable ? context_store_set_current(&store, view->name, failure)
                             : failure_set(failure, EXIT_FAILED, "context %s cannot be used: %s",
                                           view->name, view->problem);
    context_store_close(&store);
    return code;
}

static enum exit_code run_use(struct cli *cli)
{
    const char *name = cli->args.words[0];
    struct failure failure;
    if (strcmp(name, CONTEXT_LOCAL) == 0) {
        return use_local(cli);
    }
    struct context_view *view = memory_zeroed(1, sizeof *view);
    (void)snprintf(view->name, sizeof view->name, "%s", name);
    enum exit_code code = strlen(name) > CONTEXT_NAME_BYTES ? refuse_unknown(name, &failure)
                                                            : use(cli, view, &failure);
    if (code) {
        (void)failure_say(cli->terminal, &failure);
    } else {
        char url[ESCAPE_MOST * OC_MAX_URL_BYTES];
        view->is_in_use = true;
        view->is_in_force = !is_overruled(name);
        escape_for_terminal(view->facts.gateway_url, url, sizeof url);
        if (!output_item(&cli->output, &context_kind, view)) {
            (void)fprintf(cli->terminal->out,
                          "%scommands act on %s, as administrator %s (context %s)\n",
                          from_when(name), url, view->facts.name, name);
        }
        warn_of_environment(cli);
        context_view_warn(cli, view);
    }
    free(view);
    return code;
}

/* The key in it may be the only copy. */
static enum exit_code confirm_removal(const struct cli *cli, const char *name,
                                      struct failure *failure)
{
    char question[CELL_BYTES];
    if (cli->assumes_yes) {
        return EXIT_DONE;
    }
    if (!cli->terminal->is_interactive) {
        failure_set(failure, EXIT_USAGE, "without a terminal, remove needs --yes");
        failure_advise(failure, "openclaw context remove %s --yes", name);
        return failure->code;
    }
    (void)snprintf(question, sizeof question,
                   "Remove context %s? Its key is deleted; the gateway is not told. [y/N] ", name);
    return confirm(cli->terminal, question)
               ? EXIT_DONE
               : failure_set(failure, EXIT_USAGE, "not confirmed; nothing was changed");
}

static enum exit_code remove_from(const struct cli *cli, const struct context_store *store,
                                  const char *name, struct failure *failure)
{
    char current[CONTEXT_NAME_BYTES + 1];
    struct failure unread;
    enum exit_code code = confirm_removal(cli, name, failure);
    const bool is_in_use =
        !context_store_current(store, current, &unread) && strcmp(current, name) == 0;
    if (!code && is_in_use) {
        code = context_store_set_current(store, "", failure);
    }
    if (!code) {
        code = context_store_remove(store, name, failure);
    }
    if (!code && is_in_use) {
        terminal_say(cli->terminal, "openclaw: warning: it was in use: commands act on the gateway "
                                    "of this machine now");
    }
    return code;
}

static enum exit_code run_remove(struct cli *cli)
{
    const char *name = cli->args.words[0];
    struct context_store store;
    struct failure failure;
    enum exit_code code = open_with(cli, name, &store, &failure);
    if (code) {
        return failure_say(cli->terminal, &failure);
    }
    code = remove_from(cli, &store, name, &failure);
    context_store_close(&store);
    if (code) {
        return failure_say(cli->terminal, &failure);
    }
    (void)fprintf(cli->terminal->out, "removed context %s\n", name);
    return EXIT_DONE;
}

/* ---- list, show ------------------------------------------------------------------------------ */

struct list {
    struct cli *cli;
    const struct context_store *store;
    struct listing listing;
    char in_use[CONTEXT_NAME_BYTES + 1];
};

static void add_to_list(void *user, const char *name)
{
    struct list *list = user;
    struct context_view *shown = memory_zeroed(1, sizeof *shown);
    const struct terminal *terminal = list->cli->terminal;
    (void)snprintf(shown->name, sizeof shown->name, "%s", name);
    shown->is_in_use = strcmp(name, list->in_use) == 0;
    shown->is_in_force = strcmp(name, list->cli->context.name) == 0;
    if (context_store_path(list->store, name, shown->path)) {
        context_view_load(shown);
    }
    listing_add(&list->listing, shown);
    if (!shown->is_readable) {
        terminal_say(terminal, "openclaw: warning: %s", shown->problem);
    } else {
        context_view_warn(list->cli, shown);
    }
    free(shown);
}

/* What commands act upon, below the list. */
static void tell_force(const struct list *list)
{
    const struct cli *cli = list->cli;
    const struct context *context = &cli->context;
    if (!context_is_remote(cli)) {
        terminal_say(cli->terminal, "%s: commands act on the gateway of this machine.",
                     list->listing.n_items == 0 ? "No contexts" : "None is in force");
    } else if (!context_store_has(list->store, context->name)) {
        terminal_say(cli->terminal,
                     "openclaw: warning: %s is in force by %s, and there is no such context: "
                     "commands are refused",
                     context->name, context_origin_text(context->origin));
        terminal_say(cli->terminal, "  openclaw context add %s --bundle FILE, or --context %s",
                     context->name, CONTEXT_LOCAL);
    } else if (context->origin != CONTEXT_FROM_FILE) {
        terminal_say(cli->terminal, "%s is in force by %s.", context->name,
                     context_origin_text(context->origin));
    }
}

/* Those that are there, also where it cannot be told which is in force: it is there to mend that.
 * The exit code then is that of every other command. */
static enum exit_code list_all(struct list *list, struct failure *failure)
{
    struct cli *cli = list->cli;
    enum exit_code unread = context_store_current(list->store, list->in_use, failure);
    unread = unread ? unread : context_choose(cli, false, failure);
    if (unread) {
        (void)failure_say(cli->terminal, failure);
    }
    listing_begin(&list->listing, &cli->output, &context_kind);
    const enum exit_code code = context_store_list(list->store, add_to_list, list, failure);
    listing_end(&list->listing, "", 0);
    if (code) {
        return failure_say(cli->terminal, failure);
    }
    if (!unread) {
        tell_force(list);
    }
    return unread;
}

static enum exit_code run_list(struct cli *cli)
{
    struct context_store store;
    struct failure failure;
    struct list list = {.cli = cli, .store = &store};
    enum exit_code code = context_store_open(cli->data_dir, false, &store, &failure);
    if (code) {
        return failure_say(cli->terminal, &failure);
    }
    code = list_all(&list, &failure);
    context_store_close(&store);
    return code;
}

static enum exit_code show(struct cli *cli, const char *name)
{
    struct context_view *shown = memory_zeroed(1, sizeof *shown);
    struct context_store store;
    struct failure failure;
    enum exit_code code = open_with(cli, name, &store, &failure);
    if (!code) {
        char current[CONTEXT_NAME_BYTES + 1] = "";
        struct failure unread;
        (void)context_store_current(&store, current, &unread);
        (void)snprintf(shown->name, sizeof shown->name, "%s", name);
        shown->is_in_use = strcmp(current, name) == 0;
        shown->is_in_force = strcmp(cli->context.name, name) == 0;
        if (context_store_path(&store, name, shown->path)) {
            context_view_load(shown);
        }
        context_store_close(&store);
        if (!shown->is_readable) {
            code = failure_set(&failure, EXIT_FAILED, "the context %s cannot be used: %s", name,
                               shown->problem);
        }
    }
    if (code) {
        (void)failure_say(cli->terminal, &failure);
    } else if (!output_item(&cli->output, &context_kind, shown)) {
        context_view_print(cli, shown);
    }
    free(shown);
    return code;
}

static enum exit_code run_show(struct cli *cli)
{
    struct failure failure;
    const bool is_named = cli->args.n_words > 0;
    const enum exit_code code = context_choose(cli, !is_named, &failure);
    if (code && !is_named) {
        return failure_say(cli->terminal, &failure);
    }
    if (is_named) {
        return show(cli, cli->args.words[0]);
    }
    if (context_is_remote(cli)) {
        char name[CONTEXT_NAME_BYTES + 1];
        memcpy(name, cli->context.name, sizeof name);
        return show(cli, name);
    }
    struct context_view local = {.name = CONTEXT_LOCAL, .is_in_force = true, .is_in_use = true};
    if (!output_item(&cli->output, &context_kind, &local)) {
        output_fact(cli->terminal->out, "context", CONTEXT_LOCAL ", the gateway of this machine");
    }
    return EXIT_DONE;
}

static const struct command commands[] = {
    {
        .verb = "add",
        .words = "NAME",
        .summary = "Keeps a bundle under a name, so that commands can act on that gateway",
        .examples = "  openclaw context add prod --bundle alice.bundle\n"
                    "  openclaw --context prod devices list\n"
                    "  openclaw context add prod --bundle new.bundle --replace\n",
        .notes = "The bundle is what `openclaw pki issue` made on the gateway's machine. It is\n"
                 "copied to contexts/NAME.bundle in the data directory, for this user alone, and\n"
                 "never over another one, but with --replace over one of the same administrator.\n",
        .options = OPT_BIT(OPT_BUNDLE) | OPT_BIT(OPT_REPLACE),
        .least_words = 1,
        .most_words = 1,
        .target = TARGET_NONE,
        .run = run_add,
    },
    {
        .verb = "use",
        .words = "NAME",
        .summary = "Has commands act on that gateway from now on",
        .examples = "  openclaw context use prod\n"
                    "  openclaw context use local           the gateway of this machine again\n",
        .notes = "Which one is in force: --context NAME, else $OPENCLAW_CONTEXT, else the one in\n"
                 "use, else the gateway of this machine. `local` is that one, wherever a name "
                 "may\nstand.\n",
        .least_words = 1,
        .most_words = 1,
        .target = TARGET_NONE,
        .run = run_use,
    },
    {
        .verb = "list",
        .words = "",
        .summary = "All contexts; a star stands before the one in force",
        .examples = "  openclaw context list\n"
                    "  openclaw context list -o wide        with pins and files\n",
        .target = TARGET_CHOSEN,
        .run = run_list,
    },
    {
        .verb = "show",
        .words = "[NAME]",
        .summary = "One context; without a name the one in force, and why it is",
        .examples = "  openclaw context show\n"
                    "  openclaw context show prod -o json\n",
        .most_words = 1,
        .target = TARGET_CHOSEN,
        .run = run_show,
    },
    {
        .verb = "remove",
        .words = "NAME",
        .summary = "Deletes a context and the key in it",
        .examples = "  openclaw context remove prod\n"
                    "  openclaw context remove prod --yes\n",
        .notes = "The gateway goes on knowing the certificate: to end it, openclaw pki revoke.\n",
        .least_words = 1,
        .most_words = 1,
        .target = TARGET_NONE,
        .run = run_remove,
    },
};

const struct noun context_noun = {
    .name = "context",
    .summary = "gateways elsewhere, and which one commands act upon",
    .commands = commands,
    .n_commands = sizeof commands / sizeof commands[0],
};
