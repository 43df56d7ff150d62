/* See fleet_device.h. */
#include "tests/bench/fleet_device.h"

#include <openclaw/admin.h>
#include <openclaw/v1/envelope.pb-c.h>
#include <openclaw/v1/pairing.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/crypto/pairing_code.h"
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

static size_t pack_call(uint32_t method, const ProtobufCMessage *message, uint8_t *out, size_t cap)
{
    uint8_t payload[512];
    struct oc_call call = {.method = method,
                           .budget_ms = OC_MAX_BUDGET_MS,
                           .payload = payload,
                           .n_payload = protobuf_c_message_pack(message, payload)};
    return oc_call_pack(&call, out, cap);
}

static bool send_call(struct oc_connection *connection, uint32_t word, uint32_t method,
                      const ProtobufCMessage *message)
{
    uint8_t bytes[1024];
    size_t n = pack_call(method, message, bytes, sizeof bytes);
    return n > 0 && oc_connection_send(connection, word, bytes, n);
}

/* Every device's nonce: no code is compared here. */
static uint8_t zeros[OC_NONCE_BYTES];

static ProtobufCBinaryData bytes_of(const void *bytes, size_t n)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)bytes, .len = n};
}

static void put_receipt(const struct oc_receipt *from, Openclaw__V1__Receipt *out)
{
    out->gateway_id = bytes_of(from->gateway_id, sizeof from->gateway_id);
    out->database_id = bytes_of(from->database_id, sizeof from->database_id);
    out->seq = from->seq;
    out->device_id = bytes_of(from->device_id.bytes, sizeof from->device_id.bytes);
    out->issued_at_ms = from->issued_at_ms;
    out->signature = bytes_of(from->signature, from->n_signature);
}

static void take_receipt(const Openclaw__V1__Receipt *from, struct oc_receipt *out)
{
    if (from->gateway_id.len != sizeof out->gateway_id ||
        from->database_id.len != sizeof out->database_id ||
        from->device_id.len != sizeof out->device_id.bytes ||
        from->signature.len > sizeof out->signature) {
        fleet_die("a receipt that is none");
    }
    memcpy(out->gateway_id, from->gateway_id.data, sizeof out->gateway_id);
    memcpy(out->database_id, from->database_id.data, sizeof out->database_id);
    memcpy(out->device_id.bytes, from->device_id.data, sizeof out->device_id.bytes);
    memcpy(out->signature, from->signature.data, from->signature.len);
    out->n_signature = (uint8_t)from->signature.len;
    out->seq = from->seq;
    out->issued_at_ms = from->issued_at_ms;
}

size_t fleet_pack_connect(const struct oc_receipt *held, uint8_t *out, size_t cap)
{
    struct oc_digest commitment = oc_nonce_commitment(zeros);
    Openclaw__V1__ConnectRequest request = OPENCLAW__V1__CONNECT_REQUEST__INIT;
    char name[] = "fleet";
    request.name = name;
    request.nonce_commitment =
        (ProtobufCBinaryData){.data = commitment.bytes, .len = sizeof commitment.bytes};
    request.instance_id = (ProtobufCBinaryData){.data = zeros, .len = OC_INSTANCE_BYTES};
    request.boot_id = (ProtobufCBinaryData){.data = zeros, .len = OC_INSTANCE_BYTES};
    request.host_hint = (ProtobufCBinaryData){.data = zeros, .len = OC_INSTANCE_BYTES};
    Openclaw__V1__Receipt receipt = OPENCLAW__V1__RECEIPT__INIT;
    if (held && held->n_signature > 0) {
        put_receipt(held, &receipt);
        request.receipt = &receipt;
    }
    return pack_call(OPENCLAW__V1__METHOD__METHOD_CONNECT, &request.base, out, cap);
}

bool fleet_send_connect(struct oc_connection *connection, const struct oc_receipt *held)
{
    uint8_t bytes[1024];
    size_t n = fleet_pack_connect(held, bytes, sizeof bytes);
    return n > 0 && oc_connection_send(connection, 0x80000001U, bytes, n);
}

bool fleet_send_await_decision(struct oc_connection *connection, uint32_t word,
                               const struct oc_request_id *request_id)
{
    struct oc_request_id id = *request_id;
    Openclaw__V1__AwaitDecisionRequest request = OPENCLAW__V1__AWAIT_DECISION_REQUEST__INIT;
    request.request_id = id.text;
    request.device_nonce = (ProtobufCBinaryData){.data = zeros, .len = sizeof zeros};
    return send_call(connection, word, OPENCLAW__V1__METHOD__METHOD_AWAIT_DECISION, &request.base);
}

bool fleet_send_heartbeat(struct oc_connection *connection, uint32_t word)
{
    Openclaw__V1__HeartbeatRequest request = OPENCLAW__V1__HEARTBEAT_REQUEST__INIT;
    request.sequence = word;
    return send_call(connection, word, OPENCLAW__V1__METHOD__METHOD_HEARTBEAT, &request.base);
}

bool fleet_send_await_notice(struct oc_connection *connection, uint32_t word, uint64_t generation)
{
    Openclaw__V1__AwaitNoticeRequest request = OPENCLAW__V1__AWAIT_NOTICE_REQUEST__INIT;
    request.generation = generation;
    return send_call(connection, word, OPENCLAW__V1__METHOD__METHOD_AWAIT_NOTICE, &request.base);
}

bool fleet_read_reply(const uint8_t *body, size_t n_body, struct oc_reply *out)
{
    struct oc_error err;
    if (oc_reply_unpack(body, n_body, out, &err) != OC_OK) {
        fleet_die(err.text);
    }
    return out->status == OC_OK;
}

void fleet_require_ok(const uint8_t *body, size_t n_body)
{
    struct oc_reply reply;
    if (!fleet_read_reply(body, n_body, &reply)) {
        fleet_die(oc_status_name(reply.status));
    }
}

static struct fleet_answer answer_of(const Openclaw__V1__ConnectReply *message)
{
    struct fleet_answer answer = {.has_session = false};
    if (message->outcome_case == OPENCLAW__V1__CONNECT_REPLY__OUTCOME_SESSION) {
        answer.has_session = true;
        answer.generation = message->session->generation;
        if (message->session->receipt) {
            take_receipt(message->session->receipt, &answer.receipt);
        }
    } else if (message->outcome_case == OPENCLAW__V1__CONNECT_REPLY__OUTCOME_REFUSAL) {
        const Openclaw__V1__Refusal *refusal = message->refusal;
        answer.http_status = refusal->http_status;
        answer.retry_after_ms = refusal->retry_after_ms;
        (void)snprintf(answer.request_id.text, sizeof answer.request_id.text, "%s",
                       refusal->request_id);
    }
    return answer;
}

struct fleet_answer fleet_read_answer(const uint8_t *body, size_t n_body)
{
    struct oc_reply reply;
    if (!fleet_read_reply(body, n_body, &reply)) {
        return (struct fleet_answer){.retry_after_ms = reply.error.retry_after_ms};
    }
    Openclaw__V1__ConnectReply *message =
        openclaw__v1__connect_reply__unpack(NULL, reply.n_payload, reply.payload);
    if (!message) {
        fleet_die("an answer to Connect that is none");
    }
    const struct fleet_answer answer = answer_of(message);
    openclaw__v1__connect_reply__free_unpacked(message, NULL);
    return answer;
}

enum fleet_decision fleet_read_decision(const struct oc_reply *reply)
{
    Openclaw__V1__AwaitDecisionReply *message =
        openclaw__v1__await_decision_reply__unpack(NULL, reply->n_payload, reply->payload);
    if (!message) {
        fleet_die("an answer to AwaitDecision that is none");
    }
    const Openclaw__V1__Decision decision = message->decision;
    openclaw__v1__await_decision_reply__free_unpacked(message, NULL);
    return decision == OPENCLAW__V1__DECISION__DECISION_APPROVED   ? FLEET_APPROVED
           : decision == OPENCLAW__V1__DECISION__DECISION_NONE_YET ? FLEET_NONE_YET
                                                                   : FLEET_REFUSED;
}

bool fleet_notice_ends(const struct oc_reply *reply)
{
    Openclaw__V1__AwaitNoticeReply *message =
        openclaw__v1__await_notice_reply__unpack(NULL, reply->n_payload, reply->payload);
    if (!message) {
        fleet_die("an answer to AwaitNotice that is none");
    }
    const bool ends = message->kind == OPENCLAW__V1__NOTICE_KIND__NOTICE_ENDED;
    openclaw__v1__await_notice_reply__free_unpacked(message, NULL);
    return ends;
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
