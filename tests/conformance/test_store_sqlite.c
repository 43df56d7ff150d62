/* The store's contract over SQLite. */
#include "tests/conformance/store_suite.h"

int main(void)
{
    const struct suite_backend backend = {
        .name = "store on SQLite",
        .open = store_open_sqlite,
        .is_durable = true,
    };
    return store_suite_run(&backend);
}
