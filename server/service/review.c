#include "server/service/review.h"

#include <string.h>

#include "server/service/peer.h"

/* The ids of the best found so far: exact before confusable, then by id. */
struct search {
    const struct oc_device_id *id; /* whom it is about */
    const char *name;
    char skeleton[SKELETON_BYTES];
    struct found {
        struct oc_device_id id;
        enum resemblance resemblance;
    } found[REVIEW_MOST_LOOK_ALIKES];
    size_t n_found;
    bool has_more;
};

static int compare(const struct found *a, const struct found *b)
{
    if (a->resemblance != b->resemblance) {
        return a->resemblance < b->resemblance ? -1 : 1;
    }
    return memcmp(a->id.bytes, b->id.bytes, sizeof a->id.bytes);
}

static void offer(struct search *search, const struct found *found)
{
    size_t at = search->n_found;
    while (at > 0 && compare(found, &search->found[at - 1]) < 0) {
        at--;
    }
    bool is_full = search->n_found == REVIEW_MOST_LOOK_ALIKES;
    search->has_more = search->has_more || is_full;
    if (at == REVIEW_MOST_LOOK_ALIKES) {
        return;
    }
    size_t n_moved = search->n_found - at - (is_full ? 1 : 0);
    memmove(&search->found[at + 1], &search->found[at], n_moved * sizeof search->found[0]);
    search->found[at] = *found;
    search->n_found += is_full ? 0 : 1;
}

/* Better of what the administrator calls it and what it claims to be called. */
static enum resemblance compare_names(const struct search *search, const struct entry *entry)
{
    struct packed record = {.bytes = entry->record_bytes, .n = entry->n_record};
    char alias[OC_MAX_NAME_BYTES + 1];
    char claimed[OC_MAX_NAME_BYTES + 1];
    packed_names(&record, alias, claimed);
    enum resemblance by_alias = resemblance_to(search->name, search->skeleton, alias);
    if (by_alias == RESEMBLES_EXACTLY) {
        return by_alias;
    }
    enum resemblance by_claim = resemblance_to(search->name, search->skeleton, claimed);
    return by_claim == RESEMBLES_NOT ? by_alias : by_claim;
}

static void look_at_group(struct search *search, struct shard *shard, enum entry_group group)
{
    for (const struct entry *entry = shard_first_of(shard, group); entry; entry = entry->next) {
        if (entry->state != OC_STATE_APPROVED || oc_device_id_equal(&entry->id, search->id)) {
            continue;
        }
        const struct found found = {.id = entry->id, .resemblance = compare_names(search, entry)};
        if (found.resemblance != RESEMBLES_NOT) {
            offer(search, &found);
        }
    }
}

/* Of approved devices alone: what merely asks is nobody that one could be taken for yet. */
static void find_look_alikes(struct service *service, struct search *search)
{
    skeleton_of(search->name, search->skeleton);
    for (size_t i = 0; i < INDEX_SHARDS && search->name[0] != '\0'; i++) {
        struct shard *shard = &service->index.shards[i];
        shard_lock(shard);
        look_at_group(search, shard, ENTRY_OPEN);
        look_at_group(search, shard, ENTRY_APPROVED);
        shard_unlock(shard);
    }
}

static bool is_same_host(const struct sighting *a, const struct sighting *b)
{
    static const uint8_t none[OC_INSTANCE_BYTES];
    return memcmp(a->host_hint, none, sizeof none) != 0 &&
           memcmp(a->host_hint, b->host_hint, sizeof none) == 0;
}

static void show(struct service *service, const struct search *search,
                 const struct device_view *view, struct review_result *out)
{
    for (size_t i = 0; i < search->n_found; i++) {
        struct review_look_alike *shown = &out->look_alikes[out->n_look_alikes];
        if (service_view(service, &search->found[i].id, &shown->view)) {
            shown->resemblance = search->found[i].resemblance;
            shown->is_same_host = is_same_host(&shown->view.sighting, &view->sighting);
            out->n_look_alikes++;
        }
    }
    out->has_more_look_alikes = search->has_more;
}

bool admin_review(struct service *service, const struct oc_device_id *id, struct review_result *out)
{
    struct device_view view;
    memset(out, 0, sizeof *out);
    if (!service_view(service, id, &view)) {
        return false;
    }
    const struct pairing_request *request = &view.pairing.request;
    struct search search = {.id = id, .name = view.pairing.claimed_name};
    if (request->is_open) {
        out->request_id = request->id;
        out->claimed_labels = request->ask.labels;
        out->code_tries_left = (uint8_t)(PAIRING_MAX_CODE_FAILURES - request->code_failures);
        search.name = request->ask.name;
    }
    out->approved_ask = view.pairing.asked;
    find_look_alikes(service, &search);
    show(service, &search, &view, out);
    return true;
}
