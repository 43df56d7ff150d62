/* Who comes while all places of the handshake are taken waits in line: nobody is refused, nobody
 * waits behind those who keep silent, and who goes leaves the line. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "proto/rpc/backlog.h"
#include "proto/rpc/limits.h"
#include "tests/support/canary.h"
#include "tests/support/raw_peer.h"

enum {
    NEVER_MS = 60 * 1000,
    SOON_MS = 100,
};

static struct oc_listener_counters counters_of(const struct canary *scene)
{
    return oc_listener_counters(scene->wire.tls_listener);
}

/* Whether so many are in the two states at some time within 20 s. */
static bool comes_to(const struct canary *scene, unsigned arrivals, unsigned unfinished)
{
    for (unsigned i = 0; i < 2000; i++) {
        const struct oc_listener_counters counters = counters_of(scene);
        if (counters.arrivals == arrivals && counters.unfinished == unfinished) {
            return true;
        }
        (void)poll(NULL, 0, 10);
    }
    return false;
}

static uint8_t hello[4096];
static size_t n_hello;

/* Says the first n bytes of a handshake, and no more. */
static int say(const struct canary *scene, const char *source, size_t n)
{
    const int fd = raw_connect_tcp(scene->wire.port, source);
    assert_int_equal(send(fd, hello, n, MSG_NOSIGNAL), n);
    return fd;
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)close(fds[i]);
    }
}

/* ---- honest crowds ------------------------------------------------------------------------- */

/* A restarted gateway, all its agents behind one address. */
static void hundreds_from_one_address_get_in_through_few_places(void **state)
{
    (void)state;
    enum { N = 300, PLACES = 16 };
    const struct wire_options options = {.max_unfinished = PLACES,
                                         .max_unfinished_per_source = PLACES,
                                         .handshake_ms = NEVER_MS,
                                         .patience_ms = NEVER_MS};
    struct canary scene;
    struct endpoint crowd;
    canary_begin(&scene, &options);
    endpoint_init(&crowd);
    for (unsigned i = 0; i < N; i++) {
        oc_connection_release(wire_dial(&scene.wire, &crowd, false));
    }
    unsigned most = 0;
    while (endpoint_get(&crowd, &crowd.n_opened) + endpoint_get(&crowd, &crowd.n_closed) < N) {
        const unsigned now = (unsigned)counters_of(&scene).unfinished;
        most = now > most ? now : most;
        (void)poll(NULL, 0, 1);
    }
    const struct oc_listener_counters counters = counters_of(&scene);
    assert_int_equal(endpoint_get(&crowd, &crowd.n_opened), N);
    assert_int_equal(counters.refused_at_cap + counters.shed + counters.gave_way, 0);
    assert_in_range(most, 1, PLACES);
    assert_true(comes_to(&scene, 0, 0));
    canary_end(&scene);
    endpoint_deinit(&crowd);
}

/* ---- those who keep silent ------------------------------------------------------------------- */

static void who_said_half_a_word_has_not_begun(void **state)
{
    (void)state;
    const struct wire_options options = {.handshake_ms = NEVER_MS};
    struct canary scene;
    canary_begin(&scene, &options);
    const int fd = say(&scene, NULL, n_hello - 1);
    assert_true(comes_to(&scene, 1, 0));
    canary_sing(&scene);
    assert_int_equal(counters_of(&scene).arrivals, 1);
    assert_int_equal(send(fd, hello + n_hello - 1, 1, MSG_NOSIGNAL), 1);
    assert_true(comes_to(&scene, 0, 1));
    (void)close(fd);
    assert_true(comes_to(&scene, 0, 0));
    canary_end(&scene);
}

static void a_source_that_falls_silent_holds_its_own_places_alone(void **state)
{
    (void)state;
    enum { N = 10, SHARE = 2 };
    const struct wire_options options = {.max_unfinished = 4,
                                         .max_unfinished_per_source = SHARE,
                                         .handshake_ms = NEVER_MS,
                                         .patience_ms = NEVER_MS};
    struct canary scene;
    int fds[N];
    canary_begin(&scene, &options);
    for (unsigned i = 0; i < N; i++) {
        fds[i] = say(&scene, "127.0.0.7", n_hello);
    }
    assert_true(comes_to(&scene, N - SHARE, SHARE));
    oc_connection_release(wire_connect(&scene.wire, &scene.canary, false));
    assert_true(comes_to(&scene, N - SHARE, SHARE));
    assert_int_equal(counters_of(&scene).gave_way, 0);
    close_all(fds, N);
    assert_true(comes_to(&scene, 0, 0));
    canary_end(&scene);
}

static void who_keeps_us_waiting_gives_way_to_who_waits(void **state)
{
    (void)state;
    enum { N = 4 };
    static const char *const sources[N] = {"127.0.0.7", "127.0.1.8", "127.1.0.9", "127.2.0.10"};
    const struct wire_options options = {
        .max_unfinished = N, .handshake_ms = NEVER_MS, .patience_ms = SOON_MS};
    struct canary scene;
    int fds[N];
    canary_begin(&scene, &options);
    for (unsigned i = 0; i < N; i++) {
        fds[i] = say(&scene, sources[i], n_hello);
    }
    assert_true(comes_to(&scene, 0, N));
    oc_connection_release(wire_connect(&scene.wire, &scene.canary, false));
    assert_true(comes_to(&scene, 0, N - 1)); /* one for one */
    assert_int_equal(counters_of(&scene).gave_way, 1);
    close_all(fds, N);
    canary_end(&scene);
}

/* ---- the line -------------------------------------------------------------------------------- */

static void who_hangs_up_leaves_the_line(void **state)
{
    (void)state;
    enum { N = 4 };
    const struct wire_options options = {
        .max_unfinished = 1, .handshake_ms = NEVER_MS, .patience_ms = NEVER_MS};
    struct canary scene;
    int fds[N];
    canary_begin(&scene, &options);
    fds[0] = say(&scene, "127.0.0.7", n_hello);
    assert_true(comes_to(&scene, 0, 1));
    for (unsigned i = 1; i < N; i++) {
        fds[i] = say(&scene, "127.0.0.8", n_hello);
    }
    assert_true(comes_to(&scene, N - 1, 1));
    (void)close(fds[1]);
    assert_true(comes_to(&scene, N - 2, 1));
    raw_reset(fds[2]);
    assert_true(comes_to(&scene, N - 3, 1));
    (void)close(fds[0]);
    assert_true(comes_to(&scene, 0, 1)); /* the last in line has begun */
    uint8_t first = 0;
    assert_int_equal(recv(fds[3], &first, 1, 0), 1);
    assert_int_equal(first, 22); /* it is answered with a handshake */
    (void)close(fds[3]);
    canary_end(&scene);
}

static void the_line_counts_no_time_of_the_peer(void **state)
{
    (void)state;
    const struct wire_options options = {
        .max_unfinished = 1, .handshake_ms = 1500, .patience_ms = NEVER_MS};
    struct canary scene;
    struct endpoint honest;
    canary_begin(&scene, &options);
    endpoint_init(&honest);
    int holders[2]; /* of the same source, one after the other for 1.5 s */
    for (unsigned i = 0; i < OC_ARRAY_LENGTH(holders); i++) {
        holders[i] = say(&scene, NULL, n_hello);
    }
    assert_true(comes_to(&scene, OC_ARRAY_LENGTH(holders) - 1, 1));
    struct oc_connection *waits = wire_dial(&scene.wire, &honest, false);
    assert_true(endpoint_wait(&honest, &honest.n_opened, 1));
    oc_connection_release(waits);
    close_all(holders, OC_ARRAY_LENGTH(holders));
    canary_end(&scene);
    endpoint_deinit(&honest);
}

static void who_talks_on_before_its_turn_is_closed(void **state)
{
    (void)state;
    const struct wire_options options = {
        .max_unfinished = 1, .handshake_ms = NEVER_MS, .patience_ms = NEVER_MS};
    static const uint8_t much[OC_MAX_EARLY_BYTES];
    struct canary scene;
    canary_begin(&scene, &options);
    const int holder = say(&scene, "127.0.0.7", n_hello);
    assert_true(comes_to(&scene, 0, 1));
    const int talker = say(&scene, "127.0.0.8", n_hello);
    assert_true(comes_to(&scene, 1, 1));
    (void)send(talker, much, sizeof much, MSG_NOSIGNAL);
    assert_true(raw_is_hung_up_on(talker));
    assert_true(comes_to(&scene, 0, 1));
    (void)close(talker);
    (void)close(holder);
    canary_end(&scene);
}

/* ---- the kernel's queue ------------------------------------------------------------------------
 */

/* How long the kernel's queue of the listening socket at the port may grow. */
static unsigned backlog_at(uint16_t port)
{
    for (int fd = 0; fd < 1024; fd++) {
        struct sockaddr_in name = {.sin_family = AF_UNSPEC};
        socklen_t n = sizeof name;
        struct tcp_info info = {.tcpi_state = 0};
        if (getsockname(fd, (struct sockaddr *)(void *)&name, &n) != 0 ||
            name.sin_family != AF_INET || ntohs(name.sin_port) != port) {
            continue;
        }
        n = sizeof info;
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 &&
            info.tcpi_state == TCP_LISTEN) {
            return info.tcpi_sacked; /* its meaning while listening */
        }
    }
    return 0;
}

static void the_kernel_keeps_more_than_nng_asks_for(void **state)
{
    (void)state;
    const struct wire_options options = {.max_unfinished = 0};
    struct canary scene;
    unsigned allowed = 0;
    FILE *file = fopen("/proc/sys/net/core/somaxconn", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%u", &allowed), 1);
    (void)fclose(file);
    canary_begin(&scene, &options);
    const unsigned wanted = allowed < OC_LISTEN_BACKLOG ? allowed : OC_LISTEN_BACKLOG;
    assert_int_equal(backlog_at(scene.wire.port), wanted);
    assert_int_equal(oc_backlog_raise(scene.wire.port, OC_LISTEN_BACKLOG), 1);
    canary_end(&scene);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_DFL); /* must not matter */
    n_hello = raw_client_hello(hello, sizeof hello);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hundreds_from_one_address_get_in_through_few_places),
        cmocka_unit_test(who_said_half_a_word_has_not_begun),
        cmocka_unit_test(a_source_that_falls_silent_holds_its_own_places_alone),
        cmocka_unit_test(who_keeps_us_waiting_gives_way_to_who_waits),
        cmocka_unit_test(who_hangs_up_leaves_the_line),
        cmocka_unit_test(the_line_counts_no_time_of_the_peer),
        cmocka_unit_test(who_talks_on_before_its_turn_is_closed),
        cmocka_unit_test(the_kernel_keeps_more_than_nng_asks_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
