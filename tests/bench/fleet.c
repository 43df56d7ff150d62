/*
 * fleet: many devices in one process, for measuring a gateway from outside.
 *
 *     fleet unary   GATEWAY_URL DATA_DIR GATEWAY_PID CONNECTIONS DEPTH SECONDS   heartbeats
 *     fleet connect GATEWAY_URL DATA_DIR GATEWAY_PID AT_ONCE SECONDS    TCP + TLS + Connect + close
 *     fleet idle    GATEWAY_URL DATA_DIR GATEWAY_PID CONNECTIONS EVERY_S SECONDS    resident memory
 *                                        per session, and one heartbeat on each in EVERY_S
 *
 * Every device has a key of its own and is announced and approved through the local door of the
 * gateway in DATA_DIR first. Prints one JSON object. A measuring tool: it ends at the first thing
 * that goes wrong.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/fleet_device.h"
#include "tests/bench/measure.h"

enum {
    LATENCY_BUCKETS = 200000,    /* of one microsecond; the last holds the rest */
    IDLE_SETTLE_NS = 1000000000, /* for the gateway to take what was sent to it */
};

static const uint32_t parked_word = 0x80000002U; /* idle: of the call that is left open */

struct fleet {
    struct fleet_gate gate; /* counts what became ready; the main thread waits on it */
    struct oc_transport *transport;
    const char *url;
    size_t depth;
    bool reconnects; /* connect: close after the session and dial again */
    _Atomic bool is_over;
    _Atomic uint64_t n_done;
    _Atomic uint32_t *latency_us;
    size_t n_members;
    struct member *members;
};

struct member {
    struct fleet *fleet;
    struct fleet_device device;
    struct oc_connection *connection;
    uint64_t sent_ns; /* depth 1 only */
    bool has_session;
    struct oc_receipt receipt; /* as agents keep it, for their next Connect */
};

static bool member_opened(void *user, struct oc_connection *connection, const struct oc_peer *peer)
{
    const struct member *member = user;
    (void)peer;
    return fleet_send_connect(connection, &member->receipt);
}

static void count_latency(struct fleet *fleet, uint64_t since_ns)
{
    uint64_t us = (measure_now_ns() - since_ns) / 1000;
    size_t bucket = us < LATENCY_BUCKETS ? (size_t)us : LATENCY_BUCKETS - 1;
    atomic_fetch_add_explicit(&fleet->latency_us[bucket], 1, memory_order_relaxed);
}

static void member_frame(void *user, struct oc_connection *connection, uint32_t word,
                         const uint8_t *body, size_t n_body)
{
    struct member *member = user;
    struct fleet *fleet = member->fleet;
    if (!member->has_session) {
        const struct fleet_answer answer = fleet_read_answer(body, n_body);
        if (!answer.has_session) {
            fleet_die("no session");
        }
        if (answer.receipt.n_signature > 0) {
            member->receipt = answer.receipt;
        }
        member->has_session = true;
        if (fleet->reconnects) {
            atomic_fetch_add(&fleet->n_done, 1);
            oc_connection_close(connection);
        }
        fleet_gate_arrive(&fleet->gate);
        return;
    }
    if (fleet->depth == 0 && word == parked_word) {
        return; /* idle: it ran out */
    }
    fleet_require_ok(body, n_body);
    atomic_fetch_add_explicit(&fleet->n_done, 1, memory_order_relaxed);
    if (fleet->depth == 1) {
        count_latency(fleet, member->sent_ns);
        member->sent_ns = measure_now_ns();
    }
    if (fleet->depth > 0 && !atomic_load_explicit(&fleet->is_over, memory_order_relaxed)) {
        (void)fleet_send_heartbeat(connection, word);
    }
}

static void member_dial(struct member *member);

static void member_closed(void *user, struct oc_connection *connection, const struct oc_error *err)
{
    struct member *member = user;
    struct fleet *fleet = member->fleet;
    bool is_over = atomic_load(&fleet->is_over);
    if (!is_over && !member->has_session) {
        fprintf(stderr, "fleet: a connection ended: %s\n", err ? err->text : "");
        exit(1);
    }
    oc_connection_release(connection);
    if (!is_over && fleet->reconnects) {
        member_dial(member);
    }
}

static const struct oc_connection_ops member_ops = {
    .opened = member_opened, .frame = member_frame, .closed = member_closed};

static void member_dial(struct member *member)
{
    member->has_session = false;
    struct oc_dial_options options = {.url = member->fleet->url,
                                      .tls = member->device.tls,
                                      .ops = &member_ops,
                                      .user = member,
                                      .timeout_ms = 60000};
    struct oc_error err;
    if (oc_connection_dial(member->fleet->transport, &options, &member->connection, &err) !=
        OC_OK) {
        fleet_die(err.text);
    }
}

static void make_members(struct fleet *fleet, const char *data_dir, size_t n)
{
    fleet->n_members = n;
    fleet->members = calloc(n, sizeof *fleet->members);
    if (!fleet->members) {
        fleet_die("out of memory");
    }
    struct fleet_registrar *registrar = fleet_registrar_new(data_dir);
    for (size_t i = 0; i < n; i++) {
        fleet->members[i].fleet = fleet;
        fleet_device_init(&fleet->members[i].device);
        fleet_register(registrar, &fleet->members[i].device);
    }
    fleet_registrar_finish(registrar);
}

/* At most 64 unfinished at a time: a fleet is not a flood. */
static void connect_all(struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->n_members; i++) {
        if (i >= 64) {
            fleet_gate_wait(&fleet->gate, i - 63);
        }
        member_dial(&fleet->members[i]);
    }
    fleet_gate_wait(&fleet->gate, fleet->n_members);
}

static double percentile_us(const struct fleet *fleet, double share)
{
    uint64_t total = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        total += fleet->latency_us[i];
    }
    uint64_t seen = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        seen += fleet->latency_us[i];
        if (seen > 0 && (double)seen >= share * (double)total) {
            return (double)i;
        }
    }
    return 0;
}

static void run_for(struct fleet *fleet, double seconds, long pid, const char *metric)
{
    double gateway_cpu = measure_cpu_s(pid);
    double own_cpu = measure_own_cpu_s();
    uint64_t n_before = atomic_load(&fleet->n_done);
    uint64_t start = measure_now_ns();
    measure_sleep_until(start + (uint64_t)(seconds * 1e9));
    double took = (double)(measure_now_ns() - start) / 1e9;
    double n = (double)(atomic_load(&fleet->n_done) - n_before);
    double per_100k = n > 0 ? 1e5 / n : 0; /* a short run may not finish one operation */
    atomic_store(&fleet->is_over, true);
    printf("{\"%s\": %.1f, \"server_cpu_s_per_100k\": %.3f, \"client_cpu_s_per_100k\": %.3f",
           metric, n / took, (measure_cpu_s(pid) - gateway_cpu) * per_100k,
           (measure_own_cpu_s() - own_cpu) * per_100k);
    if (fleet->depth == 1) {
        printf(", \"p50_us\": %.0f, \"p99_us\": %.0f", percentile_us(fleet, 0.5),
               percentile_us(fleet, 0.99));
    }
    printf("}\n");
}

static void run_unary(struct fleet *fleet, double seconds, long pid)
{
    connect_all(fleet);
    for (size_t i = 0; i < fleet->n_members; i++) {
        struct member *member = &fleet->members[i];
        member->sent_ns = measure_now_ns();
        for (size_t k = 0; k < fleet->depth; k++) {
            (void)fleet_send_heartbeat(member->connection, 0x80000000U | (uint32_t)(k + 2));
        }
    }
    run_for(fleet, seconds, pid, "requests_per_s");
}

static void run_connect(struct fleet *fleet, double seconds, long pid)
{
    fleet->reconnects = true;
    for (size_t i = 0; i < fleet->n_members; i++) {
        member_dial(&fleet->members[i]);
    }
    run_for(fleet, seconds, pid, "connects_per_s");
}

/* One heartbeat on each connection in turn, evenly spread; how many were answered. */
static uint64_t pace_heartbeats(struct fleet *fleet, double every_s, double seconds)
{
    const double gap_ns = every_s * 1e9 / (double)fleet->n_members;
    const uint64_t n = (uint64_t)(seconds * 1e9 / gap_ns);
    const uint64_t start_ns = measure_now_ns();
    const uint64_t n_before = atomic_load(&fleet->n_done);
    for (uint64_t i = 0; i < n; i++) {
        measure_sleep_until(start_ns + (uint64_t)((double)i * gap_ns));
        const struct member *member = &fleet->members[i % fleet->n_members];
        (void)fleet_send_heartbeat(member->connection, parked_word + 1);
    }
    while (atomic_load(&fleet->n_done) < n_before + n) {
        measure_sleep_until(measure_now_ns() + 1000000);
    }
    return n;
}

/* First the sessions alone, then in use: with the call that every real agent leaves open, and
 * heartbeats; a quick round by all, then the pace that is measured. */
static void run_idle(struct fleet *fleet, double every_s, double seconds, long pid)
{
    const double n = (double)fleet->n_members;
    const double before = measure_resident_kib(pid);
    connect_all(fleet);
    const double bare = (measure_resident_kib(pid) - before) / n;
    for (size_t i = 0; i < fleet->n_members; i++) {
        (void)fleet_send_await_notice(fleet->members[i].connection, parked_word, UINT64_MAX);
    }
    measure_sleep_until(measure_now_ns() + IDLE_SETTLE_NS);
    (void)pace_heartbeats(fleet, every_s / MEASURE_IDLE_HURRY, every_s / MEASURE_IDLE_HURRY);
    const double gateway_cpu = measure_cpu_s(pid);
    const double own_cpu = measure_own_cpu_s();
    const double per_100k = 1e5 / (double)pace_heartbeats(fleet, every_s, seconds);
    const double used = (measure_resident_kib(pid) - before) / n;
    printf("{\"resident_kib_per_session\": %.2f, \"bare_kib_per_session\": %.2f, "
           "\"server_cpu_s_per_100k\": %.3f, \"client_cpu_s_per_100k\": %.3f}\n",
           used, bare, (measure_cpu_s(pid) - gateway_cpu) * per_100k,
           (measure_own_cpu_s() - own_cpu) * per_100k);
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: fleet unary|connect|idle ...; see the head of fleet.c\n");
        return 2;
    }
    long pid = atol(argv[4]);
    size_t n = strtoul(argv[5], NULL, 10);
    struct fleet fleet = {.url = argv[2]};
    fleet_gate_init(&fleet.gate);
    fleet.latency_us = calloc(LATENCY_BUCKETS, sizeof *fleet.latency_us);
    struct oc_error err;
    const struct oc_transport_options transport_options = {.handshake_ms = 60000};
    if (!fleet.latency_us ||
        oc_transport_new(&transport_options, &fleet.transport, &err) != OC_OK) {
        fleet_die("no transport");
    }
    make_members(&fleet, argv[3], n);
    if (strcmp(argv[1], "unary") == 0 && argc == 8) {
        fleet.depth = strtoul(argv[6], NULL, 10);
        run_unary(&fleet, atof(argv[7]), pid);
    } else if (strcmp(argv[1], "connect") == 0 && argc == 7) {
        run_connect(&fleet, atof(argv[6]), pid);
    } else if (strcmp(argv[1], "idle") == 0 && argc == 8) {
        run_idle(&fleet, atof(argv[6]), atof(argv[7]), pid);
    } else {
        return 2;
    }
    fflush(stdout);
    _Exit(0); /* the connections end with the process: that is part of what a gateway meets */
}
