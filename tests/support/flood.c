/*
 * flood: strangers without number. Each has a key of its own, connects from one of many addresses
 * of 127.0.0.0/8, asks once and leaves.
 *
 *     flood GATEWAY_URL SECONDS SOURCES AT_ONCE [FIRST]
 *
 * SOURCES addresses, spread over as many /16 as there are, from 127.FIRST.0.2 on (FIRST: 1; with 0
 * and one source: 127.0.0.1, where other tests come from). AT_ONCE are under way at a time. Prints
 * one JSON object: how many asked, waited (got a request), were busy (over a cap), were turned away
 * before they could ask.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/rpc/connection.h"
#include "proto/rpc/envelope.h"
#include "tests/bench/fleet_device.h"

enum {
    WIDE_NETWORKS = 250,
    DIAL_MS = 10000,
};

struct flood {
    struct oc_transport *transport;
    const char *url;
    unsigned n_sources, first;
    atomic_uint next_source;
    atomic_bool is_over;
    atomic_ulong n_asked, n_waiting, n_busy, n_turned_away;
    pthread_mutex_t lock; /* guards n_under_way */
    pthread_cond_t changed;
    unsigned n_under_way;
};

struct stranger {
    struct flood *flood;
    struct fleet_device device;
    struct oc_connection *connection;
    char source[32];
    bool is_answered;
};

static void come(struct stranger *stranger);

static bool opened(void *user, struct oc_connection *connection, const struct oc_peer *peer)
{
    (void)user;
    (void)peer;
    return fleet_send_connect(connection, NULL);
}

static void answered(void *user, struct oc_connection *connection, uint32_t word,
                     const uint8_t *body, size_t n_body)
{
    struct stranger *stranger = user;
    struct flood *flood = stranger->flood;
    (void)word;
    const struct fleet_answer answer = fleet_read_answer(body, n_body);
    stranger->is_answered = true;
    atomic_fetch_add(&flood->n_asked, 1);
    atomic_fetch_add(answer.request_id.text[0] ? &flood->n_waiting : &flood->n_busy, 1);
    oc_connection_close(connection);
}

static void leave(struct flood *flood)
{
    pthread_mutex_lock(&flood->lock);
    flood->n_under_way--;
    pthread_cond_signal(&flood->changed);
    pthread_mutex_unlock(&flood->lock);
}

static void closed(void *user, struct oc_connection *connection, const struct oc_error *err)
{
    struct stranger *stranger = user;
    struct flood *flood = stranger->flood;
    (void)err;
    if (!stranger->is_answered) {
        atomic_fetch_add(&flood->n_turned_away, 1);
    }
    oc_connection_release(connection);
    oc_tls_context_free(stranger->device.tls);
    oc_identity_free(stranger->device.identity);
    if (!atomic_load(&flood->is_over)) {
        come(stranger);
        return;
    }
    free(stranger);
    leave(flood);
}

static const struct oc_connection_ops ops = {.opened = opened, .frame = answered, .closed = closed};

static void come(struct stranger *stranger)
{
    struct flood *flood = stranger->flood;
    struct oc_error err;
    const unsigned n = atomic_fetch_add(&flood->next_source, 1) % flood->n_sources;
    (void)snprintf(stranger->source, sizeof stranger->source, "127.%u.%u.%u",
                   flood->first + n % WIDE_NETWORKS, n / WIDE_NETWORKS, flood->first ? 2U : 1U);
    fleet_device_init(&stranger->device);
    stranger->is_answered = false;
    const struct oc_dial_options options = {.url = flood->url,
                                            .tls = stranger->device.tls,
                                            .local_address = stranger->source,
                                            .ops = &ops,
                                            .user = stranger,
                                            .timeout_ms = DIAL_MS};
    if (oc_connection_dial(flood->transport, &options, &stranger->connection, &err) != OC_OK) {
        fleet_die(err.text);
    }
}

static void start(struct flood *flood, unsigned at_once)
{
    flood->n_under_way = at_once;
    for (unsigned i = 0; i < at_once; i++) {
        struct stranger *stranger = calloc(1, sizeof *stranger);
        if (stranger) {
            stranger->flood = flood;
            come(stranger);
        } else {
            fleet_die("out of memory");
        }
    }
}

static void wait_for_the_last(struct flood *flood)
{
    pthread_mutex_lock(&flood->lock);
    while (flood->n_under_way > 0) {
        pthread_cond_wait(&flood->changed, &flood->lock);
    }
    pthread_mutex_unlock(&flood->lock);
}

int main(int argc, char **argv)
{
    static struct flood flood;
    const struct oc_transport_options options = {.n_handshake_workers = 1};
    struct oc_error err;
    if (argc < 5) {
        fleet_die("flood GATEWAY_URL SECONDS SOURCES AT_ONCE [FIRST]");
    }
    flood.url = argv[1];
    flood.n_sources = (unsigned)strtoul(argv[3], NULL, 10);
    flood.first = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : 1;
    pthread_mutex_init(&flood.lock, NULL);
    pthread_cond_init(&flood.changed, NULL);
    if (flood.n_sources == 0 || oc_transport_new(&options, &flood.transport, &err) != OC_OK) {
        fleet_die("the flood cannot start");
    }
    start(&flood, (unsigned)strtoul(argv[4], NULL, 10));
    const struct timespec pause = {.tv_sec = (time_t)strtoul(argv[2], NULL, 10)};
    (void)nanosleep(&pause, NULL);
    atomic_store(&flood.is_over, true);
    wait_for_the_last(&flood);
    oc_transport_free(flood.transport);
    printf("{\"asked\": %lu, \"waiting\": %lu, \"busy\": %lu, \"turned_away\": %lu}\n",
           atomic_load(&flood.n_asked), atomic_load(&flood.n_waiting), atomic_load(&flood.n_busy),
           atomic_load(&flood.n_turned_away));
    return 0;
}
