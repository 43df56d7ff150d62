/*
 * A gateway that a test plays by hand: real sockets and TLS, but every answer is the test's. Calls
 * queue up until the test takes them, in order of arrival.
 */
#pragma once

#include "proto/rpc/connection.h"
#include "proto/rpc/envelope.h"
#include "proto/rpc/method.h"

struct scripted_gateway;

struct scripted_call {
    struct oc_call call; /* payload included */
    struct oc_device_id device_id;
    uint32_t word;
    struct oc_connection *connection; /* held */
    struct scripted_call *next;
    uint8_t *bytes;
};

/* Listens at `url`; with an identity on tls+tcp, without on ipc. Asserts that it works. */
struct scripted_gateway *scripted_gateway_start(const char *url,
                                                const struct oc_identity *identity);
/* Closes every connection, and the listener. Calls that were taken must have been freed. */
void scripted_gateway_stop(struct scripted_gateway *gateway);

/* With the port that the kernel picked. */
const char *scripted_gateway_url(const struct scripted_gateway *gateway);
unsigned scripted_gateway_n_accepted(struct scripted_gateway *gateway);
/* Stops accepting: the next dial meets nobody. */
void scripted_gateway_close_door(struct scripted_gateway *gateway);

/* The next call, waiting 20 s at most; asserts that one comes, and that it is of that method. */
struct scripted_call *scripted_gateway_take(struct scripted_gateway *gateway, uint32_t method);
/* The next call of any method, otherwise the same. */
struct scripted_call *scripted_gateway_take_any(struct scripted_gateway *gateway);
/* Whether a call is there to be taken within wait_ms. */
bool scripted_gateway_has_call(struct scripted_gateway *gateway, uint32_t wait_ms);

/* Decodes the payload; free with protobuf_c_message_free_unpacked. */
void *scripted_call_decode(const struct scripted_call *call);
/* Each of these frees the call. */
void scripted_call_answer(struct scripted_call *call, const ProtobufCMessage *reply);
void scripted_call_fail(struct scripted_call *call, enum oc_status status,
                        const struct oc_error *err);
void scripted_call_answer_bytes(struct scripted_call *call, const uint8_t *bytes, size_t n);
void scripted_call_cut(struct scripted_call *call);    /* closes its connection */
void scripted_call_forget(struct scripted_call *call); /* never answers */
