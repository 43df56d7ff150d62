/* How answers leave: at once where the kernel has room, whole and in order where it has not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <nng/nng.h>

#include "proto/rpc/limits.h"
#include "proto/rpc/sp.h"
#include "tests/support/canary.h"
#include "tests/support/raw_peer.h"

static const struct wire_options no_options;

/* ---- operations that call back, counted and refused on order --------------------------------- */

static atomic_uint n_with_callback;
static atomic_bool is_refusing;

int __real_nng_aio_alloc(nng_aio **aio, void (*callback)(void *), void *user);
int __wrap_nng_aio_alloc(nng_aio **aio, void (*callback)(void *), void *user);

int __wrap_nng_aio_alloc(nng_aio **aio, void (*callback)(void *), void *user)
{
    if (atomic_load(&is_refusing)) {
        return NNG_ENOMEM;
    }
    if (callback) {
        atomic_fetch_add(&n_with_callback, 1);
    }
    return __real_nng_aio_alloc(aio, callback, user);
}

/* ---- pages: more than any socket takes at once ----------------------------------------------- */

enum {
    N_PAGES = 3,
    PAGE_BYTES = 1000 * 1000,
};

static uint8_t page_byte(size_t page, size_t i)
{
    return (uint8_t)(page * 101 + i * 7 + i / 251);
}

static void send_pages(struct endpoint *endpoint, struct oc_connection *connection, uint32_t word,
                       const uint8_t *body, size_t n_body)
{
    static uint8_t page[PAGE_BYTES];
    (void)endpoint;
    if (n_body > 0) { /* the canary's */
        (void)oc_connection_send(connection, word, body, n_body);
        return;
    }
    oc_connection_set_approved(connection, true);
    for (size_t k = 0; k < N_PAGES; k++) {
        for (size_t i = 0; i < sizeof page; i++) {
            page[i] = page_byte(k, i);
        }
        (void)oc_connection_send(connection, word, page, sizeof page);
    }
}

/* A peer over TLS or over ipc. */
struct reader {
    bool is_ipc;
    int fd;
    struct raw_tls tls;
};

static void reader_open(struct reader *reader, struct canary *scene)
{
    uint8_t greeting[8];
    if (reader->is_ipc) {
        reader->fd = raw_connect_unix(canary_socket_path(scene));
        assert_int_equal(send(reader->fd, canary_caller_greeting, 8, MSG_NOSIGNAL), 8);
        assert_int_equal(recv(reader->fd, greeting, sizeof greeting, MSG_WAITALL), 8);
    } else {
        canary_init_device(&reader->tls, scene);
        canary_greet(&reader->tls, scene);
    }
}

static void reader_call(struct reader *reader)
{
    uint8_t call[OC_SP_MAX_HEADER_BYTES];
    const size_t n = oc_sp_header(reader->is_ipc, 0x80000001u, 0, call);
    if (reader->is_ipc) {
        assert_int_equal(send(reader->fd, call, n, MSG_NOSIGNAL), n);
    } else {
        assert_true(raw_tls_write(&reader->tls, call, n));
    }
}

static bool reader_read(struct reader *reader, uint8_t *bytes, size_t n)
{
    return reader->is_ipc ? recv(reader->fd, bytes, n, MSG_WAITALL) == (ssize_t)n
                          : raw_tls_read(&reader->tls, bytes, n);
}

static void reader_close(struct reader *reader)
{
    if (reader->is_ipc) {
        (void)close(reader->fd);
    } else {
        raw_tls_deinit(&reader->tls);
    }
}

static void expect_pages(struct reader *reader)
{
    static uint8_t page[PAGE_BYTES];
    uint8_t header[OC_SP_MAX_HEADER_BYTES];
    uint8_t expected[OC_SP_MAX_HEADER_BYTES];
    const size_t n_header = oc_sp_header(reader->is_ipc, 0x80000001u, sizeof page, expected);
    for (size_t k = 0; k < N_PAGES; k++) {
        assert_true(reader_read(reader, header, n_header));
        assert_memory_equal(header, expected, n_header);
        assert_true(reader_read(reader, page, sizeof page));
        for (size_t i = 0; i < sizeof page; i++) {
            if (page[i] != page_byte(k, i)) {
                fail_msg("page %zu differs at byte %zu", k, i);
            }
        }
    }
}

static void who_reads_late_gets_everything_in_order(void **state)
{
    (void)state;
    for (int ipc = 0; ipc < 2; ipc++) {
        struct canary scene;
        struct reader reader = {.is_ipc = ipc};
        canary_begin(&scene, &no_options);
        scene.wire.server.on_frame = send_pages;
        reader_open(&reader, &scene);
        for (unsigned round = 0; round < 2; round++) {
            const unsigned n_before = endpoint_get(&scene.wire.server, &scene.wire.server.n_frames);
            reader_call(&reader);
            assert_true(
                endpoint_wait(&scene.wire.server, &scene.wire.server.n_frames, n_before + 1));
            expect_pages(&reader);
        }
        reader_close(&reader);
        canary_end(&scene);
    }
}

static void short_answers_leave_without_an_operation_that_calls_back(void **state)
{
    (void)state;
    struct canary scene;
    struct reader reader = {.is_ipc = false};
    canary_begin(&scene, &no_options);
    scene.wire.server.on_frame = send_pages;
    reader_open(&reader, &scene);
    const unsigned n_before = atomic_load(&n_with_callback);
    for (unsigned i = 0; i < 100; i++) {
        canary_sing(&scene);
    }
    assert_int_equal(atomic_load(&n_with_callback), n_before);
    reader_call(&reader);
    expect_pages(&reader);
    assert_int_equal(atomic_load(&n_with_callback), n_before + 1);
    reader_close(&reader);
    canary_end(&scene);
}

static void output_that_cannot_wait_for_want_of_memory_closes(void **state)
{
    (void)state;
    struct canary scene;
    struct reader reader = {.is_ipc = true};
    canary_begin(&scene, &no_options);
    scene.wire.server.on_frame = send_pages;
    reader_open(&reader, &scene);
    canary_sing(&scene);
    atomic_store(&is_refusing, true);
    reader_call(&reader);
    canary_assert_closed(&scene, 1, OC_RESOURCE_EXHAUSTED);
    atomic_store(&is_refusing, false);
    assert_true(raw_is_hung_up_on(reader.fd));
    reader_close(&reader);
    canary_end(&scene);
}

/* ---- batches ------------------------------------------------------------------------------- */

enum {
    BATCH = 200,
    TOGETHER = 16, /* answers that leave in one write */
    CALL_BYTES = 12 + 20,
};

/* Echoes; but the last call of the batch is not done before the first answers were seen. */
static void echo_and_wait_at_the_last(struct endpoint *endpoint, struct oc_connection *connection,
                                      uint32_t word, const uint8_t *body, size_t n_body)
{
    (void)oc_connection_send(connection, word, body, n_body);
    if (word == (0x80000000u | (BATCH - 1)) && n_body == 20) {
        atomic_bool *are_seen = endpoint->user;
        for (unsigned i = 0; i < 10000 && !atomic_load(are_seen); i++) {
            const struct timespec moment = {.tv_nsec = 1000000};
            (void)nanosleep(&moment, NULL);
        }
    }
}

static void the_first_answers_of_a_long_batch_do_not_wait_for_its_last(void **state)
{
    (void)state;
    struct canary scene;
    struct raw_tls peer;
    atomic_bool are_seen = false;
    canary_begin(&scene, &no_options);
    scene.wire.server.on_frame = echo_and_wait_at_the_last;
    scene.wire.server.user = &are_seen;
    canary_init_device(&peer, &scene);
    canary_greet(&peer, &scene);
    uint8_t calls[BATCH * CALL_BYTES] = {0};
    uint8_t answers[sizeof calls + 1];
    size_t n = 0;
    for (unsigned i = 0; i < BATCH; i++) {
        n += oc_sp_header(false, 0x80000000u | i, 20, calls + n) + 20;
    }
    assert_true(raw_tls_write(&peer, calls, n));
    assert_int_equal(SSL_read(peer.ssl, answers, sizeof answers), TOGETHER * CALL_BYTES);
    assert_true(endpoint_get(&scene.wire.server, &scene.wire.server.n_frames) < 1 + BATCH);
    atomic_store(&are_seen, true);
    for (size_t n_read = TOGETHER * CALL_BYTES; n_read < n;) {
        const size_t rest = n - n_read;
        const size_t wanted = rest < TOGETHER * CALL_BYTES ? rest : TOGETHER * CALL_BYTES;
        assert_int_equal(SSL_read(peer.ssl, answers + n_read, (int)(sizeof answers - n_read)),
                         wanted); /* a record at most */
        n_read += wanted;
    }
    assert_memory_equal(answers, calls, n);
    raw_tls_deinit(&peer);
    canary_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_reads_late_gets_everything_in_order),
        cmocka_unit_test(short_answers_leave_without_an_operation_that_calls_back),
        cmocka_unit_test(output_that_cannot_wait_for_want_of_memory_closes),
        cmocka_unit_test(the_first_answers_of_a_long_batch_do_not_wait_for_its_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
