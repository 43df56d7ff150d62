/* Failing memory; see fault_memory.h. */
#include "tests/support/fault_memory.h"

#include <assert.h>
#include <stddef.h>

#include <sqlite3.h>

static struct {
    sqlite3_mem_methods real;
    uint64_t at;
    uint64_t n;
} memory;

static void *failing_malloc(int bytes)
{
    return ++memory.n == memory.at ? NULL : memory.real.xMalloc(bytes);
}

static void *failing_realloc(void *old, int bytes)
{
    return ++memory.n == memory.at ? NULL : memory.real.xRealloc(old, bytes);
}

void fault_memory_install(void)
{
    assert(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory.real) == SQLITE_OK);
    sqlite3_mem_methods mine = memory.real;
    mine.xMalloc = failing_malloc;
    mine.xRealloc = failing_realloc;
    assert(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK);
    assert(sqlite3_config(SQLITE_CONFIG_MALLOC, &mine) == SQLITE_OK);
}

void fault_memory_plan(uint64_t at)
{
    memory.at = at;
    memory.n = 0;
}

uint64_t fault_memory_allocations(void)
{
    return memory.n;
}
