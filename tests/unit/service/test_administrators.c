/* Administrators over a memory store: who may do what when, whatever the disk says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/crypto/identity.h"
#include "server/obs/metrics.h"
#include "server/service/administrators.h"
#include "server/service/denied_limit.h"
#include "server/service/service_state.h"
#include "server/store/store_memory.h"
#include "tests/support/held_store.h"
#include "tests/support/service_fixture.h"

struct bench {
    struct service_fixture base;
    struct store *store;
    unsigned n_saved; /* CAs */
    bool fails_to_save;
    atomic_uint n_told; /* of changes */
    struct oc_digest watched;
    enum administrators_standing seen; /* of the watched one, when last told */
    void *origin;                      /* of what was told last */
};

static enum oc_status save_ca(void *user, const struct oc_admin_ca *ca, struct oc_error *err)
{
    struct bench *bench = user;
    (void)ca;
    if (bench->fails_to_save) {
        return oc_fail(err, OC_UNAVAILABLE, "planned");
    }
    bench->n_saved++;
    return OC_OK;
}

static unsigned told(void *user, void *origin)
{
    struct bench *bench = user;
    enum administrator_role role;
    bench->seen = administrators_look_up(bench->base.service, &bench->watched, &role);
    bench->origin = origin;
    atomic_fetch_add(&bench->n_told, 1);
    return bench->seen == ADMINISTRATORS_REVOKED;
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    fixture_init(&bench->base);
    bench->base.options.save_admin_ca = save_ca;
    bench->base.options.save_admin_ca_user = bench;
    bench->store = bench->base.options.store;
    held_store_take(bench->store);
    fixture_start(&bench->base);
    administrators_set_watcher(bench->base.service, told, bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    fixture_stop(&bench->base);
    free(bench);
    return 0;
}

/* ---- calls ----------------------------------------------------------------------------------- */

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

static struct answered answered;

static const struct administrator_result *run(struct bench *bench,
                                              const struct admin_caller *caller,
                                              const struct administrator_command *command)
{
    static const struct admin_caller root = {.actor = {.name = "uid:0", .source = "local"}};
    const struct administrator_call call = {done, &answered};
    atomic_store(&answered.is_done, false);
    administrators_change(bench->base.service, caller ? caller : &root, command, &call);
    assert_true(eventually(is_done, &answered));
    return &answered.result;
}

static struct administrator_command command;

static struct administrator_command *command_of(enum administrator_command_kind kind,
                                                const char *name)
{
    command = (struct administrator_command){.kind = kind, .role = ADMINISTRATOR_APPROVER};
    (void)snprintf(command.name, sizeof command.name, "%s", name);
    return &command;
}

static void ask(struct administrator_command *out)
{
    struct oc_identity *identity = NULL;
    size_t n = 0;
    assert_int_equal(oc_identity_generate(OC_IDENTITY_GATEWAY, &identity, NULL), OC_OK);
    assert_int_equal(oc_admin_csr_make(identity, out->csr, sizeof out->csr, &n, NULL), OC_OK);
    out->n_csr = (uint16_t)n;
    oc_identity_free(identity);
}

static void init(struct bench *bench)
{
    assert_int_equal(run(bench, NULL, command_of(ADMINISTRATOR_INIT_PKI, ""))->status, OC_OK);
}

/* The new certificate. */
static struct oc_digest issue(struct bench *bench, const char *name)
{
    struct administrator_command *it = command_of(ADMINISTRATOR_ISSUE, name);
    ask(it);
    const struct administrator_result *result = run(bench, NULL, it);
    assert_int_equal(result->status, OC_OK);
    return result->view.administrator.certificates[0].sha256;
}

static enum administrators_standing look(struct bench *bench, const struct oc_digest *certificate,
                                         enum administrator_role *role)
{
    return administrators_look_up(bench->base.service, certificate, role);
}

static bool may(struct bench *bench, const struct oc_digest *certificate)
{
    enum administrator_role role;
    return look(bench, certificate, &role) == ADMINISTRATORS_ALLOWED;
}

static struct admin_caller remote(const char *name, const struct oc_digest *certificate)
{
    struct admin_caller caller = {.is_remote = true, .certificate = *certificate};
    (void)snprintf(caller.actor.name, sizeof caller.actor.name, "admin:%s", name);
    (void)snprintf(caller.remote_name, sizeof caller.remote_name, "%s", name);
    return caller;
}

/* ---- what is promised --------------------------------------------------------------------------
 */

static void without_a_ca_nobody_is_issued(void **state)
{
    struct bench *bench = *state;
    struct administrator_command *it = command_of(ADMINISTRATOR_ISSUE, "alice");
    ask(it);
    const struct administrator_result *result = run(bench, NULL, it);
    assert_int_equal(result->status, OC_FAILED_PRECONDITION);
    assert_string_equal(result->error.cause, "no_ca");
    init(bench);
    assert_int_equal(bench->n_saved, 1);
    assert_int_equal(run(bench, NULL, command_of(ADMINISTRATOR_INIT_PKI, ""))->status,
                     OC_ALREADY_EXISTS);
    assert_int_equal(bench->n_saved, 1);
}

static void a_ca_that_cannot_be_kept_is_none(void **state)
{
    struct bench *bench = *state;
    bench->fails_to_save = true;
    assert_int_equal(run(bench, NULL, command_of(ADMINISTRATOR_INIT_PKI, ""))->status,
                     OC_UNAVAILABLE);
    struct administrators_ca ca;
    administrators_get_ca(bench->base.service, &ca);
    assert_false(ca.is_there);
}

static void who_is_issued_may_act_only_after_the_commit(void **state)
{
    struct bench *bench = *state;
    init(bench);
    struct administrator_command *it = command_of(ADMINISTRATOR_ISSUE, "alice");
    ask(it);
    store_memory_fail_next(bench->store, STORE_MEMORY_COMMIT_FULL);
    const struct administrator_result *result = run(bench, NULL, it);
    assert_int_equal(result->status, OC_UNAVAILABLE);
    assert_false(result->error.is_not_durable);
    assert_string_equal(result->view.administrator.name, "");
    result = run(bench, NULL, it); /* the same again */
    assert_int_equal(result->status, OC_OK);
    const struct oc_digest made = result->view.administrator.certificates[0].sha256;
    assert_true(may(bench, &made));
    result = run(bench, NULL, it);
    assert_int_equal(result->status, OC_OK);
    assert_int_equal(result->view.administrator.n_certificates, 1);
}

static void a_revocation_denies_before_the_commit(void **state)
{
    struct bench *bench = *state;
    init(bench);
    bench->watched = issue(bench, "alice");
    assert_true(may(bench, &bench->watched));
    held_store_hold();
    const struct administrator_call call = {done, &answered};
    const struct admin_caller root = {.actor = {.name = "uid:0"}};
    atomic_store(&answered.is_done, false);
    administrators_change(bench->base.service, &root, command_of(ADMINISTRATOR_REVOKE, "alice"),
                          &call);
    assert_true(held_store_wait());
    assert_false(may(bench, &bench->watched));
    assert_int_equal(bench->seen, ADMINISTRATORS_REVOKED); /* who cuts was told */
    assert_false(is_done(&answered));
    held_store_release();
    assert_true(eventually(is_done, &answered));
    assert_int_equal(answered.result.status, OC_OK);
    assert_int_equal(answered.result.n_closed, 1);
}

/* Before the answer, so that it knows whose connection has to take that yet. */
static void who_cuts_is_told_by_which_call(void **state)
{
    struct bench *bench = *state;
    init(bench);
    const struct oc_digest alice = issue(bench, "alice");
    struct admin_caller caller = remote("alice", &alice);
    int call = 0;
    caller.origin = &call;
    struct administrator_command *it = command_of(ADMINISTRATOR_SET_ROLE, "alice");
    it->role = ADMINISTRATOR_ADMIN;
    assert_int_equal(run(bench, NULL, it)->status, OC_OK);
    it->role = ADMINISTRATOR_VIEWER;
    assert_int_equal(run(bench, &caller, it)->status, OC_OK);
    assert_ptr_equal(bench->origin, &call);
    assert_int_equal(run(bench, NULL, command_of(ADMINISTRATOR_REVOKE, "alice"))->status, OC_OK);
    assert_null(bench->origin);
}

static void a_revocation_that_the_disk_refuses_stays_and_is_written_later(void **state)
{
    struct bench *bench = *state;
    init(bench);
    const struct oc_digest alice = issue(bench, "alice");
    held_store_set_full(true);
    const struct administrator_result *result =
        run(bench, NULL, command_of(ADMINISTRATOR_REVOKE, "alice"));
    assert_int_equal(result->status, OC_UNAVAILABLE);
    assert_true(result->error.is_not_durable);
    assert_string_equal(result->error.cause, STORE_CAUSE_DISK_FULL);
    assert_false(may(bench, &alice));
    struct service_status status;
    service_get_status(bench->base.service, &status);
    assert_int_equal(status.n_unsaved, 1);
    /* what gives is refused, and takes nothing back */
    struct administrator_command *anew = command_of(ADMINISTRATOR_ISSUE, "alice");
    ask(anew);
    assert_int_equal(run(bench, NULL, anew)->status, OC_UNAVAILABLE);
    assert_false(may(bench, &alice));
    held_store_set_full(false);
    fake_clock_advance(&bench->base.monotonic, 60 * 1000);
    assert_int_equal(run(bench, NULL, command_of(ADMINISTRATOR_REVOKE, "alice"))->status, OC_OK);
    service_get_status(bench->base.service, &status);
    assert_int_equal(status.n_unsaved, 0);
}

static void a_lost_commit_does_not_bring_anybody_back(void **state)
{
    struct bench *bench = *state;
    init(bench);
    const struct oc_digest alice = issue(bench, "alice");
    store_memory_fail_next(bench->store, STORE_MEMORY_COMMIT_LOST);
    const struct administrator_result *result =
        run(bench, NULL, command_of(ADMINISTRATOR_REVOKE, "alice"));
    assert_int_equal(result->status, OC_UNAVAILABLE);
    assert_true(result->error.is_not_durable);
    assert_false(may(bench, &alice));
    fake_clock_advance(&bench->base.monotonic, 60 * 1000);
    assert_true(held_store_n_reopens() <= 1);
    assert_false(may(bench, &alice));
}

static void time_ends_a_certificate_and_no_jump_brings_it_back(void **state)
{
    struct bench *bench = *state;
    enum administrator_role role;
    init(bench);
    const struct oc_digest alice = issue(bench, "alice");
    assert_int_equal(look(bench, &alice, &role), ADMINISTRATORS_ALLOWED);
    assert_int_equal(role, ADMINISTRATOR_APPROVER);
    fake_clock_advance(&bench->base.clock, OC_ADMIN_TTL_MS + 1000);
    assert_int_equal(look(bench, &alice, &role), ADMINISTRATORS_EXPIRED);
    assert_int_equal(role, ADMINISTRATOR_NOBODY);
    const struct oc_digest stranger = {{9}};
    assert_int_equal(look(bench, &stranger, &role), ADMINISTRATORS_UNKNOWN);
}

static void who_renews_for_oneself_gets_no_more_time_than_before(void **state)
{
    struct bench *bench = *state;
    init(bench);
    struct administrator_command *it = command_of(ADMINISTRATOR_ISSUE, "alice");
    it->ttl_ms = OC_ADMIN_DAY_MS;
    ask(it);
    const struct administrator_result *result = run(bench, NULL, it);
    const struct administrator_certificate first = result->view.administrator.certificates[0];
    const struct admin_caller alice = remote("alice", &first.sha256);
    it = command_of(ADMINISTRATOR_RENEW, "");
    it->ttl_ms = 300 * OC_ADMIN_DAY_MS;
    ask(it);
    result = run(bench, &alice, it);
    assert_int_equal(result->status, OC_OK);
    const struct administrator_certificate second = result->view.administrator.certificates[0];
    assert_int_equal(second.not_after_ms - second.not_before_ms,
                     first.not_after_ms - first.not_before_ms);
    assert_memory_equal(&second.renewed_with, &first.sha256, sizeof first.sha256);
    assert_int_equal(run(bench, NULL, command_of(ADMINISTRATOR_RENEW, ""))->status,
                     OC_INVALID_ARGUMENT); /* at the local door there is no oneself */
}

static void no_viewer_makes_the_audit_grow_by_renewing(void **state)
{
    struct bench *bench = *state;
    init(bench);
    const struct oc_digest own = issue(bench, "alice");
    const struct admin_caller alice = remote("alice", &own);
    for (int i = 1; i < ADMINISTRATOR_CERTIFICATES; i++) {
        struct administrator_command *it = command_of(ADMINISTRATOR_RENEW, "");
        ask(it);
        assert_int_equal(run(bench, &alice, it)->status, OC_OK);
    }
    const int64_t n_before = metric_get(METRIC_COMMITS_TOTAL);
    for (int i = 0; i < 4 * DENIED_BURST; i++) {
        struct administrator_command *it = command_of(ADMINISTRATOR_RENEW, "");
        ask(it);
        const struct administrator_result *result = run(bench, &alice, it);
        assert_int_equal(result->status, OC_FAILED_PRECONDITION);
        assert_string_equal(result->error.cause, "too_many");
    }
    const int64_t n_commits = metric_get(METRIC_COMMITS_TOTAL) - n_before;
    assert_true(n_commits > 0 && n_commits <= DENIED_BURST);
}

static void what_dispatch_allowed_is_looked_at_once_more(void **state)
{
    struct bench *bench = *state;
    init(bench);
    const struct oc_digest bob = issue(bench, "bob");
    (void)issue(bench, "alice");
    const struct admin_caller caller = remote("bob", &bob);
    assert_int_equal(run(bench, &caller, command_of(ADMINISTRATOR_REVOKE, "alice"))->status,
                     OC_PERMISSION_DENIED);
    struct administrator_command *it = command_of(ADMINISTRATOR_RENEW, "alice");
    ask(it);
    assert_int_equal(run(bench, &caller, it)->status, OC_PERMISSION_DENIED);
    /* and a decision on a device, of one who was revoked while it waited */
    struct device device;
    struct pending_call pending;
    device_open(&bench->base, &device, 1);
    (void)device_connect(&device);
    const struct decide_command approve = command_on(&bench->base, PAIRING_EV_APPROVE, &device.id);
    assert_int_equal(run(bench, NULL, command_of(ADMINISTRATOR_REVOKE, "bob"))->status, OC_OK);
    pending_init(&pending);
    admin_do_start(&bench->base, &caller, &approve, &pending);
    assert_true(pending_wait(&pending, 10000));
    assert_int_equal(pending.result.decide.status, OC_PERMISSION_DENIED);
    device_close(&device);
}

static void while_locked_nobody_may_anything(void **state)
{
    struct bench *bench = *state;
    enum administrator_role role;
    init(bench);
    const struct oc_digest alice = issue(bench, "alice");
    fixture_stop(&bench->base);
    fixture_init(&bench->base);
    bench->base.options.lock = STORE_LOCK_BEHIND;
    held_store_take(bench->base.options.store);
    fixture_start(&bench->base);
    assert_int_equal(look(bench, &alice, &role), ADMINISTRATORS_LOCKED);
    assert_int_equal(role, ADMINISTRATOR_NOBODY);
    assert_int_equal(run(bench, NULL, command_of(ADMINISTRATOR_REVOKE, "alice"))->status,
                     OC_UNAVAILABLE);
}

static void a_key_answers_a_repetition_and_no_other_call(void **state)
{
    struct bench *bench = *state;
    init(bench);
    struct admin_caller caller = {
        .actor = {.name = "uid:0"}, .has_key = true, .method = 123, .key = {7}};
    struct administrator_command *it = command_of(ADMINISTRATOR_ISSUE, "alice");
    ask(it);
    const struct administrator_result *result = run(bench, &caller, it);
    assert_int_equal(result->status, OC_OK);
    const struct oc_admin_der first = result->der;
    const uint64_t seq = result->seq;
    result = run(bench, &caller, it);
    assert_int_equal(result->status, OC_OK);
    assert_int_equal(result->seq, seq);
    assert_int_equal(result->der.n, first.n);
    assert_memory_equal(result->der.bytes, first.bytes, first.n);
    caller.payload_digest.bytes[0] ^= 1;
    assert_int_equal(run(bench, &caller, it)->status, OC_INVALID_ARGUMENT);
}

static void another_ca_voids_what_the_old_one_signed(void **state)
{
    struct bench *bench = *state;
    init(bench);
    const struct oc_digest alice = issue(bench, "alice");
    struct administrator_command *it = command_of(ADMINISTRATOR_INIT_PKI, "");
    it->replaces = true;
    bench->fails_to_save = true; /* void, whatever becomes of the new one */
    assert_int_equal(run(bench, NULL, it)->status, OC_UNAVAILABLE);
    assert_false(may(bench, &alice));
    bench->fails_to_save = false;
    assert_int_equal(run(bench, NULL, it)->status, OC_OK);
    assert_false(may(bench, &alice));
    const struct oc_digest anew = issue(bench, "alice");
    assert_true(may(bench, &anew));
}

/* ---- rollbacks ------------------------------------------------------------------------------- */

struct unlocked {
    atomic_bool is_done;
    enum oc_status status;
};

static void unlock_done(void *user, const struct decide_result *result)
{
    struct unlocked *unlocked = user;
    unlocked->status = result->status;
    atomic_store(&unlocked->is_done, true);
}

static bool is_unlocked(void *user)
{
    return atomic_load(&((struct unlocked *)user)->is_done);
}

static enum oc_status accept_rollback(struct bench *bench)
{
    static struct unlocked unlocked;
    const struct admin_caller root = {.actor = {.name = "uid:0", .source = "local"}};
    const struct decide_call call = {.done = unlock_done, .user = &unlocked};
    atomic_store(&unlocked.is_done, false);
    service_lock(bench->base.service, STORE_LOCK_BEHIND);
    admin_unlock(bench->base.service, &root, true, false, &call);
    assert_true(eventually(is_unlocked, &unlocked));
    return unlocked.status;
}

static bool says_restored(void *user, struct store *store)
{
    (void)user;
    (void)store;
    return true;
}

static void a_rollback_that_is_accepted_lets_nobody_in_from_afar(void **state)
{
    struct bench *bench = *state;
    struct oc_error err;
    init(bench);
    const struct oc_digest alice = issue(bench, "alice");
    const struct oc_digest bob = issue(bench, "bob");
    const unsigned n_told = atomic_load(&bench->n_told);
    /* all of it or nothing */
    store_memory_fail_next(bench->store, STORE_MEMORY_COMMIT_FULL);
    assert_int_not_equal(accept_rollback(bench), OC_OK);
    assert_false(may(bench, &alice));
    assert_int_equal(store_identity(bench->store).epoch, 1);
    fake_clock_advance(&bench->base.monotonic, 60 * 1000);
    assert_int_equal(accept_rollback(bench), OC_OK);
    assert_false(may(bench, &alice));
    assert_false(may(bench, &bob));
    assert_true(atomic_load(&bench->n_told) > n_told); /* who cuts */
    assert_int_equal(store_identity(bench->store).epoch, 2);
    const struct store_audit_query query = {.newest_first = true, .limit = 1};
    struct store_audit_row row;
    size_t n = 0;
    assert_int_equal(store_list_audit(bench->store, &query, &row, &n, &err), OC_OK);
    assert_string_equal(row.event.action, "admin.void");
    const struct oc_digest anew = issue(bench, "alice");
    assert_true(may(bench, &anew));
}

static void what_a_restore_has_judged_holds_after_the_unlock(void **state)
{
    struct bench *bench = *state;
    fixture_stop(&bench->base);
    fixture_init(&bench->base);
    bench->base.options.save_admin_ca = save_ca;
    bench->base.options.save_admin_ca_user = bench;
    bench->base.options.was_restored = says_restored;
    fixture_start(&bench->base);
    init(bench);
    const struct oc_digest alice = issue(bench, "alice");
    assert_int_equal(accept_rollback(bench), OC_OK);
    assert_true(may(bench, &alice));
}

/* Whose certificate was stolen may issue from afar, but not all that there may be. */
static void no_administrator_from_afar_takes_the_last_room(void **state)
{
    struct bench *bench = *state;
    init(bench);
    struct administrator_command *it = command_of(ADMINISTRATOR_ISSUE, "mallory");
    ask(it);
    it->role = ADMINISTRATOR_ADMIN;
    assert_int_equal(run(bench, NULL, it)->status, OC_OK);
    const struct admin_caller mallory =
        remote("mallory", &answered.result.view.administrator.certificates[0].sha256);
    for (unsigned n = 1; n < ADMINISTRATORS_MAX_REMOTE; n++) {
        (void)snprintf(it->name, sizeof it->name, "n%u", n);
        assert_int_equal(run(bench, &mallory, it)->status, OC_OK);
    }
    (void)snprintf(it->name, sizeof it->name, "more");
    assert_int_equal(run(bench, &mallory, it)->status, OC_RESOURCE_EXHAUSTED);
    assert_string_equal(answered.result.error.cause, "too_many");
    (void)issue(bench, "alice");
    assert_int_equal(run(bench, NULL, command_of(ADMINISTRATOR_REVOKE, "n1"))->status, OC_OK);
    assert_int_equal(run(bench, NULL, command_of(ADMINISTRATOR_REVOKE, "mallory"))->status, OC_OK);
    assert_false(may(bench, &mallory.certificate));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(without_a_ca_nobody_is_issued),
        TEST(a_ca_that_cannot_be_kept_is_none),
        TEST(who_is_issued_may_act_only_after_the_commit),
        TEST(who_cuts_is_told_by_which_call),
        TEST(a_revocation_denies_before_the_commit),
        TEST(a_revocation_that_the_disk_refuses_stays_and_is_written_later),
        TEST(a_lost_commit_does_not_bring_anybody_back),
        TEST(time_ends_a_certificate_and_no_jump_brings_it_back),
        TEST(who_renews_for_oneself_gets_no_more_time_than_before),
        TEST(no_viewer_makes_the_audit_grow_by_renewing),
        TEST(what_dispatch_allowed_is_looked_at_once_more),
        TEST(while_locked_nobody_may_anything),
        TEST(a_key_answers_a_repetition_and_no_other_call),
        TEST(another_ca_voids_what_the_old_one_signed),
        TEST(a_rollback_that_is_accepted_lets_nobody_in_from_afar),
        TEST(what_a_restore_has_judged_holds_after_the_unlock),
        TEST(no_administrator_from_afar_takes_the_last_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
