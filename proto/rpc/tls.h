/*
 * TLS contexts and sessions over memory: the sole owner of SSL objects and of OpenSSL's error
 * queue. TLS 1.3 only, no tickets, no resumption, no early data, no renegotiation.
 *
 * A context is immutable once made and may be shared by all threads. A session belongs to one
 * connection, whose lock serialises it.
 */
#pragma once

#include "proto/base/cleanup.h"
#include "proto/crypto/admin_certificate.h"
#include "proto/crypto/identity.h"

struct oc_tls_context;

/* The device door: asks for exactly one self-signed certificate with a sound Ed25519 key of at
 * most 2 KiB, and looks at the key only (the handshake's own signature proves possession). */
OC_MUST_CHECK enum oc_status oc_tls_context_for_devices(const struct oc_identity *gateway,
                                                        struct oc_tls_context **out,
                                                        struct oc_error *err);

/* Judges what a peer sent, its own certificate first, in DER. Must not block. */
typedef enum oc_admin_verdict (*oc_tls_judge_fn)(void *user, const struct oc_bytes *sent,
                                                 size_t n_sent, struct oc_admin_certificate *out);

/* The admin door: asks for a certificate, and lets in whom `judge` accepts. Nothing else decides:
 * no system store, no file. `user` must outlive the context. */
OC_MUST_CHECK enum oc_status oc_tls_context_for_admins(const struct oc_identity *gateway,
                                                       oc_tls_judge_fn judge, void *user,
                                                       struct oc_tls_context **out,
                                                       struct oc_error *err);

enum {
    OC_TLS_MAX_PINS = 8,
};

/* How a device trusts a gateway: any listed pin; else a CA file and a name; else (neither given)
 * first use, which the caller records from the peer's SPKI after the handshake. */
struct oc_tls_trust {
    size_t n_pins;
    struct oc_digest pins[OC_TLS_MAX_PINS]; /* SHA-256 of SPKI */
    const char *ca_file;                    /* PEM; NULL: none */
    const char *server_name;                /* with ca_file: the DNS name or IP to match */
};

/* `identity` is presented, with the certificate that it has; the context keeps what it needs. */
OC_MUST_CHECK enum oc_status oc_tls_context_for_client(const struct oc_identity *identity,
                                                       const struct oc_tls_trust *trust,
                                                       struct oc_tls_context **out,
                                                       struct oc_error *err);

/*
 * A context has two kinds of owner: who made it, and each connection, which ends on a thread of
 * its own when the maker may long have let go. Each gives back its own hold; all accept NULL.
 */
const struct oc_tls_context *oc_tls_context_hold(const struct oc_tls_context *context);
void oc_tls_context_release(const struct oc_tls_context *context);
void oc_tls_context_free(struct oc_tls_context *context);
OC_DEFINE_CLEANUP(oc_tls_context_free, struct oc_tls_context);

/* What the peer proved, filled when the handshake is finished. */
struct oc_tls_peer {
    struct oc_device_id device_id; /* device door only */
    struct oc_digest spki_sha256;
    const struct oc_admin_certificate *admin; /* admin door; the session's */
};
