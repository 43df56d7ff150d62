/* What administrators see and decide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/store_memory.h"
#include "tests/support/service_fixture.h"

enum {
    NOT_YET_MS = 150,
    LONG_MS = 10 * 1000,
};

static int set_up(void **state)
{
    struct service_fixture *fixture = malloc(sizeof *fixture);
    fixture_init(fixture);
    fixture->options.max_pending_per_source = 10000;
    fixture_start(fixture);
    *state = fixture;
    return 0;
}

static int set_up_locked(void **state)
{
    struct service_fixture *fixture = malloc(sizeof *fixture);
    fixture_init(fixture);
    fixture->options.lock = STORE_LOCK_BEHIND;
    fixture_start(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    fixture_stop(*state);
    free(*state);
    return 0;
}

static void ask(struct service_fixture *fixture, unsigned n, struct device *device)
{
    device_open(fixture, device, n);
    (void)device_connect(device);
}

/* ---- deciding ------------------------------------------------------------------------------- */

static void the_second_of_two_administrators_is_told_that_it_was_decided(void **state)
{
    struct device device;
    ask(*state, 1, &device);
    struct decide_command approve = command_on(*state, PAIRING_EV_APPROVE, &device.id);
    struct decide_command reject = approve;
    reject.kind = PAIRING_EV_REJECT;
    assert_int_equal(admin_do(*state, &approve).status, OC_OK);
    assert_int_equal(admin_do(*state, &reject).status, OC_ABORTED);
    assert_true(device_connect(&device).has_session);
    device_close(&device);
}

static void an_unknown_request_is_not_found_and_the_closest_named(void **state)
{
    struct device device;
    ask(*state, 1, &device);
    struct decide_command command = command_on(*state, PAIRING_EV_APPROVE, &device.id);
    char right[OC_REQUEST_ID_CHARS + 1];
    memcpy(right, command.request_id.text, sizeof right);
    command.request_id.text[3] = right[3] == 'Z' ? 'Y' : 'Z';
    struct decide_result result = admin_do(*state, &command);
    assert_int_equal(result.status, OC_NOT_FOUND);
    assert_string_equal(result.error.closest, right);
    device_close(&device);
}

static void a_replaced_request_is_named_with_the_one_that_stands(void **state)
{
    struct device device;
    struct resolve_result *found = calloc(1, sizeof *found);
    ask(*state, 1, &device);
    struct decide_command old = command_on(*state, PAIRING_EV_APPROVE, &device.id);
    memcpy(device.facts.ask.purpose, "another", sizeof "another");
    struct connect_result again = device_connect(&device);
    struct decide_result result = admin_do(*state, &old);
    assert_int_equal(result.status, OC_ABORTED);
    assert_string_equal(result.error.request_id, again.refusal.request_id.text);
    admin_resolve(*state ? ((struct service_fixture *)*state)->service : NULL, old.request_id.text,
                  false, found);
    assert_int_equal(found->n_matches, 0);
    assert_string_equal(found->replaced_by.text, again.refusal.request_id.text);
    free(found);
    device_close(&device);
}

static void an_approval_counts_only_for_what_was_shown(void **state)
{
    struct device device;
    ask(*state, 1, &device);
    struct decide_command command = command_on(*state, PAIRING_EV_APPROVE, &device.id);
    command.ask_digest.bytes[0] ^= 1;
    assert_int_equal(admin_do(*state, &command).status, OC_ABORTED);
    assert_false(device_connect(&device).has_session);
    device_close(&device);
}

static void a_repeated_call_is_answered_as_the_first_and_changes_nothing(void **state)
{
    struct device device;
    struct pending_call calls[3];
    struct admin_caller caller = {.actor = {.name = "uid:0"}, .has_key = true, .method = 103};
    ask(*state, 1, &device);
    struct decide_command approve = command_on(*state, PAIRING_EV_APPROVE, &device.id);
    for (int i = 0; i < 2; i++) {
        admin_do_start(*state, &caller, &approve, &calls[i]);
        assert_true(pending_wait(&calls[i], LONG_MS));
        assert_int_equal(calls[i].result.decide.status, OC_OK);
    }
    assert_int_equal(calls[0].result.decide.seq, calls[1].result.decide.seq);
    assert_int_equal(calls[1].result.decide.view.pairing.generation, 1);
    caller.payload_digest.bytes[0] = 1;
    admin_do_start(*state, &caller, &approve, &calls[2]);
    assert_true(pending_wait(&calls[2], LONG_MS));
    assert_int_equal(calls[2].result.decide.status, OC_INVALID_ARGUMENT);
    device_close(&device);
}

static void a_repeated_refusal_stays_a_refusal(void **state)
{
    struct device device;
    struct pending_call calls[2];
    const struct admin_caller caller = {.actor = {.name = "uid:0"}, .has_key = true};
    ask(*state, 1, &device);
    struct decide_command revoke = command_on(*state, PAIRING_EV_REVOKE, &device.id);
    admin_do_start(*state, &caller, &revoke, &calls[0]);
    assert_true(pending_wait(&calls[0], LONG_MS));
    assert_int_equal(calls[0].result.decide.status, OC_FAILED_PRECONDITION);
    assert_int_equal(admin_decide_on(*state, PAIRING_EV_APPROVE, &device.id).status, OC_OK);
    admin_do_start(*state, &caller, &revoke, &calls[1]);
    assert_true(pending_wait(&calls[1], LONG_MS));
    assert_int_equal(calls[1].result.decide.status, OC_FAILED_PRECONDITION);
    assert_true(device_connect(&device).has_session);
    device_close(&device);
}

static void a_device_never_seen_can_be_blocked_and_unblocked(void **state)
{
    struct device device;
    device_open(*state, &device, 1);
    assert_int_equal(admin_decide_on(*state, PAIRING_EV_BLOCK, &device.id).status, OC_OK);
    assert_int_equal(device_connect(&device).refusal.kind, OC_REFUSAL_BLOCKED);
    assert_int_equal(admin_decide_on(*state, PAIRING_EV_UNBLOCK, &device.id).status, OC_OK);
    assert_int_equal(device_connect(&device).refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    device_close(&device);
}

static void an_expected_device_is_served_at_its_first_connect(void **state)
{
    struct device device;
    device_open(*state, &device, 1);
    struct decide_command expect = {
        .kind = PAIRING_EV_EXPECT,
        .device_id = device.id,
        .approves = true,
        .grant = {.role = "agent", .n_scopes = 1, .scopes = {"chat"}},
    };
    assert_int_equal(admin_do(*state, &expect).status, OC_OK);
    assert_true(device_connect(&device).has_session);
    device_close(&device);
}

static void an_alias_that_looks_like_an_id_is_refused(void **state)
{
    struct device device;
    ask(*state, 1, &device);
    assert_int_equal(admin_decide_on(*state, PAIRING_EV_APPROVE, &device.id).status, OC_OK);
    struct decide_command rename = {.kind = PAIRING_EV_RENAME, .device_id = device.id};
    memcpy(rename.alias, "7QK4M2T9XA", sizeof "7QK4M2T9XA");
    assert_int_equal(admin_do(*state, &rename).status, OC_INVALID_ARGUMENT);
    device_close(&device);
}

static bool was_cut(void *user)
{
    return atomic_load(&((struct device *)user)->n_cuts) > 0;
}

static void a_term_ends_by_itself_and_cuts_the_session(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    ask(fixture, 1, &device);
    struct decide_command approve = command_on(fixture, PAIRING_EV_APPROVE, &device.id);
    approve.term_ms = 60 * 1000;
    assert_int_equal(admin_do(fixture, &approve).status, OC_OK);
    assert_true(device_connect(&device).has_session);
    fake_clock_advance(&fixture->clock, 60 * 1000);
    assert_true(eventually(was_cut, &device));
    assert_false(device_connect(&device).has_session);
    device_close(&device);
}

static void a_wider_ask_goes_on_with_the_old_grant_until_it_is_approved(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    struct pending_call notice;
    ask(fixture, 1, &device);
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_APPROVE, &device.id).status, OC_OK);
    device.facts.ask.grant =
        (struct oc_grant){.role = "agent", .n_scopes = 2, .scopes = {"chat", "tools"}};
    struct connect_result served = device_connect(&device);
    assert_true(served.has_session);
    assert_int_equal(served.session.granted.n_scopes, 1);
    assert_int_equal(strlen(served.session.upgrade_request.text), OC_REQUEST_ID_CHARS);
    device_notice_start(&device, served.session.generation, 25000, &notice);
    assert_false(pending_wait(&notice, NOT_YET_MS));
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_APPROVE, &device.id).status, OC_OK);
    assert_true(pending_wait(&notice, LONG_MS));
    assert_int_equal(notice.result.notice.kind, NOTICE_GRANT_CHANGED);
    assert_int_equal(notice.result.notice.session.granted.n_scopes, 2);
    device_close(&device);
}

static void a_rejected_upgrade_is_told_and_the_session_goes_on(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    uint64_t generation;
    ask(fixture, 1, &device);
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_APPROVE, &device.id).status, OC_OK);
    device.facts.ask.grant =
        (struct oc_grant){.role = "agent", .n_scopes = 2, .scopes = {"chat", "tools"}};
    assert_true(device_connect(&device).has_session);
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_REJECT, &device.id).status, OC_OK);
    /* It was not waiting when that happened, and learns it when it does. */
    assert_int_equal(device_notice(&device, 1, 25000).kind, NOTICE_UPGRADE_REFUSED);
    assert_int_equal(peer_heartbeat(device.peer, &generation), OC_OK);
    device_close(&device);
}

/* ---- lists ---------------------------------------------------------------------------------- */

enum {
    N_LISTED = 90,
};

struct listing {
    struct oc_device_id ids[N_LISTED + 10];
    int groups[N_LISTED + 10];
    size_t n;
};

static void note(void *user, const struct device_view *view)
{
    struct listing *listing = user;
    enum oc_state state = pairing_state(&view->pairing);
    listing->ids[listing->n] = view->pairing.id;
    listing->groups[listing->n++] =
        view->pairing.request.is_open ? 0 : (state == OC_STATE_APPROVED ? 1 : 2);
}

static void list_all(struct service_fixture *fixture, uint32_t states, size_t limit,
                     struct listing *out)
{
    struct list_query query = {.states = states, .limit = limit};
    uint64_t revision;
    struct oc_error err;
    out->n = 0;
    do {
        size_t before = out->n;
        char next[80];
        assert_int_equal(admin_list(fixture->service, &query, note, out, next, &revision, &err),
                         OC_OK);
        assert_true(out->n - before <= limit);
        memcpy(query.cursor, next, sizeof query.cursor);
    } while (query.cursor[0] != '\0');
}

static void lists_are_complete_and_in_order_whatever_the_page(void **state)
{
    struct service_fixture *fixture = *state;
    struct listing *listing = calloc(1, sizeof *listing);
    for (unsigned i = 0; i < N_LISTED; i++) {
        struct device device;
        ask(fixture, i + 1, &device);
        if (i % 3 > 0) {
            (void)admin_decide_on(fixture, PAIRING_EV_APPROVE, &device.id);
        }
        if (i % 9 > 6) {
            (void)admin_decide_on(fixture, PAIRING_EV_BLOCK, &device.id);
        }
        device_close(&device);
    }
    for (size_t limit = 1; limit <= 500; limit = limit * 2 + 5) {
        list_all(fixture, 0, limit, listing);
        assert_int_equal(listing->n, N_LISTED);
        for (size_t i = 1; i < listing->n; i++) {
            int order = memcmp(listing->ids[i - 1].bytes, listing->ids[i].bytes, 32);
            assert_true(listing->groups[i - 1] < listing->groups[i] ||
                        (listing->groups[i - 1] == listing->groups[i] && order < 0));
        }
    }
    list_all(fixture, 1U << OC_STATE_BLOCKED, 4, listing);
    assert_int_equal(listing->n, 20);
    list_all(fixture, 1U << OC_STATE_PENDING, 7, listing);
    assert_int_equal(listing->n, 30);
    free(listing);
}

static void announced_devices_are_listed_and_removed_ones_are_not(void **state)
{
    struct service_fixture *fixture = *state;
    struct listing *listing = calloc(1, sizeof *listing);
    struct device removed, lapsed;
    struct decide_command expect = {.kind = PAIRING_EV_EXPECT, .device_id = {{0x77}}};
    ask(fixture, 1, &removed);
    ask(fixture, 2, &lapsed);
    (void)admin_decide_on(fixture, PAIRING_EV_APPROVE, &removed.id);
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_REMOVE, &removed.id).status, OC_OK);
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_DISMISS, &lapsed.id).status, OC_OK);
    assert_int_equal(admin_do(fixture, &expect).status, OC_OK);
    list_all(fixture, 0, 10, listing);
    assert_int_equal(listing->n, 1);
    assert_memory_equal(&listing->ids[0], &expect.device_id, sizeof expect.device_id);
    list_all(fixture, 1U << OC_STATE_NONE, 10, listing);
    assert_int_equal(listing->n, 3);
    list_all(fixture, 1U << OC_STATE_REVOKED, 10, listing);
    assert_int_equal(listing->n, 0);
    free(listing);
    device_close(&removed);
    device_close(&lapsed);
}

static void a_cursor_of_something_else_is_refused(void **state)
{
    struct service_fixture *fixture = *state;
    struct list_query query = {.limit = 10, .cursor = "0.zz"};
    struct listing listing = {.n = 0};
    char next[80];
    uint64_t revision;
    struct oc_error err;
    assert_int_equal(admin_list(fixture->service, &query, note, &listing, next, &revision, &err),
                     OC_INVALID_ARGUMENT);
}

/* ---- resolving ------------------------------------------------------------------------------ */

static size_t resolve(struct service_fixture *fixture, const char *selector, bool is_enough,
                      const struct device *wanted)
{
    struct resolve_result *found = calloc(1, sizeof *found);
    admin_resolve(fixture->service, selector, is_enough, found);
    size_t n = found->n_matches;
    if (n == 1) {
        assert_true(oc_device_id_equal(&found->matches[0].pairing.id, &wanted->id));
    }
    free(found);
    return n;
}

static void what_people_type_finds_the_device_that_they_mean(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device, other;
    char id[OC_DEVICE_ID_DIGITS + 1];
    char prefix[20];
    ask(fixture, 1, &device);
    ask(fixture, 2, &other);
    struct decide_command command = command_on(fixture, PAIRING_EV_APPROVE, &device.id);
    oc_device_id_format(&device.id, id);
    assert_int_equal(resolve(fixture, id, false, &device), 1);
    id[17] = '\0';
    assert_int_equal(resolve(fixture, id, false, &device), 1);
    id[15] = '\0';
    assert_int_equal(resolve(fixture, id, false, &device), 0);
    assert_int_equal(resolve(fixture, command.request_id.text, false, &device), 1);
    memcpy(prefix, command.request_id.text, 4);
    prefix[4] = '\0';
    assert_int_equal(resolve(fixture, prefix, false, &device), 1);
    prefix[1] = '\0';
    assert_int_equal(resolve(fixture, prefix, false, &device), 0);
    assert_int_equal(resolve(fixture, prefix, true, &device), 1);
    assert_int_equal(resolve(fixture, "web-1", false, &device), 0); /* a claim selects nothing */
    memcpy(command.alias, "kitchen", sizeof "kitchen");
    assert_int_equal(admin_do(fixture, &command).status, OC_OK);
    assert_int_equal(resolve(fixture, "kitchen", false, &device), 1);
    device_close(&device);
    device_close(&other);
}

static void a_mistyped_device_id_is_answered_with_the_closest(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    char right[OC_DEVICE_ID_DIGITS + 1], wrong[OC_DEVICE_ID_DIGITS + 1];
    struct resolve_result *found = calloc(1, sizeof *found);
    ask(fixture, 1, &device);
    oc_device_id_format(&device.id, right);
    memcpy(wrong, right, sizeof wrong);
    wrong[40] = wrong[40] == 'a' ? 'b' : 'a';
    admin_resolve(fixture->service, wrong, false, found);
    assert_int_equal(found->n_matches, 0);
    assert_string_equal(found->closest, right);
    free(found);
    device_close(&device);
}

/* ---- history -------------------------------------------------------------------------------- */

struct watching {
    struct pending_call pending;
    struct watch_result result;
    uint64_t first_seq;
    bool is_open;
};

static void watched(void *user, const struct watch_result *result)
{
    struct watching *watching = user;
    pthread_mutex_lock(&watching->pending.lock);
    watching->result = *result;
    if (result->n > 0) {
        watching->first_seq = result->events[0].change.seq;
        watching->is_open = result->events[0].view.pairing.request.is_open;
    }
    watching->pending.is_done = true;
    pthread_cond_broadcast(&watching->pending.changed);
    pthread_mutex_unlock(&watching->pending.lock);
}

static void watch(struct service_fixture *fixture, uint64_t after_seq, struct watching *watching)
{
    const struct watch_call call = {.done = watched, .user = watching};
    pending_init(&watching->pending);
    admin_watch(fixture->service, after_seq, 25000, &call);
}

static void a_watcher_hears_of_the_next_change_or_that_there_was_none(void **state)
{
    struct service_fixture *fixture = *state;
    struct watching watching;
    struct device device;
    watch(fixture, 0, &watching);
    assert_false(pending_wait(&watching.pending, NOT_YET_MS));
    ask(fixture, 1, &device);
    assert_true(pending_wait(&watching.pending, LONG_MS));
    assert_int_equal(watching.result.n, 1);
    assert_int_equal(watching.first_seq, 1);
    assert_int_equal(watching.result.identity.epoch, 1);
    assert_int_equal(watching.result.identity.database_id[15], 0x22); /* the fixture's */
    assert_true(watching.is_open);
    watch(fixture, watching.result.next_after_seq, &watching);
    assert_false(pending_wait(&watching.pending, NOT_YET_MS));
    fake_clock_advance(&fixture->monotonic, 26000);
    assert_true(pending_wait(&watching.pending, LONG_MS));
    assert_int_equal(watching.result.status, OC_OK);
    assert_int_equal(watching.result.n, 0);
    watch(fixture, 99, &watching);
    assert_true(pending_wait(&watching.pending, LONG_MS));
    assert_int_equal(watching.result.status, OC_OUT_OF_RANGE);
    device_close(&device);
}

struct reading {
    struct pending_call pending;
    char actions[8][24];
    char outcomes[8][24];
    size_t n;
};

static void read_rows(void *user, const struct audit_result *result)
{
    struct reading *reading = user;
    pthread_mutex_lock(&reading->pending.lock);
    for (size_t i = 0; i < result->n && i < 8; i++) {
        memcpy(reading->actions[i], result->rows[i].event.action, 24);
        memcpy(reading->outcomes[i], result->rows[i].event.outcome, 24);
    }
    reading->n = result->n;
    reading->pending.is_done = true;
    pthread_cond_broadcast(&reading->pending.changed);
    pthread_mutex_unlock(&reading->pending.lock);
}

static void refusals_are_audited_too(void **state)
{
    struct service_fixture *fixture = *state;
    struct reading reading;
    const struct audit_actor actor = {.name = "admin:eve"};
    const struct store_audit_query query = {.limit = 8};
    const struct audit_call call = {.done = read_rows, .user = &reading};
    struct device device;
    ask(fixture, 1, &device);
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_REVOKE, &device.id).status,
                     OC_FAILED_PRECONDITION);
    struct decide_command unknown = {.kind = PAIRING_EV_REJECT, .request_id = {"0000000000"}};
    assert_int_equal(admin_do(fixture, &unknown).status, OC_NOT_FOUND);
    admin_record_denied(fixture->service, &actor, "Approve", "role");
    pending_init(&reading.pending);
    admin_list_audit(fixture->service, &query, &call);
    assert_true(pending_wait(&reading.pending, LONG_MS));
    assert_int_equal(reading.n, 3);
    assert_string_equal(reading.actions[0], "revoke");
    assert_string_equal(reading.outcomes[0], "not_approved");
    assert_string_equal(reading.actions[1], "reject");
    assert_string_equal(reading.outcomes[1], "not_found");
    assert_string_equal(reading.actions[2], "denied");
    device_close(&device);
}

/* ---- locked --------------------------------------------------------------------------------- */

static void decided(void *user, const struct decide_result *result)
{
    struct pending_call *pending = user;
    pthread_mutex_lock(&pending->lock);
    pending->result.decide = *result;
    pending->is_done = true;
    pthread_cond_broadcast(&pending->changed);
    pthread_mutex_unlock(&pending->lock);
}

static struct decide_result unlock(struct service_fixture *fixture, bool accept, bool init)
{
    const struct admin_caller caller = {.actor = {.name = "uid:0", .source = "local"}};
    struct pending_call pending;
    const struct decide_call call = {.done = decided, .user = &pending};
    pending_init(&pending);
    admin_unlock(fixture->service, &caller, accept, init, &call);
    assert_true(pending_wait(&pending, LONG_MS));
    return pending.result.decide;
}

static void a_locked_gateway_serves_nobody_until_it_is_unlocked(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    struct service_status status;
    ask(fixture, 1, &device);
    assert_int_equal(device_connect(&device).refusal.kind, OC_REFUSAL_LOCKED);
    struct decide_result refused = admin_decide_on(fixture, PAIRING_EV_BLOCK, &device.id);
    assert_int_equal(refused.status, OC_UNAVAILABLE);
    assert_non_null(strstr(refused.error.text, "unlock"));
    assert_int_equal(unlock(fixture, false, false).status, OC_INVALID_ARGUMENT);
    assert_int_equal(unlock(fixture, false, true).status, OC_FAILED_PRECONDITION);
    assert_int_equal(unlock(fixture, true, false).status, OC_OK);
    service_get_status(fixture->service, &status);
    assert_int_equal(status.lock, STORE_LOCK_NONE);
    assert_int_equal(status.identity.epoch, 2);
    assert_int_equal(device_connect(&device).refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    assert_int_equal(unlock(fixture, true, false).status, OC_FAILED_PRECONDITION);
    device_close(&device);
}

static bool is_unlocked_now(void *user)
{
    return unlock(user, true, false).status == OC_OK;
}

static void an_unlock_that_the_disk_refused_can_be_repeated(void **state)
{
    struct service_fixture *fixture = *state;
    struct service_status status;
    store_memory_fail_next(fixture->options.store, STORE_MEMORY_COMMIT_LOST);
    assert_int_equal(unlock(fixture, true, false).status, OC_UNAVAILABLE);
    service_get_status(fixture->service, &status);
    assert_int_equal(status.lock, STORE_LOCK_BEHIND);
    fake_clock_advance(&fixture->monotonic, 1000);
    assert_true(eventually(is_unlocked_now, fixture));
}

static void a_receipt_from_beyond_our_records_locks_the_gateway(void **state)
{
    struct service_fixture *fixture = *state;
    struct device served, returning;
    struct oc_error err;
    ask(fixture, 1, &served);
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_APPROVE, &served.id).status, OC_OK);
    struct connect_result result = device_connect(&served);
    assert_true(result.has_session);
    device_open(fixture, &returning, 2);
    struct oc_receipt receipt = result.session.receipt;
    receipt.device_id = returning.id;
    receipt.seq += 1000;
    returning.facts.has_receipt = true;
    returning.facts.receipt = receipt; /* the signature is of another receipt */
    assert_int_equal(device_connect(&returning).refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    assert_int_equal(oc_receipt_sign(fixture->identity, &receipt, &err), OC_OK);
    returning.facts.receipt = receipt;
    assert_int_equal(device_connect(&returning).refusal.kind, OC_REFUSAL_LOCKED);
    assert_true(eventually(was_cut, &served));
    /* Once the rollback is accepted, receipts from before do not lock it again. */
    assert_int_equal(unlock(fixture, true, false).status, OC_OK);
    assert_int_equal(device_connect(&returning).refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    device_close(&served);
    device_close(&returning);
}

static void a_receipt_of_another_database_explains_why_a_device_must_ask_again(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    struct oc_error err;
    device_open(fixture, &device, 1);
    struct oc_receipt receipt = {.seq = 7, .device_id = device.id};
    memset(receipt.gateway_id, 0x11, sizeof receipt.gateway_id);
    memset(receipt.database_id, 0x99, sizeof receipt.database_id);
    assert_int_equal(oc_receipt_sign(fixture->identity, &receipt, &err), OC_OK);
    device.facts.has_receipt = true;
    device.facts.receipt = receipt;
    assert_int_equal(device_connect(&device).refusal.why, OC_WHY_RECORDS_RESET);
    device_close(&device);
}

static void a_copy_of_a_device_under_another_key_is_named(void **state)
{
    struct service_fixture *fixture = *state;
    struct device original, copy, third;
    device_open(fixture, &original, 1);
    memset(original.facts.sighting.host_hint, 7, OC_INSTANCE_BYTES);
    (void)device_connect(&original);
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_APPROVE, &original.id).status, OC_OK);
    device_open(fixture, &copy, 2);
    memset(copy.facts.sighting.host_hint, 7, OC_INSTANCE_BYTES);
    assert_int_equal(device_connect(&copy).refusal.why, OC_WHY_IDENTITY_CHANGED);
    assert_true(device_connect(&original).has_session);
    device_open(fixture, &third, 3);
    memset(third.facts.sighting.host_hint, 7, OC_INSTANCE_BYTES);
    assert_int_equal(device_connect(&third).refusal.why, OC_WHY_ADDITIONAL_INSTANCE);
    device_close(&original);
    device_close(&copy);
    device_close(&third);
}

static void counters_count(void **state)
{
    struct service_fixture *fixture = *state;
    struct device devices[3];
    struct service_status status;
    for (unsigned i = 0; i < 3; i++) {
        ask(fixture, i + 1, &devices[i]);
    }
    (void)admin_decide_on(fixture, PAIRING_EV_APPROVE, &devices[0].id);
    (void)admin_decide_on(fixture, PAIRING_EV_BLOCK, &devices[1].id);
    assert_true(device_connect(&devices[0]).has_session);
    service_get_status(fixture->service, &status);
    assert_int_equal(status.n_pending, 1);
    assert_int_equal(status.n_approved, 1);
    assert_int_equal(status.n_blocked, 1);
    assert_int_equal(status.n_online, 1);
    assert_int_equal(status.n_records, 3);
    assert_string_equal(status.store_text, "memory");
    for (unsigned i = 0; i < 3; i++) {
        device_close(&devices[i]);
    }
    service_get_status(fixture->service, &status);
    assert_int_equal(status.n_online, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(the_second_of_two_administrators_is_told_that_it_was_decided),
        CASE(an_unknown_request_is_not_found_and_the_closest_named),
        CASE(a_replaced_request_is_named_with_the_one_that_stands),
        CASE(an_approval_counts_only_for_what_was_shown),
        CASE(a_repeated_call_is_answered_as_the_first_and_changes_nothing),
        CASE(a_repeated_refusal_stays_a_refusal),
        CASE(a_device_never_seen_can_be_blocked_and_unblocked),
        CASE(an_expected_device_is_served_at_its_first_connect),
        CASE(an_alias_that_looks_like_an_id_is_refused),
        CASE(a_term_ends_by_itself_and_cuts_the_session),
        CASE(a_wider_ask_goes_on_with_the_old_grant_until_it_is_approved),
        CASE(a_rejected_upgrade_is_told_and_the_session_goes_on),
        CASE(lists_are_complete_and_in_order_whatever_the_page),
        CASE(announced_devices_are_listed_and_removed_ones_are_not),
        CASE(a_cursor_of_something_else_is_refused),
        CASE(what_people_type_finds_the_device_that_they_mean),
        CASE(a_mistyped_device_id_is_answered_with_the_closest),
        CASE(a_watcher_hears_of_the_next_change_or_that_there_was_none),
        CASE(refusals_are_audited_too),
        cmocka_unit_test_setup_teardown(a_locked_gateway_serves_nobody_until_it_is_unlocked,
                                        set_up_locked, tear_down),
        cmocka_unit_test_setup_teardown(an_unlock_that_the_disk_refused_can_be_repeated,
                                        set_up_locked, tear_down),
        CASE(a_receipt_from_beyond_our_records_locks_the_gateway),
        CASE(a_receipt_of_another_database_explains_why_a_device_must_ask_again),
        CASE(a_copy_of_a_device_under_another_key_is_named),
        CASE(counters_count),
#undef CASE
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
