/* What peers that break the rules get: that connection is closed, everyone else is served. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "proto/rpc/limits.h"
#include "proto/rpc/sp.h"
#include "tests/support/canary.h"
#include "tests/support/raw_peer.h"

/* Ours must connect within it, too, on a machine that is busy. */
enum { SHORT_MS = 1500 };

static const struct wire_options no_options;
static const struct wire_options impatient = {.handshake_ms = SHORT_MS};

/* ---- time -------------------------------------------------------------------------------- */

static void silent_peers_are_closed_at_the_deadline(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &impatient);
    const uint64_t start_ms = oc_monotonic_ms();
    const int tcp = raw_connect_tcp(scene.wire.port, NULL);
    const int local = raw_connect_unix(canary_socket_path(&scene));
    assert_true(raw_is_hung_up_on(tcp));
    assert_true(raw_is_hung_up_on(local));
    assert_true(oc_monotonic_ms() - start_ms >= SHORT_MS);
    canary_assert_closed(&scene, 2, OC_DEADLINE_EXCEEDED);
    (void)close(tcp);
    (void)close(local);
    canary_end(&scene);
}

/* Whether it hung up while we sent a byte every 10 ms. */
static bool is_cut_while_dribbling(int fd, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, 10) > 0) {
            return raw_is_hung_up_on(fd);
        }
        if (send(fd, &bytes[i], 1, MSG_NOSIGNAL) != 1) {
            return true;
        }
    }
    return false;
}

static void a_dribbling_handshake_gets_no_extra_time(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &impatient);
    uint8_t hello[2048];
    const size_t n = raw_client_hello(hello, sizeof hello);
    assert_true(n > SHORT_MS / 10 + 20);
    const int fd = raw_connect_tcp(scene.wire.port, NULL);
    assert_true(is_cut_while_dribbling(fd, hello, n));
    canary_assert_closed(&scene, 1, OC_DEADLINE_EXCEEDED);
    (void)close(fd);
    canary_end(&scene);
}

static void a_dribbling_first_call_gets_no_extra_time(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &impatient);
    uint8_t bytes[8 + 9 + 400] = {0};
    memcpy(bytes, canary_caller_greeting, sizeof canary_caller_greeting);
    (void)oc_sp_header(true, 0x80000001u, 396, bytes + 8);
    const int fd = raw_connect_unix(canary_socket_path(&scene));
    uint8_t greeting[8];
    assert_int_equal(recv(fd, greeting, sizeof greeting, MSG_WAITALL), 8);
    assert_true(is_cut_while_dribbling(fd, bytes, sizeof bytes));
    canary_assert_closed(&scene, 1, OC_DEADLINE_EXCEEDED);
    (void)close(fd);
    canary_end(&scene);
}

static void a_peer_that_opens_and_never_calls_is_closed(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &impatient);
    struct raw_tls peer;
    canary_init_device(&peer, &scene);
    canary_greet(&peer, &scene);
    uint8_t byte;
    assert_false(raw_tls_read(&peer, &byte, 1));
    canary_assert_closed(&scene, 1, OC_DEADLINE_EXCEEDED);
    raw_tls_deinit(&peer);
    canary_end(&scene);
}

/* ---- framing ----------------------------------------------------------------------------- */

static void bytes_that_are_not_the_protocol_close(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
    } lies[] = {
        {"GET / HTTP/1.1\r\n\r\n", 18},
        {"\x00SP\x00\x00\x31\x00\x00", 8}, /* a gateway's greeting */
        {"\x00SP\x00\x00\x30\x00\x00\x02", 9},
        {"\x00SP\x00\x00\x30\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x03\x80\x00\x00", 20},
        {"\x00SP\x00\x00\x30\x00\x00\x01\x00\x00\x00\x00\x00\x00\x20\x01", 17},
        {"\x00SP\x00\x00\x30\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff", 17},
        {"\x00SP\x00\x00\x30\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x01", 21},
    };
    struct canary scene;
    canary_begin(&scene, &no_options);
    for (unsigned i = 0; i < OC_ARRAY_LENGTH(lies); i++) {
        const int fd = raw_connect_unix(canary_socket_path(&scene));
        assert_int_equal(send(fd, lies[i].bytes, lies[i].n, MSG_NOSIGNAL), lies[i].n);
        assert_true(raw_is_hung_up_on(fd));
        canary_assert_closed(&scene, i + 1, OC_INVALID_ARGUMENT);
        (void)close(fd);
    }
    assert_int_equal(scene.wire.server.n_frames, 1); /* the canary's */
    canary_end(&scene);
}

static void garbage_instead_of_tls_closes(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &no_options);
    unsigned seed = 1;
    enum { ROUNDS = 200 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint8_t bytes[600];
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1103515245u + 12345u;
            bytes[i] = (uint8_t)(seed >> 16);
        }
        if (round % 2 == 0) {
            memcpy(bytes, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
        }
        const int fd = raw_connect_tcp(scene.wire.port, NULL);
        (void)send(fd, bytes, sizeof bytes, MSG_NOSIGNAL);
        (void)shutdown(fd, SHUT_WR);
        assert_true(raw_is_hung_up_on(fd));
        (void)close(fd);
    }
    assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_closed, ROUNDS));
    canary_end(&scene);
}

/* ---- readers ----------------------------------------------------------------------------- */

/* Sends calls that are echoed and reads nothing, until the gateway hangs up. */
static void send_without_reading(int fd)
{
    static uint8_t message[9 + 4 + 8000];
    const size_t n = oc_sp_header(true, 0x80000001u, 8000, message) + 8000;
    while (send(fd, message, n, MSG_NOSIGNAL) == (ssize_t)n) {
    }
}

static void a_peer_that_reads_nothing_hits_the_bound_of_its_queue(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &no_options);
    const int fd = raw_connect_unix(canary_socket_path(&scene));
    assert_int_equal(send(fd, canary_caller_greeting, sizeof canary_caller_greeting, MSG_NOSIGNAL),
                     8);
    send_without_reading(fd);
    canary_assert_closed(&scene, 1, OC_RESOURCE_EXHAUSTED);
    (void)close(fd);
    canary_end(&scene);
}

static void echo_to_an_approved_peer(struct endpoint *endpoint, struct oc_connection *connection,
                                     uint32_t word, const uint8_t *body, size_t n_body)
{
    (void)endpoint;
    static uint8_t much[900 * 1024];
    if (n_body == 5) { /* the canary's */
        (void)oc_connection_send(connection, word, body, n_body);
        return;
    }
    oc_connection_set_approved(connection, true);
    (void)oc_connection_send(connection, word, much, sizeof much);
}

static void a_peer_that_takes_nothing_for_long_is_closed(void **state)
{
    (void)state;
    const struct wire_options options = {.send_stall_ms = SHORT_MS};
    struct canary scene;
    canary_begin(&scene, &options);
    scene.wire.server.on_frame = echo_to_an_approved_peer;
    const int fd = raw_connect_unix(canary_socket_path(&scene));
    uint8_t bytes[8 + 13];
    memcpy(bytes, canary_caller_greeting, 8);
    (void)oc_sp_header(true, 0x80000001u, 0, bytes + 8);
    assert_int_equal(send(fd, bytes, sizeof bytes, MSG_NOSIGNAL), sizeof bytes);
    canary_assert_closed(&scene, 1, OC_DEADLINE_EXCEEDED);
    (void)close(fd);
    canary_end(&scene);
}

/* ---- crowds ------------------------------------------------------------------------------ */

static void a_source_over_its_cap_is_refused_and_the_fullest_makes_room(void **state)
{
    (void)state;
    const struct wire_options options = {.max_arrivals_per_source = 4, .max_arrivals = 6};
    struct canary scene;
    canary_begin(&scene, &options);
    struct endpoint *server = &scene.wire.server;
    const unsigned n_before = endpoint_get(server, &server->n_accepted);
    int held[6];
    for (unsigned i = 0; i < 4; i++) {
        held[i] = raw_connect_tcp(scene.wire.port, "127.0.0.7");
    }
    assert_true(endpoint_wait(server, &server->n_accepted, n_before + 4));
    int over = raw_connect_tcp(scene.wire.port, "127.0.0.7");
    assert_true(raw_is_hung_up_on(over));
    (void)close(over);
    canary_sing(&scene);
    held[4] = raw_connect_tcp(scene.wire.port, "127.0.0.8");
    held[5] = raw_connect_tcp(scene.wire.port, "127.0.0.9");
    assert_true(endpoint_wait(server, &server->n_accepted, n_before + 6));
    const int emptier = raw_connect_tcp(scene.wire.port, "127.0.0.10"); /* over the total */
    assert_true(endpoint_wait(server, &server->n_accepted, n_before + 7));
    assert_true(raw_is_hung_up_on(held[3])); /* the fullest source's newest made room */
    over = raw_connect_tcp(scene.wire.port, "127.0.0.7"); /* the fullest still */
    assert_true(raw_is_hung_up_on(over));
    (void)close(over);
    struct oc_listener_counters counters = oc_listener_counters(scene.wire.tls_listener);
    assert_int_equal(counters.arrivals, 6);
    assert_int_equal(counters.refused_at_cap, 2);
    assert_int_equal(counters.shed, 1);
    (void)close(emptier);
    for (unsigned i = 0; i < 6; i++) {
        (void)close(held[i]);
    }
    assert_true(endpoint_wait(server, &server->n_closed, 7));
    counters = oc_listener_counters(scene.wire.tls_listener);
    assert_int_equal(counters.arrivals, 0);
    assert_int_equal(counters.unfinished, 0);
    assert_int_equal(counters.handshakes_failed, 7);
    canary_end(&scene);
}

/* Sockets that exist, to be connected when no further descriptor may be opened. */
static void connect_without_descriptors(struct canary *scene, int *fds, unsigned n)
{
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none = {.rlim_cur = 3, .rlim_max = before.rlim_max};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)strcpy(address.sun_path, canary_socket_path(scene));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(
            connect(fds[i], (const struct sockaddr *)(const void *)&address, sizeof address), 0);
    }
    canary_sing(scene);
    assert_int_equal(endpoint_get(&scene->wire.server, &scene->wire.server.n_accepted), 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void accepting_goes_on_when_descriptors_return(void **state)
{
    (void)state;
    enum { N = 8 };
    struct canary scene;
    int fds[N];
    canary_begin(&scene, &no_options);
    for (unsigned i = 0; i < N; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fds[i] >= 0);
    }
    connect_without_descriptors(&scene, fds, N);
    struct endpoint *server = &scene.wire.server;
    assert_true(endpoint_wait(server, &server->n_accepted, N + 1));
    for (unsigned i = 0; i < N; i++) {
        (void)close(fds[i]);
    }
    assert_true(endpoint_wait(server, &server->n_closed, N));
    canary_end(&scene);
}

/* ---- vanishing --------------------------------------------------------------------------- */

static void poke(struct canary *scene, unsigned round)
{
    const bool is_local = round % 2 == 1;
    const int fd = is_local ? raw_connect_unix(canary_socket_path(scene))
                            : raw_connect_tcp(scene->wire.port, NULL);
    static const char junk[] = "\x16\x03\x01\x00\x05";
    switch (round / 2 % 6) {
    case 0: /* FIN */
        break;
    case 1: /* FIN, then RST */
        (void)shutdown(fd, SHUT_WR);
        raw_reset(fd);
        return;
    case 2: /* RST */
        raw_reset(fd);
        return;
    case 3: /* data, then RST */
        (void)send(fd, junk, sizeof junk, MSG_NOSIGNAL);
        raw_reset(fd);
        return;
    case 4: /* part of a greeting, then FIN */
        (void)send(fd, canary_caller_greeting, 3, MSG_NOSIGNAL);
        break;
    default: /* a greeting, FIN of one side, then RST */
        (void)send(fd, canary_caller_greeting, 8, MSG_NOSIGNAL);
        (void)shutdown(fd, SHUT_RD);
        raw_reset(fd);
        return;
    }
    (void)close(fd);
}

static void a_thousand_ways_to_vanish_harm_nobody(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &impatient);
    const unsigned n_before = wire_count_descriptors();
    for (unsigned round = 0; round < 1000; round++) {
        poke(&scene, round);
        if (round % 20 == 0) {
            canary_sing(&scene);
        }
        if (round % 200 == 0) {
            oc_connection_release(wire_connect(&scene.wire, &scene.canary, round % 400 == 0));
        }
    }
    /* The new canaries are still connected, two descriptors each. */
    unsigned n_after = wire_count_descriptors();
    for (unsigned i = 0; i < 500 && n_after > n_before + 10; i++) {
        (void)poll(NULL, 0, 10);
        n_after = wire_count_descriptors();
    }
    assert_true(n_after <= n_before + 10);
    canary_end(&scene);
}

static void clients_that_vanish_with_calls_in_flight_harm_nobody(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &no_options);
    enum { ROUNDS = 60, CALLS = 50 };
    struct raw_tls peer;
    for (unsigned round = 0; round < ROUNDS; round++) {
        canary_init_device(&peer, &scene);
        canary_greet(&peer, &scene);
        static uint8_t calls[CALLS * 112];
        size_t n = 0;
        for (unsigned i = 0; i < CALLS; i++) {
            n += oc_sp_header(false, 0x80000000u | i, 100, calls + n) + 100;
        }
        assert_true(raw_tls_write(&peer, calls, n));
        if (round % 2) {
            raw_reset(peer.fd);
            peer.fd = -1;
        }
        raw_tls_deinit(&peer);
        canary_sing(&scene);
    }
    assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_closed, ROUNDS));
    canary_end(&scene);
}

/* All replies to calls of one read come in one record. */
static void replies_leave_together(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &no_options);
    struct raw_tls peer;
    canary_init_device(&peer, &scene);
    canary_greet(&peer, &scene);
    enum { CALLS = 8, BYTES = CALLS * (12 + 20) };
    uint8_t calls[BYTES] = {0};
    uint8_t replies[BYTES + 1];
    size_t n = 0;
    for (unsigned i = 0; i < CALLS; i++) {
        n += oc_sp_header(false, 0x80000000u | i, 20, calls + n) + 20;
    }
    assert_true(raw_tls_write(&peer, calls, n));
    assert_int_equal(SSL_read(peer.ssl, replies, sizeof replies), BYTES); /* one record at most */
    assert_memory_equal(replies, calls, BYTES);
    raw_tls_deinit(&peer);
    canary_end(&scene);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_DFL); /* must not matter */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_peers_are_closed_at_the_deadline),
        cmocka_unit_test(a_dribbling_handshake_gets_no_extra_time),
        cmocka_unit_test(a_dribbling_first_call_gets_no_extra_time),
        cmocka_unit_test(a_peer_that_opens_and_never_calls_is_closed),
        cmocka_unit_test(bytes_that_are_not_the_protocol_close),
        cmocka_unit_test(garbage_instead_of_tls_closes),
        cmocka_unit_test(a_peer_that_reads_nothing_hits_the_bound_of_its_queue),
        cmocka_unit_test(a_peer_that_takes_nothing_for_long_is_closed),
        cmocka_unit_test(a_source_over_its_cap_is_refused_and_the_fullest_makes_room),
        cmocka_unit_test(accepting_goes_on_when_descriptors_return),
        cmocka_unit_test(a_thousand_ways_to_vanish_harm_nobody),
        cmocka_unit_test(clients_that_vanish_with_calls_in_flight_harm_nobody),
        cmocka_unit_test(replies_leave_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
