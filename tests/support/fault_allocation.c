/* Failing allocations; see fault_allocation.h. */
#include "tests/support/fault_allocation.h"

#include <stdatomic.h>
#include <stddef.h>

/* Allocations until one fails; 0: none does. */
static atomic_int countdown;

static bool is_to_fail(void)
{
    return atomic_load(&countdown) > 0 && atomic_fetch_sub(&countdown, 1) == 1;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *memory, size_t n);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *memory, size_t n);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t n)
{
    return is_to_fail() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return is_to_fail() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *memory, size_t n)
{
    return is_to_fail() ? NULL : __real_realloc(memory, n);
}

char *__wrap_strdup(const char *text)
{
    return is_to_fail() ? NULL : __real_strdup(text);
}

void fault_allocation_plan(int at)
{
    atomic_store(&countdown, at);
}

bool fault_allocation_end(void)
{
    return atomic_exchange(&countdown, 0) == 0;
}
