/*
 * Files of a client as found on its disk, what an agent recorded of a gateway and an
 * administrator's bundle: what is read can be written, and reads back the same.
 */
#include <stdlib.h>
#include <string.h>

#include "client/bundle_text.h"
#include "client/gateway_record.h"
#include "tests/fuzz/fuzz_target.h"

static void try_bundle(const char *data, size_t size)
{
    static char text[OC_BUNDLE_FILE_BYTES];
    static char again[OC_BUNDLE_FILE_BYTES];
    struct oc_bundle_text first;
    struct oc_bundle_text second;
    if (size > OC_BUNDLE_FILE_BYTES - 1 || oc_bundle_text_parse(data, size, &first, NULL)) {
        return;
    }
    size_t n = oc_bundle_text_format(&first, text, sizeof text);
    if (n == 0 || oc_bundle_text_parse(text, n, &second, NULL) ||
        oc_bundle_text_format(&second, again, sizeof again) != n || memcmp(text, again, n) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct oc_gateway_record first;
    struct oc_gateway_record second;
    char text[OC_GATEWAY_RECORD_BYTES];
    try_bundle((const char *)data, size);
    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    if (oc_gateway_record_parse((const char *)data, size, &first, NULL)) {
        return 0;
    }
    size_t n = oc_gateway_record_format(&first, text);
    if (n == 0 || oc_gateway_record_parse(text, n, &second, NULL) ||
        strcmp(first.url, second.url) != 0 || first.trust.n_pins != second.trust.n_pins ||
        memcmp(first.trust.pins, second.trust.pins, sizeof first.trust.pins) != 0 ||
        first.receipt.n_signature != second.receipt.n_signature ||
        first.n_sessions != second.n_sessions) {
        abort();
    }
    return 0;
}
