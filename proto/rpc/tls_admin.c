/* The admin door's half of tls.h: who comes in is judged by whoever made the context. */
#include <openssl/ssl.h>

#include "proto/base/cleanup.h"
#include "proto/rpc/limits.h"
#include "proto/rpc/tls_internal.h"

enum {
    /* One more than may be sent, so that it is seen that there is one. */
    MOST_SENT = OC_ADMIN_MAX_CHAIN + 1,
    MAX_ADMIN_CERTIFICATE_LIST = 16 * 1024,
};

struct sent {
    struct oc_bytes pieces[MOST_SENT];
    unsigned char *bytes[MOST_SENT];
    size_t n;
};

static bool take(struct sent *sent, X509 *certificate)
{
    const int n = i2d_X509(certificate, &sent->bytes[sent->n]);
    if (n <= 0) {
        return false;
    }
    sent->pieces[sent->n] = (struct oc_bytes){sent->bytes[sent->n], (size_t)n};
    sent->n++;
    return true;
}

/* What the peer sent, its own first. */
static bool take_all(struct sent *sent, X509_STORE_CTX *store)
{
    const STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(store);
    const int n = sk_X509_num(chain);
    bool is_taken = n > 0;
    for (int i = 0; is_taken && i < n && i < MOST_SENT; i++) {
        is_taken = take(sent, sk_X509_value(chain, i));
    }
    return is_taken;
}

static void give_back(struct sent *sent)
{
    for (size_t i = 0; i < MOST_SENT; i++) {
        OPENSSL_free(sent->bytes[i]);
    }
}

/* Chooses the alert. Whoever comes with a certificate of yesterday is told that much: it is no
 * secret, as all of it can be seen in the certificate by its holder. */
static int reason_of(enum oc_admin_verdict verdict)
{
    if (verdict == OC_ADMIN_OTHER_CA) {
        return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY; /* unknown_ca */
    }
    return verdict == OC_ADMIN_EXPIRED || verdict == OC_ADMIN_NOT_YET_VALID
               ? X509_V_ERR_CERT_HAS_EXPIRED /* certificate_expired */
               : X509_V_ERR_CERT_REJECTED;   /* bad_certificate */
}

static int judge_admin(X509_STORE_CTX *store, void *user)
{
    const struct oc_tls_context *context = user;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct oc_tls_admin *admin = ssl ? SSL_get_app_data(ssl) : NULL;
    struct sent sent = {.n = 0};
    enum oc_admin_verdict verdict = OC_ADMIN_UNREADABLE;
    if (admin && take_all(&sent, store)) {
        verdict = context->judge(context->judge_user, sent.pieces, sent.n, &admin->certificate);
    }
    give_back(&sent);
    if (admin) {
        admin->verdict = verdict;
    }
    const bool is_accepted = admin && verdict == OC_ADMIN_ACCEPTED;
    X509_STORE_CTX_set_error(store, is_accepted ? X509_V_OK : reason_of(verdict));
    return is_accepted;
}

enum oc_status oc_tls_context_for_admins(const struct oc_identity *gateway, oc_tls_judge_fn judge,
                                         void *user, struct oc_tls_context **out,
                                         struct oc_error *err)
{
    OC_CLEANUP(oc_tls_context_freep) struct oc_tls_context *context = NULL;
    enum oc_status st = oc_tls_context_new(TLS_server_method(), gateway, &context, err);
    if (st) {
        return st;
    }
    context->judge = judge;
    context->judge_user = user;
    SSL_CTX_set_max_cert_list(context->ssl, MAX_ADMIN_CERTIFICATE_LIST);
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(context->ssl, judge_admin, context);
    *out = OC_STEAL(context);
    return OC_OK;
}
