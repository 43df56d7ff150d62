#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/envelope.pb-c.h"
#include "openclaw/v1/health.pb-c.h"
#include "openclaw/v1/pairing.pb-c.h"
#include "server/rpc/dispatch.h"
#include "tests/support/fake_connection.h"
#include "tests/support/fake_service.h"
#include "tests/support/written_roles.h"

#define NUMBER(name) OPENCLAW__V1__METHOD__METHOD_##name

enum {
    WORD = INT32_MAX,
    MAX_MESSAGE = 8192,
};

struct fixture {
    struct service service;
    struct dispatch *dispatch;
    struct caller *caller;
    struct oc_connection *connection;
    struct refusal_gateway gateway;
    struct peer_ops ops;
};

static uint64_t now_ms(void)
{
    return fake_monotonic_ms;
}

static enum administrator_role administrator_of(enum rpc_role role)
{
    return role == RPC_ROLE_VIEWER     ? ADMINISTRATOR_VIEWER
           : role == RPC_ROLE_APPROVER ? ADMINISTRATOR_APPROVER
           : role == RPC_ROLE_ADMIN    ? ADMINISTRATOR_ADMIN
                                       : ADMINISTRATOR_NOBODY;
}

static void enter(struct fixture *fixture, enum rpc_door door, enum rpc_role role)
{
    *fixture = (struct fixture){.service = {.parks = false}};
    const struct dispatch_options options = {.service = &fixture->service, .monotonic_ms = now_ms};
    fixture->dispatch = dispatch_new(&options);
    fixture->connection = fake_connection_new();
    fixture->caller = caller_new(door, role);
    fixture->caller->connection = fixture->connection;
    fixture->caller->gateway = &fixture->gateway;
    strcpy(fixture->gateway.address, "tls+tcp://gw.example:18789");
    strcpy(fixture->caller->actor.name, "uid:0");
    atomic_store(&fixture->caller->is_approved, door != RPC_DOOR_DEVICES);
    if (door == RPC_DOOR_ADMIN) { /* whatever the caller came in with, the table counts */
        fixture->caller->certificate = calloc(1, sizeof *fixture->caller->certificate);
        fixture->service.role = administrator_of(role);
        fixture->service.standing = fixture->service.role == ADMINISTRATOR_NOBODY
                                        ? ADMINISTRATORS_REVOKED
                                        : ADMINISTRATORS_ALLOWED;
        fixture->caller->role = RPC_ROLE_ADMIN;
    }
    if (door == RPC_DOOR_DEVICES) {
        fixture->caller->peer =
            peer_opened(&fixture->service, &fixture->caller->device_id,
                        fixture->caller->actor.source, false, &fixture->ops, fixture->caller);
    }
}

static void leave(struct fixture *fixture)
{
    if (fixture->caller->peer) {
        peer_closed(fixture->caller->peer, "the end");
    }
    caller_release(fixture->caller);
    fake_connection_free(fixture->connection);
    dispatch_free(fixture->dispatch);
}

/* Sends one call and returns how many frames were answered so far. */
static size_t send_call(struct fixture *fixture, uint32_t word, const struct oc_call *call)
{
    uint8_t bytes[MAX_MESSAGE + 128];
    const size_t n = oc_call_pack(call, bytes, sizeof bytes);
    assert_int_not_equal(n, 0);
    dispatch_frame(fixture->dispatch, fixture->caller, word, bytes, n);
    return fixture->connection->n_sent;
}

static size_t send_message(struct fixture *fixture, uint32_t method,
                           const ProtobufCMessage *message)
{
    uint8_t payload[MAX_MESSAGE];
    const struct oc_call call = {
        .method = method,
        .payload = payload,
        .n_payload = message ? protobuf_c_message_pack(message, payload) : 0,
    };
    return send_call(fixture, WORD, &call);
}

/* The last answer. */
static struct oc_reply answer(const struct fixture *fixture)
{
    struct oc_reply reply;
    assert_int_not_equal(fixture->connection->n_sent, 0);
    const struct fake_frame *frame = &fixture->connection->sent[fixture->connection->n_sent - 1];
    assert_int_equal(oc_reply_unpack(frame->bytes, frame->n, &reply, NULL), OC_OK);
    return reply;
}

static void send_connect(struct fixture *fixture)
{
    uint8_t commitment[32] = {1};
    Openclaw__V1__ConnectRequest request = OPENCLAW__V1__CONNECT_REQUEST__INIT;
    request.nonce_commitment = (ProtobufCBinaryData){sizeof commitment, commitment};
    (void)send_message(fixture, NUMBER(CONNECT), &request.base);
}

static void send_revoke(struct fixture *fixture)
{
    uint8_t id[32] = {9};
    Openclaw__V1__DeviceDecision request = OPENCLAW__V1__DEVICE_DECISION__INIT;
    request.device_id = (ProtobufCBinaryData){sizeof id, id};
    (void)send_message(fixture, NUMBER(REVOKE), &request.base);
}

/* ---- who may call what ----------------------------------------------------------------------- */

static void every_method_at_every_door_for_every_caller_is_as_written_down(void **state)
{
    (void)state;
    unsigned n = 0;
    const struct oc_method *table = oc_method_table(&n);
    for (int door = 0; door < RPC_DOOR_COUNT; door++) {
        for (int role = 0; role < RPC_ROLE_COUNT; role++) {
            for (unsigned i = 0; i < n; i++) {
                assert_int_equal(
                    dispatch_authorise((enum rpc_door)door, (enum rpc_role)role, table[i].number),
                    written_verdict((enum rpc_door)door, (enum rpc_role)role, table[i].number));
            }
            assert_int_equal(dispatch_authorise((enum rpc_door)door, (enum rpc_role)role, 0),
                             DISPATCH_NO_SUCH_METHOD);
            assert_int_equal(dispatch_authorise((enum rpc_door)door, (enum rpc_role)role, 4711),
                             DISPATCH_NO_SUCH_METHOD);
        }
    }
}

static void what_is_not_allowed_never_reaches_a_service(void **state)
{
    (void)state;
    unsigned n = 0;
    const struct oc_method *table = oc_method_table(&n);
    for (int door = 0; door < RPC_DOOR_COUNT; door++) {
        for (int role = 0; role < RPC_ROLE_COUNT; role++) {
            for (unsigned i = 0; i < n; i++) {
                struct fixture fixture;
                enter(&fixture, (enum rpc_door)door, (enum rpc_role)role);
                assert_int_equal(send_message(&fixture, table[i].number, NULL), 1);
                const enum oc_status status = answer(&fixture).status;
                switch (
                    written_verdict((enum rpc_door)door, (enum rpc_role)role, table[i].number)) {
                case DISPATCH_NO_SUCH_METHOD:
                    assert_int_equal(status, OC_UNIMPLEMENTED);
                    assert_int_equal(fixture.service.n_calls, 0);
                    assert_int_equal(fixture.service.n_denied, door == RPC_DOOR_ADMIN);
                    break;
                case DISPATCH_DENIED:
                    assert_int_equal(status, OC_PERMISSION_DENIED);
                    assert_int_equal(fixture.service.n_calls, 0);
                    assert_int_equal(fixture.service.n_denied, door != RPC_DOOR_DEVICES);
                    break;
                case DISPATCH_ALLOWED:
                    assert_true(status != OC_UNIMPLEMENTED && status != OC_PERMISSION_DENIED);
                    break;
                }
                leave(&fixture);
            }
        }
    }
}

static void a_denied_call_is_audited_by_its_name(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_LOCAL, RPC_ROLE_NOBODY);
    send_revoke(&fixture);
    assert_string_equal(fixture.service.denied_method, "openclaw.v1.AdminService/Revoke");
    leave(&fixture);
}

/* ---- envelopes ------------------------------------------------------------------------------- */

static void another_version_is_answered_with_the_range_spoken(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    const uint8_t newer[] = {0x08, 0x02};
    dispatch_frame(fixture.dispatch, fixture.caller, WORD, newer, sizeof newer);
    assert_int_equal(answer(&fixture).status, OC_UNIMPLEMENTED);
    const uint8_t garbage[] = {0xff, 0xff};
    dispatch_frame(fixture.dispatch, fixture.caller, WORD, garbage, sizeof garbage);
    assert_int_equal(answer(&fixture).status, OC_INVALID_ARGUMENT);
    leave(&fixture);
}

static void unknown_fields_are_refused_only_where_something_changes(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    const uint8_t payload[] = {0xfa, 0x07, 0x01, 'x'};
    struct oc_call call = {.payload = payload, .n_payload = sizeof payload};
    call.method = NUMBER(LIST_DEVICES);
    (void)send_call(&fixture, WORD, &call);
    assert_int_equal(answer(&fixture).status, OC_OK);
    call.method = NUMBER(REVOKE);
    (void)send_call(&fixture, WORD, &call);
    assert_int_equal(answer(&fixture).status, OC_INVALID_ARGUMENT);
    const uint8_t listing[] = {0x08, 0x01, 0x10, 0x65, 0x7a, 0x00};
    const uint8_t revoking[] = {0x08, 0x01, 0x10, 0x69, 0x7a, 0x00};
    dispatch_frame(fixture.dispatch, fixture.caller, WORD, listing, sizeof listing);
    assert_int_equal(answer(&fixture).status, OC_OK);
    dispatch_frame(fixture.dispatch, fixture.caller, WORD, revoking, sizeof revoking);
    assert_int_equal(answer(&fixture).status, OC_INVALID_ARGUMENT);
    assert_int_equal(fixture.service.n_calls, 2);
    leave(&fixture);
}

static void keys_reach_the_service_and_stay_out_of_reads(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    uint8_t payload[] = {0x0a, 32, 1, 2, [33] = 3};
    struct oc_call call = {.method = NUMBER(BLOCK),
                           .has_idempotency_key = true,
                           .idempotency_key = {7},
                           .payload = payload,
                           .n_payload = sizeof payload};
    (void)send_call(&fixture, WORD, &call);
    assert_int_equal(answer(&fixture).status, OC_OK);
    assert_true(fixture.service.admin_caller.has_key);
    assert_int_equal(fixture.service.admin_caller.key[0], 7);
    assert_int_equal(fixture.service.admin_caller.method, NUMBER(BLOCK));
    assert_string_equal(fixture.service.admin_caller.actor.name, "uid:0");
    assert_int_equal(fixture.service.command.kind, PAIRING_EV_BLOCK);
    assert_int_equal(fixture.service.command.device_id.bytes[31], 3);
    call.method = NUMBER(LIST_DEVICES);
    call.n_payload = 0;
    (void)send_call(&fixture, WORD, &call);
    assert_int_equal(answer(&fixture).status, OC_INVALID_ARGUMENT);
    assert_string_equal(answer(&fixture).error.field, "idempotency_key");
    leave(&fixture);
}

static void long_polls_end_in_25_seconds_at_most(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    struct oc_call call = {.method = NUMBER(WATCH_EVENTS), .budget_ms = OC_MAX_BUDGET_MS};
    (void)send_call(&fixture, WORD, &call);
    assert_int_equal(fixture.service.budget_ms, OC_LONG_POLL_MS);
    call.budget_ms = 300;
    (void)send_call(&fixture, WORD, &call);
    assert_int_equal(fixture.service.budget_ms, 300);
    leave(&fixture);
}

/* ---- calls in flight ------------------------------------------------------------------------- */

static void a_resend_is_dropped_until_the_first_is_answered(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    fixture.service.parks = true;
    send_revoke(&fixture);
    send_revoke(&fixture);
    assert_int_equal(fixture.service.n_calls, 1);
    assert_int_equal(fixture.connection->n_sent, 0);
    fixture.service.decide_call.done(fixture.service.decide_call.user,
                                     &fixture.service.decide_result);
    assert_int_equal(fixture.connection->n_sent, 1);
    assert_int_equal(fixture.connection->sent[0].word, WORD);
    send_revoke(&fixture);
    assert_int_equal(fixture.service.n_calls, 2);
    fixture.service.decide_call.done(fixture.service.decide_call.user,
                                     &fixture.service.decide_result);
    leave(&fixture);
}

static void calls_in_flight_have_a_cap(void **state)
{
    (void)state;
    struct fixture fixture;
    struct wait_call parked[OC_MAX_CALLS_IN_FLIGHT_UNAPPROVED];
    enter(&fixture, RPC_DOOR_DEVICES, RPC_ROLE_DEVICE);
    fixture.service.parks = true;
    uint8_t payload[] = "\x0a\x0a"
                        "7QK4M2T9XA"
                        "\x12\x20"
                        "0123456789abcdef0123456789abcdef";
    const struct oc_call call = {
        .method = NUMBER(AWAIT_DECISION), .payload = payload, .n_payload = sizeof payload - 1};
    for (uint32_t i = 0; i < OC_MAX_CALLS_IN_FLIGHT_UNAPPROVED; i++) {
        assert_int_equal(send_call(&fixture, 100 + i, &call), 0);
        parked[i] = fixture.service.wait_call;
    }
    (void)send_call(&fixture, 200, &call);
    assert_int_equal(answer(&fixture).status, OC_RESOURCE_EXHAUSTED);
    for (uint32_t i = 0; i < OC_MAX_CALLS_IN_FLIGHT_UNAPPROVED; i++) {
        parked[i].done(parked[i].user, &fixture.service.wait_result);
        assert_int_equal(answer(&fixture).status, OC_OK);
    }
    leave(&fixture);
}

static void answers_come_in_any_order(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    fixture.service.parks = true;
    const struct oc_call call = {.method = NUMBER(WATCH_EVENTS)};
    (void)send_call(&fixture, 1, &call);
    const struct watch_call first = fixture.service.watch_call;
    (void)send_call(&fixture, 2, &call);
    const struct watch_call second = fixture.service.watch_call;
    second.done(second.user, &fixture.service.watch_result);
    first.done(first.user, &fixture.service.watch_result);
    assert_int_equal(fixture.connection->sent[0].word, 2);
    assert_int_equal(fixture.connection->sent[1].word, 1);
    leave(&fixture);
}

static void an_answer_after_the_close_goes_nowhere(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    fixture.service.parks = true;
    send_revoke(&fixture);
    caller_hold(fixture.caller); /* the test's own; the connection's goes now */
    fake_connection_break(fixture.connection);
    caller_release(fixture.caller);
    assert_int_equal(fixture.connection->n_references, 1);
    fixture.service.decide_call.done(fixture.service.decide_call.user,
                                     &fixture.service.decide_result);
    assert_int_equal(fixture.connection->n_sent, 0);
    assert_int_equal(fixture.connection->n_references, 0);
    leave(&fixture);
}

static void a_dropped_call_gives_everything_back(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_DEVICES, RPC_ROLE_DEVICE);
    fixture.service.parks = true;
    send_connect(&fixture);
    assert_int_equal(fixture.caller->n_words, 1);
    fixture.service.connect_call.dropped(fixture.service.connect_call.user);
    assert_int_equal(fixture.caller->n_words, 0);
    assert_int_equal(fixture.connection->n_references, 0);
    assert_int_equal(fixture.connection->n_sent, 0);
    leave(&fixture);
}

/* ---- quota ----------------------------------------------------------------------------------- */

static void an_unapproved_device_has_a_quota_that_refills(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_DEVICES, RPC_ROLE_DEVICE);
    int n_served = 0;
    do {
        send_connect(&fixture);
        n_served++;
    } while (answer(&fixture).status == OC_OK && n_served < 30);
    assert_int_equal(n_served, 11);
    assert_int_equal(answer(&fixture).status, OC_RESOURCE_EXHAUSTED);
    const uint32_t wait_ms = answer(&fixture).error.retry_after_ms;
    assert_in_range(wait_ms, 1, 1001);
    fake_monotonic_ms += wait_ms;
    send_connect(&fixture);
    assert_int_equal(answer(&fixture).status, OC_OK);
    atomic_store(&fixture.caller->is_approved, true);
    for (int i = 0; i < 20; i++) {
        send_connect(&fixture);
        assert_int_equal(answer(&fixture).status, OC_OK);
    }
    leave(&fixture);
}

static void a_caller_that_only_sends_nonsense_is_closed(void **state)
{
    (void)state;
    struct fixture fixture;
    const uint8_t garbage[] = {0xff, 0xff};
    enter(&fixture, RPC_DOOR_DEVICES, RPC_ROLE_DEVICE);
    for (unsigned i = 0; i < FAKE_MAX_FRAMES - 1; i++) {
        dispatch_frame(fixture.dispatch, fixture.caller, WORD, garbage, sizeof garbage);
        assert_false(fixture.connection->is_closed);
    }
    dispatch_frame(fixture.dispatch, fixture.caller, WORD, garbage, sizeof garbage);
    assert_true(fixture.connection->is_closed);
    leave(&fixture);
    enter(&fixture, RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    for (unsigned i = 0; i < FAKE_MAX_FRAMES; i++) {
        dispatch_frame(fixture.dispatch, fixture.caller, WORD, garbage, sizeof garbage);
    }
    assert_false(fixture.connection->is_closed);
    leave(&fixture);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void a_refusal_carries_what_to_print(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_DEVICES, RPC_ROLE_DEVICE);
    struct refusal_facts *refusal = &fixture.service.connect_result.refusal;
    refusal->kind = OC_REFUSAL_PAIRING_REQUIRED;
    strcpy(refusal->request_id.text, "7QK4M2T9XA");
    refusal->why = OC_WHY_NEW_DEVICE;
    refusal->gateway_nonce[0] = 5;
    send_connect(&fixture);
    const struct oc_reply reply = answer(&fixture);
    Openclaw__V1__ConnectReply *out =
        openclaw__v1__connect_reply__unpack(NULL, reply.n_payload, reply.payload);
    assert_int_equal(out->outcome_case, OPENCLAW__V1__CONNECT_REPLY__OUTCOME_REFUSAL);
    assert_int_equal(out->refusal->http_status, 401);
    assert_string_equal(out->refusal->request_id, "7QK4M2T9XA");
    assert_int_equal(out->refusal->gateway_nonce.len, 32);
    assert_non_null(strstr(out->refusal->text, "openclaw devices approve 7QK4M2T9XA"));
    assert_string_equal(out->refusal->why_text, oc_why_text(OC_WHY_NEW_DEVICE));
    openclaw__v1__connect_reply__free_unpacked(out, NULL);
    leave(&fixture);
}

static void a_session_carries_its_grant_and_receipt(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_DEVICES, RPC_ROLE_DEVICE);
    struct connect_result *result = &fixture.service.connect_result;
    result->has_session = true;
    strcpy(result->session.granted.role, "agent");
    strcpy(result->session.granted.scopes[0], "chat");
    result->session.granted.n_scopes = 1;
    result->session.heartbeat_ms = 30000;
    result->session.receipt.n_signature = 70;
    send_connect(&fixture);
    const struct oc_reply reply = answer(&fixture);
    Openclaw__V1__ConnectReply *out =
        openclaw__v1__connect_reply__unpack(NULL, reply.n_payload, reply.payload);
    assert_int_equal(out->outcome_case, OPENCLAW__V1__CONNECT_REPLY__OUTCOME_SESSION);
    assert_string_equal(out->session->granted->scopes[0], "chat");
    assert_int_equal(out->session->receipt->signature.len, 70);
    assert_int_equal(out->session->heartbeat_ms, 30000);
    openclaw__v1__connect_reply__free_unpacked(out, NULL);
    leave(&fixture);
}

static void a_heartbeat_without_a_session_fails_with_its_cause(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_DEVICES, RPC_ROLE_DEVICE);
    fixture.service.heartbeat_status = OC_FAILED_PRECONDITION;
    (void)send_message(&fixture, NUMBER(HEARTBEAT), NULL);
    assert_int_equal(answer(&fixture).status, OC_FAILED_PRECONDITION);
    assert_string_equal(answer(&fixture).error.cause, "no_session");
    leave(&fixture);
}

static void a_service_s_status_without_facts_is_enough(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_DEVICES, RPC_ROLE_DEVICE);
    fixture.service.notice_result.status = OC_FAILED_PRECONDITION;
    (void)send_message(&fixture, NUMBER(AWAIT_NOTICE), NULL);
    assert_int_equal(answer(&fixture).status, OC_FAILED_PRECONDITION);
    assert_string_equal(answer(&fixture).error.cause, "no_session");
    fixture.service.connect_result.status = OC_UNAVAILABLE;
    send_connect(&fixture);
    assert_int_equal(answer(&fixture).status, OC_UNAVAILABLE);
    leave(&fixture);
}

static void the_service_s_refusal_is_passed_on_with_its_facts(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    struct decide_result *result = &fixture.service.decide_result;
    result->status = oc_fail(&result->error, OC_ABORTED, "replaced");
    strcpy(result->error.request_id, "AAAAAAAAAA");
    send_revoke(&fixture);
    assert_int_equal(answer(&fixture).status, OC_ABORTED);
    assert_string_equal(answer(&fixture).error.request_id, "AAAAAAAAAA");
    leave(&fixture);
}

/* The most a record can say, in every field. */
static void fill_to_the_brim(struct device_view *view)
{
    struct pairing *pairing = &view->pairing;
    struct oc_grant *grants[] = {&pairing->asked, &pairing->granted, &pairing->request.ask.grant};
    pairing->standing = OC_STANDING_APPROVED;
    pairing->request.is_open = true;
    strcpy(pairing->request.id.text, "7QK4M2T9XA");
    for (size_t g = 0; g < 3; g++) {
        memset(grants[g]->role, 'r', OC_MAX_ROLE_BYTES);
        grants[g]->n_scopes = OC_MAX_SCOPES;
        for (size_t i = 0; i < OC_MAX_SCOPES; i++) {
            memset(grants[g]->scopes[i], 's', OC_MAX_SCOPE_BYTES);
        }
    }
    pairing->labels.n = OC_MAX_LABELS;
    for (size_t i = 0; i < OC_MAX_LABELS; i++) {
        memset(pairing->labels.items[i].key, 'k', OC_MAX_LABEL_KEY_BYTES);
        memset(pairing->labels.items[i].value, 'v', OC_MAX_LABEL_VALUE_BYTES);
    }
    memset(pairing->alias, 'a', OC_MAX_NAME_BYTES);
    memset(pairing->request.ask.name, 'n', OC_MAX_NAME_BYTES);
    memset(pairing->request.ask.purpose, 'p', OC_MAX_PURPOSE_BYTES);
    memset(pairing->decided_by, 'd', OC_MAX_ACTOR_BYTES);
    memset(view->sighting.platform, 'p', OC_MAX_PLATFORM_BYTES);
    memset(view->sighting.version, 'v', OC_MAX_VERSION_BYTES);
    memset(view->sighting.source, 's', OC_MAX_SOURCE_BYTES);
}

static void a_page_that_is_too_long_becomes_a_shorter_one(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    Openclaw__V1__ListDevicesRequest request = OPENCLAW__V1__LIST_DEVICES_REQUEST__INIT;
    fill_to_the_brim(&fixture.service.listed);
    fixture.service.n_listed = 600;
    request.page_size = 500;
    (void)send_message(&fixture, NUMBER(LIST_DEVICES), &request.base);
    const struct oc_reply reply = answer(&fixture);
    assert_int_equal(reply.status, OC_OK);
    assert_in_range(fixture.connection->sent[0].n, 1, OC_MAX_REPLY_FRAME_BYTES - 4);
    Openclaw__V1__ListDevicesReply *out =
        openclaw__v1__list_devices_reply__unpack(NULL, reply.n_payload, reply.payload);
    assert_in_range(out->n_items, 100, 499);
    assert_string_equal(out->next_cursor, "next");
    assert_int_equal(out->revision, 99);
    assert_int_equal(out->items[0]->asked->n_scopes, OC_MAX_SCOPES);
    assert_int_equal(out->items[0]->state, OPENCLAW__V1__STATE__STATE_APPROVED);
    openclaw__v1__list_devices_reply__free_unpacked(out, NULL);
    leave(&fixture);
}

static void describe_tells_of_this_door_alone(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_DEVICES, RPC_ROLE_DEVICE);
    (void)send_message(&fixture, NUMBER(DESCRIBE), NULL);
    const struct oc_reply reply = answer(&fixture);
    Openclaw__V1__DescribeReply *out =
        openclaw__v1__describe_reply__unpack(NULL, reply.n_payload, reply.payload);
    assert_string_equal(out->door, "devices");
    assert_int_equal(out->n_methods, 6);
    for (size_t i = 0; i < out->n_methods; i++) {
        assert_null(strstr(out->methods[i]->name, "Admin"));
        assert_string_equal(out->methods[i]->role, "device");
    }
    openclaw__v1__describe_reply__free_unpacked(out, NULL);
    leave(&fixture);
}

static void health_tells_serving_locked_and_draining(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    (void)send_message(&fixture, NUMBER(HEALTH), NULL);
    assert_memory_equal(answer(&fixture).payload, "\x08\x01", 2);
    fixture.service.status.lock = STORE_LOCK_MISSING;
    (void)send_message(&fixture, NUMBER(HEALTH), NULL);
    assert_memory_equal(answer(&fixture).payload, "\x08\x02", 2);
    dispatch_set_draining(fixture.dispatch);
    (void)send_message(&fixture, NUMBER(HEALTH), NULL);
    assert_memory_equal(answer(&fixture).payload, "\x08\x03", 2);
    leave(&fixture);
}

static void status_tells_listeners_and_the_pin(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    dispatch_add_listener(fixture.dispatch, "devices", "tls+tcp://127.0.0.1:18789");
    fixture.service.status.lock = STORE_LOCK_BEHIND;
    (void)send_message(&fixture, NUMBER(GET_STATUS), NULL);
    const struct oc_reply reply = answer(&fixture);
    Openclaw__V1__GetStatusReply *out =
        openclaw__v1__get_status_reply__unpack(NULL, reply.n_payload, reply.payload);
    assert_int_equal(out->n_listeners, 1);
    assert_string_equal(out->listeners[0]->address, "tls+tcp://127.0.0.1:18789");
    assert_int_equal(out->spki_sha256.len, 32);
    assert_string_equal(out->lock_reason, store_lock_text(STORE_LOCK_BEHIND));
    openclaw__v1__get_status_reply__free_unpacked(out, NULL);
    leave(&fixture);
}

static void unlock_tells_what_the_lock_was(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    Openclaw__V1__UnlockRequest request = OPENCLAW__V1__UNLOCK_REQUEST__INIT;
    fixture.service.status.lock = STORE_LOCK_MISSING;
    request.init = true;
    (void)send_message(&fixture, NUMBER(UNLOCK), &request.base);
    const struct oc_reply reply = answer(&fixture);
    Openclaw__V1__UnlockReply *out =
        openclaw__v1__unlock_reply__unpack(NULL, reply.n_payload, reply.payload);
    assert_string_equal(out->was_locked_because, store_lock_text(STORE_LOCK_MISSING));
    openclaw__v1__unlock_reply__free_unpacked(out, NULL);
    leave(&fixture);
}

static void what_became_of_a_backup_is_told_in_its_reply(void **state)
{
    (void)state;
    struct fixture fixture;
    enter(&fixture, RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    Openclaw__V1__BackupRequest request = OPENCLAW__V1__BACKUP_REQUEST__INIT;
    fixture.service.backup_result = (struct backup_result){
        .is_done = true, .failed = OC_RESOURCE_EXHAUSTED, .failed_text = "no room"};
    (void)send_message(&fixture, NUMBER(BACKUP), &request.base);
    const struct oc_reply reply = answer(&fixture);
    Openclaw__V1__BackupReply *out =
        openclaw__v1__backup_reply__unpack(NULL, reply.n_payload, reply.payload);
    assert_int_equal(out->failed, OC_RESOURCE_EXHAUSTED);
    assert_string_equal(out->failure, "no room");
    openclaw__v1__backup_reply__free_unpacked(out, NULL);
    leave(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_at_every_door_for_every_caller_is_as_written_down),
        cmocka_unit_test(what_is_not_allowed_never_reaches_a_service),
        cmocka_unit_test(a_denied_call_is_audited_by_its_name),
        cmocka_unit_test(another_version_is_answered_with_the_range_spoken),
        cmocka_unit_test(unknown_fields_are_refused_only_where_something_changes),
        cmocka_unit_test(keys_reach_the_service_and_stay_out_of_reads),
        cmocka_unit_test(long_polls_end_in_25_seconds_at_most),
        cmocka_unit_test(a_resend_is_dropped_until_the_first_is_answered),
        cmocka_unit_test(calls_in_flight_have_a_cap),
        cmocka_unit_test(answers_come_in_any_order),
        cmocka_unit_test(an_answer_after_the_close_goes_nowhere),
        cmocka_unit_test(a_dropped_call_gives_everything_back),
        cmocka_unit_test(an_unapproved_device_has_a_quota_that_refills),
        cmocka_unit_test(a_caller_that_only_sends_nonsense_is_closed),
        cmocka_unit_test(a_refusal_carries_what_to_print),
        cmocka_unit_test(a_session_carries_its_grant_and_receipt),
        cmocka_unit_test(a_heartbeat_without_a_session_fails_with_its_cause),
        cmocka_unit_test(a_service_s_status_without_facts_is_enough),
        cmocka_unit_test(the_service_s_refusal_is_passed_on_with_its_facts),
        cmocka_unit_test(a_page_that_is_too_long_becomes_a_shorter_one),
        cmocka_unit_test(describe_tells_of_this_door_alone),
        cmocka_unit_test(health_tells_serving_locked_and_draining),
        cmocka_unit_test(status_tells_listeners_and_the_pin),
        cmocka_unit_test(unlock_tells_what_the_lock_was),
        cmocka_unit_test(what_became_of_a_backup_is_told_in_its_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
