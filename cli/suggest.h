/*
 * "Did you mean": the nearest of some names to what was typed.
 */
#pragma once

#include <stddef.h>

struct suggestion {
    const char *typed;
    size_t distance; /* of the best so far */
    char name[48];   /* the best so far; "": none is near */
};

struct suggestion suggestion_start(const char *typed);
void suggestion_consider(struct suggestion *suggestion, const char *name);
