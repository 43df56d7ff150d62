/*
 * What can happen to the pairing of one device, and how a decision on it can come out: the words
 * that the tables of pairing.c are indexed by. Plain values.
 */
#pragma once

#include "server/domain/audit_event.h"
#include "server/domain/record.h"

enum pairing_event_kind {
    PAIRING_EV_CONNECT,
    PAIRING_EV_APPROVE,
    PAIRING_EV_REJECT,
    PAIRING_EV_DISMISS,
    PAIRING_EV_EXPIRE, /* the request's time is up */
    PAIRING_EV_SHED,   /* a cap closes the request */
    PAIRING_EV_REVOKE,
    PAIRING_EV_TERM_END,
    PAIRING_EV_REMOVE,
    PAIRING_EV_BLOCK,
    PAIRING_EV_UNBLOCK,
    PAIRING_EV_EXPECT,
    PAIRING_EV_EXPECT_END, /* the reserved slot's time is up */
    PAIRING_EV_RENAME,
    PAIRING_EV_FORGET, /* nothing about the device is worth keeping any longer */
    PAIRING_EV_COUNT
};

/* What another device tells about a newcomer; claims, they explain and never grant. */
enum look_alike {
    LOOK_ALIKE_NONE,
    LOOK_ALIKE_OFFLINE,   /* same name and host hint, approved under another key, offline */
    LOOK_ALIKE_ONLINE,    /* the same, and that device is online */
    LOOK_ALIKE_SAME_HOST, /* another device of this host is paired */
};

enum code_check {
    CODE_NOT_USED,
    CODE_RIGHT,
    CODE_WRONG,
    CODE_NOT_AVAILABLE, /* the agent is not connected or has not revealed its nonce */
};

/* What is known of the approval's rule and votes; gathered by the service, see approvals.h. */
struct vote_facts {
    unsigned need;                /* how many must agree; 0 and 1: who decides, decides alone */
    int64_t expire_ms;            /* with need: how long a vote lasts */
    uint32_t may_vote;            /* bit i: the voter of request.votes[i] still is an approver */
    uint32_t may_approve;         /* of these, whose bound covers what is approved now */
    struct oc_digest effective;   /* of what this approval would give */
    struct oc_digest certificate; /* the actor's; zeros: at the local door */
    bool breaks_glass;            /* approve although votes are missing */
    bool drops_rule;              /* EXPECT: it takes an announced label away that a rule names */
};

struct pairing_event {
    enum pairing_event_kind kind;
    struct audit_actor actor; /* who; filled by the service */
    char reason[OC_MAX_REASON_BYTES + 1];

    /* CONNECT: the ask, and what the service computed and gathered. */
    struct ask ask;
    struct oc_digest ask_digest;
    struct oc_request_id request_id; /* what this ask's request is called at this generation */
    bool is_over_cap;                /* no room for another open request */
    bool is_read_only;               /* nothing can be written now: nothing may be opened */
    bool holds_foreign_receipt;      /* this gateway's receipt for another database id */
    enum look_alike look_alike;
    bool pairs_everyone; /* pairingRequired: false, this source is allowed; with `grant` */

    /* APPROVE names request and digest. REJECT and DISMISS name the request. EXPIRE and SHED may
     * leave it empty: whatever is open. */
    struct oc_request_id named_request;
    struct oc_digest named_digest;
    enum code_check code; /* APPROVE */
    bool narrows;         /* APPROVE: `grant` is given */
    bool approves;        /* EXPECT: with grant, labels and term */
    struct oc_grant grant;
    int64_t term_ms;                   /* APPROVE, EXPECT; 0: until revoked */
    struct oc_labels labels;           /* APPROVE, EXPECT; none: keep */
    char alias[OC_MAX_NAME_BYTES + 1]; /* RENAME; APPROVE and EXPECT when not "" */
    struct vote_facts votes;           /* APPROVE; CONNECT: need; EXPECT: and drops_rule */
    struct sighting sighting; /* APPROVE, CONNECT: for the audit alone; seen_ms 0: not known */
};

/* How a decision came out. The service maps these to statuses. */
enum pairing_outcome {
    PAIRING_DONE,             /* took effect, or was already so (changed is false) */
    PAIRING_SESSION,          /* CONNECT: serve with `grant`; an upgrade may be open */
    PAIRING_PENDING,          /* CONNECT: in the queue under next.request.id */
    PAIRING_REFUSED_REJECTED, /* CONNECT: in the cool-down after reject */
    PAIRING_REFUSED_REVOKED,  /* CONNECT: in the cool-down after revoke */
    PAIRING_REFUSED_BLOCKED,  /* CONNECT */
    PAIRING_REFUSED_BUSY,     /* CONNECT: over a cap, or replaced too soon */
    PAIRING_NO_REQUEST,       /* no such request is open */
    PAIRING_REPLACED,         /* the named request was replaced; next.request.id stands now */
    PAIRING_CHANGED,          /* the digest is not that of the open request */
    PAIRING_TOO_WIDE,         /* the grant is not within the ask */
    PAIRING_CODE_WRONG,       /* counted in next.request.code_failures: changed is true */
    PAIRING_CODE_CLOSED,      /* too many wrong codes for this request */
    PAIRING_CODE_UNAVAILABLE,
    PAIRING_NOT_APPROVED, /* revoke of a never-approved device: use reject */
    PAIRING_NOT_BLOCKED,
    PAIRING_NOT_KNOWN,   /* nothing is known of this device */
    PAIRING_IS_BLOCKED,  /* approve or expect of a blocked device: unblock first */
    PAIRING_VOTED,       /* APPROVE: a vote was cast, more are needed; changed is true */
    PAIRING_NEEDS_VOTES, /* EXPECT: one administrator may not give this, or take that label away */
    PAIRING_OUTCOME_COUNT
};
