/* Records of the audit as rows and documents; see audit_view.h. */
#include "cli/audit_view.h"

#include <inttypes.h>
#include <openclaw/admin.h>
#include <stdlib.h>
#include <string.h>

#include "cli/device_view.h"
#include "cli/escape.h"

enum {
    WHOM_COLUMNS = DEVICE_SHORT_DIGITS, /* of an administrator on a terminal */
};

/* ---- documents ------------------------------------------------------------------------------ */

static void format_hex(const uint8_t *bytes, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

/* "" for the device of a record that concerns none. */
static void format_device(const struct oc_audit_record *record, char out[OC_DEVICE_ID_DIGITS + 1])
{
    static const struct oc_device_id nobody;
    out[0] = '\0';
    if (!oc_device_id_equal(&record->device_id, &nobody)) {
        oc_device_id_format(&record->device_id, out);
    }
}

static void write_record(struct writer *writer, const void *item)
{
    const struct oc_audit_record *record = item;
    char device[OC_DEVICE_ID_DIGITS + 1];
    char hash[2 * OC_DIGEST_BYTES + 1];
    format_device(record, device);
    format_hex(record->hash.bytes, sizeof record->hash.bytes, hash);
    writer_begin_object(writer);
    writer_key(writer, "seq");
    writer_uint(writer, record->seq);
    writer_time_or_null(writer, "at", record->at_ms);
    writer_text_or_null(writer, "actor", record->actor);
    writer_text_or_null(writer, "source", record->source);
    writer_text_or_null(writer, "action", record->action);
    writer_text_or_null(writer, "outcome", record->outcome);
    writer_text_or_null(writer, "device_id", device);
    writer_text_or_null(writer, "request_id", record->request_id.text);
    writer_text_or_null(writer, "before", record->before);
    writer_text_or_null(writer, "after", record->after);
    writer_text_or_null(writer, "reason", record->reason);
    writer_text_or_null(writer, "rule", record->rule);
    writer_text_or_null(writer, "detail", record->detail);
    writer_text_or_null(writer, "hash", hash);
    writer_end_object(writer);
}

static void name_record(const void *item, char out[OUTPUT_NAME_BYTES])
{
    const struct oc_audit_record *record = item;
    (void)snprintf(out, OUTPUT_NAME_BYTES, "%" PRIu64, record->seq);
}

/* ---- what a detail says --------------------------------------------------------------------- */

enum {
    WORD_BYTES = 256,
};
_Static_assert(sizeof((struct oc_audit_record *)NULL)->detail <= WORD_BYTES, "room for any part");

/* The value behind `key` ("role=") up to `end`, "" if there is none. False: there is none. */
static bool find_word(const char *detail, const char *key, const char *end, char out[WORD_BYTES])
{
    const char *at = strstr(detail, key);
    out[0] = '\0';
    if (!at) {
        return false;
    }
    at += strlen(key);
    const char *behind = strstr(at, end);
    const size_t n = behind ? (size_t)(behind - at) : strlen(at);
    memcpy(out, at, n);
    out[n] = '\0';
    return true;
}

static const char administrator_key[] = "administrator=";

/* Of a record about an administrator: "administrator=alice role=approver was=viewer". */
static bool find_administrator(const struct oc_audit_record *record, char out[WORD_BYTES])
{
    out[0] = '\0';
    return strncmp(record->detail, administrator_key, sizeof administrator_key - 1) == 0 &&
           find_word(record->detail, administrator_key, " role=", out);
}

static void format_move(const struct oc_audit_record *record, char *out, size_t cap)
{
    const bool is_move = strcmp(record->before, record->after) != 0;
    (void)snprintf(out, cap, "%s%s%s", record->before, is_move ? " -> " : "",
                   is_move ? record->after : "");
}

/* The role, and what it was, where that is the change; else beside the state. */
static void format_administrator_move(const struct oc_audit_record *record, char *out, size_t cap)
{
    char role[WORD_BYTES];
    char was[WORD_BYTES];
    char move[64];
    (void)find_word(record->detail, " role=", " ", role);
    format_move(record, move, sizeof move);
    if (find_word(record->detail, " was=", " ", was) &&
        strcmp(record->before, record->after) == 0) {
        (void)snprintf(out, cap, "%s -> %s", was, role);
    } else {
        (void)snprintf(out, cap, "%s%s%s%s", move, role[0] ? " (" : "", role, role[0] ? ")" : "");
    }
}

/* Exactly, as --for takes it: what differs is another grant. */
static void format_term(uint64_t ms, char *out, size_t cap)
{
    static const struct {
        uint64_t ms;
        const char *name;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    size_t i = 0;
    while (ms % units[i].ms != 0) {
        i++;
    }
    (void)snprintf(out, cap, "%" PRIu64 "%s", ms / units[i].ms, units[i].name);
}

/* What the vote was for: "term_ms=28800000 role=agent scopes=deploy". */
static void format_vote(const struct oc_audit_record *record, char *out, size_t cap)
{
    static const char key[] = "term_ms=";
    const char *grant = record->detail;
    char term[32] = "";
    char move[64];
    format_move(record, move, sizeof move);
    if (strncmp(grant, key, sizeof key - 1) == 0) {
        char *end = NULL;
        const uint64_t ms = strtoull(grant + sizeof key - 1, &end, 10);
        if (ms > 0 && *end == ' ') {
            format_term(ms, term, sizeof term);
            grant = end + 1;
        }
    }
    (void)snprintf(out, cap, "%s, %s%s%s%s", move, term[0] ? "for=" : "", term, term[0] ? " " : "",
                   grant);
}

static void format_change(const struct oc_audit_record *record, char *out, size_t cap)
{
    char administrator[WORD_BYTES];
    const char *slash = strrchr(record->detail, '/');
    if (strcmp(record->action, "denied") == 0) {
        (void)snprintf(out, cap, "%s", slash ? slash + 1 : record->detail); /* the method */
    } else if (find_administrator(record, administrator)) {
        format_administrator_move(record, out, cap);
    } else if (strcmp(record->outcome, "voted") == 0 && record->detail[0] != '\0') {
        format_vote(record, out, cap);
    } else {
        format_move(record, out, cap);
    }
}

/* ---- cells ----------------------------------------------------------------------------------- */

static void fill_seq(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    name_record(item, cell->text);
}

static void fill_at(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_audit_record *record = item;
    moment_format(record->at_ms, cell->text);
}

/* Its age on a terminal, unless the row stands longer than that is true. */
static void fill_age(const struct output *output, const void *item, struct cell *cell)
{
    const struct oc_audit_record *record = item;
    if (output->format == OUTPUT_WIDE) {
        fill_at(output, item, cell);
    } else {
        output_format_time(output, record->at_ms, cell->text);
    }
}

static void fill_actor(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_audit_record *record = item;
    escape_for_terminal(record->actor, cell->text, sizeof cell->text);
}

static void fill_source(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_audit_record *record = item;
    escape_for_terminal(record->source, cell->text, sizeof cell->text);
}

static void fill_action(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_audit_record *record = item;
    escape_for_terminal(record->action, cell->text, sizeof cell->text);
}

static void fill_outcome(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_audit_record *record = item;
    escape_for_terminal(record->outcome, cell->text, sizeof cell->text);
    cell->colour = strcmp(record->outcome, "done") == 0 ? COLOUR_NONE : COLOUR_BAD;
}

/* A device or an administrator. */
static void fill_whom(const struct output *output, const void *item, struct cell *cell)
{
    const bool is_short = output->terminal->out_is_terminal && output->format != OUTPUT_WIDE;
    char name[WORD_BYTES];
    char whom[WORD_BYTES + 8];
    if (find_administrator(item, name)) {
        (void)snprintf(whom, sizeof whom, "admin:%s", name);
        escape_for_terminal(whom, cell->text, sizeof cell->text);
        if (is_short) {
            escape_cut(cell->text, sizeof cell->text, WHOM_COLUMNS);
        }
        return;
    }
    format_device(item, cell->text);
    if (is_short) {
        cell->text[DEVICE_SHORT_DIGITS] = '\0';
    }
}

static void fill_request(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_audit_record *record = item;
    escape_for_terminal(record->request_id.text, cell->text, sizeof cell->text);
}

static void fill_change(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    char text[2 * WORD_BYTES + 128];
    format_change(item, text, sizeof text);
    escape_for_terminal(text, cell->text, sizeof cell->text);
}

static void fill_detail(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_audit_record *record = item;
    escape_for_terminal(record->detail, cell->text, sizeof cell->text);
}

static void fill_rule(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_audit_record *record = item;
    escape_for_terminal(record->rule, cell->text, sizeof cell->text);
}

static void fill_reason(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct oc_audit_record *record = item;
    escape_for_terminal(record->reason, cell->text, sizeof cell->text);
}

/* Columns that differ by how they tell the time. */
#define COLUMNS_WITH(fill_time)                                                                    \
    {                                                                                              \
        {"SEQ", false, false, fill_seq}, {"AT", false, false, fill_time},                          \
            {"ACTOR", false, true, fill_actor}, {"SOURCE", true, true, fill_source},               \
            {"ACTION", false, false, fill_action}, {"OUTCOME", false, true, fill_outcome},         \
            {"WHOM", false, false, fill_whom}, {"REQUEST", false, false, fill_request},            \
            {"CHANGE", false, true, fill_change}, {"DETAIL", true, true, fill_detail},             \
            {"RULE", true, false, fill_rule}, {"REASON", false, true, fill_reason},                \
    }

static const struct column columns[] = COLUMNS_WITH(fill_age);
static const struct column follow_columns[] = COLUMNS_WITH(fill_at);

/* Wide enough from the first row on, as nobody knows those to come. */
static const unsigned char widths[] = {6, 24, 12, 12, 8, 8, 16, 10, 20, 12, 10, 8};
_Static_assert(sizeof widths == sizeof columns / sizeof columns[0], "one for each");

const struct item_kind audit_kind = {
    .columns = columns,
    .n_columns = sizeof columns / sizeof columns[0],
    .write = write_record,
    .name = name_record,
};

const struct item_kind audit_follow_kind = {
    .columns = follow_columns,
    .n_columns = sizeof follow_columns / sizeof follow_columns[0],
    .least_widths = widths,
    .write = write_record,
    .name = name_record,
};
