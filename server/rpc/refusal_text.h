/* What a refused agent prints, whole, but for the pairing code, which only the two ends know. */
#pragma once

#include "proto/base/refusal_text.h"
#include "server/service/pairing_service.h"

enum {
    REFUSAL_ADDRESS_BYTES = 300,
};

/* What every refusal of one listener says of the gateway. */
struct refusal_gateway {
    char address[REFUSAL_ADDRESS_BYTES]; /* "tls+tcp://gw.example:18789" */
    struct oc_digest spki_sha256;        /* the pin */
};

/* Writes the block, lines ended by newlines, and a NUL. The agent puts "   code 4821-7730" at the
 * end of the line that begins "  request". Thread: any; pure. */
void refusal_text_format(const struct refusal_gateway *gateway, const struct oc_device_id *device,
                         const struct refusal_facts *facts, char out[OC_REFUSAL_TEXT_BYTES]);
