/*
 * Listening; see connection.h. Accepting does no cryptography and allocates nothing for TLS.
 *
 * A listener lives until it is closed and the last connection that it accepted is gone, as those
 * count in its table. Lock: a connection's lock comes before the listener's.
 */
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/rpc/address.h"
#include "proto/rpc/connection_internal.h"
#include "proto/rpc/limits.h"
#include "proto/rpc/listening.h"

enum { RETRY_ACCEPT_MS = 100 };

struct oc_listener {
    struct oc_transport *transport;
    struct oc_listener_options options; /* url is our copy */
    struct oc_address address;
    char url[OC_MAX_URL_BYTES + 1]; /* with the port the kernel picked */
    nng_stream_listener *nng;
    nng_aio *accept_aio;
    struct oc_timer retry;

    pthread_mutex_t lock; /* guards all below */
    bool is_closed;
    unsigned n_users; /* its owner and its connections */
    struct oc_admission *admission;
    struct oc_listener_counters counters;
};

/* ---- life -------------------------------------------------------------------------------- */

static void leave(struct oc_listener *listener)
{
    (void)pthread_mutex_lock(&listener->lock);
    const bool is_last = --listener->n_users == 0;
    (void)pthread_mutex_unlock(&listener->lock);
    if (is_last) {
        oc_admission_free(listener->admission);
        (void)pthread_mutex_destroy(&listener->lock);
        free(listener);
    }
}

static struct oc_connection *connection_of(struct oc_admission_place *place)
{
    return (struct oc_connection *)(void *)((char *)place - offsetof(struct oc_connection, place));
}

/* With the lock: lets begin whoever may. Their receives are posted, or about to be by a thread that
 * looks again; the callback of each comes with what it has, and goes on from there. */
static void call_next(struct oc_listener *listener)
{
    for (struct oc_admission_place *place = oc_admission_call(listener->admission); place;
         place = oc_admission_call(listener->admission)) {
        nng_aio_cancel(connection_of(place)->receive_aio);
    }
}

/* With the lock. */
static void finish(struct oc_listener *listener, struct oc_connection *connection, bool has_opened)
{
    oc_admission_leave(listener->admission, &connection->place, has_opened);
    call_next(listener);
}

void oc_listener_note_opened(struct oc_listener *listener, struct oc_connection *connection)
{
    (void)pthread_mutex_lock(&listener->lock);
    finish(listener, connection, true);
    (void)pthread_mutex_unlock(&listener->lock);
}

void oc_listener_note_reaped(struct oc_listener *listener, struct oc_connection *connection,
                             bool is_failure)
{
    if (connection->lane) {
        (void)pthread_mutex_lock(&listener->lock);
        finish(listener, connection, false);
        listener->counters.handshakes_failed += is_failure;
        (void)pthread_mutex_unlock(&listener->lock);
    }
    leave(listener);
}

/* ---- the line ---------------------------------------------------------------------------- */

bool oc_listener_may_begin(struct oc_listener *listener, struct oc_connection *connection)
{
    (void)pthread_mutex_lock(&listener->lock);
    const bool may = oc_admission_begin(listener->admission, &connection->place);
    (void)pthread_mutex_unlock(&listener->lock);
    return may;
}

void oc_listener_line_up(struct oc_listener *listener, struct oc_connection *connection)
{
    (void)pthread_mutex_lock(&listener->lock);
    oc_admission_line_up(listener->admission, &connection->place);
    if (connection->place.state == OC_ADMISSION_BEGUN) {
        nng_aio_cancel(connection->receive_aio); /* called before its receive was posted */
    }
    call_next(listener);
    (void)pthread_mutex_unlock(&listener->lock);
}

bool oc_listener_gives_way(struct oc_listener *listener, struct oc_connection *connection)
{
    (void)pthread_mutex_lock(&listener->lock);
    const bool goes = oc_admission_gives_way(listener->admission, &connection->place);
    listener->counters.gave_way += goes;
    (void)pthread_mutex_unlock(&listener->lock);
    return goes;
}

/* ---- accepting --------------------------------------------------------------------------- */

/* Counts the newcomer, or says no. The one that must go for it is released under no lock of ours:
 * its own comes first. */
static bool admit(struct oc_listener *listener, struct oc_connection *newcomer)
{
    const struct oc_listener_options *options = &listener->options;
    const struct oc_source *source = &newcomer->peer.source;
    const bool is_exempt = options->is_exempt && options->is_exempt(options->user, source);
    const enum oc_transport_room room =
        listener->address.is_ipc ? OC_ROOM_ENOUGH : oc_transport_room(listener->transport);
    struct oc_admission_place *loser = NULL;
    (void)pthread_mutex_lock(&listener->lock);
    const bool is_in = room != OC_ROOM_NONE &&
                       oc_admission_arrive(listener->admission, source, is_exempt,
                                           room == OC_ROOM_TIGHT, &newcomer->place, &loser);
    if (is_in) {
        newcomer->lane = oc_admission_lane(&newcomer->place);
        newcomer->listener = listener;
        listener->counters.accepted++;
        listener->n_users++;
    } else {
        listener->counters.refused_at_cap++;
    }
    if (loser) {
        oc_connection_hold(connection_of(loser));
        listener->counters.shed++;
    }
    (void)pthread_mutex_unlock(&listener->lock);
    if (loser) {
        oc_connection_abort(connection_of(loser), OC_RESOURCE_EXHAUSTED,
                            "made room for another source");
        oc_connection_release(connection_of(loser));
    }
    return is_in;
}

static void start_accepted(struct oc_connection *connection)
{
    oc_transport_add(connection->transport, connection);
    (void)pthread_mutex_lock(&connection->lock);
    connection->is_receiving = true;
    const bool has_step = oc_connection_begin(connection);
    assert(!has_step); /* the first word of a handshake is the caller's */
    (void)pthread_mutex_unlock(&connection->lock);
}

/* Takes the stream. */
static void begin_with(struct oc_connection *connection, nng_stream *stream, void *user)
{
    const struct oc_listener *listener = connection->listener;
    connection->tls_context =
        oc_tls_context_hold(listener->address.is_ipc ? NULL : listener->options.tls);
    connection->ops = listener->options.ops;
    connection->user = user;
    connection->stream = stream;
    if (listener->address.is_ipc) {
        oc_credentials_of_stream(stream, &connection->peer.uid, &connection->peer.pid);
    }
    start_accepted(connection);
}

/* True if the stream was taken. */
static bool take_stream(struct oc_listener *listener, nng_stream *stream,
                        const struct oc_source *source)
{
    const struct oc_listener_options *options = &listener->options;
    struct oc_connection *connection =
        oc_connection_new(listener->transport, OC_SP_GATEWAY, listener->address.is_ipc);
    if (!connection) {
        return false;
    }
    connection->peer.source = *source;
    if (!admit(listener, connection)) {
        oc_connection_discard(connection);
        if (options->refused) {
            options->refused(options->user, source);
        }
        return false;
    }
    void *user = options->accepted(options->user, source);
    if (!user) {
        oc_listener_note_reaped(listener, connection, false);
        oc_connection_discard(connection);
        return false;
    }
    begin_with(connection, stream, user);
    return true;
}

static void take_or_drop(struct oc_listener *listener, nng_stream *stream)
{
    struct oc_source source;
    if (oc_source_of_stream(stream, listener->address.is_ipc, &source) &&
        take_stream(listener, stream, &source)) {
        return;
    }
    nng_stream_close(stream);
    nng_stream_free(stream);
}

static void accept_next(struct oc_listener *listener)
{
    (void)pthread_mutex_lock(&listener->lock);
    if (!listener->is_closed) {
        nng_stream_listener_accept(listener->nng, listener->accept_aio);
    }
    (void)pthread_mutex_unlock(&listener->lock);
}

static void on_retry(void *argument)
{
    accept_next(argument);
}

static void on_accepted(void *argument)
{
    struct oc_listener *listener = argument;
    if (nng_aio_result(listener->accept_aio) == 0) {
        take_or_drop(listener, nng_aio_get_output(listener->accept_aio, 0));
        accept_next(listener);
        return;
    }
    /* Out of descriptors or memory: trying again at once would spin. */
    (void)pthread_mutex_lock(&listener->lock);
    if (!listener->is_closed) {
        oc_timer_arm(&listener->retry, oc_monotonic_ms() + RETRY_ACCEPT_MS);
    }
    (void)pthread_mutex_unlock(&listener->lock);
}

/* ---- opening and closing ------------------------------------------------------------------ */

static enum oc_status fail_of_nng(const struct oc_listener *listener, int reason,
                                  struct oc_error *err)
{
    enum oc_status status = OC_UNAVAILABLE;
    if (reason == NNG_EADDRINUSE) {
        status = OC_ALREADY_EXISTS;
    } else if (reason == NNG_EADDRINVAL || reason == NNG_EINVAL) {
        status = OC_INVALID_ARGUMENT;
    }
    return oc_fail(err, status, "cannot listen on %s: %s", listener->url, nng_strerror(reason));
}

static enum oc_status start_listening(struct oc_listener *listener, struct oc_error *err)
{
    if (listener->address.is_ipc) {
        enum oc_status st = oc_ipc_path_prepare(listener->address.path, err);
        if (st) {
            return st;
        }
    }
    int reason = nng_aio_alloc(&listener->accept_aio, on_accepted, listener);
    if (reason == 0) {
        reason = oc_listening_start(&listener->address, listener->url, sizeof listener->url,
                                    &listener->nng);
    }
    return reason == 0 ? OC_OK : fail_of_nng(listener, reason, err);
}

static unsigned or_default(unsigned wanted, unsigned by_default)
{
    return wanted > 0 ? wanted : by_default;
}

/* NULL when out of memory. */
static struct oc_listener *listener_new(struct oc_transport *transport,
                                        const struct oc_listener_options *options,
                                        const struct oc_address *address)
{
    const unsigned max_begun = or_default(options->max_unfinished, OC_MAX_UNFINISHED);
    const struct oc_admission_limits limits = {
        /* Without TLS there is no line: who has not opened has arrived. */
        .max_arrivals =
            address->is_ipc ? max_begun : or_default(options->max_arrivals, OC_MAX_ARRIVALS),
        .max_arrivals_per_source =
            or_default(options->max_arrivals_per_source, OC_MAX_ARRIVALS_PER_SOURCE),
        .max_begun = max_begun,
        .max_begun_per_source =
            or_default(options->max_unfinished_per_source, OC_MAX_UNFINISHED_PER_SOURCE),
    };
    struct oc_admission *admission = oc_admission_new(&limits, options->source_seed);
    struct oc_listener *listener = calloc(1, sizeof *listener);
    if (!admission || !listener ||
        !oc_timer_init(&listener->retry, oc_transport_timers(transport), on_retry, listener)) {
        oc_admission_free(admission);
        free(listener);
        return NULL;
    }
    listener->admission = admission;
    listener->transport = transport;
    listener->options = *options;
    listener->address = *address;
    (void)snprintf(listener->url, sizeof listener->url, "%s", options->url);
    listener->options.url = listener->url;
    listener->n_users = 1;
    (void)pthread_mutex_init(&listener->lock, NULL);
    return listener;
}

enum oc_status oc_listener_open(struct oc_transport *transport,
                                const struct oc_listener_options *options, struct oc_listener **out,
                                struct oc_error *err)
{
    struct oc_address address;
    enum oc_status st = oc_address_parse(options->url, &address, err);
    if (st) {
        return st;
    }
    if (!address.is_ipc && !options->tls) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "address \"%s\" needs a TLS context",
                       options->url);
    }
    OC_CLEANUP(oc_listener_closep)
    struct oc_listener *listener = listener_new(transport, options, &address);
    if (!listener) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "listener: out of memory");
    }
    st = start_listening(listener, err);
    if (st) {
        return st;
    }
    accept_next(listener);
    *out = OC_STEAL(listener);
    return OC_OK;
}

void oc_listener_close(struct oc_listener *listener)
{
    if (!listener) {
        return;
    }
    (void)pthread_mutex_lock(&listener->lock);
    listener->is_closed = true;
    if (listener->nng) {
        nng_stream_listener_close(listener->nng);
    }
    (void)pthread_mutex_unlock(&listener->lock);
    if (listener->accept_aio) {
        nng_aio_stop(listener->accept_aio);
    }
    oc_timer_deinit(&listener->retry);
    nng_stream_listener_free(listener->nng);
    nng_aio_free(listener->accept_aio);
    leave(listener);
}

void oc_listener_url(const struct oc_listener *listener, char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s", listener->url);
}

struct oc_listener_counters oc_listener_counters(const struct oc_listener *listener)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&listener->lock;
    (void)pthread_mutex_lock(lock);
    struct oc_listener_counters counters = listener->counters;
    counters.arrivals = oc_admission_n_arrivals(listener->admission);
    counters.unfinished = oc_admission_n_begun(listener->admission);
    (void)pthread_mutex_unlock(lock);
    return counters;
}
