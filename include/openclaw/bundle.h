/*
 * A bundle: what an administrator needs to reach a gateway's admin door from another machine. One
 * file, mode 0600: the private key, its certificate, the admin CA that signed it, the gateway's
 * address and the pin of its key. `oc_client_options.bundle_file` (client.h) connects with it;
 * oc_admin_issue_administrator (admin_pki.h) and oc_offline_ca_issue (offline_ca.h) make one.
 *
 * It begins as a draft, which is a fresh key alone: the key is made where the bundle will lie, and
 * only its public half leaves, in a request for a certificate. A draft may be written to a file and
 * be completed on another day.
 *
 * Units:  times are Unix milliseconds, UTC, 0 absent.
 * Owns:   a bundle: oc_bundle_free, which wipes the key. Nothing here prints it.
 * Thread: any; of one bundle, one at a time. Files are read and written at once, by the caller.
 */
#pragma once

#include <openclaw/error.h>
#include <openclaw/types.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* A bundle in memory. */
struct oc_bundle;

enum {
    OC_MAX_ADMINISTRATOR_NAME_BYTES = 64, /* a letter, then a-z 0-9 . _ - */
    OC_MAX_URL_BYTES = 320,
    OC_MAX_DER_BYTES = 4096,
};

/* A certificate, or a request for one, in DER; n 0: none. */
struct oc_der {
    size_t n;
    uint8_t bytes[OC_MAX_DER_BYTES];
};

/* What an administrator may do; not a device's role, which is a word in a grant. */
enum oc_administrator_role {
    OC_ADMINISTRATOR_ROLE_UNKNOWN, /* none, or one that this version does not know */
    OC_ADMINISTRATOR_VIEWER,       /* list, show, watch, read the audit */
    OC_ADMINISTRATOR_APPROVER,     /* and decide, within its bound */
    OC_ADMINISTRATOR_ADMIN,        /* and all else that may be done from afar */
    OC_ADMINISTRATOR_ROLE_COUNT
};
/* "viewer", "approver", "admin"; "unknown". Never NULL. */
const char *oc_administrator_role_name(enum oc_administrator_role role);
/* Reads one of the three; false, *out as it was, for any other word. */
bool oc_administrator_role_parse(const char *text, enum oc_administrator_role *out);

/* What a bundle says; of a draft, the name alone. */
struct oc_bundle_facts {
    bool is_draft;
    char name[OC_MAX_ADMINISTRATOR_NAME_BYTES + 1];
    enum oc_administrator_role role; /* when it was issued; the gateway looks it up at every call */
    char gateway_url[OC_MAX_URL_BYTES + 1]; /* tls+tcp://HOST:PORT of the admin door; "": not set */
    struct oc_digest pin;                   /* of the gateway's key */
    struct oc_digest certificate_sha256;    /* as oc_admin_revoke_administrator names it */
    struct oc_digest ca_sha256;
    int64_t not_before_ms; /* of the certificate */
    int64_t not_after_ms;  /* its end; the CA's, if that is earlier */
    uint64_t reserved[8];
};

/*
 * Reads a bundle or a draft. An expired one is read, too: see not_after_ms.
 *
 * Owns:   *out.
 * Fails:  NOT_FOUND (no such file); FAILED_PRECONDITION (not a regular file of ours with mode 0600;
 *         or of a newer version); DATA_LOSS (anything in it is not as it must be: the text says
 *         what, and never shows the key); RESOURCE_EXHAUSTED; INTERNAL.
 */
OC_MUST_CHECK enum oc_status oc_bundle_read(const char *path, struct oc_bundle **out,
                                            struct oc_error *err);

/*
 * Writes a bundle into a file of its own, mode 0600, whole and durable or not at all.
 *
 * Fails:  ALREADY_EXISTS (whatever stands there stays); FAILED_PRECONDITION (it is complete but for
 *         a gateway address that others can use: oc_bundle_set_gateway); NOT_FOUND (no such
 *         directory); INTERNAL (any other refusal of the system).
 */
OC_MUST_CHECK enum oc_status oc_bundle_write(const struct oc_bundle *bundle, const char *path,
                                             struct oc_error *err);

/*
 * The same in the place of a bundle that stands there, which must be readable and of the same
 * name: after a renewal, or when a draft was completed. Who reads it meanwhile gets the one or the
 * other; a client that has it open goes on with the new one.
 *
 * Fails:  as oc_bundle_read for what stands there; ABORTED (it is another administrator's); as
 *         oc_bundle_write, but for ALREADY_EXISTS.
 */
OC_MUST_CHECK enum oc_status oc_bundle_replace(const struct oc_bundle *bundle, const char *path,
                                               struct oc_error *err);

/* Fills in what it says. */
void oc_bundle_get_facts(const struct oc_bundle *bundle, struct oc_bundle_facts *out);

/*
 * Wipes and frees; accepts NULL.
 *
 * Owns:   takes `bundle`.
 */
void oc_bundle_free(struct oc_bundle *bundle);

/* ---- making one -------------------------------------------------------------------------- */

/*
 * Makes a draft: a fresh ECDSA P-256 key for an administrator of this name.
 *
 * Owns:   *out.
 * Fails:  INVALID_ARGUMENT (name); RESOURCE_EXHAUSTED; INTERNAL.
 */
OC_MUST_CHECK enum oc_status oc_bundle_draft(const char *name, struct oc_bundle **out,
                                             struct oc_error *err);

/*
 * The request for a certificate (PKCS#10) of the bundle's key. It holds the public half only.
 *
 * Fails:  INTERNAL.
 */
OC_MUST_CHECK enum oc_status oc_bundle_make_csr(const struct oc_bundle *bundle, struct oc_der *out,
                                                struct oc_error *err);

/* Filled in by the program: what makes a draft whole. */
struct oc_bundle_parts {
    const struct oc_der *certificate; /* of the draft's key */
    const struct oc_der *ca;          /* that signed it */
    enum oc_administrator_role role;
    const char *gateway_url; /* NULL: to be set later */
    struct oc_digest pin;
    uint64_t reserved[8]; /* zero: see version.h */
};

/*
 * Makes a draft whole, for certificates that were signed elsewhere. (The calls that issue and renew
 * do it by themselves.)
 *
 * Fails:  INVALID_ARGUMENT (`field` certificate: not of this key or name, not signed by the CA, not
 *         for clients; ca; role; gateway_url; a field that this version does not know); then the
 *         bundle is as it was. FAILED_PRECONDITION (it is whole).
 */
OC_MUST_CHECK enum oc_status oc_bundle_complete(struct oc_bundle *bundle,
                                                const struct oc_bundle_parts *parts,
                                                struct oc_error *err);

/*
 * Sets the address at which the gateway's admin door is reached: tls+tcp://HOST:PORT. A gateway
 * that listens on all addresses (0.0.0.0, [::]) cannot tell one.
 *
 * Fails:  INVALID_ARGUMENT (not such an address, or one that means all).
 */
OC_MUST_CHECK enum oc_status oc_bundle_set_gateway(struct oc_bundle *bundle,
                                                   const char *gateway_url, struct oc_error *err);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
