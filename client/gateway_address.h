/*
 * A gateway's address as people write it: tls+tcp://HOST:PORT, or ipc:///path for the local door.
 * Pure. The canonical form (host in lower case) is the key under which trust is recorded.
 */
#pragma once

#include <openclaw/error.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    OC_MAX_HOST_BYTES = 253,
    OC_MAX_GATEWAY_URL_BYTES = 320,
};

struct oc_gateway_address {
    bool is_local;
    char url[OC_MAX_GATEWAY_URL_BYTES + 1]; /* canonical */
    char host[OC_MAX_HOST_BYTES + 1];       /* "" when local; an IPv6 address without brackets */
    uint16_t port;
};

/* Fails: INVALID_ARGUMENT, naming what is wrong. */
OC_MUST_CHECK enum oc_status
oc_gateway_address_parse(const char *text, struct oc_gateway_address *out, struct oc_error *err);
