/*
 * Open requests as far as they count: how many there are in all and of each source, and which one
 * gives way when a newcomer finds all places taken. Requests of approved and of announced devices
 * do not count (pairing_is_beyond_caps).
 *
 * The writer thread alone changes it; any thread may look. Its own mutex guards it, under which
 * nothing else is locked.
 */
#pragma once

#include <pthread.h>

#include "proto/base/source_tree.h"
#include "server/service/index.h"

struct open_requests {
    pthread_mutex_t mutex;       /* guards everything below, and the slots */
    struct oc_source_tree *tree; /* of live->slot */
};

struct open_requests_caps {
    unsigned max;
    unsigned max_per_source;
};

enum open_requests_room {
    OPEN_REQUESTS_HAVE_ROOM,
    OPEN_REQUESTS_MUST_SHED, /* one for the newcomer, which may be the newcomer itself */
    OPEN_REQUESTS_ARE_FULL,  /* for this source: it has its share, or more than anybody else */
};

/* Where a newcomer comes from: its address as text, and whether that is known to be many. */
struct open_requests_source {
    const char *address;
    bool is_exempt;
};

/* `max` is how many may be open. False when out of memory. */
bool open_requests_init(struct open_requests *requests, uint64_t seed, unsigned max);
void open_requests_deinit(struct open_requests *requests);

enum open_requests_room open_requests_look(struct open_requests *requests,
                                           const struct open_requests_caps *caps,
                                           const struct open_requests_source *source);
/* The device whose request gives way to one more from this source; false: nobody does, the newcomer
 * must. Writer thread. */
bool open_requests_pick(struct open_requests *requests, const struct open_requests_source *source,
                        struct oc_device_id *out);

/* The entry's slot, which is empty. False when out of memory. Writer thread. */
bool open_requests_enter(struct open_requests *requests, const struct open_requests_source *source,
                         struct live *live);
void open_requests_leave(struct open_requests *requests, struct live *live);

unsigned open_requests_total(struct open_requests *requests);
