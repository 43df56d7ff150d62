/* See secret.h. */
#include "proto/base/secret.h"

#include <string.h>

void oc_wipe(void *memory, size_t bytes)
{
    if (bytes > 0) {
        explicit_bzero(memory, bytes);
    }
}

bool oc_equal_constant_time(const void *a, const void *b, size_t bytes)
{
    const uint8_t *left = a;
    const uint8_t *right = b;
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < bytes; i++) {
        difference = (uint8_t)(difference | (left[i] ^ right[i]));
    }
    return difference == 0;
}
