/* See canary.h. */
#include "tests/support/canary.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

const uint8_t canary_caller_greeting[8] = {0x00, 0x53, 0x50, 0x00, 0x00, 0x30, 0x00, 0x00};

/* For the calling thread and those it makes from now on. */
static void block_sigpipe(bool is_blocked)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    (void)pthread_sigmask(is_blocked ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

void canary_sing(struct canary *scene)
{
    scene->n_sung++;
    assert_true(oc_connection_send(scene->canary_connection, 0x80000000u + scene->n_sung,
                                   (const uint8_t *)"tweet", 5));
    assert_true(endpoint_wait(&scene->canary, &scene->canary.n_frames, scene->n_sung));
}

void canary_begin(struct canary *scene, const struct wire_options *options)
{
    memset(scene, 0, sizeof *scene);
    wire_make(&scene->wire, options);
    endpoint_init(&scene->canary);
    scene->wire.server.echoes = true;
    wire_listen(&scene->wire, options);
    scene->canary_connection = wire_connect(&scene->wire, &scene->canary, false);
    canary_sing(scene);
    block_sigpipe(true); /* all threads but ours exist by now */
}

/* A signal that is pending would kill when it is unblocked. */
static void take_pending_sigpipe(void)
{
    const struct timespec now = {.tv_sec = 0};
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    while (sigtimedwait(&set, NULL, &now) == SIGPIPE) {
    }
}

void canary_end(struct canary *scene)
{
    canary_sing(scene);
    oc_connection_release(wire_connect(&scene->wire, &scene->canary, false));
    oc_connection_release(wire_connect(&scene->wire, &scene->canary, true));
    oc_connection_release(scene->canary_connection);
    wire_stop(&scene->wire);
    endpoint_deinit(&scene->canary);
    take_pending_sigpipe();
    block_sigpipe(false);
}

const char *canary_socket_path(const struct canary *scene)
{
    return scene->wire.ipc_url + strlen("ipc://");
}

void canary_assert_closed(struct canary *scene, unsigned n, enum oc_status why)
{
    struct endpoint *server = &scene->wire.server;
    assert_true(endpoint_wait(server, &server->n_closed, n));
    assert_int_equal(server->why, why);
}

void canary_init_device(struct raw_tls *peer, const struct canary *scene)
{
    raw_tls_init(peer, oc_identity_x509(scene->wire.device),
                 oc_identity_evp_pkey(scene->wire.device));
}

void canary_greet(struct raw_tls *peer, const struct canary *scene)
{
    uint8_t greeting[8];
    assert_true(raw_tls_connect(peer, scene->wire.port));
    assert_true(raw_tls_write(peer, canary_caller_greeting, sizeof canary_caller_greeting));
    assert_true(raw_tls_read(peer, greeting, sizeof greeting));
}
