/* See refusal_text.h. */
#include "server/rpc/refusal_text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/hex.h"

enum {
    FIX_BYTES = 160,
    MS_PER_S = 1000,
};

static const char *const titles[OC_REFUSAL_COUNT] = {
    [OC_REFUSAL_NONE] = "Gateway pairing required.",
    [OC_REFUSAL_PAIRING_REQUIRED] = "Gateway pairing required.",
    [OC_REFUSAL_REJECTED] =
        "Gateway pairing required: 403 Forbidden, this device's request was rejected.",
    [OC_REFUSAL_REVOKED] =
        "Gateway pairing required: 403 Forbidden, this device's pairing was revoked.",
    [OC_REFUSAL_BLOCKED] = "Gateway pairing required: 403 Forbidden, this device is blocked.",
    [OC_REFUSAL_BUSY] = "Gateway busy: it takes no more pairing requests for now.",
    [OC_REFUSAL_LOCKED] = "Gateway locked: it serves nobody until its administrator unlocks it.",
};

static const char *const reasons[OC_REFUSAL_COUNT] = {
    [OC_REFUSAL_BUSY] = "busy: too many requests are open, or this one came too soon",
    [OC_REFUSAL_LOCKED] = "locked: the gateway's records are missing, damaged or rolled back",
};

static uint32_t seconds_of(uint32_t ms)
{
    return ms / MS_PER_S + (ms % MS_PER_S != 0);
}

static void format_fix(const struct refusal_facts *facts, const char *device_id,
                       char out[FIX_BYTES])
{
    const uint32_t wait_s = seconds_of(facts->retry_after_ms);
    switch (facts->kind) {
    case OC_REFUSAL_NONE:
    case OC_REFUSAL_PAIRING_REQUIRED:
        (void)snprintf(out, FIX_BYTES, "on the gateway machine run:  openclaw devices approve %s",
                       facts->request_id.text);
        break;
    case OC_REFUSAL_REJECTED:
    case OC_REFUSAL_REVOKED:
        (void)snprintf(out, FIX_BYTES, "ask an administrator; a new request is possible in %u s",
                       wait_s);
        break;
    case OC_REFUSAL_BLOCKED:
        (void)snprintf(out, FIX_BYTES, "on the gateway machine run:  openclaw devices unblock %s",
                       device_id);
        break;
    case OC_REFUSAL_BUSY:
        (void)snprintf(out, FIX_BYTES, "try again in %u s", wait_s);
        break;
    case OC_REFUSAL_LOCKED:
        (void)snprintf(out, FIX_BYTES, "on the gateway machine run:  openclaw gateway status");
        break;
    case OC_REFUSAL_COUNT:
        out[0] = '\0';
        break;
    }
}

void refusal_text_format(const struct refusal_gateway *gateway, const struct oc_device_id *device,
                         const struct refusal_facts *facts, char out[REFUSAL_TEXT_BYTES])
{
    assert((unsigned)facts->kind < OC_REFUSAL_COUNT);
    char pin[2 * OC_DIGEST_BYTES + 1];
    char id[OC_DEVICE_ID_DIGITS + 1];
    char request[64] = "";
    char fix[FIX_BYTES];
    const char *why = reasons[facts->kind] ? reasons[facts->kind] : oc_why_text(facts->why);
    oc_hex_format(gateway->spki_sha256.bytes, sizeof gateway->spki_sha256.bytes, pin);
    oc_device_id_format(device, id);
    format_fix(facts, id, fix);
    if (facts->request_id.text[0] != '\0') {
        (void)snprintf(request, sizeof request, "  request  %s   awaiting approval\n",
                       facts->request_id.text);
    }
    (void)snprintf(out, REFUSAL_TEXT_BYTES,
                   "%s\n"
                   "  gateway  %s  sha256:%s\n"
                   "  device   %s\n"
                   "%s"
                   "  why      %s\n"
                   "  fix      %s\n",
                   titles[facts->kind], gateway->address, pin, id, request, why, fix);
}
