/*
 * Envelopes: whatever unpacks must pack again to something that unpacks to the same values, and
 * what is borrowed must lie inside what was given.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/rpc/envelope.h"
#include "tests/fuzz/fuzz_target.h"

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void require_inside(const uint8_t *part, size_t n_part, const uint8_t *bytes, size_t n)
{
    require(n_part == 0 || (part >= bytes && n_part <= n && part <= bytes + n - n_part));
}

static void check_call(const uint8_t *bytes, size_t n)
{
    struct oc_call call;
    struct oc_call again;
    struct oc_error err;
    if (oc_call_unpack(bytes, n, &call, &err)) {
        require(err.text[0] != '\0');
        return;
    }
    require(call.budget_ms >= OC_MIN_BUDGET_MS && call.budget_ms <= OC_MAX_BUDGET_MS);
    require_inside(call.payload, call.n_payload, bytes, n);
    const size_t cap = oc_call_packed_bound(&call);
    uint8_t *packed = malloc(cap);
    require(packed != NULL);
    const size_t n_packed = oc_call_pack(&call, packed, cap);
    require(n_packed > 0);
    require(oc_call_unpack(packed, n_packed, &again, &err) == OC_OK);
    require(again.method == call.method && again.budget_ms == call.budget_ms);
    require(again.has_trace_id == call.has_trace_id);
    require(again.has_idempotency_key == call.has_idempotency_key);
    require(again.n_payload == call.n_payload);
    require(call.n_payload == 0 || memcmp(again.payload, call.payload, call.n_payload) == 0);
    free(packed);
}

static void check_reply(const uint8_t *bytes, size_t n)
{
    uint8_t packed[2048];
    struct oc_reply reply;
    struct oc_reply again;
    struct oc_error err;
    if (oc_reply_unpack(bytes, n, &reply, &err)) {
        return;
    }
    require_inside(reply.payload, reply.n_payload, bytes, n);
    require(strnlen(reply.error.text, sizeof reply.error.text) < sizeof reply.error.text);
    if (reply.status != OC_OK) {
        const size_t n_packed =
            oc_reply_pack(reply.status, &reply.error, NULL, packed, sizeof packed);
        require(n_packed > 0);
        require(oc_reply_unpack(packed, n_packed, &again, &err) == OC_OK);
        require(again.status == reply.status);
        require(strcmp(again.error.request_id, reply.error.request_id) == 0);
        require(strcmp(again.error.cause, reply.error.cause) == 0);
        require(again.error.retry_after_ms == reply.error.retry_after_ms);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    check_call(bytes, n);
    check_reply(bytes, n);
    return 0;
}
