/* See refusal_text.h. */
#include "client/refusal_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "client/gateway_record.h"

struct block {
    char *out;
    size_t n;
};

/* What does not fit is cut: the bound holds every block there is, with the longest address. */
__attribute__((format(printf, 2, 3))) static void add(struct block *block, const char *format, ...)
{
    size_t room = OC_REFUSAL_TEXT_BYTES - block->n;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(block->out + block->n, room, format, args);
    va_end(args);
    if (n > 0) {
        block->n += (size_t)n < room ? (size_t)n : room - 1;
    }
}

static const char *headline(enum oc_refusal_kind kind)
{
    switch (kind) {
    case OC_REFUSAL_REJECTED:
        return "Gateway pairing required: 403 Forbidden, this device's request was rejected.";
    case OC_REFUSAL_REVOKED:
        return "Gateway pairing required: 403 Forbidden, this device's pairing was revoked.";
    case OC_REFUSAL_BLOCKED:
        return "Gateway pairing required: 403 Forbidden, this device is blocked.";
    case OC_REFUSAL_BUSY:
        return "Gateway busy: it takes no more pairing requests for now.";
    case OC_REFUSAL_LOCKED:
        return "Gateway locked: it serves nobody until its administrator unlocks it.";
    case OC_REFUSAL_NONE:
    case OC_REFUSAL_PAIRING_REQUIRED:
    case OC_REFUSAL_COUNT:
        break;
    }
    return "Gateway pairing required.";
}

static void add_fix(struct block *block, const struct oc_refusal_facts *facts,
                    const char id[OC_DEVICE_ID_DIGITS + 1])
{
    add(block, "  fix      ");
    if (facts->kind == OC_REFUSAL_LOCKED) {
        add(block, "on the gateway machine run:  openclaw gateway status\n");
    } else if (facts->kind == OC_REFUSAL_BLOCKED) {
        add(block, "on the gateway machine run:  openclaw devices unblock %s\n", id);
    } else if (facts->request_id.text[0] != '\0') {
        add(block, "on the gateway machine run:  openclaw devices approve %s\n",
            facts->request_id.text);
    } else if (facts->kind == OC_REFUSAL_REJECTED || facts->kind == OC_REFUSAL_REVOKED) {
        add(block, "ask the gateway's administrator%s\n",
            facts->goes_on ? "; this agent keeps asking" : ", then start this agent again");
    } else {
        add(block, "%s\n",
            facts->goes_on ? "none needed: this agent tries again by itself"
                           : "start this agent again later");
    }
}

void oc_refusal_text_format(const struct oc_refusal_facts *facts, char out[OC_REFUSAL_TEXT_BYTES])
{
    struct block block = {.out = out};
    char pin[OC_PIN_TEXT_BYTES];
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_pin_format(&facts->gateway_spki, pin);
    oc_device_id_format(&facts->device_id, id);
    add(&block, "%s\n", headline(facts->kind));
    add(&block, "  gateway  %s  %s\n", facts->gateway_url, pin);
    add(&block, "  device   %s\n", id);
    if (facts->request_id.text[0] != '\0') {
        add(&block, "  request  %s   awaiting approval", facts->request_id.text);
        add(&block, facts->code[0] ? "   code %s\n" : "%s\n", facts->code);
    }
    const char *why = oc_why_text(facts->why);
    if (*why) {
        add(&block, "  why      %s\n", why);
    }
    if (facts->retry_after_ms > 0 && facts->request_id.text[0] == '\0') {
        add(&block, "  again    not before %" PRIu32 " s from now\n",
            facts->retry_after_ms / 1000 + (facts->retry_after_ms % 1000 != 0));
    }
    add_fix(&block, facts, id);
}
