/*
 * Receipts: what the gateway signs for its sessions, and what a device's receipt says about our
 * records. A receipt explains and never grants.
 */
#pragma once

#include "server/service/peer.h"

/* Adds a receipt that names the last commit; logs when it cannot be signed. Any thread. */
void receipts_sign(struct service *service, const struct oc_device_id *id,
                   struct session_facts *facts);

/*
 * Whether the receipt is ours, for another database: the records were reset. One for a commit of
 * this database that it does not have locks the gateway, unless an administrator has accepted a
 * rollback since it was issued. Any thread, no shard locked.
 */
bool receipts_tell_of_reset(const struct peer *peer, const struct oc_receipt *receipt);

/* Finds out when a rollback was last accepted. At start, before the writer runs. */
void receipts_load(struct service *service, struct store *store);
