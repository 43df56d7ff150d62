/*
 * A ProtobufCService over a channel: the stubs that protoc-c generates are the client stubs.
 *
 *     struct oc_service_proxy proxy;
 *     oc_service_proxy_init(&proxy, channel, &openclaw__v1__admin_service__descriptor);
 *     openclaw__v1__admin_service__approve(&proxy.base, &request, closure, closure_data);
 *
 * The closure comes exactly once: with the answer, borrowed for the call, or with NULL and
 * proxy.error. It may come before the generated call returns. A proxy makes one call at a
 * time and lives until its closure has been called (or not_sent was set).
 */
#pragma once

#include "client/channel.h"

struct oc_service_proxy {
    ProtobufCService base;
    struct oc_channel *channel;
    uint32_t timeout_ms;            /* 0: OC_DEFAULT_BUDGET_MS */
    const uint8_t *idempotency_key; /* NULL: none; borrowed until the closure was called */
    struct oc_error error;          /* of the call, when the closure gets NULL */
    /* NULL: the closure tells of a call that could not be sent, too, before the generated call
     * returns. Else that status is put here, and the closure is not called. */
    enum oc_status *not_sent;
    const ProtobufCMessageDescriptor *output;
    ProtobufCClosure closure;
    void *closure_data;
};

void oc_service_proxy_init(struct oc_service_proxy *proxy, struct oc_channel *channel,
                           const ProtobufCServiceDescriptor *service);
