/*
 * Administrators and devices at once: whatever the threads do, one order of the calls explains
 * every answer, and no session outlives an answered revoke or block.
 *
 * RACE_ROUNDS in the environment sets how many rounds each race runs.
 */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/obs/log.h"
#include "tests/support/service_fixture.h"

enum {
    N_AT_ONCE = 25, /* devices of one batch of rounds */
    LONG_MS = 20 * 1000,
    DEFAULT_ROUNDS = 5000,
};

static unsigned n_rounds(void)
{
    const char *rounds = getenv("RACE_ROUNDS");
    return rounds ? (unsigned)strtoul(rounds, NULL, 10) : DEFAULT_ROUNDS;
}

static int set_up(void **state)
{
    struct service_fixture *fixture = malloc(sizeof *fixture);
    const struct log_options quiet = {.level = LOG_LEVEL_ERROR, .fd = 2};
    log_configure(&quiet);
    fixture_init(fixture);
    fixture->options.max_pending = 1000000;
    fixture->options.max_pending_per_source = 1000000;
    fixture_start(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    fixture_stop(*state);
    free(*state);
    return 0;
}

/* ---- two administrators --------------------------------------------------------------------- */

struct side {
    struct service_fixture *fixture;
    struct decide_command commands[N_AT_ONCE];
    struct pending_call calls[N_AT_ONCE];
    pthread_barrier_t *start;
};

static void *decide_all(void *user)
{
    struct side *side = user;
    pthread_barrier_wait(side->start);
    for (unsigned i = 0; i < N_AT_ONCE; i++) {
        admin_do_start(side->fixture, NULL, &side->commands[i], &side->calls[i]);
    }
    for (unsigned i = 0; i < N_AT_ONCE; i++) {
        assert(pending_wait(&side->calls[i], LONG_MS));
    }
    return NULL;
}

static void run_sides(struct side sides[2])
{
    pthread_barrier_t start;
    pthread_t threads[2];
    pthread_barrier_init(&start, NULL, 2);
    for (int i = 0; i < 2; i++) {
        sides[i].start = &start;
        assert_int_equal(pthread_create(&threads[i], NULL, decide_all, &sides[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_barrier_destroy(&start);
}

static void exactly_one_of_approve_and_reject_takes_effect(void **state)
{
    struct service_fixture *fixture = *state;
    struct side *sides = calloc(2, sizeof *sides);
    struct device devices[N_AT_ONCE];
    sides[0].fixture = sides[1].fixture = fixture;
    unsigned n_approved = 0;
    for (unsigned round = 0; round < n_rounds(); round += N_AT_ONCE) {
        for (unsigned i = 0; i < N_AT_ONCE; i++) {
            device_open(fixture, &devices[i], round + i + 1);
            (void)device_connect(&devices[i]);
            sides[0].commands[i] = command_on(fixture, PAIRING_EV_APPROVE, &devices[i].id);
            sides[1].commands[i] = sides[0].commands[i];
            sides[1].commands[i].kind = PAIRING_EV_REJECT;
        }
        run_sides(sides);
        for (unsigned i = 0; i < N_AT_ONCE; i++) {
            enum oc_status approve = sides[0].calls[i].result.decide.status;
            enum oc_status reject = sides[1].calls[i].result.decide.status;
            assert_true((approve == OC_OK && reject == OC_ABORTED) ||
                        (approve == OC_ABORTED && reject == OC_OK));
            assert_int_equal(device_connect(&devices[i]).has_session, approve == OC_OK);
            n_approved += approve == OC_OK;
            device_close(&devices[i]);
        }
    }
    print_message("approve won %u times\n", n_approved);
    free(sides);
}

/* ---- revoke against reconnect --------------------------------------------------------------- */

struct hasty {
    struct device *devices;
    pthread_barrier_t *start;
    atomic_bool is_over;
    unsigned n_sessions;
};

static void *reconnect_all(void *user)
{
    struct hasty *hasty = user;
    pthread_barrier_wait(hasty->start);
    do {
        for (unsigned i = 0; i < N_AT_ONCE; i++) {
            hasty->n_sessions += device_connect(&hasty->devices[i]).has_session;
        }
    } while (!atomic_load(&hasty->is_over));
    return NULL;
}

/* Withdraws every device while it connects again and again; after each answer nothing is left. */
static unsigned withdraw_against(struct service_fixture *fixture, enum pairing_event_kind kind,
                                 struct device *devices)
{
    pthread_barrier_t start;
    pthread_t thread;
    struct hasty hasty = {.devices = devices, .start = &start};
    pthread_barrier_init(&start, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, reconnect_all, &hasty), 0);
    pthread_barrier_wait(&start);
    for (unsigned i = 0; i < N_AT_ONCE; i++) {
        uint64_t generation;
        struct decide_command command = {.kind = kind, .device_id = devices[i].id};
        struct decide_result result = admin_do(fixture, &command);
        assert_int_equal(result.status, OC_OK);
        assert_int_equal(peer_heartbeat(devices[i].peer, &generation), OC_FAILED_PRECONDITION);
        if (result.session_closed) {
            assert_true(atomic_load(&devices[i].n_cuts) > 0);
        }
    }
    for (unsigned i = 0; i < N_AT_ONCE; i++) {
        uint64_t generation;
        assert_int_equal(peer_heartbeat(devices[i].peer, &generation), OC_FAILED_PRECONDITION);
    }
    atomic_store(&hasty.is_over, true);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&start);
    return hasty.n_sessions;
}

static void withdraw_while_reconnecting(struct service_fixture *fixture,
                                        enum pairing_event_kind kind)
{
    struct device devices[N_AT_ONCE];
    unsigned n_sessions = 0;
    for (unsigned round = 0; round < n_rounds(); round += N_AT_ONCE) {
        for (unsigned i = 0; i < N_AT_ONCE; i++) {
            device_open(fixture, &devices[i], round + i + 1);
            (void)device_connect(&devices[i]);
            assert_int_equal(admin_decide_on(fixture, PAIRING_EV_APPROVE, &devices[i].id).status,
                             OC_OK);
        }
        n_sessions += withdraw_against(fixture, kind, devices);
        for (unsigned i = 0; i < N_AT_ONCE; i++) {
            assert_false(device_connect(&devices[i]).has_session);
            device_close(&devices[i]);
        }
    }
    print_message("%u sessions were given in between\n", n_sessions);
    assert_true(n_sessions > 0);
}

static void no_session_is_left_when_revoke_was_answered(void **state)
{
    withdraw_while_reconnecting(*state, PAIRING_EV_REVOKE);
}

static void no_session_is_left_when_block_was_answered(void **state)
{
    withdraw_while_reconnecting(*state, PAIRING_EV_BLOCK);
}

/* ---- block against approve ------------------------------------------------------------------ */

static void a_blocked_device_stays_blocked_whoever_approves_it(void **state)
{
    struct service_fixture *fixture = *state;
    struct side *sides = calloc(2, sizeof *sides);
    struct device devices[N_AT_ONCE];
    sides[0].fixture = sides[1].fixture = fixture;
    for (unsigned round = 0; round < n_rounds(); round += N_AT_ONCE) {
        for (unsigned i = 0; i < N_AT_ONCE; i++) {
            device_open(fixture, &devices[i], round + i + 1);
            (void)device_connect(&devices[i]);
            sides[0].commands[i] = command_on(fixture, PAIRING_EV_APPROVE, &devices[i].id);
            sides[1].commands[i] =
                (struct decide_command){.kind = PAIRING_EV_BLOCK, .device_id = devices[i].id};
        }
        run_sides(sides);
        for (unsigned i = 0; i < N_AT_ONCE; i++) {
            const struct decide_result *approve = &sides[0].calls[i].result.decide;
            const struct decide_result *block = &sides[1].calls[i].result.decide;
            assert_int_equal(block->status, OC_OK);
            assert_true(approve->status == OC_OK ? approve->seq < block->seq
                                                 : approve->status != OC_OK);
            assert_int_equal(device_connect(&devices[i]).refusal.kind, OC_REFUSAL_BLOCKED);
            device_close(&devices[i]);
        }
    }
    free(sides);
}

/* ---- connections that come and go ----------------------------------------------------------- */

struct visitor {
    struct service_fixture *fixture;
    unsigned seed;
    unsigned n_rounds;
};

static void *visit(void *user)
{
    const struct visitor *visitor = user;
    for (unsigned i = 0; i < visitor->n_rounds; i++) {
        struct device device;
        struct pending_call connect, wait, notice;
        struct oc_request_id id = {"7QK4M2T9XA"};
        device_open(visitor->fixture, &device, 1 + (i * visitor->seed) % 7);
        device_connect_start(&device, &connect);
        device_wait_start(&device, &id, 25000, &wait);
        device_notice_start(&device, 0, 25000, &notice);
        if (i % 3 == 0) {
            struct decide_command revoke = {.kind = i % 2 ? PAIRING_EV_BLOCK : PAIRING_EV_UNBLOCK,
                                            .device_id = device.id};
            (void)admin_do(visitor->fixture, &revoke);
        }
        device_close(&device);
        assert(pending_wait(&connect, LONG_MS));
        assert(pending_wait(&wait, LONG_MS));
        assert(pending_wait(&notice, LONG_MS));
    }
    return NULL;
}

static void every_call_of_a_vanishing_connection_ends_exactly_once(void **state)
{
    struct visitor visitors[3];
    pthread_t threads[3];
    struct service_status status;
    for (unsigned i = 0; i < 3; i++) {
        visitors[i] =
            (struct visitor){.fixture = *state, .seed = i + 2, .n_rounds = n_rounds() / 5};
        assert_int_equal(pthread_create(&threads[i], NULL, visit, &visitors[i]), 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    service_get_status(((struct service_fixture *)*state)->service, &status);
    assert_int_equal(status.n_online, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(exactly_one_of_approve_and_reject_takes_effect),
        CASE(no_session_is_left_when_revoke_was_answered),
        CASE(no_session_is_left_when_block_was_answered),
        CASE(a_blocked_device_stays_blocked_whoever_approves_it),
        CASE(every_call_of_a_vanishing_connection_ends_exactly_once),
#undef CASE
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
