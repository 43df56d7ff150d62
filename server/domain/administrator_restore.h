/*
 * What an older state may not give back to an administrator. Pure.
 *
 * Invariant: after it nobody may more than in the present state and in the older one.
 */
#pragma once

#include "server/domain/administrator.h"

/*
 * The next event that takes from `older` what `present` does not give; false: there is none left.
 * `present` is NULL where nothing is known of the administrator, and may be quarantined: then every
 * certificate goes. Decided and asked again, it comes to an end.
 */
bool administrator_next_withdrawal(const struct administrator *older,
                                   const struct administrator *present, int64_t now_ms,
                                   struct administrator_event *out);

/*
 * Who was not registered here, and certificates that were not signed here, can come again: that
 * they were revoked is carried over, by name and by certificate; so is what a quarantined row bars,
 * as revoked. *out is `older` with them, revoked as a whole if they find no room; or, where it is
 * NULL (it knows of no such administrator) or quarantined, the name, revoked. False: there is
 * nothing to carry.
 */
bool administrator_carry_revoked(const struct administrator *older,
                                 const struct administrator *present, int64_t now_ms,
                                 struct administrator *out);
