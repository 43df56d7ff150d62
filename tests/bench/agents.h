/*
 * A fleet of agents in one process: each asks for a session, waits for its approval with a call
 * left open, keeps another open while it has the session, and comes back when it was cut off, as
 * the agents of libopenclaw do. A tool of tests and benchmarks: it ends at what cannot be.
 */
#pragma once

#include <openclaw/client.h>
#include <pthread.h>

#include "tests/bench/fleet_device.h"

enum {
    AGENTS_PER_SOURCE = 25,  /* fewer than the gateway's cap for strangers of one address */
    AGENTS_MAX_DEPTH = 64,   /* of a flood's calls in flight */
    AGENTS_LIMIT_MS = 60000, /* of every wait */
};

enum agent_place {
    AGENT_AWAY,    /* no connection */
    AGENT_ASKING,  /* dialling, or Connect is not answered */
    AGENT_WAITING, /* for a decision */
    AGENT_IN_SESSION,
    AGENT_PLACE_COUNT
};

struct agents;

/* Guarded by the fleet's lock but for what one thread alone uses. */
struct agent {
    struct agents *fleet;
    struct fleet_device device;
    char source[16];
    struct oc_connection *connection;
    enum agent_place place;
    uint64_t due_ns; /* dials then; 0: stays where it is */
    uint32_t n_failures;
    uint64_t random;
    struct oc_request_id request_id; /* the last it was told */
    struct oc_digest ask_digest;     /* as listed */
    size_t n_request_ids;            /* how many different ones */
    size_t n_refused;                /* how often it was told to wait */
    uint64_t asked_ns;               /* the decision was sent, answered; 0: not yet */
    uint64_t answered_ns;
    uint64_t dialled_ns;                /* the last time */
    uint64_t session_ns;                /* the last session began */
    uint64_t closed_ns;                 /* ... and ended */
    bool is_ended;                      /* it was told that its session is over */
    uint64_t sent_ns[AGENTS_MAX_DEPTH]; /* flood: of each call in flight */
};

struct agents {
    struct oc_transport *transport;
    struct oc_client *client; /* the gateway's local door */
    const char *url;
    pthread_mutex_t lock; /* guards what follows, and every agent */
    pthread_cond_t moved;
    size_t n_at[AGENT_PLACE_COUNT];
    size_t n_admitted; /* agents from here on do not dial */
    size_t window;     /* at most so many ask at once; 0: no bound */
    bool follows;      /* comes back when it was cut off */
    bool retries;      /* hangs up and asks again instead of waiting */
    bool storms;       /* ... at once, whatever it is told */
    size_t flood_depth;
    uint64_t cut_ns;        /* flood: nothing sent later may be accepted; 0: not yet */
    size_t n_early;         /* sessions of agents for which no approval was sent */
    size_t n_lost;          /* connections that ended before they were answered */
    uint64_t n_accepted;    /* flood: calls answered OK */
    uint64_t n_late;        /* flood: ... sent after cut_ns */
    uint64_t n_turned_away; /* flood: calls refused, and connections ended, after cut_ns */
    size_t n;
    struct agent *items;
};

/* Makes the devices and the thread that dials; nothing is dialled yet. */
void agents_init(struct agents *fleet, const char *url, const char *data_dir, size_t n);

/* All that are admitted and not connected dial now. */
void agents_dial(struct agents *fleet, size_t n_admitted, size_t window);

/* Waits until the place holds exactly n; false after AGENTS_LIMIT_MS. */
bool agents_wait_at(struct agents *fleet, enum agent_place place, size_t n);
/* With the lock held; false once the limit, of CLOCK_MONOTONIC, is over. */
bool agents_wait_moved(struct agents *fleet, uint64_t until_ns);

/* Hangs up and dials again, and waits for the session: how long that took. */
double agents_reconnect_ms(struct agents *fleet, struct agent *agent);

/* From now on each agent in a session has so many heartbeats in flight, and dials again at once
 * when it was cut off, whatever it is told. */
void agents_flood(struct agents *fleet, size_t depth);

/* ---- the administrator ------------------------------------------------------------------------
 */

/* How long the first page of the list of all devices took. */
double agents_first_page_ms(struct agents *fleet);

/* Reads the pending requests, so that they can be approved. */
void agents_read_requests(struct agents *fleet);

struct agents_run {
    size_t n;
    size_t n_failed;
    double took_s;
    double answer_p50_ms, answer_p99_ms; /* of the call */
    double effect_p50_ms, effect_p99_ms; /* from the call to the session, or to its end */
};
/* Approves, or revokes, the agents from `first` on, n of them, so many calls at once, and waits
 * for the answers and for what they do to the agents. */
struct agents_run agents_approve(struct agents *fleet, size_t first, size_t n, size_t at_once);
struct agents_run agents_revoke(struct agents *fleet, size_t first, size_t n, size_t at_once);

/* The value that a share of them do not exceed; sorts them. */
double agents_at_share(double *values, size_t n, double share);

/* How many changes of the action the gateway's change log holds. */
size_t agents_count_events(struct agents *fleet, const char *action);
