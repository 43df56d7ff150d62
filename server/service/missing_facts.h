/* What tells, while a gateway is locked, of decisions that its database does not have. */
#pragma once

#include "server/store/store.h"

/* Audit rows that were there once, as a checkpoint tells, and are not in this database. */
struct audit_missing {
    uint64_t from_seq, to_seq; /* to_seq 0: none is known to be missing */
    int64_t since_ms;          /* of the last row that is there; 0: none */
    int64_t told_at_ms;        /* of the checkpoint that tells */
};

/* An approval that a device holds our receipt of, and that is not in this database. */
struct missing_approval {
    struct oc_device_id device_id;
    uint64_t seq;  /* the change that it was */
    int64_t at_ms; /* of the receipt, which is not before it */
};

enum {
    MISSING_TOLD = 32,
};

/* What tells, while the gateway is locked, of decisions that this database does not have. */
struct missing_facts {
    struct audit_missing audit;
    bool has_marker;
    struct store_identity marker;
    size_t n; /* the latest */
    struct missing_approval approvals[MISSING_TOLD];
    uint64_t n_in_all;
    bool is_at_least; /* there may be more than n_in_all */
};
