/*
 * What a refused agent prints, as one piece of code for both ends: the gateway sends it to clients
 * of other makers, ours composes it from facts it checked or computed itself. (Text that a gateway
 * sent is never printed by us, so a hostile one cannot put words or control sequences on a
 * terminal.) Pure.
 */
#pragma once

#include <openclaw/types.h>

enum {
    OC_REFUSAL_TEXT_BYTES = 2048,
    OC_REFUSAL_MOST_DIR_BYTES = 200, /* of a longer data directory the usual one is named */
};

struct oc_refusal_facts {
    const char *gateway_url; /* canonical, at most 320 bytes */
    struct oc_digest gateway_spki;
    struct oc_device_id device_id;
    enum oc_refusal_kind kind;
    struct oc_request_id request_id; /* "": none */
    enum oc_why why;
    uint32_t retry_after_ms;
    const char *code;     /* "4821-7730"; "": none */
    bool goes_on;         /* the agent tries again by itself */
    const char *data_dir; /* the agent's; NULL: not known */
};

/* Writes the whole block; it ends in a newline. */
void oc_refusal_text_format(const struct oc_refusal_facts *facts, char out[OC_REFUSAL_TEXT_BYTES]);
