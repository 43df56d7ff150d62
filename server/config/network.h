/*
 * Addresses as the configuration writes them: networks (10.0.0.0/8) and listen URLs. Pure.
 *
 * An address is 16 bytes; IPv4 is ::ffff:a.b.c.d, as everywhere in the gateway.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NETWORK_ADDRESS_BYTES = 16,
    LISTEN_MAX_HOST_BYTES = 63,
};

struct network {
    uint8_t address[NETWORK_ADDRESS_BYTES]; /* bits past the prefix are zero */
    uint8_t prefix_bits;                    /* of the 16 bytes: 10.0.0.0/8 has 104 */
};

enum network_problem {
    NETWORK_OK,
    NETWORK_IS_NO_ADDRESS,
    NETWORK_IS_NO_PREFIX,  /* missing where it must be, not a number, or too long */
    NETWORK_HAS_HOST_BITS, /* 10.0.0.1/8 */
    NETWORK_IS_EVERYTHING, /* /0 */
    NETWORK_PROBLEM_COUNT
};

/* Reads "10.0.0.0/8", "2001:db8::/32" or a single address, which is a network of one. */
enum network_problem network_parse(const char *text, struct network *out);

bool network_contains(const struct network *network, const uint8_t address[NETWORK_ADDRESS_BYTES]);

/* From where a listener can be reached; the order is from harmless to open. */
enum listen_reach {
    LISTEN_LOOPBACK,
    LISTEN_PRIVATE,   /* 10/8, 172.16/12, 192.168/16, 169.254/16, fc00::/7, fe80::/10 */
    LISTEN_ELSEWHERE, /* any other address, every address at once, or a name */
    LISTEN_REACH_COUNT
};

struct listen_url {
    char host[LISTEN_MAX_HOST_BYTES + 1]; /* without brackets */
    uint16_t port;                        /* 0: the kernel picks one */
    enum listen_reach reach;
};

/* Reads "SCHEME://HOST:PORT" with the given scheme; nothing may follow the port. False if it is
 * not, *out untouched. */
bool listen_url_parse(const char *text, const char *scheme, struct listen_url *out);
