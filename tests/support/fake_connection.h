/*
 * A connection that is no connection: it keeps what is sent, for tests of what stands on top of
 * connections. Defines every function of proto/rpc/connection.h that the server uses.
 */
#pragma once

#include "proto/rpc/connection.h"

enum {
    FAKE_MAX_FRAMES = 64,
};

struct fake_frame {
    uint32_t word;
    uint8_t *bytes;
    size_t n;
};

struct oc_connection {
    struct oc_peer peer;
    void *user;
    unsigned n_references;
    bool is_closed;
    bool is_approved;
    uint64_t idle_ms;
    struct fake_frame sent[FAKE_MAX_FRAMES];
    size_t n_sent;
};

struct oc_connection *fake_connection_new(void);
/* Frees what was sent; the references must all have been given back. */
void fake_connection_free(struct oc_connection *connection);
/* The connection is gone: what is sent from now on goes nowhere. */
void fake_connection_break(struct oc_connection *connection);

/* Listeners keep the options they were opened with. */
struct oc_listener {
    struct oc_listener_options options;
};
enum {
    FAKE_MAX_LISTENERS = 8,
};
extern struct oc_listener *fake_listeners[FAKE_MAX_LISTENERS];
extern size_t fake_n_listeners;

/* What oc_monotonic_ms answers. */
extern uint64_t fake_monotonic_ms;
