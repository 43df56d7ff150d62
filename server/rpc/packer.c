/* See packer.h. */
#include "server/rpc/packer.h"

#include <stdlib.h>

#include "proto/rpc/wire.h"

enum {
    FIRST_BYTES = 16 * 1024,
    TAG_AND_LENGTH_BYTES = 16,
};

static bool has_room(struct packer *packer, size_t n)
{
    if (packer->is_full || n > packer->max - packer->n) {
        packer->is_full = true;
        return false;
    }
    size_t cap = packer->cap != 0 ? packer->cap : FIRST_BYTES;
    while (cap < packer->n + n) {
        cap *= 2;
    }
    if (cap > packer->cap) {
        uint8_t *bytes = realloc(packer->bytes, cap);
        packer->is_full = !bytes;
        packer->bytes = bytes ? bytes : packer->bytes;
        packer->cap = bytes ? cap : packer->cap;
    }
    return !packer->is_full;
}

void packer_add_item(struct packer *packer, uint32_t field, const ProtobufCMessage *message)
{
    const size_t n = protobuf_c_message_get_packed_size(message);
    if (has_room(packer, n + TAG_AND_LENGTH_BYTES)) {
        struct oc_wire_writer writer = {.out = packer->bytes, .cap = packer->cap, .n = packer->n};
        oc_wire_put_length(&writer, field, n);
        packer->n = writer.n + protobuf_c_message_pack(message, packer->bytes + writer.n);
    }
}

void packer_add_rest(struct packer *packer, const ProtobufCMessage *message)
{
    const size_t n = protobuf_c_message_get_packed_size(message);
    if (has_room(packer, n)) {
        packer->n += protobuf_c_message_pack(message, packer->bytes + packer->n);
    }
}

void packer_reset(struct packer *packer)
{
    packer->n = 0;
    packer->is_full = false;
}

void packer_deinit(struct packer *packer)
{
    free(packer->bytes);
}
