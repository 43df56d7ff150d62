/* See listening.h. */
#include "proto/rpc/listening.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/rpc/backlog.h"
#include "proto/rpc/limits.h"

static int listen_on_ipc(nng_stream_listener *listener)
{
    int reason = nng_stream_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, 0600);
    if (reason == 0) {
        /* The socket exists for a moment before its mode is set. */
        const mode_t before = umask(0077);
        reason = nng_stream_listener_listen(listener);
        (void)umask(before);
    }
    return reason;
}

static int listen_on_tcp(nng_stream_listener *listener, char *url, size_t cap)
{
    int port = 0;
    int reason = nng_stream_listener_set_bool(listener, NNG_OPT_TCP_NODELAY, true);
    if (reason == 0) {
        reason = nng_stream_listener_listen(listener);
    }
    if (reason == 0) {
        reason = nng_stream_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port);
    }
    if (reason == 0) {
        (void)oc_backlog_raise((uint16_t)port, OC_LISTEN_BACKLOG);
        char *colon = strrchr(url, ':');
        (void)snprintf(colon, cap - (size_t)(colon - url), ":%d", port);
    }
    return reason;
}

int oc_listening_start(const struct oc_address *address, char *url, size_t cap,
                       nng_stream_listener **out)
{
    const int reason = nng_stream_listener_alloc(out, address->nng_url);
    if (reason != 0) {
        return reason;
    }
    return address->is_ipc ? listen_on_ipc(*out) : listen_on_tcp(*out, url, cap);
}
