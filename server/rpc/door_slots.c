/* See door_slots.h. */
#include "server/rpc/door_slots.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

#include "server/obs/log.h"
#include "server/obs/metrics.h"
#include "server/rpc/source_caps.h"

enum {
    QUIET_MS = 5 * 60 * 1000, /* without shedding, before its start is worth another line */
};

struct door_slots {
    struct source_caps_options options;
    pthread_mutex_t lock; /* guards all below, and every caller's slot */
    struct source_caps *caps;
    uint64_t n_refused, n_shed;
    uint64_t shed_ms; /* when last; 0: never */
};

struct door_slots *door_slots_new(const struct source_caps_options *options)
{
    struct door_slots *slots = calloc(1, sizeof *slots);
    struct source_caps *caps = source_caps_new(options);
    if (!slots || !caps || pthread_mutex_init(&slots->lock, NULL) != 0) {
        source_caps_free(caps);
        free(slots);
        return NULL;
    }
    slots->options = *options;
    slots->caps = caps;
    return slots;
}

void door_slots_free(struct door_slots *slots)
{
    if (slots) {
        source_caps_free(slots->caps);
        pthread_mutex_destroy(&slots->lock);
        free(slots);
    }
}

static struct caller *holder_of(struct oc_source_slot *slot)
{
    return (struct caller *)(void *)((char *)slot - offsetof(struct caller, slot));
}

/* Under the lock. The connection that must go for the newcomer, held; NULL: none, as the newcomer
 * is the one, or as somebody held a slot without needing one. While a caller holds its slot its
 * connection and its peer are there. */
static struct oc_connection *shed_for(struct door_slots *slots, struct caller *newcomer,
                                      const struct oc_source *source, bool is_exempt)
{
    struct oc_source_slot *slot =
        source_caps_shed_for(slots->caps, source, is_exempt, &newcomer->slot);
    if (!slot) {
        return NULL;
    }
    struct oc_connection *connection = NULL;
    if (!peer_is_welcome(holder_of(slot)->peer)) {
        connection = holder_of(slot)->connection;
        oc_connection_hold(connection);
    }
    source_caps_give(slots->caps, slot);
    return connection;
}

/* Whether shedding begins. Under the lock. */
static bool note_shed(struct door_slots *slots)
{
    const uint64_t now_ms = oc_monotonic_ms();
    const bool begins = slots->shed_ms == 0 || now_ms - slots->shed_ms >= QUIET_MS;
    slots->shed_ms = now_ms > 0 ? now_ms : 1;
    slots->n_shed++;
    return begins;
}

static void close_shed(struct oc_connection *connection, bool begins, unsigned limit)
{
    if (begins) {
        log_warn("connections.shedding", "limit=%u effect=%s fix=%s", limit,
                 "connections of the fullest sources give way to newcomers",
                 "openclaw devices expect ID for devices that must get in; limits.maxUnapproved");
    }
    oc_connection_abort(connection, OC_RESOURCE_EXHAUSTED, "made room for another source");
    oc_connection_release(connection);
}

bool door_slots_take(struct door_slots *slots, struct caller *caller, bool is_exempt)
{
    const struct oc_source *source = &oc_connection_peer(caller->connection)->source;
    struct oc_connection *loser = NULL;
    bool begins = false;
    pthread_mutex_lock(&slots->lock);
    if (!caller->slot.node && !caller->is_leaving &&
        source_caps_take(slots->caps, source, is_exempt, &caller->slot) == SOURCE_CAPS_ALL_FULL) {
        loser = shed_for(slots, caller, source, is_exempt);
        begins = loser && note_shed(slots);
    }
    const bool holds = caller->slot.node != NULL;
    slots->n_refused += !holds;
    const unsigned limit = slots->options.max;
    pthread_mutex_unlock(&slots->lock);
    if (loser) {
        close_shed(loser, begins, limit);
    }
    return holds;
}

void door_slots_give(struct door_slots *slots, struct caller *caller)
{
    pthread_mutex_lock(&slots->lock);
    source_caps_give(slots->caps, &caller->slot);
    pthread_mutex_unlock(&slots->lock);
}

void door_slots_leave(struct door_slots *slots, struct caller *caller)
{
    pthread_mutex_lock(&slots->lock);
    caller->is_leaving = true;
    source_caps_give(slots->caps, &caller->slot);
    pthread_mutex_unlock(&slots->lock);
}

void door_slots_change(struct door_slots *slots, unsigned max, unsigned max_per_source)
{
    pthread_mutex_lock(&slots->lock);
    slots->options.max = max;
    slots->options.max_per_source = max_per_source;
    source_caps_change(slots->caps, max, max_per_source);
    pthread_mutex_unlock(&slots->lock);
}

struct door_slots_use door_slots_use(struct door_slots *slots)
{
    pthread_mutex_lock(&slots->lock);
    const struct door_slots_use use = {
        .in_use = source_caps_total(slots->caps),
        .limit = slots->options.max,
        .limit_per_source = slots->options.max_per_source,
        .n_refused = slots->n_refused,
        .n_shed = slots->n_shed,
    };
    pthread_mutex_unlock(&slots->lock);
    return use;
}
