/* See address.h: urls and sources. */
#include "proto/rpc/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"

static const char tls_prefix[] = "tls+tcp://";
static const char ipc_prefix[] = "ipc://";

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* HOST:PORT, [V6]:PORT; nothing after the port. */
static bool is_host_and_port(const char *text)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || colon[1] == '\0') {
        return false;
    }
    const size_t n_digits = strspn(colon + 1, "0123456789");
    if (colon[1 + n_digits] != '\0' || n_digits > 5) {
        return false;
    }
    const bool is_bracketed = text[0] == '[' && colon[-1] == ']';
    return is_bracketed || !memchr(text, ':', (size_t)(colon - text));
}

static enum oc_status parse_tls(const char *url, struct oc_address *out, struct oc_error *err)
{
    const char *rest = url + strlen(tls_prefix);
    if (strpbrk(rest, "/?#@") || !is_host_and_port(rest)) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "address \"%s\": want tls+tcp://HOST:PORT", url);
    }
    (void)snprintf(out->nng_url, sizeof out->nng_url, "tcp://%s", rest);
    return OC_OK;
}

static enum oc_status parse_ipc(const char *url, struct oc_address *out, struct oc_error *err)
{
    const char *path = url + strlen(ipc_prefix);
    const size_t n = strlen(path);
    if (n == 0 || path[0] == '~') {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "address \"%s\": want ipc:// and a path (\"~\" is not expanded)", url);
    }
    if (n > OC_MAX_IPC_PATH_BYTES) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "socket path \"%s\" has %zu bytes; the kernel takes at most %d", path, n,
                       OC_MAX_IPC_PATH_BYTES);
    }
    out->is_ipc = true;
    memcpy(out->path, path, n + 1);
    (void)snprintf(out->nng_url, sizeof out->nng_url, "%s", url);
    return OC_OK;
}

enum oc_status oc_address_parse(const char *url, struct oc_address *out, struct oc_error *err)
{
    if (strlen(url) > OC_MAX_URL_BYTES) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "address has more than %d bytes",
                       OC_MAX_URL_BYTES);
    }
    struct oc_address address = {.is_ipc = false};
    enum oc_status st = OC_OK;
    if (has_prefix(url, tls_prefix)) {
        st = parse_tls(url, &address, err);
    } else if (has_prefix(url, ipc_prefix)) {
        st = parse_ipc(url, &address, err);
    } else {
        st = oc_fail(err, OC_INVALID_ARGUMENT,
                     "address \"%s\": want tls+tcp://HOST:PORT or ipc://PATH", url);
    }
    if (!st) {
        *out = address;
    }
    return st;
}

bool oc_source_of_stream(nng_stream *stream, bool is_ipc, struct oc_source *out)
{
    struct oc_source source = {.is_local = is_ipc};
    nng_sockaddr address;
    if (is_ipc) {
        *out = source;
        return true;
    }
    if (nng_stream_get_addr(stream, NNG_OPT_REMADDR, &address) != 0) {
        return false;
    }
    if (address.s_family == NNG_AF_INET) {
        source.address[10] = source.address[11] = 0xff;
        memcpy(source.address + 12, &address.s_in.sa_addr, 4);
    } else if (address.s_family == NNG_AF_INET6) {
        memcpy(source.address, address.s_in6.sa_addr, sizeof source.address);
    } else {
        return false;
    }
    *out = source;
    return true;
}

void oc_source_format(const struct oc_source *source, char out[OC_MAX_SOURCE_BYTES + 1])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const char *text = NULL;
    if (source->is_local) {
        text = memcpy(out, "local", sizeof "local");
    } else if (memcmp(source->address, mapped, sizeof mapped) == 0) {
        text = inet_ntop(AF_INET, source->address + 12, out, OC_MAX_SOURCE_BYTES + 1);
    } else {
        text = inet_ntop(AF_INET6, source->address, out, OC_MAX_SOURCE_BYTES + 1);
    }
    if (!text) {
        out[0] = '\0';
    }
}

void oc_credentials_of_stream(nng_stream *stream, uint32_t *uid, uint32_t *pid)
{
    uint64_t found_uid = UINT32_MAX;
    uint64_t found_pid = 0;
    (void)nng_stream_get_uint64(stream, NNG_OPT_IPC_PEER_UID, &found_uid);
    (void)nng_stream_get_uint64(stream, NNG_OPT_IPC_PEER_PID, &found_pid);
    *uid = (uint32_t)found_uid;
    *pid = (uint32_t)found_pid;
}
