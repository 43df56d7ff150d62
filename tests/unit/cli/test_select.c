/* Who is meant: by what was typed, and by choosing from a list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_openclaw.h"
#include "tests/unit/cli/cli_fixture.h"

static int reset(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static void an_unknown_id_is_exit_3_with_the_closest(void **state)
{
    (void)state;
    struct ran ran = RUN("devices", "show", "db-2");
    assert_int_equal(ran.code, EXIT_NOT_FOUND);
    assert_contains(ran.err, "db-2");
    assert_contains(ran.err, "the closest there is:  db-1");
    ran_free(&ran);
}

static void a_request_that_is_not_open_may_be_decided(void **state)
{
    (void)state;
    struct ran ran = RUN("devices", "approve", "ABCDEFGHJK");
    assert_int_equal(ran.code, EXIT_NOT_FOUND);
    assert_contains(ran.err, "no request ABCDEFGHJK is open; it may be decided already");
    ran_free(&ran);
}

static void an_ambiguous_prefix_is_listed_and_exit_2(void **state)
{
    (void)state;
    struct ran ran = RUN("devices", "approve", "7QK", "--code", "4821-7730");
    assert_int_equal(ran.code, EXIT_USAGE);
    assert_contains(ran.err, FAKE_PENDING_REQUEST);
    assert_contains(ran.err, FAKE_SECOND_REQUEST);
    assert_string_equal(ran.out, "");
    assert_int_equal(fake.n_decisions, 0);
    ran_free(&ran);
}

static void a_replaced_request_is_exit_6_with_the_one_that_stands(void **state)
{
    (void)state;
    struct ran ran = RUN("devices", "approve", FAKE_REPLACED_REQUEST);
    assert_int_equal(ran.code, EXIT_CONFLICT);
    assert_contains(ran.err, "was replaced by " FAKE_PENDING_REQUEST);
    assert_int_equal(fake.n_decisions, 0);
    ran_free(&ran);
}

static void a_closed_request_is_exit_6_with_how_it_ended(void **state)
{
    (void)state;
    struct ran ran = RUN("devices", "approve", FAKE_CLOSED_REQUEST);
    assert_int_equal(ran.code, EXIT_CONFLICT);
    assert_contains(ran.err, "request " FAKE_CLOSED_REQUEST " is no longer open: it was rejected\n"
                             "  see who waits now:  openclaw pairing list\n");
    assert_int_equal(fake.n_decisions, 0);
    ran_free(&ran);
}

static void without_a_terminal_approve_needs_an_id(void **state)
{
    (void)state;
    struct ran approve = RUN("devices", "approve");
    struct ran pairing = RUN("pairing", "list", "--approve");
    struct ran yes = RUN("devices", "approve", "--yes");
    assert_int_equal(approve.code, EXIT_USAGE);
    assert_int_equal(pairing.code, EXIT_USAGE);
    assert_int_equal(yes.code, EXIT_USAGE);
    assert_contains(approve.err, "openclaw devices approve REQUEST");
    assert_int_equal(fake.n_decisions, 0);
    ran_free(&approve);
    ran_free(&pairing);
    ran_free(&yes);
}

static void choosing_by_number_shows_everything_and_asks(void **state)
{
    (void)state;
    struct ran ran = RUN_TYPING("1\ny\n", "devices", "approve");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_golden("approve.interactive", ran.err);
    assert_contains(ran.out, "approved " FAKE_PENDING_ID);
    assert_string_equal(fake.last_decision.request_id.text, FAKE_PENDING_REQUEST);
    assert_int_equal(fake.last_decision.ask_digest.bytes[0], FAKE_PENDING_REQUEST[3]);
    ran_free(&ran);
}

static void choosing_by_request_id_works_from_the_pairing_list_too(void **state)
{
    (void)state;
    struct ran ran = RUN_TYPING("7qk9zzzzzz\nyes\n", "pairing", "list", "--approve");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_string_equal(fake.last_decision.request_id.text, FAKE_SECOND_REQUEST);
    ran_free(&ran);
}

static void an_upgrade_shows_what_would_change(void **state)
{
    (void)state;
    struct ran ran = RUN_TYPING("n\n", "devices", "approve", FAKE_UPGRADE_REQUEST);
    assert_contains(ran.err, "changes    + scope tools");
    assert_contains(ran.err, "has        role agent, scopes chat");
    ran_free(&ran);
}

static void what_is_not_on_the_list_is_asked_again(void **state)
{
    (void)state;
    struct ran ran = RUN_TYPING("9\n0\n-1\n1x\nq\n", "devices", "approve");
    assert_int_equal(ran.code, EXIT_USAGE);
    assert_contains(ran.err, "9 is not on the list.");
    assert_contains(ran.err, "1x is not on the list.");
    assert_int_equal(fake.n_decisions, 0);
    ran_free(&ran);
}

static void nothing_but_yes_approves(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "1\n", "1\n\n", "1\nn\n",   "1\nyeah\n", "1\n1\n",      "\n",
        "",    "q\n",   "1\n ny\n", "1\nY es\n", "1\n1234567\n"};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        fake_reset();
        struct ran ran = RUN_TYPING(answers[i], "devices", "approve");
        assert_int_equal(ran.code, EXIT_USAGE);
        assert_int_equal(fake.n_decisions, 0);
        assert_string_equal(ran.out, "");
        ran_free(&ran);
    }
}

static void the_code_typed_at_the_question_is_checked(void **state)
{
    (void)state;
    struct ran right = RUN_TYPING("1\n4821-7730\n", "devices", "approve");
    assert_int_equal(right.code, EXIT_DONE);
    assert_string_equal(fake.last_decision.code, FAKE_CODE);
    fake_reset();
    struct ran wrong = RUN_TYPING("1\n4821-7731\n", "devices", "approve");
    assert_int_equal(wrong.code, EXIT_CONFLICT);
    assert_contains(wrong.err, "wrong pairing code");
    ran_free(&right);
    ran_free(&wrong);
}

static void nobody_waiting_is_said(void **state)
{
    (void)state;
    fake.n_devices = 0;
    struct ran ran = RUN_TYPING("1\n", "devices", "approve");
    assert_int_equal(ran.code, EXIT_NOT_FOUND);
    assert_contains(ran.err, "no request is waiting");
    ran_free(&ran);
}

static void a_request_replaced_while_it_is_looked_at_is_exit_6(void **state)
{
    (void)state;
    fake.replaces_on_decision = true;
    struct ran ran = RUN_TYPING("1\ny\n", "devices", "approve");
    assert_int_equal(ran.code, EXIT_CONFLICT);
    assert_contains(ran.err, "openclaw devices approve " FAKE_SECOND_REQUEST);
    ran_free(&ran);
}

static void revoke_and_block_let_a_person_choose(void **state)
{
    (void)state;
    struct ran revoke = RUN_TYPING("db-1\ny\n", "devices", "revoke");
    assert_int_equal(revoke.code, EXIT_DONE);
    assert_int_equal(fake.last_decision.kind, OC_REVOKE);
    assert_contains(revoke.err, "Revoke device " FAKE_APPROVED_ID "?\n  it is db-1\n");
    assert_contains(revoke.out, "revoked " FAKE_APPROVED_ID "\n  db-1  its connection is closed");
    struct ran block = RUN_TYPING("2\ny\n", "devices", "block");
    assert_int_equal(block.code, EXIT_DONE);
    assert_int_equal(fake.last_decision.kind, OC_BLOCK);
    struct ran quit = RUN_TYPING("q\n", "devices", "revoke");
    assert_int_equal(quit.code, EXIT_USAGE);
    ran_free(&revoke);
    ran_free(&block);
    ran_free(&quit);
}

static void nothing_but_yes_revokes(void **state)
{
    (void)state;
    static const char *const answers[] = {"db-1\n", "db-1\n\n", "db-1\nyeah\n", "db-1\nn\n", ""};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct ran ran = RUN_TYPING(answers[i], "devices", "revoke");
        assert_int_equal(ran.code, EXIT_USAGE);
        assert_int_equal(fake.n_decisions, 0);
        ran_free(&ran);
    }
}

static void what_a_device_claims_cannot_forge_the_list(void **state)
{
    (void)state;
    struct ran ran = RUN_TYPING("q\n", "devices", "revoke");
    assert_null(strchr(ran.err, '\x1b'));
    assert_contains(ran.err, "\\x0A");
    ran_free(&ran);
}

static void an_actor_of_no_kind_is_told_how_actors_are_called(void **state)
{
    (void)state;
    static const struct oc_audit_record none;
    fake.audit = &none;
    struct ran ran = RUN("audit", "list", "--actor", "bob");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(ran.err, "No audit records.");
    assert_contains(ran.err, "openclaw audit list --actor admin:bob\n");
    ran_free(&ran);
    ran = RUN("audit", "list", "--actor", "1000");
    assert_contains(ran.err, "openclaw audit list --actor uid:1000\n");
    ran_free(&ran);
    ran = RUN("audit", "list", "--actor", "admin:bob");
    assert_string_equal(ran.err, "No audit records.\n");
    ran_free(&ran);
    ran = RUN("audit", "list", "--actor", "gateway");
    assert_string_equal(ran.err, "No audit records.\n");
    ran_free(&ran);
}

static void a_filter_of_the_audit_goes_to_the_gateway_as_it_was_typed(void **state)
{
    (void)state;
    struct ran ran =
        RUN("audit", "list", "--action", "revoke", "--actor", "uid:7", "--outcome", "done",
            "--request", "7qk4m2t9xa", "--since", "2026-01-31", "--before", "1h", "--to-seq", "99");
    const struct oc_audit_filter *filter = &fake.audit_filter;
    assert_int_equal(ran.code, EXIT_DONE);
    assert_string_equal(filter->action, "revoke");
    assert_string_equal(filter->actor, "uid:7");
    assert_string_equal(filter->outcome, "done");
    assert_string_equal(filter->request_id.text, "7QK4M2T9XA");
    assert_int_equal(filter->since_ms, 1769817600000);
    assert_int_equal(filter->until_ms, FAKE_NOW_MS - 3600 * 1000);
    assert_int_equal(filter->last_seq, 99);
    ran_free(&ran);
    ran = RUN("audit", "list", "--since", "yesterday");
    assert_int_equal(ran.code, EXIT_USAGE);
    ran_free(&ran);
    ran = RUN("audit", "list", "--request", "7QK4");
    assert_int_equal(ran.code, EXIT_USAGE);
    ran_free(&ran);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_unknown_id_is_exit_3_with_the_closest, reset),
        cmocka_unit_test_setup(a_request_that_is_not_open_may_be_decided, reset),
        cmocka_unit_test_setup(an_ambiguous_prefix_is_listed_and_exit_2, reset),
        cmocka_unit_test_setup(a_replaced_request_is_exit_6_with_the_one_that_stands, reset),
        cmocka_unit_test_setup(a_closed_request_is_exit_6_with_how_it_ended, reset),
        cmocka_unit_test_setup(without_a_terminal_approve_needs_an_id, reset),
        cmocka_unit_test_setup(choosing_by_number_shows_everything_and_asks, reset),
        cmocka_unit_test_setup(choosing_by_request_id_works_from_the_pairing_list_too, reset),
        cmocka_unit_test_setup(an_upgrade_shows_what_would_change, reset),
        cmocka_unit_test_setup(what_is_not_on_the_list_is_asked_again, reset),
        cmocka_unit_test_setup(nothing_but_yes_approves, reset),
        cmocka_unit_test_setup(the_code_typed_at_the_question_is_checked, reset),
        cmocka_unit_test_setup(nobody_waiting_is_said, reset),
        cmocka_unit_test_setup(a_request_replaced_while_it_is_looked_at_is_exit_6, reset),
        cmocka_unit_test_setup(revoke_and_block_let_a_person_choose, reset),
        cmocka_unit_test_setup(nothing_but_yes_revokes, reset),
        cmocka_unit_test_setup(what_a_device_claims_cannot_forge_the_list, reset),
        cmocka_unit_test_setup(an_actor_of_no_kind_is_told_how_actors_are_called, reset),
        cmocka_unit_test_setup(a_filter_of_the_audit_goes_to_the_gateway_as_it_was_typed, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
