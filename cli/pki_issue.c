/*
 * openclaw pki issue: an administrator's certificate, and the bundle that is carried to them. The
 * key is made here and lies in the bundle alone; it is on the disk before the gateway is asked, so
 * that no certificate is issued for a key that is lost.
 */
#include <openclaw/administrators.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/administrator_view.h"
#include "cli/escape.h"
#include "cli/memory.h"
#include "cli/pki.h"
#include "cli/values.h"

enum {
    PATH_BYTES = 4096,
};

static const int64_t LEAST_TTL_MS = INT64_C(60) * 1000;
static const int64_t MOST_TTL_MS = INT64_C(398) * 24 * 3600 * 1000;

enum exit_code library_failure(struct failure *failure, enum oc_status status,
                               const struct oc_error *err, const char *doing)
{
    return failure_set(failure, exit_code_of(status), "%s: %s", doing,
                       err->text[0] != '\0' ? err->text : oc_status_name(status));
}

/* ---- who signs --------------------------------------------------------------------------------
 */

static enum exit_code load_pki(struct cli *cli, struct oc_admin_pki *out, struct failure *failure)
{
    struct oc_error err;
    enum exit_code code = call_open(cli, failure);
    if (code) {
        return code;
    }
    struct oc_administrator *item = memory_zeroed(1, sizeof *item);
    struct oc_administrator_page *page = memory_zeroed(1, sizeof *page);
    page->items = item;
    page->cap = 1;
    const enum oc_status status = oc_admin_list_administrators(cli->client, "", page, &err);
    if (status) {
        code = call_failure(failure, cli, "cannot ask who signs", status, &err);
    } else {
        *out = page->pki;
    }
    free(page);
    free(item);
    return code;
}

enum exit_code making_check_ca(struct cli *cli, struct making *making, struct failure *failure)
{
    const bool brings =
        arguments_has(&cli->args, OPT_OFFLINE) || arguments_has(&cli->args, OPT_REGISTER);
    enum exit_code code = load_pki(cli, &making->pki, failure);
    if (code) {
        return code;
    }
    if (!making->pki.is_there) {
        failure_set(failure, EXIT_FAILED, "this gateway has no admin CA yet");
        failure_advise(failure, "on the gateway's machine:  openclaw pki init");
    } else if (!making->pki.can_sign && !brings) {
        failure_set(failure, EXIT_FAILED, "the key of this gateway's admin CA is kept elsewhere");
        failure_advise(failure, "where it is, name its directory:  --offline DIR");
        if (making->order.name) {
            failure_advise(failure, "a certificate that it signed:     --register %s.crt",
                           making->order.name);
        }
    } else if (making->pki.can_sign && brings) {
        failure_set(failure, EXIT_FAILED, "this gateway's own admin CA signs");
        failure_advise(failure, "leave out --offline and --register");
    } else {
        return EXIT_DONE;
    }
    return failure->code;
}

/* ---- making ---------------------------------------------------------------------------------- */

void making_free(struct making *making)
{
    if (making) {
        oc_bundle_free(making->draft);
        free(making);
    }
}

enum exit_code making_read_options(const struct cli *cli, struct making *making,
                                   struct failure *failure)
{
    const char *ttl = arguments_value(&cli->args, OPT_TTL);
    const char *reason = arguments_value(&cli->args, OPT_REASON);
    if (ttl && (!duration_parse(ttl, &making->order.ttl_ms) ||
                making->order.ttl_ms < LEAST_TTL_MS || making->order.ttl_ms > MOST_TTL_MS)) {
        return failure_set(failure, EXIT_USAGE, "--ttl %.40s: give a time from 1m to 398d", ttl);
    }
    if (reason && strlen(reason) > OC_MAX_REASON_BYTES) {
        return failure_set(failure, EXIT_USAGE, "--reason: at most %d bytes", OC_MAX_REASON_BYTES);
    }
    making->order.reason = reason;
    return EXIT_DONE;
}

static enum exit_code refuse_name(const char *name, struct failure *failure)
{
    return failure_set(failure, EXIT_USAGE,
                       "%.80s: no name for an administrator: a letter, then a-z 0-9 . _ -, at most "
                       "%d",
                       name[0] != '\0' ? name : "\"\"", OC_MAX_ADMINISTRATOR_NAME_BYTES);
}

static enum exit_code sign_offline(const char *dir, const char *name, struct making *making,
                                   struct failure *failure)
{
    struct oc_error err;
    enum oc_status status = oc_bundle_make_csr(making->draft, &making->csr, &err);
    if (!status) {
        status = oc_offline_ca_issue(dir, name, &making->csr, making->order.ttl_ms,
                                     &making->certificate, &err);
    }
    if (status) {
        return library_failure(failure, status, &err, "cannot sign");
    }
    making->order.certificate = &making->certificate;
    making->order.ttl_ms = 0; /* it is in the certificate */
    return EXIT_DONE;
}

enum exit_code making_draft(const struct cli *cli, const char *name, struct making *making,
                            struct failure *failure)
{
    const char *offline = arguments_value(&cli->args, OPT_OFFLINE);
    struct oc_error err;
    const enum oc_status status = oc_bundle_draft(name, &making->draft, &err);
    if (status == OC_INVALID_ARGUMENT) {
        return refuse_name(name, failure);
    }
    if (status) {
        return library_failure(failure, status, &err, "cannot make a key");
    }
    if (offline) {
        return sign_offline(offline, name, making, failure);
    }
    making->order.draft = making->draft;
    return EXIT_DONE;
}

enum exit_code making_complete(struct making *making, const struct oc_issued *issued,
                               struct failure *failure)
{
    const struct oc_bundle_parts parts = {
        .certificate = &making->certificate,
        .ca = &issued->ca,
        .role = issued->administrator.role,
        .gateway_url = making->url,
        .pin = issued->pin,
    };
    struct oc_error err;
    const enum oc_status status =
        making->order.certificate ? oc_bundle_complete(making->draft, &parts, &err) : OC_OK;
    return status ? library_failure(failure, status, &err, "cannot make the bundle") : EXIT_DONE;
}

/* ---- printing -------------------------------------------------------------------------------- */

static void write_made(struct writer *writer, const void *item)
{
    const struct made *made = item;
    char certificate[PIN_TEXT_BYTES] = "";
    char pin[PIN_TEXT_BYTES];
    pin_format(&made->facts.certificate_sha256, certificate);
    pin_format(&made->facts.pin, pin);
    writer_begin_object(writer);
    writer_key(writer, "administrator");
    if (made->issued.administrator.name[0] != '\0') {
        administrator_write(writer, &made->issued.administrator);
    } else {
        writer_null(writer);
    }
    writer_text_or_null(writer, "certificate", certificate);
    writer_time_or_null(writer, "ends_at", made->facts.not_after_ms);
    writer_text_or_null(writer, "gateway", made->facts.gateway_url);
    writer_text_or_null(writer, "pin", pin);
    writer_text_or_null(writer, "bundle", made->path ? made->path : "");
    writer_end_object(writer);
}

static void name_made(const void *item, char out[OUTPUT_NAME_BYTES])
{
    const struct made *made = item;
    escape_for_terminal(made->facts.name, out, OUTPUT_NAME_BYTES);
}

static const struct item_kind made_kind = {.write = write_made, .name = name_made};

static void print_text(const struct cli *cli, const char *label, const char *text)
{
    char safe[CELL_BYTES];
    escape_for_terminal(text, safe, sizeof safe);
    output_fact(cli->terminal->out, label, safe);
}

void made_print(const struct cli *cli, const struct made *made)
{
    const struct oc_bundle_facts *facts = &made->facts;
    char text[CELL_BYTES];
    char ends[MOMENT_BYTES];
    char pin[PIN_TEXT_BYTES];
    if (output_item(&cli->output, &made_kind, made)) {
        return;
    }
    (void)snprintf(text, sizeof text, "%s, %s", facts->name,
                   oc_administrator_role_name(facts->role));
    print_text(cli, "who", text);
    moment_format(facts->not_after_ms, ends);
    print_text(cli, "until", ends);
    pin_format(&facts->certificate_sha256, pin);
    print_text(cli, "cert", pin);
    print_text(cli, "gateway", facts->gateway_url);
    pin_format(&facts->pin, pin);
    print_text(cli, "pin", facts->gateway_url[0] != '\0' ? pin : "");
    print_text(cli, "bundle", made->path ? made->path : "");
}

/* ---- the command ----------------------------------------------------------------------------- */

/* Facts of what was registered without a bundle. */
static void take_facts(struct made *made)
{
    const struct oc_administrator *administrator = &made->issued.administrator;
    memcpy(made->facts.name, administrator->name, sizeof made->facts.name);
    made->facts.role = administrator->role;
    if (administrator->n_certificates > 0) {
        made->facts.certificate_sha256 = administrator->certificates[0].sha256;
        made->facts.not_after_ms = administrator->certificates[0].not_after_ms;
    }
}

enum exit_code change_failure(struct failure *failure, const struct cli *cli, const char *doing,
                              const char *name, enum oc_status status, const struct oc_error *err)
{
    /* The gateway's phrases are about devices. `says` follows the name, as `after` does. */
    static const struct {
        const char *cause;
        const char *says;
        const char *before, *after;
    } table[] = {
        {"exists", "is there, with another role", "to give another role:  openclaw pki role ",
         " ROLE"},
        {"is_revoked", "is revoked", "to let them in again:  openclaw pki issue ", " --role ROLE"},
        {"too_many", "has as many certificates as one may have",
         "revoke one of the certificates of ", ":  openclaw pki list -o json"},
        {"not_known", "is no administrator here", "see who there is instead of ",
         ":  openclaw pki list"},
        {"is_quarantined", "has a record that is not as the gateway wrote it",
         "look into who changed it, then:  openclaw pki revoke ", ""},
    };
    (void)decision_failure(failure, cli, doing, status, err);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(err->cause, table[i].cause) == 0) {
            if (!err->is_not_durable && !err->is_outcome_unknown) {
                (void)snprintf(failure->text, sizeof failure->text, "%s: %.80s %s", doing, name,
                               table[i].says);
            }
            failure_advise(failure, "%s%.80s%s", table[i].before, name, table[i].after);
        }
    }
    return failure->code;
}

static enum exit_code call_issue(struct cli *cli, struct making *making, struct made *made,
                                 struct failure *failure)
{
    struct oc_error err;
    const enum oc_status status =
        oc_admin_issue_administrator(cli->client, &making->order, &made->issued, &err);
    return status ? change_failure(failure, cli, "cannot issue", making->order.name, status, &err)
                  : EXIT_DONE;
}

static enum exit_code register_only(struct cli *cli, struct making *making, struct made *made,
                                    struct failure *failure)
{
    struct oc_error err;
    const enum oc_status status =
        oc_der_read(arguments_value(&cli->args, OPT_REGISTER), &making->certificate, &err);
    if (status) {
        return library_failure(failure, status, &err, "cannot read the certificate");
    }
    making->order.certificate = &making->certificate;
    making->order.ttl_ms = 0;
    enum exit_code code = making_check_ca(cli, making, failure);
    if (code) {
        return code;
    }
    code = call_issue(cli, making, made, failure);
    if (!code) {
        take_facts(made);
    } else if (code == EXIT_USAGE) {
        failure_advise(failure,
                       "is it %.80s's, valid, and signed by this gateway's admin CA?  openclaw pki "
                       "list; openssl x509 -in %.200s -noout -subject -issuer -dates",
                       making->order.name, arguments_value(&cli->args, OPT_REGISTER));
    }
    return code;
}

/* Where the CA's key is there need be no network: the certificate is registered later. */
static enum exit_code complete_unregistered(struct cli *cli, struct making *making,
                                            struct made *made, struct failure *failure)
{
    const char *dir = arguments_value(&cli->args, OPT_OFFLINE);
    struct oc_error err;
    char path[PATH_BYTES];
    if (!pin_parse(arguments_value(&cli->args, OPT_PIN), &made->issued.pin)) {
        return failure_set(failure, EXIT_USAGE,
                           "--pin: give sha256: and 64 hex digits, as "
                           "`openclaw gateway info` shows it");
    }
    enum oc_status status = oc_offline_ca_certificate(dir, &made->issued.ca, &err);
    const int n = snprintf(path, sizeof path, "%s.crt", making->order.name);
    if (!status && n > 0) {
        status = oc_der_write(&making->certificate, path, &err);
    }
    if (status) {
        return library_failure(failure, status, &err, "cannot write the certificate");
    }
    made->issued.administrator.role = making->order.role;
    const enum exit_code code = making_complete(making, &made->issued, failure);
    if (!code) {
        terminal_say(cli->terminal,
                     "next, on the gateway's machine:  openclaw pki issue %s --role %s --register "
                     "%s",
                     making->order.name, oc_administrator_role_name(making->order.role), path);
    }
    return code;
}

/* From a draft on the disk to a bundle. */
static enum exit_code fill(struct cli *cli, struct making *making, struct made *made,
                           struct failure *failure)
{
    struct oc_error err;
    making->order.gateway_url = making->url;
    enum exit_code code = EXIT_DONE;
    if (arguments_has(&cli->args, OPT_PIN)) {
        code = complete_unregistered(cli, making, made, failure);
    } else {
        code = call_issue(cli, making, made, failure);
        code = code ? code : making_complete(making, &made->issued, failure);
    }
    if (code) {
        return code;
    }
    const enum oc_status status = oc_bundle_replace(making->draft, made->path, &err);
    if (status) {
        char hex[PIN_TEXT_BYTES];
        oc_bundle_get_facts(making->draft, &made->facts);
        pin_format(&made->facts.certificate_sha256, hex);
        code = library_failure(failure, status, &err,
                               "the certificate is issued, and its bundle "
                               "cannot be written");
        failure_advise(failure,
                       "make the certificate void, and begin anew:  openclaw pki revoke "
                       "%s --yes",
                       hex);
        return code;
    }
    oc_bundle_get_facts(making->draft, &made->facts);
    return EXIT_DONE;
}

enum exit_code making_write_draft(const struct making *making, const char *path,
                                  struct failure *failure)
{
    struct oc_error err;
    const enum oc_status status = oc_bundle_write(making->draft, path, &err);
    if (status == OC_ALREADY_EXISTS) {
        failure_set(failure, EXIT_CONFLICT, "%.900s is there already, and is never written over",
                    path);
        failure_advise(failure, "name another file with --out, or move that one away");
        return failure->code;
    }
    return status ? library_failure(failure, status, &err, "cannot write the bundle") : EXIT_DONE;
}

/* Where the CA's key is, no gateway need be reached. */
static void advise_unreached(const struct cli *cli, const struct making *making,
                             struct failure *failure)
{
    if (failure->is_absent) {
        failure->hint[0] = '\0'; /* how to start a gateway here */
    }
    failure_advise(failure, "without one, say where its admin door is, and the pin that  openclaw "
                            "gateway info  shows on its machine:");
    failure_advise(
        failure,
        "openclaw pki issue %s --role %s --offline %.200s --gateway tls+tcp://HOST:18790 "
        "--pin sha256:HEX",
        making->order.name, oc_administrator_role_name(making->order.role),
        arguments_value(&cli->args, OPT_OFFLINE));
}

static enum exit_code issue(struct cli *cli, struct making *making, struct made *made,
                            struct failure *failure)
{
    enum exit_code code = EXIT_DONE;
    if (!arguments_has(&cli->args, OPT_PIN)) {
        code = making_check_ca(cli, making, failure);
        if (code == EXIT_UNAVAILABLE && arguments_has(&cli->args, OPT_OFFLINE)) {
            advise_unreached(cli, making, failure);
        }
    }
    if (!code) {
        code = making_find_url(cli, making, failure);
    }
    if (!code) {
        code = making_draft(cli, making->order.name, making, failure);
    }
    if (!code) {
        code = making_write_draft(making, made->path, failure);
    }
    if (code) {
        return code;
    }
    code = fill(cli, making, made, failure);
    if (code) {
        (void)unlink(made->path); /* the draft: its key is of no use */
    }
    return code;
}

/* Before any gateway is asked. The library knows which names are some. */
static enum exit_code check_name(const char *name, struct failure *failure)
{
    struct oc_bundle *scratch = NULL;
    struct oc_error err;
    const enum oc_status status = oc_bundle_draft(name, &scratch, &err);
    oc_bundle_free(scratch);
    return status == OC_INVALID_ARGUMENT ? refuse_name(name, failure) : EXIT_DONE;
}

static enum exit_code check_options(const struct cli *cli, struct making *making,
                                    struct failure *failure)
{
    const struct arguments *args = &cli->args;
    const char *role = arguments_value(args, OPT_ROLE);
    if (!role || !oc_administrator_role_parse(role, &making->order.role)) {
        return failure_set(failure, EXIT_USAGE,
                           "%s%.40s%sgive --role viewer (look), approver (decide about devices) or "
                           "admin (everything)",
                           role ? "--role " : "", role ? role : "", role ? ": " : "");
    }
    if (arguments_has(args, OPT_REGISTER) &&
        (arguments_has(args, OPT_OUT) || arguments_has(args, OPT_OFFLINE) ||
         arguments_has(args, OPT_PIN))) {
        return failure_set(failure, EXIT_USAGE,
                           "--register takes a certificate that is made: "
                           "--offline, --pin and --out do not go with it");
    }
    if (arguments_has(args, OPT_PIN) &&
        (!arguments_has(args, OPT_OFFLINE) || !arguments_has(args, OPT_GATEWAY))) {
        return failure_set(failure, EXIT_USAGE,
                           "--pin is for --offline away from the gateway, and "
                           "needs its address too: --gateway");
    }
    const enum exit_code code = check_name(making->order.name, failure);
    return code ? code : making_read_options(cli, making, failure);
}

static void tell_what_follows(const struct cli *cli, const struct made *made)
{
    (void)fflush(cli->terminal->out);
    if (made->path) {
        terminal_say(cli->terminal,
                     "%s holds the private key: carry it to %s's machine, for nobody else to read, "
                     "and there:",
                     made->path, made->facts.name);
        terminal_say(cli->terminal, "  openclaw context add NAME --bundle FILE");
    }
}

enum exit_code pki_run_issue(struct cli *cli)
{
    char path[PATH_BYTES];
    struct failure failure;
    const char *out = arguments_value(&cli->args, OPT_OUT);
    struct making *making = memory_zeroed(1, sizeof *making);
    struct made *made = memory_zeroed(1, sizeof *made);
    making->order.name = cli->args.words[0];
    (void)snprintf(path, sizeof path, "%.100s.bundle", making->order.name);
    enum exit_code code = check_options(cli, making, &failure);
    if (!code && arguments_has(&cli->args, OPT_REGISTER)) {
        code = register_only(cli, making, made, &failure);
    } else if (!code) {
        made->path = out ? out : path;
        code = issue(cli, making, made, &failure);
    }
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
