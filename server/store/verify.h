/*
 * What a whole database says of itself, checked: every audit row against the hash before it, every
 * record against its code. For backups and databases that no gateway serves.
 */
#pragma once

#include "server/store/store.h"

struct store_findings {
    uint64_t n_audit;      /* rows; their numbers are 1 to this */
    struct oc_digest head; /* the hash of the last; of none: the genesis hash */
    int64_t last_audit_ms; /* when the last was written; 0: none */
    uint64_t n_records;    /* without tombstones */
    uint64_t n_approved, n_revoked, n_blocked;
    uint64_t n_quarantined; /* records whose code is wrong */
};

/* Reads all of it. Fails: DATA_LOSS (an audit row is missing, or is not what was hashed: its
 * number is told); as store_load_all. */
OC_MUST_CHECK enum oc_status store_verify(struct store *store, struct store_findings *out,
                                          struct oc_error *err);

/* The hash of audit row `seq`, which must be there; of 0: the genesis hash. */
OC_MUST_CHECK enum oc_status store_audit_hash(struct store *store, uint64_t seq,
                                              struct oc_digest *out, struct oc_error *err);
