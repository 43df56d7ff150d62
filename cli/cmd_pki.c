/* openclaw pki: who administers the gateway from other machines. */
#include <openclaw/administrators.h>
#include <stdlib.h>
#include <string.h>

#include "cli/administrator_view.h"
#include "cli/escape.h"
#include "cli/memory.h"
#include "cli/pki.h"
#include "cli/select.h"
#include "cli/suggest.h"
#include "cli/values.h"

/* ---- pages ----------------------------------------------------------------------------------- */

/* Owns: pages_free. */
static struct oc_administrator_page *pages_new(void)
{
    struct oc_administrator_page *page = memory_zeroed(1, sizeof *page);
    page->items = memory_zeroed(OC_MAX_ADMINISTRATORS_PAGE, sizeof page->items[0]);
    page->cap = OC_MAX_ADMINISTRATORS_PAGE;
    return page;
}

static void pages_free(struct oc_administrator_page *page)
{
    free(page->items);
    free(page);
}

/* The page at page->next_cursor. */
static enum exit_code pages_load(struct cli *cli, struct oc_administrator_page *page,
                                 struct failure *failure)
{
    char cursor[OC_CURSOR_BYTES];
    struct oc_error err;
    memcpy(cursor, page->next_cursor, sizeof cursor);
    const enum oc_status status = oc_admin_list_administrators(cli->client, cursor, page, &err);
    return status ? call_failure(failure, cli, "cannot list administrators", status, &err)
                  : EXIT_DONE;
}

/* ---- list ------------------------------------------------------------------------------------ */

/* Collected while the table is printed, said below it. */
struct warnings {
    char (*names)[OC_MAX_ADMINISTRATOR_NAME_BYTES + 1];
    int64_t *ends_ms;
    size_t n, cap;
};

static void warnings_note(struct warnings *warnings, const struct oc_administrator *administrator,
                          int64_t now_ms)
{
    const int64_t ends_ms = administrator_ends(administrator);
    if (administrator->state != OC_ADMINISTRATOR_ACTIVE || !days_are_few(ends_ms, now_ms)) {
        return;
    }
    if (warnings->n == warnings->cap) {
        warnings->cap = warnings->cap ? 2 * warnings->cap : 16;
        warnings->names = memory_resize(warnings->names, warnings->cap * sizeof warnings->names[0]);
        warnings->ends_ms =
            memory_resize(warnings->ends_ms, warnings->cap * sizeof warnings->ends_ms[0]);
    }
    memcpy(warnings->names[warnings->n], administrator->name, sizeof administrator->name);
    warnings->ends_ms[warnings->n++] = ends_ms;
}

static void warnings_say(const struct warnings *warnings, const struct cli *cli,
                         const struct oc_admin_pki *pki)
{
    char said[PKI_ADDRESS_BYTES] = "";
    const bool must_be_said =
        !context_is_remote(cli) && pki_address_must_be_said(pki->admin_url, said);
    for (size_t i = 0; i < warnings->n; i++) {
        days_warn(cli->terminal, warnings->names[i], warnings->ends_ms[i],
                  "openclaw pki renew %s%s%s", warnings->names[i],
                  must_be_said ? " --gateway " : "", must_be_said ? said : "");
    }
    if (pki->is_there && days_are_few(pki->not_after_ms, cli->terminal->now_ms)) {
        days_warn(cli->terminal, "the admin CA", pki->not_after_ms,
                  "openclaw pki init --replace, then issue all anew");
    }
    if (!pki->is_there) {
        terminal_say(cli->terminal, "No admin CA yet; on the gateway's machine:  openclaw pki "
                                    "init");
    } else if (pki->admin_url[0] == '\0') {
        terminal_say(cli->terminal, "openclaw: warning: the admin door is shut: listen.admin is "
                                    "not configured, or could not be opened");
    }
}

/* A failure after the first page leaves the document without its end: what reads it must notice. */
static enum exit_code print_pages(struct cli *cli, struct oc_administrator_page *page,
                                  struct warnings *warnings, struct failure *failure)
{
    struct listing listing;
    enum exit_code code = pages_load(cli, page, failure);
    if (code) {
        return code;
    }
    listing_begin(&listing, &cli->output, &administrator_kind);
    for (;;) {
        for (size_t i = 0; i < page->n; i++) {
            listing_add(&listing, &page->items[i]);
            warnings_note(warnings, &page->items[i], cli->terminal->now_ms);
        }
        listing_flush(&listing);
        if (page->next_cursor[0] == '\0') {
            break;
        }
        code = pages_load(cli, page, failure);
        if (code) {
            listing_abandon(&listing);
            return code;
        }
    }
    const bool is_empty = listing.n_items == 0;
    listing_end(&listing, "", page->revision);
    if (is_empty && page->pki.is_there) {
        terminal_say(cli->terminal, "No administrators.");
    }
    return EXIT_DONE;
}

static enum exit_code run_list(struct cli *cli)
{
    struct failure failure;
    struct warnings warnings = {.n = 0};
    if (call_open(cli, &failure)) {
        return failure_say(cli->terminal, &failure);
    }
    struct oc_administrator_page *page = pages_new();
    const enum exit_code code = print_pages(cli, page, &warnings, &failure);
    (void)fflush(cli->terminal->out);
    if (code) {
        (void)failure_say(cli->terminal, &failure);
    } else {
        warnings_say(&warnings, cli, &page->pki);
    }
    free(warnings.names);
    free(warnings.ends_ms);
    pages_free(page);
    return code;
}

/* ---- finding one ----------------------------------------------------------------------------- */

struct wanted {
    const char *word;
    bool is_certificate;
    struct oc_digest digest; /* of the certificate */
    struct oc_administrator administrator;
};

static bool has_certificate(const struct oc_administrator *administrator,
                            const struct oc_digest *digest)
{
    for (size_t i = 0; i < administrator->n_certificates && i < OC_MAX_CERTIFICATES; i++) {
        if (memcmp(&administrator->certificates[i].sha256, digest, sizeof *digest) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_wanted(const struct wanted *wanted, const struct oc_administrator *administrator)
{
    return wanted->is_certificate ? has_certificate(administrator, &wanted->digest)
                                  : strcmp(administrator->name, wanted->word) == 0;
}

static enum exit_code refuse_unknown(const struct wanted *wanted, const struct suggestion *nearest,
                                     struct failure *failure)
{
    if (wanted->is_certificate) {
        failure_set(failure, EXIT_NOT_FOUND, "no administrator has the certificate %.80s",
                    wanted->word);
        failure_advise(failure, "see them:  openclaw pki list -o json");
        return failure->code;
    }
    failure_set(failure, EXIT_NOT_FOUND, "no administrator is called %.80s", wanted->word);
    if (nearest->name[0] != '\0') {
        failure_advise(failure, "the closest there is:  %s", nearest->name);
    }
    failure_advise(failure, "see all:  openclaw pki list");
    return failure->code;
}

static enum exit_code find(struct cli *cli, struct wanted *wanted, struct failure *failure)
{
    struct suggestion nearest = suggestion_start(wanted->word);
    enum exit_code code = call_open(cli, failure);
    if (code) {
        return code;
    }
    bool is_found = false;
    struct oc_administrator_page *page = pages_new();
    do {
        code = pages_load(cli, page, failure);
        for (size_t i = 0; !code && !is_found && i < page->n; i++) {
            suggestion_consider(&nearest, page->items[i].name);
            is_found = is_wanted(wanted, &page->items[i]);
            if (is_found) {
                wanted->administrator = page->items[i];
            }
        }
    } while (!code && !is_found && page->next_cursor[0] != '\0');
    pages_free(page);
    return code || is_found ? code : refuse_unknown(wanted, &nearest, failure);
}

/* ---- what came of a change ------------------------------------------------------------------- */

struct changed {
    const char *word; /* "revoked" */
    struct oc_administrator_changed result;
};

static void write_changed(struct writer *writer, const void *item)
{
    const struct changed *changed = item;
    writer_begin_object(writer);
    writer_key(writer, "changed");
    writer_bool(writer, changed->result.seq != 0);
    writer_key(writer, "connections_closed");
    writer_uint(writer, changed->result.n_closed);
    writer_key(writer, "administrator");
    administrator_write(writer, &changed->result.administrator);
    writer_end_object(writer);
}

static void name_changed(const void *item, char out[OUTPUT_NAME_BYTES])
{
    const struct changed *changed = item;
    administrator_kind.name(&changed->result.administrator, out);
}

static const struct item_kind changed_kind = {.write = write_changed, .name = name_changed};

static void print_changed(const struct cli *cli, const struct changed *changed)
{
    char name[OUTPUT_NAME_BYTES];
    if (output_item(&cli->output, &changed_kind, changed)) {
        return;
    }
    FILE *out = cli->terminal->out;
    const uint32_t n = changed->result.n_closed;
    name_changed(changed, name);
    (void)fprintf(out, "%s %s", changed->word, name);
    if (n > 0) {
        (void)fprintf(out, "  %u connection%s closed", (unsigned)n, n == 1 ? "" : "s");
    }
    (void)fputs(changed->result.seq == 0 ? "  (it was so already)\n" : "\n", out);
}

static enum exit_code read_reason(const struct cli *cli, struct oc_administrator_change *change,
                                  struct failure *failure)
{
    const char *reason = arguments_value(&cli->args, OPT_REASON);
    if (reason && strlen(reason) > OC_MAX_REASON_BYTES) {
        return failure_set(failure, EXIT_USAGE, "--reason: at most %d bytes", OC_MAX_REASON_BYTES);
    }
    change->reason = reason;
    return EXIT_DONE;
}

/* ---- revoke ---------------------------------------------------------------------------------- */

static void say_oneself(const struct cli *cli, const struct wanted *wanted)
{
    struct oc_bundle_facts facts;
    if (context_facts(cli, &facts) && strcmp(facts.name, wanted->administrator.name) == 0) {
        terminal_say(cli->terminal,
                     "openclaw: warning: that is you: the context %s opens nothing afterwards",
                     cli->context.name);
    }
}

static enum exit_code confirm_revocation(const struct cli *cli, const struct wanted *wanted,
                                         struct failure *failure)
{
    const struct oc_administrator *administrator = &wanted->administrator;
    char name[OUTPUT_NAME_BYTES];
    char question[CELL_BYTES];
    if (cli->assumes_yes) {
        say_oneself(cli, wanted);
        return EXIT_DONE;
    }
    administrator_kind.name(administrator, name);
    if (!cli->terminal->is_interactive) {
        failure_set(failure, EXIT_USAGE, "without a terminal, revoke needs --yes");
        failure_advise(failure, "openclaw pki revoke %s --yes", wanted->word);
        return failure->code;
    }
    context_say_where(cli);
    say_oneself(cli, wanted);
    (void)snprintf(question, sizeof question,
                   "Revoke %s%.90s%sadministrator %s (%s, %s%s)?\nTheir connections are closed at "
                   "once. [y/N] ",
                   wanted->is_certificate ? "certificate " : "",
                   wanted->is_certificate ? wanted->word : "", wanted->is_certificate ? " of " : "",
                   name, oc_administrator_role_name(administrator->role),
                   oc_administrator_state_name(administrator->state),
                   administrator->is_online ? ", online" : "");
    return confirm(cli->terminal, question)
               ? EXIT_DONE
               : failure_set(failure, EXIT_USAGE, "not confirmed; nothing was changed");
}

static enum exit_code revoke(struct cli *cli, struct wanted *wanted, struct changed *changed,
                             struct failure *failure)
{
    struct oc_error err;
    char doing[128];
    struct oc_administrator_change change = {.name = NULL};
    enum exit_code code = read_reason(cli, &change, failure);
    code = code ? code : find(cli, wanted, failure);
    code = code ? code : confirm_revocation(cli, wanted, failure);
    if (code) {
        return code;
    }
    if (wanted->is_certificate) {
        change.certificate = &wanted->digest;
    } else {
        change.name = wanted->word;
    }
    (void)snprintf(doing, sizeof doing, "cannot revoke %.80s", wanted->word);
    const enum oc_status status =
        oc_admin_revoke_administrator(cli->client, &change, &changed->result, &err);
    return status ? change_failure(failure, cli, doing, wanted->administrator.name, status, &err)
                  : EXIT_DONE;
}

static enum exit_code run_revoke(struct cli *cli)
{
    struct failure failure;
    struct wanted *wanted = memory_zeroed(1, sizeof *wanted);
    struct changed *changed = memory_zeroed(1, sizeof *changed);
    wanted->word = cli->args.words[0];
    wanted->is_certificate = pin_parse(wanted->word, &wanted->digest);
    changed->word = wanted->is_certificate ? "revoked a certificate of" : "revoked";
    const enum exit_code code = revoke(cli, wanted, changed, &failure);
    if (code) {
        (void)failure_say(cli->terminal, &failure);
    } else {
        print_changed(cli, changed);
    }
    free(wanted);
    free(changed);
    return code;
}

/* ---- role ------------------------------------------------------------------------------------ */

static enum exit_code set_role(struct cli *cli, struct changed *changed, struct failure *failure)
{
    struct oc_error err;
    struct oc_administrator_change change = {.name = cli->args.words[0]};
    enum exit_code code = read_reason(cli, &change, failure);
    if (!code && !oc_administrator_role_parse(cli->args.words[1], &change.role)) {
        code = failure_set(failure, EXIT_USAGE, "%.40s: a role is viewer, approver or admin",
                           cli->args.words[1]);
    }
    code = code ? code : call_open(cli, failure);
    if (code) {
        return code;
    }
    const enum oc_status status =
        oc_admin_set_administrator_role(cli->client, &change, &changed->result, &err);
    return status ? change_failure(failure, cli, "cannot set the role", change.name, status, &err)
                  : EXIT_DONE;
}

static enum exit_code run_role(struct cli *cli)
{
    struct failure failure;
    struct changed *changed = memory_zeroed(1, sizeof *changed);
    char word[64];
    (void)snprintf(word, sizeof word, "%.40s now:", cli->args.words[1]);
    changed->word = word;
    const enum exit_code code = set_role(cli, changed, &failure);
    if (code) {
        (void)failure_say(cli->terminal, &failure);
    } else {
        print_changed(cli, changed);
    }
    free(changed);
    return code;
}

/* ---- the commands ---------------------------------------------------------------------------- */

static const struct command commands[] = {
    {
        .verb = "init",
        .words = "",
        .summary = "Makes the CA that signs administrators' certificates, and opens the admin door",
        .examples =
            "  openclaw pki init\n"
            "  openclaw pki init --offline /media/ca       a CA whose key no gateway holds\n"
            "  openclaw pki init --offline admin-ca.crt    and its certificate, at the "
            "gateway\n"
            "  openclaw pki init --replace                 all certificates are void then\n",
        .notes = "On the gateway's machine, once. With --offline DIR the CA is made in that\n"
                 "directory unless it is there, and the gateway gets its certificate alone.\n"
                 "The admin door is listen.admin in gateway.yaml.\n",
        .options = OPT_BIT(OPT_OFFLINE) | OPT_BIT(OPT_REPLACE) | OPT_BIT(OPT_REASON),
        .target = TARGET_CHOSEN,
        .run = pki_run_init,
    },
    {
        .verb = "issue",
        .words = "NAME",
        .summary = "Makes an administrator, and the bundle that is carried to them",
        .examples =
            "  openclaw pki issue alice --role admin --gateway tls+tcp://gw.example:18790\n"
            "  openclaw pki issue bob --role approver --ttl 30d --out /media/usb/bob.bundle\n"
            "  openclaw pki issue carol --role viewer --offline /media/ca\n",
        .notes =
            "viewer looks, approver decides about devices, admin does everything. The bundle is\n"
            "one file for its owner alone: key, certificate, CA, the gateway's address and pin.\n"
            "--gateway: where the admin door is reached, if the gateway cannot tell: behind\n"
            "NAT, or when it listens on all addresses or on loopback.\n"
            "\n"
            "A name that is there gets a further certificate. With --offline DIR the CA in DIR\n"
            "signs. If no gateway can be reached from there, give --gateway and --pin, and take\n"
            "NAME.crt to the gateway's machine:  openclaw pki issue NAME --role R --register "
            "NAME.crt\n",
        .options = OPT_BIT(OPT_ROLE) | OPT_BIT(OPT_TTL) | OPT_BIT(OPT_OUT) | OPT_BIT(OPT_OFFLINE) |
                   OPT_BIT(OPT_GATEWAY) | OPT_BIT(OPT_PIN) | OPT_BIT(OPT_REGISTER) |
                   OPT_BIT(OPT_REASON),
        .least_words = 1,
        .most_words = 1,
        .run = pki_run_issue,
    },
    {
        .verb = "renew",
        .words = "[NAME]",
        .summary = "A further certificate, of a fresh key: one's own in its place, or another's",
        .examples = "  openclaw --context prod pki renew            that of the context\n"
                    "  openclaw pki renew --bundle alice.bundle     that of a file\n"
                    "  openclaw pki renew bob                       into bob.bundle, for bob\n",
        .notes =
            "Everybody may renew their own while it is valid, for no longer than it was made\n"
            "for. The one before stays valid until its end, so nothing breaks meanwhile.\n"
            "If its key may be known to others:  openclaw pki revoke NAME, then pki issue NAME\n",
        .options = OPT_BIT(OPT_BUNDLE) | OPT_BIT(OPT_TTL) | OPT_BIT(OPT_OUT) |
                   OPT_BIT(OPT_OFFLINE) | OPT_BIT(OPT_GATEWAY),
        .most_words = 1,
        .target = TARGET_CHOSEN,
        .run = pki_run_renew,
    },
    {
        .verb = "revoke",
        .words = "NAME|FINGERPRINT",
        .summary = "Shuts an administrator out, or one certificate; at once, also who is connected",
        .examples = "  openclaw pki revoke alice\n"
                    "  openclaw pki revoke alice --reason \"lost laptop\" --yes\n"
                    "  openclaw pki revoke 5d1c...          64 digits: one certificate, and what "
                    "was\n"
                    "                                       renewed with it\n",
        .notes = "Who is locked out altogether gets in again on the gateway's machine, where\n"
                 "root and the gateway's own user always may.\n",
        .options = OPT_BIT(OPT_REASON),
        .least_words = 1,
        .most_words = 1,
        .run = run_revoke,
    },
    {
        .verb = "role",
        .words = "NAME ROLE",
        .summary = "Gives an administrator another role, from the very next call on",
        .examples = "  openclaw pki role bob viewer\n"
                    "  openclaw pki role bob approver --reason \"on call\"\n",
        .options = OPT_BIT(OPT_REASON),
        .least_words = 2,
        .most_words = 2,
        .run = run_role,
    },
    {
        .verb = "list",
        .words = "",
        .summary = "All administrators: role, state, days left, who is connected",
        .examples = "  openclaw pki list\n"
                    "  openclaw pki list -o wide            with ends and fingerprints\n"
                    "  openclaw pki list -o json            with every certificate\n",
        .notes = "Certificates with less than 30 days left are named below the list.\n",
        .run = run_list,
    },
};

const struct noun pki_noun = {
    .name = "pki",
    .summary = "who administers the gateway from other machines",
    .commands = commands,
    .n_commands = sizeof commands / sizeof commands[0],
};
