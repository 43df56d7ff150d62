/*
 * A device's use cases. A peer is one proven connection at the device door, approved or not.
 *
 * Every call ends in exactly one call of its `done`, on the calling thread before it returns (the
 * path that writes nothing) or later on the notifier's or the clockwork's. `result` is borrowed for
 * that call. After peer_closed no `done` of that peer is called any more: what is parked or queued
 * ends silently, so its memory is handed back through `dropped`.
 */
#pragma once

#include "server/domain/pairing.h"
#include "server/service/service.h"

struct peer;

/* Towards the connection: both only post to it, never block, and may come from any thread. */
struct peer_ops {
    /* The peer's session was given (true: wider limits, heartbeats expected) or taken back. */
    void (*set_approved)(void *user, bool is_approved);
    /* Flush what was answered, then close. `why` is a fixed word for the log. */
    void (*cut)(void *user, const char *why);
};

/* Registers a proven connection. NULL when out of memory. `user` must stay valid until
 * peer_closed returns. Owns: peer_closed. */
struct peer *peer_opened(struct service *service, const struct oc_device_id *id,
                         const char source[OC_MAX_SOURCE_BYTES + 1], bool is_source_trusted,
                         const struct peer_ops *ops, void *user);
/* Whether the device is approved or expected now: strangers never take its place. Never blocks. */
bool peer_is_welcome(struct peer *peer);
/* Whether its device has an open request. Between peer_opened and peer_closed. */
bool peer_is_waiting(struct peer *peer);
/* The connection is gone: ends its session if it has one. Blocks only for running callbacks.
 * `why` is for the log. */
void peer_closed(struct peer *peer, const char *why);

/* What both kinds of Connect answers and of notices carry. */
struct session_facts {
    struct oc_grant granted;
    uint32_t heartbeat_ms;
    uint64_t generation;
    uint64_t approval_seq;                /* 0: not known */
    struct oc_receipt receipt;            /* n_signature 0: none, or it is held already */
    bool is_unpaired;                     /* let in as pairing is switched off */
    struct oc_request_id upgrade_request; /* "": none */
    bool has_gateway_nonce; /* for the upgrade's code; AwaitDecision reveals the device's */
    uint8_t gateway_nonce[OC_NONCE_BYTES];
    int64_t term_ends_ms;
    char alias[OC_MAX_NAME_BYTES + 1];
};

struct refusal_facts {
    enum oc_refusal_kind kind;
    struct oc_request_id request_id; /* "": none */
    enum oc_why why;
    uint32_t retry_after_ms;
    uint8_t gateway_nonce[OC_NONCE_BYTES]; /* with a request id */
};

struct connect_facts {
    bool has_ask; /* else the default grant is asked for; a role of "" is the default's */
    struct ask ask;
    struct sighting sighting; /* seen_ms and source are filled by the service */
    struct oc_digest nonce_commitment;
    bool has_receipt;
    struct oc_receipt receipt;
};

struct connect_result {
    enum oc_status status; /* other than OK: `error`, and no outcome */
    struct oc_error error;
    bool has_session;
    struct session_facts session;
    struct refusal_facts refusal; /* without has_session */
};
struct connect_call {
    void (*done)(void *user, const struct connect_result *result);
    void (*dropped)(void *user); /* instead of done, after peer_closed */
    void *user;
};
void peer_connect(struct peer *peer, const struct connect_facts *facts,
                  const struct connect_call *call);

enum wait_outcome { /* numbers as Decision on the wire */
                    WAIT_NONE_YET,
                    WAIT_APPROVED,
                    WAIT_REJECTED,
                    WAIT_BLOCKED,
                    WAIT_NOT_DECIDED,
                    WAIT_REPLACED,
};
struct wait_result {
    enum oc_status status; /* INVALID_ARGUMENT: the nonce does not open the commitment */
    struct oc_error error;
    enum wait_outcome outcome;
    struct refusal_facts refusal;    /* the outcomes that refuse */
    struct oc_request_id request_id; /* WAIT_REPLACED: the one that stands now */
};
struct wait_call {
    void (*done)(void *user, const struct wait_result *result);
    void (*dropped)(void *user);
    void *user;
};
/* One decision wait a peer: a newer one ends the older with NONE_YET. A device in session may wait
 * for its upgrade: so its code can be checked; notices tell the outcome as well. */
void peer_await_decision(struct peer *peer, const struct oc_request_id *request_id,
                         const uint8_t device_nonce[OC_NONCE_BYTES], uint32_t budget_ms,
                         const struct wait_call *call);

/* Heartbeat of the peer's session: FAILED_PRECONDITION without one. Never blocks. */
OC_MUST_CHECK enum oc_status peer_heartbeat(struct peer *peer, uint64_t *generation);

enum notice_kind { /* numbers as NoticeKind on the wire */
                   NOTICE_NONE_YET,
                   NOTICE_GRANT_CHANGED,
                   NOTICE_ENDED,
                   NOTICE_SUPERSEDED,
                   NOTICE_DRAINING,
                   NOTICE_UPGRADE_REFUSED,
};
struct notice_result {
    enum oc_status status; /* FAILED_PRECONDITION: no session */
    struct oc_error error;
    enum notice_kind kind;
    struct session_facts session; /* GRANT_CHANGED */
    struct refusal_facts refusal; /* ENDED */
    uint32_t retry_after_ms;
};
struct notice_call {
    void (*done)(void *user, const struct notice_result *result);
    void (*dropped)(void *user);
    void *user;
};
/* One notice wait a peer: a newer one ends the older with NONE_YET. `generation` is the last the
 * device knows; an older one is answered at once. */
void peer_await_notice(struct peer *peer, uint64_t generation, uint32_t budget_ms,
                       const struct notice_call *call);

/* The gateway's facts that go with every Connect answer. */
void service_gateway_ids(struct service *service, uint8_t gateway_id[OC_GATEWAY_ID_BYTES],
                         uint8_t database_id[OC_DATABASE_ID_BYTES]);
