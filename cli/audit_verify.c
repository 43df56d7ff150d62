/*
 * openclaw audit verify: an export is verified by the library, here; a database, which takes SQLite
 * and the gateway's schemas, by the daemon beside this program. Neither needs a gateway that runs.
 */
#include <errno.h>
#include <inttypes.h>
#include <openclaw/audit.h>
#include <openclaw/pairing.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"
#include "cli/daemon.h"
#include "cli/failure.h"

enum {
    ID_BYTES = 16,
    PIECE_BYTES = 16 * 1024,
    MOST_CHECKPOINT_BYTES = 256 * 1024 * 1024,
};

static const char database_start[] = "SQLite format 3";

/* ---- what was proved ----------------------------------------------------------------------- */

static void write_hex(struct writer *writer, const char *key, const uint8_t *bytes, size_t n)
{
    char text[2 * OC_DIGEST_BYTES + 1];
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    writer_text_or_null(writer, key, text);
}

static void write_count(struct writer *writer, const char *key, uint64_t count)
{
    writer_key(writer, key);
    writer_uint(writer, count);
}

static void write_flag(struct writer *writer, const char *key, bool flag)
{
    writer_key(writer, key);
    writer_bool(writer, flag);
}

static void write_proof(struct writer *writer, const void *item)
{
    const struct oc_audit_proof *proof = item;
    writer_begin_object(writer);
    write_hex(writer, "gateway_id", proof->gateway_id, ID_BYTES);
    write_hex(writer, "database_id", proof->database_id, ID_BYTES);
    write_hex(writer, "key_sha256", proof->pin.bytes, OC_DIGEST_BYTES);
    write_flag(writer, "pinned", proof->is_pinned);
    write_count(writer, "records", proof->n_records);
    write_count(writer, "first_seq", proof->first_seq);
    write_count(writer, "last_seq", proof->last_seq);
    write_hex(writer, "last_hash", proof->last_hash.bytes, OC_DIGEST_BYTES);
    write_count(writer, "epoch", proof->epoch);
    write_count(writer, "signed_seq", proof->signed_seq);
    writer_time_or_null(writer, "signed_at", proof->signed_at_ms);
    write_count(writer, "checkpoints_held", proof->n_held);
    write_count(writer, "checkpoints_held_up_to_seq", proof->held_seq);
    write_count(writer, "checkpoints_given_up", proof->n_given_up);
    write_count(writer, "checkpoints_not_covered", proof->n_not_covered);
    writer_end_object(writer);
}

static const struct item_kind proof_kind = {.write = write_proof};

static void print_key(const struct cli *cli, const struct oc_audit_proof *proof)
{
    char digits[2 * OC_DIGEST_BYTES + 1];
    for (size_t i = 0; i < OC_DIGEST_BYTES; i++) {
        (void)snprintf(digits + 2 * i, 3, "%02x", proof->pin.bytes[i]);
    }
    (void)fprintf(cli->terminal->out, "  key        sha256:%s%s\n", digits,
                  proof->is_pinned ? ", the one that was given" : "");
}

static void print_held(const struct cli *cli, const struct oc_audit_proof *proof)
{
    char at[MOMENT_BYTES];
    FILE *out = cli->terminal->out;
    if (proof->n_held > 0) {
        moment_format(proof->held_at_ms, at);
        (void)fprintf(out,
                      "  held       %" PRIu64 " checkpoint%s that you kept, up to record %" PRIu64
                      " of %s\n",
                      proof->n_held, proof->n_held == 1 ? "" : "s", proof->held_seq, at);
    }
    if (proof->n_given_up > 0) {
        (void)fprintf(out,
                      "  given up   records up to %" PRIu64 " of an older epoch, of which %" PRIu64
                      " checkpoint%s: an administrator accepted a rollback\n",
                      proof->given_up_seq, proof->n_given_up, proof->n_given_up == 1 ? "" : "s");
    }
}

/* What nobody can see from what was given is said. */
static void print_open(const struct cli *cli, const struct oc_audit_proof *proof, bool has_held)
{
    FILE *out = cli->terminal->out;
    if (!proof->is_pinned) {
        (void)fprintf(out, "  not shown  whose key signed it: give the pin of `openclaw gateway "
                           "info` with --pin\n");
    }
    if (!has_held) {
        (void)fprintf(out, "  not shown  that it is not an older history put in the place of a "
                           "newer one: give what was kept elsewhere with --checkpoint\n");
    }
    if (!proof->is_from_first) {
        (void)fprintf(out,
                      "  not shown  what stands before record %" PRIu64
                      ": it is signed with the rest, but not here\n",
                      proof->first_seq);
    }
}

static void print_proof(const struct cli *cli, const char *path, const struct oc_audit_proof *proof,
                        bool has_held)
{
    char at[MOMENT_BYTES];
    FILE *out = cli->terminal->out;
    if (output_item(&cli->output, &proof_kind, proof)) {
        return;
    }
    moment_format(proof->signed_at_ms, at);
    (void)fprintf(out, "%s\n", path);
    (void)fprintf(out,
                  "  whole      %" PRIu64 " record%s, %" PRIu64 " to %" PRIu64
                  ": none was changed, dropped, added or moved\n",
                  proof->n_records, proof->n_records == 1 ? "" : "s", proof->first_seq,
                  proof->last_seq);
    (void)fprintf(out,
                  "  signed     up to record %" PRIu64 ", the last one there was at %s (epoch "
                  "%" PRIu64 ")\n",
                  proof->signed_seq, at, proof->epoch);
    print_key(cli, proof);
    print_held(cli, proof);
    print_open(cli, proof, has_held);
}

/* ---- reading ------------------------------------------------------------------------------- */

static enum exit_code fail_file(const struct cli *cli, const char *path, const char *doing)
{
    struct failure failure;
    failure_set(&failure, errno == ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED, "%s: cannot be %s: %s",
                path, doing, strerror(errno));
    return failure_say(cli->terminal, &failure);
}

static enum exit_code fail_proof(const struct cli *cli, const char *path,
                                 const struct oc_error *err)
{
    struct failure failure;
    failure_set(&failure, EXIT_FAILED, "%s: %s", path, err->text);
    return failure_say(cli->terminal, &failure);
}

/* NULL: said. The whole of a file that is not too large. */
static char *read_whole(const struct cli *cli, const char *path, size_t *n)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t room = 0;
    size_t got = 1;
    *n = 0;
    while (file && got > 0 && *n < MOST_CHECKPOINT_BYTES) {
        if (*n == room) {
            room = room ? 2 * room : PIECE_BYTES;
            char *larger = realloc(text, room);
            if (!larger) {
                break;
            }
            text = larger;
        }
        got = fread(text + *n, 1, room - *n, file);
        *n += got;
    }
    const bool is_whole = file && got == 0 && !ferror(file);
    if (!is_whole) {
        (void)fail_file(cli, path, "read");
        free(text);
        text = NULL;
    }
    if (file) {
        (void)fclose(file);
    }
    return text;
}

static enum exit_code add_checkpoints(const struct cli *cli, struct oc_audit_verifier *verifier,
                                      const char *path)
{
    struct oc_error err;
    size_t n = 0;
    char *text = read_whole(cli, path, &n);
    if (!text) {
        return EXIT_FAILED;
    }
    enum oc_status status = oc_audit_verifier_add_checkpoints(verifier, text, n, &err);
    free(text);
    return status ? fail_proof(cli, path, &err) : EXIT_DONE;
}

static enum exit_code feed_file(const struct cli *cli, struct oc_audit_verifier *verifier,
                                const char *path, FILE *file)
{
    char piece[PIECE_BYTES];
    struct oc_error err;
    for (size_t n = fread(piece, 1, sizeof piece, file); n > 0;
         n = fread(piece, 1, sizeof piece, file)) {
        if (oc_audit_verifier_feed(verifier, piece, n, &err)) {
            return fail_proof(cli, path, &err);
        }
    }
    return ferror(file) ? fail_file(cli, path, "read") : EXIT_DONE;
}

static enum exit_code verify_export(const struct cli *cli, struct oc_audit_verifier *verifier,
                                    const char *path, FILE *file)
{
    const char *checkpoints = arguments_value(&cli->args, OPT_CHECKPOINT);
    struct oc_audit_proof proof;
    struct oc_error err;
    enum exit_code code = checkpoints ? add_checkpoints(cli, verifier, checkpoints) : EXIT_DONE;
    if (!code) {
        code = feed_file(cli, verifier, path, file);
    }
    if (code) {
        return code;
    }
    if (oc_audit_verifier_finish(verifier, &proof, &err)) {
        return fail_proof(cli, path, &err);
    }
    print_proof(cli, path, &proof, checkpoints != NULL);
    return EXIT_DONE;
}

/* ---- the command --------------------------------------------------------------------------- */

static enum exit_code verify_database(struct cli *cli, const char *path)
{
    const char *words[7] = {NULL};
    const char *checkpoints = arguments_value(&cli->args, OPT_CHECKPOINT);
    const char *pin = arguments_value(&cli->args, OPT_PIN);
    size_t n = 0;
    if (checkpoints) {
        words[n++] = "--checkpoint";
        words[n++] = checkpoints;
    }
    if (pin) {
        words[n++] = "--pin";
        words[n++] = pin;
    }
    words[n++] = "--";
    words[n] = path;
    return daemon_exec(cli, "verify", words);
}

static bool is_database(FILE *file)
{
    char start[sizeof database_start] = "";
    const size_t n = fread(start, 1, sizeof start, file);
    rewind(file);
    return n == sizeof start && memcmp(start, database_start, sizeof start) == 0;
}

static enum exit_code verify_file(struct cli *cli, const char *path, FILE *file)
{
    struct oc_digest pin;
    const char *pin_text = arguments_value(&cli->args, OPT_PIN);
    if (pin_text && !oc_pin_parse(pin_text, &pin)) {
        return command_usage(cli,
                             "--pin %s: give sha256: and 64 hex digits, as `openclaw gateway "
                             "info` shows them",
                             pin_text);
    }
    struct oc_audit_verifier *verifier = oc_audit_verifier_new(pin_text ? &pin : NULL);
    if (!verifier) {
        terminal_say(cli->terminal, "openclaw: out of memory");
        return EXIT_FAILED;
    }
    const enum exit_code code = verify_export(cli, verifier, path, file);
    oc_audit_verifier_free(verifier);
    return code;
}

enum exit_code audit_run_verify(struct cli *cli)
{
    const char *database = arguments_value(&cli->args, OPT_DATABASE);
    const char *path = cli->args.n_words > 0 ? cli->args.words[0] : database;
    if (!path || (database && cli->args.n_words > 0)) {
        return command_usage(cli, "name one file: an export, or a database with --database");
    }
    if (strcmp(path, "-") == 0 && !database) {
        return verify_file(cli, path, cli->terminal->in);
    }
    FILE *file = fopen(path, "re");
    if (!file) {
        return fail_file(cli, path, "opened");
    }
    const bool is_for_daemon = database || is_database(file);
    const enum exit_code code = is_for_daemon ? EXIT_DONE : verify_file(cli, path, file);
    (void)fclose(file);
    return is_for_daemon ? verify_database(cli, path) : code;
}
