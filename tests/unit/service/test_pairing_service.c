/* A device's use cases, from the first connect to the end of its session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/crypto/pairing_code.h"
#include "server/service/waiters.h"
#include "tests/support/service_fixture.h"

enum {
    NOT_YET_MS = 150, /* how long a test looks at an answer that must not come */
    LONG_MS = 10 * 1000,
};

static int set_up(void **state)
{
    struct service_fixture *fixture = malloc(sizeof *fixture);
    fixture_init(fixture);
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

static void approve(struct service_fixture *fixture, const struct device *device)
{
    struct decide_result result = admin_decide_on(fixture, PAIRING_EV_APPROVE, &device->id);
    assert_int_equal(result.status, OC_OK);
    assert_true(result.seq > 0);
}

static bool is_cut(void *user)
{
    return atomic_load(&((struct device *)user)->n_cuts) > 0;
}

static void a_new_device_is_put_into_the_queue(void **state)
{
    struct device device;
    device_open(*state, &device, 1);
    struct connect_result result = device_connect(&device);
    assert_int_equal(result.status, OC_OK);
    assert_false(result.has_session);
    assert_int_equal(result.refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    assert_int_equal(result.refusal.why, OC_WHY_NEW_DEVICE);
    assert_int_equal(strlen(result.refusal.request_id.text), OC_REQUEST_ID_CHARS);
    struct device_view view;
    assert_true(view_of(*state, &device.id, &view));
    assert_true(view.pairing.request.is_open);
    assert_string_equal(view.sighting.platform, "linux");
    assert_false(view.is_online);
    device_close(&device);
}

static void the_same_ask_keeps_its_request_and_nonce(void **state)
{
    struct device device;
    device_open(*state, &device, 1);
    struct connect_result first = device_connect(&device);
    struct connect_result second = device_connect(&device);
    assert_string_equal(first.refusal.request_id.text, second.refusal.request_id.text);
    assert_memory_equal(first.refusal.gateway_nonce, second.refusal.gateway_nonce, OC_NONCE_BYTES);
    device_close(&device);
}

static void an_approved_device_is_served_without_reconnecting(void **state)
{
    struct device device;
    struct pending_call wait;
    device_open(*state, &device, 1);
    struct connect_result refused = device_connect(&device);
    device_wait_start(&device, &refused.refusal.request_id, 25000, &wait);
    assert_false(pending_wait(&wait, NOT_YET_MS));
    approve(*state, &device);
    assert_true(pending_wait(&wait, LONG_MS));
    assert_int_equal(wait.result.wait.outcome, WAIT_APPROVED);
    struct connect_result served = device_connect(&device);
    assert_true(served.has_session);
    assert_string_equal(served.session.granted.role, "agent");
    assert_int_equal(served.session.generation, 1);
    assert_true(served.session.receipt.n_signature > 0);
    assert_true(atomic_load(&device.is_approved));
    uint64_t generation = 0;
    assert_int_equal(peer_heartbeat(device.peer, &generation), OC_OK);
    assert_int_equal(generation, 1);
    device_close(&device);
}

static void a_revoked_device_is_told_and_cut_before_the_answer(void **state)
{
    struct device device;
    struct pending_call notice;
    uint64_t generation;
    device_open(*state, &device, 1);
    (void)device_connect(&device);
    approve(*state, &device);
    assert_true(device_connect(&device).has_session);
    device_notice_start(&device, 1, 25000, &notice);
    assert_false(pending_wait(&notice, NOT_YET_MS));
    struct decide_result revoked = admin_decide_on(*state, PAIRING_EV_REVOKE, &device.id);
    assert_int_equal(revoked.status, OC_OK);
    assert_true(revoked.session_closed);
    assert_int_equal(atomic_load(&device.n_cuts), 1);
    assert_true(pending_wait(&notice, 0));
    assert_int_equal(notice.result.notice.kind, NOTICE_ENDED);
    assert_int_equal(notice.result.notice.refusal.kind, OC_REFUSAL_REVOKED);
    assert_int_equal(peer_heartbeat(device.peer, &generation), OC_FAILED_PRECONDITION);
    struct connect_result refused = device_connect(&device);
    assert_false(refused.has_session);
    assert_int_equal(refused.refusal.kind, OC_REFUSAL_REVOKED);
    device_close(&device);
}

static void a_rejected_device_is_told_and_cools_down(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    struct pending_call wait;
    device_open(fixture, &device, 1);
    struct connect_result refused = device_connect(&device);
    device_wait_start(&device, &refused.refusal.request_id, 25000, &wait);
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_REJECT, &device.id).status, OC_OK);
    assert_true(pending_wait(&wait, LONG_MS));
    assert_int_equal(wait.result.wait.outcome, WAIT_REJECTED);
    assert_int_equal(wait.result.wait.refusal.kind, OC_REFUSAL_REJECTED);
    assert_int_equal(wait.result.wait.refusal.retry_after_ms, PAIRING_COOL_DOWN_FIRST_MS);
    assert_int_equal(device_connect(&device).refusal.kind, OC_REFUSAL_REJECTED);
    fake_clock_advance(&fixture->clock, PAIRING_COOL_DOWN_FIRST_MS);
    struct connect_result again = device_connect(&device);
    assert_int_equal(again.refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    assert_int_equal(again.refusal.why, OC_WHY_REJECTED);
    assert_string_not_equal(again.refusal.request_id.text, refused.refusal.request_id.text);
    device_close(&device);
}

static void the_newest_session_of_a_device_wins(void **state)
{
    struct device older, newer;
    struct pending_call notice;
    uint64_t generation;
    device_open(*state, &older, 1);
    (void)device_connect(&older);
    approve(*state, &older);
    assert_true(device_connect(&older).has_session);
    device_notice_start(&older, 1, 25000, &notice);
    device_open(*state, &newer, 1);
    assert_true(device_connect(&newer).has_session);
    assert_true(pending_wait(&notice, LONG_MS));
    assert_int_equal(notice.result.notice.kind, NOTICE_SUPERSEDED);
    assert_true(notice.result.notice.retry_after_ms >= 60000);
    assert_true(eventually(is_cut, &older));
    assert_int_equal(peer_heartbeat(older.peer, &generation), OC_FAILED_PRECONDITION);
    assert_int_equal(peer_heartbeat(newer.peer, &generation), OC_OK);
    device_close(&older);
    assert_int_equal(peer_heartbeat(newer.peer, &generation), OC_OK);
    device_close(&newer);
}

static void three_missed_heartbeats_end_a_session(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    uint64_t generation;
    device_open(fixture, &device, 1);
    (void)device_connect(&device);
    approve(fixture, &device);
    assert_true(device_connect(&device).has_session);
    fake_clock_advance(&fixture->monotonic, 60 * 1000);
    assert_int_equal(peer_heartbeat(device.peer, &generation), OC_OK);
    fake_clock_advance(&fixture->monotonic, 60 * 1000);
    assert_int_equal(peer_heartbeat(device.peer, &generation), OC_OK);
    fake_clock_advance(&fixture->monotonic, 91 * 1000);
    assert_true(eventually(is_cut, &device));
    assert_int_equal(peer_heartbeat(device.peer, &generation), OC_FAILED_PRECONDITION);
    device_close(&device);
}

static void a_wait_ends_with_nothing_when_its_time_is_up(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    struct pending_call wait;
    device_open(fixture, &device, 1);
    struct connect_result refused = device_connect(&device);
    device_wait_start(&device, &refused.refusal.request_id, 25000, &wait);
    fake_clock_advance(&fixture->monotonic, 26000);
    assert_true(pending_wait(&wait, LONG_MS));
    assert_int_equal(wait.result.wait.status, OC_OK);
    assert_int_equal(wait.result.wait.outcome, WAIT_NONE_YET);
    device_close(&device);
}

static void a_newer_wait_ends_the_older(void **state)
{
    struct device device;
    struct pending_call older, newer;
    device_open(*state, &device, 1);
    struct connect_result refused = device_connect(&device);
    device_wait_start(&device, &refused.refusal.request_id, 25000, &older);
    device_wait_start(&device, &refused.refusal.request_id, 25000, &newer);
    assert_true(pending_wait(&older, LONG_MS));
    assert_int_equal(older.result.wait.outcome, WAIT_NONE_YET);
    device_close(&device);
    assert_true(pending_wait(&newer, LONG_MS));
    assert_true(newer.was_dropped);
}

static void a_nonce_that_does_not_open_the_commitment_is_refused(void **state)
{
    struct device device;
    device_open(*state, &device, 1);
    struct connect_result refused = device_connect(&device);
    device.nonce[0] ^= 1;
    assert_int_equal(device_wait(&device, &refused.refusal.request_id, 25000).status,
                     OC_INVALID_ARGUMENT);
    device_close(&device);
}

static void code_of(struct service_fixture *fixture, const struct device *device,
                    const struct connect_result *refused, char code[OC_CODE_DIGITS + 1])
{
    struct oc_pairing_code_input input = {
        .device_id = device->id,
        .gateway_spki = oc_identity_spki_sha256(fixture->identity),
        .request_id = refused->refusal.request_id,
    };
    memcpy(input.device_nonce, device->nonce, OC_NONCE_BYTES);
    memcpy(input.gateway_nonce, refused->refusal.gateway_nonce, OC_NONCE_BYTES);
    oc_pairing_code(&input, code);
}

static void the_code_of_the_agent_in_front_of_one_approves_and_no_other(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    struct pending_call wait;
    struct device_view view;
    device_open(fixture, &device, 1);
    struct connect_result refused = device_connect(&device);
    struct decide_command command = command_on(fixture, PAIRING_EV_APPROVE, &device.id);
    code_of(fixture, &device, &refused, command.code);
    assert_int_equal(admin_do(fixture, &command).status, OC_FAILED_PRECONDITION);
    device_wait_start(&device, &refused.refusal.request_id, 25000, &wait);
    assert_true(view_of(fixture, &device.id, &view));
    assert_true(view.can_check_code);
    char right = command.code[0];
    command.code[0] = (char)(right == '9' ? '0' : right + 1);
    assert_int_equal(admin_do(fixture, &command).status, OC_ABORTED);
    command.code[0] = right;
    assert_int_equal(admin_do(fixture, &command).status, OC_OK);
    assert_true(pending_wait(&wait, LONG_MS));
    assert_int_equal(wait.result.wait.outcome, WAIT_APPROVED);
    device_close(&device);
}

static void commitments_cannot_be_tried_faster_than_one_a_second(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    device_open(fixture, &device, 1);
    struct connect_result first = device_connect(&device);
    device.facts.nonce_commitment.bytes[0] ^= 1;
    assert_int_equal(device_connect(&device).refusal.kind, OC_REFUSAL_BUSY);
    fake_clock_advance(&fixture->monotonic, 1000);
    struct connect_result later = device_connect(&device);
    assert_int_equal(later.refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    assert_memory_not_equal(first.refusal.gateway_nonce, later.refusal.gateway_nonce,
                            OC_NONCE_BYTES);
    device_close(&device);
}

static bool is_not_pending(void *user)
{
    struct device *device = user;
    struct device_view view;
    /* On a slow machine it may be forgotten already. */
    return !view_of(device->fixture, &device->id, &view) || !view.pairing.request.is_open;
}

static void a_request_expires_only_when_nobody_waits_for_it(void **state)
{
    struct service_fixture *fixture = *state;
    struct device here, gone;
    device_open(fixture, &here, 1);
    device_open(fixture, &gone, 2);
    (void)device_connect(&here);
    (void)device_connect(&gone);
    device_close(&gone);
    fake_clock_advance(&fixture->clock, 61 * 60 * 1000);
    assert_true(eventually(is_not_pending, &gone));
    assert_false(is_not_pending(&here));
    device_close(&here);
    fake_clock_advance(&fixture->clock, 61 * 60 * 1000);
    assert_true(eventually(is_not_pending, &here));
}

static void what_is_queued_ends_with_its_connection(void **state)
{
    struct device device;
    struct pending_call connect;
    device_open(*state, &device, 1);
    device_connect_start(&device, &connect);
    device_close(&device);
    assert_true(pending_wait(&connect, LONG_MS));
}

/* A callback that takes its time. */
struct slow_call {
    atomic_bool is_running, may_end, has_ended;
};

static void end_slowly(void *user, const struct wait_result *result)
{
    struct slow_call *slow = user;
    struct timespec pause = {.tv_nsec = 1000000};
    (void)result;
    atomic_store(&slow->is_running, true);
    while (!atomic_load(&slow->may_end)) {
        nanosleep(&pause, NULL);
    }
    atomic_store(&slow->has_ended, true);
}

static void never_dropped(void *user)
{
    (void)user;
    fail();
}

static bool is_running(void *user)
{
    return atomic_load(&((struct slow_call *)user)->is_running);
}

static void *let_it_end(void *user)
{
    struct timespec pause = {.tv_nsec = NOT_YET_MS * 1000000L};
    nanosleep(&pause, NULL);
    atomic_store(&((struct slow_call *)user)->may_end, true);
    return NULL;
}

static void closing_a_peer_waits_for_its_running_callback(void **state)
{
    struct device device;
    struct slow_call slow = {false, false, false};
    struct pending_call blocked;
    const struct wait_call call = {.done = end_slowly, .dropped = never_dropped, .user = &slow};
    pthread_t thread;
    device_open(*state, &device, 1);
    struct connect_result refused = device_connect(&device);
    peer_await_decision(device.peer, &refused.refusal.request_id, device.nonce, 25000, &call);
    struct decide_command block = command_on(*state, PAIRING_EV_BLOCK, &device.id);
    admin_do_start(*state, NULL, &block, &blocked);
    assert_true(eventually(is_running, &slow));
    assert_int_equal(pthread_create(&thread, NULL, let_it_end, &slow), 0);
    device_close(&device);
    assert_true(atomic_load(&slow.has_ended));
    pthread_join(thread, NULL);
    assert_true(pending_wait(&blocked, LONG_MS));
}

static int set_up_open(void **state)
{
    struct service_fixture *fixture = malloc(sizeof *fixture);
    fixture_init(fixture);
    fixture->options.pairing_required = false;
    fixture_start(fixture);
    *state = fixture;
    return 0;
}

static bool is_given_a_receipt(struct device *device)
{
    const struct connect_result served = device_connect(device);
    assert_true(served.has_session);
    return served.session.receipt.n_signature > 0;
}

static void who_shows_the_receipt_of_the_approval_keeps_it(void **state)
{
    struct device device;
    device_open(*state, &device, 1);
    (void)device_connect(&device);
    approve(*state, &device);
    const struct oc_receipt given = device_connect(&device).session.receipt;
    assert_true(given.n_signature > 0);
    device.facts.has_receipt = true;
    device.facts.receipt = given;
    assert_false(is_given_a_receipt(&device));
    /* Any other is replaced. */
    device.facts.receipt.seq = given.seq - 1;
    assert_true(is_given_a_receipt(&device));
    device.facts.receipt = given;
    device.facts.receipt.device_id.bytes[0] ^= 1;
    assert_true(is_given_a_receipt(&device));
    device.facts.receipt = given;
    device.facts.receipt.gateway_id[0] ^= 1;
    assert_true(is_given_a_receipt(&device));
    device.facts.receipt = given;
    device.facts.receipt.database_id[0] ^= 1;
    assert_true(is_given_a_receipt(&device));
    device.facts.receipt = given;
    device.facts.receipt.n_signature = 0;
    assert_true(is_given_a_receipt(&device));
    device_close(&device);
}

static void where_pairing_is_off_trusted_sources_are_served_until_they_are_blocked(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    struct device_view view;
    uint64_t generation;
    device_open(fixture, &device, 1);
    assert_false(device_connect(&device).has_session); /* not from a trusted source */
    device_close(&device);
    device_open_trusted(fixture, &device, 2);
    struct connect_result served = device_connect(&device);
    assert_true(served.has_session);
    assert_string_equal(served.session.granted.role, "agent");
    assert_int_equal(served.session.receipt.n_signature, 0);
    assert_false(view_of(fixture, &device.id, &view)); /* no row for it */
    struct session_facts later;                        /* what a notice would tell of the session */
    assert_true(session_facts_read(device.peer, &later));
    assert_string_equal(later.granted.role, "agent");
    assert_int_equal(peer_heartbeat(device.peer, &generation), OC_OK);
    struct decide_result blocked = admin_decide_on(fixture, PAIRING_EV_BLOCK, &device.id);
    assert_true(blocked.session_closed);
    assert_int_equal(peer_heartbeat(device.peer, &generation), OC_FAILED_PRECONDITION);
    device_close(&device);
}

static void a_source_may_have_only_so_many_requests(void **state)
{
    struct service_fixture *fixture = *state;
    struct device devices[34];
    for (unsigned i = 0; i < 34; i++) {
        device_open(fixture, &devices[i], i + 1);
        enum oc_refusal_kind kind = device_connect(&devices[i]).refusal.kind;
        assert_int_equal(kind, i < 32 ? OC_REFUSAL_PAIRING_REQUIRED : OC_REFUSAL_BUSY);
    }
    assert_int_equal(admin_decide_on(fixture, PAIRING_EV_DISMISS, &devices[0].id).status, OC_OK);
    assert_int_equal(device_connect(&devices[33]).refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    for (unsigned i = 0; i < 34; i++) {
        device_close(&devices[i]);
    }
}

static void the_addresses_of_one_ipv6_network_are_one_source(void **state)
{
    struct service_fixture *fixture = *state;
    struct device devices[34];
    char address[OC_MAX_SOURCE_BYTES + 1];
    for (unsigned i = 0; i < 34; i++) {
        (void)snprintf(address, sizeof address, "2001:db8:%s:1::%x", i < 33 ? "7" : "8", i + 1);
        device_open_from(fixture, &devices[i], i + 1, address);
        enum oc_refusal_kind kind = device_connect(&devices[i]).refusal.kind;
        assert_int_equal(kind, i == 32 ? OC_REFUSAL_BUSY : OC_REFUSAL_PAIRING_REQUIRED);
    }
    for (unsigned i = 0; i < 34; i++) {
        device_close(&devices[i]);
    }
}

static bool is_the_nat(void *user, const char *source)
{
    (void)user;
    return strcmp(source, "203.0.113.9") == 0;
}

static int set_up_nat(void **state)
{
    struct service_fixture *fixture = malloc(sizeof *fixture);
    fixture_init(fixture);
    fixture->options.is_exempt = is_the_nat;
    fixture_start(fixture);
    *state = fixture;
    return 0;
}

static void an_exempt_source_has_no_cap_of_its_own(void **state)
{
    struct service_fixture *fixture = *state;
    struct device devices[40];
    for (unsigned i = 0; i < 40; i++) {
        device_open(fixture, &devices[i], i + 1);
        assert_int_equal(device_connect(&devices[i]).refusal.kind, OC_REFUSAL_PAIRING_REQUIRED);
    }
    for (unsigned i = 0; i < 40; i++) {
        device_close(&devices[i]);
    }
}

static void draining_tells_who_is_connected(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    struct pending_call notice;
    device_open(fixture, &device, 1);
    (void)device_connect(&device);
    approve(fixture, &device);
    assert_true(device_connect(&device).has_session);
    device_notice_start(&device, 1, 25000, &notice);
    service_drain(fixture->service, 5000);
    assert_true(pending_wait(&notice, LONG_MS));
    assert_int_equal(notice.result.notice.kind, NOTICE_DRAINING);
    assert_true(notice.result.notice.retry_after_ms > 0);
    device_close(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(a_new_device_is_put_into_the_queue),
        CASE(the_same_ask_keeps_its_request_and_nonce),
        CASE(an_approved_device_is_served_without_reconnecting),
        CASE(who_shows_the_receipt_of_the_approval_keeps_it),
        CASE(a_revoked_device_is_told_and_cut_before_the_answer),
        CASE(a_rejected_device_is_told_and_cools_down),
        CASE(the_newest_session_of_a_device_wins),
        CASE(three_missed_heartbeats_end_a_session),
        CASE(a_wait_ends_with_nothing_when_its_time_is_up),
        CASE(a_newer_wait_ends_the_older),
        CASE(a_nonce_that_does_not_open_the_commitment_is_refused),
        CASE(the_code_of_the_agent_in_front_of_one_approves_and_no_other),
        CASE(commitments_cannot_be_tried_faster_than_one_a_second),
        CASE(a_request_expires_only_when_nobody_waits_for_it),
        CASE(what_is_queued_ends_with_its_connection),
        CASE(closing_a_peer_waits_for_its_running_callback),
        cmocka_unit_test_setup_teardown(
            where_pairing_is_off_trusted_sources_are_served_until_they_are_blocked, set_up_open,
            tear_down),
        CASE(a_source_may_have_only_so_many_requests),
        CASE(the_addresses_of_one_ipv6_network_are_one_source),
        cmocka_unit_test_setup_teardown(an_exempt_source_has_no_cap_of_its_own, set_up_nat,
                                        tear_down),
        CASE(draining_tells_who_is_connected),
#undef CASE
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
