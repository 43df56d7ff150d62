/* What connection.h promises to well-behaved ends, over TLS and over ipc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "proto/rpc/limits.h"
#include "tests/support/wire_fixture.h"

static const struct wire_options no_options;

/* A fixture, started with the server endpoint as given by `adjust`, and one client. */
struct scene {
    struct wire_fixture wire;
    struct endpoint client;
};

static void begin(struct scene *scene, const struct wire_options *options,
                  void (*adjust)(struct endpoint *server))
{
    wire_make(&scene->wire, options);
    endpoint_init(&scene->client);
    if (adjust) {
        adjust(&scene->wire.server);
    }
    wire_listen(&scene->wire, options);
}

static void end(struct scene *scene)
{
    wire_stop(&scene->wire);
    endpoint_deinit(&scene->client);
}

static void echo_and_approve(struct endpoint *server)
{
    server->echoes = true;
    server->approves = true;
}

/* ---- what opens -------------------------------------------------------------------------- */

static void a_device_is_known_by_the_key_it_proved(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options, NULL);
    struct oc_connection *connection = wire_connect(&scene.wire, &scene.client, false);
    assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_opened, 1));
    const struct oc_peer *device = &scene.wire.server.peer;
    struct oc_device_id expected = oc_identity_device_id(scene.wire.device);
    assert_true(device->has_device_id);
    assert_true(oc_device_id_equal(&device->device_id, &expected));
    char source[OC_MAX_SOURCE_BYTES + 1];
    oc_source_format(&device->source, source);
    assert_string_equal(source, "127.0.0.1");
    struct oc_digest pin = oc_identity_spki_sha256(scene.wire.gateway);
    assert_memory_equal(oc_connection_peer(connection)->spki_sha256.bytes, pin.bytes,
                        sizeof pin.bytes);
    oc_connection_release(connection);
    end(&scene);
}

static void a_local_peer_is_known_by_its_credentials(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options, NULL);
    struct oc_connection *connection = wire_connect(&scene.wire, &scene.client, true);
    assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_opened, 1));
    const struct oc_peer *peer = &scene.wire.server.peer;
    assert_true(peer->source.is_local);
    assert_false(peer->has_device_id);
    assert_int_equal(peer->uid, getuid());
    assert_int_equal(peer->pid, getpid());
    oc_connection_release(connection);
    end(&scene);
}

/* Listens on every address of IPv6, through which IPv4 peers come in mapped form. */
static bool listen_on_ipv6(struct scene *scene)
{
    const struct oc_listener_options door = {
        .url = "tls+tcp://[::]:0",
        .tls = scene->wire.door,
        .ops = &endpoint_ops,
        .accepted = endpoint_accepted,
        .user = &scene->wire.server,
    };
    oc_listener_close(scene->wire.tls_listener);
    scene->wire.tls_listener = NULL;
    return oc_listener_open(scene->wire.transport, &door, &scene->wire.tls_listener, NULL) == OC_OK;
}

static void an_ipv4_peer_of_an_ipv6_door_is_known_by_its_ipv4_address(void **state)
{
    (void)state;
    static const char *const hosts[][2] = {{"127.0.0.1", "127.0.0.1"}, {"[::1]", "::1"}};
    struct scene scene;
    begin(&scene, &no_options, NULL);
    const bool has_ipv6 = listen_on_ipv6(&scene);
    for (unsigned i = 0; has_ipv6 && i < OC_ARRAY_LENGTH(hosts); i++) {
        char url[WIRE_URL_BYTES];
        char source[OC_MAX_SOURCE_BYTES + 1];
        oc_listener_url(scene.wire.tls_listener, url, sizeof url);
        assert_memory_equal(url, "tls+tcp://[::]:", 15);
        (void)snprintf(scene.wire.tls_url, sizeof scene.wire.tls_url, "tls+tcp://%s:%s",
                       hosts[i][0], strrchr(url, ':') + 1);
        oc_connection_release(wire_connect(&scene.wire, &scene.client, false));
        assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_opened, i + 1));
        oc_source_format(&scene.wire.server.peer.source, source);
        assert_string_equal(source, hosts[i][1]);
    }
    end(&scene);
    if (!has_ipv6) {
        skip();
    }
}

/* The kernel picks a port; a second door there is refused, and the first is not harmed. */
static void a_second_door_at_the_same_address_is_refused(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options, echo_and_approve);
    for (int ipc = 0; ipc < 2; ipc++) {
        struct oc_listener *second = NULL;
        struct oc_error err;
        const struct oc_listener_options door = {
            .url = ipc ? scene.wire.ipc_url : scene.wire.tls_url,
            .tls = ipc ? NULL : scene.wire.door,
            .ops = &endpoint_ops,
            .accepted = endpoint_accepted,
            .user = &scene.wire.server,
        };
        assert_int_equal(oc_listener_open(scene.wire.transport, &door, &second, &err),
                         OC_ALREADY_EXISTS);
        assert_null(second);
        oc_connection_release(wire_connect(&scene.wire, &scene.client, ipc));
    }
    end(&scene);
}

static void a_gateway_under_another_key_is_refused_by_the_pin(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options, NULL);
    struct oc_tls_trust trust = {.n_pins = 2};
    memset(&trust.pins, 0x5a, sizeof trust.pins);
    struct oc_tls_context *right = scene.wire.device_tls;
    assert_int_equal(
        oc_tls_context_for_client(scene.wire.device, &trust, &scene.wire.device_tls, NULL), OC_OK);
    struct oc_connection *connection = wire_dial(&scene.wire, &scene.client, false);
    assert_true(endpoint_wait(&scene.client, &scene.client.n_closed, 1));
    assert_int_equal(scene.client.n_opened, 0);
    assert_int_equal(scene.client.why, OC_UNAUTHENTICATED);
    oc_connection_release(connection);

    trust.pins[1] = oc_identity_spki_sha256(scene.wire.gateway);
    struct oc_tls_context *wrong = scene.wire.device_tls;
    assert_int_equal(
        oc_tls_context_for_client(scene.wire.device, &trust, &scene.wire.device_tls, NULL), OC_OK);
    oc_connection_release(wire_connect(&scene.wire, &scene.client, false));
    end(&scene);
    oc_tls_context_free(wrong);
    oc_tls_context_free(right);
}

static void first_use_accepts_any_gateway_and_reports_its_key(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options, NULL);
    const struct oc_tls_trust trust = {.n_pins = 0};
    struct oc_tls_context *first_use = NULL;
    assert_int_equal(oc_tls_context_for_client(scene.wire.device, &trust, &first_use, NULL), OC_OK);
    oc_tls_context_free(scene.wire.device_tls);
    scene.wire.device_tls = first_use;
    struct oc_connection *connection = wire_connect(&scene.wire, &scene.client, false);
    struct oc_digest pin = oc_identity_spki_sha256(scene.wire.gateway);
    assert_memory_equal(scene.client.peer.spki_sha256.bytes, pin.bytes, sizeof pin.bytes);
    oc_connection_release(connection);
    end(&scene);
}

static void refuse_to_open(struct endpoint *server)
{
    server->refuses_to_open = true;
}

static void opened_may_refuse(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options, refuse_to_open);
    for (int ipc = 0; ipc < 2; ipc++) {
        struct oc_connection *connection = wire_dial(&scene.wire, &scene.client, ipc);
        assert_true(endpoint_wait(&scene.client, &scene.client.n_closed, (unsigned)ipc + 1));
        assert_true(
            endpoint_wait(&scene.wire.server, &scene.wire.server.n_closed, (unsigned)ipc + 1));
        assert_int_equal(scene.wire.server.n_frames, 0);
        oc_connection_release(connection);
    }
    end(&scene);
}

static void dialling_a_door_that_is_not_there_ends_in_unavailable(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options, NULL);
    oc_listener_close(scene.wire.tls_listener);
    oc_listener_close(scene.wire.ipc_listener);
    scene.wire.tls_listener = scene.wire.ipc_listener = NULL;
    for (int ipc = 0; ipc < 2; ipc++) {
        struct oc_connection *connection = wire_dial(&scene.wire, &scene.client, ipc);
        assert_true(endpoint_wait(&scene.client, &scene.client.n_closed, (unsigned)ipc + 1));
        assert_int_equal(scene.client.why, OC_UNAVAILABLE);
        assert_int_equal(scene.client.n_opened, 0);
        oc_connection_release(connection);
    }
    end(&scene);
}

/* ---- frames ------------------------------------------------------------------------------ */

enum { MANY = 3000 };

static void many_frames_in_flight_all_come_back(void **state)
{
    (void)state;
    for (int ipc = 0; ipc < 2; ipc++) {
        struct scene scene;
        begin(&scene, &no_options, echo_and_approve);
        struct oc_connection *connection = wire_connect(&scene.wire, &scene.client, ipc);
        static uint8_t body[4096];
        memset(body, 'x', sizeof body);
        for (unsigned i = 0; i < MANY; i++) {
            memcpy(body, &i, sizeof i);
            while (!oc_connection_send(connection, 0x80000000u | i, body, 4 + i % 1500)) {
                fail_msg("the connection closed: %s", scene.client.why_text);
            }
        }
        assert_true(endpoint_wait(&scene.client, &scene.client.n_frames, MANY));
        const unsigned last = MANY - 1;
        assert_int_equal(scene.client.last_word, 0x80000000u | last);
        assert_int_equal(scene.client.n_last_body, 4 + last % 1500);
        assert_memory_equal(scene.client.last_body, &last, sizeof last);
        oc_connection_release(connection);
        end(&scene);
    }
}

static void a_frame_at_the_bound_passes_and_one_over_it_closes(void **state)
{
    (void)state;
    static uint8_t body[OC_MAX_FRAME_BYTES];
    for (int ipc = 0; ipc < 2; ipc++) {
        for (int approved = 0; approved < 2; approved++) {
            struct scene scene;
            begin(&scene, &no_options, approved ? echo_and_approve : NULL);
            struct oc_connection *connection = wire_connect(&scene.wire, &scene.client, ipc);
            const size_t bound = approved ? OC_MAX_FRAME_BYTES : OC_MAX_FRAME_UNAPPROVED_BYTES;
            assert_true(oc_connection_send(connection, 0x80000001u, body, bound - 4));
            assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_frames, 1));
            (void)oc_connection_send(connection, 0x80000002u, body, bound - 3);
            assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_closed, 1));
            assert_int_equal(scene.wire.server.why, OC_INVALID_ARGUMENT);
            assert_int_equal(scene.wire.server.n_frames, 1);
            assert_true(endpoint_wait(&scene.client, &scene.client.n_closed, 1));
            oc_connection_release(connection);
            end(&scene);
        }
    }
}

static void send_a_page(struct endpoint *endpoint, struct oc_connection *connection, uint32_t word,
                        const uint8_t *body, size_t n_body)
{
    (void)endpoint;
    (void)body;
    (void)n_body;
    static uint8_t page[OC_MAX_REPLY_FRAME_BYTES - 4];
    (void)oc_connection_send(connection, word, page, sizeof page);
}

static void approve_and_send_a_page(struct endpoint *server)
{
    server->approves = true;
    server->on_frame = send_a_page;
}

static void a_reply_may_be_a_megabyte(void **state)
{
    (void)state;
    for (int ipc = 0; ipc < 2; ipc++) {
        struct scene scene;
        begin(&scene, &no_options, approve_and_send_a_page);
        struct oc_connection *connection = wire_connect(&scene.wire, &scene.client, ipc);
        assert_true(oc_connection_send(connection, 0x80000001u, NULL, 0));
        assert_true(endpoint_wait(&scene.client, &scene.client.n_frames, 1));
        assert_int_equal(scene.client.n_last_body, OC_MAX_REPLY_FRAME_BYTES - 4);
        oc_connection_release(connection);
        end(&scene);
    }
}

/* ---- late answers -------------------------------------------------------------------------- */

enum { LATE = 64 };

struct late {
    struct oc_connection *connection;
    uint32_t words[LATE];
    unsigned n;
};

static void keep_for_later(struct endpoint *endpoint, struct oc_connection *connection,
                           uint32_t word, const uint8_t *body, size_t n_body)
{
    (void)body;
    (void)n_body;
    struct late *late = endpoint->user;
    (void)pthread_mutex_lock(&endpoint->lock);
    if (late->n == 0) {
        late->connection = connection;
        oc_connection_hold(connection);
    }
    late->words[late->n++] = word;
    (void)pthread_mutex_unlock(&endpoint->lock);
}

static void answer_later(struct endpoint *server)
{
    server->on_frame = keep_for_later;
}

static void late_answers_leave_in_any_order_from_another_thread(void **state)
{
    (void)state;
    for (int ipc = 0; ipc < 2; ipc++) {
        struct scene scene;
        struct late late = {.n = 0};
        begin(&scene, &no_options, answer_later);
        scene.wire.server.user = &late;
        struct oc_connection *connection = wire_connect(&scene.wire, &scene.client, ipc);
        for (unsigned i = 0; i < LATE; i++) {
            assert_true(oc_connection_send(connection, 0x80000000u | i, NULL, 0));
        }
        assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_frames, LATE));
        for (unsigned i = LATE; i-- > 0;) {
            assert_true(oc_connection_send(late.connection, late.words[i], NULL, 0));
        }
        assert_true(endpoint_wait(&scene.client, &scene.client.n_frames, LATE));
        assert_int_equal(scene.client.last_word, 0x80000000u);
        oc_connection_release(late.connection);
        oc_connection_release(connection);
        end(&scene);
    }
}

static void an_answer_after_the_end_is_dropped_and_harms_nobody(void **state)
{
    (void)state;
    struct scene scene;
    struct late late = {.n = 0};
    begin(&scene, &no_options, answer_later);
    scene.wire.server.user = &late;
    struct oc_connection *connection = wire_connect(&scene.wire, &scene.client, false);
    assert_true(oc_connection_send(connection, 0x80000001u, NULL, 0));
    assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_frames, 1));
    oc_connection_abort(connection, OC_CANCELLED, "gone");
    assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_closed, 1));
    assert_false(oc_connection_send(late.connection, late.words[0], NULL, 0));
    oc_connection_close(late.connection);
    oc_connection_abort(late.connection, OC_CANCELLED, "again");
    oc_connection_release(late.connection);
    oc_connection_release(connection);
    end(&scene);
    assert_int_equal(scene.wire.server.n_closed, 1);
}

/* ---- closing ----------------------------------------------------------------------------- */

static void answer_and_close(struct endpoint *endpoint, struct oc_connection *connection,
                             uint32_t word, const uint8_t *body, size_t n_body)
{
    (void)endpoint;
    for (unsigned i = 0; i < 10; i++) {
        (void)oc_connection_send(connection, word, body, n_body);
    }
    oc_connection_close(connection);
    assert_false(oc_connection_send(connection, word, body, n_body));
}

static void answer_once(struct endpoint *server)
{
    server->on_frame = answer_and_close;
}

static void an_orderly_close_delivers_what_was_queued(void **state)
{
    (void)state;
    static uint8_t body[4000];
    for (int ipc = 0; ipc < 2; ipc++) {
        struct scene scene;
        begin(&scene, &no_options, answer_once);
        struct oc_connection *connection = wire_connect(&scene.wire, &scene.client, ipc);
        assert_true(oc_connection_send(connection, 0x80000001u, body, sizeof body));
        (void)oc_connection_send(connection, 0x80000002u, body, sizeof body); /* may be dropped */
        assert_true(endpoint_wait(&scene.client, &scene.client.n_closed, 1));
        assert_int_equal(scene.client.n_frames, 10);
        assert_int_equal(scene.client.why, OC_OK);
        assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_closed, 1));
        assert_int_equal(scene.wire.server.why, OC_OK);
        assert_int_equal(scene.wire.server.n_frames, 1);
        oc_connection_release(connection);
        end(&scene);
    }
}

static void a_client_close_is_orderly_too(void **state)
{
    (void)state;
    for (int ipc = 0; ipc < 2; ipc++) {
        struct scene scene;
        begin(&scene, &no_options, echo_and_approve);
        struct oc_connection *connection = wire_connect(&scene.wire, &scene.client, ipc);
        oc_connection_close(connection);
        oc_connection_close(connection);
        assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_closed, 1));
        assert_true(endpoint_wait(&scene.client, &scene.client.n_closed, 1));
        assert_int_equal(scene.wire.server.why, OC_OK);
        assert_int_equal(scene.client.why, OC_OK);
        oc_connection_release(connection);
        end(&scene);
    }
}

static void have_an_idle_limit(struct endpoint *server)
{
    server->echoes = true;
    server->idle_ms = 300;
}

static void a_peer_silent_over_its_idle_limit_is_closed(void **state)
{
    (void)state;
    for (int ipc = 0; ipc < 2; ipc++) {
        struct scene scene;
        begin(&scene, &no_options, have_an_idle_limit);
        struct oc_connection *connection = wire_connect(&scene.wire, &scene.client, ipc);
        assert_true(oc_connection_send(connection, 0x80000001u, NULL, 0));
        assert_true(endpoint_wait(&scene.client, &scene.client.n_frames, 1));
        assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_closed, 1));
        assert_int_equal(scene.wire.server.why, OC_DEADLINE_EXCEEDED);
        oc_connection_release(connection);
        end(&scene);
    }
}

/* ---- resources --------------------------------------------------------------------------- */

enum { FREED_SIZES = 64, FREED_OF_EACH = 8 };

/* Takes back small blocks that were just freed, so that nothing in them can be followed. */
static void overwrite_what_was_freed(void *blocks[FREED_SIZES * FREED_OF_EACH])
{
    for (unsigned i = 0; i < FREED_SIZES * FREED_OF_EACH; i++) {
        const size_t n = (i / FREED_OF_EACH + 1) * 16;
        blocks[i] = malloc(n);
        assert_non_null(blocks[i]);
        memset(blocks[i], 0x55, n);
    }
}

/* A connection ends on a thread of its own, or when its last holder lets go. */
static void a_context_may_be_freed_before_its_connections_have_ended(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options, NULL);
    struct oc_connection *connection = wire_connect(&scene.wire, &scene.client, false);
    oc_connection_close(connection);
    assert_true(endpoint_wait(&scene.client, &scene.client.n_closed, 1));
    oc_tls_context_free(scene.wire.device_tls);
    scene.wire.device_tls = NULL;
    void *blocks[FREED_SIZES * FREED_OF_EACH];
    overwrite_what_was_freed(blocks);
    oc_connection_release(connection);
    end(&scene);
    for (unsigned i = 0; i < FREED_SIZES * FREED_OF_EACH; i++) {
        free(blocks[i]);
    }
}

static void descriptors_return_after_many_connections(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options, echo_and_approve);
    oc_connection_release(wire_connect(&scene.wire, &scene.client, false));
    oc_connection_release(wire_connect(&scene.wire, &scene.client, true));
    const unsigned n_before = wire_count_descriptors();
    enum { ROUNDS = 50 };
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct oc_connection *connection = wire_connect(&scene.wire, &scene.client, i % 2);
        assert_true(oc_connection_send(connection, 0x80000001u, NULL, 0));
        assert_true(endpoint_wait(&scene.client, &scene.client.n_frames, i + 1));
        if (i % 3 == 0) {
            oc_connection_close(connection);
        } else {
            oc_connection_abort(connection, OC_CANCELLED, "enough");
        }
        oc_connection_release(connection);
    }
    assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_closed, ROUNDS));
    assert_true(endpoint_wait(&scene.client, &scene.client.n_closed, ROUNDS));
    /* NNG closes a descriptor on a thread of its own. */
    unsigned n_after = wire_count_descriptors();
    for (unsigned i = 0; i < 200 && n_after > n_before; i++) {
        struct timespec moment = {.tv_nsec = 10000000};
        (void)nanosleep(&moment, NULL);
        n_after = wire_count_descriptors();
    }
    assert_true(n_after <= n_before);
    end(&scene);
}

static void the_transport_closes_what_is_left(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, &no_options, echo_and_approve);
    for (unsigned i = 0; i < 8; i++) {
        oc_connection_release(wire_connect(&scene.wire, &scene.client, i % 2));
    }
    end(&scene);
    assert_int_equal(scene.client.n_closed, 8);
    assert_int_equal(scene.wire.server.n_closed, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_known_by_the_key_it_proved),
        cmocka_unit_test(a_local_peer_is_known_by_its_credentials),
        cmocka_unit_test(an_ipv4_peer_of_an_ipv6_door_is_known_by_its_ipv4_address),
        cmocka_unit_test(a_second_door_at_the_same_address_is_refused),
        cmocka_unit_test(a_gateway_under_another_key_is_refused_by_the_pin),
        cmocka_unit_test(first_use_accepts_any_gateway_and_reports_its_key),
        cmocka_unit_test(opened_may_refuse),
        cmocka_unit_test(dialling_a_door_that_is_not_there_ends_in_unavailable),
        cmocka_unit_test(many_frames_in_flight_all_come_back),
        cmocka_unit_test(a_frame_at_the_bound_passes_and_one_over_it_closes),
        cmocka_unit_test(a_reply_may_be_a_megabyte),
        cmocka_unit_test(late_answers_leave_in_any_order_from_another_thread),
        cmocka_unit_test(an_answer_after_the_end_is_dropped_and_harms_nobody),
        cmocka_unit_test(an_orderly_close_delivers_what_was_queued),
        cmocka_unit_test(a_client_close_is_orderly_too),
        cmocka_unit_test(a_peer_silent_over_its_idle_limit_is_closed),
        cmocka_unit_test(a_context_may_be_freed_before_its_connections_have_ended),
        cmocka_unit_test(descriptors_return_after_many_connections),
        cmocka_unit_test(the_transport_closes_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
