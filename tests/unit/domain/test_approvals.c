/* Two-person approval: which rules match, what a vote is for, and when votes are enough. */
#include "server/domain/approvals.h"
#include "support.h"

static const char *const voters[] = {"uid:0", "admin:bob", "admin:carol"};
enum { VOTERS = 3, FOR_AN_HOUR = HOUR };

/* As the service gathers it: every voter in `allowed` still may. */
static struct pairing_event vote_of(const struct pairing *pairing, const char *by, unsigned need,
                                    unsigned allowed)
{
    struct pairing_event event = decision(pairing, PAIRING_EV_APPROVE);
    memset(event.actor.name, 0, sizeof event.actor.name);
    memcpy(event.actor.name, by, strlen(by));
    event.votes.need = need;
    event.votes.expire_ms = FOR_AN_HOUR;
    for (size_t i = 0; i < pairing->request.n_votes; i++) {
        for (unsigned k = 0; k < VOTERS; k++) {
            if ((allowed >> k & 1) && strcmp(pairing->request.votes[i].by, voters[k]) == 0) {
                event.votes.may_approve |= UINT32_C(1) << i;
            }
        }
    }
    event.votes.may_vote = event.votes.may_approve;
    return event;
}

/* The last thing a service does: the digest of what it comes to. */
static void seal(const struct pairing *pairing, struct pairing_event *event)
{
    uint8_t bytes[APPROVAL_BYTES];
    struct effective_grant effective;
    approval_effective(pairing, event, &effective);
    const size_t n = approval_bytes(pairing, &effective, bytes);
    assert_true(n <= sizeof bytes);
    event->votes.effective = hash_of(bytes, n);
}

static struct pairing_decision votes(struct pairing *pairing, const char *by, unsigned need,
                                     int64_t now_ms, enum pairing_outcome outcome)
{
    struct pairing_event event = vote_of(pairing, by, need, 7);
    seal(pairing, &event);
    return expect_outcome(pairing, &event, now_ms, outcome);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static struct approval_rule rule(enum approval_subject of, const char *text, const char *value,
                                 unsigned need, int64_t expire_ms)
{
    struct approval_rule out = {.of = of, .need = need, .votes_expire_ms = expire_ms};
    memcpy(out.text, text, strlen(text));
    memcpy(out.value, value, strlen(value));
    return out;
}

static unsigned need_of(const struct approval_rules *rules, const struct pairing *was,
                        const struct pairing_event *event)
{
    struct effective_grant effective;
    approval_effective(was, event, &effective);
    return approval_rules_need(rules, was, &effective).need;
}

static void a_rule_matches_what_would_be_granted(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat,deploy");
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    struct approval_rules rules = {
        .n = 1, .items = {rule(APPROVAL_OF_SCOPE, "deploy", "", 2, FOR_AN_HOUR)}};
    assert_int_equal(need_of(&rules, &pairing, &event), 2);
    event.narrows = true;
    event.grant = grant("chat");
    assert_int_equal(need_of(&rules, &pairing, &event), 0);
    rules.items[0] = rule(APPROVAL_OF_ROLE, "agent", "", 4, FOR_AN_HOUR);
    assert_int_equal(need_of(&rules, &pairing, &event), 4);
    rules.items[0] = rule(APPROVAL_OF_ROLE, "chat", "", 4, FOR_AN_HOUR);
    assert_int_equal(need_of(&rules, &pairing, &event), 0);
    rules.items[0] = rule(APPROVAL_OF_SCOPE, "agent", "", 4, FOR_AN_HOUR);
    assert_int_equal(need_of(&rules, &pairing, &event), 0);
}

static void a_label_counts_if_an_administrator_gave_it(void **state)
{
    (void)state;
    const struct approval_rules rules = {
        .n = 1, .items = {rule(APPROVAL_OF_LABEL, "env", "prod", 2, FOR_AN_HOUR)}};
    struct pairing pairing = pending("chat");
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    pairing.request.ask.labels = label("env", "prod"); /* a claim */
    assert_int_equal(need_of(&rules, &pairing, &event), 0);
    event.labels = label("env", "prod"); /* given with the approval */
    assert_int_equal(need_of(&rules, &pairing, &event), 2);
    event.labels = label("env", "test");
    assert_int_equal(need_of(&rules, &pairing, &event), 0);
    pairing.labels = label("env", "prod"); /* and taking it away avoids nothing */
    assert_int_equal(need_of(&rules, &pairing, &event), 2);
    pairing.labels = label("env", "dev");
    pairing.expectation =
        (struct expectation){.is_set = true, .until_ms = T0 + DAY, .labels = label("env", "prod")};
    assert_int_equal(need_of(&rules, &pairing, &event), 2);
}

/* Else an edited row would take away the label that the rule hangs on, or bring another one. */
static void a_quarantined_record_falls_under_every_rule_of_a_label_and_has_none(void **state)
{
    (void)state;
    const struct approval_rules rules = {
        .n = 1, .items = {rule(APPROVAL_OF_LABEL, "env", "prod", 2, FOR_AN_HOUR)}};
    struct pairing pairing = pending("chat");
    struct effective_grant effective;
    pairing.labels = label("env", "test");
    pairing.is_quarantined = true;
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    assert_int_equal(need_of(&rules, &pairing, &event), 2);
    approval_effective(&pairing, &event, &effective);
    assert_int_equal(effective.labels.n, 0);
    event.labels = label("env", "dev");
    assert_int_equal(need_of(&rules, &pairing, &event), 2);
}

static struct oc_labels no_labels(void)
{
    return (struct oc_labels){.n = 0};
}

static struct pairing_event announcement(const struct pairing *was, struct oc_labels labels)
{
    struct pairing_event event = decision(was, PAIRING_EV_EXPECT);
    event.labels = labels;
    return event;
}

/* Two approved it with the label; then one alone takes every way out of the record. */
static void whatever_one_takes_back_the_label_that_a_rule_names_stays(void **state)
{
    (void)state;
    const struct approval_rules rules = {
        .n = 1, .items = {rule(APPROVAL_OF_LABEL, "env", "prod", 2, FOR_AN_HOUR)}};
    const enum pairing_event_kind ways[] = {PAIRING_EV_REMOVE, PAIRING_EV_REVOKE, PAIRING_EV_BLOCK};
    for (size_t i = 0; i < 3; i++) {
        struct pairing pairing = pending("chat");
        struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
        event.labels = label("env", "prod");
        (void)expect_outcome(&pairing, &event, T0, PAIRING_DONE);
        decides(&pairing, ways[i], T0, PAIRING_DONE);
        if (ways[i] == PAIRING_EV_BLOCK) {
            decides(&pairing, PAIRING_EV_UNBLOCK, T0, PAIRING_DONE);
        }
        event = announcement(&pairing, no_labels());
        (void)expect_outcome(&pairing, &event, T0, PAIRING_DONE);
        connects(&pairing, "chat", T0 + SECOND, PAIRING_PENDING);
        event = decision(&pairing, PAIRING_EV_APPROVE);
        event.labels = label("env", "test");
        assert_int_equal(need_of(&rules, &pairing, &event), 2);
    }
}

static void who_ends_an_announcement_does_not_end_its_labels(void **state)
{
    (void)state;
    const enum pairing_event_kind ways[] = {PAIRING_EV_REMOVE, PAIRING_EV_REVOKE, PAIRING_EV_BLOCK};
    for (size_t i = 0; i < 3; i++) {
        struct pairing pairing = revoked("chat");
        pairing.labels = label("site", "berlin");
        struct pairing_event event = announcement(&pairing, label("env", "prod"));
        (void)expect_outcome(&pairing, &event, T0, PAIRING_DONE);
        decides(&pairing, ways[i], T0, PAIRING_DONE);
        assert_false(pairing.expectation.is_set);
        assert_int_equal(pairing.labels.n, 2);
        assert_string_equal(pairing.labels.items[0].key, "env");
        assert_string_equal(pairing.labels.items[1].key, "site");
        pairing = revoked("chat");
        pairing.labels = label("env", "prod");
        event = announcement(&pairing, label("env", "test"));
        (void)expect_outcome(&pairing, &event, T0, PAIRING_DONE);
        decides(&pairing, ways[i], T0, PAIRING_DONE);
        assert_int_equal(pairing.labels.n, 1);
        assert_string_equal(pairing.labels.items[0].value, "prod");
    }
}

static void one_takes_no_label_from_an_announcement_that_a_rule_names(void **state)
{
    (void)state;
    const struct approval_rules rules = {
        .n = 2,
        .items = {rule(APPROVAL_OF_LABEL, "env", "prod", 2, FOR_AN_HOUR),
                  rule(APPROVAL_OF_NOTHING, "", "", 3, FOR_AN_HOUR)}};
    struct pairing pairing = stranger();
    struct pairing_event event = announcement(&pairing, label("env", "prod"));
    assert_false(approval_drops_rule(&rules, &pairing, &event));
    (void)expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    assert_false(approval_drops_rule(&rules, &pairing, &event)); /* once more */
    const struct oc_labels others[] = {no_labels(), label("env", "test"), label("site", "berlin")};
    for (size_t i = 0; i < 3; i++) {
        event = announcement(&pairing, others[i]);
        event.votes.drops_rule = approval_drops_rule(&rules, &pairing, &event);
        assert_true(event.votes.drops_rule);
        assert_false(expect_outcome(&pairing, &event, T0, PAIRING_NEEDS_VOTES).changed);
    }
    pairing.expectation.labels = label("site", "berlin"); /* which no rule names */
    event = announcement(&pairing, no_labels());
    assert_false(approval_drops_rule(&rules, &pairing, &event));
    pairing.expectation.labels = label("env", "test");
    pairing.labels = label("env", "prod"); /* which stays */
    assert_false(approval_drops_rule(&rules, &pairing, &event));
}

static void of_several_rules_the_largest_need_and_the_shortest_time_hold(void **state)
{
    (void)state;
    const struct approval_rules rules = {
        .n = 4,
        .items = {rule(APPROVAL_OF_ROLE, "agent", "", 2, 3 * HOUR),
                  rule(APPROVAL_OF_SCOPE, "chat", "", 5, 2 * HOUR),
                  rule(APPROVAL_OF_SCOPE, "chat", "", 3, HOUR),
                  rule(APPROVAL_OF_SCOPE, "files", "", 9, MINUTE)},
    };
    struct pairing pairing = pending("chat");
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    struct effective_grant effective;
    approval_effective(&pairing, &event, &effective);
    const struct approval_need need = approval_rules_need(&rules, &pairing, &effective);
    assert_int_equal(need.need, 5);
    assert_int_equal(need.votes_expire_ms, HOUR);
    const struct approval_rules none = {.n = 0};
    assert_int_equal(approval_rules_need(&none, &pairing, &effective).need, 0);
}

/* ---- voting ---------------------------------------------------------------------------------- */

static void the_first_vote_changes_the_request_alone_and_the_second_approves(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    const struct pairing was = pairing;
    struct pairing_decision made = votes(&pairing, "uid:0", 2, T0, PAIRING_VOTED);
    assert_true(made.changed && made.is_audited);
    assert_int_equal(made.effects, 0);
    assert_string_equal(made.audit.action, "approve");
    assert_string_equal(made.audit.outcome, "voted");
    assert_string_equal(made.audit.rule, "votes:1/2");
    assert_string_equal(made.audit.detail, "role=agent scopes=chat");
    assert_int_equal(pairing.generation, was.generation);
    assert_int_equal(pairing.standing, OC_STANDING_NONE);
    assert_true(oc_request_id_equal(&pairing.request.id, &was.request.id));
    made = votes(&pairing, "admin:bob", 2, T0 + MINUTE, PAIRING_DONE);
    assert_string_equal(made.audit.rule, "votes:2/2");
    assert_int_equal(made.n_votes, 2);
    assert_false(made.breaks_glass);
    assert_int_equal(pairing.standing, OC_STANDING_APPROVED);
    assert_int_equal(pairing.request.n_votes, 0);
}

static void without_a_rule_one_decides_alone(void **state)
{
    (void)state;
    for (unsigned need = 0; need < 2; need++) {
        struct pairing pairing = pending("chat");
        struct pairing_decision made = votes(&pairing, "uid:0", need, T0, PAIRING_DONE);
        assert_string_equal(made.audit.rule, "");
        assert_int_equal(made.n_votes, 0);
    }
}

static void one_administrator_counts_once_however_often(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    for (int i = 0; i < 20; i++) {
        struct pairing_decision made = votes(&pairing, "uid:0", 2, T0 + i, PAIRING_VOTED);
        assert_int_equal(made.n_votes, 1);
        assert_int_equal(pairing.request.n_votes, 1);
        assert_int_equal(pairing.request.votes[0].at_ms, T0 + i);
    }
}

/* Everything that an approval may be given differently. */
static void another_grant_is_another_vote(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct pairing pairing = pending("chat,tools");
        votes(&pairing, "uid:0", 2, T0, PAIRING_VOTED);
        struct pairing_event event = vote_of(&pairing, "admin:bob", 2, 7);
        event.narrows = i < 2;
        event.grant = grant(i == 0 ? "chat" : "chat,tools");
        event.term_ms = i == 2 ? HOUR : 0;
        event.labels = i == 3 ? label("site", "berlin") : (struct oc_labels){.n = 0};
        seal(&pairing, &event);
        const bool is_same = i == 1; /* narrowed to all that was asked */
        struct pairing_decision made =
            expect_outcome(&pairing, &event, T0, is_same ? PAIRING_DONE : PAIRING_VOTED);
        assert_int_equal(made.n_votes, is_same ? 2 : 1);
        assert_int_equal(made.n_votes_for_else, is_same ? 0 : 1);
    }
}

/* As many scopes, as many labels, a term: but others. */
static void grants_are_the_same_by_what_they_are_not_by_how_many(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct pairing pairing = pending("chat,tools");
        for (int k = 0; k < 2; k++) {
            struct pairing_event event = vote_of(&pairing, voters[k], 2, 7);
            event.narrows = i == 0;
            event.grant = grant(k == 0 ? "chat" : "tools");
            event.labels = i == 1   ? label("site", k == 0 ? "berlin" : "munich")
                           : i == 2 ? label(k == 0 ? "site" : "rack", "berlin")
                                    : (struct oc_labels){.n = 0};
            event.term_ms = i == 3 ? HOUR + k : 0;
            seal(&pairing, &event);
            (void)expect_outcome(&pairing, &event, T0, PAIRING_VOTED);
        }
    }
}

static void the_vote_names_request_ask_and_device(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct pairing_event first = vote_of(&pairing, "uid:0", 2, 7);
    seal(&pairing, &first);
    struct pairing other = pairing;
    for (int i = 0; i < 3; i++) {
        struct pairing_event second = vote_of(&pairing, "uid:0", 2, 7);
        other = pairing;
        other.id = i == 0 ? device(99) : other.id;
        other.request.id.text[3] ^= i == 1;
        other.request.digest.bytes[31] ^= i == 2;
        seal(&other, &second);
        assert_memory_not_equal(&first.votes.effective, &second.votes.effective,
                                sizeof first.votes.effective);
    }
}

static void votes_last_as_long_as_the_rule_says_now(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    votes(&pairing, "uid:0", 2, T0, PAIRING_VOTED);
    struct pairing late = pairing;
    assert_int_equal(votes(&late, "admin:bob", 2, T0 + HOUR, PAIRING_VOTED).n_votes, 1);
    struct pairing in_time = pairing;
    votes(&in_time, "admin:bob", 2, T0 + HOUR - 1, PAIRING_DONE);
    struct pairing_event event = vote_of(&pairing, "admin:bob", 2, 7);
    event.votes.expire_ms = SECOND;
    seal(&pairing, &event);
    (void)expect_outcome(&pairing, &event, T0 + SECOND, PAIRING_VOTED);
}

static void who_may_approve_no_more_is_not_counted_and_not_kept(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    votes(&pairing, "admin:bob", 2, T0, PAIRING_VOTED);
    struct pairing_event event = vote_of(&pairing, "uid:0", 2, 1);
    seal(&pairing, &event);
    assert_int_equal(expect_outcome(&pairing, &event, T0, PAIRING_VOTED).n_votes, 1);
    assert_int_equal(pairing.request.n_votes, 1);
    assert_string_equal(pairing.request.votes[0].by, "uid:0");
}

/* Bob's bound covers chat alone. */
static void a_vote_for_more_than_a_voter_may_give_leaves_the_vote_for_less(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat,tools");
    struct pairing_event event = vote_of(&pairing, "admin:bob", 2, 7);
    event.narrows = true;
    event.grant = grant("chat");
    seal(&pairing, &event);
    (void)expect_outcome(&pairing, &event, T0, PAIRING_VOTED);
    event = vote_of(&pairing, "uid:0", 2, 7);
    event.votes.may_approve = 0;
    seal(&pairing, &event);
    struct pairing_decision made = expect_outcome(&pairing, &event, T0, PAIRING_VOTED);
    assert_int_equal(made.n_votes, 1);
    assert_int_equal(made.n_votes_for_else, 1);
    assert_int_equal(pairing.request.n_votes, 2);
    event = vote_of(&pairing, "admin:carol", 2, 7);
    event.narrows = true;
    event.grant = grant("chat");
    seal(&pairing, &event);
    assert_int_equal(expect_outcome(&pairing, &event, T0, PAIRING_DONE).n_votes, 2);
}

static void whatever_closes_or_replaces_the_request_ends_its_votes(void **state)
{
    (void)state;
    const enum pairing_event_kind ends[] = {PAIRING_EV_REJECT, PAIRING_EV_DISMISS,
                                            PAIRING_EV_EXPIRE, PAIRING_EV_BLOCK, PAIRING_EV_REMOVE};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct pairing pairing = pending("chat");
        votes(&pairing, "uid:0", 2, T0, PAIRING_VOTED);
        decides(&pairing, ends[i], T0 + HOUR, PAIRING_DONE);
        assert_int_equal(pairing.request.n_votes, 0);
    }
    struct pairing pairing = pending("chat");
    votes(&pairing, "uid:0", 2, T0, PAIRING_VOTED);
    connects(&pairing, "chat,tools", T0 + SECOND, PAIRING_PENDING);
    assert_int_equal(pairing.request.n_votes, 0);
    connects(&pairing, "chat", T0 + MINUTE, PAIRING_PENDING); /* the first ask, under its id */
    assert_int_equal(votes(&pairing, "admin:bob", 2, T0 + MINUTE, PAIRING_VOTED).n_votes, 1);
}

static void votes_for_more_do_not_outlive_the_approval_that_they_widen(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    event.term_ms = HOUR;
    (void)expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    connects(&pairing, "chat,tools", T0 + MINUTE, PAIRING_SESSION);
    votes(&pairing, "uid:0", 2, T0 + MINUTE, PAIRING_VOTED);
    decides(&pairing, PAIRING_EV_TERM_END, T0 + HOUR, PAIRING_DONE);
    assert_true(pairing.request.is_open);
    assert_int_equal(pairing.request.n_votes, 0);
}

static void what_cannot_be_approved_cannot_be_voted_for(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct pairing_event event = vote_of(&pairing, "uid:0", 2, 7);
    event.code = CODE_WRONG;
    seal(&pairing, &event);
    (void)expect_outcome(&pairing, &event, T0, PAIRING_CODE_WRONG);
    event.code = CODE_NOT_USED;
    event.narrows = true;
    event.grant = grant("chat,root");
    (void)expect_outcome(&pairing, &event, T0, PAIRING_TOO_WIDE);
    event.narrows = false;
    event.named_digest.bytes[0] ^= 1;
    (void)expect_outcome(&pairing, &event, T0, PAIRING_CHANGED);
    assert_int_equal(pairing.request.n_votes, 0);
}

static void nine_votes_are_kept_and_the_tenth_approves(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    for (unsigned i = 0; i < APPROVAL_NEED_MOST; i++) {
        char by[] = "uid:0";
        by[4] = (char)('0' + i);
        struct pairing_event event = vote_of(&pairing, by, APPROVAL_NEED_MOST, 0);
        event.votes.may_vote = event.votes.may_approve = UINT32_MAX;
        seal(&pairing, &event);
        const bool is_last = i + 1 == APPROVAL_NEED_MOST;
        struct pairing_decision made =
            expect_outcome(&pairing, &event, T0 + i, is_last ? PAIRING_DONE : PAIRING_VOTED);
        assert_int_equal(made.n_votes, i + 1);
    }
    assert_int_equal(pairing.standing, OC_STANDING_APPROVED);
}

static void of_more_votes_than_have_room_the_oldest_goes(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    for (int i = 0; i < 2 * PAIRING_VOTES_KEPT; i++) {
        char by[] = "uid:a";
        by[4] = (char)('a' + i);
        struct pairing_event event = vote_of(&pairing, by, 2, 0);
        event.votes.may_vote = event.votes.may_approve = UINT32_MAX;
        event.term_ms = 1 + i; /* each for something else */
        seal(&pairing, &event);
        (void)expect_outcome(&pairing, &event, T0 + i, PAIRING_VOTED);
    }
    assert_int_equal(pairing.request.n_votes, PAIRING_VOTES_KEPT);
    assert_string_equal(pairing.request.votes[0].by, "uid:j");
}

/* ---- announcements and break-glass -------------------------------------------------------------
 */

static void one_administrator_announces_no_approval_that_needs_several(void **state)
{
    (void)state;
    struct pairing pairing = stranger();
    struct pairing_event expect = decision(&pairing, PAIRING_EV_EXPECT);
    expect.approves = true;
    expect.grant = grant("chat");
    expect.votes.need = 2;
    assert_false(expect_outcome(&pairing, &expect, T0, PAIRING_NEEDS_VOTES).changed);
    expect.approves = false;
    expect.grant = (struct oc_grant){.role = ""};
    (void)expect_outcome(&pairing, &expect, T0, PAIRING_DONE); /* its place is held */
    assert_true(pairing.expectation.is_set);
}

static void an_announcement_from_before_the_rule_approves_nobody(void **state)
{
    (void)state;
    struct pairing pairing = stranger();
    struct pairing_event expect = decision(&pairing, PAIRING_EV_EXPECT);
    expect.approves = true;
    expect.grant = grant("chat");
    (void)expect_outcome(&pairing, &expect, T0, PAIRING_DONE);
    struct pairing_event event = connect(&pairing, "chat");
    event.votes.need = 2;
    (void)expect_outcome(&pairing, &event, T0, PAIRING_PENDING);
    assert_int_equal(pairing.standing, OC_STANDING_NONE);
    event.votes.need = 0;
    (void)expect_outcome(&pairing, &event, T0, PAIRING_SESSION);
}

static void break_glass_is_told_only_where_votes_were_missing(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct pairing_event event = vote_of(&pairing, "uid:0", 3, 7);
    event.votes.breaks_glass = true;
    seal(&pairing, &event);
    struct pairing broken = pairing;
    struct pairing_decision made = expect_outcome(&broken, &event, T0, PAIRING_DONE);
    assert_true(made.breaks_glass);
    assert_string_equal(made.audit.action, "break_glass");
    assert_string_equal(made.audit.rule, "votes:1/3");
    assert_string_equal(made.audit.reason, "because");
    assert_int_equal(broken.standing, OC_STANDING_APPROVED);
    event.votes.need = 1;
    made = expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    assert_false(made.breaks_glass);
    assert_string_equal(made.audit.action, "approve");
}

static void a_quarantined_record_can_be_voted_on(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    pairing.is_quarantined = true;
    pairing.standing = OC_STANDING_REVOKED;
    pairing.generation = 1;
    votes(&pairing, "uid:0", 2, T0, PAIRING_VOTED);
    assert_true(pairing.is_quarantined);
    votes(&pairing, "admin:bob", 2, T0, PAIRING_DONE);
    assert_false(pairing.is_quarantined);
    assert_int_equal(pairing.standing, OC_STANDING_APPROVED);
}

/* ---- every short story against a naive telling --------------------------------------------------
 */

enum {
    GRANTS = 2,
    VOTE = 0,                      /* voter * GRANTS + grant */
    TURN = VOTE + VOTERS * GRANTS, /* the voter loses or regains the right */
    WAIT = TURN + VOTERS,          /* 25 minutes: a vote lasts two of these */
    REPLACE,
    ACTS,
    STORY = 5,
};

struct told {
    struct pairing pairing;
    unsigned need;
    unsigned allowed; /* bit per voter */
    int64_t now_ms;
    struct {
        int grant; /* -1: no vote */
        int64_t at_ms;
    } vote[VOTERS];
    bool is_wide; /* which of the two asks is open */
};

/* What a person would count. */
static unsigned count(const struct told *told, unsigned by, int for_grant)
{
    unsigned n = 1;
    for (unsigned i = 0; i < VOTERS; i++) {
        n += i != by && told->vote[i].grant == for_grant && (told->allowed >> i & 1) &&
             told->now_ms - told->vote[i].at_ms < HOUR;
    }
    return n;
}

/* False: it ended in an approval. */
static bool tell_vote(struct told *told, unsigned by, int for_grant)
{
    struct pairing_event event = vote_of(&told->pairing, voters[by], told->need, told->allowed);
    event.narrows = for_grant == 1;
    event.grant = grant("chat");
    seal(&told->pairing, &event);
    const unsigned n = count(told, by, for_grant);
    const bool is_enough = n >= told->need;
    struct pairing_decision made = pairing_decide(&told->pairing, &event, &hourly, told->now_ms);
    assert_int_equal(made.outcome, is_enough ? PAIRING_DONE : PAIRING_VOTED);
    assert_int_equal(made.n_votes, n);
    assert_true(pairing_is_consistent(&made.next));
    assert_true(is_enough == (made.next.standing == OC_STANDING_APPROVED));
    told->pairing = made.next;
    told->vote[by].grant = for_grant;
    told->vote[by].at_ms = told->now_ms;
    for (unsigned i = 0; i < VOTERS; i++) {
        told->vote[i].grant = told->allowed >> i & 1 ? told->vote[i].grant : -1;
    }
    return !is_enough;
}

static void tell_replacement(struct told *told)
{
    told->is_wide = !told->is_wide;
    told->now_ms += 11 * SECOND;
    connects(&told->pairing, told->is_wide ? "chat,tools,files" : "chat,tools", told->now_ms,
             PAIRING_PENDING);
    for (unsigned i = 0; i < VOTERS; i++) {
        told->vote[i].grant = -1;
    }
}

static unsigned long tell(const struct told *from, unsigned depth)
{
    unsigned long n = 1;
    for (unsigned act = 0; depth > 0 && act < ACTS; act++) {
        struct told told = *from;
        if (act < TURN) {
            const unsigned by = act / GRANTS;
            if (!(told.allowed >> by & 1) || !tell_vote(&told, by, (int)(act % GRANTS))) {
                continue;
            }
        } else if (act < WAIT) {
            told.allowed ^= 1U << (act - TURN);
        } else if (act == WAIT) {
            told.now_ms += 25 * MINUTE;
        } else {
            tell_replacement(&told);
        }
        n += tell(&told, depth - 1);
    }
    return n;
}

static void every_short_story_ends_as_a_person_would_count(void **state)
{
    (void)state;
    for (unsigned need = 2; need <= 3; need++) {
        struct told told = {.pairing = pending("chat,tools"),
                            .need = need,
                            .allowed = 7,
                            .now_ms = T0,
                            .vote = {{-1, 0}, {-1, 0}, {-1, 0}}};
        assert_true(tell(&told, STORY) > 50000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_matches_what_would_be_granted),
        cmocka_unit_test(a_label_counts_if_an_administrator_gave_it),
        cmocka_unit_test(a_quarantined_record_falls_under_every_rule_of_a_label_and_has_none),
        cmocka_unit_test(whatever_one_takes_back_the_label_that_a_rule_names_stays),
        cmocka_unit_test(who_ends_an_announcement_does_not_end_its_labels),
        cmocka_unit_test(one_takes_no_label_from_an_announcement_that_a_rule_names),
        cmocka_unit_test(of_several_rules_the_largest_need_and_the_shortest_time_hold),
        cmocka_unit_test(the_first_vote_changes_the_request_alone_and_the_second_approves),
        cmocka_unit_test(without_a_rule_one_decides_alone),
        cmocka_unit_test(one_administrator_counts_once_however_often),
        cmocka_unit_test(another_grant_is_another_vote),
        cmocka_unit_test(grants_are_the_same_by_what_they_are_not_by_how_many),
        cmocka_unit_test(the_vote_names_request_ask_and_device),
        cmocka_unit_test(votes_last_as_long_as_the_rule_says_now),
        cmocka_unit_test(who_may_approve_no_more_is_not_counted_and_not_kept),
        cmocka_unit_test(a_vote_for_more_than_a_voter_may_give_leaves_the_vote_for_less),
        cmocka_unit_test(whatever_closes_or_replaces_the_request_ends_its_votes),
        cmocka_unit_test(votes_for_more_do_not_outlive_the_approval_that_they_widen),
        cmocka_unit_test(what_cannot_be_approved_cannot_be_voted_for),
        cmocka_unit_test(nine_votes_are_kept_and_the_tenth_approves),
        cmocka_unit_test(of_more_votes_than_have_room_the_oldest_goes),
        cmocka_unit_test(one_administrator_announces_no_approval_that_needs_several),
        cmocka_unit_test(an_announcement_from_before_the_rule_approves_nobody),
        cmocka_unit_test(break_glass_is_told_only_where_votes_were_missing),
        cmocka_unit_test(a_quarantined_record_can_be_voted_on),
        cmocka_unit_test(every_short_story_ends_as_a_person_would_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
