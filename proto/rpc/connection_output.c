/*
 * Sending: plaintext waits in `pending`, is encrypted in one go into `output`, and leaves as
 * `sending`: at once if the kernel has room, else with one operation in flight at a time; what is
 * queued meanwhile leaves with the next.
 */
#include <string.h>

#include "proto/rpc/connection_internal.h"

enum {
    /* Encrypted at a time: bounds the second copy, and how long the lock is held. */
    ENCRYPT_BYTES = 128 * 1024,
    /* After the last byte is with the kernel, for the peer to take it and hang up: closing a
     * socket with unread input would reset it and drop what was sent. */
    LINGER_MS = 200,
};

size_t oc_connection_queued_bytes(const struct oc_connection *connection)
{
    return oc_buffer_length(&connection->pending) + oc_buffer_length(&connection->output) +
           oc_buffer_length(&connection->sending);
}

bool oc_connection_queue(struct oc_connection *connection, const uint8_t *head, size_t n_head,
                         const uint8_t *body, size_t n_body)
{
    const size_t n_queued = oc_connection_queued_bytes(connection);
    if (n_queued > connection->max_queue || n_head + n_body > connection->max_queue - n_queued) {
        oc_connection_abort_locked(connection, OC_RESOURCE_EXHAUSTED,
                                   "the peer does not take its output");
        return false;
    }
    struct oc_buffer *queue = connection->is_ipc ? &connection->output : &connection->pending;
    if (!oc_buffer_reserve(queue, n_head + n_body)) {
        oc_connection_abort_locked(connection, OC_RESOURCE_EXHAUSTED, "out of memory");
        return false;
    }
    oc_buffer_put(queue, head, n_head);
    oc_buffer_put(queue, body, n_body);
    return true;
}

static bool encrypt_pending(struct oc_connection *connection)
{
    const size_t n_pending = oc_buffer_length(&connection->pending);
    if (n_pending == 0) {
        return true;
    }
    const size_t n = n_pending < ENCRYPT_BYTES ? n_pending : ENCRYPT_BYTES;
    if (!oc_tls_write(connection->tls, &connection->output, oc_buffer_front(&connection->pending),
                      n)) {
        oc_connection_abort_locked(connection, OC_INTERNAL, "tls: cannot encrypt");
        return false;
    }
    oc_buffer_consume(&connection->pending, n);
    return true;
}

static void set_piece(nng_aio *aio, const struct oc_buffer *sending)
{
    nng_iov piece = {.iov_buf = sending->data + sending->start,
                     .iov_len = oc_buffer_length(sending)};
    (void)nng_aio_set_iov(aio, 1, &piece);
}

/*
 * Offers `sending` to the kernel; true when it took all of it, as it nearly always does.
 *
 * An operation without a callback ends on this thread when the kernel takes something at once, so
 * nobody is woken to hear of it. What has to wait is called back at once and goes to post_send. The
 * count alone tells what was taken: newer NNG marks what it is asked to call back as cancelled even
 * if it had ended. The wait is for the poller's thread to be done with an operation that it was
 * just about to end.
 */
static bool send_at_once(struct oc_connection *connection)
{
    set_piece(connection->try_aio, &connection->sending);
    nng_stream_send(connection->stream, connection->try_aio);
    nng_aio_cancel(connection->try_aio);
    nng_aio_wait(connection->try_aio);
    oc_buffer_consume(&connection->sending, nng_aio_count(connection->try_aio));
    return oc_buffer_length(&connection->sending) == 0;
}

/* Waits for the peer to make room. */
static void post_send(struct oc_connection *connection)
{
    if (!connection->send_aio &&
        nng_aio_alloc(&connection->send_aio, oc_connection_on_sent, connection) != 0) {
        oc_connection_abort_locked(connection, OC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    connection->is_sending = true;
    connection->progress_ms = oc_monotonic_ms();
    oc_connection_look_by(connection, connection->progress_ms +
                                          oc_transport_send_stall_ms(connection->transport));
    set_piece(connection->send_aio, &connection->sending);
    nng_stream_send(connection->stream, connection->send_aio);
}

/* Everything is with the kernel. True when a last word goes out first. */
static bool finish_closing(struct oc_connection *connection)
{
    if (connection->tls && !connection->is_notified && connection->phase >= OC_PHASE_GREETING) {
        connection->is_notified = true;
        oc_tls_notify_close(connection->tls, &connection->output);
        if (oc_buffer_length(&connection->output) > 0) {
            return true;
        }
    }
    if (!connection->is_receiving) {
        oc_connection_abort_locked(connection, connection->why, NULL);
        return false;
    }
    const uint64_t linger_until = oc_monotonic_ms() + LINGER_MS;
    if (linger_until < connection->close_by_ms) {
        connection->close_by_ms = linger_until;
        oc_connection_look_by(connection, linger_until);
    }
    return false;
}

/* Moves the next piece of output to `sending`; false when there is none. */
static bool take_output(struct oc_connection *connection)
{
    if (!encrypt_pending(connection)) {
        return false;
    }
    if (oc_buffer_length(&connection->output) == 0 &&
        (!connection->is_closing || !finish_closing(connection))) {
        return false;
    }
    connection->sending = connection->output;
    connection->output = (struct oc_buffer){0};
    return true;
}

/* The first piece is tried at once; the lock is not held for more than that and encrypting the
 * next. */
void oc_connection_flush(struct oc_connection *connection)
{
    if (connection->is_closed || connection->is_sending || connection->is_batching ||
        !take_output(connection)) {
        return;
    }
    if (!send_at_once(connection) || take_output(connection)) {
        post_send(connection);
    }
}

void oc_connection_on_sent(void *argument)
{
    struct oc_connection *connection = argument;
    (void)pthread_mutex_lock(&connection->lock);
    const int reason = (int)nng_aio_result(connection->send_aio);
    connection->is_sending = false;
    if (reason != 0) {
        oc_connection_abort_locked(connection, OC_UNAVAILABLE, nng_strerror(reason));
    } else {
        oc_buffer_consume(&connection->sending, nng_aio_count(connection->send_aio));
    }
    if (connection->is_closed) {
        oc_connection_offer_to_reaper(connection);
    } else if (oc_buffer_length(&connection->sending) > 0) {
        post_send(connection);
    } else {
        oc_connection_flush(connection);
    }
    (void)pthread_mutex_unlock(&connection->lock);
}
