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
#include <sys/stat.h>

#include "proto/rpc/address.h"
#include "proto/rpc/connection_internal.h"
#include "proto/rpc/limits.h"
#include "proto/rpc/source_table.h"

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
    struct oc_source_table *sources;
    struct oc_source_tree *unfinished; /* of those that are not being closed for a newcomer */
    struct oc_listener_counters counters;
};

/* ---- life -------------------------------------------------------------------------------- */

static void leave(struct oc_listener *listener)
{
    (void)pthread_mutex_lock(&listener->lock);
    const bool is_last = --listener->n_users == 0;
    (void)pthread_mutex_unlock(&listener->lock);
    if (is_last) {
        oc_source_table_free(listener->sources);
        oc_source_tree_free(listener->unfinished);
        (void)pthread_mutex_destroy(&listener->lock);
        free(listener);
    }
}

/* With the lock. */
static void finish(struct oc_listener *listener, struct oc_connection *connection)
{
    oc_source_table_leave(listener->sources, connection->lane);
    oc_source_tree_leave(listener->unfinished, &connection->unfinished);
}

void oc_listener_note_opened(struct oc_listener *listener, struct oc_connection *connection)
{
    (void)pthread_mutex_lock(&listener->lock);
    finish(listener, connection);
    (void)pthread_mutex_unlock(&listener->lock);
}

void oc_listener_note_reaped(struct oc_listener *listener, struct oc_connection *connection,
                             bool is_failure)
{
    if (connection->lane) {
        (void)pthread_mutex_lock(&listener->lock);
        finish(listener, connection);
        listener->counters.handshakes_failed += is_failure;
        (void)pthread_mutex_unlock(&listener->lock);
    }
    leave(listener);
}

/* ---- accepting --------------------------------------------------------------------------- */

/* With the lock. Over the cap somebody must go: NULL in *loser is nobody, else it is held. False:
 * the newcomer is the one. */
static bool find_place(struct oc_listener *listener, struct oc_connection *newcomer, bool is_exempt,
                       struct oc_connection **loser)
{
    struct oc_source_tree *tree = listener->unfinished;
    if (!oc_source_tree_enter(tree, newcomer->peer.source.address, is_exempt,
                              &newcomer->unfinished)) {
        return false;
    }
    if (oc_source_tree_total(tree) <= listener->options.max_unfinished) {
        return true;
    }
    struct oc_source_slot *slot = oc_source_tree_pick(tree);
    if (slot != &newcomer->unfinished) {
        *loser = (struct oc_connection *)(void *)((char *)slot -
                                                  offsetof(struct oc_connection, unfinished));
        oc_connection_hold(*loser);
        listener->counters.shed++;
    }
    oc_source_tree_leave(tree, slot);
    return *loser != NULL;
}

/* Counts the newcomer, or says no. A connection is released under no lock of ours: its own comes
 * first. */
static bool admit(struct oc_listener *listener, struct oc_connection *newcomer)
{
    const struct oc_listener_options *options = &listener->options;
    const struct oc_source *source = &newcomer->peer.source;
    const bool is_exempt = options->is_exempt && options->is_exempt(options->user, source);
    struct oc_connection *loser = NULL;
    (void)pthread_mutex_lock(&listener->lock);
    newcomer->lane = oc_source_table_enter(listener->sources, source, is_exempt);
    bool is_in = newcomer->lane && find_place(listener, newcomer, is_exempt, &loser);
    if (is_in) {
        newcomer->listener = listener;
        listener->counters.accepted++;
        listener->n_users++;
    } else {
        listener->counters.refused_at_cap++;
    }
    if (!is_in && newcomer->lane) {
        oc_source_table_leave(listener->sources, newcomer->lane);
    }
    (void)pthread_mutex_unlock(&listener->lock);
    if (loser) {
        oc_connection_abort(loser, OC_RESOURCE_EXHAUSTED, "made room for another source");
        oc_connection_release(loser);
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

static int listen_on_ipc(struct oc_listener *listener)
{
    int reason = nng_stream_listener_set_int(listener->nng, NNG_OPT_IPC_PERMISSIONS, 0600);
    if (reason == 0) {
        /* The socket exists for a moment before its mode is set. */
        const mode_t before = umask(0077);
        reason = nng_stream_listener_listen(listener->nng);
        (void)umask(before);
    }
    return reason;
}

static int listen_on_tcp(struct oc_listener *listener)
{
    int port = 0;
    int reason = nng_stream_listener_set_bool(listener->nng, NNG_OPT_TCP_NODELAY, true);
    if (reason == 0) {
        reason = nng_stream_listener_listen(listener->nng);
    }
    if (reason == 0) {
        reason = nng_stream_listener_get_int(listener->nng, NNG_OPT_TCP_BOUND_PORT, &port);
    }
    if (reason == 0) {
        char *colon = strrchr(listener->url, ':');
        const size_t room = sizeof listener->url - (size_t)(colon - listener->url);
        (void)snprintf(colon, room, ":%d", port);
    }
    return reason;
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
        reason = nng_stream_listener_alloc(&listener->nng, listener->address.nng_url);
    }
    if (reason == 0) {
        reason = listener->address.is_ipc ? listen_on_ipc(listener) : listen_on_tcp(listener);
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
    const unsigned max = or_default(options->max_unfinished, OC_MAX_UNFINISHED);
    /* Twice as many lanes: those that are being closed for a newcomer still hold theirs. */
    struct oc_source_table *sources = oc_source_table_new(
        2 * max, or_default(options->max_unfinished_per_source, OC_MAX_UNFINISHED_PER_SOURCE));
    struct oc_source_tree *unfinished = oc_source_tree_new(options->source_seed, max);
    struct oc_listener *listener = calloc(1, sizeof *listener);
    if (!sources || !unfinished || !listener ||
        !oc_timer_init(&listener->retry, oc_transport_timers(transport), on_retry, listener)) {
        oc_source_table_free(sources);
        oc_source_tree_free(unfinished);
        free(listener);
        return NULL;
    }
    listener->unfinished = unfinished;
    listener->sources = sources;
    listener->transport = transport;
    listener->options = *options;
    listener->options.max_unfinished = max;
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
    counters.unfinished = oc_source_tree_total(listener->unfinished);
    (void)pthread_mutex_unlock(lock);
    return counters;
}
