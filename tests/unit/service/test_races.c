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

/* ---- the serial order ----------------------------------------------------------------------- */

/* The audit is the order of the calls that the gateway claims. It has one row per decision that was
 * asked for, each row goes on from the state that the row before it left, its move is one that a
 * gateway without threads would have made, and the numbers of the changes grow along it. */
struct history {
    struct service_fixture *fixture;
    uint64_t after; /* rows up to this one were looked at */
    struct store_audit_row *rows;
    size_t n;
    pthread_mutex_t lock; /* guards is_read, and the rows until it is set */
    pthread_cond_t changed;
    bool is_read;
};

enum {
    MOST_ROWS = 2 * STORE_MAX_PAGE,
};

static const struct {
    const char *action, *before, *outcome, *after;
} moves[] = {
    {"approve", "pending", "done", "approved"},
    {"approve", "rejected", "no_request", "rejected"},
    {"approve", "blocked", "is_blocked", "blocked"},
    {"reject", "pending", "done", "rejected"},
    {"reject", "approved", "no_request", "approved"},
    {"revoke", "approved", "done", "revoked"},
    {"block", "pending", "done", "blocked"},
    {"block", "approved", "done", "blocked"},
};

static void history_init(struct history *history, struct service_fixture *fixture)
{
    *history = (struct history){.fixture = fixture};
    history->rows = calloc(MOST_ROWS, sizeof *history->rows);
    assert_non_null(history->rows);
    pthread_mutex_init(&history->lock, NULL);
    pthread_cond_init(&history->changed, NULL);
}

static void history_deinit(struct history *history)
{
    pthread_cond_destroy(&history->changed);
    pthread_mutex_destroy(&history->lock);
    free(history->rows);
}

static void take_page(void *user, const struct audit_result *result)
{
    struct history *history = user;
    pthread_mutex_lock(&history->lock);
    assert(result->status == OC_OK && history->n + result->n <= MOST_ROWS);
    memcpy(history->rows + history->n, result->rows, result->n * sizeof *result->rows);
    history->n += result->n;
    history->is_read = true;
    pthread_cond_signal(&history->changed);
    pthread_mutex_unlock(&history->lock);
}

/* Reads the rows that were written since the last time. */
static void history_read(struct history *history)
{
    const struct audit_call call = {take_page, history};
    size_t n = 0;
    history->n = 0;
    do {
        const struct store_audit_query query = {.after_seq = history->after,
                                                .limit = STORE_MAX_PAGE};
        n = history->n;
        history->is_read = false;
        admin_list_audit(history->fixture->service, &query, &call);
        pthread_mutex_lock(&history->lock);
        while (!history->is_read) {
            pthread_cond_wait(&history->changed, &history->lock);
        }
        pthread_mutex_unlock(&history->lock);
        history->after = history->n > 0 ? history->rows[history->n - 1].seq : history->after;
    } while (history->n - n == STORE_MAX_PAGE);
}

static bool is_a_move(const struct audit_event *event, const char *state)
{
    for (size_t i = 0; i < OC_ARRAY_LENGTH(moves); i++) {
        if (strcmp(event->action, moves[i].action) == 0 &&
            strcmp(event->outcome, moves[i].outcome) == 0 &&
            strcmp(event->after, moves[i].after) == 0 && strcmp(moves[i].before, state) == 0) {
            return strcmp(event->before, state) == 0;
        }
    }
    return false;
}

/* Every row of the device is a move from the state before it. Returns the last state. */
static const char *history_replay(const struct history *history, const struct oc_device_id *id,
                                  unsigned n_calls)
{
    const char *state = "pending";
    unsigned n = 0;
    for (size_t i = 0; i < history->n; i++) {
        const struct audit_event *event = &history->rows[i].event;
        if (!oc_device_id_equal(&event->device_id, id)) {
            continue;
        }
        if (!is_a_move(event, state)) {
            fail_msg("row %u: %s of what is %s: %s, from %s to %s", n, event->action, state,
                     event->outcome, event->before, event->after);
        }
        state = event->after;
        n++;
    }
    assert_int_equal(n, n_calls); /* one record per decision that was asked for */
    return state;
}

/* The one row of a call: its outcome is what the call was answered. Returns its place. */
static uint64_t history_find(const struct history *history, const struct oc_device_id *id,
                             const char *actor, const struct decide_result *answer)
{
    uint64_t found = 0;
    for (size_t i = 0; i < history->n; i++) {
        const struct store_audit_row *row = &history->rows[i];
        if (oc_device_id_equal(&row->event.device_id, id) &&
            strcmp(row->event.actor.name, actor) == 0) {
            assert_int_equal(found, 0);
            assert_int_equal(strcmp(row->event.outcome, "done") == 0, answer->status == OC_OK);
            found = row->seq;
        }
    }
    assert_true(found > 0);
    return found;
}

/* ---- two administrators --------------------------------------------------------------------- */

struct side {
    struct service_fixture *fixture;
    struct admin_caller caller;
    uint64_t random;
    struct decide_command commands[N_AT_ONCE];
    struct pending_call calls[N_AT_ONCE];
    pthread_barrier_t *start;
};

/* SplitMix64: the same races in every run, as far as threads can be told what to do. */
static unsigned random_below_of(uint64_t *state, unsigned bound)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (unsigned)((z ^ (z >> 31)) % bound);
}

static void shuffle(uint64_t *random, unsigned order[N_AT_ONCE])
{
    order[0] = 0;
    for (unsigned i = 1; i < N_AT_ONCE; i++) {
        const unsigned j = random_below_of(random, i + 1);
        order[i] = i;
        order[i] = order[j];
        order[j] = i;
    }
}

/* Each side in an order of its own, with pauses of its own: so either comes first, by little. */
static void *decide_all(void *user)
{
    struct side *side = user;
    unsigned order[N_AT_ONCE];
    shuffle(&side->random, order);
    pthread_barrier_wait(side->start);
    for (unsigned n = 0; n < N_AT_ONCE; n++) {
        const unsigned i = order[n];
        for (unsigned pause = random_below_of(&side->random, 400); pause > 0; pause--) {
            atomic_signal_fence(memory_order_seq_cst);
        }
        admin_do_start(side->fixture, &side->caller, &side->commands[i], &side->calls[i]);
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

static struct side *sides_new(struct service_fixture *fixture)
{
    struct side *sides = calloc(2, sizeof *sides);
    assert_non_null(sides);
    for (int i = 0; i < 2; i++) {
        sides[i].fixture = fixture;
        sides[i].random = (uint64_t)i + 1;
        sides[i].caller = (struct admin_caller){.actor = {.name = "uid:0", .source = "local"}};
        sides[i].caller.actor.name[4] = (char)('0' + i);
    }
    return sides;
}

/* What both sides were answered for device `i` has one order; the changes grow along it. */
static const char *explain(const struct history *history, const struct side sides[2], unsigned i,
                           const struct oc_device_id *id)
{
    const struct decide_result *a = &sides[0].calls[i].result.decide;
    const struct decide_result *b = &sides[1].calls[i].result.decide;
    const uint64_t of_a = history_find(history, id, "uid:0", a);
    const uint64_t of_b = history_find(history, id, "uid:1", b);
    if (a->status == OC_OK && b->status == OC_OK) {
        assert_int_equal(of_a < of_b, a->seq < b->seq);
    }
    return history_replay(history, id, 2);
}

static void exactly_one_of_approve_and_reject_takes_effect(void **state)
{
    struct service_fixture *fixture = *state;
    struct side *sides = sides_new(fixture);
    struct device devices[N_AT_ONCE];
    struct history history;
    unsigned n_approved = 0;
    history_init(&history, fixture);
    for (unsigned round = 0; round < n_rounds(); round += N_AT_ONCE) {
        for (unsigned i = 0; i < N_AT_ONCE; i++) {
            device_open(fixture, &devices[i], round + i + 1);
            (void)device_connect(&devices[i]);
            sides[0].commands[i] = command_on(fixture, PAIRING_EV_APPROVE, &devices[i].id);
            sides[1].commands[i] = sides[0].commands[i];
            sides[1].commands[i].kind = PAIRING_EV_REJECT;
        }
        run_sides(sides);
        history_read(&history);
        for (unsigned i = 0; i < N_AT_ONCE; i++) {
            const char *end = explain(&history, sides, i, &devices[i].id);
            enum oc_status approve = sides[0].calls[i].result.decide.status;
            enum oc_status reject = sides[1].calls[i].result.decide.status;
            assert_true((approve == OC_OK && reject == OC_ABORTED) ||
                        (approve == OC_ABORTED && reject == OC_OK));
            assert_string_equal(end, approve == OC_OK ? "approved" : "rejected");
            assert_int_equal(device_connect(&devices[i]).has_session, approve == OC_OK);
            n_approved += approve == OC_OK;
            device_close(&devices[i]);
        }
    }
    print_message("approve won %u times\n", n_approved);
    history_deinit(&history);
    free(sides);
}

/* ---- revoke against reconnect --------------------------------------------------------------- */

struct hasty {
    struct device *devices;
    pthread_barrier_t *start;
    atomic_bool is_over;
    atomic_bool is_asked[N_AT_ONCE];    /* the withdrawal was sent ... */
    atomic_bool is_answered[N_AT_ONCE]; /* ... and answered */
    unsigned n_sessions;
    unsigned n_wrong; /* connects that no order explains */
};

/* A connect that ended before the withdrawal was sent gets a session, one that began after its
 * answer does not; one in between may get either. */
static void reconnect_one(struct hasty *hasty, unsigned i)
{
    const bool is_late = atomic_load(&hasty->is_answered[i]);
    const bool has_session = device_connect(&hasty->devices[i]).has_session;
    const bool is_early = !atomic_load(&hasty->is_asked[i]);
    hasty->n_sessions += has_session;
    hasty->n_wrong += (is_late && has_session) || (is_early && !has_session);
}

static void *reconnect_all(void *user)
{
    struct hasty *hasty = user;
    pthread_barrier_wait(hasty->start);
    do {
        for (unsigned i = 0; i < N_AT_ONCE; i++) {
            reconnect_one(hasty, i);
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
        atomic_store(&hasty.is_asked[i], true);
        struct decide_result result = admin_do(fixture, &command);
        atomic_store(&hasty.is_answered[i], true);
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
    assert_int_equal(hasty.n_wrong, 0);
    return hasty.n_sessions;
}

static void withdraw_while_reconnecting(struct service_fixture *fixture,
                                        enum pairing_event_kind kind)
{
    struct device devices[N_AT_ONCE];
    struct history history;
    unsigned n_sessions = 0;
    history_init(&history, fixture);
    for (unsigned round = 0; round < n_rounds(); round += N_AT_ONCE) {
        for (unsigned i = 0; i < N_AT_ONCE; i++) {
            device_open(fixture, &devices[i], round + i + 1);
            (void)device_connect(&devices[i]);
            assert_int_equal(admin_decide_on(fixture, PAIRING_EV_APPROVE, &devices[i].id).status,
                             OC_OK);
        }
        n_sessions += withdraw_against(fixture, kind, devices);
        history_read(&history);
        for (unsigned i = 0; i < N_AT_ONCE; i++) {
            assert_string_equal(history_replay(&history, &devices[i].id, 2),
                                kind == PAIRING_EV_REVOKE ? "revoked" : "blocked");
            assert_false(device_connect(&devices[i]).has_session);
            device_close(&devices[i]);
        }
    }
    print_message("%u sessions were given in between\n", n_sessions);
    history_deinit(&history);
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
    struct side *sides = sides_new(fixture);
    struct device devices[N_AT_ONCE];
    struct history history;
    unsigned n_approved = 0;
    history_init(&history, fixture);
    for (unsigned round = 0; round < n_rounds(); round += N_AT_ONCE) {
        for (unsigned i = 0; i < N_AT_ONCE; i++) {
            device_open(fixture, &devices[i], round + i + 1);
            (void)device_connect(&devices[i]);
            sides[0].commands[i] = command_on(fixture, PAIRING_EV_APPROVE, &devices[i].id);
            sides[1].commands[i] =
                (struct decide_command){.kind = PAIRING_EV_BLOCK, .device_id = devices[i].id};
        }
        run_sides(sides);
        history_read(&history);
        for (unsigned i = 0; i < N_AT_ONCE; i++) {
            const struct decide_result *approve = &sides[0].calls[i].result.decide;
            const struct decide_result *block = &sides[1].calls[i].result.decide;
            assert_string_equal(explain(&history, sides, i, &devices[i].id), "blocked");
            assert_int_equal(block->status, OC_OK);
            assert_true(approve->status == OC_OK ? approve->seq < block->seq
                                                 : approve->status == OC_FAILED_PRECONDITION);
            n_approved += approve->status == OC_OK;
            assert_int_equal(device_connect(&devices[i]).refusal.kind, OC_REFUSAL_BLOCKED);
            device_close(&devices[i]);
        }
    }
    print_message("approve came first %u times\n", n_approved);
    history_deinit(&history);
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
