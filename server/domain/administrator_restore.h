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
 * Those certificates that were not signed here can be brought again: that they were revoked is
 * carried over. *out is `older` (NULL: it knows of no such administrator) with them, revoked as a
 * whole if it is new, or if they find no room. False: there are none to carry.
 */
bool administrator_carry_revoked(const struct administrator *older,
                                 const struct administrator *present, int64_t now_ms,
                                 struct administrator *out);
