/*
 * Records as the index keeps them: a variable-length run of bytes in which what is absent costs a
 * bit. Pure functions. The bytes never leave the process, so their form may change at will.
 *
 * Unpacking trusts its input: it is memory that the packing half wrote.
 */
#pragma once

#include "server/domain/record.h"

/* A packed value on the heap; packed_free releases it. */
enum {
    PACKED_SIGHTING_BYTES = 255, /* at most */
};

struct packed {
    uint8_t *bytes; /* NULL: none */
    uint16_t n;
};

/* Harmless on none. */
void packed_free(struct packed *packed);

/* Everything but the device id, which is the index's key. False when out of memory. */
bool packed_from_pairing(const struct pairing *pairing, struct packed *out);
void packed_to_pairing(const struct packed *packed, const struct oc_device_id *id,
                       struct pairing *out);

/* The generation alone, without unpacking. */
uint64_t packed_generation(const struct packed *packed);
/* The ids of the open request and of the last closed one alone ("" if none). */
void packed_request_ids(const struct packed *packed, struct oc_request_id *open,
                        struct oc_request_id *closed);

/* The names alone: the administrator's and the claimed one. */
void packed_names(const struct packed *packed, char alias[OC_MAX_NAME_BYTES + 1],
                  char claimed_name[OC_MAX_NAME_BYTES + 1]);

/* Everything but seen_ms, which changes too often. False when out of memory. */
bool packed_from_sighting(const struct sighting *sighting, struct packed *out);
void packed_to_sighting(const struct packed *packed, int64_t seen_ms, struct sighting *out);
