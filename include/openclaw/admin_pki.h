/*
 * Certificates of remote administrators: who signs them, issuing and renewing. What is said at the
 * beginning of administrators.h holds here, too; what is repeated with the same key is repeated
 * with the same draft.
 *
 * Thread: any.
 */
#pragma once

#include <openclaw/administrators.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* Filled in by the program; {0} has the gateway make a CA of its own. */
struct oc_admin_pki_order {
    const struct oc_der *ca; /* a CA whose key is kept elsewhere; NULL: the gateway makes one */
    bool replaces; /* a CA that is there; every certificate that it signed is void from then on */
    const char *reason;                       /* for the audit; NULL: none */
    uint8_t idempotency_key[OC_KEY_ID_BYTES]; /* as in struct oc_decision */
    uint64_t reserved[8];                     /* zero: see version.h */
};
/*
 * Gives the gateway an admin CA, which opens its admin door (listen.admin). Local door alone.
 *
 * Fails:  ALREADY_EXISTS (there is one, and not `replaces`).
 */
OC_MUST_CHECK enum oc_status oc_admin_pki_init(struct oc_client *client,
                                               const struct oc_admin_pki_order *order,
                                               struct oc_admin_pki *out, struct oc_error *err);

/* Filled in by the program. */
struct oc_administrator_order {
    const char *name; /* whose; when renewing, NULL: one's own, of the client's bundle */
    enum oc_administrator_role role; /* to issue */
    int64_t ttl_ms; /* 1 minute to 398 days; 0: 90 days, or as long as the one that is renewed */
    /* Exactly one of the three: a draft (oc_bundle_draft), made whole by the call; a CSR that was
     * made elsewhere; or a certificate that the CA signed elsewhere, to be registered. */
    struct oc_bundle *draft;
    const struct oc_der *csr;
    const struct oc_der *certificate;
    /* For the bundle, the address at which the admin door is reached. NULL: this client's own when
     * it came through that door, else as the gateway listens (see oc_bundle_set_gateway). */
    const char *gateway_url;
    const char *reason;                       /* for the audit, to issue; NULL: none */
    uint8_t idempotency_key[OC_KEY_ID_BYTES]; /* as in struct oc_decision */
    uint64_t reserved[8];                     /* zero: see version.h */
};

/* What was issued. */
struct oc_issued {
    struct oc_administrator administrator; /* as it is now */
    struct oc_der certificate;
    struct oc_der ca;
    char admin_url[OC_MAX_URL_BYTES + 1]; /* as the gateway listens; "": its admin door is shut */
    struct oc_digest pin;                 /* of the gateway's key */
    uint64_t reserved[8];
};
/*
 * Makes an administrator, or gives one that is there a further certificate [admin]. The same CSR
 * again gets the same certificate. The private key does not leave this machine.
 *
 * Fails:  FAILED_PRECONDITION (no CA yet; its key is kept elsewhere: bring a certificate; too many
 *         certificates); ALREADY_EXISTS (with another role).
 */
OC_MUST_CHECK enum oc_status
oc_admin_issue_administrator(struct oc_client *client, const struct oc_administrator_order *order,
                             struct oc_issued *out, struct oc_error *err);
/*
 * Gives a further certificate of a fresh key: one's own by the certificate of the connection, and
 * never longer than that one was made for [viewer]; to others [admin]. The old one stays valid
 * until its end. Then write the bundle with oc_bundle_replace: clients that use it go on with the
 * new one.
 *
 * Fails:  NOT_FOUND; FAILED_PRECONDITION (revoked; no CA; its key is kept elsewhere).
 */
OC_MUST_CHECK enum oc_status
oc_admin_renew_administrator(struct oc_client *client, const struct oc_administrator_order *order,
                             struct oc_issued *out, struct oc_error *err);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
