/*
 * Two-person approval: what an approval would give, how many administrators must agree to it, and
 * whose votes count. Pure.
 *
 * A vote is for one open request, one ask and one effective grant; so it lives in the request and
 * ends with it, and it adds up only with votes whose effective digest is the same. How long a vote
 * lasts is what the rules say when it is counted, not when it was cast: a reload with a shorter
 * time holds at once.
 */
#pragma once

#include "server/domain/approval_rule.h"
#include "server/domain/pairing.h"

enum {
    APPROVAL_BYTES = 2048,
};
_Static_assert((int)APPROVAL_NEED_MOST == (int)PAIRING_VOTES_KEPT + 1, "the last one approves");

/* What comes of an approval, by whatever way it is given. */
struct effective_grant {
    struct oc_grant grant;
    struct oc_labels labels; /* that the device has then */
    int64_t term_ms;         /* 0: until revoked */
};

/* Of APPROVE: the ask or what it is narrowed to. Of EXPECT: what is announced. Of CONNECT: what
 * the announcement would give. The decision gives exactly this. */
void approval_effective(const struct pairing *was, const struct pairing_event *event,
                        struct effective_grant *out);

/*
 * The canonical bytes that a vote's digest is made over: "openclaw vote v1" NUL, device id, request
 * id, ask digest, then role, n scopes, scopes, n labels, labels, term (8 bytes, big-endian); counts
 * as one byte, texts as one length byte and their bytes. Returns the length.
 */
size_t approval_bytes(const struct pairing *was, const struct effective_grant *effective,
                      uint8_t out[APPROVAL_BYTES]);

struct approval_need {
    unsigned need;           /* 0: whoever may approve decides alone */
    int64_t votes_expire_ms; /* with need */
};
/* The largest need and the shortest time of all rules that match the grant, or a label that an
 * administrator gave or gives the device: taking a label away in the same breath avoids no rule.
 * Claimed labels match nothing. A quarantined record matches every rule of a label. */
struct approval_need approval_rules_need(const struct approval_rules *rules,
                                         const struct pairing *was,
                                         const struct effective_grant *effective);

/* Whether an EXPECT would replace announced labels so that rules of labels ask for fewer votes than
 * before. What an approval gave stays whatever is announced. */
bool approval_drops_rule(const struct approval_rules *rules, const struct pairing *was,
                         const struct pairing_event *event);

/* Which votes of the open request count for `facts->effective`: bit i for votes[i]. */
uint32_t approval_votes_for(const struct pairing_request *request, const struct vote_facts *facts,
                            int64_t now_ms);
