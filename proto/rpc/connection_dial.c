/* Dialling; see oc_connection_dial in connection.h. */
#include <arpa/inet.h>
#include <string.h>

#include "proto/rpc/address.h"
#include "proto/rpc/connection_internal.h"

static bool parse_local_address(const char *text, nng_sockaddr *out)
{
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &out->s_in.sa_addr) == 1) {
        out->s_in.sa_family = NNG_AF_INET;
        return true;
    }
    if (inet_pton(AF_INET6, text, out->s_in6.sa_addr) == 1) {
        out->s_in6.sa_family = NNG_AF_INET6;
        return true;
    }
    return false;
}

static enum oc_status fail_of_nng(struct oc_error *err, int reason, const char *url)
{
    enum oc_status status = reason == NNG_ENOMEM ? OC_RESOURCE_EXHAUSTED : OC_INVALID_ARGUMENT;
    return oc_fail(err, status, "address \"%s\": %s", url, nng_strerror(reason));
}

static enum oc_status make_dialer(const struct oc_dial_options *options,
                                  const struct oc_address *address, nng_stream_dialer **out,
                                  struct oc_error *err)
{
    int reason = nng_stream_dialer_alloc(out, address->nng_url);
    if (reason != 0) {
        return fail_of_nng(err, reason, options->url);
    }
    if (address->is_ipc) {
        return OC_OK;
    }
    reason = nng_stream_dialer_set_bool(*out, NNG_OPT_TCP_NODELAY, true);
    if (reason != 0) {
        return fail_of_nng(err, reason, options->url);
    }
    nng_sockaddr local;
    if (!options->local_address) {
        return OC_OK;
    }
    if (!parse_local_address(options->local_address, &local)) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "local address \"%s\" is no IP address",
                       options->local_address);
    }
    reason = nng_stream_dialer_set_addr(*out, NNG_OPT_LOCADDR, &local);
    return reason == 0 ? OC_OK : fail_of_nng(err, reason, options->local_address);
}

static void start_dialling(struct oc_connection *connection)
{
    (void)pthread_mutex_lock(&connection->lock);
    connection->phase = OC_PHASE_DIALLING;
    connection->is_receiving = true;
    oc_connection_start_waiting(connection);
    nng_stream_dialer_dial(connection->dialer, connection->receive_aio);
    (void)pthread_mutex_unlock(&connection->lock);
}

enum oc_status oc_connection_dial(struct oc_transport *transport,
                                  const struct oc_dial_options *options, struct oc_connection **out,
                                  struct oc_error *err)
{
    struct oc_address address;
    enum oc_status st = oc_address_parse(options->url, &address, err);
    if (st) {
        return st;
    }
    if (!address.is_ipc && !options->tls) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "address \"%s\" needs a TLS context",
                       options->url);
    }
    struct oc_connection *connection = oc_connection_new(transport, OC_SP_CALLER, address.is_ipc);
    if (!connection) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "connection: out of memory");
    }
    connection->tls_context = oc_tls_context_hold(address.is_ipc ? NULL : options->tls);
    connection->ops = options->ops;
    connection->user = options->user;
    connection->lane = oc_transport_dial_lane(transport);
    if (options->timeout_ms > 0) {
        connection->wait_left_ms = options->timeout_ms;
    }
    st = make_dialer(options, &address, &connection->dialer, err);
    if (st) {
        oc_connection_discard(connection);
        return st;
    }
    oc_connection_hold(connection);
    *out = connection;
    oc_transport_add(transport, connection);
    start_dialling(connection);
    return OC_OK;
}
