/* Certificates of remote administrators: openclaw/admin_pki.h. */
#include <openclaw/admin_pki.h>
#include <stdlib.h>
#include <string.h>

#include "client/administrators.h"
#include "client/bundle_internal.h"
#include "client/convert.h"
#include "client/unknown_field.h"

#define ADMIN_SERVICE (&openclaw__v1__admin_service__descriptor)

/* ---- the CA ------------------------------------------------------------------------------ */

static void on_init(const Openclaw__V1__InitPkiReply *reply, void *user)
{
    struct oc_blocking *call = user;
    struct oc_admin_pki *out = call->out;
    const bool ok = reply && reply->ca && oc_take_pki(reply->ca, reply->admin_address, out);
    if (ok) {
        out->n_revoked = reply->revoked;
    }
    oc_blocking_finish(call, reply != NULL, ok ? OC_OK : OC_INTERNAL);
}

enum oc_status oc_admin_pki_init(struct oc_client *client, const struct oc_admin_pki_order *order,
                                 struct oc_admin_pki *out, struct oc_error *err)
{
    enum oc_status st =
        oc_refuse_unknown_field(order->reserved, sizeof order->reserved, "oc_admin_pki_order", err);
    if (st == OC_OK && order->ca && order->ca->n > sizeof order->ca->bytes) {
        st = oc_fail(err, OC_INVALID_ARGUMENT, "ca: longer than it may be");
    }
    if (st) {
        return st;
    }
    uint8_t key[OC_KEY_ID_BYTES];
    oc_choose_key(order->idempotency_key, key);
    Openclaw__V1__InitPkiRequest request = OPENCLAW__V1__INIT_PKI_REQUEST__INIT;
    request.replaces = order->replaces;
    request.reason = oc_put_text(order->reason ? order->reason : "");
    if (order->ca) {
        request.ca_certificate = oc_put_bytes(order->ca->bytes, order->ca->n);
    }
    struct oc_blocking call;
    oc_blocking_begin(&call, client, ADMIN_SERVICE, out);
    call.proxy.idempotency_key = key;
    openclaw__v1__admin_service__init_pki(&call.proxy.base, &request, on_init, &call);
    return oc_blocking_end(&call, err);
}

/* ---- orders ------------------------------------------------------------------------------ */

static enum oc_status check_order(const struct oc_administrator_order *order, struct oc_error *err)
{
    const int n_proofs =
        (order->draft != NULL) + (order->csr != NULL) + (order->certificate != NULL);
    enum oc_status st = oc_refuse_unknown_field(order->reserved, sizeof order->reserved,
                                                "oc_administrator_order", err);
    if (st) {
        return st;
    }
    if (n_proofs != 1) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "exactly one of draft, csr and certificate");
    }
    if (order->draft && !order->draft->facts.is_draft) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "draft: this bundle has its certificate");
    }
    if (order->draft && order->name && strcmp(order->name, order->draft->facts.name) != 0) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "draft: it was made for another administrator");
    }
    if ((order->csr && order->csr->n > sizeof order->csr->bytes) ||
        (order->certificate && order->certificate->n > sizeof order->certificate->bytes)) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "csr, certificate: longer than they may be");
    }
    return OC_OK;
}

/* What the order proves a key with, as the wire wants it. */
struct proof {
    struct oc_der csr;
    ProtobufCBinaryData csr_bytes, certificate_bytes;
};

static enum oc_status make_proof(const struct oc_administrator_order *order, struct proof *out,
                                 struct oc_error *err)
{
    enum oc_status st = OC_OK;
    *out = (struct proof){.csr = {.n = 0}};
    if (order->draft) {
        st = oc_bundle_make_csr(order->draft, &out->csr, err);
    } else if (order->csr) {
        out->csr = *order->csr;
    }
    out->csr_bytes = oc_put_bytes(out->csr.bytes, out->csr.n);
    if (order->certificate) {
        out->certificate_bytes = oc_put_bytes(order->certificate->bytes, order->certificate->n);
    }
    return st;
}

static void on_issued(const Openclaw__V1__IssueAdministratorReply *reply, void *user)
{
    struct oc_blocking *call = user;
    struct oc_issued *out = call->out;
    struct oc_admin_pki pki;
    const bool ok = reply && reply->ca && oc_take_pki(reply->ca, reply->admin_address, &pki) &&
                    oc_take_administrator(reply->administrator, &out->administrator) &&
                    oc_take_der(reply->certificate, &out->certificate) &&
                    oc_take_bytes(reply->spki_sha256, false, out->pin.bytes, sizeof out->pin.bytes);
    if (ok) {
        out->ca = pki.certificate;
        memcpy(out->admin_url, pki.admin_url, sizeof out->admin_url);
    }
    oc_blocking_finish(call, reply != NULL, ok ? OC_OK : OC_INTERNAL);
}

/* ---- the bundle -------------------------------------------------------------------------- */

/* An address that other machines can use, if one is known. */
static const char *choose_url(struct oc_client *client, const struct oc_administrator_order *order,
                              const struct oc_issued *issued, char scratch[OC_MAX_URL_BYTES + 1])
{
    if (order->gateway_url) {
        return order->gateway_url;
    }
    if (client->remote) {
        struct oc_digest pin;
        oc_remote_get_gateway(client->remote, scratch, &pin);
        return scratch;
    }
    return oc_bundle_take_url(issued->admin_url, scratch, NULL) ? NULL : scratch;
}

/* Whoever came through an admin door pinned its key; the answer must not name another. */
static enum oc_status check_pin(struct oc_client *client, const struct oc_issued *issued,
                                struct oc_error *err)
{
    char url[OC_MAX_URL_BYTES + 1];
    struct oc_digest pin;
    if (!client->remote) {
        return OC_OK;
    }
    oc_remote_get_gateway(client->remote, url, &pin);
    return memcmp(&pin, &issued->pin, sizeof pin) == 0
               ? OC_OK
               : oc_fail(err, OC_INTERNAL, "the gateway's answer names another key than its own");
}

static enum oc_status complete(struct oc_client *client, const struct oc_administrator_order *order,
                               const struct oc_issued *issued, struct oc_error *err)
{
    char scratch[OC_MAX_URL_BYTES + 1];
    struct oc_error cause = {.status = OC_OK};
    enum oc_status st = check_pin(client, issued, err);
    if (st || !order->draft) {
        return st;
    }
    const struct oc_bundle_parts parts = {.certificate = &issued->certificate,
                                          .ca = &issued->ca,
                                          .role = issued->administrator.role,
                                          .gateway_url = choose_url(client, order, issued, scratch),
                                          .pin = issued->pin};
    st = oc_bundle_complete(order->draft, &parts, &cause);
    if (st == OC_INVALID_ARGUMENT) {
        return oc_fail(err, OC_INTERNAL, "the gateway's answer does not fit: %.300s", cause.text);
    }
    return st ? oc_fail(err, st, "%s", cause.text) : OC_OK;
}

/* The program's own mistake is told before anything is asked. */
static enum oc_status check_url(const struct oc_administrator_order *order, struct oc_error *err)
{
    char url[OC_MAX_URL_BYTES + 1];
    return order->gateway_url ? oc_bundle_take_url(order->gateway_url, url, err) : OC_OK;
}

/* ---- the calls --------------------------------------------------------------------------- */

static void send_issue(struct oc_blocking *call, const struct oc_administrator_order *order,
                       const struct proof *proof)
{
    Openclaw__V1__IssueAdministratorRequest request =
        OPENCLAW__V1__ISSUE_ADMINISTRATOR_REQUEST__INIT;
    const char *name = order->name ? order->name : order->draft ? order->draft->facts.name : "";
    request.name = oc_put_text(name);
    request.role = oc_put_administrator_role(order->role);
    request.ttl_ms = order->ttl_ms;
    request.csr = proof->csr_bytes;
    request.certificate = proof->certificate_bytes;
    request.reason = oc_put_text(order->reason ? order->reason : "");
    openclaw__v1__admin_service__issue_administrator(&call->proxy.base, &request, on_issued, call);
}

static void send_renew(struct oc_blocking *call, const struct oc_administrator_order *order,
                       const struct proof *proof)
{
    Openclaw__V1__RenewAdministratorRequest request =
        OPENCLAW__V1__RENEW_ADMINISTRATOR_REQUEST__INIT;
    request.name = oc_put_text(order->name ? order->name : "");
    request.ttl_ms = order->ttl_ms;
    request.csr = proof->csr_bytes;
    request.certificate = proof->certificate_bytes;
    openclaw__v1__admin_service__renew_administrator(&call->proxy.base, &request, on_issued, call);
}

static enum oc_status
order_certificate(struct oc_client *client, const struct oc_administrator_order *order,
                  void (*send)(struct oc_blocking *call, const struct oc_administrator_order *order,
                               const struct proof *proof),
                  struct oc_issued *out, struct oc_error *err)
{
    struct proof proof;
    enum oc_status st = check_order(order, err);
    st = st ? st : check_url(order, err);
    st = st ? st : make_proof(order, &proof, err);
    if (st) {
        return st;
    }
    uint8_t key[OC_KEY_ID_BYTES];
    oc_choose_key(order->idempotency_key, key);
    memset(out, 0, sizeof *out);
    struct oc_blocking call;
    oc_blocking_begin(&call, client, ADMIN_SERVICE, out);
    call.proxy.idempotency_key = key;
    send(&call, order, &proof);
    st = oc_blocking_end(&call, err);
    return st ? st : complete(client, order, out, err);
}

enum oc_status oc_admin_issue_administrator(struct oc_client *client,
                                            const struct oc_administrator_order *order,
                                            struct oc_issued *out, struct oc_error *err)
{
    return order_certificate(client, order, send_issue, out, err);
}

enum oc_status oc_admin_renew_administrator(struct oc_client *client,
                                            const struct oc_administrator_order *order,
                                            struct oc_issued *out, struct oc_error *err)
{
    return order_certificate(client, order, send_renew, out, err);
}
