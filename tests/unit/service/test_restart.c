/* What outlives the process: SQLite, the marker, and the locked start when they disagree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/service_fixture.h"

enum {
    LONG_MS = 10 * 1000,
};

struct home {
    struct service_fixture fixture;
    char folder[64];
    char database[96];
    char marker[96];
    unsigned n_made;
};

static enum oc_status open_store(struct home *home, const char *path, uint8_t database_id,
                                 struct store **out, struct oc_error *err)
{
    struct store_options options = {
        .path = path,
        .row_key = &home->fixture.row_key,
        .may_create = true,
        .now_ms = clock_now_ms(&home->fixture.clock.clock),
    };
    memset(options.gateway_id, 0x11, sizeof options.gateway_id);
    memset(options.database_id, database_id, sizeof options.database_id);
    return store_open_sqlite(&options, out, err);
}

static enum oc_status make_store(void *user, struct store **out, struct oc_error *err)
{
    struct home *home = user;
    char path[128];
    home->n_made++;
    (void)snprintf(path, sizeof path, "%s/new.db", home->folder);
    return open_store(home, path, 0x33, out, err);
}

static void start(struct home *home, enum store_lock lock)
{
    struct oc_error err;
    struct store *store;
    assert_int_equal(open_store(home, home->database, 0x22, &store, &err), OC_OK);
    home->fixture.options.store = store;
    home->fixture.options.lock = lock;
    home->fixture.options.marker_path = home->marker;
    home->fixture.options.make_store = make_store;
    home->fixture.options.make_store_user = home;
    fixture_start(&home->fixture);
}

static void restart(struct home *home, enum store_lock lock)
{
    service_free(home->fixture.service);
    start(home, lock);
}

static int set_up(void **state)
{
    struct home *home = calloc(1, sizeof *home);
    fixture_init(&home->fixture);
    store_close(home->fixture.options.store);
    memcpy(home->folder, "/tmp/oc_service_XXXXXX", sizeof "/tmp/oc_service_XXXXXX");
    assert_non_null(mkdtemp(home->folder));
    (void)snprintf(home->database, sizeof home->database, "%s/gateway.db", home->folder);
    (void)snprintf(home->marker, sizeof home->marker, "%s/marker", home->folder);
    start(home, STORE_LOCK_NONE);
    *state = home;
    return 0;
}

static void remove_file(const struct home *home, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", home->folder, name);
    (void)unlink(path);
}

static int tear_down(void **state)
{
    static const char *const names[] = {"gateway.db", "gateway.db-wal", "gateway.db-shm", "new.db",
                                        "new.db-wal", "new.db-shm",     "marker"};
    struct home *home = *state;
    fixture_stop(&home->fixture);
    for (size_t i = 0; i < OC_ARRAY_LENGTH(names); i++) {
        remove_file(home, names[i]);
    }
    (void)rmdir(home->folder);
    free(home);
    return 0;
}

static void decisions_and_waiting_requests_survive_a_restart(void **state)
{
    struct home *home = *state;
    struct service_fixture *fixture = &home->fixture;
    struct device waiting, approved, blocked;
    device_open(fixture, &waiting, 1);
    device_open(fixture, &approved, 2);
    device_open(fixture, &blocked, 3);
    struct connect_result first = device_connect(&waiting);
    (void)device_connect(&approved);
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_APPROVE, &approved.id).status, OC_OK);
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_BLOCK, &blocked.id).status, OC_OK);
    device_close(&waiting);
    device_close(&approved);
    device_close(&blocked);
    restart(home, STORE_LOCK_NONE);
    device_open(fixture, &waiting, 1);
    device_open(fixture, &approved, 2);
    device_open(fixture, &blocked, 3);
    struct connect_result again = device_connect(&waiting);
    assert_string_equal(first.refusal.request_id.text, again.refusal.request_id.text);
    assert_memory_equal(first.refusal.gateway_nonce, again.refusal.gateway_nonce, OC_NONCE_BYTES);
    assert_true(device_connect(&approved).has_session);
    assert_int_equal(device_connect(&blocked).refusal.kind, OC_REFUSAL_BLOCKED);
    device_close(&waiting);
    device_close(&approved);
    device_close(&blocked);
}

static bool has_lapsed(void *user)
{
    struct device *device = user;
    struct device_view view;
    return view_of(device->fixture, &device->id, &view) && !view.pairing.request.is_open;
}

static void when_a_device_was_seen_is_saved_lazily_and_keeps_its_request_open(void **state)
{
    struct home *home = *state;
    struct service_fixture *fixture = &home->fixture;
    struct device device, silent;
    struct device_view view;
    device_open(fixture, &device, 1);
    device_open(fixture, &silent, 2);
    (void)device_connect(&device);
    (void)device_connect(&silent);
    device_close(&silent);
    fake_clock_advance(&fixture->clock, 50 * 60 * 1000);
    (void)device_connect(&device); /* an attempt that writes nothing */
    device_close(&device);
    restart(home, STORE_LOCK_NONE);
    assert_true(view_of(fixture, &device.id, &view));
    assert_int_equal(view.sighting.seen_ms, clock_now_ms(&fixture->clock.clock));
    assert_string_equal(view.sighting.source, "203.0.113.9");
    fake_clock_advance(&fixture->clock, 50 * 60 * 1000);
    assert_true(eventually(has_lapsed, &silent));
    assert_false(has_lapsed(&device));
}

static void the_marker_has_a_revocation_before_it_is_answered(void **state)
{
    struct home *home = *state;
    struct service_fixture *fixture = &home->fixture;
    struct store_identity marker;
    struct device device;
    struct oc_error err;
    device_open(fixture, &device, 1);
    (void)device_connect(&device);
    (void)admin_decide_on(fixture, PAIRING_EV_APPROVE, &device.id);
    struct decide_result revoked = admin_decide_on(fixture, PAIRING_EV_REVOKE, &device.id);
    assert_int_equal(revoked.status, OC_OK);
    assert_int_equal(marker_read(home->marker, &marker, &err), OC_OK);
    assert_int_equal(marker.seq, revoked.seq);
    device_close(&device);
}

static bool marker_is_current(void *user)
{
    struct home *home = user;
    struct store_identity marker;
    struct service_status status;
    struct oc_error err;
    service_get_status(home->fixture.service, &status);
    return marker_read(home->marker, &marker, &err) == OC_OK && marker.seq == status.identity.seq &&
           marker.seq > 0;
}

static void the_marker_follows_other_changes_within_a_second(void **state)
{
    struct home *home = *state;
    struct device device;
    device_open(&home->fixture, &device, 1);
    (void)device_connect(&device);
    fake_clock_advance(&home->fixture.monotonic, 1000);
    assert_true(eventually(marker_is_current, home));
    device_close(&device);
}

static bool fails_for_the_marker(void *user)
{
    struct home *home = user;
    struct service_status status;
    service_get_status(home->fixture.service, &status);
    return strcmp(status.store_cause, "marker_fails") == 0 &&
           strstr(status.store_error, home->marker);
}

static bool is_well_again(void *user)
{
    struct home *home = user;
    struct service_status status;
    fake_clock_advance(&home->fixture.monotonic, 1000);
    service_get_status(home->fixture.service, &status);
    return status.failing_since_ms == 0 && marker_is_current(home);
}

static void expect_not_in_marker(const struct decide_result *result)
{
    assert_int_equal(result->status, OC_UNAVAILABLE);
    assert_true(result->error.is_not_durable);
    assert_string_equal(result->error.cause, "marker_fails");
}

static void a_revocation_that_the_marker_did_not_take_says_so_until_it_does(void **state)
{
    struct home *home = *state;
    struct service_fixture *fixture = &home->fixture;
    struct device device;
    device_open(fixture, &device, 1);
    (void)device_connect(&device);
    (void)admin_decide_on(fixture, PAIRING_EV_APPROVE, &device.id);
    (void)unlink(home->marker);
    assert_int_equal(mkdir(home->marker, 0700), 0); /* stands in the way, for root too */
    struct decide_result revoked = admin_decide_on(fixture, PAIRING_EV_REVOKE, &device.id);
    expect_not_in_marker(&revoked);
    assert_true(fails_for_the_marker(home));
    assert_int_equal(device_connect(&device).refusal.kind, OC_REFUSAL_REVOKED);
    struct decide_result again = admin_decide_on(fixture, PAIRING_EV_REVOKE, &device.id);
    expect_not_in_marker(&again); /* "it is so already" would be too much, too */
    assert_int_equal(rmdir(home->marker), 0);
    assert_true(eventually(is_well_again, home));
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_REVOKE, &device.id).status, OC_OK);
    device_close(&device);
}

static void decided(void *user, const struct decide_result *result)
{
    struct pending_call *pending = user;
    pthread_mutex_lock(&pending->lock);
    pending->result.decide = *result;
    pending->is_done = true;
    pthread_cond_broadcast(&pending->changed);
    pthread_mutex_unlock(&pending->lock);
}

static enum oc_status unlock(struct service_fixture *fixture, bool accept, bool init)
{
    const struct admin_caller caller = {.actor = {.name = "uid:0", .source = "local"}};
    struct pending_call pending;
    const struct decide_call call = {.done = decided, .user = &pending};
    pending_init(&pending);
    admin_unlock(fixture->service, &caller, accept, init, &call);
    assert_true(pending_wait(&pending, LONG_MS));
    return pending.result.decide.status;
}

static void a_new_database_starts_empty_and_in_a_later_epoch(void **state)
{
    struct home *home = *state;
    struct service_fixture *fixture = &home->fixture;
    struct device device;
    struct device_view view;
    struct service_status status;
    device_open(fixture, &device, 1);
    (void)device_connect(&device);
    (void)admin_decide_on(fixture, PAIRING_EV_APPROVE, &device.id);
    device_close(&device);
    restart(home, STORE_LOCK_FOREIGN);
    assert_true(view_of(fixture, &device.id, &view)); /* reading works */
    assert_int_equal(unlock(fixture, false, true), OC_OK);
    assert_int_equal(home->n_made, 1);
    assert_false(view_of(fixture, &device.id, &view));
    service_get_status(fixture->service, &status);
    assert_int_equal(status.lock, STORE_LOCK_NONE);
    assert_int_equal(status.n_records, 0);
    assert_int_equal(status.identity.database_id[0], 0x33);
    assert_int_equal(status.identity.epoch, 2);
    device_open(fixture, &device, 1);
    assert_int_equal(device_connect(&device).refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    device_close(&device);
}

static void expect_closed(struct service_fixture *fixture, const struct oc_request_id *id,
                          const char *how)
{
    struct resolve_result *found = calloc(1, sizeof *found);
    const struct decide_command late = {.kind = PAIRING_EV_REJECT, .request_id = *id};
    assert_non_null(found);
    admin_resolve(fixture->service, id->text, false, found);
    assert_int_equal(found->n_matches, 0);
    assert_string_equal(found->replaced_by.text, "");
    assert_string_equal(found->closed_as, how);
    struct decide_result result = admin_do(fixture, &late);
    assert_int_equal(result.status, OC_ABORTED);
    assert_string_equal(result.error.cause, "no_request");
    free(found);
}

static void who_names_a_closed_request_is_told_how_it_ended_after_a_restart_too(void **state)
{
    static const struct {
        enum pairing_event_kind kind;
        const char *how;
    } ends[] = {
        {PAIRING_EV_APPROVE, "approved"},
        {PAIRING_EV_REJECT, "rejected"},
        {PAIRING_EV_DISMISS, "dismissed"},
        {PAIRING_EV_BLOCK, "withdrawn"},
    };
    struct home *home = *state;
    struct service_fixture *fixture = &home->fixture;
    struct oc_request_id ids[4];
    for (unsigned i = 0; i < 4; i++) {
        struct device device;
        device_open(fixture, &device, i + 1);
        ids[i] = device_connect(&device).refusal.request_id;
        assert_int_equal(admin_decide_on(fixture, ends[i].kind, &device.id).status, OC_OK);
        device_close(&device);
        expect_closed(fixture, &ids[i], ends[i].how);
    }
    restart(home, STORE_LOCK_NONE);
    for (unsigned i = 0; i < 4; i++) {
        expect_closed(fixture, &ids[i], ends[i].how);
    }
    /* The same ask brings a dismissed one back under its id. */
    struct device device;
    device_open(fixture, &device, 3);
    assert_string_equal(device_connect(&device).refusal.request_id.text, ids[2].text);
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_APPROVE, &device.id).status, OC_OK);
    expect_closed(fixture, &ids[2], "approved");
    device_close(&device);
}

static void an_accepted_rollback_is_remembered_over_a_restart(void **state)
{
    struct home *home = *state;
    struct service_fixture *fixture = &home->fixture;
    struct device device;
    struct oc_error err;
    device_open(fixture, &device, 1);
    struct oc_receipt receipt = {
        .seq = 999, .device_id = device.id, .issued_at_ms = clock_now_ms(&fixture->clock.clock)};
    memset(receipt.gateway_id, 0x11, sizeof receipt.gateway_id);
    memset(receipt.database_id, 0x22, sizeof receipt.database_id);
    assert_int_equal(oc_receipt_sign(fixture->identity, &receipt, &err), OC_OK);
    device_close(&device);
    restart(home, STORE_LOCK_BEHIND);
    assert_int_equal(unlock(fixture, true, false), OC_OK);
    restart(home, STORE_LOCK_NONE);
    device_open(fixture, &device, 1);
    device.facts.has_receipt = true;
    device.facts.receipt = receipt;
    assert_int_equal(device_connect(&device).refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    /* One that was issued later is another matter. */
    fake_clock_advance(&fixture->clock, 1000);
    device.facts.receipt.issued_at_ms = clock_now_ms(&fixture->clock.clock);
    assert_int_equal(oc_receipt_sign(fixture->identity, &device.facts.receipt, &err), OC_OK);
    assert_int_equal(device_connect(&device).refusal.kind, OC_REFUSAL_LOCKED);
    device_close(&device);
}

/* The older one would say nothing against a second rollback: it was issued before the first. */
static void a_receipt_from_before_an_accepted_rollback_is_replaced(void **state)
{
    struct home *home = *state;
    struct service_fixture *fixture = &home->fixture;
    struct device device;
    device_open(fixture, &device, 1);
    (void)device_connect(&device);
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_APPROVE, &device.id).status, OC_OK);
    const struct oc_receipt before = device_connect(&device).session.receipt;
    device_close(&device);
    restart(home, STORE_LOCK_BEHIND);
    assert_int_equal(unlock(fixture, true, false), OC_OK);
    restart(home, STORE_LOCK_NONE);
    fake_clock_advance(&fixture->clock, 1000);
    device_open(fixture, &device, 1);
    device.facts.has_receipt = true;
    device.facts.receipt = before;
    const struct oc_receipt after = device_connect(&device).session.receipt;
    assert_true(after.n_signature > 0);
    assert_true(after.seq == before.seq && after.issued_at_ms > before.issued_at_ms);
    device.facts.receipt = after;
    assert_int_equal(device_connect(&device).session.receipt.n_signature, 0);
    device_close(&device);
}

/* The machine comes back with a clock ten years behind: time goes on from where it was, and does
 * not stand still until the clock has caught up. */
static void time_goes_on_over_a_restart_with_a_clock_that_is_behind(void **state)
{
    struct home *home = *state;
    struct service_fixture *fixture = &home->fixture;
    struct device rejected, waiting;
    device_open(fixture, &rejected, 1);
    device_open(fixture, &waiting, 2);
    (void)device_connect(&rejected);
    (void)device_connect(&waiting);
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_REJECT, &rejected.id).status, OC_OK);
    device_close(&rejected);
    device_close(&waiting);
    fake_clock_advance(&fixture->clock, -10LL * 365 * 24 * 3600 * 1000);
    restart(home, STORE_LOCK_NONE);
    assert_false(has_lapsed(&waiting));
    device_open(fixture, &rejected, 1);
    assert_int_equal(device_connect(&rejected).refusal.kind, OC_REFUSAL_REJECTED);
    fake_clock_advance(&fixture->clock, PAIRING_COOL_DOWN_FIRST_MS);
    assert_int_equal(device_connect(&rejected).refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    device_close(&rejected);
    fake_clock_advance(&fixture->clock, 61 * 60 * 1000);
    assert_true(eventually(has_lapsed, &waiting));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(decisions_and_waiting_requests_survive_a_restart),
        CASE(when_a_device_was_seen_is_saved_lazily_and_keeps_its_request_open),
        CASE(the_marker_has_a_revocation_before_it_is_answered),
        CASE(the_marker_follows_other_changes_within_a_second),
        CASE(a_revocation_that_the_marker_did_not_take_says_so_until_it_does),
        CASE(a_new_database_starts_empty_and_in_a_later_epoch),
        CASE(time_goes_on_over_a_restart_with_a_clock_that_is_behind),
        CASE(who_names_a_closed_request_is_told_how_it_ended_after_a_restart_too),
        CASE(an_accepted_rollback_is_remembered_over_a_restart),
        CASE(a_receipt_from_before_an_accepted_rollback_is_replaced),
#undef CASE
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
