/*
 * Calls that wait for changes (WatchEvents): read on the writer's thread, parked when there is
 * nothing yet, read again after the next commit.
 */
#pragma once

#include "server/service/service_state.h"

enum {
    WATCHERS_MOST = 256, /* parked at once; more are answered with nothing */
    WATCH_PAGE = 64,
};

/* NULL when out of memory. */
struct watchers *watchers_new(void);
/* After watchers_drain and the writer's stop: nothing is parked. */
void watchers_free(struct watchers *watchers);

/* Something was committed. Any thread, no lock held. */
void watchers_wake(struct service *service);
/* Answers those whose time is up. The clockwork. */
void watchers_expire(struct service *service, int64_t monotonic_ms);
/* Answers all, with nothing: the gateway stops. */
void watchers_drain(struct service *service);
