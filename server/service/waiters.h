/*
 * Parked calls: what a device waits for, until its pairing changes or its time is up.
 */
#pragma once

#include "server/service/peer.h"

struct wait_answer {
    enum wait_outcome outcome;
    struct refusal_facts refusal;    /* with all but NONE_YET and APPROVED */
    struct oc_request_id stands_now; /* REPLACED */
};

/* What to tell a device that waits for the decision on `request_id`; NONE_YET while it is open. */
struct wait_answer waiters_decide(const struct pairing *pairing,
                                  const struct oc_request_id *request_id, int64_t now_ms);

/* ---- with the shard locked ------------------------------------------------------------------ */

/* The record changed: answers every parked call of the device that this decides. `effects` are
 * the PAIRING_ bits of the changes. */
void waiters_wake(struct service *service, struct entry *entry, const struct pairing *pairing,
                  unsigned effects, struct delivery_list *deliveries);
/* Parks, after ending an older one of its kind. */
void waiters_park(struct peer *peer, struct parked *parked, int64_t due_ms,
                  struct delivery_list *deliveries);
/* Unparks and answers as `parked` says. */
void waiters_fire(struct parked *parked, struct delivery_list *deliveries);
void waiters_fire_timeout(struct timer *timer, struct delivery_list *deliveries);
/* Ends what is parked on a peer whose connection is gone. */
void waiters_drop(struct peer *peer, struct delivery_list *deliveries);
/* Tells a session that the gateway stops. */
void waiters_drain(struct peer *peer, uint32_t retry_after_ms, struct delivery_list *deliveries);

/* Takes what a session missed while it did not wait: true if there is something to tell. */
bool waiters_take_missed(struct peer *peer, struct parked *parked);

/* What a session rests on. */
void session_facts_fill(const struct peer *peer, const struct pairing *pairing,
                        struct session_facts *out);

/* NULL when out of memory. */
struct parked *parked_new_wait(struct peer *peer, const struct wait_call *call);
struct parked *parked_new_notice(struct peer *peer, const struct notice_call *call);
/* Frees one that was never parked; its peer was not held. */
void parked_free(struct parked *parked);

/* ---- with no lock --------------------------------------------------------------------------- */

/* The facts of the peer's session as they are now; false without a session. */
bool session_facts_read(struct peer *peer, struct session_facts *out);
