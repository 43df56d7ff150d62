/* What the client reads of the machine it runs on: names, ids, randomness. */
#pragma once

#include <openclaw/error.h>
#include <openclaw/types.h>
#include <signal.h>

enum {
    OC_HOST_HINT_BYTES = 16,
};

/* Fills with random bytes of the kernel. A kernel that has none is a broken one: aborts. */
void oc_random_fill(void *out, size_t n);

/* Blocks every signal for this thread and those it starts: signals are for the program's own
 * threads. Give *before to oc_signals_restore. */
void oc_signals_block(sigset_t *before);
void oc_signals_restore(const sigset_t *before);

/* The host name, cut to its printable ASCII part; "" if there is none. */
void oc_host_name(char out[OC_MAX_NAME_BYTES + 1]);

/* "linux x86_64". */
void oc_host_platform(char out[OC_MAX_PLATFORM_BYTES + 1]);

/* The first 16 bytes of HMAC-SHA-256(key: the gateway's pin, machine id or else boot id): the same
 * for all agents of a host towards one gateway, and of no use to any other. False: no id here. */
bool oc_host_hint(const struct oc_digest *gateway_spki, uint8_t out[OC_HOST_HINT_BYTES]);
