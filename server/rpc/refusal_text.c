/* See refusal_text.h. */
#include "server/rpc/refusal_text.h"

#include <assert.h>

void refusal_text_format(const struct refusal_gateway *gateway, const struct oc_device_id *device,
                         const struct refusal_facts *facts, char out[OC_REFUSAL_TEXT_BYTES])
{
    assert((unsigned)facts->kind < OC_REFUSAL_COUNT);
    const struct oc_refusal_facts words = {
        .gateway_url = gateway->address,
        .gateway_spki = gateway->spki_sha256,
        .device_id = *device,
        .kind = facts->kind,
        .request_id = facts->request_id,
        .why = facts->why,
        .retry_after_ms = facts->retry_after_ms,
        .code = "",
    };
    oc_refusal_text_format(&words, out);
}
