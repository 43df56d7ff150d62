/* See fake_connection.h. */
#include "tests/support/fake_connection.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct oc_listener *fake_listeners[FAKE_MAX_LISTENERS];
size_t fake_n_listeners;
uint64_t fake_monotonic_ms;

uint64_t oc_monotonic_ms(void)
{
    return fake_monotonic_ms;
}

struct oc_connection *fake_connection_new(void)
{
    struct oc_connection *connection = calloc(1, sizeof *connection);
    assert(connection);
    return connection;
}

void fake_connection_free(struct oc_connection *connection)
{
    assert(connection->n_references == 0);
    for (size_t i = 0; i < connection->n_sent; i++) {
        free(connection->sent[i].bytes);
    }
    free(connection);
}

void fake_connection_break(struct oc_connection *connection)
{
    connection->is_closed = true;
}

void oc_source_format(const struct oc_source *source, char out[OC_MAX_SOURCE_BYTES + 1])
{
    (void)snprintf(out, OC_MAX_SOURCE_BYTES + 1, "%u.%u.%u.%u", source->address[12],
                   source->address[13], source->address[14], source->address[15]);
}

void oc_connection_hold(struct oc_connection *connection)
{
    connection->n_references++;
}

void oc_connection_release(struct oc_connection *connection)
{
    assert(connection->n_references > 0);
    connection->n_references--;
}

bool oc_connection_send(struct oc_connection *connection, uint32_t word, const uint8_t *body,
                        size_t n_body)
{
    if (connection->is_closed) {
        return false;
    }
    assert(connection->n_sent < FAKE_MAX_FRAMES);
    struct fake_frame *frame = &connection->sent[connection->n_sent++];
    frame->word = word;
    frame->n = n_body;
    frame->bytes = malloc(n_body);
    assert(frame->bytes);
    memcpy(frame->bytes, body, n_body);
    return true;
}

void oc_connection_set_approved(struct oc_connection *connection, bool is_approved)
{
    connection->is_approved = is_approved;
}

void oc_connection_set_idle_limit(struct oc_connection *connection, uint64_t idle_ms)
{
    connection->idle_ms = idle_ms;
}

void oc_connection_close(struct oc_connection *connection)
{
    connection->is_closed = true;
}

void oc_connection_abort(struct oc_connection *connection, enum oc_status why, const char *text)
{
    (void)why;
    (void)text;
    connection->is_closed = true;
}

const struct oc_peer *oc_connection_peer(const struct oc_connection *connection)
{
    return &connection->peer;
}

void *oc_connection_user(const struct oc_connection *connection)
{
    return connection->user;
}

enum oc_status oc_listener_open(struct oc_transport *transport,
                                const struct oc_listener_options *options, struct oc_listener **out,
                                struct oc_error *err)
{
    (void)transport;
    if (strstr(options->url, "taken")) {
        return oc_fail(err, OC_ALREADY_EXISTS, "listener: %s is in use", options->url);
    }
    assert(fake_n_listeners < FAKE_MAX_LISTENERS);
    struct oc_listener *listener = calloc(1, sizeof *listener);
    assert(listener);
    listener->options = *options;
    fake_listeners[fake_n_listeners++] = listener;
    *out = listener;
    return OC_OK;
}

void oc_listener_close(struct oc_listener *listener)
{
    for (size_t i = 0; i < fake_n_listeners; i++) {
        if (fake_listeners[i] == listener) {
            fake_listeners[i] = fake_listeners[--fake_n_listeners];
            free(listener);
            return;
        }
    }
}

struct oc_listener_counters oc_listener_counters(const struct oc_listener *listener)
{
    (void)listener;
    return (struct oc_listener_counters){
        .unfinished = 1, .gave_way = 4, .arrivals = 5, .refused_at_cap = 2, .shed = 3};
}

void oc_listener_url(const struct oc_listener *listener, char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s", listener->options.url);
}
