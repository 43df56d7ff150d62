/*
 * Read before every file when static analysis is on (OC_ANALYSIS): what the analysers cannot see
 * because it stands in another file. Not part of any build that runs.
 */
#pragma once

#include <openclaw/error.h>

/* oc_fail gives back its status, so that "if (st) return st" ends the path on which *out is NULL.
 */
static inline enum oc_status oc_status_known_as(enum oc_status status, enum oc_status returned)
{
    (void)returned;
    return status;
}

#define oc_fail(err, status, ...)                                                                  \
    oc_status_known_as((status), (oc_fail)((err), (status), __VA_ARGS__))
