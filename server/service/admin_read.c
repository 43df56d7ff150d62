/*
 * What administrators read: answered from memory, on the calling thread. A page is put together
 * from device ids first, and each device is read again when it is shown, so no lock is held while
 * the caller looks at it.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/base/hex.h"
#include "server/service/admin_service.h"
#include "server/service/peer.h"
#include "server/service/votes.h"

enum {
    LEFT_A_TRACE = 1 << 30, /* beside the bits of states: tombstones and lapsed requests */
};

/* ---- one device ----------------------------------------------------------------------------- */

static void read_view(const struct entry *entry, struct device_view *out)
{
    const struct live *live = entry->live;
    entry_read(entry, &out->pairing);
    if (out->pairing.is_quarantined) {
        pairing_forget_words(&out->pairing); /* lists and reviews vouch for what they show */
    }
    entry_read_sighting(entry, &out->sighting);
    out->is_online = live && live->session;
    out->can_check_code = live && live->code_peer && out->pairing.request.is_open &&
                          oc_request_id_equal(&live->code_id, &out->pairing.request.id);
}

/* The hint itself stays here: nobody is shown it. */
static void add_host(struct service *service, struct device_view *view)
{
    static const uint8_t none[OC_INSTANCE_BYTES];
    const uint8_t *hint = view->sighting.host_hint;
    view->n_host_devices = view->n_host_requests = 0;
    view->host_group = 0;
    if (memcmp(hint, none, sizeof none) == 0) {
        return;
    }
    struct host_totals totals = directory_count_host(&service->directory, hint);
    view->n_host_devices = totals.n_devices > 0 ? totals.n_devices : 1;
    view->n_host_requests = totals.n_requests;
    if (view->n_host_devices > 1) {
        view->host_group = naming_host_group(&service->naming, hint);
    }
}

bool service_view(struct service *service, const struct oc_device_id *id, struct device_view *out)
{
    struct shard *shard = index_shard(&service->index, id);
    shard_lock(shard);
    const struct entry *entry = shard_find(shard, id);
    bool is_known = entry && entry->record_bytes;
    if (is_known) {
        read_view(entry, out);
    }
    shard_unlock(shard);
    if (is_known) {
        add_host(service, out);
        votes_view(service, out);
    }
    return is_known;
}

/* ---- pages ---------------------------------------------------------------------------------- */

/* Where a page ended: the group, and the last device of it. */
struct place {
    unsigned group;
    bool has_id;
    struct oc_device_id id;
};

/* "GROUP" or "GROUP.64 hex digits". */
static bool parse_cursor(const char *cursor, struct place *out)
{
    *out = (struct place){.group = 0};
    if (cursor[0] == '\0') {
        return true;
    }
    if (cursor[0] < '0' || cursor[0] >= '0' + ENTRY_GROUP_COUNT) {
        return false;
    }
    out->group = (unsigned)(cursor[0] - '0');
    out->has_id = cursor[1] == '.';
    return out->has_id ? oc_device_id_parse(cursor + 2, &out->id) : cursor[1] == '\0';
}

static void format_cursor(const struct place *place, char out[80])
{
    out[0] = (char)('0' + place->group);
    out[1] = place->has_id ? '.' : '\0';
    if (place->has_id) {
        oc_device_id_format(&place->id, out + 2);
    }
}

struct page {
    struct oc_device_id *ids; /* in order; the smallest seen so far */
    size_t n, limit;
    bool has_more;
};

static int compare_ids(const struct oc_device_id *a, const struct oc_device_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

/* A heap with the largest on top, from `from` on: what came from earlier shards is smaller. */
static void page_sift_down(struct oc_device_id *ids, size_t n, size_t i)
{
    while (2 * i + 1 < n) {
        size_t child = 2 * i + 1;
        if (child + 1 < n && compare_ids(&ids[child + 1], &ids[child]) > 0) {
            child++;
        }
        if (compare_ids(&ids[i], &ids[child]) >= 0) {
            return;
        }
        struct oc_device_id parent = ids[i];
        ids[i] = ids[child];
        ids[child] = parent;
        i = child;
    }
}

static void page_offer(struct page *page, size_t from, const struct oc_device_id *id)
{
    struct oc_device_id *ids = page->ids + from;
    size_t n = page->n - from;
    if (page->n < page->limit) {
        ids[n] = *id;
        page->n++;
        for (size_t i = n; i > 0 && compare_ids(&ids[i], &ids[(i - 1) / 2]) > 0; i = (i - 1) / 2) {
            struct oc_device_id parent = ids[(i - 1) / 2];
            ids[(i - 1) / 2] = ids[i];
            ids[i] = parent;
        }
        return;
    }
    page->has_more = true;
    if (n > 0 && compare_ids(id, &ids[0]) < 0) {
        ids[0] = *id;
        page_sift_down(ids, n, 0);
    }
}

static void page_sort(struct oc_device_id *ids, size_t n)
{
    for (size_t left = n; left > 1; left--) {
        struct oc_device_id largest = ids[0];
        ids[0] = ids[left - 1];
        ids[left - 1] = largest;
        page_sift_down(ids, left - 1, 0);
    }
}

static bool is_wanted(const struct entry *entry, uint32_t states)
{
    uint32_t bits = 1U << entry->state;
    if (entry->group == ENTRY_OPEN) {
        bits |= 1U << OC_STATE_PENDING; /* an approved device that wants more is listed as both */
    }
    return states & bits;
}

/* One walk over a shard for a page. */
struct sweep {
    struct page *page;
    size_t from; /* the page's part that this shard fills */
    const struct place *after;
    uint64_t after_key;
    uint32_t states;
};

static void sweep_entry(struct sweep *sweep, const struct entry *entry)
{
    const struct place *after = sweep->after;
    bool is_after = !after->has_id || compare_ids(&entry->id, &after->id) > 0;
    if (entry->link && entry->group == after->group && is_after &&
        is_wanted(entry, sweep->states)) {
        page_offer(sweep->page, sweep->from, &entry->id);
    }
}

/* Keys are the ids' first bytes: most entries of a large shard are passed over by them alone. */
static void sweep_slot(void *user, uint64_t key, void *value)
{
    struct sweep *sweep = user;
    const struct page *page = sweep->page;
    bool is_full = page->n == page->limit && page->has_more;
    bool is_beyond =
        is_full && (page->n == sweep->from || key > index_key(&page->ids[sweep->from]));
    if (key >= sweep->after_key && !is_beyond) {
        sweep_entry(sweep, value);
    }
}

/* Adds a shard's devices of one group, the smallest ids after the place. Shards are ordered by
 * id, so a page is full when one shard has filled it. */
static void page_add_shard(struct shard *shard, const struct place *after, uint32_t states,
                           struct page *page)
{
    struct sweep sweep = {
        .page = page,
        .from = page->n,
        .after = after,
        .after_key = after->has_id ? index_key(&after->id) : 0,
        .states = states,
    };
    shard_lock(shard);
    if (shard->n_in_group[after->group] > shard->entries.now.capacity / 8) {
        table_each_key(&shard->entries, sweep_slot, &sweep);
    } else {
        for (const struct entry *entry = shard_first_of(shard, (enum entry_group)after->group);
             entry; entry = entry->next) {
            sweep_entry(&sweep, entry);
        }
    }
    shard_unlock(shard);
    page_sort(page->ids + sweep.from, page->n - sweep.from);
}

/* What a group's devices can show as. */
static uint32_t states_of(unsigned group)
{
    switch ((enum entry_group)group) {
    case ENTRY_OPEN:
        return UINT32_MAX; /* the standing shows first, and it is pending in any case */
    case ENTRY_APPROVED:
        return 1U << OC_STATE_APPROVED;
    case ENTRY_OTHER:
        return 1U << OC_STATE_REJECTED | 1U << OC_STATE_REVOKED | 1U << OC_STATE_BLOCKED |
               1U << OC_STATE_NONE;
    case ENTRY_NOTHING:
    case ENTRY_GROUP_COUNT:
        break;
    }
    return LEFT_A_TRACE;
}

static void page_add_group(struct service *service, const struct place *after, uint32_t states,
                           struct page *page)
{
    size_t first = after->has_id ? after->id.bytes[0] >> 2 : 0;
    for (size_t i = first; i < INDEX_SHARDS && !page->has_more; i++) {
        page_add_shard(&service->index.shards[i], after, states, page);
    }
}

/* Collects from `place` on, and moves it to the page's end; false: that was the last page. */
static bool collect(struct service *service, uint32_t states, struct place *place,
                    struct page *page)
{
    while (place->group < ENTRY_GROUP_COUNT) {
        size_t before = page->n;
        if (states & states_of(place->group)) {
            page_add_group(service, place, states, page);
        }
        if (page->has_more) {
            if (page->n > before) {
                place->has_id = true;
                place->id = page->ids[page->n - 1];
            }
            return true;
        }
        place->group++;
        place->has_id = false;
    }
    return false;
}

/* Announced devices have no state yet, and are listed; what only left a trace is not, unless it is
 * asked for. */
static uint32_t wanted_states(uint32_t states)
{
    if (states == 0) {
        return (1U << OC_STATE_COUNT) - 1;
    }
    return states & 1U << OC_STATE_NONE ? states | LEFT_A_TRACE : states;
}

static void show(struct service *service, const struct page *page, struct device_view *view,
                 device_visit_fn visit, void *user)
{
    for (size_t i = 0; i < page->n; i++) {
        if (service_view(service, &page->ids[i], view)) {
            visit(user, view);
        }
    }
}

enum oc_status admin_list(struct service *service, const struct list_query *query,
                          device_visit_fn visit, void *user, char next_cursor[80],
                          uint64_t *revision, struct oc_error *err)
{
    struct place place;
    if (!parse_cursor(query->cursor, &place)) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "not a cursor of this list");
    }
    struct page page = {.limit = query->limit};
    page.ids = calloc(query->limit ? query->limit : 1, sizeof *page.ids);
    struct device_view *view = malloc(sizeof *view);
    if (!page.ids || !view) {
        free(page.ids);
        free(view);
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "service: out of memory");
    }
    *revision = atomic_load(&service->seq);
    bool has_more = collect(service, wanted_states(query->states), &place, &page);
    show(service, &page, view, visit, user);
    next_cursor[0] = '\0';
    if (has_more) {
        format_cursor(&place, next_cursor);
    }
    free(page.ids);
    free(view);
    return OC_OK;
}
