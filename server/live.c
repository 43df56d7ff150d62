/* See live.h. */
#include "server/live.h"

/* ---- a list ---------------------------------------------------------------------------------- */

static bool has_source(const struct config_networks *networks, const char *source)
{
    struct network network;
    return network_parse(source, &network) == NETWORK_OK &&
           config_networks_contain(networks, network.address);
}

bool networks_trust_source(void *user, const char *source)
{
    const struct config_networks *networks = user;
    return networks->n == 0 || has_source(networks, source);
}

/* ---- the lists of now ------------------------------------------------------------------------ */

void live_init(struct live *live, const struct config *config)
{
    pthread_mutex_init(&live->lock, NULL);
    live->exempt = config->pairing.exempt_sources;
    live->trusted = config->trusted_networks;
}

void live_deinit(struct live *live)
{
    pthread_mutex_destroy(&live->lock);
}

void live_change(struct live *live, const struct config *config)
{
    pthread_mutex_lock(&live->lock);
    live->exempt = config->pairing.exempt_sources;
    live->trusted = config->trusted_networks;
    pthread_mutex_unlock(&live->lock);
}

bool live_is_exempt(void *user, const uint8_t address[NETWORK_ADDRESS_BYTES])
{
    struct live *live = user;
    pthread_mutex_lock(&live->lock);
    const bool is = config_networks_contain(&live->exempt, address);
    pthread_mutex_unlock(&live->lock);
    return is;
}

bool live_is_exempt_source(void *user, const char *source)
{
    struct live *live = user;
    pthread_mutex_lock(&live->lock);
    const bool is = has_source(&live->exempt, source);
    pthread_mutex_unlock(&live->lock);
    return is;
}

bool live_is_trusted(void *user, const uint8_t address[NETWORK_ADDRESS_BYTES])
{
    struct live *live = user;
    pthread_mutex_lock(&live->lock);
    const bool is = live->trusted.n == 0 || config_networks_contain(&live->trusted, address);
    pthread_mutex_unlock(&live->lock);
    return is;
}

bool live_is_trusted_source(void *user, const char *source)
{
    struct live *live = user;
    pthread_mutex_lock(&live->lock);
    const bool is = networks_trust_source(&live->trusted, source);
    pthread_mutex_unlock(&live->lock);
    return is;
}
