/* Waiting for devices; see device_wait.h. */
#include "cli/device_wait.h"

#include <openclaw/wait.h>
#include <stdlib.h>
#include <string.h>

#include "cli/device_view.h"
#include "cli/failure.h"
#include "cli/memory.h"
#include "cli/select.h"

enum {
    DEFAULT_WAIT_MS = 5 * 60 * 1000,
};

/* What came of one id. */
struct waited {
    const char *selector;
    const char *wanted;
    struct failure failure;         /* code EXIT_DONE: it is so */
    const struct oc_device *device; /* NULL: none was found */
};

struct waiting {
    struct cli *cli;
    struct listing listing;
    const char *wanted;
    struct oc_wait *waits;
    const char **selectors; /* of each wait */
    size_t n, n_ids, n_failed;
    enum exit_code last;
};

/* ---- results ------------------------------------------------------------------------------- */

static void write_waited(struct writer *writer, const void *item)
{
    const struct waited *waited = item;
    bool is_so = waited->failure.code == EXIT_DONE;
    writer_begin_object(writer);
    writer_text_or_null(writer, "id", waited->selector);
    writer_key(writer, "ok");
    writer_bool(writer, is_so);
    writer_key(writer, "exit_code");
    writer_uint(writer, (uint64_t)waited->failure.code);
    writer_text_or_null(writer, "cause", waited->failure.cause);
    writer_text_or_null(writer, "message", is_so ? waited->wanted : waited->failure.text);
    writer_key(writer, "device");
    if (waited->device) {
        device_write(writer, waited->device);
    } else {
        writer_null(writer);
    }
    writer_end_object(writer);
}

static void name_waited(const void *item, char out[OUTPUT_NAME_BYTES])
{
    const struct waited *waited = item;
    oc_device_id_format(&waited->device->id, out);
}

static const struct item_kind waited_kind = {.write = write_waited, .name = name_waited};

static void print_line(const struct output *output, const struct waited *waited)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    char name[DEVICE_NAME_BYTES];
    oc_device_id_format(&waited->device->id, id);
    device_format_name(waited->device, name);
    (void)fprintf(output->terminal->out, "%s %s%s%s\n", waited->wanted, id,
                  name[0] != '\0' ? "  " : "", name);
}

static void add(struct waiting *waiting, const struct waited *waited)
{
    const struct output *output = &waiting->cli->output;
    bool is_so = waited->failure.code == EXIT_DONE;
    waiting->last = waited->failure.code;
    if (!is_so) {
        waiting->n_failed++;
        (void)failure_say(output->terminal, &waited->failure);
    }
    if (output_is_for_people(output) && is_so && waited->device) {
        print_line(output, waited);
    } else if (!output_is_for_people(output) &&
               (output->format != OUTPUT_NAME || (is_so && waited->device))) {
        listing_add(&waiting->listing, waited);
    }
    (void)fflush(output->terminal->out);
}

/* ---- outcomes ------------------------------------------------------------------------------ */

static void explain_out_of_reach(const char *selector, const struct oc_wait *wait,
                                 struct failure *failure)
{
    const char *wanted = oc_wait_for_name(wait->wanted);
    bool is_no = strcmp(wait->why, "rejected") == 0 || strcmp(wait->why, "revoked") == 0 ||
                 strcmp(wait->why, "blocked") == 0;
    if (strcmp(wait->why, "replaced") == 0) {
        failure_set(failure, EXIT_CONFLICT, "request %s will not be %s: it was replaced by %s",
                    selector, wanted, wait->replaced_by.text);
        failure_advise(failure, "look at what it asks now:  openclaw devices show %s",
                       wait->replaced_by.text);
    } else {
        failure_set(failure, is_no ? EXIT_FORBIDDEN : EXIT_CONFLICT, "%s will not be %s: it was %s",
                    selector, wanted, wait->why);
    }
    (void)snprintf(failure->cause, sizeof failure->cause, "%s", wait->why);
}

static void tell(struct waiting *waiting, const struct oc_wait *wait, struct failure *failure)
{
    bool was_seen = wait->device.state != OC_STATE_NONE || wait->device.first_seen_at_ms != 0 ||
                    wait->device.is_expected;
    const struct waited waited = {.selector = waiting->selectors[wait - waiting->waits],
                                  .wanted = waiting->wanted,
                                  .failure = *failure,
                                  .device = was_seen ? &wait->device : NULL};
    add(waiting, &waited);
}

static void on_settled(void *user, const struct oc_wait *wait)
{
    struct waiting *waiting = user;
    const char *selector = waiting->selectors[wait - waiting->waits];
    struct failure failure = {.code = EXIT_DONE};
    if (wait->outcome == OC_WAIT_OUT_OF_REACH) {
        explain_out_of_reach(selector, wait, &failure);
    } else if (wait->outcome == OC_WAIT_NOT_FOUND) {
        failure_set(&failure, EXIT_NOT_FOUND, "no device or request is called %s any more",
                    selector);
    }
    tell(waiting, wait, &failure);
}

static void tell_the_rest(struct waiting *waiting, enum oc_status status,
                          const struct oc_error *err)
{
    for (size_t i = 0; i < waiting->n; i++) {
        const struct oc_wait *wait = &waiting->waits[i];
        struct failure failure;
        if (wait->outcome != OC_WAIT_NOT_YET) {
            continue;
        }
        if (status == OC_DEADLINE_EXCEEDED) {
            failure_set(&failure, EXIT_UNAVAILABLE, "%s is not %s in time: it is %s%s",
                        waiting->selectors[i], waiting->wanted, oc_state_name(wait->device.state),
                        wait->device.is_online ? " and online" : "");
            (void)snprintf(failure.cause, sizeof failure.cause, "timeout");
        } else {
            (void)call_failure(&failure, waiting->cli, "cannot wait", status, err);
        }
        tell(waiting, wait, &failure);
    }
}

/* ---- from ids to exit code ------------------------------------------------------------------- */

/* A request that was closed just as it is wanted needs no waiting. */
static void tell_of_no_selection(struct waiting *waiting, const char *selector,
                                 struct failure *failure)
{
    if (failure->code == EXIT_CONFLICT && strcmp(failure->cause, waiting->wanted) == 0) {
        failure->code = EXIT_DONE;
    }
    const struct waited waited = {
        .selector = selector, .wanted = waiting->wanted, .failure = *failure};
    add(waiting, &waited);
}

static void select_one(struct waiting *waiting, const char *selector, enum oc_wait_for wanted)
{
    struct oc_wait *wait = &waiting->waits[waiting->n];
    struct oc_request_id request;
    struct failure failure;
    if (select_by_name(waiting->cli, selector, false, &wait->device, &failure)) {
        tell_of_no_selection(waiting, selector, &failure);
        return;
    }
    wait->wanted = wanted;
    wait->device_id = wait->device.id;
    if (oc_request_id_parse(selector, &request)) {
        wait->request_id = request;
    }
    waiting->selectors[waiting->n++] = selector;
}

static void drop_settled(struct waiting *waiting)
{
    size_t n = 0;
    for (size_t i = 0; i < waiting->n; i++) {
        if (waiting->waits[i].outcome == OC_WAIT_NOT_YET) {
            waiting->waits[n] = waiting->waits[i];
            waiting->selectors[n++] = waiting->selectors[i];
        }
    }
    waiting->n = n;
}

/* Looks once; says that it waits if it has to, and for how many; waits. */
static void look_and_wait(struct waiting *waiting)
{
    struct oc_error err;
    struct cli *cli = waiting->cli;
    int64_t wait_ms = cli->wait_ms ? cli->wait_ms : DEFAULT_WAIT_MS;
    enum oc_status status =
        oc_admin_wait(cli->client, waiting->waits, waiting->n, 0, on_settled, waiting, &err);
    if (status == OC_DEADLINE_EXCEEDED) {
        char most[MOMENT_BYTES];
        drop_settled(waiting);
        moment_format_age(0, wait_ms, most);
        terminal_say(cli->terminal, "openclaw: waiting for %zu of %zu to be %s, at most %s",
                     waiting->n, waiting->n_ids, waiting->wanted, most);
        status = oc_admin_wait(cli->client, waiting->waits, waiting->n, (uint32_t)wait_ms,
                               on_settled, waiting, &err);
    }
    if (status) {
        tell_the_rest(waiting, status, &err);
    }
}

static enum exit_code run(struct waiting *waiting, enum oc_wait_for wanted)
{
    struct cli *cli = waiting->cli;
    for (size_t i = 0; i < cli->args.n_words; i++) {
        select_one(waiting, cli->args.words[i], wanted);
    }
    if (waiting->n > 0) {
        look_and_wait(waiting);
    }
    if (waiting->n_ids > 1 && waiting->n_failed > 0) {
        terminal_say(cli->terminal, "openclaw: %zu of %zu failed", waiting->n_failed,
                     waiting->n_ids);
        return EXIT_SOME_FAILED;
    }
    return waiting->last;
}

enum exit_code device_wait_run(struct cli *cli)
{
    const char *word = arguments_value(&cli->args, OPT_FOR);
    enum oc_wait_for wanted;
    if (!word || !oc_wait_for_parse(word, &wanted)) {
        return command_usage(cli,
                             "--for%s%s: it is approved, connected, offline, pending, rejected, "
                             "revoked or blocked",
                             word ? " " : "", word ? word : "");
    }
    struct waiting waiting = {.cli = cli, .wanted = word, .n_ids = cli->args.n_words};
    waiting.waits = memory_zeroed(waiting.n_ids, sizeof waiting.waits[0]);
    waiting.selectors = memory_zeroed(waiting.n_ids, sizeof waiting.selectors[0]);
    listing_begin(&waiting.listing, &cli->output, &waited_kind);
    enum exit_code code = run(&waiting, wanted);
    listing_end(&waiting.listing, "", 0);
    free(waiting.waits);
    free(waiting.selectors);
    return code;
}
