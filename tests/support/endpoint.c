/* See endpoint.h. */
#include "tests/support/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LIMIT_S = 20 };

static bool opened(void *user, struct oc_connection *connection, const struct oc_peer *peer)
{
    struct endpoint *endpoint = user;
    if (endpoint->approves) {
        oc_connection_set_approved(connection, true);
    }
    if (endpoint->idle_ms > 0) {
        oc_connection_set_idle_limit(connection, endpoint->idle_ms);
    }
    (void)pthread_mutex_lock(&endpoint->lock);
    endpoint->n_opened++;
    endpoint->peer = *peer;
    struct oc_connection *before = NULL;
    if (endpoint->keeps_connection) {
        before = endpoint->kept;
        endpoint->kept = connection;
        oc_connection_hold(connection);
    }
    (void)pthread_cond_broadcast(&endpoint->changed);
    (void)pthread_mutex_unlock(&endpoint->lock);
    if (before) {
        oc_connection_release(before);
    }
    return !endpoint->refuses_to_open;
}

static void frame(void *user, struct oc_connection *connection, uint32_t word, const uint8_t *body,
                  size_t n_body)
{
    struct endpoint *endpoint = user;
    if (endpoint->on_frame) {
        endpoint->on_frame(endpoint, connection, word, body, n_body);
    } else if (endpoint->echoes) {
        (void)oc_connection_send(connection, word, body, n_body);
    }
    (void)pthread_mutex_lock(&endpoint->lock);
    endpoint->n_frames++;
    endpoint->last_word = word;
    endpoint->n_last_body = n_body;
    memcpy(endpoint->last_body, body,
           n_body < sizeof endpoint->last_body ? n_body : sizeof endpoint->last_body);
    (void)pthread_cond_broadcast(&endpoint->changed);
    (void)pthread_mutex_unlock(&endpoint->lock);
}

static void closed(void *user, struct oc_connection *connection, const struct oc_error *err)
{
    struct endpoint *endpoint = user;
    (void)connection;
    (void)pthread_mutex_lock(&endpoint->lock);
    endpoint->n_closed++;
    endpoint->why = err->status;
    (void)snprintf(endpoint->why_text, sizeof endpoint->why_text, "%s", err->text);
    (void)pthread_cond_broadcast(&endpoint->changed);
    (void)pthread_mutex_unlock(&endpoint->lock);
}

const struct oc_connection_ops endpoint_ops = {opened, frame, closed};

void endpoint_init(struct endpoint *endpoint)
{
    memset(endpoint, 0, sizeof *endpoint);
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&endpoint->lock, NULL);
    (void)pthread_cond_init(&endpoint->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

void endpoint_deinit(struct endpoint *endpoint)
{
    if (endpoint->kept) {
        oc_connection_release(endpoint->kept);
        endpoint->kept = NULL;
    }
    (void)pthread_cond_destroy(&endpoint->changed);
    (void)pthread_mutex_destroy(&endpoint->lock);
}

void *endpoint_accepted(void *user, const struct oc_source *source)
{
    struct endpoint *endpoint = user;
    (void)source;
    (void)pthread_mutex_lock(&endpoint->lock);
    endpoint->n_accepted++;
    (void)pthread_cond_broadcast(&endpoint->changed);
    (void)pthread_mutex_unlock(&endpoint->lock);
    return endpoint;
}

bool endpoint_wait(struct endpoint *endpoint, const unsigned *counter, unsigned n)
{
    struct timespec limit;
    (void)clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += LIMIT_S;
    (void)pthread_mutex_lock(&endpoint->lock);
    int result = 0;
    while (*counter < n && result != ETIMEDOUT) {
        result = pthread_cond_timedwait(&endpoint->changed, &endpoint->lock, &limit);
    }
    const bool is_reached = *counter >= n;
    (void)pthread_mutex_unlock(&endpoint->lock);
    return is_reached;
}

unsigned endpoint_get(struct endpoint *endpoint, const unsigned *counter)
{
    (void)pthread_mutex_lock(&endpoint->lock);
    const unsigned value = *counter;
    (void)pthread_mutex_unlock(&endpoint->lock);
    return value;
}
