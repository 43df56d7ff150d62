/*
 * Whether two names would be taken for one another by a person who reads them.
 *
 * A name's skeleton is what is left when everything is taken away that a glance does not tell:
 * case, accents and other marks, spaces and separators, and which of several letters that look
 * alike (Latin, Greek, Cyrillic, Armenian, full width, mathematical, digits) it was written with.
 * What we have no letter for stands for itself. This explains and never grants: it may flag names
 * that a careful reader tells apart, and a script that it does not know escapes it.
 *
 * Pure.
 */
#pragma once

#include <openclaw/types.h>
#include <stdbool.h>

enum {
    /* No letter's skeleton is longer than the letter itself. */
    SKELETON_BYTES = OC_MAX_NAME_BYTES + 1,
};

enum resemblance {
    RESEMBLES_NOT,
    RESEMBLES_EXACTLY,    /* the same bytes */
    RESEMBLES_CONFUSABLY, /* the same skeleton */
};

/* Writes the skeleton of a name of at most OC_MAX_NAME_BYTES bytes of UTF-8; "" when nothing of it
 * is left. */
void skeleton_of(const char *name, char out[SKELETON_BYTES]);

/* Compares a name, whose skeleton is given, with another; "" resembles nothing. */
enum resemblance resemblance_to(const char *name, const char skeleton[SKELETON_BYTES],
                                const char *other);
