/*
 * Receipts: what the gateway signs for its sessions, and what a device's receipt says about our
 * records. A receipt explains and never grants.
 */
#pragma once

#include "server/service/peer.h"

/* The receipt for this database that a device shows; {0}: it shows none. Its word is taken: whoever
 * makes one up goes without ours. */
struct held_receipt {
    uint64_t seq;
    int64_t issued_at_ms;
};
struct held_receipt receipts_note_held(const struct peer *peer, const struct oc_receipt *receipt);

/*
 * Adds a receipt that names the commit of the approval; logs when it cannot be signed. Who holds
 * that already gets none, and keeps it: a signature is dear when everybody comes back at once. Not
 * if a rollback was accepted since: an older receipt says nothing against a second one. `held`
 * may be NULL. Any thread.
 */
void receipts_sign(struct service *service, const struct oc_device_id *id,
                   const struct held_receipt *held, struct session_facts *facts);

/*
 * Whether the receipt is ours, for another database: the records were reset. One for a commit of
 * this database that it does not have locks the gateway, unless an administrator has accepted a
 * rollback since it was issued. Any thread, no shard locked.
 */
bool receipts_tell_of_reset(const struct peer *peer, const struct oc_receipt *receipt);

/* Finds out when a rollback was last accepted. At start, before the writer runs. */
void receipts_load(struct service *service, struct store *store);
