/* See audit_chain.h. */
#include "server/store/audit_chain.h"

static struct oc_audit_fields fields_of(uint64_t seq, const struct audit_event *event)
{
    return (struct oc_audit_fields){
        .seq = seq,
        .at_ms = event->at_ms,
        .actor = event->actor.name,
        .source = event->actor.source,
        .action = event->action,
        .outcome = event->outcome,
        .device_id = &event->device_id,
        .request_id = event->request_id.text,
        .before = event->before,
        .after = event->after,
        .reason = event->reason,
        .rule = event->rule,
        .detail = event->detail,
    };
}

struct oc_digest audit_chain_genesis(const uint8_t gateway_id[AUDIT_CHAIN_ID_BYTES],
                                     const uint8_t database_id[AUDIT_CHAIN_ID_BYTES])
{
    return oc_audit_genesis(gateway_id, database_id);
}

size_t audit_chain_row(uint64_t seq, const struct audit_event *event,
                       uint8_t out[AUDIT_CHAIN_ROW_BYTES])
{
    const struct oc_audit_fields fields = fields_of(seq, event);
    return oc_audit_row(&fields, out);
}

struct oc_digest audit_chain_next(const struct oc_digest *before, uint64_t seq,
                                  const struct audit_event *event)
{
    const struct oc_audit_fields fields = fields_of(seq, event);
    return oc_audit_next(before, &fields);
}
