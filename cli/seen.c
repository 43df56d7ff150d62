/* Open addressing: ids are hashes, so their first bytes scatter by themselves. See seen.h. */
#include "cli/seen.h"

#include <stdlib.h>
#include <string.h>

#include "cli/memory.h"

static struct seen_place *find(const struct seen *seen, const struct oc_device_id *id)
{
    size_t at = 0;
    memcpy(&at, id->bytes, sizeof at);
    for (;; at++) {
        struct seen_place *place = &seen->places[at % seen->cap];
        if (!place->is_taken || oc_device_id_equal(&place->id, id)) {
            return place;
        }
    }
}

static void grow(struct seen *seen)
{
    struct seen old = *seen;
    seen->cap = old.cap ? 2 * old.cap : 64;
    seen->places = memory_zeroed(seen->cap, sizeof seen->places[0]);
    for (size_t i = 0; i < old.cap; i++) {
        if (old.places[i].is_taken) {
            *find(seen, &old.places[i].id) = old.places[i];
        }
    }
    free(old.places);
}

bool seen_note(struct seen *seen, const struct oc_device_id *id, bool is_shown)
{
    if (2 * seen->n >= seen->cap) {
        grow(seen);
    }
    struct seen_place *place = find(seen, id);
    bool was_shown = place->is_taken && place->is_shown;
    if (!place->is_taken && is_shown) {
        *place = (struct seen_place){.id = *id, .is_taken = true};
        seen->n++;
    }
    place->is_shown = place->is_taken && is_shown;
    return was_shown;
}

void seen_deinit(struct seen *seen)
{
    free(seen->places);
    *seen = (struct seen){.n = 0};
}
