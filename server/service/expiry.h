/*
 * The clockwork: one thread that ends what has waited long enough, raises what falls due in the
 * records, and keeps house: sightings once a minute, the marker once a second, pruning.
 *
 * It only finds and queues; every write is the writer's.
 */
#pragma once

#include "server/service/service_state.h"

/* Ready to be told what falls due. Fails: RESOURCE_EXHAUSTED. */
OC_MUST_CHECK enum oc_status clockwork_new(struct service *service, struct clockwork **out,
                                           struct oc_error *err);
/* Starts the thread. Fails: RESOURCE_EXHAUSTED. */
OC_MUST_CHECK enum oc_status clockwork_start(struct clockwork *clockwork, struct oc_error *err);
/* Stops the thread; what it queued is run by the writer afterwards. */
void clockwork_stop(struct clockwork *clockwork);
void clockwork_free(struct clockwork *clockwork);

/* The record of `id` has something due then. Any thread, no shard locked. False when out of
 * memory. */
bool clockwork_schedule(struct clockwork *clockwork, const struct oc_device_id *id, int64_t due_ms);
