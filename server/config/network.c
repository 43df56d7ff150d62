/* Owns the reading of addresses from the configuration. */
#include "server/config/network.h"

#include <arpa/inet.h>
#include <string.h>

#include "proto/base/cleanup.h"

enum {
    ADDRESS_BITS = 128,
    V4_PREFIX_BITS = 96,
    MAX_ADDRESS_TEXT = 45,
};

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool parse_address(const char *text, uint8_t out[NETWORK_ADDRESS_BYTES])
{
    uint8_t v4[4];
    if (inet_pton(AF_INET, text, v4) == 1) {
        memcpy(out, v4_mapped, sizeof v4_mapped);
        memcpy(out + sizeof v4_mapped, v4, sizeof v4);
        return true;
    }
    return inet_pton(AF_INET6, text, out) == 1;
}

/* Digits only: strtoul would take blanks and signs. -1 if it is no number up to max. */
static long parse_number(const char *text, long max)
{
    long value = 0;
    if (!*text) {
        return -1;
    }
    for (; *text; text++) {
        if (*text < '0' || *text > '9') {
            return -1;
        }
        value = value * 10 + (*text - '0');
        if (value > max) {
            return -1;
        }
    }
    return value;
}

static bool is_bit_set(const uint8_t address[NETWORK_ADDRESS_BYTES], unsigned bit)
{
    return address[bit / 8] & (0x80U >> (bit % 8));
}

enum network_problem network_parse(const char *text, struct network *out)
{
    char address_text[MAX_ADDRESS_TEXT + 1];
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    if (n > MAX_ADDRESS_TEXT) {
        return NETWORK_IS_NO_ADDRESS;
    }
    memcpy(address_text, text, n);
    address_text[n] = '\0';
    struct network network;
    if (!parse_address(address_text, network.address)) {
        return NETWORK_IS_NO_ADDRESS;
    }
    bool is_short = !strchr(address_text, ':');
    long most = is_short ? ADDRESS_BITS - V4_PREFIX_BITS : ADDRESS_BITS;
    long prefix = slash ? parse_number(slash + 1, most) : most;
    if (prefix < 0) {
        return NETWORK_IS_NO_PREFIX;
    }
    if (prefix == 0) {
        return NETWORK_IS_EVERYTHING;
    }
    network.prefix_bits = (uint8_t)(is_short ? V4_PREFIX_BITS + prefix : prefix);
    for (unsigned bit = network.prefix_bits; bit < ADDRESS_BITS; bit++) {
        if (is_bit_set(network.address, bit)) {
            return NETWORK_HAS_HOST_BITS;
        }
    }
    *out = network;
    return NETWORK_OK;
}

bool network_contains(const struct network *network, const uint8_t address[NETWORK_ADDRESS_BYTES])
{
    for (unsigned bit = 0; bit < network->prefix_bits; bit++) {
        if (is_bit_set(network->address, bit) != is_bit_set(address, bit)) {
            return false;
        }
    }
    return true;
}

static bool is_in_any(const char *const *networks, size_t n, const uint8_t *address)
{
    for (size_t i = 0; i < n; i++) {
        struct network network;
        if (!network_parse(networks[i], &network) && network_contains(&network, address)) {
            return true;
        }
    }
    return false;
}

static enum listen_reach reach_of(const char *host)
{
    static const char *const loopback[] = {"127.0.0.0/8", "::1"};
    static const char *const private[] = {"10.0.0.0/8",     "172.16.0.0/12", "192.168.0.0/16",
                                          "169.254.0.0/16", "fc00::/7",      "fe80::/10"};
    uint8_t address[NETWORK_ADDRESS_BYTES];
    /* Any other name may resolve to anything, later than we look. */
    if (!strcmp(host, "localhost")) {
        return LISTEN_LOOPBACK;
    }
    if (!parse_address(host, address)) {
        return LISTEN_ELSEWHERE;
    }
    if (is_in_any(loopback, OC_ARRAY_LENGTH(loopback), address)) {
        return LISTEN_LOOPBACK;
    }
    return is_in_any(private, OC_ARRAY_LENGTH(private), address) ? LISTEN_PRIVATE
                                                                 : LISTEN_ELSEWHERE;
}

static bool is_host_name(const char *host)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    return host[0] && host[0] != '-' && host[0] != '.' && host[strspn(host, allowed)] == '\0';
}

/* Splits "HOST:PORT" or "[V6]:PORT"; returns the port's text, or NULL. */
static const char *split_host(const char *text, char host[LISTEN_MAX_HOST_BYTES + 1])
{
    bool has_brackets = text[0] == '[';
    const char *start = text + has_brackets;
    const char *end = strchr(start, has_brackets ? ']' : ':');
    if (!end || end == start || end - start > LISTEN_MAX_HOST_BYTES) {
        return NULL;
    }
    const char *colon = end + has_brackets;
    if (*colon != ':') {
        return NULL;
    }
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    uint8_t address[NETWORK_ADDRESS_BYTES];
    bool is_sound = has_brackets ? parse_address(host, address) && strchr(host, ':') != NULL
                                 : is_host_name(host);
    return is_sound ? colon + 1 : NULL;
}

bool listen_url_parse(const char *text, const char *scheme, struct listen_url *out)
{
    struct listen_url url;
    size_t n = strlen(scheme);
    if (strncmp(text, scheme, n) != 0 || strncmp(text + n, "://", 3) != 0) {
        return false;
    }
    const char *port_text = split_host(text + n + 3, url.host);
    long port = port_text ? parse_number(port_text, UINT16_MAX) : -1;
    if (port < 0) {
        return false;
    }
    url.port = (uint16_t)port;
    url.reach = reach_of(url.host);
    *out = url;
    return true;
}
