/*
 * The chain of proto/crypto/audit_chain.h over the store's own events.
 */
#pragma once

#include "proto/crypto/audit_chain.h"
#include "server/domain/audit_event.h"

enum {
    AUDIT_CHAIN_ID_BYTES = OC_AUDIT_ID_BYTES,
    AUDIT_CHAIN_ROW_BYTES = OC_AUDIT_ROW_BYTES, /* no row is longer */
};

/* The hash before the first row: it ties the chain to one gateway's one database. */
struct oc_digest audit_chain_genesis(const uint8_t gateway_id[AUDIT_CHAIN_ID_BYTES],
                                     const uint8_t database_id[AUDIT_CHAIN_ID_BYTES]);

/* Writes the canonical bytes of a row and returns their number. */
size_t audit_chain_row(uint64_t seq, const struct audit_event *event,
                       uint8_t out[AUDIT_CHAIN_ROW_BYTES]);

/* The hash of row `seq`, given the hash of the row before. */
struct oc_digest audit_chain_next(const struct oc_digest *before, uint64_t seq,
                                  const struct audit_event *event);
