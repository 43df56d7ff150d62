/*
 * Every standing, with and without an open request, against every event. The table below is the
 * specification; the code has its own.
 */
#include <stdio.h>

#include "support.h"

enum row {
    STRANGER,         /* nothing known */
    NONE_PENDING,     /* never approved, request open */
    NONE_REJECTED,    /* cool-down over */
    NONE_ANNOUNCED,   /* expected, without approval */
    APPROVED_IDLE,    /* approved with a term */
    APPROVED_UPGRADE, /* and wants more */
    REVOKED_IDLE,     /* cool-down over */
    REVOKED_PENDING,  /* asked again */
    BLOCKED_IDLE,
    TOMBSTONE, /* removed while approved, cool-down over */
    ROW_COUNT
};

/* Outcome; standing after it (N A R B) and request (+ open, - none); w written, f forgotten; a
 * audited. In the order of the rows above. */
/* clang-format off */
static const char *const expected[PAIRING_EV_COUNT][ROW_COUNT] = {
    [PAIRING_EV_CONNECT] = {
        "pending N+w.", "pending N+..", "pending N+w.", "pending N+w.", "session A-..",
        "session A+..", "pending R+w.", "pending R+..", "blocked B-..", "pending R+w."},
    [PAIRING_EV_APPROVE] = {
        "no_request N-.a", "done A-wa", "no_request N-.a", "no_request N-.a", "no_request A-.a",
        "done A-wa", "no_request R-.a", "done A-wa", "is_blocked B-.a", "no_request R-.a"},
    [PAIRING_EV_REJECT] = {
        "no_request N-.a", "done N-wa", "no_request N-.a", "no_request N-.a", "no_request A-.a",
        "done A-wa", "no_request R-.a", "done R-wa", "no_request B-.a", "no_request R-.a"},
    [PAIRING_EV_DISMISS] = {
        "no_request N-.a", "done N-wa", "no_request N-.a", "no_request N-.a", "no_request A-.a",
        "done A-wa", "no_request R-.a", "done R-wa", "no_request B-.a", "no_request R-.a"},
    [PAIRING_EV_EXPIRE] = {
        "no_request N-..", "done N-w.", "no_request N-..", "no_request N-..", "no_request A-..",
        "done A-w.", "no_request R-..", "done R-w.", "no_request B-..", "no_request R-.."},
    [PAIRING_EV_SHED] = {
        "no_request N-..", "done N-f.", "no_request N-..", "no_request N-..", "no_request A-..",
        "done A+..", "no_request R-..", "done R-w.", "no_request B-..", "no_request R-.."},
    [PAIRING_EV_REVOKE] = {
        "not_known N-.a", "not_approved N+.a", "not_approved N-.a", "not_approved N-.a",
        "done R-wa",
        "done R-wa", "done R-.a", "done R+.a", "is_blocked B-.a", "done R-.a"},
    [PAIRING_EV_TERM_END] = {
        "not_known N-..", "not_approved N+..", "not_approved N-..", "not_approved N-..",
        "done R-wa",
        "done R+wa", "not_approved R-..", "not_approved R+..", "not_approved B-..",
        "not_approved R-.."},
    [PAIRING_EV_REMOVE] = {
        "not_known N-.a", "done N-wa", "done N-wa", "done N-wa", "done R-wa",
        "done R-wa", "done R-wa", "done R-wa", "is_blocked B-.a", "done R-.a"},
    [PAIRING_EV_BLOCK] = {
        "done B-wa", "done B-wa", "done B-wa", "done B-wa", "done B-wa",
        "done B-wa", "done B-wa", "done B-wa", "done B-.a", "done B-wa"},
    [PAIRING_EV_UNBLOCK] = {
        "not_known N-.a", "not_blocked N+.a", "not_blocked N-.a", "not_blocked N-.a",
        "not_blocked A-.a",
        "not_blocked A+.a", "not_blocked R-.a", "not_blocked R+.a", "done N-wa",
        "not_blocked R-.a"},
    [PAIRING_EV_EXPECT] = {
        "done N-wa", "done N+wa", "done N-wa", "done N-wa", "done A-.a",
        "done A+.a", "done R-wa", "done R+wa", "is_blocked B-.a", "done R-wa"},
    [PAIRING_EV_EXPECT_END] = {
        "done N-..", "done N+..", "done N-..", "done N-f.", "done A-..",
        "done A+..", "done R-..", "done R+..", "done B-..", "done R-.."},
    [PAIRING_EV_RENAME] = {
        "not_known N-.a", "done N+wa", "done N-wa", "done N-wa", "done A-wa",
        "done A+wa", "done R-wa", "done R+wa", "done B-wa", "not_known R-.a"},
    [PAIRING_EV_FORGET] = {
        "done N-..", "done N+..", "done N-f.", "done N-..", "done A-..",
        "done A+..", "done R-..", "done R+..", "done B-..", "done R-.."},
};
/* clang-format on */

enum { NOW = T0 + 5 * MINUTE }; /* every cool-down is over, nothing else is */

static struct pairing with(struct pairing pairing, enum pairing_event_kind kind)
{
    decides(&pairing, kind, T0, PAIRING_DONE);
    return pairing;
}

static struct pairing asking(struct pairing pairing)
{
    struct pairing_event event = connect(&pairing, "chat,tools");
    decide_at(&pairing, &event, NOW);
    assert_true(pairing.request.is_open);
    return pairing;
}

static struct pairing approved_for_a_day(void)
{
    struct pairing pairing = pending("chat");
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    event.term_ms = DAY;
    expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    return pairing;
}

static struct pairing record_of(enum row row)
{
    switch (row) {
    case NONE_PENDING:
        return pending("chat,tools");
    case NONE_REJECTED:
        return with(pending("chat"), PAIRING_EV_REJECT);
    case NONE_ANNOUNCED:
        return with(stranger(), PAIRING_EV_EXPECT);
    case APPROVED_IDLE:
        return approved_for_a_day();
    case APPROVED_UPGRADE:
        return asking(approved_for_a_day());
    case REVOKED_IDLE:
        return revoked("chat");
    case REVOKED_PENDING:
        return asking(revoked("chat"));
    case BLOCKED_IDLE:
        return blocked();
    case TOMBSTONE:
        return with(approved("chat"), PAIRING_EV_REMOVE);
    case STRANGER:
    case ROW_COUNT:
        break;
    }
    return stranger();
}

static struct pairing_event event_for(enum row row, const struct pairing *pairing,
                                      enum pairing_event_kind kind)
{
    if (kind == PAIRING_EV_CONNECT) {
        return connect(pairing, row == APPROVED_IDLE ? "chat" : "chat,tools");
    }
    struct pairing_event event = decision(pairing, kind);
    if (kind == PAIRING_EV_RENAME) {
        memcpy(event.alias, "web", sizeof "web");
    }
    return event;
}

/* What falls due by itself comes when it is due. */
static int64_t time_of(enum pairing_event_kind kind)
{
    if (kind == PAIRING_EV_EXPIRE) {
        return NOW + HOUR;
    }
    if (kind == PAIRING_EV_TERM_END) {
        return T0 + DAY;
    }
    if (kind == PAIRING_EV_FORGET) {
        return NOW + 30 * (int64_t)DAY;
    }
    return kind == PAIRING_EV_EXPECT_END ? (int64_t)T0 + PAIRING_EXPECTED_MS : NOW;
}

static void every_state_meets_every_event_as_specified(void **state)
{
    (void)state;
    for (int row = 0; row < ROW_COUNT; row++) {
        for (int i = 0; i < PAIRING_EV_COUNT; i++) {
            enum pairing_event_kind kind = (enum pairing_event_kind)i;
            struct pairing pairing = record_of((enum row)row);
            struct pairing_event event = event_for((enum row)row, &pairing, kind);
            struct pairing_decision made = decide_at(&pairing, &event, time_of(kind));
            char got[64];
            snprintf(got, sizeof got, "%s %c%c%c%c", pairing_outcome_name(made.outcome),
                     "NARB"[made.next.standing], made.next.request.is_open ? '+' : '-',
                     made.forgets   ? 'f'
                     : made.changed ? 'w'
                                    : '.',
                     made.is_audited ? 'a' : '.');
            if (strcmp(got, expected[kind][row]) != 0) {
                fail_msg("row %d, %s: expected %s, got %s", row, pairing_event_name(kind),
                         expected[kind][row], got);
            }
        }
    }
}

static void what_ends_a_session_cuts_and_withdraws(void **state)
{
    (void)state;
    for (int row = 0; row < ROW_COUNT; row++) {
        for (int i = 0; i < PAIRING_EV_COUNT; i++) {
            enum pairing_event_kind kind = (enum pairing_event_kind)i;
            struct pairing pairing = record_of((enum row)row);
            bool was_approved = pairing.standing == OC_STANDING_APPROVED;
            bool was_open = pairing.request.is_open;
            struct pairing_event event = event_for((enum row)row, &pairing, kind);
            struct pairing_decision made = decide_at(&pairing, &event, time_of(kind));
            unsigned both = PAIRING_WITHDRAWS | PAIRING_CUTS_SESSION;
            assert_true((made.effects & both) == both || (made.effects & both) == 0);
            if (was_approved && made.next.standing != OC_STANDING_APPROVED) {
                assert_true((made.effects & both) == both);
            }
            if (was_open && !made.next.request.is_open) {
                assert_true(made.effects & PAIRING_ENDS_WAIT);
            }
            if (!made.changed) {
                assert_int_equal(made.effects, 0);
            }
        }
    }
}

static void every_event_and_outcome_has_a_word(void **state)
{
    (void)state;
    for (int i = 0; i < PAIRING_EV_COUNT; i++) {
        assert_string_not_equal(pairing_event_name((enum pairing_event_kind)i), "unknown");
    }
    for (int i = 0; i < PAIRING_OUTCOME_COUNT; i++) {
        assert_string_not_equal(pairing_outcome_name((enum pairing_outcome)i), "unknown");
    }
    assert_string_equal(pairing_event_name(PAIRING_EV_COUNT), "unknown");
    assert_string_equal(pairing_outcome_name(PAIRING_OUTCOME_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_meets_every_event_as_specified),
        cmocka_unit_test(what_ends_a_session_cuts_and_withdraws),
        cmocka_unit_test(every_event_and_outcome_has_a_word),
    };
    return cmocka_run_group_tests_name("pairing_matrix", tests, NULL, NULL);
}
