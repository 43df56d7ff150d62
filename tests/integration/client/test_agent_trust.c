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

#include "client/keystore.h"
#include "tests/integration/client/agent_scene.h"

/* ---- trust ------------------------------------------------------------------------------- */

static void a_first_contact_is_recorded_and_said_once(void **state)
{
    struct scene *scene = *state;
    struct oc_agent_options options = agent_options_of(scene);
    options.n_pins = 0;
    start_agent_with(scene, &options);
    struct scripted_call *call = take_call(scene, METHOD(CONNECT));
    const struct said *first = hear(scene, SAID_FIRST_USE);
    assert_memory_equal(first->pin.bytes, scene->pin.bytes, OC_DIGEST_BYTES);
    struct oc_trust trust;
    assert_int_equal(oc_trust_load(scene->dir, options.gateway_url, &trust, NULL), OC_OK);
    assert_true(trust.is_first_use && trust.n_pins == 1);
    scripted_call_cut(call);
    (void)hear(scene, SAID_DISCONNECTED);
    scripted_call_forget(take_call(scene, METHOD(CONNECT)));
    assert_int_equal(stop_agent(scene), OC_OK);
    (void)hear(scene, SAID_STOPPED); /* and no second first use before it */
}

static void another_key_than_the_recorded_one_ends_it_before_a_word_is_said(void **state)
{
    struct scene *scene = *state;
    struct oc_agent_options options = agent_options_of(scene);
    options.n_pins = 0;
    struct oc_trust trust = {.n_pins = 1};
    memset(trust.pins[0].bytes, 0x77, OC_DIGEST_BYTES);
    assert_int_equal(oc_trust_save(scene->dir, options.gateway_url, &trust, NULL), OC_OK);
    start_agent_with(scene, &options);
    const struct said *stopped = hear(scene, SAID_STOPPED);
    assert_int_equal(stopped->status, OC_UNAUTHENTICATED);
    assert_non_null(strstr(stopped->err.text, "expected sha256:7777"));
    char found[OC_PIN_TEXT_BYTES];
    oc_pin_format(&scene->pin, found);
    assert_non_null(strstr(stopped->err.text, found));
    assert_non_null(strstr(stopped->err.text, "openclaw agent trust --gateway tls+tcp://"));
    assert_false(scripted_gateway_has_call(scene->gateway, 0));
    assert_int_equal(oc_trust_load(scene->dir, options.gateway_url, &trust, NULL), OC_OK);
    assert_int_equal(trust.pins[0].bytes[0], 0x77);
}

static void an_unreadable_record_is_never_a_first_use(void **state)
{
    struct scene *scene = *state;
    struct oc_agent_options options = agent_options_of(scene);
    options.n_pins = 0;
    assert_int_equal(
        oc_trust_save(scene->dir, options.gateway_url, &(struct oc_trust){.n_pins = 1}, NULL),
        OC_OK);
    struct oc_gateway_address address;
    char name[OC_GATEWAY_FILE_NAME_BYTES];
    char path[256];
    assert_int_equal(oc_gateway_address_parse(options.gateway_url, &address, NULL), OC_OK);
    oc_gateway_file_name(&address, name);
    (void)snprintf(path, sizeof path, "%s/gateways/%s", scene->dir, name);
    assert_int_equal(truncate(path, 10), 0);
    start_agent_with(scene, &options);
    assert_int_equal(hear(scene, SAID_STOPPED)->status, OC_DATA_LOSS);
    assert_int_equal(scripted_gateway_n_accepted(scene->gateway), 0);
}

static struct oc_receipt receipt_for(struct scene *scene, const struct oc_device_id *device_id)
{
    struct oc_receipt receipt = {.seq = 9, .issued_at_ms = 1, .device_id = *device_id};
    assert_int_equal(oc_receipt_sign(scene->gateway_key, &receipt, NULL), OC_OK);
    return receipt;
}

static void a_session_leaves_receipt_pins_and_count_on_disk(void **state)
{
    struct scene *scene = *state;
    start_agent(scene);
    struct scripted_call *call = take_call(scene, METHOD(CONNECT));
    struct oc_receipt receipt = receipt_for(scene, &call->device_id);
    const struct session_answer answer = {.heartbeat_ms = 600000, .receipt = &receipt};
    admit_with(call, &answer);
    scripted_call_cut(take_call(scene, METHOD(AWAIT_NOTICE)));
    call = take_call(scene, METHOD(CONNECT));
    Openclaw__V1__ConnectRequest *request = scripted_call_decode(call);
    assert_non_null(request->receipt);
    assert_true(request->receipt->seq == 9);
    assert_int_equal(request->receipt->signature.len, receipt.n_signature);
    protobuf_c_message_free_unpacked(&request->base, NULL);
    scripted_call_forget(call);
    assert_int_equal(stop_agent(scene), OC_OK);
    /* The pin that was given is recorded: a later start without it is no first use. */
    struct oc_trust trust;
    assert_int_equal(oc_trust_load(scene->dir, scripted_gateway_url(scene->gateway), &trust, NULL),
                     OC_OK);
    assert_true(trust.n_pins == 1 && !trust.is_first_use);
    assert_memory_equal(trust.pins[0].bytes, scene->pin.bytes, OC_DIGEST_BYTES);
}

static void the_receipt_of_an_approval_in_session_takes_the_place_of_the_older(void **state)
{
    struct scene *scene = *state;
    start_agent(scene);
    struct scripted_call *call = take_call(scene, METHOD(CONNECT));
    struct oc_receipt receipt = receipt_for(scene, &call->device_id);
    const struct session_answer answer = {.heartbeat_ms = 600000, .receipt = &receipt};
    admit_with(call, &answer);
    Openclaw__V1__Session session = OPENCLAW__V1__SESSION__INIT;
    Openclaw__V1__Receipt newer;
    Openclaw__V1__AwaitNoticeReply notice = OPENCLAW__V1__AWAIT_NOTICE_REPLY__INIT;
    receipt.seq = 12;
    put_receipt(&receipt, &newer);
    session.receipt = &newer;
    notice.kind = NOTICE(GRANT_CHANGED);
    notice.session = &session;
    scripted_call_answer(take_call(scene, METHOD(AWAIT_NOTICE)), &notice.base);
    scripted_call_cut(take_call(scene, METHOD(AWAIT_NOTICE)));
    call = take_call(scene, METHOD(CONNECT));
    Openclaw__V1__ConnectRequest *request = scripted_call_decode(call);
    assert_non_null(request->receipt);
    assert_true(request->receipt->seq == 12);
    assert_int_equal(request->session_counter, 1);
    protobuf_c_message_free_unpacked(&request->base, NULL);
    scripted_call_forget(call);
}

static void a_receipt_of_another_device_is_not_kept(void **state)
{
    struct scene *scene = *state;
    start_agent(scene);
    struct scripted_call *call = take_call(scene, METHOD(CONNECT));
    struct oc_device_id other = call->device_id;
    other.bytes[0] ^= 1;
    struct oc_receipt receipt = receipt_for(scene, &other);
    const struct session_answer answer = {.heartbeat_ms = 600000, .receipt = &receipt};
    admit_with(call, &answer);
    scripted_call_cut(take_call(scene, METHOD(AWAIT_NOTICE)));
    call = take_call(scene, METHOD(CONNECT));
    Openclaw__V1__ConnectRequest *request = scripted_call_decode(call);
    assert_null(request->receipt);
    protobuf_c_message_free_unpacked(&request->base, NULL);
    scripted_call_forget(call);
}

static void an_announced_pin_is_added_to_the_recorded_ones(void **state)
{
    struct scene *scene = *state;
    struct oc_agent_options options = agent_options_of(scene);
    options.n_pins = 0;
    struct oc_trust trust = {.n_pins = 1, .pins = {scene->pin}};
    assert_int_equal(oc_trust_save(scene->dir, options.gateway_url, &trust, NULL), OC_OK);
    start_agent_with(scene, &options);
    struct oc_digest next;
    memset(next.bytes, 0x42, sizeof next.bytes);
    const struct session_answer answer = {.heartbeat_ms = 600000, .next_pin = &next};
    admit_with(take_call(scene, METHOD(CONNECT)), &answer);
    (void)hear(scene, SAID_CONNECTED);
    assert_int_equal(stop_agent(scene), OC_OK);
    assert_int_equal(oc_trust_load(scene->dir, options.gateway_url, &trust, NULL), OC_OK);
    assert_int_equal(trust.n_pins, 2);
    assert_false(trust.is_first_use);
    assert_memory_equal(trust.pins[0].bytes, next.bytes, OC_DIGEST_BYTES);
    assert_memory_equal(trust.pins[1].bytes, scene->pin.bytes, OC_DIGEST_BYTES);
}

/* ---- hostile and absent gateways --------------------------------------------------------- */

static void an_answer_without_outcome_loses_the_attempt(void **state)
{
    struct scene *scene = *state;
    start_agent(scene);
    Openclaw__V1__ConnectReply reply = OPENCLAW__V1__CONNECT_REPLY__INIT;
    scripted_call_answer(take_call(scene, METHOD(CONNECT)), &reply.base);
    (void)hear(scene, SAID_DISCONNECTED);
    assert_int_equal(stop_agent(scene), OC_OK);
}

static void a_request_id_that_is_none_loses_the_attempt(void **state)
{
    struct scene *scene = *state;
    start_agent(scene);
    struct scripted_call *call = take_call(scene, METHOD(CONNECT));
    Openclaw__V1__Refusal refusal = refusal_of(REFUSED(PAIRING_REQUIRED));
    refusal.request_id = (char *)(uintptr_t) "; rm -rf /";
    Openclaw__V1__ConnectReply reply = OPENCLAW__V1__CONNECT_REPLY__INIT;
    reply.outcome_case = OPENCLAW__V1__CONNECT_REPLY__OUTCOME_REFUSAL;
    reply.refusal = &refusal;
    scripted_call_answer(call, &reply.base);
    (void)hear(scene, SAID_DISCONNECTED);
    assert_int_equal(stop_agent(scene), OC_OK);
}

static void words_of_a_newer_gateway_are_waited_through(void **state)
{
    struct scene *scene = *state;
    start_agent(scene);
    refuse(take_call(scene, METHOD(CONNECT)), REFUSED(PAIRING_REQUIRED), 0);
    Openclaw__V1__AwaitDecisionReply unknown = OPENCLAW__V1__AWAIT_DECISION_REPLY__INIT;
    unknown.decision = (Openclaw__V1__Decision)77;
    scripted_call_answer(take_call(scene, METHOD(AWAIT_DECISION)), &unknown.base);
    decide(take_call(scene, METHOD(AWAIT_DECISION)), DECIDED(APPROVED));
    admit(take_call(scene, METHOD(CONNECT)));
    (void)hear(scene, SAID_REFUSED);
    (void)hear(scene, SAID_CONNECTED);
    send_notice(take_call(scene, METHOD(AWAIT_NOTICE)), (Openclaw__V1__NoticeKind)77,
                REFUSED(UNSPECIFIED), 0);
    scripted_call_forget(take_call(scene, METHOD(AWAIT_NOTICE)));
    assert_int_equal(stop_agent(scene), OC_OK);
}

static void an_absent_gateway_is_tried_again_and_again(void **state)
{
    struct scene *scene = *state;
    scripted_gateway_close_door(scene->gateway);
    start_agent(scene);
    const struct said *first = hear(scene, SAID_DISCONNECTED);
    assert_int_equal(first->err.status, OC_UNAVAILABLE);
    assert_non_null(strstr(first->err.text, "no gateway at tls+tcp://127.0.0.1"));
    (void)hear(scene, SAID_DISCONNECTED);
    assert_int_equal(oc_agent_wait_connected(scene->agent, 1), OC_DEADLINE_EXCEEDED);
    assert_int_equal(stop_agent(scene), OC_OK);
}

static void an_agent_may_be_freed_at_any_moment(void **state)
{
    struct scene *scene = *state;
    start_agent(scene);
    oc_agent_free(scene->agent);
    start_agent(scene);
    scripted_call_forget(take_call(scene, METHOD(CONNECT)));
    oc_agent_free(scene->agent);
    scene->agent = NULL;
}

static void wrong_options_are_refused(void **state)
{
    struct scene *scene = *state;
    struct oc_agent *agent = NULL;
    struct oc_agent_options options = agent_options_of(scene);
    options.gateway_url = "ipc:///run/admin.sock";
    assert_int_equal(oc_agent_start(&options, &agent, NULL), OC_INVALID_ARGUMENT);
    options = agent_options_of(scene);
    options.name = "a name that is longer than the sixty-four bytes that the protocol has for it";
    assert_int_equal(oc_agent_start(&options, &agent, NULL), OC_INVALID_ARGUMENT);
    options = agent_options_of(scene);
    options.n_pins = OC_MAX_PINS + 1;
    assert_int_equal(oc_agent_start(&options, &agent, NULL), OC_INVALID_ARGUMENT);
    assert_null(agent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_GATEWAY(a_first_contact_is_recorded_and_said_once),
        WITH_GATEWAY(another_key_than_the_recorded_one_ends_it_before_a_word_is_said),
        WITH_GATEWAY(an_unreadable_record_is_never_a_first_use),
        WITH_GATEWAY(a_session_leaves_receipt_pins_and_count_on_disk),
        WITH_GATEWAY(the_receipt_of_an_approval_in_session_takes_the_place_of_the_older),
        WITH_GATEWAY(a_receipt_of_another_device_is_not_kept),
        WITH_GATEWAY(an_announced_pin_is_added_to_the_recorded_ones),
        WITH_GATEWAY(an_answer_without_outcome_loses_the_attempt),
        WITH_GATEWAY(a_request_id_that_is_none_loses_the_attempt),
        WITH_GATEWAY(words_of_a_newer_gateway_are_waited_through),
        WITH_GATEWAY(an_absent_gateway_is_tried_again_and_again),
        WITH_GATEWAY(an_agent_may_be_freed_at_any_moment),
        WITH_GATEWAY(wrong_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
