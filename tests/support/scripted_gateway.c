/* See scripted_gateway.h. */
#include "tests/support/scripted_gateway.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct scripted_gateway {
    struct oc_transport *transport;
    struct oc_tls_context *tls;
    struct oc_listener *listener;
    char url[256];
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct scripted_call *first;
    struct scripted_call **last;
    unsigned n_accepted;
    unsigned n_open;
};

enum {
    PATIENCE_MS = 20 * 1000,
    MAX_REPLY_BYTES = 1024 * 1024,
};

/* ---- what connections tell --------------------------------------------------------------- */

static void *on_accepted(void *user, const struct oc_source *source)
{
    struct scripted_gateway *gateway = user;
    (void)source;
    pthread_mutex_lock(&gateway->lock);
    gateway->n_accepted++;
    gateway->n_open++;
    pthread_mutex_unlock(&gateway->lock);
    return gateway;
}

static bool on_opened(void *user, struct oc_connection *connection, const struct oc_peer *peer)
{
    (void)user;
    (void)peer;
    oc_connection_set_approved(connection, true);
    return true;
}

static void on_frame(void *user, struct oc_connection *connection, uint32_t word,
                     const uint8_t *body, size_t n_body)
{
    struct scripted_gateway *gateway = user;
    struct scripted_call *call = calloc(1, sizeof *call);
    assert(call);
    call->bytes = malloc(n_body ? n_body : 1);
    assert(call->bytes);
    memcpy(call->bytes, body, n_body);
    assert(oc_call_unpack(call->bytes, n_body, &call->call, NULL) == OC_OK);
    call->word = word;
    call->device_id = oc_connection_peer(connection)->device_id;
    call->connection = connection;
    oc_connection_hold(connection);
    pthread_mutex_lock(&gateway->lock);
    *gateway->last = call;
    gateway->last = &call->next;
    pthread_cond_broadcast(&gateway->changed);
    pthread_mutex_unlock(&gateway->lock);
}

static void on_closed(void *user, struct oc_connection *connection, const struct oc_error *err)
{
    struct scripted_gateway *gateway = user;
    (void)connection;
    (void)err;
    pthread_mutex_lock(&gateway->lock);
    gateway->n_open--;
    pthread_cond_broadcast(&gateway->changed);
    pthread_mutex_unlock(&gateway->lock);
}

static const struct oc_connection_ops ops = {
    .opened = on_opened, .frame = on_frame, .closed = on_closed};

/* ---- life -------------------------------------------------------------------------------- */

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct scripted_gateway *scripted_gateway_start(const char *url, const struct oc_identity *identity)
{
    struct scripted_gateway *gateway = calloc(1, sizeof *gateway);
    assert(gateway);
    pthread_mutex_init(&gateway->lock, NULL);
    init_condition(&gateway->changed);
    gateway->last = &gateway->first;
    const struct oc_transport_options options = {.n_handshake_workers = 1};
    enum oc_status st = oc_transport_new(&options, &gateway->transport, NULL);
    assert(st == OC_OK);
    if (identity) {
        st = oc_tls_context_for_devices(identity, &gateway->tls, NULL);
        assert(st == OC_OK);
    }
    const struct oc_listener_options listener = {
        .url = url, .tls = gateway->tls, .ops = &ops, .accepted = on_accepted, .user = gateway};
    st = oc_listener_open(gateway->transport, &listener, &gateway->listener, NULL);
    assert(st == OC_OK);
    oc_listener_url(gateway->listener, gateway->url, sizeof gateway->url);
    return gateway;
}

static void release(struct scripted_call *call)
{
    oc_connection_release(call->connection);
    free(call->bytes);
    free(call);
}

void scripted_gateway_stop(struct scripted_gateway *gateway)
{
    oc_listener_close(gateway->listener);
    for (struct scripted_call *call = gateway->first; call;) {
        struct scripted_call *next = call->next;
        release(call);
        call = next;
    }
    oc_transport_free(gateway->transport);
    assert(gateway->n_open == 0);
    oc_tls_context_free(gateway->tls);
    pthread_cond_destroy(&gateway->changed);
    pthread_mutex_destroy(&gateway->lock);
    free(gateway);
}

void scripted_gateway_close_door(struct scripted_gateway *gateway)
{
    oc_listener_close(gateway->listener);
    gateway->listener = NULL;
}

const char *scripted_gateway_url(const struct scripted_gateway *gateway)
{
    return gateway->url;
}

unsigned scripted_gateway_n_accepted(struct scripted_gateway *gateway)
{
    pthread_mutex_lock(&gateway->lock);
    unsigned n = gateway->n_accepted;
    pthread_mutex_unlock(&gateway->lock);
    return n;
}

/* ---- calls ------------------------------------------------------------------------------- */

bool scripted_gateway_has_call(struct scripted_gateway *gateway, uint32_t wait_ms)
{
    uint64_t due_ms = oc_monotonic_ms() + wait_ms;
    const struct timespec due = {.tv_sec = (time_t)(due_ms / 1000),
                                 .tv_nsec = (long)(due_ms % 1000) * 1000000};
    pthread_mutex_lock(&gateway->lock);
    int rc = 0;
    while (!gateway->first && rc == 0) {
        rc = pthread_cond_timedwait(&gateway->changed, &gateway->lock, &due);
    }
    bool has_call = gateway->first != NULL;
    pthread_mutex_unlock(&gateway->lock);
    return has_call;
}

struct scripted_call *scripted_gateway_take_any(struct scripted_gateway *gateway)
{
    bool has_call = scripted_gateway_has_call(gateway, PATIENCE_MS);
    assert(has_call);
    pthread_mutex_lock(&gateway->lock);
    struct scripted_call *call = gateway->first;
    gateway->first = call->next;
    if (!gateway->first) {
        gateway->last = &gateway->first;
    }
    pthread_mutex_unlock(&gateway->lock);
    return call;
}

struct scripted_call *scripted_gateway_take(struct scripted_gateway *gateway, uint32_t method)
{
    struct scripted_call *call = scripted_gateway_take_any(gateway);
    assert(call->call.method == method);
    return call;
}

void *scripted_call_decode(const struct scripted_call *call)
{
    const struct oc_method *method = oc_method_by_number(call->call.method);
    assert(method);
    void *message = protobuf_c_message_unpack(oc_method_input(method), NULL, call->call.n_payload,
                                              call->call.payload);
    assert(message);
    return message;
}

static void send(struct scripted_call *call, enum oc_status status, const struct oc_error *err,
                 const ProtobufCMessage *reply)
{
    uint8_t *bytes = malloc(MAX_REPLY_BYTES);
    assert(bytes);
    size_t n = oc_reply_pack(status, err, reply, bytes, MAX_REPLY_BYTES);
    assert(n > 0);
    (void)oc_connection_send(call->connection, call->word, bytes, n);
    free(bytes);
    release(call);
}

void scripted_call_answer(struct scripted_call *call, const ProtobufCMessage *reply)
{
    send(call, OC_OK, NULL, reply);
}

void scripted_call_fail(struct scripted_call *call, enum oc_status status,
                        const struct oc_error *err)
{
    send(call, status, err, NULL);
}

void scripted_call_answer_bytes(struct scripted_call *call, const uint8_t *bytes, size_t n)
{
    (void)oc_connection_send(call->connection, call->word, bytes, n);
    release(call);
}

void scripted_call_cut(struct scripted_call *call)
{
    oc_connection_abort(call->connection, OC_CANCELLED, "cut by the test");
    release(call);
}

void scripted_call_forget(struct scripted_call *call)
{
    release(call);
}
