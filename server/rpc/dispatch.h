/*
 * Dispatch: what stands between a frame and a handler. One table per door; a method that is not in
 * a door's table does not exist there. In order: resend, envelope, table, role, quota, calls in
 * flight, key and unknown fields, decoding. Then one handler runs, and it decides nothing.
 */
#pragma once

#include "proto/base/cleanup.h"
#include "server/rpc/call.h"
#include "server/rpc/refusal_text.h"

enum {
    DISPATCH_MAX_LISTENERS = 16,
    DISPATCH_MAX_ARENAS = 64,
    DISPATCH_DOOR_CAPS = 3,
    /* A heartbeat, a wait: decoded into an arena on the stack, which is enough for whatever can be
     * written in so few bytes. A test goes through all methods for that. */
    DISPATCH_SMALL_PAYLOAD_BYTES = 32,
    DISPATCH_SMALL_ARENA_BYTES = 4096,
};

struct dispatch_listener {
    const char *door; /* "devices" */
    char address[REFUSAL_ADDRESS_BYTES];
};

/* What is held of something that the doors cap; totals since the start. */
struct dispatch_cap {
    const char *name;
    uint64_t in_use, limit, limit_per_source;
    uint64_t refused, shed;
};
/* Fills at most DISPATCH_DOOR_CAPS and returns how many. Any thread. */
typedef size_t (*dispatch_caps_fn)(void *user, struct dispatch_cap out[DISPATCH_DOOR_CAPS]);

struct dispatch_options {
    struct service *service;        /* borrowed */
    struct oc_digest gateway_spki;  /* the pin to give to agents */
    uint64_t (*monotonic_ms)(void); /* NULL: the transport's */
};

struct dispatch;

/* Owns: dispatch_free, after every caller is gone. NULL when out of memory. */
struct dispatch *dispatch_new(const struct dispatch_options *options);
void dispatch_free(struct dispatch *dispatch);
OC_DEFINE_CLEANUP(dispatch_free, struct dispatch);

/* For GetStatus. Before the first caller. */
void dispatch_add_listener(struct dispatch *dispatch, const char *door, const char *address);

/* The admin door is configured, whether it is open yet or not. Before the first caller. */
void dispatch_expect_admin_door(struct dispatch *dispatch);

/* Who tells of the doors' caps. Before the first caller. */
void dispatch_set_caps(struct dispatch *dispatch, dispatch_caps_fn read, void *user);

/* Health answers DRAINING from now on. Any thread. */
void dispatch_set_draining(struct dispatch *dispatch);

/* Serves one message of the caller; a resend is dropped. Thread: the connection's. */
void dispatch_frame(struct dispatch *dispatch, struct caller *caller, uint32_t word,
                    const uint8_t *body, size_t n_body);

/* What the one authorisation function says of a role and a method at a door. */
enum dispatch_verdict {
    DISPATCH_ALLOWED,
    DISPATCH_NO_SUCH_METHOD, /* not in this door's table */
    DISPATCH_DENIED,         /* the role is not enough */
};
enum dispatch_verdict dispatch_authorise(enum rpc_door door, enum rpc_role role, uint32_t number);

/* ---- for the handlers ---------------------------------------------------------------------- */

struct service *dispatch_service(const struct dispatch *dispatch);
const struct oc_digest *dispatch_gateway_spki(const struct dispatch *dispatch);
const struct dispatch_listener *dispatch_listeners(const struct dispatch *dispatch, size_t *n);
/* Whether it is expected and does not listen. */
bool dispatch_is_admin_door_shut(const struct dispatch *dispatch);
size_t dispatch_read_caps(const struct dispatch *dispatch,
                          struct dispatch_cap out[DISPATCH_DOOR_CAPS]);
bool dispatch_is_draining(const struct dispatch *dispatch);

typedef void (*handler_fn)(struct call *call, const ProtobufCMessage *request);

struct method_row {
    uint32_t number;
    handler_fn run;
    enum rpc_role least; /* the least role that may call it at this door */
    uint8_t cost;        /* in tokens of callers that are not approved */
};
/* A door's table, for Describe and for tests. */
const struct method_row *dispatch_table(enum rpc_door door, size_t *n);
