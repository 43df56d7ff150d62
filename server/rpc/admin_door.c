/* See admin_door.h. */
#include "server/rpc/admin_door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/rpc/transport.h"
#include "server/obs/log.h"
#include "server/obs/metrics.h"
#include "server/rpc/door_log.h"

enum {
    URL_BYTES = 256,
    NOBODY_IDLE_MS = 10 * 1000,
    ADMIN_IDLE_MS = 10 * 60 * 1000, /* longer than any pause between long polls */
    LAST_ANSWER_MS = 60 * 1000,     /* longer than any disk takes to keep what cut it */
};

struct admin_door {
    struct admin_door_options options;
    char url[URL_BYTES];
    struct oc_tls_context *tls;
    pthread_mutex_t opening; /* guards the next two; held while the listener opens or closes */
    struct oc_listener *listener;
    bool is_stopped;
    pthread_mutex_t lock; /* guards what follows, and callers' roles and places on the list; under
                             it come a hold, and the service's table of administrators, a leaf */
    struct caller *callers;
};

static struct admin_door *door_of(const struct caller *caller)
{
    return caller->listener;
}

/* ---- who is in ------------------------------------------------------------------------------- */

/* Who is in, beside a newcomer. */
struct crowd {
    unsigned n, n_of_source, n_of_name, n_nobodies;
};

static struct crowd count(const struct admin_door *door, const struct caller *newcomer)
{
    struct crowd crowd = {0};
    for (const struct caller *each = door->callers; each; each = each->next_local) {
        crowd.n++;
        crowd.n_of_source += strcmp(each->actor.source, newcomer->actor.source) == 0;
        crowd.n_of_name += strcmp(each->certificate->name, newcomer->certificate->name) == 0;
        crowd.n_nobodies += each->role == RPC_ROLE_NOBODY;
    }
    return crowd;
}

/* NULL: there is room. Else what is full, in words. */
static const char *find_cap(const struct crowd *crowd, bool is_nobody)
{
    if (is_nobody) {
        return crowd->n_nobodies < ADMIN_DOOR_MAX_NOBODIES
                   ? NULL
                   : "as many connections with certificates that may do nothing as may be";
    }
    if (crowd->n_of_name >= ADMIN_DOOR_MAX_PER_NAME) {
        return "as many connections of this administrator as may be";
    }
    return crowd->n_of_source < ADMIN_DOOR_MAX_PER_SOURCE &&
                   crowd->n - crowd->n_nobodies < ADMIN_DOOR_MAX
               ? NULL
               : "as many connections of administrators as may be";
}

/* Under the lock. What the holder may do now is what the connection came in with. */
static enum administrators_standing look_up(const struct admin_door *door, struct caller *caller)
{
    enum administrator_role role;
    const enum administrators_standing standing =
        administrators_look_up(door->options.service, &caller->certificate->sha256, &role);
    caller->role = rpc_role_of_administrator(role);
    return standing;
}

/* Lists and looks in one step, so that nobody comes in by what no longer holds. NULL: it is in;
 * else what is full. */
static const char *enter(struct caller *caller, enum administrators_standing *standing)
{
    struct admin_door *door = door_of(caller);
    pthread_mutex_lock(&door->lock);
    const struct crowd crowd = count(door, caller);
    *standing = look_up(door, caller);
    const char *full = find_cap(&crowd, *standing != ADMINISTRATORS_ALLOWED);
    if (!full) {
        caller->next_local = door->callers;
        caller->local_link = &door->callers;
        if (caller->next_local) {
            caller->next_local->local_link = &caller->next_local;
        }
        door->callers = caller;
    }
    pthread_mutex_unlock(&door->lock);
    return full;
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

static void leave(struct caller *caller)
{
    struct admin_door *door = door_of(caller);
    pthread_mutex_lock(&door->lock);
    unlist(caller);
    pthread_mutex_unlock(&door->lock);
}

/* ---- connections ----------------------------------------------------------------------------- */

static void *accepted(void *user, const struct oc_source *source)
{
    (void)source;
    metric_add(METRIC_CONNECTIONS_ACCEPTED_TOTAL, 1);
    struct caller *caller = caller_new(RPC_DOOR_ADMIN, RPC_ROLE_NOBODY);
    if (caller) {
        caller->listener = user;
    }
    return caller;
}

static void refused(void *user, const struct oc_source *source)
{
    char text[OC_MAX_SOURCE_BYTES + 1];
    (void)user;
    oc_source_format(source, text);
    metric_add(METRIC_CONNECTIONS_REFUSED_AT_CAP_TOTAL, 1);
    door_log_cap(text, "as many unfinished handshakes as may be", "none: they end within seconds");
}

static bool take_certificate(struct caller *caller, const struct oc_peer *peer)
{
    struct caller_certificate *certificate = calloc(1, sizeof *certificate);
    if (!certificate || !peer->admin) {
        free(certificate);
        return false;
    }
    _Static_assert((int)OC_ADMIN_NAME_BYTES == (int)ADMINISTRATOR_NAME_BYTES, "names");
    memcpy(certificate->name, peer->admin->name, sizeof certificate->name);
    certificate->sha256 = peer->admin->sha256;
    certificate->said = *peer->admin;
    caller->certificate = certificate;
    (void)snprintf(caller->actor.name, sizeof caller->actor.name, "admin:%s", certificate->name);
    oc_source_format(&peer->source, caller->actor.source);
    return true;
}

/* Whoever may do nothing is told so at the first call, and has the bounds of a stranger. */
static bool opened(void *user, struct oc_connection *connection, const struct oc_peer *peer)
{
    struct caller *caller = user;
    enum administrators_standing standing = ADMINISTRATORS_UNKNOWN;
    caller->connection = connection;
    if (!take_certificate(caller, peer)) {
        return false;
    }
    administrators_note_certificate(door_of(caller)->options.service, &caller->certificate->said,
                                    1);
    const char *full = enter(caller, &standing);
    if (full) {
        metric_add(METRIC_CONNECTIONS_REFUSED_AT_CAP_TOTAL, 1);
        door_log_cap(caller->actor.source, full,
                     "close some: 512 in all, 64 of one source, 32 of one administrator, 16 of "
                     "those who may do nothing");
        return false;
    }
    const bool is_known = standing == ADMINISTRATORS_ALLOWED;
    caller->certificate->is_counted = is_known;
    if (is_known) {
        administrators_note_online(door_of(caller)->options.service, caller->certificate->name, 1);
    }
    atomic_store(&caller->is_approved, is_known);
    oc_connection_set_approved(connection, is_known);
    oc_connection_set_idle_limit(connection, is_known ? ADMIN_IDLE_MS : NOBODY_IDLE_MS);
    return true;
}

static void frame(void *user, struct oc_connection *connection, uint32_t word, const uint8_t *body,
                  size_t n_body)
{
    struct caller *caller = user;
    (void)connection;
    dispatch_frame(door_of(caller)->options.dispatch, caller, word, body, n_body);
}

static void closed(void *user, struct oc_connection *connection, const struct oc_error *err)
{
    struct caller *caller = user;
    if (caller->certificate && caller->certificate->is_counted) {
        administrators_note_online(door_of(caller)->options.service, caller->certificate->name, -1);
    }
    leave(caller);
    if (caller->certificate) {
        administrators_note_certificate(door_of(caller)->options.service,
                                        &caller->certificate->said, -1);
    } else {
        metric_add(METRIC_HANDSHAKES_FAILED_TOTAL, 1);
        door_log_admin_handshake(&oc_connection_peer(connection)->source, err);
    }
    caller_release(caller);
}

static const struct oc_connection_ops ops = {.opened = opened, .frame = frame, .closed = closed};

/* ---- changes --------------------------------------------------------------------------------- */

/* Whoever takes his own rights away is told so: all else on his connection ends here. */
static void cut(struct caller *caller, struct oc_connection *connection, struct call *origin)
{
    if (origin && origin->caller == caller) {
        call_make_last(origin);
        oc_connection_set_idle_limit(connection, LAST_ANSWER_MS);
    } else {
        oc_connection_abort(connection, OC_PERMISSION_DENIED,
                            "this administrator may less than before");
    }
}

/* Takes one who may less than it came in with off the list, and returns it, held, with its
 * connection, held; NULL: all may stay. */
static struct caller *take_out(struct admin_door *door, struct oc_connection **connection)
{
    struct caller *found = NULL;
    pthread_mutex_lock(&door->lock);
    for (struct caller *caller = door->callers; caller && !found; caller = caller->next_local) {
        const enum rpc_role was = caller->role;
        if (look_up(door, caller) != ADMINISTRATORS_ALLOWED || caller->role < was) {
            found = caller;
            *connection = caller->connection;
            caller_hold(found);
            oc_connection_hold(*connection);
            unlist(caller);
        }
    }
    pthread_mutex_unlock(&door->lock);
    return found;
}

static unsigned changed(void *user, void *origin)
{
    struct admin_door *door = user;
    struct oc_connection *connection = NULL;
    struct oc_error err;
    unsigned n = 0;
    if (admin_door_open(door, &err)) {
        log_error("admin.door_shut", "address=%s reason=%s", door->url, err.text);
    }
    for (struct caller *caller = take_out(door, &connection); caller;
         caller = take_out(door, &connection)) {
        cut(caller, connection, origin);
        oc_connection_release(connection);
        caller_release(caller);
        n++;
    }
    return n;
}

/* ---- life ------------------------------------------------------------------------------------ */

enum oc_status admin_door_new(const struct admin_door_options *options, struct admin_door **out,
                              struct oc_error *err)
{
    struct admin_door *door = calloc(1, sizeof *door);
    if (!door) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "admin door: out of memory");
    }
    enum oc_status st = oc_tls_context_for_admins(options->identity, administrators_judge,
                                                  options->service, &door->tls, err);
    if (st) {
        free(door);
        return st;
    }
    door->options = *options;
    (void)snprintf(door->url, sizeof door->url, "%s", options->url);
    pthread_mutex_init(&door->opening, NULL);
    pthread_mutex_init(&door->lock, NULL);
    administrators_set_watcher(options->service, changed, door);
    dispatch_expect_admin_door(options->dispatch);
    *out = door;
    return OC_OK;
}

static enum oc_status open_now(struct admin_door *door, struct oc_error *err)
{
    char address[REFUSAL_ADDRESS_BYTES];
    const struct oc_listener_options options = {
        .url = door->url,
        .tls = door->tls,
        .ops = &ops,
        .max_unfinished = door->options.max_unfinished,
        .max_unfinished_per_source = door->options.max_unfinished_per_source,
        .source_seed = door->options.source_seed,
        .accepted = accepted,
        .refused = refused,
        .user = door,
    };
    enum oc_status st = oc_listener_open(door->options.transport, &options, &door->listener, err);
    if (!st) {
        oc_listener_url(door->listener, address, sizeof address);
        dispatch_add_listener(door->options.dispatch, rpc_door_name(RPC_DOOR_ADMIN), address);
        log_info("gateway.listening", "door=%s address=%s", rpc_door_name(RPC_DOOR_ADMIN), address);
    }
    return st;
}

enum oc_status admin_door_open(struct admin_door *door, struct oc_error *err)
{
    struct administrators_ca *ca = malloc(sizeof *ca);
    if (!ca) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "admin door: out of memory");
    }
    administrators_get_ca(door->options.service, ca);
    const bool has_ca = ca->is_there;
    free(ca);
    enum oc_status st = OC_OK;
    pthread_mutex_lock(&door->opening);
    if (has_ca && !door->listener && !door->is_stopped) {
        st = open_now(door, err);
    }
    pthread_mutex_unlock(&door->opening);
    return st;
}

bool admin_door_is_open(struct admin_door *door)
{
    pthread_mutex_lock(&door->opening);
    const bool is_open = door->listener != NULL;
    pthread_mutex_unlock(&door->opening);
    return is_open;
}

void admin_door_stop(struct admin_door *door)
{
    if (door) {
        pthread_mutex_lock(&door->opening);
        struct oc_listener *listener = door->listener;
        door->listener = NULL;
        door->is_stopped = true;
        pthread_mutex_unlock(&door->opening);
        oc_listener_close(listener);
    }
}

void admin_door_free(struct admin_door *door)
{
    if (door) {
        oc_tls_context_free(door->tls);
        pthread_mutex_destroy(&door->opening);
        pthread_mutex_destroy(&door->lock);
        free(door);
    }
}
