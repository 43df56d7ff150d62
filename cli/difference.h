/*
 * What one ask says that another did not: of a request and the one that replaced it, of a request
 * and the approval before it.
 */
#pragma once

#include <openclaw/device.h>

#include "cli/writer.h"

/* What is compared; NULL: not known, and so not compared. Borrowed. */
struct terms {
    const struct oc_grant *grant;
    const char *name;
    const char *purpose;
    const struct oc_labels *labels;
    const char *platform;
    const char *version;
    const char *source;
};

/* The terms of a device's open request. `labels` as the request claims them; NULL: not known. */
struct terms terms_of_request(const struct oc_device *device, const struct oc_labels *labels);

bool difference_is_any(const struct terms *was, const struct terms *is);

/* For a terminal of that many columns (0: none), a fact a line, under the label "changes": "+admin
 * -chat", then what was claimed and is. Prints nothing when nothing differs. */
void difference_print(FILE *out, size_t columns, const struct terms *was, const struct terms *is);

/* An object with a field for each of the terms: {"was":..., "is":...}, null where they agree; of
 * scopes and labels, what was added and removed. */
void difference_write(struct writer *writer, const struct terms *was, const struct terms *is);
