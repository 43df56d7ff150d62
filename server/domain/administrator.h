/*
 * Remote administrators as values: who they are, what certificates they hold, and what may be
 * decided of them. Pure: no I/O, no clock, no library. What their certificates say was read before.
 *
 * Invariant: a certificate that was revoked is never in force again, and a revoked administrator
 * holds none that is.
 */
#pragma once

#include <stdbool.h>

#include "server/domain/audit_event.h"

enum {
    ADMINISTRATOR_NAME_BYTES = 64,
    ADMINISTRATOR_CERTIFICATES = 8,
    ADMINISTRATOR_SERIAL_BYTES = 20,
    ADMINISTRATOR_DER_BYTES = 640, /* of those that the gateway signs itself */
};
/* The end of a certificate that nobody has seen: the last day that one can name. */
#define ADMINISTRATOR_NO_END_MS INT64_C(253402300799000)

/* Not a device's role: those are words in a grant. Each may what the one before may. */
enum administrator_role {
    ADMINISTRATOR_NOBODY,
    ADMINISTRATOR_VIEWER,
    ADMINISTRATOR_APPROVER,
    ADMINISTRATOR_ADMIN,
    ADMINISTRATOR_ROLE_COUNT
};
/* "approver"; never NULL. */
const char *administrator_role_name(enum administrator_role role);

struct administrator_certificate {
    struct oc_digest sha256; /* of its DER */
    struct oc_digest spki_sha256;
    uint8_t serial[ADMINISTRATOR_SERIAL_BYTES];
    uint8_t n_serial;
    int64_t not_before_ms;
    int64_t not_after_ms;
    int64_t issued_ms;
    char issued_by[OC_MAX_ACTOR_BYTES + 1];
    int64_t revoked_ms; /* 0: it was not */
    char revoked_by[OC_MAX_ACTOR_BYTES + 1];
    struct oc_digest renewed_with; /* the certificate that asked for it; zeros: none did */
    uint16_t n_der;                /* 0: not kept, as it was brought */
    uint8_t der[ADMINISTRATOR_DER_BYTES];
};

struct administrator {
    char name[ADMINISTRATOR_NAME_BYTES + 1]; /* "": none */
    enum administrator_role role;
    bool is_revoked;
    bool is_quarantined; /* its row failed authentication: it may do nothing */
    uint64_t generation; /* of the last decision */
    int64_t created_ms;
    char created_by[OC_MAX_ACTOR_BYTES + 1];
    int64_t decided_ms;
    char decided_by[OC_MAX_ACTOR_BYTES + 1];
    size_t n_certificates;
    struct administrator_certificate certificates[ADMINISTRATOR_CERTIFICATES]; /* newest first */
};

enum administrator_state {
    ADMINISTRATOR_ACTIVE = 1, /* has a certificate in force */
    ADMINISTRATOR_REVOKED,
    ADMINISTRATOR_EXPIRED,
};
enum administrator_state administrator_state(const struct administrator *administrator,
                                             int64_t now_ms);
bool administrator_certificate_is_in_force(const struct administrator_certificate *certificate,
                                           int64_t now_ms);
/* NULL if it holds none such. */
const struct administrator_certificate *
administrator_find_certificate(const struct administrator *administrator,
                               const struct oc_digest *sha256);
/* One in force of this key; NULL if there is none. */
const struct administrator_certificate *
administrator_find_key(const struct administrator *administrator, const struct oc_digest *spki,
                       int64_t now_ms);
/* Whether it can take one more certificate. */
bool administrator_has_room(const struct administrator *administrator, int64_t now_ms);
/* Whether the store may keep it. */
bool administrator_is_consistent(const struct administrator *administrator);

enum administrator_event_kind {
    ADMINISTRATOR_EV_ISSUE,
    ADMINISTRATOR_EV_RENEW,
    ADMINISTRATOR_EV_REVOKE,
    ADMINISTRATOR_EV_REVOKE_CERTIFICATE,
    ADMINISTRATOR_EV_SET_ROLE,
    ADMINISTRATOR_EV_VOID, /* the CA that signed its certificates is no more */
    ADMINISTRATOR_EV_COUNT
};
const char *administrator_event_name(enum administrator_event_kind kind);

struct administrator_event {
    enum administrator_event_kind kind;
    struct audit_actor actor;
    char name[ADMINISTRATOR_NAME_BYTES + 1];
    enum administrator_role role; /* ISSUE, SET_ROLE */
    struct administrator_certificate
        certificate;         /* ISSUE, RENEW: the new one, without who and when */
    struct oc_digest sha256; /* REVOKE_CERTIFICATE */
    /* REVOKE, REVOKE_CERTIFICATE alone: of a CA that registers nobody here, so that what is not
     * known is written down as revoked; with `role`, and `certificate` as far as it is known. */
    bool is_external;
    char reason[OC_MAX_REASON_BYTES + 1];
};

enum administrator_outcome {
    ADMINISTRATOR_DONE,
    ADMINISTRATOR_NOT_KNOWN,
    ADMINISTRATOR_EXISTS,         /* ISSUE: active already */
    ADMINISTRATOR_IS_REVOKED,     /* RENEW, SET_ROLE; a certificate that was revoked */
    ADMINISTRATOR_TOO_MANY,       /* certificates */
    ADMINISTRATOR_IS_QUARANTINED, /* RENEW, SET_ROLE */
    ADMINISTRATOR_OUTCOME_COUNT
};
const char *administrator_outcome_name(enum administrator_outcome outcome);

struct administrator_decision {
    enum administrator_outcome outcome;
    bool changed;
    bool withdraws; /* somebody may less than before */
    struct administrator next;
    struct audit_event audit; /* always: refusals, too */
};

/* `was` has the event's name, or none. *out is large: keep it on the heap. */
void administrator_decide(const struct administrator *was, const struct administrator_event *event,
                          int64_t now_ms, struct administrator_decision *out);
