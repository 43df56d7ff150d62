/*
 * A caller: one connection as dispatch and handlers see it. Who it is was proved before it was
 * made (TLS key, peer credentials) and never changes; whether its device is approved may.
 *
 * Kept alive by its connection and by every call that is answered later.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "proto/crypto/admin_certificate.h"
#include "proto/rpc/connection.h"
#include "server/domain/administrator.h"
#include "server/domain/audit_event.h"
#include "server/domain/quota.h"
#include "server/rpc/refusal_text.h"
#include "server/rpc/source_caps.h"
#include "server/service/pairing_service.h"

enum rpc_door {
    RPC_DOOR_DEVICES, /* TLS, any sound device key */
    RPC_DOOR_LOCAL,   /* Unix socket, peer credentials */
    RPC_DOOR_ADMIN,   /* mutual TLS against the admin CA */
    RPC_DOOR_COUNT
};

/* What a caller is; each door knows its own kinds. A device's role is NOBODY or DEVICE; what a
 * remote administrator may do is looked up at every call. */
enum rpc_role {
    RPC_ROLE_NOBODY, /* got through to the door, may call nothing */
    RPC_ROLE_DEVICE,
    RPC_ROLE_VIEWER,
    RPC_ROLE_APPROVER,
    RPC_ROLE_ADMIN,
    RPC_ROLE_COUNT
};

/* "devices", "admin": words for Describe and the log. Never NULL. */
const char *rpc_door_name(enum rpc_door door);
const char *rpc_role_name(enum rpc_role role);
enum rpc_role rpc_role_of_administrator(enum administrator_role role);

struct caller;
/* Who it is, for the audit: of a remote administrator the source also tells the certificate, by the
 * first 12 digits of its fingerprint, as a name may have two. */
void caller_audit_actor(const struct caller *caller, struct audit_actor *out);

/* Who stands at the admin door, as the certificate said. */
struct caller_certificate {
    char name[ADMINISTRATOR_NAME_BYTES + 1];
    struct oc_digest sha256;
    struct oc_admin_certificate said;
    bool is_counted; /* as online; connection's thread only, as is the next */
    bool is_out;     /* may do nothing any more: closed once that is answered */
};

struct caller {
    enum rpc_door door;
    enum rpc_role role;
    bool is_root;                           /* local door: uid 0 */
    struct caller_certificate *certificate; /* admin door; from opened on */
    struct audit_actor actor;
    struct oc_device_id device_id;         /* device door */
    struct peer *peer;                     /* device door; from opened to closed */
    const struct refusal_gateway *gateway; /* device door: what refusals say of us */
    struct oc_connection *connection;      /* from opened to closed */
    atomic_bool is_approved;
    atomic_bool is_ending; /* cut, but for the answer of its last call: see call_make_last */
    struct quota quota;    /* while not approved; connection's thread only */
    unsigned n_strikes;    /* calls refused while not approved; connection's thread only */

    /* Of doors.c. */
    void *listener;
    bool has_spoken;    /* connection's thread only */
    bool is_over_cap;   /* connection's thread only */
    uint64_t opened_ms; /* monotonic; connection's thread only */
    bool is_leaving;    /* guarded by the lock of door_slots.c, as is the slot */
    struct oc_source_slot slot;
    struct caller *next_local;  /* administrators; guarded by the lock of doors.c or admin_door.c */
    struct caller **local_link; /* NULL: on no list */

    atomic_uint n_references;
    pthread_mutex_t lock; /* guards the three below; nothing is called while it is held */
    uint32_t *words;      /* of the calls that are answered later */
    unsigned n_words;
    unsigned cap_words;
};

/* With one reference, the connection's. NULL when out of memory. */
struct caller *caller_new(enum rpc_door door, enum rpc_role role);
void caller_hold(struct caller *caller);
/* Frees with the last reference. Accepts NULL. */
void caller_release(struct caller *caller);

/* Whether no call with this word is still to be answered; and how many with others are. Any
 * thread. */
bool caller_is_new(struct caller *caller, uint32_t word, unsigned *n_in_flight);
/* False when out of memory. Any thread. */
bool caller_begin(struct caller *caller, uint32_t word);
void caller_end(struct caller *caller, uint32_t word);

/*
 * Takes `cost` tokens. Returns 0, or the milliseconds until they are there.
 * Thread: the connection's.
 */
uint32_t caller_take_tokens(struct caller *caller, unsigned cost, uint64_t now_ms);
