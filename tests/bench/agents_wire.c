/* See agents.h: what one agent does on the wire. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/rpc/limits.h"
#include "tests/bench/agents.h"
#include "tests/bench/measure.h"

static const uint32_t word_connect = 0x80000001U;
static const uint32_t word_decision = 0x80000002U;
static const uint32_t word_notice = 0x80000003U;
static const uint32_t word_flood = 0x80000100U; /* and AGENTS_MAX_DEPTH - 1 more */

enum {
    DIALLER_NAP_NS = 2000000,
    FIRST_WINDOW_MS = 1000, /* as libopenclaw's agents pause: full jitter, doubling */
    LAST_WINDOW_MS = 60000,
};

/* ---- where it is: with the lock held --------------------------------------------------------- */

static void move_to(struct agent *agent, enum agent_place place)
{
    struct agents *fleet = agent->fleet;
    fleet->n_at[agent->place]--;
    fleet->n_at[place]++;
    agent->place = place;
    pthread_cond_broadcast(&fleet->moved);
}

/* The time of the loss would be no jitter: all are cut off at once. SplitMix64 from the device's
 * id. */
static uint64_t next_random(struct agent *agent)
{
    uint64_t z = (agent->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t pause_ns(struct agent *agent)
{
    uint64_t window_ms = FIRST_WINDOW_MS;
    for (uint32_t i = 1; i < agent->n_failures && window_ms < LAST_WINDOW_MS; i++) {
        window_ms *= 2;
    }
    return next_random(agent) % (window_ms * 1000000);
}

static void plan_return(struct agent *agent, uint32_t retry_after_ms)
{
    const struct agents *fleet = agent->fleet;
    const uint64_t now = measure_now_ns();
    if (fleet->flood_depth > 0) {
        agent->due_ns = now;
    } else if (fleet->retries) {
        agent->due_ns = now + (fleet->storms ? 0 : retry_after_ms * UINT64_C(1000000));
    } else if ((fleet->follows && !agent->is_ended) || agent->place == AGENT_ASKING) {
        agent->n_failures++;
        agent->due_ns = now + retry_after_ms * UINT64_C(1000000) + pause_ns(agent);
    }
}

static void note_request(struct agent *agent, const struct oc_request_id *id)
{
    agent->n_refused++;
    if (strcmp(agent->request_id.text, id->text) != 0) {
        agent->request_id = *id;
        agent->n_request_ids++;
    }
}

static void enter(struct agent *agent)
{
    agent->session_ns = measure_now_ns();
    agent->n_failures = 0;
    agent->fleet->n_early += agent->asked_ns == 0 ? 1 : 0;
    move_to(agent, AGENT_IN_SESSION);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* A session that waits for nothing sends nothing but its open call. */
static void on_session(struct agent *agent, struct oc_connection *connection, uint64_t generation)
{
    pthread_mutex_lock(&agent->fleet->lock);
    enter(agent);
    pthread_mutex_unlock(&agent->fleet->lock);
    (void)fleet_send_await_notice(connection, word_notice, generation);
}

static void on_refusal(struct agent *agent, struct oc_connection *connection,
                       const struct fleet_answer *answer)
{
    struct agents *fleet = agent->fleet;
    const bool has_request = answer->request_id.text[0] != '\0';
    pthread_mutex_lock(&fleet->lock);
    fleet->n_turned_away += fleet->cut_ns != 0 ? 1 : 0;
    const bool floods = fleet->flood_depth > 0;
    const bool waits = has_request && !fleet->retries && !floods;
    if (has_request) {
        note_request(agent, &answer->request_id);
    }
    if (waits) {
        move_to(agent, AGENT_WAITING);
    } else if (floods || answer->http_status != 403) {
        plan_return(agent, has_request ? 0 : answer->retry_after_ms);
    }
    pthread_mutex_unlock(&fleet->lock);
    if (waits) {
        (void)fleet_send_await_decision(connection, word_decision, &answer->request_id);
    } else if (!floods) {
        oc_connection_close(connection);
    }
}

static void on_connect(struct agent *agent, struct oc_connection *connection, const uint8_t *body,
                       size_t n_body)
{
    const struct fleet_answer answer = fleet_read_answer(body, n_body);
    if (answer.has_session) {
        on_session(agent, connection, answer.generation);
    } else {
        on_refusal(agent, connection, &answer);
    }
}

static void on_decision(struct agent *agent, struct oc_connection *connection, const uint8_t *body,
                        size_t n_body)
{
    struct oc_reply reply;
    enum fleet_decision decision =
        fleet_read_reply(body, n_body, &reply) ? fleet_read_decision(&reply) : FLEET_REFUSED;
    if (decision == FLEET_APPROVED) {
        (void)fleet_send_connect(connection, NULL);
    } else if (decision == FLEET_NONE_YET) {
        (void)fleet_send_await_decision(connection, word_decision, &agent->request_id);
    } else {
        oc_connection_close(connection);
    }
}

/* A real agent stops when it is told that its session is over. */
static void on_notice(struct agent *agent, struct oc_connection *connection, const uint8_t *body,
                      size_t n_body)
{
    struct oc_reply reply;
    if (!fleet_read_reply(body, n_body, &reply)) {
        return;
    }
    if (fleet_notice_ends(&reply)) {
        pthread_mutex_lock(&agent->fleet->lock);
        agent->is_ended = true;
        pthread_mutex_unlock(&agent->fleet->lock);
    } else {
        (void)fleet_send_await_notice(connection, word_notice, UINT64_MAX);
    }
}

static void on_flood(struct agent *agent, struct oc_connection *connection, uint32_t word,
                     const uint8_t *body, size_t n_body)
{
    struct agents *fleet = agent->fleet;
    struct oc_reply reply;
    const bool is_accepted = fleet_read_reply(body, n_body, &reply);
    const size_t slot = word - word_flood;
    pthread_mutex_lock(&fleet->lock);
    fleet->n_accepted += is_accepted ? 1 : 0;
    fleet->n_late += is_accepted && fleet->cut_ns && agent->sent_ns[slot] > fleet->cut_ns ? 1 : 0;
    fleet->n_turned_away += !is_accepted && fleet->cut_ns ? 1 : 0;
    agent->sent_ns[slot] = measure_now_ns();
    pthread_cond_broadcast(&fleet->moved);
    pthread_mutex_unlock(&fleet->lock);
    (void)fleet_send_heartbeat(connection, word);
}

/* ---- the connection -------------------------------------------------------------------------- */

static void send_flood(struct agent *agent, struct oc_connection *connection)
{
    struct agents *fleet = agent->fleet;
    pthread_mutex_lock(&fleet->lock);
    const size_t depth = fleet->flood_depth;
    for (size_t i = 0; i < depth; i++) {
        agent->sent_ns[i] = measure_now_ns();
    }
    pthread_mutex_unlock(&fleet->lock);
    for (size_t i = 0; i < depth; i++) {
        (void)fleet_send_heartbeat(connection, word_flood + (uint32_t)i);
    }
}

/* The connection of an agent in its session, held; NULL when it has none. */
static struct oc_connection *hold_session(struct agent *agent)
{
    pthread_mutex_lock(&agent->fleet->lock);
    struct oc_connection *connection = agent->place == AGENT_IN_SESSION ? agent->connection : NULL;
    if (connection) {
        oc_connection_hold(connection);
    }
    pthread_mutex_unlock(&agent->fleet->lock);
    return connection;
}

double agents_reconnect_ms(struct agents *fleet, struct agent *agent)
{
    struct oc_connection *connection = hold_session(agent);
    const uint64_t began = measure_now_ns();
    const uint64_t until = began + AGENTS_LIMIT_MS * UINT64_C(1000000);
    if (!connection) {
        fleet_die("there is no session to leave");
    }
    oc_connection_close(connection);
    oc_connection_release(connection);
    pthread_mutex_lock(&fleet->lock);
    while (agent->place != AGENT_AWAY && agents_wait_moved(fleet, until)) {
    }
    agent->due_ns = 1;
    while ((agent->place != AGENT_IN_SESSION || agent->session_ns < began) &&
           agents_wait_moved(fleet, until)) {
    }
    const double took_ms = (double)(agent->session_ns - agent->dialled_ns) / 1e6;
    pthread_mutex_unlock(&fleet->lock);
    return took_ms;
}

void agents_flood(struct agents *fleet, size_t depth)
{
    pthread_mutex_lock(&fleet->lock);
    fleet->flood_depth = depth;
    pthread_mutex_unlock(&fleet->lock);
    for (size_t i = 0; i < fleet->n; i++) {
        struct oc_connection *connection = hold_session(&fleet->items[i]);
        if (connection) {
            send_flood(&fleet->items[i], connection);
            oc_connection_release(connection);
        }
    }
}

static bool agent_opened(void *user, struct oc_connection *connection, const struct oc_peer *peer)
{
    struct agent *agent = user;
    (void)peer;
    pthread_mutex_lock(&agent->fleet->lock);
    agent->connection = connection;
    pthread_mutex_unlock(&agent->fleet->lock);
    bool is_sent = fleet_send_connect(connection, NULL);
    send_flood(agent, connection);
    return is_sent;
}

static void agent_frame(void *user, struct oc_connection *connection, uint32_t word,
                        const uint8_t *body, size_t n_body)
{
    struct agent *agent = user;
    if (word == word_connect) {
        on_connect(agent, connection, body, n_body);
    } else if (word == word_decision) {
        on_decision(agent, connection, body, n_body);
    } else if (word == word_notice) {
        on_notice(agent, connection, body, n_body);
    } else {
        on_flood(agent, connection, word, body, n_body);
    }
}

static void agent_closed(void *user, struct oc_connection *connection, const struct oc_error *err)
{
    struct agent *agent = user;
    struct agents *fleet = agent->fleet;
    (void)err;
    pthread_mutex_lock(&fleet->lock);
    if (agent->place == AGENT_IN_SESSION) {
        agent->closed_ns = measure_now_ns();
    }
    fleet->n_lost += agent->place == AGENT_ASKING && agent->due_ns == 0 ? 1 : 0;
    fleet->n_turned_away += fleet->cut_ns ? 1 : 0;
    if (agent->due_ns == 0) {
        plan_return(agent, 0);
    }
    move_to(agent, AGENT_AWAY);
    agent->connection = NULL;
    pthread_mutex_unlock(&fleet->lock);
    oc_connection_release(connection);
}

static const struct oc_connection_ops agent_ops = {
    .opened = agent_opened, .frame = agent_frame, .closed = agent_closed};

/* ---- dialling -------------------------------------------------------------------------------- */

static bool may_dial(const struct agents *fleet, const struct agent *agent, uint64_t now)
{
    return agent->place == AGENT_AWAY && agent->due_ns != 0 && agent->due_ns <= now &&
           (fleet->window == 0 || fleet->n_at[AGENT_ASKING] < fleet->window);
}

static void dial(struct agent *agent)
{
    struct oc_dial_options options = {.url = agent->fleet->url,
                                      .tls = agent->device.tls,
                                      .local_address = agent->source,
                                      .ops = &agent_ops,
                                      .user = agent,
                                      .timeout_ms = OC_AGENT_DIAL_MS};
    struct oc_connection *connection = NULL; /* released when it has ended */
    struct oc_error err;
    if (oc_connection_dial(agent->fleet->transport, &options, &connection, &err) != OC_OK) {
        fleet_die(err.text);
    }
}

static void *run_dialler(void *user)
{
    struct agents *fleet = user;
    for (;;) {
        pthread_mutex_lock(&fleet->lock);
        const uint64_t now = measure_now_ns();
        for (size_t i = 0; i < fleet->n_admitted; i++) {
            struct agent *agent = &fleet->items[i];
            if (!may_dial(fleet, agent, now)) {
                continue;
            }
            agent->due_ns = 0;
            agent->dialled_ns = measure_now_ns();
            move_to(agent, AGENT_ASKING);
            pthread_mutex_unlock(&fleet->lock);
            dial(agent);
            pthread_mutex_lock(&fleet->lock);
        }
        pthread_mutex_unlock(&fleet->lock);
        measure_sleep_until(measure_now_ns() + DIALLER_NAP_NS);
    }
    return NULL;
}

void agents_dial(struct agents *fleet, size_t n_admitted, size_t window)
{
    pthread_mutex_lock(&fleet->lock);
    fleet->n_admitted = n_admitted;
    fleet->window = window;
    for (size_t i = 0; i < n_admitted; i++) {
        struct agent *agent = &fleet->items[i];
        if (agent->place == AGENT_AWAY && agent->due_ns == 0) {
            agent->due_ns = 1;
        }
    }
    pthread_mutex_unlock(&fleet->lock);
}

bool agents_wait_moved(struct agents *fleet, uint64_t until_ns)
{
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000U),
                             .tv_nsec = (long)(until_ns % 1000000000U)};
    return pthread_cond_timedwait(&fleet->moved, &fleet->lock, &until) == 0;
}

bool agents_wait_at(struct agents *fleet, enum agent_place place, size_t n)
{
    const uint64_t until = measure_now_ns() + AGENTS_LIMIT_MS * UINT64_C(1000000);
    pthread_mutex_lock(&fleet->lock);
    while (fleet->n_at[place] != n && agents_wait_moved(fleet, until)) {
    }
    const bool is_there = fleet->n_at[place] == n;
    pthread_mutex_unlock(&fleet->lock);
    return is_there;
}

/* ---- making ---------------------------------------------------------------------------------- */

static void make_agent(struct agents *fleet, size_t i)
{
    struct agent *agent = &fleet->items[i];
    const unsigned source = (unsigned)(i / AGENTS_PER_SOURCE);
    agent->fleet = fleet;
    (void)snprintf(agent->source, sizeof agent->source, "127.%u.%u.%u", 1 + source / 40000 % 200,
                   1 + source / 200 % 200, 1 + source % 200);
    fleet_device_init(&agent->device);
    const struct oc_device_id id = oc_identity_device_id(agent->device.identity);
    memcpy(&agent->random, id.bytes, sizeof agent->random);
}

void agents_init(struct agents *fleet, const char *url, const char *data_dir, size_t n)
{
    *fleet = (struct agents){.url = url, .n = n, .items = calloc(n, sizeof *fleet->items)};
    const struct oc_transport_options transport_options = {.handshake_ms = 60000};
    const struct oc_client_options client_options = {.data_dir = data_dir, .timeout_ms = 60000};
    pthread_condattr_t monotonic;
    pthread_t dialler;
    struct oc_error err;
    if (!fleet->items || oc_transport_new(&transport_options, &fleet->transport, &err) != OC_OK ||
        oc_client_open(&client_options, &fleet->client, &err) != OC_OK) {
        fleet_die("the fleet cannot be made");
    }
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&fleet->moved, &monotonic);
    pthread_mutex_init(&fleet->lock, NULL);
    fleet->n_at[AGENT_AWAY] = n;
    for (size_t i = 0; i < n; i++) {
        make_agent(fleet, i);
    }
    if (pthread_create(&dialler, NULL, run_dialler, fleet) != 0) {
        fleet_die("no thread");
    }
}
