/* Options of a newer header than this library's: openclaw/version.h says how structs grow. */
#pragma once

#include <openclaw/error.h>
#include <stddef.h>

/* `reserved` is the struct's reserved bytes, `what` names it in the error.
 * Fails: INVALID_ARGUMENT (one is not zero). */
OC_MUST_CHECK enum oc_status oc_refuse_unknown_field(const void *reserved, size_t n_bytes,
                                                     const char *what, struct oc_error *err);
