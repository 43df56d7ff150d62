/*
 * A channel: calls to one gateway over one connection at a time. It owns correlation words, the
 * table of calls in flight, their deadlines, and the connection, which it makes on demand.
 *
 * Invariant: every call that was accepted ends in exactly one done(), whatever the gateway does:
 * its answer, its deadline, the loss of the connection, or the channel's close.
 *
 * After a lost connection a call is sent once more, if its method is repeatable or it carries an
 * idempotency key (the same again). Any other call that was sent and that may change something
 * ends as UNAVAILABLE with is_outcome_unknown.
 *
 * Threads: any. One mutex guards the table; it is held while sending, never during a callback.
 * Callbacks run on threads of the transport and must not block.
 */
#pragma once

#include "proto/rpc/connection.h"
#include "proto/rpc/envelope.h"
#include "proto/rpc/method.h"

struct oc_channel;

enum {
    OC_CHANNEL_GRACE_MS = 5 * 1000,
};

/* `reply->error.text` and the other texts are cleaned. Everything is borrowed for the call. */
typedef void (*oc_channel_fn)(void *user, const struct oc_reply *reply);

struct oc_channel_options {
    struct oc_transport *transport;   /* borrowed */
    const struct oc_tls_context *tls; /* held */
    const char *url;                  /* copied */
    /* One connection, dialled when the channel is opened; when it is lost the channel is dead and
     * nothing is sent twice. closed() is for this kind only. */
    bool is_single;
    /* The gateway is known and greeted; false gives it up. Before any answer of that connection. */
    bool (*opened)(void *user, const struct oc_peer *peer);
    /* Once, after the last done(). The peer's facts are as far as they are known. */
    void (*closed)(void *user, const struct oc_error *err, const struct oc_peer *peer);
    /* Before each call is taken, without a lock; a failure ends it there. NULL: nothing to do. */
    enum oc_status (*prepare)(void *user, struct oc_channel *channel, struct oc_error *err);
    /* Says better what a failure means: of a connection, with the gateway's key as far as it is
     * known, or of an answer, with NULL. Without a lock. NULL: nobody knows better. */
    void (*explain)(void *user, const struct oc_digest *found, struct oc_error *err);
    void *user;
    uint32_t dial_timeout_ms; /* 0: the transport's */
};

/* Owns: oc_channel_close. Fails: INVALID_ARGUMENT (url), RESOURCE_EXHAUSTED. */
OC_MUST_CHECK enum oc_status oc_channel_open(const struct oc_channel_options *options,
                                             struct oc_channel **out, struct oc_error *err);

/* Ends what is in flight with CANCELLED and closes the connection; no callback runs after it.
 * Blocks for a second or so at most. Not from a callback. Accepts NULL. */
void oc_channel_close(struct oc_channel *channel);
OC_DEFINE_CLEANUP(oc_channel_close, struct oc_channel);

/* Whether a connection is there, or is being made. */
bool oc_channel_has_link(struct oc_channel *channel);

/* From the next call on, connects there and so. A connection that is open is closed; what was in
 * flight on it is sent again where that may be. Fails: RESOURCE_EXHAUSTED; then all is as it was.
 */
OC_MUST_CHECK enum oc_status oc_channel_set_target(struct oc_channel *channel, const char *url,
                                                   const struct oc_tls_context *tls,
                                                   struct oc_error *err);

struct oc_channel_call {
    const struct oc_method *method;
    const uint8_t *payload; /* copied */
    size_t n_payload;
    /* The gateway's budget, for all attempts together; 1 to OC_MAX_BUDGET_MS. A long poll is given
     * OC_CHANNEL_GRACE_MS more here, since its answer comes when the budget is used up. */
    uint32_t timeout_ms;
    const uint8_t *idempotency_key; /* OC_IDEMPOTENCY_KEY_BYTES, or NULL */
    oc_channel_fn done;
    void *user;
};

/* Fails (and then done() is not called): INVALID_ARGUMENT (length, timeout), RESOURCE_EXHAUSTED
 * (memory, or too many in flight), UNAVAILABLE (a single channel that is dead), CANCELLED
 * (closing), FAILED_PRECONDITION (see process.h). */
OC_MUST_CHECK enum oc_status oc_channel_send(struct oc_channel *channel,
                                             const struct oc_channel_call *call,
                                             struct oc_error *err);
