/* See unknown_field.h. */
#include "client/unknown_field.h"

#include <openclaw/version.h>

enum oc_status oc_refuse_unknown_field(const void *reserved, size_t n_bytes, const char *what,
                                       struct oc_error *err)
{
    const unsigned char *bytes = reserved;
    for (size_t i = 0; i < n_bytes; i++) {
        if (bytes[i] != 0) {
            return oc_fail(err, OC_INVALID_ARGUMENT,
                           "%s: a field is set that libopenclaw %s does not know: the program was "
                           "built for a newer one, or did not clear the struct",
                           what, oc_version());
        }
    }
    return OC_OK;
}
