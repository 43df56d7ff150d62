/*
 * Remote administrators: who they are, what they may, and taking it from them. Certificates are
 * made by the calls of admin_pki.h. All calls are made by an administrator: at the local door, or
 * from afar with the role that is named in brackets. What changes something is audited.
 *
 * Units:  times are Unix milliseconds, UTC, 0 absent; durations are milliseconds.
 * Owns:   results are plain values in memory the caller gives, of no use after a failure, and
 *         large: keep them on the heap.
 * Fails:  all of them: as the calls of admin.h, UNAUTHENTICATED (the gateway refuses this client's
 *         own certificate) and INVALID_ARGUMENT (`field`); further ones are named at each. A change
 *         is sent once more, with the same key, when the connection is lost on the way;
 *         is_outcome_unknown says when even that did not help: repeat it with the same key.
 * Thread: any.
 */
#pragma once

#include <openclaw/admin.h>
#include <openclaw/bundle.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

enum {
    OC_MAX_CERTIFICATES = 8, /* of one administrator */
    OC_MAX_SERIAL_BYTES = 20,
    OC_MAX_ADMINISTRATORS_PAGE = 100,
};

/* The one authority that may sign administrators' certificates. */
struct oc_admin_pki {
    bool is_there; /* false: there is none yet, and the admin door is shut */
    bool can_sign; /* false: its key is kept elsewhere; certificates are brought ready-made */
    struct oc_digest sha256;
    int64_t not_before_ms;
    int64_t not_after_ms;
    char admin_url[OC_MAX_URL_BYTES + 1]; /* as the admin door listens; "": shut, or none */
    uint32_t n_revoked; /* of init: administrators whose certificates the old CA had signed */
    uint32_t reserved_n;
    struct oc_der certificate;
    uint64_t reserved[8];
};

/* Whether one may come in. */
enum oc_administrator_state {
    OC_ADMINISTRATOR_STATE_UNKNOWN,
    OC_ADMINISTRATOR_ACTIVE,  /* has a certificate that is in force */
    OC_ADMINISTRATOR_REVOKED, /* by name; issuing anew lets it in again */
    OC_ADMINISTRATOR_EXPIRED, /* has no certificate in force, and was not revoked */
    OC_ADMINISTRATOR_STATE_COUNT
};
/* "active", "revoked", "expired"; "unknown". Never NULL. */
const char *oc_administrator_state_name(enum oc_administrator_state state);

struct oc_administrator_certificate {
    struct oc_digest sha256;             /* names it */
    uint8_t serial[OC_MAX_SERIAL_BYTES]; /* big-endian */
    uint8_t n_serial;
    int64_t not_before_ms;
    int64_t not_after_ms;
    int64_t issued_at_ms;
    char issued_by[OC_MAX_ACTOR_BYTES + 1]; /* "uid:0", "admin:alice" */
    int64_t revoked_at_ms;                  /* 0: it was not */
    char revoked_by[OC_MAX_ACTOR_BYTES + 1];
    struct oc_digest renewed_with; /* the certificate that asked for this one; zeros: none did */
    uint64_t reserved[4];
};

struct oc_administrator {
    /* "admin:NAME" in the audit. Of another CA's (admin.ca): the URI of its certificate. */
    char name[OC_MAX_ADMINISTRATOR_NAME_BYTES + 1];
    enum oc_administrator_role role;
    enum oc_administrator_state state;
    uint32_t n_certificates;
    struct oc_administrator_certificate certificates[OC_MAX_CERTIFICATES]; /* newest first */
    int64_t created_at_ms;
    char created_by[OC_MAX_ACTOR_BYTES + 1];
    int64_t decided_at_ms; /* the last change */
    char decided_by[OC_MAX_ACTOR_BYTES + 1];
    int64_t last_seen_at_ms; /* since the gateway started; 0: not seen */
    bool is_online;
    bool is_quarantined; /* its record failed authentication; it may do nothing */
    uint64_t reserved[8];
};

/* Filled in by the program. */
struct oc_administrator_change {
    const char *name;
    const struct oc_digest *certificate;      /* to revoke this one alone; then no name */
    enum oc_administrator_role role;          /* to be set */
    const char *reason;                       /* for the audit; NULL: none */
    uint8_t idempotency_key[OC_KEY_ID_BYTES]; /* as in struct oc_decision */
    uint64_t reserved[8];                     /* zero: see version.h */
};
struct oc_administrator_changed {
    struct oc_administrator administrator; /* as it is now */
    uint64_t seq;                          /* of the change; 0: nothing changed */
    uint32_t n_closed; /* connections that were cut before the answer; one's own: with it */
    uint32_t reserved_n;
    uint64_t reserved[4];
};
/*
 * Revokes all that an administrator holds, or one certificate and what was renewed with it [admin].
 * In force for the very next call on every connection, which is cut. Also of the last one: the
 * local door is the way back.
 *
 * Fails:  NOT_FOUND; UNAVAILABLE with is_not_durable (in force but not on disk yet).
 */
OC_MUST_CHECK enum oc_status
oc_admin_revoke_administrator(struct oc_client *client,
                              const struct oc_administrator_change *change,
                              struct oc_administrator_changed *out, struct oc_error *err);
/*
 * Gives an administrator another role [admin], in force for the very next call.
 *
 * Fails:  NOT_FOUND; FAILED_PRECONDITION (revoked).
 */
OC_MUST_CHECK enum oc_status
oc_admin_set_administrator_role(struct oc_client *client,
                                const struct oc_administrator_change *change,
                                struct oc_administrator_changed *out, struct oc_error *err);

/* One page of administrators. The program sets items and cap; the call fills in the rest. */
struct oc_administrator_page {
    struct oc_administrator *items; /* the caller's array ... */
    size_t cap;                     /* ... and its room: 1 to OC_MAX_ADMINISTRATORS_PAGE */
    size_t n;
    char next_cursor[OC_CURSOR_BYTES]; /* "" when this was the last page */
    uint64_t revision;
    struct oc_admin_pki pki;
    uint64_t reserved[4];
};
/*
 * Reads a page of administrators, by name, and who signs for them [viewer]. After a failure what
 * stands in items is of no use.
 *
 * Units:  cursor: "" or NULL for the first page, else next_cursor of the page before.
 * Fails:  INVALID_ARGUMENT (cap, cursor).
 */
OC_MUST_CHECK enum oc_status oc_admin_list_administrators(struct oc_client *client,
                                                          const char *cursor,
                                                          struct oc_administrator_page *page,
                                                          struct oc_error *err);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
