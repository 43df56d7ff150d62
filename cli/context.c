/* The gateway that a command acts upon; see context.h. */
#include "cli/context.h"

#include <stdlib.h>
#include <string.h>

#include "cli/failure.h"

/* ---- finding it ------------------------------------------------------------------------------ */

bool context_is_remote(const struct cli *cli)
{
    return cli->context.name[0] != '\0';
}

const char *context_origin_text(enum context_origin origin)
{
    switch (origin) {
    case CONTEXT_FROM_FLAG:
        return "--context";
    case CONTEXT_FROM_ENVIRONMENT:
        return "$OPENCLAW_CONTEXT";
    case CONTEXT_FROM_FILE:
        return "openclaw context use";
    case CONTEXT_FROM_NOTHING:
        break;
    }
    return "";
}

static bool is_local(const char *name)
{
    return strcmp(name, CONTEXT_LOCAL) == 0;
}

const char *context_environment(void)
{
    const char *name = getenv("OPENCLAW_CONTEXT");
    return name && name[0] != '\0' ? name : NULL;
}

/* An empty one is a variable that was not set: no reason to act on another gateway. */
static enum exit_code refuse_name(const struct context *context, const char *given,
                                  struct failure *failure)
{
    failure_set(failure, EXIT_USAGE, "%s %.80s: no name of a context",
                context_origin_text(context->origin), given[0] != '\0' ? given : "\"\"");
    failure_advise(failure, "see those that are there:         openclaw context list");
    failure_advise(failure, "for the gateway of this machine:  --context %s", CONTEXT_LOCAL);
    return failure->code;
}

static enum exit_code refuse_missing(const struct context *context, struct failure *failure)
{
    failure_set(failure, EXIT_NOT_FOUND, "there is no context %s (%s)", context->name,
                context_origin_text(context->origin));
    failure_advise(failure,
                   "make it of the bundle you were given:  openclaw context add %s "
                   "--bundle FILE",
                   context->name);
    failure_advise(failure, "see those that are there:              openclaw context list");
    failure_advise(failure, "for the gateway of this machine:       --context %s", CONTEXT_LOCAL);
    return failure->code;
}

/* The name that was given, by flag, environment or file; "": none. */
static enum exit_code find_name(const struct cli *cli, const struct context_store *store,
                                struct context *out, struct failure *failure)
{
    const char *given = arguments_value(&cli->args, OPT_CONTEXT);
    out->origin = CONTEXT_FROM_FLAG;
    if (!given) {
        out->origin = CONTEXT_FROM_ENVIRONMENT;
        given = context_environment();
    }
    if (!given) {
        const enum exit_code code = context_store_current(store, out->name, failure);
        out->origin = out->name[0] != '\0' ? CONTEXT_FROM_FILE : CONTEXT_FROM_NOTHING;
        return code;
    }
    if (is_local(given)) {
        return EXIT_DONE;
    }
    if (!context_name_is_sound(given)) {
        return refuse_name(out, given, failure);
    }
    memcpy(out->name, given, strlen(given) + 1);
    return EXIT_DONE;
}

/* Whoever asks for the local gateway by name gets it, whatever became of the contexts. */
static bool is_local_by_name(const struct cli *cli)
{
    const char *given = arguments_value(&cli->args, OPT_CONTEXT);
    given = given ? given : context_environment();
    return given && is_local(given);
}

enum exit_code context_choose(struct cli *cli, bool must_exist, struct failure *failure)
{
    struct context_store store;
    struct context *context = &cli->context;
    memset(context, 0, sizeof *context);
    enum exit_code code = context_store_open(cli->data_dir, false, &store, failure);
    if (code) {
        context->has_others = true;
        return is_local_by_name(cli) ? EXIT_DONE : code;
    }
    context->has_others = store.fd >= 0;
    code = find_name(cli, &store, context, failure);
    if (!code && context->name[0] != '\0') {
        if (must_exist && !context_store_has(&store, context->name)) {
            code = refuse_missing(context, failure);
        } else if (!context_store_path(&store, context->name, context->path)) {
            code = failure_set(failure, EXIT_USAGE, "%.100s...: too long", store.path);
        }
    }
    context_store_close(&store);
    return code;
}

/* ---- commands that act on this machine ------------------------------------------------------- */

static enum exit_code refuse_remote(const struct cli *cli, const char *call,
                                    struct failure *failure)
{
    const struct context *context = &cli->context;
    failure_set(failure, EXIT_USAGE,
                "%s acts on this machine alone, and the context %s is in force (%s); nothing was "
                "done",
                call, context->name, context_origin_text(context->origin));
    failure_advise(failure, "for this machine:       openclaw --context %s %s ...", CONTEXT_LOCAL,
                   call);
    failure_advise(failure, "for the gateway of %s:  log in to its machine, and run it there",
                   context->name);
    return failure->code;
}

enum exit_code context_prepare(struct cli *cli, enum command_target target, const char *call,
                               struct failure *failure)
{
    const bool is_given = arguments_has(&cli->args, OPT_CONTEXT);
    if (target == TARGET_CHOSEN || (target == TARGET_NONE && !is_given)) {
        return EXIT_DONE;
    }
    enum exit_code code = context_choose(cli, target == TARGET_GATEWAY, failure);
    if (target == TARGET_HERE_TOLD && code && !is_given) {
        return EXIT_DONE; /* a broken context must not keep a gateway from starting */
    }
    if (code || target == TARGET_GATEWAY || !context_is_remote(cli)) {
        return code;
    }
    if (target == TARGET_HERE_TOLD && !is_given) {
        terminal_say(cli->terminal,
                     "openclaw: note: %s is about this machine; the context %s is left out", call,
                     cli->context.name);
        cli->context.name[0] = '\0';
        return EXIT_DONE;
    }
    return refuse_remote(cli, call, failure);
}

/* ---- telling of it --------------------------------------------------------------------------- */

bool context_facts(const struct cli *cli, struct oc_bundle_facts *out)
{
    struct oc_bundle *bundle = NULL;
    struct oc_error err;
    if (!context_is_remote(cli) || oc_bundle_read(cli->context.path, &bundle, &err)) {
        return false;
    }
    oc_bundle_get_facts(bundle, out);
    oc_bundle_free(bundle);
    return true;
}

void context_say_where(const struct cli *cli)
{
    struct oc_bundle_facts facts;
    if (!context_is_remote(cli)) {
        if (cli->context.has_others) {
            terminal_say(cli->terminal, "Gateway: that of this machine.");
        }
    } else if (context_facts(cli, &facts)) {
        terminal_say(cli->terminal, "Gateway: %s, context %s, as administrator %s.",
                     facts.gateway_url, cli->context.name, facts.name);
    } else {
        terminal_say(cli->terminal, "Gateway: that of the context %s.", cli->context.name);
    }
}

static void advise_certificate(struct failure *failure, const struct cli *cli,
                               const struct oc_bundle_facts *facts)
{
    char ends[MOMENT_BYTES];
    moment_format(facts->not_after_ms, ends);
    failure_advise(failure, "this is context %s: the certificate of administrator %s, until %s",
                   cli->context.name, facts->name, ends);
    if (strcmp(failure->cause, "certificate_unknown") == 0) {
        failure_advise(failure,
                       "if it was signed with --offline, register it there:  openclaw pki issue %s "
                       "--role %s --register %s.crt",
                       facts->name, oc_administrator_role_name(facts->role), facts->name);
    }
}

static void advise_role(struct failure *failure, const struct cli *cli,
                        const struct oc_bundle_facts *facts)
{
    failure_advise(failure, "this is context %s: administrator %s, issued as %s", cli->context.name,
                   facts->name, oc_administrator_role_name(facts->role));
    failure_advise(failure, "another role, by who has the role admin:  openclaw pki role %s ROLE",
                   facts->name);
}

void context_advise(struct failure *failure, const struct cli *cli, enum oc_status status)
{
    struct oc_bundle_facts facts;
    if (!context_is_remote(cli) || !context_facts(cli, &facts)) {
        return;
    }
    switch (status) {
    case OC_UNAUTHENTICATED:
        if (strcmp(failure->cause, "pin_mismatch") == 0) {
            failure_advise(failure,
                           "if the gateway was given another key, ask for a new bundle; "
                           "if not, somebody else answers at %s",
                           facts.gateway_url);
        } else {
            advise_certificate(failure, cli, &facts);
        }
        break;
    case OC_PERMISSION_DENIED:
        advise_role(failure, cli, &facts);
        break;
    case OC_UNAVAILABLE:
    case OC_DEADLINE_EXCEEDED:
        failure_advise(failure,
                       "the gateway of context %s is at %s: is it up, and can this "
                       "machine reach it?",
                       cli->context.name, facts.gateway_url);
        break;
    default:
        break;
    }
}
