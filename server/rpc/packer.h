/*
 * A list reply, packed item by item as they are found, so that a page of devices never stands in
 * memory twice. Serialised messages may be concatenated: the rest of the reply follows.
 */
#pragma once

#include <stdbool.h>

#include <protobuf-c/protobuf-c.h>

struct packer {
    uint8_t *bytes; /* free() it */
    size_t n;
    size_t cap;
    size_t max;   /* more is not taken */
    bool is_full; /* an item did not fit (or memory is out): what is here is not whole */
};

/* Adds `message` as one item of the repeated field. */
void packer_add_item(struct packer *packer, uint32_t field, const ProtobufCMessage *message);
/* Adds the fields of `message` themselves. */
void packer_add_rest(struct packer *packer, const ProtobufCMessage *message);
/* Forgets what is there and keeps the memory. */
void packer_reset(struct packer *packer);
void packer_deinit(struct packer *packer);
