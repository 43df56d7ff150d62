/* See tls_session.h. */
#include "proto/rpc/tls_session.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proto/crypto/provider.h"
#include "proto/rpc/tls_internal.h"

struct oc_tls_session {
    SSL *ssl;
    const struct oc_tls_context *context;
    const uint8_t *input; /* lent by oc_tls_feed */
    size_t n_input;
    struct oc_buffer *output;   /* of the call that runs */
    struct oc_digest refused;   /* the SSL object's app data: see judge_gateway */
    struct oc_tls_admin *admin; /* at the admin door; there it is the app data */
};

/* ---- the BIO: OpenSSL's view of the connection -------------------------------------------- */

static int memory_read(BIO *bio, char *out, size_t n, size_t *n_read)
{
    struct oc_tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (session->n_input == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *n_read = n < session->n_input ? n : session->n_input;
    memcpy(out, session->input, *n_read);
    session->input += *n_read;
    session->n_input -= *n_read;
    return 1;
}

static int memory_write(BIO *bio, const char *bytes, size_t n, size_t *n_written)
{
    struct oc_tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (!session->output || !oc_buffer_append(session->output, bytes, n)) {
        return 0;
    }
    *n_written = n;
    return 1;
}

static long memory_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *oc_tls_memory_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "connection");
    if (method && BIO_meth_set_read_ex(method, memory_read) == 1 &&
        BIO_meth_set_write_ex(method, memory_write) == 1 &&
        BIO_meth_set_ctrl(method, memory_control) == 1) {
        return method;
    }
    BIO_meth_free(method);
    return NULL;
}

/* ---- life -------------------------------------------------------------------------------- */

static bool attach_bio(struct oc_tls_session *session)
{
    BIO *bio = BIO_new(session->context->memory);
    if (!bio) {
        return false;
    }
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(session->ssl, bio, bio);
    return true;
}

static bool set_role(struct oc_tls_session *session)
{
    if (session->context->is_device_door || session->context->judge) {
        SSL_set_accept_state(session->ssl);
        return true;
    }
    SSL_set_connect_state(session->ssl);
    return session->context->sni[0] == '\0' ||
           SSL_set_tlsext_host_name(session->ssl, session->context->sni) == 1;
}

enum oc_status oc_tls_session_new(const struct oc_tls_context *context, struct oc_tls_session **out,
                                  struct oc_error *err)
{
    struct oc_tls_session *session = calloc(1, sizeof *session);
    if (!session) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "tls: out of memory");
    }
    session->context = context;
    session->ssl = SSL_new(context->ssl);
    session->admin = context->judge ? calloc(1, sizeof *session->admin) : NULL;
    if (!session->ssl || (context->judge && !session->admin) || !attach_bio(session) ||
        !set_role(session)) {
        oc_tls_session_free(session);
        ERR_clear_error();
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "tls: cannot make a session");
    }
    (void)SSL_set_app_data(session->ssl,
                           session->admin ? (void *)session->admin : (void *)&session->refused);
    *out = session;
    return OC_OK;
}

void oc_tls_session_free(struct oc_tls_session *session)
{
    if (session) {
        SSL_free(session->ssl);
        free(session->admin);
        free(session);
    }
}

/* ---- use --------------------------------------------------------------------------------- */

void oc_tls_feed(struct oc_tls_session *session, const uint8_t *bytes, size_t n)
{
    session->input = bytes;
    session->n_input = n;
}

/* OpenSSL judges a call's result by what stands in the thread's queue, whoever put it there.
 * Looking is cheap, clearing walks all of it. */
static void forget_errors(void)
{
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
}

/* What an alert about our certificate says; NULL: it is about something else. TLS 1.3 brings it
 * after our own half of the handshake is done. */
static const char *refusal_of(unsigned long error)
{
    switch (ERR_GET_REASON(error)) {
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return "it is not valid now, by the gateway's clock";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return "it is not signed by the gateway's admin CA";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return "its log says why";
    default:
        return NULL;
    }
}

static enum oc_tls_result fail(struct oc_tls_session *session, struct oc_error *err)
{
    const long verdict = SSL_get_verify_result(session->ssl);
    const char *refusal = session->context->is_admin ? refusal_of(ERR_peek_error()) : NULL;
    char reason[128];
    oc_provider_take_error(reason, sizeof reason);
    if (session->admin && session->admin->verdict != OC_ADMIN_ACCEPTED) {
        (void)oc_fail(err, OC_UNAUTHENTICATED, "tls: %s",
                      oc_admin_verdict_text(session->admin->verdict));
    } else if (refusal) {
        (void)oc_fail(err, OC_UNAUTHENTICATED, "%s", refusal);
    } else if (verdict != X509_V_OK) {
        (void)oc_fail(err, OC_UNAUTHENTICATED, "tls: %s: %s", reason,
                      X509_verify_cert_error_string(verdict));
    } else {
        (void)oc_fail(err, OC_UNAVAILABLE, "tls: %s", reason);
    }
    return OC_TLS_FAILED;
}

static enum oc_tls_result result_of(struct oc_tls_session *session, int returned,
                                    struct oc_error *err)
{
    switch (SSL_get_error(session->ssl, returned)) {
    case SSL_ERROR_WANT_READ:
        return OC_TLS_WANT_INPUT;
    case SSL_ERROR_ZERO_RETURN:
        return OC_TLS_CLOSED;
    default:
        return fail(session, err);
    }
}

enum oc_tls_result oc_tls_handshake(struct oc_tls_session *session, struct oc_buffer *output,
                                    struct oc_error *err)
{
    forget_errors();
    session->output = output;
    const int returned = SSL_do_handshake(session->ssl);
    enum oc_tls_result result = returned == 1 ? OC_TLS_DONE : result_of(session, returned, err);
    session->output = NULL;
    return result;
}

bool oc_tls_read_peer(const struct oc_tls_session *session, struct oc_tls_peer *peer)
{
    X509 *certificate = SSL_get0_peer_certificate(session->ssl);
    if (!certificate || !oc_tls_spki_sha256(certificate, &peer->spki_sha256)) {
        return false;
    }
    peer->admin = session->admin ? &session->admin->certificate : NULL;
    if (!session->context->is_device_door) {
        return true;
    }
    uint8_t raw[32];
    if (!oc_tls_device_key(certificate, raw)) {
        return false;
    }
    peer->device_id = oc_device_id_of_key(raw);
    return true;
}

struct oc_digest oc_tls_refused_key(const struct oc_tls_session *session)
{
    return session->refused;
}

/* Whether reading on can give anything: asking in vain, OpenSSL allocates a buffer to read into. */
static bool has_more(const struct oc_tls_session *session)
{
    return session->n_input > 0 || SSL_has_pending(session->ssl) == 1;
}

enum oc_tls_result oc_tls_read(struct oc_tls_session *session, struct oc_buffer *output,
                               uint8_t *plain, size_t cap, size_t *n, struct oc_error *err)
{
    forget_errors();
    session->output = output; /* a key update answers by itself */
    enum oc_tls_result result = OC_TLS_DONE;
    *n = 0;
    while (result == OC_TLS_DONE && *n < cap) {
        if (!has_more(session)) {
            result = OC_TLS_WANT_INPUT;
            break;
        }
        size_t n_read = 0;
        const int returned = SSL_read_ex(session->ssl, plain + *n, cap - *n, &n_read);
        if (returned != 1) {
            result = result_of(session, returned, err);
        }
        *n += n_read;
    }
    session->output = NULL;
    return result;
}

bool oc_tls_write(struct oc_tls_session *session, struct oc_buffer *output, const uint8_t *plain,
                  size_t n)
{
    enum { RECORD_BYTES = 16 * 1024, RECORD_OVERHEAD = 32 };
    forget_errors();
    if (!oc_buffer_reserve(output, n + (n / RECORD_BYTES + 1) * RECORD_OVERHEAD)) {
        return false;
    }
    session->output = output;
    size_t n_written = 0;
    const bool is_written = SSL_write_ex(session->ssl, plain, n, &n_written) == 1 && n_written == n;
    session->output = NULL;
    forget_errors();
    return is_written;
}

void oc_tls_notify_close(struct oc_tls_session *session, struct oc_buffer *output)
{
    forget_errors();
    session->output = output;
    (void)SSL_shutdown(session->ssl);
    session->output = NULL;
    forget_errors();
}
