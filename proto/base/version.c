/* The linked version; see openclaw/version.h. */
#include <openclaw/version.h>

const char *oc_version(void)
{
    return OC_VERSION_TEXT;
}
