/*
 * openclaw audit checkpoint and export. An export is what the gateway said before it began: the
 * checkpoint is fetched first, and the records up to it. It is verified while it is written, so
 * that what goes into an archive is known to be whole.
 */
#include <errno.h>
#include <inttypes.h>
#include <openclaw/admin.h>
#include <openclaw/audit.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"
#include "cli/failure.h"
#include "cli/memory.h"
#include "cli/values.h"

static enum exit_code fail_call(const struct cli *cli, const char *doing, enum oc_status status,
                                const struct oc_error *err)
{
    struct failure failure;
    (void)call_failure(&failure, cli, doing, status, err);
    return failure_say(cli->terminal, &failure);
}

static enum exit_code fetch_checkpoint(struct cli *cli, const char *doing,
                                       struct oc_audit_checkpoint *out)
{
    struct failure failure;
    struct oc_error err;
    if (call_open(cli, &failure)) {
        return failure_say(cli->terminal, &failure);
    }
    enum oc_status status = oc_admin_audit_checkpoint(cli->client, out, &err);
    return status ? fail_call(cli, doing, status, &err) : EXIT_DONE;
}

static void write_hex(struct writer *writer, const char *key, const uint8_t *bytes, size_t n)
{
    char text[2 * OC_AUDIT_KEY_BYTES + 1];
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    writer_text_or_null(writer, key, text);
}

/* The keys of the line, in its order. */
static void write_checkpoint(struct writer *writer, const void *item)
{
    const struct oc_audit_checkpoint *checkpoint = item;
    writer_begin_object(writer);
    writer_text_or_null(writer, "openclaw", "audit checkpoint 1");
    write_hex(writer, "gateway_id", checkpoint->gateway_id, sizeof checkpoint->gateway_id);
    write_hex(writer, "database_id", checkpoint->database_id, sizeof checkpoint->database_id);
    writer_key(writer, "epoch");
    writer_uint(writer, checkpoint->epoch);
    writer_key(writer, "seq");
    writer_uint(writer, checkpoint->seq);
    write_hex(writer, "hash", checkpoint->hash.bytes, sizeof checkpoint->hash.bytes);
    writer_time_or_null(writer, "at", checkpoint->at_ms);
    write_hex(writer, "key", checkpoint->key, sizeof checkpoint->key);
    write_hex(writer, "signature", checkpoint->signature, checkpoint->n_signature);
    writer_end_object(writer);
}

static void name_checkpoint(const void *item, char out[OUTPUT_NAME_BYTES])
{
    const struct oc_audit_checkpoint *checkpoint = item;
    (void)snprintf(out, OUTPUT_NAME_BYTES, "%" PRIu64, checkpoint->seq);
}

static void print_checkpoint(FILE *out, const struct oc_audit_checkpoint *checkpoint)
{
    char at[MOMENT_BYTES];
    char hash[2 * OC_DIGEST_BYTES + 1];
    char text[96];
    for (size_t i = 0; i < OC_DIGEST_BYTES; i++) {
        (void)snprintf(hash + 2 * i, 3, "%02x", checkpoint->hash.bytes[i]);
    }
    moment_format(checkpoint->at_ms, at);
    (void)snprintf(text, sizeof text, "up to record %" PRIu64 ", at %s (epoch %" PRIu64 ")",
                   checkpoint->seq, at, checkpoint->epoch);
    output_fact(out, "signed", text);
    output_fact(out, "hash", hash);
}

/* What is not asked for in another form is the line as it was signed, which alone verifies. */
enum exit_code audit_run_checkpoint(struct cli *cli)
{
    static const struct item_kind kind = {.write = write_checkpoint, .name = name_checkpoint};
    const bool is_asked =
        arguments_has(&cli->args, OPT_OUTPUT) || arguments_has(&cli->args, OPT_JSON);
    char line[OC_AUDIT_LINE_BYTES];
    struct oc_audit_checkpoint checkpoint;
    enum exit_code code = fetch_checkpoint(cli, "cannot get a checkpoint", &checkpoint);
    if (code) {
        return code;
    }
    if (!is_asked || cli->output.format == OUTPUT_NDJSON) {
        (void)oc_audit_format_checkpoint(&checkpoint, line);
        (void)fputs(line, cli->terminal->out);
    } else if (!output_item(&cli->output, &kind, &checkpoint)) {
        print_checkpoint(cli->terminal->out, &checkpoint);
    }
    return EXIT_DONE;
}

/* ---- export -------------------------------------------------------------------------------- */

struct export
{
    struct cli *cli;
    struct oc_audit_checkpoint checkpoint;
    struct oc_audit_verifier *verifier;
    struct oc_audit_page page;
    uint64_t from_seq;
    uint64_t done_seq; /* the last record that is out whole */
    enum oc_status bad;
    struct oc_error why_bad; /* the first thing that is wrong with what the gateway gives */
};

static void put_line(struct export *export, const char *line, size_t n)
{
    (void)fwrite(line, 1, n, export->cli->terminal->out);
    if (!export->bad) {
        export->bad = oc_audit_verifier_feed(export->verifier, line, n, &export->why_bad);
    }
}

/* What was asked for may have gone into a pipe that was closed, or a disk that is full. */
static enum exit_code flush(const struct export *export)
{
    struct failure failure;
    FILE *out = export->cli->terminal->out;
    if (fflush(out) == 0 && !ferror(out)) {
        return EXIT_DONE;
    }
    failure_set(&failure, EXIT_FAILED, "cannot write the export: %s", strerror(errno));
    failure_advise(&failure,
                   "what is out is whole up to record %" PRIu64
                   "; go on from there into another file:  openclaw audit export --from-seq "
                   "%" PRIu64,
                   export->done_seq, export->done_seq + 1);
    return failure_say(export->cli->terminal, &failure);
}

static enum exit_code load(struct export *export, uint64_t after_seq, uint64_t most)
{
    struct oc_error err;
    export->page.cap = most < OC_MAX_AUDIT_PAGE ? (size_t)most : OC_MAX_AUDIT_PAGE;
    enum oc_status status =
        oc_admin_list_audit(export->cli->client, after_seq, false, NULL, &export->page, &err);
    if (!status && export->page.n == 0) {
        status = oc_fail(&err, OC_DATA_LOSS, "the gateway has no record %" PRIu64, after_seq + 1);
    }
    return status ? fail_call(export->cli, "cannot read the audit log", status, &err) : EXIT_DONE;
}

static enum exit_code put_header(struct export *export)
{
    char line[OC_AUDIT_LINE_BYTES];
    const struct oc_audit_checkpoint *checkpoint = &export->checkpoint;
    struct oc_audit_header header = {.from_seq = export->from_seq};
    enum exit_code code = EXIT_DONE;
    memcpy(header.gateway_id, checkpoint->gateway_id, sizeof header.gateway_id);
    memcpy(header.database_id, checkpoint->database_id, sizeof header.database_id);
    memcpy(header.key, checkpoint->key, sizeof header.key);
    if (export->from_seq > 1) {
        code = load(export, export->from_seq - 2, 1);
        header.previous = export->page.items[0].hash;
    }
    if (!code) {
        put_line(export, line, oc_audit_format_header(&header, line));
    }
    return code;
}

static enum exit_code put_records(struct export *export)
{
    char line[OC_AUDIT_LINE_BYTES];
    const uint64_t last = export->checkpoint.seq;
    export->done_seq = export->from_seq - 1;
    for (uint64_t seq = export->done_seq; seq < last;) {
        enum exit_code code = load(export, seq, last - seq);
        if (code) {
            return code;
        }
        for (size_t i = 0; i < export->page.n; i++) {
            put_line(export, line, oc_audit_format_record(&export->page.items[i], line));
        }
        code = flush(export);
        if (code) {
            return code;
        }
        seq = export->done_seq = export->page.items[export->page.n - 1].seq;
    }
    return EXIT_DONE;
}

static enum exit_code put_end(struct export *export)
{
    char line[OC_AUDIT_LINE_BYTES];
    struct oc_audit_proof proof;
    struct failure failure;
    put_line(export, line, oc_audit_format_checkpoint(&export->checkpoint, line));
    enum exit_code code = flush(export);
    if (code) {
        return code;
    }
    if (!export->bad) {
        export->bad = oc_audit_verifier_finish(export->verifier, &proof, &export->why_bad);
    }
    if (export->bad) {
        failure_set(&failure, EXIT_FAILED, "the gateway's own audit is not whole: %s",
                    export->why_bad.text);
        failure_advise(&failure, "the export holds it as it is; compare it with an older one, and "
                                 "keep both:  openclaw audit verify FILE");
        return failure_say(export->cli->terminal, &failure);
    }
    return EXIT_DONE;
}

static enum exit_code run_export(struct export *export)
{
    struct failure failure;
    if (export->from_seq > export->checkpoint.seq + 1) {
        failure_set(&failure, EXIT_NOT_FOUND,
                    "there is no record %" PRIu64 " yet; the last one is %" PRIu64,
                    export->from_seq, export->checkpoint.seq);
        return failure_say(export->cli->terminal, &failure);
    }
    enum exit_code code = put_header(export);
    if (!code) {
        code = put_records(export);
    }
    return code ? code : put_end(export);
}

enum exit_code audit_run_export(struct cli *cli)
{
    struct export export = {.cli = cli, .from_seq = 1};
    const char *from = arguments_value(&cli->args, OPT_FROM_SEQ);
    size_t from_seq = 1;
    if (from && !value_read_count(from, &from_seq)) {
        return command_usage(cli, "--from-seq %s: give the number of a record", from);
    }
    export.from_seq = from_seq;
    enum exit_code code = fetch_checkpoint(cli, "cannot export the audit", &export.checkpoint);
    if (code) {
        return code;
    }
    export.verifier = oc_audit_verifier_new(NULL);
    export.page.items = memory_zeroed(OC_MAX_AUDIT_PAGE, sizeof export.page.items[0]);
    if (export.verifier) {
        code = run_export(&export);
    } else {
        code = EXIT_FAILED;
        terminal_say(cli->terminal, "openclaw: out of memory");
    }
    oc_audit_verifier_free(export.verifier);
    free(export.page.items);
    return code;
}
