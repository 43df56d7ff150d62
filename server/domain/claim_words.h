/*
 * What a device claimed when it was approved, as words of an approval's audit row, so that the next
 * approval can be compared with it:
 *
 *   source=203.0.113.9 name=web-1 platform=linux labels=site:berlin purpose=nightly%20builds more=1
 *
 * In this order, behind the words of the grant. Letters, digits and - . _ ~ stand for themselves,
 * in the value of a word : and / too; every other byte is %XX, so that no claim can end its word,
 * begin another, or hold what a terminal obeys. An empty claim is an empty word; what is not known
 * has none. A value is never cut: a word that does not fit is left out, and more=1 says so, unless
 * the grant leaves no room for that either. What the gateway itself saw comes first: no claim
 * pushes it out. Pure.
 */
#pragma once

#include "server/domain/record.h"

/* Adds them at `out`, of which `room` bytes may be used and a zero byte stands behind. Source and
 * platform are told of when the device was seen: sighting->seen_ms. */
void claim_words_add(char *out, size_t room, const struct ask *ask,
                     const struct sighting *sighting);
