/*
 * The hash chain over audit records: the canonical bytes of a record, and the hash that follows
 * from them and the hash before. Pure, and the same for the gateway that writes a chain and for
 * whoever verifies one. server/store/README.md describes the bytes.
 *
 * A chain shows records that were edited, dropped, added or reordered. It cannot show a tail that
 * was cut off together with the head: that takes a checkpoint (proto/crypto/checkpoint.h).
 */
#pragma once

#include <openclaw/types.h>

enum {
    OC_AUDIT_ID_BYTES = 16,
    OC_AUDIT_ROW_BYTES = 1024, /* no record is longer */
};

/* A record as both sides hold it; texts are borrowed, and end with a NUL or at the bounds that they
 * have in struct oc_audit_record. */
struct oc_audit_fields {
    uint64_t seq;
    int64_t at_ms;
    const char *actor, *source, *action, *outcome;
    const struct oc_device_id *device_id;
    const char *request_id, *before, *after, *reason, *rule, *detail;
};

/* The hash before the first record: it ties the chain to one gateway's one database. */
struct oc_digest oc_audit_genesis(const uint8_t gateway_id[OC_AUDIT_ID_BYTES],
                                  const uint8_t database_id[OC_AUDIT_ID_BYTES]);

/* Writes the canonical bytes of a record and returns their number. */
size_t oc_audit_row(const struct oc_audit_fields *fields, uint8_t out[OC_AUDIT_ROW_BYTES]);

/* The hash of a record, given the hash of the one before. */
struct oc_digest oc_audit_next(const struct oc_digest *before,
                               const struct oc_audit_fields *fields);
