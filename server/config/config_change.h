/*
 * What a running gateway takes over of a configuration that was read again, and what has to wait
 * for a restart. Pure.
 *
 * Live: trustedNetworks, defaultGrant, pairing.*, admin.localUids,
 * admin.bounds, admin.ca, admin.map, approvals, log.*; and pairingRequired in
 * the one direction that admits fewer. Everything else is bound to what is open by now: listeners,
 * directories, the store.
 */
#pragma once

#include "server/config/config.h"

enum {
    CONFIG_MAX_CHANGES = 32,
};

/* Paths of keys, which are constants. */
struct config_changes {
    size_t n_applied;
    const char *applied[CONFIG_MAX_CHANGES];
    size_t n_waiting;
    const char *waiting[CONFIG_MAX_CHANGES];
};

/*
 * Makes of *now, which is in force, what may be in force of *wanted; each was checked by
 * config_check. So is the result: where the two together would let devices in that neither does
 * (an old listener, new trusted networks), those keys wait, too.
 */
void config_take_over(struct config *now, const struct config *wanted,
                      struct config_changes *changes);

/* Whether the table of config_change.c has that key: a test asks for each. */
bool config_change_knows(const char *path);
