/*
 * What tells of decisions that this database does not have, while the gateway is locked: the marker
 * beside it, and the receipts that devices show. A receipt is kept only if our own key signed it
 * for the device that shows it, so nobody who was never approved here costs memory.
 */
#pragma once

#include <pthread.h>

#include "server/service/service.h"

struct missing {
    pthread_mutex_t mutex; /* guards the rest; a leaf */
    bool has_marker;       /* as it was when the gateway was locked */
    struct store_identity marker;
    struct missing_approval *held; /* one a device; MISSING_HELD of them, made for the first */
    size_t n_held;
    uint64_t n_more; /* shown when all places were taken; a device may be counted twice */
};

enum {
    MISSING_HELD = 1024, /* 48 KiB */
};

/* Reads the marker, if the gateway starts locked. */
void missing_init(struct missing *missing, const struct service_options *options);
void missing_deinit(struct missing *missing);
/* Locked now, with this marker: what was acknowledged. Any thread. */
void missing_set_marker(struct missing *missing, const struct store_identity *marker);
/* An administrator took the records as they are: nothing is missing any more. Any thread. */
void missing_forget(struct missing *missing);

/*
 * A device shows a receipt to a locked gateway. Costs a signature check if it may tell of something
 * new, and nothing otherwise. Any thread, no shard locked.
 */
void missing_note(struct service *service, const struct oc_device_id *id,
                  const struct oc_receipt *receipt);
/* The same of one whose signature was found to be good, and its number to be beyond ours. */
void missing_add(struct service *service, const struct oc_receipt *receipt);

/* What is known now, the latest approvals of those that are held. */
void missing_read(struct service *service, struct missing_facts *out);
