/*
 * Verifying an export: a line at a time, against nothing but the lines before it, a pin and
 * checkpoints from elsewhere. Whatever is not exactly as it is written is an error, so that no byte
 * can be changed unseen: formats that are read back are written again and compared.
 */
#include "client/audit_verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/crypto/audit_chain.h"
#include "proto/crypto/checkpoint.h"

struct oc_audit_verifier *oc_audit_verifier_new(const struct oc_digest *pin)
{
    struct oc_audit_verifier *verifier = calloc(1, sizeof *verifier);
    if (verifier && pin) {
        verifier->has_pin = true;
        verifier->pin = *pin;
    }
    return verifier;
}

void oc_audit_verifier_free(struct oc_audit_verifier *verifier)
{
    if (verifier) {
        oc_checkpoint_set_free(verifier->held);
        free(verifier);
    }
}

enum oc_status oc_audit_verifier_add_checkpoints(struct oc_audit_verifier *verifier,
                                                 const char *text, size_t n, struct oc_error *err)
{
    if (verifier->line > 0 || verifier->n_partial > 0) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "checkpoints come before the export");
    }
    if (!verifier->held && !(verifier->held = oc_checkpoint_set_new())) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "verify: out of memory");
    }
    return oc_checkpoint_set_add(verifier->held, text, n, err);
}

/* ---- one line ------------------------------------------------------------------------------ */

static enum oc_status fail_line(const struct oc_audit_verifier *verifier, const char *why,
                                struct oc_error *err)
{
    return oc_fail(err, OC_DATA_LOSS, "line %" PRIu64 ": %s", verifier->line, why);
}

static enum oc_status fail_record(const struct oc_audit_verifier *verifier, uint64_t seq,
                                  const char *why, struct oc_error *err)
{
    return oc_fail(err, OC_DATA_LOSS, "record %" PRIu64 " (line %" PRIu64 ") %s", seq,
                   verifier->line, why);
}

static void tell_held(struct oc_audit_verifier *verifier)
{
    if (verifier->held) {
        oc_checkpoint_set_row(verifier->held, verifier->next_seq - 1, &verifier->hash);
    }
}

static bool is_same_origin(const struct oc_audit_header *a, const struct oc_audit_header *b)
{
    return memcmp(a->gateway_id, b->gateway_id, sizeof a->gateway_id) == 0 &&
           memcmp(a->database_id, b->database_id, sizeof a->database_id) == 0 &&
           memcmp(a->key, b->key, sizeof a->key) == 0;
}

static enum oc_status begin_export(struct oc_audit_verifier *verifier,
                                   const struct oc_audit_header *header, struct oc_error *err)
{
    struct oc_audit_proof *proof = &verifier->proof;
    proof->pin = oc_checkpoint_pin(header->key);
    if (verifier->has_pin && memcmp(&verifier->pin, &proof->pin, sizeof verifier->pin) != 0) {
        return fail_line(verifier,
                         "the key is not the one of the pin: another gateway's export, "
                         "or a forged one",
                         err);
    }
    verifier->header = *header;
    verifier->has_header = true;
    verifier->hash = header->previous;
    verifier->next_seq = header->from_seq;
    proof->is_pinned = verifier->has_pin;
    proof->is_from_first = header->from_seq == 1;
    memcpy(proof->gateway_id, header->gateway_id, sizeof proof->gateway_id);
    memcpy(proof->database_id, header->database_id, sizeof proof->database_id);
    if (verifier->held) {
        oc_checkpoint_set_begin(verifier->held, header->gateway_id, header->database_id);
    }
    tell_held(verifier);
    return OC_OK;
}

static enum oc_status take_header(struct oc_audit_verifier *verifier, const char *line, size_t n,
                                  struct oc_error *err)
{
    struct oc_audit_header header;
    const bool is_doubled = verifier->is_after_header;
    verifier->is_after_header = true;
    if (!oc_audit_parse_header(line, n, &header)) {
        return fail_line(verifier, "not a header as an export writes it: it was changed", err);
    }
    if (!verifier->has_header) {
        return begin_export(verifier, &header, err);
    }
    if (!is_same_origin(&header, &verifier->header)) {
        return fail_line(verifier, "the export goes on with that of another gateway or database",
                         err);
    }
    if (is_doubled || header.from_seq != verifier->next_seq ||
        memcmp(&header.previous, &verifier->hash, sizeof header.previous) != 0) {
        return fail_line(verifier,
                         "the export does not go on where it was: records are missing, "
                         "or come twice",
                         err);
    }
    return OC_OK;
}

static enum oc_status check_seq(const struct oc_audit_verifier *verifier, uint64_t seq,
                                struct oc_error *err)
{
    const uint64_t next = verifier->next_seq;
    if (seq > next) {
        return oc_fail(err, OC_DATA_LOSS,
                       "record %" PRIu64 " is missing: line %" PRIu64 " holds record %" PRIu64,
                       next, verifier->line, seq);
    }
    return seq < next ? fail_record(verifier, seq, "comes twice, or out of its order", err) : OC_OK;
}

static enum oc_status take_record(struct oc_audit_verifier *verifier, const char *line, size_t n,
                                  struct oc_error *err)
{
    struct oc_audit_record record;
    struct oc_audit_proof *proof = &verifier->proof;
    if (!oc_audit_parse_record(line, n, &record)) {
        return fail_record(verifier, verifier->next_seq,
                           "is not as an export writes it: it was changed", err);
    }
    enum oc_status st = check_seq(verifier, record.seq, err);
    if (st) {
        return st;
    }
    const struct oc_digest hash = oc_audit_record_hash(&verifier->hash, &record);
    if (memcmp(&hash, &record.hash, sizeof hash) != 0) {
        return fail_record(verifier, record.seq,
                           "does not fit its hash: it, or the one before it, was changed", err);
    }
    verifier->hash = hash;
    verifier->next_seq++;
    verifier->is_after_header = false;
    proof->first_seq = proof->n_records++ == 0 ? record.seq : proof->first_seq;
    proof->last_seq = record.seq;
    proof->last_at_ms = record.at_ms;
    tell_held(verifier);
    return OC_OK;
}

static enum oc_status check_checkpoint(const struct oc_audit_verifier *verifier,
                                       const struct oc_audit_checkpoint *checkpoint,
                                       struct oc_error *err)
{
    struct oc_audit_header origin = verifier->header;
    memcpy(origin.gateway_id, checkpoint->gateway_id, sizeof origin.gateway_id);
    memcpy(origin.database_id, checkpoint->database_id, sizeof origin.database_id);
    memcpy(origin.key, checkpoint->key, sizeof origin.key);
    if (!is_same_origin(&origin, &verifier->header)) {
        return fail_line(verifier, "the checkpoint is of another gateway, database or key", err);
    }
    if (!oc_checkpoint_verify(checkpoint)) {
        return fail_line(verifier,
                         "the checkpoint's signature is wrong: the gateway's key did not "
                         "sign this history",
                         err);
    }
    if (checkpoint->seq >= verifier->next_seq) {
        return oc_fail(err, OC_DATA_LOSS,
                       "record %" PRIu64 " is missing, and all up to %" PRIu64
                       ": the checkpoint in line %" PRIu64 " was made of them",
                       verifier->next_seq, checkpoint->seq, verifier->line);
    }
    if (checkpoint->seq != verifier->next_seq - 1 ||
        memcmp(&checkpoint->hash, &verifier->hash, sizeof verifier->hash) != 0) {
        return oc_fail(err, OC_DATA_LOSS,
                       "record %" PRIu64
                       " or one before it was changed or added, and the hashes made anew: the "
                       "checkpoint in line %" PRIu64 " was made of others",
                       verifier->next_seq - 1, verifier->line);
    }
    return OC_OK;
}

static enum oc_status take_checkpoint(struct oc_audit_verifier *verifier, const char *line,
                                      size_t n, struct oc_error *err)
{
    struct oc_audit_checkpoint checkpoint;
    struct oc_audit_proof *proof = &verifier->proof;
    if (!oc_audit_parse_checkpoint(line, n, &checkpoint)) {
        return fail_line(verifier, "not a checkpoint as a gateway writes it: it was changed", err);
    }
    enum oc_status st = check_checkpoint(verifier, &checkpoint, err);
    if (st) {
        return st;
    }
    if (checkpoint.epoch < proof->epoch) {
        return fail_line(verifier, "the checkpoint is of an older epoch than one before it", err);
    }
    verifier->is_at_end = true;
    verifier->is_after_header = false;
    proof->signed_seq = checkpoint.seq;
    proof->signed_at_ms = checkpoint.at_ms;
    proof->epoch = checkpoint.epoch;
    return OC_OK;
}

static enum oc_status take_line(struct oc_audit_verifier *verifier, const char *line, size_t n,
                                struct oc_error *err)
{
    const enum oc_audit_line kind = oc_audit_line_kind(line, n);
    verifier->line++;
    verifier->is_at_end = false;
    if (!verifier->has_header && kind != OC_AUDIT_LINE_HEADER) {
        return fail_line(verifier,
                         "not the header of an audit export: another file, or its "
                         "beginning was cut off or changed",
                         err);
    }
    switch (kind) {
    case OC_AUDIT_LINE_HEADER:
        return take_header(verifier, line, n, err);
    case OC_AUDIT_LINE_RECORD:
        return take_record(verifier, line, n, err);
    case OC_AUDIT_LINE_CHECKPOINT:
        return take_checkpoint(verifier, line, n, err);
    case OC_AUDIT_LINE_UNKNOWN:
        break;
    }
    return fail_record(verifier, verifier->next_seq,
                       "is not as an export writes it: it was changed", err);
}

/* ---- all of it ----------------------------------------------------------------------------- */

static enum oc_status take_bytes(struct oc_audit_verifier *verifier, const char *bytes, size_t n,
                                 struct oc_error *err)
{
    enum oc_status st = OC_OK;
    while (n > 0 && !st) {
        const char *newline = memchr(bytes, '\n', n);
        const size_t n_piece = newline ? (size_t)(newline - bytes) : n;
        if (verifier->n_partial + n_piece >= sizeof verifier->partial) {
            verifier->line++;
            return fail_record(verifier, verifier->next_seq, "is longer than any record", err);
        }
        memcpy(verifier->partial + verifier->n_partial, bytes, n_piece);
        verifier->n_partial += n_piece;
        if (newline) {
            st = take_line(verifier, verifier->partial, verifier->n_partial, err);
            verifier->n_partial = 0;
        }
        bytes += n_piece + (newline ? 1 : 0);
        n -= n_piece + (newline ? 1 : 0);
    }
    return st;
}

static enum oc_status fail_again(const struct oc_audit_verifier *verifier, struct oc_error *err)
{
    if (err) {
        *err = verifier->error;
    }
    return verifier->failed;
}

enum oc_status oc_audit_verifier_feed(struct oc_audit_verifier *verifier, const char *bytes,
                                      size_t n, struct oc_error *err)
{
    if (!verifier->failed) {
        verifier->failed = take_bytes(verifier, bytes, n, &verifier->error);
    }
    return verifier->failed ? fail_again(verifier, err) : OC_OK;
}

/* The last line, as far as it tells what it would have been. */
static enum oc_status fail_partial(struct oc_audit_verifier *verifier, struct oc_error *err)
{
    static const char cut[] = "is cut short: the export ends in it";
    const enum oc_audit_line kind = oc_audit_line_kind(verifier->partial, verifier->n_partial);
    verifier->line++;
    if (kind == OC_AUDIT_LINE_HEADER || !verifier->has_header) {
        return oc_fail(err, OC_DATA_LOSS, "the header (line %" PRIu64 ") %s", verifier->line, cut);
    }
    switch (kind) {
    case OC_AUDIT_LINE_CHECKPOINT:
        return oc_fail(err, OC_DATA_LOSS, "the checkpoint (line %" PRIu64 ") %s", verifier->line,
                       cut);
    case OC_AUDIT_LINE_RECORD:
        return fail_record(verifier, verifier->next_seq, cut, err);
    case OC_AUDIT_LINE_HEADER:
    case OC_AUDIT_LINE_UNKNOWN:
        break;
    }
    return oc_fail(err, OC_DATA_LOSS,
                   "line %" PRIu64 ", of record %" PRIu64 " or the checkpoint, %s", verifier->line,
                   verifier->next_seq, cut);
}

static enum oc_status finish(struct oc_audit_verifier *verifier, struct oc_error *err)
{
    if (!verifier->has_header && verifier->n_partial == 0) {
        return oc_fail(err, OC_DATA_LOSS, "the export is empty");
    }
    if (verifier->n_partial > 0) {
        return fail_partial(verifier, err);
    }
    if (!verifier->is_at_end) {
        return oc_fail(err, OC_DATA_LOSS,
                       "record %" PRIu64
                       " or the checkpoint is missing: the export ends with line %" PRIu64
                       ", not with a checkpoint, so it was cut short",
                       verifier->next_seq, verifier->line);
    }
    if (!verifier->held) {
        return OC_OK;
    }
    const struct oc_checkpoint_end end = {.first_seq = verifier->proof.first_seq,
                                          .last_seq = verifier->next_seq - 1,
                                          .epoch = verifier->proof.epoch,
                                          .pin = &verifier->proof.pin};
    return oc_checkpoint_set_finish(verifier->held, &end, &verifier->proof, err);
}

enum oc_status oc_audit_verifier_finish(struct oc_audit_verifier *verifier,
                                        struct oc_audit_proof *out, struct oc_error *err)
{
    if (!verifier->failed) {
        verifier->failed = finish(verifier, &verifier->error);
    }
    verifier->proof.last_hash = verifier->hash;
    *out = verifier->proof;
    return verifier->failed ? fail_again(verifier, err) : OC_OK;
}
