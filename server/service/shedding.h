/*
 * Making room among the open requests: when all places are taken, the one gives way that
 * open_requests.h picks, in the same group as the newcomer's.
 */
#pragma once

#include "server/service/peer.h"
#include "server/service/writer.h"

/* Sheds until one more request of the peer's source has room; false: this one is over a cap. */
bool shedding_make_room(struct group *group, const struct peer *peer);
