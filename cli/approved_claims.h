/*
 * What a device claimed when it was approved, read from the audit's row of that approval: the words
 * behind the grant's (server/domain/claim_words.h writes them).
 */
#pragma once

#include <openclaw/device.h>

#include "cli/difference.h"

/* A claim without its flag is not recorded: there was no room for it, or the row is older than the
 * words. Untrusted, all of it. */
struct approved_claims {
    bool has_source, has_name, has_platform, has_labels, has_purpose;
    char source[OC_MAX_SOURCE_BYTES + 1];
    char name[OC_MAX_NAME_BYTES + 1];
    char platform[OC_MAX_PLATFORM_BYTES + 1];
    struct oc_labels labels;
    char purpose[OC_MAX_PURPOSE_BYTES + 1];
};

/* Words that are not known are passed over. Of a row that has a known one twice, or not exactly as
 * it is written, nothing is believed: none is recorded then. */
void approved_claims_read(const char *detail, struct approved_claims *out);

/* Puts what is recorded into `out`; NULL for the rest. `out` borrows of `claims`. */
void approved_claims_tell(const struct approved_claims *claims, struct terms *out);
