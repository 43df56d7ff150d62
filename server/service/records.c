#include "server/service/records.h"

#include <stdlib.h>
#include <string.h>

#include "server/obs/log.h"
#include "server/obs/metrics.h"
#include "server/service/administrators_state.h"
#include "server/service/expiry.h"
#include "server/service/waiters.h"

/* ---- counting by source --------------------------------------------------------------------- */

static bool is_counted(struct shard *shard, const struct entry *entry)
{
    shard_lock(shard);
    bool is = entry->live && entry->live->is_counted;
    shard_unlock(shard);
    return is;
}

static void set_counted(struct shard *shard, struct entry *entry, bool is_counted)
{
    shard_lock(shard);
    entry->live->is_counted = is_counted;
    shard_unlock(shard);
}

static bool does_count(struct service *service, const struct pairing *pairing)
{
    return pairing->request.is_open && !pairing_is_beyond_caps(pairing, service_now_ms(service));
}

bool records_count_open(struct service *service, struct entry *entry, const struct pairing *pairing,
                        const char *address)
{
    struct shard *shard = index_shard(&service->index, &entry->id);
    if (!does_count(service, pairing) || is_counted(shard, entry)) {
        return true;
    }
    struct open_requests_source source = service_source(service, address);
    bool is_entered = open_requests_enter(&service->waiting, &source, entry->live);
    set_counted(shard, entry, is_entered);
    return is_entered;
}

void records_uncount(struct service *service, struct entry *entry)
{
    struct shard *shard = index_shard(&service->index, &entry->id);
    if (is_counted(shard, entry)) {
        open_requests_leave(&service->waiting, entry->live);
        set_counted(shard, entry, false);
    }
}

/* A shed request that is open after all takes its place again, whatever the caps say: it had it. */
void records_settle_source(struct service *service, struct entry *entry)
{
    struct shard *shard = index_shard(&service->index, &entry->id);
    struct pairing pairing = {.standing = OC_STANDING_NONE};
    struct sighting sighting = {.seen_ms = 0};
    shard_lock(shard);
    bool is_open = entry->live && entry->record_bytes && entry->group == ENTRY_OPEN;
    if (is_open) {
        entry_read(entry, &pairing);
        entry_read_sighting(entry, &sighting);
    }
    shard_unlock(shard);
    if (!does_count(service, &pairing)) {
        records_uncount(service, entry);
    } else if (!records_count_open(service, entry, &pairing, sighting.source)) {
        log_error("requests.not_counted", "error=%s", "out of memory");
    }
}

/* ---- publishing ----------------------------------------------------------------------------- */

static void schedule(struct service *service, struct entry *entry, const struct pairing *pairing)
{
    struct shard *shard = index_shard(&service->index, &entry->id);
    enum pairing_event_kind kind;
    const struct policy policy = service_policy(service);
    int64_t due_ms = pairing_next_due(pairing, &policy, &kind);
    shard_lock(shard);
    bool is_sooner = due_ms != 0 && (entry->due_ms == 0 || due_ms < entry->due_ms);
    if (is_sooner) {
        entry->due_ms = due_ms;
    }
    shard_unlock(shard);
    if (is_sooner && !clockwork_schedule(service->clockwork, &pairing->id, due_ms)) {
        log_error("clockwork.out_of_memory", "due_ms=%lld", (long long)due_ms);
    }
}

void records_publish(struct service *service, struct entry *entry, struct packed *record,
                     const struct pairing *pairing, unsigned effects)
{
    struct shard *shard = index_shard(&service->index, &entry->id);
    struct delivery_list deliveries = {0};
    struct pairing was;
    struct sighting sighting;
    shard_lock(shard);
    entry_read(entry, &was);
    entry_read_sighting(entry, &sighting);
    shard_unlock(shard);
    directory_update(&service->directory, entry, &was, pairing, sighting.host_hint);
    shard_lock(shard);
    shard_publish(shard, entry, record, pairing);
    waiters_wake(service, entry, pairing, effects, &deliveries);
    shard_unlock(shard);
    notifier_post(service->notifier, &deliveries);
    schedule(service, entry, pairing);
}

/* ---- forgetting ----------------------------------------------------------------------------- */

/* Names and host no longer lead to the entry; which may go when nobody holds it. */
static void take_out_of_directory(struct service *service, struct entry *entry)
{
    static const uint8_t no_hint[OC_INSTANCE_BYTES];
    struct shard *shard = index_shard(&service->index, &entry->id);
    struct pairing was;
    shard_lock(shard);
    entry_read(entry, &was);
    shard_unlock(shard);
    struct pairing stranger = pairing_of_stranger(&was.id);
    directory_update(&service->directory, entry, &was, &stranger, no_hint);
}

void records_forget(struct service *service, struct entry *entry, unsigned effects)
{
    struct shard *shard = index_shard(&service->index, &entry->id);
    struct delivery_list deliveries = {0};
    struct pairing stranger = pairing_of_stranger(&entry->id);
    take_out_of_directory(service, entry);
    shard_lock(shard);
    shard_withdraw_record(shard, entry);
    waiters_wake(service, entry, &stranger, effects, &deliveries);
    shard_unlock(shard);
    notifier_post(service->notifier, &deliveries);
    metric_add(METRIC_RECORDS_FORGOTTEN_TOTAL, 1);
}

/* ---- loading -------------------------------------------------------------------------------- */

struct loading {
    struct service *service;
    struct unsaved_list *unsaved;
    uint8_t round;
};

static bool is_as_published(struct shard *shard, struct entry *entry, const struct packed *record)
{
    shard_lock(shard);
    bool is_same = entry->record_bytes && entry->n_record == record->n &&
                   memcmp(entry->record_bytes, record->bytes, record->n) == 0;
    shard_unlock(shard);
    return is_same;
}

/* What was seen since the last save is newer than what the disk has. */
static struct entry *load_entry(struct shard *shard, const struct pairing *pairing,
                                const struct sighting *sighting)
{
    shard_lock(shard);
    struct entry *entry = shard_obtain(shard, &pairing->id);
    if (entry && pairing->request.is_open && !shard_make_live(shard, entry)) {
        shard_trim(shard, entry);
        entry = NULL;
    }
    if (entry && !entry->sighting_bytes && sighting->seen_ms > 0) {
        shard_see(shard, entry, sighting);
    }
    if (entry) {
        entry->n_holds++;
    }
    shard_unlock(shard);
    return entry;
}

static void unhold(struct service *service, struct shard *shard, struct entry *entry)
{
    records_settle_source(service, entry);
    shard_lock(shard);
    entry->n_holds--;
    shard_trim(shard, entry);
    shard_unlock(shard);
}

static bool load_into(struct service *service, struct entry *entry, struct packed *record,
                      const struct pairing *pairing, const char *source)
{
    struct shard *shard = index_shard(&service->index, &pairing->id);
    if (is_as_published(shard, entry, record)) {
        return true;
    }
    if (!directory_reserve(&service->directory, 1) ||
        !records_count_open(service, entry, pairing, source)) {
        return false;
    }
    records_publish(service, entry, record, pairing, PAIRING_CHANGES_GRANT);
    return true;
}

/* Each record is looked for in tables of many MiB, here and there: they are fetched all at once,
 * while it is packed. */
static void expect_record(struct service *service, struct shard *shard,
                          const struct pairing *pairing, const struct sighting *sighting)
{
    shard_lock(shard);
    shard_expect(shard, &pairing->id);
    shard_unlock(shard);
    directory_expect(&service->directory, sighting->host_hint);
}

static enum oc_status load_record(void *user, const struct pairing *pairing,
                                  const struct sighting *sighting)
{
    struct loading *loading = user;
    struct service *service = loading->service;
    struct shard *shard = index_shard(&service->index, &pairing->id);
    struct packed record;
    expect_record(service, shard, pairing, sighting);
    if (unsaved_list_compare(loading->unsaved, pairing)) {
        return OC_OK; /* memory denies what the disk still grants; marked before */
    }
    if (!packed_from_pairing(pairing, &record)) {
        return OC_RESOURCE_EXHAUSTED;
    }
    struct entry *entry = load_entry(shard, pairing, sighting);
    bool is_loaded = entry && load_into(service, entry, &record, pairing, sighting->source);
    packed_free(&record);
    if (entry) {
        entry->round = loading->round;
        unhold(service, shard, entry);
    }
    return is_loaded ? OC_OK : OC_RESOURCE_EXHAUSTED;
}

/* What was withdrawn and is not on disk yet stays, whether the disk knows the device or not. */
static void mark_unsaved(const struct loading *loading)
{
    struct index *index = &loading->service->index;
    for (const struct unsaved *unsaved = loading->unsaved->first; unsaved;
         unsaved = unsaved->next) {
        struct shard *shard = index_shard(index, &unsaved->id);
        shard_lock(shard);
        struct entry *entry = shard_find(shard, &unsaved->id);
        if (entry) {
            entry->round = loading->round;
        }
        shard_unlock(shard);
    }
}

/* Of a list that changes only here: the writer's thread. */
static struct entry *find_missing(struct shard *shard, uint8_t round)
{
    struct entry *missing = NULL;
    shard_lock(shard);
    for (int group = 0; group < ENTRY_GROUP_COUNT && !missing; group++) {
        missing = shard_first_of(shard, (enum entry_group)group);
        while (missing && missing->round == round) {
            missing = missing->next;
        }
    }
    if (missing) {
        missing->n_holds++;
    }
    shard_unlock(shard);
    return missing;
}

/* The commit whose outcome was unknown had forgotten them. */
static void forget_missing(const struct loading *loading)
{
    struct service *service = loading->service;
    for (size_t i = 0; i < INDEX_SHARDS; i++) {
        struct shard *shard = &service->index.shards[i];
        struct entry *entry;
        while ((entry = find_missing(shard, loading->round))) {
            records_forget(service, entry, PAIRING_ENDS_WAIT);
            unhold(service, shard, entry);
        }
    }
}

enum oc_status records_load(struct service *service, struct store *store,
                            struct unsaved_list *unsaved, struct oc_error *err)
{
    service->load_round = (uint8_t)(service->load_round == UINT8_MAX ? 1 : service->load_round + 1);
    struct loading loading = {.service = service, .unsaved = unsaved, .round = service->load_round};
    mark_unsaved(&loading);
    enum oc_status st = store_load_all(store, load_record, &loading, err);
    if (st == OC_RESOURCE_EXHAUSTED) {
        return oc_fail(err, st, "service: out of memory while loading");
    }
    if (st) {
        return st;
    }
    forget_missing(&loading);
    return administrators_load(service, store, err);
}

/* ---- another database ----------------------------------------------------------------------- */

static void forget(struct service *service, struct shard *shard, struct entry *entry)
{
    shard_lock(shard);
    entry->n_holds++;
    shard_unlock(shard);
    take_out_of_directory(service, entry);
    shard_lock(shard);
    shard_withdraw_record(shard, entry);
    shard_unlock(shard);
    unhold(service, shard, entry);
}

static struct entry *first_with_record(struct shard *shard)
{
    struct entry *first = NULL;
    shard_lock(shard);
    for (int group = 0; group < ENTRY_GROUP_COUNT && !first; group++) {
        first = shard_first_of(shard, (enum entry_group)group);
    }
    shard_unlock(shard);
    return first;
}

void records_forget_all(struct service *service)
{
    for (size_t i = 0; i < INDEX_SHARDS; i++) {
        struct shard *shard = &service->index.shards[i];
        struct entry *entry;
        while ((entry = first_with_record(shard))) {
            forget(service, shard, entry);
        }
    }
}

/* The open requests of a shard; NULL with *n 0 when there is none, or no memory. */
static struct oc_device_id *list_open(struct shard *shard, size_t *n)
{
    shard_lock(shard);
    const size_t cap = shard->n_in_group[ENTRY_OPEN];
    struct oc_device_id *ids = cap > 0 ? malloc(cap * sizeof *ids) : NULL;
    *n = 0;
    for (const struct entry *entry = shard_first_of(shard, ENTRY_OPEN); ids && entry && *n < cap;
         entry = entry->next) {
        ids[(*n)++] = entry->id;
    }
    shard_unlock(shard);
    return ids;
}

static void schedule_again(struct service *service, struct shard *shard,
                           const struct oc_device_id *id)
{
    struct pairing pairing;
    shard_lock(shard);
    struct entry *entry = shard_find(shard, id);
    if (entry) {
        entry_read(entry, &pairing);
    }
    shard_unlock(shard);
    if (entry) { /* its record is the writer's, who is us */
        schedule(service, entry, &pairing);
    }
}

void records_schedule_open(struct service *service)
{
    for (size_t i = 0; i < INDEX_SHARDS; i++) {
        struct shard *shard = &service->index.shards[i];
        size_t n;
        struct oc_device_id *ids = list_open(shard, &n);
        for (size_t k = 0; k < n; k++) {
            schedule_again(service, shard, &ids[k]);
        }
        free(ids);
    }
}
