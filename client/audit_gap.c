/*
 * What an export, or checkpoints, tell of records that a history lacks. The file is read twice:
 * once to verify it and to learn its hashes, and once to tell of what is missing; a record that is
 * not as it was the first time ends that.
 */
#include <errno.h>
#include <inttypes.h>
#include <openclaw/rollback.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/audit_lines.h"
#include "proto/base/cleanup.h"
#include "proto/crypto/checkpoint.h"

enum {
    FIRST_ROOM = 1024,
    MOST_RECORDS = 16 * 1024 * 1024, /* half a gigabyte of hashes */
};

/* A file that is compared. */
struct kept {
    const char *path;
    FILE *file;
    const struct oc_digest *pin;
    const struct oc_audit_history *history;
    struct oc_audit_gap gap;
    uint64_t from_seq;        /* of the first record of the export */
    struct oc_digest *hashes; /* [0]: of the record before it */
    size_t n, room;
    bool has_checkpoint;
    struct oc_audit_checkpoint newest;
};

static enum oc_status fail_file(const struct kept *kept, struct oc_error *err)
{
    return oc_fail(err, errno == ENOENT ? OC_NOT_FOUND : OC_UNAVAILABLE, "%s: %s", kept->path,
                   strerror(errno));
}

/* The next line without its newline, n bytes; *is_whole: it has one. False: there is none, or it is
 * longer than any of ours. */
static bool next_line(const struct kept *kept, char line[OC_AUDIT_LINE_BYTES], size_t *n,
                      bool *is_whole)
{
    int c = EOF;
    *n = 0;
    *is_whole = false;
    while (!*is_whole && *n < OC_AUDIT_LINE_BYTES - 1 && (c = getc_unlocked(kept->file)) != EOF) {
        *is_whole = c == '\n';
        line[*n] = (char)c;
        *n += *is_whole ? 0 : 1;
    }
    return *is_whole || (c == EOF && *n > 0);
}

static bool is_of(const struct oc_audit_history *history, const uint8_t gateway_id[16])
{
    static const uint8_t unknown[16];
    return memcmp(history->gateway_id, unknown, sizeof unknown) == 0 ||
           memcmp(history->gateway_id, gateway_id, sizeof unknown) == 0;
}

static bool is_same_database(const struct kept *kept, const uint8_t database_id[16])
{
    return memcmp(kept->history->database_id, database_id, 16) == 0;
}

/* Whether the history has record seq, with this hash. */
static enum oc_status has(const struct kept *kept, uint64_t seq, const struct oc_digest *hash,
                          bool *out, struct oc_error *err)
{
    const struct oc_audit_history *history = kept->history;
    struct oc_digest found;
    *out = false;
    if (seq == 0) {
        *out = true; /* what comes before the first is the same in a database */
        return OC_OK;
    }
    if (seq > history->last_seq) {
        return OC_OK;
    }
    enum oc_status st = history->hash(history->user, seq, &found, err);
    *out = !st && memcmp(&found, hash, sizeof found) == 0;
    return st;
}

/* ---- an export ------------------------------------------------------------------------------- */

static enum oc_status keep_hash(struct kept *kept, const struct oc_digest *hash,
                                struct oc_error *err)
{
    if (kept->n == kept->room) {
        const size_t room = kept->room ? 2 * kept->room : FIRST_ROOM;
        struct oc_digest *larger =
            room <= MOST_RECORDS ? realloc(kept->hashes, room * sizeof *larger) : NULL;
        if (!larger) {
            return oc_fail(err, OC_RESOURCE_EXHAUSTED, "%s: too many records", kept->path);
        }
        kept->hashes = larger;
        kept->room = room;
    }
    kept->hashes[kept->n++] = *hash;
    return OC_OK;
}

/* Of a line that the verifier took. */
static enum oc_status learn_line(struct kept *kept, const char *line, size_t n,
                                 struct oc_error *err)
{
    struct oc_audit_header header;
    struct oc_audit_record record;
    if (oc_audit_parse_record(line, n, &record)) {
        return keep_hash(kept, &record.hash, err);
    }
    if (kept->n == 0 && oc_audit_parse_header(line, n, &header)) {
        kept->from_seq = header.from_seq;
        return keep_hash(kept, &header.previous, err);
    }
    return OC_OK;
}

static enum oc_status learn_lines(struct kept *kept, struct oc_audit_verifier *verifier,
                                  struct oc_error *err)
{
    char line[OC_AUDIT_LINE_BYTES];
    size_t n = 0;
    bool is_whole = false;
    enum oc_status st = OC_OK;
    while (!st && next_line(kept, line, &n, &is_whole)) {
        st = oc_audit_verifier_feed(verifier, line, n + (is_whole ? 1 : 0), err);
        if (!st) {
            st = learn_line(kept, line, n, err);
        }
    }
    if (!st && !feof(kept->file)) {
        st = ferror(kept->file)
                 ? fail_file(kept, err)
                 : oc_fail(err, OC_DATA_LOSS, "%s: a line is longer than any record", kept->path);
    }
    return st;
}

static enum oc_status learn_export(struct kept *kept, struct oc_error *err)
{
    struct oc_audit_verifier *verifier = oc_audit_verifier_new(kept->pin);
    struct oc_audit_proof proof = {.n_records = 0};
    enum oc_status st = verifier ? learn_lines(kept, verifier, err)
                                 : oc_fail(err, OC_RESOURCE_EXHAUSTED, "out of memory");
    if (!st) {
        st = oc_audit_verifier_finish(verifier, &proof, err);
    }
    oc_audit_verifier_free(verifier);
    if (!st && !is_of(kept->history, proof.gateway_id)) {
        st = oc_fail(err, OC_DATA_LOSS, "it is another gateway's export");
    }
    if (!st) {
        kept->gap.is_other_database = !is_same_database(kept, proof.database_id);
        kept->gap.pin = proof.pin;
        kept->gap.epoch = proof.epoch;
        kept->gap.told_seq = proof.signed_seq;
        kept->gap.told_at_ms = proof.signed_at_ms;
    }
    return st;
}

/* The last record of the export that the history has too; a hash covers all before it. */
static enum oc_status find_common(struct kept *kept, struct oc_error *err)
{
    const uint64_t before = kept->from_seq - 1;
    const uint64_t last = kept->history->last_seq;
    uint64_t low = 0;
    uint64_t high = kept->n - 1;
    bool is_same = false;
    enum oc_status st = OC_OK;
    if (kept->gap.is_other_database || last < before) {
        kept->gap.is_unproved = !kept->gap.is_other_database;
        return OC_OK;
    }
    st = has(kept, before, &kept->hashes[0], &is_same, err);
    if (st || !is_same) {
        kept->gap.is_unproved = true;
        return st;
    }
    while (!st && low < high) {
        const uint64_t middle = low + (high - low + 1) / 2;
        st = has(kept, before + middle, &kept->hashes[middle], &is_same, err);
        low = is_same ? middle : low;
        high = is_same ? high : middle - 1;
    }
    kept->gap.common_seq = before + low;
    kept->gap.has_other_records =
        last > kept->gap.common_seq && kept->gap.common_seq < kept->gap.told_seq;
    return st;
}

/* Whether it is the record that was verified. */
static bool is_known(const struct kept *kept, const struct oc_audit_record *record)
{
    const uint64_t at = record->seq - kept->from_seq + 1;
    return record->seq >= kept->from_seq && at < kept->n &&
           memcmp(&record->hash, &kept->hashes[at], sizeof record->hash) == 0;
}

static enum oc_status tell_missing(struct kept *kept, struct oc_error *err)
{
    const struct oc_audit_history *history = kept->history;
    char line[OC_AUDIT_LINE_BYTES];
    struct oc_audit_record record;
    size_t n = 0;
    bool is_whole = false;
    if (fseek(kept->file, 0, SEEK_SET)) {
        return fail_file(kept, err);
    }
    while (next_line(kept, line, &n, &is_whole)) {
        if (!oc_audit_parse_record(line, n, &record)) {
            continue; /* a header or a checkpoint, as it was the first time */
        }
        if (!is_known(kept, &record)) {
            return oc_fail(err, OC_DATA_LOSS, "it was changed while it was read");
        }
        if (record.seq > kept->gap.common_seq) {
            kept->gap.n_told++;
            if (history->missing) {
                history->missing(history->user, &record);
            }
        }
    }
    return ferror(kept->file) ? fail_file(kept, err) : OC_OK;
}

static enum oc_status compare_export(struct kept *kept, struct oc_error *err)
{
    enum oc_status st = learn_export(kept, err);
    kept->gap.is_export = true;
    if (st) {
        return st;
    }
    if (!kept->hashes) { /* emptied after its header was looked at */
        return oc_fail(err, OC_DATA_LOSS, "%s: it changed while it was read", kept->path);
    }
    st = find_common(kept, err);
    return st ? st : tell_missing(kept, err);
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

static bool is_newer(const struct oc_audit_checkpoint *a, const struct oc_audit_checkpoint *b)
{
    return a->epoch != b->epoch ? a->epoch > b->epoch : a->seq >= b->seq;
}

/* What stands before it, as syslog writes, is passed over. A line that is none may be what a crash
 * left of one: a file that is compared with all its lines is what `audit verify` is for. */
static enum oc_status take_checkpoint(struct kept *kept, const char *line, size_t n,
                                      struct oc_error *err)
{
    static const char begin[] = "{\"openclaw\":\"audit checkpoint ";
    const char *start = memmem(line, n, begin, sizeof begin - 1);
    struct oc_audit_checkpoint found;
    if (!start || !oc_checkpoint_parse(start, n - (size_t)(start - line), &found) ||
        !is_of(kept->history, found.gateway_id)) {
        return OC_OK;
    }
    const struct oc_digest pin = oc_checkpoint_pin(found.key);
    if (!oc_checkpoint_verify(&found) || (kept->pin && memcmp(&pin, kept->pin, sizeof pin) != 0)) {
        return oc_fail(err, OC_DATA_LOSS,
                       "the checkpoint of record %" PRIu64 " is not signed by the gateway's key",
                       found.seq);
    }
    const bool is_known = kept->has_checkpoint;
    if (!is_known || is_newer(&found, &kept->newest)) {
        kept->newest = found;
        kept->gap.pin = pin;
    }
    kept->has_checkpoint = true;
    return OC_OK;
}

static enum oc_status compare_checkpoints(struct kept *kept, struct oc_error *err)
{
    char line[OC_AUDIT_LINE_BYTES];
    struct oc_audit_gap *gap = &kept->gap;
    size_t n = 0;
    bool is_same = false;
    bool is_whole = false;
    enum oc_status st = OC_OK;
    while (!st && next_line(kept, line, &n, &is_whole)) {
        st = take_checkpoint(kept, line, n, err);
    }
    if (!st && !kept->has_checkpoint) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "there is no export and no checkpoint of this gateway in it");
    }
    if (st) {
        return st;
    }
    gap->is_other_database = !is_same_database(kept, kept->newest.database_id);
    gap->epoch = kept->newest.epoch;
    gap->told_seq = kept->newest.seq;
    gap->told_at_ms = kept->newest.at_ms;
    if (gap->is_other_database) {
        return OC_OK;
    }
    st = has(kept, gap->told_seq, &kept->newest.hash, &is_same, err);
    gap->has_other_records = !is_same && gap->told_seq <= kept->history->last_seq;
    /* All that is there may be of the same history, or some of it: only an export tells. */
    gap->is_unproved = !is_same;
    gap->common_seq = is_same ? gap->told_seq : 0;
    if (!is_same && !gap->has_other_records) {
        gap->common_seq = kept->history->last_seq;
    }
    return st;
}

/* ---- either ---------------------------------------------------------------------------------- */

static enum oc_status compare(struct kept *kept, struct oc_error *err)
{
    char line[OC_AUDIT_LINE_BYTES];
    size_t n = 0;
    bool is_whole = false;
    const bool is_export =
        next_line(kept, line, &n, &is_whole) && oc_audit_line_kind(line, n) == OC_AUDIT_LINE_HEADER;
    if (fseek(kept->file, 0, SEEK_SET)) {
        return fail_file(kept, err); /* a pipe: it is read twice */
    }
    return is_export ? compare_export(kept, err) : compare_checkpoints(kept, err);
}

enum oc_status oc_audit_find_gap(const char *path, const struct oc_digest *pin,
                                 const struct oc_audit_history *history, struct oc_audit_gap *out,
                                 struct oc_error *err)
{
    struct kept kept = {.path = path, .pin = pin, .history = history};
    kept.file = fopen(path, "re");
    if (!kept.file) {
        return fail_file(&kept, err);
    }
    enum oc_status st = compare(&kept, err);
    (void)fclose(kept.file);
    free(kept.hashes);
    kept.gap.is_pinned = pin != NULL;
    if (!st) {
        *out = kept.gap;
    }
    return st;
}
