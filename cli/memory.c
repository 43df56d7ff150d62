/* Allocation that does not fail; see memory.h. */
#include "cli/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *memory)
{
    if (!memory) {
        (void)fputs("openclaw: out of memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    return memory;
}

void *memory_zeroed(size_t n, size_t size)
{
    return checked(calloc(n > 0 ? n : 1, size));
}

void *memory_resize(void *old, size_t size)
{
    return checked(realloc(old, size));
}

char *memory_copy_text(const char *text)
{
    return checked(strdup(text));
}
