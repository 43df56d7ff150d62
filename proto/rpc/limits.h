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

    /* Output that waits for a slow peer; more closes the connection. */
    OC_MAX_SEND_QUEUE_UNAPPROVED_BYTES = 64 * 1024,
    OC_MAX_SEND_QUEUE_BYTES = 4 * 1024 * 1024,

    OC_MAX_PEER_CERTIFICATE_BYTES = 2 * 1024,

    /* From accept to the first complete call, counting only the time spent waiting for the peer. */
    OC_HANDSHAKE_MS = 5 * 1000,
    /* Output pending without one byte accepted by the peer. */
    OC_SEND_STALL_MS = 30 * 1000,

    OC_DEFAULT_BUDGET_MS = 10 * 1000,
    OC_MIN_BUDGET_MS = 1,
    OC_MAX_BUDGET_MS = 60 * 1000,
    OC_LONG_POLL_MS = 25 * 1000,

    OC_TRACE_ID_BYTES = 16,
    OC_IDEMPOTENCY_KEY_BYTES = 16,
    OC_MAX_UNFINISHED = 512,
    OC_MAX_UNFINISHED_PER_SOURCE = 64,
};
