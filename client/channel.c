/* See channel.h. Here: life, connections, and what happens to calls when one ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/channel_internal.h"
#include "client/clean_text.h"
#include "client/process.h"

enum {
    /* Room for the rest of an envelope around the payload. */
    MAX_PAYLOAD_BYTES = OC_MAX_FRAME_BYTES - 256,
};

static bool on_opened(void *user, struct oc_connection *connection, const struct oc_peer *peer);
static void on_frame(void *user, struct oc_connection *connection, uint32_t word,
                     const uint8_t *body, size_t n_body);
static void on_closed(void *user, struct oc_connection *connection, const struct oc_error *err);

static const struct oc_connection_ops connection_ops = {
    .opened = on_opened, .frame = on_frame, .closed = on_closed};

/* ---- connections, with the lock held ----------------------------------------------------- */

static enum oc_status dial(struct oc_channel *channel, struct oc_error *err)
{
    struct oc_link *link = calloc(1, sizeof *link);
    if (!link) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "channel: out of memory");
    }
    link->channel = channel;
    const struct oc_dial_options options = {.url = channel->url,
                                            .tls = channel->tls,
                                            .ops = &connection_ops,
                                            .user = link,
                                            .timeout_ms = channel->options.dial_timeout_ms};
    /* Its callbacks come on other threads and wait for the lock, so link is whole by then. */
    enum oc_status st = oc_connection_dial(channel->transport, &options, &link->connection, err);
    if (st) {
        free(link);
        return st;
    }
    channel->link = link;
    channel->n_links++;
    return OC_OK;
}

/* Gives the link for a new attempt; dials if there is none. */
static enum oc_status find_link(struct oc_channel *channel, struct oc_error *err)
{
    if (channel->is_closing) {
        return oc_fail(err, OC_CANCELLED, "channel: closing");
    }
    if (channel->link) {
        return OC_OK;
    }
    if (channel->options.is_single) {
        return oc_fail(err, OC_UNAVAILABLE, "the connection to the gateway was lost");
    }
    return dial(channel, err);
}

/* ---- what the connection tells ----------------------------------------------------------- */

static bool on_opened(void *user, struct oc_connection *connection, const struct oc_peer *peer)
{
    struct oc_link *link = user;
    struct oc_channel *channel = link->channel;
    /* A parked call may stay without an answer for long: our own deadlines watch. */
    oc_connection_set_idle_limit(connection, 0);
    if (channel->options.opened && !channel->options.opened(channel->options.user, peer)) {
        return false;
    }
    (void)pthread_mutex_lock(&channel->lock);
    link->is_open = true;
    bool is_wanted = !channel->is_closing;
    for (size_t i = 0; i < OC_N_SLOTS && is_wanted; i++) {
        struct oc_pending *pending = channel->slots[i];
        if (pending && pending->link == link && !pending->is_sent) {
            oc_pending_transmit(pending);
        }
    }
    (void)pthread_mutex_unlock(&channel->lock);
    return is_wanted;
}

static void on_frame(void *user, struct oc_connection *connection, uint32_t word,
                     const uint8_t *body, size_t n_body)
{
    struct oc_link *link = user;
    struct oc_channel *channel = link->channel;
    struct oc_reply reply;
    if (oc_reply_unpack(body, n_body, &reply, NULL)) {
        oc_connection_abort(connection, OC_INTERNAL, "the gateway's answer is not understood");
        return;
    }
    (void)pthread_mutex_lock(&channel->lock);
    struct oc_pending *pending = oc_pending_find(channel, link, word);
    if (pending) {
        oc_pending_detach(channel, pending);
    }
    (void)pthread_mutex_unlock(&channel->lock);
    if (pending) { /* else it came too late */
        pending->reply = reply;
        if (reply.status != OC_OK && channel->options.explain) {
            channel->options.explain(channel->options.user, NULL, &pending->reply.error);
            pending->reply.status = pending->reply.error.status;
        }
        pending->next = NULL;
        oc_pending_complete_all(pending);
    }
}

/* Whether a call of a lost link may be sent again: nothing can happen twice by it. */
static bool may_move(const struct oc_channel *channel, const struct oc_link *link,
                     const struct oc_pending *pending)
{
    bool is_safe = !pending->was_ever_sent || pending->method->is_repeatable ||
                   pending->call.has_idempotency_key;
    return is_safe && link->is_open && !pending->was_moved && !channel->options.is_single &&
           pending->due_ms > oc_monotonic_ms();
}

static void move_or_fail(struct oc_channel *channel, struct oc_link *link,
                         struct oc_pending *pending, const struct oc_error *err,
                         struct oc_pending **failed)
{
    struct oc_error cause = *err;
    if (may_move(channel, link, pending) && find_link(channel, &cause) == OC_OK) {
        pending->was_moved = true;
        pending->is_sent = false;
        pending->link = channel->link;
        oc_pending_transmit(pending);
        return;
    }
    /* What went wrong below is not what went wrong with the call: it met no gateway, or lost it. */
    enum oc_status status = cause.status == OC_CANCELLED || cause.status == OC_UNAUTHENTICATED
                                ? cause.status
                                : OC_UNAVAILABLE;
    oc_pending_fail(channel, pending, failed, status,
                    cause.text[0] ? cause.text : "the gateway closed the connection");
    memcpy(pending->reply.error.cause, cause.cause, sizeof cause.cause);
}

/* Takes every call off a link that ended. */
static struct oc_pending *clear_link(struct oc_channel *channel, struct oc_link *link,
                                     const struct oc_error *err)
{
    struct oc_pending *failed = NULL;
    if (channel->link == link) {
        channel->link = NULL;
    }
    for (size_t i = 0; i < OC_N_SLOTS; i++) {
        struct oc_pending *pending = channel->slots[i];
        if (pending && pending->link == link) {
            move_or_fail(channel, link, pending, err, &failed);
        }
    }
    return failed;
}

static void on_closed(void *user, struct oc_connection *connection, const struct oc_error *err)
{
    struct oc_link *link = user;
    struct oc_channel *channel = link->channel;
    struct oc_error cause = *err;
    (void)pthread_mutex_lock(&channel->lock);
    if (!link->is_open && cause.status != OC_UNAUTHENTICATED) {
        (void)oc_fail(&cause, OC_UNAVAILABLE, "no gateway at %.320s: %.160s", channel->url,
                      err->text[0] ? err->text : "it closed the connection");
    }
    (void)pthread_mutex_unlock(&channel->lock);
    oc_clean_text(cause.text);
    if (channel->options.explain) {
        channel->options.explain(channel->options.user,
                                 &oc_connection_peer(connection)->spki_sha256, &cause);
    }
    (void)pthread_mutex_lock(&channel->lock);
    struct oc_pending *failed = clear_link(channel, link, &cause);
    (void)pthread_mutex_unlock(&channel->lock);
    oc_pending_complete_all(failed);
    if (channel->options.closed) {
        channel->options.closed(channel->options.user, &cause, oc_connection_peer(connection));
    }
    oc_connection_release(connection);
    free(link);
    (void)pthread_mutex_lock(&channel->lock);
    channel->n_links--;
    (void)pthread_cond_broadcast(&channel->quiet);
    (void)pthread_mutex_unlock(&channel->lock);
}

void oc_channel_leave(struct oc_channel *channel)
{
    (void)pthread_mutex_lock(&channel->lock);
    channel->n_busy--;
    (void)pthread_cond_broadcast(&channel->quiet);
    (void)pthread_mutex_unlock(&channel->lock);
}

/* ---- calling ----------------------------------------------------------------------------- */

/* With the lock held. *old is the timer to cancel without it. */
static enum oc_status enter(struct oc_channel *channel, const struct oc_channel_call *call,
                            struct oc_timer **old, struct oc_error *err)
{
    enum oc_status st = find_link(channel, err);
    if (st) {
        return st;
    }
    struct oc_pending *pending = oc_pending_new(channel, call);
    if (!pending) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "channel: too many calls in flight (%u)",
                       channel->n_in_flight);
    }
    if (channel->timer_due_ms == 0 || pending->due_ms < channel->timer_due_ms) {
        *old = oc_channel_arm(channel);
    }
    if (channel->timer_due_ms == 0) {
        oc_pending_discard(channel, pending);
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "channel: out of memory for a deadline");
    }
    pending->link = channel->link;
    oc_pending_transmit(pending);
    return OC_OK;
}

enum oc_status oc_channel_send(struct oc_channel *channel, const struct oc_channel_call *call,
                               struct oc_error *err)
{
    if (call->n_payload > MAX_PAYLOAD_BYTES) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "the request is longer than %d bytes",
                       MAX_PAYLOAD_BYTES);
    }
    if (call->timeout_ms < OC_MIN_BUDGET_MS || call->timeout_ms > OC_MAX_BUDGET_MS) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "the time for a call is 1 to %d ms",
                       OC_MAX_BUDGET_MS);
    }
    if (oc_process_is_forked()) {
        return oc_process_fail_forked(err);
    }
    struct oc_timer *old = NULL;
    (void)pthread_mutex_lock(&channel->lock);
    channel->n_busy++;
    (void)pthread_mutex_unlock(&channel->lock);
    enum oc_status st = channel->options.prepare
                            ? channel->options.prepare(channel->options.user, channel, err)
                            : OC_OK;
    (void)pthread_mutex_lock(&channel->lock);
    st = st ? st : enter(channel, call, &old, err);
    (void)pthread_mutex_unlock(&channel->lock);
    if (old) {
        oc_timer_cancel(old);
    }
    oc_channel_leave(channel);
    return st;
}

/* ---- life -------------------------------------------------------------------------------- */

static void destroy(struct oc_channel *channel)
{
    (void)pthread_cond_destroy(&channel->quiet);
    (void)pthread_mutex_destroy(&channel->lock);
    oc_tls_context_release(channel->tls);
    free(channel->url);
    free(channel);
}

enum oc_status oc_channel_open(const struct oc_channel_options *options, struct oc_channel **out,
                               struct oc_error *err)
{
    struct oc_channel *channel = calloc(1, sizeof *channel);
    char *url = strdup(options->url);
    if (!channel || !url) {
        free(channel);
        free(url);
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "channel: out of memory");
    }
    channel->transport = options->transport;
    channel->tls = oc_tls_context_hold(options->tls);
    channel->options = *options;
    channel->options.url = NULL;
    channel->options.tls = NULL;
    channel->url = url;
    (void)pthread_mutex_init(&channel->lock, NULL);
    (void)pthread_cond_init(&channel->quiet, NULL);
    if (options->is_single) {
        (void)pthread_mutex_lock(&channel->lock);
        enum oc_status st = dial(channel, err);
        (void)pthread_mutex_unlock(&channel->lock);
        if (st) {
            destroy(channel);
            return st;
        }
    }
    *out = channel;
    return OC_OK;
}

bool oc_channel_has_link(struct oc_channel *channel)
{
    (void)pthread_mutex_lock(&channel->lock);
    const bool has_link = channel->link != NULL;
    (void)pthread_mutex_unlock(&channel->lock);
    return has_link;
}

enum oc_status oc_channel_set_target(struct oc_channel *channel, const char *url,
                                     const struct oc_tls_context *tls, struct oc_error *err)
{
    char *new_url = strdup(url);
    if (!new_url) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "channel: out of memory");
    }
    (void)pthread_mutex_lock(&channel->lock);
    const struct oc_tls_context *old_tls = channel->tls;
    char *old_url = channel->url;
    channel->tls = oc_tls_context_hold(tls);
    channel->url = new_url;
    /* One that is still being made may end as it began. */
    if (channel->link && channel->link->is_open) {
        oc_connection_close(channel->link->connection);
        channel->link = NULL;
    }
    (void)pthread_mutex_unlock(&channel->lock);
    oc_tls_context_release(old_tls);
    free(old_url);
    return OC_OK;
}

/* With the lock held: everything in flight, to end with CANCELLED. */
static struct oc_pending *cancel_all(struct oc_channel *channel)
{
    struct oc_pending *cancelled = NULL;
    for (size_t i = 0; i < OC_N_SLOTS; i++) {
        if (channel->slots[i]) {
            oc_pending_fail(channel, channel->slots[i], &cancelled, OC_CANCELLED,
                            "the call was given up");
        }
    }
    return cancelled;
}

static void hang_up(const struct oc_channel *channel, struct oc_connection *connection)
{
    if (channel->tls) {
        oc_connection_close(connection); /* the gateway hangs up at once when TLS says so */
    } else {
        /* It would linger for a peer that has no reason to hang up; all that was waited for has
         * come or was given up. */
        oc_connection_abort(connection, OC_CANCELLED, "the client was closed");
    }
}

void oc_channel_close(struct oc_channel *channel)
{
    if (!channel) {
        return;
    }
    (void)pthread_mutex_lock(&channel->lock);
    channel->is_closing = true;
    struct oc_pending *cancelled = cancel_all(channel);
    if (channel->link) {
        hang_up(channel, channel->link->connection);
    }
    (void)pthread_mutex_unlock(&channel->lock);
    oc_pending_complete_all(cancelled);
    (void)pthread_mutex_lock(&channel->lock);
    while (channel->n_links > 0 || channel->n_busy > 0) {
        (void)pthread_cond_wait(&channel->quiet, &channel->lock);
    }
    struct oc_timer *timer = channel->timer;
    (void)pthread_mutex_unlock(&channel->lock);
    if (timer) {
        oc_timer_cancel(timer);
    }
    destroy(channel);
}
