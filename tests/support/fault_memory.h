/* SQLite's memory, with an allocation that fails on order. Single thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Before SQLite is first used. */
void fault_memory_install(void);
/* From now on, allocation number `at` (1 is the next) fails, once; 0: none. */
void fault_memory_plan(uint64_t at);
/* Allocations since the plan was made. */
uint64_t fault_memory_allocations(void);
