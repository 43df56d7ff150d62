/*
 * Administrators and their certificates as lists show them. Times are Unix milliseconds.
 */
#pragma once

#include <openclaw/administrators.h>

#include "cli/certificate_view.h"
#include "cli/command.h"

/* The end of the certificate that lasts longest and was not revoked; 0: there is none. */
int64_t administrator_ends(const struct oc_administrator *administrator);

/* Writes a struct oc_administrator. */
void administrator_write(struct writer *writer, const void *item);

/* What items are: struct oc_administrator. */
extern const struct item_kind administrator_kind;
