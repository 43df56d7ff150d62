/*
 * Everything at once: threads that dial, send, hold, close and abort on both ends while frames
 * fly. Nothing is asserted about who wins, only that every connection ends exactly once, that
 * nobody is called after the end, and (in sanitizer builds) that no memory or race is harmed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "tests/support/wire_fixture.h"

enum {
    THREADS = 4,
    ROUNDS = 150,
    SENDS = 20,
};

struct thread {
    struct wire_fixture *wire;
    struct endpoint *client;
    unsigned seed;
    unsigned n_dialled;
};

static unsigned draw(struct thread *thread, unsigned below)
{
    thread->seed = thread->seed * 1103515245u + 12345u;
    return (thread->seed >> 16) % below;
}

/* Ends some connection of the server that may be in any state. */
static void disturb_server(struct thread *thread)
{
    struct endpoint *server = &thread->wire->server;
    (void)pthread_mutex_lock(&server->lock);
    struct oc_connection *connection = server->kept;
    if (connection) {
        oc_connection_hold(connection);
    }
    (void)pthread_mutex_unlock(&server->lock);
    if (!connection) {
        return;
    }
    (void)oc_connection_send(connection, 0x80000001u, (const uint8_t *)"late", 4);
    if (draw(thread, 3) == 0) {
        oc_connection_abort(connection, OC_ABORTED, "replaced");
    } else if (draw(thread, 3) == 0) {
        oc_connection_close(connection);
    }
    oc_connection_set_idle_limit(connection, 60000);
    oc_connection_set_approved(connection, draw(thread, 2) == 0);
    oc_connection_release(connection);
}

static void live_one_life(struct thread *thread)
{
    struct oc_connection *connection =
        wire_dial(thread->wire, thread->client, draw(thread, 2) == 0);
    thread->n_dialled++;
    if (draw(thread, 4) > 0) {
        /* Most wait for something to happen, on this connection or another. */
        const unsigned n = endpoint_get(thread->client, &thread->client->n_opened);
        assert_true(endpoint_wait(thread->client, &thread->client->n_opened, n > 0 ? n : 1));
    }
    for (unsigned i = 0; i < SENDS; i++) {
        uint8_t body[2000] = {0};
        (void)oc_connection_send(connection, 0x80000000u | i, body, draw(thread, sizeof body));
        if (draw(thread, 10) == 0) {
            disturb_server(thread);
        }
    }
    if (draw(thread, 2) == 0) {
        oc_connection_close(connection);
    } else {
        oc_connection_abort(connection, OC_CANCELLED, "enough");
    }
    (void)oc_connection_send(connection, 0x80000001u, NULL, 0);
    oc_connection_release(connection);
}

static void *live(void *argument)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        live_one_life(argument);
    }
    return NULL;
}

static void whoever_wins_every_connection_ends_once(void **state)
{
    (void)state;
    const struct wire_options options = {.max_unfinished = 1000, .max_unfinished_per_source = 1000};
    struct wire_fixture wire;
    struct endpoint client;
    struct thread threads[THREADS];
    pthread_t ids[THREADS];
    wire_make(&wire, &options);
    endpoint_init(&client);
    wire.server.echoes = true;
    wire.server.keeps_connection = true;
    wire_listen(&wire, &options);
    for (unsigned i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){.wire = &wire, .client = &client, .seed = i + 1};
        assert_int_equal(pthread_create(&ids[i], NULL, live, &threads[i]), 0);
    }
    unsigned n_dialled = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pthread_join(ids[i], NULL);
        n_dialled += threads[i].n_dialled;
    }
    assert_true(endpoint_wait(&client, &client.n_closed, n_dialled));
    wire_stop(&wire);
    assert_int_equal(client.n_closed, n_dialled);
    assert_int_equal(wire.server.n_closed, wire.server.n_accepted);
    assert_true(wire.server.n_opened <= wire.server.n_accepted);
    endpoint_deinit(&client);
}

/* The transport goes while handshakes, dials and frames are under way. */
static void the_transport_may_end_in_the_middle_of_everything(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        const struct wire_options options = {.max_unfinished = 0};
        struct wire_fixture wire;
        struct endpoint client;
        wire_make(&wire, &options);
        endpoint_init(&client);
        wire.server.echoes = true;
        wire_listen(&wire, &options);
        for (unsigned i = 0; i < 20; i++) {
            oc_connection_release(wire_dial(&wire, &client, i % 2 == 0));
        }
        if (round % 2 == 0) {
            assert_true(endpoint_wait(&client, &client.n_opened, round));
        }
        wire_stop(&wire);
        assert_int_equal(client.n_closed, 20);
        assert_int_equal(wire.server.n_closed, wire.server.n_accepted);
        endpoint_deinit(&client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_wins_every_connection_ends_once),
        cmocka_unit_test(the_transport_may_end_in_the_middle_of_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
