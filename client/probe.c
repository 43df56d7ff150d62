/* oc_probe_gateway: the way of a device to a gateway, stage by stage. See openclaw/diagnose.h. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/clean_text.h"
#include "client/client_internal.h"
#include "client/host.h"
#include "client/keystore.h"
#include "client/known_gateways.h"
#include "client/process.h"
#include "client/unknown_field.h"

enum {
    DEFAULT_PROBE_MS = 5 * 1000,
    LATE_MS = 20, /* an end so close before the deadline was caused by it */
};

/* One probe on its way. What the callbacks write is read after oc_channel_close has returned. */
struct probe {
    const struct oc_probe_options *options;
    struct oc_gateway_address gateway;
    struct oc_tls_trust trust;
    uint64_t due_ms;
    struct oc_probe found;
    bool is_open;
    struct oc_error end; /* of the connection */
};

static uint32_t left_ms(const struct probe *probe)
{
    uint64_t now_ms = oc_monotonic_ms();
    return now_ms < probe->due_ms ? (uint32_t)(probe->due_ms - now_ms) : 1;
}

static void stop(struct probe *probe, enum oc_probe_stage stage, enum oc_status status,
                 const char *text)
{
    probe->found.stopped_at = stage;
    probe->found.status = status;
    (void)snprintf(probe->found.text, sizeof probe->found.text, "%s", text);
    oc_clean_text(probe->found.text);
}

/* ---- resolve, connect ---------------------------------------------------------------------- */

static struct addrinfo *resolve(struct probe *probe)
{
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    char port[8];
    (void)snprintf(port, sizeof port, "%u", probe->gateway.port);
    int rc = getaddrinfo(probe->gateway.host, port, &wanted, &addresses);
    if (rc != 0) {
        stop(probe, OC_PROBE_RESOLVE, OC_UNAVAILABLE, gai_strerror(rc));
        return NULL;
    }
    return addresses;
}

/* 0, or why nobody accepts there. */
static int try_connect(const struct probe *probe, const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->ai_protocol);
    if (fd < 0) {
        return errno;
    }
    int error = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        socklen_t n = sizeof error;
        error = ETIMEDOUT;
        if (poll(&wait, 1, (int)left_ms(probe)) == 1 &&
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0) {
            error = errno;
        }
    }
    (void)close(fd);
    return error;
}

static bool connect_one(struct probe *probe, const struct addrinfo *addresses)
{
    int error = 0;
    for (const struct addrinfo *at = addresses; at; at = at->ai_next) {
        (void)getnameinfo(at->ai_addr, at->ai_addrlen, probe->found.address,
                          sizeof probe->found.address, NULL, 0, NI_NUMERICHOST);
        error = try_connect(probe, at);
        if (error == 0) {
            return true;
        }
    }
    const char *text = strerrordesc_np(error);
    stop(probe, OC_PROBE_CONNECT, error == ETIMEDOUT ? OC_DEADLINE_EXCEEDED : OC_UNAVAILABLE,
         text ? text : "unknown error");
    probe->found.system_error = error;
    return false;
}

/* ---- trust --------------------------------------------------------------------------------- */

static void use_pins(struct probe *probe, enum oc_trust_kind kind, const struct oc_digest *pins,
                     size_t n)
{
    probe->found.trust = kind;
    probe->trust.n_pins = n;
    memcpy(probe->trust.pins, pins, n * sizeof *pins);
}

/* The order is the agent's. */
static enum oc_status choose_trust(struct probe *probe, struct oc_error *err)
{
    const struct oc_probe_options *options = probe->options;
    struct oc_gateway_record record = {.n_sessions = 0};
    if (options->n_pins > 0) {
        use_pins(probe, OC_TRUST_GIVEN, options->pins, options->n_pins);
        return OC_OK;
    }
    enum oc_status st = oc_keystore_load_gateway(options->data_dir, &probe->gateway, &record, err);
    if (st && st != OC_NOT_FOUND) {
        return st;
    }
    if (st == OC_OK && record.trust.n_pins > 0) {
        use_pins(probe, OC_TRUST_RECORDED, record.trust.pins, record.trust.n_pins);
    } else if (options->ca_file) {
        probe->found.trust = OC_TRUST_CA;
        probe->trust.ca_file = options->ca_file;
        probe->trust.server_name =
            options->server_name ? options->server_name : probe->gateway.host;
    } else {
        probe->found.trust = OC_TRUST_FIRST_USE;
    }
    return OC_OK;
}

/* ---- the connection ------------------------------------------------------------------------ */

static void take_pin(struct probe *probe, const struct oc_peer *peer)
{
    static const struct oc_digest none;
    probe->found.has_pin = memcmp(&peer->spki_sha256, &none, sizeof none) != 0;
    probe->found.pin = peer->spki_sha256;
}

static bool on_opened(void *user, const struct oc_peer *peer)
{
    struct probe *probe = user;
    probe->is_open = true;
    take_pin(probe, peer);
    return true;
}

static void on_closed(void *user, const struct oc_error *err, const struct oc_peer *peer)
{
    struct probe *probe = user;
    if (!probe->is_open) {
        take_pin(probe, peer);
    }
    probe->end = *err;
}

/* The channel tells everything before an open connection as "no gateway at URL: cause". */
static const char *cause_in(const struct probe *probe, const char *text)
{
    const char *url = strstr(text, probe->gateway.url);
    const char *rest = url ? url + strlen(probe->gateway.url) : "";
    return strncmp(rest, ": ", 2) == 0 ? rest + 2 : text;
}

/* What the end of a connection that gave no answer says of the way there. */
static void stop_on_the_way(struct probe *probe, const struct oc_error *call)
{
    bool was_ours = probe->end.status == OC_OK || probe->end.status == OC_CANCELLED;
    const struct oc_error *why = was_ours ? call : &probe->end;
    enum oc_probe_stage stage = OC_PROBE_TLS;
    if (probe->is_open) {
        stage = OC_PROBE_HEALTH;
    } else if (why->status == OC_UNAUTHENTICATED) {
        stage = OC_PROBE_TRUST;
    } else if (probe->found.has_pin) {
        stage = OC_PROBE_GREETING;
    }
    if (oc_monotonic_ms() + LATE_MS >= probe->due_ms) {
        stop(probe, stage, OC_DEADLINE_EXCEEDED, "nothing was said in time");
        return;
    }
    stop(probe, stage, why->status ? why->status : OC_UNAVAILABLE,
         why->text[0] ? cause_in(probe, why->text) : "the connection ended without a word");
}

static enum oc_status talk(struct probe *probe, struct oc_transport *transport,
                           const struct oc_tls_context *tls, struct oc_error *err)
{
    struct oc_client client = {.transport = transport, .timeout_ms = left_ms(probe)};
    const struct oc_channel_options options = {.transport = transport,
                                               .tls = tls,
                                               .url = probe->gateway.url,
                                               .is_single = true,
                                               .opened = on_opened,
                                               .closed = on_closed,
                                               .user = probe,
                                               .dial_timeout_ms = client.timeout_ms};
    enum oc_status st = oc_channel_open(&options, &client.channel, err);
    if (st) {
        return st;
    }
    struct oc_error call = {.status = OC_OK};
    enum oc_serving serving = OC_SERVING_UNKNOWN;
    st = oc_client_health(&client, &serving, &call);
    oc_channel_close(client.channel);
    if (st) {
        stop_on_the_way(probe, &call);
    } else {
        probe->found.stopped_at = OC_PROBE_DONE;
        probe->found.serving = serving;
    }
    return OC_OK;
}

/* The device's own key, so that the gateway treats us as it treats the device; else a fresh one. */
static enum oc_status find_key(const char *data_dir, struct oc_identity **out, struct oc_error *err)
{
    return oc_keystore_load_identity(data_dir, false, out, NULL, NULL) == OC_OK
               ? OC_OK
               : oc_identity_generate(OC_IDENTITY_DEVICE, out, err);
}

static enum oc_status shake_hands(struct probe *probe, struct oc_error *err)
{
    OC_CLEANUP(oc_identity_freep) struct oc_identity *identity = NULL;
    OC_CLEANUP(oc_tls_context_freep) struct oc_tls_context *tls = NULL;
    enum oc_status st = find_key(probe->options->data_dir, &identity, err);
    if (st) {
        return st;
    }
    st = oc_tls_context_for_client(identity, &probe->trust, &tls, err);
    if (st) {
        /* A CA file that cannot be read, say: it is the trust that fails. */
        stop(probe, OC_PROBE_TRUST, st, err ? err->text : oc_status_name(st));
        return OC_OK;
    }
    const struct oc_transport_options options = {.n_handshake_workers = 1};
    struct oc_transport *transport = NULL;
    sigset_t before;
    oc_signals_block(&before);
    st = oc_transport_new(&options, &transport, err);
    oc_signals_restore(&before);
    if (st == OC_OK) {
        st = talk(probe, transport, tls, err);
        oc_transport_free(transport);
    }
    return st;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static enum oc_status begin(const struct oc_probe_options *options, struct probe *probe,
                            struct oc_error *err)
{
    uint32_t timeout_ms = options->timeout_ms ? options->timeout_ms : DEFAULT_PROBE_MS;
    probe->options = options;
    if (!options->gateway_url) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "gateway address: missing");
    }
    enum oc_status st = oc_refuse_unknown_field(options->reserved, sizeof options->reserved,
                                                "oc_probe_options", err);
    st = st ? st : oc_gateway_address_parse(options->gateway_url, &probe->gateway, err);
    st = st ? st : oc_process_enter(err);
    if (st) {
        return st;
    }
    if (probe->gateway.is_local) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "gateway address: a device needs the devices' door, tls+tcp://HOST:PORT");
    }
    if (options->n_pins > OC_MAX_PINS || timeout_ms > OC_MAX_BUDGET_MS) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "at most %d pins and %d ms", OC_MAX_PINS,
                       OC_MAX_BUDGET_MS);
    }
    probe->due_ms = oc_monotonic_ms() + timeout_ms;
    return choose_trust(probe, err);
}

enum oc_status oc_probe_gateway(const struct oc_probe_options *options, struct oc_probe *out,
                                struct oc_error *err)
{
    struct probe probe = {.is_open = false};
    struct oc_error failure = {.status = OC_OK};
    enum oc_status st = begin(options, &probe, err);
    if (st) {
        return st;
    }
    uint64_t began_ms = oc_monotonic_ms();
    struct addrinfo *addresses = resolve(&probe);
    if (addresses && connect_one(&probe, addresses)) {
        st = shake_hands(&probe, &failure);
    }
    if (addresses) {
        freeaddrinfo(addresses);
    }
    if (st) {
        if (err) {
            *err = failure;
        }
        return st;
    }
    probe.found.took_ms = (uint32_t)(oc_monotonic_ms() - began_ms);
    *out = probe.found;
    return OC_OK;
}
