/* Devices as rows, documents and sheets; see device_view.h. */
#include "cli/device_view.h"

#include <string.h>

#include "cli/escape.h"
#include "cli/host_note.h"
#include "cli/votes_view.h"

enum {
    NAME_COLUMNS_MOST = 32, /* on a terminal; a pipe gets it whole */
};

/* ---- documents ----------------------------------------------------------------------------- */

void device_write_grant(struct writer *writer, const char *key, const struct oc_grant *grant)
{
    writer_key(writer, key);
    if (grant->role[0] == '\0') {
        writer_null(writer);
        return;
    }
    writer_begin_object(writer);
    writer_key(writer, "role");
    writer_string(writer, grant->role);
    writer_key(writer, "scopes");
    writer_begin_list(writer);
    for (size_t i = 0; i < grant->n_scopes; i++) {
        writer_string(writer, grant->scopes[i]);
    }
    writer_end_list(writer);
    writer_end_object(writer);
}

void device_write_labels(struct writer *writer, const char *key, const struct oc_labels *labels)
{
    writer_key(writer, key);
    writer_begin_object(writer);
    for (size_t i = 0; i < labels->n; i++) {
        writer_untrusted_key(writer, labels->items[i].key);
        writer_string(writer, labels->items[i].value);
    }
    writer_end_object(writer);
}

static void write_number(struct writer *writer, const char *key, bool is_known, uint64_t number)
{
    writer_key(writer, key);
    if (is_known) {
        writer_uint(writer, number);
    } else {
        writer_null(writer);
    }
}

void device_write_fields(struct writer *writer, const struct oc_device *device)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_device_id_format(&device->id, id);
    writer_text_or_null(writer, "device_id", id);
    writer_text_or_null(writer, "name", device->alias);
    writer_text_or_null(writer, "claimed_name", device->claimed_name);
    writer_text_or_null(writer, "state", oc_state_name(device->state));
    writer_text_or_null(writer, "standing", oc_standing_name(device->standing));
    writer_text_or_null(writer, "request_id", device->request_id.text);
    writer_text_or_null(writer, "why", device->why == OC_WHY_NONE ? "" : oc_why_name(device->why));
    device_write_grant(writer, "asked", &device->asked);
    device_write_grant(writer, "granted", &device->granted);
    device_write_labels(writer, "labels", &device->labels);
    writer_text_or_null(writer, "platform", device->platform);
    writer_text_or_null(writer, "version", device->version);
    writer_text_or_null(writer, "source", device->source);
    writer_time_or_null(writer, "first_seen_at", device->first_seen_at_ms);
    writer_time_or_null(writer, "requested_at", device->requested_at_ms);
    writer_time_or_null(writer, "decided_at", device->decided_at_ms);
    writer_text_or_null(writer, "decided_by", device->decided_by);
    writer_time_or_null(writer, "expires_at", device->expires_at_ms);
    writer_time_or_null(writer, "last_seen_at", device->last_seen_at_ms);
    writer_key(writer, "online");
    writer_bool(writer, device->is_online);
    writer_key(writer, "expected");
    writer_bool(writer, device->is_expected);
    bool is_claimed = device->n_same_host_devices > 0;
    write_number(writer, "host_group", device->host_group != 0, device->host_group);
    write_number(writer, "same_host_devices", is_claimed, device->n_same_host_devices);
    write_number(writer, "same_host_requests", is_claimed, device->n_same_host_requests);
    votes_write(writer, device);
}

void device_write(struct writer *writer, const struct oc_device *device)
{
    writer_begin_object(writer);
    device_write_fields(writer, device);
    writer_end_object(writer);
}

static void write_item(struct writer *writer, const void *item)
{
    device_write(writer, item);
}

static void name_item(const void *item, char out[OUTPUT_NAME_BYTES])
{
    const struct oc_device *device = item;
    oc_device_id_format(&device->id, out);
}

/* ---- texts --------------------------------------------------------------------------------- */

void device_format_grant(const struct oc_grant *grant, char *out, size_t cap)
{
    char text[GRANT_TEXT_BYTES] = "";
    size_t n = 0;
    if (grant->role[0] != '\0') {
        n += (size_t)snprintf(text, sizeof text, "role %s", grant->role);
    }
    for (size_t i = 0; i < grant->n_scopes && n < sizeof text; i++) {
        const char *before = i > 0 ? ", " : (n > 0 ? ", scopes " : "scopes ");
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", before, grant->scopes[i]);
    }
    escape_for_terminal(text, out, cap);
}

/* The same for a table: "agent: chat, tools". */
static void format_grant_briefly(const struct oc_grant *grant, char *out, size_t cap)
{
    char text[GRANT_TEXT_BYTES] = "";
    size_t n = (size_t)snprintf(text, sizeof text, "%s", grant->role);
    for (size_t i = 0; i < grant->n_scopes && n < sizeof text; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i > 0 ? ", " : ": ",
                              grant->scopes[i]);
    }
    escape_for_terminal(text, out, cap);
}

void device_format_name(const struct oc_device *device, char out[DEVICE_NAME_BYTES])
{
    if (device->alias[0] != '\0') {
        escape_for_terminal(device->alias, out, DEVICE_NAME_BYTES);
    } else if (device->claimed_name[0] != '\0') {
        escape_quoted(device->claimed_name, out, DEVICE_NAME_BYTES);
    } else {
        out[0] = '\0';
    }
}

static void format_labels(const struct oc_labels *labels, char *out, size_t cap)
{
    char text[OC_MAX_LABELS * sizeof labels->items[0]] = "";
    size_t n = 0;
    for (size_t i = 0; i < labels->n && n < sizeof text; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s=%s", i > 0 ? " " : "",
                              labels->items[i].key, labels->items[i].value);
    }
    escape_for_terminal(text, out, cap);
}

/* Quoted, unless it is one plain word: what a device says is not to be read as what we say. */
static void format_claim(const char *text, char *out, size_t cap)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "._+~-";
    if (text[strspn(text, plain)] == '\0') {
        (void)snprintf(out, cap, "%s", text);
    } else {
        escape_quoted(text, out, cap);
    }
}

void device_format_platform(const struct oc_device *device, char *out, size_t cap)
{
    char platform[ESCAPE_MOST * OC_MAX_PLATFORM_BYTES + 3];
    char version[ESCAPE_MOST * OC_MAX_VERSION_BYTES + 3];
    format_claim(device->platform, platform, sizeof platform);
    format_claim(device->version, version, sizeof version);
    (void)snprintf(out, cap, "%s%s%s", platform,
                   platform[0] != '\0' && version[0] != '\0' ? " " : "", version);
}

void device_format_claimed_labels(const struct oc_labels *labels, char *out, size_t cap)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < labels->n && n + 1 < cap; i++) {
        char text[sizeof labels->items[i] + 2];
        char quoted[ESCAPE_MOST * sizeof text + 3];
        (void)snprintf(text, sizeof text, "%s=%s", labels->items[i].key, labels->items[i].value);
        escape_quoted(text, quoted, sizeof quoted);
        int length = snprintf(out + n, cap - n, "%s%s", i > 0 ? " " : "", quoted);
        n += length > 0 ? (size_t)length : 0;
    }
}

bool device_labels_are_claims(const struct oc_device *device)
{
    return device->request_id.text[0] != '\0' && device->standing != OC_STANDING_APPROVED;
}

/* ---- cells --------------------------------------------------------------------------------- */

void device_fill_id(const struct output *output, const void *item, struct cell *cell)
{
    const struct oc_device *device = item;
    oc_device_id_format(&device->id, cell->text);
    if (output->terminal->out_is_terminal && output->format != OUTPUT_WIDE) {
        cell->text[DEVICE_SHORT_DIGITS] = '\0';
    }
}

void device_fill_name(const struct output *output, const void *item, struct cell *cell)
{
    char name[DEVICE_NAME_BYTES];
    device_format_name(item, name);
    if (output->terminal->out_is_terminal) {
        escape_cut(name, sizeof name, NAME_COLUMNS_MOST);
    }
    (void)snprintf(cell->text, sizeof cell->text, "%s", name);
}

static enum colour colour_of(enum oc_state state)
{
    switch (state) {
    case OC_STATE_PENDING:
        return COLOUR_WAITING;
    case OC_STATE_APPROVED:
        return COLOUR_GOOD;
    case OC_STATE_REJECTED:
    case OC_STATE_REVOKED:
    case OC_STATE_BLOCKED:
        return COLOUR_BAD;
    case OC_STATE_NONE:
    case OC_STATE_COUNT:
        break;
    }
    return COLOUR_NONE;
}

/* Words that go with the state and change what it means. */
static const char *qualifier(const struct oc_device *device)
{
    if (device->is_quarantined) {
        return " (quarantined)";
    }
    if (device->is_removed) {
        return " (removed)";
    }
    return device->is_expected ? " (expected)" : "";
}

void device_fill_state(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_device *device = item;
    char votes[VOTES_BRIEF_BYTES];
    votes_format_briefly(device, votes);
    (void)snprintf(
        cell->text, sizeof cell->text, "%s%s%s%s", oc_state_name(device->state),
        device->state == OC_STATE_APPROVED && device->request_id.text[0] != '\0' ? " +request" : "",
        votes, qualifier(device));
    cell->colour = colour_of(device->state);
}

/* The seed's words: who is approved, who awaits approval. */
static void fill_status(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_device *device = item;
    bool is_waiting = device->request_id.text[0] != '\0';
    const char *status = oc_state_name(device->state);
    if (device->state == OC_STATE_PENDING) {
        status = "awaiting approval";
    } else if (is_waiting && device->state == OC_STATE_APPROVED) {
        status = "approved, more access awaiting approval";
    }
    char votes[VOTES_BRIEF_BYTES];
    votes_format_briefly(device, votes);
    (void)snprintf(cell->text, sizeof cell->text, "%s%s%s", status, votes, qualifier(device));
    cell->colour = is_waiting ? COLOUR_WAITING : colour_of(device->state);
}

void device_fill_request(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_device *device = item;
    escape_for_terminal(device->request_id.text, cell->text, sizeof cell->text);
}

static void fill_access(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_device *device = item;
    bool is_granted = device->granted.role[0] != '\0';
    format_grant_briefly(is_granted ? &device->granted : &device->asked, cell->text,
                         sizeof cell->text);
}

static void fill_asked(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_device *device = item;
    format_grant_briefly(&device->asked, cell->text, sizeof cell->text);
}

static void fill_why(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_device *device = item;
    if (device->why != OC_WHY_NONE) {
        (void)snprintf(cell->text, sizeof cell->text, "%s", oc_why_name(device->why));
    }
}

void device_fill_source(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_device *device = item;
    escape_for_terminal(device->source, cell->text, sizeof cell->text);
}

static void fill_platform(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_device *device = item;
    device_format_platform(device, cell->text, sizeof cell->text);
}

static void fill_labels(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_device *device = item;
    if (device_labels_are_claims(device)) {
        device_format_claimed_labels(&device->labels, cell->text, sizeof cell->text);
    } else {
        format_labels(&device->labels, cell->text, sizeof cell->text);
    }
}

static void fill_since(const struct output *output, const void *item, struct cell *cell)
{
    const struct oc_device *device = item;
    bool is_waiting = device->request_id.text[0] != '\0';
    int64_t at_ms = is_waiting ? device->requested_at_ms : device->decided_at_ms;
    output_format_time(output, at_ms, cell->text);
}

static void fill_last_seen(const struct output *output, const void *item, struct cell *cell)
{
    const struct oc_device *device = item;
    output_format_time(output, device->last_seen_at_ms, cell->text);
}

static void fill_expires(const struct output *output, const void *item, struct cell *cell)
{
    const struct oc_device *device = item;
    output_format_time(output, device->expires_at_ms, cell->text);
}

void device_fill_decided_by(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_device *device = item;
    escape_for_terminal(device->decided_by, cell->text, sizeof cell->text);
}

static void fill_online(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_device *device = item;
    (void)snprintf(cell->text, sizeof cell->text, "%s", device->is_online ? "yes" : "no");
}

static const struct column device_columns[] = {
    {"DEVICE", false, false, device_fill_id},
    {"NAME", false, true, device_fill_name},
    {"STATE", false, false, device_fill_state},
    {"REQUEST", false, false, device_fill_request},
    {"ACCESS", false, true, fill_access},
    {"ASKED", true, true, fill_asked},
    {"WHY", true, false, fill_why},
    {"SOURCE", false, true, device_fill_source},
    {"PLATFORM", true, true, fill_platform},
    {"LABELS", true, true, fill_labels},
    {"DECIDED BY", true, false, device_fill_decided_by},
    {"EXPIRES", true, false, fill_expires},
    {"ONLINE", false, false, fill_online},
    {"LAST SEEN", false, false, fill_last_seen},
};

static const struct column pairing_columns[] = {
    {"STATUS", false, false, fill_status},
    {"REQUEST", false, false, device_fill_request},
    {"DEVICE", false, false, device_fill_id},
    {"NAME", false, true, device_fill_name},
    {"ACCESS", false, true, fill_access},
    {"ASKED", true, true, fill_asked},
    {"WHY", true, false, fill_why},
    {"SOURCE", false, true, device_fill_source},
    {"LABELS", true, true, fill_labels},
    {"SINCE", false, false, fill_since},
    {"EXPIRES", true, false, fill_expires},
    {"ONLINE", false, false, fill_online},
    {"LAST SEEN", true, false, fill_last_seen},
};

static const struct column request_columns[] = {
    {"REQUEST", false, false, device_fill_request},
    {"DEVICE", false, false, device_fill_id},
    {"NAME", false, true, device_fill_name},
    {"ASKS", false, true, fill_asked},
    {"SOURCE", false, true, device_fill_source},
    {"WAITS", false, false, fill_since},
    {"WHY", false, true, fill_why},
};

#define KIND_OF(table)                                                                             \
    {                                                                                              \
        .columns = (table), .n_columns = sizeof(table) / sizeof((table)[0]), .write = write_item,  \
        .name = name_item                                                                          \
    }

const struct item_kind device_kind = KIND_OF(device_columns);
const struct item_kind pairing_kind = KIND_OF(pairing_columns);
const struct item_kind request_kind = KIND_OF(request_columns);

/* ---- the sheet ----------------------------------------------------------------------------- */

static void print_time(const struct output *output, FILE *out, const char *label, int64_t at_ms)
{
    if (at_ms == 0) {
        return;
    }
    char at[MOMENT_BYTES];
    char age[MOMENT_BYTES];
    char text[2 * MOMENT_BYTES + 8];
    moment_format(at_ms, at);
    moment_format_age(at_ms, output->terminal->now_ms, age);
    (void)snprintf(text, sizeof text,
                   at_ms > output->terminal->now_ms ? "%s  (%s)" : "%s  (%s ago)", at, age);
    output_fact(out, label, text);
}

static void print_request(FILE *out, size_t columns, const struct oc_device *device)
{
    char text[CELL_BYTES];
    if (device->request_id.text[0] == '\0') {
        return;
    }
    escape_for_terminal(device->request_id.text, text, sizeof text);
    output_fact(out, "request", text);
    device_format_grant(&device->asked, text, sizeof text);
    output_fact_within(out, columns, "asks",
                       text[0] != '\0' ? text : "the gateway's default access");
}

void device_print_sheet(const struct output *output, FILE *out, const struct oc_device *device)
{
    char text[CELL_BYTES];
    oc_device_id_format(&device->id, text);
    output_fact(out, "device", text);
    print_request(out, output->terminal->columns, device);
    device_format_grant(&device->granted, text, sizeof text);
    output_fact(out, "has", text);
    struct cell cell = {.text = ""};
    device_fill_state(output, device, &cell);
    output_fact(out, "state", cell.text);
    votes_print(output, out, device);
    output_fact(out, "why", oc_why_text(device->why));
    escape_for_terminal(device->alias, text, sizeof text);
    output_fact(out, "name", text);
    if (!device_labels_are_claims(device)) {
        format_labels(&device->labels, text, sizeof text);
        output_fact(out, "labels", text);
    }
    escape_for_terminal(device->source, text, sizeof text);
    output_fact(out, "source", text);
    char host[HOST_TEXT_BYTES];
    host_format(device, host);
    output_fact(out, "host", host);
    print_time(output, out, "first seen", device->first_seen_at_ms);
    print_time(output, out, "requested", device->requested_at_ms);
    print_time(output, out, "decided", device->decided_at_ms);
    escape_for_terminal(device->decided_by, text, sizeof text);
    output_fact(out, "decided by", text);
    print_time(output, out, "expires", device->expires_at_ms);
    print_time(output, out, "last seen", device->last_seen_at_ms);
    output_fact(out, "online", device->is_online ? "yes" : "no");
}
