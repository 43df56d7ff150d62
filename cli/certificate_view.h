/*
 * How long certificates last, and what they are called by. Times are Unix milliseconds.
 */
#pragma once

#include <openclaw/types.h>

#include "cli/table.h"
#include "cli/terminal.h"

enum {
    PIN_TEXT_BYTES = 7 + 2 * OC_DIGEST_BYTES + 1,
};

/* "sha256:" and 64 hex digits. */
void pin_format(const struct oc_digest *digest, char out[PIN_TEXT_BYTES]);
/* Reads 64 hex digits, with or without "sha256:". */
bool pin_parse(const char *text, struct oc_digest *out);

/* "89 days", "ends today", "ended"; coloured as it needs looking after. */
void days_fill(int64_t ends_ms, int64_t now_ms, struct cell *cell);
/* Under 30 days, or none. */
bool days_are_few(int64_t ends_ms, int64_t now_ms);
/* One line on err: whose certificate ends when, and what renews it. */
__attribute__((format(printf, 4, 5))) void days_warn(const struct terminal *terminal,
                                                     const char *whose, int64_t ends_ms,
                                                     const char *fix, ...);
