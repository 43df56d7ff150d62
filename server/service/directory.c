#include "server/service/directory.h"

#include <string.h>

#include "server/domain/pairing.h"

enum {
    NAMES_PER_RECORD = 1 + PAIRING_REPLACED_KEPT,
};

void directory_init(struct directory *directory, uint64_t seed)
{
    memset(directory, 0, sizeof *directory);
    pthread_mutex_init(&directory->mutex, NULL);
    directory->seed = seed;
    table_init(&directory->requests, seed);
    table_init(&directory->aliases, seed);
    hosts_init(&directory->hosts, seed);
    table_init(&directory->closed_by, seed);
}

void directory_deinit(struct directory *directory)
{
    table_deinit(&directory->requests);
    table_deinit(&directory->aliases);
    hosts_deinit(&directory->hosts);
    table_deinit(&directory->closed_by);
    pthread_mutex_destroy(&directory->mutex);
}

/* FNV-1a over a secret start, then mixed by the table: what collides is not a peer's choice. */
static uint64_t hash_bytes(const struct directory *directory, const void *bytes, size_t n)
{
    const uint8_t *at = bytes;
    uint64_t hash = UINT64_C(0xCBF29CE484222325) ^ directory->seed;
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ at[i]) * UINT64_C(0x100000001B3);
        hash ^= hash >> 32;
    }
    return hash ? hash : 1;
}

/* The 50 bits of a request id, plus one so that 0 is none. */
static uint64_t request_number(const struct oc_request_id *id)
{
    static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t number = 0;
    for (size_t i = 0; i < OC_REQUEST_ID_CHARS; i++) {
        const char *digit = id->text[i] ? strchr(crockford, id->text[i]) : NULL;
        if (!digit) {
            return 0;
        }
        number = number << 5 | (uint64_t)(digit - crockford);
    }
    return number + 1;
}

static bool is_any(const void *value, const void *wanted)
{
    (void)value;
    (void)wanted;
    return true;
}

static bool is_same(const void *value, const void *wanted)
{
    return value == wanted;
}

bool directory_reserve(struct directory *directory, size_t n)
{
    pthread_mutex_lock(&directory->mutex);
    bool has_room = table_reserve(&directory->requests, n * NAMES_PER_RECORD) &&
                    table_reserve(&directory->aliases, n) && hosts_reserve(&directory->hosts, n);
    pthread_mutex_unlock(&directory->mutex);
    return has_room;
}

/* The names that a record answers to: its open request and those it replaced. */
static void names_of(const struct pairing *pairing, uint64_t names[NAMES_PER_RECORD])
{
    names[0] = pairing->request.is_open ? request_number(&pairing->request.id) : 0;
    for (size_t i = 0; i < PAIRING_REPLACED_KEPT; i++) {
        names[1 + i] = request_number(&pairing->replaced[i]);
    }
}

static bool has_name(const uint64_t names[NAMES_PER_RECORD], uint64_t name)
{
    for (size_t i = 0; i < NAMES_PER_RECORD; i++) {
        if (names[i] == name) {
            return true;
        }
    }
    return false;
}

static void remember_closed(struct directory *directory, uint64_t number,
                            const struct oc_device_id *id)
{
    struct closed_request *slot = &directory->closed[directory->next_closed];
    directory->next_closed = (directory->next_closed + 1) % DIRECTORY_CLOSED_KEPT;
    if (slot->number != 0) {
        (void)table_remove(&directory->closed_by, slot->number, slot);
    }
    if (!table_reserve(&directory->closed_by, 1)) {
        slot->number = 0;
        return;
    }
    *slot = (struct closed_request){.number = number, .id = *id};
    table_insert(&directory->closed_by, number, slot);
}

static void update_requests(struct directory *directory, struct entry *entry,
                            const struct pairing *was, const struct pairing *is)
{
    uint64_t old_names[NAMES_PER_RECORD];
    uint64_t new_names[NAMES_PER_RECORD];
    names_of(was, old_names);
    names_of(is, new_names);
    for (size_t i = 0; i < NAMES_PER_RECORD; i++) {
        if (old_names[i] != 0 && !has_name(new_names, old_names[i])) {
            (void)table_remove(&directory->requests, old_names[i], entry);
            remember_closed(directory, old_names[i], &entry->id);
        }
    }
    for (size_t i = 0; i < NAMES_PER_RECORD; i++) {
        if (new_names[i] != 0 && !table_find(&directory->requests, new_names[i], is_same, entry)) {
            table_insert(&directory->requests, new_names[i], entry);
        }
    }
}

static void update_alias(struct directory *directory, struct entry *entry,
                         const struct pairing *was, const struct pairing *is)
{
    if (strcmp(was->alias, is->alias) == 0) {
        return;
    }
    if (was->alias[0] != '\0') {
        (void)table_remove(&directory->aliases,
                           hash_bytes(directory, was->alias, strlen(was->alias)), entry);
    }
    if (is->alias[0] != '\0') {
        table_insert(&directory->aliases, hash_bytes(directory, is->alias, strlen(is->alias)),
                     entry);
    }
}

struct host_search {
    struct oc_device_id *out;
    size_t n;
};

static bool collect_host(const void *value, const void *wanted)
{
    const struct entry *entry = value;
    struct host_search *search = *(struct host_search *const *)wanted;
    search->out[search->n++] = entry->id;
    return search->n == DIRECTORY_SAME_HOST;
}

/* Short, as every entry keeps it; what is found is compared with the hint itself. 0: none. */
static uint32_t host_key(const struct directory *directory, const uint8_t *hint)
{
    static const uint8_t none[OC_INSTANCE_BYTES];
    if (memcmp(hint, none, sizeof none) == 0) {
        return 0;
    }
    uint32_t key = (uint32_t)hash_bytes(directory, hint, OC_INSTANCE_BYTES);
    return key ? key : 1;
}

void directory_expect(struct directory *directory, const uint8_t host_hint[OC_INSTANCE_BYTES])
{
    pthread_mutex_lock(&directory->mutex);
    hosts_expect(&directory->hosts, host_key(directory, host_hint));
    pthread_mutex_unlock(&directory->mutex);
}

void directory_update(struct directory *directory, struct entry *entry, const struct pairing *was,
                      const struct pairing *is, const uint8_t host_hint[OC_INSTANCE_BYTES])
{
    pthread_mutex_lock(&directory->mutex);
    update_requests(directory, entry, was, is);
    update_alias(directory, entry, was, is);
    hosts_update(&directory->hosts, entry, host_key(directory, host_hint), is);
    pthread_mutex_unlock(&directory->mutex);
}

bool directory_find_request(struct directory *directory, const struct oc_request_id *request_id,
                            struct oc_device_id *out)
{
    uint64_t number = request_number(request_id);
    pthread_mutex_lock(&directory->mutex);
    const struct entry *entry = table_find(&directory->requests, number, is_any, NULL);
    const struct closed_request *closed =
        entry ? NULL : table_find(&directory->closed_by, number, is_any, NULL);
    if (entry) {
        *out = entry->id;
    } else if (closed) {
        *out = closed->id;
    }
    pthread_mutex_unlock(&directory->mutex);
    return entry || closed;
}

struct alias_search {
    struct oc_device_id *out;
    size_t n, max;
};

static bool collect_alias(const void *value, const void *wanted)
{
    const struct entry *entry = value;
    struct alias_search *search = *(struct alias_search *const *)wanted;
    search->out[search->n++] = entry->id;
    return search->n == search->max;
}

size_t directory_find_alias(struct directory *directory, const char *alias,
                            struct oc_device_id *out, size_t max)
{
    struct alias_search search = {.out = out, .max = max};
    struct alias_search *const wanted = &search;
    pthread_mutex_lock(&directory->mutex);
    uint64_t key = hash_bytes(directory, alias, strlen(alias));
    (void)table_find(&directory->aliases, key, collect_alias, (const void *)&wanted);
    pthread_mutex_unlock(&directory->mutex);
    return search.n;
}

size_t directory_find_host(struct directory *directory, const uint8_t hint[OC_INSTANCE_BYTES],
                           struct oc_device_id out[DIRECTORY_SAME_HOST])
{
    struct host_search search = {.out = out};
    struct host_search *const wanted = &search;
    pthread_mutex_lock(&directory->mutex);
    hosts_find(&directory->hosts, host_key(directory, hint), collect_host, (const void *)&wanted);
    pthread_mutex_unlock(&directory->mutex);
    return search.n;
}

struct host_totals directory_count_host(struct directory *directory,
                                        const uint8_t hint[OC_INSTANCE_BYTES])
{
    pthread_mutex_lock(&directory->mutex);
    struct host_totals totals = hosts_count(&directory->hosts, host_key(directory, hint));
    pthread_mutex_unlock(&directory->mutex);
    return totals;
}
