/*
 * openclaw pki init: the one authority that signs administrators' certificates. Its key lies in the
 * gateway's directory, or in one of its own, on a machine without a network (--offline).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/administrator_view.h"
#include "cli/memory.h"
#include "cli/pki.h"
#include "cli/select.h"

enum {
    PATH_BYTES = 4096,
};

static const char certificate_name[] = "admin-ca.crt";
static const char ca_label[] = "openclaw admin CA";

/* ---- what is printed ------------------------------------------------------------------------- */

static void write_pki(struct writer *writer, const void *item)
{
    const struct oc_admin_pki *pki = item;
    char digest[PIN_TEXT_BYTES];
    pin_format(&pki->sha256, digest);
    writer_begin_object(writer);
    writer_text_or_null(writer, "ca", digest);
    writer_key(writer, "can_sign");
    writer_bool(writer, pki->can_sign);
    writer_time_or_null(writer, "ends_at", pki->not_after_ms);
    writer_text_or_null(writer, "admin_address", pki->admin_url);
    writer_key(writer, "revoked");
    writer_uint(writer, pki->n_revoked);
    writer_end_object(writer);
}

static void name_pki(const void *item, char out[OUTPUT_NAME_BYTES])
{
    const struct oc_admin_pki *pki = item;
    char digest[PIN_TEXT_BYTES];
    pin_format(&pki->sha256, digest);
    (void)snprintf(out, OUTPUT_NAME_BYTES, "%s", digest);
}

static const struct item_kind pki_kind = {.write = write_pki, .name = name_pki};

static void print_pki(const struct cli *cli, const struct oc_admin_pki *pki)
{
    char digest[PIN_TEXT_BYTES];
    char ends[MOMENT_BYTES];
    if (!output_item(&cli->output, &pki_kind, pki)) {
        FILE *out = cli->terminal->out;
        pin_format(&pki->sha256, digest);
        moment_format(pki->not_after_ms, ends);
        output_fact(out, "admin CA", digest);
        output_fact(out, "until", ends);
        output_fact(out, "its key",
                    pki->can_sign ? "in this gateway's directory, admin-ca.pem"
                                  : "is kept elsewhere: this gateway has the certificate alone");
        output_fact(out, "admin door",
                    pki->admin_url[0] != '\0' ? pki->admin_url : "shut: see below");
    }
    (void)fflush(cli->terminal->out);
    if (pki->n_revoked > 0) {
        terminal_say(cli->terminal,
                     "openclaw: warning: %u administrator%s lost their certificates; issue new "
                     "ones",
                     (unsigned)pki->n_revoked, pki->n_revoked == 1 ? "" : "s");
    }
    if (pki->admin_url[0] == '\0') {
        terminal_say(cli->terminal, "openclaw: warning: listen.admin is not configured; in "
                                    "gateway.yaml, among what stands under listen:");
        terminal_say(cli->terminal, "  %s   then start the gateway again", PKI_LISTEN_ADMIN);
    }
    terminal_say(cli->terminal, "next:  openclaw pki issue NAME --role admin%s",
                 pki->can_sign ? "" : " --offline DIR");
}

/* ---- the gateway's part ---------------------------------------------------------------------- */

static enum exit_code confirm_replacing(const struct cli *cli, struct failure *failure)
{
    if (!arguments_has(&cli->args, OPT_REPLACE) || cli->assumes_yes) {
        return EXIT_DONE;
    }
    if (!cli->terminal->is_interactive) {
        const char *offline = arguments_value(&cli->args, OPT_OFFLINE);
        failure_set(failure, EXIT_USAGE, "without a terminal, --replace needs --yes");
        failure_advise(failure, "openclaw pki init --replace --yes%s%.200s",
                       offline ? " --offline " : "", offline ? offline : "");
        return failure->code;
    }
    context_say_where(cli);
    return confirm(cli->terminal, "Replace the admin CA? Every certificate it signed is void at "
                                  "once, and nobody gets in from afar. [y/N] ")
               ? EXIT_DONE
               : failure_set(failure, EXIT_USAGE, "not confirmed; nothing was changed");
}

static enum exit_code init_gateway(struct cli *cli, const struct oc_der *ca,
                                   struct oc_admin_pki *out, struct failure *failure)
{
    struct oc_error err;
    const struct oc_admin_pki_order order = {
        .ca = ca,
        .replaces = arguments_has(&cli->args, OPT_REPLACE),
        .reason = arguments_value(&cli->args, OPT_REASON),
    };
    enum exit_code code = confirm_replacing(cli, failure);
    code = code ? code : call_open(cli, failure);
    if (code) {
        return code;
    }
    const enum oc_status status = oc_admin_pki_init(cli->client, &order, out, &err);
    if (!status) {
        return EXIT_DONE;
    }
    code = decision_failure(failure, cli, "cannot set up the admin CA", status, &err);
    if (status == OC_ALREADY_EXISTS) {
        (void)snprintf(failure->text, sizeof failure->text,
                       "this gateway has an admin CA already; nothing was changed");
        failure_advise(failure, "look at it:  openclaw pki list");
        failure_advise(failure, "in its place, all that it signed being void:  openclaw pki init "
                                "--replace");
    }
    return code;
}

/* ---- a CA elsewhere -------------------------------------------------------------------------- */

static enum exit_code write_certificate(const char *dir, const struct oc_der *ca,
                                        char path[PATH_BYTES], struct failure *failure)
{
    struct oc_error err;
    const int n = snprintf(path, PATH_BYTES, "%s/%s", dir, certificate_name);
    if (n < 0 || n >= PATH_BYTES) {
        return failure_set(failure, EXIT_USAGE, "--offline %.100s...: too long", dir);
    }
    const enum oc_status status = oc_der_write(ca, path, &err);
    return status && status != OC_ALREADY_EXISTS
               ? library_failure(failure, status, &err, "cannot write the CA's certificate")
               : EXIT_DONE;
}

/* The certificate of the CA in the directory, which is made unless it is there; or of the file. */
static enum exit_code find_ca(const char *where, struct oc_der *out, bool *is_new,
                              struct failure *failure)
{
    struct stat facts;
    struct oc_error err;
    enum oc_status status = OC_OK;
    *is_new = false;
    if (stat(where, &facts) == 0 && S_ISREG(facts.st_mode)) {
        status = oc_der_read(where, out, &err);
    } else {
        status = oc_offline_ca_certificate(where, out, &err);
        if (status == OC_NOT_FOUND) {
            *is_new = true;
            status = oc_offline_ca_create(where, ca_label, out, &err);
        }
    }
    return status ? library_failure(failure, status, &err, "no CA") : EXIT_DONE;
}

static void tell_made(const struct cli *cli, const char *dir, const char *path)
{
    (void)fprintf(cli->terminal->out, "made a CA in %s\n", dir);
    (void)fflush(cli->terminal->out);
    terminal_say(cli->terminal, "%s/admin-ca.pem is its key: whoever has it makes administrators.",
                 dir);
    terminal_say(cli->terminal,
                 "%s is no secret. Carry it to the gateway's machine, and there:", path);
    terminal_say(cli->terminal, "  openclaw pki init --offline %s", certificate_name);
}

/* There was nothing to make, and nobody to tell. */
static void advise_carrying(const char *dir, struct failure *failure)
{
    failure->hint[0] = '\0'; /* how to start a gateway here */
    failure_advise(failure,
                   "there is a CA in %.400s already; carry %.400s/%s to the gateway's machine, "
                   "and there:",
                   dir, dir, certificate_name);
    failure_advise(failure, "openclaw pki init --offline %s", certificate_name);
}

static bool is_directory(const char *where)
{
    struct stat facts;
    return stat(where, &facts) == 0 && S_ISDIR(facts.st_mode);
}

static enum exit_code init_offline(struct cli *cli, const char *where, struct oc_admin_pki *pki,
                                   bool *is_told, struct failure *failure)
{
    char path[PATH_BYTES] = "";
    bool is_new = false;
    struct oc_der *ca = memory_zeroed(1, sizeof *ca);
    enum exit_code code = find_ca(where, ca, &is_new, failure);
    if (!code && is_new) {
        code = write_certificate(where, ca, path, failure);
    }
    /* Where a CA was made there need be no gateway; where there is one, it is told. */
    if (!code && is_new && context_is_remote(cli)) {
        *is_told = true;
    } else if (!code) {
        code = context_prepare(cli, TARGET_HERE, "pki init", failure);
        code = code ? code : init_gateway(cli, ca, pki, failure);
        *is_told = is_new && code == EXIT_UNAVAILABLE;
        code = *is_told ? EXIT_DONE : code;
        if (code && failure->is_absent && is_directory(where)) {
            advise_carrying(where, failure);
        }
    }
    if (*is_told) {
        tell_made(cli, where, path);
    }
    free(ca);
    return code;
}

/* ---- the command ----------------------------------------------------------------------------- */

enum exit_code pki_run_init(struct cli *cli)
{
    const char *offline = arguments_value(&cli->args, OPT_OFFLINE);
    struct failure failure;
    bool is_told = false;
    enum exit_code code = offline ? context_choose(cli, false, &failure)
                                  : context_prepare(cli, TARGET_HERE, "pki init", &failure);
    struct oc_admin_pki *pki = memory_zeroed(1, sizeof *pki);
    if (!code) {
        code = offline ? init_offline(cli, offline, pki, &is_told, &failure)
                       : init_gateway(cli, NULL, pki, &failure);
    }
    if (code) {
        (void)failure_say(cli->terminal, &failure);
    } else if (!is_told) {
        print_pki(cli, pki);
    }
    free(pki);
    return code;
}
