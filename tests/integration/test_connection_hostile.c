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
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "proto/base/cleanup.h"
#include "proto/crypto/certificate.h"
#include "proto/rpc/limits.h"
#include "proto/rpc/sp.h"
#include "tests/support/raw_peer.h"
#include "tests/support/wire_fixture.h"

enum { SHORT_MS = 800 };

static const struct wire_options no_options;
static const struct wire_options impatient = {.handshake_ms = SHORT_MS};

static const uint8_t caller_greeting[] = {0x00, 0x53, 0x50, 0x00, 0x00, 0x30, 0x00, 0x00};

/* A fixture whose server echoes, and a client that is always served. */
struct scene {
    struct wire_fixture wire;
    struct endpoint canary;
    struct oc_connection *canary_connection;
    unsigned n_sung;
};

static void sing(struct scene *scene)
{
    scene->n_sung++;
    assert_true(oc_connection_send(scene->canary_connection, 0x80000000u + scene->n_sung,
                                   (const uint8_t *)"tweet", 5));
    assert_true(endpoint_wait(&scene->canary, &scene->canary.n_frames, scene->n_sung));
}

/* `on_frame` NULL echoes. */
static void begin(struct scene *scene, const struct wire_options *options)
{
    memset(scene, 0, sizeof *scene);
    wire_make(&scene->wire, options);
    endpoint_init(&scene->canary);
    scene->wire.server.echoes = true;
    wire_listen(&scene->wire, options);
    scene->canary_connection = wire_connect(&scene->wire, &scene->canary, false);
    sing(scene);
}

static void end(struct scene *scene)
{
    sing(scene);
    oc_connection_release(wire_connect(&scene->wire, &scene->canary, false));
    oc_connection_release(wire_connect(&scene->wire, &scene->canary, true));
    oc_connection_release(scene->canary_connection);
    wire_stop(&scene->wire);
    endpoint_deinit(&scene->canary);
}

static const char *socket_path(const struct scene *scene)
{
    return scene->wire.ipc_url + strlen("ipc://");
}

static void assert_server_closed(struct scene *scene, unsigned n, enum oc_status why)
{
    struct endpoint *server = &scene->wire.server;
    assert_true(endpoint_wait(server, &server->n_closed, n));
    assert_int_equal(server->why, why);
}

/* A raw device with its own sound key. */
static void init_device(struct raw_tls *peer, const struct scene *scene)
{
    raw_tls_init(peer, oc_identity_x509(scene->wire.device),
                 oc_identity_evp_pkey(scene->wire.device));
}

/* Connects and exchanges greetings. */
static void greet(struct raw_tls *peer, const struct scene *scene)
{
    uint8_t greeting[8];
    assert_true(raw_tls_connect(peer, scene->wire.port));
    assert_true(raw_tls_write(peer, caller_greeting, sizeof caller_greeting));
    assert_true(raw_tls_read(peer, greeting, sizeof greeting));
}

/* ---- time -------------------------------------------------------------------------------- */

static void silent_peers_are_closed_at_the_deadline(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &impatient);
    const uint64_t start_ms = oc_monotonic_ms();
    const int tcp = raw_connect_tcp(scene.wire.port, NULL);
    const int local = raw_connect_unix(socket_path(&scene));
    assert_true(raw_is_hung_up_on(tcp));
    assert_true(raw_is_hung_up_on(local));
    assert_true(oc_monotonic_ms() - start_ms >= SHORT_MS);
    assert_server_closed(&scene, 2, OC_DEADLINE_EXCEEDED);
    (void)close(tcp);
    (void)close(local);
    end(&scene);
}

/* The bytes a client says first. */
static size_t make_client_hello(uint8_t *out, size_t cap)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *sent = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, sent);
    assert_int_equal(SSL_connect(ssl), -1);
    const int n = BIO_read(sent, out, (int)cap);
    assert_true(n > 0);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return (size_t)n;
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
    struct scene scene;
    begin(&scene, &impatient);
    uint8_t hello[2048];
    const size_t n = make_client_hello(hello, sizeof hello);
    assert_true(n > SHORT_MS / 10 + 20);
    const int fd = raw_connect_tcp(scene.wire.port, NULL);
    assert_true(is_cut_while_dribbling(fd, hello, n));
    assert_server_closed(&scene, 1, OC_DEADLINE_EXCEEDED);
    (void)close(fd);
    end(&scene);
}

static void a_dribbling_first_call_gets_no_extra_time(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &impatient);
    uint8_t bytes[8 + 9 + 200] = {0};
    memcpy(bytes, caller_greeting, sizeof caller_greeting);
    (void)oc_sp_header(true, 0x80000001u, 196, bytes + 8);
    const int fd = raw_connect_unix(socket_path(&scene));
    uint8_t greeting[8];
    assert_int_equal(recv(fd, greeting, sizeof greeting, MSG_WAITALL), 8);
    assert_true(is_cut_while_dribbling(fd, bytes, sizeof bytes));
    assert_server_closed(&scene, 1, OC_DEADLINE_EXCEEDED);
    (void)close(fd);
    end(&scene);
}

static void a_peer_that_opens_and_never_calls_is_closed(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &impatient);
    struct raw_tls peer;
    init_device(&peer, &scene);
    greet(&peer, &scene);
    uint8_t byte;
    assert_false(raw_tls_read(&peer, &byte, 1));
    assert_server_closed(&scene, 1, OC_DEADLINE_EXCEEDED);
    raw_tls_deinit(&peer);
    end(&scene);
}

/* ---- TLS --------------------------------------------------------------------------------- */

static void assert_never_opens(struct scene *scene, struct raw_tls *peer)
{
    struct endpoint *server = &scene->wire.server;
    const unsigned n_opened = endpoint_get(server, &server->n_opened);
    const unsigned n_closed = endpoint_get(server, &server->n_closed);
    uint8_t byte;
    if (raw_tls_connect(peer, scene->wire.port)) {
        /* Our side of TLS 1.3 is done before the server has judged us. */
        (void)raw_tls_write(peer, caller_greeting, sizeof caller_greeting);
        assert_false(raw_tls_read(peer, &byte, 1));
    }
    assert_true(endpoint_wait(server, &server->n_closed, n_closed + 1));
    assert_int_equal(endpoint_get(server, &server->n_opened), n_opened);
    raw_tls_deinit(peer);
}

static void tls_1_2_is_refused(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options);
    struct raw_tls peer;
    init_device(&peer, &scene);
    assert_int_equal(SSL_CTX_set_max_proto_version(peer.context, TLS1_2_VERSION), 1);
    assert_never_opens(&scene, &peer);
    end(&scene);
}

static void a_peer_without_certificate_is_refused(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options);
    struct raw_tls peer;
    raw_tls_init(&peer, NULL, NULL);
    assert_never_opens(&scene, &peer);
    end(&scene);
}

static void a_p256_device_key_is_refused(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options);
    struct raw_tls peer;
    raw_tls_init(&peer, oc_identity_x509(scene.wire.gateway),
                 oc_identity_evp_pkey(scene.wire.gateway));
    assert_never_opens(&scene, &peer);
    end(&scene);
}

static void a_chain_of_two_certificates_is_refused(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options);
    struct raw_tls peer;
    init_device(&peer, &scene);
    assert_int_equal(SSL_CTX_add1_chain_cert(peer.context, oc_identity_x509(scene.wire.device)), 1);
    assert_never_opens(&scene, &peer);
    end(&scene);
}

/* A certificate of the device's key with a comment of n bytes. */
static X509 *make_fat_certificate(EVP_PKEY *key, size_t n)
{
    X509 *certificate = NULL;
    assert_int_equal(oc_certificate_make(key, &certificate, NULL), OC_OK);
    ASN1_OCTET_STRING *text = ASN1_OCTET_STRING_new();
    uint8_t *bytes = calloc(1, n);
    assert_int_equal(ASN1_OCTET_STRING_set(text, bytes, (int)n), 1);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_NID(NULL, NID_netscape_comment, 0, text);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    assert_true(X509_sign(certificate, key, NULL) > 0);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(text);
    free(bytes);
    return certificate;
}

static void a_certificate_over_two_kilobytes_is_refused(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options);
    EVP_PKEY *key = oc_identity_evp_pkey(scene.wire.device);
    const int n_bare = i2d_X509(oc_identity_x509(scene.wire.device), NULL);
    struct raw_tls peer;
    X509 *fat = make_fat_certificate(key, OC_MAX_PEER_CERTIFICATE_BYTES - (size_t)n_bare - 60);
    assert_in_range(i2d_X509(fat, NULL), OC_MAX_PEER_CERTIFICATE_BYTES - 60,
                    OC_MAX_PEER_CERTIFICATE_BYTES);
    raw_tls_init(&peer, fat, key);
    greet(&peer, &scene);
    assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_opened, 2));
    raw_tls_deinit(&peer);
    assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_closed, 1));
    X509_free(fat);
    fat = make_fat_certificate(key, OC_MAX_PEER_CERTIFICATE_BYTES - (size_t)n_bare);
    assert_in_range(i2d_X509(fat, NULL), OC_MAX_PEER_CERTIFICATE_BYTES + 1,
                    OC_MAX_PEER_CERTIFICATE_BYTES + 60);
    raw_tls_init(&peer, fat, key);
    assert_never_opens(&scene, &peer);
    X509_free(fat);
    end(&scene);
}

static void nothing_can_be_resumed(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options);
    struct raw_tls peer;
    init_device(&peer, &scene);
    SSL_CTX_set_session_cache_mode(peer.context, SSL_SESS_CACHE_CLIENT);
    greet(&peer, &scene);
    SSL_SESSION *session = SSL_get1_session(peer.ssl);
    assert_false(SSL_SESSION_is_resumable(session));
    SSL_SESSION_free(session);
    raw_tls_deinit(&peer);
    end(&scene);
}

static void a_flood_of_key_updates_harms_nobody(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options);
    struct raw_tls peer;
    init_device(&peer, &scene);
    greet(&peer, &scene);
    bool is_open = true;
    for (int i = 0; i < 20000 && is_open; i++) {
        is_open = SSL_key_update(peer.ssl, SSL_KEY_UPDATE_REQUESTED) == 1 &&
                  SSL_do_handshake(peer.ssl) == 1;
    }
    raw_tls_deinit(&peer);
    assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_closed, 1));
    end(&scene);
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
    struct scene scene;
    begin(&scene, &no_options);
    for (unsigned i = 0; i < OC_ARRAY_LENGTH(lies); i++) {
        const int fd = raw_connect_unix(socket_path(&scene));
        assert_int_equal(send(fd, lies[i].bytes, lies[i].n, MSG_NOSIGNAL), lies[i].n);
        assert_true(raw_is_hung_up_on(fd));
        assert_server_closed(&scene, i + 1, OC_INVALID_ARGUMENT);
        (void)close(fd);
    }
    assert_int_equal(scene.wire.server.n_frames, 1); /* the canary's */
    end(&scene);
}

static void garbage_instead_of_tls_closes(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options);
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
    end(&scene);
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
    struct scene scene;
    begin(&scene, &no_options);
    const int fd = raw_connect_unix(socket_path(&scene));
    assert_int_equal(send(fd, caller_greeting, sizeof caller_greeting, MSG_NOSIGNAL), 8);
    send_without_reading(fd);
    assert_server_closed(&scene, 1, OC_RESOURCE_EXHAUSTED);
    (void)close(fd);
    end(&scene);
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
    struct scene scene;
    begin(&scene, &options);
    scene.wire.server.on_frame = echo_to_an_approved_peer;
    const int fd = raw_connect_unix(socket_path(&scene));
    uint8_t bytes[8 + 13];
    memcpy(bytes, caller_greeting, 8);
    (void)oc_sp_header(true, 0x80000001u, 0, bytes + 8);
    assert_int_equal(send(fd, bytes, sizeof bytes, MSG_NOSIGNAL), sizeof bytes);
    assert_server_closed(&scene, 1, OC_DEADLINE_EXCEEDED);
    (void)close(fd);
    end(&scene);
}

/* ---- crowds ------------------------------------------------------------------------------ */

static void a_source_over_its_cap_is_refused_and_others_are_served(void **state)
{
    (void)state;
    const struct wire_options options = {.max_unfinished_per_source = 4, .max_unfinished = 6};
    struct scene scene;
    begin(&scene, &options);
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
    sing(&scene);
    held[4] = raw_connect_tcp(scene.wire.port, "127.0.0.8");
    held[5] = raw_connect_tcp(scene.wire.port, "127.0.0.9");
    assert_true(endpoint_wait(server, &server->n_accepted, n_before + 6));
    over = raw_connect_tcp(scene.wire.port, "127.0.0.10"); /* over the total */
    assert_true(raw_is_hung_up_on(over));
    (void)close(over);
    struct oc_listener_counters counters = oc_listener_counters(scene.wire.tls_listener);
    assert_int_equal(counters.unfinished, 6);
    assert_int_equal(counters.refused_at_cap, 2);
    for (unsigned i = 0; i < 6; i++) {
        (void)close(held[i]);
    }
    assert_true(endpoint_wait(server, &server->n_closed, 6));
    counters = oc_listener_counters(scene.wire.tls_listener);
    assert_int_equal(counters.unfinished, 0);
    assert_int_equal(counters.handshakes_failed, 6);
    end(&scene);
}

/* Sockets that exist, to be connected when no further descriptor may be opened. */
static void connect_without_descriptors(struct scene *scene, int *fds, unsigned n)
{
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none = {.rlim_cur = 3, .rlim_max = before.rlim_max};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)strcpy(address.sun_path, socket_path(scene));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(
            connect(fds[i], (const struct sockaddr *)(const void *)&address, sizeof address), 0);
    }
    sing(scene);
    assert_int_equal(endpoint_get(&scene->wire.server, &scene->wire.server.n_accepted), 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void accepting_goes_on_when_descriptors_return(void **state)
{
    (void)state;
    enum { N = 8 };
    struct scene scene;
    int fds[N];
    begin(&scene, &no_options);
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
    end(&scene);
}

/* ---- vanishing --------------------------------------------------------------------------- */

static void poke(struct scene *scene, unsigned round)
{
    const bool is_local = round % 2 == 1;
    const int fd =
        is_local ? raw_connect_unix(socket_path(scene)) : raw_connect_tcp(scene->wire.port, NULL);
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
        (void)send(fd, caller_greeting, 3, MSG_NOSIGNAL);
        break;
    default: /* a greeting, FIN of one side, then RST */
        (void)send(fd, caller_greeting, 8, MSG_NOSIGNAL);
        (void)shutdown(fd, SHUT_RD);
        raw_reset(fd);
        return;
    }
    (void)close(fd);
}

static void a_thousand_ways_to_vanish_harm_nobody(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &impatient);
    const unsigned n_before = wire_count_descriptors();
    for (unsigned round = 0; round < 1000; round++) {
        poke(&scene, round);
        if (round % 20 == 0) {
            sing(&scene);
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
    end(&scene);
}

static void clients_that_vanish_with_calls_in_flight_harm_nobody(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options);
    enum { ROUNDS = 60, CALLS = 50 };
    struct raw_tls peer;
    for (unsigned round = 0; round < ROUNDS; round++) {
        init_device(&peer, &scene);
        greet(&peer, &scene);
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
        sing(&scene);
    }
    assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_closed, ROUNDS));
    end(&scene);
}

/* All replies to calls of one read come in one record. */
static void replies_leave_together(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options);
    struct raw_tls peer;
    init_device(&peer, &scene);
    greet(&peer, &scene);
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
    end(&scene);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_DFL); /* must not matter */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_peers_are_closed_at_the_deadline),
        cmocka_unit_test(a_dribbling_handshake_gets_no_extra_time),
        cmocka_unit_test(a_dribbling_first_call_gets_no_extra_time),
        cmocka_unit_test(a_peer_that_opens_and_never_calls_is_closed),
        cmocka_unit_test(tls_1_2_is_refused),
        cmocka_unit_test(a_peer_without_certificate_is_refused),
        cmocka_unit_test(a_p256_device_key_is_refused),
        cmocka_unit_test(a_chain_of_two_certificates_is_refused),
        cmocka_unit_test(a_certificate_over_two_kilobytes_is_refused),
        cmocka_unit_test(nothing_can_be_resumed),
        cmocka_unit_test(a_flood_of_key_updates_harms_nobody),
        cmocka_unit_test(bytes_that_are_not_the_protocol_close),
        cmocka_unit_test(garbage_instead_of_tls_closes),
        cmocka_unit_test(a_peer_that_reads_nothing_hits_the_bound_of_its_queue),
        cmocka_unit_test(a_peer_that_takes_nothing_for_long_is_closed),
        cmocka_unit_test(a_source_over_its_cap_is_refused_and_others_are_served),
        cmocka_unit_test(accepting_goes_on_when_descriptors_return),
        cmocka_unit_test(a_thousand_ways_to_vanish_harm_nobody),
        cmocka_unit_test(clients_that_vanish_with_calls_in_flight_harm_nobody),
        cmocka_unit_test(replies_leave_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
