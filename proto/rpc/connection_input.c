/*
 * Receiving: what NNG read goes to the handshake, or through decryption and the framing to the
 * user; then the replies leave in one write and the next receive is posted.
 */
#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "proto/rpc/address.h"
#include "proto/rpc/connection_internal.h"
#include "proto/rpc/limits.h"

enum {
    /* A receive that filled its buffer makes the next one bigger; an idle connection keeps the
     * small one posted: room for a few heartbeats, and before that for a handshake's flight. */
    SMALL_RECEIVE_BYTES = 256,
    HANDSHAKE_RECEIVE_BYTES = 1024,
    BIG_RECEIVE_BYTES = 16 * 1024,
    SMALL_IN_A_ROW = 4,
    /* What was sent while so many frames were handled leaves before the next are: the peer, on
     * another core, need not wait for the last of a long batch to begin with the first. */
    FRAMES_PER_WRITE = 16,
    /* On the stack of the receiving thread: plaintext is nowhere else, once it is handled. */
    SCRATCH_BYTES = 32 * 1024,
};

/* What is to be done without the lock when NNG called. */
enum next {
    NEXT_NOTHING,
    NEXT_INPUT,
    NEXT_STEP,
};

enum input_result {
    INPUT_MORE, /* call again */
    INPUT_USED_UP,
    INPUT_CLOSED, /* by the peer, in order */
    INPUT_FAILED,
};

/* ---- posting ----------------------------------------------------------------------------- */

static void choose_buffer(struct oc_connection *connection)
{
    const size_t n = connection->n_received;
    const size_t small =
        connection->phase == OC_PHASE_HANDSHAKE ? HANDSHAKE_RECEIVE_BYTES : SMALL_RECEIVE_BYTES;
    size_t wanted = small;
    if (connection->received_capacity == BIG_RECEIVE_BYTES) {
        connection->n_small = n > small ? 0 : connection->n_small + 1;
        wanted = connection->n_small < SMALL_IN_A_ROW ? BIG_RECEIVE_BYTES : small;
    } else if (n > 0 && n == connection->received_capacity) {
        connection->n_small = 0;
        wanted = BIG_RECEIVE_BYTES;
    }
    if (wanted == connection->received_capacity) {
        return;
    }
    uint8_t *buffer = malloc(wanted);
    if (buffer) { /* else the old one will do */
        free(connection->received);
        connection->received = buffer;
        connection->received_capacity = wanted;
    }
}

/* Behind what is there. */
static void post_receive(struct oc_connection *connection)
{
    nng_iov piece = {.iov_buf = connection->received + connection->n_received,
                     .iov_len = connection->received_capacity - connection->n_received};
    (void)nng_aio_set_iov(connection->receive_aio, 1, &piece);
    nng_stream_recv(connection->stream, connection->receive_aio);
}

void oc_connection_receive_more(struct oc_connection *connection)
{
    if (!connection->is_closed) {
        choose_buffer(connection);
        if (!connection->received) {
            oc_connection_abort_locked(connection, OC_RESOURCE_EXHAUSTED, "out of memory");
        }
    }
    if (connection->is_closed) {
        oc_connection_stop_receiving(connection);
        return;
    }
    connection->n_received = 0;
    post_receive(connection);
}

static bool grow_for_rest(struct oc_connection *connection)
{
    const size_t capacity = 2 * connection->received_capacity;
    uint8_t *grown =
        capacity <= OC_MAX_EARLY_BYTES ? realloc(connection->received, capacity) : NULL;
    if (grown) {
        connection->received = grown;
        connection->received_capacity = capacity;
    }
    return grown != NULL;
}

void oc_connection_receive_rest(struct oc_connection *connection)
{
    if (connection->n_received == connection->received_capacity && !connection->is_closed &&
        !grow_for_rest(connection)) {
        oc_connection_abort_locked(connection, OC_RESOURCE_EXHAUSTED,
                                   "too much was said before the handshake");
    }
    if (connection->is_closed) {
        oc_connection_stop_receiving(connection);
        return;
    }
    post_receive(connection);
}

/* ---- frames, without the lock ------------------------------------------------------------- */

static void break_off(struct oc_connection *connection, const char *text)
{
    oc_connection_abort(connection, OC_INVALID_ARGUMENT, text);
}

static void open_up(struct oc_connection *connection)
{
    (void)pthread_mutex_lock(&connection->lock);
    const bool is_wanted = !connection->is_closed && !connection->is_closing;
    if (is_wanted) {
        connection->phase = OC_PHASE_OPEN;
        connection->opened_ms = connection->last_frame_ms = oc_monotonic_ms();
        if (connection->listener) {
            oc_listener_note_opened(connection->listener, connection);
        } else {
            connection->has_first_deadline = false;
        }
        connection->lane = NULL;
    }
    (void)pthread_mutex_unlock(&connection->lock);
    if (is_wanted && !connection->ops->opened(connection->user, connection, &connection->peer)) {
        oc_connection_close(connection);
    }
}

/* Gives the bytes of the greeting that were used, 0 if it is not whole. */
static size_t take_greeting(struct oc_connection *connection, const uint8_t *bytes, size_t n)
{
    const size_t n_seen = n < OC_SP_GREETING_BYTES ? n : OC_SP_GREETING_BYTES;
    if (!oc_sp_greeting_matches(connection->role, bytes, n_seen)) {
        break_off(connection, "the peer's greeting is not that of this protocol");
        return 0;
    }
    if (n_seen < OC_SP_GREETING_BYTES) {
        return 0;
    }
    connection->is_greeted = true;
    open_up(connection);
    return OC_SP_GREETING_BYTES;
}

static void let_go(struct oc_connection *connection)
{
    (void)pthread_mutex_lock(&connection->lock);
    connection->is_batching = false;
    oc_connection_flush(connection);
    connection->is_batching = true;
    (void)pthread_mutex_unlock(&connection->lock);
}

/* Handles every whole message; gives the bytes that were used. */
static size_t take_messages(struct oc_connection *connection, const uint8_t *bytes, size_t n,
                            unsigned *n_frames)
{
    size_t at = 0;
    if (!connection->is_greeted) {
        at = take_greeting(connection, bytes, n);
    }
    while (connection->is_greeted && !atomic_load(&connection->is_deaf)) {
        struct oc_sp_frame frame;
        const enum oc_sp_result result = oc_sp_next(connection->is_ipc, bytes + at, n - at,
                                                    atomic_load(&connection->max_length), &frame);
        if (result == OC_SP_BROKEN) {
            break_off(connection, "a message breaks the framing or is over its bound");
        }
        if (result != OC_SP_FRAME) {
            break;
        }
        connection->ops->frame(connection->user, connection, frame.word, frame.body, frame.n_body);
        at += frame.n_consumed;
        if (++*n_frames % FRAMES_PER_WRITE == 0 && at < n) {
            let_go(connection);
        }
    }
    return at;
}

static void deliver(struct oc_connection *connection, const uint8_t *bytes, size_t n,
                    unsigned *n_frames)
{
    struct oc_buffer *partial = &connection->partial;
    const bool has_partial = oc_buffer_length(partial) > 0;
    bool has_memory = true;
    if (has_partial) {
        has_memory = oc_buffer_append(partial, bytes, n);
        if (has_memory) {
            const size_t n_used = take_messages(connection, oc_buffer_front(partial),
                                                oc_buffer_length(partial), n_frames);
            oc_buffer_consume(partial, n_used);
        }
    } else if (n > 0) {
        const size_t n_used = take_messages(connection, bytes, n, n_frames);
        has_memory = n_used == n || oc_buffer_append(partial, bytes + n_used, n - n_used);
    }
    if (!has_memory) {
        oc_connection_abort(connection, OC_RESOURCE_EXHAUSTED, "out of memory");
    }
}

/* ---- plaintext --------------------------------------------------------------------------- */

static enum input_result read_tls(struct oc_connection *connection, uint8_t *scratch, size_t *n,
                                  struct oc_error *err)
{
    switch (oc_tls_read(connection->tls, &connection->output, scratch, SCRATCH_BYTES, n, err)) {
    case OC_TLS_DONE:
        return INPUT_MORE;
    case OC_TLS_WANT_INPUT:
        return INPUT_USED_UP;
    case OC_TLS_CLOSED:
        return INPUT_CLOSED;
    case OC_TLS_FAILED:
        break;
    }
    return INPUT_FAILED;
}

/* Under the lock: the next plaintext, in *bytes. */
static enum input_result read_some(struct oc_connection *connection, uint8_t *scratch,
                                   const uint8_t **bytes, size_t *n, struct oc_error *err)
{
    enum input_result result = INPUT_USED_UP;
    *n = 0;
    (void)pthread_mutex_lock(&connection->lock);
    connection->is_batching = true;
    if (!connection->is_closed && !connection->is_closing) {
        if (connection->is_ipc) {
            *bytes = connection->received;
            *n = connection->n_received;
        } else {
            *bytes = scratch;
            result = read_tls(connection, scratch, n, err);
        }
    }
    (void)pthread_mutex_unlock(&connection->lock);
    return result;
}

/* Others' handshakes are not to be in the way of a device's, nor anything in that of a person's. */
static void note_call(struct oc_connection *connection)
{
    const uint64_t now_ms = connection->last_frame_ms;
    if (connection->listener && atomic_load(&connection->max_length) == OC_MAX_FRAME_BYTES &&
        now_ms - connection->opened_ms >= OC_ESTABLISHED_MS) {
        oc_step_queue_yield(oc_transport_steps(connection->transport), now_ms + OC_YIELD_MS);
    }
    if (connection->is_ipc || connection->peer.admin) {
        oc_transport_hurry(connection->transport, now_ms);
    }
}

static void end_batch(struct oc_connection *connection, enum input_result result, bool has_frame,
                      const struct oc_error *err)
{
    connection->is_batching = false;
    if (has_frame) {
        connection->last_frame_ms = oc_monotonic_ms();
        connection->has_first_deadline = false;
        note_call(connection);
    }
    if (result == INPUT_CLOSED) {
        oc_connection_abort_locked(connection, OC_OK, NULL);
    } else if (result == INPUT_FAILED) {
        connection->is_notified = true; /* its alert is in the output; nothing may follow */
        oc_connection_close_locked(connection, err->status, err->text);
    } else if (oc_connection_queued_bytes(connection) > connection->max_queue) {
        oc_connection_abort_locked(connection, OC_RESOURCE_EXHAUSTED,
                                   "the peer does not take its output");
    }
    oc_connection_flush(connection);
    oc_connection_receive_more(connection);
}

void oc_connection_take_input(struct oc_connection *connection)
{
    uint8_t scratch[SCRATCH_BYTES];
    struct oc_error err = {.status = OC_OK};
    enum input_result result = INPUT_MORE;
    unsigned n_frames = 0;
    while (result == INPUT_MORE) {
        const uint8_t *bytes = scratch;
        size_t n = 0;
        result = read_some(connection, scratch, &bytes, &n, &err);
        if (n > 0) {
            deliver(connection, bytes, n, &n_frames);
        }
    }
    (void)pthread_mutex_lock(&connection->lock);
    end_batch(connection, result, n_frames > 0, &err);
    (void)pthread_mutex_unlock(&connection->lock);
}

/* ---- NNG's callback ---------------------------------------------------------------------- */

static void end_of_stream(struct oc_connection *connection, int reason)
{
    const bool is_orderly = reason == NNG_ECONNSHUT || reason == NNG_ECLOSED;
    if (is_orderly && connection->is_ipc && connection->phase == OC_PHASE_OPEN) {
        oc_connection_abort_locked(connection, OC_OK, NULL);
    } else if (is_orderly) {
        oc_connection_abort_locked(connection, OC_UNAVAILABLE, "the peer went away");
    } else {
        oc_connection_abort_locked(connection, OC_UNAVAILABLE, nng_strerror(reason));
    }
}

static enum next on_dialled(struct oc_connection *connection, int reason)
{
    if (reason == 0) {
        connection->stream = nng_aio_get_output(connection->receive_aio, 0);
    }
    if (connection->is_closed) {
        oc_connection_stop_receiving(connection);
    } else if (reason != 0) {
        oc_connection_abort_locked(connection, OC_UNAVAILABLE, nng_strerror(reason));
        oc_connection_stop_receiving(connection);
    } else {
        if (!oc_source_of_stream(connection->stream, connection->is_ipc,
                                 &connection->peer.source)) {
            connection->peer.source = (struct oc_source){.is_local = connection->is_ipc};
        }
        oc_credentials_of_stream(connection->stream, &connection->peer.uid, &connection->peer.pid);
        return oc_connection_begin(connection) ? NEXT_STEP : NEXT_NOTHING;
    }
    return NEXT_NOTHING;
}

static enum next sort_out(struct oc_connection *connection, int reason)
{
    if (connection->phase == OC_PHASE_DIALLING) {
        return on_dialled(connection, reason);
    }
    if (reason == 0) {
        connection->n_received += nng_aio_count(connection->receive_aio);
    } else if (reason != NNG_ECANCELED || connection->line_until_ms == 0) {
        end_of_stream(connection, reason);
    }
    if (connection->is_closed || connection->is_closing) {
        oc_connection_receive_more(connection); /* what arrives while closing is dropped */
        return NEXT_NOTHING;
    }
    if (connection->phase == OC_PHASE_HANDSHAKE) {
        return oc_connection_take_flight(connection) ? NEXT_STEP : NEXT_NOTHING;
    }
    if (connection->tls) {
        oc_tls_feed(connection->tls, connection->received, connection->n_received);
    }
    return NEXT_INPUT;
}

void oc_connection_on_received(void *argument)
{
    struct oc_connection *connection = argument;
    oc_transport_schedule_thread(connection->transport);
    (void)pthread_mutex_lock(&connection->lock);
    const enum next next = sort_out(connection, (int)nng_aio_result(connection->receive_aio));
    (void)pthread_mutex_unlock(&connection->lock);
    if (next == NEXT_INPUT) {
        oc_connection_take_input(connection);
    } else if (next == NEXT_STEP) {
        oc_connection_take_step(connection);
    }
}
