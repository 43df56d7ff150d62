#include "server/service/hosts.h"

#include <assert.h>
#include <stdlib.h>

#include "server/service/directory.h"

/* Bits of an entry's host_flags. */
enum {
    HOST_APPROVED = 1 << 0,
    HOST_WAITS = 1 << 1,
    HOST_FOUND = 1 << 2,   /* among the approved ones that are found */
    HOST_FIRST = 1 << 3,   /* not approved, and the only one so far */
    HOST_CROWDED = 1 << 4, /* counted in the crowd */
};

struct host_crowd {
    uint32_t host;
    struct host_totals totals;
};

void hosts_init(struct hosts *hosts, uint64_t seed)
{
    table_init(&hosts->entries, seed);
    table_init(&hosts->crowds, seed);
}

static void free_crowd(void *user, void *value)
{
    (void)user;
    free(value);
}

void hosts_deinit(struct hosts *hosts)
{
    table_each(&hosts->crowds, free_crowd, NULL);
    table_deinit(&hosts->crowds);
    table_deinit(&hosts->entries);
}

bool hosts_reserve(struct hosts *hosts, size_t n)
{
    return table_reserve(&hosts->entries, n);
}

/* Where the first one stands if it is not approved: apart from those that are found. */
static uint64_t first_key(uint32_t host)
{
    return UINT64_C(1) << 32 | host;
}

void hosts_expect(const struct hosts *hosts, uint32_t host)
{
    table_expect(&hosts->entries, host);
    table_expect(&hosts->entries, first_key(host));
    table_expect(&hosts->crowds, host);
}

static bool is_any(const void *value, const void *wanted)
{
    (void)value;
    (void)wanted;
    return true;
}

static struct entry *first_of(const struct hosts *hosts, uint32_t host)
{
    struct entry *approved = table_find(&hosts->entries, host, is_any, NULL);
    return approved ? approved : table_find(&hosts->entries, first_key(host), is_any, NULL);
}

static struct host_crowd *crowd_of(const struct hosts *hosts, uint32_t host)
{
    return table_find(&hosts->crowds, host, is_any, NULL);
}

static void remove_from(struct table *table, uint64_t key, const void *value)
{
    bool was_there = table_remove(table, key, value);
    assert(was_there);
}

static void count_in(struct host_crowd *crowd, struct entry *entry)
{
    crowd->totals.n_devices++;
    crowd->totals.n_requests += entry->host_flags & HOST_WAITS ? 1 : 0;
    entry->host_flags |= HOST_CROWDED;
}

static void count_out(struct hosts *hosts, struct host_crowd *crowd, const struct entry *entry)
{
    crowd->totals.n_requests -= entry->host_flags & HOST_WAITS ? 1 : 0;
    if (--crowd->totals.n_devices == 0) {
        remove_from(&hosts->crowds, crowd->host, crowd);
        free(crowd);
    }
}

/* Of the first one and who comes next; NULL when out of memory. */
static struct host_crowd *found_crowd(struct hosts *hosts, uint32_t host, struct entry *first)
{
    struct host_crowd *crowd = calloc(1, sizeof *crowd);
    if (!crowd || !table_reserve(&hosts->crowds, 1)) {
        free(crowd);
        return NULL;
    }
    crowd->host = host;
    table_insert(&hosts->crowds, host, crowd);
    count_in(crowd, first);
    if (first->host_flags & HOST_FIRST) {
        remove_from(&hosts->entries, first_key(host), first);
        first->host_flags &= (uint8_t)~HOST_FIRST;
    }
    return crowd;
}

static void leave(struct hosts *hosts, struct entry *entry)
{
    if (entry->host_flags & HOST_FOUND) {
        remove_from(&hosts->entries, entry->host_key, entry);
    }
    if (entry->host_flags & HOST_FIRST) {
        remove_from(&hosts->entries, first_key(entry->host_key), entry);
    }
    if (entry->host_flags & HOST_CROWDED) {
        count_out(hosts, crowd_of(hosts, entry->host_key), entry);
    }
    entry->host_key = 0;
    entry->host_flags = 0;
}

static bool count_found(const void *value, const void *wanted)
{
    size_t *n = *(size_t *const *)wanted;
    (void)value;
    return ++*n == DIRECTORY_SAME_HOST;
}

/* Only as many as are ever looked at. */
static bool is_found_in_full(const struct hosts *hosts, uint32_t host)
{
    size_t n = 0;
    size_t *const counter = &n;
    return table_find(&hosts->entries, host, count_found, (const void *)&counter);
}

static void join(struct hosts *hosts, struct entry *entry, uint32_t host, uint8_t flags)
{
    struct entry *first = first_of(hosts, host);
    struct host_crowd *crowd = crowd_of(hosts, host);
    entry->host_key = host;
    entry->host_flags = flags;
    if (!crowd && first) {
        crowd = found_crowd(hosts, host, first);
    }
    if (crowd) {
        count_in(crowd, entry);
    }
    if (flags & HOST_APPROVED && !is_found_in_full(hosts, host)) {
        table_insert(&hosts->entries, host, entry);
        entry->host_flags |= HOST_FOUND;
    } else if (!first && !crowd) {
        table_insert(&hosts->entries, first_key(host), entry);
        entry->host_flags |= HOST_FIRST;
    }
}

void hosts_update(struct hosts *hosts, struct entry *entry, uint32_t host, const struct pairing *is)
{
    const uint8_t as_claimed = HOST_APPROVED | HOST_WAITS;
    uint8_t flags = (uint8_t)((is->standing == OC_STANDING_APPROVED ? HOST_APPROVED : 0) |
                              (is->request.is_open ? HOST_WAITS : 0));
    if (entry_group_of(is) == ENTRY_NOTHING) {
        host = 0;
    }
    if (entry->host_key == host && (entry->host_flags & as_claimed) == flags) {
        return;
    }
    leave(hosts, entry);
    if (host != 0) {
        join(hosts, entry, host, flags);
    }
}

void hosts_find(const struct hosts *hosts, uint32_t host, table_match_fn visit, const void *user)
{
    (void)table_find(&hosts->entries, host, visit, user);
}

struct host_totals hosts_count(const struct hosts *hosts, uint32_t host)
{
    const struct host_crowd *crowd = crowd_of(hosts, host);
    const struct entry *first = crowd ? NULL : first_of(hosts, host);
    if (crowd) {
        return crowd->totals;
    }
    return (struct host_totals){
        .n_devices = first ? 1 : 0,
        .n_requests = first && first->host_flags & HOST_WAITS ? 1 : 0,
    };
}
