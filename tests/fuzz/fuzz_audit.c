/*
 * An audit export and checkpoints, as found in an archive that somebody else may write: the parser
 * of lines, the chain and the comparison with checkpoints. Whatever is accepted under the pin of
 * the gateway that made the corpus is one of the histories that it signed: its private key is gone.
 */
#include <stdlib.h>
#include <string.h>

#include "client/audit_lines.h"
#include "tests/fuzz/fuzz_target.h"

/* Of the gateway of the corpus: its pin, and the hashes of the records that it signed. */
static const struct oc_digest pin = {{0xeb, 0x79, 0x3c, 0x77, 0x79, 0x91, 0x95, 0xa8,
                                      0x15, 0x54, 0x7a, 0x95, 0x9f, 0xe8, 0x5f, 0xa7,
                                      0x21, 0x8f, 0x26, 0xae, 0x1e, 0x68, 0xcb, 0x64,
                                      0xa1, 0xec, 0x39, 0x71, 0x6b, 0x3d, 0x93, 0xba}};
static const struct oc_digest heads[] = {
    {{0xeb, 0xbf, 0x8f, 0x3a, 0xa0, 0xdb, 0x9a, 0xa2, 0x48, 0xa1, 0xd0,
      0x13, 0xb1, 0xbb, 0x43, 0x31, 0x68, 0x19, 0x8b, 0x5a, 0x43, 0x22,
      0x46, 0x3f, 0xc4, 0x35, 0xe8, 0x93, 0x6e, 0xb0, 0x7d, 0xf4}},
    {{0x47, 0x3e, 0x4a, 0x42, 0x43, 0xac, 0x2d, 0x6a, 0xc9, 0x1e, 0x4b,
      0x4c, 0xa6, 0xfc, 0x11, 0x8e, 0x63, 0x42, 0x93, 0xc2, 0x5b, 0xe2,
      0xbe, 0xc2, 0xb4, 0x51, 0x47, 0x93, 0xe1, 0x62, 0xad, 0xae}},
};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool is_signed_head(const struct oc_digest *hash)
{
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        if (memcmp(&heads[i], hash, sizeof *hash) == 0) {
            return true;
        }
    }
    return false;
}

/* In two pieces, so that a line may end anywhere. */
static enum oc_status verify(const struct oc_digest *wanted, const char *checkpoints,
                             size_t n_checkpoints, const char *text, size_t n)
{
    struct oc_audit_verifier *verifier = oc_audit_verifier_new(wanted);
    struct oc_audit_proof proof = {.n_records = 0};
    enum oc_status st = OC_OK;
    must(verifier != NULL);
    if (n_checkpoints > 0) {
        st = oc_audit_verifier_add_checkpoints(verifier, checkpoints, n_checkpoints, NULL);
    }
    const size_t half = n / 2;
    if (!st) {
        st = oc_audit_verifier_feed(verifier, text, half, NULL);
    }
    if (!st) {
        st = oc_audit_verifier_feed(verifier, text + half, n - half, NULL);
    }
    if (!st) {
        st = oc_audit_verifier_finish(verifier, &proof, NULL);
    }
    if (!st) {
        must(proof.is_pinned == (wanted != NULL) && proof.signed_seq + 1 > proof.last_seq);
        must(!wanted || is_signed_head(&proof.last_hash));
    }
    oc_audit_verifier_free(verifier);
    return st;
}

/* What is read is written again as it was. */
static void read_line(const char *line, size_t n)
{
    struct oc_audit_header header;
    struct oc_audit_record record;
    struct oc_audit_checkpoint checkpoint;
    char again[OC_AUDIT_LINE_BYTES];
    if (oc_audit_parse_header(line, n, &header)) {
        must(oc_audit_format_header(&header, again) == n + 1 && memcmp(again, line, n) == 0);
    }
    if (oc_audit_parse_record(line, n, &record)) {
        must(oc_audit_format_record(&record, again) == n + 1 && memcmp(again, line, n) == 0);
        (void)oc_audit_record_hash(&record.hash, &record);
    }
    if (oc_audit_parse_checkpoint(line, n, &checkpoint)) {
        must(oc_audit_format_checkpoint(&checkpoint, again) >= n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *end = text + size;
    (void)verify(&pin, NULL, 0, text, size);
    (void)verify(NULL, text, size, text, size);
    for (const char *line = text; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const size_t n = (size_t)((newline ? newline : end) - line);
        read_line(line, n);
        line += n + 1;
    }
    return 0;
}
