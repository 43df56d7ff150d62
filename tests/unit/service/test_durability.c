/* What is acknowledged, what is in force and what is on disk: in which order, and after failures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/store_memory.h"
#include "tests/support/held_store.h"
#include "tests/support/service_fixture.h"

enum {
    NOT_YET_MS = 150,
    LONG_MS = 10 * 1000,
};

struct bench {
    struct service_fixture fixture;
    struct store *store; /* the service's: only to plan failures */
};

static int set_up(void **state)
{
    struct bench *bench = malloc(sizeof *bench);
    fixture_init(&bench->fixture);
    bench->store = bench->fixture.options.store;
    held_store_take(bench->store);
    fixture_start(&bench->fixture);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    held_store_set_full(false);
    held_store_release();
    fixture_stop(&bench->fixture);
    free(bench);
    return 0;
}

static struct decide_result decide(struct bench *bench, enum pairing_event_kind kind,
                                   const struct device *device)
{
    return admin_decide_on(&bench->fixture, kind, &device->id);
}

static void open_approved(struct bench *bench, struct device *device, unsigned n)
{
    device_open(&bench->fixture, device, n);
    (void)device_connect(device);
    assert_int_equal(decide(bench, PAIRING_EV_APPROVE, device).status, OC_OK);
    assert_true(device_connect(device).has_session);
}

static bool is_cut(void *user)
{
    return atomic_load(&((struct device *)user)->n_cuts) > 0;
}

static void an_approval_is_neither_answered_nor_in_force_before_its_commit(void **state)
{
    struct bench *bench = *state;
    struct device device;
    struct pending_call approve, wait;
    device_open(&bench->fixture, &device, 1);
    struct connect_result refused = device_connect(&device);
    device_wait_start(&device, &refused.refusal.request_id, 25000, &wait);
    struct decide_command command = command_on(&bench->fixture, PAIRING_EV_APPROVE, &device.id);
    held_store_hold();
    admin_do_start(&bench->fixture, NULL, &command, &approve);
    assert_true(held_store_wait());
    assert_false(device_connect(&device).has_session);
    assert_false(pending_wait(&wait, NOT_YET_MS));
    assert_false(pending_wait(&approve, 0));
    held_store_release();
    assert_true(pending_wait(&approve, LONG_MS));
    assert_int_equal(approve.result.decide.status, OC_OK);
    assert_true(pending_wait(&wait, LONG_MS));
    assert_true(device_connect(&device).has_session);
    device_close(&device);
}

static void a_revocation_is_in_force_before_its_commit_and_answered_after(void **state)
{
    struct bench *bench = *state;
    struct device device;
    struct pending_call revoke;
    open_approved(bench, &device, 1);
    struct decide_command command = command_on(&bench->fixture, PAIRING_EV_REVOKE, &device.id);
    held_store_hold();
    admin_do_start(&bench->fixture, NULL, &command, &revoke);
    assert_true(held_store_wait());
    assert_true(eventually(is_cut, &device));
    assert_int_equal(device_connect(&device).refusal.kind, OC_REFUSAL_REVOKED);
    assert_false(pending_wait(&revoke, NOT_YET_MS));
    held_store_release();
    assert_true(pending_wait(&revoke, LONG_MS));
    assert_int_equal(revoke.result.decide.status, OC_OK);
    assert_true(revoke.result.decide.session_closed);
    device_close(&device);
}

static void a_decision_whose_time_is_over_before_it_starts_is_not_taken(void **state)
{
    struct bench *bench = *state;
    const struct admin_caller hasty = {.actor = {.name = "uid:7"}, .budget_ms = 50};
    struct device device;
    struct pending_call first, late;
    device_open(&bench->fixture, &device, 1);
    (void)device_connect(&device);
    struct decide_command rename = command_on(&bench->fixture, PAIRING_EV_RENAME, &device.id);
    memcpy(rename.alias, "first", sizeof "first");
    struct decide_command approve = command_on(&bench->fixture, PAIRING_EV_APPROVE, &device.id);
    held_store_hold();
    admin_do_start(&bench->fixture, NULL, &rename, &first);
    assert_true(held_store_wait());
    admin_do_start(&bench->fixture, &hasty, &approve, &late);
    fake_clock_advance(&bench->fixture.monotonic, 50);
    held_store_release();
    assert_true(pending_wait(&first, LONG_MS));
    assert_true(pending_wait(&late, LONG_MS));
    assert_int_equal(late.result.decide.status, OC_DEADLINE_EXCEEDED);
    assert_false(device_connect(&device).has_session);
    device_close(&device);
}

static void what_arrives_during_a_commit_goes_into_the_next(void **state)
{
    struct bench *bench = *state;
    struct device devices[20];
    struct pending_call calls[20];
    device_open(&bench->fixture, &devices[0], 1);
    unsigned n_before = held_store_n_commits();
    held_store_hold();
    device_connect_start(&devices[0], &calls[0]);
    assert_true(held_store_wait());
    for (unsigned i = 1; i < 20; i++) {
        device_open(&bench->fixture, &devices[i], i + 1);
        device_connect_start(&devices[i], &calls[i]);
    }
    held_store_release();
    for (unsigned i = 0; i < 20; i++) {
        assert_true(pending_wait(&calls[i], LONG_MS));
        assert_int_equal(calls[i].result.connect.refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
        device_close(&devices[i]);
    }
    assert_int_equal(held_store_n_commits() - n_before, 2);
}

static size_t n_audited(struct bench *bench, const char *action);

static struct service_status status_of(struct bench *bench)
{
    struct service_status status;
    service_get_status(bench->fixture.service, &status);
    return status;
}

static bool has_recovered(void *user)
{
    struct service_status status = status_of(user);
    return status.failing_since_ms == 0 && status.n_unsaved == 0;
}

/* The gateway looks by itself, less and less often. */
static void await_recovery(struct bench *bench)
{
    fake_clock_advance(&bench->fixture.monotonic, 10 * 1000);
    assert_true(eventually(has_recovered, bench));
}

static void a_full_disk_refuses_grants_and_still_cuts_off(void **state)
{
    struct bench *bench = *state;
    struct device served, newcomer;
    open_approved(bench, &served, 1);
    device_open(&bench->fixture, &newcomer, 2);
    (void)device_connect(&newcomer);
    held_store_set_full(true);
    struct decide_result refused = decide(bench, PAIRING_EV_APPROVE, &newcomer);
    assert_int_equal(refused.status, OC_UNAVAILABLE);
    assert_string_equal(refused.error.cause, "disk_full");
    assert_false(refused.error.is_outcome_unknown);
    assert_false(device_connect(&newcomer).has_session);
    struct decide_result revoked = decide(bench, PAIRING_EV_REVOKE, &served);
    assert_int_equal(revoked.status, OC_UNAVAILABLE);
    assert_true(revoked.error.is_not_durable);
    assert_true(eventually(is_cut, &served));
    assert_int_equal(device_connect(&served).refusal.kind, OC_REFUSAL_REVOKED);
    /* Nothing about the device may overtake what is not on disk yet. */
    fake_clock_advance(&bench->fixture.clock, PAIRING_COOL_DOWN_FIRST_MS);
    assert_int_equal(device_connect(&served).refusal.kind, OC_REFUSAL_BUSY);
    assert_int_equal(n_audited(bench, "revoke"), 0);
    assert_int_equal(status_of(bench).n_unsaved, 1);
    held_store_set_full(false);
    await_recovery(bench);
    assert_int_equal(n_audited(bench, "revoke"), 1);
    assert_int_equal(decide(bench, PAIRING_EV_APPROVE, &newcomer).status, OC_OK);
    device_close(&served);
    device_close(&newcomer);
}

static void nothing_about_a_device_overtakes_its_unsaved_revocation(void **state)
{
    struct bench *bench = *state;
    struct device device;
    open_approved(bench, &device, 1);
    held_store_set_full(true);
    assert_true(decide(bench, PAIRING_EV_REVOKE, &device).error.is_not_durable);
    held_store_set_full(false);
    struct decide_command rename = command_on(&bench->fixture, PAIRING_EV_RENAME, &device.id);
    memcpy(rename.alias, "kept", sizeof "kept");
    assert_int_equal(admin_do(&bench->fixture, &rename).status, OC_OK);
    assert_int_equal(n_audited(bench, "revoke"), 1);
    device_close(&device);
}

/* What it costs the disk when a hundred strangers knock while it is full. */
static void strangers_cannot_make_a_failing_disk_fail_again(void **state)
{
    struct bench *bench = *state;
    struct device served;
    open_approved(bench, &served, 1);
    held_store_set_full(true);
    assert_true(decide(bench, PAIRING_EV_REVOKE, &served).error.is_not_durable);
    const unsigned n_applies = held_store_n_applies();
    for (unsigned i = 2; i < 102; i++) {
        struct device stranger;
        device_open(&bench->fixture, &stranger, i);
        struct connect_result result = device_connect(&stranger);
        assert_int_equal(result.refusal.kind, OC_REFUSAL_BUSY);
        assert_true(result.refusal.retry_after_ms > 0);
        device_close(&stranger);
    }
    assert_int_equal(held_store_n_applies(), n_applies);
    assert_int_equal(held_store_n_reopens(), 0);
    assert_int_equal(held_store_n_loads(), 1);
    held_store_set_full(false);
    device_close(&served);
}

/* The first stranger meets the failure, nobody else pays for it, and nothing is read anew. */
static void a_commit_that_a_full_disk_undid_changes_nothing_and_reopens_nothing(void **state)
{
    struct bench *bench = *state;
    struct device served, newcomer;
    open_approved(bench, &served, 1);
    device_open(&bench->fixture, &newcomer, 2);
    (void)device_connect(&newcomer);
    store_memory_fail_next(bench->store, STORE_MEMORY_COMMIT_FULL);
    struct decide_result refused = decide(bench, PAIRING_EV_APPROVE, &newcomer);
    assert_int_equal(refused.status, OC_UNAVAILABLE);
    assert_string_equal(refused.error.cause, "disk_full");
    assert_false(refused.error.is_outcome_unknown);
    assert_true(device_connect(&served).has_session);
    assert_int_equal(held_store_n_reopens(), 0);
    assert_int_equal(decide(bench, PAIRING_EV_APPROVE, &newcomer).status, OC_OK);
    assert_int_equal(status_of(bench).failing_since_ms, 0);
    device_close(&served);
    device_close(&newcomer);
}

/* What little the disk still takes is for cutting off. */
static void the_last_room_of_a_full_disk_is_for_withdrawals(void **state)
{
    struct bench *bench = *state;
    struct device served, newcomer;
    open_approved(bench, &served, 1);
    device_open(&bench->fixture, &newcomer, 2);
    (void)device_connect(&newcomer);
    held_store_set_no_room(true);
    store_memory_fail_next(bench->store, STORE_MEMORY_COMMIT_FULL);
    assert_int_equal(decide(bench, PAIRING_EV_APPROVE, &newcomer).status, OC_UNAVAILABLE);
    const unsigned n_applies = held_store_n_applies();
    assert_int_equal(decide(bench, PAIRING_EV_APPROVE, &newcomer).status, OC_UNAVAILABLE);
    assert_int_equal(held_store_n_applies(), n_applies);
    assert_int_equal(decide(bench, PAIRING_EV_REVOKE, &served).status, OC_OK);
    assert_int_equal(n_audited(bench, "revoke"), 1);
    assert_int_not_equal(status_of(bench).failing_since_ms, 0);
    held_store_set_no_room(false);
    await_recovery(bench);
    device_close(&served);
    device_close(&newcomer);
}

/* Else every stranger that fits beside one that does not could begin the next outage. */
static void a_group_of_which_a_part_failed_does_not_end_the_outage(void **state)
{
    struct bench *bench = *state;
    struct device devices[3];
    struct pending_call calls[3];
    for (unsigned i = 0; i < 3; i++) {
        device_open(&bench->fixture, &devices[i], i + 1);
        (void)device_connect(&devices[i]);
    }
    held_store_hold();
    for (unsigned i = 0; i < 3; i++) {
        struct decide_command approve =
            command_on(&bench->fixture, PAIRING_EV_APPROVE, &devices[i].id);
        admin_do_start(&bench->fixture, NULL, &approve, &calls[i]);
        if (i == 0) {
            assert_true(held_store_wait()); /* the other two make the next group */
            store_memory_fail_next(bench->store, STORE_MEMORY_APPLY_FULL);
        }
    }
    held_store_release();
    for (unsigned i = 0; i < 3; i++) {
        assert_true(pending_wait(&calls[i], LONG_MS));
        assert_int_equal(calls[i].result.decide.status, i == 1 ? OC_UNAVAILABLE : OC_OK);
    }
    assert_int_not_equal(status_of(bench).failing_since_ms, 0);
    await_recovery(bench);
    for (unsigned i = 0; i < 3; i++) {
        device_close(&devices[i]);
    }
}

static void an_approved_device_is_served_whatever_it_asks_while_the_disk_is_full(void **state)
{
    struct bench *bench = *state;
    struct device served, other;
    open_approved(bench, &served, 1);
    open_approved(bench, &other, 2);
    held_store_set_full(true);
    assert_true(decide(bench, PAIRING_EV_REVOKE, &other).error.is_not_durable);
    served.facts.ask.grant =
        (struct oc_grant){.role = "agent", .n_scopes = 2, .scopes = {"admin", "chat"}};
    struct connect_result result = device_connect(&served);
    assert_true(result.has_session);
    assert_int_equal(result.session.granted.n_scopes, 1);
    assert_string_equal(result.session.upgrade_request.text, "");
    held_store_set_full(false);
    await_recovery(bench);
    assert_string_not_equal(device_connect(&served).session.upgrade_request.text, "");
    device_close(&served);
    device_close(&other);
}

static void a_lost_commit_is_looked_at_and_not_loaded_anew(void **state)
{
    struct bench *bench = *state;
    struct device device;
    device_open(&bench->fixture, &device, 1);
    (void)device_connect(&device);
    store_memory_fail_next(bench->store, STORE_MEMORY_COMMIT_LOST);
    assert_true(decide(bench, PAIRING_EV_APPROVE, &device).error.is_outcome_unknown);
    assert_int_equal(held_store_n_reopens(), 1);
    assert_int_equal(held_store_n_loads(), 1); /* the start's */
    store_memory_fail_next(bench->store, STORE_MEMORY_COMMIT_KEPT);
    assert_true(decide(bench, PAIRING_EV_APPROVE, &device).error.is_outcome_unknown);
    assert_int_equal(held_store_n_reopens(), 2);
    assert_int_equal(held_store_n_loads(), 2);
    assert_true(device_connect(&device).has_session);
    device_close(&device);
}

static void the_status_tells_of_an_outage_from_its_start_to_its_end(void **state)
{
    struct bench *bench = *state;
    struct device device;
    open_approved(bench, &device, 1);
    const int64_t start_ms = bench->fixture.clock.now_ms;
    fake_clock_advance(&bench->fixture.clock, 5000);
    held_store_set_full(true);
    assert_true(decide(bench, PAIRING_EV_BLOCK, &device).error.is_not_durable);
    struct service_status status = status_of(bench);
    assert_int_equal(status.failing_since_ms, start_ms + 5000);
    assert_int_equal(status.last_write_ms, start_ms);
    assert_string_equal(status.store_cause, "disk_full");
    assert_string_not_equal(status.store_error, "");
    assert_int_equal(status.n_unsaved, 1);
    held_store_set_full(false);
    await_recovery(bench);
    status = status_of(bench);
    assert_string_equal(status.store_error, "");
    assert_true(status.last_write_ms >= start_ms + 5000);
    assert_int_equal(n_audited(bench, "block"), 1);
    device_close(&device);
}

static void a_repeated_revocation_is_done_only_when_the_first_is_on_disk(void **state)
{
    struct bench *bench = *state;
    struct device device;
    open_approved(bench, &device, 1);
    held_store_set_full(true);
    assert_true(decide(bench, PAIRING_EV_REVOKE, &device).error.is_not_durable);
    struct decide_result again = decide(bench, PAIRING_EV_REVOKE, &device);
    assert_int_equal(again.status, OC_UNAVAILABLE);
    assert_true(again.error.is_not_durable);
    held_store_set_full(false);
    assert_int_equal(decide(bench, PAIRING_EV_REVOKE, &device).status, OC_OK);
    assert_int_equal(n_audited(bench, "revoke"), 2); /* the first, and that it was so already */
    device_close(&device);
}

static void a_lost_commit_leaves_the_outcome_unknown_and_grants_nothing(void **state)
{
    struct bench *bench = *state;
    struct device device;
    device_open(&bench->fixture, &device, 1);
    (void)device_connect(&device);
    store_memory_fail_next(bench->store, STORE_MEMORY_COMMIT_LOST);
    struct decide_result unknown = decide(bench, PAIRING_EV_APPROVE, &device);
    assert_int_equal(unknown.status, OC_UNAVAILABLE);
    assert_true(unknown.error.is_outcome_unknown);
    assert_false(device_connect(&device).has_session);
    assert_int_equal(decide(bench, PAIRING_EV_APPROVE, &device).status, OC_OK);
    assert_true(device_connect(&device).has_session);
    device_close(&device);
}

static void a_commit_that_failed_and_is_there_comes_into_force_by_reloading(void **state)
{
    struct bench *bench = *state;
    struct device device;
    struct pending_call wait;
    device_open(&bench->fixture, &device, 1);
    struct connect_result refused = device_connect(&device);
    device_wait_start(&device, &refused.refusal.request_id, 25000, &wait);
    struct decide_command command = command_on(&bench->fixture, PAIRING_EV_APPROVE, &device.id);
    store_memory_fail_next(bench->store, STORE_MEMORY_COMMIT_KEPT);
    struct decide_result unknown = admin_do(&bench->fixture, &command);
    assert_true(unknown.error.is_outcome_unknown);
    assert_true(pending_wait(&wait, LONG_MS));
    assert_int_equal(wait.result.wait.outcome, WAIT_APPROVED);
    assert_true(device_connect(&device).has_session);
    device_close(&device);
}

static void a_denial_survives_the_commit_that_lost_it_and_the_reload(void **state)
{
    struct bench *bench = *state;
    struct device device, other;
    uint64_t generation;
    open_approved(bench, &device, 1);
    open_approved(bench, &other, 2);
    store_memory_fail_next(bench->store, STORE_MEMORY_COMMIT_LOST);
    struct decide_result unknown = decide(bench, PAIRING_EV_REVOKE, &device);
    assert_int_equal(unknown.status, OC_UNAVAILABLE);
    assert_true(unknown.error.is_outcome_unknown);
    assert_true(unknown.error.is_not_durable);
    assert_int_equal(device_connect(&device).refusal.kind, OC_REFUSAL_REVOKED);
    assert_int_equal(peer_heartbeat(other.peer, &generation), OC_OK);
    fake_clock_advance(&bench->fixture.monotonic, 1000);
    for (int i = 0; i < 5000 && n_audited(bench, "revoke") == 0; i++) {
    }
    assert_int_equal(n_audited(bench, "revoke"), 1);
    assert_int_equal(device_connect(&device).refusal.kind, OC_REFUSAL_REVOKED);
    device_close(&device);
    device_close(&other);
}

static void a_denial_that_was_written_after_all_is_not_written_twice(void **state)
{
    struct bench *bench = *state;
    struct device device;
    open_approved(bench, &device, 1);
    store_memory_fail_next(bench->store, STORE_MEMORY_COMMIT_KEPT);
    assert_true(decide(bench, PAIRING_EV_REVOKE, &device).error.is_outcome_unknown);
    fake_clock_advance(&bench->fixture.monotonic, 1000);
    assert_int_equal(n_audited(bench, "revoke"), 1);
    fake_clock_advance(&bench->fixture.monotonic, 1000);
    (void)decide(bench, PAIRING_EV_REVOKE, &device);
    assert_int_equal(n_audited(bench, "revoke"), 2); /* the second call's own */
    device_close(&device);
}

/* ---- a store that comes back older, or another's --------------------------------------------- */

static void unlocked(void *user, const struct decide_result *result)
{
    struct pending_call *pending = user;
    pthread_mutex_lock(&pending->lock);
    pending->result.decide = *result;
    pending->is_done = true;
    pthread_cond_broadcast(&pending->changed);
    pthread_mutex_unlock(&pending->lock);
}

static enum oc_status accept_rollback(struct bench *bench)
{
    const struct admin_caller caller = {.actor = {.name = "uid:0", .source = "local"}};
    struct pending_call pending;
    const struct decide_call call = {.done = unlocked, .user = &pending};
    pending_init(&pending);
    admin_unlock(bench->fixture.service, &caller, true, false, &call);
    assert_true(pending_wait(&pending, LONG_MS));
    return pending.result.decide.status;
}

/* The next commit fails, and what the reopen then finds differs by this. */
static void come_back_as(struct bench *bench, const struct store_identity *found)
{
    struct device other;
    held_store_reopen_as(found);
    store_memory_fail_next(bench->store, STORE_MEMORY_COMMIT_LOST);
    device_open(&bench->fixture, &other, 77);
    assert_false(device_connect(&other).has_session);
    device_close(&other);
}

static void expect_lock(struct bench *bench, struct device *served, enum store_lock lock)
{
    assert_int_equal(status_of(bench).lock, lock);
    assert_true(eventually(is_cut, served));
    assert_int_equal(device_connect(served).refusal.kind, OC_REFUSAL_LOCKED);
    assert_int_equal(held_store_n_loads(), 1); /* the start's */
}

static void a_database_that_comes_back_older_locks_and_is_not_read(void **state)
{
    struct bench *bench = *state;
    struct device served, revoked;
    open_approved(bench, &served, 1);
    open_approved(bench, &revoked, 2);
    assert_int_equal(decide(bench, PAIRING_EV_REVOKE, &revoked).status, OC_OK);
    struct store_identity older = status_of(bench).identity;
    older.seq--;
    come_back_as(bench, &older);
    expect_lock(bench, &served, STORE_LOCK_BEHIND);
    assert_int_equal(status_of(bench).identity.seq, older.seq + 1); /* as acknowledged */
    assert_int_equal(accept_rollback(bench), OC_OK);
    assert_int_equal(held_store_n_loads(), 2);
    assert_int_equal(status_of(bench).lock, STORE_LOCK_NONE);
    assert_int_equal(status_of(bench).identity.epoch, older.epoch + 1);
    device_close(&served);
    device_close(&revoked);
}

static void a_lower_epoch_locks_whatever_its_number(void **state)
{
    struct bench *bench = *state;
    struct device served;
    open_approved(bench, &served, 1);
    struct store_identity older = status_of(bench).identity;
    older.epoch--;
    older.seq += 100;
    come_back_as(bench, &older);
    expect_lock(bench, &served, STORE_LOCK_BEHIND);
    device_close(&served);
}

static void another_database_in_its_place_locks(void **state)
{
    struct bench *bench = *state;
    struct device served;
    open_approved(bench, &served, 1);
    struct store_identity foreign = status_of(bench).identity;
    foreign.database_id[0] ^= 1;
    foreign.epoch += 5;
    foreign.seq += 100;
    come_back_as(bench, &foreign);
    expect_lock(bench, &served, STORE_LOCK_FOREIGN);
    assert_int_equal(accept_rollback(bench), OC_OK);
    assert_int_equal(status_of(bench).identity.epoch, foreign.epoch + 1);
    device_close(&served);
}

static void nothing_is_written_to_an_older_database_and_what_was_withdrawn_stays(void **state)
{
    struct bench *bench = *state;
    struct device device;
    open_approved(bench, &device, 1);
    struct store_identity older = status_of(bench).identity;
    older.seq--;
    held_store_reopen_as(&older);
    store_memory_fail_next(bench->store, STORE_MEMORY_COMMIT_LOST);
    const struct decide_command revoke = command_on(&bench->fixture, PAIRING_EV_REVOKE, &device.id);
    struct decide_command rename = command_on(&bench->fixture, PAIRING_EV_RENAME, &device.id);
    memcpy(rename.alias, "late", sizeof "late");
    struct pending_call first, queued;
    held_store_hold();
    admin_do_start(&bench->fixture, NULL, &revoke, &first);
    assert_true(held_store_wait());
    admin_do_start(&bench->fixture, NULL, &rename, &queued); /* nothing is locked yet */
    const unsigned n_applies = held_store_n_applies();
    held_store_release();
    assert_true(pending_wait(&first, LONG_MS));
    assert_true(first.result.decide.error.is_not_durable);
    assert_true(pending_wait(&queued, LONG_MS));
    assert_int_equal(queued.result.decide.status, OC_UNAVAILABLE);
    assert_int_equal(held_store_n_applies(), n_applies);
    assert_int_equal(status_of(bench).lock, STORE_LOCK_BEHIND);
    held_store_reopen_as(NULL);
    assert_int_equal(accept_rollback(bench), OC_OK);
    assert_int_equal(device_connect(&device).refusal.kind, OC_REFUSAL_REVOKED);
    await_recovery(bench);
    assert_int_equal(n_audited(bench, "revoke"), 1);
    device_close(&device);
}

struct audit_count {
    struct pending_call pending;
    const char *action;
    size_t n;
};

static void count_rows(void *user, const struct audit_result *result)
{
    struct audit_count *count = user;
    pthread_mutex_lock(&count->pending.lock);
    for (size_t i = 0; i < result->n; i++) {
        count->n += strcmp(result->rows[i].event.action, count->action) == 0;
    }
    count->pending.is_done = true;
    pthread_cond_broadcast(&count->pending.changed);
    pthread_mutex_unlock(&count->pending.lock);
}

static size_t n_audited(struct bench *bench, const char *action)
{
    struct audit_count count = {.action = action};
    const struct store_audit_query query = {.limit = STORE_MAX_PAGE};
    const struct audit_call call = {.done = count_rows, .user = &count};
    pending_init(&count.pending);
    count.n = 0;
    admin_list_audit(bench->fixture.service, &query, &call);
    assert_true(pending_wait(&count.pending, LONG_MS));
    return count.n;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(an_approval_is_neither_answered_nor_in_force_before_its_commit),
        CASE(a_revocation_is_in_force_before_its_commit_and_answered_after),
        CASE(a_decision_whose_time_is_over_before_it_starts_is_not_taken),
        CASE(what_arrives_during_a_commit_goes_into_the_next),
        CASE(a_full_disk_refuses_grants_and_still_cuts_off),
        CASE(nothing_about_a_device_overtakes_its_unsaved_revocation),
        CASE(strangers_cannot_make_a_failing_disk_fail_again),
        CASE(a_commit_that_a_full_disk_undid_changes_nothing_and_reopens_nothing),
        CASE(the_last_room_of_a_full_disk_is_for_withdrawals),
        CASE(a_group_of_which_a_part_failed_does_not_end_the_outage),
        CASE(an_approved_device_is_served_whatever_it_asks_while_the_disk_is_full),
        CASE(a_lost_commit_is_looked_at_and_not_loaded_anew),
        CASE(the_status_tells_of_an_outage_from_its_start_to_its_end),
        CASE(a_repeated_revocation_is_done_only_when_the_first_is_on_disk),
        CASE(a_lost_commit_leaves_the_outcome_unknown_and_grants_nothing),
        CASE(a_commit_that_failed_and_is_there_comes_into_force_by_reloading),
        CASE(a_denial_survives_the_commit_that_lost_it_and_the_reload),
        CASE(a_denial_that_was_written_after_all_is_not_written_twice),
        CASE(a_database_that_comes_back_older_locks_and_is_not_read),
        CASE(a_lower_epoch_locks_whatever_its_number),
        CASE(another_database_in_its_place_locks),
        CASE(nothing_is_written_to_an_older_database_and_what_was_withdrawn_stays),
#undef CASE
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
