/* See review.h. */
#include "cli/review.h"

#include <openclaw/admin.h>
#include <string.h>

#include "cli/device_view.h"
#include "cli/difference.h"
#include "cli/escape.h"

enum {
    LOOK_ALIKE_COLUMNS = 24, /* of a name; the full id stands above it */
    ROWS_AT_ONCE = 8,
    CLAIMS_COMPARED = 5,
};

/* Between the look-up and this one another request took its place, or none is open any more. */
static enum exit_code explain_other(const struct oc_device *device,
                                    const struct oc_request_id *stands, struct failure *failure)
{
    if (stands->text[0] == '\0') {
        failure_set(failure, EXIT_CONFLICT, "request %s ended while it was looked at",
                    device->request_id.text);
        failure_advise(failure, "see who waits now:  openclaw pairing list");
        return EXIT_CONFLICT;
    }
    failure_set(failure, EXIT_CONFLICT, "%s%s%s while it was looked at",
                device->request_id.text[0] != '\0' ? device->request_id.text : "another request",
                device->request_id.text[0] != '\0' ? " was replaced by " : ": ", stands->text);
    failure_advise(failure, "look at what it asks now:  openclaw devices show %s", stands->text);
    return EXIT_CONFLICT;
}

/* Under a rule of several administrators root may approve alone: that is another word. */
static bool is_approval(const struct oc_audit_record *record)
{
    return strcmp(record->action, "approve") == 0 || strcmp(record->action, "break_glass") == 0;
}

/* When and by whom it was approved last, and what it claimed then, as the audit has it. */
static enum exit_code load_previous(struct cli *cli, struct review *out, struct failure *failure)
{
    const struct oc_audit_filter filter = {
        .outcome = "done", .has_device_id = true, .device_id = out->device.id};
    struct oc_audit_record rows[ROWS_AT_ONCE];
    struct oc_audit_page page = {.items = rows, .cap = ROWS_AT_ONCE, .next_after_seq = 0};
    struct oc_error err;
    do {
        enum oc_status status =
            oc_admin_search_audit(cli->client, &filter, page.next_after_seq, true, &page, &err);
        if (status) {
            return call_failure(failure, cli, "cannot look for its last approval", status, &err);
        }
        for (size_t i = 0; i < page.n; i++) {
            if (is_approval(&rows[i])) {
                out->previous = rows[i];
                approved_claims_read(rows[i].detail, &out->claims);
                return EXIT_DONE;
            }
        }
    } while (page.next_after_seq != 0);
    return EXIT_DONE;
}

enum exit_code review_load(struct cli *cli, const struct oc_device *device, struct review *out,
                           struct failure *failure)
{
    struct oc_error err;
    *out = (struct review){.device = *device};
    enum exit_code code = call_open(cli, failure);
    if (code) {
        return code;
    }
    enum oc_status status = oc_admin_review(cli->client, &device->id, &out->facts, &err);
    out->is_known = status == OC_OK;
    if (status == OC_UNIMPLEMENTED) {
        return EXIT_DONE;
    }
    if (status) {
        return call_failure(failure, cli, "cannot look at the device", status, &err);
    }
    if (!oc_request_id_equal(&out->facts.request_id, &device->request_id)) {
        return explain_other(device, &out->facts.request_id, failure);
    }
    out->has_previous =
        device->request_id.text[0] != '\0' && out->facts.approved_ask.role[0] != '\0';
    return out->has_previous ? load_previous(cli, out, failure) : EXIT_DONE;
}

/* ---- documents ----------------------------------------------------------------------------- */

static const char *resemblance_word(enum oc_resemblance resemblance)
{
    return resemblance == OC_RESEMBLES_EXACTLY ? "exact" : "confusable";
}

static void write_look_alike(struct writer *writer, const struct oc_look_alike *other)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_device_id_format(&other->id, id);
    writer_begin_object(writer);
    writer_text_or_null(writer, "device_id", id);
    writer_text_or_null(writer, "name", other->alias);
    writer_text_or_null(writer, "claimed_name", other->claimed_name);
    writer_text_or_null(writer, "resemblance", resemblance_word(other->resemblance));
    writer_key(writer, "same_host");
    writer_bool(writer, other->is_same_host);
    writer_key(writer, "online");
    writer_bool(writer, other->is_online);
    writer_time_or_null(writer, "decided_at", other->decided_at_ms);
    writer_end_object(writer);
}

static void write_look_alikes(struct writer *writer, const struct review *review)
{
    writer_key(writer, "look_alikes");
    if (!review->is_known) {
        writer_null(writer);
        return;
    }
    writer_begin_list(writer);
    for (size_t i = 0; i < review->facts.n_look_alikes; i++) {
        write_look_alike(writer, &review->facts.look_alikes[i]);
    }
    writer_end_list(writer);
}

static struct terms terms_before(const struct review *review)
{
    const struct oc_device *device = &review->device;
    const bool is_granted = device->granted.role[0] != '\0';
    struct terms was = {.grant = is_granted ? &device->granted : &review->facts.approved_ask};
    approved_claims_tell(&review->claims, &was);
    return was;
}

/* The gateway may not know how it was seen: after a crash, until it comes again. */
static struct terms terms_now(const struct review *review)
{
    struct terms is = terms_of_request(&review->device, &review->facts.claimed_labels);
    if (review->device.last_seen_at_ms == 0) {
        is.platform = is.source = NULL;
    }
    return is;
}

/* What cannot be compared, by name. */
static size_t list_unknown(const struct terms *was, const struct terms *is,
                           const char *out[CLAIMS_COMPARED])
{
    const struct {
        const char *name;
        bool is_known;
    } all[CLAIMS_COMPARED] = {
        {"name", was->name && is->name},
        {"purpose", was->purpose && is->purpose},
        {"platform", was->platform && is->platform},
        {"source", was->source && is->source},
        {"labels", was->labels && is->labels},
    };
    size_t n = 0;
    for (size_t i = 0; i < CLAIMS_COMPARED; i++) {
        if (!all[i].is_known) {
            out[n++] = all[i].name;
        }
    }
    return n;
}

static void write_changes(struct writer *writer, const struct terms *was, const struct terms *is)
{
    const char *unknown[CLAIMS_COMPARED];
    const size_t n = list_unknown(was, is, unknown);
    writer_key(writer, "changes");
    difference_write(writer, was, is);
    writer_key(writer, "not_compared");
    writer_begin_list(writer);
    for (size_t i = 0; i < n; i++) {
        writer_string(writer, unknown[i]);
    }
    writer_end_list(writer);
}

static void write_previous(struct writer *writer, const struct review *review)
{
    const struct oc_audit_record *previous = &review->previous;
    const struct terms was = terms_before(review);
    const struct terms is = terms_now(review);
    writer_key(writer, "previous");
    if (!review->has_previous) {
        writer_null(writer);
        writer_text_or_null(writer, "changes", "");
        writer_text_or_null(writer, "not_compared", "");
        return;
    }
    writer_begin_object(writer);
    writer_time_or_null(writer, "at", previous->seq != 0 ? previous->at_ms : 0);
    writer_text_or_null(writer, "by", previous->seq != 0 ? previous->actor : "");
    writer_text_or_null(writer, "request_id", previous->seq != 0 ? previous->request_id.text : "");
    device_write_grant(writer, "asked", &review->facts.approved_ask);
    writer_end_object(writer);
    write_changes(writer, &was, &is);
}

static void write_review(struct writer *writer, const void *item)
{
    const struct review *review = item;
    const struct oc_review *facts = &review->facts;
    const bool is_waiting = review->is_known && facts->request_id.text[0] != '\0';
    writer_begin_object(writer);
    device_write_fields(writer, &review->device);
    writer_text_or_null(writer, "purpose", review->device.purpose);
    if (is_waiting) {
        device_write_labels(writer, "claimed_labels", &facts->claimed_labels);
    } else {
        writer_text_or_null(writer, "claimed_labels", "");
    }
    writer_key(writer, "code_can_be_checked");
    writer_bool(writer, review->device.can_check_code);
    writer_key(writer, "code_tries_left");
    if (is_waiting) {
        writer_uint(writer, facts->code_tries_left);
    } else {
        writer_null(writer);
    }
    write_previous(writer, review);
    write_look_alikes(writer, review);
    writer_key(writer, "has_more_look_alikes");
    if (review->is_known) {
        writer_bool(writer, facts->has_more_look_alikes);
    } else {
        writer_null(writer);
    }
    writer_end_object(writer);
}

static void name_review(const void *item, char out[OUTPUT_NAME_BYTES])
{
    const struct review *review = item;
    oc_device_id_format(&review->device.id, out);
}

const struct item_kind review_kind = {.write = write_review, .name = name_review};

/* ---- claims -------------------------------------------------------------------------------- */

/* Where a person reads it: what goes to a pipe is not to be broken. */
static size_t columns_of(const struct output *output)
{
    return output->terminal->out_is_terminal || output->terminal->is_interactive
               ? output->terminal->columns
               : 0;
}

static bool is_hex(const char *text)
{
    return text[strspn(text, "0123456789abcdefABCDEF")] == '\0';
}

/* A name that could be read as an id in a list, or typed in place of one. */
static bool looks_like_an_id(const char *name)
{
    struct oc_device_id device;
    struct oc_request_id request;
    return oc_device_id_parse(name, &device) || oc_request_id_parse(name, &request) ||
           (strlen(name) >= DEVICE_SHORT_DIGITS && is_hex(name));
}

static void print_quoted(FILE *out, size_t columns, const char *label, const char *text)
{
    char quoted[CELL_BYTES] = "";
    if (text[0] != '\0') {
        escape_quoted(text, quoted, sizeof quoted);
    }
    output_fact_within(out, columns, label, quoted);
}

/* A letter of another alphabet cannot be told from ours by looking: its number can. */
static void print_name(FILE *out, size_t columns, const char *name)
{
    char quoted[CELL_BYTES] = "";
    char spelled[CELL_BYTES] = "";
    if (name[0] == '\0') {
        return;
    }
    escape_quoted(name, quoted, sizeof quoted);
    escape_spelled(name, spelled, sizeof spelled);
    output_fact_within(out, columns, "claims", quoted);
    if (strcmp(quoted, spelled) != 0) {
        output_fact_within(out, columns, "spelled", spelled);
    }
    if (looks_like_an_id(name)) {
        output_fact(out, "", "(written like an id; a claimed name never selects a device)");
    }
}

static void print_claims(const struct output *output, FILE *out, const struct review *review)
{
    const size_t columns = columns_of(output);
    const struct oc_device *device = &review->device;
    char platform[CELL_BYTES];
    char labels[CELL_BYTES] = "";
    device_format_platform(device, platform, sizeof platform);
    if (device_labels_are_claims(device)) {
        device_format_claimed_labels(&device->labels, labels, sizeof labels);
    } else if (review->is_known && review->facts.request_id.text[0] != '\0') {
        device_format_claimed_labels(&review->facts.claimed_labels, labels, sizeof labels);
    }
    if (device->claimed_name[0] == '\0' && device->purpose[0] == '\0' && labels[0] == '\0' &&
        platform[0] == '\0') {
        return;
    }
    (void)fputs("It says of itself, and nobody has checked:\n", out);
    print_name(out, columns, device->claimed_name);
    print_quoted(out, columns, "purpose", device->purpose);
    output_fact_within(out, columns, "labels", labels);
    output_fact_within(out, columns, "platform", platform);
}

/* ---- look-alikes --------------------------------------------------------------------------- */

static void format_names(const struct oc_look_alike *other, char *out, size_t cap)
{
    char alias[DEVICE_NAME_BYTES];
    char claimed[DEVICE_NAME_BYTES];
    escape_for_terminal(other->alias, alias, sizeof alias);
    escape_quoted(other->claimed_name, claimed, sizeof claimed);
    escape_cut(alias, sizeof alias, LOOK_ALIKE_COLUMNS);
    escape_cut(claimed, sizeof claimed, LOOK_ALIKE_COLUMNS);
    if (other->claimed_name[0] == '\0') {
        (void)snprintf(out, cap, "%s", alias);
    } else if (alias[0] == '\0') {
        (void)snprintf(out, cap, "claims %s", claimed);
    } else {
        (void)snprintf(out, cap, "%s, claims %s", alias, claimed);
    }
}

static void print_look_alike(FILE *out, size_t columns, const struct oc_look_alike *other)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    char names[2 * DEVICE_NAME_BYTES + 16];
    char text[sizeof names + 64];
    oc_device_id_format(&other->id, id);
    format_names(other, names, sizeof names);
    output_fact(out, "approved", id);
    output_fact_within(out, columns, "", names);
    (void)snprintf(text, sizeof text, "%s%s%s",
                   other->resemblance == OC_RESEMBLES_EXACTLY ? "the same name" : "easily confused",
                   other->is_same_host ? ", claims the same host" : "",
                   other->is_online ? ", online now" : ", offline");
    output_fact(out, "", text);
}

static void print_look_alikes(const struct output *output, FILE *out, const struct review *review)
{
    const struct oc_review *facts = &review->facts;
    if (!review->is_known || facts->n_look_alikes == 0) {
        return;
    }
    (void)fprintf(out, "%sCareful: its name is that of another approved device, or like it:%s\n",
                  colour_start(COLOUR_BAD, output->has_colour),
                  colour_end(COLOUR_BAD, output->has_colour));
    for (size_t i = 0; i < facts->n_look_alikes; i++) {
        print_look_alike(out, columns_of(output), &facts->look_alikes[i]);
    }
    if (facts->has_more_look_alikes) {
        output_fact(out, "", "and more of them");
    }
}

/* ---- since the last approval --------------------------------------------------------------- */

static void print_approval(const struct output *output, FILE *out,
                           const struct oc_audit_record *approval)
{
    char at[MOMENT_BYTES];
    char age[MOMENT_BYTES];
    char by[ESCAPE_MOST * OC_MAX_ACTOR_BYTES + 1];
    char text[CELL_BYTES];
    moment_format(approval->at_ms, at);
    moment_format_age(approval->at_ms, output->terminal->now_ms, age);
    escape_for_terminal(approval->actor, by, sizeof by);
    (void)snprintf(text, sizeof text, "%s  (%s ago), by %s", at, age, by);
    output_fact(out, "approved", text);
}

static void print_unknown(FILE *out, size_t columns, const char *const *unknown, size_t n)
{
    char text[CELL_BYTES];
    int length = snprintf(text, sizeof text, "(not recorded, so not compared: ");
    for (size_t i = 0; i < n; i++) {
        length += snprintf(&text[length], sizeof text - (size_t)length, "%s%s", unknown[i],
                           i + 1 < n ? ", " : ")");
    }
    output_fact_within(out, columns, "", text);
}

static void print_previous(const struct output *output, FILE *out, const struct review *review)
{
    const struct terms was = terms_before(review);
    const struct terms is = terms_now(review);
    const char *unknown[CLAIMS_COMPARED];
    const size_t n_unknown = list_unknown(&was, &is, unknown);
    if (!review->has_previous) {
        return;
    }
    (void)fputs("It was approved before:\n", out);
    if (review->previous.seq != 0) {
        print_approval(output, out, &review->previous);
    }
    if (difference_is_any(&was, &is)) {
        difference_print(out, columns_of(output), &was, &is);
    } else if (n_unknown > 0) {
        output_fact(out, "changes", "none: it asks for the access that it had");
    } else {
        output_fact(out, "changes",
                    "none: the same access, name, purpose, labels, platform and source");
    }
    if (n_unknown > 0) {
        print_unknown(out, columns_of(output), unknown, n_unknown);
    }
}

/* ---- all of it ----------------------------------------------------------------------------- */

void review_print(const struct output *output, FILE *out, const struct review *review)
{
    device_print_sheet(output, out, &review->device);
    print_previous(output, out, review);
    print_claims(output, out, review);
    print_look_alikes(output, out, review);
}

void review_advise(const struct terminal *terminal, const struct review *review, bool at_prompt)
{
    const struct oc_device *device = &review->device;
    if (device->request_id.text[0] == '\0') {
        return;
    }
    if (review->is_known && review->facts.code_tries_left == 0) {
        terminal_say(terminal, "Its code is closed: somebody typed five wrong ones. Compare the "
                               "device id.");
    } else if (device->can_check_code) {
        terminal_say(terminal, at_prompt
                                   ? "Safest: type the code that the agent shows, here or with"
                                   : "Safest is to approve it by the code that the agent shows:");
        terminal_say(terminal, "  openclaw devices approve %s --code CODE",
                     device->request_id.text);
    } else {
        terminal_say(terminal, "No agent is connected that could show a code. Compare the device "
                               "id with what");
        terminal_say(terminal, "  openclaw identity show   prints on the agent's host.");
    }
}
