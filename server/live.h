/*
 * The networks of the configuration as connection threads ask about them, while a reload may put
 * others in their place.
 */
#pragma once

#include <pthread.h>

#include "server/config/config.h"

struct live {
    pthread_mutex_t lock; /* guards the two below; a leaf */
    struct config_networks exempt;
    struct config_networks trusted;
};

void live_init(struct live *live, const struct config *config);
void live_deinit(struct live *live);
/* Any thread, as all below. */
void live_change(struct live *live, const struct config *config);

/* `user` is a struct live: pairing.exemptSources, by an address and by what a source is called. */
bool live_is_exempt(void *user, const uint8_t address[NETWORK_ADDRESS_BYTES]);
bool live_is_exempt_source(void *user, const char *source);
/* trustedNetworks; where none is listed, every one is. */
bool live_is_trusted(void *user, const uint8_t address[NETWORK_ADDRESS_BYTES]);
bool live_is_trusted_source(void *user, const char *source);

/* The same of a list that nobody changes: `user` is a struct config_networks. Takes no lock. */
bool networks_trust_source(void *user, const char *source);
