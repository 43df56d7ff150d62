/*
 * The record of one device: plain values without pointers, as memory and store keep it.
 */
#pragma once

#include <openclaw/types.h>
#include <stdbool.h>

enum {
    PAIRING_REPLACED_KEPT = 4,
    PAIRING_MAX_CODE_FAILURES = 5,
    PAIRING_VOTES_KEPT = 9, /* of a request: the tenth approves */
};

/* What a device asks for; the ask digest covers exactly this and the device id. */
struct ask {
    struct oc_grant grant;
    char name[OC_MAX_NAME_BYTES + 1];
    struct oc_labels labels;
    char purpose[OC_MAX_PURPOSE_BYTES + 1];
};

/* What a device says of itself besides; updated in place at every attempt, never decided on, and
 * written lazily, outside of decisions; but the audit row of an approval tells of it. */
struct sighting {
    int64_t seen_ms; /* 0: never */
    char source[OC_MAX_SOURCE_BYTES + 1];
    char platform[OC_MAX_PLATFORM_BYTES + 1];
    char version[OC_MAX_VERSION_BYTES + 1];
    uint8_t instance_id[OC_INSTANCE_BYTES];
    uint8_t boot_id[OC_INSTANCE_BYTES];
    uint8_t host_hint[OC_INSTANCE_BYTES];
    uint64_t session_counter;
};

enum request_end {
    REQUEST_END_NONE, /* never had one, or one is open */
    REQUEST_END_APPROVED,
    REQUEST_END_REJECTED,
    REQUEST_END_DISMISSED,
    REQUEST_END_EXPIRED,
    REQUEST_END_SHED,   /* lost its place to a cap; comes back with the same id */
    REQUEST_END_CLOSED, /* by revoke, block or remove */
    REQUEST_END_COUNT
};

/* An administrator agrees to one effective grant; see approvals.h. Oldest first, one of each. */
struct vote {
    char by[OC_MAX_ACTOR_BYTES + 1]; /* "uid:0", "admin:alice" */
    struct oc_digest certificate;    /* that it was cast with; zeros: at the local door */
    struct oc_digest effective;      /* of what it is for */
    int64_t at_ms;
};

struct pairing_request {
    bool is_open;
    struct oc_request_id id;
    struct oc_digest digest;
    struct ask ask;
    enum oc_why why;
    int64_t opened_ms;
    int64_t attempted_ms; /* the last attempt; a waiting connection counts as one */
    uint8_t code_failures;
    uint8_t n_votes;
    struct vote votes[PAIRING_VOTES_KEPT];
};

/* An announced device: a reserved slot, and perhaps approval at its first connect. */
struct expectation {
    bool is_set;
    bool approves;
    int64_t until_ms;
    struct oc_grant grant; /* with approves */
    struct oc_labels labels;
    int64_t term_ms; /* 0: until revoked */
};

/* A device never heard of is the record `pairing_of_stranger(id)`. */
struct pairing {
    struct oc_device_id id;
    enum oc_standing standing;
    uint64_t approval_seq;   /* change-log number of the approval in force; 0: not known, or none */
    uint64_t generation;     /* grows by one with every decision on this device */
    struct oc_grant asked;   /* what the standing approval answered; kept after revoke */
    struct oc_grant granted; /* in force while approved */
    int64_t term_ends_ms;    /* 0: until revoked */
    char alias[OC_MAX_NAME_BYTES + 1];        /* given by an administrator */
    struct oc_labels labels;                  /* given by an administrator */
    char claimed_name[OC_MAX_NAME_BYTES + 1]; /* of the last ask */
    struct pairing_request request;
    struct expectation expectation;
    enum request_end last_end;                            /* how the last request ended */
    struct oc_request_id replaced[PAIRING_REPLACED_KEPT]; /* newest first; "" unused */
    struct oc_request_id closed; /* the last one closed, unless it is in force again; "" none */
    enum request_end closed_end; /* and how */
    int64_t replaced_ms;         /* when a request last gave its place to another; 0: never */
    int64_t cool_down_until_ms;  /* after reject and revoke */
    uint8_t cool_down_step;      /* 0: 60 s next, doubling to 1 h; reset by approve */
    struct oc_digest refused_upgrade; /* ask digest of a rejected upgrade ... */
    int64_t refused_upgrade_until_ms; /* ... not reopened before; 0: none */
    int64_t first_seen_ms;
    int64_t requested_ms; /* when the last request was opened */
    int64_t decided_ms;   /* the last decision; 0: none */
    char decided_by[OC_MAX_ACTOR_BYTES + 1];
    bool is_removed;     /* only its tombstone is left */
    bool is_quarantined; /* its row failed authentication: no session until decided anew */
};
