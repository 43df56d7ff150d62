/*
 * A connection from the inside; see connection.h for what it promises.
 *
 *   dialling -> handshake -> greeting -> open        (ipc has no handshake)
 *        any of them -> closing (flushes) -> closed -> reaped: closed() was called, memory freed
 *
 * Two activities exist: receiving (is_receiving: an NNG operation is posted, its callback runs, or
 * a handshake step waits or runs; so there is one at a time) and sending (is_sending: an operation
 * is posted). Nothing is posted once is_closed is set, and both must be idle before the reaper
 * calls closed() and frees.
 *
 * Files: connection.c (life), connection_handshake.c (its beginning), connection_input.c
 * (receiving), connection_output.c (sending), connection_time.c (deadlines), connection_dial.c,
 * listener.c.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include <nng/nng.h>

#include "proto/rpc/admission.h"
#include "proto/rpc/buffer.h"
#include "proto/rpc/connection.h"
#include "proto/rpc/sp.h"
#include "proto/rpc/tls_session.h"
#include "proto/rpc/transport_internal.h"

enum oc_phase {
    OC_PHASE_DIALLING,
    OC_PHASE_HANDSHAKE,
    OC_PHASE_GREETING,
    OC_PHASE_OPEN,
};

struct oc_connection {
    /* Constant from the making on. */
    struct oc_transport *transport;
    struct oc_listener *listener;             /* NULL: dialled */
    struct oc_lane *lane;                     /* in the handshake queue, until opened or reaped */
    struct oc_admission_place place;          /* guarded by the listener's lock */
    const struct oc_tls_context *tls_context; /* held; NULL on ipc */
    const struct oc_connection_ops *ops;
    void *user;
    enum oc_sp_role role;
    bool is_ipc;

    struct oc_transport_links links;
    struct oc_step step;
    struct oc_peer peer; /* complete before opened() */

    /* Read without the lock between frames. */
    atomic_bool is_deaf;    /* no further frame is wanted */
    atomic_uint max_length; /* of a frame, by the peer's standing */
    atomic_uint n_holds;

    /* The receiving activity alone. */
    struct oc_buffer partial; /* plaintext of a greeting or frame that is not whole yet */
    bool is_greeted;

    pthread_mutex_t lock; /* guards all below */
    enum oc_phase phase;
    bool is_receiving;
    bool is_sending;  /* send_aio is posted */
    bool is_batching; /* what is sent now leaves when the batch ends */
    bool is_closing;
    bool is_notified; /* close_notify is in the output */
    bool is_closed;
    bool is_reported;  /* closed() was called */
    bool is_to_reaper; /* in the reaper's queue */

    nng_stream *stream;
    nng_stream_dialer *dialer;
    nng_aio *receive_aio; /* also dials */
    nng_aio *try_aio;     /* sends what the kernel takes at once; has no callback */
    nng_aio *send_aio;    /* sends the rest; made when it is first needed */
    struct oc_tls_session *tls;

    uint8_t *received; /* lent to NNG while posted */
    size_t received_capacity;
    size_t n_received;
    unsigned n_small; /* receives in a row that would have fitted in the small buffer */

    struct oc_buffer pending; /* plaintext that waits to be encrypted; unused on ipc */
    struct oc_buffer output;  /* what goes on the wire next */
    struct oc_buffer sending; /* lent to NNG while posted */
    size_t max_queue;

    enum oc_status why; /* of the close */
    char *why_text;     /* NULL: none */

    struct oc_timer timer;
    uint64_t timer_due_ms;     /* 0: not armed */
    bool has_begun;            /* to shake hands: it is in line no longer */
    bool has_first_deadline;   /* the 5 s (or the dialler's own) still count */
    uint64_t waiting_since_ms; /* 0: the clock of the first deadline stands still */
    uint64_t wait_left_ms;
    uint64_t line_until_ms; /* 0: not in line */
    uint64_t idle_ms;       /* 0: no bound */
    uint64_t last_frame_ms;
    uint64_t opened_ms;
    uint64_t progress_ms; /* when the send in flight was posted: something was taken, or began */
    uint64_t close_by_ms; /* with is_closing */
};

/* ---- life (connection.c) ------------------------------------------------------------------ */

/* Makes a connection without a stream; it is not listed yet. NULL when out of memory. */
struct oc_connection *oc_connection_new(struct oc_transport *transport, enum oc_sp_role role,
                                        bool is_ipc);
/* Frees what oc_connection_new made and was never listed. */
void oc_connection_discard(struct oc_connection *connection);
/* The reaper's visit: calls closed(), frees, or leaves it to a later visit. */
void oc_connection_reap(struct oc_connection *connection);
bool oc_connection_is_held(struct oc_connection *connection);

/* All of these with the lock held. */
void oc_connection_abort_locked(struct oc_connection *connection, enum oc_status why,
                                const char *text);
/* Flushes, then closes with this reason. */
void oc_connection_close_locked(struct oc_connection *connection, enum oc_status why,
                                const char *text);
/* Ends the receiving activity. */
void oc_connection_stop_receiving(struct oc_connection *connection);
/* To be called whenever one of the conditions of reaping may have come true. */
void oc_connection_offer_to_reaper(struct oc_connection *connection);

/* ---- receiving (connection_input.c) -------------------------------------------------------- */

void oc_connection_on_received(void *connection); /* NNG's callback: without the lock */
/* With the lock held: goes on receiving, or ends the activity if the connection is closed. */
void oc_connection_receive_more(struct oc_connection *connection);
/* The same, behind what was received, which is kept; too much of it closes. */
void oc_connection_receive_rest(struct oc_connection *connection);
/* Without the lock: handles what is in hand, then goes on receiving. */
void oc_connection_take_input(struct oc_connection *connection);

/* ---- the beginning (connection_handshake.c) -------------------------------------------------- */

void oc_connection_on_step(struct oc_step *step); /* in a slot: without the lock */
/* Without the lock, and the receiving activity ours: the next step of the handshake. It goes on
 * from there, perhaps on another thread and before this returns. */
void oc_connection_take_step(struct oc_connection *connection);
/* With the lock held and the receiving activity ours: the stream stands, so greet and receive.
 * True when a step of the handshake is due instead. */
OC_MUST_CHECK bool oc_connection_begin(struct oc_connection *connection);
/* With the lock held and the receiving activity ours: what was received belongs to the handshake.
 * True when a step of it is due. The first words may have to wait in line, with a receive posted
 * that notices who hangs up. */
OC_MUST_CHECK bool oc_connection_take_flight(struct oc_connection *connection);

/* ---- sending (connection_output.c), with the lock held -------------------------------------- */

void oc_connection_on_sent(void *connection); /* NNG's callback: without the lock */
/* Puts queued output on the way unless a send is in flight or a batch is open. */
void oc_connection_flush(struct oc_connection *connection);
/* Queues plaintext; false when it closed the connection instead. */
bool oc_connection_queue(struct oc_connection *connection, const uint8_t *head, size_t n_head,
                         const uint8_t *body, size_t n_body);
size_t oc_connection_queued_bytes(const struct oc_connection *connection);

/* ---- deadlines (connection_time.c), with the lock held --------------------------------------- */

void oc_connection_on_time(void *connection); /* the timer's callback: without the lock */
/* Has the deadlines looked at no later than due_ms. */
void oc_connection_look_by(struct oc_connection *connection, uint64_t due_ms);
/* The first deadline counts only while we wait for the peer. */
void oc_connection_start_waiting(struct oc_connection *connection);
void oc_connection_stop_waiting(struct oc_connection *connection);

/* ---- what the listener keeps of its connections (listener.c) ----------------------------------
 */

/* The connection opened: it counts as unfinished no longer. With the connection's lock held. */
void oc_listener_note_opened(struct oc_listener *listener, struct oc_connection *connection);
/* Whether the handshake may begin: at once, or as it was called. With the connection's lock held.
 */
bool oc_listener_may_begin(struct oc_listener *listener, struct oc_connection *connection);
/* It waits in line, with its receive posted: that is cancelled when it is called, which may be
 * before this returns. With the connection's lock held. */
void oc_listener_line_up(struct oc_listener *listener, struct oc_connection *connection);
/* Whether it should go, as it keeps us waiting and another waits for its place. With the
 * connection's lock held; true once. */
bool oc_listener_gives_way(struct oc_listener *listener, struct oc_connection *connection);
/* It is gone; its lane is NULL if it had opened. */
void oc_listener_note_reaped(struct oc_listener *listener, struct oc_connection *connection,
                             bool is_failure);
