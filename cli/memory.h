/*
 * Memory for a program that runs one command: when there is none left it says so and ends with
 * exit code 1, as there is nothing to go on with. Owns: free().
 */
#pragma once

#include <stddef.h>

void *memory_zeroed(size_t n, size_t size);
void *memory_resize(void *old, size_t size);
char *memory_copy_text(const char *text);
