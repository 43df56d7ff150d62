/* See service_proxy.h. */
#include "client/service_proxy.h"

#include <stdlib.h>

#include "proto/base/secret.h"

enum {
    /* Decoding costs more than the bytes; this much more is more than any honest answer takes. */
    ARENA_BASE_BYTES = 16 * 1024,
    ARENA_FACTOR = 24,
};

/* Calls the closure with what the bytes say; fails if they say nothing. */
static enum oc_status deliver(struct oc_service_proxy *proxy, const struct oc_reply *reply)
{
    struct oc_arena *arena = oc_arena_new(ARENA_BASE_BYTES + ARENA_FACTOR * reply->n_payload);
    if (!arena) {
        return oc_fail(&proxy->error, OC_RESOURCE_EXHAUSTED, "out of memory for the answer");
    }
    ProtobufCMessage *message = NULL;
    enum oc_status st = oc_payload_unpack(proxy->output, reply->payload, reply->n_payload, false,
                                          arena, &message, &proxy->error);
    if (st == OC_OK) {
        proxy->closure(message, proxy->closure_data); /* the proxy may be gone from here on */
    } else {
        st = oc_fail(&proxy->error, OC_INTERNAL, "the gateway's answer is not understood");
    }
    oc_arena_free(arena);
    return st;
}

static void on_done(void *user, const struct oc_reply *reply)
{
    struct oc_service_proxy *proxy = user;
    enum oc_status st = reply->status;
    if (st) {
        proxy->error = reply->error;
        proxy->error.status = st;
    } else {
        st = deliver(proxy, reply);
    }
    if (st) {
        proxy->closure(NULL, proxy->closure_data);
    }
}

static enum oc_status send(struct oc_service_proxy *proxy, const struct oc_method *method,
                           const ProtobufCMessage *input)
{
    size_t n = protobuf_c_message_get_packed_size(input);
    uint8_t *payload = malloc(n ? n : 1);
    if (!payload) {
        return oc_fail(&proxy->error, OC_RESOURCE_EXHAUSTED, "out of memory for the call");
    }
    (void)protobuf_c_message_pack(input, payload);
    const struct oc_channel_call call = {.method = method,
                                         .payload = payload,
                                         .n_payload = n,
                                         .timeout_ms = proxy->timeout_ms ? proxy->timeout_ms
                                                                         : OC_DEFAULT_BUDGET_MS,
                                         .idempotency_key = proxy->idempotency_key,
                                         .done = on_done,
                                         .user = proxy};
    struct oc_error err = {.status = OC_OK};
    enum oc_status st = oc_channel_send(proxy->channel, &call, &err);
    oc_wipe(payload, n);
    free(payload);
    if (st) {
        proxy->error = err; /* only then: a call that was sent may be over, and the proxy gone */
    }
    return st;
}

static void invoke(ProtobufCService *service, unsigned index, const ProtobufCMessage *input,
                   ProtobufCClosure closure, void *closure_data)
{
    /* base is the first member: a service of ours is a proxy. */
    struct oc_service_proxy *proxy = (struct oc_service_proxy *)(void *)service;
    const struct oc_method *method = oc_method_by_index(service->descriptor, index);
    enum oc_status *not_sent = proxy->not_sent; /* the proxy may be gone once it was sent */
    proxy->closure = closure;
    proxy->closure_data = closure_data;
    enum oc_status st = OC_OK;
    if (method) {
        proxy->output = oc_method_output(method);
        st = send(proxy, method, input);
    } else {
        st = oc_fail(&proxy->error, OC_UNIMPLEMENTED, "the method has no number");
    }
    if (st && not_sent) {
        *not_sent = st;
    } else if (st) {
        closure(NULL, closure_data);
    }
}

static void destroy_nothing(ProtobufCService *service)
{
    (void)service;
}

void oc_service_proxy_init(struct oc_service_proxy *proxy, struct oc_channel *channel,
                           const ProtobufCServiceDescriptor *service)
{
    *proxy = (struct oc_service_proxy){
        .base = {.descriptor = service, .invoke = invoke, .destroy = destroy_nothing},
        .channel = channel};
}
