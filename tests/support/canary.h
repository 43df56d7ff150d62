/*
 * A door under attack, and a client at it that must always be answered.
 *
 * SIGPIPE keeps its deadly default in every thread of the transport and of NNG; only the test's
 * own thread, whose raw sockets write carelessly, is spared.
 */
#pragma once

#include "tests/support/raw_peer.h"
#include "tests/support/wire_fixture.h"

struct canary {
    struct wire_fixture wire; /* its server echoes */
    struct endpoint canary;
    struct oc_connection *canary_connection;
    unsigned n_sung;
};

extern const uint8_t canary_caller_greeting[8];

void canary_begin(struct canary *scene, const struct wire_options *options);
/* Asserts that old and new clients are still served, then stops everything. */
void canary_end(struct canary *scene);
/* One call on the old connection, answered. */
void canary_sing(struct canary *scene);

const char *canary_socket_path(const struct canary *scene);
/* Waits for the n-th close at the server and compares its reason. */
void canary_assert_closed(struct canary *scene, unsigned n, enum oc_status why);

/* A raw device with the fixture's sound key; and it connected, both greetings exchanged. */
void canary_init_device(struct raw_tls *peer, const struct canary *scene);
void canary_greet(struct raw_tls *peer, const struct canary *scene);
