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
 *
 * - Approve, reject, revoke, end of term, remove, block and unblock are decisions: they grow
 *   `generation`, and with it the ids of later requests. Dismiss, expire, shed, replace, expect and
 *   rename are none: the same ask comes back under its id.
 * - The cool-down after reject and revoke outlives remove, and ends with approve, block and expect.
 *   While it runs, an approved device keeps its session and opens no upgrade.
 * - A removed device keeps its labels, and so does one whose announcement is taken back: rules of
 *   votes and bounds hang on them, and who takes away shall not get around these. One with labels
 *   leaves no tombstone: it is a device that was revoked, with nothing left but them.
 * - A tombstone whose device asks again is listed (is_removed is false while the request is open)
 *   and is a tombstone again when the request lapses.
 * - A quarantined record is decided on as if its approval had been revoked and nothing announced,
 *   named or labelled. Approve, revoke, block, unblock, remove and expect end the quarantine.
 * - Where `votes.need` administrators must agree, an approval is a vote until the last of them: it
 *   changes the open request alone, is no decision, and ends with the request. An announcement
 *   approves nobody then.
 * - Administrators' events are audited whatever comes of them, ends of terms and approvals by
 *   announcement too; nothing else is.
 * - A record is forgotten when nothing of it matters any more: the device was never approved, is
 *   not blocked, announced, named or removed, and waits for nothing. As ids of requests follow from
 *   device, ask and number of decisions, the same ask gets its id back from nothing; so what no
 *   administrator ever decided on is forgotten as long after its ask as a request stays open and
 *   PAIRING_LAPSED_KEPT_MS, or at once when a cap closes its request. What was rejected is kept
 *   PAIRING_REJECTED_KEPT_MS longer than its cool-down: as long as the next one doubles it.
 */
#pragma once

#include "server/domain/event.h"

enum {
    PAIRING_COOL_DOWN_FIRST_MS = 60 * 1000,
    PAIRING_COOL_DOWN_MOST_MS = 60 * 60 * 1000,
    PAIRING_REPLACE_EVERY_MS = 10 * 1000,
    PAIRING_UPGRADE_REFUSED_MS = 24 * 60 * 60 * 1000,
    PAIRING_EXPECTED_MS = 7 * 24 * 60 * 60 * 1000,
    PAIRING_LAPSED_KEPT_MS = 10 * 60 * 1000, /* but no longer than a request stays open */
    PAIRING_REJECTED_KEPT_MS = 24 * 60 * 60 * 1000,
    PAIRING_ASK_BYTES = 2048,
};

/* What must follow a change once it is durable (or, for withdrawals, before). */
enum {
    PAIRING_CUTS_SESSION = 1 << 0,    /* close the live session */
    PAIRING_ENDS_WAIT = 1 << 1,       /* tell whoever waits for the request's decision */
    PAIRING_CHANGES_GRANT = 1 << 2,   /* tell the live session its new grant */
    PAIRING_WITHDRAWS = 1 << 3,       /* deny in memory before the commit, and if it fails */
    PAIRING_REFUSES_UPGRADE = 1 << 4, /* tell the live session its wider ask was not granted */
    PAIRING_APPROVES = 1 << 5,        /* next.approval_seq becomes the number of this change */
    PAIRING_MAKES_ROOM = 1 << 6,      /* who waits lost the place to another: ask a little later */
};

struct pairing_decision {
    enum pairing_outcome outcome;
    bool changed;           /* `next` differs in something durable: write it */
    bool forgets;           /* with changed: delete the record; `next` is a stranger's */
    bool is_audited;        /* `audit` goes into the same transaction */
    unsigned effects;       /* PAIRING_... bits */
    int64_t retry_after_ms; /* refusals; 0: none */
    enum oc_why why;        /* CONNECT */
    struct oc_grant grant;  /* SESSION: next.granted, or event.grant of pairs_everyone */
    bool breaks_glass;      /* approved although votes were missing */
    unsigned n_votes;       /* APPROVE under a rule: for this grant, the actor's among them ... */
    unsigned n_votes_for_else; /* ... and what else is voted for */
    struct pairing next;
    struct audit_event audit;
};

/* What the configuration sets. */
struct policy {
    int64_t pending_ttl_ms;
};

/*
 * Decides one event on one record. Connects of approved and pending devices that change nothing
 * durable come back with changed false, so the same function serves the path that never writes;
 * such a `next` may still carry a newer request.attempted_ms, which memory keeps. What is due
 * (pairing_next_due) is best raised first: a connect after the end of a term is told to come back.
 *
 * Owns:   the decision is a plain value.
 * Fails:  never; refusals are outcomes.
 * Thread: any; pure.
 */
struct pairing_decision pairing_decide(const struct pairing *was, const struct pairing_event *event,
                                       const struct policy *policy, int64_t now_ms);

/* The record of a device nothing is known of. */
struct pairing pairing_of_stranger(const struct oc_device_id *id);

/* Takes from a record that failed authentication what administrators are said to have given and
 * decided (alias, labels, what was approved, who and when): nobody knows who wrote it. Of the
 * record a decision rests on it is taken by pairing_decide; who shows a record takes it, too. */
void pairing_forget_words(struct pairing *pairing);

/* The one word that lists show. */
enum oc_state pairing_state(const struct pairing *pairing);

/* Why it is asked to pair, as lists show it: what its open request says; without one, what an
 * attempt would be told as far as the record knows. NONE when paired, and when nothing is known. */
enum oc_why pairing_why(const struct pairing *pairing);

/* When something falls due for this record by itself (request expiry, end of term, end of
 * expectation, forgetting) and the event to raise then; 0 for nothing. */
int64_t pairing_next_due(const struct pairing *pairing, const struct policy *policy,
                         enum pairing_event_kind *kind);

/* Whether the record may be in a session now: approved, not quarantined, term not over. */
bool pairing_may_serve(const struct pairing *pairing, int64_t now_ms);

/* Whether a device without approval may stay in a session where everyone is paired: neither blocked
 * nor revoked nor quarantined, and not in the cool-down after a reject. No record is written for
 * such a session, so pairing_may_serve says no to it. */
bool pairing_may_serve_unpaired(const struct pairing *pairing, int64_t now_ms);

/* Whether an open request of this device stands outside the caps and is never shed: it is approved
 * and wants more, or it was announced. */
bool pairing_is_beyond_caps(const struct pairing *pairing, int64_t now_ms);

/* Whether nothing of the record matters but, for a while, to explain: no approval, decision to
 * deny, announcement, name, tombstone or open request. Strangers alone make such records. */
bool pairing_is_forgettable(const struct pairing *pairing);

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
/* "rejected": how a request ended, for people. Never NULL. */
const char *pairing_end_name(enum request_end end);
/* "no_request": the audit's outcome word. Never NULL. */
const char *pairing_outcome_name(enum pairing_outcome outcome);
