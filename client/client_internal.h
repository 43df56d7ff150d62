/* A client's parts, and blocking calls on the generated stubs. */
#pragma once

#include <openclaw/client.h>
#include <pthread.h>
#include <stdatomic.h>

#include "client/remote.h"
#include "client/service_proxy.h"

struct oc_client {
    struct oc_transport *transport;
    struct oc_channel *channel;
    struct oc_remote *remote; /* NULL: a local door */
    uint32_t timeout_ms;
    _Atomic uint32_t gateway_uid; /* of the connection opened last */
};

/*
 * One call that blocks its thread. Lives on the caller's stack:
 *
 *     struct oc_blocking call;
 *     oc_blocking_begin(&call, client, &SERVICE_DESCRIPTOR, out);
 *     STUB(&call.proxy.base, &request, CLOSURE, &call);
 *     return oc_blocking_end(&call, err);
 *
 * The closure converts an answer into call->out and ends with oc_blocking_finish.
 */
struct oc_blocking {
    struct oc_service_proxy proxy;
    void *out;
    pthread_mutex_t lock; /* guards is_finished */
    pthread_cond_t finished;
    bool is_finished;
    enum oc_status status;
};

void oc_blocking_begin(struct oc_blocking *call, struct oc_client *client,
                       const ProtobufCServiceDescriptor *service, void *out);
/* The conversion's status; a NULL answer is proxy.error whatever is said here. */
void oc_blocking_finish(struct oc_blocking *call, bool has_answer, enum oc_status converted);
OC_MUST_CHECK enum oc_status oc_blocking_end(struct oc_blocking *call, struct oc_error *err);
