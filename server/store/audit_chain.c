/* The audit chain: every field of a row is length-prefixed, so no two rows share their bytes. */
#include "server/store/audit_chain.h"

#include <assert.h>
#include <string.h>

#include "proto/crypto/digest.h"

static const char genesis_label[] = "openclaw audit genesis v1"; /* with its NUL */
static const char row_label[] = "openclaw audit row v1";

struct writer {
    uint8_t *out;
    size_t n;
};

static void put_bytes(struct writer *writer, const void *bytes, size_t n)
{
    assert(n <= UINT16_MAX && writer->n + 2 + n <= AUDIT_CHAIN_ROW_BYTES);
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

#define PUT_TEXT(writer, text) put_bytes(writer, text, strnlen(text, sizeof(text) - 1))

struct oc_digest audit_chain_genesis(const uint8_t gateway_id[AUDIT_CHAIN_ID_BYTES],
                                     const uint8_t database_id[AUDIT_CHAIN_ID_BYTES])
{
    const struct oc_bytes pieces[] = {
        {genesis_label, sizeof genesis_label},
        {gateway_id, AUDIT_CHAIN_ID_BYTES},
        {database_id, AUDIT_CHAIN_ID_BYTES},
    };
    return oc_sha256(pieces, 3);
}

size_t audit_chain_row(uint64_t seq, const struct audit_event *event,
                       uint8_t out[AUDIT_CHAIN_ROW_BYTES])
{
    struct writer writer = {.out = out};
    put_number(&writer, seq);
    put_number(&writer, (uint64_t)event->at_ms);
    PUT_TEXT(&writer, event->actor.name);
    PUT_TEXT(&writer, event->actor.source);
    PUT_TEXT(&writer, event->action);
    PUT_TEXT(&writer, event->outcome);
    put_bytes(&writer, event->device_id.bytes, OC_DEVICE_ID_BYTES);
    PUT_TEXT(&writer, event->request_id.text);
    PUT_TEXT(&writer, event->before);
    PUT_TEXT(&writer, event->after);
    PUT_TEXT(&writer, event->reason);
    PUT_TEXT(&writer, event->rule);
    PUT_TEXT(&writer, event->detail);
    return writer.n;
}

struct oc_digest audit_chain_next(const struct oc_digest *before, uint64_t seq,
                                  const struct audit_event *event)
{
    uint8_t row[AUDIT_CHAIN_ROW_BYTES];
    size_t n = audit_chain_row(seq, event, row);
    const struct oc_bytes pieces[] = {
        {row_label, sizeof row_label},
        {before->bytes, OC_DIGEST_BYTES},
        {row, n},
    };
    return oc_sha256(pieces, 3);
}
