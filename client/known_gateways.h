/* The note that an agent takes of its last attempt; read through openclaw/diagnose.h. */
#pragma once

#include <openclaw/diagnose.h>

#include "client/gateway_address.h"

/* Takes the note, whole or not at all, but without waiting for the disk: it explains, nothing
 * rests on it. A directory that cannot be written is no reason to stop: then there is none. */
void oc_note_outcome(const char *data_dir, const struct oc_gateway_address *address,
                     const struct oc_outcome *outcome);
