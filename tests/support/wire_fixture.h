/*
 * A gateway's door and a device's means to knock, over real sockets, for tests of the wire: one
 * transport, one identity each, a listener on TLS and one on ipc that share an endpoint.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/crypto/identity.h"
#include "tests/support/endpoint.h"

enum { WIRE_URL_BYTES = 256 };

struct wire_fixture {
    struct oc_transport *transport;
    struct oc_identity *gateway;
    struct oc_identity *device;
    struct oc_tls_context *door;
    struct oc_tls_context *device_tls; /* pins the gateway */
    struct endpoint server;
    struct oc_listener *tls_listener;
    struct oc_listener *ipc_listener;
    char tls_url[WIRE_URL_BYTES];
    char ipc_url[WIRE_URL_BYTES];
    uint16_t port;
    char directory[64];
};

struct wire_options {
    uint32_t handshake_ms;
    uint32_t send_stall_ms;
    unsigned max_unfinished;
    unsigned max_unfinished_per_source;
    unsigned max_arrivals;
    unsigned max_arrivals_per_source;
    uint32_t patience_ms;
    unsigned n_handshake_workers;
    bool is_library; /* that does not own the process */
};

/* Both assert on failure. Set the server endpoint's behaviour between the two. */
void wire_make(struct wire_fixture *wire, const struct wire_options *options);
void wire_listen(struct wire_fixture *wire, const struct wire_options *options);
void wire_stop(struct wire_fixture *wire);

/* Dials the TLS or the ipc door as `client`; release the result. */
struct oc_connection *wire_dial(struct wire_fixture *wire, struct endpoint *client, bool is_ipc);
/* The same, and waits until it opened. */
struct oc_connection *wire_connect(struct wire_fixture *wire, struct endpoint *client, bool is_ipc);

/* Open descriptors of this process. */
unsigned wire_count_descriptors(void);
