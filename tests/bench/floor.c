/*
 * The floor: what bare epoll and OpenSSL reach on this machine, without frames, calls or records.
 * One thread at each end, TLS 1.3 with a certificate on both sides, as many messages to a read and
 * a write as there are.
 *
 *     floor server PORT_FILE
 *     floor unary   PORT SERVER_PID CONNECTIONS DEPTH SECONDS   echoes of 32 bytes; with DEPTH 1
 *                                                               also how long one took
 *     floor connect PORT SERVER_PID AT_ONCE SECONDS             TCP + TLS + one echo + close
 *     floor idle    PORT SERVER_PID CONNECTIONS EVERY_S SECONDS   resident memory per connection,
 *                                                               and one echo on each in EVERY_S
 *
 * Prints one JSON object. A measuring tool: it ends at the first thing that goes wrong.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "proto/crypto/identity.h"
#include "tests/bench/bare.h"
#include "tests/bench/measure.h"

enum {
    MESSAGE_BYTES = 32,
    SCRATCH_BYTES = 64 * 1024,
    LATENCY_BUCKETS = 200000, /* of one microsecond; the last holds the rest */
};

static struct oc_identity *make_identity(enum oc_identity_kind kind)
{
    struct oc_identity *identity = NULL;
    struct oc_error err;
    if (oc_identity_generate(kind, &identity, &err) != OC_OK) {
        bare_die(err.text);
    }
    return identity;
}

/* OpenSSL's default chain verification over a certificate that anchors itself. */
static int accept_any(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    (void)store;
    return 1;
}

static SSL_CTX *make_context(bool is_server)
{
    SSL_CTX *context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    struct oc_identity *identity =
        make_identity(is_server ? OC_IDENTITY_GATEWAY : OC_IDENTITY_DEVICE);
    if (!context || SSL_CTX_use_PrivateKey(context, oc_identity_evp_pkey(identity)) != 1 ||
        SSL_CTX_use_certificate(context, oc_identity_x509(identity)) != 1) {
        bare_die("context");
    }
    oc_identity_free(identity);
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
    return context;
}

/* ---- server ---------------------------------------------------------------------------------- */

static int listen_anywhere(const char *port_file)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, n) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &n) != 0) {
        bare_die("listen");
    }
    FILE *file = fopen(port_file, "we");
    if (file) {
        fprintf(file, "%d\n", ntohs(address.sin_port));
        fclose(file);
    } else {
        bare_die(port_file);
    }
    return fd;
}

static void serve_end(struct bare_end *end, uint8_t *scratch)
{
    bool lives = end->is_ready || bare_step(end);
    ssize_t n = lives && end->is_ready ? bare_read(end, scratch, SCRATCH_BYTES) : 0;
    if (n > 0) {
        bare_write(end, scratch, (size_t)n);
    }
    if (!lives || n < 0) {
        bare_drop(end);
        free(end);
    }
}

static _Noreturn void run_server(const char *port_file)
{
    SSL_CTX *context = make_context(true);
    int listener = listen_anywhere(port_file);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    uint8_t *scratch = malloc(SCRATCH_BYTES);
    for (;;) {
        struct epoll_event events[BARE_MAX_EVENTS];
        int n = epoll_wait(epoll, events, BARE_MAX_EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) {
                serve_end(events[i].data.ptr, scratch);
                continue;
            }
            int fd;
            while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
                struct bare_end *end = malloc(sizeof *end);
                if (!end) {
                    bare_die("memory");
                }
                bare_add(epoll, context, fd, true, end);
            }
        }
    }
}

/* ---- clients --------------------------------------------------------------------------------- */

struct load {
    SSL_CTX *context;
    long server_pid;
    struct bare_cost cost;
    int epoll;
    uint16_t port;
    uint8_t *scratch;
    size_t n_ends;
    struct bare_end *ends;
    uint64_t n_latencies;
    uint32_t *latency_us; /* how many took so long; unary at depth 1 */
};

static void dial(struct load *load, struct bare_end *end)
{
    bare_dial(load->epoll, load->context, load->port, end);
}

static struct load make_load(const char *port, const char *server_pid, size_t n_ends)
{
    struct load load = {.context = make_context(false),
                        .epoll = epoll_create1(EPOLL_CLOEXEC),
                        .port = (uint16_t)atoi(port),
                        .server_pid = atol(server_pid),
                        .scratch = calloc(1, SCRATCH_BYTES),
                        .n_ends = n_ends,
                        .ends = calloc(n_ends, sizeof(struct bare_end)),
                        .latency_us = calloc(LATENCY_BUCKETS, sizeof(uint32_t))};
    if (!load.scratch || !load.ends || !load.latency_us) {
        bare_die("memory");
    }
    return load;
}

/* Of one echo at depth 1. */
static void count_latency(struct load *load, struct bare_end *end)
{
    const uint64_t now_ns = measure_now_ns();
    const uint64_t us = (now_ns - end->sent_ns) / 1000;
    load->latency_us[us < LATENCY_BUCKETS ? us : LATENCY_BUCKETS - 1]++;
    load->n_latencies++;
    end->sent_ns = now_ns;
}

static size_t latency_us(const struct load *load, double share)
{
    size_t us = 0;
    uint64_t seen = load->latency_us[0];
    while (us < LATENCY_BUCKETS - 1 && (double)seen < share * (double)load->n_latencies) {
        seen += load->latency_us[++us];
    }
    return us;
}

static void print_rate(const struct load *load, const char *metric, uint64_t n)
{
    bare_print(&load->cost, metric, n);
    if (load->n_latencies > 0) {
        printf(", \"p50_us\": %zu, \"p99_us\": %zu", latency_us(load, 0.5), latency_us(load, 0.99));
    }
    printf("}\n");
}

static int run_unary(struct load load, size_t depth, double seconds)
{
    size_t n_connections = load.n_ends;
    uint8_t messages[MESSAGE_BYTES * 256] = {0};
    for (size_t i = 0; i < n_connections; i++) {
        dial(&load, &load.ends[i]);
    }
    uint64_t end_ns = 0;
    uint64_t n_echoed = 0;
    size_t n_ready = 0;
    while (end_ns == 0 || measure_now_ns() < end_ns) {
        struct epoll_event events[BARE_MAX_EVENTS];
        int n = epoll_wait(load.epoll, events, BARE_MAX_EVENTS, 100);
        for (int i = 0; i < n; i++) {
            struct bare_end *end = events[i].data.ptr;
            if (!end->is_ready) {
                if (!bare_step(end)) {
                    bare_die("handshake");
                }
                if (end->is_ready && ++n_ready == n_connections) {
                    load.cost = bare_begin(load.server_pid);
                    end_ns = load.cost.start_ns + (uint64_t)(seconds * 1e9);
                    for (size_t k = 0; k < n_connections; k++) {
                        load.ends[k].sent_ns = load.cost.start_ns;
                        bare_write(&load.ends[k], messages, depth * MESSAGE_BYTES);
                    }
                }
                continue;
            }
            ssize_t got = bare_read(end, load.scratch, SCRATCH_BYTES);
            if (got < 0) {
                bare_die("closed");
            }
            size_t whole = (end->n_partial + (size_t)got) / MESSAGE_BYTES;
            end->n_partial = (end->n_partial + (size_t)got) % MESSAGE_BYTES;
            n_echoed += whole;
            if (depth == 1 && whole > 0) {
                count_latency(&load, end);
            }
            if (whole > 0) {
                bare_write(end, messages, whole * MESSAGE_BYTES);
            }
        }
    }
    print_rate(&load, "requests_per_s", n_echoed);
    return 0;
}

static int run_connect(struct load load, double seconds)
{
    uint8_t message[MESSAGE_BYTES] = {0};
    load.cost = bare_begin(load.server_pid);
    for (size_t i = 0; i < load.n_ends; i++) {
        dial(&load, &load.ends[i]);
    }
    uint64_t n_done = 0;
    const uint64_t end_ns = load.cost.start_ns + (uint64_t)(seconds * 1e9);
    while (measure_now_ns() < end_ns) {
        struct epoll_event events[BARE_MAX_EVENTS];
        int n = epoll_wait(load.epoll, events, BARE_MAX_EVENTS, 100);
        for (int i = 0; i < n; i++) {
            struct bare_end *end = events[i].data.ptr;
            if (!end->is_ready) {
                if (!bare_step(end)) {
                    bare_die("handshake");
                }
                if (end->is_ready) {
                    bare_write(end, message, sizeof message);
                }
                continue;
            }
            ssize_t got = bare_read(end, load.scratch, SCRATCH_BYTES);
            if (got != 0) {
                bare_drop(end);
                n_done++;
                dial(&load, end);
            }
        }
    }
    print_rate(&load, "connects_per_s", n_done);
    return 0;
}

/* Counts what came back, and new ends that are ready; without waiting longer than that. */
static void take_events(struct load *load, int wait_ms, size_t *n_ready, uint64_t *n_echoed)
{
    struct epoll_event events[BARE_MAX_EVENTS];
    int n = epoll_wait(load->epoll, events, BARE_MAX_EVENTS, wait_ms);
    for (int i = 0; i < n; i++) {
        struct bare_end *end = events[i].data.ptr;
        if (!end->is_ready) {
            if (!bare_step(end)) {
                bare_die("handshake");
            }
            *n_ready += end->is_ready ? 1 : 0;
            continue;
        }
        ssize_t got = bare_read(end, load->scratch, SCRATCH_BYTES);
        if (got < 0) {
            bare_die("closed");
        }
        *n_echoed += (uint64_t)got / MESSAGE_BYTES;
    }
}

/* One echo on each connection in turn, evenly spread; how many were answered. */
static uint64_t pace_echoes(struct load *load, double every_s, double seconds)
{
    uint8_t message[MESSAGE_BYTES] = {0};
    const double gap_ns = every_s * 1e9 / (double)load->n_ends;
    const uint64_t n = (uint64_t)(seconds * 1e9 / gap_ns);
    const uint64_t start_ns = measure_now_ns();
    uint64_t n_echoed = 0;
    for (uint64_t i = 0; i < n; i++) {
        measure_sleep_until(start_ns + (uint64_t)((double)i * gap_ns));
        bare_write(&load->ends[i % load->n_ends], message, sizeof message);
        take_events(load, 0, &(size_t){0}, &n_echoed);
    }
    while (n_echoed < n) {
        take_events(load, 100, &(size_t){0}, &n_echoed);
    }
    return n_echoed;
}

/* As run_idle of fleet.c: a quick round by all, then the pace that is measured. */
static int run_idle(struct load load, double every_s, double seconds)
{
    size_t n_connections = load.n_ends;
    double before = measure_resident_kib(load.server_pid);
    size_t n_ready = 0;
    size_t n_dialled = 0;
    uint64_t n_none = 0;
    while (n_ready < n_connections) {
        for (; n_dialled < n_connections && n_dialled < n_ready + 64; n_dialled++) {
            dial(&load, &load.ends[n_dialled]);
        }
        take_events(&load, 100, &n_ready, &n_none);
    }
    (void)pace_echoes(&load, every_s / MEASURE_IDLE_HURRY, every_s / MEASURE_IDLE_HURRY);
    load.cost = bare_begin(load.server_pid);
    const uint64_t n = pace_echoes(&load, every_s, seconds);
    const double per_100k = n > 0 ? 1e5 / (double)n : 0;
    printf("{\"resident_kib_per_session\": %.2f, \"server_cpu_s_per_100k\": %.3f, "
           "\"client_cpu_s_per_100k\": %.3f}\n",
           (measure_resident_kib(load.server_pid) - before) / (double)n_connections,
           (measure_cpu_s(load.server_pid) - load.cost.server_cpu_s) * per_100k,
           (measure_own_cpu_s() - load.cost.own_cpu_s) * per_100k);
    return 0;
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN); /* the end of a client is not that of the server */
    if (argc == 3 && strcmp(argv[1], "server") == 0) {
        run_server(argv[2]);
    }
    if (argc == 7 && strcmp(argv[1], "unary") == 0) {
        return run_unary(make_load(argv[2], argv[3], strtoul(argv[4], NULL, 10)),
                         strtoul(argv[5], NULL, 10), atof(argv[6]));
    }
    if (argc == 6 && strcmp(argv[1], "connect") == 0) {
        return run_connect(make_load(argv[2], argv[3], strtoul(argv[4], NULL, 10)), atof(argv[5]));
    }
    if (argc == 7 && strcmp(argv[1], "idle") == 0) {
        return run_idle(make_load(argv[2], argv[3], strtoul(argv[4], NULL, 10)), atof(argv[5]),
                        atof(argv[6]));
    }
    fprintf(stderr, "usage: floor server|unary|connect|idle ...; see the head of floor.c\n");
    return 2;
}
