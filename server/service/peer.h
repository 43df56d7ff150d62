/*
 * Peers: proven connections, the sessions that some of them hold, and the calls parked on them.
 *
 * A peer is guarded by its shard's mutex. It lives until its connection is gone and nothing that
 * is queued, parked or being delivered refers to it (n_refs); its callbacks run with no lock held,
 * and none runs once peer_closed has returned (n_running).
 */
#pragma once

#include "server/service/admin_service.h"
#include "server/service/index.h"
#include "server/service/service_state.h"

enum {
    PEER_SUPERSEDED_RETRY_MS = 60 * 1000, /* at least; plus up to as much again */
    PEER_MISSED_HEARTBEATS = 3,
};

enum timer_kind {
    TIMER_PARKED,
    TIMER_HEARTBEAT,
};

/* A call that waits: one for a decision and one for notices a peer. */
struct parked {
    struct delivery delivery;
    struct timer timer;
    struct peer *peer;
    bool is_notice;
    union {
        struct wait_call wait;
        struct notice_call notice;
    } call;
    struct oc_request_id request_id; /* a decision wait's */
    /* The answer. */
    enum oc_status status;
    enum wait_outcome outcome;
    enum notice_kind notice_kind;
    struct refusal_facts refusal;
    struct oc_request_id stands_now; /* REPLACED */
    uint32_t retry_after_ms;
};

struct peer {
    struct service *service;
    struct shard *shard;
    struct entry *entry; /* NULL: closed */
    struct oc_device_id id;
    struct peer *next;
    struct peer **link; /* entry->live->peers; NULL: closed */
    struct peer_ops ops;
    void *user;
    char source[OC_MAX_SOURCE_BYTES + 1];
    bool is_source_trusted;
    bool is_closed;
    bool has_commitment;
    bool is_cut;
    bool is_session_told; /* in the log */
    unsigned n_refs;
    unsigned n_running; /* callbacks */
    struct oc_digest commitment;
    struct oc_grant *unpaired_grant; /* its session needs no approval; NULL: it does */

    struct timer beat_timer; /* of the session */
    int64_t beat_ms;         /* monotonic */
    int64_t session_ms;      /* monotonic; when its start was told */
    struct parked *decision_wait;
    struct parked *notice_wait;

    /* What a notice wait will be told that comes late. */
    enum notice_kind ended_as; /* NONE_YET: nothing */
    struct refusal_facts ended_refusal;
    uint32_t ended_retry_ms;
    bool is_upgrade_refused;
    bool is_told_to_drain;

    struct delivery cut_delivery;
    const char *cut_why;
};

/* ---- all of these with the shard locked ----------------------------------------------------- */

bool peer_has_session(const struct peer *peer);
/* Gives the peer its device's session; the older one is told and cut. */
void peer_take_session(struct peer *peer, struct delivery_list *deliveries);

struct session_end {
    enum notice_kind notice;
    enum oc_refusal_kind refusal; /* ENDED */
    enum oc_why why;
    uint32_t retry_after_ms;
    const char *cut_why;
};
/* Ends the device's session, if there is one; true if there was. */
bool entry_end_session(struct service *service, struct entry *entry, const struct session_end *end,
                       struct delivery_list *deliveries);
/* Cuts a connection: after what was said before. */
void peer_cut(struct peer *peer, const char *why, struct delivery_list *deliveries);

/* The timer of a session came due: false if its heartbeats stay away. */
bool peer_check_heartbeat(struct peer *peer, int64_t monotonic_ms);
struct peer *peer_of_beat_timer(struct timer *timer);

void peer_hold(struct peer *peer);

/* ---- and these without ---------------------------------------------------------------------- */

/* Around every callback: false when the connection is gone, and nothing may be called. */
bool peer_enter(struct peer *peer);
void peer_leave(struct peer *peer);
void peer_release(struct peer *peer);
