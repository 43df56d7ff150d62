/*
 * openclaw-gateway verify: a copied database and its audit, from the first row to the last, and
 * against checkpoints that were kept elsewhere. No key is needed, and no gateway's files.
 */
#include <errno.h>
#include <inttypes.h>
#include <openclaw/rollback.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/hex.h"
#include "proto/crypto/checkpoint_set.h"
#include "server/database_copy.h"
#include "server/host/sandbox.h"
#include "server/offline.h"
#include "server/store/verify.h"

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
    MOST_LINES = 1000, /* of records that are missing; the rest is counted */
    FIRST_ROOM = 64 * 1024,
    MOST_CHECKPOINT_BYTES = 256 * 1024 * 1024,
};

struct verify_line {
    const char *file;
    const char *checkpoints; /* a file; NULL: none */
    const char *pin_text;    /* NULL: none */
    struct oc_digest pin;
};

struct findings {
    struct store_identity identity;
    struct store_findings store;
    struct oc_audit_proof proof; /* of the checkpoints */
    struct oc_audit_gap gap;     /* of an export in their place */
};

static bool parse_pin(const char *text, struct oc_digest *out)
{
    static const char prefix[] = "sha256:";
    const bool has_prefix = strncmp(text, prefix, sizeof prefix - 1) == 0;
    return oc_hex_parse(text + (has_prefix ? sizeof prefix - 1 : 0), OC_DIGEST_BYTES, out->bytes);
}

static bool parse(int n, char **arguments, struct verify_line *out)
{
    const char *ignored;
    for (int at = 0; at < n; at++) {
        if (offline_take_value(n, arguments, &at, "--config", &ignored) ||
            offline_take_value(n, arguments, &at, "--data-dir", &ignored) ||
            offline_take_value(n, arguments, &at, "--checkpoint", &out->checkpoints) ||
            offline_take_value(n, arguments, &at, "--pin", &out->pin_text)) {
            continue;
        }
        if (strcmp(arguments[at], "--") == 0 && at + 2 == n && !out->file) {
            out->file = arguments[++at];
        } else if (arguments[at][0] != '-' && !out->file) {
            out->file = arguments[at];
        } else {
            (void)fprintf(stderr, "openclaw-gateway: unknown or incomplete option: %s\n",
                          arguments[at]);
            return false;
        }
    }
    if (!out->file) {
        (void)fprintf(stderr, "openclaw-gateway: name the file\n");
    } else if (out->pin_text && !parse_pin(out->pin_text, &out->pin)) {
        (void)fprintf(stderr, "openclaw-gateway: --pin: give sha256: and 64 hex digits\n");
        return false;
    }
    return out->file != NULL;
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

/* Owns: free(*out). */
static enum oc_status read_whole(const char *path, char **out, size_t *n, struct oc_error *err)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t room = 0;
    size_t used = 0;
    size_t got = 1;
    if (!file) {
        return oc_fail(err, errno == ENOENT ? OC_NOT_FOUND : OC_UNAVAILABLE, "%s: %s", path,
                       strerror(errno));
    }
    while (got > 0 && used < MOST_CHECKPOINT_BYTES) {
        if (used == room) {
            room = room ? 2 * room : FIRST_ROOM;
            char *larger = realloc(text, room);
            if (!larger) {
                break;
            }
            text = larger;
        }
        got = fread(text + used, 1, room - used, file);
        used += got;
    }
    const bool is_whole = got == 0 && !ferror(file);
    (void)fclose(file);
    if (!is_whole) {
        free(text);
        return oc_fail(err, OC_UNAVAILABLE, "%s: cannot be read, or is too large", path);
    }
    *out = text;
    *n = used;
    return OC_OK;
}

static enum oc_status tell_rows(struct store *store, uint64_t last_seq,
                                struct oc_checkpoint_set *set, struct oc_error *err)
{
    uint64_t seq;
    enum oc_status st = OC_OK;
    while (!st && oc_checkpoint_set_next_seq(set, &seq) && seq <= last_seq) {
        struct oc_digest hash;
        st = store_audit_hash(store, seq, &hash, err);
        if (!st) {
            oc_checkpoint_set_row(set, seq, &hash);
        }
    }
    return st;
}

/* What the database says of its own epoch is nobody's word: only a checkpoint's gives up others. */
static enum oc_status compare(struct store *store, const struct verify_line *line,
                              struct oc_checkpoint_set *set, struct findings *findings,
                              struct oc_error *err)
{
    const struct store_identity *identity = &findings->identity;
    const struct oc_checkpoint_end end = {.first_seq = 1,
                                          .last_seq = findings->store.n_audit,
                                          .pin = line->pin_text ? &line->pin : NULL};
    char *text = NULL;
    size_t n = 0;
    enum oc_status st = read_whole(line->checkpoints, &text, &n, err);
    if (!st) {
        st = oc_checkpoint_set_add(set, text, n, err);
    }
    free(text);
    if (!st) {
        oc_checkpoint_set_begin(set, identity->gateway_id, identity->database_id);
        st = tell_rows(store, findings->store.n_audit, set, err);
    }
    return st ? st : oc_checkpoint_set_finish(set, &end, &findings->proof, err);
}

static enum oc_status check_checkpoints(struct store *store, const struct verify_line *line,
                                        struct findings *findings, struct oc_error *err)
{
    struct oc_checkpoint_set *set = oc_checkpoint_set_new();
    const enum oc_status st = set ? compare(store, line, set, findings, err)
                                  : oc_fail(err, OC_RESOURCE_EXHAUSTED, "verify: out of memory");
    oc_checkpoint_set_free(set);
    return st;
}

/* ---- an export in their place ---------------------------------------------------------------- */

struct missing_rows {
    struct store *store;
    uint64_t n;
};

static enum oc_status read_hash(void *user, uint64_t seq, struct oc_digest *out,
                                struct oc_error *err)
{
    struct missing_rows *missing = user;
    return store_audit_hash(missing->store, seq, out, err);
}

/* The line of the export again, which is nothing but ASCII. */
static void print_missing(void *user, const struct oc_audit_record *record)
{
    struct missing_rows *missing = user;
    char line[OC_AUDIT_LINE_BYTES];
    if (missing->n++ < MOST_LINES) {
        (void)oc_audit_format_record(record, line);
        (void)fputs(line, stdout);
    }
}

static bool is_export(const char *path)
{
    static const char begin[] = "{\"openclaw\":\"audit export ";
    char start[sizeof begin] = "";
    FILE *file = fopen(path, "re");
    if (file) {
        (void)!fgets(start, sizeof start, file);
        (void)fclose(file);
    }
    return strcmp(start, begin) == 0;
}

static enum oc_status check_export(struct store *store, const struct verify_line *line,
                                   struct findings *findings, struct oc_error *err)
{
    struct missing_rows missing = {.store = store};
    struct oc_audit_history history = {.last_seq = findings->store.n_audit,
                                       .hash = read_hash,
                                       .missing = print_missing,
                                       .user = &missing};
    struct oc_audit_gap *gap = &findings->gap;
    memcpy(history.gateway_id, findings->identity.gateway_id, sizeof history.gateway_id);
    memcpy(history.database_id, findings->identity.database_id, sizeof history.database_id);
    enum oc_status st = oc_audit_find_gap(line->checkpoints, line->pin_text ? &line->pin : NULL,
                                          &history, gap, err);
    if (st) {
        return st;
    }
    if (gap->is_other_database) {
        return oc_fail(err, OC_DATA_LOSS, "the export is of another database of this gateway");
    }
    if (gap->common_seq < gap->told_seq) {
        return oc_fail(err, OC_DATA_LOSS,
                       "records %" PRIu64 " to %" PRIu64 " are missing, which the export has%s%s",
                       gap->common_seq + 1, gap->told_seq,
                       gap->has_other_records ? "; there are others in their place" : "",
                       missing.n > MOST_LINES ? "; the first of them are printed" : "");
    }
    return OC_OK;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void print_checkpoints(const struct verify_line *line, const struct oc_audit_proof *proof,
                              const struct oc_audit_gap *gap)
{
    if (!line->checkpoints) {
        (void)printf("  not shown: that it is the newest state, or that the audit was not made "
                     "anew; give checkpoints that were kept elsewhere with --checkpoint\n");
        return;
    }
    if (gap->is_export) {
        (void)printf("  everything is here that the export tells of, up to row %" PRIu64 "\n",
                     gap->told_seq);
    } else {
        (void)printf("  %" PRIu64 " checkpoint%s that you kept hold%s, up to row %" PRIu64 "\n",
                     proof->n_held, proof->n_held == 1 ? "" : "s", proof->n_held == 1 ? "s" : "",
                     proof->held_seq);
    }
    if (proof->n_given_up > 0) {
        (void)printf("  rows up to %" PRIu64 " of an older epoch were given up when an "
                     "administrator accepted a rollback\n",
                     proof->given_up_seq);
    }
    if (!line->pin_text) {
        (void)printf("  not shown: whose key signed them; give the pin of `openclaw gateway info` "
                     "with --pin\n");
    }
}

static void print_findings(const struct verify_line *line, const struct findings *findings)
{
    const struct store_findings *store = &findings->store;
    char head[2 * OC_DIGEST_BYTES + 1];
    oc_hex_format(store->head.bytes, sizeof store->head.bytes, head);
    (void)printf("%s\n", line->file);
    (void)printf("  audit whole: rows 1 to %" PRIu64 ", the last with hash\n  %s\n", store->n_audit,
                 head);
    (void)printf("  change %" PRIu64 " of epoch %" PRIu64 ": %" PRIu64 " device%s, %" PRIu64
                 " approved, %" PRIu64 " revoked, %" PRIu64 " blocked\n",
                 findings->identity.seq, findings->identity.epoch, store->n_records,
                 store->n_records == 1 ? "" : "s", store->n_approved, store->n_revoked,
                 store->n_blocked);
    print_checkpoints(line, &findings->proof, &findings->gap);
}

/* ---- verify ---------------------------------------------------------------------------------- */

/* The chain of the audit needs no key; whose the records are is left open. */
static enum oc_status verify_copy(const struct verify_line *line, const char *copy,
                                  struct oc_error *err)
{
    static const struct oc_key no_key;
    const struct store_options options = {.path = copy, .row_key = &no_key};
    struct store *store = NULL;
    struct findings findings = {.proof = {.n_held = 0}};
    enum oc_status st = database_copy_make(line->file, copy, err);
    if (!st) {
        st = store_open_sqlite(&options, &store, err);
    }
    if (!st) {
        findings.identity = store_identity(store);
        st = store_verify(store, &findings.store, err);
    }
    if (!st && line->checkpoints) {
        st = is_export(line->checkpoints) ? check_export(store, line, &findings, err)
                                          : check_checkpoints(store, line, &findings, err);
    }
    if (!st) {
        print_findings(line, &findings);
    }
    store_close(store);
    return st;
}

/* On a copy, as looking at a database may write to it: its log, a newer schema. */
static int verify(const struct verify_line *line, struct oc_error *err)
{
    const char *temporary = getenv("TMPDIR");
    char directory[512];
    char copy[sizeof directory + 16];
    (void)snprintf(directory, sizeof directory, "%s/openclaw-verify-XXXXXX",
                   temporary && temporary[0] == '/' ? temporary : "/tmp");
    if (!mkdtemp(directory)) {
        (void)fprintf(stderr, "openclaw-gateway: %s: cannot be made: %s\n", directory,
                      strerror(errno));
        return EXIT_FAILED;
    }
    (void)snprintf(copy, sizeof copy, "%s/copy.db", directory);
    const enum oc_status st = verify_copy(line, copy, err);
    database_copy_remove(copy);
    (void)rmdir(directory);
    if (st) {
        const char *why = strstr(err->text, copy);
        (void)fprintf(stderr, "openclaw-gateway: %s: %s\n", line->file,
                      why ? why + strlen(copy) + strspn(why + strlen(copy), ": ") : err->text);
        return st == OC_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_FAILED;
    }
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

int offline_verify(int n, char **arguments)
{
    struct verify_line line = {.file = NULL};
    struct oc_error err = {.status = OC_OK};
    if (!parse(n, arguments, &line)) {
        return EXIT_USAGE;
    }
    if (sandbox_enter(&err)) {
        (void)fprintf(stderr, "openclaw-gateway: %s\n", err.text);
        return EXIT_FAILED;
    }
    return verify(&line, &err);
}
