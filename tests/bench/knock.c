/*
 * knock: devices that connect to a gateway as cheaply as can be, so that what is measured is the
 * gateway. One thread, bare sockets; the policy, the trust and the key of a device of ours.
 *
 *     knock connect GATEWAY_URL DATA_DIR GATEWAY_PID AT_ONCE SECONDS
 *                                             TCP + TLS + greeting + Connect + session + close
 *
 * As each device has its own key, each proves it anew. The devices are announced and approved
 * through the local door of the gateway in DATA_DIR first. Greeting and Connect leave together
 * with the end of the handshake: that is one flight less than our connection code takes. A device
 * keeps the receipt of its first session and shows it from then on, as agents do. Prints
 * one JSON object, and ends at the first thing that goes wrong.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "proto/rpc/limits.h"
#include "proto/rpc/sp.h"
#include "proto/rpc/tls_internal.h"
#include "tests/bench/bare.h"
#include "tests/bench/fleet_device.h"
#include "tests/bench/measure.h"

enum {
    WORDS_BYTES = 1024,
    ANSWER_BYTES = 2048,
};

struct knocker {
    struct bare_end end; /* first: epoll tells of ends */
    struct fleet_device device;
    size_t n_words;
    uint8_t words[WORDS_BYTES]; /* all that it says, with the receipt of its first session */
    size_t n_answer;
    uint8_t answer[ANSWER_BYTES];
};

struct knocking {
    int epoll;
    uint16_t port;
    size_t n_knockers;
    struct knocker *knockers;
    uint64_t n_done;
};

static void write_words(struct knocker *knocker, const struct oc_receipt *held)
{
    uint8_t call[512];
    const size_t n_call = fleet_pack_connect(held, call, sizeof call);
    uint8_t *at = knocker->words;
    oc_sp_greeting(OC_SP_CALLER, at);
    at += OC_SP_GREETING_BYTES;
    at += oc_sp_header(false, 0x80000001U, n_call, at);
    memcpy(at, call, n_call);
    knocker->n_words = (size_t)(at - knocker->words) + n_call;
}

static void dial(const struct knocking *knocking, struct knocker *knocker)
{
    knocker->n_answer = 0;
    bare_dial(knocking->epoll, knocker->device.tls->ssl, knocking->port, &knocker->end);
}

/* Whether the whole answer is there; it must be a session. */
static bool has_session(struct knocker *knocker)
{
    const uint8_t *at = knocker->answer;
    size_t n = knocker->n_answer;
    if (n < OC_SP_GREETING_BYTES) {
        return false;
    }
    struct oc_sp_frame frame;
    const enum oc_sp_result result = oc_sp_next(false, at + OC_SP_GREETING_BYTES,
                                                n - OC_SP_GREETING_BYTES, ANSWER_BYTES, &frame);
    if (result == OC_SP_NEED_MORE) {
        return false;
    }
    struct fleet_answer answer = {.has_session = false};
    if (result == OC_SP_FRAME && oc_sp_greeting_matches(OC_SP_CALLER, at, OC_SP_GREETING_BYTES)) {
        answer = fleet_read_answer(frame.body, frame.n_body);
    }
    if (!answer.has_session) {
        bare_die("no session");
    }
    if (answer.receipt.n_signature > 0) {
        write_words(knocker, &answer.receipt);
    }
    return true;
}

static void go_on(struct knocking *knocking, struct knocker *knocker)
{
    struct bare_end *end = &knocker->end;
    if (!end->is_ready) {
        if (!bare_step(end)) {
            bare_die("handshake");
        }
        if (end->is_ready) {
            bare_write(end, knocker->words, knocker->n_words);
        }
        return;
    }
    const ssize_t got = bare_read(end, knocker->answer + knocker->n_answer,
                                  sizeof knocker->answer - knocker->n_answer);
    if (got < 0) {
        bare_die("closed without an answer");
    }
    knocker->n_answer += (size_t)got;
    if (has_session(knocker)) {
        bare_drop(end);
        knocking->n_done++;
        dial(knocking, knocker);
    }
}

static void run(struct knocking *knocking, double seconds, long pid)
{
    const struct bare_cost cost = bare_begin(pid);
    const uint64_t end_ns = cost.start_ns + (uint64_t)(seconds * 1e9);
    for (size_t i = 0; i < knocking->n_knockers; i++) {
        dial(knocking, &knocking->knockers[i]);
    }
    while (measure_now_ns() < end_ns) {
        struct epoll_event events[BARE_MAX_EVENTS];
        const int n = epoll_wait(knocking->epoll, events, BARE_MAX_EVENTS, 100);
        for (int i = 0; i < n; i++) {
            go_on(knocking, events[i].data.ptr);
        }
    }
    bare_print(&cost, "connects_per_s", knocking->n_done);
    printf("}\n");
}

static void make_knockers(struct knocking *knocking, const char *data_dir, size_t n)
{
    knocking->n_knockers = n;
    knocking->knockers = calloc(n, sizeof *knocking->knockers);
    if (!knocking->knockers) {
        bare_die("memory");
    }
    struct fleet_registrar *registrar = fleet_registrar_new(data_dir);
    for (size_t i = 0; i < n; i++) {
        fleet_device_init(&knocking->knockers[i].device);
        fleet_register(registrar, &knocking->knockers[i].device);
        write_words(&knocking->knockers[i], NULL);
    }
    fleet_registrar_finish(registrar);
}

int main(int argc, char **argv)
{
    const char *colon = argc == 7 ? strrchr(argv[2], ':') : NULL;
    if (!colon || strcmp(argv[1], "connect") != 0) {
        fprintf(stderr, "usage: knock connect ...; see the head of knock.c\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    struct knocking knocking = {.epoll = epoll_create1(EPOLL_CLOEXEC),
                                .port = (uint16_t)atoi(colon + 1)};
    make_knockers(&knocking, argv[3], strtoul(argv[5], NULL, 10));
    run(&knocking, atof(argv[6]), atol(argv[4]));
    fflush(stdout);
    _Exit(0); /* the connections end with the process */
}
