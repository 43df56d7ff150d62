/*
 * After a rollback: what tells that a gateway's records are older than they were, for the
 * administrator who decides whether it goes on from them.
 *
 * Units:  times are Unix milliseconds, UTC.
 */
#pragma once

#include <openclaw/audit.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

enum {
    OC_MAX_MISSING_APPROVALS = 32,
};

/* An approval that a device holds the gateway's signed receipt of, and that its records lack. */
struct oc_missing_approval {
    struct oc_device_id device_id;
    uint64_t seq;          /* the change that it was */
    int64_t receipt_at_ms; /* of the receipt, which is not before the approval */
    uint64_t reserved[2];
};

/* What a locked gateway knows of what its records lack. */
struct oc_rollback {
    char lock_reason[256]; /* "": it is not locked, and nothing of the rest is filled in */
    uint64_t epoch, seq;   /* of the records: their trust epoch, their last change */
    /* The marker beside the records, which is of the last change that was acknowledged, or of one
     * within a second before it. */
    bool has_marker;
    bool is_marker_of_others; /* it is of another database than the one that is there */
    uint64_t marker_epoch, marker_seq;
    /* Audit records that the gateway's own checkpoint file tells of; to_seq 0: none. */
    uint64_t missing_from_seq, missing_to_seq;
    int64_t missing_told_at_ms; /* of that checkpoint */
    /* Of devices that came since the start: the latest approvals, in their order. */
    size_t n_approvals;
    struct oc_missing_approval approvals[OC_MAX_MISSING_APPROVALS];
    uint64_t n_approvals_in_all;
    bool has_more_approvals; /* than n_approvals_in_all, it may be */
    uint64_t reserved[16];
};

/*
 * Asks a locked gateway what its records lack.
 *
 * Fails:  as the calls of admin.h.
 * Thread: any; blocks until the answer or the client's time-out.
 */
OC_MUST_CHECK enum oc_status oc_admin_rollback(struct oc_client *client, struct oc_rollback *out,
                                               struct oc_error *err);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
