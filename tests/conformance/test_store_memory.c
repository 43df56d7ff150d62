/* The store's contract over the backend in memory. */
#include "tests/conformance/store_suite.h"

int main(void)
{
    const struct suite_backend backend = {
        .name = "store in memory",
        .open = store_open_memory,
    };
    return store_suite_run(&backend);
}
