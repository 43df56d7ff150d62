/* Two-person approval over a whole service: whose votes count when the last one is cast. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/crypto/identity.h"
#include "server/service/administrators.h"
#include "server/service/reload.h"
#include "server/service/votes.h"
#include "tests/support/service_fixture.h"

enum { OTHER_UID = 4242 };

struct bench {
    struct service_fixture base;
    struct bounds bounds; /* that a reload puts in force */
    struct admin_caller alice, bob, root, other;
    struct device device;
};

/* ---- calls ----------------------------------------------------------------------------------- */

static enum oc_status save_ca(void *user, const struct oc_admin_ca *ca, struct oc_error *err)
{
    (void)user;
    (void)ca;
    (void)err;
    return OC_OK;
}

static void reload(void *user, const struct audit_actor *actor, struct reload_report *out)
{
    struct bench *bench = user;
    (void)actor;
    (void)out;
    service_change_bounds(bench->base.service, &bench->bounds);
}

struct answered {
    atomic_bool is_done;
    struct administrator_result result;
};

static void done(void *user, const struct administrator_result *result)
{
    struct answered *answered = user;
    answered->result = *result;
    atomic_store(&answered->is_done, true);
}

static bool is_done(void *user)
{
    return atomic_load(&((struct answered *)user)->is_done);
}

static const struct administrator_result *change(struct bench *bench,
                                                 const struct administrator_command *command)
{
    static struct answered answered;
    const struct administrator_call call = {done, &answered};
    atomic_store(&answered.is_done, false);
    administrators_change(bench->base.service, &bench->root, command, &call);
    assert_true(eventually(is_done, &answered));
    assert_int_equal(answered.result.status, OC_OK);
    return &answered.result;
}

static struct admin_caller issue(struct bench *bench, const char *name)
{
    static struct administrator_command command;
    struct oc_identity *identity = NULL;
    size_t n = 0;
    command =
        (struct administrator_command){.kind = ADMINISTRATOR_ISSUE, .role = ADMINISTRATOR_APPROVER};
    (void)snprintf(command.name, sizeof command.name, "%s", name);
    assert_int_equal(oc_identity_generate(OC_IDENTITY_GATEWAY, &identity, NULL), OC_OK);
    assert_int_equal(oc_admin_csr_make(identity, command.csr, sizeof command.csr, &n, NULL), OC_OK);
    oc_identity_free(identity);
    command.n_csr = (uint16_t)n;
    struct admin_caller caller = {
        .is_remote = true,
        .certificate = change(bench, &command)->view.administrator.certificates[0].sha256};
    (void)snprintf(caller.actor.name, sizeof caller.actor.name, "admin:%s", name);
    (void)snprintf(caller.remote_name, sizeof caller.remote_name, "%s", name);
    return caller;
}

static struct voting two_for_chat(void)
{
    struct voting voting = {.rules = {.n = 1}, .n_local_uids = 1, .local_uids = {OTHER_UID}};
    voting.rules.items[0] = (struct approval_rule){
        .of = APPROVAL_OF_SCOPE, .text = "chat", .need = 2, .votes_expire_ms = 60000};
    return voting;
}

static int set_up(void **state)
{
    static const struct administrator_command init = {.kind = ADMINISTRATOR_INIT_PKI};
    struct bench *bench = calloc(1, sizeof *bench);
    fixture_init(&bench->base);
    bench->root =
        (struct admin_caller){.actor = {.name = "uid:0", .source = "local"}, .is_root = true};
    bench->other = (struct admin_caller){.actor = {.name = "uid:4242", .source = "local"}};
    bench->base.options.bounds = &bench->bounds;
    bench->base.options.save_admin_ca = save_ca;
    bench->base.options.voting = two_for_chat();
    bench->base.options.reload = reload;
    bench->base.options.reload_user = bench;
    fixture_start(&bench->base);
    (void)change(bench, &init);
    bench->alice = issue(bench, "alice");
    bench->bob = issue(bench, "bob");
    device_open(&bench->base, &bench->device, 1);
    assert_int_equal(device_connect(&bench->device).status, OC_OK);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    device_close(&bench->device);
    fixture_stop(&bench->base);
    free(bench);
    return 0;
}

static struct decide_result decide(struct bench *bench, const struct admin_caller *caller,
                                   const struct decide_command *command)
{
    struct pending_call pending;
    pending_init(&pending);
    admin_do_start(&bench->base, caller, command, &pending);
    assert_true(pending_wait(&pending, 10000));
    return pending.result.decide;
}

static struct decide_command approval(struct bench *bench)
{
    return command_on(&bench->base, PAIRING_EV_APPROVE, &bench->device.id);
}

static struct decide_result approves(struct bench *bench, const struct admin_caller *caller)
{
    const struct decide_command command = approval(bench);
    const struct decide_result result = decide(bench, caller, &command);
    assert_int_equal(result.status, OC_OK);
    return result;
}

static void is_voted(struct bench *bench, const struct admin_caller *caller, unsigned n)
{
    const struct decide_result result = approves(bench, caller);
    assert_true(result.votes.is_vote);
    assert_int_equal(result.votes.n, n);
    assert_int_equal(result.votes.needed, 2);
    assert_true(result.seq > 0);
    assert_int_equal(pairing_state(&result.view.pairing), OC_STATE_PENDING);
}

static void is_approved(struct bench *bench, const struct admin_caller *caller)
{
    const struct decide_result result = approves(bench, caller);
    assert_false(result.votes.is_vote);
    assert_int_equal(pairing_state(&result.view.pairing), OC_STATE_APPROVED);
}

static struct votes_shown shown(struct bench *bench)
{
    struct device_view view;
    assert_true(view_of(&bench->base, &bench->device.id, &view));
    return view.votes;
}

/* ---- voting ---------------------------------------------------------------------------------- */

static void a_remote_administrator_and_a_local_user_are_two(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(shown(bench).needed, 2);
    is_voted(bench, &bench->alice, 1);
    assert_int_equal(shown(bench).n, 1);
    assert_int_equal(shown(bench).in_force, 1);
    assert_int_equal(shown(bench).as_asked, 1);
    is_approved(bench, &bench->other);
    assert_true(device_connect(&bench->device).has_session);
}

static void nobody_connects_on_one_vote(void **state)
{
    struct bench *bench = *state;
    is_voted(bench, &bench->alice, 1);
    is_voted(bench, &bench->alice, 1);
    assert_false(device_connect(&bench->device).has_session);
}

/* The two rows that stand between a stolen certificate and a device. */
static void who_was_revoked_or_demoted_does_not_count_at_the_last_vote(void **state)
{
    struct bench *bench = *state;
    static struct administrator_command command;
    is_voted(bench, &bench->alice, 1);
    command = (struct administrator_command){
        .kind = ADMINISTRATOR_SET_ROLE, .name = "alice", .role = ADMINISTRATOR_VIEWER};
    (void)change(bench, &command);
    assert_int_equal(shown(bench).in_force, 0);
    is_voted(bench, &bench->bob, 1);
    command = (struct administrator_command){.kind = ADMINISTRATOR_REVOKE,
                                             .sha256 = bench->bob.certificate};
    (void)change(bench, &command);
    is_voted(bench, &bench->root, 1);
    is_approved(bench, &bench->other);
}

static void a_name_that_is_issued_again_does_not_inherit_votes(void **state)
{
    struct bench *bench = *state;
    static struct administrator_command command;
    is_voted(bench, &bench->alice, 1);
    command = (struct administrator_command){.kind = ADMINISTRATOR_REVOKE, .name = "alice"};
    (void)change(bench, &command);
    bench->alice = issue(bench, "alice");
    is_voted(bench, &bench->bob, 1);
    is_approved(bench, &bench->alice);
}

static void a_local_user_who_is_listed_no_more_does_not_count(void **state)
{
    struct bench *bench = *state;
    struct voting voting = two_for_chat();
    is_voted(bench, &bench->other, 1);
    voting.n_local_uids = 0;
    votes_change_rules(bench->base.service, &voting);
    assert_int_equal(shown(bench).in_force, 0);
    is_voted(bench, &bench->alice, 1);
}

static void who_may_not_grant_it_any_more_does_not_count(void **state)
{
    struct bench *bench = *state;
    is_voted(bench, &bench->alice, 1);
    bench->bounds = (struct bounds){.are_given = true, .n = 1, .items = {{.name = "bob"}}};
    bench->bounds.items[0].has_any_role = bench->bounds.items[0].has_any_scope = true;
    service_change_bounds(bench->base.service, &bench->bounds);
    is_voted(bench, &bench->bob, 1);
    is_approved(bench, &bench->root);
}

static struct decide_command approval_of_less(struct bench *bench)
{
    struct decide_command command = approval(bench);
    command.narrows = true;
    command.grant = bench->device.facts.ask.grant;
    command.grant.n_scopes = 1;
    return command;
}

/* Bob may give chat alone; root votes for chat and tools in between. */
static void a_wider_vote_leaves_the_vote_of_who_is_bounded(void **state)
{
    struct bench *bench = *state;
    struct oc_grant *wanted = &bench->device.facts.ask.grant;
    fake_clock_advance(&bench->base.clock, PAIRING_REPLACE_EVERY_MS);
    wanted->n_scopes = 2;
    memcpy(wanted->scopes[1], "tools", sizeof "tools");
    assert_int_equal(device_connect(&bench->device).status, OC_OK);
    bench->bounds = (struct bounds){.are_given = true, .n = 1, .items = {{.name = "bob"}}};
    bench->bounds.items[0].has_any_role = true;
    bench->bounds.items[0].n_scopes = 1;
    memcpy(bench->bounds.items[0].scopes[0], "chat", sizeof "chat");
    service_change_bounds(bench->base.service, &bench->bounds);
    struct decide_command command = approval_of_less(bench);
    assert_int_equal(decide(bench, &bench->bob, &command).votes.n, 1);
    is_voted(bench, &bench->root, 1);
    command = approval_of_less(bench);
    const struct decide_result result = decide(bench, &bench->other, &command);
    assert_int_equal(result.status, OC_OK);
    assert_int_equal(pairing_state(&result.view.pairing), OC_STATE_APPROVED);
}

static void votes_expire_by_the_gateways_clock(void **state)
{
    struct bench *bench = *state;
    is_voted(bench, &bench->alice, 1);
    fake_clock_advance(&bench->base.clock, 60000);
    assert_int_equal(shown(bench).in_force, 0);
    is_voted(bench, &bench->bob, 1);
    fake_clock_advance(&bench->base.clock, 59999);
    is_approved(bench, &bench->alice);
}

static void rules_hold_from_the_reload_on(void **state)
{
    struct bench *bench = *state;
    struct voting voting = two_for_chat();
    is_voted(bench, &bench->alice, 1);
    voting.rules.n = 0;
    votes_change_rules(bench->base.service, &voting);
    assert_int_equal(shown(bench).needed, 0);
    is_approved(bench, &bench->alice);
}

/* ---- repetitions -------------------------------------------------------------------------------
 */

static void a_repeated_call_is_one_vote_and_tells_what_came_of_it(void **state)
{
    struct bench *bench = *state;
    const struct decide_command command = approval(bench);
    struct admin_caller keyed = bench->alice;
    keyed.has_key = true;
    keyed.method = 103;
    const struct decide_result first = decide(bench, &keyed, &command);
    struct decide_result again = decide(bench, &keyed, &command);
    assert_true(again.votes.is_vote);
    assert_int_equal(again.seq, first.seq);
    assert_int_equal(again.votes.n, 1);
    assert_int_equal(again.votes.needed, 2);
    is_approved(bench, &bench->bob);
    again = decide(bench, &keyed, &command);
    assert_int_equal(again.status, OC_OK);
    assert_false(again.votes.is_vote);
    assert_int_equal(pairing_state(&again.view.pairing), OC_STATE_APPROVED);
}

static void a_vote_for_what_was_rejected_since_is_not_told_as_an_approval(void **state)
{
    struct bench *bench = *state;
    const struct decide_command command = approval(bench);
    struct admin_caller keyed = bench->alice;
    keyed.has_key = true;
    (void)decide(bench, &keyed, &command);
    assert_int_equal(admin_decide_on(&bench->base, PAIRING_EV_REJECT, &bench->device.id).status,
                     OC_OK);
    assert_true(decide(bench, &keyed, &command).votes.is_vote);
}

/* ---- break-glass -------------------------------------------------------------------------------
 */

static void only_local_root_breaks_the_glass(void **state)
{
    struct bench *bench = *state;
    struct decide_command command = approval(bench);
    command.breaks_glass = true;
    const struct admin_caller *const others[] = {&bench->other, &bench->alice};
    for (size_t i = 0; i < 2; i++) {
        const struct decide_result refused = decide(bench, others[i], &command);
        assert_int_equal(refused.status, OC_PERMISSION_DENIED);
        assert_int_equal(refused.seq, 0);
    }
    assert_int_equal(shown(bench).in_force, 0);
    const struct decide_result result = decide(bench, &bench->root, &command);
    assert_int_equal(result.status, OC_OK);
    assert_true(result.votes.broke_glass);
    assert_int_equal(result.votes.n, 1);
    assert_int_equal(pairing_state(&result.view.pairing), OC_STATE_APPROVED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_remote_administrator_and_a_local_user_are_two),
        TEST(nobody_connects_on_one_vote),
        TEST(who_was_revoked_or_demoted_does_not_count_at_the_last_vote),
        TEST(a_name_that_is_issued_again_does_not_inherit_votes),
        TEST(a_local_user_who_is_listed_no_more_does_not_count),
        TEST(who_may_not_grant_it_any_more_does_not_count),
        TEST(a_wider_vote_leaves_the_vote_of_who_is_bounded),
        TEST(votes_expire_by_the_gateways_clock),
        TEST(rules_hold_from_the_reload_on),
        TEST(a_repeated_call_is_one_vote_and_tells_what_came_of_it),
        TEST(a_vote_for_what_was_rejected_since_is_not_told_as_an_approval),
        TEST(only_local_root_breaks_the_glass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
