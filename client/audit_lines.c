/* See audit_lines.h; what writes them is declared in openclaw/audit.h. */
#include "client/audit_lines.h"

#include <string.h>

#include "proto/base/json_line.h"
#include "proto/crypto/audit_chain.h"
#include "proto/crypto/checkpoint.h"

static const char header_word[] = "audit export 1";

/* ---- writing ------------------------------------------------------------------------------- */

size_t oc_audit_format_header(const struct oc_audit_header *header, char out[OC_AUDIT_LINE_BYTES])
{
    struct oc_digest previous = header->previous;
    if (header->from_seq == 1) {
        previous = oc_audit_genesis(header->gateway_id, header->database_id);
    }
    struct oc_json_writer writer = oc_json_begin(out, OC_AUDIT_LINE_BYTES);
    oc_json_put_text(&writer, "openclaw", header_word);
    oc_json_put_hex(&writer, "gateway_id", header->gateway_id, sizeof header->gateway_id);
    oc_json_put_hex(&writer, "database_id", header->database_id, sizeof header->database_id);
    oc_json_put_hex(&writer, "key", header->key, sizeof header->key);
    oc_json_put_number(&writer, "from_seq", header->from_seq);
    oc_json_put_hex(&writer, "previous_hash", previous.bytes, sizeof previous.bytes);
    return oc_json_end(&writer);
}

size_t oc_audit_format_record(const struct oc_audit_record *record, char out[OC_AUDIT_LINE_BYTES])
{
    struct oc_json_writer writer = oc_json_begin(out, OC_AUDIT_LINE_BYTES);
    oc_json_put_number(&writer, "seq", record->seq);
    oc_json_put_time(&writer, "at", record->at_ms);
    oc_json_put_text(&writer, "actor", record->actor);
    oc_json_put_text(&writer, "source", record->source);
    oc_json_put_text(&writer, "action", record->action);
    oc_json_put_text(&writer, "outcome", record->outcome);
    oc_json_put_id(&writer, "device_id", record->device_id.bytes, sizeof record->device_id.bytes);
    oc_json_put_text(&writer, "request_id", record->request_id.text);
    oc_json_put_text(&writer, "before", record->before);
    oc_json_put_text(&writer, "after", record->after);
    oc_json_put_text(&writer, "reason", record->reason);
    oc_json_put_text(&writer, "rule", record->rule);
    oc_json_put_text(&writer, "detail", record->detail);
    oc_json_put_hex(&writer, "hash", record->hash.bytes, sizeof record->hash.bytes);
    return oc_json_end(&writer);
}

size_t oc_audit_format_checkpoint(const struct oc_audit_checkpoint *checkpoint,
                                  char out[OC_AUDIT_LINE_BYTES])
{
    return oc_checkpoint_format(checkpoint, out);
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool starts_with(const char *line, size_t n, const char *start)
{
    return n >= strlen(start) && memcmp(line, start, strlen(start)) == 0;
}

enum oc_audit_line oc_audit_line_kind(const char *line, size_t n)
{
    if (starts_with(line, n, "{\"seq\":")) {
        return OC_AUDIT_LINE_RECORD;
    }
    if (starts_with(line, n, "{\"openclaw\":\"audit export ")) {
        return OC_AUDIT_LINE_HEADER;
    }
    return starts_with(line, n, "{\"openclaw\":\"audit checkpoint ") ? OC_AUDIT_LINE_CHECKPOINT
                                                                     : OC_AUDIT_LINE_UNKNOWN;
}

/* Whether n bytes are the n_again that were written of what was read, but for the newline. */
static bool is_same(const char *line, size_t n, const char *again, size_t n_again)
{
    return n_again == n + 1 && memcmp(line, again, n) == 0;
}

bool oc_audit_parse_header(const char *line, size_t n, struct oc_audit_header *out)
{
    char word[sizeof header_word];
    char again[OC_AUDIT_LINE_BYTES];
    struct oc_audit_header found = {.from_seq = 0};
    struct oc_json_reader reader = oc_json_read(line, n);
    oc_json_take_text(&reader, "openclaw", word, sizeof word);
    oc_json_take_hex(&reader, "gateway_id", found.gateway_id, sizeof found.gateway_id);
    oc_json_take_hex(&reader, "database_id", found.database_id, sizeof found.database_id);
    oc_json_take_hex(&reader, "key", found.key, sizeof found.key);
    found.from_seq = oc_json_take_number(&reader, "from_seq");
    oc_json_take_hex(&reader, "previous_hash", found.previous.bytes, sizeof found.previous.bytes);
    if (!oc_json_is_over(&reader) || found.from_seq == 0 ||
        !is_same(line, n, again, oc_audit_format_header(&found, again))) {
        return false;
    }
    *out = found;
    return true;
}

bool oc_audit_parse_record(const char *line, size_t n, struct oc_audit_record *out)
{
    char again[OC_AUDIT_LINE_BYTES];
    struct oc_audit_record found = {.seq = 0};
    struct oc_json_reader reader = oc_json_read(line, n);
    found.seq = oc_json_take_number(&reader, "seq");
    found.at_ms = oc_json_take_time(&reader, "at");
    oc_json_take_text(&reader, "actor", found.actor, sizeof found.actor);
    oc_json_take_text(&reader, "source", found.source, sizeof found.source);
    oc_json_take_text(&reader, "action", found.action, sizeof found.action);
    oc_json_take_text(&reader, "outcome", found.outcome, sizeof found.outcome);
    oc_json_take_id(&reader, "device_id", found.device_id.bytes, sizeof found.device_id.bytes);
    oc_json_take_text(&reader, "request_id", found.request_id.text, sizeof found.request_id.text);
    oc_json_take_text(&reader, "before", found.before, sizeof found.before);
    oc_json_take_text(&reader, "after", found.after, sizeof found.after);
    oc_json_take_text(&reader, "reason", found.reason, sizeof found.reason);
    oc_json_take_text(&reader, "rule", found.rule, sizeof found.rule);
    oc_json_take_text(&reader, "detail", found.detail, sizeof found.detail);
    oc_json_take_hex(&reader, "hash", found.hash.bytes, sizeof found.hash.bytes);
    if (!oc_json_is_over(&reader) ||
        !is_same(line, n, again, oc_audit_format_record(&found, again))) {
        return false;
    }
    *out = found;
    return true;
}

bool oc_audit_parse_checkpoint(const char *line, size_t n, struct oc_audit_checkpoint *out)
{
    return oc_checkpoint_parse(line, n, out);
}

struct oc_digest oc_audit_record_hash(const struct oc_digest *before,
                                      const struct oc_audit_record *record)
{
    const struct oc_audit_fields fields = {
        .seq = record->seq,
        .at_ms = record->at_ms,
        .actor = record->actor,
        .source = record->source,
        .action = record->action,
        .outcome = record->outcome,
        .device_id = &record->device_id,
        .request_id = record->request_id.text,
        .before = record->before,
        .after = record->after,
        .reason = record->reason,
        .rule = record->rule,
        .detail = record->detail,
    };
    return oc_audit_next(before, &fields);
}
