/* Requests and answers of every length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/envelope.pb-c.h"
#include "server/rpc/dispatch.h"
#include "tests/support/fake_connection.h"
#include "tests/support/fake_service.h"

static void an_answer_is_whole_however_long_it_is(void **state)
{
    (void)state;
    static uint8_t content[70000];
    memset(content, 'x', sizeof content);
    static const size_t lengths[] = {0, 1, 4000, 4080, 4090, 4096, 5000, 70000};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(lengths); i++) {
        struct oc_connection *connection = fake_connection_new();
        struct caller *caller = caller_new(RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
        struct call call = {.caller = caller, .connection = connection, .word = 0x80000007u};
        Openclaw__V1__Reply message = OPENCLAW__V1__REPLY__INIT; /* any message will do */
        message.payload = (ProtobufCBinaryData){.len = lengths[i], .data = content};
        call_reply(&call, &message.base);
        assert_int_equal(connection->n_sent, 1);
        struct oc_reply reply;
        assert_int_equal(
            oc_reply_unpack(connection->sent[0].bytes, connection->sent[0].n, &reply, NULL), OC_OK);
        assert_int_equal(reply.status, OC_OK);
        assert_int_equal(reply.n_payload, protobuf_c_message_get_packed_size(&message.base));
        caller_release(caller);
        fake_connection_free(connection);
    }
}

/* It is refused for what it says, not for what it takes to read it. */
static void a_long_request_is_decoded_where_there_is_room(void **state)
{
    (void)state;
    static uint8_t id[8000];
    static uint8_t payload[sizeof id + 16];
    static uint8_t bytes[sizeof payload + 128];
    struct service service = {.parks = false};
    const struct dispatch_options options = {.service = &service};
    struct dispatch *dispatch = dispatch_new(&options);
    struct oc_connection *connection = fake_connection_new();
    struct caller *caller = caller_new(RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    caller->connection = connection;
    atomic_store(&caller->is_approved, true);
    Openclaw__V1__DeviceDecision request = OPENCLAW__V1__DEVICE_DECISION__INIT;
    request.device_id = (ProtobufCBinaryData){.len = sizeof id, .data = id};
    const struct oc_call call = {.method = OPENCLAW__V1__METHOD__METHOD_REVOKE,
                                 .payload = payload,
                                 .n_payload = protobuf_c_message_pack(&request.base, payload)};
    dispatch_frame(dispatch, caller, 0x80000007u, bytes, oc_call_pack(&call, bytes, sizeof bytes));
    struct oc_reply reply;
    assert_int_equal(connection->n_sent, 1);
    assert_int_equal(
        oc_reply_unpack(connection->sent[0].bytes, connection->sent[0].n, &reply, NULL), OC_OK);
    assert_int_equal(reply.status, OC_INVALID_ARGUMENT);
    assert_string_equal(reply.error.field, "device_id");
    caller_release(caller);
    fake_connection_free(connection);
    dispatch_free(dispatch);
}

/* ---- the last answer ------------------------------------------------------------------------- */

struct ending {
    struct service service;
    struct dispatch *dispatch;
    struct oc_connection *connection;
    struct caller *caller;
    struct call *last, *other;
};

static struct call *defer(struct ending *it, uint32_t word)
{
    struct call call = {
        .dispatch = it->dispatch, .caller = it->caller, .connection = it->connection, .word = word};
    struct call *deferred = call_defer(&call);
    assert_non_null(deferred);
    return deferred;
}

static void begin_to_end(struct ending *it)
{
    *it = (struct ending){.connection = fake_connection_new()};
    it->dispatch = dispatch_new(&(struct dispatch_options){.service = &it->service});
    it->caller = caller_new(RPC_DOOR_LOCAL, RPC_ROLE_ADMIN);
    it->caller->connection = it->connection;
    it->last = defer(it, 0x80000001u);
    it->other = defer(it, 0x80000002u);
    call_make_last(it->last);
}

static void end(struct ending *it)
{
    assert_true(it->connection->is_closed);
    caller_release(it->caller);
    fake_connection_free(it->connection);
    dispatch_free(it->dispatch);
}

static void a_connection_that_is_cut_serves_and_sends_nothing_but_its_last_answer(void **state)
{
    (void)state;
    struct ending it;
    uint8_t bytes[64];
    const struct oc_call call = {.method = OPENCLAW__V1__METHOD__METHOD_LIST_DEVICES};
    Openclaw__V1__AdministratorReply message = OPENCLAW__V1__ADMINISTRATOR_REPLY__INIT;
    begin_to_end(&it);
    call_reply(it.other, &message.base);
    dispatch_frame(it.dispatch, it.caller, 0x80000003u, bytes,
                   oc_call_pack(&call, bytes, sizeof bytes));
    dispatch_frame(it.dispatch, it.caller, 0x80000004u, bytes, 1);
    assert_int_equal(it.service.n_calls, 0);
    assert_int_equal(it.connection->n_sent, 0);
    assert_false(it.connection->is_closed);
    call_reply(it.last, &message.base);
    assert_int_equal(it.connection->n_sent, 1);
    assert_int_equal(it.connection->sent[0].word, 0x80000001u);
    dispatch_frame(it.dispatch, it.caller, 0x80000005u, bytes, 1);
    assert_int_equal(it.connection->n_sent, 1);
    end(&it);
}

static void a_connection_that_is_cut_is_told_too_what_is_not_durable(void **state)
{
    (void)state;
    struct ending it;
    struct oc_reply reply;
    struct oc_error err = {.is_not_durable = true};
    begin_to_end(&it);
    call_drop(it.other);
    assert_false(it.connection->is_closed);
    call_fail_with(it.last, OC_UNAVAILABLE, &err);
    assert_int_equal(it.connection->n_sent, 1);
    assert_int_equal(
        oc_reply_unpack(it.connection->sent[0].bytes, it.connection->sent[0].n, &reply, NULL),
        OC_OK);
    assert_int_equal(reply.status, OC_UNAVAILABLE);
    assert_true(reply.error.is_not_durable);
    end(&it);
}

static void a_connection_that_is_cut_is_closed_without_an_answer_too(void **state)
{
    (void)state;
    struct ending it;
    begin_to_end(&it);
    call_drop(it.last);
    call_drop(it.other);
    assert_int_equal(it.connection->n_sent, 0);
    end(&it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_that_is_cut_serves_and_sends_nothing_but_its_last_answer),
        cmocka_unit_test(a_connection_that_is_cut_is_told_too_what_is_not_durable),
        cmocka_unit_test(a_connection_that_is_cut_is_closed_without_an_answer_too),
        cmocka_unit_test(a_long_request_is_decoded_where_there_is_room),
        cmocka_unit_test(an_answer_is_whole_however_long_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
