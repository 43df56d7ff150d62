#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/crypto/pairing_code.h"
#include "tests/integration/client/agent_scene.h"

/* ---- the seed's story -------------------------------------------------------------------- */

static void check_commitment(struct scripted_call *connect, struct scripted_call *await)
{
    Openclaw__V1__ConnectRequest *asked = scripted_call_decode(connect);
    Openclaw__V1__AwaitDecisionRequest *revealed = scripted_call_decode(await);
    assert_int_equal(revealed->device_nonce.len, OC_NONCE_BYTES);
    struct oc_digest commitment = oc_nonce_commitment(revealed->device_nonce.data);
    assert_int_equal(asked->nonce_commitment.len, OC_DIGEST_BYTES);
    assert_memory_equal(asked->nonce_commitment.data, commitment.bytes, OC_DIGEST_BYTES);
    assert_string_equal(revealed->request_id, request_id);
    protobuf_c_message_free_unpacked(&asked->base, NULL);
    protobuf_c_message_free_unpacked(&revealed->base, NULL);
}

static void check_code(struct scene *scene, struct scripted_call *await, const struct said *said)
{
    Openclaw__V1__AwaitDecisionRequest *revealed = scripted_call_decode(await);
    struct oc_pairing_code_input input = {.device_id = await->device_id,
                                          .gateway_spki = scene->pin};
    memcpy(input.device_nonce, revealed->device_nonce.data, OC_NONCE_BYTES);
    memcpy(input.gateway_nonce, gateway_nonce, OC_NONCE_BYTES);
    memcpy(input.request_id.text, request_id, sizeof request_id);
    char code[OC_CODE_DIGITS + 1];
    char shown[OC_CODE_DIGITS + 1];
    oc_pairing_code(&input, code);
    assert_true(oc_pairing_code_parse(said->code, shown));
    assert_string_equal(shown, code);
    assert_non_null(strstr(said->text, said->code));
    protobuf_c_message_free_unpacked(&revealed->base, NULL);
}

static void a_device_is_refused_approved_connected_and_revoked_without_restart(void **state)
{
    struct scene *scene = *state;
    start_agent(scene);
    struct scripted_call *connect = take_call(scene, METHOD(CONNECT));
    struct scripted_call kept = *connect;
    kept.bytes = malloc(connect->call.n_payload);
    memcpy(kept.bytes, connect->call.payload, connect->call.n_payload);
    kept.call.payload = kept.bytes;
    refuse(connect, REFUSED(PAIRING_REQUIRED), 0);
    const struct said *refused = hear(scene, SAID_REFUSED);
    assert_int_equal(refused->refusal, OC_REFUSAL_PAIRING_REQUIRED);
    struct scripted_call *await = take_call(scene, METHOD(AWAIT_DECISION));
    check_commitment(&kept, await);
    free(kept.bytes);
    check_code(scene, await, refused);
    decide(await, DECIDED(APPROVED));
    admit(take_call(scene, METHOD(CONNECT)));
    const struct said *connected = hear(scene, SAID_CONNECTED);
    assert_string_equal(connected->session.granted.role, "agent");
    assert_int_equal(oc_agent_wait_connected(scene->agent, 10000), OC_OK);
    /* All on one connection. */
    assert_int_equal(scripted_gateway_n_accepted(scene->gateway), 1);
    send_notice(take_call(scene, METHOD(AWAIT_NOTICE)), NOTICE(ENDED), REFUSED(REVOKED), 0);
    assert_int_equal(hear(scene, SAID_REFUSED)->refusal, OC_REFUSAL_REVOKED);
    assert_int_equal(hear(scene, SAID_STOPPED)->status, OC_PERMISSION_DENIED);
    assert_int_equal(oc_agent_wait(scene->agent), OC_PERMISSION_DENIED);
    assert_int_equal(oc_agent_wait_connected(scene->agent, 0), OC_PERMISSION_DENIED);
    char key[128];
    (void)snprintf(key, sizeof key, "%s/identity/device.key", scene->dir);
    assert_int_equal(access(key, F_OK), 0);
}

static void check_upgrade_code(struct scene *scene, struct scripted_call *await,
                               const struct oc_session *session)
{
    struct said as_refused = {.text = ""};
    (void)snprintf(as_refused.code, sizeof as_refused.code, "%s", session->upgrade_code);
    (void)snprintf(as_refused.text, sizeof as_refused.text, "%s", session->upgrade_code);
    check_code(scene, await, &as_refused);
}

static void an_agent_in_session_shows_the_code_of_its_upgrade_and_reveals_its_nonce(void **state)
{
    struct scene *scene = *state;
    const struct session_answer answer = {
        .heartbeat_ms = 600000, .generation = 1, .has_upgrade = true};
    start_agent(scene);
    admit_with(take_call(scene, METHOD(CONNECT)), &answer);
    const struct said *connected = hear(scene, SAID_CONNECTED);
    assert_string_equal(connected->session.upgrade_request_id.text, request_id);
    struct scripted_call *await = take_call(scene, METHOD(AWAIT_DECISION));
    check_upgrade_code(scene, await, &connected->session);
    struct scripted_call *notice = take_call(scene, METHOD(AWAIT_NOTICE));
    /* Whatever the wait is told, the session is none of its business. */
    decide(await, DECIDED(REJECTED));
    send_notice(notice, NOTICE(UPGRADE_REFUSED), REFUSED(UNSPECIFIED), 0);
    const struct said *changed = hear(scene, SAID_GRANT_CHANGED);
    assert_string_equal(changed->session.upgrade_request_id.text, "");
    assert_string_equal(changed->session.upgrade_code, "");
    scripted_call_forget(take_call(scene, METHOD(AWAIT_NOTICE)));
    assert_int_equal(oc_agent_wait_connected(scene->agent, 0), OC_OK);
    assert_int_equal(scripted_gateway_n_accepted(scene->gateway), 1);
}

static void a_failed_reveal_leaves_the_session_alone(void **state)
{
    struct scene *scene = *state;
    const struct oc_error refused = {.status = OC_INVALID_ARGUMENT};
    const struct session_answer answer = {
        .heartbeat_ms = 600000, .generation = 1, .has_upgrade = true};
    start_agent(scene);
    admit_with(take_call(scene, METHOD(CONNECT)), &answer);
    (void)hear(scene, SAID_CONNECTED);
    scripted_call_fail(take_call(scene, METHOD(AWAIT_DECISION)), OC_INVALID_ARGUMENT, &refused);
    send_notice(take_call(scene, METHOD(AWAIT_NOTICE)), NOTICE(NONE_YET), REFUSED(UNSPECIFIED), 0);
    scripted_call_forget(take_call(scene, METHOD(AWAIT_NOTICE)));
    assert_int_equal(oc_agent_wait_connected(scene->agent, 0), OC_OK);
    assert_int_equal(scripted_gateway_n_accepted(scene->gateway), 1);
}

static void what_is_printed_holds_no_word_of_the_gateway(void **state)
{
    struct scene *scene = *state;
    start_agent(scene);
    refuse(take_call(scene, METHOD(CONNECT)), REFUSED(PAIRING_REQUIRED), 0);
    const struct said *refused = hear(scene, SAID_REFUSED);
    assert_null(strstr(refused->text, "curl"));
    assert_null(strchr(refused->text, '\x1b'));
    assert_non_null(strstr(refused->text, "openclaw devices approve 7QK4M2T9XA"));
}

static void connect_tells_what_the_device_claims_and_holds(void **state)
{
    struct scene *scene = *state;
    struct oc_agent_options options = agent_options_of(scene);
    options.ask = (struct oc_grant){"agent", 2, {"files", "chat"}};
    options.labels = (struct oc_labels){1, {{"site", "berlin"}}};
    options.purpose = "tests";
    options.version = "9.9";
    start_agent_with(scene, &options);
    struct scripted_call *call = take_call(scene, METHOD(CONNECT));
    Openclaw__V1__ConnectRequest *request = scripted_call_decode(call);
    assert_string_equal(request->asked->role, "agent");
    assert_string_equal(request->asked->scopes[0], "chat"); /* sorted */
    assert_string_equal(request->labels[0]->key, "site");
    assert_string_equal(request->name, "web-1");
    assert_string_equal(request->purpose, "tests");
    assert_string_equal(request->version, "9.9");
    assert_int_equal(request->instance_id.len, 16);
    assert_int_equal(request->boot_id.len, 16);
    assert_int_equal(request->host_hint.len, 16);
    assert_true(request->session_counter == 0);
    assert_null(request->receipt);
    protobuf_c_message_free_unpacked(&request->base, NULL);
    scripted_call_forget(call);
    assert_int_equal(stop_agent(scene), OC_OK);
}

/* ---- waiting ----------------------------------------------------------------------------- */

static void a_wait_that_ends_with_nothing_is_begun_again(void **state)
{
    struct scene *scene = *state;
    start_agent(scene);
    refuse(take_call(scene, METHOD(CONNECT)), REFUSED(PAIRING_REQUIRED), 0);
    for (int i = 0; i < 3; i++) {
        decide(take_call(scene, METHOD(AWAIT_DECISION)), DECIDED(NONE_YET));
    }
    decide(take_call(scene, METHOD(AWAIT_DECISION)), DECIDED(REJECTED));
    (void)hear(scene, SAID_REFUSED);
    assert_int_equal(hear(scene, SAID_REFUSED)->refusal, OC_REFUSAL_REJECTED);
    assert_int_equal(hear(scene, SAID_STOPPED)->status, OC_PERMISSION_DENIED);
}

static void a_new_connection_commits_to_a_new_nonce(void **state)
{
    struct scene *scene = *state;
    start_agent(scene);
    refuse(take_call(scene, METHOD(CONNECT)), REFUSED(PAIRING_REQUIRED), 0);
    char first[16];
    memcpy(first, hear(scene, SAID_REFUSED)->code, sizeof first);
    scripted_call_cut(take_call(scene, METHOD(AWAIT_DECISION)));
    (void)hear(scene, SAID_DISCONNECTED);
    refuse(take_call(scene, METHOD(CONNECT)), REFUSED(PAIRING_REQUIRED), 0);
    assert_string_not_equal(hear(scene, SAID_REFUSED)->code, first);
}

static void a_rejected_agent_that_keeps_asking_waits_first(void **state)
{
    struct scene *scene = *state;
    struct oc_agent_options options = agent_options_of(scene);
    options.keeps_asking = true;
    start_agent_with(scene, &options);
    refuse(take_call(scene, METHOD(CONNECT)), REFUSED(REJECTED), 0);
    (void)hear(scene, SAID_REFUSED);
    assert_true(hear(scene, SAID_DISCONNECTED)->retry_ms >= 60000);
    /* A long pause does not hold up the end. */
    assert_int_equal(stop_agent(scene), OC_OK);
}

static void once_ends_with_the_first_answer(void **state)
{
    struct scene *scene = *state;
    struct oc_agent_options options = agent_options_of(scene);
    options.is_once = true;
    start_agent_with(scene, &options);
    refuse(take_call(scene, METHOD(CONNECT)), REFUSED(PAIRING_REQUIRED), 0);
    (void)hear(scene, SAID_REFUSED);
    assert_int_equal(hear(scene, SAID_STOPPED)->status, OC_OK);
}

static void a_call_that_the_gateway_finds_invalid_ends_it(void **state)
{
    struct scene *scene = *state;
    start_agent(scene);
    struct oc_error err = {.field = "name"};
    scripted_call_fail(take_call(scene, METHOD(CONNECT)), OC_INVALID_ARGUMENT, &err);
    const struct said *stopped = hear(scene, SAID_STOPPED);
    assert_int_equal(stopped->status, OC_INVALID_ARGUMENT);
    assert_string_equal(stopped->err.field, "name");
}

/* ---- in a session ------------------------------------------------------------------------ */

static void a_session_beats_and_takes_notices(void **state)
{
    struct scene *scene = *state;
    start_agent(scene);
    const struct session_answer answer = {.heartbeat_ms = 1, .generation = 4};
    admit_with(take_call(scene, METHOD(CONNECT)), &answer);
    (void)hear(scene, SAID_CONNECTED);
    struct scripted_call *notice = take_call(scene, METHOD(AWAIT_NOTICE));
    Openclaw__V1__AwaitNoticeRequest *request = scripted_call_decode(notice);
    assert_true(request->generation == 4);
    protobuf_c_message_free_unpacked(&request->base, NULL);
    for (uint64_t i = 1; i <= 3; i++) {
        struct scripted_call *call = take_call(scene, METHOD(HEARTBEAT));
        Openclaw__V1__HeartbeatRequest *beat = scripted_call_decode(call);
        assert_true(beat->sequence == i);
        protobuf_c_message_free_unpacked(&beat->base, NULL);
        Openclaw__V1__HeartbeatReply reply = OPENCLAW__V1__HEARTBEAT_REPLY__INIT;
        scripted_call_answer(call, &reply.base);
    }
    scripted_call_forget(notice);
}

static void a_gateway_that_vanished_is_noticed_by_its_silence(void **state)
{
    struct scene *scene = *state;
    start_agent(scene);
    const struct session_answer answer = {.heartbeat_ms = 100};
    admit_with(take_call(scene, METHOD(CONNECT)), &answer);
    (void)hear(scene, SAID_CONNECTED);
    /* The connection stays, and nothing is answered any more. */
    const struct said *lost = hear(scene, SAID_DISCONNECTED);
    assert_int_equal(lost->err.status, OC_DEADLINE_EXCEEDED);
}

static void a_changed_grant_takes_effect_in_the_session(void **state)
{
    struct scene *scene = *state;
    struct scripted_call *notice = connect_agent(scene);
    Openclaw__V1__Grant grant = OPENCLAW__V1__GRANT__INIT;
    grant.role = (char *)(uintptr_t) "operator";
    Openclaw__V1__Session session = OPENCLAW__V1__SESSION__INIT;
    session.granted = &grant;
    session.generation = 2;
    Openclaw__V1__AwaitNoticeReply reply = OPENCLAW__V1__AWAIT_NOTICE_REPLY__INIT;
    reply.kind = NOTICE(GRANT_CHANGED);
    reply.session = &session;
    scripted_call_answer(notice, &reply.base);
    assert_string_equal(hear(scene, SAID_GRANT_CHANGED)->session.granted.role, "operator");
    notice = take_call(scene, METHOD(AWAIT_NOTICE));
    Openclaw__V1__AwaitNoticeRequest *request = scripted_call_decode(notice);
    assert_true(request->generation == 2);
    protobuf_c_message_free_unpacked(&request->base, NULL);
    scripted_call_forget(notice);
}

static void a_superseded_agent_stays_away_for_a_minute(void **state)
{
    struct scene *scene = *state;
    send_notice(connect_agent(scene), NOTICE(SUPERSEDED), REFUSED(UNSPECIFIED), 5);
    const struct said *lost = hear(scene, SAID_DISCONNECTED);
    assert_true(lost->retry_ms >= 60000);
    assert_int_equal(lost->err.status, OC_ABORTED);
}

static void a_draining_gateway_is_left_for_as_long_as_it_says(void **state)
{
    struct scene *scene = *state;
    send_notice(connect_agent(scene), NOTICE(DRAINING), REFUSED(UNSPECIFIED), 40000);
    assert_true(hear(scene, SAID_DISCONNECTED)->retry_ms >= 40000);
}

static void a_lost_session_is_made_again(void **state)
{
    struct scene *scene = *state;
    scripted_call_cut(connect_agent(scene));
    (void)hear(scene, SAID_DISCONNECTED);
    struct scripted_call *call = take_call(scene, METHOD(CONNECT));
    Openclaw__V1__ConnectRequest *request = scripted_call_decode(call);
    assert_true(request->session_counter == 1);
    protobuf_c_message_free_unpacked(&request->base, NULL);
    admit(call);
    (void)hear(scene, SAID_CONNECTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_GATEWAY(a_device_is_refused_approved_connected_and_revoked_without_restart),
        WITH_GATEWAY(an_agent_in_session_shows_the_code_of_its_upgrade_and_reveals_its_nonce),
        WITH_GATEWAY(a_failed_reveal_leaves_the_session_alone),
        WITH_GATEWAY(what_is_printed_holds_no_word_of_the_gateway),
        WITH_GATEWAY(connect_tells_what_the_device_claims_and_holds),
        WITH_GATEWAY(a_wait_that_ends_with_nothing_is_begun_again),
        WITH_GATEWAY(a_new_connection_commits_to_a_new_nonce),
        WITH_GATEWAY(a_rejected_agent_that_keeps_asking_waits_first),
        WITH_GATEWAY(once_ends_with_the_first_answer),
        WITH_GATEWAY(a_call_that_the_gateway_finds_invalid_ends_it),
        WITH_GATEWAY(a_session_beats_and_takes_notices),
        WITH_GATEWAY(a_gateway_that_vanished_is_noticed_by_its_silence),
        WITH_GATEWAY(a_changed_grant_takes_effect_in_the_session),
        WITH_GATEWAY(a_superseded_agent_stays_away_for_a_minute),
        WITH_GATEWAY(a_draining_gateway_is_left_for_as_long_as_it_says),
        WITH_GATEWAY(a_lost_session_is_made_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
