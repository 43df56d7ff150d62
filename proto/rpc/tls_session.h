/*
 * One TLS session over memory: what arrived is lent for the call, what shall leave is appended to
 * a buffer. Between calls it holds neither, so an idle session costs OpenSSL's own state alone.
 *
 * Thread: one at a time; the connection's lock serialises. OpenSSL's error queue is empty after
 * every call.
 */
#pragma once

#include "proto/rpc/buffer.h"
#include "proto/rpc/tls.h"

struct oc_tls_session;

enum oc_tls_result {
    OC_TLS_DONE,       /* handshake finished; or the output room is full */
    OC_TLS_WANT_INPUT, /* everything that was fed is used */
    OC_TLS_CLOSED,     /* the peer said close_notify */
    OC_TLS_FAILED,     /* the session is dead; an alert may stand in the output */
};

OC_MUST_CHECK enum oc_status oc_tls_session_new(const struct oc_tls_context *context,
                                                struct oc_tls_session **out, struct oc_error *err);
void oc_tls_session_free(struct oc_tls_session *session);

/* Lends the session n bytes that arrived; they must live until OC_TLS_WANT_INPUT or the end. */
void oc_tls_feed(struct oc_tls_session *session, const uint8_t *bytes, size_t n);

/* One step of the handshake. *err is filled with OC_TLS_FAILED. */
OC_MUST_CHECK enum oc_tls_result oc_tls_handshake(struct oc_tls_session *session,
                                                  struct oc_buffer *output, struct oc_error *err);

/* What the peer proved; after the handshake. False when its certificate is not readable. */
OC_MUST_CHECK bool oc_tls_read_peer(const struct oc_tls_session *session, struct oc_tls_peer *peer);

/* The gateway's key that no pin matched; zeros if that is not why the handshake failed. */
struct oc_digest oc_tls_refused_key(const struct oc_tls_session *session);

/* Decrypts into plain until it is full (OC_TLS_DONE) or the input is used up; *n bytes are valid
 * whatever the result. */
OC_MUST_CHECK enum oc_tls_result oc_tls_read(struct oc_tls_session *session,
                                             struct oc_buffer *output, uint8_t *plain, size_t cap,
                                             size_t *n, struct oc_error *err);

/* Encrypts all of it into the output; false when out of memory or the session is dead. */
OC_MUST_CHECK bool oc_tls_write(struct oc_tls_session *session, struct oc_buffer *output,
                                const uint8_t *plain, size_t n);

/* Appends close_notify. */
void oc_tls_notify_close(struct oc_tls_session *session, struct oc_buffer *output);
