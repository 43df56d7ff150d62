/*
 * What is forgotten and when: everything a stranger alone left behind, nothing that an
 * administrator decided, announced or named, and never the name of an ask.
 */
#include "support.h"

static const struct policy brief = {.pending_ttl_ms = MINUTE};

/* Raises what falls due until nothing is; the time of the last, 0 for none. */
static int64_t let_fall_due(struct pairing *pairing, bool *is_forgotten)
{
    int64_t last_ms = 0;
    *is_forgotten = false;
    for (int i = 0; i < 8; i++) {
        struct pairing_event event = {.actor = {.name = "gateway", .source = "local"}};
        int64_t due_ms = pairing_next_due(pairing, &hourly, &event.kind);
        if (due_ms == 0) {
            break;
        }
        struct pairing_decision made = decide_at(pairing, &event, due_ms);
        assert_true(made.changed);
        *is_forgotten = made.forgets;
        last_ms = due_ms;
    }
    return last_ms;
}

static void assert_is_kept(struct pairing pairing)
{
    bool is_forgotten;
    (void)let_fall_due(&pairing, &is_forgotten);
    assert_false(is_forgotten);
    assert_false(pairing_is_forgettable(&pairing));
}

static struct pairing lapsed(void)
{
    struct pairing pairing = pending("chat");
    decides(&pairing, PAIRING_EV_EXPIRE, T0 + HOUR, PAIRING_DONE);
    return pairing;
}

static void a_request_that_lapsed_undecided_is_forgotten_a_while_later(void **state)
{
    (void)state;
    struct pairing pairing = lapsed();
    struct pairing nobody = stranger();
    bool is_forgotten;
    int64_t due_ms = (int64_t)T0 + HOUR + PAIRING_LAPSED_KEPT_MS;
    decides(&pairing, PAIRING_EV_FORGET, due_ms - 1, PAIRING_DONE);
    assert_true(pairing.first_seen_ms > 0);
    assert_int_equal(let_fall_due(&pairing, &is_forgotten), due_ms);
    assert_true(is_forgotten);
    assert_true(is_same_record(&pairing, &nobody));
}

static void nobody_is_kept_longer_than_he_could_have_asked(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct pairing_event event = decision(&pairing, PAIRING_EV_EXPIRE);
    pairing = pairing_decide(&pairing, &event, &brief, T0 + MINUTE).next;
    enum pairing_event_kind kind;
    assert_int_equal(pairing_next_due(&pairing, &brief, &kind), T0 + 2 * MINUTE);
    assert_int_equal(kind, PAIRING_EV_FORGET);
}

static void the_same_ask_gets_its_id_back_from_nothing(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct oc_request_id before = pairing.request.id;
    decides(&pairing, PAIRING_EV_SHED, T0 + 1, PAIRING_DONE);
    assert_int_equal(pairing.first_seen_ms, 0);
    connects(&pairing, "chat", T0 + 2, PAIRING_PENDING);
    assert_true(oc_request_id_equal(&pairing.request.id, &before));
}

static void what_a_cap_sheds_leaves_nothing_behind_but_what_was_decided_on(void **state)
{
    (void)state;
    struct pairing undecided = pending("chat");
    struct pairing_decision made = decides(&undecided, PAIRING_EV_SHED, T0 + 1, PAIRING_DONE);
    assert_true(made.forgets);
    assert_int_equal(made.effects, PAIRING_ENDS_WAIT | PAIRING_MAKES_ROOM);

    struct pairing rejected = pending("chat");
    decides(&rejected, PAIRING_EV_REJECT, T0, PAIRING_DONE);
    connects(&rejected, "chat", T0 + MINUTE, PAIRING_PENDING);
    made = decides(&rejected, PAIRING_EV_SHED, T0 + MINUTE + 1, PAIRING_DONE);
    assert_false(made.forgets);
    assert_int_equal(rejected.last_end, REQUEST_END_SHED);
    assert_int_equal(rejected.cool_down_step, 1);
}

static void a_rejection_is_remembered_a_day_longer_than_it_keeps_out(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    decides(&pairing, PAIRING_EV_REJECT, T0, PAIRING_DONE);
    int64_t due_ms = (int64_t)T0 + MINUTE + PAIRING_REJECTED_KEPT_MS;
    struct pairing soon = pairing;
    connects(&soon, "chat", due_ms - 1, PAIRING_PENDING);
    assert_int_equal(soon.request.why, OC_WHY_REJECTED);
    decides(&soon, PAIRING_EV_REJECT, due_ms - 1, PAIRING_DONE);
    assert_int_equal(soon.cool_down_until_ms, due_ms - 1 + 2 * MINUTE);

    bool is_forgotten;
    assert_int_equal(let_fall_due(&pairing, &is_forgotten), due_ms);
    assert_true(is_forgotten);
    connects(&pairing, "chat", due_ms, PAIRING_PENDING);
    assert_int_equal(pairing.request.why, OC_WHY_NEW_DEVICE);
}

static void an_announcement_that_nobody_came_for_leaves_nothing(void **state)
{
    (void)state;
    struct pairing pairing = stranger();
    decides(&pairing, PAIRING_EV_EXPECT, T0, PAIRING_DONE);
    bool is_forgotten;
    assert_int_equal(let_fall_due(&pairing, &is_forgotten), (int64_t)T0 + PAIRING_EXPECTED_MS);
    assert_true(is_forgotten);

    struct pairing named = stranger();
    struct pairing_event event = decision(&named, PAIRING_EV_EXPECT);
    memcpy(event.alias, "web", sizeof "web");
    expect_outcome(&named, &event, T0, PAIRING_DONE);
    assert_is_kept(named);
}

static void what_an_administrator_made_of_a_device_is_never_forgotten(void **state)
{
    (void)state;
    assert_is_kept(approved("chat"));
    assert_is_kept(revoked("chat"));
    assert_is_kept(blocked());
    struct pairing pairing = blocked();
    decides(&pairing, PAIRING_EV_UNBLOCK, T0, PAIRING_DONE);
    assert_is_kept(pairing);
    pairing = approved("chat");
    decides(&pairing, PAIRING_EV_BLOCK, T0, PAIRING_DONE);
    decides(&pairing, PAIRING_EV_UNBLOCK, T0, PAIRING_DONE);
    assert_is_kept(pairing);
    pairing = lapsed();
    decides(&pairing, PAIRING_EV_REMOVE, T0 + HOUR, PAIRING_DONE);
    assert_is_kept(pairing);
    pairing.cool_down_step = 1; /* not authenticated: the row may say what it likes */
    assert_is_kept(pairing);
    pairing = lapsed();
    struct pairing_event event = decision(&pairing, PAIRING_EV_RENAME);
    memcpy(event.alias, "web", sizeof "web");
    expect_outcome(&pairing, &event, T0 + HOUR, PAIRING_DONE);
    assert_is_kept(pairing);
    pairing = lapsed();
    pairing.is_quarantined = true;
    assert_is_kept(pairing);
}

static void the_announced_are_never_shed(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    decides(&pairing, PAIRING_EV_EXPECT, T0, PAIRING_DONE);
    struct pairing_decision made = decides(&pairing, PAIRING_EV_SHED, T0 + 1, PAIRING_DONE);
    assert_false(made.changed);
    assert_true(pairing.request.is_open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_that_lapsed_undecided_is_forgotten_a_while_later),
        cmocka_unit_test(nobody_is_kept_longer_than_he_could_have_asked),
        cmocka_unit_test(the_same_ask_gets_its_id_back_from_nothing),
        cmocka_unit_test(what_a_cap_sheds_leaves_nothing_behind_but_what_was_decided_on),
        cmocka_unit_test(a_rejection_is_remembered_a_day_longer_than_it_keeps_out),
        cmocka_unit_test(an_announcement_that_nobody_came_for_leaves_nothing),
        cmocka_unit_test(what_an_administrator_made_of_a_device_is_never_forgotten),
        cmocka_unit_test(the_announced_are_never_shed),
    };
    return cmocka_run_group_tests_name("pairing_forget", tests, NULL, NULL);
}
