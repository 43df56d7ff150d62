/*
 * What connections and listeners use of the transport they belong to.
 *
 * Lock order: a connection's lock, then any one of the transport's (timers, handshake queue,
 * list, reaper). Those are leaves.
 */
#pragma once

#include "proto/rpc/step_queue.h"
#include "proto/rpc/timer.h"
#include "proto/rpc/transport.h"

struct oc_connection;

/* A connection's places in the transport's lists; the transport's lock guards them. */
struct oc_transport_links {
    struct oc_transport_links *previous;
    struct oc_transport_links *next;
    struct oc_connection *owner;
    struct oc_connection *next_reaped;
};

struct oc_timers *oc_transport_timers(struct oc_transport *transport);
struct oc_step_queue *oc_transport_steps(struct oc_transport *transport);
/* Chooses how the calling thread, of NNG's pool, is scheduled from now on. */
void oc_transport_schedule_thread(const struct oc_transport *transport);
/* Somebody was heard for whom people wait. */
void oc_transport_hurry(struct oc_transport *transport, uint64_t now_ms);
/* The lane of what this process dials. */
struct oc_lane *oc_transport_dial_lane(struct oc_transport *transport);
uint32_t oc_transport_handshake_ms(const struct oc_transport *transport);
uint32_t oc_transport_send_stall_ms(const struct oc_transport *transport);
uint32_t oc_transport_patience_ms(const struct oc_transport *transport);

/* Lists a connection from its making to its end, so that the transport can close what is left. */
void oc_transport_add(struct oc_transport *transport, struct oc_connection *connection);
/* False, and nothing is done, while somebody holds it: only then may its memory go. */
bool oc_transport_remove(struct oc_transport *transport, struct oc_connection *connection);

/* Whether there are descriptors for one more connection of strangers beside what is reserved. When
 * it is tight somebody else must go for it; what goes takes a moment, so that half of the reserve
 * may be in use: then none may come. */
enum oc_transport_room {
    OC_ROOM_ENOUGH,
    OC_ROOM_TIGHT,
    OC_ROOM_NONE,
};
enum oc_transport_room oc_transport_room(struct oc_transport *transport);

/* Has the reaper call oc_connection_reap on it soon. */
void oc_transport_send_to_reaper(struct oc_transport *transport, struct oc_connection *connection);
