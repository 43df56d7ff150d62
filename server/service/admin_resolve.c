/*
 * From what a person typed to records. A claimed name never selects.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "server/service/admin_service.h"
#include "server/service/peer.h"

enum {
    DEVICE_PREFIX_DIGITS = 16,
    REQUEST_PREFIX_CHARS = 4,
    CLOSE_ENOUGH = 2, /* characters apart */
};

static void add_match(struct service *service, const struct oc_device_id *id,
                      struct resolve_result *out)
{
    if (out->n_matches < ADMIN_MAX_MATCHES &&
        service_view(service, id, &out->matches[out->n_matches])) {
        out->n_matches++;
    }
}

/* Looked for in every record: only who names a request that is not open pays for that. */
static bool find_closed(struct shard *shard, const struct oc_request_id *request_id,
                        struct oc_device_id *out)
{
    for (int group = 0; group < ENTRY_GROUP_COUNT; group++) {
        for (const struct entry *entry = shard_first_of(shard, (enum entry_group)group); entry;
             entry = entry->next) {
            struct packed record = {.bytes = entry->record_bytes, .n = entry->n_record};
            struct oc_request_id open;
            struct oc_request_id closed;
            packed_request_ids(&record, &open, &closed);
            if (oc_request_id_equal(&closed, request_id)) {
                *out = entry->id;
                return true;
            }
        }
    }
    return false;
}

bool service_find_request(struct service *service, const struct oc_request_id *request_id,
                          struct oc_device_id *out)
{
    bool is_found = directory_find_request(&service->directory, request_id, out);
    for (size_t i = 0; i < INDEX_SHARDS && !is_found; i++) {
        struct shard *shard = &service->index.shards[i];
        shard_lock(shard);
        is_found = find_closed(shard, request_id, out);
        shard_unlock(shard);
    }
    return is_found;
}

static void resolve_request(struct service *service, const struct oc_request_id *request_id,
                            struct resolve_result *out)
{
    struct oc_device_id id;
    if (!service_find_request(service, request_id, &id)) {
        return;
    }
    add_match(service, &id, out);
    const struct pairing *pairing = &out->matches[0].pairing;
    if (out->n_matches == 0 || oc_request_id_equal(&pairing->request.id, request_id)) {
        return;
    }
    out->n_matches = 0;
    if (oc_request_id_equal(&pairing->closed, request_id)) {
        out->closed_as = pairing_end_name(pairing->closed_end);
    } else if (pairing->request.is_open) {
        out->replaced_by = pairing->request.id;
    } else {
        out->closed_as = pairing_end_name(REQUEST_END_NONE);
    }
}

/* Whether it is clear what was meant. */
static bool is_resolved(const struct resolve_result *result)
{
    return result->n_matches > 0 || result->replaced_by.text[0] != '\0' ||
           result->closed_as[0] != '\0';
}

static void resolve_alias(struct service *service, const char *alias, struct resolve_result *out)
{
    struct oc_device_id ids[ADMIN_MAX_MATCHES];
    size_t n = directory_find_alias(&service->directory, alias, ids, ADMIN_MAX_MATCHES);
    for (size_t i = 0; i < n; i++) {
        size_t before = out->n_matches;
        add_match(service, &ids[i], out);
        if (out->n_matches > before && strcmp(out->matches[before].pairing.alias, alias) != 0) {
            out->n_matches = before;
        }
    }
}

/* ---- prefixes ------------------------------------------------------------------------------- */

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    int lower = tolower((unsigned char)digit);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

struct prefix {
    struct oc_device_id low; /* the digits given, then zeros */
    size_t n_digits;
    struct oc_device_id found[ADMIN_MAX_MATCHES];
    size_t n_found;
};

static bool parse_prefix(const char *text, struct prefix *out)
{
    *out = (struct prefix){.n_digits = strlen(text)};
    if (out->n_digits < DEVICE_PREFIX_DIGITS || out->n_digits > OC_DEVICE_ID_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < out->n_digits; i++) {
        int value = hex_value(text[i]);
        if (value < 0) {
            return false;
        }
        out->low.bytes[i / 2] |= (uint8_t)(i % 2 ? value : value << 4);
    }
    return true;
}

static bool has_prefix(const struct oc_device_id *id, const struct prefix *prefix)
{
    size_t whole = prefix->n_digits / 2;
    bool is_half = prefix->n_digits % 2;
    return memcmp(id->bytes, prefix->low.bytes, whole) == 0 &&
           (!is_half || (id->bytes[whole] & 0xF0) == prefix->low.bytes[whole]);
}

static bool collect_prefix(const void *value, const void *wanted)
{
    const struct entry *entry = value;
    struct prefix *prefix = *(struct prefix *const *)wanted;
    if (entry->record_bytes && has_prefix(&entry->id, prefix)) {
        prefix->found[prefix->n_found++] = entry->id;
    }
    return prefix->n_found == ADMIN_MAX_MATCHES;
}

/* Sixteen digits are the key of the shard's table: nothing is searched. */
static void resolve_device_prefix(struct service *service, const char *text,
                                  struct resolve_result *out)
{
    struct prefix prefix;
    struct prefix *const wanted = &prefix;
    if (!parse_prefix(text, &prefix)) {
        return;
    }
    struct shard *shard = index_shard(&service->index, &prefix.low);
    shard_lock(shard);
    (void)table_find(&shard->entries, index_key(&prefix.low), collect_prefix,
                     (const void *)&wanted);
    shard_unlock(shard);
    for (size_t i = 0; i < prefix.n_found; i++) {
        add_match(service, &prefix.found[i], out);
    }
}

/* Upper case, and what people read as digits, as in a whole request id. */
static bool canonical_prefix(const char *text, char out[OC_REQUEST_ID_CHARS + 1])
{
    char padded[OC_REQUEST_ID_CHARS + 1];
    struct oc_request_id id;
    size_t n = strlen(text);
    if (n == 0 || n > OC_REQUEST_ID_CHARS) {
        return false;
    }
    memset(padded, '0', OC_REQUEST_ID_CHARS);
    padded[OC_REQUEST_ID_CHARS] = '\0';
    memcpy(padded, text, n);
    if (!oc_request_id_parse(padded, &id)) {
        return false;
    }
    memcpy(out, id.text, n);
    out[n] = '\0';
    return true;
}

typedef bool (*open_match_fn)(void *user, const struct oc_request_id *id,
                              const struct oc_device_id *device);

/* Visits open requests, at most as many as the cap allows there to be, until told to stop. */
static void each_open(struct service *service, open_match_fn visit, void *user)
{
    for (size_t i = 0; i < INDEX_SHARDS; i++) {
        struct shard *shard = &service->index.shards[i];
        bool goes_on = true;
        shard_lock(shard);
        for (const struct entry *entry = shard_first_of(shard, ENTRY_OPEN); entry && goes_on;
             entry = entry->next) {
            struct packed record = {.bytes = entry->record_bytes, .n = entry->n_record};
            struct oc_request_id id;
            struct oc_request_id closed;
            packed_request_ids(&record, &id, &closed);
            goes_on = visit(user, &id, &entry->id);
        }
        shard_unlock(shard);
        if (!goes_on) {
            return;
        }
    }
}

struct open_search {
    const char *prefix;
    struct oc_device_id found[ADMIN_MAX_MATCHES];
    size_t n_found;
};

static bool match_open(void *user, const struct oc_request_id *id,
                       const struct oc_device_id *device)
{
    struct open_search *search = user;
    if (strncmp(id->text, search->prefix, strlen(search->prefix)) == 0) {
        search->found[search->n_found++] = *device;
    }
    return search->n_found < ADMIN_MAX_MATCHES;
}

static void resolve_request_prefix(struct service *service, const char *text, bool prefix_is_enough,
                                   struct resolve_result *out)
{
    char prefix[OC_REQUEST_ID_CHARS + 1];
    struct open_search search = {.prefix = prefix};
    bool is_long_enough = prefix_is_enough || strlen(text) >= REQUEST_PREFIX_CHARS;
    if (!is_long_enough || !canonical_prefix(text, prefix)) {
        return;
    }
    each_open(service, match_open, &search);
    for (size_t i = 0; i < search.n_found; i++) {
        add_match(service, &search.found[i], out);
    }
}

/* ---- the closest ---------------------------------------------------------------------------- */

/* Edit distance, given up past `most`; b is a request id. */
static size_t distance(const char *a, const char *b, size_t most)
{
    size_t row[OC_REQUEST_ID_CHARS + 1];
    size_t n_a = strlen(a);
    size_t n_b = strlen(b);
    size_t apart = n_a > n_b ? n_a - n_b : n_b - n_a;
    if (n_b > OC_REQUEST_ID_CHARS || apart > most) {
        return most + 1;
    }
    for (size_t j = 0; j <= n_b; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= n_a; i++) {
        size_t diagonal = row[0];
        size_t best = row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            size_t substituted =
                diagonal + (toupper((unsigned char)a[i - 1]) != toupper((unsigned char)b[j - 1]));
            diagonal = row[j];
            size_t either = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = substituted < either ? substituted : either;
            best = row[j] < best ? row[j] : best;
        }
        if (best > most) {
            return most + 1;
        }
    }
    return row[n_b];
}

struct closest {
    const char *selector;
    size_t best;
    char *out;
};

static void offer(struct closest *closest, const char *candidate)
{
    size_t apart = distance(closest->selector, candidate, CLOSE_ENOUGH);
    if (apart < closest->best) {
        closest->best = apart;
        memcpy(closest->out, candidate, strlen(candidate) + 1);
    }
}

static bool offer_open(void *user, const struct oc_request_id *id,
                       const struct oc_device_id *device)
{
    struct closest *closest = user;
    (void)device;
    offer(closest, id->text);
    return closest->best > 1;
}

/* A device id as it was typed, wrong digits and all, sixteen digits a word. */
struct typed_id {
    uint64_t words[4];
    uint64_t wrong[4]; /* a bit in each place that holds no digit */
    struct oc_device_id best;
    unsigned best_apart;
};

static bool parse_typed(const char *text, struct typed_id *out)
{
    *out = (struct typed_id){.best_apart = CLOSE_ENOUGH + 1};
    if (strlen(text) != OC_DEVICE_ID_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < OC_DEVICE_ID_DIGITS; i++) {
        int value = hex_value(text[i]);
        unsigned shift = 60 - 4 * (unsigned)(i % 16);
        out->words[i / 16] |= (uint64_t)(value < 0 ? 0 : value) << shift;
        out->wrong[i / 16] |= (uint64_t)(value < 0) << shift;
    }
    return true;
}

static unsigned digits_apart(uint64_t typed, uint64_t wrong, uint64_t word)
{
    uint64_t differs = typed ^ word;
    differs |= differs >> 1;
    differs |= differs >> 2;
    differs = (differs & UINT64_C(0x1111111111111111)) | wrong;
    return (unsigned)__builtin_popcountll(differs);
}

static uint64_t word_of(const struct oc_device_id *id, size_t i)
{
    uint64_t word = 0;
    for (size_t k = 0; k < sizeof word; k++) {
        word = word << 8 | id->bytes[i * sizeof word + k];
    }
    return word;
}

static void compare_typed(void *user, uint64_t key, void *value)
{
    struct typed_id *typed = user;
    const struct entry *entry = value;
    unsigned apart = digits_apart(typed->words[0], typed->wrong[0], key);
    for (size_t i = 1; i < 4 && apart < typed->best_apart; i++) {
        apart += digits_apart(typed->words[i], typed->wrong[i], word_of(&entry->id, i));
    }
    if (apart < typed->best_apart && entry->record_bytes) {
        typed->best_apart = apart;
        typed->best = entry->id;
    }
}

/* A mistyped digit leaves the others: the shard that the first ones name is looked through. */
static void offer_device(struct service *service, const char *selector,
                         char out[OC_DEVICE_ID_DIGITS + 1])
{
    struct typed_id typed;
    if (!parse_typed(selector, &typed)) {
        return;
    }
    const struct oc_device_id at = {.bytes = {(uint8_t)(typed.words[0] >> 56)}};
    struct shard *shard = index_shard(&service->index, &at);
    shard_lock(shard);
    table_each_key(&shard->entries, compare_typed, &typed);
    shard_unlock(shard);
    if (typed.best_apart <= CLOSE_ENOUGH) {
        oc_device_id_format(&typed.best, out);
    }
}

void service_find_closest(struct service *service, const char *selector,
                          char out[OC_DEVICE_ID_DIGITS + 1])
{
    struct closest closest = {.selector = selector, .best = CLOSE_ENOUGH + 1, .out = out};
    if (strlen(selector) <= OC_REQUEST_ID_CHARS + CLOSE_ENOUGH) {
        each_open(service, offer_open, &closest);
    } else {
        offer_device(service, selector, out);
    }
}

void admin_resolve(struct service *service, const char *selector, bool prefix_is_enough,
                   struct resolve_result *out)
{
    struct oc_device_id id;
    struct oc_request_id request_id;
    memset(out, 0, sizeof *out);
    out->closed_as = "";
    if (oc_device_id_parse(selector, &id)) {
        add_match(service, &id, out);
    } else if (oc_request_id_parse(selector, &request_id)) {
        resolve_request(service, &request_id, out);
    }
    if (!is_resolved(out)) {
        resolve_alias(service, selector, out);
    }
    if (!is_resolved(out)) {
        resolve_device_prefix(service, selector, out);
        resolve_request_prefix(service, selector, prefix_is_enough, out);
    }
    if (out->n_matches == 0) {
        service_find_closest(service, selector, out->closest);
    }
}
