/*
 * Secrets: wiping and comparing. No function here prints, and none allocates.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OC_KEY_BYTES = 32,
};

/* A symmetric key. Wipe it with oc_wipe before it goes out of scope. */
struct oc_key {
    uint8_t bytes[OC_KEY_BYTES];
};

/* Overwrites with zeros in a way the compiler may not drop. */
void oc_wipe(void *memory, size_t bytes);

/* Compares in time that depends on `bytes` alone. */
bool oc_equal_constant_time(const void *a, const void *b, size_t bytes);
