/*
 * See transport.h. The reaper is the one thread on which connections end: no callback ever frees
 * the connection it belongs to, and NNG's objects are released only when both of its operations
 * are idle.
 */
#include "proto/rpc/transport.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "proto/rpc/connection_internal.h"
#include "proto/rpc/limits.h"
#include "proto/rpc/thread_class.h"
#include "proto/rpc/transport_internal.h"

enum {
    LAST_CONNECTIONS_MS = 5000,
    /* So long after somebody was heard for whom people wait, more of it is expected. */
    HURRY_MS = 1000,
};

struct oc_transport {
    struct oc_timers *timers;
    struct oc_step_queue *steps;
    struct oc_lane dial_lane;
    bool owns_process;
    atomic_uint_fast64_t hurry_until_ms; /* 0: nobody was heard yet */
    uint32_t handshake_ms;
    uint32_t send_stall_ms;
    uint32_t patience_ms;

    pthread_mutex_t lock;
    pthread_cond_t changed;          /* something to reap, or stop, or the last connection went */
    struct oc_transport_links live;  /* ends of the ring of connections */
    struct oc_transport_links swept; /* those that oc_transport_free has aborted */
    size_t n_connections;
    struct oc_connection *first_reaped;
    struct oc_connection *last_reaped;
    bool is_stopping;
    bool has_reaper;
    pthread_t reaper;
};

/* ---- the reaper -------------------------------------------------------------------------- */

static struct oc_connection *take_reaped(struct oc_transport *transport)
{
    struct oc_connection *connection = transport->first_reaped;
    if (connection) {
        transport->first_reaped = connection->links.next_reaped;
        if (!transport->first_reaped) {
            transport->last_reaped = NULL;
        }
    }
    return connection;
}

static void *reap(void *argument)
{
    struct oc_transport *transport = argument;
    (void)pthread_mutex_lock(&transport->lock);
    for (;;) {
        struct oc_connection *connection = take_reaped(transport);
        if (connection) {
            (void)pthread_mutex_unlock(&transport->lock);
            oc_connection_reap(connection);
            (void)pthread_mutex_lock(&transport->lock);
        } else if (transport->is_stopping) {
            break;
        } else {
            (void)pthread_cond_wait(&transport->changed, &transport->lock);
        }
    }
    (void)pthread_mutex_unlock(&transport->lock);
    return NULL;
}

void oc_transport_send_to_reaper(struct oc_transport *transport, struct oc_connection *connection)
{
    (void)pthread_mutex_lock(&transport->lock);
    connection->links.next_reaped = NULL;
    if (transport->last_reaped) {
        transport->last_reaped->links.next_reaped = connection;
    } else {
        transport->first_reaped = connection;
    }
    transport->last_reaped = connection;
    (void)pthread_cond_broadcast(&transport->changed);
    (void)pthread_mutex_unlock(&transport->lock);
}

/* ---- the list ---------------------------------------------------------------------------- */

static void link_into(struct oc_transport_links *ring, struct oc_transport_links *links)
{
    links->previous = ring;
    links->next = ring->next;
    ring->next->previous = links;
    ring->next = links;
}

static void unlink_from_ring(struct oc_transport_links *links)
{
    links->previous->next = links->next;
    links->next->previous = links->previous;
}

void oc_transport_add(struct oc_transport *transport, struct oc_connection *connection)
{
    (void)pthread_mutex_lock(&transport->lock);
    connection->links.owner = connection;
    link_into(&transport->live, &connection->links);
    transport->n_connections++;
    (void)pthread_mutex_unlock(&transport->lock);
}

bool oc_transport_remove(struct oc_transport *transport, struct oc_connection *connection)
{
    (void)pthread_mutex_lock(&transport->lock);
    const bool is_unheld = !oc_connection_is_held(connection);
    if (is_unheld) {
        unlink_from_ring(&connection->links);
        transport->n_connections--;
        (void)pthread_cond_broadcast(&transport->changed);
    }
    (void)pthread_mutex_unlock(&transport->lock);
    return is_unheld;
}

enum oc_transport_room oc_transport_room(struct oc_transport *transport)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return OC_ROOM_ENOUGH;
    }
    const size_t all = (size_t)limit.rlim_cur;
    const size_t reserved =
        all / 4 < OC_RESERVED_DESCRIPTORS ? all / 4 : (size_t)OC_RESERVED_DESCRIPTORS;
    (void)pthread_mutex_lock(&transport->lock);
    const size_t n = transport->n_connections + 1;
    (void)pthread_mutex_unlock(&transport->lock);
    if (n + reserved / 2 > all) {
        return OC_ROOM_NONE;
    }
    return n + reserved > all ? OC_ROOM_TIGHT : OC_ROOM_ENOUGH;
}

/* Takes one connection to the swept ring and holds it; NULL when none is left. */
static struct oc_connection *sweep_one(struct oc_transport *transport)
{
    struct oc_connection *connection = NULL;
    (void)pthread_mutex_lock(&transport->lock);
    if (transport->live.next != &transport->live) {
        struct oc_transport_links *links = transport->live.next;
        connection = links->owner;
        unlink_from_ring(links);
        link_into(&transport->swept, links);
        oc_connection_hold(connection);
    }
    (void)pthread_mutex_unlock(&transport->lock);
    return connection;
}

static void abort_all(struct oc_transport *transport)
{
    for (struct oc_connection *connection = sweep_one(transport); connection;
         connection = sweep_one(transport)) {
        oc_connection_abort(connection, OC_CANCELLED, "this process is shutting down");
        oc_connection_release(connection);
    }
}

/* ---- life -------------------------------------------------------------------------------- */

static unsigned default_workers(void)
{
    const long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
    return n_cores > 0 ? (unsigned)n_cores : 1;
}

static enum oc_status start_threads(struct oc_transport *transport,
                                    const struct oc_transport_options *options,
                                    struct oc_error *err)
{
    const unsigned n_workers =
        options->n_handshake_workers ? options->n_handshake_workers : default_workers();
    enum oc_status st = oc_timers_new(&transport->timers, err);
    if (st) {
        return st;
    }
    st = oc_step_queue_new(n_workers, options->owns_process, &transport->steps, err);
    if (st) {
        return st;
    }
    transport->has_reaper = pthread_create(&transport->reaper, NULL, reap, transport) == 0;
    if (!transport->has_reaper) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "transport: cannot start a thread");
    }
    return OC_OK;
}

static void init_lock(struct oc_transport *transport)
{
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&transport->lock, NULL);
    (void)pthread_cond_init(&transport->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

/* NNG starts its threads at the first call of it, whoever makes that: here, so that they get the
 * signal mask of who makes the transport. Not their own: they would run the handlers of a program
 * that only meant to open a client. */
static enum oc_status start_nng(struct oc_error *err)
{
    nng_aio *first = NULL;
    const int rc = nng_aio_alloc(&first, NULL, NULL);
    if (rc != 0) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "transport: %s", nng_strerror(rc));
    }
    nng_aio_free(first);
    return OC_OK;
}

enum oc_status oc_transport_new(const struct oc_transport_options *options,
                                struct oc_transport **out, struct oc_error *err)
{
    OC_CLEANUP(oc_transport_freep) struct oc_transport *transport = calloc(1, sizeof *transport);
    if (!transport) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "transport: out of memory");
    }
    init_lock(transport);
    transport->live.previous = transport->live.next = &transport->live;
    transport->swept.previous = transport->swept.next = &transport->swept;
    transport->owns_process = options->owns_process;
    atomic_init(&transport->hurry_until_ms, 0);
    transport->handshake_ms = options->handshake_ms ? options->handshake_ms : OC_HANDSHAKE_MS;
    transport->send_stall_ms = options->send_stall_ms ? options->send_stall_ms : OC_SEND_STALL_MS;
    transport->patience_ms = options->patience_ms ? options->patience_ms : OC_HANDSHAKE_PATIENCE_MS;
    enum oc_status st = start_nng(err);
    if (st) {
        return st;
    }
    st = start_threads(transport, options, err);
    if (st) {
        return st;
    }
    *out = OC_STEAL(transport);
    return OC_OK;
}

/* Waits for the reaper, at most LAST_CONNECTIONS_MS; whether no connection is left. */
static bool wait_for_reaper(struct oc_transport *transport)
{
    struct timespec limit;
    (void)clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += LAST_CONNECTIONS_MS / 1000;
    (void)pthread_mutex_lock(&transport->lock);
    int result = 0;
    while (transport->n_connections > 0 && result != ETIMEDOUT) {
        result = pthread_cond_timedwait(&transport->changed, &transport->lock, &limit);
    }
    const bool is_empty = transport->n_connections == 0;
    transport->is_stopping = is_empty;
    (void)pthread_cond_broadcast(&transport->changed);
    (void)pthread_mutex_unlock(&transport->lock);
    return is_empty;
}

void oc_transport_free(struct oc_transport *transport)
{
    if (!transport) {
        return;
    }
    abort_all(transport);
    if (!wait_for_reaper(transport)) {
        return; /* somebody still holds a connection: its threads and memory must outlive us */
    }
    if (transport->has_reaper) {
        (void)pthread_join(transport->reaper, NULL);
    }
    oc_step_queue_free(transport->steps);
    oc_timers_free(transport->timers);
    (void)pthread_cond_destroy(&transport->changed);
    (void)pthread_mutex_destroy(&transport->lock);
    free(transport);
}

/* ---- what connections use ---------------------------------------------------------------- */

struct oc_timers *oc_transport_timers(struct oc_transport *transport)
{
    return transport->timers;
}

void oc_transport_schedule_thread(const struct oc_transport *transport)
{
    if (transport->owns_process) {
        oc_thread_batches(!oc_is_before(&transport->hurry_until_ms) &&
                          !oc_step_queue_presses(transport->steps));
    }
}

void oc_transport_hurry(struct oc_transport *transport, uint64_t now_ms)
{
    atomic_store_explicit(&transport->hurry_until_ms, now_ms + HURRY_MS, memory_order_relaxed);
}

struct oc_step_queue *oc_transport_steps(struct oc_transport *transport)
{
    return transport->steps;
}

struct oc_lane *oc_transport_dial_lane(struct oc_transport *transport)
{
    return &transport->dial_lane;
}

uint32_t oc_transport_handshake_ms(const struct oc_transport *transport)
{
    return transport->handshake_ms;
}

uint32_t oc_transport_send_stall_ms(const struct oc_transport *transport)
{
    return transport->send_stall_ms;
}

uint32_t oc_transport_patience_ms(const struct oc_transport *transport)
{
    return transport->patience_ms;
}

/* ---- timers for everyone ------------------------------------------------------------------ */

struct oc_timer *oc_timer_start(struct oc_transport *transport, uint64_t delay_ms, oc_timer_fn fn,
                                void *user)
{
    struct oc_timer *timer = malloc(sizeof *timer);
    if (!timer || !oc_timer_init(timer, transport->timers, fn, user)) {
        free(timer);
        return NULL;
    }
    oc_timer_arm(timer, oc_monotonic_ms() + delay_ms);
    return timer;
}

void oc_timer_cancel(struct oc_timer *timer)
{
    oc_timer_deinit(timer);
    free(timer);
}
