/*
 * Our own allocations, with one that fails on order. Linking oc_fault_allocation wraps malloc,
 * calloc, realloc and strdup of our libraries, and of neither NNG nor OpenSSL. Any thread.
 */
#pragma once

#include <stdbool.h>

/* From now on, allocation number `at` (1 is the next) fails, once. */
void fault_allocation_plan(int at);
/* No allocation fails any more. True if the planned one was reached, and failed. */
bool fault_allocation_end(void);
