/* Bounds of approvers: every decision, on every kind of device. */
#include "server/domain/bound.h"
#include "tests/unit/domain/support.h"

/* What an administrator may cause. */
static const enum pairing_event_kind kinds[] = {
    PAIRING_EV_APPROVE, PAIRING_EV_REJECT, PAIRING_EV_DISMISS,
    PAIRING_EV_REVOKE,  PAIRING_EV_REMOVE, PAIRING_EV_BLOCK,
    PAIRING_EV_UNBLOCK, PAIRING_EV_EXPECT, PAIRING_EV_RENAME,
};
enum {
    N_KINDS = sizeof kinds / sizeof kinds[0],
};

/* Role agent, scopes a and b, devices of site berlin. */
static struct bound berlin(void)
{
    struct bound bound = {.name = "berlin", .n_roles = 1, .n_scopes = 2};
    strcpy(bound.roles[0], "agent");
    strcpy(bound.scopes[0], "a");
    strcpy(bound.scopes[1], "b");
    bound.labels = label("site", "berlin");
    return bound;
}

static struct pairing waiting(const char *scopes, const char *site)
{
    struct pairing pairing = pending(scopes);
    if (site[0] != '\0') {
        pairing.labels = label("site", site);
    }
    return pairing;
}

static enum bound_verdict judge(const struct pairing *was, const struct pairing_event *event)
{
    const struct bound bound = berlin();
    return bound_judge(&bound, was, event);
}

static struct pairing_event event_of(const struct pairing *was, enum pairing_event_kind kind)
{
    struct pairing_event event = decision(was, kind);
    if (kind == PAIRING_EV_EXPECT) {
        event.labels = was->labels;
    }
    return event;
}

static void every_decision_needs_the_labels_that_an_administrator_gave(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_KINDS; i++) {
        struct pairing was = waiting("a", "berlin");
        struct pairing_event event = event_of(&was, kinds[i]);
        assert_int_equal(judge(&was, &event), BOUND_WITHIN);
        was = waiting("a", "paris");
        event = event_of(&was, kinds[i]);
        assert_int_equal(judge(&was, &event), BOUND_OUT_OF_REACH);
        was = waiting("a", "");
        was.request.ask.labels = label("site", "berlin"); /* claimed */
        event = event_of(&was, kinds[i]);
        assert_int_equal(judge(&was, &event), BOUND_OUT_OF_REACH);
        was = waiting("a", "berlin");
        was.is_quarantined = true; /* nobody knows who wrote them */
        event = event_of(&was, kinds[i]);
        assert_int_equal(judge(&was, &event), BOUND_OUT_OF_REACH);
        was = waiting("a", "berlin");
        event = event_of(&was, kinds[i]);
        assert_int_equal(bound_judge(NULL, &was, &event), BOUND_NONE);
    }
}

/* Labels that the event itself brings are not the device's yet. */
static void an_approver_cannot_label_its_way_into_reach(void **state)
{
    (void)state;
    const enum pairing_event_kind giving[] = {PAIRING_EV_APPROVE, PAIRING_EV_EXPECT};
    for (size_t i = 0; i < 2; i++) {
        const struct pairing was = waiting("a", "");
        struct pairing_event event = event_of(&was, giving[i]);
        event.labels = label("site", "berlin");
        assert_int_equal(judge(&was, &event), BOUND_OUT_OF_REACH);
    }
}

static void an_approver_gives_no_labels_and_takes_none_away(void **state)
{
    (void)state;
    const struct pairing was = waiting("a", "berlin");
    struct pairing_event approve = event_of(&was, PAIRING_EV_APPROVE);
    assert_int_equal(approve.labels.n, 0); /* which leaves them */
    assert_int_equal(judge(&was, &approve), BOUND_WITHIN);
    approve.labels = label("site", "berlin");
    assert_int_equal(judge(&was, &approve), BOUND_WITHIN);
    approve.labels = label("site", "paris");
    assert_int_equal(judge(&was, &approve), BOUND_CHANGES_LABELS);
    approve.labels = label("tier", "gold");
    assert_int_equal(judge(&was, &approve), BOUND_CHANGES_LABELS);
    struct pairing_event expect = event_of(&was, PAIRING_EV_EXPECT);
    assert_int_equal(judge(&was, &expect), BOUND_WITHIN);
    expect.labels = label("tier", "gold");
    assert_int_equal(judge(&was, &expect), BOUND_CHANGES_LABELS);
    expect.labels.n = 0; /* which takes them away */
    assert_int_equal(judge(&was, &expect), BOUND_CHANGES_LABELS);
    /* and where every device is within reach */
    struct bound bound = berlin();
    bound.labels.n = 0;
    const struct pairing bare = waiting("a", "");
    expect = event_of(&bare, PAIRING_EV_EXPECT);
    assert_int_equal(bound_judge(&bound, &bare, &expect), BOUND_WITHIN);
    expect.labels = label("site", "berlin");
    assert_int_equal(bound_judge(&bound, &bare, &expect), BOUND_CHANGES_LABELS);
}

/* Removal is no way to take labels away. */
static void a_removed_device_keeps_the_labels_that_it_is_within_reach_by(void **state)
{
    (void)state;
    struct pairing was = approved("a");
    was.labels = label("site", "berlin");
    decides(&was, PAIRING_EV_REMOVE, T0, PAIRING_DONE);
    struct pairing_event event = event_of(&was, PAIRING_EV_EXPECT);
    assert_int_equal(judge(&was, &event), BOUND_WITHIN);
    event.labels.n = 0;
    assert_int_equal(judge(&was, &event), BOUND_CHANGES_LABELS);
}

static void an_announced_device_has_the_labels_of_its_announcement(void **state)
{
    (void)state;
    struct pairing was = waiting("a", "");
    was.expectation = (struct expectation){.is_set = true, .labels = label("site", "berlin")};
    struct pairing_event event = event_of(&was, PAIRING_EV_APPROVE);
    assert_int_equal(judge(&was, &event), BOUND_WITHIN);
    struct pairing after = was;
    (void)expect_outcome(&after, &event, T0 + SECOND, PAIRING_DONE);
    event = event_of(&after, PAIRING_EV_REVOKE);
    assert_int_equal(judge(&after, &event), BOUND_WITHIN); /* they were given */
    was.labels = label("site", "paris");                   /* the announcement is newer */
    event = event_of(&was, PAIRING_EV_APPROVE);
    assert_int_equal(judge(&was, &event), BOUND_WITHIN);
    was.expectation.labels = label("site", "rome");
    was.labels = label("site", "berlin");
    assert_int_equal(judge(&was, &event), BOUND_OUT_OF_REACH);
}

static void what_is_given_lies_within_the_bound_as_a_whole(void **state)
{
    (void)state;
    static const struct {
        const char *asks;
        const char *narrowed; /* NULL: as asked */
        enum bound_verdict verdict;
    } cases[] = {
        {"a", NULL, BOUND_WITHIN},     {"a,b", NULL, BOUND_WITHIN}, {"", NULL, BOUND_WITHIN},
        {"a,c", NULL, BOUND_TOO_WIDE}, {"a,c", "a", BOUND_WITHIN},  {"a,c", "a,c", BOUND_TOO_WIDE},
        {"a,c", "c", BOUND_TOO_WIDE},  {"*", NULL, BOUND_TOO_WIDE}, {"a/b", NULL, BOUND_TOO_WIDE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct pairing was = waiting(cases[i].asks, "berlin");
        struct pairing_event event = event_of(&was, PAIRING_EV_APPROVE);
        event.narrows = cases[i].narrowed != NULL;
        if (event.narrows) {
            event.grant = grant(cases[i].narrowed);
        }
        assert_int_equal(judge(&was, &event), cases[i].verdict);
        event = event_of(&was, PAIRING_EV_EXPECT);
        event.grant = grant(cases[i].narrowed ? cases[i].narrowed : cases[i].asks);
        assert_int_equal(judge(&was, &event), BOUND_WITHIN); /* gives nothing */
        event.approves = true;
        assert_int_equal(judge(&was, &event), cases[i].verdict);
    }
}

/* However much of it the device has already. */
static void a_later_approval_widens_nothing_beyond_the_bound(void **state)
{
    (void)state;
    struct pairing was = approved("a,c"); /* by an administrator without a bound */
    was.labels = label("site", "berlin");
    (void)connects(&was, "a,b,c", T0 + MINUTE, PAIRING_SESSION);
    struct pairing_event event = event_of(&was, PAIRING_EV_APPROVE);
    assert_int_equal(judge(&was, &event), BOUND_TOO_WIDE);
    event.narrows = true;
    event.grant = grant("a,b");
    assert_int_equal(judge(&was, &event), BOUND_WITHIN);
}

static void another_role_is_beyond_the_bound(void **state)
{
    (void)state;
    struct pairing was = waiting("a", "berlin");
    struct bound bound = berlin();
    strcpy(was.request.ask.grant.role, "operator");
    struct pairing_event event = event_of(&was, PAIRING_EV_APPROVE);
    assert_int_equal(bound_judge(&bound, &was, &event), BOUND_TOO_WIDE);
    bound.has_any_role = true;
    assert_int_equal(bound_judge(&bound, &was, &event), BOUND_WITHIN);
    was.request.ask.grant = grant("a,z");
    assert_int_equal(bound_judge(&bound, &was, &event), BOUND_TOO_WIDE);
    bound.has_any_scope = true;
    assert_int_equal(bound_judge(&bound, &was, &event), BOUND_WITHIN);
    bound.has_any_role = false;
    bound.n_roles = 0; /* no role: nothing can be given */
    assert_int_equal(bound_judge(&bound, &was, &event), BOUND_TOO_WIDE);
    event = event_of(&was, PAIRING_EV_REJECT);
    assert_int_equal(bound_judge(&bound, &was, &event), BOUND_WITHIN);
}

static void all_labels_of_the_bound_count(void **state)
{
    (void)state;
    struct bound bound = berlin();
    struct pairing was = waiting("a", "berlin");
    const struct pairing_event event = event_of(&was, PAIRING_EV_BLOCK);
    bound.labels.n = 2;
    strcpy(bound.labels.items[1].key, "tier");
    strcpy(bound.labels.items[1].value, "gold");
    assert_int_equal(bound_judge(&bound, &was, &event), BOUND_OUT_OF_REACH);
    was.labels = bound.labels;
    assert_int_equal(bound_judge(&bound, &was, &event), BOUND_WITHIN);
}

static void a_bound_is_found_by_name_or_default(void **state)
{
    (void)state;
    static struct bounds bounds = {.are_given = true, .n = 2};
    strcpy(bounds.items[0].name, "alice");
    strcpy(bounds.items[1].name, "default");
    assert_ptr_equal(bounds_find(&bounds, "alice"), &bounds.items[0]);
    assert_ptr_equal(bounds_find(&bounds, "bob"), &bounds.items[1]);
    assert_ptr_equal(bounds_find(&bounds, ""), &bounds.items[1]);
    bounds.n = 1;
    assert_null(bounds_find(&bounds, "bob"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_decision_needs_the_labels_that_an_administrator_gave),
        cmocka_unit_test(an_approver_cannot_label_its_way_into_reach),
        cmocka_unit_test(an_approver_gives_no_labels_and_takes_none_away),
        cmocka_unit_test(a_removed_device_keeps_the_labels_that_it_is_within_reach_by),
        cmocka_unit_test(an_announced_device_has_the_labels_of_its_announcement),
        cmocka_unit_test(what_is_given_lies_within_the_bound_as_a_whole),
        cmocka_unit_test(a_later_approval_widens_nothing_beyond_the_bound),
        cmocka_unit_test(another_role_is_beyond_the_bound),
        cmocka_unit_test(all_labels_of_the_bound_count),
        cmocka_unit_test(a_bound_is_found_by_name_or_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
