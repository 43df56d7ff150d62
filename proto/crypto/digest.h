/*
 * Digests over values both ends compute: SHA-256 and HMAC-SHA-256, by OpenSSL, fetched once.
 * Thread: any. A failure of the library inside these is a broken process and aborts.
 */
#pragma once

#include <openclaw/types.h>

#include "proto/base/secret.h"

struct oc_bytes {
    const void *data;
    size_t n;
};

/* SHA-256 over the pieces, concatenated as they are: callers separate fields themselves. */
struct oc_digest oc_sha256(const struct oc_bytes *pieces, size_t n_pieces);

/* HMAC-SHA-256 over the pieces, concatenated. */
struct oc_digest oc_hmac_sha256(const struct oc_key *key, const struct oc_bytes *pieces,
                                size_t n_pieces);

/*
 * The same under a key that is set up once, which takes longer than a short digest.
 * Owns:   oc_hmac_free, which wipes the key. NULL when out of memory.
 * Thread: one at a time.
 */
struct oc_hmac;
struct oc_hmac *oc_hmac_new(const struct oc_key *key);
void oc_hmac_free(struct oc_hmac *hmac);
struct oc_digest oc_hmac_digest(struct oc_hmac *hmac, const struct oc_bytes *pieces,
                                size_t n_pieces);
