/*
 * openclaw pki renew: a further certificate, of a fresh key. One's own takes the place of the old
 * one in its bundle, which is read by the next command; that of others goes into a file of its own.
 */
#include <openclaw/administrators.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/memory.h"
#include "cli/pki.h"

enum {
    PATH_BYTES = 4096,
};

static enum exit_code call_renew(struct cli *cli, struct making *making, struct made *made,
                                 const char *name, struct failure *failure)
{
    struct oc_error err;
    const enum oc_status status =
        oc_admin_renew_administrator(cli->client, &making->order, &made->issued, &err);
    enum exit_code code =
        status ? change_failure(failure, cli, "cannot renew", name, status, &err) : EXIT_DONE;
    return code ? code : making_complete(making, &made->issued, failure);
}

/* ---- one's own ------------------------------------------------------------------------------- */

static enum exit_code read_facts(const char *path, struct oc_bundle_facts *out,
                                 struct failure *failure)
{
    struct oc_bundle *bundle = NULL;
    struct oc_error err;
    const enum oc_status status = oc_bundle_read(path, &bundle, &err);
    if (status) {
        return library_failure(failure, status, &err, "the bundle cannot be used");
    }
    oc_bundle_get_facts(bundle, out);
    oc_bundle_free(bundle);
    return EXIT_DONE;
}

/* With the certificate in the bundle at `path`, for that bundle. */
static enum exit_code renew_own(struct cli *cli, const char *path, struct making *making,
                                struct made *made, struct failure *failure)
{
    struct oc_bundle_facts before;
    struct oc_error err;
    enum exit_code code = read_facts(path, &before, failure);
    if (code) {
        return code;
    }
    code = call_open_bundle(cli, path, failure);
    code = code ? code : making_check_ca(cli, making, failure);
    code = code ? code : making_draft(cli, before.name, making, failure);
    if (code) {
        return code;
    }
    memcpy(making->url, before.gateway_url, sizeof making->url);
    making->order.gateway_url = making->url;
    code = call_renew(cli, making, made, before.name, failure);
    if (code) {
        return code;
    }
    const enum oc_status status = oc_bundle_replace(making->draft, path, &err);
    if (status) {
        code = library_failure(failure, status, &err, "the new certificate cannot be written");
        failure_advise(failure, "the old one is as it was; try again");
        return code;
    }
    oc_bundle_get_facts(making->draft, &made->facts);
    made->path = path;
    return EXIT_DONE;
}

/* ---- another's ------------------------------------------------------------------------------- */

static enum exit_code renew_named(struct cli *cli, const char *name, struct making *making,
                                  struct made *made, struct failure *failure)
{
    struct oc_error err;
    making->order.name = name;
    enum exit_code code = making_check_ca(cli, making, failure);
    code = code ? code : making_find_url(cli, making, failure);
    code = code ? code : making_draft(cli, name, making, failure);
    code = code ? code : making_write_draft(making, made->path, failure);
    if (code) {
        return code;
    }
    making->order.gateway_url = making->url;
    code = call_renew(cli, making, made, name, failure);
    if (!code) {
        const enum oc_status status = oc_bundle_replace(making->draft, made->path, &err);
        code =
            status ? library_failure(failure, status, &err, "cannot write the bundle") : EXIT_DONE;
    }
    if (code) {
        (void)unlink(made->path);
    }
    oc_bundle_get_facts(making->draft, &made->facts);
    return code;
}

/* Revoking the old certificate alone would take the new one along: it was renewed with it. */
static void tell_what_follows(const struct cli *cli, const struct made *made)
{
    const char *name = made->facts.name;
    struct oc_bundle_facts facts;
    const bool is_own =
        cli->args.n_words == 0 || (context_facts(cli, &facts) && strcmp(facts.name, name) == 0);
    (void)fflush(cli->terminal->out);
    terminal_say(
        cli->terminal,
        "The certificate before is valid until its end. If its key may be known to others, "
        "all of %s's must go;%s:",
        name,
        is_own
            ? " another administrator with the role admin, or root on the gateway's machine, runs"
            : " run");
    terminal_say(cli->terminal, "  openclaw pki revoke %s", name);
    terminal_say(cli->terminal, "  openclaw pki issue %s --role %s%s", name,
                 oc_administrator_role_name(made->facts.role),
                 arguments_has(&cli->args, OPT_OFFLINE) ? " --offline DIR" : "");
}

/* ---- the command ----------------------------------------------------------------------------- */

static enum exit_code choose_way(struct cli *cli, struct making *making, struct made *made,
                                 char path[PATH_BYTES], struct failure *failure)
{
    const char *name = cli->args.n_words > 0 ? cli->args.words[0] : NULL;
    const char *bundle = arguments_value(&cli->args, OPT_BUNDLE);
    const char *out = arguments_value(&cli->args, OPT_OUT);
    if (name && bundle) {
        return failure_set(failure, EXIT_USAGE,
                           "renew NAME makes a new bundle, --bundle renews "
                           "the one there is: give one of them");
    }
    if (out && !name) {
        return failure_set(failure, EXIT_USAGE,
                           "--out goes with a NAME; one's own certificate is "
                           "renewed in its place");
    }
    if (name) {
        (void)snprintf(path, PATH_BYTES, "%.100s.bundle", name);
        made->path = out ? out : path;
        return renew_named(cli, name, making, made, failure);
    }
    if (!bundle && !context_is_remote(cli)) {
        failure_set(failure, EXIT_USAGE, "whose certificate? No context is in force");
        failure_advise(failure, "one's own:   openclaw --context NAME pki renew   (or --bundle "
                                "FILE)");
        failure_advise(failure, "another's:   openclaw pki renew NAME");
        return failure->code;
    }
    return renew_own(cli, bundle ? bundle : cli->context.path, making, made, failure);
}

enum exit_code pki_run_renew(struct cli *cli)
{
    char path[PATH_BYTES];
    struct failure failure;
    struct making *making = memory_zeroed(1, sizeof *making);
    struct made *made = memory_zeroed(1, sizeof *made);
    /* A bundle that is named says by itself which gateway is meant. */
    const bool is_by_bundle = arguments_has(&cli->args, OPT_BUNDLE);
    enum exit_code code = is_by_bundle ? EXIT_DONE : context_choose(cli, true, &failure);
    code = code ? code : making_read_options(cli, making, &failure);
    code = code ? code : choose_way(cli, making, made, path, &failure);
    if (code) {
        (void)failure_say(cli->terminal, &failure);
    } else {
        made_print(cli, made);
        tell_what_follows(cli, made);
    }
    making_free(making);
    free(made);
    return code;
}
