/*
 * One attempt of a device to connect: decided on the record in memory where that changes nothing
 * durable, else by the writer.
 */
#pragma once

#include "server/service/peer.h"
#include "server/service/receipts.h"
#include "server/service/writer.h"

enum {
    CONNECT_TRIES = 3,                 /* rounds through the writer before giving up */
    CONNECT_COMMITMENT_EVERY_MS = 1000 /* new commitments of one device */
};

/* What of an attempt does not depend on the record. */
struct attempt {
    struct ask ask;
    struct oc_digest ask_digest;
    struct sighting sighting;
    struct oc_digest commitment;
    bool holds_foreign_receipt;
    struct held_receipt held;
    bool is_over_cap; /* the writer found no place for it */
};

enum connect_step {
    CONNECT_ANSWERED,
    CONNECT_NEEDS_WRITER,
    CONNECT_IS_CLOSED, /* the connection is gone */
};

/* Decides on the record in memory. On a session, checks and registers in one step under the
 * shard's mutex. */
enum connect_step connect_in_memory(struct peer *peer, const struct attempt *attempt,
                                    struct connect_result *result,
                                    struct delivery_list *deliveries);
/* Queues the attempt for the writer. False: no memory or no room, `call` is not taken. */
OC_MUST_CHECK bool connect_by_writer(struct peer *peer, const struct attempt *attempt,
                                     const struct connect_call *call);
/* Completes and gives an answer; between peer_enter and peer_leave. */
void connect_answer(struct peer *peer, const struct attempt *attempt,
                    const struct connect_call *call, struct connect_result *result);

/* ---- between connect.c and connect_change.c ------------------------------------------------- */

/* No shard locked. Whether the peer still is trusted is to be asked after that, under its shard or
 * on the writer thread. */
struct pairing_event connect_event_of(const struct peer *peer, const struct attempt *attempt);
/* What depends on the record: what the ask's request is called at its generation, and how many
 * must agree to what was announced. */
void connect_fill_event(const struct peer *peer, const struct pairing *was,
                        const struct approval_rules *rules, struct pairing_event *event);
/* Whether one more request of the peer's source may be opened. No shard locked. */
enum open_requests_room connect_look_for_room(const struct peer *peer);
