/*
 * A connection: one NNG stream, TLS over it where the address says so, SP frames in that. The
 * same code at both ends; the only difference is who greets how.
 *
 * Life: opened() once the handshake and the greeting are good, then frame() per message, then
 * closed() exactly once. A connection that never opened gets only closed(). Callbacks of one
 * connection never overlap, except that closed() may run on another thread after the last frame()
 * returned. No lock of the connection is held during a callback; a callback must not block.
 *
 * Batching: what is sent from inside frame() leaves in one write when everything that arrived in
 * the same read has been handled, or 16 messages of it. What is sent from elsewhere leaves at once.
 */
#pragma once

#include <stdbool.h>

#include "proto/rpc/tls.h"
#include "proto/rpc/transport.h"

struct oc_connection;
struct oc_listener;

/* Where a connection comes from. IPv4 and v4-mapped addresses are ::ffff:a.b.c.d here. */
struct oc_source {
    uint8_t address[16];
    bool is_local; /* ipc: no address */
};

/* Writes "203.0.113.9", "2001:db8::1" or "local" and a NUL. */
void oc_source_format(const struct oc_source *source, char out[OC_MAX_SOURCE_BYTES + 1]);

struct oc_peer {
    struct oc_source source;
    bool has_device_id;            /* device door: proved in the handshake */
    struct oc_device_id device_id; /* with has_device_id */
    struct oc_digest spki_sha256;  /* client: the gateway's pin; in closed(), what matched none */
    const struct oc_admin_certificate *admin; /* admin door; in opened() alone: copy it there */
    uint32_t uid;                             /* ipc: peer credentials; UINT32_MAX: not known */
    uint32_t pid;
};

struct oc_connection_ops {
    /* The peer is known and greeted. `peer` is borrowed for the call. Returning false closes. */
    bool (*opened)(void *user, struct oc_connection *connection, const struct oc_peer *peer);
    /* One message; body is borrowed for the call. */
    void (*frame)(void *user, struct oc_connection *connection, uint32_t word, const uint8_t *body,
                  size_t n_body);
    /* The end. err says why; OC_OK for an orderly close by either side. */
    void (*closed)(void *user, struct oc_connection *connection, const struct oc_error *err);
};

/* ---- listening --------------------------------------------------------------------------- */

struct oc_listener_options {
    const char *url;                  /* tls+tcp://HOST:PORT or ipc://PATH */
    const struct oc_tls_context *tls; /* for tls+tcp; borrowed, outlives the listener */
    const struct oc_connection_ops *ops;
    /* Called at accept, before anything else is done for the peer: gives the user pointer for the
     * connection, or NULL to close it. Must not block. closed() is called for each non-NULL. */
    void *(*accepted)(void *user, const struct oc_source *source);
    /* Instead, for one that is over a cap and closed unheard. Must not block. NULL: nobody asks. */
    void (*refused)(void *user, const struct oc_source *source);
    void *user; /* for accepted(), refused() and is_exempt() */
    /* Handshakes that have begun, and connections that wait for theirs to begin (or, on ipc, have
     * not opened); 0: the default. See admission.h for who gives way, and who is next. */
    unsigned max_unfinished;
    unsigned max_unfinished_per_source;
    unsigned max_arrivals;
    unsigned max_arrivals_per_source;
    /* Whether a source is known to be many and has no cap of its own; NULL: none is. */
    bool (*is_exempt)(void *user, const struct oc_source *source);
    uint64_t source_seed; /* random: which sources collide is a secret */
};

/*
 * Starts listening. An ipc path must be absent or our own stale socket, of mode 0600 in a 0700
 * directory.
 * Owns: oc_listener_close.
 * Fails: INVALID_ARGUMENT (bad url, path too long: both named), ALREADY_EXISTS (address in use, or
 *        something that is no stale socket stands at the path), FAILED_PRECONDITION (the socket's
 *        directory is not ours alone: path, mode found, mode wanted), UNAVAILABLE.
 */
OC_MUST_CHECK enum oc_status oc_listener_open(struct oc_transport *transport,
                                              const struct oc_listener_options *options,
                                              struct oc_listener **out, struct oc_error *err);

/* Stops accepting; what was accepted lives on. Not from a callback. Accepts NULL. */
void oc_listener_close(struct oc_listener *listener);
OC_DEFINE_CLEANUP(oc_listener_close, struct oc_listener);

/* The address with the port the kernel picked, "tls+tcp://127.0.0.1:40123". */
void oc_listener_url(const struct oc_listener *listener, char *out, size_t cap);

/* `shed` were closed for a newcomer, `gave_way` for one in line. */
struct oc_listener_counters {
    uint64_t accepted, refused_at_cap, shed, gave_way, handshakes_failed; /* since start */
    uint64_t arrivals, unfinished; /* now: handshake not begun; begun, not opened */
};
struct oc_listener_counters oc_listener_counters(const struct oc_listener *listener);

/* ---- dialling ---------------------------------------------------------------------------- */

struct oc_dial_options {
    const char *url;
    const struct oc_tls_context *tls; /* for tls+tcp; held until the connection has ended */
    const char *local_address;        /* source address to use; NULL: the kernel's choice */
    const struct oc_connection_ops *ops;
    void *user;
    uint32_t timeout_ms; /* to opened(); 0: OC_HANDSHAKE_MS */
};

/*
 * Begins to connect and returns; opened() or closed() follows.
 * The connection is held for the caller: release with oc_connection_release.
 * Fails: INVALID_ARGUMENT (url), RESOURCE_EXHAUSTED.
 */
OC_MUST_CHECK enum oc_status oc_connection_dial(struct oc_transport *transport,
                                                const struct oc_dial_options *options,
                                                struct oc_connection **out, struct oc_error *err);

/* ---- both -------------------------------------------------------------------------------- */

/* A late answer keeps the memory of its connection alive, not the connection. Any thread. */
void oc_connection_hold(struct oc_connection *connection);
void oc_connection_release(struct oc_connection *connection);

/*
 * Queues one frame; the bytes are copied. False when the connection is closed or its send queue
 * is over its bound (which closes it): the caller has nothing to do about either.
 * Thread: any.
 */
bool oc_connection_send(struct oc_connection *connection, uint32_t word, const uint8_t *body,
                        size_t n_body);

/* Raises the bounds to those of an approved peer (or lowers them). Any thread. */
void oc_connection_set_approved(struct oc_connection *connection, bool is_approved);

/* The handshake deadline ends with the first complete frame; this ends it earlier or never.
 * From then on `idle_ms` without a frame from the peer closes (0: no such bound). Any thread. */
void oc_connection_set_idle_limit(struct oc_connection *connection, uint64_t idle_ms);

/* Flushes what is queued for at most 1 s, then closes; closed() follows. Any thread, idempotent. */
void oc_connection_close(struct oc_connection *connection);

/* Closes at once, dropping what is queued. Any thread, idempotent. */
void oc_connection_abort(struct oc_connection *connection, enum oc_status why, const char *text);

const struct oc_peer *oc_connection_peer(const struct oc_connection *connection);
void *oc_connection_user(const struct oc_connection *connection);
