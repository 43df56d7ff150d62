/* Approving, on a terminal and off it; see approve.h. */
#include "cli/approve.h"

#include <stdlib.h>
#include <string.h>

#include "cli/decide.h"
#include "cli/device_view.h"
#include "cli/difference.h"
#include "cli/memory.h"
#include "cli/review.h"
#include "cli/select.h"

/* Off a terminal only a full request id says what exactly is approved; with a code, the code does.
 */
static enum exit_code check_is_exact(const struct cli *cli, const char *selector,
                                     const struct oc_device *device, struct failure *failure)
{
    struct oc_request_id typed;
    bool is_exact =
        oc_request_id_parse(selector, &typed) && oc_request_id_equal(&typed, &device->request_id);
    if (is_exact || cli->terminal->is_interactive || arguments_has(&cli->args, OPT_CODE)) {
        return EXIT_DONE;
    }
    failure_set(failure, EXIT_USAGE,
                "without a terminal, approving needs the full request id: %s is not one", selector);
    failure_advise(failure, "look at what it asks:  openclaw devices show %s",
                   device->request_id.text);
    failure_advise(failure, "then approve that, by the code that its agent shows:");
    failure_advise(failure, "  openclaw devices approve %s --code CODE", device->request_id.text);
    return EXIT_USAGE;
}

static enum exit_code check_is_waiting(const char *selector, const struct oc_device *device,
                                       struct failure *failure)
{
    if (device->request_id.text[0] != '\0') {
        return EXIT_DONE;
    }
    failure_set(failure, EXIT_NOT_FOUND, "no request of %s is waiting; it is %s", selector,
                device->state == OC_STATE_NONE ? "known, and has not asked"
                                               : oc_state_name(device->state));
    if (device->state == OC_STATE_BLOCKED) {
        char id[OC_DEVICE_ID_DIGITS + 1];
        oc_device_id_format(&device->id, id);
        failure_advise(failure, "unblock it first:  openclaw devices unblock %s", id);
    } else {
        failure_advise(failure, "see who waits:  openclaw pairing list");
    }
    return EXIT_NOT_FOUND;
}

/* Narrows what is granted to --role and --scope. */
static enum exit_code narrow(const struct cli *cli, const struct oc_device *device,
                             struct oc_decision *decision, struct failure *failure)
{
    struct oc_grant grant = device->asked;
    bool has_role = arguments_has(&cli->args, OPT_ROLE);
    bool has_scope = arguments_has(&cli->args, OPT_SCOPE);
    decision->narrows = has_role || has_scope;
    if (has_scope) {
        grant = decision->grant;
        memcpy(grant.role, device->asked.role, sizeof grant.role);
    }
    if (has_role) {
        memcpy(grant.role, decision->grant.role, sizeof grant.role);
    }
    decision->grant = grant;
    if (decision->narrows && !oc_grant_is_within(&grant, &device->asked)) {
        char asked[CELL_BYTES];
        device_format_grant(&device->asked, asked, sizeof asked);
        return failure_set(failure, EXIT_USAGE,
                           "approving can grant less than what is asked, never more; it asks %s",
                           asked);
    }
    return EXIT_DONE;
}

/* The gateway alone knows what is asked now; this says how that differs from what was shown. */
static void show_replacement(struct cli *cli, const struct oc_device *shown,
                             const struct failure *failure)
{
    struct oc_error err;
    struct oc_matches *matches = memory_zeroed(1, sizeof *matches);
    if (!oc_admin_resolve(cli->client, failure->stands.text, false, matches, &err) &&
        matches->n == 1) {
        const struct oc_device *now = &matches->items[0];
        const struct terms was =
            terms_of_request(shown, device_labels_are_claims(shown) ? &shown->labels : NULL);
        const struct terms is =
            terms_of_request(now, device_labels_are_claims(now) ? &now->labels : NULL);
        terminal_say(cli->terminal,
                     "Request %s asks differently from what was shown:", failure->stands.text);
        difference_print(cli->terminal->err, cli->terminal->columns, &was, &is);
    }
    free(matches);
}

/* A wrong code is counted: who mistyped should know how often that may happen, and who did not,
 * that somebody else is guessing. */
static void tell_tries_left(struct cli *cli, const struct oc_device *device,
                            struct failure *failure)
{
    struct oc_review facts;
    struct oc_error err;
    if (oc_admin_review(cli->client, &device->id, &facts, &err) ||
        !oc_request_id_equal(&facts.request_id, &device->request_id)) {
        return;
    }
    if (facts.code_tries_left == 0) {
        failure_advise(failure, "that was the last try: this request's code is closed");
    } else {
        failure_advise(failure, "%u of 5 tries are left", facts.code_tries_left);
    }
}

/* Shows everything and asks. A pairing code typed instead of "y" confirms and is checked. */
static enum exit_code ask_person(struct cli *cli, const struct oc_device *device,
                                 struct oc_decision *decision, struct failure *failure)
{
    const struct terminal *terminal = cli->terminal;
    char line[32];
    struct review review;
    enum exit_code code = review_load(cli, device, &review, failure);
    if (code) {
        return code;
    }
    context_say_where(cli);
    (void)fputs("\nThis device asks to be paired:\n", terminal->err);
    review_print(&cli->output, terminal->err, &review);
    if (decision->narrows) {
        char grant[CELL_BYTES];
        device_format_grant(&decision->grant, grant, sizeof grant);
        output_fact(terminal->err, "gets only", grant);
    }
    if (decision->code[0] == '\0') {
        review_advise(terminal, &review, true);
    }
    bool has_answer = terminal_ask(terminal, "Approve? [y/N] ", line, sizeof line);
    if (has_answer && (strcmp(line, "y") == 0 || strcmp(line, "Y") == 0 ||
                       strcmp(line, "yes") == 0 || decision_read_code(line, decision->code))) {
        return EXIT_DONE;
    }
    return failure_set(failure, EXIT_USAGE, "not confirmed; request %s still waits",
                       device->request_id.text);
}

/* What happens next, for a person; the line on out is for anybody. */
static void tell_what_follows(const struct cli *cli, enum exit_code code)
{
    if (code == EXIT_DONE && cli->terminal->is_interactive) {
        terminal_say(cli->terminal, "The agent connects by itself within seconds.");
    }
}

static enum exit_code approve_device(struct cli *cli, const struct oc_device *device,
                                     struct oc_decision *decision, struct decided *out)
{
    struct failure *failure = &out->failure;
    enum exit_code code = narrow(cli, device, decision, failure);
    if (!code && cli->terminal->is_interactive && !cli->assumes_yes) {
        code = ask_person(cli, device, decision, failure);
    }
    if (code) {
        return code;
    }
    char doing[64];
    decision->request_id = device->request_id;
    decision->ask_digest = device->ask_digest;
    (void)snprintf(doing, sizeof doing, "cannot approve %s", device->request_id.text);
    code = decision_make(cli, decision, doing, &out->result, failure);
    if (code == EXIT_CONFLICT && failure->stands.text[0] != '\0' && cli->terminal->is_interactive) {
        show_replacement(cli, device, failure);
    } else if (code == EXIT_CONFLICT && strcmp(failure->cause, "code_wrong") == 0) {
        tell_tries_left(cli, device, failure);
    }
    return code;
}

static enum exit_code approve_by_name(struct cli *cli, const char *selector,
                                      struct oc_decision *decision, struct decided *out)
{
    struct oc_device device;
    struct failure *failure = &out->failure;
    bool has_code = arguments_has(&cli->args, OPT_CODE);
    enum exit_code code = select_by_name(cli, selector, has_code, &device, failure);
    if (!code) {
        code = check_is_waiting(selector, &device, failure);
    }
    if (!code) {
        code = check_is_exact(cli, selector, &device, failure);
    }
    return code ? code : approve_device(cli, &device, decision, out);
}

static const struct choice pending_choice = {
    .title = "Pending requests",
    .nothing = "no request is waiting for approval",
    .states = 1u << OC_STATE_PENDING,
    .needs_request = true,
};

static enum exit_code approve_chosen(struct cli *cli, struct oc_decision *decision)
{
    struct oc_device device;
    struct decided decided = {.word = "approved"};
    enum exit_code code = select_by_asking(cli, &pending_choice, &device, &decided.failure);
    if (code == EXIT_NOT_FOUND) {
        failure_advise(&decided.failure, "an agent asks when it connects:  "
                                         "openclaw agent run --gateway URL");
    }
    if (code) {
        return failure_say(cli->terminal, &decided.failure);
    }
    char selector[OC_REQUEST_ID_CHARS + 1];
    memcpy(selector, device.request_id.text, sizeof selector);
    decided.selector = selector;
    struct decisions decisions;
    (void)approve_device(cli, &device, decision, &decided);
    decisions_begin(&decisions, cli);
    decisions_add(&decisions, &decided);
    code = decisions_end(&decisions);
    tell_what_follows(cli, code);
    return code;
}

enum exit_code approve_run(struct cli *cli, size_t n_ids, char *const *ids)
{
    struct oc_decision options = {.kind = OC_APPROVE};
    struct failure failure;
    if (decision_read_options(cli, &options, &failure)) {
        return failure_say(cli->terminal, &failure);
    }
    options.breaks_glass = arguments_has(&cli->args, OPT_BREAK_GLASS);
    if (options.breaks_glass && options.reason[0] == '\0') {
        return command_usage(cli, "--break-glass needs --reason: it is kept in the audit");
    }
    if (n_ids > 1 && (options.code[0] != '\0' || options.alias[0] != '\0')) {
        return command_usage(cli, "--code and --alias belong to one request; give one id");
    }
    if (n_ids == 0 && cli->terminal->is_interactive) {
        return approve_chosen(cli, &options);
    }
    if (n_ids == 0) {
        return command_usage(cli, "without a terminal, name the request: openclaw devices approve "
                                  "REQUEST (openclaw pairing list shows them)");
    }
    struct decisions decisions;
    decisions_begin(&decisions, cli);
    for (size_t i = 0; i < n_ids; i++) {
        struct oc_decision decision = options;
        struct decided decided = {.selector = ids[i], .word = "approved"};
        (void)approve_by_name(cli, ids[i], &decision, &decided);
        decisions_add(&decisions, &decided);
    }
    enum exit_code code = decisions_end(&decisions);
    tell_what_follows(cli, code);
    return code;
}
