/*
 * Every bound of the wire, by connection state. Nothing is allocated from a claimed length before
 * the length was compared with these.
 */
#pragma once

enum {
    OC_ENVELOPE_VERSION = 1,

    /* A frame's length as it stands on the wire: the correlation word and the envelope. */
    OC_MAX_FRAME_UNAPPROVED_BYTES = 8 * 1024,
    OC_MAX_FRAME_BYTES = 64 * 1024,
    /* Replies may be longer than calls: a page of 500 devices. Only our own clients accept them. */
    OC_MAX_REPLY_FRAME_BYTES = 1024 * 1024,

    /* What decoding one call may cost in memory, whatever it claims. */
    OC_ARENA_BYTES = 256 * 1024,

    OC_MAX_CALLS_IN_FLIGHT_UNAPPROVED = 8,
    OC_MAX_CALLS_IN_FLIGHT = 1024,
    /* Of a remote administrator: all its connections together leave half of the writer's queue. */
    OC_MAX_CALLS_IN_FLIGHT_ADMIN = 64,

    /* Output that waits for a slow peer; more closes the connection. */
    OC_MAX_SEND_QUEUE_UNAPPROVED_BYTES = 64 * 1024,
    OC_MAX_SEND_QUEUE_BYTES = 4 * 1024 * 1024,

    OC_MAX_PEER_CERTIFICATE_BYTES = 2 * 1024,

    /* From accept to the first complete call, counting only the time spent waiting for the peer. */
    OC_HANDSHAKE_MS = 5 * 1000,
    /* An agent's patience with a gateway: longer than the line of one that was just restarted. */
    OC_AGENT_DIAL_MS = 30 * 1000,
    /* Output pending without one byte accepted by the peer. */
    OC_SEND_STALL_MS = 30 * 1000,

    OC_DEFAULT_BUDGET_MS = 10 * 1000,
    OC_MIN_BUDGET_MS = 1,
    OC_MAX_BUDGET_MS = 60 * 1000,
    OC_LONG_POLL_MS = 25 * 1000,

    OC_TRACE_ID_BYTES = 16,
    OC_IDEMPOTENCY_KEY_BYTES = 16,

    /* Of a listener. Handshakes that have begun: some 20 KiB of TLS state each. */
    OC_MAX_UNFINISHED = 512,
    OC_MAX_UNFINISHED_PER_SOURCE = 64,
    /* Connections whose handshake has not begun: a descriptor and some 3 KiB each. A gateway that
     * was restarted meets all its agents at once, and refuses none of them. */
    OC_MAX_ARRIVALS = 8192,
    OC_MAX_ARRIVALS_PER_SOURCE = 4096,
    /* What a peer may say before its handshake begins: one record with the first words of TLS,
     * those with keys that withstand quantum computers included. */
    OC_MAX_EARLY_BYTES = 4 * 1024,
    /* A handshake that has kept us waiting so long in all loses its place if somebody waits for
     * it. Longer than any round trip, by satellite included, and than a machine needs that starts
     * thousands of handshakes before it goes on with the first. */
    OC_HANDSHAKE_PATIENCE_MS = 2000,
    /* What the kernel may keep for us until we accept it. */
    OC_LISTEN_BACKLOG = 4096,
    /* Kept free of connections over TLS, for the local door, the database and the log; at most a
     * quarter of all. */
    OC_RESERVED_DESCRIPTORS = 256,
    /* A connection of an approved peer is established when it has been open so long: who has just
     * come back is no reason to let those wait who come back with it. */
    OC_ESTABLISHED_MS = 1000,
    /* Handshakes yield so long to established calls: longer than two heartbeats are apart. */
    OC_YIELD_MS = 30 * 1000,
    /* In line at most. */
    OC_LINE_MS = 60 * 1000,
};
