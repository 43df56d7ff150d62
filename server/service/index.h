/*
 * The index: every record in memory, packed, in 64 shards by device id with a mutex each.
 *
 * Invariant: memory is never more permissive than the disk. Only the writer thread changes
 * records; it publishes a grant after the commit that holds it, and a withdrawal before.
 *
 * A shard's mutex guards its entries, their peers and those peers' parked calls. Functions below
 * that take a shard or an entry want it locked. No two shards are locked at once, nothing else is
 * locked under one, and no callback runs under one.
 */
#pragma once

#include <pthread.h>

#include "proto/base/source_tree.h"
#include "server/service/packed.h"
#include "server/service/table.h"
#include "server/service/timer_wheel.h"

struct peer;
struct staged;

enum {
    INDEX_SHARDS = 64,
};

/* Each entry with a record is on one list of its shard. The order is that of pages: what awaits a
 * decision comes first. */
enum entry_group {
    ENTRY_OPEN, /* a request is open, whatever the standing */
    ENTRY_APPROVED,
    ENTRY_OTHER,   /* revoked, rejected, blocked; announced and not seen yet */
    ENTRY_NOTHING, /* tombstones, lapsed requests */
    ENTRY_GROUP_COUNT
};

/* What only devices need that are connected or await a decision. */
struct live {
    struct entry *owner;
    struct live *next; /* of the shard */
    struct live **link;
    struct peer *peers;
    struct peer *session;
    struct oc_source_slot slot;   /* of the open request, if it counts; open_requests.h */
    bool is_counted;              /* the slot is entered */
    struct oc_digest commitment;  /* the last new one, and when it came (monotonic) */
    int64_t commitment_ms;        /* 0: none yet */
    struct oc_request_id code_id; /* the request that `code` belongs to; "" none */
    char code[OC_CODE_DIGITS + 1];
    const struct peer *code_peer; /* who revealed the nonce for it */
    struct staged *staged; /* the newest change of the group on its way; writer thread only */
};

struct entry {
    struct oc_device_id id;
    struct entry *next;
    struct entry **link; /* the group's list; NULL: no record */
    struct live *live;
    uint8_t *record_bytes; /* NULL: no record, kept for its peers alone */
    uint8_t *sighting_bytes;
    int64_t seen_ms;
    int64_t due_ms;    /* the clockwork will look at this record then; 0: it will not */
    uint32_t host_key; /* the directory's, under its mutex; 0: its host is not known */
    uint32_t dirty_at; /* place on the shard's list of sightings to save, from 1; 0: not there */
    uint16_t n_record;
    uint16_t n_holds; /* changes on their way that will publish here */
    uint8_t n_sighting;
    uint8_t host_flags; /* the directory's too */
    uint8_t round;      /* the load that last found the record on disk; writer thread only */
    unsigned group : 4; /* these two change together, under the mutex */
    unsigned state : 4; /* enum oc_state, as lists show it */
};
/* There is one for every device; of 8 bytes more malloc would take 16. */
_Static_assert(ENTRY_GROUP_COUNT <= 16 && OC_STATE_COUNT <= 16 && PACKED_SIGHTING_BYTES <= 255,
               "they fit their fields");
_Static_assert(sizeof(struct entry) <= 104 || sizeof(void *) != 8, "an entry grew");

struct shard {
    pthread_mutex_t mutex; /* guards what this file's head says */
    pthread_cond_t callbacks_ended;
    struct table entries;
    struct live *lives; /* of every entry that has one */
    struct entry *groups[ENTRY_GROUP_COUNT];
    size_t n_in_group[ENTRY_GROUP_COUNT];
    size_t n_in_state[OC_STATE_COUNT];
    size_t n_quarantined;
    struct timer_wheel wheel;
    struct entry **dirty;
    size_t n_dirty, cap_dirty;
};

struct index {
    struct shard shards[INDEX_SHARDS];
};

void index_init(struct index *index, uint64_t seed, int64_t monotonic_ms);
/* No peer may be left. */
void index_deinit(struct index *index);
struct shard *index_shard(struct index *index, const struct oc_device_id *id);

void shard_lock(struct shard *shard);
void shard_unlock(struct shard *shard);

struct entry *shard_find(struct shard *shard, const struct oc_device_id *id);
/* The device is looked for soon; see table_expect. */
void shard_expect(struct shard *shard, const struct oc_device_id *id);
/* Finds or makes the entry; NULL when out of memory. Give it a peer, a hold or a record, or trim.
 */
struct entry *shard_obtain(struct shard *shard, const struct oc_device_id *id);
/* False when out of memory. */
bool shard_make_live(struct shard *shard, struct entry *entry);
/* Frees what the entry no longer needs, and the entry itself if nothing needs it. */
void shard_trim(struct shard *shard, struct entry *entry);

/* The record as published; a stranger's without one. What a connection's presence means for an
 * open request is in attempted_ms. */
void entry_read(const struct entry *entry, struct pairing *out);
void entry_read_sighting(const struct entry *entry, struct sighting *out);
uint64_t entry_generation(const struct entry *entry);

/* Puts a record in force; takes record->bytes. `pairing` is the same, unpacked. */
void shard_publish(struct shard *shard, struct entry *entry, struct packed *record,
                   const struct pairing *pairing);
/* Drops the record: it was forgotten, or it is not on disk after all. */
void shard_withdraw_record(struct shard *shard, struct entry *entry);
/* Takes one entry off the list of sightings to save; NULL: none left. */
struct entry *shard_take_dirty(struct shard *shard);
/* Remembers how a device was last seen, to be saved lazily; keeps the older when out of memory. */
void shard_see(struct shard *shard, struct entry *entry, const struct sighting *sighting);
/* The device is still there. Of a blocked one nothing is noted: it would be written. */
void shard_touch(struct shard *shard, struct entry *entry, int64_t now_ms);

enum entry_group entry_group_of(const struct pairing *pairing);
/* The group's list changes only under the mutex. */
struct entry *shard_first_of(struct shard *shard, enum entry_group group);

/* Key of the shard's table: the id's first eight bytes. */
uint64_t index_key(const struct oc_device_id *id);
