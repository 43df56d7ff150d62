/* A line of the gateway's doctor: whatever it holds, texts lie inside it, and end there. */
#include <stdlib.h>
#include <string.h>

#include "cli/flat_json.h"
#include "tests/fuzz/fuzz_target.h"

static bool lies_within(const char *text, const char *line, size_t n)
{
    return text >= line && text + strlen(text) <= line + n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flat_object object;
    char *line = malloc(size + 1);
    if (!line) {
        abort();
    }
    memcpy(line, data, size);
    line[size] = '\0';
    if (flat_json_read(line, &object)) {
        for (size_t i = 0; i < object.n; i++) {
            if (!lies_within(object.members[i].key, line, size) ||
                !lies_within(object.members[i].value, line, size)) {
                abort();
            }
        }
        (void)flat_json_value(&object, "check");
    }
    free(line);
    return 0;
}
