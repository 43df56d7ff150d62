/* Announced devices, terms, pairing switched off, quarantine; due times, invariants, ask bytes. */
#include "support.h"

static struct pairing announced(const char *scopes)
{
    struct pairing pairing = stranger();
    struct pairing_event event = decision(&pairing, PAIRING_EV_EXPECT);
    event.approves = true;
    event.grant = grant(scopes);
    event.labels = label("site", "berlin");
    event.term_ms = DAY;
    memcpy(event.alias, "web", sizeof "web");
    expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    return pairing;
}

static void announced_device_is_approved_at_its_first_connect(void **state)
{
    (void)state;
    struct pairing pairing = announced("chat,tools");
    struct pairing_event event = connect(&pairing, "chat");
    event.is_over_cap = true; /* its place is reserved */
    struct pairing_decision made = expect_outcome(&pairing, &event, T0 + HOUR, PAIRING_SESSION);
    struct oc_grant given = grant("chat");
    assert_true(oc_grant_equal(&made.grant, &given)); /* never more than asked */
    assert_true(oc_grant_equal(&pairing.granted, &given));
    assert_int_equal(pairing.standing, OC_STANDING_APPROVED);
    assert_int_equal(pairing.term_ends_ms, T0 + HOUR + DAY);
    assert_string_equal(pairing.labels.items[0].value, "berlin");
    assert_string_equal(pairing.alias, "web");
    assert_string_equal(pairing.claimed_name, "web-1");
    assert_false(pairing.expectation.is_set);
    assert_true(made.changed && made.is_audited);
    assert_string_equal(made.audit.action, "approve");
    assert_string_equal(made.audit.outcome, "done");
    assert_string_equal(made.audit.rule, "expected");
    assert_true(oc_request_id_equal(&made.audit.request_id, &event.request_id));
    assert_string_equal(
        made.audit.detail,
        "until_ms=91000000 role=agent scopes=chat name=web-1 labels= purpose=testing");
}

static void nothing_is_opened_or_approved_while_nothing_can_be_written(void **state)
{
    (void)state;
    struct pairing pairing = announced("chat,tools");
    struct pairing_event event = connect(&pairing, "chat");
    event.is_read_only = true;
    struct pairing_decision made = expect_outcome(&pairing, &event, T0, PAIRING_REFUSED_BUSY);
    assert_true(made.retry_after_ms > 0);
    assert_false(made.changed);
    connects(&pairing, "chat", T0, PAIRING_SESSION);
    event = connect(&pairing, "chat,tools,admin"); /* more than was asked: served as it was */
    event.is_read_only = true;
    made = expect_outcome(&pairing, &event, T0, PAIRING_SESSION);
    assert_false(made.changed);
    connects(&pairing, "chat,tools,admin", T0, PAIRING_SESSION);
    assert_true(pairing.request.is_open);
    event = connect(&pairing, "more"); /* nor is one request replaced by another */
    event.is_read_only = true;
    made = expect_outcome(&pairing, &event, T0 + HOUR, PAIRING_SESSION);
    assert_false(made.changed);
}

static void announced_device_that_asks_for_more_is_an_ordinary_request(void **state)
{
    (void)state;
    struct pairing pairing = announced("chat");
    struct pairing_event event = connect(&pairing, "chat,tools");
    event.is_over_cap = true;
    struct pairing_decision made = expect_outcome(&pairing, &event, T0, PAIRING_PENDING);
    assert_true(pairing.request.is_open && pairing.expectation.is_set);
    assert_false(made.is_audited);
    connects(&pairing, "chat", T0 + HOUR, PAIRING_SESSION);
    assert_false(pairing.request.is_open);
}

static void announced_place_is_never_shed_and_ends_after_seven_days(void **state)
{
    (void)state;
    struct pairing pairing = announced("chat");
    connects(&pairing, "tools", T0, PAIRING_PENDING);
    assert_false(decides(&pairing, PAIRING_EV_SHED, T0, PAIRING_DONE).changed);
    assert_false(
        decides(&pairing, PAIRING_EV_EXPECT_END, T0 + 7 * (int64_t)DAY - 1, PAIRING_DONE).changed);
    struct pairing late = pairing;
    connects(&late, "chat", T0 + 7 * (int64_t)DAY, PAIRING_PENDING); /* nobody raised the end yet */
    assert_true(
        decides(&pairing, PAIRING_EV_EXPECT_END, T0 + 7 * (int64_t)DAY, PAIRING_DONE).changed);
    assert_true(decides(&pairing, PAIRING_EV_SHED, T0 + 7 * (int64_t)DAY, PAIRING_DONE).changed);
}

static void announcement_opens_the_cool_down(void **state)
{
    (void)state;
    struct pairing pairing = revoked("chat");
    struct pairing_event event = decision(&pairing, PAIRING_EV_EXPECT);
    expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    connects(&pairing, "chat", T0, PAIRING_PENDING);
}

static void announcement_of_an_approved_device_widens_nothing(void **state)
{
    (void)state;
    struct pairing pairing = approved("chat");
    struct pairing_event event = decision(&pairing, PAIRING_EV_EXPECT);
    event.approves = true;
    event.grant = grant("chat,tools");
    expect_outcome(&pairing, &event, T0, PAIRING_TOO_WIDE);
    event.grant = grant("chat");
    assert_false(expect_outcome(&pairing, &event, T0, PAIRING_DONE).changed);
}

static void withdrawals_take_back_an_announcement(void **state)
{
    (void)state;
    struct pairing pairing = announced("chat");
    decides(&pairing, PAIRING_EV_BLOCK, T0, PAIRING_DONE);
    decides(&pairing, PAIRING_EV_UNBLOCK, T0, PAIRING_DONE);
    connects(&pairing, "chat", T0, PAIRING_PENDING);
    pairing = announced("chat");
    decides(&pairing, PAIRING_EV_REMOVE, T0, PAIRING_DONE);
    connects(&pairing, "chat", T0, PAIRING_PENDING);
}

static void term_ends_the_session_and_starts_no_cool_down(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    event.term_ms = 8 * HOUR;
    expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    assert_true(pairing_may_serve(&pairing, T0 + 8 * HOUR - 1));
    assert_false(pairing_may_serve(&pairing, T0 + 8 * HOUR));
    assert_false(decides(&pairing, PAIRING_EV_TERM_END, T0 + 8 * HOUR - 1, PAIRING_DONE).changed);

    struct pairing unraised = pairing;
    connects(&unraised, "chat", T0 + 8 * HOUR, PAIRING_REFUSED_BUSY);

    struct pairing_event end = decision(&pairing, PAIRING_EV_TERM_END);
    end.actor = (struct audit_actor){.name = "gateway", .source = "local"};
    struct pairing_decision made = expect_outcome(&pairing, &end, T0 + 8 * HOUR, PAIRING_DONE);
    assert_true(made.is_audited);
    assert_string_equal(made.audit.action, "term_end");
    assert_string_equal(pairing.decided_by, "gateway");
    made = connects(&pairing, "chat", T0 + 8 * HOUR, PAIRING_PENDING);
    assert_int_equal(made.why, OC_WHY_REVOKED);
}

static void endless_term_does_not_overflow(void **state)
{
    (void)state;
    struct pairing pairing = pending("chat");
    struct pairing_event event = decision(&pairing, PAIRING_EV_APPROVE);
    event.term_ms = INT64_MAX;
    expect_outcome(&pairing, &event, T0, PAIRING_DONE);
    assert_true(pairing.term_ends_ms == INT64_MAX);
    assert_true(pairing_may_serve(&pairing, T0));
}

static void pairing_switched_off_gives_a_session_and_writes_nothing(void **state)
{
    (void)state;
    struct pairing pairing = stranger();
    struct pairing_event event = connect(&pairing, "chat,tools");
    event.pairs_everyone = true;
    event.grant = grant("chat");
    struct pairing_decision made = expect_outcome(&pairing, &event, T0, PAIRING_SESSION);
    assert_true(oc_grant_equal(&made.grant, &event.grant));
    assert_false(made.changed || made.is_audited);
    assert_false(pairing_may_serve(&made.next, T0));
    assert_true(pairing_may_serve_unpaired(&made.next, T0));
}

static void pairing_switched_off_does_not_undo_decisions(void **state)
{
    (void)state;
    struct pairing pairing = revoked("chat");
    struct pairing_event event = connect(&pairing, "chat");
    event.pairs_everyone = true;
    event.grant = grant("chat");
    expect_outcome(&pairing, &event, T0, PAIRING_REFUSED_REVOKED);
    expect_outcome(&pairing, &event, T0 + MINUTE, PAIRING_PENDING);
    assert_false(pairing_may_serve_unpaired(&pairing, T0 + MINUTE));

    pairing = pending("chat");
    decides(&pairing, PAIRING_EV_REJECT, T0, PAIRING_DONE);
    assert_false(pairing_may_serve_unpaired(&pairing, T0));
    expect_outcome(&pairing, &event, T0, PAIRING_REFUSED_REJECTED);
    expect_outcome(&pairing, &event, T0 + MINUTE, PAIRING_SESSION);

    pairing = approved("tools");
    struct pairing_decision made = expect_outcome(&pairing, &event, T0, PAIRING_SESSION);
    assert_true(oc_grant_equal(&made.grant, &pairing.granted));

    pairing = blocked();
    assert_false(pairing_may_serve_unpaired(&pairing, T0));
}

static void quarantined_record_gets_no_session_and_asks_anew(void **state)
{
    (void)state;
    struct pairing pairing = approved("chat");
    pairing.is_quarantined = true;
    assert_false(pairing_may_serve(&pairing, T0));
    assert_int_not_equal(pairing_state(&pairing), OC_STATE_APPROVED);
    struct pairing_event event = connect(&pairing, "chat");
    event.pairs_everyone = true;
    struct pairing_decision made = expect_outcome(&pairing, &event, T0, PAIRING_PENDING);
    assert_int_equal(made.why, OC_WHY_RECORDS_RESET);
    assert_true(pairing.is_quarantined);

    struct pairing reloaded = pairing; /* as if the flag had been lost on the way to disk */
    reloaded.is_quarantined = false;
    assert_false(pairing_may_serve(&reloaded, T0));

    decides(&pairing, PAIRING_EV_APPROVE, T0, PAIRING_DONE);
    assert_false(pairing.is_quarantined);
    assert_true(pairing_may_serve(&pairing, T0));
}

static void quarantine_ends_by_block_remove_and_revoke_too(void **state)
{
    (void)state;
    const enum pairing_event_kind kinds[] = {PAIRING_EV_BLOCK, PAIRING_EV_REMOVE,
                                             PAIRING_EV_REVOKE};
    for (size_t i = 0; i < 3; i++) {
        struct pairing pairing = approved("chat");
        pairing.is_quarantined = true;
        assert_true(decides(&pairing, kinds[i], T0, PAIRING_DONE).changed);
        assert_false(pairing.is_quarantined);
        assert_false(pairing_may_serve(&pairing, T0));
    }
    struct pairing pairing = blocked();
    pairing.is_quarantined = true;
    connects(&pairing, "chat", T0, PAIRING_REFUSED_BLOCKED);
    assert_true(decides(&pairing, PAIRING_EV_BLOCK, T0, PAIRING_DONE).changed);
    assert_false(pairing.is_quarantined);
}

/* Whoever edited the row wrote these, too. */
static void quarantined_words_count_for_nothing_and_survive_no_decision(void **state)
{
    (void)state;
    const enum pairing_event_kind kinds[] = {PAIRING_EV_APPROVE, PAIRING_EV_REVOKE,
                                             PAIRING_EV_BLOCK, PAIRING_EV_EXPECT,
                                             PAIRING_EV_DISMISS};
    for (size_t i = 0; i < 5; i++) {
        struct pairing pairing = approved("chat");
        connects(&pairing, "chat,tools", T0, PAIRING_SESSION);
        pairing.labels = label("env", "prod");
        strcpy(pairing.alias, "build-1");
        strcpy(pairing.decided_by, "admin:alice");
        pairing.is_quarantined = true;
        assert_true(decides(&pairing, kinds[i], T0 + SECOND, PAIRING_DONE).changed);
        assert_int_equal(pairing.labels.n, 0);
        assert_string_equal(pairing.alias, "");
        assert_string_not_equal(pairing.decided_by, "admin:alice");
        assert_string_equal(pairing.asked.role, i == 0 ? "agent" : "");
    }
}

static void forged_announcement_of_a_quarantined_record_approves_nothing(void **state)
{
    (void)state;
    struct pairing pairing = announced("chat");
    pairing.is_quarantined = true;
    connects(&pairing, "chat", T0, PAIRING_PENDING);
    assert_false(pairing.expectation.is_set);
}

static void quarantined_garbage_is_decided_on_safely(void **state)
{
    (void)state;
    for (int kind = 0; kind < PAIRING_EV_COUNT; kind++) {
        struct pairing pairing;
        memset(&pairing, 0xff, sizeof pairing);
        pairing.request.is_open = true;
        pairing.expectation.is_set = true;
        pairing.expectation.approves = true;
        pairing.is_removed = true;
        pairing.is_quarantined = true;
        pairing.generation = 3;
        pairing.standing = OC_STANDING_APPROVED;
        assert_false(pairing_is_consistent(&pairing));
        enum pairing_event_kind due = PAIRING_EV_COUNT;
        assert_int_equal(pairing_next_due(&pairing, &hourly, &due), 0);
        struct pairing_event event = kind == PAIRING_EV_CONNECT
                                         ? connect(&pairing, "chat")
                                         : (struct pairing_event){.kind = (unsigned)kind};
        struct pairing_decision made = pairing_decide(&pairing, &event, &hourly, T0);
        assert_true(pairing_is_consistent(&made.next));
        assert_int_not_equal(made.next.standing, OC_STANDING_APPROVED);
    }
}

static void what_is_due_next_is_the_earliest_and_moves_on_when_raised(void **state)
{
    (void)state;
    enum pairing_event_kind kind = PAIRING_EV_COUNT;
    struct pairing pairing = stranger();
    assert_int_equal(pairing_next_due(&pairing, &hourly, &kind), 0);
    pairing = announced("chat");
    assert_int_equal(pairing_next_due(&pairing, &hourly, &kind), T0 + 7 * (int64_t)DAY);
    assert_int_equal(kind, PAIRING_EV_EXPECT_END);
    connects(&pairing, "tools", T0, PAIRING_PENDING);
    assert_int_equal(pairing_next_due(&pairing, &hourly, &kind), T0 + HOUR);
    assert_int_equal(kind, PAIRING_EV_EXPIRE);
    connects(&pairing, "chat", T0, PAIRING_SESSION);
    assert_int_equal(pairing_next_due(&pairing, &hourly, &kind), T0 + DAY);
    assert_int_equal(kind, PAIRING_EV_TERM_END);
    while (true) {
        int64_t due_ms = pairing_next_due(&pairing, &hourly, &kind);
        if (due_ms == 0) {
            break;
        }
        assert_true(decides(&pairing, kind, due_ms, PAIRING_DONE).changed);
    }
    pairing = announced("chat");
    pairing.is_quarantined = true;
    assert_int_equal(pairing_next_due(&pairing, &hourly, &kind), 0);
}

static void impossible_records_are_inconsistent(void **state)
{
    (void)state;
    struct pairing good = approved("chat");
    assert_true(pairing_is_consistent(&good));
    struct pairing bad = good;
    bad.granted = grant("chat,tools");
    assert_false(pairing_is_consistent(&bad));
    bad = good;
    bad.standing = OC_STANDING_NONE;
    assert_false(pairing_is_consistent(&bad));
    bad = good;
    bad.granted = (struct oc_grant){.role = ""};
    assert_false(pairing_is_consistent(&bad));
    bad = good;
    bad.generation = 0;
    assert_false(pairing_is_consistent(&bad));
    bad = good;
    bad.is_removed = true;
    assert_false(pairing_is_consistent(&bad));
    bad = good;
    bad.asked.n_scopes = OC_MAX_SCOPES + 1;
    assert_false(pairing_is_consistent(&bad));
    bad = good;
    memset(bad.alias, 'x', sizeof bad.alias);
    assert_false(pairing_is_consistent(&bad));
    bad = blocked();
    bad.request.is_open = true;
    assert_false(pairing_is_consistent(&bad));
    bad = pending("chat");
    bad.replaced[0] = bad.request.id;
    assert_false(pairing_is_consistent(&bad));
    bad = pending("chat");
    bad.request.id.text[0] = '\0';
    assert_false(pairing_is_consistent(&bad));
    bad = pending("chat");
    bad.expectation.approves = true;
    assert_false(pairing_is_consistent(&bad));
    bad = pending("chat");
    bad.cool_down_step = 7;
    assert_false(pairing_is_consistent(&bad));
}

static void ask_bytes_are_as_documented(void **state)
{
    (void)state;
    struct oc_device_id id = device(1);
    struct ask wanted = {.grant = grant("chat"), .name = "n", .labels = label("k", "v")};
    memcpy(wanted.purpose, "p", sizeof "p");
    uint8_t bytes[PAIRING_ASK_BYTES];
    size_t n = pairing_ask_bytes(&id, &wanted, bytes);
    static const char head[] = "openclaw ask v1";
    static const char tail[] = "\5agent\1\4chat\1n\1\1k\1v\1p";
    assert_int_equal(n, sizeof head + sizeof id.bytes + sizeof tail - 1);
    assert_memory_equal(bytes, head, sizeof head);
    assert_memory_equal(bytes + sizeof head, id.bytes, sizeof id.bytes);
    assert_memory_equal(bytes + sizeof head + sizeof id.bytes, tail, sizeof tail - 1);
}

static void largest_ask_fits_its_bytes(void **state)
{
    (void)state;
    struct oc_device_id id = device(1);
    struct ask wanted;
    memset(&wanted, 'x', sizeof wanted);
    wanted.grant.role[OC_MAX_ROLE_BYTES] = '\0';
    wanted.grant.n_scopes = OC_MAX_SCOPES;
    wanted.labels.n = OC_MAX_LABELS;
    wanted.name[OC_MAX_NAME_BYTES] = '\0';
    wanted.purpose[OC_MAX_PURPOSE_BYTES] = '\0';
    for (size_t i = 0; i < OC_MAX_SCOPES; i++) {
        wanted.grant.scopes[i][OC_MAX_SCOPE_BYTES] = '\0';
    }
    for (size_t i = 0; i < OC_MAX_LABELS; i++) {
        wanted.labels.items[i].key[OC_MAX_LABEL_KEY_BYTES] = '\0';
        wanted.labels.items[i].value[OC_MAX_LABEL_VALUE_BYTES] = '\0';
    }
    uint8_t bytes[PAIRING_ASK_BYTES];
    assert_true(pairing_ask_bytes(&id, &wanted, bytes) < PAIRING_ASK_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(announced_device_is_approved_at_its_first_connect),
        cmocka_unit_test(nothing_is_opened_or_approved_while_nothing_can_be_written),
        cmocka_unit_test(announced_device_that_asks_for_more_is_an_ordinary_request),
        cmocka_unit_test(announced_place_is_never_shed_and_ends_after_seven_days),
        cmocka_unit_test(announcement_opens_the_cool_down),
        cmocka_unit_test(announcement_of_an_approved_device_widens_nothing),
        cmocka_unit_test(withdrawals_take_back_an_announcement),
        cmocka_unit_test(term_ends_the_session_and_starts_no_cool_down),
        cmocka_unit_test(endless_term_does_not_overflow),
        cmocka_unit_test(pairing_switched_off_gives_a_session_and_writes_nothing),
        cmocka_unit_test(pairing_switched_off_does_not_undo_decisions),
        cmocka_unit_test(quarantined_record_gets_no_session_and_asks_anew),
        cmocka_unit_test(quarantine_ends_by_block_remove_and_revoke_too),
        cmocka_unit_test(quarantined_words_count_for_nothing_and_survive_no_decision),
        cmocka_unit_test(forged_announcement_of_a_quarantined_record_approves_nothing),
        cmocka_unit_test(quarantined_garbage_is_decided_on_safely),
        cmocka_unit_test(what_is_due_next_is_the_earliest_and_moves_on_when_raised),
        cmocka_unit_test(impossible_records_are_inconsistent),
        cmocka_unit_test(ask_bytes_are_as_documented),
        cmocka_unit_test(largest_ask_fits_its_bytes),
    };
    return cmocka_run_group_tests_name("pairing_special", tests, NULL, NULL);
}
