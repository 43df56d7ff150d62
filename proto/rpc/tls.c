/*
 * See tls.h. Here: contexts, what they allow, and how a peer's certificate is judged.
 *
 * A certificate is a carrier of a key. The handshake's own signature proves that the peer has the
 * private half; names, dates, extensions and the certificate's signature say nothing we believe
 * (except where a CA file was asked for).
 */
#include "proto/rpc/tls.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "proto/crypto/digest.h"
#include "proto/crypto/provider.h"
#include "proto/crypto/provider_view.h"
#include "proto/rpc/limits.h"
#include "proto/rpc/tls_internal.h"

enum {
    MAX_SPKI_BYTES = 1024,
    /* The certificate message adds a few lengths to the certificate. */
    MAX_DEVICE_CERTIFICATE_LIST = OC_MAX_PEER_CERTIFICATE_BYTES + 64,
    MAX_GATEWAY_CERTIFICATE_LIST = 16 * 1024,
};

static enum oc_status fail_of_library(struct oc_error *err, enum oc_status status, const char *what)
{
    char reason[128];
    oc_provider_take_error(reason, sizeof reason);
    return oc_fail(err, status, "tls: %s: %s", what, reason);
}

/* ---- keys of certificates ---------------------------------------------------------------- */

bool oc_tls_spki_sha256(X509 *certificate, struct oc_digest *out)
{
    uint8_t spki[MAX_SPKI_BYTES];
    X509_PUBKEY *key = X509_get_X509_PUBKEY(certificate);
    const int n = key ? i2d_X509_PUBKEY(key, NULL) : 0;
    if (n <= 0 || (size_t)n > sizeof spki) {
        return false;
    }
    uint8_t *at = spki;
    (void)i2d_X509_PUBKEY(key, &at);
    const struct oc_bytes piece = {spki, (size_t)n};
    *out = oc_sha256(&piece, 1);
    return true;
}

bool oc_tls_device_key(X509 *certificate, uint8_t raw[32])
{
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    size_t n = 32;
    return key && EVP_PKEY_is_a(key, "ED25519") == 1 &&
           EVP_PKEY_get_raw_public_key(key, raw, &n) == 1 && n == 32 && oc_ed25519_is_sound(raw);
}

/* ---- judging ----------------------------------------------------------------------------- */

static int refuse(X509_STORE_CTX *store, int reason)
{
    X509_STORE_CTX_set_error(store, reason);
    return 0;
}

static int judge_device(X509_STORE_CTX *store, void *unused)
{
    (void)unused;
    X509 *certificate = X509_STORE_CTX_get0_cert(store);
    const STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
    if (sk_X509_num(sent) > 1) {
        return refuse(store, X509_V_ERR_CERT_CHAIN_TOO_LONG);
    }
    if (i2d_X509(certificate, NULL) > OC_MAX_PEER_CERTIFICATE_BYTES) {
        return refuse(store, X509_V_ERR_INVALID_NON_CA);
    }
    uint8_t raw[32];
    if (!oc_tls_device_key(certificate, raw)) {
        return refuse(store, X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY);
    }
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

/* Whoever has to explain the refusal wants to know which key was found. */
static void note_refused_key(X509_STORE_CTX *store, const struct oc_digest *spki)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct oc_digest *refused = ssl ? SSL_get_app_data(ssl) : NULL;
    if (refused) {
        *refused = *spki;
    }
}

/* Pins, or first use when there are none: the SPKI is all that counts. */
static int judge_gateway(X509_STORE_CTX *store, void *user)
{
    const struct oc_tls_context *context = user;
    struct oc_digest spki;
    if (!oc_tls_spki_sha256(X509_STORE_CTX_get0_cert(store), &spki)) {
        return refuse(store, X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY);
    }
    bool is_known = context->n_pins == 0;
    for (size_t i = 0; i < context->n_pins; i++) {
        is_known = is_known || memcmp(&context->pins[i], &spki, sizeof spki) == 0;
    }
    if (!is_known) {
        note_refused_key(store, &spki);
        return refuse(store, X509_V_ERR_CERT_REJECTED);
    }
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

/* ---- contexts ---------------------------------------------------------------------------- */

static bool set_policy(SSL_CTX *ssl)
{
    static const unsigned char session_scope[] = "oc";
    char groups[] = "X25519:P-256"; /* OpenSSL's macro casts its const away */
    SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_num_tickets(ssl, 0) == 1 && SSL_CTX_set_max_early_data(ssl, 0) == 1 &&
           SSL_CTX_set_recv_max_early_data(ssl, 0) == 1 &&
           SSL_CTX_set_session_id_context(ssl, session_scope, 2) == 1 &&
           SSL_CTX_set1_groups_list(ssl, groups) == 1 &&
           SSL_CTX_set_ciphersuites(ssl, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                         "TLS_CHACHA20_POLY1305_SHA256") == 1;
}

static enum oc_status context_new_in(OSSL_LIB_CTX *library, const SSL_METHOD *method,
                                     const struct oc_identity *identity,
                                     struct oc_tls_context **out, struct oc_error *err)
{
    oc_provider_start();
    OC_CLEANUP(oc_tls_context_freep) struct oc_tls_context *context = calloc(1, sizeof *context);
    if (!context) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "tls: out of memory");
    }
    context->self = context;
    atomic_init(&context->n_owners, 1);
    context->memory = oc_tls_memory_method();
    context->ssl = SSL_CTX_new_ex(library, NULL, method);
    if (!context->memory || !context->ssl || !set_policy(context->ssl)) {
        return fail_of_library(err, OC_INTERNAL, "cannot make a context");
    }
    if (SSL_CTX_use_certificate(context->ssl, oc_identity_x509(identity)) != 1 ||
        SSL_CTX_use_PrivateKey(context->ssl, oc_identity_evp_pkey(identity)) != 1) {
        return fail_of_library(err, OC_INTERNAL, "cannot use the identity");
    }
    *out = OC_STEAL(context);
    return OC_OK;
}

/* One whose peers have keys of the two kinds that this protocol knows. The identity's key lives in
 * the default context; OpenSSL copies it over at the first handshake and keeps the copy with it. */
enum oc_status oc_tls_context_new(const SSL_METHOD *method, const struct oc_identity *identity,
                                  struct oc_tls_context **out, struct oc_error *err)
{
    OSSL_LIB_CTX *view = oc_provider_view();
    enum oc_status st = OC_INTERNAL;
    if (view) {
        st = context_new_in(view, method, identity, out, err);
    }
    /* Where OpenSSL says no in the view, it has the last word without. */
    return st == OC_INTERNAL ? context_new_in(NULL, method, identity, out, err) : st;
}

enum oc_status oc_tls_context_for_devices(const struct oc_identity *gateway,
                                          struct oc_tls_context **out, struct oc_error *err)
{
    OC_CLEANUP(oc_tls_context_freep) struct oc_tls_context *context = NULL;
    enum oc_status st = oc_tls_context_new(TLS_server_method(), gateway, &context, err);
    if (st) {
        return st;
    }
    context->is_device_door = true;
    SSL_CTX_set_max_cert_list(context->ssl, MAX_DEVICE_CERTIFICATE_LIST);
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(context->ssl, judge_device, NULL);
    char algorithm[] = "ed25519";
    if (SSL_CTX_set1_client_sigalgs_list(context->ssl, algorithm) != 1) {
        return fail_of_library(err, OC_INTERNAL, "cannot ask for Ed25519");
    }
    *out = OC_STEAL(context);
    return OC_OK;
}

static bool is_ip_address(const char *text)
{
    uint8_t address[16];
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static enum oc_status trust_ca(struct oc_tls_context *context, const struct oc_tls_trust *trust,
                               struct oc_error *err)
{
    if (!trust->server_name || trust->server_name[0] == '\0') {
        return oc_fail(err, OC_INVALID_ARGUMENT, "tls: a CA file needs a server name to match");
    }
    if (SSL_CTX_load_verify_file(context->ssl, trust->ca_file) != 1) {
        char reason[128];
        oc_provider_take_error(reason, sizeof reason);
        return oc_fail(err, OC_INVALID_ARGUMENT, "tls: CA file %s: %s", trust->ca_file, reason);
    }
    X509_VERIFY_PARAM *rules = SSL_CTX_get0_param(context->ssl);
    bool is_set = true;
    if (is_ip_address(trust->server_name)) {
        is_set = X509_VERIFY_PARAM_set1_ip_asc(rules, trust->server_name) == 1;
    } else {
        const int n = snprintf(context->sni, sizeof context->sni, "%s", trust->server_name);
        is_set = n > 0 && (size_t)n < sizeof context->sni &&
                 X509_VERIFY_PARAM_set1_host(rules, trust->server_name, 0) == 1;
    }
    if (!is_set) {
        return fail_of_library(err, OC_INVALID_ARGUMENT, "unusable server name");
    }
    return OC_OK;
}

enum oc_status oc_tls_context_for_client(const struct oc_identity *identity,
                                         const struct oc_tls_trust *trust,
                                         struct oc_tls_context **out, struct oc_error *err)
{
    if (trust->n_pins > OC_TLS_MAX_PINS) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "tls: at most %d pins", OC_TLS_MAX_PINS);
    }
    OC_CLEANUP(oc_tls_context_freep) struct oc_tls_context *context = NULL;
    const bool is_by_ca = trust->n_pins == 0 && trust->ca_file;
    /* Certificates of an authority have keys of any kind. */
    enum oc_status st = is_by_ca
                            ? context_new_in(NULL, TLS_client_method(), identity, &context, err)
                            : oc_tls_context_new(TLS_client_method(), identity, &context, err);
    if (st) {
        return st;
    }
    context->is_admin = oc_identity_is_certified(identity);
    SSL_CTX_set_max_cert_list(context->ssl, MAX_GATEWAY_CERTIFICATE_LIST);
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
    if (is_by_ca) {
        st = trust_ca(context, trust, err);
        if (st) {
            return st;
        }
    } else {
        context->n_pins = trust->n_pins;
        memcpy(context->pins, trust->pins, sizeof context->pins);
        SSL_CTX_set_cert_verify_callback(context->ssl, judge_gateway, context);
    }
    *out = OC_STEAL(context);
    return OC_OK;
}

const struct oc_tls_context *oc_tls_context_hold(const struct oc_tls_context *context)
{
    if (context) {
        atomic_fetch_add(&context->self->n_owners, 1);
    }
    return context;
}

void oc_tls_context_release(const struct oc_tls_context *context)
{
    if (!context || atomic_fetch_sub(&context->self->n_owners, 1) > 1) {
        return;
    }
    struct oc_tls_context *last = context->self;
    SSL_CTX_free(last->ssl);
    BIO_meth_free(last->memory);
    free(last);
}

void oc_tls_context_free(struct oc_tls_context *context)
{
    oc_tls_context_release(context);
}
