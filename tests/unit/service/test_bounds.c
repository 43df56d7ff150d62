/* Approvers with a bound, over a whole service: asked inside the change, on what it is decided on.
 */
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
#include "tests/support/held_store.h"
#include "tests/support/service_fixture.h"

struct bench {
    struct service_fixture base;
    struct bounds bounds; /* that a reload puts in force */
    struct admin_caller bob, root;
    struct device device;
};

static const struct oc_labels berlin = {.n = 1, .items = {{.key = "site", .value = "berlin"}}};

/* Role agent, scope chat, devices of site berlin. */
static struct bounds bounds_of(const char *name)
{
    struct bounds bounds = {.are_given = true, .n = 1};
    struct bound *bound = &bounds.items[0];
    (void)snprintf(bound->name, sizeof bound->name, "%s", name);
    bound->n_roles = bound->n_scopes = 1;
    strcpy(bound->roles[0], "agent");
    strcpy(bound->scopes[0], "chat");
    bound->labels = berlin;
    return bounds;
}

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

static struct admin_caller issue(struct bench *bench, const char *name,
                                 enum administrator_role role)
{
    static struct administrator_command command;
    struct oc_identity *identity = NULL;
    size_t n = 0;
    command = (struct administrator_command){.kind = ADMINISTRATOR_ISSUE, .role = role};
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

static int set_up(void **state)
{
    static const struct administrator_command init = {.kind = ADMINISTRATOR_INIT_PKI};
    struct bench *bench = calloc(1, sizeof *bench);
    fixture_init(&bench->base);
    bench->root = (struct admin_caller){.actor = {.name = "uid:0", .source = "local"}};
    bench->bounds = bounds_of("bob");
    bench->base.options.bounds = &bench->bounds;
    bench->base.options.save_admin_ca = save_ca;
    bench->base.options.reload = reload;
    bench->base.options.reload_user = bench;
    held_store_take(bench->base.options.store);
    fixture_start(&bench->base);
    (void)change(bench, &init);
    bench->bob = issue(bench, "bob", ADMINISTRATOR_APPROVER);
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

static struct decide_command command_of(struct bench *bench, enum pairing_event_kind kind)
{
    struct decide_command command = command_on(&bench->base, kind, &bench->device.id);
    if (kind == PAIRING_EV_RENAME) {
        strcpy(command.alias, "renamed");
    }
    return command;
}

static void announce(struct bench *bench, const struct oc_labels *labels)
{
    struct decide_command command = command_of(bench, PAIRING_EV_EXPECT);
    command.labels = *labels;
    assert_int_equal(decide(bench, &bench->root, &command).status, OC_OK);
}

static void refused(struct bench *bench, const struct admin_caller *caller,
                    const struct decide_command *command, const char *cause)
{
    const struct decide_result result = decide(bench, caller, command);
    assert_int_equal(result.status, OC_PERMISSION_DENIED);
    assert_string_equal(result.error.cause, cause);
    assert_int_equal(result.seq, 0);
}

/* ---- the audit ------------------------------------------------------------------------------- */

struct found {
    atomic_bool is_done;
    unsigned n; /* rows of bob that were refused */
    struct audit_event last;
};

static void read_rows(void *user, const struct audit_result *result)
{
    struct found *found = user;
    for (size_t i = 0; i < result->n; i++) {
        const struct audit_event *event = &result->rows[i].event;
        if (strcmp(event->actor.name, "admin:bob") == 0 &&
            strcmp(event->outcome, "permission_denied") == 0) {
            found->n++;
            found->last = *event;
        }
    }
    atomic_store(&found->is_done, true);
}

static bool is_read(void *user)
{
    return atomic_load(&((struct found *)user)->is_done);
}

static struct found read_audit(struct bench *bench)
{
    static struct found found;
    const struct store_audit_query query = {.limit = 256};
    const struct audit_call call = {read_rows, &found};
    found = (struct found){.n = 0};
    admin_list_audit(bench->base.service, &query, &call);
    assert_true(eventually(is_read, &found));
    return found;
}

/* ---- what is promised ------------------------------------------------------------------------ */

static const enum pairing_event_kind kinds[] = {
    PAIRING_EV_APPROVE, PAIRING_EV_REJECT, PAIRING_EV_DISMISS,
    PAIRING_EV_REVOKE,  PAIRING_EV_REMOVE, PAIRING_EV_BLOCK,
    PAIRING_EV_UNBLOCK, PAIRING_EV_EXPECT, PAIRING_EV_RENAME,
};

static void beyond_reach_every_decision_is_refused_and_changes_nothing(void **state)
{
    struct bench *bench = *state;
    struct device_view before;
    struct device_view after;
    assert_true(view_of(&bench->base, &bench->device.id, &before));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct decide_command command = command_of(bench, kinds[i]);
        refused(bench, &bench->bob, &command, "bound_labels");
    }
    assert_true(view_of(&bench->base, &bench->device.id, &after));
    assert_int_equal(after.pairing.generation, before.pairing.generation);
    assert_true(after.pairing.request.is_open);
    assert_string_equal(after.pairing.alias, "");
    assert_false(after.pairing.expectation.is_set);
}

static void what_is_refused_is_in_the_audit_with_device_and_bound(void **state)
{
    struct bench *bench = *state;
    const struct decide_command command = command_of(bench, PAIRING_EV_APPROVE);
    refused(bench, &bench->bob, &command, "bound_labels");
    struct found found = read_audit(bench);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.last.action, "approve");
    assert_string_equal(found.last.rule, "bob");
    assert_true(oc_device_id_equal(&found.last.device_id, &bench->device.id));
    assert_string_equal(found.last.request_id.text, command.request_id.text);
    assert_non_null(strstr(found.last.reason, "beyond the bound bob"));
    assert_non_null(strstr(found.last.reason, "the role admin"));
    for (unsigned i = 0; i < 100; i++) { /* and cannot be made to fill it */
        refused(bench, &bench->bob, &command, "bound_labels");
    }
    assert_in_range(read_audit(bench).n, 2, 8);
}

static void within_the_bound_an_approver_decides(void **state)
{
    struct bench *bench = *state;
    announce(bench, &berlin);
    struct decide_command command = command_of(bench, PAIRING_EV_APPROVE);
    const struct decide_result result = decide(bench, &bench->bob, &command);
    assert_int_equal(result.status, OC_OK);
    assert_int_equal(result.view.pairing.labels.n, 1);
    command = command_of(bench, PAIRING_EV_RENAME);
    assert_int_equal(decide(bench, &bench->bob, &command).status, OC_OK);
    command = command_of(bench, PAIRING_EV_REVOKE);
    assert_int_equal(decide(bench, &bench->bob, &command).status, OC_OK);
}

static void no_approver_announces_more_than_it_may_approve(void **state)
{
    struct bench *bench = *state;
    announce(bench, &berlin);
    struct decide_command command = command_of(bench, PAIRING_EV_EXPECT);
    command.labels = berlin;
    command.approves = true;
    command.grant = (struct oc_grant){.role = "agent", .n_scopes = 1, .scopes = {"root"}};
    refused(bench, &bench->bob, &command, "bound_grant");
    strcpy(command.grant.scopes[0], "chat");
    assert_int_equal(decide(bench, &bench->bob, &command).status, OC_OK);
    command.labels.n = 0;
    refused(bench, &bench->bob, &command, "bound_gives_labels");
}

static void the_local_door_and_the_role_admin_have_no_bound(void **state)
{
    struct bench *bench = *state;
    const struct admin_caller alice = issue(bench, "alice", ADMINISTRATOR_ADMIN);
    struct decide_command command = command_of(bench, PAIRING_EV_APPROVE);
    assert_int_equal(decide(bench, &alice, &command).status, OC_OK);
    command = command_of(bench, PAIRING_EV_REVOKE);
    assert_int_equal(decide(bench, &bench->root, &command).status, OC_OK);
}

static void who_has_no_bound_where_there_are_some_may_decide_nothing(void **state)
{
    struct bench *bench = *state;
    const struct admin_caller carol = issue(bench, "carol", ADMINISTRATOR_APPROVER);
    announce(bench, &berlin);
    const struct decide_command command = command_of(bench, PAIRING_EV_REJECT);
    refused(bench, &carol, &command, "bound_none");
}

static void reloaded(void *user, const struct reload_result *result)
{
    assert_int_equal(result->status, OC_OK);
    atomic_store((atomic_bool *)user, true);
}

static bool is_set(void *user)
{
    return atomic_load((atomic_bool *)user);
}

static void a_reload_is_in_force_for_what_waits_already(void **state)
{
    struct bench *bench = *state;
    static atomic_bool has_reloaded;
    const struct reload_call call = {reloaded, &has_reloaded};
    struct pending_call first;
    struct pending_call second;
    announce(bench, &berlin);
    const struct decide_command rename = command_of(bench, PAIRING_EV_RENAME);
    const struct decide_command reject = command_of(bench, PAIRING_EV_REJECT);
    pending_init(&first);
    pending_init(&second);
    atomic_store(&has_reloaded, false);
    held_store_hold();
    admin_do_start(&bench->base, &bench->bob, &rename, &first);
    assert_true(held_store_wait());
    strcpy(bench->bounds.items[0].labels.items[0].value, "paris");
    admin_reload(bench->base.service, &bench->root.actor, &call);
    admin_do_start(&bench->base, &bench->bob, &reject, &second);
    held_store_release();
    assert_true(pending_wait(&first, 10000) && pending_wait(&second, 10000));
    assert_true(eventually(is_set, &has_reloaded));
    assert_int_equal(first.result.decide.status, OC_OK);
    assert_int_equal(second.result.decide.status, OC_PERMISSION_DENIED);
    bench->bounds.are_given = false; /* none: the role alone */
    atomic_store(&has_reloaded, false);
    admin_reload(bench->base.service, &bench->root.actor, &call);
    assert_true(eventually(is_set, &has_reloaded));
    assert_int_equal(decide(bench, &bench->bob, &reject).status, OC_OK);
}

/* One group: an administrator takes the label away, and bob's decision behind it comes too late. */
static void the_state_that_counts_is_the_one_it_is_decided_on(void **state)
{
    struct bench *bench = *state;
    const struct oc_labels paris = {.n = 1, .items = {{.key = "site", .value = "paris"}}};
    struct pending_call held;
    struct pending_call moved;
    struct pending_call late;
    announce(bench, &berlin);
    const struct decide_command rename = command_of(bench, PAIRING_EV_RENAME);
    struct decide_command move = command_of(bench, PAIRING_EV_EXPECT);
    const struct decide_command approve = command_of(bench, PAIRING_EV_APPROVE);
    move.labels = paris;
    pending_init(&held);
    pending_init(&moved);
    pending_init(&late);
    held_store_hold();
    admin_do_start(&bench->base, &bench->root, &rename, &held);
    assert_true(held_store_wait());
    admin_do_start(&bench->base, &bench->root, &move, &moved);
    admin_do_start(&bench->base, &bench->bob, &approve, &late);
    held_store_release();
    assert_true(pending_wait(&held, 10000) && pending_wait(&moved, 10000) &&
                pending_wait(&late, 10000));
    assert_int_equal(moved.result.decide.status, OC_OK);
    assert_int_equal(late.result.decide.status, OC_PERMISSION_DENIED);
    assert_string_equal(late.result.decide.error.closest, "bob");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(beyond_reach_every_decision_is_refused_and_changes_nothing),
        TEST(what_is_refused_is_in_the_audit_with_device_and_bound),
        TEST(within_the_bound_an_approver_decides),
        TEST(no_approver_announces_more_than_it_may_approve),
        TEST(the_local_door_and_the_role_admin_have_no_bound),
        TEST(who_has_no_bound_where_there_are_some_may_decide_nothing),
        TEST(a_reload_is_in_force_for_what_waits_already),
        TEST(the_state_that_counts_is_the_one_it_is_decided_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
