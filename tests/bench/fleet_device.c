/* See fleet_device.h. */
#include "tests/bench/fleet_device.h"

#include <openclaw/admin.h>
#include <openclaw/v1/envelope.pb-c.h>
#include <openclaw/v1/pairing.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/rpc/envelope.h"

enum { MAX_REGISTRATIONS_IN_FLIGHT = 256 };

_Noreturn void fleet_die(const char *text)
{
    fprintf(stderr, "fleet: %s\n", text);
    exit(1);
}

void fleet_device_init(struct fleet_device *device)
{
    struct oc_error err;
    struct oc_tls_trust trust = {.n_pins = 0};
    if (oc_identity_generate(OC_IDENTITY_DEVICE, &device->identity, &err) != OC_OK ||
        oc_tls_context_for_client(device->identity, &trust, &device->tls, &err) != OC_OK) {
        fleet_die(err.text);
    }
}

/* ---- registration ---------------------------------------------------------------------------- */

struct fleet_registrar {
    struct oc_client *client;
    pthread_mutex_t lock; /* guards n_in_flight */
    pthread_cond_t changed;
    size_t n_in_flight;
};

struct fleet_registrar *fleet_registrar_new(const char *data_dir)
{
    struct fleet_registrar *registrar = calloc(1, sizeof *registrar);
    struct oc_client_options options = {.data_dir = data_dir, .timeout_ms = 30000};
    struct oc_error err;
    if (!registrar || oc_client_open(&options, &registrar->client, &err) != OC_OK) {
        fleet_die("the gateway's local door cannot be used");
    }
    pthread_mutex_init(&registrar->lock, NULL);
    pthread_cond_init(&registrar->changed, NULL);
    return registrar;
}

static void registered(void *user, enum oc_status status, const struct oc_decision_result *result,
                       const struct oc_error *err)
{
    struct fleet_registrar *registrar = user;
    (void)result;
    if (status != OC_OK) {
        fleet_die(err ? err->text : "not registered");
    }
    pthread_mutex_lock(&registrar->lock);
    registrar->n_in_flight--;
    pthread_cond_signal(&registrar->changed);
    pthread_mutex_unlock(&registrar->lock);
}

static void wait_in_flight(struct fleet_registrar *registrar, size_t most, bool adds)
{
    pthread_mutex_lock(&registrar->lock);
    while (registrar->n_in_flight > most) {
        pthread_cond_wait(&registrar->changed, &registrar->lock);
    }
    registrar->n_in_flight += adds ? 1 : 0;
    pthread_mutex_unlock(&registrar->lock);
}

void fleet_register(struct fleet_registrar *registrar, const struct fleet_device *device)
{
    wait_in_flight(registrar, MAX_REGISTRATIONS_IN_FLIGHT - 1, true);
    struct oc_decision decision = {.kind = OC_EXPECT,
                                   .device_id = oc_identity_device_id(device->identity),
                                   .approves = true,
                                   .grant = {.role = "agent"}};
    struct oc_error err;
    if (oc_admin_decide_async(registrar->client, &decision, registered, registrar, &err) != OC_OK) {
        fleet_die(err.text);
    }
}

void fleet_registrar_finish(struct fleet_registrar *registrar)
{
    wait_in_flight(registrar, 0, false);
    oc_client_close(registrar->client);
    free(registrar);
}

/* ---- the wire -------------------------------------------------------------------------------- */

static bool send_call(struct oc_connection *connection, uint32_t word, uint32_t method,
                      const ProtobufCMessage *message)
{
    uint8_t payload[512];
    uint8_t bytes[1024];
    struct oc_call call = {.method = method,
                           .budget_ms = OC_MAX_BUDGET_MS,
                           .payload = payload,
                           .n_payload = protobuf_c_message_pack(message, payload)};
    size_t n = oc_call_pack(&call, bytes, sizeof bytes);
    return n > 0 && oc_connection_send(connection, word, bytes, n);
}

bool fleet_send_connect(struct oc_connection *connection)
{
    static uint8_t zeros[OC_DIGEST_BYTES];
    Openclaw__V1__ConnectRequest request = OPENCLAW__V1__CONNECT_REQUEST__INIT;
    char name[] = "fleet";
    request.name = name;
    request.nonce_commitment = (ProtobufCBinaryData){.data = zeros, .len = OC_DIGEST_BYTES};
    request.instance_id = (ProtobufCBinaryData){.data = zeros, .len = OC_INSTANCE_BYTES};
    request.boot_id = (ProtobufCBinaryData){.data = zeros, .len = OC_INSTANCE_BYTES};
    request.host_hint = (ProtobufCBinaryData){.data = zeros, .len = OC_INSTANCE_BYTES};
    return send_call(connection, 0x80000001U, OPENCLAW__V1__METHOD__METHOD_CONNECT, &request.base);
}

bool fleet_send_heartbeat(struct oc_connection *connection, uint32_t word)
{
    Openclaw__V1__HeartbeatRequest request = OPENCLAW__V1__HEARTBEAT_REQUEST__INIT;
    request.sequence = word;
    return send_call(connection, word, OPENCLAW__V1__METHOD__METHOD_HEARTBEAT, &request.base);
}

bool fleet_send_await_notice(struct oc_connection *connection, uint32_t word)
{
    Openclaw__V1__AwaitNoticeRequest request = OPENCLAW__V1__AWAIT_NOTICE_REQUEST__INIT;
    request.generation = UINT64_MAX; /* nothing newer to tell: it is left open */
    return send_call(connection, word, OPENCLAW__V1__METHOD__METHOD_AWAIT_NOTICE, &request.base);
}

static struct oc_reply require_ok(const uint8_t *body, size_t n_body)
{
    struct oc_reply reply;
    struct oc_error err;
    if (oc_reply_unpack(body, n_body, &reply, &err) != OC_OK) {
        fleet_die(err.text);
    }
    if (reply.status != OC_OK) {
        fleet_die(oc_status_name(reply.status));
    }
    return reply;
}

void fleet_require_ok(const uint8_t *body, size_t n_body)
{
    (void)require_ok(body, n_body);
}

void fleet_require_session(const uint8_t *body, size_t n_body)
{
    struct oc_reply reply = require_ok(body, n_body);
    Openclaw__V1__ConnectReply *message =
        openclaw__v1__connect_reply__unpack(NULL, reply.n_payload, reply.payload);
    if (!message || message->outcome_case != OPENCLAW__V1__CONNECT_REPLY__OUTCOME_SESSION) {
        fleet_die("no session");
    }
    openclaw__v1__connect_reply__free_unpacked(message, NULL);
}

/* ---- waiting --------------------------------------------------------------------------------- */

void fleet_gate_init(struct fleet_gate *gate)
{
    gate->n = 0;
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
}

void fleet_gate_arrive(struct fleet_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->n++;
    pthread_cond_signal(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

void fleet_gate_wait(struct fleet_gate *gate, size_t n)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->n < n) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    pthread_mutex_unlock(&gate->lock);
}

void fleet_sleep_until(uint64_t ns)
{
    struct timespec until = {.tv_sec = (time_t)(ns / 1000000000U),
                             .tv_nsec = (long)(ns % 1000000000U)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
    }
}
