/* What administrators decide: approval, codes, upgrades, withdrawal, names; and its audit row. */
#include "support.h"

static void approval_gives_what_was_asked(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat,tools");
    uint64_t generation = pairing.generation;
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    event.labels = label("site", "berlin");
    memcpy(event.alias, "agent-1", sizeof "agent-1");
    struct pairing_decision made = expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    struct oc_grant wanted = grant("chat,tools");
    assert_true(oc_grant_equal(&pairing.granted, &wanted));
    assert_true(oc_grant_equal(&pairing.asked, &wanted));
    assert_int_equal(pairing.generation, generation + 1);
    assert_string_equal(pairing.decided_by, "uid:0");
    assert_int_equal(pairing.decided_ms, T0);
    assert_string_equal(pairing.alias, "agent-1");
    assert_string_equal(pairing.labels.items[0].value, "berlin");
    assert_int_equal(pairing.last_end, REQUEST_END_APPROVED);
    assert_true(made.effects & PAIRING_ENDS_WAIT);
    assert_true(pairing_may_serve(&pairing, T0));
}

static void approval_of_another_digest_is_refused(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    event.named_digest.bytes[31] ^= 1;
    struct pairing_decision made = expect_outcome(&pairing, &event, T0, PAIRING_CHANGED);
    assert_false(made.changed);
    assert_string_equal(made.audit.outcome, "changed");
}

static void approval_of_another_request_is_refused(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    event.named_request.text[0] = event.named_request.text[0] == 'A' ? 'B' : 'A';
    expect_outcome(&pairing, &event, T0, PAIRING_NO_REQUEST);
    event.named_request.text[0] = '\0';
    expect_outcome(&pairing, &event, T0, PAIRING_NO_REQUEST);
}

static void approver_may_narrow_and_never_widen(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat,tools");
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    event.narrows = true;
    event.grant = grant("chat,files");
    expect_outcome(&pairing, &event, T0, PAIRING_TOO_WIDE);
    event.grant = grant("chat");
    memcpy(event.grant.role, "admin", sizeof "admin");
    expect_outcome(&pairing, &event, T0, PAIRING_TOO_WIDE);
    event.grant = grant("chat");
    struct pairing_decision made = expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    assert_string_equal(made.audit.detail,
                        "role=agent scopes=chat name=web-1 labels= purpose=testing");

    made = connects(&pairing, "chat,tools", T0, PAIRING_SESSION);
    assert_true(oc_grant_equal(&made.grant, &event.grant));
    assert_false(pairing.request.is_open); /* within what was asked and answered */
}

static void five_wrong_codes_close_the_code_and_not_the_request(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    event.code = CODE_WRONG;
    for (int i = 1; i <= 5; i++) {
        struct pairing_decision made = expect_outcome(&pairing, &event, T0, PAIRING_CODE_WRONG);
        assert_int_equal(made.next.request.code_failures, i);
        assert_true(made.changed && made.is_audited);
        assert_int_equal(made.effects, 0);
    }
    expect_outcome(&pairing, &event, T0, PAIRING_CODE_CLOSED);
    event.code = CODE_RIGHT;
    expect_outcome(&pairing, &event, T0, PAIRING_CODE_CLOSED);
    event.code = CODE_NOT_AVAILABLE;
    expect_outcome(&pairing, &event, T0, PAIRING_CODE_CLOSED);
    connects(&pairing, "chat", T0 + SECOND, PAIRING_PENDING);
    assert_int_equal(pairing.request.code_failures, 5);
    event.code = CODE_NOT_USED;
    expect_outcome(&pairing, &event, T0, PAIRING_DONE);
}

static void wrong_code_counts_before_the_grant_is_looked_at(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    event.narrows = true;
    event.grant = grant("files");
    event.code = CODE_WRONG;
    expect_outcome(&pairing, &event, T0, PAIRING_CODE_WRONG);
    event.code = CODE_RIGHT;
    expect_outcome(&pairing, &event, T0, PAIRING_TOO_WIDE);
    event.code = CODE_NOT_AVAILABLE;
    expect_outcome(&pairing, &event, T0, PAIRING_CODE_UNAVAILABLE);
    assert_int_equal(pairing.request.code_failures, 1);
}

static void right_code_approves(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    event.code = CODE_RIGHT;
    expect_outcome(&pairing, &event, T0, PAIRING_DONE);
}

static void wider_ask_keeps_the_session_on_the_old_grant(void **state)
{
    (void)state;
    struct pairing pairing = approved("chat");
    struct oc_grant old = grant("chat");
    struct pairing_decision made = connects(&pairing, "chat,tools", T0, PAIRING_SESSION);
    assert_true(oc_grant_equal(&made.grant, &old));
    assert_true(oc_grant_equal(&made.next.granted, &old));
    assert_true(pairing.request.is_open && made.changed);
    assert_int_equal(pairing.request.why, OC_WHY_ACCESS_WIDENED);
    assert_int_equal(pairing_state(&pairing), OC_STATE_APPROVED);

    made = connects(&pairing, "chat,tools", T0 + SECOND, PAIRING_SESSION);
    assert_false(made.changed);
    assert_true(oc_grant_equal(&made.grant, &old));
    assert_int_equal(made.why, OC_WHY_ACCESS_WIDENED);
}

static void approved_upgrade_sets_what_is_asked_and_granted(void **state)
{
    (void)state;
    struct pairing pairing = approved("chat");
    connects(&pairing, "chat,tools", T0, PAIRING_SESSION);
    struct pairing_decision made = decides(&pairing, PAIRING_EV_APPROVE, T0, PAIRING_DONE);
    struct oc_grant wide = grant("chat,tools");
    assert_true(oc_grant_equal(&pairing.asked, &wide));
    assert_true(oc_grant_equal(&pairing.granted, &wide));
    assert_true(made.effects & PAIRING_CHANGES_GRANT);
    assert_false(made.effects & (PAIRING_CUTS_SESSION | PAIRING_WITHDRAWS));
    connects(&pairing, "chat,tools", T0, PAIRING_SESSION);
    assert_false(pairing.request.is_open);
}

static void rejected_upgrade_stays_closed_for_a_day_for_the_same_ask(void **state)
{
    (void)state;
    struct pairing pairing = approved("chat");
    connects(&pairing, "chat,tools", T0, PAIRING_SESSION);
    struct pairing_decision made = decides(&pairing, PAIRING_EV_REJECT, T0, PAIRING_DONE);
    assert_true(made.effects & PAIRING_REFUSES_UPGRADE);
    assert_false(made.effects & PAIRING_CUTS_SESSION);
    assert_true(pairing_may_serve(&pairing, T0));

    made = connects(&pairing, "chat,tools", T0 + DAY - 1, PAIRING_SESSION);
    assert_false(pairing.request.is_open || made.changed);
    connects(&pairing, "chat,files", T0 + HOUR, PAIRING_SESSION);
    assert_true(pairing.request.is_open);
    decides(&pairing, PAIRING_EV_DISMISS, T0 + HOUR, PAIRING_DONE);
    connects(&pairing, "chat,tools", T0 + DAY, PAIRING_SESSION);
    assert_true(pairing.request.is_open);
}

static void rejected_upgrade_opens_no_other_during_the_cool_down(void **state)
{
    (void)state;
    struct pairing pairing = approved("chat");
    connects(&pairing, "chat,tools", T0, PAIRING_SESSION);
    decides(&pairing, PAIRING_EV_REJECT, T0, PAIRING_DONE);
    connects(&pairing, "chat,files", T0 + MINUTE - 1, PAIRING_SESSION);
    assert_false(pairing.request.is_open);
    connects(&pairing, "chat,files", T0 + MINUTE, PAIRING_SESSION);
    assert_true(pairing.request.is_open);
}

static void caps_are_not_for_who_is_approved(void **state)
{
    (void)state;
    struct pairing pairing = approved("chat");
    struct pairing_event event = connect(&pairing, "chat,tools");
    event.is_over_cap = true;
    struct pairing_decision made = expect_outcome(&pairing, &event, T0, PAIRING_SESSION);
    assert_true(pairing.request.is_open && made.changed);
    assert_int_equal(made.why, OC_WHY_ACCESS_WIDENED);
    made = decides(&pairing, PAIRING_EV_SHED, T0, PAIRING_DONE);
    assert_true(pairing.request.is_open && !made.changed);
}

static void quick_replacement_leaves_the_session_alone(void **state)
{
    (void)state;
    struct pairing pairing = approved("chat");
    connects(&pairing, "a", T0, PAIRING_SESSION);
    connects(&pairing, "b", T0, PAIRING_SESSION);
    struct oc_request_id standing = pairing.request.id;
    connects(&pairing, "c", T0, PAIRING_SESSION);
    assert_true(oc_request_id_equal(&pairing.request.id, &standing));
}

static void revoke_cuts_and_takes_the_grant_and_the_request(void **state)
{
    (void)state;
    struct pairing pairing = approved("chat");
    connects(&pairing, "chat,tools", T0, PAIRING_SESSION);
    struct pairing_decision made = decides(&pairing, PAIRING_EV_REVOKE, T0, PAIRING_DONE);
    unsigned wanted = PAIRING_CUTS_SESSION | PAIRING_WITHDRAWS | PAIRING_ENDS_WAIT;
    assert_int_equal(made.effects & wanted, wanted);
    assert_false(pairing.request.is_open || pairing_may_serve(&pairing, T0));
    assert_string_equal(made.audit.before, "approved");
    assert_string_equal(made.audit.after, "revoked");
    assert_string_equal(made.audit.detail, "role=agent scopes=chat");
    struct oc_grant old = grant("chat");
    assert_true(oc_grant_equal(&pairing.asked, &old));
}

static void second_revoke_takes_back_an_announcement(void **state)
{
    (void)state;
    struct pairing pairing = revoked("chat");
    struct pairing_event expect = decision(&pairing, PAIRING_EV_EXPECT);
    expect.approves = true;
    expect.grant = grant("chat");
    expect_outcome(&pairing, &expect, T0, PAIRING_DONE);
    decides(&pairing, PAIRING_EV_REVOKE, T0, PAIRING_DONE);
    connects(&pairing, "chat", T0 + HOUR, PAIRING_PENDING);
}

static void block_ends_everything_and_unblock_gives_nothing_back(void **state)
{
    (void)state;
    struct pairing pairing = approved("chat");
    memcpy(pairing.alias, "web", sizeof "web");
    connects(&pairing, "chat,tools", T0, PAIRING_SESSION);
    decides(&pairing, PAIRING_EV_BLOCK, T0, PAIRING_DONE);
    assert_false(pairing.request.is_open);
    assert_int_equal(pairing_state(&pairing), OC_STATE_BLOCKED);
    struct pairing_decision made = decides(&pairing, PAIRING_EV_UNBLOCK, T0, PAIRING_DONE);
    assert_int_equal(pairing.standing, OC_STANDING_NONE);
    assert_false(pairing_may_serve(&pairing, T0));
    assert_string_equal(pairing.alias, "web");
    assert_string_equal(made.audit.before, "blocked");
    connects(&pairing, "chat", T0, PAIRING_PENDING);
}

static void remove_leaves_a_tombstone_and_opens_no_door(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    memcpy(event.alias, "web", sizeof "web");
    expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    uint64_t generation = pairing.generation;
    decides(&pairing, PAIRING_EV_REMOVE, T0, PAIRING_DONE);
    assert_true(pairing.is_removed);
    assert_int_equal(pairing.generation, generation + 1);
    assert_string_equal(pairing.alias, "");
    assert_string_equal(pairing.claimed_name, "");
    assert_int_equal(pairing.labels.n, 0);
    assert_int_equal(pairing.asked.n_scopes, 0);

    struct pairing_decision made = connects(&pairing, "chat", T0, PAIRING_REFUSED_REVOKED);
    assert_int_equal(made.why, OC_WHY_REMOVED);
    made = connects(&pairing, "chat", T0 + MINUTE, PAIRING_PENDING);
    assert_int_equal(made.why, OC_WHY_REMOVED);
    assert_false(pairing.is_removed); /* lists must show it */
    decides(&pairing, PAIRING_EV_EXPIRE, T0 + 2 * HOUR, PAIRING_DONE);
    assert_true(pairing.is_removed);
    made = connects(&pairing, "chat", T0 + 3 * HOUR, PAIRING_PENDING);
    assert_int_equal(made.why, OC_WHY_REMOVED);
    decides(&pairing, PAIRING_EV_APPROVE, T0 + 3 * HOUR, PAIRING_DONE);
    assert_false(pairing.is_removed);
}

/* Rules and bounds hang on labels; a stored tombstone has none. */
static void remove_of_a_device_with_labels_leaves_them_and_no_tombstone(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    event.labels = label("site", "berlin");
    memcpy(event.alias, "web", sizeof "web");
    expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    decides(&pairing, PAIRING_EV_REMOVE, T0, PAIRING_DONE);
    assert_false(pairing.is_removed);
    assert_int_equal(pairing.standing, OC_STANDING_REVOKED);
    assert_string_equal(pairing.alias, "");
    assert_int_equal(pairing.labels.n, 1);
    assert_int_equal(pairing.asked.n_scopes, 0);
    connects(&pairing, "chat", T0 + MINUTE, PAIRING_PENDING);
    decides(&pairing, PAIRING_EV_EXPIRE, T0 + 3 * HOUR, PAIRING_DONE);
    assert_int_equal(pairing.labels.n, 1);
}

static void remove_does_not_shorten_a_cool_down(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    decides(&pairing, PAIRING_EV_REJECT, T0, PAIRING_DONE);
    decides(&pairing, PAIRING_EV_REMOVE, T0, PAIRING_DONE);
    connects(&pairing, "chat", T0 + MINUTE - 1, PAIRING_REFUSED_REJECTED);
    connects(&pairing, "chat", T0 + MINUTE, PAIRING_PENDING);
}

static void rename_is_no_decision_on_access(void **state)
{
    (void)state;
    struct pairing pairing = approved("chat");
    uint64_t generation = pairing.generation;
    struct pairing_event event = decision(&pairing, PAIRING_EV_RENAME);
    memcpy(event.alias, "web", sizeof "web");
    struct pairing_decision made = expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    assert_string_equal(made.audit.detail, "alias=web");
    assert_int_equal(pairing.generation, generation);
    made = expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    assert_false(made.changed);
    event.alias[0] = '\0';
    expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    assert_string_equal(pairing.alias, "");
}

static void request_decisions_touch_only_the_request(void **state)
{
    (void)state;
    const enum pairing_event_kind kinds[] = {PAIRING_EV_REJECT, PAIRING_EV_DISMISS,
                                             PAIRING_EV_EXPIRE, PAIRING_EV_SHED};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct pairing pairing = approved("chat");
        struct oc_grant old = pairing.granted;
        connects(&pairing, "chat,tools", T0, PAIRING_SESSION);
        struct pairing_decision made = decides(&pairing, kinds[i], T0 + HOUR, PAIRING_DONE);
        assert_int_equal(pairing.standing, OC_STANDING_APPROVED);
        assert_true(oc_grant_equal(&pairing.granted, &old));
        assert_true(oc_grant_equal(&pairing.asked, &old));
        assert_false(made.effects & (PAIRING_CUTS_SESSION | PAIRING_WITHDRAWS));
    }
}

static void audit_row_tells_the_whole_decision(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat,tools");
    struct oc_request_id id = pairing.request.id;
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    event.term_ms = HOUR;
    struct pairing_decision made = expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    assert_string_equal(made.audit.action, "approve");
    assert_string_equal(made.audit.outcome, "done");
    assert_string_equal(made.audit.actor.source, "local");
    assert_true(oc_device_id_equal(&made.audit.device_id, &pairing.id));
    assert_true(oc_request_id_equal(&made.audit.request_id, &id));
    assert_string_equal(made.audit.before, "pending");
    assert_string_equal(made.audit.after, "approved");
    assert_string_equal(made.audit.rule, "");
    assert_string_equal(
        made.audit.detail,
        "until_ms=4600000 role=agent scopes=chat,tools name=web-1 labels= purpose=testing");
}

static void audit_detail_counts_the_scopes_it_has_no_room_for(void **state)
{
    (void)state;
    struct pairing pairing = stranger();
    struct pairing_event event = connect(&pairing, "a");
    for (int i = 0; i < OC_MAX_SCOPES; i++) {
        memset(event.ask.grant.scopes[i], 'a' + i, OC_MAX_SCOPE_BYTES);
    }
    event.ask.grant.n_scopes = OC_MAX_SCOPES;
    memset(event.ask.grant.role, 'r', OC_MAX_ROLE_BYTES);
    expect_outcome(&pairing, &event, T0, PAIRING_PENDING);
    struct pairing_decision made = decides(&pairing, PAIRING_EV_APPROVE, T0, PAIRING_DONE);
    size_t length = strnlen(made.audit.detail, sizeof made.audit.detail);
    assert_true(length < sizeof made.audit.detail);
    assert_string_equal(&made.audit.detail[length - 12], "f,+10 more=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(approval_gives_what_was_asked),
        cmocka_unit_test(approval_of_another_digest_is_refused),
        cmocka_unit_test(approval_of_another_request_is_refused),
        cmocka_unit_test(approver_may_narrow_and_never_widen),
        cmocka_unit_test(five_wrong_codes_close_the_code_and_not_the_request),
        cmocka_unit_test(wrong_code_counts_before_the_grant_is_looked_at),
        cmocka_unit_test(right_code_approves),
        cmocka_unit_test(wider_ask_keeps_the_session_on_the_old_grant),
        cmocka_unit_test(approved_upgrade_sets_what_is_asked_and_granted),
        cmocka_unit_test(rejected_upgrade_stays_closed_for_a_day_for_the_same_ask),
        cmocka_unit_test(rejected_upgrade_opens_no_other_during_the_cool_down),
        cmocka_unit_test(caps_are_not_for_who_is_approved),
        cmocka_unit_test(quick_replacement_leaves_the_session_alone),
        cmocka_unit_test(revoke_cuts_and_takes_the_grant_and_the_request),
        cmocka_unit_test(second_revoke_takes_back_an_announcement),
        cmocka_unit_test(block_ends_everything_and_unblock_gives_nothing_back),
        cmocka_unit_test(remove_leaves_a_tombstone_and_opens_no_door),
        cmocka_unit_test(remove_of_a_device_with_labels_leaves_them_and_no_tombstone),
        cmocka_unit_test(remove_does_not_shorten_a_cool_down),
        cmocka_unit_test(rename_is_no_decision_on_access),
        cmocka_unit_test(request_decisions_touch_only_the_request),
        cmocka_unit_test(audit_row_tells_the_whole_decision),
        cmocka_unit_test(audit_detail_counts_the_scopes_it_has_no_room_for),
    };
    return cmocka_run_group_tests_name("pairing_decisions", tests, NULL, NULL);
}
