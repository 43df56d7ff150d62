/*
 * Scalability Protocols framing (REQ/REP, version 0): bytes in, frames out. No sockets, no TLS.
 *
 * The stream is an 8-byte greeting, then messages: on ipc one byte 0x01, then a 64-bit big-endian
 * length that counts a 32-bit word with its top bit set (it correlates request and reply) and the
 * body. A second routing word (top bit clear in the first one) closes the connection.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum oc_sp_role {
    OC_SP_CALLER,  /* we are REQ: we send ...30, expect ...31 */
    OC_SP_GATEWAY, /* we are REP: we send ...31, expect ...30 */
};

enum {
    OC_SP_GREETING_BYTES = 8,
    OC_SP_MAX_HEADER_BYTES = 1 + 8 + 4,
};

enum oc_sp_result {
    OC_SP_NEED_MORE, /* nothing complete yet */
    OC_SP_FRAME,     /* *frame was filled */
    OC_SP_BROKEN,    /* not the protocol, or over a bound: close */
};

struct oc_sp_frame {
    uint32_t word;       /* top bit set */
    const uint8_t *body; /* borrowed from the bytes given */
    size_t n_body;
    size_t n_consumed; /* of the bytes given */
};

/* The greeting that `role` sends. */
void oc_sp_greeting(enum oc_sp_role role, uint8_t out[OC_SP_GREETING_BYTES]);

/* Whether the first n (at most 8) bytes of the peer's greeting are right so far, when we are
 * `role`. */
bool oc_sp_greeting_matches(enum oc_sp_role role, const uint8_t *bytes, size_t n);

/*
 * Looks at the front of `bytes` for one message. max_length bounds the 64-bit length field; it is
 * compared before anything else is done with it, as soon as the field is complete.
 */
enum oc_sp_result oc_sp_next(bool is_ipc, const uint8_t *bytes, size_t n, uint64_t max_length,
                             struct oc_sp_frame *frame);

/* Writes the header of a message with n_body bytes; returns its length (12 or 13). */
size_t oc_sp_header(bool is_ipc, uint32_t word, size_t n_body, uint8_t out[OC_SP_MAX_HEADER_BYTES]);

/* Bytes that the message at the front needs in all, if its length is already known (0 if not). */
uint64_t oc_sp_wanted(bool is_ipc, const uint8_t *bytes, size_t n);
