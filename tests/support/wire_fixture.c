/* See wire_fixture.h. */
#include "tests/support/wire_fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void wire_make(struct wire_fixture *wire, const struct wire_options *options)
{
    memset(wire, 0, sizeof *wire);
    const struct oc_transport_options transport = {
        .n_handshake_workers = options->n_handshake_workers ? options->n_handshake_workers : 2,
        .owns_process = !options->is_library,
        .handshake_ms = options->handshake_ms,
        .patience_ms = options->patience_ms,
        .send_stall_ms = options->send_stall_ms,
    };
    assert_int_equal(oc_transport_new(&transport, &wire->transport, NULL), OC_OK);
    assert_int_equal(oc_identity_generate(OC_IDENTITY_GATEWAY, &wire->gateway, NULL), OC_OK);
    assert_int_equal(oc_identity_generate(OC_IDENTITY_DEVICE, &wire->device, NULL), OC_OK);
    assert_int_equal(oc_tls_context_for_devices(wire->gateway, &wire->door, NULL), OC_OK);
    struct oc_tls_trust trust = {.n_pins = 1};
    trust.pins[0] = oc_identity_spki_sha256(wire->gateway);
    assert_int_equal(oc_tls_context_for_client(wire->device, &trust, &wire->device_tls, NULL),
                     OC_OK);
    endpoint_init(&wire->server);
    (void)strcpy(wire->directory, "/tmp/oc-wire-XXXXXX");
    assert_non_null(mkdtemp(wire->directory));
}

void wire_listen(struct wire_fixture *wire, const struct wire_options *options)
{
    struct oc_error err = {.text = ""};
    struct oc_listener_options door = {
        .url = "tls+tcp://127.0.0.1:0",
        .tls = wire->door,
        .ops = &endpoint_ops,
        .accepted = endpoint_accepted,
        .user = &wire->server,
        .max_unfinished = options->max_unfinished,
        .max_unfinished_per_source = options->max_unfinished_per_source,
        .max_arrivals = options->max_arrivals,
        .max_arrivals_per_source = options->max_arrivals_per_source,
    };
    if (oc_listener_open(wire->transport, &door, &wire->tls_listener, &err) != OC_OK) {
        fail_msg("%s", err.text);
    }
    oc_listener_url(wire->tls_listener, wire->tls_url, sizeof wire->tls_url);
    wire->port = (uint16_t)strtoul(strrchr(wire->tls_url, ':') + 1, NULL, 10);
    (void)snprintf(wire->ipc_url, sizeof wire->ipc_url, "ipc://%s/door.sock", wire->directory);
    door.url = wire->ipc_url;
    door.tls = NULL;
    if (oc_listener_open(wire->transport, &door, &wire->ipc_listener, &err) != OC_OK) {
        fail_msg("%s", err.text);
    }
}

void wire_stop(struct wire_fixture *wire)
{
    oc_listener_close(wire->tls_listener);
    oc_listener_close(wire->ipc_listener);
    if (wire->server.kept) {
        oc_connection_release(wire->server.kept);
        wire->server.kept = NULL;
    }
    oc_transport_free(wire->transport);
    oc_tls_context_free(wire->door);
    oc_tls_context_free(wire->device_tls);
    oc_identity_free(wire->gateway);
    oc_identity_free(wire->device);
    endpoint_deinit(&wire->server);
    assert_int_equal(rmdir(wire->directory), 0); /* the socket is gone with its listener */
}

struct oc_connection *wire_dial(struct wire_fixture *wire, struct endpoint *client, bool is_ipc)
{
    const struct oc_dial_options options = {
        .url = is_ipc ? wire->ipc_url : wire->tls_url,
        .tls = is_ipc ? NULL : wire->device_tls,
        .ops = &endpoint_ops,
        .user = client,
        .timeout_ms = 20000,
    };
    struct oc_connection *connection = NULL;
    assert_int_equal(oc_connection_dial(wire->transport, &options, &connection, NULL), OC_OK);
    return connection;
}

struct oc_connection *wire_connect(struct wire_fixture *wire, struct endpoint *client, bool is_ipc)
{
    const unsigned n_before = endpoint_get(client, &client->n_opened);
    struct oc_connection *connection = wire_dial(wire, client, is_ipc);
    assert_true(endpoint_wait(client, &client->n_opened, n_before + 1));
    return connection;
}

unsigned wire_count_descriptors(void)
{
    unsigned n = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory)) {
        n++;
    }
    (void)closedir(directory);
    return n;
}
