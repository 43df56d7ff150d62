/* The life of a request: its id, its replacement, cool-downs, caps, and why it is made. */
#include "support.h"

static void same_ask_keeps_its_id_over_retries(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct oc_request_id first = pairing.request.id;
    for (int i = 1; i <= 5; i++) {
        struct pairing_decision made = connects(&pairing, "chat", T0 + i * MINUTE, PAIRING_PENDING);
        assert_false(made.changed);
        assert_true(oc_request_id_equal(&pairing.request.id, &first));
        assert_int_equal(pairing.request.attempted_ms, T0 + i * MINUTE);
        assert_int_equal(pairing.request.opened_ms, T0);
    }
}

static void lapsed_request_comes_back_under_its_id(void **state)
{
    (void)state;
    const enum pairing_event_kind lapses[] = {PAIRING_EV_EXPIRE, PAIRING_EV_SHED,
                                              PAIRING_EV_DISMISS};
    for (size_t i = 0; i < 3; i++) {
        struct pairing pairing = pending("chat");
        struct oc_request_id first = pairing.request.id;
        decides(&pairing, lapses[i], T0 + HOUR, PAIRING_DONE);
        assert_false(pairing.request.is_open);
        struct pairing_decision made = connects(&pairing, "chat", T0 + 2 * HOUR, PAIRING_PENDING);
        assert_true(oc_request_id_equal(&pairing.request.id, &first));
        assert_int_equal(made.why, OC_WHY_NEW_DEVICE);
    }
}

static void request_does_not_expire_within_an_hour_of_the_last_attempt(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    connects(&pairing, "chat", T0 + 59 * MINUTE, PAIRING_PENDING);
    struct pairing_decision made = decides(&pairing, PAIRING_EV_EXPIRE, T0 + HOUR, PAIRING_DONE);
    assert_false(made.changed);
    assert_true(pairing.request.is_open);
    decides(&pairing, PAIRING_EV_EXPIRE, T0 + 119 * MINUTE, PAIRING_DONE);
    assert_int_equal(pairing.last_end, REQUEST_END_EXPIRED);
}

static void another_ask_replaces_and_the_old_id_is_remembered(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct oc_request_id old = pairing.request.id;
    struct oc_digest shown = pairing.request.digest;
    struct pairing_decision made = connects(&pairing, "chat,tools", T0, PAIRING_PENDING);
    assert_true(made.effects & PAIRING_ENDS_WAIT);
    assert_false(oc_request_id_equal(&pairing.request.id, &old));

    struct pairing_event approve = decision(&pairing, PAIRING_EV_APPROVE);
    approve.named_request = old;
    approve.named_digest = shown;
    made = expect_outcome(&pairing, &approve, T0 + SECOND, PAIRING_REPLACED);
    assert_true(oc_request_id_equal(&made.next.request.id, &pairing.request.id));
    assert_true(made.next.request.is_open);
}

static void second_replacement_within_ten_seconds_is_busy(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    connects(&pairing, "tools", T0 + SECOND, PAIRING_PENDING);
    struct pairing_decision made =
        connects(&pairing, "files", T0 + 4 * SECOND, PAIRING_REFUSED_BUSY);
    assert_int_equal(made.retry_after_ms, 7 * SECOND);
    assert_false(made.changed);
    connects(&pairing, "tools", T0 + 4 * SECOND, PAIRING_PENDING);
    connects(&pairing, "files", T0 + 11 * SECOND, PAIRING_PENDING);
}

static void four_replaced_ids_are_remembered_and_the_fifth_is_forgotten(void **state)
{
    (void)state;
    const char *const asks[] = {"a", "b", "c", "d", "e", "f"};
    struct oc_request_id ids[6];
    struct pairing pairing = stranger();
    for (int i = 0; i < 6; i++) {
        connects(&pairing, asks[i], T0 + i * MINUTE, PAIRING_PENDING);
        ids[i] = pairing.request.id;
    }
    for (int i = 0; i < 5; i++) {
        struct pairing_event reject = decision(&pairing, PAIRING_EV_REJECT);
        reject.named_request = ids[i];
        expect_outcome(&pairing, &reject, T0 + HOUR,
                       i == 0 ? PAIRING_NO_REQUEST : PAIRING_REPLACED);
    }
}

static void ask_that_returns_is_no_longer_among_the_replaced(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct oc_request_id first = pairing.request.id;
    connects(&pairing, "tools", T0 + MINUTE, PAIRING_PENDING);
    connects(&pairing, "chat", T0 + 2 * MINUTE, PAIRING_PENDING);
    assert_true(oc_request_id_equal(&pairing.request.id, &first));
    decides(&pairing, PAIRING_EV_APPROVE, T0 + 2 * MINUTE, PAIRING_DONE);
}

static void ask_that_returns_makes_room_among_the_replaced(void **state)
{
    (void)state;
    const char *const asks[] = {"a", "b", "c", "d", "e", "a"};
    struct pairing pairing = stranger();
    struct pairing_event reject_b = {.kind = PAIRING_EV_REJECT};
    for (int i = 0; i < 6; i++) {
        connects(&pairing, asks[i], T0 + i * MINUTE, PAIRING_PENDING);
        reject_b = i == 1 ? decision(&pairing, PAIRING_EV_REJECT) : reject_b;
    }
    expect_outcome(&pairing, &reject_b, T0 + HOUR, PAIRING_REPLACED);
}

static void replaced_id_of_a_closed_request_is_no_request(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct pairing_event reject_old = decision(&pairing, PAIRING_EV_REJECT);
    connects(&pairing, "tools", T0, PAIRING_PENDING);
    decides(&pairing, PAIRING_EV_DISMISS, T0, PAIRING_DONE);
    expect_outcome(&pairing, &reject_old, T0, PAIRING_NO_REQUEST);
}

static void rejected_device_is_refused_until_the_cool_down_ends(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct oc_request_id old = pairing.request.id;
    struct pairing_decision made = decides(&pairing, PAIRING_EV_REJECT, T0, PAIRING_DONE);
    assert_true(made.effects & PAIRING_ENDS_WAIT);
    assert_int_equal(pairing_state(&pairing), OC_STATE_REJECTED);

    made = connects(&pairing, "chat", T0 + 59 * SECOND, PAIRING_REFUSED_REJECTED);
    assert_int_equal(made.retry_after_ms, SECOND);
    assert_int_equal(made.why, OC_WHY_REJECTED);
    assert_false(made.changed);
    connects(&pairing, "tools", T0 + 59 * SECOND, PAIRING_REFUSED_REJECTED);

    made = connects(&pairing, "chat", T0 + MINUTE, PAIRING_PENDING);
    assert_int_equal(made.why, OC_WHY_REJECTED);
    assert_false(oc_request_id_equal(&pairing.request.id, &old));
}

static void cool_down_doubles_to_an_hour_and_approval_resets_it(void **state)
{
    (void)state;
    const int64_t spans[] = {60, 120, 240, 480, 960, 1920, 3600, 3600};
    struct pairing pairing = stranger();
    int64_t now_ms = T0;
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
        connects(&pairing, "chat", now_ms, PAIRING_PENDING);
        decides(&pairing, PAIRING_EV_REJECT, now_ms, PAIRING_DONE);
        assert_int_equal(pairing.cool_down_until_ms - now_ms, spans[i] * SECOND);
        now_ms = pairing.cool_down_until_ms;
    }
    connects(&pairing, "chat", now_ms, PAIRING_PENDING);
    decides(&pairing, PAIRING_EV_APPROVE, now_ms, PAIRING_DONE);
    decides(&pairing, PAIRING_EV_REVOKE, now_ms, PAIRING_DONE);
    assert_int_equal(pairing.cool_down_until_ms - now_ms, MINUTE);
}

static void revoked_device_is_refused_as_revoked_then_asks_anew(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct oc_request_id old = pairing.request.id;
    decides(&pairing, PAIRING_EV_APPROVE, T0, PAIRING_DONE);
    decides(&pairing, PAIRING_EV_REVOKE, T0, PAIRING_DONE);
    struct pairing_decision made = connects(&pairing, "chat", T0, PAIRING_REFUSED_REVOKED);
    assert_int_equal(made.why, OC_WHY_REVOKED);
    assert_int_equal(made.retry_after_ms, MINUTE);
    made = connects(&pairing, "chat", T0 + MINUTE, PAIRING_PENDING);
    assert_int_equal(made.why, OC_WHY_REVOKED);
    assert_false(oc_request_id_equal(&pairing.request.id, &old));
}

static void rejection_after_revocation_says_rejected(void **state)
{
    (void)state;
    struct pairing pairing = revoked("chat");
    connects(&pairing, "chat", T0 + MINUTE, PAIRING_PENDING);
    decides(&pairing, PAIRING_EV_REJECT, T0 + MINUTE, PAIRING_DONE);
    struct pairing_decision made =
        connects(&pairing, "chat", T0 + 2 * MINUTE, PAIRING_REFUSED_REJECTED);
    assert_int_equal(made.retry_after_ms, MINUTE); /* the second step, begun a minute ago */
    assert_int_equal(pairing_state(&pairing), OC_STATE_REVOKED);
}

static void revocation_after_a_rejected_upgrade_says_revoked(void **state)
{
    (void)state;
    struct pairing pairing = approved("chat");
    connects(&pairing, "chat,tools", T0, PAIRING_SESSION);
    decides(&pairing, PAIRING_EV_REJECT, T0, PAIRING_DONE);
    decides(&pairing, PAIRING_EV_REVOKE, T0, PAIRING_DONE);
    struct pairing_decision made = connects(&pairing, "chat", T0, PAIRING_REFUSED_REVOKED);
    assert_int_equal(made.why, OC_WHY_REVOKED);
}

static void lapse_leaves_a_rejection_in_history(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    decides(&pairing, PAIRING_EV_REJECT, T0, PAIRING_DONE);
    connects(&pairing, "chat", T0 + MINUTE, PAIRING_PENDING);
    decides(&pairing, PAIRING_EV_EXPIRE, T0 + 2 * HOUR, PAIRING_DONE);
    assert_int_equal(pairing_state(&pairing), OC_STATE_REJECTED);
    struct pairing_decision made = connects(&pairing, "chat", T0 + 3 * HOUR, PAIRING_PENDING);
    assert_int_equal(made.why, OC_WHY_REJECTED);
}

static void blocked_device_gets_403_and_no_row(void **state)
{
    (void)state;
    struct pairing pairing = stranger();
    decides(&pairing, PAIRING_EV_BLOCK, T0, PAIRING_DONE);
    struct pairing_event event = connect(&pairing, "chat");
    event.pairs_everyone = true;
    struct pairing_decision made =
        expect_outcome(&pairing, &event, T0 + DAY, PAIRING_REFUSED_BLOCKED);
    assert_int_equal(made.why, OC_WHY_BLOCKED);
    assert_false(made.changed || made.is_audited);
}

static void over_the_cap_newcomers_are_busy_and_known_requests_are_not(void **state)
{
    (void)state;
    struct pairing newcomer = stranger();
    struct pairing_event event = connect(&newcomer, "chat");
    event.is_over_cap = true;
    struct pairing_decision made = expect_outcome(&newcomer, &event, T0, PAIRING_REFUSED_BUSY);
    assert_true(made.retry_after_ms > 0);
    assert_int_equal(made.why, OC_WHY_NEW_DEVICE);
    assert_false(made.changed);

    struct pairing waiting = pending("chat");
    expect_outcome(&waiting, &event, T0 + SECOND, PAIRING_PENDING);
    struct pairing_event other = connect(&waiting, "tools");
    other.is_over_cap = true;
    expect_outcome(&waiting, &other, T0 + SECOND, PAIRING_PENDING);
}

static void whys_apply_in_their_order(void **state)
{
    (void)state;
    struct pairing_event event;
    struct pairing pairing = stranger();
    event = connect(&pairing, "chat");
    event.look_alike = LOOK_ALIKE_OFFLINE;
    assert_int_equal(expect_outcome(&pairing, &event, T0, PAIRING_PENDING).why,
                     OC_WHY_IDENTITY_CHANGED);
    pairing = stranger();
    event.look_alike = LOOK_ALIKE_ONLINE;
    assert_int_equal(expect_outcome(&pairing, &event, T0, PAIRING_PENDING).why,
                     OC_WHY_ADDITIONAL_INSTANCE);
    pairing = stranger();
    event.look_alike = LOOK_ALIKE_SAME_HOST;
    assert_int_equal(expect_outcome(&pairing, &event, T0, PAIRING_PENDING).why,
                     OC_WHY_ADDITIONAL_INSTANCE);

    event.holds_foreign_receipt = true;
    event.look_alike = LOOK_ALIKE_OFFLINE;
    pairing = stranger();
    assert_int_equal(expect_outcome(&pairing, &event, T0, PAIRING_PENDING).why,
                     OC_WHY_RECORDS_RESET);
    pairing = revoked("chat");
    decides(&pairing, PAIRING_EV_REMOVE, T0, PAIRING_DONE);
    assert_int_equal(expect_outcome(&pairing, &event, T0 + MINUTE, PAIRING_PENDING).why,
                     OC_WHY_RECORDS_RESET);
    pairing = revoked("chat");
    assert_int_equal(expect_outcome(&pairing, &event, T0 + MINUTE, PAIRING_PENDING).why,
                     OC_WHY_REVOKED);
    pairing = pending("chat");
    decides(&pairing, PAIRING_EV_REJECT, T0, PAIRING_DONE);
    assert_int_equal(expect_outcome(&pairing, &event, T0 + MINUTE, PAIRING_PENDING).why,
                     OC_WHY_REJECTED);
    pairing = approved("files");
    assert_int_equal(expect_outcome(&pairing, &event, T0, PAIRING_SESSION).why,
                     OC_WHY_ACCESS_WIDENED);
}

static void replacing_keeps_what_the_record_says_about_why(void **state)
{
    (void)state;
    struct pairing pairing = approved("chat");
    decides(&pairing, PAIRING_EV_REMOVE, T0, PAIRING_DONE);
    connects(&pairing, "chat", T0 + MINUTE, PAIRING_PENDING);
    struct pairing_decision made = connects(&pairing, "tools", T0 + MINUTE, PAIRING_PENDING);
    assert_int_equal(made.why, OC_WHY_REMOVED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_ask_keeps_its_id_over_retries),
        cmocka_unit_test(lapsed_request_comes_back_under_its_id),
        cmocka_unit_test(request_does_not_expire_within_an_hour_of_the_last_attempt),
        cmocka_unit_test(another_ask_replaces_and_the_old_id_is_remembered),
        cmocka_unit_test(second_replacement_within_ten_seconds_is_busy),
        cmocka_unit_test(four_replaced_ids_are_remembered_and_the_fifth_is_forgotten),
        cmocka_unit_test(ask_that_returns_is_no_longer_among_the_replaced),
        cmocka_unit_test(ask_that_returns_makes_room_among_the_replaced),
        cmocka_unit_test(replaced_id_of_a_closed_request_is_no_request),
        cmocka_unit_test(rejected_device_is_refused_until_the_cool_down_ends),
        cmocka_unit_test(cool_down_doubles_to_an_hour_and_approval_resets_it),
        cmocka_unit_test(revoked_device_is_refused_as_revoked_then_asks_anew),
        cmocka_unit_test(rejection_after_revocation_says_rejected),
        cmocka_unit_test(revocation_after_a_rejected_upgrade_says_revoked),
        cmocka_unit_test(lapse_leaves_a_rejection_in_history),
        cmocka_unit_test(blocked_device_gets_403_and_no_row),
        cmocka_unit_test(over_the_cap_newcomers_are_busy_and_known_requests_are_not),
        cmocka_unit_test(whys_apply_in_their_order),
        cmocka_unit_test(replacing_keeps_what_the_record_says_about_why),
    };
    return cmocka_run_group_tests_name("pairing_requests", tests, NULL, NULL);
}
