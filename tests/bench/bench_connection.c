/*
 * Echo over our own connection, both ends.
 *
 *   bench_connection server                      prints its port, echoes until killed
 *   bench_connection client PORT CONNS DEPTH S   calls in flight per connection, seconds
 *   bench_connection idle PORT CONNS PID         opens them, prints the growth of PID's memory
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/crypto/identity.h"
#include "proto/rpc/connection.h"

enum {
    BODY_BYTES = 100,
    WARM_UP_MS = 500,
    SETTLE_MS = 1500,
};

struct bench {
    atomic_uint n_opened;
    atomic_uint n_closed;
    atomic_ullong n_replies;
    unsigned depth;
};

static const uint8_t body[BODY_BYTES];

static void die(const struct oc_error *err)
{
    (void)fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static void pause_ms(unsigned ms)
{
    const struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&span, NULL);
}

/* ---- the server -------------------------------------------------------------------------- */

static bool server_opened(void *user, struct oc_connection *connection, const struct oc_peer *peer)
{
    (void)user;
    (void)peer;
    oc_connection_set_approved(connection, true);
    oc_connection_set_idle_limit(connection, 0);
    return true;
}

static void server_frame(void *user, struct oc_connection *connection, uint32_t word,
                         const uint8_t *bytes, size_t n)
{
    (void)user;
    (void)oc_connection_send(connection, word, bytes, n);
}

static void server_closed(void *user, struct oc_connection *connection, const struct oc_error *err)
{
    (void)user;
    (void)connection;
    (void)err;
}

static void *server_accepted(void *user, const struct oc_source *source)
{
    (void)source;
    return user;
}

static _Noreturn void run_server(struct oc_transport *transport)
{
    static const struct oc_connection_ops ops = {server_opened, server_frame, server_closed};
    struct oc_error err;
    struct oc_identity *identity = NULL;
    struct oc_tls_context *tls = NULL;
    struct oc_listener *listener = NULL;
    struct bench bench = {.depth = 0};
    struct oc_listener_options options = {.url = "tls+tcp://127.0.0.1:0",
                                          .ops = &ops,
                                          .accepted = server_accepted,
                                          .user = &bench,
                                          .max_unfinished = 4096,
                                          .max_unfinished_per_source = 4096};
    if (oc_identity_generate(OC_IDENTITY_GATEWAY, &identity, &err) ||
        oc_tls_context_for_devices(identity, &tls, &err)) {
        die(&err);
    }
    options.tls = tls;
    if (oc_listener_open(transport, &options, &listener, &err)) {
        die(&err);
    }
    char url[128];
    oc_listener_url(listener, url, sizeof url);
    (void)printf("%s\n", strrchr(url, ':') + 1);
    (void)fflush(stdout);
    for (;;) {
        (void)pause();
    }
}

/* ---- the client -------------------------------------------------------------------------- */

static bool client_opened(void *user, struct oc_connection *connection, const struct oc_peer *peer)
{
    struct bench *bench = user;
    (void)peer;
    atomic_fetch_add(&bench->n_opened, 1);
    for (unsigned i = 0; i < bench->depth; i++) {
        (void)oc_connection_send(connection, 0x80000000u | i, body, sizeof body);
    }
    return true;
}

static void client_frame(void *user, struct oc_connection *connection, uint32_t word,
                         const uint8_t *bytes, size_t n)
{
    struct bench *bench = user;
    atomic_fetch_add_explicit(&bench->n_replies, 1, memory_order_relaxed);
    (void)oc_connection_send(connection, word, bytes, n);
}

static void client_closed(void *user, struct oc_connection *connection, const struct oc_error *err)
{
    struct bench *bench = user;
    (void)connection;
    atomic_fetch_add(&bench->n_closed, 1);
    (void)fprintf(stderr, "closed: %s\n", err->text);
}

static void open_connections(struct oc_transport *transport, const char *port, unsigned n,
                             struct bench *bench)
{
    static const struct oc_connection_ops ops = {client_opened, client_frame, client_closed};
    const struct oc_tls_trust first_use = {.n_pins = 0};
    struct oc_error err;
    struct oc_identity *identity = NULL;
    struct oc_tls_context *tls = NULL;
    char url[64];
    (void)snprintf(url, sizeof url, "tls+tcp://127.0.0.1:%s", port);
    if (oc_identity_generate(OC_IDENTITY_DEVICE, &identity, &err) ||
        oc_tls_context_for_client(identity, &first_use, &tls, &err)) {
        die(&err);
    }
    const struct oc_dial_options options = {
        .url = url, .tls = tls, .ops = &ops, .user = bench, .timeout_ms = 60000};
    for (unsigned i = 0; i < n; i++) {
        struct oc_connection *connection = NULL;
        if (oc_connection_dial(transport, &options, &connection, &err)) {
            die(&err);
        }
        oc_connection_release(connection);
        while (i - atomic_load(&bench->n_opened) >= 64 && i > atomic_load(&bench->n_opened)) {
            pause_ms(1);
        }
    }
    while (atomic_load(&bench->n_opened) < n) {
        pause_ms(1);
    }
}

static int run_client(struct oc_transport *transport, char **arguments)
{
    const unsigned n = (unsigned)strtoul(arguments[1], NULL, 10);
    const unsigned seconds = (unsigned)strtoul(arguments[3], NULL, 10);
    static struct bench bench;
    bench.depth = (unsigned)strtoul(arguments[2], NULL, 10);
    open_connections(transport, arguments[0], n, &bench);
    pause_ms(WARM_UP_MS);
    const unsigned long long first = atomic_load(&bench.n_replies);
    const uint64_t start_ms = oc_monotonic_ms();
    pause_ms(seconds * 1000);
    const unsigned long long last = atomic_load(&bench.n_replies);
    const double span_s = (double)(oc_monotonic_ms() - start_ms) / 1000.0;
    const double rate = (double)(last - first) / span_s;
    (void)printf("%u x %u: %.0f calls/s, %.0f us each\n", n, bench.depth, rate,
                 1e6 * n * bench.depth / rate);
    return 0;
}

/* ---- idle -------------------------------------------------------------------------------- */

static long resident_kib(const char *pid)
{
    char path[64];
    char line[256];
    long kib = -1;
    (void)snprintf(path, sizeof path, "/proc/%s/status", pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kib = strtol(line + 6, NULL, 10);
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return kib;
}

static int run_idle(struct oc_transport *transport, char **arguments)
{
    const unsigned n = (unsigned)strtoul(arguments[1], NULL, 10);
    static struct bench bench;
    const long before = resident_kib(arguments[2]);
    const uint64_t start_ms = oc_monotonic_ms();
    open_connections(transport, arguments[0], n, &bench);
    const uint64_t took_ms = oc_monotonic_ms() - start_ms;
    pause_ms(SETTLE_MS);
    const long after = resident_kib(arguments[2]);
    (void)printf("%u idle: %.1f KiB each; opened %.0f/s\n", n, (double)(after - before) / n,
                 1000.0 * n / (double)took_ms);
    return 0;
}

int main(int argc, char **argv)
{
    const struct oc_transport_options options = {.n_handshake_workers = 0};
    struct oc_transport *transport = NULL;
    struct oc_error err;
    if (oc_transport_new(&options, &transport, &err)) {
        die(&err);
    }
    if (argc == 2 && strcmp(argv[1], "server") == 0) {
        run_server(transport);
    }
    if (argc == 6 && strcmp(argv[1], "client") == 0) {
        return run_client(transport, argv + 2);
    }
    if (argc == 5 && strcmp(argv[1], "idle") == 0) {
        return run_idle(transport, argv + 2);
    }
    (void)fprintf(stderr, "usage: bench_connection server | client PORT CONNS DEPTH SECONDS | "
                          "idle PORT CONNS PID\n");
    return 2;
}
