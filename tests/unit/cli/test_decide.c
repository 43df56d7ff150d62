/* Decisions off a terminal: what they need, what they send, what they print. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/decide.h"
#include "tests/support/fake_openclaw.h"
#include "tests/unit/cli/cli_fixture.h"

static int reset(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static void off_a_terminal_only_a_full_request_id_approves(void **state)
{
    (void)state;
    static const char *const inexact[] = {FAKE_PENDING_ID, "7QK4", FAKE_APPROVED_ALIAS};
    for (size_t i = 0; i < sizeof inexact / sizeof inexact[0]; i++) {
        struct ran plain = RUN("devices", "approve", inexact[i]);
        struct ran yes = RUN("devices", "approve", inexact[i], "--yes");
        assert_int_equal(plain.code, EXIT_USAGE);
        assert_int_equal(yes.code, EXIT_USAGE);
        assert_contains(plain.err, i == 2 ? FAKE_UPGRADE_REQUEST : FAKE_PENDING_REQUEST);
        assert_int_equal(fake.n_decisions, 0);
        ran_free(&plain);
        ran_free(&yes);
    }
    struct ran exact = RUN("devices", "approve", "7qk4m2t9xa");
    assert_int_equal(exact.code, EXIT_DONE);
    ran_free(&exact);
}

static void with_the_code_a_prefix_is_enough(void **state)
{
    (void)state;
    struct ran ran = RUN("devices", "approve", "7QK4", "--code", "4821-7730");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_string_equal(fake.last_decision.code, FAKE_CODE);
    assert_string_equal(fake.last_decision.request_id.text, FAKE_PENDING_REQUEST);
    ran_free(&ran);
}

static void a_wrong_code_is_exit_6(void **state)
{
    (void)state;
    struct ran ran = RUN("devices", "approve", "7QK4", "--code", "0000-0000", "--json");
    assert_int_equal(ran.code, EXIT_CONFLICT);
    assert_contains(ran.out, "\"cause\":\"code_wrong\"");
    assert_contains(ran.err, "with what the agent shows");
    ran_free(&ran);
}

static void codes_are_eight_digits_with_or_without_the_dash(void **state)
{
    (void)state;
    char out[OC_CODE_DIGITS + 1] = "kept";
    static const char *const wrong[] = {"",           "4821773",   "482177300", "4821-773O",
                                        "48-217730",  "4821--773", "y",         "-48217730",
                                        "4821-7730-", "4821 77 30"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(decision_read_code(wrong[i], out));
        assert_string_equal(out, "kept");
    }
    assert_true(decision_read_code("48217730", out));
    assert_true(decision_read_code("4821 7730", out));
    assert_true(decision_read_code("4821-7730", out));
    assert_string_equal(out, "48217730");
}

static void a_vote_is_told_and_is_exit_9(void **state)
{
    (void)state;
    fake.vote = (struct oc_decision_result){
        .n_votes = 1, .n_votes_needed = 3, .n_votes_for_else = 1, .is_vote = true};
    struct ran ran = RUN("devices", "approve", FAKE_PENDING_REQUEST);
    assert_int_equal(ran.code, EXIT_STILL_PENDING);
    assert_contains(ran.out, "voted " FAKE_PENDING_ID);
    assert_contains(ran.out, "1 of 3 votes, not approved yet");
    assert_contains(ran.err, "2 more must agree:  openclaw devices approve " FAKE_PENDING_REQUEST);
    assert_contains(ran.err, "1 voted for another grant of this device, which does not add up");
    assert_contains(ran.err, "openclaw audit list --request " FAKE_PENDING_REQUEST " -o wide\n");
    ran_free(&ran);
    ran = RUN("devices", "approve", FAKE_PENDING_REQUEST, FAKE_SECOND_REQUEST, "--json");
    assert_int_equal(ran.code, EXIT_STILL_PENDING);
    assert_contains(ran.out, "\"ok\":false,\"exit_code\":9,\"cause\":null,\"message\":\"voted\"");
    ran_free(&ran);
    ran = RUN("devices", "approve", FAKE_PENDING_REQUEST, "-o", "name");
    assert_int_equal(ran.code, EXIT_STILL_PENDING);
    assert_string_equal(ran.out, "");
    ran_free(&ran);
    ran = RUN("devices", "approve", FAKE_PENDING_REQUEST, "nobody");
    assert_int_equal(ran.code, EXIT_SOME_FAILED);
    ran_free(&ran);
}

static void a_vote_names_the_command_that_agrees_with_it(void **state)
{
    (void)state;
    fake.vote = (struct oc_decision_result){.n_votes = 1, .n_votes_needed = 2, .is_vote = true};
    struct ran ran = RUN("devices", "approve", FAKE_PENDING_REQUEST, "--for", "8h", "--role",
                         "agent", "--scope", "tools,chat", "--label", "site=berlin mitte",
                         "--label", "env=prod", "--reason", "asked by phone", "--alias", "shop");
    assert_contains(ran.err, "1 more must agree:  openclaw devices approve " FAKE_PENDING_REQUEST
                             " --role agent --scope chat --scope tools --label env=prod"
                             " --label 'site=berlin mitte' --for 8h\n");
    ran_free(&ran);
    ran = RUN("devices", "approve", FAKE_PENDING_REQUEST, "--until", "2026-11-22T13:00:00.250Z");
    assert_contains(ran.err, "approve " FAKE_PENDING_REQUEST " --for 3600250ms\n");
    ran_free(&ran);
}

static void break_glass_needs_a_reason_and_is_told_loudly(void **state)
{
    (void)state;
    struct ran ran = RUN("devices", "approve", FAKE_PENDING_REQUEST, "--break-glass");
    assert_int_equal(ran.code, EXIT_USAGE);
    assert_contains(ran.err, "--reason");
    assert_int_equal(fake.n_decisions, 0);
    ran_free(&ran);
    fake.vote = (struct oc_decision_result){.n_votes = 1, .n_votes_needed = 2, .broke_glass = true};
    ran = RUN("devices", "approve", FAKE_PENDING_REQUEST, "--break-glass", "--reason", "down");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_int_equal(fake.last_decision.breaks_glass, 1);
    assert_contains(ran.out, "approved " FAKE_PENDING_ID);
    assert_contains(ran.err, "break-glass: approved with 1 of 2 votes");
    ran_free(&ran);
}

static void the_votes_of_a_request_are_shown_with_whose_they_are(void **state)
{
    (void)state;
    fake.devices[0].n_votes_needed = 2;
    fake.devices[0].n_votes = 1;
    fake.votes = (struct oc_votes){
        .n_needed = 2,
        .n_for_one = 1,
        .n = 2,
        .items = {{.by = "admin:alice", .at_ms = FAKE_NOW_MS - 60000},
                  {.by = "uid:\033[31m0", .at_ms = FAKE_NOW_MS, .is_otherwise = true}}};
    struct ran ran = RUN("devices", "show", FAKE_PENDING_REQUEST);
    assert_contains(ran.out, "votes      1 of 2\n");
    assert_contains(ran.out, "admin:alice, 60s ago\n");
    assert_contains(ran.out, "for another grant than what is asked");
    assert_null(strchr(ran.out, '\033'));
    ran_free(&ran);
    ran = RUN("devices", "list");
    assert_contains(ran.out, "pending 1/2 votes");
    ran_free(&ran);
    ran = RUN("pairing", "list", "--json");
    assert_contains(ran.out,
                    "\"votes\":[{\"by\":\"admin:alice\",\"at\":\"2026-11-22T11:59:00.000Z\","
                    "\"otherwise\":false},{");
    assert_contains(ran.out, "}],\"votes_needed\":2}");
    ran_free(&ran);
}

static void an_approval_can_narrow_and_never_widen(void **state)
{
    (void)state;
    struct ran narrower = RUN("devices", "approve", FAKE_PENDING_REQUEST, "--scope", "chat");
    assert_int_equal(narrower.code, EXIT_DONE);
    assert_true(fake.last_decision.narrows);
    assert_string_equal(fake.last_decision.grant.role, "agent");
    assert_int_equal(fake.last_decision.grant.n_scopes, 1);
    fake_reset();
    struct ran wider = RUN("devices", "approve", FAKE_PENDING_REQUEST, "--scope", "chat,admin");
    struct ran other = RUN("devices", "approve", FAKE_PENDING_REQUEST, "--role", "operator");
    assert_int_equal(wider.code, EXIT_USAGE);
    assert_int_equal(other.code, EXIT_USAGE);
    assert_contains(wider.err, "never more; it asks role agent, scopes chat, tools");
    assert_int_equal(fake.n_decisions, 0);
    ran_free(&narrower);
    ran_free(&wider);
    ran_free(&other);
}

static void terms_are_sent_as_durations(void **state)
{
    (void)state;
    struct ran hours = RUN("devices", "approve", FAKE_PENDING_REQUEST, "--for", "8h");
    assert_int_equal(fake.last_decision.term_ms, 8 * 3600 * 1000);
    fake_reset();
    struct ran until =
        RUN("devices", "approve", FAKE_PENDING_REQUEST, "--until", "2026-11-22T13:00:00Z");
    assert_int_equal(fake.last_decision.term_ms, 3600 * 1000);
    assert_contains(until.out, "until 2026-11-22T13:00:00.000Z");
    fake_reset();
    struct ran past = RUN("devices", "approve", FAKE_PENDING_REQUEST, "--until", "2020-01-01");
    struct ran both =
        RUN("devices", "approve", FAKE_PENDING_REQUEST, "--until", "2030-01-01", "--for", "1h");
    assert_int_equal(past.code, EXIT_USAGE);
    assert_int_equal(both.code, EXIT_USAGE);
    assert_int_equal(fake.n_decisions, 0);
    ran_free(&hours);
    ran_free(&until);
    ran_free(&past);
    ran_free(&both);
}

static void alias_labels_and_reason_go_along(void **state)
{
    (void)state;
    struct ran ran = RUN("devices", "approve", FAKE_PENDING_REQUEST, "--alias", "shop", "--label",
                         "site=berlin", "--reason", "asked by phone");
    assert_string_equal(fake.last_decision.alias, "shop");
    assert_string_equal(fake.last_decision.labels.items[0].value, "berlin");
    assert_string_equal(fake.last_decision.reason, "asked by phone");
    ran_free(&ran);
}

static void revoke_block_and_remove_need_yes_off_a_terminal(void **state)
{
    (void)state;
    static const char *const verbs[] = {"revoke", "block", "remove"};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        fake_reset();
        struct ran bare = RUN("devices", verbs[i]);
        struct ran named = RUN("devices", verbs[i], "db-1");
        assert_int_equal(bare.code, EXIT_USAGE);
        assert_int_equal(named.code, EXIT_USAGE);
        assert_contains(named.err, "--yes");
        assert_int_equal(fake.n_decisions, 0);
        struct ran yes = RUN("devices", verbs[i], "db-1", "--yes");
        assert_int_equal(yes.code, EXIT_DONE);
        ran_free(&bare);
        ran_free(&named);
        ran_free(&yes);
    }
}

static void several_ids_are_told_one_by_one(void **state)
{
    (void)state;
    struct ran ran = RUN("devices", "revoke", "db-1", "nobody", FAKE_PENDING_ID, "--yes", "--json");
    assert_int_equal(ran.code, EXIT_SOME_FAILED);
    assert_golden("devices_revoke.some", ran.out);
    assert_contains(ran.err, "2 of 3 failed");
    ran_free(&ran);
}

static void revoking_what_was_never_approved_says_reject(void **state)
{
    (void)state;
    struct ran ran = RUN("devices", "revoke", FAKE_PENDING_REQUEST, "--yes");
    assert_int_equal(ran.code, EXIT_CONFLICT);
    assert_contains(ran.err, "openclaw devices reject");
    ran_free(&ran);
}

static void a_device_never_seen_can_be_blocked_by_its_full_id(void **state)
{
    (void)state;
    const char *id = "abcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcd";
    struct ran block = RUN("devices", "block", id, "--yes");
    assert_int_equal(block.code, EXIT_DONE);
    struct ran revoke = RUN("devices", "revoke", id, "--yes");
    assert_int_equal(revoke.code, EXIT_NOT_FOUND);
    assert_int_equal(fake.n_decisions, 1); /* the block alone */
    ran_free(&block);
    ran_free(&revoke);
}

static void unblock_and_expect_need_full_ids(void **state)
{
    (void)state;
    struct ran prefix = RUN("devices", "unblock", "3333333333333333");
    struct ran full = RUN("devices", "unblock", FAKE_BLOCKED_ID);
    struct ran alias = RUN("devices", "expect", "db-1");
    struct ran expect = RUN("devices", "expect", FAKE_REJECTED_ID, "--approve", "--role", "agent",
                            "--scope", "chat", "--for", "7d");
    assert_int_equal(prefix.code, EXIT_USAGE);
    assert_int_equal(full.code, EXIT_DONE);
    assert_int_equal(alias.code, EXIT_USAGE);
    assert_int_equal(expect.code, EXIT_DONE);
    assert_true(fake.last_decision.approves);
    assert_string_equal(fake.last_decision.grant.role, "agent");
    struct ran loose = RUN("devices", "expect", FAKE_REJECTED_ID, "--role", "agent");
    assert_int_equal(loose.code, EXIT_USAGE);
    ran_free(&prefix);
    ran_free(&full);
    ran_free(&alias);
    ran_free(&expect);
    ran_free(&loose);
}

static void reject_takes_a_device_to_its_open_request(void **state)
{
    (void)state;
    struct ran ran = RUN("devices", "reject", FAKE_PENDING_ID, "--reason", "not ours");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_int_equal(fake.last_decision.kind, OC_REJECT);
    assert_string_equal(fake.last_decision.request_id.text, FAKE_PENDING_REQUEST);
    struct ran none = RUN("devices", "reject", FAKE_BLOCKED_ID);
    assert_int_equal(none.code, EXIT_NOT_FOUND);
    ran_free(&ran);
    ran_free(&none);
}

static void rename_gives_and_takes_a_name(void **state)
{
    (void)state;
    struct ran ran = RUN("devices", "rename", FAKE_PENDING_ID, "shop");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(ran.out, "renamed " FAKE_PENDING_ID "  shop");
    struct ran taken = RUN("devices", "rename", "shop", "");
    assert_int_equal(taken.code, EXIT_DONE);
    assert_string_equal(fake.last_decision.alias, "");
    ran_free(&ran);
    ran_free(&taken);
}

static void not_durable_and_unknown_outcomes_are_exit_7_and_said(void **state)
{
    (void)state;
    fake.decisions_fail_with = OC_UNAVAILABLE;
    fake.facts.is_not_durable = true;
    struct ran cut = RUN("devices", "revoke", "db-1", "--yes");
    assert_int_equal(cut.code, EXIT_UNAVAILABLE);
    assert_contains(cut.err, "not durable yet");
    fake.facts.is_not_durable = false;
    fake.facts.is_outcome_unknown = true;
    struct ran unknown =
        RUN("devices", "approve", FAKE_PENDING_REQUEST, "--timeout", "1s", "--json");
    assert_int_equal(unknown.code, EXIT_UNAVAILABLE);
    assert_contains(unknown.err, "whether it happened is unknown");
    assert_contains(unknown.err, "repeating is safe");
    assert_contains(unknown.err, "openclaw devices show " FAKE_PENDING_REQUEST);
    assert_contains(unknown.out, "\"cause\":\"outcome_unknown\"");
    ran_free(&cut);
    ran_free(&unknown);
}

static void a_lost_answer_is_asked_for_again_with_the_same_key(void **state)
{
    (void)state;
    fake.n_lost = 2;
    struct ran ran = RUN("devices", "approve", FAKE_PENDING_REQUEST);
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(ran.err, "whether it happened is unknown");
    assert_int_equal(fake.n_decisions, 3);
    assert_int_equal(fake.n_repeated, 2);
    ran_free(&ran);
    struct ran next = RUN("devices", "revoke", FAKE_PENDING_ID, "--yes");
    assert_int_equal(next.code, EXIT_DONE);
    assert_string_equal(next.err, "");
    assert_int_equal(fake.n_repeated, 2); /* another decision, another key */
    ran_free(&next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_lost_answer_is_asked_for_again_with_the_same_key, reset),
        cmocka_unit_test_setup(off_a_terminal_only_a_full_request_id_approves, reset),
        cmocka_unit_test_setup(with_the_code_a_prefix_is_enough, reset),
        cmocka_unit_test_setup(a_wrong_code_is_exit_6, reset),
        cmocka_unit_test_setup(codes_are_eight_digits_with_or_without_the_dash, reset),
        cmocka_unit_test_setup(a_vote_is_told_and_is_exit_9, reset),
        cmocka_unit_test_setup(a_vote_names_the_command_that_agrees_with_it, reset),
        cmocka_unit_test_setup(break_glass_needs_a_reason_and_is_told_loudly, reset),
        cmocka_unit_test_setup(the_votes_of_a_request_are_shown_with_whose_they_are, reset),
        cmocka_unit_test_setup(an_approval_can_narrow_and_never_widen, reset),
        cmocka_unit_test_setup(terms_are_sent_as_durations, reset),
        cmocka_unit_test_setup(alias_labels_and_reason_go_along, reset),
        cmocka_unit_test_setup(revoke_block_and_remove_need_yes_off_a_terminal, reset),
        cmocka_unit_test_setup(several_ids_are_told_one_by_one, reset),
        cmocka_unit_test_setup(revoking_what_was_never_approved_says_reject, reset),
        cmocka_unit_test_setup(a_device_never_seen_can_be_blocked_by_its_full_id, reset),
        cmocka_unit_test_setup(unblock_and_expect_need_full_ids, reset),
        cmocka_unit_test_setup(reject_takes_a_device_to_its_open_request, reset),
        cmocka_unit_test_setup(rename_gives_and_takes_a_name, reset),
        cmocka_unit_test_setup(not_durable_and_unknown_outcomes_are_exit_7_and_said, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
