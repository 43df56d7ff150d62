/*
 * The two machines of one device's pairing, as tables, and what goes with each move.
 *
 *   standing                            request
 *
 *        approve                             connect without sufficient grant
 *   none --------> approved              none ------------------------------> open
 *    ^  \          |      ^                ^                                  |  | connect again,
 *    |   \ block   |      |                |                                  |  | replaced
 *    |    \        |revoke, remove,        |  approve, reject, dismiss,       +--+
 *    |     \       |end of term            +- expire, shed, revoke, ----------+
 *    |      v      v      | approve           block, remove
 *    +- blocked <-- revoked
 *      unblock  block (from approved, too)
 *
 * Both tables are consulted for every event; an empty cell of either is a refusal. The invariant:
 * a grant is in force only while the standing is approved, and a record that failed
 * authentication is first taken back to where it grants nothing.
 */
#include <assert.h>
#include <string.h>

#include "server/domain/pairing_moves.h"

enum {
    REQUEST_NONE,
    REQUEST_OPEN,
    REQUEST_COUNT,
};

#define TO(standing) ((uint8_t)(OC_STANDING_##standing + 1))

static const uint8_t standing_moves[OC_STANDING_COUNT][PAIRING_EV_COUNT] = {
    [OC_STANDING_NONE] =
        {
            [PAIRING_EV_CONNECT] = TO(NONE),
            [PAIRING_EV_APPROVE] = TO(APPROVED),
            [PAIRING_EV_REJECT] = TO(NONE),
            [PAIRING_EV_DISMISS] = TO(NONE),
            [PAIRING_EV_EXPIRE] = TO(NONE),
            [PAIRING_EV_SHED] = TO(NONE),
            [PAIRING_EV_REMOVE] = TO(NONE),
            [PAIRING_EV_BLOCK] = TO(BLOCKED),
            [PAIRING_EV_EXPECT] = TO(NONE),
            [PAIRING_EV_EXPECT_END] = TO(NONE),
            [PAIRING_EV_RENAME] = TO(NONE),
            [PAIRING_EV_FORGET] = TO(NONE),
        },
    [OC_STANDING_APPROVED] =
        {
            [PAIRING_EV_CONNECT] = TO(APPROVED),
            [PAIRING_EV_APPROVE] = TO(APPROVED),
            [PAIRING_EV_REJECT] = TO(APPROVED),
            [PAIRING_EV_DISMISS] = TO(APPROVED),
            [PAIRING_EV_EXPIRE] = TO(APPROVED),
            [PAIRING_EV_SHED] = TO(APPROVED),
            [PAIRING_EV_REVOKE] = TO(REVOKED),
            [PAIRING_EV_TERM_END] = TO(REVOKED),
            [PAIRING_EV_REMOVE] = TO(REVOKED),
            [PAIRING_EV_BLOCK] = TO(BLOCKED),
            [PAIRING_EV_EXPECT] = TO(APPROVED),
            [PAIRING_EV_EXPECT_END] = TO(APPROVED),
            [PAIRING_EV_RENAME] = TO(APPROVED),
            [PAIRING_EV_FORGET] = TO(APPROVED), /* never: the guard */
        },
    [OC_STANDING_REVOKED] =
        {
            [PAIRING_EV_CONNECT] = TO(REVOKED),
            [PAIRING_EV_APPROVE] = TO(APPROVED),
            [PAIRING_EV_REJECT] = TO(REVOKED),
            [PAIRING_EV_DISMISS] = TO(REVOKED),
            [PAIRING_EV_EXPIRE] = TO(REVOKED),
            [PAIRING_EV_SHED] = TO(REVOKED),
            [PAIRING_EV_REVOKE] = TO(REVOKED),
            [PAIRING_EV_REMOVE] = TO(REVOKED),
            [PAIRING_EV_BLOCK] = TO(BLOCKED),
            [PAIRING_EV_EXPECT] = TO(REVOKED),
            [PAIRING_EV_EXPECT_END] = TO(REVOKED),
            [PAIRING_EV_RENAME] = TO(REVOKED),
            [PAIRING_EV_FORGET] = TO(REVOKED), /* never: the guard */
        },
    [OC_STANDING_BLOCKED] =
        {
            [PAIRING_EV_REJECT] = TO(BLOCKED), /* finds no request */
            [PAIRING_EV_DISMISS] = TO(BLOCKED),
            [PAIRING_EV_EXPIRE] = TO(BLOCKED),
            [PAIRING_EV_SHED] = TO(BLOCKED),
            [PAIRING_EV_BLOCK] = TO(BLOCKED),
            [PAIRING_EV_UNBLOCK] = TO(NONE),
            [PAIRING_EV_EXPECT_END] = TO(BLOCKED),
            [PAIRING_EV_RENAME] = TO(BLOCKED),
            [PAIRING_EV_FORGET] = TO(BLOCKED), /* never: the guard */
        },
};

#undef TO
#define TO(request) ((uint8_t)(REQUEST_##request + 1))

static const uint8_t request_moves[REQUEST_COUNT][PAIRING_EV_COUNT] = {
    [REQUEST_NONE] =
        {
            [PAIRING_EV_CONNECT] = TO(OPEN), /* unless served or refused */
            [PAIRING_EV_REVOKE] = TO(NONE),
            [PAIRING_EV_TERM_END] = TO(NONE),
            [PAIRING_EV_REMOVE] = TO(NONE),
            [PAIRING_EV_BLOCK] = TO(NONE),
            [PAIRING_EV_UNBLOCK] = TO(NONE),
            [PAIRING_EV_EXPECT] = TO(NONE),
            [PAIRING_EV_EXPECT_END] = TO(NONE),
            [PAIRING_EV_RENAME] = TO(NONE),
            [PAIRING_EV_FORGET] = TO(NONE),
        },
    [REQUEST_OPEN] =
        {
            [PAIRING_EV_CONNECT] = TO(OPEN), /* kept or replaced; closed when expected */
            [PAIRING_EV_APPROVE] = TO(NONE),
            [PAIRING_EV_REJECT] = TO(NONE),
            [PAIRING_EV_DISMISS] = TO(NONE),
            [PAIRING_EV_EXPIRE] = TO(NONE),
            [PAIRING_EV_SHED] = TO(NONE),
            [PAIRING_EV_REVOKE] = TO(NONE),
            [PAIRING_EV_TERM_END] = TO(OPEN),
            [PAIRING_EV_REMOVE] = TO(NONE),
            [PAIRING_EV_BLOCK] = TO(NONE),
            [PAIRING_EV_EXPECT] = TO(OPEN),
            [PAIRING_EV_EXPECT_END] = TO(OPEN),
            [PAIRING_EV_RENAME] = TO(OPEN),
            [PAIRING_EV_FORGET] = TO(OPEN), /* never: the guard */
        },
};

#undef TO

/* What an empty cell of the standing table answers. */
static enum pairing_outcome refuse_standing(const struct pairing *pairing,
                                            enum pairing_event_kind kind)
{
    if (kind == PAIRING_EV_CONNECT) {
        return PAIRING_REFUSED_BLOCKED; /* the one standing that a connect does not pass */
    }
    if (!pairing_is_known(pairing)) {
        return PAIRING_NOT_KNOWN;
    }
    if (kind == PAIRING_EV_UNBLOCK) {
        return PAIRING_NOT_BLOCKED;
    }
    if (pairing->standing == OC_STANDING_BLOCKED && kind != PAIRING_EV_TERM_END) {
        return PAIRING_IS_BLOCKED;
    }
    return PAIRING_NOT_APPROVED;
}

/* A record that failed authentication grants nothing: what it says in the device's favour is
 * taken back before anything is decided on it, and stays so if anything is written. */
static void distrust(struct pairing *pairing)
{
    if (!pairing_is_consistent(pairing)) {
        struct pairing rest = pairing_of_stranger(&pairing->id);
        bool is_blocked = pairing->standing == OC_STANDING_BLOCKED;
        rest.standing = is_blocked ? OC_STANDING_BLOCKED : OC_STANDING_REVOKED;
        rest.generation = pairing->generation > 0 ? pairing->generation : 1;
        rest.is_quarantined = true;
        *pairing = rest;
    }
    if (pairing->standing == OC_STANDING_APPROVED) {
        pairing->standing = OC_STANDING_REVOKED;
    }
    pairing->granted = (struct oc_grant){.role = ""};
    pairing->approval_seq = 0;
    pairing->term_ends_ms = 0;
    pairing->refused_upgrade = (struct oc_digest){.bytes = {0}};
    pairing->refused_upgrade_until_ms = 0;
    pairing->expectation = (struct expectation){.is_set = false};
    pairing_forget_words(pairing);
}

static void take_place(struct move *move, const struct rule *rule, enum oc_standing standing,
                       bool closes)
{
    struct pairing_decision *out = move->out;
    bool is_upgrade = out->next.request.is_open && out->next.standing == OC_STANDING_APPROVED;
    out->changed = true;
    out->effects |= rule->effects;
    rule->apply(move);
    if (closes) {
        pairing_close_request(move, rule->end);
    }
    if (is_upgrade && (rule->end == REQUEST_END_REJECTED || rule->end == REQUEST_END_DISMISSED)) {
        out->effects |= PAIRING_REFUSES_UPGRADE;
    }
    out->next.standing = standing;
    if (rule->is_decision) {
        pairing_stamp(move, move->event->actor.name);
    }
    if (rule->ends_quarantine) {
        out->next.is_quarantined = false;
    }
    if (pairing_leaves_nothing(&out->next, move->event->kind)) {
        pairing_forget(move);
    }
}

static enum pairing_outcome decide(struct move *move)
{
    const struct pairing *next = &move->out->next;
    enum pairing_event_kind kind = move->event->kind;
    uint8_t standing = standing_moves[next->standing][kind];
    if (standing == 0) {
        move->out->why = kind == PAIRING_EV_CONNECT ? OC_WHY_BLOCKED : OC_WHY_NONE;
        return refuse_standing(next, kind);
    }
    uint8_t request = request_moves[next->request.is_open ? REQUEST_OPEN : REQUEST_NONE][kind];
    if (request == 0) {
        return PAIRING_NO_REQUEST;
    }
    if (kind == PAIRING_EV_CONNECT) {
        return pairing_connect(move);
    }
    const struct rule *rule = pairing_rule(kind);
    struct ruling ruling = rule->guard(move);
    if (ruling.verdict == IS_REFUSED) {
        return ruling.outcome;
    }
    if (ruling.verdict == TAKES_PLACE) {
        take_place(move, rule, (enum oc_standing)(standing - 1), request == REQUEST_NONE + 1);
    }
    return PAIRING_DONE;
}

static struct pairing_decision decide_trusted(const struct pairing *was,
                                              const struct pairing_event *event,
                                              const struct policy *policy, int64_t now_ms)
{
    struct pairing_decision out = {.next = *was};
    struct move move = {
        .event = event,
        .policy = policy,
        .now_ms = now_ms,
        .out = &out,
        .request_id = event->named_request,
    };
    assert(event->kind < PAIRING_EV_COUNT && was->standing < OC_STANDING_COUNT);
    out.outcome = decide(&move);
    if (event->kind == PAIRING_EV_CONNECT) {
        return out; /* audits itself */
    }
    const struct rule *rule = pairing_rule(event->kind);
    if (rule->is_administrators || (event->kind == PAIRING_EV_TERM_END && out.changed)) {
        char votes[33];
        pairing_votes_word(&move, votes);
        pairing_fill_audit(
            &move, was, out.breaks_glass ? "break_glass" : pairing_event_name(event->kind), votes);
    }
    return out;
}

/* Nothing below may read a record that failed authentication as it came. */
struct pairing_decision pairing_decide(const struct pairing *was, const struct pairing_event *event,
                                       const struct policy *policy, int64_t now_ms)
{
    if (!was->is_quarantined) {
        return decide_trusted(was, event, policy, now_ms);
    }
    struct pairing rest = *was;
    distrust(&rest);
    return decide_trusted(&rest, event, policy, now_ms);
}
