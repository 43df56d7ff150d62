/*
 * What text from outside may say. Names, labels and reasons end up in lists, logs and terminals:
 * they must be one line that reads as it is written.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes `in` (NUL-terminated UTF-8), normalised to NFC, and a NUL to out (max_bytes + 1 bytes).
 * False, with out untouched, when in or its normal form is longer than max_bytes, or when it
 * holds control bytes, line or paragraph separators, direction marks and other format characters,
 * invisible, private or unassigned ones.
 * Thread: any; pure.
 */
bool text_accept_printable(const char *in, size_t max_bytes, char *out);

/* [a-z][a-z0-9._-]*, 1 to 32 bytes. */
bool text_is_role(const char *text);
/* Letters a-z, digits and . _ : / * -, 1 to 32 bytes. */
bool text_is_scope(const char *text);
/* [a-z0-9._/-]+, 1 to 32 bytes. */
bool text_is_label_key(const char *text);
