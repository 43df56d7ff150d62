/*
 * A call that is being served: from its frame until it is answered, at once or later.
 *
 * Every call ends in exactly one of call_reply, call_reply_bytes, call_fail and call_drop. A call
 * that is answered later is taken off the stack by call_defer; the copy lives until it ends, and
 * keeps its caller and the memory of its connection alive. Answers after the connection closed go
 * nowhere.
 */
#pragma once

#include "proto/rpc/envelope.h"
#include "proto/rpc/method.h"
#include "server/rpc/caller.h"

struct dispatch;

struct call {
    struct dispatch *dispatch;
    struct caller *caller;
    struct oc_connection *connection;
    const struct oc_method *method;
    uint32_t word;
    uint32_t budget_ms;
    const struct oc_call *envelope; /* NULL once deferred */
    bool is_deferred;
    bool is_over; /* answered, or handed over to its deferred copy */
    bool is_last; /* of its connection */
};

/* Sends what the method answers. `message` is read before this returns. Any thread. */
void call_reply(struct call *call, const ProtobufCMessage *message);
/* The same, of a message that is packed already. */
void call_reply_bytes(struct call *call, const uint8_t *payload, size_t n);
/* Sends a status other than OK, with the facts of *err. */
void call_fail(struct call *call, const struct oc_error *err);
/* The same for a service's result, whose status counts and whose facts may be empty. */
void call_fail_with(struct call *call, enum oc_status status, const struct oc_error *facts);
/* Ends without an answer: the peer is gone. Deferred calls only. */
void call_drop(struct call *call);

/*
 * Cuts the connection that the call came by, but for its answer: from now on nothing that comes is
 * served and nothing else is sent, and once the call has ended the connection is closed. Deferred
 * calls only. Thread: whoever is about to answer it.
 */
void call_make_last(struct call *call);

/*
 * From now on the copy returned is the call; the one given is over.
 * NULL when out of memory: the call was failed.
 */
struct call *call_defer(struct call *call);
