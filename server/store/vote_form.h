/*
 * The votes for an open request as one value of its row: their form, and behind it what
 * authenticates it; see server/store/README.md. Pure.
 *
 * Invariant: a set of votes has one form; what is not exactly that, under this key, of this
 * gateway, device, request and ask, is refused whole.
 */
#pragma once

#include <stdbool.h>

#include "proto/crypto/digest.h"
#include "server/domain/record.h"

enum {
    VOTE_ID_BYTES = 16,
    VOTE_FORM_BYTES = 1 + PAIRING_VOTES_KEPT * (1 + OC_MAX_ACTOR_BYTES + 2 * OC_DIGEST_BYTES + 8) +
                      OC_DIGEST_BYTES,
};

struct vote_authority {
    struct oc_hmac *hmac; /* of the row key */
    const uint8_t *gateway_id;
    const struct oc_device_id *device_id;
};

/* Returns the number of bytes; 0 for no votes. */
size_t vote_encode(const struct vote_authority *authority, const struct pairing_request *request,
                   uint8_t out[VOTE_FORM_BYTES]);
/* False, and no votes, if it is not such a form; id and digest of the request are read. */
bool vote_decode(const struct vote_authority *authority, const uint8_t *bytes, size_t n,
                 struct pairing_request *request);
