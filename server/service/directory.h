/*
 * The directory: finds devices by what is not their id (request ids, aliases, hosts).
 *
 * The writer thread alone changes it, whenever it publishes a record; any thread may ask. Its own
 * mutex guards it, which is never held together with a shard's. Answers are device ids: what they
 * say about a device is read from the index afterwards, and may have changed.
 */
#pragma once

#include "server/service/hosts.h"
#include "server/service/index.h"

enum {
    DIRECTORY_CLOSED_KEPT = 4096, /* closed request ids remembered, to tell "no longer open" */
    DIRECTORY_SAME_HOST = 8,      /* devices of one host that are looked at */
};

struct closed_request {
    uint64_t number; /* 0: unused */
    struct oc_device_id id;
};

struct directory {
    pthread_mutex_t mutex;  /* guards everything below */
    struct table requests;  /* open and replaced ids -> entry */
    struct table aliases;   /* hash of the alias -> entry */
    struct hosts hosts;     /* by a hash of the host hint */
    struct table closed_by; /* number -> struct closed_request of the ring */
    struct closed_request closed[DIRECTORY_CLOSED_KEPT];
    size_t next_closed;
    uint64_t seed;
};

void directory_init(struct directory *directory, uint64_t seed);
void directory_deinit(struct directory *directory);

/* A record of that host is put in soon; see table_expect. */
void directory_expect(struct directory *directory, const uint8_t host_hint[OC_INSTANCE_BYTES]);

/* Makes room for the names of n records that are not noted yet; false when out of memory. */
bool directory_reserve(struct directory *directory, size_t n);
/* Takes note that `was` (a stranger's record for none) becomes `is`. Room must be reserved. */
void directory_update(struct directory *directory, struct entry *entry, const struct pairing *was,
                      const struct pairing *is, const uint8_t host_hint[OC_INSTANCE_BYTES]);

bool directory_find_request(struct directory *directory, const struct oc_request_id *request_id,
                            struct oc_device_id *out);
/* `alias` must still be compared with the record's. */
size_t directory_find_alias(struct directory *directory, const char *alias,
                            struct oc_device_id *out, size_t max);
/* Approved ones. The hint must still be compared with the device's. */
size_t directory_find_host(struct directory *directory, const uint8_t hint[OC_INSTANCE_BYTES],
                           struct oc_device_id out[DIRECTORY_SAME_HOST]);

/* How many devices claim the host that this hint is of. A device that claims another host than when
 * its record was last written is counted under that one. */
struct host_totals directory_count_host(struct directory *directory,
                                        const uint8_t hint[OC_INSTANCE_BYTES]);
