/*
 * The admin door: mutual TLS against the admin CA. The handshake lets in who holds a certificate
 * that the CA signed; what its holder may do is looked up at every call, so that a revocation or a
 * demotion holds for the very next one, and cuts the connection.
 *
 * Connections are capped in all, per source and per administrator, so that no single one keeps the
 * others out; and those whose certificate was revoked, or is not known, have a few places of their
 * own, in which they are told so.
 *
 * Shut while there is no CA; InitPki opens it at once.
 */
#pragma once

#include "server/rpc/dispatch.h"
#include "server/service/administrators.h"

struct admin_door;

enum {
    ADMIN_DOOR_MAX = 512, /* connections in all ... */
    ADMIN_DOOR_MAX_PER_SOURCE = 64,
    ADMIN_DOOR_MAX_PER_NAME = 32, /* of one administrator, by whatever certificates */
    ADMIN_DOOR_MAX_NOBODIES = 16, /* in all, of whose certificates may do nothing (any more) */
};

struct admin_door_options {
    struct oc_transport *transport; /* borrowed, as all that follows */
    struct dispatch *dispatch;
    struct service *service;
    const struct oc_identity *identity; /* the gateway's */
    const char *url;                    /* tls+tcp://HOST:PORT; copied */
    unsigned max_unfinished;            /* handshakes, in all and per source; 0: the default */
    unsigned max_unfinished_per_source;
    uint64_t source_seed; /* random */
};

/* Listens to the service's changes from now on; opens with admin_door_open, or when there is a CA.
 * Owns: admin_door_free, after the transport was freed. Fails: INTERNAL, RESOURCE_EXHAUSTED. */
OC_MUST_CHECK enum oc_status admin_door_new(const struct admin_door_options *options,
                                            struct admin_door **out, struct oc_error *err);
/* Opens if there is a CA and it is shut. Fails: as oc_listener_open. Any thread but a callback's.
 */
OC_MUST_CHECK enum oc_status admin_door_open(struct admin_door *door, struct oc_error *err);
bool admin_door_is_open(struct admin_door *door);
/* Accepts nobody any more, for good. Not from a callback. Accepts NULL. */
void admin_door_stop(struct admin_door *door);
void admin_door_free(struct admin_door *door);
