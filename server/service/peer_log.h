/*
 * What the log tells of devices: why one was refused and the command that mends it, when a session
 * starts and why it ends. No shard is locked during any of these.
 */
#pragma once

#include "server/service/connect.h"

/* The answer to an attempt. */
void peer_log_answer(struct peer *peer, const struct attempt *attempt,
                     const struct connect_result *result);

/* The peer's session is over; tells it if its start was told. `why` is a word or a sentence. */
void peer_log_end(struct peer *peer, const char *why);

/* A request that stands beside a session: the device asks for more than it has. */
void peer_log_upgrade(const struct peer *peer, const struct attempt *attempt,
                      const struct oc_request_id *request_id);
