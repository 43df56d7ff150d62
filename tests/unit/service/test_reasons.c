/* Why a device must ask, as the device, the lists and the session's end tell it; and what is told
 * of the host that several of them claim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/crypto/pairing_code.h"
#include "server/service/naming.h"
#include "tests/support/service_fixture.h"

enum {
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

static void decide(struct service_fixture *fixture, enum pairing_event_kind kind,
                   const struct device *device)
{
    assert_int_equal(admin_decide_on(fixture, kind, &device->id).status, OC_OK);
}

/* The device is refused like that, and whoever lists it is told the same. */
static void expect_why(struct service_fixture *fixture, struct device *device,
                       enum oc_refusal_kind kind, enum oc_why why)
{
    struct device_view view;
    struct connect_result result = device_connect(device);
    assert_false(result.has_session);
    assert_int_equal(result.refusal.kind, kind);
    assert_int_equal(result.refusal.why, why);
    assert_true(view_of(fixture, &device->id, &view));
    assert_int_equal(pairing_why(&view.pairing), why);
}

static void cool_down(struct service_fixture *fixture)
{
    fake_clock_advance(&fixture->clock, PAIRING_COOL_DOWN_FIRST_MS);
}

static void lists_tell_the_reason_that_the_device_is_told(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    device_open(fixture, &device, 1);
    expect_why(fixture, &device, OC_REFUSAL_PAIRING_REQUIRED, OC_WHY_NEW_DEVICE);
    decide(fixture, PAIRING_EV_REJECT, &device);
    expect_why(fixture, &device, OC_REFUSAL_REJECTED, OC_WHY_REJECTED);
    cool_down(fixture);
    expect_why(fixture, &device, OC_REFUSAL_PAIRING_REQUIRED, OC_WHY_REJECTED);
    decide(fixture, PAIRING_EV_APPROVE, &device);
    decide(fixture, PAIRING_EV_REVOKE, &device);
    expect_why(fixture, &device, OC_REFUSAL_REVOKED, OC_WHY_REVOKED);
    cool_down(fixture);
    expect_why(fixture, &device, OC_REFUSAL_PAIRING_REQUIRED, OC_WHY_REVOKED);
    decide(fixture, PAIRING_EV_BLOCK, &device);
    expect_why(fixture, &device, OC_REFUSAL_BLOCKED, OC_WHY_BLOCKED);
    device_close(&device);
}

static void a_removed_device_is_told_so_at_once_and_when_it_asks_again(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    struct pending_call notice;
    device_open(fixture, &device, 1);
    (void)device_connect(&device);
    decide(fixture, PAIRING_EV_APPROVE, &device);
    struct connect_result session = device_connect(&device);
    assert_true(session.has_session);
    device_notice_start(&device, session.session.generation, 25000, &notice);
    decide(fixture, PAIRING_EV_REMOVE, &device);
    assert_true(pending_wait(&notice, LONG_MS));
    assert_int_equal(notice.result.notice.kind, NOTICE_ENDED);
    assert_int_equal(notice.result.notice.refusal.why, OC_WHY_REMOVED);
    device_close(&device);
    device_open(fixture, &device, 1);
    expect_why(fixture, &device, OC_REFUSAL_REVOKED, OC_WHY_REMOVED);
    cool_down(fixture);
    expect_why(fixture, &device, OC_REFUSAL_PAIRING_REQUIRED, OC_WHY_REMOVED);
    device_close(&device);
}

static void a_paired_device_has_no_reason_and_one_that_wants_more_has(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    struct device_view view;
    device_open(fixture, &device, 1);
    (void)device_connect(&device);
    decide(fixture, PAIRING_EV_APPROVE, &device);
    assert_true(view_of(fixture, &device.id, &view));
    assert_int_equal(pairing_why(&view.pairing), OC_WHY_NONE);
    device.facts.ask.grant.n_scopes = 2;
    strcpy(device.facts.ask.grant.scopes[1], "tools");
    assert_true(device_connect(&device).has_session);
    assert_true(view_of(fixture, &device.id, &view));
    assert_int_equal(pairing_why(&view.pairing), OC_WHY_ACCESS_WIDENED);
    device_close(&device);
}

/* ---- more access, by code ------------------------------------------------------------------- */

static void code_of(struct service_fixture *fixture, const struct device *device,
                    const struct session_facts *session, char code[OC_CODE_DIGITS + 1])
{
    struct oc_pairing_code_input input = {
        .device_id = device->id,
        .gateway_spki = oc_identity_spki_sha256(fixture->identity),
        .request_id = session->upgrade_request,
    };
    memcpy(input.device_nonce, device->nonce, OC_NONCE_BYTES);
    memcpy(input.gateway_nonce, session->gateway_nonce, OC_NONCE_BYTES);
    oc_pairing_code(&input, code);
}

/* A paired device that now asks for more. */
static struct session_facts want_more(struct service_fixture *fixture, struct device *device)
{
    device_open(fixture, device, 1);
    (void)device_connect(device);
    decide(fixture, PAIRING_EV_APPROVE, device);
    device->facts.ask.grant.n_scopes = 2;
    strcpy(device->facts.ask.grant.scopes[1], "tools");
    struct connect_result result = device_connect(device);
    assert_true(result.has_session);
    assert_string_not_equal(result.session.upgrade_request.text, "");
    return result.session;
}

static void more_access_is_approved_by_the_code_that_the_agent_shows(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    struct pending_call wait;
    struct device_view view;
    struct session_facts session = want_more(fixture, &device);
    assert_true(session.has_gateway_nonce);
    struct decide_command command = command_on(fixture, PAIRING_EV_APPROVE, &device.id);
    code_of(fixture, &device, &session, command.code);
    assert_int_equal(admin_do(fixture, &command).status, OC_FAILED_PRECONDITION); /* not revealed */
    device_wait_start(&device, &session.upgrade_request, 25000, &wait);
    assert_true(view_of(fixture, &device.id, &view));
    assert_true(view.can_check_code && view.is_online);
    struct decide_command wrong = command;
    wrong.code[0] = (char)(command.code[0] == '9' ? '0' : command.code[0] + 1);
    assert_int_equal(admin_do(fixture, &wrong).status, OC_ABORTED);
    assert_true(view_of(fixture, &device.id, &view));
    assert_int_equal(view.pairing.request.code_failures, 1);
    assert_int_equal(admin_do(fixture, &command).status, OC_OK);
    assert_true(pending_wait(&wait, LONG_MS));
    assert_int_equal(wait.result.wait.outcome, WAIT_APPROVED);
    struct notice_result notice = device_notice(&device, session.generation, 25000);
    assert_int_equal(notice.kind, NOTICE_GRANT_CHANGED);
    assert_int_equal(notice.session.granted.n_scopes, 2);
    assert_false(notice.session.has_gateway_nonce);
    assert_int_equal(atomic_load(&device.n_cuts), 0);
    device_close(&device);
}

static void five_wrong_codes_close_the_code_of_an_upgrade_and_the_session_goes_on(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    struct pending_call wait;
    struct session_facts session = want_more(fixture, &device);
    struct decide_command right = command_on(fixture, PAIRING_EV_APPROVE, &device.id);
    code_of(fixture, &device, &session, right.code);
    device_wait_start(&device, &session.upgrade_request, 25000, &wait);
    struct decide_command wrong = right;
    wrong.code[0] = (char)(right.code[0] == '9' ? '0' : right.code[0] + 1);
    for (int i = 0; i < PAIRING_MAX_CODE_FAILURES; i++) {
        assert_int_equal(admin_do(fixture, &wrong).status, OC_ABORTED);
    }
    assert_int_equal(admin_do(fixture, &right).status, OC_ABORTED);
    uint64_t generation;
    assert_int_equal(peer_heartbeat(device.peer, &generation), OC_OK);
    device_close(&device);
    assert_true(pending_wait(&wait, LONG_MS));
}

/* Whoever could show commitments one after the other would have the code come out as they like. */
static void a_session_asked_for_again_at_once_has_no_code(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    (void)want_more(fixture, &device);
    device.facts.nonce_commitment.bytes[0] ^= 1;
    struct connect_result again = device_connect(&device);
    assert_true(again.has_session);
    assert_false(again.session.has_gateway_nonce);
    fake_clock_advance(&fixture->monotonic, 1000);
    assert_true(device_connect(&device).session.has_gateway_nonce);
    device_close(&device);
}

/* ---- receipts ------------------------------------------------------------------------------- */

static void a_receipt_names_the_approval_whenever_the_session_begins(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device, other;
    device_open(fixture, &device, 1);
    (void)device_connect(&device);
    struct decide_result approved = admin_decide_on(fixture, PAIRING_EV_APPROVE, &device.id);
    assert_true(device_connect(&device).session.receipt.seq == approved.seq);
    device_open(fixture, &other, 2); /* commits that have nothing to do with it */
    (void)device_connect(&other);
    decide(fixture, PAIRING_EV_REJECT, &other);
    struct connect_result later = device_connect(&device);
    assert_true(later.session.receipt.seq == approved.seq);
    assert_int_equal(admin_do(fixture, &(struct decide_command){.kind = PAIRING_EV_RENAME,
                                                                .device_id = device.id,
                                                                .alias = "web"})
                         .status,
                     OC_OK);
    assert_true(device_connect(&device).session.receipt.seq == approved.seq);

    device.facts.ask.grant.n_scopes = 2;
    strcpy(device.facts.ask.grant.scopes[1], "tools");
    (void)device_connect(&device);
    struct decide_result wider = admin_decide_on(fixture, PAIRING_EV_APPROVE, &device.id);
    assert_true(wider.seq > approved.seq);
    decide(fixture, PAIRING_EV_BLOCK, &other);
    assert_true(device_connect(&device).session.receipt.seq == wider.seq);

    decide(fixture, PAIRING_EV_REVOKE, &device);
    struct device_view view;
    assert_true(view_of(fixture, &device.id, &view));
    assert_true(view.pairing.approval_seq == 0);
    device_close(&device);
    device_close(&other);
}

static void an_announced_device_s_receipt_names_its_first_connect(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    struct device_view view;
    device_open(fixture, &device, 1);
    const struct decide_command expect = {
        .kind = PAIRING_EV_EXPECT,
        .device_id = device.id,
        .approves = true,
        .grant = {.role = "agent", .n_scopes = 1, .scopes = {"chat"}}};
    struct decide_result expected = admin_do(fixture, &expect);
    assert_int_equal(expected.status, OC_OK);
    struct connect_result result = device_connect(&device);
    assert_true(result.has_session);
    assert_true(result.session.receipt.seq == expected.seq + 1);
    assert_true(view_of(fixture, &device.id, &view));
    assert_true(view.pairing.approval_seq == expected.seq + 1);
    device_close(&device);
}

/* Beyond means after all that we hold: the last number is ours. */
static void a_receipt_of_the_last_number_is_ours_and_the_next_one_is_from_beyond(void **state)
{
    struct service_fixture *fixture = *state;
    struct device device;
    struct oc_error err;
    struct service_status status;
    device_open(fixture, &device, 1);
    (void)device_connect(&device);
    decide(fixture, PAIRING_EV_APPROVE, &device);
    struct oc_receipt receipt = device_connect(&device).session.receipt;
    service_get_status(fixture->service, &status);
    assert_true(receipt.seq == status.identity.seq);
    device.facts.has_receipt = true;
    device.facts.receipt = receipt;
    assert_true(device_connect(&device).has_session);
    receipt.seq++;
    assert_int_equal(oc_receipt_sign(fixture->identity, &receipt, &err), OC_OK);
    device.facts.receipt = receipt;
    assert_int_equal(device_connect(&device).refusal.kind, OC_REFUSAL_LOCKED);
    device_close(&device);
}

/* Three commits, of which the first is an approval of before its number was kept. */
static int set_up_with_an_old_record(void **state)
{
    struct service_fixture *fixture = malloc(sizeof *fixture);
    struct oc_error err;
    struct device device;
    fixture_init(fixture);
    fixture_start(fixture);
    device_open(fixture, &device, 1); /* for its id alone */
    struct pairing records[3] = {{.standing = OC_STANDING_APPROVED,
                                  .last_end = REQUEST_END_APPROVED,
                                  .asked = {.role = "agent", .n_scopes = 1, .scopes = {"chat"}}},
                                 {.id = {.bytes = {2}}, .standing = OC_STANDING_BLOCKED},
                                 {.id = {.bytes = {3}}, .standing = OC_STANDING_BLOCKED}};
    records[0].id = device.id;
    records[0].granted = records[0].asked;
    device_close(&device);
    fixture_stop(fixture);
    fixture_init(fixture);
    assert_int_equal(store_begin(fixture->options.store, &err), OC_OK);
    for (size_t i = 0; i < 3; i++) {
        const struct store_change change = {.after = &records[i], .action = "approve"};
        uint64_t seq;
        records[i].generation = 1;
        assert_int_equal(store_apply(fixture->options.store, &change, &seq, &err), OC_OK);
    }
    assert_int_equal(store_commit(fixture->options.store, &err), OC_OK);
    fixture_start(fixture);
    *state = fixture;
    return 0;
}

static void an_approval_of_unknown_number_is_told_as_the_last_commit(void **state)
{
    struct device device;
    device_open(*state, &device, 1);
    struct connect_result result = device_connect(&device);
    assert_true(result.has_session);
    assert_true(result.session.receipt.seq == 3);
    device_close(&device);
}

/* ---- hosts ---------------------------------------------------------------------------------- */

static struct device_view ask_from_host(struct service_fixture *fixture, unsigned n, int host)
{
    struct device device;
    struct device_view view;
    device_open(fixture, &device, n);
    memset(device.facts.sighting.host_hint, host, OC_INSTANCE_BYTES);
    (void)device_connect(&device);
    assert_true(view_of(fixture, &device.id, &view));
    device_close(&device);
    return view;
}

static void twenty_fresh_identities_of_one_host_show_as_one(void **state)
{
    struct service_fixture *fixture = *state;
    struct device_view first = ask_from_host(fixture, 1, 7);
    assert_int_equal(first.n_host_devices, 1);
    assert_int_equal(first.host_group, 0); /* alone: nothing to tell */
    struct device_view last = first;
    for (unsigned n = 2; n <= 20; n++) {
        last = ask_from_host(fixture, n, 7);
    }
    struct device_view other = ask_from_host(fixture, 21, 8);
    struct device_view none = ask_from_host(fixture, 22, 0);
    assert_true(view_of(fixture, &first.pairing.id, &first));
    assert_int_equal(first.n_host_devices, 20);
    assert_int_equal(first.n_host_requests, 20);
    assert_true(first.host_group != 0 && first.host_group < UINT64_C(1) << 53);
    assert_true(first.host_group == last.host_group);
    assert_int_equal(other.n_host_devices, 1);
    assert_int_equal(none.n_host_devices, 0);

    decide(fixture, PAIRING_EV_APPROVE, &(struct device){.id = first.pairing.id});
    decide(fixture, PAIRING_EV_REJECT, &(struct device){.id = last.pairing.id});
    assert_true(view_of(fixture, &first.pairing.id, &first));
    assert_int_equal(first.n_host_devices, 20);
    assert_int_equal(first.n_host_requests, 18);
    decide(fixture, PAIRING_EV_REMOVE, &(struct device){.id = last.pairing.id});
    assert_true(view_of(fixture, &first.pairing.id, &first));
    assert_int_equal(first.n_host_devices, 19);
}

static void a_host_is_called_otherwise_at_every_gateway(void **state)
{
    (void)state;
    struct naming here, there;
    const struct oc_key secrets[2] = {{.bytes = {1}}, {.bytes = {2}}};
    const uint8_t hints[2][OC_INSTANCE_BYTES] = {{1}, {2}};
    naming_init(&here, &secrets[0]);
    naming_init(&there, &secrets[1]);
    uint64_t group = naming_host_group(&here, hints[0]);
    assert_true(group == naming_host_group(&here, hints[0]));
    assert_true(group != naming_host_group(&here, hints[1]));
    assert_true(group != naming_host_group(&there, hints[0]));
    naming_deinit(&here);
    naming_deinit(&there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(lists_tell_the_reason_that_the_device_is_told),
        CASE(a_removed_device_is_told_so_at_once_and_when_it_asks_again),
        CASE(a_paired_device_has_no_reason_and_one_that_wants_more_has),
        CASE(more_access_is_approved_by_the_code_that_the_agent_shows),
        CASE(five_wrong_codes_close_the_code_of_an_upgrade_and_the_session_goes_on),
        CASE(a_session_asked_for_again_at_once_has_no_code),
        CASE(a_receipt_names_the_approval_whenever_the_session_begins),
        CASE(an_announced_device_s_receipt_names_its_first_connect),
        CASE(a_receipt_of_the_last_number_is_ours_and_the_next_one_is_from_beyond),
        cmocka_unit_test_setup_teardown(an_approval_of_unknown_number_is_told_as_the_last_commit,
                                        set_up_with_an_old_record, tear_down),
        CASE(twenty_fresh_identities_of_one_host_show_as_one),
        cmocka_unit_test(a_host_is_called_otherwise_at_every_gateway),
#undef CASE
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
