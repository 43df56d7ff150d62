/*
 * Who agreed to a request, where several administrators must.
 */
#pragma once

#include <openclaw/admin.h>

#include "cli/output.h"

enum {
    VOTES_BRIEF_BYTES = 32,
};

/* " 1/2 votes", for a table; "" where one is enough and nobody voted. */
void votes_format_briefly(const struct oc_device *device, char out[VOTES_BRIEF_BYTES]);

/* "votes":[{"by":...,"at":...,"otherwise":false}],"votes_needed":2; [] and null where one is
 * enough. */
void votes_write(struct writer *writer, const struct oc_device *device);

/* The fact "votes" of the sheet. */
void votes_print(const struct output *output, FILE *out, const struct oc_device *device);
