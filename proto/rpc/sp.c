/* See sp.h. Every number is compared with its bound as soon as its last byte is here. */
#include "proto/rpc/sp.h"

#include <string.h>

enum {
    IPC_MARK = 0x01,
    LENGTH_BYTES = 8,
    WORD_BYTES = 4,
};

static const uint8_t caller_greeting[OC_SP_GREETING_BYTES] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
static const uint8_t gateway_greeting[OC_SP_GREETING_BYTES] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};

static const uint8_t *greeting_of(enum oc_sp_role role)
{
    return role == OC_SP_CALLER ? caller_greeting : gateway_greeting;
}

void oc_sp_greeting(enum oc_sp_role role, uint8_t out[OC_SP_GREETING_BYTES])
{
    memcpy(out, greeting_of(role), OC_SP_GREETING_BYTES);
}

bool oc_sp_greeting_matches(enum oc_sp_role role, const uint8_t *bytes, size_t n)
{
    enum oc_sp_role peer = role == OC_SP_CALLER ? OC_SP_GATEWAY : OC_SP_CALLER;
    return memcmp(greeting_of(peer), bytes, n) == 0;
}

static size_t prefix_bytes(bool is_ipc)
{
    return is_ipc ? 1 + LENGTH_BYTES : LENGTH_BYTES;
}

static uint32_t get_word(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint64_t get_length(const uint8_t *bytes)
{
    return (uint64_t)get_word(bytes) << 32 | get_word(bytes + WORD_BYTES);
}

static void put_word(uint8_t *out, uint32_t word)
{
    out[0] = (uint8_t)(word >> 24);
    out[1] = (uint8_t)(word >> 16);
    out[2] = (uint8_t)(word >> 8);
    out[3] = (uint8_t)word;
}

static void put_length(uint8_t *out, uint64_t length)
{
    put_word(out, (uint32_t)(length >> 32));
    put_word(out + WORD_BYTES, (uint32_t)length);
}

enum oc_sp_result oc_sp_next(bool is_ipc, const uint8_t *bytes, size_t n, uint64_t max_length,
                             struct oc_sp_frame *frame)
{
    const size_t n_prefix = prefix_bytes(is_ipc);
    if (is_ipc && n > 0 && bytes[0] != IPC_MARK) {
        return OC_SP_BROKEN;
    }
    if (n < n_prefix) {
        return OC_SP_NEED_MORE;
    }
    const uint64_t length = get_length(bytes + n_prefix - LENGTH_BYTES);
    if (length > max_length || length < WORD_BYTES) {
        return OC_SP_BROKEN;
    }
    if (n > n_prefix && (bytes[n_prefix] & 0x80) == 0) {
        return OC_SP_BROKEN;
    }
    if (n - n_prefix < length) {
        return OC_SP_NEED_MORE;
    }
    frame->word = get_word(bytes + n_prefix);
    frame->body = bytes + n_prefix + WORD_BYTES;
    frame->n_body = (size_t)length - WORD_BYTES;
    frame->n_consumed = n_prefix + (size_t)length;
    return OC_SP_FRAME;
}

size_t oc_sp_header(bool is_ipc, uint32_t word, size_t n_body, uint8_t out[OC_SP_MAX_HEADER_BYTES])
{
    const size_t n_prefix = prefix_bytes(is_ipc);
    out[0] = IPC_MARK; /* on tcp the length overwrites it */
    put_length(out + n_prefix - LENGTH_BYTES, (uint64_t)n_body + WORD_BYTES);
    put_word(out + n_prefix, word);
    return n_prefix + WORD_BYTES;
}

uint64_t oc_sp_wanted(bool is_ipc, const uint8_t *bytes, size_t n)
{
    const size_t n_prefix = prefix_bytes(is_ipc);
    if (n < n_prefix) {
        return 0;
    }
    const uint64_t length = get_length(bytes + n_prefix - LENGTH_BYTES);
    return length > UINT64_MAX - n_prefix ? UINT64_MAX : length + n_prefix;
}
