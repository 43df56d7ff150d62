/*
 * What happens when the n-th allocation of our own code fails, for every n: an error that says so
 * or a closed connection, never a crash, a hang or (with AddressSanitizer) a leak.
 *
 * Linked with oc_fault_allocation, which reaches our libraries and neither NNG nor OpenSSL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "tests/support/fault_allocation.h"
#include "tests/support/wire_fixture.h"

/* ---- making things ------------------------------------------------------------------------- */

/* Everything a process makes once; the status of the first that failed. */
static enum oc_status make_all(struct oc_error *err)
{
    OC_CLEANUP(oc_transport_freep) struct oc_transport *transport = NULL;
    OC_CLEANUP(oc_identity_freep) struct oc_identity *gateway = NULL;
    OC_CLEANUP(oc_identity_freep) struct oc_identity *device = NULL;
    OC_CLEANUP(oc_tls_context_freep) struct oc_tls_context *door = NULL;
    OC_CLEANUP(oc_tls_context_freep) struct oc_tls_context *client = NULL;
    OC_CLEANUP(oc_listener_closep) struct oc_listener *listener = NULL;
    const struct oc_transport_options options = {.n_handshake_workers = 1};
    const struct oc_tls_trust trust = {.n_pins = 0};
    struct endpoint unused;
    struct oc_listener_options door_options = {.url = "tls+tcp://127.0.0.1:0",
                                               .ops = &endpoint_ops,
                                               .accepted = endpoint_accepted,
                                               .user = &unused};
    enum oc_status st = oc_transport_new(&options, &transport, err);
    st = st ? st : oc_identity_generate(OC_IDENTITY_GATEWAY, &gateway, err);
    st = st ? st : oc_identity_generate(OC_IDENTITY_DEVICE, &device, err);
    st = st ? st : oc_tls_context_for_devices(gateway, &door, err);
    st = st ? st : oc_tls_context_for_client(device, &trust, &client, err);
    door_options.tls = door;
    return st ? st : oc_listener_open(transport, &door_options, &listener, err);
}

static void what_cannot_be_made_says_so_and_leaves_nothing(void **state)
{
    (void)state;
    unsigned n_failures = 0;
    for (int n = 1;; n++) {
        struct oc_error err = {.status = OC_OK};
        fault_allocation_plan(n);
        const enum oc_status st = make_all(&err);
        const bool has_failed = fault_allocation_end();
        if (!has_failed) {
            assert_int_equal(st, OC_OK);
            break;
        }
        assert_int_equal(st, OC_RESOURCE_EXHAUSTED);
        assert_non_null(strstr(err.text, "out of memory"));
        n_failures++;
    }
    assert_true(n_failures >= 8);
}

/* ---- a life ---------------------------------------------------------------------------------- */

/* One dial, one call, one end, with the n-th allocation of either end failing. False when there
 * were fewer than n. */
static bool live(bool is_ipc, int n)
{
    static const struct wire_options options;
    static uint8_t body[3000];
    struct wire_fixture wire;
    struct endpoint client;
    wire_make(&wire, &options);
    endpoint_init(&client);
    wire.server.echoes = true;
    wire_listen(&wire, &options);
    const struct oc_dial_options dial = {.url = is_ipc ? wire.ipc_url : wire.tls_url,
                                         .tls = is_ipc ? NULL : wire.device_tls,
                                         .ops = &endpoint_ops,
                                         .user = &client,
                                         .timeout_ms = 10000};
    struct oc_connection *connection = NULL;
    fault_allocation_plan(n);
    if (oc_connection_dial(wire.transport, &dial, &connection, NULL) == OC_OK) {
        /* Either it opens, and then the call is answered or the end comes, or the end comes. */
        while (endpoint_get(&client, &client.n_opened) == 0 &&
               endpoint_get(&client, &client.n_closed) == 0) {
            const struct timespec moment = {.tv_nsec = 1000000};
            (void)nanosleep(&moment, NULL);
        }
        (void)oc_connection_send(connection, 0x80000001u, body, sizeof body);
        while (endpoint_get(&client, &client.n_frames) == 0 &&
               endpoint_get(&client, &client.n_closed) == 0) {
            const struct timespec moment = {.tv_nsec = 1000000};
            (void)nanosleep(&moment, NULL);
        }
        oc_connection_close(connection);
        assert_true(endpoint_wait(&client, &client.n_closed, 1));
        oc_connection_release(connection);
    }
    const bool has_failed = fault_allocation_end();
    wire_stop(&wire);
    endpoint_deinit(&client);
    return has_failed;
}

static void a_connection_short_of_memory_ends_and_harms_nobody(void **state)
{
    (void)state;
    for (int ipc = 0; ipc < 2; ipc++) {
        int n = 1;
        /* On a slow machine a life may end before its n-th allocation: once is no proof. */
        while (live(ipc, n) || live(ipc, n) || live(ipc, n)) {
            n++;
        }
        assert_true(n > 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_made_says_so_and_leaves_nothing),
        cmocka_unit_test(a_connection_short_of_memory_ends_and_harms_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
