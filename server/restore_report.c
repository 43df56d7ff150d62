/* See restore_report.h. */
#include "server/restore_report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/checkpoint_keeper.h"

enum {
    MOST_LINES = 1000, /* of each kind; the rest is counted */
    TIME_BYTES = 40,
};

static void format_time(int64_t at_ms, char out[TIME_BYTES])
{
    const time_t seconds = (time_t)(at_ms / 1000);
    struct tm utc;
    (void)gmtime_r(&seconds, &utc);
    if (strftime(out, TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) {
        out[0] = '\0';
    }
}

/* ---- what is lost -------------------------------------------------------------------------- */

static bool is_one_of(const char *action, const char *const *words)
{
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(action, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Without them a device may come in that was shut out. */
static bool is_withdrawal(const struct audit_event *event)
{
    static const char *const words[] = {"revoke",     "block",      "remove",
                                        "term_end",   "reject",     "admin.revoke",
                                        "admin.role", "admin.void", NULL};
    return strcmp(event->outcome, "done") == 0 && is_one_of(event->action, words);
}

static bool is_decision(const struct audit_event *event)
{
    static const char *const words[] = {"approve",     "unblock",  "expect",
                                        "rename",      "dismiss",  "admin.issue",
                                        "admin.renew", "pki.init", NULL};
    return strcmp(event->outcome, "done") == 0 && is_one_of(event->action, words);
}

/* Of no device: its detail says whom it is about, in our own words. */
static bool is_of_administrators(const struct audit_event *event)
{
    return strncmp(event->action, "admin.", 6) == 0 || strcmp(event->action, "pki.init") == 0;
}

/* A text under construction, and how many lines went into it. */
struct lines {
    FILE *file;
    char *text;
    size_t n_bytes;
    uint64_t n;
};

static void add_line(struct lines *lines, const struct store_audit_row *row)
{
    char at[TIME_BYTES];
    char device[OC_DEVICE_ID_DIGITS + 1];
    if (lines->n++ >= MOST_LINES) {
        return;
    }
    format_time(row->event.at_ms, at);
    if (is_of_administrators(&row->event)) {
        (void)fprintf(lines->file, "  %-8s %s  by %s  %s\n", row->event.action, at,
                      row->event.actor.name, row->event.detail);
        return;
    }
    oc_device_id_format(&row->event.device_id, device);
    (void)fprintf(lines->file, "  %-8s %s  by %s  device %s\n", row->event.action, at,
                  row->event.actor.name, device);
}

static void take_row(const struct store_audit_row *row, struct lines kinds[2])
{
    if (is_withdrawal(&row->event)) {
        add_line(&kinds[0], row);
    } else if (is_decision(&row->event)) {
        add_line(&kinds[1], row);
    }
}

static enum oc_status read_rows(struct store *store, uint64_t after, struct lines kinds[2],
                                struct oc_error *err)
{
    struct store_audit_row *rows = calloc(STORE_MAX_PAGE, sizeof *rows);
    enum oc_status st =
        rows ? OC_OK : oc_fail(err, OC_RESOURCE_EXHAUSTED, "restore: out of memory");
    size_t n = STORE_MAX_PAGE;
    while (!st && n == STORE_MAX_PAGE) {
        const struct store_audit_query query = {.after_seq = after, .limit = STORE_MAX_PAGE};
        st = store_list_audit(store, &query, rows, &n, err);
        for (size_t i = 0; i < n && !st; i++) {
            take_row(&rows[i], kinds);
            after = rows[i].seq;
        }
    }
    free(rows);
    return st;
}

static uint64_t fewer_rows(const struct restore_side *a, const struct restore_side *b)
{
    return a->findings.n_audit < b->findings.n_audit ? a->findings.n_audit : b->findings.n_audit;
}

/* The last audit row that both have: a hash covers all rows before it. */
static enum oc_status find_common(const struct restore_side *a, const struct restore_side *b,
                                  uint64_t *out, struct oc_error *err)
{
    uint64_t low = 0; /* common, unless even the genesis hash differs */
    uint64_t high = fewer_rows(a, b);
    while (low < high) {
        const uint64_t middle = low + (high - low + 1) / 2;
        struct oc_digest of_a;
        struct oc_digest of_b;
        enum oc_status st = store_audit_hash(a->store, middle, &of_a, err);
        if (!st) {
            st = store_audit_hash(b->store, middle, &of_b, err);
        }
        if (st) {
            return st;
        }
        if (memcmp(of_a.bytes, of_b.bytes, sizeof of_a.bytes) == 0) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    *out = low;
    return OC_OK;
}

static char *join(struct lines kinds[2])
{
    char *text = NULL;
    size_t n = 0;
    FILE *file = open_memstream(&text, &n);
    for (int i = 0; i < 2 && file; i++) {
        (void)fwrite(kinds[i].text, 1, kinds[i].n_bytes, file);
        if (kinds[i].n > MOST_LINES) {
            (void)fprintf(file, "  ... and %" PRIu64 " more\n", kinds[i].n - MOST_LINES);
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return text;
}

enum oc_status restore_compare(const struct restore_side *backup,
                               const struct restore_side *present, struct restore_lost *out,
                               struct oc_error *err)
{
    struct lines kinds[2] = {{.file = NULL}};
    uint64_t common = 0;
    *out = (struct restore_lost){.is_known = present->store != NULL};
    if (!present->store) {
        return OC_OK;
    }
    for (int i = 0; i < 2; i++) {
        kinds[i].file = open_memstream(&kinds[i].text, &kinds[i].n_bytes);
    }
    enum oc_status st = kinds[0].file && kinds[1].file
                            ? find_common(backup, present, &common, err)
                            : oc_fail(err, OC_RESOURCE_EXHAUSTED, "restore: out of memory");
    if (!st) {
        st = read_rows(present->store, common, kinds, err);
    }
    for (int i = 0; i < 2; i++) {
        if (kinds[i].file) {
            (void)fclose(kinds[i].file);
        }
    }
    if (!st) {
        out->is_same_history = common == fewer_rows(backup, present) &&
                               memcmp(backup->identity.database_id, present->identity.database_id,
                                      STORE_ID_BYTES) == 0;
        out->is_later = present->findings.n_audit > common;
        out->n = kinds[0].n + kinds[1].n;
        out->n_withdrawals = kinds[0].n;
        out->text = join(kinds);
    }
    free(kinds[0].text);
    free(kinds[1].text);
    return st;
}

/* ---- what was signed ------------------------------------------------------------------------ */

void restore_look_at_checkpoint(const struct restore_side *backup, const char *path,
                                const struct oc_identity *gateway, struct restore_signed *out)
{
    const struct oc_digest spki = oc_identity_spki_sha256(gateway);
    struct oc_audit_checkpoint newest;
    struct oc_digest hash;
    struct oc_error err;
    if (!path || checkpoint_file_newest(path, &spki, &newest, &err)) {
        return;
    }
    out->is_known = true;
    out->seq = newest.seq;
    out->at_ms = newest.at_ms;
    out->is_of_other =
        memcmp(newest.database_id, backup->identity.database_id, STORE_ID_BYTES) != 0;
    out->is_held = !out->is_of_other && newest.seq <= backup->findings.n_audit &&
                   store_audit_hash(backup->store, newest.seq, &hash, &err) == OC_OK &&
                   memcmp(&hash, &newest.hash, sizeof hash) == 0;
}

void restore_print_checkpoint(FILE *out, const struct restore_side *backup,
                              const struct restore_signed *checkpoint)
{
    const uint64_t n_audit = backup->findings.n_audit;
    char at[TIME_BYTES];
    if (!checkpoint->is_known) {
        return;
    }
    format_time(checkpoint->at_ms, at);
    (void)fprintf(out,
                  "signed   the last checkpoint that was kept is of audit row %" PRIu64 ", %s: ",
                  checkpoint->seq, at);
    if (checkpoint->is_held) {
        (void)fprintf(out, "the backup has it\n");
    } else if (checkpoint->is_of_other) {
        (void)fprintf(out, "of other records than the backup's\n");
    } else if (checkpoint->seq > n_audit) {
        (void)fprintf(out, "rows %" PRIu64 " to %" PRIu64 " are not in the backup\n", n_audit + 1,
                      checkpoint->seq);
    } else {
        (void)fprintf(out, "the backup has another in its place\n");
    }
}

/* ---- in words ------------------------------------------------------------------------------ */

static void print_side(FILE *out, const char *what, const struct restore_side *side)
{
    const struct store_findings *findings = &side->findings;
    char at[TIME_BYTES] = "";
    (void)fprintf(out, "%-8s %s\n", what, side->path);
    if (!side->store) {
        (void)fprintf(out, "  %s\n", side->trouble[0] ? side->trouble : "there is none");
        if (side->has_lone_log) {
            (void)fprintf(
                out,
                "  warning: its log is there without it: %s-wal; decisions may be in it, "
                "withdrawals among them, that no backup holds: they are lost, and who was "
                "shut out by them comes in again; the log is moved aside, not replayed\n",
                side->path);
        }
        return;
    }
    (void)fprintf(out,
                  "  change %" PRIu64 " of epoch %" PRIu64 ": %" PRIu64 " device%s, %" PRIu64
                  " approved, %" PRIu64 " revoked, %" PRIu64 " blocked\n",
                  side->identity.seq, side->identity.epoch, findings->n_records,
                  findings->n_records == 1 ? "" : "s", findings->n_approved, findings->n_revoked,
                  findings->n_blocked);
    if (findings->n_audit > 0) {
        format_time(findings->last_audit_ms, at);
        (void)fprintf(out, "  audit whole: %" PRIu64 " rows, the last of %s\n", findings->n_audit,
                      at);
    }
    if (findings->n_quarantined > 0) {
        (void)fprintf(out,
                      "  warning: %" PRIu64 " records are not as this gateway wrote them; they "
                      "will get no session until they are decided anew\n",
                      findings->n_quarantined);
    }
}

static void print_again(FILE *out, const struct restore_withdrawn *again)
{
    if (again->n_revoked + again->n_blocked + again->n_expectations > 0) {
        (void)fprintf(out,
                      "made again: %" PRIu64 " revoked, %" PRIu64 " blocked, %" PRIu64
                      " no longer approved in advance, so that nobody comes in who was shut out\n",
                      again->n_revoked, again->n_blocked, again->n_expectations);
    }
    if (again->n_narrowed > 0) {
        (void)fprintf(out,
                      "revoked, as the backup gives more than was granted since, or for longer: "
                      "%" PRIu64 "; approve anew:\n%s",
                      again->n_narrowed, again->text ? again->text : "");
    }
}

void restore_print(FILE *out, const struct restore_side *backup, const struct restore_side *present,
                   const struct restore_lost *lost, const struct restore_withdrawn *again,
                   bool as_it_was)
{
    const char *keeps_out =
        as_it_was ? ": whoever was shut out by these comes in again (--as-it-was)" : "";
    print_side(out, "backup", backup);
    print_side(out, "present", present);
    if (!lost->is_known) {
        (void)fprintf(out,
                      "lost     what was decided after the backup cannot be told: the present "
                      "database %s\n",
                      present->trouble[0] ? "cannot be read" : "is missing");
        return;
    }
    if (!lost->is_same_history) {
        (void)fprintf(out, "the two have different histories: one of them is not a later state of "
                           "the other\n");
    }
    if (lost->n == 0) {
        (void)fprintf(out, "lost     no decision\n");
    } else {
        (void)fprintf(out,
                      "lost     %" PRIu64 " decision%s, withdrawals among them: %" PRIu64 "%s\n",
                      lost->n, lost->n == 1 ? "" : "s", lost->n_withdrawals,
                      lost->n_withdrawals > 0 ? keeps_out : "");
        (void)fputs(lost->text ? lost->text : "", out);
    }
    print_again(out, again);
}
