/* A set of devices: which of them a list shows at present. */
#pragma once

#include <openclaw/types.h>

struct seen_place {
    struct oc_device_id id;
    bool is_taken, is_shown;
};

struct seen {
    struct seen_place *places;
    size_t n, cap;
};

/* Notes whether it is shown now; tells whether it was before. */
bool seen_note(struct seen *seen, const struct oc_device_id *id, bool is_shown);
void seen_deinit(struct seen *seen);
