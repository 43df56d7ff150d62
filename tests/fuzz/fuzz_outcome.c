/*
 * The note of an agent's last attempt, as found on its disk: what is read can be written, and reads
 * back the same.
 */
#include <stdlib.h>
#include <string.h>

#include "client/outcome.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct oc_outcome first;
    struct oc_outcome second;
    char first_url[OC_GATEWAY_URL_BYTES];
    char second_url[OC_GATEWAY_URL_BYTES];
    char text[OC_OUTCOME_BYTES];
    char again[OC_OUTCOME_BYTES];
    if (oc_outcome_parse((const char *)data, size, first_url, &first, NULL)) {
        return 0;
    }
    size_t n = oc_outcome_format(first_url, &first, text);
    if (n == 0 || oc_outcome_parse(text, n, second_url, &second, NULL) ||
        oc_outcome_format(second_url, &second, again) != n || memcmp(text, again, n) != 0) {
        abort();
    }
    return 0;
}
