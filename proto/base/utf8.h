/* UTF-8: is it, and what does it say. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads one code point from the front of n bytes: the shortest form only, no surrogates, nothing
 * past U+10FFFF. Returns its length in bytes (1..4), or 0 when there is none.
 * Thread: any; pure.
 */
size_t oc_utf8_next(const uint8_t *bytes, size_t n, uint32_t *code_point);

/* Whether n bytes are well-formed UTF-8 without a NUL. Thread: any; pure. */
bool oc_utf8_is_text(const uint8_t *bytes, size_t n);
