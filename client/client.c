/* The client of a local door, or of an admin door: openclaw/client.h. */
#include <stdio.h>
#include <stdlib.h>

#include "client/client_internal.h"
#include "client/gateway_address.h"
#include "client/host.h"
#include "client/private_dir.h"
#include "client/process.h"
#include "client/unknown_field.h"
#include "openclaw/v1/health.pb-c.h"

/* ---- life -------------------------------------------------------------------------------- */

static enum oc_status find_url(const struct oc_client_options *options,
                               char out[OC_MAX_GATEWAY_URL_BYTES + 1], struct oc_error *err)
{
    char data_dir[OC_PATH_BYTES];
    const char *dir = options->data_dir;
    if (options->url) {
        int n = snprintf(out, OC_MAX_GATEWAY_URL_BYTES + 1, "%s", options->url);
        return n <= OC_MAX_GATEWAY_URL_BYTES
                   ? OC_OK
                   : oc_fail(err, OC_INVALID_ARGUMENT, "gateway address: too long");
    }
    if (!dir) {
        enum oc_status st = oc_default_data_dir(data_dir, sizeof data_dir, err);
        if (st) {
            return st;
        }
        dir = data_dir;
    }
    int n = snprintf(out, OC_MAX_GATEWAY_URL_BYTES + 1, "ipc://%s/gateway/admin.sock", dir);
    return n <= OC_MAX_GATEWAY_URL_BYTES
               ? OC_OK
               : oc_fail(err, OC_INVALID_ARGUMENT, "data directory: %.200s...: too long", dir);
}

static enum oc_status check_url(const char *url, struct oc_error *err)
{
    struct oc_gateway_address address;
    enum oc_status st = oc_gateway_address_parse(url, &address, err);
    if (st == OC_OK && !address.is_local) {
        return oc_fail(
            err, OC_INVALID_ARGUMENT,
            "gateway address: %.200s: an admin door is reached with a bundle (bundle_file); the "
            "gateway's own machine with ipc:///PATH, its admin.sock",
            url);
    }
    return st;
}

/* An answer comes after this, on the same connection. */
static bool note_gateway(void *user, const struct oc_peer *peer)
{
    struct oc_client *client = user;
    atomic_store(&client->gateway_uid, peer->uid);
    return true;
}

static enum oc_status prepare_remote(void *user, struct oc_channel *channel, struct oc_error *err)
{
    struct oc_client *client = user;
    return oc_remote_prepare(client->remote, channel, err);
}

static void explain_remote(void *user, const struct oc_digest *found, struct oc_error *err)
{
    struct oc_client *client = user;
    oc_remote_explain(client->remote, found, err);
}

static enum oc_status open_channel(struct oc_client *client, const char *url, struct oc_error *err)
{
    struct oc_channel_options options = {
        .transport = client->transport, .url = url, .opened = note_gateway, .user = client};
    if (client->remote) {
        options.url = oc_remote_url(client->remote);
        options.tls = oc_remote_tls(client->remote);
        options.prepare = prepare_remote;
        options.explain = explain_remote;
    }
    return oc_channel_open(&options, &client->channel, err);
}

/* The address of a local door, unless there is a bundle. */
static enum oc_status check_options(const struct oc_client_options *options,
                                    char url[OC_MAX_GATEWAY_URL_BYTES + 1], struct oc_error *err)
{
    if (options->timeout_ms > OC_MAX_BUDGET_MS) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "timeout_ms: at most %d", OC_MAX_BUDGET_MS);
    }
    if (options->bundle_file && options->url) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "url: the bundle names the gateway's address");
    }
    if (options->bundle_file) {
        return OC_OK;
    }
    enum oc_status st = find_url(options, url, err);
    return st ? st : check_url(url, err);
}

enum oc_status oc_client_open(const struct oc_client_options *options, struct oc_client **out,
                              struct oc_error *err)
{
    char url[OC_MAX_GATEWAY_URL_BYTES + 1];
    enum oc_status st = oc_refuse_unknown_field(options->reserved, sizeof options->reserved,
                                                "oc_client_options", err);
    st = st ? st : oc_process_enter(err);
    st = st ? st : check_options(options, url, err);
    if (st) {
        return st;
    }
    struct oc_client *client = calloc(1, sizeof *client);
    if (!client) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "client: out of memory");
    }
    client->timeout_ms = options->timeout_ms ? options->timeout_ms : OC_DEFAULT_BUDGET_MS;
    atomic_init(&client->gateway_uid, UINT32_MAX);
    const struct oc_transport_options transport = {.n_handshake_workers = 1};
    st = options->bundle_file ? oc_remote_open(options->bundle_file, &client->remote, err) : OC_OK;
    sigset_t before;
    oc_signals_block(&before);
    st = st ? st : oc_transport_new(&transport, &client->transport, err);
    oc_signals_restore(&before);
    st = st ? st : open_channel(client, url, err);
    if (st) {
        oc_client_close(client);
        return st;
    }
    *out = client;
    return OC_OK;
}

void oc_client_close(struct oc_client *client)
{
    if (client && !oc_process_is_forked()) {
        oc_channel_close(client->channel);
        oc_transport_free(client->transport);
        oc_remote_free(client->remote);
        free(client);
    }
}

void oc_make_idempotency_key(uint8_t out[OC_KEY_ID_BYTES])
{
    oc_random_fill(out, OC_KEY_ID_BYTES);
}

/* ---- blocking calls ---------------------------------------------------------------------- */

void oc_blocking_begin(struct oc_blocking *call, struct oc_client *client,
                       const ProtobufCServiceDescriptor *service, void *out)
{
    *call = (struct oc_blocking){.out = out};
    oc_service_proxy_init(&call->proxy, client->channel, service);
    call->proxy.timeout_ms = client->timeout_ms;
    (void)pthread_mutex_init(&call->lock, NULL);
    (void)pthread_cond_init(&call->finished, NULL);
}

void oc_blocking_finish(struct oc_blocking *call, bool has_answer, enum oc_status converted)
{
    (void)pthread_mutex_lock(&call->lock);
    call->is_finished = true;
    call->status = converted;
    if (!has_answer) {
        call->status = call->proxy.error.status ? call->proxy.error.status : OC_INTERNAL;
    } else if (converted) {
        (void)oc_fail(&call->proxy.error, converted, "the gateway's answer is not understood");
    }
    (void)pthread_cond_signal(&call->finished);
    (void)pthread_mutex_unlock(&call->lock);
}

enum oc_status oc_blocking_end(struct oc_blocking *call, struct oc_error *err)
{
    /* The channel ends every call by its deadline, so this wait is bounded too. */
    (void)pthread_mutex_lock(&call->lock);
    while (!call->is_finished) {
        (void)pthread_cond_wait(&call->finished, &call->lock);
    }
    (void)pthread_mutex_unlock(&call->lock);
    (void)pthread_cond_destroy(&call->finished);
    (void)pthread_mutex_destroy(&call->lock);
    if (call->status && err) {
        *err = call->proxy.error;
    }
    return call->status;
}

/* ---- health ------------------------------------------------------------------------------ */

static enum oc_serving serving_of(Openclaw__V1__Serving serving)
{
    switch (serving) {
    case OPENCLAW__V1__SERVING__SERVING_YES:
        return OC_SERVING_YES;
    case OPENCLAW__V1__SERVING__SERVING_LOCKED:
        return OC_SERVING_LOCKED;
    case OPENCLAW__V1__SERVING__SERVING_DRAINING:
        return OC_SERVING_DRAINING;
    default: /* unknown, and what a newer gateway may say */
        return OC_SERVING_UNKNOWN;
    }
}

static void on_health(const Openclaw__V1__HealthReply *reply, void *user)
{
    struct oc_blocking *call = user;
    if (reply) {
        *(enum oc_serving *)call->out = serving_of(reply->serving);
    }
    oc_blocking_finish(call, reply != NULL, OC_OK);
}

enum oc_status oc_client_health(struct oc_client *client, enum oc_serving *out,
                                struct oc_error *err)
{
    struct oc_blocking call;
    oc_blocking_begin(&call, client, &openclaw__v1__health_service__descriptor, out);
    const Openclaw__V1__HealthRequest request = OPENCLAW__V1__HEALTH_REQUEST__INIT;
    openclaw__v1__health_service__health(&call.proxy.base, &request, on_health, &call);
    return oc_blocking_end(&call, err);
}
