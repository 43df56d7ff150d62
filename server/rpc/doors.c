/* See doors.h. */
#include "server/rpc/doors.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/rpc/transport.h"
#include "server/obs/log.h"
#include "server/obs/metrics.h"
#include "server/rpc/door_log.h"
#include "server/rpc/door_slots.h"

enum {
    MAX_LISTENERS = DOORS_MAX_DEVICE_URLS + 1,
    /* Over their cap, these many at a time are told so; the others are closed without a word. */
    MAX_TOLD_OVER_CAP = 256,
    OVER_CAP_RETRY_MS = 30 * 1000,
    OVER_AGE_RETRY_MS = 1000,
    /* Longer than a long poll and the pause before the next one. */
    UNAPPROVED_IDLE_MS = 90 * 1000,
    IDLING_LIFE_MS = 2 * 60 * 1000,        /* without a session and without an open request */
    WAITING_LIFE_MS = 12 * 60 * 60 * 1000, /* with one */
    NOBODY_IDLE_MS = 10 * 1000,
    MISSED_HEARTBEATS = 3,
    SMALL_REPLY_BYTES = 512,
};

struct listener {
    struct doors *doors;
    struct oc_listener *handle;
    enum rpc_door door;
    struct refusal_gateway gateway;
};

struct doors {
    struct doors_options options;
    pthread_mutex_t listening; /* guards which listeners there are, from the announcement on */
    struct listener listeners[MAX_LISTENERS];
    size_t n_listeners;
    atomic_bool is_ready; /* every address is known: before, nobody is let in */
    atomic_uint n_told_over_cap;
    struct door_slots *slots; /* of connections without a session */
    pthread_mutex_t lock;  /* guards what follows, and callers' places on the list; but for a hold,
                              nothing is called under it */
    struct caller *locals; /* administrators at the local door */
    struct doors_settings settings;
};

static struct doors *doors_of(const struct caller *caller)
{
    const struct listener *listener = caller->listener;
    return listener->doors;
}

/* ---- slots of connections without a session ------------------------------------------------- */

static bool is_exempt(const struct doors *doors, const struct oc_source *source)
{
    return doors->options.is_exempt &&
           doors->options.is_exempt(doors->options.user, source->address);
}

static bool take_slot(struct caller *caller)
{
    struct doors *doors = doors_of(caller);
    const struct oc_source *source = &oc_connection_peer(caller->connection)->source;
    return door_slots_take(doors->slots, caller, is_exempt(doors, source));
}

/* ---- what the service says of a session ------------------------------------------------------ */

static uint64_t idle_limit(const struct doors *doors, bool is_approved)
{
    return is_approved ? (uint64_t)doors->options.heartbeat_ms * MISSED_HEARTBEATS
                       : UNAPPROVED_IDLE_MS;
}

static void set_approved(void *user, bool is_approved)
{
    struct caller *caller = user;
    atomic_store(&caller->is_approved, is_approved);
    if (is_approved) {
        door_slots_give(doors_of(caller)->slots, caller);
    } else {
        (void)take_slot(caller); /* who is in stays in, with or without one */
    }
    oc_connection_set_approved(caller->connection, is_approved);
    oc_connection_set_idle_limit(caller->connection, idle_limit(doors_of(caller), is_approved));
}

static void cut(void *user, const char *why)
{
    struct caller *caller = user;
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_device_id_format(&caller->device_id, id);
    log_debug("connection.cut", "device=%s why=%s", id, why);
    oc_connection_close(caller->connection);
}

static const struct peer_ops peer_ops = {.set_approved = set_approved, .cut = cut};

/* ---- devices --------------------------------------------------------------------------------- */

static bool is_trusted(const struct doors *doors, const struct oc_source *source)
{
    return !doors->options.is_trusted ||
           doors->options.is_trusted(doors->options.user, source->address);
}

static bool is_pairing_required(struct doors *doors)
{
    pthread_mutex_lock(&doors->lock);
    const bool is_required = doors->settings.pairing_required;
    pthread_mutex_unlock(&doors->lock);
    return is_required;
}

static void *device_accepted(void *user, const struct oc_source *source)
{
    struct listener *listener = user;
    const struct doors *doors = listener->doors;
    if (!atomic_load(&doors->is_ready)) {
        return NULL;
    }
    metric_add(METRIC_CONNECTIONS_ACCEPTED_TOTAL, 1);
    if (!is_pairing_required(listener->doors) && !is_trusted(doors, source)) {
        char text[OC_MAX_SOURCE_BYTES + 1];
        oc_source_format(source, text);
        door_log_not_trusted(text);
        return NULL;
    }
    struct caller *caller = caller_new(RPC_DOOR_DEVICES, RPC_ROLE_DEVICE);
    if (caller) {
        caller->listener = listener;
        caller->gateway = &listener->gateway;
    }
    return caller;
}

/* No slot: the first call is answered with why, unless even that is too much. */
static bool may_be_told(struct caller *caller)
{
    struct doors *doors = doors_of(caller);
    metric_add(METRIC_CONNECTIONS_REFUSED_AT_CAP_TOTAL, 1);
    door_log_cap(caller->actor.source, "as many connections of devices without approval as may be",
                 "raise limits.maxUnapprovedPerSource in gateway.yaml, or name the source in "
                 "pairing.exemptSources if it is a NAT");
    caller->is_over_cap = atomic_fetch_add(&doors->n_told_over_cap, 1) < MAX_TOLD_OVER_CAP;
    if (!caller->is_over_cap) {
        atomic_fetch_sub(&doors->n_told_over_cap, 1);
    }
    return caller->is_over_cap;
}

/* Before a word was read. */
static void device_refused(void *user, const struct oc_source *source)
{
    char text[OC_MAX_SOURCE_BYTES + 1];
    (void)user;
    oc_source_format(source, text);
    metric_add(METRIC_CONNECTIONS_REFUSED_AT_CAP_TOTAL, 1);
    door_log_cap(text, "no place for a connection that has not begun its handshake",
                 "none: they end within seconds; else limits.maxArrivals, or more descriptors");
}

static bool device_opened(void *user, struct oc_connection *connection, const struct oc_peer *peer)
{
    struct caller *caller = user;
    const struct doors *doors = doors_of(caller);
    assert(peer->has_device_id);
    caller->connection = connection;
    caller->device_id = peer->device_id;
    (void)snprintf(caller->actor.name, sizeof caller->actor.name, "device");
    oc_source_format(&peer->source, caller->actor.source);
    const bool pairs_everyone = !is_pairing_required(doors_of(caller));
    caller->peer = peer_opened(doors->options.service, &caller->device_id, caller->actor.source,
                               pairs_everyone, &peer_ops, caller);
    if (!caller->peer) {
        return false;
    }
    caller->opened_ms = oc_monotonic_ms();
    return peer_is_welcome(caller->peer) || take_slot(caller) || may_be_told(caller);
}

static void answer_and_close(struct caller *caller, uint32_t word, const struct oc_error *err)
{
    uint8_t reply[SMALL_REPLY_BYTES];
    const size_t n = oc_reply_pack(err->status, err, NULL, reply, sizeof reply);
    (void)oc_connection_send(caller->connection, word, reply, n);
    oc_connection_close(caller->connection);
}

static void answer_over_cap(struct caller *caller, uint32_t word)
{
    struct oc_error err;
    (void)oc_fail(&err, OC_RESOURCE_EXHAUSTED, "doors: too many connections of this source");
    err.retry_after_ms = OVER_CAP_RETRY_MS;
    answer_and_close(caller, word, &err);
}

/* To speak now and then is not enough to stay: who has no session and waits for no decision may
 * come back when there is something to wait for, and even a wait begins anew some day. */
static bool is_over_age(struct caller *caller)
{
    if (atomic_load(&caller->is_approved)) {
        return false;
    }
    const uint64_t age_ms = oc_monotonic_ms() - caller->opened_ms;
    return age_ms >= WAITING_LIFE_MS ||
           (age_ms >= IDLING_LIFE_MS && !peer_is_waiting(caller->peer));
}

static void answer_over_age(struct caller *caller, uint32_t word)
{
    struct oc_error err;
    (void)oc_fail(&err, OC_UNAVAILABLE, "doors: this connection is old, come back with a new one");
    err.retry_after_ms = OVER_AGE_RETRY_MS;
    answer_and_close(caller, word, &err);
}

static void device_frame(void *user, struct oc_connection *connection, uint32_t word,
                         const uint8_t *body, size_t n_body)
{
    struct caller *caller = user;
    struct doors *doors = doors_of(caller);
    if (caller->is_over_cap) {
        answer_over_cap(caller, word);
        return;
    }
    if (is_over_age(caller)) {
        answer_over_age(caller, word);
        return;
    }
    if (!caller->has_spoken) {
        caller->has_spoken = true;
        oc_connection_set_idle_limit(connection, UNAPPROVED_IDLE_MS);
    }
    dispatch_frame(doors->options.dispatch, caller, word, body, n_body);
}

static void device_closed(void *user, struct oc_connection *connection, const struct oc_error *err)
{
    struct caller *caller = user;
    if (caller->is_over_cap) {
        atomic_fetch_sub(&doors_of(caller)->n_told_over_cap, 1);
    }
    door_slots_leave(doors_of(caller)->slots, caller);
    if (caller->peer) {
        peer_closed(caller->peer, err->status ? err->text : "the device closed the connection");
    } else {
        metric_add(METRIC_HANDSHAKES_FAILED_TOTAL, 1);
        door_log_handshake(&oc_connection_peer(connection)->source, err);
    }
    caller_release(caller);
}

static const struct oc_connection_ops device_ops = {
    .opened = device_opened,
    .frame = device_frame,
    .closed = device_closed,
};

/* ---- local administrators -------------------------------------------------------------------- */

static void *local_accepted(void *user, const struct oc_source *source)
{
    struct listener *listener = user;
    (void)source;
    if (!atomic_load(&listener->doors->is_ready)) {
        return NULL;
    }
    struct caller *caller = caller_new(RPC_DOOR_LOCAL, RPC_ROLE_NOBODY);
    if (caller) {
        caller->listener = listener;
    }
    return caller;
}

static bool may_administer(const struct doors_settings *settings, uint32_t uid)
{
    bool is_listed = uid == 0 || uid == (uint32_t)geteuid();
    for (size_t i = 0; i < settings->n_local_uids; i++) {
        is_listed = is_listed || settings->local_uids[i] == uid;
    }
    return is_listed;
}

/* Looks and lists in one step, so that nobody comes in by what no longer holds. */
static bool enter_as_administrator(struct caller *caller, uint32_t uid)
{
    struct doors *doors = doors_of(caller);
    pthread_mutex_lock(&doors->lock);
    const bool may = may_administer(&doors->settings, uid);
    if (may) {
        caller->next_local = doors->locals;
        caller->local_link = &doors->locals;
        if (caller->next_local) {
            caller->next_local->local_link = &caller->next_local;
        }
        doors->locals = caller;
    }
    pthread_mutex_unlock(&doors->lock);
    return may;
}

/* Under the lock. */
static void unlist(struct caller *caller)
{
    if (caller->local_link) {
        *caller->local_link = caller->next_local;
        if (caller->next_local) {
            caller->next_local->local_link = caller->local_link;
        }
        caller->local_link = NULL;
    }
}

/* Takes one who may not stay off the list and returns its connection, held; NULL: all may. */
static struct oc_connection *take_unlisted(struct doors *doors)
{
    struct oc_connection *connection = NULL;
    pthread_mutex_lock(&doors->lock);
    for (struct caller *caller = doors->locals; caller && !connection;
         caller = caller->next_local) {
        if (!may_administer(&doors->settings, oc_connection_peer(caller->connection)->uid)) {
            connection = caller->connection;
            oc_connection_hold(connection);
            unlist(caller);
        }
    }
    pthread_mutex_unlock(&doors->lock);
    return connection;
}

void doors_change_settings(struct doors *doors, const struct doors_settings *settings)
{
    pthread_mutex_lock(&doors->lock);
    doors->settings = *settings;
    pthread_mutex_unlock(&doors->lock);
    door_slots_change(doors->slots, settings->max_unapproved, settings->max_unapproved_per_source);
    for (struct oc_connection *connection = take_unlisted(doors); connection;
         connection = take_unlisted(doors)) {
        oc_connection_abort(connection, OC_PERMISSION_DENIED, "an administrator no more");
        oc_connection_release(connection);
    }
}

static bool local_opened(void *user, struct oc_connection *connection, const struct oc_peer *peer)
{
    struct caller *caller = user;
    caller->connection = connection;
    (void)snprintf(caller->actor.name, sizeof caller->actor.name, "uid:%u", peer->uid);
    (void)snprintf(caller->actor.source, sizeof caller->actor.source, "local");
    if (!enter_as_administrator(caller, peer->uid)) {
        oc_connection_set_idle_limit(connection, NOBODY_IDLE_MS);
        return true; /* stays nobody: every call is answered with PERMISSION_DENIED */
    }
    caller->role = RPC_ROLE_ADMIN;
    caller->is_root = peer->uid == 0;
    atomic_store(&caller->is_approved, true);
    oc_connection_set_approved(connection, true);
    return true;
}

static void local_frame(void *user, struct oc_connection *connection, uint32_t word,
                        const uint8_t *body, size_t n_body)
{
    struct caller *caller = user;
    (void)connection;
    dispatch_frame(doors_of(caller)->options.dispatch, caller, word, body, n_body);
}

static void local_closed(void *user, struct oc_connection *connection, const struct oc_error *err)
{
    struct caller *caller = user;
    struct doors *doors = doors_of(caller);
    (void)connection;
    (void)err;
    pthread_mutex_lock(&doors->lock);
    unlist(caller);
    pthread_mutex_unlock(&doors->lock);
    caller_release(caller);
}

static const struct oc_connection_ops local_ops = {
    .opened = local_opened,
    .frame = local_frame,
    .closed = local_closed,
};

/* ---- listeners ------------------------------------------------------------------------------- */

static const struct {
    const struct oc_connection_ops *ops;
    void *(*accepted)(void *user, const struct oc_source *source);
    void (*refused)(void *user, const struct oc_source *source);
} door_ops[RPC_DOOR_COUNT] = {
    [RPC_DOOR_DEVICES] = {&device_ops, device_accepted, device_refused},
    [RPC_DOOR_LOCAL] = {&local_ops, local_accepted, NULL},
};

static bool listener_is_exempt(void *user, const struct oc_source *source)
{
    const struct listener *listener = user;
    return is_exempt(listener->doors, source);
}

static enum oc_status open_listener(struct doors *doors, enum rpc_door door, const char *url,
                                    struct oc_error *err)
{
    struct listener *listener = &doors->listeners[doors->n_listeners];
    listener->doors = doors;
    listener->door = door;
    listener->gateway.spki_sha256 = doors->options.gateway_spki;
    const struct oc_listener_options options = {
        .url = url,
        .tls = door == RPC_DOOR_DEVICES ? doors->options.tls : NULL,
        .ops = door_ops[door].ops,
        .max_unfinished = doors->options.max_unfinished,
        .max_unfinished_per_source = doors->options.max_unfinished_per_source,
        .max_arrivals = doors->options.max_arrivals,
        .max_arrivals_per_source = doors->options.max_arrivals_per_source,
        .is_exempt = listener_is_exempt,
        .source_seed = doors->options.source_seed,
        .accepted = door_ops[door].accepted,
        .refused = door_ops[door].refused,
        .user = listener,
    };
    enum oc_status status =
        oc_listener_open(doors->options.transport, &options, &listener->handle, err);
    if (status) {
        return status;
    }
    doors->n_listeners++;
    return OC_OK;
}

static enum oc_status open_listeners(struct doors *doors, struct oc_error *err)
{
    enum oc_status status = OC_OK;
    for (size_t i = 0; !status && i < doors->options.n_device_urls; i++) {
        status = open_listener(doors, RPC_DOOR_DEVICES, doors->options.device_urls[i], err);
    }
    if (!status && doors->options.local_url) {
        status = open_listener(doors, RPC_DOOR_LOCAL, doors->options.local_url, err);
    }
    return status;
}

static size_t read_caps(void *user, struct dispatch_cap out[DISPATCH_DOOR_CAPS])
{
    struct doors *doors = user;
    const struct door_slots_use slots = door_slots_use(doors->slots);
    out[0] = (struct dispatch_cap){.name = "unapproved_connections",
                                   .in_use = slots.in_use,
                                   .limit = slots.limit,
                                   .limit_per_source = slots.limit_per_source,
                                   .refused = slots.n_refused,
                                   .shed = slots.n_shed};
    out[1] = (struct dispatch_cap){.name = "unfinished_handshakes",
                                   .limit = doors->options.max_unfinished,
                                   .limit_per_source = doors->options.max_unfinished_per_source};
    out[2] = (struct dispatch_cap){.name = "arrivals",
                                   .limit = doors->options.max_arrivals,
                                   .limit_per_source = doors->options.max_arrivals_per_source};
    pthread_mutex_lock(&doors->listening);
    for (size_t i = 0; i < doors->n_listeners; i++) {
        if (doors->listeners[i].door == RPC_DOOR_DEVICES) {
            const struct oc_listener_counters counters =
                oc_listener_counters(doors->listeners[i].handle);
            out[1].in_use += counters.unfinished;
            out[1].shed += counters.gave_way;
            out[2].in_use += counters.arrivals;
            out[2].refused += counters.refused_at_cap;
            out[2].shed += counters.shed;
        }
    }
    pthread_mutex_unlock(&doors->listening);
    return 3;
}

/* Now that the kernel has picked the ports. */
static void announce(struct doors *doors)
{
    for (size_t i = 0; i < doors->n_listeners; i++) {
        struct listener *listener = &doors->listeners[i];
        oc_listener_url(listener->handle, listener->gateway.address,
                        sizeof listener->gateway.address);
        dispatch_add_listener(doors->options.dispatch, rpc_door_name(listener->door),
                              listener->gateway.address);
    }
    dispatch_set_caps(doors->options.dispatch, read_caps, doors);
    atomic_store(&doors->is_ready, true);
}

enum oc_status doors_open(const struct doors_options *options, struct doors **out,
                          struct oc_error *err)
{
    OC_CLEANUP(doors_freep) struct doors *doors = calloc(1, sizeof *doors);
    if (!doors || pthread_mutex_init(&doors->lock, NULL) != 0) {
        free(OC_STEAL(doors));
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "doors: out of memory");
    }
    pthread_mutex_init(&doors->listening, NULL);
    doors->options = *options;
    doors->settings = options->settings;
    const struct source_caps_options caps = {
        .max = options->settings.max_unapproved,
        .max_per_source = options->settings.max_unapproved_per_source,
        .seed = options->source_seed,
    };
    doors->slots = door_slots_new(&caps);
    if (!doors->slots) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "doors: out of memory");
    }
    enum oc_status status = open_listeners(doors, err);
    if (status) {
        doors_stop(doors);
        return status;
    }
    announce(doors);
    *out = OC_STEAL(doors);
    return OC_OK;
}

void doors_stop(struct doors *doors)
{
    struct oc_listener *handles[MAX_LISTENERS];
    pthread_mutex_lock(&doors->listening);
    const size_t n = doors->n_listeners;
    for (size_t i = 0; i < n; i++) {
        handles[i] = doors->listeners[i].handle;
    }
    doors->n_listeners = 0;
    pthread_mutex_unlock(&doors->listening);
    for (size_t i = 0; i < n; i++) {
        oc_listener_close(handles[i]);
    }
}

void doors_free(struct doors *doors)
{
    if (doors) {
        door_slots_free(doors->slots);
        pthread_mutex_destroy(&doors->lock);
        pthread_mutex_destroy(&doors->listening);
        free(doors);
    }
}
