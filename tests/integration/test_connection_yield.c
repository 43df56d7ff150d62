/* Handshakes yield to the calls of approved peers that have been there for a while, to no others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/rpc/limits.h"
#include "proto/rpc/transport_internal.h"
#include "tests/support/step_probe.h"
#include "tests/support/wire_fixture.h"

enum {
    SLOTS = 8, /* more than this test's handshakes can hold */
    N_WORDS = 1000,
};

/* Whether a step that is brought while another runs is left to a worker. */
static bool does_yield(const struct wire_fixture *wire)
{
    struct oc_step_queue *queue = oc_transport_steps(wire->transport);
    struct step_probe first;
    struct step_probe second;
    do { /* until the first is not left to a worker itself, for a handshake that has just ended */
        step_probe_init(&second, queue, NULL);
        step_probe_init(&first, queue, &second);
        step_probe_run(&first);
        step_probe_wait(&first);
        step_probe_wait(&second);
    } while (!first.was_at_once);
    return !second.was_at_once;
}

static void call(struct oc_connection *connection, struct endpoint *client, unsigned n)
{
    const uint8_t body[4] = {0};
    assert_true(oc_connection_send(connection, 0x80000000U | n % N_WORDS, body, sizeof body));
    assert_true(endpoint_wait(client, &client->n_frames, n));
}

/* Whether handshakes yield after the calls of a peer that has just come, and of one that stays. */
static void call_for_a_while(bool is_approved, bool *at_first, bool *at_last)
{
    const struct wire_options options = {.n_handshake_workers = SLOTS};
    struct wire_fixture wire;
    struct endpoint client;
    unsigned n = 0;
    wire_make(&wire, &options);
    endpoint_init(&client);
    wire.server.echoes = true;
    wire.server.approves = is_approved;
    wire_listen(&wire, &options);
    const uint64_t before_ms = oc_monotonic_ms();
    struct oc_connection *connection = wire_connect(&wire, &client, false);
    call(connection, &client, ++n);
    *at_first = does_yield(&wire) && oc_monotonic_ms() - before_ms < OC_ESTABLISHED_MS;
    const uint64_t since_ms = oc_monotonic_ms();
    while (oc_monotonic_ms() - since_ms <= OC_ESTABLISHED_MS) {
        call(connection, &client, ++n);
    }
    call(connection, &client, ++n);
    *at_last = does_yield(&wire);
    oc_connection_release(connection);
    wire_stop(&wire);
    endpoint_deinit(&client);
}

static void handshakes_yield_to_the_calls_of_a_peer_that_was_there_before(void **state)
{
    (void)state;
    bool at_first;
    bool at_last;
    call_for_a_while(true, &at_first, &at_last);
    assert_false(at_first);
    assert_true(at_last);
}

static void handshakes_do_not_yield_to_strangers(void **state)
{
    (void)state;
    bool at_first;
    bool at_last;
    call_for_a_while(false, &at_first, &at_last);
    assert_false(at_first);
    assert_false(at_last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshakes_yield_to_the_calls_of_a_peer_that_was_there_before),
        cmocka_unit_test(handshakes_do_not_yield_to_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
