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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_request_is_decoded_where_there_is_room),
        cmocka_unit_test(an_answer_is_whole_however_long_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
