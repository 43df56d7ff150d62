#include "server/service/open_requests.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

bool open_requests_init(struct open_requests *requests, uint64_t seed, unsigned max)
{
    pthread_mutex_init(&requests->mutex, NULL);
    requests->tree = oc_source_tree_new(seed, max);
    return requests->tree;
}

void open_requests_deinit(struct open_requests *requests)
{
    oc_source_tree_free(requests->tree);
    pthread_mutex_destroy(&requests->mutex);
}

/* What is no address shares one source: the gateway's doors name none like that. */
static void address_of(const struct open_requests_source *source,
                       uint8_t out[OC_SOURCE_ADDRESS_BYTES])
{
    static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
    memset(out, 0, OC_SOURCE_ADDRESS_BYTES);
    if (inet_pton(AF_INET, source->address, out + sizeof v4_mapped) == 1) {
        memcpy(out, v4_mapped, sizeof v4_mapped);
    } else {
        (void)inet_pton(AF_INET6, source->address, out);
    }
}

/* Whether the newcomer would be fuller than everybody: then it need not try. Out of memory: yes. */
static bool is_hopeless(struct open_requests *requests,
                        const uint8_t address[OC_SOURCE_ADDRESS_BYTES], bool is_exempt)
{
    struct oc_source_slot newcomer = {.node = NULL};
    bool is_hopeless = true;
    if (oc_source_tree_enter(requests->tree, address, is_exempt, &newcomer)) {
        is_hopeless = oc_source_tree_is_fullest(requests->tree, &newcomer);
        oc_source_tree_leave(requests->tree, &newcomer);
    }
    return is_hopeless;
}

enum open_requests_room open_requests_look(struct open_requests *requests,
                                           const struct open_requests_caps *caps,
                                           const struct open_requests_source *source)
{
    uint8_t address[OC_SOURCE_ADDRESS_BYTES];
    enum open_requests_room room = OPEN_REQUESTS_HAVE_ROOM;
    address_of(source, address);
    pthread_mutex_lock(&requests->mutex);
    if (!source->is_exempt &&
        oc_source_tree_count(requests->tree, address) >= caps->max_per_source) {
        room = OPEN_REQUESTS_ARE_FULL;
    } else if (oc_source_tree_total(requests->tree) >= caps->max) {
        room = is_hopeless(requests, address, source->is_exempt) ? OPEN_REQUESTS_ARE_FULL
                                                                 : OPEN_REQUESTS_MUST_SHED;
    }
    pthread_mutex_unlock(&requests->mutex);
    return room;
}

bool open_requests_pick(struct open_requests *requests, const struct open_requests_source *source,
                        struct oc_device_id *out)
{
    uint8_t address[OC_SOURCE_ADDRESS_BYTES];
    struct oc_source_slot newcomer = {.node = NULL};
    bool is_found = false;
    address_of(source, address);
    pthread_mutex_lock(&requests->mutex);
    if (oc_source_tree_enter(requests->tree, address, source->is_exempt, &newcomer)) {
        struct oc_source_slot *slot = oc_source_tree_pick(requests->tree);
        is_found = slot != &newcomer;
        if (is_found) {
            const struct live *live =
                (const struct live *)(const void *)((char *)slot - offsetof(struct live, slot));
            *out = live->owner->id;
        }
        oc_source_tree_leave(requests->tree, &newcomer);
    }
    pthread_mutex_unlock(&requests->mutex);
    return is_found;
}

bool open_requests_enter(struct open_requests *requests, const struct open_requests_source *source,
                         struct live *live)
{
    uint8_t address[OC_SOURCE_ADDRESS_BYTES];
    address_of(source, address);
    pthread_mutex_lock(&requests->mutex);
    bool is_entered = oc_source_tree_enter(requests->tree, address, source->is_exempt, &live->slot);
    pthread_mutex_unlock(&requests->mutex);
    return is_entered;
}

void open_requests_leave(struct open_requests *requests, struct live *live)
{
    pthread_mutex_lock(&requests->mutex);
    oc_source_tree_leave(requests->tree, &live->slot);
    pthread_mutex_unlock(&requests->mutex);
}

unsigned open_requests_total(struct open_requests *requests)
{
    pthread_mutex_lock(&requests->mutex);
    unsigned total = oc_source_tree_total(requests->tree);
    pthread_mutex_unlock(&requests->mutex);
    return total;
}
