/* See rpc_peer.h. */
#include "tests/support/rpc_peer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/rpc/method.h"

enum {
    PATIENCE_S = 20,
    ARENA_BYTES = 1024 * 1024,
    MAX_CALL_BYTES = 8192,
};

/* ---- what happens on the connection ---------------------------------------------------------- */

static bool opened(void *user, struct oc_connection *connection, const struct oc_peer *facts)
{
    struct rpc_peer *peer = user;
    (void)connection;
    (void)facts;
    pthread_mutex_lock(&peer->lock);
    peer->is_open = true;
    pthread_cond_broadcast(&peer->changed);
    pthread_mutex_unlock(&peer->lock);
    return true;
}

static void frame(void *user, struct oc_connection *connection, uint32_t word, const uint8_t *body,
                  size_t n_body)
{
    struct rpc_peer *peer = user;
    (void)connection;
    pthread_mutex_lock(&peer->lock);
    if (peer->n_replies < RPC_PEER_MAX_REPLIES) {
        struct rpc_reply *reply = &peer->replies[peer->n_replies++];
        reply->word = word;
        reply->n = n_body;
        reply->bytes = malloc(n_body + 1);
        memcpy(reply->bytes, body, n_body);
    }
    pthread_cond_broadcast(&peer->changed);
    pthread_mutex_unlock(&peer->lock);
}

static void closed(void *user, struct oc_connection *connection, const struct oc_error *err)
{
    struct rpc_peer *peer = user;
    (void)connection;
    (void)err;
    pthread_mutex_lock(&peer->lock);
    peer->is_closed = true;
    pthread_cond_broadcast(&peer->changed);
    pthread_mutex_unlock(&peer->lock);
}

static const struct oc_connection_ops ops = {.opened = opened, .frame = frame, .closed = closed};

/* ---- waiting --------------------------------------------------------------------------------- */

/* Under the lock; false when patience is over. */
static bool wait_for_change(struct rpc_peer *peer, const struct timespec *until)
{
    return pthread_cond_timedwait(&peer->changed, &peer->lock, until) != ETIMEDOUT;
}

static struct timespec patience(void)
{
    struct timespec until;
    (void)timespec_get(&until, TIME_UTC);
    until.tv_sec += PATIENCE_S;
    return until;
}

/* Under the lock. */
static const struct rpc_reply *find(const struct rpc_peer *peer, uint32_t word)
{
    for (size_t i = 0; i < peer->n_replies; i++) {
        if (peer->replies[i].word == word) {
            return &peer->replies[i];
        }
    }
    return NULL;
}

bool rpc_peer_has(struct rpc_peer *peer, uint32_t word)
{
    pthread_mutex_lock(&peer->lock);
    const bool is_here = find(peer, word) != NULL;
    pthread_mutex_unlock(&peer->lock);
    return is_here;
}

struct oc_reply rpc_peer_wait(struct rpc_peer *peer, uint32_t word)
{
    const struct timespec until = patience();
    struct oc_reply reply;
    struct oc_error err;
    pthread_mutex_lock(&peer->lock);
    const struct rpc_reply *found = find(peer, word);
    while (!found && !peer->is_closed && wait_for_change(peer, &until)) {
        found = find(peer, word);
    }
    pthread_mutex_unlock(&peer->lock);
    if (!found) {
        fail_msg("no reply came");
        abort();
    }
    assert_int_equal(oc_reply_unpack(found->bytes, found->n, &reply, &err), OC_OK);
    return reply;
}

bool rpc_peer_wait_closed(struct rpc_peer *peer)
{
    const struct timespec until = patience();
    pthread_mutex_lock(&peer->lock);
    while (!peer->is_closed && wait_for_change(peer, &until)) {
    }
    const bool is_closed = peer->is_closed;
    pthread_mutex_unlock(&peer->lock);
    return is_closed;
}

/* ---- life ------------------------------------------------------------------------------------ */

void rpc_peer_open(struct rpc_peer *peer, struct oc_transport *transport, const char *url,
                   const struct oc_tls_context *tls)
{
    const struct timespec until = patience();
    const struct oc_dial_options options = {.url = url, .tls = tls, .ops = &ops, .user = peer};
    struct oc_error err;
    *peer = (struct rpc_peer){.next_word = 0x80000001};
    pthread_mutex_init(&peer->lock, NULL);
    pthread_cond_init(&peer->changed, NULL);
    peer->arena = oc_arena_new(ARENA_BYTES);
    assert_int_equal(oc_connection_dial(transport, &options, &peer->connection, &err), OC_OK);
    pthread_mutex_lock(&peer->lock);
    while (!peer->is_open && !peer->is_closed && wait_for_change(peer, &until)) {
    }
    pthread_mutex_unlock(&peer->lock);
    oc_connection_set_approved(peer->connection, true);
}

void rpc_peer_forget_replies(struct rpc_peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    for (size_t i = 0; i < peer->n_replies; i++) {
        free(peer->replies[i].bytes);
    }
    peer->n_replies = 0;
    pthread_mutex_unlock(&peer->lock);
}

void rpc_peer_close(struct rpc_peer *peer)
{
    oc_connection_close(peer->connection);
    assert_true(rpc_peer_wait_closed(peer));
    oc_connection_release(peer->connection);
    rpc_peer_forget_replies(peer);
    oc_arena_free(peer->arena);
    pthread_cond_destroy(&peer->changed);
    pthread_mutex_destroy(&peer->lock);
}

/* ---- calls ----------------------------------------------------------------------------------- */

uint32_t rpc_peer_send(struct rpc_peer *peer, uint32_t method, const ProtobufCMessage *message)
{
    uint8_t payload[MAX_CALL_BYTES];
    uint8_t bytes[MAX_CALL_BYTES];
    const struct oc_call call = {
        .method = method,
        .budget_ms = OC_LONG_POLL_MS,
        .payload = payload,
        .n_payload = message ? protobuf_c_message_pack(message, payload) : 0,
    };
    const size_t n = oc_call_pack(&call, bytes, sizeof bytes);
    assert_int_not_equal(n, 0);
    const uint32_t word = peer->next_word++;
    (void)oc_connection_send(peer->connection, word, bytes, n);
    return word;
}

const ProtobufCMessage *rpc_peer_decode(struct rpc_peer *peer, uint32_t method,
                                        const struct oc_reply *reply)
{
    ProtobufCMessage *message = NULL;
    struct oc_error err;
    assert_int_equal(reply->status, OC_OK);
    oc_arena_reset(peer->arena);
    assert_int_equal(oc_payload_unpack(oc_method_output(oc_method_by_number(method)),
                                       reply->payload, reply->n_payload, true, peer->arena,
                                       &message, &err),
                     OC_OK);
    return message;
}

const ProtobufCMessage *rpc_peer_call(struct rpc_peer *peer, uint32_t method,
                                      const ProtobufCMessage *message)
{
    const struct oc_reply reply = rpc_peer_wait(peer, rpc_peer_send(peer, method, message));
    return rpc_peer_decode(peer, method, &reply);
}

enum oc_status rpc_peer_try(struct rpc_peer *peer, uint32_t method, const ProtobufCMessage *message,
                            struct oc_error *err)
{
    const struct oc_reply reply = rpc_peer_wait(peer, rpc_peer_send(peer, method, message));
    *err = reply.error;
    return reply.status;
}
