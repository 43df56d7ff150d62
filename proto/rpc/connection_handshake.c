/*
 * The beginning of a connection: TLS steps in the slots of the handshake queue, then our greeting.
 *
 * A slot is held for one step and never waits for the peer; the first deadline stands still while
 * a step waits for a slot, and before that while the peer's first words wait in line: TLS state is
 * made when it is their turn, see admission.h.
 */
#include <stddef.h>
#include <string.h>

#include "proto/rpc/connection_internal.h"
#include "proto/rpc/limits.h"

void oc_connection_take_step(struct oc_connection *connection)
{
    oc_step_queue_run(oc_transport_steps(connection->transport), connection->lane,
                      &connection->step);
}

/* Whether a TLS record is whole; what cannot become one is left to TLS to refuse. */
static bool is_whole_record(const uint8_t *bytes, size_t n)
{
    enum { HEAD_BYTES = 5, HANDSHAKE_RECORD = 22 };
    if (n == 0) {
        return false;
    }
    if (bytes[0] != HANDSHAKE_RECORD) {
        return true;
    }
    return n >= HEAD_BYTES && n - HEAD_BYTES >= ((size_t)bytes[3] << 8 | bytes[4]);
}

static void wait_in_line(struct oc_connection *connection)
{
    if (connection->line_until_ms == 0) {
        connection->line_until_ms = oc_monotonic_ms() + OC_LINE_MS;
        oc_connection_look_by(connection, connection->line_until_ms);
    }
    oc_connection_receive_rest(connection);
    if (!connection->is_closed) {
        oc_listener_line_up(connection->listener, connection);
    }
}

bool oc_connection_take_flight(struct oc_connection *connection)
{
    bool may_step = !connection->listener || connection->has_begun;
    if (!may_step && !is_whole_record(connection->received, connection->n_received)) {
        oc_connection_receive_rest(connection);
        return false;
    }
    if (!may_step && oc_listener_may_begin(connection->listener, connection)) {
        connection->has_begun = true;
        connection->line_until_ms = 0;
        may_step = true;
    }
    oc_connection_stop_waiting(connection);
    if (!may_step) {
        wait_in_line(connection);
    }
    return may_step;
}

static bool greet(struct oc_connection *connection)
{
    uint8_t greeting[OC_SP_GREETING_BYTES];
    oc_sp_greeting(connection->role, greeting);
    connection->phase = OC_PHASE_GREETING;
    return oc_connection_queue(connection, greeting, sizeof greeting, NULL, 0);
}

static bool finish_handshake(struct oc_connection *connection, struct oc_error *err)
{
    struct oc_tls_peer proved;
    memset(&proved, 0, sizeof proved);
    if (!oc_tls_read_peer(connection->tls, &proved)) {
        (void)oc_fail(err, OC_UNAUTHENTICATED, "tls: the peer's certificate is not readable");
        return false;
    }
    connection->peer.has_device_id = connection->listener != NULL && !proved.admin;
    connection->peer.admin = proved.admin;
    connection->peer.device_id = proved.device_id;
    connection->peer.spki_sha256 = proved.spki_sha256;
    return greet(connection);
}

static enum oc_tls_result shake_hands(struct oc_connection *connection, struct oc_error *err)
{
    if (!connection->tls &&
        oc_tls_session_new(connection->tls_context, &connection->tls, err) != OC_OK) {
        return OC_TLS_FAILED;
    }
    oc_tls_feed(connection->tls, connection->received, connection->n_received);
    enum oc_tls_result result = oc_tls_handshake(connection->tls, &connection->output, err);
    if (result == OC_TLS_FAILED) {
        connection->peer.spki_sha256 = oc_tls_refused_key(connection->tls);
    }
    if (result == OC_TLS_CLOSED) {
        (void)oc_fail(err, OC_UNAVAILABLE, "tls: the peer closed during the handshake");
        return OC_TLS_FAILED;
    }
    if (result == OC_TLS_DONE && !finish_handshake(connection, err)) {
        return OC_TLS_FAILED;
    }
    return result;
}

/* One step, in its slot; the receiving activity is ours. */
void oc_connection_on_step(struct oc_step *step)
{
    struct oc_connection *connection =
        (struct oc_connection *)(void *)((char *)step - offsetof(struct oc_connection, step));
    struct oc_error err = {.status = OC_UNAVAILABLE};
    enum oc_tls_result result = OC_TLS_WANT_INPUT;
    (void)pthread_mutex_lock(&connection->lock);
    if (!connection->is_closed && !connection->is_closing) {
        result = shake_hands(connection, &err);
        oc_connection_start_waiting(connection);
    }
    if (result == OC_TLS_FAILED) {
        connection->is_notified = true;
        oc_connection_close_locked(connection, err.status, err.text);
    }
    if (result != OC_TLS_DONE) {
        oc_connection_flush(connection);
        oc_connection_receive_more(connection);
    }
    (void)pthread_mutex_unlock(&connection->lock);
    if (result == OC_TLS_DONE) {
        /* The peer's first words may have come with its last step: our greeting then leaves with
         * the answer, at the end of the batch. */
        oc_connection_take_input(connection);
    }
}

bool oc_connection_begin(struct oc_connection *connection)
{
    oc_connection_start_waiting(connection);
    if (connection->is_ipc) {
        if (greet(connection)) {
            oc_connection_flush(connection);
        }
        oc_connection_receive_more(connection);
        return false;
    }
    connection->phase = OC_PHASE_HANDSHAKE;
    if (connection->role == OC_SP_GATEWAY) {
        oc_connection_receive_more(connection);
        return false;
    }
    return true;
}
