/*
 * Text of a peer made harmless: what would move a cursor, hide or reorder is replaced by '?'.
 * Pure; any thread.
 */
#pragma once

#include <openclaw/error.h>

/* Replaces in place: control characters, invalid UTF-8, line and paragraph separators, marks that
 * change direction, and characters without width. */
void oc_clean_text(char *text);

/* Cleans every text of an error that came over the wire. */
void oc_clean_error(struct oc_error *err);
