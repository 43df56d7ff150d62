/* A stream listener of NNG at one of our addresses: modes, options and the kernel's queue. */
#pragma once

#include <stddef.h>

#include <nng/nng.h>

#include "proto/rpc/address.h"

/*
 * Makes it and listens. The port that the kernel picked replaces the one of `url`, which has room
 * for cap bytes.
 *
 * Owns:  *out, also when it fails: close and free it unless it is NULL.
 * Fails: NNG's reason; 0 is none.
 */
int oc_listening_start(const struct oc_address *address, char *url, size_t cap,
                       nng_stream_listener **out);
