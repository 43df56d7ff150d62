#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "openclaw/v1/envelope.pb-c.h"
#include "openclaw/v1/health.pb-c.h"
#include "openclaw/v1/pairing.pb-c.h"
#include "proto/base/cleanup.h"
#include "proto/rpc/envelope.h"

enum { CAP = 1024 };

static uint8_t bytes[CAP];

static struct oc_call some_call(void)
{
    struct oc_call call = {
        .method = OPENCLAW__V1__METHOD__METHOD_APPROVE,
        .budget_ms = 1500,
        .has_trace_id = true,
        .has_idempotency_key = true,
        .payload = (const uint8_t *)"payload",
        .n_payload = 7,
    };
    memset(call.trace_id, 0xaa, sizeof call.trace_id);
    memset(call.idempotency_key, 0xbb, sizeof call.idempotency_key);
    return call;
}

static void a_call_comes_back_as_it_was_packed(void **state)
{
    (void)state;
    const struct oc_call call = some_call();
    struct oc_call back;
    const size_t n = oc_call_pack(&call, bytes, sizeof bytes);
    assert_in_range(n, 1, oc_call_packed_bound(&call));
    assert_int_equal(oc_call_unpack(bytes, n, &back, NULL), OC_OK);
    assert_int_equal(back.method, call.method);
    assert_int_equal(back.budget_ms, 1500);
    assert_true(back.has_trace_id && back.has_idempotency_key && !back.has_unknown_fields);
    assert_memory_equal(back.trace_id, call.trace_id, sizeof call.trace_id);
    assert_memory_equal(back.idempotency_key, call.idempotency_key, sizeof call.idempotency_key);
    assert_int_equal(back.n_payload, 7);
    assert_memory_equal(back.payload, "payload", 7);
}

static void our_call_is_what_the_schema_says(void **state)
{
    (void)state;
    const struct oc_call call = some_call();
    const size_t n = oc_call_pack(&call, bytes, sizeof bytes);
    Openclaw__V1__Call *decoded = openclaw__v1__call__unpack(NULL, n, bytes);
    assert_non_null(decoded);
    assert_int_equal(decoded->version, OC_ENVELOPE_VERSION);
    assert_int_equal(decoded->method, call.method);
    assert_int_equal(decoded->budget_ms, 1500);
    assert_int_equal(decoded->trace_id.len, OC_TRACE_ID_BYTES);
    assert_int_equal(decoded->idempotency_key.len, OC_IDEMPOTENCY_KEY_BYTES);
    assert_int_equal(decoded->payload.len, 7);
    assert_int_equal(decoded->base.n_unknown_fields, 0);
    openclaw__v1__call__free_unpacked(decoded, NULL);
}

static void a_call_that_does_not_fit_is_not_packed(void **state)
{
    (void)state;
    const struct oc_call call = some_call();
    const size_t n = oc_call_pack(&call, bytes, sizeof bytes);
    for (size_t cap = 0; cap < n; cap++) {
        assert_int_equal(oc_call_pack(&call, bytes, cap), 0);
    }
    assert_int_equal(oc_call_pack(&call, bytes, n), n);
}

static void a_missing_budget_becomes_the_default(void **state)
{
    (void)state;
    const struct oc_call call = {.method = 200};
    struct oc_call back;
    const size_t n = oc_call_pack(&call, bytes, sizeof bytes);
    assert_int_equal(oc_call_unpack(bytes, n, &back, NULL), OC_OK);
    assert_int_equal(back.budget_ms, OC_DEFAULT_BUDGET_MS);
    assert_false(back.has_trace_id || back.has_idempotency_key);
}

static void another_envelope_version_is_not_implemented(void **state)
{
    (void)state;
    const uint8_t newer[] = {0x08, 0x02, 0x10, 0xc8, 0x01, 0x1a, 0x01, 0x00};
    const uint8_t none[] = {0x10, 0xc8, 0x01};
    struct oc_call call;
    struct oc_error err;
    assert_int_equal(oc_call_unpack(newer, sizeof newer, &call, &err), OC_UNIMPLEMENTED);
    assert_int_equal(oc_call_unpack(none, sizeof none, &call, &err), OC_UNIMPLEMENTED);
    assert_int_equal(oc_call_unpack(none, 0, &call, &err), OC_UNIMPLEMENTED);
}

static void calls_out_of_range_name_the_field(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        uint8_t n;
        uint8_t bytes[24];
    } cases[] = {
        {"Call", 1, {0x08}},                                             /* cut */
        {"Call", 4, {0x08, 0x01, 0x08, 0x01}},                           /* version twice */
        {"Call", 4, {0x08, 0x01, 0x1b, 0x1c}},                           /* a group */
        {"Call", 4, {0x08, 0x01, 0x00, 0x00}},                           /* field 0 */
        {"Call", 4, {0x08, 0x01, 0x32, 0x7f}},                           /* length past the end */
        {"version", 3, {0x0a, 0x01, 0x01}},                              /* bytes for a number */
        {"method", 5, {0x08, 0x01, 0x12, 0x01, 0x01}},                   /* likewise */
        {"method", 8, {0x08, 0x01, 0x10, 0x80, 0x80, 0x80, 0x80, 0x10}}, /* 2^32 */
        {"trace_id", 5, {0x08, 0x01, 0x1a, 0x01, 0x00}},                 /* one byte */
        {"budget_ms", 6, {0x08, 0x01, 0x20, 0xe1, 0xd4, 0x03}},          /* 60001 */
        {"idempotency_key", 5, {0x08, 0x01, 0x2a, 0x01, 0x00}},          /* one byte */
        {"payload", 4, {0x08, 0x01, 0x30, 0x01}},                        /* a number */
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(cases); i++) {
        struct oc_call call;
        struct oc_error err;
        assert_int_equal(oc_call_unpack(cases[i].bytes, cases[i].n, &call, &err),
                         OC_INVALID_ARGUMENT);
        assert_string_equal(err.field, cases[i].field);
    }
}

static void unknown_fields_of_a_call_are_noticed(void **state)
{
    (void)state;
    const uint8_t newer[] = {0x08, 0x01, 0x10, 0x67, 0x7a, 0x01, 0x00};
    struct oc_call call;
    assert_int_equal(oc_call_unpack(newer, sizeof newer, &call, NULL), OC_OK);
    assert_true(call.has_unknown_fields);
}

static void a_reply_carries_its_message(void **state)
{
    (void)state;
    Openclaw__V1__HealthReply health = OPENCLAW__V1__HEALTH_REPLY__INIT;
    health.serving = OPENCLAW__V1__SERVING__SERVING_YES;
    struct oc_reply reply;
    const size_t n = oc_reply_pack(OC_OK, NULL, &health.base, bytes, sizeof bytes);
    assert_int_not_equal(n, 0);
    assert_int_equal(oc_reply_unpack(bytes, n, &reply, NULL), OC_OK);
    assert_int_equal(reply.status, OC_OK);
    assert_int_equal(reply.n_payload, 2);
    assert_memory_equal(reply.payload, "\x08\x01", 2);
    for (size_t cap = 0; cap < n; cap++) {
        assert_int_equal(oc_reply_pack(OC_OK, NULL, &health.base, bytes, cap), 0);
    }
}

static void a_failure_carries_facts_and_never_our_text(void **state)
{
    (void)state;
    struct oc_error err;
    struct oc_reply reply;
    (void)oc_fail(&err, OC_ABORTED, "store: secret path /var/lib");
    err.retry_after_ms = 1234;
    strcpy(err.request_id, "7QK4M2T9XA");
    strcpy(err.closest, "9f3c");
    strcpy(err.field, "code");
    strcpy(err.cause, "code_wrong");
    err.is_not_durable = true;
    err.is_outcome_unknown = true;
    const size_t n = oc_reply_pack(OC_ABORTED, &err, NULL, bytes, sizeof bytes);
    assert_null(memmem(bytes, n, "secret", 6));
    assert_int_equal(oc_reply_unpack(bytes, n, &reply, NULL), OC_OK);
    assert_int_equal(reply.status, OC_ABORTED);
    assert_int_equal(reply.error.status, OC_ABORTED);
    assert_string_equal(reply.error.text, oc_reply_phrase(OC_ABORTED, &err));
    assert_int_equal(reply.error.retry_after_ms, 1234);
    assert_string_equal(reply.error.request_id, "7QK4M2T9XA");
    assert_string_equal(reply.error.closest, "9f3c");
    assert_string_equal(reply.error.field, "code");
    assert_string_equal(reply.error.cause, "code_wrong");
    assert_true(reply.error.is_not_durable && reply.error.is_outcome_unknown);
    for (size_t cap = 0; cap < n; cap++) {
        assert_int_equal(oc_reply_pack(OC_ABORTED, &err, NULL, bytes, cap), 0);
    }
}

static void unimplemented_tells_the_versions_spoken_here(void **state)
{
    (void)state;
    const size_t n = oc_reply_pack(OC_UNIMPLEMENTED, NULL, NULL, bytes, sizeof bytes);
    Openclaw__V1__Reply *reply = openclaw__v1__reply__unpack(NULL, n, bytes);
    assert_non_null(reply);
    assert_int_equal(reply->details->min_version, OC_ENVELOPE_VERSION);
    assert_int_equal(reply->details->max_version, OC_ENVELOPE_VERSION);
    openclaw__v1__reply__free_unpacked(reply, NULL);
}

static void every_status_has_a_phrase(void **state)
{
    (void)state;
    for (int i = 0; i < OC_STATUS_COUNT; i++) {
        assert_non_null(oc_reply_phrase((enum oc_status)i, NULL));
    }
}

static void a_cause_chooses_the_phrase(void **state)
{
    (void)state;
    struct oc_error err = {.status = OC_ABORTED, .cause = "code_wrong"};
    const char *wrong = oc_reply_phrase(OC_ABORTED, &err);
    assert_string_not_equal(wrong, oc_reply_phrase(OC_ABORTED, NULL));
    strcpy(err.cause, "unheard_of");
    assert_string_equal(oc_reply_phrase(OC_ABORTED, &err), oc_reply_phrase(OC_ABORTED, NULL));
}

static void bad_replies_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t n;
        uint8_t bytes[20];
    } cases[] = {
        {4, {0x08, 0x01, 0x12, 0x00}},                   /* status as bytes */
        {7, {0x08, 0x01, 0x10, 0x05, 0x1a, 0x01, 0xff}}, /* phrase not UTF-8 */
        {6, {0x08, 0x01, 0x10, 0x05, 0x20, 0x01}},       /* details a number */
        {17,
         {0x08, 0x01, 0x10, 0x05, 0x22, 0x0d, 0x12, 0x0b, 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A',
          'A'}}, /* cut request id */
        {19,
         {0x08, 0x01, 0x10, 0x05, 0x22, 0x0d, 0x12, 0x0b, 'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A',
          'A', 'A', 'A'}},             /* 11 characters */
        {4, {0x08, 0x01, 0x28, 0x01}}, /* payload a number */
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(cases); i++) {
        struct oc_reply reply;
        assert_int_equal(oc_reply_unpack(cases[i].bytes, cases[i].n, &reply, NULL),
                         OC_INVALID_ARGUMENT);
    }
}

static void a_status_of_a_newer_gateway_is_unknown(void **state)
{
    (void)state;
    const uint8_t newer[] = {0x08, 0x01, 0x10, 0x63};
    struct oc_reply reply;
    assert_int_equal(oc_reply_unpack(newer, sizeof newer, &reply, NULL), OC_OK);
    assert_int_equal(reply.status, OC_UNKNOWN);
}

static void a_payload_is_decoded_into_the_arena(void **state)
{
    (void)state;
    struct oc_arena *arena = oc_arena_new(4096);
    ProtobufCMessage *message = NULL;
    const uint8_t payload[] = {0x12, 0x03, 'w', 'e', 'b', 0x50, 0x07};
    assert_int_equal(oc_payload_unpack(&openclaw__v1__connect_request__descriptor, payload,
                                       sizeof payload, true, arena, &message, NULL),
                     OC_OK);
    const Openclaw__V1__ConnectRequest *request = (const Openclaw__V1__ConnectRequest *)message;
    assert_string_equal(request->name, "web");
    assert_int_equal(request->session_counter, 7);
    oc_arena_free(arena);
}

static void unknown_fields_are_refused_where_asked(void **state)
{
    (void)state;
    struct oc_arena *arena = oc_arena_new(4096);
    ProtobufCMessage *message = NULL;
    const uint8_t join_token[] = {0x6a, 0x01, 'x'};
    const ProtobufCMessageDescriptor *descriptor = &openclaw__v1__connect_request__descriptor;
    assert_int_equal(oc_payload_unpack(descriptor, join_token, 3, true, arena, &message, NULL),
                     OC_INVALID_ARGUMENT);
    assert_null(message);
    assert_int_equal(oc_payload_unpack(descriptor, join_token, 3, false, arena, &message, NULL),
                     OC_OK);
    oc_arena_free(arena);
}

static void a_payload_never_costs_more_than_the_arena(void **state)
{
    (void)state;
    struct oc_arena *arena = oc_arena_new(16 * 1024);
    ProtobufCMessage *message = NULL;
    uint8_t labels[2 * 200];
    for (size_t i = 0; i < sizeof labels; i += 2) {
        labels[i] = 0x1a; /* an empty label */
        labels[i + 1] = 0;
    }
    assert_int_equal(oc_payload_unpack(&openclaw__v1__connect_request__descriptor, labels,
                                       sizeof labels, true, arena, &message, NULL),
                     OC_RESOURCE_EXHAUSTED);
    assert_null(message);
    oc_arena_free(arena);
}

/* Where a number or a length takes one byte more. */
static void numbers_and_lengths_of_every_width_come_back(void **state)
{
    (void)state;
    static const uint32_t widths[] = {1, 127, 128, 129, 16383, 16384, 60000};
    static uint8_t payload[60000];
    static uint8_t packed[sizeof payload + 128];
    for (size_t i = 0; i < OC_ARRAY_LENGTH(widths); i++) {
        const struct oc_call call = {.method = widths[i],
                                     .budget_ms = widths[i],
                                     .payload = payload,
                                     .n_payload = widths[i]};
        const size_t n = oc_call_pack(&call, packed, sizeof packed);
        struct oc_call found;
        assert_int_equal(oc_call_unpack(packed, n, &found, NULL), OC_OK);
        assert_int_equal(found.method, widths[i]);
        assert_int_equal(found.budget_ms, widths[i]);
        assert_int_equal(found.n_payload, widths[i]);
    }
}

static void what_does_not_fit_is_not_written_past_the_room(void **state)
{
    (void)state;
    const struct oc_call call = {
        .method = 3, .budget_ms = 60000, .payload = (const uint8_t *)"payload", .n_payload = 7};
    uint8_t whole[64];
    const size_t n = oc_call_pack(&call, whole, sizeof whole);
    for (size_t cap = 0; cap < n; cap++) {
        uint8_t room[sizeof whole];
        memset(room, 0xee, sizeof room);
        assert_int_equal(oc_call_pack(&call, room, cap), 0);
        for (size_t i = cap; i < sizeof room; i++) {
            assert_int_equal(room[i], 0xee);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_comes_back_as_it_was_packed),
        cmocka_unit_test(our_call_is_what_the_schema_says),
        cmocka_unit_test(a_call_that_does_not_fit_is_not_packed),
        cmocka_unit_test(a_missing_budget_becomes_the_default),
        cmocka_unit_test(another_envelope_version_is_not_implemented),
        cmocka_unit_test(calls_out_of_range_name_the_field),
        cmocka_unit_test(unknown_fields_of_a_call_are_noticed),
        cmocka_unit_test(a_reply_carries_its_message),
        cmocka_unit_test(a_failure_carries_facts_and_never_our_text),
        cmocka_unit_test(unimplemented_tells_the_versions_spoken_here),
        cmocka_unit_test(every_status_has_a_phrase),
        cmocka_unit_test(a_cause_chooses_the_phrase),
        cmocka_unit_test(bad_replies_are_refused),
        cmocka_unit_test(a_status_of_a_newer_gateway_is_unknown),
        cmocka_unit_test(a_payload_is_decoded_into_the_arena),
        cmocka_unit_test(unknown_fields_are_refused_where_asked),
        cmocka_unit_test(a_payload_never_costs_more_than_the_arena),
        cmocka_unit_test(numbers_and_lengths_of_every_width_come_back),
        cmocka_unit_test(what_does_not_fit_is_not_written_past_the_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
