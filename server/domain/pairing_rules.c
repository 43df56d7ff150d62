/*
 * The guards and steps of every event but CONNECT, one row each. Guards refuse and change nothing,
 * but for counting a wrong code and a vote; steps cannot fail.
 */
#include <assert.h>
#include <string.h>

#include "server/domain/approvals.h"
#include "server/domain/pairing_moves.h"

static const struct ruling takes_place = {.verdict = TAKES_PLACE};
static const struct ruling is_so_already = {.verdict = IS_SO_ALREADY};

static struct ruling refused(enum pairing_outcome outcome)
{
    return (struct ruling){.verdict = IS_REFUSED, .outcome = outcome};
}

static bool was_replaced(const struct pairing *pairing, const struct oc_request_id *id)
{
    for (size_t i = 0; i < PAIRING_REPLACED_KEPT; i++) {
        if (id->text[0] != '\0' && oc_request_id_equal(&pairing->replaced[i], id)) {
            return true;
        }
    }
    return false;
}

/* The open request is the one that the event names. */
static struct ruling guard_named(struct move *move)
{
    const struct pairing *next = &move->out->next;
    const struct oc_request_id *named = &move->event->named_request;
    if (next->request.is_open && oc_request_id_equal(&next->request.id, named)) {
        return takes_place;
    }
    if (next->request.is_open && was_replaced(next, named)) {
        return refused(PAIRING_REPLACED);
    }
    return refused(PAIRING_NO_REQUEST);
}

static struct ruling guard_code(struct move *move)
{
    struct pairing_request *request = &move->out->next.request;
    if (move->event->code == CODE_NOT_USED) {
        return takes_place;
    }
    if (request->code_failures >= PAIRING_MAX_CODE_FAILURES) {
        return refused(PAIRING_CODE_CLOSED);
    }
    if (move->event->code == CODE_NOT_AVAILABLE) {
        return refused(PAIRING_CODE_UNAVAILABLE);
    }
    if (move->event->code == CODE_WRONG) {
        request->code_failures++;
        move->out->changed = true;
        return refused(PAIRING_CODE_WRONG);
    }
    return takes_place;
}

/* The code comes before the grant: a wrong code must always count. The votes come last: what could
 * not be approved cannot be voted for. */
static struct ruling guard_approve(struct move *move)
{
    const struct pairing_request *request = &move->out->next.request;
    struct ruling ruling = guard_named(move);
    if (ruling.verdict != TAKES_PLACE) {
        return ruling;
    }
    if (memcmp(&request->digest, &move->event->named_digest, sizeof request->digest) != 0) {
        return refused(PAIRING_CHANGED);
    }
    ruling = guard_code(move);
    if (ruling.verdict != TAKES_PLACE) {
        return ruling;
    }
    if (move->event->narrows && !oc_grant_is_within(&move->event->grant, &request->ask.grant)) {
        return refused(PAIRING_TOO_WIDE);
    }
    return pairing_has_votes(move) ? takes_place : refused(PAIRING_VOTED);
}

/* EXPIRE and SHED may name nothing: whatever is open. */
static struct ruling guard_whatever_is_open(struct move *move)
{
    return move->event->named_request.text[0] == '\0' ? takes_place : guard_named(move);
}

static struct ruling guard_expire(struct move *move)
{
    const struct pairing_request *request = &move->out->next.request;
    int64_t due_ms = pairing_time_after(request->attempted_ms, move->policy->pending_ttl_ms);
    return move->now_ms < due_ms ? is_so_already : guard_whatever_is_open(move);
}

static struct ruling guard_shed(struct move *move)
{
    bool stays = pairing_is_beyond_caps(&move->out->next, move->now_ms);
    return stays ? is_so_already : guard_whatever_is_open(move);
}

/* A second revoke takes back what was announced since the first. */
static struct ruling guard_revoke(struct move *move)
{
    const struct pairing *next = &move->out->next;
    bool is_settled =
        next->standing == OC_STANDING_REVOKED && !next->is_quarantined && !next->expectation.is_set;
    return is_settled ? is_so_already : takes_place;
}

static struct ruling guard_term_end(struct move *move)
{
    const struct pairing *next = &move->out->next;
    bool is_over = next->term_ends_ms != 0 && next->term_ends_ms <= move->now_ms;
    return is_over ? takes_place : is_so_already;
}

static struct ruling guard_remove(struct move *move)
{
    const struct pairing *next = &move->out->next;
    if (!pairing_is_known(next)) {
        return refused(PAIRING_NOT_KNOWN);
    }
    return next->is_removed && !next->is_quarantined ? is_so_already : takes_place;
}

static struct ruling guard_block(struct move *move)
{
    const struct pairing *next = &move->out->next;
    bool is_settled = next->standing == OC_STANDING_BLOCKED && !next->is_quarantined;
    return is_settled ? is_so_already : takes_place;
}

static struct ruling guard_nothing(struct move *move)
{
    (void)move;
    return takes_place;
}

/* An approved device needs no announcement; one that would widen its grant goes by request. */
static struct ruling guard_expect(struct move *move)
{
    const struct pairing *next = &move->out->next;
    if (next->standing != OC_STANDING_APPROVED) {
        const struct vote_facts *votes = &move->event->votes;
        bool is_alone = !votes->drops_rule && (!move->event->approves || votes->need <= 1);
        return is_alone ? takes_place : refused(PAIRING_NEEDS_VOTES);
    }
    bool widens = move->event->approves && !oc_grant_is_within(&move->event->grant, &next->granted);
    return widens ? refused(PAIRING_TOO_WIDE) : is_so_already;
}

static struct ruling guard_expect_end(struct move *move)
{
    const struct expectation *expectation = &move->out->next.expectation;
    bool is_over = expectation->is_set && expectation->until_ms <= move->now_ms;
    return is_over ? takes_place : is_so_already;
}

static struct ruling guard_rename(struct move *move)
{
    const struct pairing *next = &move->out->next;
    if (!pairing_is_known(next) || next->is_removed) {
        return refused(PAIRING_NOT_KNOWN);
    }
    return strcmp(next->alias, move->event->alias) == 0 ? is_so_already : takes_place;
}

static struct ruling guard_forget(struct move *move)
{
    const struct pairing *next = &move->out->next;
    bool is_due =
        pairing_is_forgettable(next) && pairing_forget_due(next, move->policy) <= move->now_ms;
    return is_due ? takes_place : is_so_already;
}

static void apply_nothing(struct move *move)
{
    (void)move;
}

static void apply_alias(struct move *move)
{
    if (move->event->alias[0] != '\0') {
        memcpy(move->out->next.alias, move->event->alias, sizeof move->out->next.alias);
    }
}

/* Before the request is closed: its ask is what is approved. */
static void apply_approve(struct move *move)
{
    const struct pairing_event *event = move->event;
    struct oc_grant asked = move->out->next.request.ask.grant;
    struct effective_grant effective;
    approval_effective(&move->out->next, event, &effective);
    struct approval approval = {
        .asked = &asked,
        .granted = &effective.grant,
        .labels = &effective.labels,
        .term_ms = effective.term_ms,
    };
    pairing_give(move, &approval);
    apply_alias(move);
}

/* 60 s, doubling to an hour; the step is what the next one starts from. */
static void start_cool_down(struct move *move)
{
    struct pairing *next = &move->out->next;
    int64_t span_ms = (int64_t)PAIRING_COOL_DOWN_FIRST_MS << next->cool_down_step;
    if (span_ms >= PAIRING_COOL_DOWN_MOST_MS) {
        span_ms = PAIRING_COOL_DOWN_MOST_MS;
    } else {
        next->cool_down_step++;
    }
    next->cool_down_until_ms = pairing_time_after(move->now_ms, span_ms);
}

static void apply_reject(struct move *move)
{
    struct pairing *next = &move->out->next;
    if (next->standing == OC_STANDING_APPROVED) {
        next->refused_upgrade = next->request.digest;
        next->refused_upgrade_until_ms =
            pairing_time_after(move->now_ms, PAIRING_UPGRADE_REFUSED_MS);
    }
    start_cool_down(move);
}

static bool has_key(const struct oc_labels *labels, const char *key)
{
    for (size_t i = 0; i < labels->n; i++) {
        if (strcmp(labels->items[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

static void insert_label(struct oc_labels *labels, const struct oc_label *label)
{
    size_t at = labels->n++;
    for (; at > 0 && strcmp(label->key, labels->items[at - 1].key) < 0; at--) {
        labels->items[at] = labels->items[at - 1];
    }
    labels->items[at] = *label;
}

/* Rules and bounds hang on labels, so who ends an announcement does not end its labels: they join
 * the device's own, which an approval gave and which stand where both name a key. */
static void keep_announced_labels(struct pairing *pairing)
{
    const struct oc_labels *announced = &pairing->expectation.labels;
    for (size_t i = 0; i < announced->n && pairing->labels.n < OC_MAX_LABELS; i++) {
        if (!has_key(&pairing->labels, announced->items[i].key)) {
            insert_label(&pairing->labels, &announced->items[i]);
        }
    }
}

static void withdraw(struct pairing *pairing)
{
    keep_announced_labels(pairing);
    pairing->granted = (struct oc_grant){.role = ""};
    pairing->approval_seq = 0;
    pairing->term_ends_ms = 0;
    pairing->refused_upgrade = (struct oc_digest){.bytes = {0}};
    pairing->refused_upgrade_until_ms = 0;
    pairing->expectation = (struct expectation){.is_set = false};
}

/* How earlier requests ended means nothing any more: the last word is the revocation. */
static void apply_revoke(struct move *move)
{
    withdraw(&move->out->next);
    move->out->next.last_end = REQUEST_END_CLOSED;
    start_cool_down(move);
}

/* An open upgrade stays open, now as the request of a device whose term is over. */
static void apply_term_end(struct move *move)
{
    struct pairing *next = &move->out->next;
    withdraw(next);
    if (next->request.is_open) {
        next->request.why = OC_WHY_REVOKED;
        pairing_drop_votes(&next->request); /* they were for more, not for all of it */
    }
}

/* Leaves id, generation, standing and labels, and a cool-down that runs: removal opens no door, and
 * takes the device from under no rule and out of no bound. */
static void apply_remove(struct move *move)
{
    struct pairing *next = &move->out->next;
    if (next->standing == OC_STANDING_APPROVED) {
        start_cool_down(move);
    }
    keep_announced_labels(next);
    struct pairing tombstone = pairing_of_stranger(&next->id);
    tombstone.standing = next->standing;
    tombstone.generation = next->generation;
    tombstone.labels = next->labels;
    tombstone.cool_down_until_ms = next->cool_down_until_ms;
    tombstone.request = next->request;              /* the tables close it */
    tombstone.is_removed = tombstone.labels.n == 0; /* a tombstone has none */
    *next = tombstone;
}

static void apply_block(struct move *move)
{
    withdraw(&move->out->next);
    move->out->next.cool_down_until_ms = 0; /* a block is no time's business */
    move->out->next.is_removed = false;
}

/* The device may ask at once. */
static void apply_unblock(struct move *move)
{
    move->out->next.cool_down_step = 0;
}

static void apply_expect(struct move *move)
{
    const struct pairing_event *event = move->event;
    struct pairing *next = &move->out->next;
    next->expectation = (struct expectation){
        .is_set = true,
        .approves = event->approves,
        .until_ms = pairing_time_after(move->now_ms, PAIRING_EXPECTED_MS),
        .labels = event->labels,
    };
    if (event->approves) {
        next->expectation.grant = event->grant;
        next->expectation.term_ms = event->term_ms;
    }
    next->cool_down_until_ms = 0;
    next->is_removed = false;
    apply_alias(move);
}

static void apply_expect_end(struct move *move)
{
    move->out->next.expectation = (struct expectation){.is_set = false};
}

static void apply_rename(struct move *move)
{
    memcpy(move->out->next.alias, move->event->alias, sizeof move->out->next.alias);
}

static const struct rule rules[PAIRING_EV_COUNT] = {
    [PAIRING_EV_APPROVE] = {guard_approve, apply_approve, REQUEST_END_APPROVED,
                            PAIRING_CHANGES_GRANT, true, true, true},
    [PAIRING_EV_REJECT] = {guard_named, apply_reject, REQUEST_END_REJECTED, 0, true, false, true},
    [PAIRING_EV_DISMISS] = {guard_named, apply_nothing, REQUEST_END_DISMISSED, 0, false, false,
                            true},
    [PAIRING_EV_EXPIRE] = {guard_expire, apply_nothing, REQUEST_END_EXPIRED, 0, false, false,
                           false},
    [PAIRING_EV_SHED] = {guard_shed, apply_nothing, REQUEST_END_SHED, PAIRING_MAKES_ROOM, false,
                         false, false},
    [PAIRING_EV_REVOKE] = {guard_revoke, apply_revoke, REQUEST_END_CLOSED,
                           PAIRING_CUTS_SESSION | PAIRING_WITHDRAWS, true, true, true},
    [PAIRING_EV_TERM_END] = {guard_term_end, apply_term_end, REQUEST_END_CLOSED,
                             PAIRING_CUTS_SESSION | PAIRING_WITHDRAWS, true, false, false},
    [PAIRING_EV_REMOVE] = {guard_remove, apply_remove, REQUEST_END_CLOSED,
                           PAIRING_CUTS_SESSION | PAIRING_WITHDRAWS, true, true, true},
    [PAIRING_EV_BLOCK] = {guard_block, apply_block, REQUEST_END_CLOSED,
                          PAIRING_CUTS_SESSION | PAIRING_WITHDRAWS, true, true, true},
    [PAIRING_EV_UNBLOCK] = {guard_nothing, apply_unblock, REQUEST_END_CLOSED, 0, true, true, true},
    [PAIRING_EV_EXPECT] = {guard_expect, apply_expect, REQUEST_END_CLOSED, 0, false, true, true},
    [PAIRING_EV_EXPECT_END] = {guard_expect_end, apply_expect_end, REQUEST_END_CLOSED, 0, false,
                               false, false},
    [PAIRING_EV_RENAME] = {guard_rename, apply_rename, REQUEST_END_CLOSED, 0, false, false, true},
    [PAIRING_EV_FORGET] = {guard_forget, pairing_forget, REQUEST_END_CLOSED, 0, false, false,
                           false},
};

const struct rule *pairing_rule(enum pairing_event_kind kind)
{
    assert(kind < PAIRING_EV_COUNT && rules[kind].guard);
    return &rules[kind];
}
