/* See gateway_address.h. */
#include "client/gateway_address.h"

#include <stdio.h>
#include <string.h>

static const char tls_scheme[] = "tls+tcp://";
static const char ipc_scheme[] = "ipc://";

static bool is_host_char(char c, bool is_bracketed)
{
    bool is_alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    return is_alnum || c == '.' || (is_bracketed ? c == ':' || c == '%' : c == '-' || c == '_');
}

/* Reads 1..65535 without sign, spaces or leading zeros; 0 otherwise. */
static uint16_t parse_port(const char *text)
{
    unsigned long port = 0;
    size_t n = strlen(text);
    if (n == 0 || n > 5 || text[0] == '0') {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return 0;
        }
        port = port * 10 + (unsigned long)(text[i] - '0');
    }
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* Copies the host in lower case and returns what follows it; NULL if it is none. */
static const char *parse_host(const char *text, bool is_bracketed, char out[OC_MAX_HOST_BYTES + 1])
{
    size_t n = 0;
    const char *p = text + (is_bracketed ? 1 : 0);
    for (; *p != '\0'; p++, n++) {
        char c = *p;
        if (c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
        }
        if (!is_host_char(c, is_bracketed)) {
            break;
        }
        if (n == OC_MAX_HOST_BYTES) {
            return NULL;
        }
        out[n] = c;
    }
    out[n] = '\0';
    if (is_bracketed && *p++ != ']') {
        return NULL;
    }
    return n > 0 ? p : NULL;
}

static enum oc_status parse_local(const char *text, struct oc_gateway_address *out,
                                  struct oc_error *err)
{
    if (text[sizeof ipc_scheme - 1] == '\0' || strlen(text) > OC_MAX_GATEWAY_URL_BYTES) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "gateway address: the path of %.40s is %s", text,
                       text[sizeof ipc_scheme - 1] ? "too long" : "missing");
    }
    struct oc_gateway_address address = {.is_local = true};
    (void)snprintf(address.url, sizeof address.url, "%s", text);
    *out = address;
    return OC_OK;
}

enum oc_status oc_gateway_address_parse(const char *text, struct oc_gateway_address *out,
                                        struct oc_error *err)
{
    if (strncmp(text, ipc_scheme, sizeof ipc_scheme - 1) == 0) {
        return parse_local(text, out, err);
    }
    if (strncmp(text, tls_scheme, sizeof tls_scheme - 1) != 0) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "gateway address: must begin with tls+tcp:// (as in "
                       "tls+tcp://gw.example:18789)");
    }
    struct oc_gateway_address address = {.is_local = false};
    const char *host = text + sizeof tls_scheme - 1;
    bool is_bracketed = host[0] == '[';
    const char *rest = parse_host(host, is_bracketed, address.host);
    if (!rest) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "gateway address: not a host name or address");
    }
    if (*rest != ':' || (address.port = parse_port(rest + 1)) == 0) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "gateway address: a port from 1 to 65535 must follow the host");
    }
    (void)snprintf(address.url, sizeof address.url, "%s%s%s%s:%u", tls_scheme,
                   is_bracketed ? "[" : "", address.host, is_bracketed ? "]" : "", address.port);
    *out = address;
    return OC_OK;
}
