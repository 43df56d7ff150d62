/*
 * The lines of a refusal. Whatever the reason, "fix" names the command that ends it, and where the
 * same would happen again without a change on the agent's side, "also" names that one.
 */
#include "proto/base/refusal_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "proto/base/hex.h"

#define USUAL_DATA_DIR "/root/.openclaw" /* in a container */

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

/* What stands in the way of any device is said before what stands in the way of this one. */
static const char *cause(const struct oc_refusal_facts *facts)
{
    if (facts->kind == OC_REFUSAL_BUSY) {
        return "busy: too many requests are open, or this one came too soon";
    }
    if (facts->kind == OC_REFUSAL_LOCKED) {
        return "locked: the gateway's records are missing, damaged or rolled back";
    }
    return oc_why_text(facts->why);
}

static void add_again(struct block *block, const struct oc_refusal_facts *facts)
{
    if (facts->retry_after_ms > 0 && facts->request_id.text[0] == '\0') {
        add(block, "  again    not before %" PRIu32 " s from now\n",
            facts->retry_after_ms / 1000 + (facts->retry_after_ms % 1000 != 0));
    }
}

/* After a command that lets the device ask again. */
static void add_then(struct block *block, const struct oc_refusal_facts *facts)
{
    add(block, "  then     %s; its new request awaits approval\n",
        facts->goes_on ? "wait: this agent keeps asking" : "start this agent again");
}

static void add_fix(struct block *block, const struct oc_refusal_facts *facts)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_device_id_format(&facts->device_id, id);
    if (facts->kind == OC_REFUSAL_LOCKED) {
        add(block, "  fix      on the gateway machine run:  openclaw gateway status\n");
    } else if (facts->kind == OC_REFUSAL_BLOCKED) {
        add(block, "  fix      on the gateway machine run:  openclaw devices unblock %s\n", id);
        add_then(block, facts);
    } else if (facts->kind == OC_REFUSAL_REJECTED || facts->kind == OC_REFUSAL_REVOKED) {
        add(block, "  fix      on the gateway machine run:  openclaw devices expect %s\n", id);
        add_then(block, facts);
    } else if (facts->request_id.text[0] != '\0') {
        add(block, "  fix      on the gateway machine run:  openclaw devices approve %s\n",
            facts->request_id.text);
    } else {
        add(block, "  fix      %s\n",
            facts->goes_on ? "none needed: this agent tries again by itself"
                           : "start this agent again later");
    }
}

/* A path that a person can type again as it stands. */
static bool is_plain(const char *path)
{
    size_t n = 0;
    for (; path[n] != '\0'; n++) {
        if (path[n] <= ' ' || path[n] > '~' || n == OC_REFUSAL_MOST_DIR_BYTES) {
            return false;
        }
    }
    return n > 0;
}

static void add_volume(struct block *block, const char *before, const char *data_dir)
{
    bool is_named = data_dir && is_plain(data_dir);
    add(block,
        "  also     %s\n"
        "           docker run -v /host/path/openclaw-data:%s your-openclaw-image\n",
        before, is_named ? data_dir : USUAL_DATA_DIR);
}

/* What approving alone does not mend. */
static void add_also(struct block *block, const struct oc_refusal_facts *facts)
{
    if (facts->kind != OC_REFUSAL_PAIRING_REQUIRED || facts->request_id.text[0] == '\0') {
        return;
    }
    if (facts->why == OC_WHY_IDENTITY_CHANGED) {
        add_volume(block,
                   "a fresh data directory is a new device; keep it, in a container on a "
                   "volume:",
                   facts->data_dir);
    } else if (facts->why == OC_WHY_ADDITIONAL_INSTANCE) {
        add_volume(block,
                   "if this agent was approved before, keep its data directory, in a "
                   "container on a volume:",
                   facts->data_dir);
    } else if (facts->why == OC_WHY_RECORDS_RESET) {
        add(block, "  also     keep this agent's data directory: its key is still good\n");
    }
}

void oc_refusal_text_format(const struct oc_refusal_facts *facts, char out[OC_REFUSAL_TEXT_BYTES])
{
    struct block block = {.out = out};
    char pin[2 * OC_DIGEST_BYTES + 1];
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_hex_format(facts->gateway_spki.bytes, sizeof facts->gateway_spki.bytes, pin);
    oc_device_id_format(&facts->device_id, id);
    add(&block, "%s\n", headline(facts->kind));
    add(&block, "  gateway  %s  sha256:%s\n", facts->gateway_url, pin);
    add(&block, "  device   %s\n", id);
    if (facts->request_id.text[0] != '\0') {
        add(&block, "  request  %s   awaiting approval", facts->request_id.text);
        add(&block, facts->code[0] ? "   code %s\n" : "%s\n", facts->code);
    }
    const char *why = cause(facts);
    if (*why) {
        add(&block, "  why      %s\n", why);
    }
    add_again(&block, facts);
    add_fix(&block, facts);
    add_also(&block, facts);
}
