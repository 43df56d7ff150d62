/*
 * A caller over a real connection, for tests: sends calls, keeps every reply, and lets a test wait
 * for one instead of sleeping.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "proto/rpc/connection.h"
#include "proto/rpc/envelope.h"

enum {
    RPC_PEER_MAX_REPLIES = 64,
};

struct rpc_reply {
    uint32_t word;
    uint8_t *bytes;
    size_t n;
};

struct rpc_peer {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct oc_connection *connection;
    struct oc_arena *arena; /* of the messages that rpc_peer_call gave; reset by the next call */
    uint32_t next_word;
    bool is_open;
    bool is_closed;
    struct rpc_reply replies[RPC_PEER_MAX_REPLIES];
    size_t n_replies;
};

/* Dials and waits until the connection opened (or closed). `tls` NULL: ipc. */
void rpc_peer_open(struct rpc_peer *peer, struct oc_transport *transport, const char *url,
                   const struct oc_tls_context *tls);
/* Closes and waits for the end. */
void rpc_peer_close(struct rpc_peer *peer);

/* Sends a call and returns its word. `message` NULL: an empty request. */
uint32_t rpc_peer_send(struct rpc_peer *peer, uint32_t method, const ProtobufCMessage *message);
/* Waits for the reply to that word; fails the test after 20 s, or when the connection ends. */
struct oc_reply rpc_peer_wait(struct rpc_peer *peer, uint32_t word);
/* Forgets the replies so far, which makes room for as many. No call may be in flight. */
void rpc_peer_forget_replies(struct rpc_peer *peer);
/* Whether the reply is here already. */
bool rpc_peer_has(struct rpc_peer *peer, uint32_t word);
/* Waits until the other end has closed the connection; false after 20 s. */
bool rpc_peer_wait_closed(struct rpc_peer *peer);

/* Sends, waits, wants OK, decodes. The message lives until the next call. */
const ProtobufCMessage *rpc_peer_call(struct rpc_peer *peer, uint32_t method,
                                      const ProtobufCMessage *message);
/* Decodes a reply's payload the same way. */
const ProtobufCMessage *rpc_peer_decode(struct rpc_peer *peer, uint32_t method,
                                        const struct oc_reply *reply);
/* Sends, waits, returns the status and its facts. */
enum oc_status rpc_peer_try(struct rpc_peer *peer, uint32_t method, const ProtobufCMessage *message,
                            struct oc_error *err);
