/*
 * The hash chain over audit rows: the canonical bytes of a row, and the hash that follows from
 * them and the hash before. Pure, so that a reader of a copied database can verify the chain
 * without this gateway. server/store/README.md describes the bytes.
 *
 * A chain shows rows that were edited, dropped, added or reordered. It cannot show a tail that
 * was cut off together with the head: compare with a head kept elsewhere.
 */
#pragma once

#include "server/domain/audit_event.h"

enum {
    AUDIT_CHAIN_ID_BYTES = 16,
    AUDIT_CHAIN_ROW_BYTES = 1024, /* no row is longer */
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
