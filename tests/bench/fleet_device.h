/* What one device of a measuring fleet does on the wire, and how it is registered beforehand. */
#pragma once

#include <pthread.h>

#include "proto/crypto/receipt.h"
#include "proto/rpc/connection.h"
#include "proto/rpc/envelope.h"

/* Prints the text and ends the process. */
_Noreturn void fleet_die(const char *text);

/* A device: its key and the TLS context that presents it. */
struct fleet_device {
    struct oc_identity *identity;
    struct oc_tls_context *tls;
};
void fleet_device_init(struct fleet_device *device);

/* Announces devices with approval through the local door, many in flight. */
struct fleet_registrar;
struct fleet_registrar *fleet_registrar_new(const char *data_dir);
void fleet_register(struct fleet_registrar *registrar, const struct fleet_device *device);
/* Waits for every answer and frees. */
void fleet_registrar_finish(struct fleet_registrar *registrar);

/* The call that asks for a session, as it goes into a frame; its length. `held`: the receipt of an
 * earlier session, as agents keep it; NULL or empty: none. */
size_t fleet_pack_connect(const struct oc_receipt *held, uint8_t *out, size_t cap);
bool fleet_send_connect(struct oc_connection *connection, const struct oc_receipt *held);
bool fleet_send_await_decision(struct oc_connection *connection, uint32_t word,
                               const struct oc_request_id *request_id);
bool fleet_send_heartbeat(struct oc_connection *connection, uint32_t word);
/* UINT64_MAX: there is nothing newer to tell, so that it is left open. */
bool fleet_send_await_notice(struct oc_connection *connection, uint32_t word, uint64_t generation);

/* True with status OK; ends the process if it is no reply at all. */
bool fleet_read_reply(const uint8_t *body, size_t n_body, struct oc_reply *out);
/* Ends the process unless the reply says OK. */
void fleet_require_ok(const uint8_t *body, size_t n_body);

/* What Connect was answered; all zeros but for the time to wait: the call itself was refused. */
struct fleet_answer {
    bool has_session;
    uint64_t generation;       /* with a session */
    struct oc_receipt receipt; /* with a session; n_signature 0: the device keeps what it has */
    uint32_t http_status;
    uint32_t retry_after_ms;
    struct oc_request_id request_id; /* of a refusal; "" none */
};
struct fleet_answer fleet_read_answer(const uint8_t *body, size_t n_body);

enum fleet_decision {
    FLEET_NONE_YET,
    FLEET_APPROVED,
    FLEET_REFUSED,
};
enum fleet_decision fleet_read_decision(const struct oc_reply *reply);

/* Whether a notice says that the session is over. */
bool fleet_notice_ends(const struct oc_reply *reply);

/* A counter to wait on. */
struct fleet_gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t n;
};
void fleet_gate_init(struct fleet_gate *gate);
void fleet_gate_arrive(struct fleet_gate *gate);
void fleet_gate_wait(struct fleet_gate *gate, size_t n);
