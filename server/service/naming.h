/*
 * Names and nonces that the gateway derives from its secret, so that the same ask keeps its
 * request id over retries and restarts without anything being stored. Thread: any.
 */
#pragma once

#include "proto/base/secret.h"
#include "server/domain/pairing.h"

struct naming {
    struct oc_key request_key;
    struct oc_key nonce_key;
    struct oc_key host_key;
};

void naming_init(struct naming *naming, const struct oc_key *secret);
void naming_deinit(struct naming *naming);

struct oc_digest naming_ask_digest(const struct oc_device_id *id, const struct ask *ask);
/* What this ask's request is called after `generation` decisions. */
struct oc_request_id naming_request_id(const struct naming *naming, const struct oc_device_id *id,
                                       const struct oc_digest *ask_digest, uint64_t generation);
/* What a host is called in lists: of use at this gateway alone, the same after a restart, and
 * nothing from which the hint could be had. 1 to 2^53 - 1, so that any JSON reader keeps it. */
uint64_t naming_host_group(const struct naming *naming, const uint8_t hint[OC_INSTANCE_BYTES]);
/* Fixed for a request and a commitment. */
void naming_gateway_nonce(const struct naming *naming, const struct oc_device_id *id,
                          const struct oc_request_id *request_id,
                          const struct oc_digest *commitment, uint8_t out[OC_NONCE_BYTES]);
