/*
 * The device's side of pairing as a pure state machine: what to do after each thing that happens.
 * Time passes outside; randomness arrives as an argument. It never asks for anything but a call, a
 * wait or an end: an identity or a record is never touched.
 *
 *            START, DELAY_OVER            OPENED             REFUSED, queued
 *      IDLE ───────────────► DIALLING ───────────► ASKING ───────────────────► WAITING ─┐ POLLED
 *              ┌──────────────┘  ▲                 │    ▲───────── APPROVED ────┘  ▲────┘
 *     LOST ... ▼                 │        ADMITTED ▼
 *           BACKOFF ─────────────┘               SESSION ─┐ POLLED, ALIVE
 *              ▲ LOST, AWAY, refused for now ──────┘ ▲────┘
 *      any ── STOP, HOPELESS, refused for good ──► STOPPED
 */
#pragma once

#include <openclaw/status.h>
#include <openclaw/types.h>

enum oc_flow_state {
    OC_FLOW_IDLE,
    OC_FLOW_DIALLING,
    OC_FLOW_ASKING,
    OC_FLOW_WAITING,
    OC_FLOW_SESSION,
    OC_FLOW_BACKOFF,
    OC_FLOW_STOPPED,
    OC_FLOW_STATE_COUNT
};

enum oc_flow_event_kind {
    OC_FLOW_EV_START,
    OC_FLOW_EV_DELAY_OVER,
    OC_FLOW_EV_OPENED,
    OC_FLOW_EV_LOST,     /* status: why; also when a call of the attempt failed */
    OC_FLOW_EV_HOPELESS, /* status: trying again changes nothing (a wrong gateway, say) */
    OC_FLOW_EV_ADMITTED,
    OC_FLOW_EV_REFUSED, /* refusal, has_request, retry_after_ms: of Connect, wait or session */
    OC_FLOW_EV_APPROVED,
    OC_FLOW_EV_POLLED, /* a parked call came back and changes nothing here; elapsed_ms */
    OC_FLOW_EV_ALIVE,  /* a heartbeat was answered */
    OC_FLOW_EV_AWAY,   /* superseded, draining, not decided: come back after retry_after_ms */
    OC_FLOW_EV_STOP,
    OC_FLOW_EVENT_COUNT
};

struct oc_flow_event {
    enum oc_flow_event_kind kind;
    enum oc_status status;
    enum oc_refusal_kind refusal;
    bool has_request;
    uint32_t retry_after_ms;
    uint64_t elapsed_ms;
};

enum oc_flow_action {
    OC_FLOW_DO_NOTHING,
    OC_FLOW_DO_DIAL,
    OC_FLOW_DO_CONNECT,        /* the call, on the open connection */
    OC_FLOW_DO_AWAIT_DECISION, /* after delay_ms */
    OC_FLOW_DO_AWAIT_NOTICE,   /* after delay_ms */
    OC_FLOW_DO_SLEEP,          /* without a connection, delay_ms; then DELAY_OVER */
    OC_FLOW_DO_STOP,           /* status */
};

struct oc_flow_step {
    enum oc_flow_action action;
    uint64_t delay_ms;
    enum oc_status status;
};

enum {
    OC_FLOW_FIRST_WINDOW_MS = 1000,
    OC_FLOW_LAST_WINDOW_MS = 60 * 1000,
    OC_FLOW_MAX_RETRY_AFTER_MS = 60 * 60 * 1000, /* what a gateway may impose */
    OC_FLOW_STAY_AWAY_MS = 60 * 1000,            /* after 403 or superseded, at least */
    OC_FLOW_MIN_POLL_MS = 250,                   /* a parked call that returns sooner is paced */
    OC_FLOW_SETTLED_MS = 1000,                   /* one that lasts so long proves the connection */
    OC_FLOW_MAX_ASKS = 4,                        /* on one connection, without a session between */
};

struct oc_flow {
    enum oc_flow_state state;
    bool keeps_asking;
    bool is_once;
    uint32_t n_failures; /* since something last went well */
    uint32_t n_asks;     /* on this connection */
};

void oc_flow_init(struct oc_flow *flow, bool keeps_asking, bool is_once);

/* Takes one event. An event that does not belong to the state changes nothing. `random` is any
 * number, uniformly drawn. */
struct oc_flow_step oc_flow_take(struct oc_flow *flow, const struct oc_flow_event *event,
                                 uint32_t random);
