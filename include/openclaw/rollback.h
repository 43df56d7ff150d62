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

/* ---- what was kept elsewhere ----------------------------------------------------------------- */

/* Records that are compared with what was kept elsewhere. Filled in by the program. */
struct oc_audit_history {
    uint8_t gateway_id[16]; /* zeros: not known, as its database is gone */
    uint8_t database_id[16];
    uint64_t last_seq; /* 0: there is no record */
    /* The hash of record seq, 1 to last_seq. */
    enum oc_status (*hash)(void *user, uint64_t seq, struct oc_digest *out, struct oc_error *err);
    /* Told of each record that is not there, in order; the record is borrowed. NULL: nobody. */
    void (*missing)(void *user, const struct oc_audit_record *record);
    void *user;
    uint64_t reserved[4];
};

/* What a file tells of records that a history lacks. */
struct oc_audit_gap {
    bool is_export;         /* so that records were told one by one; else checkpoints */
    bool is_other_database; /* than the one that is there: all of it is missing */
    bool has_other_records; /* the history goes on after common_seq, and otherwise */
    bool is_unproved;       /* that it is the same history up to common_seq: that takes an export
                             * which begins at or before the end of the history */
    bool is_pinned;         /* it is signed by the key that was given */
    struct oc_digest pin;   /* of the key that signed it */
    uint64_t common_seq;    /* the last record that both have */
    uint64_t told_seq;      /* the last record that the file tells of ... */
    int64_t told_at_ms;     /* ... the last one there was at this time */
    uint64_t epoch;
    uint64_t n_told; /* records that were told */
    uint64_t reserved[8];
};

/*
 * Compares a history with an export (NDJSON, as `openclaw audit export` writes) or a file of
 * checkpoints. The file is verified first: nothing is told of one that is not whole, or signed by
 * another key than the pin's (NULL: any). It is read twice, so a pipe will not do.
 *
 * Owns:   nothing of the arguments is kept.
 * Fails:  NOT_FOUND, UNAVAILABLE (the file); INVALID_ARGUMENT (neither is in it); DATA_LOSS (it was
 *         changed, or is of another gateway or key); RESOURCE_EXHAUSTED; as history->hash.
 * Thread: any.
 */
OC_MUST_CHECK enum oc_status oc_audit_find_gap(const char *path, const struct oc_digest *pin,
                                               const struct oc_audit_history *history,
                                               struct oc_audit_gap *out, struct oc_error *err);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
