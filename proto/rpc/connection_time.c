/*
 * Deadlines. A connection has one timer; it is armed for the earliest deadline there was and, when
 * it fires, looks at all of them and arms for the next. Busy connections so arm nothing per frame.
 */
#include "proto/rpc/connection_internal.h"

void oc_connection_look_by(struct oc_connection *connection, uint64_t due_ms)
{
    if (connection->timer_due_ms != 0 && connection->timer_due_ms <= due_ms) {
        return;
    }
    connection->timer_due_ms = due_ms;
    oc_timer_arm(&connection->timer, due_ms);
}

/* When our patience with a handshake ends that has begun; with the clock running. */
static uint64_t patience_until(const struct oc_connection *connection)
{
    const uint64_t limit_ms = oc_transport_handshake_ms(connection->transport);
    const uint64_t patience_ms = oc_transport_patience_ms(connection->transport);
    const uint64_t waited_ms = limit_ms - connection->wait_left_ms;
    return connection->waiting_since_ms + (waited_ms < patience_ms ? patience_ms - waited_ms : 0);
}

static bool may_lose_patience(const struct oc_connection *connection)
{
    return connection->has_begun && connection->phase != OC_PHASE_OPEN;
}

void oc_connection_start_waiting(struct oc_connection *connection)
{
    if (!connection->has_first_deadline || connection->waiting_since_ms != 0) {
        return;
    }
    connection->waiting_since_ms = oc_monotonic_ms();
    oc_connection_look_by(connection, connection->waiting_since_ms + connection->wait_left_ms);
    if (may_lose_patience(connection)) {
        oc_connection_look_by(connection, patience_until(connection));
    }
}

void oc_connection_stop_waiting(struct oc_connection *connection)
{
    /* A caller's limit is its own and counts everything. */
    if (connection->role == OC_SP_CALLER || connection->waiting_since_ms == 0) {
        return;
    }
    const uint64_t waited_ms = oc_monotonic_ms() - connection->waiting_since_ms;
    connection->waiting_since_ms = 0;
    connection->wait_left_ms -=
        waited_ms < connection->wait_left_ms ? waited_ms : connection->wait_left_ms;
}

/* Aborts if due; else lowers *next to it. */
static void check(struct oc_connection *connection, uint64_t now_ms, uint64_t due_ms,
                  enum oc_status why, const char *text, uint64_t *next)
{
    if (due_ms <= now_ms) {
        oc_connection_abort_locked(connection, why, text);
    } else if (due_ms < *next) {
        *next = due_ms;
    }
}

/* While nobody waits for its place it may have the 5 s. */
static void check_patience(struct oc_connection *connection, uint64_t now_ms, uint64_t *next)
{
    enum { LOOK_AGAIN_MS = 250 };
    const uint64_t due_ms = patience_until(connection);
    if (due_ms > now_ms) {
        *next = due_ms < *next ? due_ms : *next;
    } else if (oc_listener_gives_way(connection->listener, connection)) {
        oc_connection_abort_locked(connection, OC_DEADLINE_EXCEEDED,
                                   "made room for one that waits in line");
    } else if (now_ms + LOOK_AGAIN_MS < *next) {
        *next = now_ms + LOOK_AGAIN_MS;
    }
}

static uint64_t check_all(struct oc_connection *connection, uint64_t now_ms)
{
    uint64_t next = UINT64_MAX;
    if (connection->has_first_deadline && connection->waiting_since_ms != 0) {
        check(connection, now_ms, connection->waiting_since_ms + connection->wait_left_ms,
              OC_DEADLINE_EXCEEDED, "the peer did not finish its handshake and first call in time",
              &next);
        if (may_lose_patience(connection) && !connection->is_closed) {
            check_patience(connection, now_ms, &next);
        }
    }
    if (connection->line_until_ms != 0) {
        check(connection, now_ms, connection->line_until_ms, OC_RESOURCE_EXHAUSTED,
              "the line was too long", &next);
    }
    if (connection->idle_ms != 0 && connection->phase == OC_PHASE_OPEN) {
        check(connection, now_ms, connection->last_frame_ms + connection->idle_ms,
              OC_DEADLINE_EXCEEDED, "the peer was silent for too long", &next);
    }
    if (connection->is_sending) {
        check(connection, now_ms,
              connection->progress_ms + oc_transport_send_stall_ms(connection->transport),
              OC_DEADLINE_EXCEEDED, "the peer took no output for too long", &next);
    }
    if (connection->is_closing) {
        check(connection, now_ms, connection->close_by_ms, connection->why, NULL, &next);
    }
    return next;
}

void oc_connection_on_time(void *argument)
{
    struct oc_connection *connection = argument;
    (void)pthread_mutex_lock(&connection->lock);
    connection->timer_due_ms = 0;
    if (!connection->is_closed) {
        const uint64_t now_ms = oc_monotonic_ms();
        const uint64_t next = check_all(connection, now_ms);
        if (!connection->is_closed && next != UINT64_MAX) {
            oc_connection_look_by(connection, oc_timer_shared_moment(now_ms, next));
        }
    }
    (void)pthread_mutex_unlock(&connection->lock);
}
