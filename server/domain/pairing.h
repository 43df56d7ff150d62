/*
 * The pairing of one device: its standing and at most one open request, two table-driven machines,
 * and the one function that decides every move.
 *
 *   standing:  none --approve--> approved --revoke, remove, end of term--> revoked --approve-->
 *              approved; any --block--> blocked --unblock--> none (history kept)
 *   request:   (none) --connect without sufficient grant--> open
 *              open --approve, reject, dismiss, expire, replaced, revoke, block, remove--> (none)
 *
 * Pure: no I/O, no clock, no randomness. Time arrives as `now_ms` (Unix milliseconds of the
 * gateway's steady clock), facts arrive in the event.
 */
#pragma once

#include "server/domain/audit_event.h"
#include "server/domain/record.h"

enum {
    PAIRING_COOL_DOWN_FIRST_MS = 60 * 1000,
    PAIRING_COOL_DOWN_MOST_MS = 60 * 60 * 1000,
    PAIRING_REPLACE_EVERY_MS = 10 * 1000,
    PAIRING_UPGRADE_REFUSED_MS = 24 * 60 * 60 * 1000,
    PAIRING_EXPECTED_MS = 7 * 24 * 60 * 60 * 1000,
    PAIRING_ASK_BYTES = 2048,
};

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

struct pairing_event {
    enum pairing_event_kind kind;
    struct audit_actor actor; /* who; filled by the service */
    char reason[OC_MAX_REASON_BYTES + 1];

    /* CONNECT: the ask, and what the service computed and gathered. */
    struct ask ask;
    struct oc_digest ask_digest;
    struct oc_request_id request_id; /* what this ask's request is called at this generation */
    bool is_over_cap;                /* no room for another open request */
    bool holds_foreign_receipt;      /* this gateway's receipt for another database id */
    enum look_alike look_alike;
    bool pairs_everyone; /* pairingRequired: false, and this source is allowed */

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
};

/* How a decision came out. The service maps these to statuses. */
enum pairing_outcome {
    PAIRING_DONE,             /* took effect, or was already so (changed is false) */
    PAIRING_SESSION,          /* CONNECT: serve with next.granted; an upgrade may be open */
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
    PAIRING_NOT_KNOWN,  /* nothing is known of this device */
    PAIRING_IS_BLOCKED, /* approve or expect of a blocked device: unblock first */
    PAIRING_OUTCOME_COUNT
};

/* What must follow a change once it is durable (or, for withdrawals, before). */
enum {
    PAIRING_CUTS_SESSION = 1 << 0,    /* close the live session */
    PAIRING_ENDS_WAIT = 1 << 1,       /* tell whoever waits for the request's decision */
    PAIRING_CHANGES_GRANT = 1 << 2,   /* tell the live session its new grant */
    PAIRING_WITHDRAWS = 1 << 3,       /* deny in memory before the commit, and if it fails */
    PAIRING_REFUSES_UPGRADE = 1 << 4, /* tell the live session its wider ask was not granted */
};

struct pairing_decision {
    enum pairing_outcome outcome;
    bool changed;           /* `next` differs in something durable: write it */
    bool is_audited;        /* `audit` goes into the same transaction */
    unsigned effects;       /* PAIRING_... bits */
    int64_t retry_after_ms; /* refusals; 0: none */
    enum oc_why why;        /* CONNECT */
    struct pairing next;
    struct audit_event audit;
};

/* What the configuration sets. */
struct policy {
    int64_t pending_ttl_ms;
};

/*
 * Decides one event on one record. Connects of approved and pending devices that change nothing
 * durable come back with changed false, so the same function serves the path that never writes.
 *
 * Owns:   the decision is a plain value.
 * Fails:  never; refusals are outcomes.
 * Thread: any; pure.
 */
struct pairing_decision pairing_decide(const struct pairing *was, const struct pairing_event *event,
                                       const struct policy *policy, int64_t now_ms);

/* The record of a device nothing is known of. */
struct pairing pairing_of_stranger(const struct oc_device_id *id);

/* The one word that lists show. */
enum oc_state pairing_state(const struct pairing *pairing);

/* When something falls due for this record by itself (request expiry, end of term, end of
 * expectation) and the event to raise then; 0 for nothing. */
int64_t pairing_next_due(const struct pairing *pairing, const struct policy *policy,
                         enum pairing_event_kind *kind);

/* Whether the record may be in a session now: approved, not quarantined, term not over. */
bool pairing_may_serve(const struct pairing *pairing, int64_t now_ms);

/* Whether every invariant of a record holds; the property test and the store's load use it. */
bool pairing_is_consistent(const struct pairing *pairing);

/*
 * The canonical bytes that the ask digest is made over: "openclaw ask v1" NUL, device id, then
 * role, n scopes, scopes (sorted), name, n labels, labels (sorted: key, value), purpose; counts as
 * one byte, texts as one length byte and their bytes. Returns the length.
 */
size_t pairing_ask_bytes(const struct oc_device_id *id, const struct ask *ask,
                         uint8_t out[PAIRING_ASK_BYTES]);

/* "approve", "revoke": the audit's action word for an event. Never NULL. */
const char *pairing_event_name(enum pairing_event_kind kind);
/* "no_request": the audit's outcome word. Never NULL. */
const char *pairing_outcome_name(enum pairing_outcome outcome);
