/* Handshakes yield to the calls of approved peers that have been there for a while, to no others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/rpc/limits.h"
#include "proto/rpc/transport_internal.h"
#include "tests/support/wire_fixture.h"

enum {
    SLOTS = 8, /* more than this test's handshakes can hold */
    N_WORDS = 1000,
};

/* A step that brings another while it runs, and sees whether that was run at once. */
struct probe {
    struct oc_step step; /* first: a step is its probe */
    struct oc_step_queue *queue;
    struct probe *brings;
    pthread_t bringer;
    struct oc_lane lane;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool was_at_once;
    bool has_run;
};

static void run_probe(struct oc_step *step)
{
    struct probe *probe = (struct probe *)(void *)step;
    if (probe->brings) {
        oc_step_queue_run(probe->queue, &probe->brings->lane, &probe->brings->step);
    }
    (void)pthread_mutex_lock(&probe->lock);
    probe->was_at_once = pthread_equal(probe->bringer, pthread_self());
    probe->has_run = true;
    (void)pthread_cond_broadcast(&probe->changed);
    (void)pthread_mutex_unlock(&probe->lock);
}

static void init_probe(struct probe *probe, struct oc_step_queue *queue, struct probe *brings)
{
    *probe = (struct probe){.step = {.run = run_probe},
                            .queue = queue,
                            .brings = brings,
                            .bringer = pthread_self(),
                            .lock = PTHREAD_MUTEX_INITIALIZER,
                            .changed = PTHREAD_COND_INITIALIZER};
}

static void wait_for(struct probe *probe)
{
    (void)pthread_mutex_lock(&probe->lock);
    while (!probe->has_run) {
        (void)pthread_cond_wait(&probe->changed, &probe->lock);
    }
    (void)pthread_mutex_unlock(&probe->lock);
}

/* Whether a step that is brought while another runs is left to a worker. */
static bool does_yield(const struct wire_fixture *wire)
{
    struct oc_step_queue *queue = oc_transport_steps(wire->transport);
    struct probe first;
    struct probe second;
    do { /* until the first is not left to a worker itself, for a handshake that has just ended */
        init_probe(&second, queue, NULL);
        init_probe(&first, queue, &second);
        oc_step_queue_run(queue, &first.lane, &first.step);
        wait_for(&first);
        wait_for(&second);
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
