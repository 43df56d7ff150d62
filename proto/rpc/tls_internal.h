/* What tls.c and tls_session.c share. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include <openssl/ssl.h>

#include "proto/rpc/tls.h"

enum { OC_TLS_MAX_SNI_BYTES = 255 }; /* what a name in the DNS may have */

struct oc_tls_context {
    struct oc_tls_context *self; /* for the last owner, who may have it const */
    atomic_uint n_owners;
    SSL_CTX *ssl;
    BIO_METHOD *memory; /* see tls_session.c */
    bool is_device_door;
    oc_tls_judge_fn judge; /* admin door; NULL elsewhere */
    void *judge_user;
    bool is_admin; /* client: it presents a certificate that a CA made */
    size_t n_pins; /* client: 0 on first use and with a CA */
    struct oc_digest pins[OC_TLS_MAX_PINS];
    char sni[OC_TLS_MAX_SNI_BYTES + 1]; /* client: "" unless a DNS name is verified */
};

/* What a session at the admin door knows of its peer; its SSL object's app data. */
struct oc_tls_admin {
    enum oc_admin_verdict verdict; /* ACCEPTED also before anything was judged */
    struct oc_admin_certificate certificate;
};

/* Makes a context that presents `identity`. */
OC_MUST_CHECK enum oc_status oc_tls_context_new(const SSL_METHOD *method,
                                                const struct oc_identity *identity,
                                                struct oc_tls_context **out, struct oc_error *err);

/* The BIO through which a session sees its connection's bytes. NULL when out of memory. */
BIO_METHOD *oc_tls_memory_method(void);

/* SHA-256 of the certificate's SubjectPublicKeyInfo; false if it has none. */
bool oc_tls_spki_sha256(X509 *certificate, struct oc_digest *out);
/* The raw bytes of a sound Ed25519 key; false if the certificate has another key. */
bool oc_tls_device_key(X509 *certificate, uint8_t raw[32]);
