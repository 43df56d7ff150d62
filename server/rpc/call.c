/*
 * See call.h. The word leaves the caller's list before the answer is sent: the peer may use it
 * again as soon as it has the answer.
 */
#include "server/rpc/call.h"

#include <assert.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "proto/rpc/wire.h"
#include "server/obs/metrics.h"

enum {
    SMALL_REPLY_BYTES = 4096,
    ENVELOPE_ROOM_BYTES = 768, /* version, status, phrase and details */
    REPLY_VERSION_FIELD = 1,
    REPLY_PAYLOAD_FIELD = 5,
};

static void finish(struct call *call)
{
    assert(!call->is_over);
    call->is_over = true;
    if (call->is_deferred) {
        caller_end(call->caller, call->word);
    }
}

static void release(struct call *call)
{
    if (call->is_last) {
        oc_connection_close(call->connection);
    }
    if (call->is_deferred) {
        oc_connection_release(call->connection);
        caller_release(call->caller);
        free(call);
    }
}

/* A connection that was cut takes one answer more, of the call that cut it. */
static void transmit(struct call *call, const uint8_t *reply, size_t n)
{
    if (call->is_last || !atomic_load(&call->caller->is_ending)) {
        (void)oc_connection_send(call->connection, call->word, reply, n);
    }
}

static void send_large_reply(struct call *call, const ProtobufCMessage *message)
{
    assert(message); /* nothing else is longer than the small one */
    const size_t cap = protobuf_c_message_get_packed_size(message) + ENVELOPE_ROOM_BYTES;
    uint8_t *out = malloc(cap);
    if (!out) {
        oc_connection_abort(call->connection, OC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    const size_t n = oc_reply_pack(OC_OK, NULL, message, out, cap);
    assert(n > 0);
    transmit(call, out, n);
    free(out);
}

static void send_reply(struct call *call, enum oc_status status, const struct oc_error *err,
                       const ProtobufCMessage *message)
{
    uint8_t small[SMALL_REPLY_BYTES];
    const size_t n = oc_reply_pack(status, err, message, small, sizeof small);
    if (n > 0) {
        transmit(call, small, n);
    } else {
        send_large_reply(call, message);
    }
}

void call_reply(struct call *call, const ProtobufCMessage *message)
{
    finish(call);
    send_reply(call, OC_OK, NULL, message);
    release(call);
}

void call_fail(struct call *call, const struct oc_error *err)
{
    assert(err->status != OC_OK);
    metric_add(METRIC_CALLS_REFUSED_TOTAL, 1);
    finish(call);
    send_reply(call, err->status, err, NULL);
    release(call);
}

void call_fail_with(struct call *call, enum oc_status status, const struct oc_error *facts)
{
    struct oc_error err = *facts;
    err.status = status;
    call_fail(call, &err);
}

void call_reply_bytes(struct call *call, const uint8_t *payload, size_t n)
{
    finish(call);
    const size_t cap = n + ENVELOPE_ROOM_BYTES;
    uint8_t *out = malloc(cap);
    if (out) {
        struct oc_wire_writer writer = {.out = out, .cap = cap};
        oc_wire_put_number(&writer, REPLY_VERSION_FIELD, OC_ENVELOPE_VERSION);
        oc_wire_put_bytes(&writer, REPLY_PAYLOAD_FIELD, payload, n);
        transmit(call, out, writer.n);
    } else {
        oc_connection_abort(call->connection, OC_RESOURCE_EXHAUSTED, "out of memory");
    }
    free(out);
    release(call);
}

void call_drop(struct call *call)
{
    assert(call->is_deferred);
    finish(call);
    release(call);
}

void call_make_last(struct call *call)
{
    assert(call->is_deferred && !call->is_over);
    call->is_last = true;
    atomic_store(&call->caller->is_ending, true);
}

struct call *call_defer(struct call *call)
{
    struct call *deferred = malloc(sizeof *deferred);
    if (!deferred || !caller_begin(call->caller, call->word)) {
        free(deferred);
        struct oc_error err;
        (void)oc_fail(&err, OC_RESOURCE_EXHAUSTED, "call: out of memory");
        call_fail(call, &err);
        return NULL;
    }
    *deferred = *call;
    deferred->is_deferred = true;
    deferred->envelope = NULL;
    caller_hold(deferred->caller);
    oc_connection_hold(deferred->connection);
    call->is_over = true;
    return deferred;
}
