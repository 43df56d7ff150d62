/* See rollback_view.h. */
#include "cli/rollback_view.h"

#include <inttypes.h>
#include <string.h>

enum {
    LINE_BYTES = 512,
};

static void load_last_record(struct cli *cli, struct rollback_view *out)
{
    struct oc_audit_record record = {.seq = 0};
    struct oc_audit_page page = {.items = &record, .cap = 1};
    struct oc_error err;
    if (oc_admin_list_audit(cli->client, 0, true, NULL, &page, &err) == OC_OK && page.n == 1) {
        out->last_seq = record.seq;
        out->last_at_ms = record.at_ms;
    }
}

void rollback_load(struct cli *cli, struct rollback_view *out)
{
    struct oc_error err;
    memset(out, 0, sizeof *out);
    if (oc_admin_rollback(cli->client, &out->facts, &err)) {
        out->facts.lock_reason[0] = '\0';
    }
    if (out->facts.lock_reason[0] != '\0') {
        load_last_record(cli, out);
    }
}

/* The last change that anything tells of; the marker's only if it counts the same records. */
static uint64_t last_told(const struct oc_rollback *facts)
{
    const size_t n = facts->n_approvals;
    uint64_t told = n > 0 ? facts->approvals[n - 1].seq : 0;
    if (facts->has_marker && !facts->is_marker_of_others && facts->marker_seq > told) {
        told = facts->marker_seq;
    }
    return told;
}

/* Changes beyond the records of which no device told. */
static uint64_t n_unknown(const struct oc_rollback *facts)
{
    const uint64_t told = facts->is_marker_of_others ? 0 : last_told(facts);
    const uint64_t n = told > facts->seq ? told - facts->seq : 0;
    return n > facts->n_approvals_in_all ? n - facts->n_approvals_in_all : 0;
}

static void print_end(FILE *out, const struct rollback_view *view)
{
    char text[LINE_BYTES];
    char at[MOMENT_BYTES];
    const bool has_records = view->last_seq > 0;
    moment_format(view->last_at_ms, at);
    (void)snprintf(text, sizeof text, "end at change %" PRIu64 " of epoch %" PRIu64,
                   view->facts.seq, view->facts.epoch);
    if (has_records) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text),
                       ", audit record %" PRIu64 " of %s", view->last_seq, at);
    }
    output_fact(out, "records", view->facts.epoch > 0 ? text : "none can be read");
}

static void print_marker(FILE *out, const struct oc_rollback *facts)
{
    char text[LINE_BYTES];
    (void)snprintf(text, sizeof text, "says change %" PRIu64 " of epoch %" PRIu64 "%s",
                   facts->marker_seq, facts->marker_epoch,
                   facts->is_marker_of_others && facts->epoch > 0 ? ", of other records than these"
                                                                  : "");
    output_fact(out, "marker", facts->has_marker ? text : "none that can be read");
}

static void print_approvals(FILE *out, const struct oc_rollback *facts)
{
    char text[LINE_BYTES];
    char at[MOMENT_BYTES];
    char device[OC_DEVICE_ID_DIGITS + 1];
    const uint64_t n = facts->n_approvals_in_all;
    if (facts->n_approvals == 0) {
        output_fact(out, "receipts", "no device came yet with one of an approval that is missing");
        return;
    }
    (void)snprintf(text, sizeof text,
                   "%s%" PRIu64 " device%s came with receipts of approvals that are missing%s",
                   facts->has_more_approvals ? "at least " : "", n, n == 1 ? "" : "s",
                   n > facts->n_approvals ? "; the latest:" : ":");
    output_fact(out, "receipts", text);
    for (size_t i = 0; i < facts->n_approvals; i++) {
        const struct oc_missing_approval *approval = &facts->approvals[i];
        oc_device_id_format(&approval->device_id, device);
        moment_format(approval->receipt_at_ms, at);
        (void)snprintf(text, sizeof text, "change %" PRIu64 "  %s  %s", approval->seq, at, device);
        output_fact(out, "", text);
    }
}

void rollback_print(FILE *out, const struct rollback_view *view)
{
    char text[LINE_BYTES];
    const struct oc_rollback *facts = &view->facts;
    const uint64_t unknown = n_unknown(facts);
    if (facts->lock_reason[0] == '\0') {
        return;
    }
    print_end(out, view);
    print_marker(out, facts);
    print_approvals(out, facts);
    if (unknown > 0) {
        (void)snprintf(text, sizeof text,
                       "%" PRIu64 " change%s up to change %" PRIu64
                       ", of which only an export or a newer database tells",
                       unknown, unknown == 1 ? "" : "s", last_told(facts));
        output_fact(out, "unknown", text);
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void write_count(struct writer *writer, const char *key, uint64_t count)
{
    writer_key(writer, key);
    writer_uint(writer, count);
}

static void write_approvals(struct writer *writer, const struct oc_rollback *facts)
{
    char device[OC_DEVICE_ID_DIGITS + 1];
    writer_key(writer, "missing_approvals");
    writer_begin_list(writer);
    for (size_t i = 0; i < facts->n_approvals; i++) {
        oc_device_id_format(&facts->approvals[i].device_id, device);
        writer_begin_object(writer);
        writer_text_or_null(writer, "device_id", device);
        write_count(writer, "seq", facts->approvals[i].seq);
        writer_time_or_null(writer, "receipt_at", facts->approvals[i].receipt_at_ms);
        writer_end_object(writer);
    }
    writer_end_list(writer);
    write_count(writer, "missing_approvals_in_all", facts->n_approvals_in_all);
    writer_key(writer, "has_more_missing_approvals");
    writer_bool(writer, facts->has_more_approvals);
}

void rollback_write(struct writer *writer, const struct rollback_view *view)
{
    const struct oc_rollback *facts = &view->facts;
    if (facts->lock_reason[0] == '\0') {
        writer_null(writer);
        return;
    }
    writer_begin_object(writer);
    write_count(writer, "records_end_seq", facts->seq);
    write_count(writer, "last_audit_seq", view->last_seq);
    writer_time_or_null(writer, "last_audit_at", view->last_at_ms);
    writer_key(writer, "marker");
    if (facts->has_marker) {
        writer_begin_object(writer);
        write_count(writer, "epoch", facts->marker_epoch);
        write_count(writer, "seq", facts->marker_seq);
        writer_key(writer, "is_of_these_records");
        writer_bool(writer, !facts->is_marker_of_others);
        writer_end_object(writer);
    } else {
        writer_null(writer);
    }
    writer_time_or_null(writer, "checkpoint_at", facts->missing_told_at_ms);
    write_approvals(writer, facts);
    write_count(writer, "unknown_changes", n_unknown(facts));
    writer_end_object(writer);
}
