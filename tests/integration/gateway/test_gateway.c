#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/crypto/pairing_code.h"
#include "tests/support/gateway_fixture.h"

/* Refused and still waiting: the request's id is in `id`. */
static void knock(struct device *device, char id[OC_REQUEST_ID_CHARS + 1])
{
    const Openclaw__V1__Refusal *refusal =
        device_wants_refusal(device, OPENCLAW__V1__REFUSAL_KIND__REFUSAL_PAIRING_REQUIRED);
    (void)snprintf(id, OC_REQUEST_ID_CHARS + 1, "%s", refusal->request_id);
}

static Openclaw__V1__Decision decision_of(struct device *device, uint32_t word)
{
    const struct oc_reply reply = rpc_peer_wait(&device->peer, word);
    const ProtobufCMessage *message =
        rpc_peer_decode(&device->peer, NUMBER(AWAIT_DECISION), &reply);
    return ((const Openclaw__V1__AwaitDecisionReply *)message)->decision;
}

static void pair(struct rpc_peer *admin, struct device *device)
{
    char id[OC_REQUEST_ID_CHARS + 1];
    struct oc_error err;
    knock(device, id);
    assert_int_equal(admin_approve(admin, id, "", &err), OC_OK);
    (void)device_wants_session(device);
}

/* ---- the main line --------------------------------------------------------------------------- */

static void a_stranger_is_refused_with_every_fact_and_listed(void **state)
{
    struct gateway_fixture *gateway = *state;
    struct device device;
    struct rpc_peer admin;
    char id[OC_DEVICE_ID_DIGITS + 1];
    char fix[64];
    device_make(gateway, &device);
    device_open(gateway, &device);
    gateway_open_admin(gateway, &admin);
    const struct oc_device_id device_id = oc_identity_device_id(device.identity);
    oc_device_id_format(&device_id, id);
    const Openclaw__V1__Refusal *refusal =
        device_wants_refusal(&device, OPENCLAW__V1__REFUSAL_KIND__REFUSAL_PAIRING_REQUIRED);
    assert_int_equal(refusal->http_status, 401);
    assert_int_equal(refusal->why, OPENCLAW__V1__WHY__WHY_NEW_DEVICE);
    (void)snprintf(fix, sizeof fix, "openclaw devices approve %s", refusal->request_id);
    assert_non_null(strstr(refusal->text, fix));
    assert_non_null(strstr(refusal->text, id));
    assert_non_null(strstr(refusal->text, app_device_url(gateway->app)));
    const Openclaw__V1__Device *listed = admin_look(&admin, &device);
    assert_string_equal(listed->request_id, refusal->request_id);
    assert_string_equal(listed->claimed_name, "web-1");
    assert_string_equal(listed->source, "127.0.0.1");
    assert_int_equal(listed->state, OPENCLAW__V1__STATE__STATE_PENDING);
    rpc_peer_close(&admin);
    device_close(&device);
    device_free(&device);
}

static void an_approval_reaches_the_waiting_device_which_connects_where_it_is(void **state)
{
    struct gateway_fixture *gateway = *state;
    struct device device;
    struct rpc_peer admin;
    char id[OC_REQUEST_ID_CHARS + 1];
    struct oc_error err;
    device_make(gateway, &device);
    device_open(gateway, &device);
    gateway_open_admin(gateway, &admin);
    knock(&device, id);
    const uint32_t waiting = device_await(&device, id);
    assert_int_equal(admin_approve(&admin, id, "", &err), OC_OK);
    assert_int_equal(decision_of(&device, waiting), OPENCLAW__V1__DECISION__DECISION_APPROVED);
    const Openclaw__V1__Session *session = device_wants_session(&device);
    assert_string_equal(session->granted->role, "agent");
    assert_string_equal(session->granted->scopes[0], "chat");
    assert_non_null(session->receipt);
    assert_int_equal(rpc_peer_try(&device.peer, NUMBER(HEARTBEAT), NULL, &err), OC_OK);
    const Openclaw__V1__Device *listed = admin_look(&admin, &device);
    assert_int_equal(listed->state, OPENCLAW__V1__STATE__STATE_APPROVED);
    assert_true(listed->online);
    rpc_peer_close(&admin);
    device_close(&device);
    device_free(&device);
}

static void a_revoke_closes_the_session_and_refuses_the_next(void **state)
{
    struct gateway_fixture *gateway = *state;
    struct device device;
    struct rpc_peer admin;
    struct oc_error err;
    device_make(gateway, &device);
    device_open(gateway, &device);
    gateway_open_admin(gateway, &admin);
    pair(&admin, &device);
    assert_int_equal(admin_decide_on(&admin, NUMBER(REVOKE), &device, &err), OC_OK);
    assert_true(rpc_peer_wait_closed(&device.peer));
    device_close(&device);
    device_open(gateway, &device);
    const Openclaw__V1__Refusal *refusal =
        device_wants_refusal(&device, OPENCLAW__V1__REFUSAL_KIND__REFUSAL_REVOKED);
    assert_int_equal(refusal->http_status, 403);
    assert_int_not_equal(refusal->retry_after_ms, 0);
    assert_int_equal(rpc_peer_try(&device.peer, NUMBER(HEARTBEAT), NULL, &err),
                     OC_FAILED_PRECONDITION);
    assert_string_equal(err.cause, "no_session");
    rpc_peer_close(&admin);
    device_close(&device);
    device_free(&device);
}

static void a_block_ends_the_wait_and_refuses_for_good(void **state)
{
    struct gateway_fixture *gateway = *state;
    struct device device;
    struct rpc_peer admin;
    char id[OC_REQUEST_ID_CHARS + 1];
    struct oc_error err;
    device_make(gateway, &device);
    device_open(gateway, &device);
    gateway_open_admin(gateway, &admin);
    knock(&device, id);
    const uint32_t waiting = device_await(&device, id);
    assert_int_equal(admin_decide_on(&admin, NUMBER(BLOCK), &device, &err), OC_OK);
    assert_int_equal(decision_of(&device, waiting), OPENCLAW__V1__DECISION__DECISION_BLOCKED);
    device_close(&device);
    device_open(gateway, &device);
    (void)device_wants_refusal(&device, OPENCLAW__V1__REFUSAL_KIND__REFUSAL_BLOCKED);
    rpc_peer_close(&admin);
    device_close(&device);
    device_free(&device);
}

static void the_code_of_the_agent_approves_and_no_other(void **state)
{
    struct gateway_fixture *gateway = *state;
    struct device device;
    struct rpc_peer admin;
    struct oc_pairing_code_input input;
    char code[OC_CODE_DIGITS + 1];
    char wrong[OC_CODE_DIGITS + 1];
    struct oc_error err;
    device_make(gateway, &device);
    device_open(gateway, &device);
    gateway_open_admin(gateway, &admin);
    const Openclaw__V1__Refusal *refusal =
        device_wants_refusal(&device, OPENCLAW__V1__REFUSAL_KIND__REFUSAL_PAIRING_REQUIRED);
    input = (struct oc_pairing_code_input){
        .device_id = oc_identity_device_id(device.identity),
        .gateway_spki = app_pin(gateway->app),
    };
    memcpy(input.device_nonce, device.nonce, sizeof input.device_nonce);
    assert_int_equal(refusal->gateway_nonce.len, sizeof input.gateway_nonce);
    memcpy(input.gateway_nonce, refusal->gateway_nonce.data, sizeof input.gateway_nonce);
    strcpy(input.request_id.text, refusal->request_id);
    oc_pairing_code(&input, code);
    strcpy(wrong, code);
    wrong[0] = wrong[0] == '9' ? '0' : (char)(wrong[0] + 1);
    assert_int_equal(admin_approve(&admin, input.request_id.text, code, &err),
                     OC_FAILED_PRECONDITION);
    assert_string_equal(err.cause, "code_unavailable"); /* the nonce is not revealed yet */
    const uint32_t waiting = device_await(&device, input.request_id.text);
    /* A call that is answered after the wait was registered: both go through one connection. */
    (void)rpc_peer_call(&device.peer, NUMBER(HEALTH), NULL);
    assert_int_equal(admin_approve(&admin, input.request_id.text, wrong, &err), OC_ABORTED);
    assert_string_equal(err.cause, "code_wrong");
    assert_int_equal(admin_approve(&admin, input.request_id.text, code, &err), OC_OK);
    assert_int_equal(decision_of(&device, waiting), OPENCLAW__V1__DECISION__DECISION_APPROVED);
    rpc_peer_close(&admin);
    device_close(&device);
    device_free(&device);
}

static void callers_that_vanish_with_parked_calls_harm_nobody(void **state)
{
    struct gateway_fixture *gateway = *state;
    struct device device;
    struct rpc_peer admin;
    struct rpc_peer watcher;
    char id[OC_REQUEST_ID_CHARS + 1];
    struct oc_error err;
    device_make(gateway, &device);
    gateway_open_admin(gateway, &admin);
    for (int round = 0; round < 10; round++) {
        device_open(gateway, &device);
        knock(&device, id);
        for (int i = 0; i < 4; i++) {
            (void)device_await(&device, id);
        }
        gateway_open_admin(gateway, &watcher);
        for (int i = 0; i < 4; i++) {
            (void)rpc_peer_send(&watcher, NUMBER(WATCH_EVENTS), NULL);
        }
        oc_connection_abort(device.peer.connection, OC_CANCELLED, "vanishes");
        oc_connection_abort(watcher.connection, OC_CANCELLED, "vanishes");
        device_close(&device);
        rpc_peer_close(&watcher);
    }
    assert_int_equal(admin_approve(&admin, id, "", &err), OC_OK);
    device_open(gateway, &device);
    (void)device_wants_session(&device);
    rpc_peer_close(&admin);
    device_close(&device);
    device_free(&device);
}

/* ---- doors ----------------------------------------------------------------------------------- */

static void each_door_has_its_own_methods(void **state)
{
    struct gateway_fixture *gateway = *state;
    struct device device;
    struct rpc_peer admin;
    struct oc_error err;
    device_make(gateway, &device);
    device_open(gateway, &device);
    gateway_open_admin(gateway, &admin);
    assert_int_equal(rpc_peer_try(&device.peer, NUMBER(LIST_DEVICES), NULL, &err),
                     OC_UNIMPLEMENTED);
    assert_int_equal(admin_decide_on(&device.peer, NUMBER(UNBLOCK), &device, &err),
                     OC_UNIMPLEMENTED);
    assert_int_equal(rpc_peer_try(&admin, NUMBER(CONNECT), NULL, &err), OC_UNIMPLEMENTED);
    assert_int_equal(rpc_peer_try(&admin, NUMBER(HEARTBEAT), NULL, &err), OC_UNIMPLEMENTED);
    rpc_peer_close(&admin);
    device_close(&device);
    device_free(&device);
}

static void a_second_gateway_on_the_directory_is_refused_and_the_first_unharmed(void **state)
{
    struct gateway_fixture *gateway = *state;
    struct rpc_peer admin;
    struct app *second = NULL;
    struct oc_error err;
    const struct app_options options = {.data_dir = gateway->data_dir};
    char pid[32];
    assert_int_equal(app_start(&options, &second, &err), OC_ALREADY_EXISTS);
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    assert_non_null(strstr(err.text, pid));
    gateway_open_admin(gateway, &admin);
    assert_int_equal(rpc_peer_try(&admin, NUMBER(HEALTH), NULL, &err), OC_OK);
    rpc_peer_close(&admin);
}

static void strangers_never_take_the_place_of_an_approved_device(void **state)
{
    struct gateway_fixture *gateway = *state;
    struct device known;
    struct device strangers[2];
    struct rpc_peer admin;
    struct oc_error err;
    device_make(gateway, &known);
    device_open(gateway, &known);
    gateway_open_admin(gateway, &admin);
    pair(&admin, &known);
    rpc_peer_close(&admin);
    device_close(&known);
    gateway_stop(gateway);
    gateway_configure(gateway, "limits: {maxUnapproved: 1, maxUnapprovedPerSource: 1}");
    gateway_start(gateway);
    for (size_t i = 0; i < 2; i++) {
        device_make(gateway, &strangers[i]);
        device_open(gateway, &strangers[i]);
    }
    assert_int_equal(rpc_peer_try(&strangers[0].peer, NUMBER(HEALTH), NULL, &err), OC_OK);
    assert_int_equal(rpc_peer_try(&strangers[1].peer, NUMBER(HEALTH), NULL, &err),
                     OC_RESOURCE_EXHAUSTED);
    assert_int_not_equal(err.retry_after_ms, 0);
    assert_true(rpc_peer_wait_closed(&strangers[1].peer));
    device_open(gateway, &known);
    (void)device_wants_session(&known);
    device_close(&known);
    device_free(&known);
    for (size_t i = 0; i < 2; i++) {
        device_close(&strangers[i]);
        device_free(&strangers[i]);
    }
}

static void without_pairing_every_device_gets_the_default_grant(void **state)
{
    struct gateway_fixture *gateway = *state;
    struct device device;
    gateway_stop(gateway);
    gateway_configure(gateway, "pairingRequired: false\n"
                               "defaultGrant: {role: agent, scopes: [chat]}");
    gateway_start(gateway);
    device_make(gateway, &device);
    device_open(gateway, &device);
    assert_string_equal(device_wants_session(&device)->granted->role, "agent");
    device_close(&device);
    device_free(&device);
}

/* ---- starts and stops ------------------------------------------------------------------------ */

static void what_was_approved_survives_a_restart(void **state)
{
    struct gateway_fixture *gateway = *state;
    struct device device;
    struct rpc_peer admin;
    device_make(gateway, &device);
    device_open(gateway, &device);
    gateway_open_admin(gateway, &admin);
    pair(&admin, &device);
    rpc_peer_close(&admin);
    device_close(&device);
    gateway_stop(gateway);
    gateway_start(gateway);
    device_open(gateway, &device);
    (void)device_wants_session(&device);
    device_close(&device);
    device_free(&device);
}

static void a_stop_is_told_to_the_parked_device(void **state)
{
    struct gateway_fixture *gateway = *state;
    struct device device;
    struct rpc_peer admin;
    Openclaw__V1__AwaitNoticeRequest request = OPENCLAW__V1__AWAIT_NOTICE_REQUEST__INIT;
    device_make(gateway, &device);
    device_open(gateway, &device);
    gateway_open_admin(gateway, &admin);
    pair(&admin, &device);
    request.generation = device_wants_session(&device)->generation;
    const uint32_t parked = rpc_peer_send(&device.peer, NUMBER(AWAIT_NOTICE), &request.base);
    (void)rpc_peer_call(&device.peer, NUMBER(HEALTH), NULL);
    assert_false(rpc_peer_has(&device.peer, parked));
    gateway_stop(gateway);
    const struct oc_reply reply = rpc_peer_wait(&device.peer, parked);
    const Openclaw__V1__AwaitNoticeReply *notice =
        (const Openclaw__V1__AwaitNoticeReply *)rpc_peer_decode(&device.peer, NUMBER(AWAIT_NOTICE),
                                                                &reply);
    assert_int_equal(notice->kind, OPENCLAW__V1__NOTICE_KIND__NOTICE_DRAINING);
    assert_int_not_equal(notice->retry_after_ms, 0);
    assert_true(rpc_peer_wait_closed(&device.peer));
    rpc_peer_close(&admin);
    device_close(&device);
    device_free(&device);
    gateway_start(gateway);
}

static Openclaw__V1__Serving serving_of(struct rpc_peer *admin)
{
    return ((const Openclaw__V1__HealthReply *)rpc_peer_call(admin, NUMBER(HEALTH), NULL))->serving;
}

static void a_lost_database_serves_nobody_until_unlocked(void **state)
{
    struct gateway_fixture *gateway = *state;
    struct device device;
    struct rpc_peer admin;
    struct oc_error err;
    char path[256];
    Openclaw__V1__UnlockRequest unlock = OPENCLAW__V1__UNLOCK_REQUEST__INIT;
    device_make(gateway, &device);
    device_open(gateway, &device);
    gateway_open_admin(gateway, &admin);
    pair(&admin, &device);
    rpc_peer_close(&admin);
    device_close(&device);
    gateway_stop(gateway);
    gateway_path(gateway, "gateway/gateway.db", path);
    assert_int_equal(unlink(path), 0);
    gateway_start(gateway);
    device_open(gateway, &device);
    gateway_open_admin(gateway, &admin);
    (void)device_wants_refusal(&device, OPENCLAW__V1__REFUSAL_KIND__REFUSAL_LOCKED);
    assert_int_equal(serving_of(&admin), OPENCLAW__V1__SERVING__SERVING_LOCKED);
    unlock.init = true;
    assert_int_equal(rpc_peer_try(&admin, NUMBER(UNLOCK), &unlock.base, &err), OC_OK);
    assert_int_equal(serving_of(&admin), OPENCLAW__V1__SERVING__SERVING_YES);
    (void)device_wants_refusal(&device, OPENCLAW__V1__REFUSAL_KIND__REFUSAL_PAIRING_REQUIRED);
    rpc_peer_close(&admin);
    device_close(&device);
    device_free(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_stranger_is_refused_with_every_fact_and_listed,
                                        gateway_enter, gateway_leave),
        cmocka_unit_test_setup_teardown(
            an_approval_reaches_the_waiting_device_which_connects_where_it_is, gateway_enter,
            gateway_leave),
        cmocka_unit_test_setup_teardown(a_revoke_closes_the_session_and_refuses_the_next,
                                        gateway_enter, gateway_leave),
        cmocka_unit_test_setup_teardown(a_block_ends_the_wait_and_refuses_for_good, gateway_enter,
                                        gateway_leave),
        cmocka_unit_test_setup_teardown(the_code_of_the_agent_approves_and_no_other, gateway_enter,
                                        gateway_leave),
        cmocka_unit_test_setup_teardown(callers_that_vanish_with_parked_calls_harm_nobody,
                                        gateway_enter, gateway_leave),
        cmocka_unit_test_setup_teardown(each_door_has_its_own_methods, gateway_enter,
                                        gateway_leave),
        cmocka_unit_test_setup_teardown(
            a_second_gateway_on_the_directory_is_refused_and_the_first_unharmed, gateway_enter,
            gateway_leave),
        cmocka_unit_test_setup_teardown(strangers_never_take_the_place_of_an_approved_device,
                                        gateway_enter, gateway_leave),
        cmocka_unit_test_setup_teardown(without_pairing_every_device_gets_the_default_grant,
                                        gateway_enter, gateway_leave),
        cmocka_unit_test_setup_teardown(what_was_approved_survives_a_restart, gateway_enter,
                                        gateway_leave),
        cmocka_unit_test_setup_teardown(a_stop_is_told_to_the_parked_device, gateway_enter,
                                        gateway_leave),
        cmocka_unit_test_setup_teardown(a_lost_database_serves_nobody_until_unlocked, gateway_enter,
                                        gateway_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
