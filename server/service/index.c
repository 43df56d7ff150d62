#include "server/service/index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/secret.h"
#include "server/domain/pairing.h"

void index_init(struct index *index, uint64_t seed, int64_t monotonic_ms)
{
    for (size_t i = 0; i < INDEX_SHARDS; i++) {
        struct shard *shard = &index->shards[i];
        *shard = (struct shard){.n_dirty = 0};
        pthread_mutex_init(&shard->mutex, NULL);
        pthread_cond_init(&shard->callbacks_ended, NULL);
        table_init(&shard->entries, seed);
        timer_wheel_init(&shard->wheel, monotonic_ms);
    }
}

static void free_live(struct entry *entry)
{
    struct live *live = entry->live;
    if (!live) {
        return;
    }
    *live->link = live->next;
    if (live->next) {
        live->next->link = live->link;
    }
    oc_wipe(live, sizeof *live); /* it holds a pairing code */
    free(live);
    entry->live = NULL;
}

static void free_entry(void *user, void *value)
{
    struct entry *entry = value;
    (void)user;
    assert(!entry->live || !entry->live->peers);
    free_live(entry);
    free(entry->record_bytes);
    free(entry->sighting_bytes);
    free(entry);
}

void index_deinit(struct index *index)
{
    for (size_t i = 0; i < INDEX_SHARDS; i++) {
        struct shard *shard = &index->shards[i];
        table_each(&shard->entries, free_entry, NULL);
        table_deinit(&shard->entries);
        free(shard->dirty);
        pthread_cond_destroy(&shard->callbacks_ended);
        pthread_mutex_destroy(&shard->mutex);
    }
}

/* By the leading bits, so that walking the shards in order walks device ids in order. */
struct shard *index_shard(struct index *index, const struct oc_device_id *id)
{
    return &index->shards[id->bytes[0] >> 2];
}

void shard_lock(struct shard *shard)
{
    int rc = pthread_mutex_lock(&shard->mutex);
    assert(rc == 0);
}

void shard_unlock(struct shard *shard)
{
    int rc = pthread_mutex_unlock(&shard->mutex);
    assert(rc == 0);
}

uint64_t index_key(const struct oc_device_id *id)
{
    uint64_t key = 0;
    for (size_t i = 0; i < sizeof key; i++) {
        key = key << 8 | id->bytes[i];
    }
    return key;
}

static bool has_id(const void *value, const void *wanted)
{
    const struct entry *entry = value;
    return oc_device_id_equal(&entry->id, wanted);
}

struct entry *shard_find(struct shard *shard, const struct oc_device_id *id)
{
    return table_find(&shard->entries, index_key(id), has_id, id);
}

void shard_expect(struct shard *shard, const struct oc_device_id *id)
{
    table_expect(&shard->entries, index_key(id));
}

struct entry *shard_obtain(struct shard *shard, const struct oc_device_id *id)
{
    struct entry *entry = shard_find(shard, id);
    if (entry) {
        return entry;
    }
    if (!table_reserve(&shard->entries, 1)) {
        return NULL;
    }
    entry = calloc(1, sizeof *entry);
    if (entry) {
        entry->id = *id;
        table_insert(&shard->entries, index_key(id), entry);
    }
    return entry;
}

bool shard_make_live(struct shard *shard, struct entry *entry)
{
    if (entry->live) {
        return true;
    }
    struct live *live = calloc(1, sizeof *live);
    if (!live) {
        return false;
    }
    live->owner = entry;
    live->next = shard->lives;
    live->link = &shard->lives;
    if (live->next) {
        live->next->link = &live->next;
    }
    shard->lives = live;
    entry->live = live;
    return true;
}

void shard_trim(struct shard *shard, struct entry *entry)
{
    struct live *live = entry->live;
    bool is_open = entry->record_bytes && entry->group == ENTRY_OPEN;
    if (live && !live->peers && !live->is_counted && !is_open && entry->n_holds == 0) {
        free_live(entry);
    }
    if (!entry->live && !entry->record_bytes && entry->n_holds == 0) {
        bool was_there = table_remove(&shard->entries, index_key(&entry->id), entry);
        assert(was_there);
        free_entry(NULL, entry);
    }
}

static struct packed record_of(const struct entry *entry)
{
    return (struct packed){.bytes = entry->record_bytes, .n = entry->n_record};
}

void entry_read(const struct entry *entry, struct pairing *out)
{
    if (!entry->record_bytes) {
        *out = pairing_of_stranger(&entry->id);
        return;
    }
    struct packed record = record_of(entry);
    packed_to_pairing(&record, &entry->id, out);
    if (out->request.is_open && out->request.attempted_ms < entry->seen_ms) {
        out->request.attempted_ms = entry->seen_ms;
    }
}

void entry_read_sighting(const struct entry *entry, struct sighting *out)
{
    struct packed sighting = {.bytes = entry->sighting_bytes, .n = entry->n_sighting};
    packed_to_sighting(&sighting, entry->seen_ms, out);
}

uint64_t entry_generation(const struct entry *entry)
{
    struct packed record = record_of(entry);
    return record.bytes ? packed_generation(&record) : 0;
}

enum entry_group entry_group_of(const struct pairing *pairing)
{
    if (pairing->request.is_open) {
        return ENTRY_OPEN;
    }
    switch (pairing_state(pairing)) {
    case OC_STATE_APPROVED:
        return ENTRY_APPROVED;
    case OC_STATE_PENDING:
    case OC_STATE_REJECTED:
    case OC_STATE_REVOKED:
    case OC_STATE_BLOCKED:
        return pairing->is_removed ? ENTRY_NOTHING : ENTRY_OTHER;
    case OC_STATE_NONE:
    case OC_STATE_COUNT:
        break;
    }
    return pairing->expectation.is_set ? ENTRY_OTHER : ENTRY_NOTHING;
}

static void unlist(struct shard *shard, struct entry *entry)
{
    if (!entry->link) {
        return;
    }
    *entry->link = entry->next;
    if (entry->next) {
        entry->next->link = entry->link;
    }
    entry->link = NULL;
    shard->n_in_group[entry->group]--;
    shard->n_in_state[entry->state]--;
}

static void enlist(struct shard *shard, struct entry *entry, const struct pairing *pairing)
{
    entry->group = (unsigned)entry_group_of(pairing) & 0xfU;
    /* A tombstone's standing is nobody's concern: it is not listed as revoked. */
    entry->state =
        (unsigned)(entry->group == ENTRY_NOTHING ? OC_STATE_NONE : pairing_state(pairing)) & 0xfU;
    struct entry **head = &shard->groups[entry->group];
    entry->next = *head;
    entry->link = head;
    if (entry->next) {
        entry->next->link = &entry->next;
    }
    *head = entry;
    shard->n_in_group[entry->group]++;
    shard->n_in_state[entry->state]++;
}

/* Quarantined records are few; they are counted by looking. */
static size_t is_quarantined(const struct entry *entry)
{
    struct pairing pairing;
    if (!entry->record_bytes) {
        return 0;
    }
    entry_read(entry, &pairing);
    return pairing.is_quarantined ? 1 : 0;
}

void shard_publish(struct shard *shard, struct entry *entry, struct packed *record,
                   const struct pairing *pairing)
{
    shard->n_quarantined -= is_quarantined(entry);
    unlist(shard, entry);
    free(entry->record_bytes);
    entry->record_bytes = record->bytes;
    entry->n_record = record->n;
    *record = (struct packed){.bytes = NULL};
    enlist(shard, entry, pairing);
    shard->n_quarantined += pairing->is_quarantined ? 1 : 0;
}

void shard_withdraw_record(struct shard *shard, struct entry *entry)
{
    shard->n_quarantined -= is_quarantined(entry);
    unlist(shard, entry);
    free(entry->record_bytes);
    entry->record_bytes = NULL;
    entry->n_record = 0;
    if (entry->dirty_at > 0) {
        struct entry *last = shard->dirty[--shard->n_dirty];
        shard->dirty[entry->dirty_at - 1] = last;
        last->dirty_at = entry->dirty_at;
        entry->dirty_at = 0;
    }
}

struct entry *shard_take_dirty(struct shard *shard)
{
    if (shard->n_dirty == 0) {
        return NULL;
    }
    struct entry *entry = shard->dirty[--shard->n_dirty];
    entry->dirty_at = 0;
    return entry;
}

static void mark_dirty(struct shard *shard, struct entry *entry)
{
    if (entry->dirty_at > 0 || !entry->record_bytes) {
        return;
    }
    if (shard->n_dirty == shard->cap_dirty) {
        size_t cap = shard->cap_dirty ? shard->cap_dirty * 2 : 16;
        struct entry **dirty = realloc(shard->dirty, cap * sizeof *dirty);
        if (!dirty) {
            return; /* saved after the next time it is seen */
        }
        shard->dirty = dirty;
        shard->cap_dirty = cap;
    }
    shard->dirty[shard->n_dirty++] = entry;
    entry->dirty_at = (uint32_t)shard->n_dirty;
}

void shard_see(struct shard *shard, struct entry *entry, const struct sighting *sighting)
{
    struct packed packed;
    if (packed_from_sighting(sighting, &packed)) {
        free(entry->sighting_bytes);
        entry->sighting_bytes = packed.bytes;
        entry->n_sighting = (uint8_t)packed.n;
    }
    shard_touch(shard, entry, sighting->seen_ms);
}

void shard_touch(struct shard *shard, struct entry *entry, int64_t now_ms)
{
    if (entry->record_bytes && entry->state == OC_STATE_BLOCKED) {
        return;
    }
    if (entry->seen_ms < now_ms) {
        entry->seen_ms = now_ms;
    }
    mark_dirty(shard, entry);
}

struct entry *shard_first_of(struct shard *shard, enum entry_group group)
{
    return shard->groups[group];
}
