/* See audit_gap_view.h. */
#include "cli/audit_gap_view.h"

#include <inttypes.h>
#include <string.h>

#include "cli/escape.h"
#include "cli/failure.h"

enum {
    MOST_LINES = 1000, /* the rest is counted */
};

struct listing_of_missing {
    struct cli *cli;
    uint64_t n;
};

static enum oc_status read_hash(void *user, uint64_t seq, struct oc_digest *out,
                                struct oc_error *err)
{
    struct listing_of_missing *missing = user;
    struct oc_audit_record record = {.seq = 0};
    struct oc_audit_page page = {.items = &record, .cap = 1};
    enum oc_status st = oc_admin_list_audit(missing->cli->client, seq - 1, false, NULL, &page, err);
    if (!st && (page.n != 1 || record.seq != seq)) {
        st = oc_fail(err, OC_DATA_LOSS, "the gateway has no record %" PRIu64, seq);
    }
    if (!st) {
        *out = record.hash;
    }
    return st;
}

static void say_record(void *user, const struct oc_audit_record *record)
{
    static const struct oc_device_id nobody;
    struct listing_of_missing *missing = user;
    char at[MOMENT_BYTES];
    char device[OC_DEVICE_ID_DIGITS + 1] = "-";
    if (missing->n++ >= MOST_LINES) {
        return;
    }
    moment_format(record->at_ms, at);
    if (!oc_device_id_equal(&record->device_id, &nobody)) {
        oc_device_id_format(&record->device_id, device);
    }
    terminal_say(missing->cli->terminal, "  %-6" PRIu64 " %s  %-8s %s  by %s  device %s%s%s%s%s",
                 record->seq, at, record->action, record->outcome, record->actor, device,
                 record->request_id.text[0] ? "  request " : "", record->request_id.text,
                 record->reason[0] ? "  reason " : "", record->reason);
}

static void say_gap(const struct cli *cli, const char *path, const struct oc_audit_gap *gap,
                    uint64_t last_seq)
{
    char at[MOMENT_BYTES];
    const struct terminal *terminal = cli->terminal;
    moment_format(gap->told_at_ms, at);
    if (gap->is_other_database) {
        terminal_say(terminal,
                     "%s: of other records of this gateway, up to record %" PRIu64
                     " of %s: none of them is here.",
                     path, gap->told_seq, at);
    } else if (gap->common_seq >= gap->told_seq) {
        terminal_say(terminal,
                     "%s: everything it tells of is here, up to record %" PRIu64 " of %s.", path,
                     gap->told_seq, at);
    } else {
        terminal_say(terminal, "%s: records %" PRIu64 " to %" PRIu64 " are missing, as of %s%s.",
                     path, gap->common_seq + 1, gap->told_seq, at,
                     gap->is_export ? "" : "; an export (openclaw audit export) would name them");
    }
    if (gap->has_other_records) {
        terminal_say(terminal,
                     "  these records go on otherwise after record %" PRIu64 ", up to %" PRIu64
                     "%s: they are not an older state of the same history",
                     gap->common_seq, last_seq, gap->is_unproved ? " at the latest" : "");
    } else if (gap->is_unproved && gap->is_export) {
        terminal_say(terminal, "  that these records are the beginning of it is not shown: it "
                               "begins behind their end");
    }
}

static uint64_t last_record(struct cli *cli)
{
    struct oc_audit_record record = {.seq = 0};
    struct oc_audit_page page = {.items = &record, .cap = 1};
    struct oc_error err;
    return !oc_admin_list_audit(cli->client, 0, true, NULL, &page, &err) && page.n == 1 ? record.seq
                                                                                        : 0;
}

enum exit_code audit_gap_print(struct cli *cli, const struct oc_gateway_status *status,
                               const char *path)
{
    struct listing_of_missing missing = {.cli = cli};
    struct oc_audit_history history = {
        .last_seq = last_record(cli), .hash = read_hash, .missing = say_record, .user = &missing};
    struct oc_audit_gap gap;
    struct oc_error err;
    struct failure failure;
    memcpy(history.gateway_id, status->gateway_id, sizeof history.gateway_id);
    memcpy(history.database_id, status->database_id, sizeof history.database_id);
    enum oc_status st = oc_audit_find_gap(path, &status->spki_sha256, &history, &gap, &err);
    if (st) {
        failure_set(&failure, st == OC_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_FAILED, "%s: %s", path,
                    err.text);
        failure_advise(&failure, "what is wrong with it, line by line:  openclaw audit verify %s",
                       path);
        return failure_say(cli->terminal, &failure);
    }
    if (missing.n > MOST_LINES) {
        terminal_say(cli->terminal, "  ... and %" PRIu64 " more", missing.n - MOST_LINES);
    }
    say_gap(cli, path, &gap, history.last_seq);
    return EXIT_DONE;
}
