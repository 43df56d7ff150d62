/* See audit_exports.h. */
#include "tests/support/audit_exports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/crypto/audit_chain.h"
#include "proto/crypto/checkpoint.h"

struct oc_identity *gateway, *thief;

static void set_texts(struct oc_audit_record *record, uint64_t i)
{
    static const char *const reasons[] = {"", "ticket \"42\"", "back\\slash\n\x1b[2J",
                                          "\xc3\xbc\xf0\x9f\xa6\x80", "\xff\xfe not text"};
    static const char *const actions[] = {"approve", "revoke", "denied"};
    (void)snprintf(record->actor, sizeof record->actor, "uid:%u", (unsigned)(i % 3));
    (void)snprintf(record->source, sizeof record->source, "local");
    (void)snprintf(record->action, sizeof record->action, "%s", actions[i % 3]);
    (void)snprintf(record->outcome, sizeof record->outcome, "done");
    (void)snprintf(record->reason, sizeof record->reason, "%s", reasons[i % 5]);
    (void)snprintf(record->detail, sizeof record->detail, "role=agent scopes=chat");
    if (i % 4 > 0) {
        record->device_id.bytes[0] = (uint8_t)i;
        (void)snprintf(record->request_id.text, sizeof record->request_id.text, "7QK4M2T9XA");
    }
}

void rehash(struct history *history, size_t from)
{
    struct oc_digest hash =
        from > 0 ? history->records[from - 1].hash
                 : oc_audit_genesis(history->header.gateway_id, history->header.database_id);
    for (size_t i = from; i < RECORDS; i++) {
        hash = oc_audit_record_hash(&hash, &history->records[i]);
        history->records[i].hash = hash;
    }
}

struct oc_audit_checkpoint checkpoint_at(const struct history *history,
                                         const struct oc_identity *key, uint64_t seq)
{
    struct oc_audit_checkpoint checkpoint = {
        .epoch = history->epoch, .seq = seq, .at_ms = 1700000000000 + (int64_t)seq};
    memcpy(checkpoint.gateway_id, history->header.gateway_id, sizeof checkpoint.gateway_id);
    memcpy(checkpoint.database_id, history->header.database_id, sizeof checkpoint.database_id);
    checkpoint.hash = history->records[seq - 1].hash;
    assert_int_equal(oc_checkpoint_sign(key, &checkpoint, NULL), OC_OK);
    return checkpoint;
}

struct history *new_history(void)
{
    struct history *history = calloc(1, sizeof *history);
    assert_non_null(history);
    history->epoch = 1;
    memset(history->header.gateway_id, 0x11, sizeof history->header.gateway_id);
    memset(history->header.database_id, 0x22, sizeof history->header.database_id);
    for (size_t i = 0; i < RECORDS; i++) {
        history->records[i].seq = i + 1;
        history->records[i].at_ms = 1700000000000 + (int64_t)i * 12345;
        set_texts(&history->records[i], i);
    }
    rehash(history, 0);
    return history;
}

void add_line(struct export *export, const char *line, size_t n)
{
    assert_true(export->n + n < EXPORT_BYTES);
    memcpy(export->text + export->n, line, n);
    export->lines[export->n_lines++] = export->n;
    export->n += n;
    export->lines[export->n_lines] = export->n;
}

/* Records from..to and the checkpoint of `to`, signed by this key. */
void add_export(struct export *export, const struct history *history, const struct oc_identity *key,
                uint64_t from, uint64_t to)
{
    char line[OC_AUDIT_LINE_BYTES];
    const struct oc_audit_checkpoint checkpoint = checkpoint_at(history, key, to);
    struct oc_audit_header header = history->header;
    header.from_seq = from;
    memcpy(header.key, checkpoint.key, sizeof header.key);
    if (from > 1) {
        header.previous = history->records[from - 2].hash;
    }
    add_line(export, line, oc_audit_format_header(&header, line));
    for (uint64_t seq = from; seq <= to; seq++) {
        add_line(export, line, oc_audit_format_record(&history->records[seq - 1], line));
    }
    add_line(export, line, oc_audit_format_checkpoint(&checkpoint, line));
}

struct export new_export(void)
{
    struct export export = {.text = malloc(EXPORT_BYTES)};
    assert_non_null(export.text);
    return export;
}

/* ---- verifying ----------------------------------------------------------------------------- */

struct oc_error why;
struct oc_audit_proof proof;

enum oc_status verify_with(const struct export *export, const struct oc_identity *pinned,
                           const char *checkpoints)
{
    const struct oc_digest pin = oc_identity_spki_sha256(pinned ? pinned : gateway);
    struct oc_audit_verifier *verifier = oc_audit_verifier_new(pinned ? &pin : NULL);
    assert_non_null(verifier);
    enum oc_status st = OC_OK;
    if (checkpoints) {
        st = oc_audit_verifier_add_checkpoints(verifier, checkpoints, strlen(checkpoints), &why);
    }
    if (!st) {
        st = oc_audit_verifier_feed(verifier, export->text, export->n, &why);
    }
    if (!st) {
        st = oc_audit_verifier_finish(verifier, &proof, &why);
    }
    oc_audit_verifier_free(verifier);
    return st;
}

enum oc_status verify(const struct export *export)
{
    return verify_with(export, gateway, NULL);
}

void assert_bad_at(enum oc_status status, const char *text, int line)
{
    if (status != OC_DATA_LOSS || !strstr(why.text, text)) {
        print_error("line %d: status %d, said: %s\n", line, (int)status, why.text);
        fail();
    }
}

void append_checkpoint(char *out, size_t cap, const struct history *history,
                       const struct oc_identity *key, uint64_t seq)
{
    char line[OC_AUDIT_LINE_BYTES];
    const struct oc_audit_checkpoint checkpoint = checkpoint_at(history, key, seq);
    const size_t n = oc_audit_format_checkpoint(&checkpoint, line);
    assert_true(strlen(out) + n < cap);
    memcpy(out + strlen(out), line, n + 1);
}

int exports_set_up(void **state)
{
    struct exports_fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->history = new_history();
    fixture->export = new_export();
    add_export(&fixture->export, fixture->history, gateway, 1, RECORDS);
    memset(&proof, 0, sizeof proof);
    memset(&why, 0, sizeof why);
    *state = fixture;
    return 0;
}

int exports_tear_down(void **state)
{
    struct exports_fixture *fixture = *state;
    free(fixture->history);
    free(fixture->export.text);
    free(fixture);
    return 0;
}

/* All of it as it was, but for one record, with hashes that fit. */
void forge(struct history *history)
{
    (void)snprintf(history->records[49].actor, 8, "nobody");
    rehash(history, 49);
}

int exports_make_keys(void **state)
{
    (void)state;
    return oc_identity_generate(OC_IDENTITY_GATEWAY, &gateway, NULL) ||
           oc_identity_generate(OC_IDENTITY_GATEWAY, &thief, NULL);
}

int exports_free_keys(void **state)
{
    (void)state;
    oc_identity_free(gateway);
    oc_identity_free(thief);
    return 0;
}
