/*
 * What the writer does for the house, on the clockwork's word: saves sightings once a minute,
 * writes the marker at most once a second, prunes, and retries withdrawals that are not durable.
 */
#pragma once

#include "server/service/service_state.h"

struct housekeeping;

/* NULL when out of memory. */
struct housekeeping *housekeeping_new(struct service *service);
/* The executor has stopped. Accepts NULL. */
void housekeeping_free(struct housekeeping *housekeeping);

/* Queues what is due; each kind of work is queued at most once. The clockwork's thread. */
void housekeeping_tick(struct housekeeping *housekeeping, int64_t monotonic_ms);
/* Saves what is left, at the end. The writer has stopped; the caller takes its place. */
void housekeeping_finish(struct service *service);
