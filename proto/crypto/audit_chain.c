/* The audit chain: every field of a record is length-prefixed, so no two share their bytes. */
#include "proto/crypto/audit_chain.h"

#include <assert.h>
#include <string.h>

#include "proto/crypto/digest.h"

enum {
    WORD_BYTES = 23,
    RULE_BYTES = 32,
    DETAIL_BYTES = 255,
};

static const char genesis_label[] = "openclaw audit genesis v1"; /* with its NUL */
static const char row_label[] = "openclaw audit row v1";

struct writer {
    uint8_t *out;
    size_t n;
};

static void put_bytes(struct writer *writer, const void *bytes, size_t n)
{
    assert(n <= UINT16_MAX && writer->n + 2 + n <= OC_AUDIT_ROW_BYTES);
    writer->out[writer->n++] = (uint8_t)(n >> 8);
    writer->out[writer->n++] = (uint8_t)n;
    memcpy(writer->out + writer->n, bytes, n);
    writer->n += n;
}

static void put_number(struct writer *writer, uint64_t value)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(value >> (56 - 8 * i));
    }
    put_bytes(writer, bytes, sizeof bytes);
}

static void put_text(struct writer *writer, const char *text, size_t most)
{
    put_bytes(writer, text, strnlen(text, most));
}

struct oc_digest oc_audit_genesis(const uint8_t gateway_id[OC_AUDIT_ID_BYTES],
                                  const uint8_t database_id[OC_AUDIT_ID_BYTES])
{
    const struct oc_bytes pieces[] = {
        {genesis_label, sizeof genesis_label},
        {gateway_id, OC_AUDIT_ID_BYTES},
        {database_id, OC_AUDIT_ID_BYTES},
    };
    return oc_sha256(pieces, 3);
}

size_t oc_audit_row(const struct oc_audit_fields *fields, uint8_t out[OC_AUDIT_ROW_BYTES])
{
    struct writer writer = {.out = out};
    put_number(&writer, fields->seq);
    put_number(&writer, (uint64_t)fields->at_ms);
    put_text(&writer, fields->actor, OC_MAX_ACTOR_BYTES);
    put_text(&writer, fields->source, OC_MAX_SOURCE_BYTES);
    put_text(&writer, fields->action, WORD_BYTES);
    put_text(&writer, fields->outcome, WORD_BYTES);
    put_bytes(&writer, fields->device_id->bytes, OC_DEVICE_ID_BYTES);
    put_text(&writer, fields->request_id, OC_REQUEST_ID_CHARS);
    put_text(&writer, fields->before, WORD_BYTES);
    put_text(&writer, fields->after, WORD_BYTES);
    put_text(&writer, fields->reason, OC_MAX_REASON_BYTES);
    put_text(&writer, fields->rule, RULE_BYTES);
    put_text(&writer, fields->detail, DETAIL_BYTES);
    return writer.n;
}

struct oc_digest oc_audit_next(const struct oc_digest *before, const struct oc_audit_fields *fields)
{
    uint8_t row[OC_AUDIT_ROW_BYTES];
    const size_t n = oc_audit_row(fields, row);
    const struct oc_bytes pieces[] = {
        {row_label, sizeof row_label},
        {before->bytes, OC_DIGEST_BYTES},
        {row, n},
    };
    return oc_sha256(pieces, 3);
}
