/*
 * Remote administrators: the table that is asked at every one of their calls, and what changes it.
 *
 * Invariant: memory is never more permissive than the disk. Who may more does so after the COMMIT;
 * who may less (revoked, demoted, a CA that is no more) is denied and cut before it, stays so if it
 * fails, and the write is tried again. While the gateway is locked nobody is let in from afar: what
 * this database says of administrators is what is in doubt.
 *
 * Validity is judged by the gateway's own time, which no jump of the wall clock moves.
 */
#pragma once

#include "proto/crypto/admin_ca.h"
#include "server/domain/administrator_map.h"
#include "server/service/admin_service.h"

enum {
    /* Rows, which are for good; a revocation of a CA that is not ours may make one. So no single
     * administrator can take the room that another's revocation needs: */
    ADMINISTRATORS_MAX_UNSEEN = 256, /* made from afar, of who did not come in here */
    ADMINISTRATORS_MAX_REMOTE = 512, /* made from afar */
    ADMINISTRATORS_MAX = 1024,       /* made at the local door */
    ADMINISTRATORS_ROWS = 4096,      /* read: a restore puts those of two databases together */
    ADMINISTRATORS_CA_BYTES = 4 * 1024,
};

/* ---- who may come in, and do what: any thread, never blocks on disk -------------------------- */

/* For the handshake. `user` is the service. Without a CA: OTHER_CA. */
enum oc_admin_verdict administrators_judge(void *user, const struct oc_bytes *sent, size_t n_sent,
                                           struct oc_admin_certificate *out);

enum administrators_standing {
    ADMINISTRATORS_ALLOWED,
    ADMINISTRATORS_UNKNOWN, /* no such certificate was issued or registered here */
    ADMINISTRATORS_REVOKED,
    ADMINISTRATORS_EXPIRED,
    ADMINISTRATORS_UNMAPPED, /* of an external CA: the map does not name it any more */
    ADMINISTRATORS_LOCKED,   /* the gateway is: only the local door serves */
};
/* "revoked"; never NULL. */
const char *administrators_standing_name(enum administrators_standing standing);

/* What the holder of this certificate may do now. *role is NOBODY unless ALLOWED. */
enum administrators_standing administrators_look_up(struct service *service,
                                                    const struct oc_digest *certificate,
                                                    enum administrator_role *role);
/* A connection of this administrator more (1) or less (-1); a call was let in. */
void administrators_note_online(struct service *service, const char *name, int change);
/* The same of a certificate, before it is first looked up, whoever its holder is. */
void administrators_note_certificate(struct service *service,
                                     const struct oc_admin_certificate *certificate, int change);
void administrators_note_seen(struct service *service, const char *name);

/* Called on the writer's thread, with no lock held, whenever somebody may less than before or the
 * CA changed: looks everybody up again, cuts those who may not stay, and returns how many. `origin`
 * is the call that changes it, not answered yet, or NULL: its connection, if it may not stay, does
 * nothing from now on but take that answer. Once, before any change. */
typedef unsigned (*administrators_changed_fn)(void *user, void *origin);
void administrators_set_watcher(struct service *service, administrators_changed_fn changed,
                                void *user);

/* ---- reading --------------------------------------------------------------------------------- */

/*
 * Administrators of another CA (externals.h) in place of our own, or our own again. Takes the CA,
 * NULL: nobody comes in; with keeps_ca the CA stays as it is and `ca` is NULL. Cuts who may not
 * stay and returns how many. Writer's thread, or before the admin door opens.
 */
struct administrators_external {
    bool is_on;
    bool keeps_ca;
    struct oc_admin_ca *ca;
    const struct administrator_map *map;
};
unsigned administrators_change_external(struct service *service,
                                        const struct administrators_external *wanted);

struct administrators_ca {
    bool is_there;
    uint8_t der[ADMINISTRATORS_CA_BYTES];
    size_t n;
    struct oc_digest sha256;
    int64_t not_before_ms;
    int64_t not_after_ms;
    bool can_sign;
};
void administrators_get_ca(struct service *service, struct administrators_ca *out);

struct administrator_view {
    struct administrator administrator;
    enum administrator_state state;
    int64_t last_seen_ms; /* of this run; 0: not seen */
    bool is_online;
};
/* By name, after `cursor`, at most `limit`; visits under no lock, `view` is borrowed. *cursor gets
 * the last name, "" at the end. False when out of memory. */
typedef void (*administrator_visit_fn)(void *user, const struct administrator_view *view);
OC_MUST_CHECK bool administrators_list(struct service *service,
                                       char cursor[ADMINISTRATOR_NAME_BYTES + 1], size_t limit,
                                       administrator_visit_fn visit, void *user);

/* ---- changing: through the writer ------------------------------------------------------------ */

enum administrator_command_kind {
    ADMINISTRATOR_INIT_PKI,
    ADMINISTRATOR_ISSUE,
    ADMINISTRATOR_RENEW,
    ADMINISTRATOR_REVOKE,
    ADMINISTRATOR_SET_ROLE,
};

struct administrator_command {
    enum administrator_command_kind kind;
    char name[ADMINISTRATOR_NAME_BYTES + 1]; /* RENEW: "" oneself; REVOKE: "" by sha256 */
    enum administrator_role role;            /* ISSUE, SET_ROLE */
    int64_t ttl_ms;                          /* 0: the usual */
    struct oc_digest sha256;                 /* REVOKE */
    bool replaces;                           /* INIT_PKI */
    uint16_t n_csr, n_certificate;           /* which of the two is given; INIT_PKI: or neither */
    uint8_t csr[OC_ADMIN_CSR_BYTES];
    uint8_t certificate[ADMINISTRATORS_CA_BYTES];
    char reason[OC_MAX_REASON_BYTES + 1];
};

/* The CA's file holds another one than memory: that one is in force from now on, and what the old
 * one signed is void. Takes it. Writer's thread (a reload runs there). True: it was another one. */
bool administrators_take_ca(struct service *service, const struct audit_actor *actor,
                            struct oc_admin_ca *ca);

struct administrator_result {
    enum oc_status status;
    struct oc_error error;
    struct administrator_view view; /* all but INIT_PKI */
    struct oc_admin_der der;        /* ISSUE, RENEW */
    uint64_t seq;                   /* 0: nothing changed */
    unsigned n_closed;              /* connections that were cut; the caller's own, with it */
    unsigned n_revoked;             /* INIT_PKI */
};

/* `done` comes exactly once, on the notifier's thread (or the caller's when the queue is full).
 * Statuses: as admin_decide, and FAILED_PRECONDITION (causes no_ca, is_revoked, too_many,
 * is_quarantined), ALREADY_EXISTS, PERMISSION_DENIED (may no more what dispatch allowed). */
struct administrator_call {
    void (*done)(void *user, const struct administrator_result *result);
    void *user;
};
void administrators_change(struct service *service, const struct admin_caller *caller,
                           const struct administrator_command *command,
                           const struct administrator_call *call);
