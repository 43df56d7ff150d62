/* What a watch tells, as rows and as lines of JSON. */
#pragma once

#include <openclaw/watch.h>

#include "cli/output.h"

/* Items are struct oc_watch_item: CHANGE, RESYNC, DEVICE or SYNCED. */
extern const struct item_kind event_kind;

/* Whether it is about a device: a change of an administrator, say, is not. */
bool event_has_device(const struct oc_watch_item *item);
