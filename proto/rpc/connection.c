/*
 * See connection.h and connection_internal.h. Here: making, closing, ending, and the small calls.
 */
#include "proto/rpc/connection.h"

#include <stdlib.h>
#include <string.h>

#include "proto/rpc/connection_internal.h"
#include "proto/rpc/limits.h"

enum {
    FLUSH_LIMIT_MS = 1000,
    MAX_WHY_TEXT_BYTES = 256,
};

/* ---- making ------------------------------------------------------------------------------ */

static bool init_parts(struct oc_connection *connection)
{
    return nng_aio_alloc(&connection->receive_aio, oc_connection_on_received, connection) == 0 &&
           nng_aio_alloc(&connection->try_aio, NULL, NULL) == 0;
}

static void free_parts(struct oc_connection *connection)
{
    /* Both are idle; these also wait for a callback that is just returning. */
    nng_aio_free(connection->receive_aio);
    nng_aio_free(connection->try_aio);
    nng_aio_free(connection->send_aio);
    nng_stream_dialer_free(connection->dialer); /* first: the stream keeps a reference to it */
    nng_stream_free(connection->stream);
    oc_tls_session_free(connection->tls);
    oc_tls_context_release(connection->tls_context);
    oc_buffer_free(&connection->partial);
    oc_buffer_free(&connection->pending);
    oc_buffer_free(&connection->output);
    oc_buffer_free(&connection->sending);
    free(connection->received);
    free(connection->why_text);
    (void)pthread_mutex_destroy(&connection->lock);
    free(connection);
}

struct oc_connection *oc_connection_new(struct oc_transport *transport, enum oc_sp_role role,
                                        bool is_ipc)
{
    struct oc_connection *connection = calloc(1, sizeof *connection);
    if (!connection) {
        return NULL;
    }
    (void)pthread_mutex_init(&connection->lock, NULL);
    connection->transport = transport;
    connection->role = role;
    connection->is_ipc = is_ipc;
    connection->step.run = oc_connection_on_step;
    const bool is_caller = role == OC_SP_CALLER;
    atomic_init(&connection->max_length,
                is_caller ? OC_MAX_REPLY_FRAME_BYTES : OC_MAX_FRAME_UNAPPROVED_BYTES);
    connection->max_queue =
        is_caller ? OC_MAX_SEND_QUEUE_BYTES : OC_MAX_SEND_QUEUE_UNAPPROVED_BYTES;
    connection->has_first_deadline = true;
    connection->wait_left_ms = oc_transport_handshake_ms(transport);
    if (!init_parts(connection) ||
        !oc_timer_init(&connection->timer, oc_transport_timers(transport), oc_connection_on_time,
                       connection)) {
        free_parts(connection);
        return NULL;
    }
    return connection;
}

void oc_connection_discard(struct oc_connection *connection)
{
    oc_timer_deinit(&connection->timer);
    free_parts(connection);
}

/* ---- ending ------------------------------------------------------------------------------ */

static void keep_reason(struct oc_connection *connection, enum oc_status why, const char *text)
{
    connection->why = why;
    connection->why_text = text ? strndup(text, MAX_WHY_TEXT_BYTES) : NULL;
}

void oc_connection_abort_locked(struct oc_connection *connection, enum oc_status why,
                                const char *text)
{
    if (connection->is_closed) {
        return;
    }
    if (!connection->is_closing) {
        keep_reason(connection, why, text);
    }
    connection->is_closed = true;
    atomic_store(&connection->is_deaf, true);
    if (connection->stream) {
        nng_stream_close(connection->stream);
    }
    if (connection->dialer) {
        nng_stream_dialer_close(connection->dialer);
    }
    oc_connection_offer_to_reaper(connection);
}

void oc_connection_close_locked(struct oc_connection *connection, enum oc_status why,
                                const char *text)
{
    if (connection->is_closed || connection->is_closing) {
        return;
    }
    if (!connection->stream) {
        oc_connection_abort_locked(connection, why, text);
        return;
    }
    keep_reason(connection, why, text);
    connection->is_closing = true;
    atomic_store(&connection->is_deaf, true);
    connection->close_by_ms = oc_monotonic_ms() + FLUSH_LIMIT_MS;
    oc_connection_look_by(connection, connection->close_by_ms);
    oc_connection_flush(connection);
}

void oc_connection_stop_receiving(struct oc_connection *connection)
{
    connection->is_receiving = false;
    oc_connection_offer_to_reaper(connection);
}

void oc_connection_offer_to_reaper(struct oc_connection *connection)
{
    const bool is_idle =
        connection->is_closed && !connection->is_receiving && !connection->is_sending;
    if (!is_idle || connection->is_to_reaper ||
        (connection->is_reported && oc_connection_is_held(connection))) {
        return;
    }
    connection->is_to_reaper = true;
    oc_transport_send_to_reaper(connection->transport, connection);
}

static void report_closed(struct oc_connection *connection)
{
    struct oc_error err = {.status = OC_OK};
    if (connection->why != OC_OK) {
        (void)oc_fail(&err, connection->why, "%s",
                      connection->why_text ? connection->why_text : "closed");
    }
    connection->ops->closed(connection->user, connection, &err);
}

/* On the reaper's thread; nobody else is active on the connection but holders. */
void oc_connection_reap(struct oc_connection *connection)
{
    (void)pthread_mutex_lock(&connection->lock);
    const bool is_first = !connection->is_reported;
    connection->is_reported = true;
    (void)pthread_mutex_unlock(&connection->lock);
    if (is_first) {
        if (connection->listener) {
            oc_listener_note_reaped(connection->listener, connection, connection->why != OC_OK);
        }
        report_closed(connection);
    }
    (void)pthread_mutex_lock(&connection->lock);
    const bool is_over = oc_transport_remove(connection->transport, connection);
    connection->is_to_reaper = is_over; /* while held, the last release offers it again */
    (void)pthread_mutex_unlock(&connection->lock);
    if (is_over) {
        oc_connection_discard(connection);
    }
}

bool oc_connection_is_held(struct oc_connection *connection)
{
    return atomic_load(&connection->n_holds) > 0;
}

void oc_connection_hold(struct oc_connection *connection)
{
    atomic_fetch_add(&connection->n_holds, 1);
}

void oc_connection_release(struct oc_connection *connection)
{
    (void)pthread_mutex_lock(&connection->lock);
    atomic_fetch_sub(&connection->n_holds, 1);
    oc_connection_offer_to_reaper(connection);
    (void)pthread_mutex_unlock(&connection->lock);
}

/* ---- small calls ------------------------------------------------------------------------- */

bool oc_connection_send(struct oc_connection *connection, uint32_t word, const uint8_t *body,
                        size_t n_body)
{
    uint8_t head[OC_SP_MAX_HEADER_BYTES];
    const size_t n_head = oc_sp_header(connection->is_ipc, word, n_body, head);
    (void)pthread_mutex_lock(&connection->lock);
    bool is_queued = connection->phase == OC_PHASE_OPEN && !connection->is_closed &&
                     !connection->is_closing &&
                     oc_connection_queue(connection, head, n_head, body, n_body);
    if (is_queued) {
        oc_connection_flush(connection);
        is_queued = !connection->is_closed;
    }
    (void)pthread_mutex_unlock(&connection->lock);
    return is_queued;
}

void oc_connection_set_approved(struct oc_connection *connection, bool is_approved)
{
    if (connection->role == OC_SP_CALLER) {
        return; /* bounds of a caller do not depend on standing */
    }
    atomic_store(&connection->max_length,
                 is_approved ? OC_MAX_FRAME_BYTES : OC_MAX_FRAME_UNAPPROVED_BYTES);
    (void)pthread_mutex_lock(&connection->lock);
    connection->max_queue =
        is_approved ? OC_MAX_SEND_QUEUE_BYTES : OC_MAX_SEND_QUEUE_UNAPPROVED_BYTES;
    (void)pthread_mutex_unlock(&connection->lock);
}

void oc_connection_set_idle_limit(struct oc_connection *connection, uint64_t idle_ms)
{
    (void)pthread_mutex_lock(&connection->lock);
    connection->has_first_deadline = false;
    connection->idle_ms = idle_ms;
    if (idle_ms > 0) {
        connection->last_frame_ms = oc_monotonic_ms();
        oc_connection_look_by(connection, connection->last_frame_ms + idle_ms);
    }
    (void)pthread_mutex_unlock(&connection->lock);
}

void oc_connection_close(struct oc_connection *connection)
{
    (void)pthread_mutex_lock(&connection->lock);
    oc_connection_close_locked(connection, OC_OK, NULL);
    (void)pthread_mutex_unlock(&connection->lock);
}

void oc_connection_abort(struct oc_connection *connection, enum oc_status why, const char *text)
{
    (void)pthread_mutex_lock(&connection->lock);
    oc_connection_abort_locked(connection, why, text);
    (void)pthread_mutex_unlock(&connection->lock);
}

const struct oc_peer *oc_connection_peer(const struct oc_connection *connection)
{
    return &connection->peer;
}

void *oc_connection_user(const struct oc_connection *connection)
{
    return connection->user;
}
