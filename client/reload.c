/* A reload of the gateway's configuration. openclaw/reload.h tells the contract. */
#include <openclaw/reload.h>

#include "client/client_internal.h"
#include "client/convert.h"

static void take_keys(char *const *texts, size_t n, struct oc_reload_keys *out)
{
    out->n = n < OC_MAX_RELOAD_KEYS ? n : OC_MAX_RELOAD_KEYS;
    for (size_t i = 0; i < out->n; i++) {
        oc_take_text(texts[i], out->items[i], sizeof out->items[i]);
    }
}

static void on_reload(const Openclaw__V1__ReloadReply *reply, void *user)
{
    struct oc_blocking *call = user;
    struct oc_reload *out = call->out;
    if (reply) {
        *out = (struct oc_reload){.is_audited = reply->audited != 0};
        oc_take_text(reply->path, out->path, sizeof out->path);
        oc_take_text(reply->problem, out->problem, sizeof out->problem);
        take_keys(reply->changed, reply->n_changed, &out->changed);
        take_keys(reply->needs_restart, reply->n_needs_restart, &out->needs_restart);
    }
    oc_blocking_finish(call, reply != NULL, OC_OK);
}

enum oc_status oc_admin_reload(struct oc_client *client, struct oc_reload *out,
                               struct oc_error *err)
{
    uint8_t key[OC_KEY_ID_BYTES];
    oc_make_idempotency_key(key);
    const Openclaw__V1__ReloadRequest request = OPENCLAW__V1__RELOAD_REQUEST__INIT;
    struct oc_blocking call;
    oc_blocking_begin(&call, client, &openclaw__v1__admin_service__descriptor, out);
    call.proxy.idempotency_key = key;
    openclaw__v1__admin_service__reload(&call.proxy.base, &request, on_reload, &call);
    return oc_blocking_end(&call, err);
}
