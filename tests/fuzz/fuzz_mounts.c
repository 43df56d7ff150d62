/* Lines of mountinfo, of which a container's host may have chosen the paths. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/mounts.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mount_facts facts;
    FILE *lines = size > 0 ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
    if (!lines) {
        return 0;
    }
    if (mount_find(lines, "/root/.openclaw", &facts)) {
        size_t n = strlen(facts.point);
        if (n == 0 || (n > 1 && strncmp(facts.point, "/root/.openclaw", n) != 0)) {
            abort();
        }
        (void)mount_judge(&facts, true);
    }
    (void)fclose(lines);
    return 0;
}
