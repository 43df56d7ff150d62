/* Hexadecimal text of bytes, both ways. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes 2 * n lower-case digits and a NUL. */
void oc_hex_format(const uint8_t *bytes, size_t n, char *out);

/* Reads exactly 2 * n digits of either case followed by a NUL; false otherwise, out untouched. */
bool oc_hex_parse(const char *text, size_t n, uint8_t *out);
