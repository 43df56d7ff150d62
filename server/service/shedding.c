#include "server/service/shedding.h"

#include "server/obs/log.h"
#include "server/obs/metrics.h"
#include "server/service/connect.h"
#include "server/service/records.h"

enum {
    DRAWS = 8,                /* before somebody who is connected loses his place */
    MOST_AT_ONCE = 8,         /* more than one only when the cap was lowered */
    QUIET_MS = 5 * 60 * 1000, /* without shedding, before its start is worth another line */
};

/* A flood causes this: one line when it begins. */
static void note_shed(struct service *service)
{
    int64_t now_ms = service_monotonic_ms(service);
    bool begins = service->shed_ms == 0 || now_ms - service->shed_ms >= QUIET_MS;
    service->shed_ms = now_ms > 0 ? now_ms : 1;
    metric_add(METRIC_REQUESTS_SHED_TOTAL, 1);
    if (begins) {
        log_warn("requests.shedding", "limit=%u effect=%s fix=%s", service_caps(service).max,
                 "requests of the fullest sources give way to newcomers",
                 "openclaw devices expect ID for devices that must get in; pairing.maxPending");
    }
}

static void uncount(struct service *service, const struct oc_device_id *id)
{
    struct shard *shard = index_shard(&service->index, id);
    shard_lock(shard);
    struct entry *entry = shard_find(shard, id);
    shard_unlock(shard);
    if (entry) {
        records_uncount(service, entry);
    }
}

/* Its place is free at once, so that the next in this group picks another; if the commit fails, it
 * is counted again. A request that cannot be shed after all does not count either. */
static bool shed(struct group *group, const struct oc_device_id *id)
{
    struct service *service = group_service(group);
    struct pairing was;
    struct group_receipt receipt;
    struct oc_error err;
    const struct pairing_event event = {.kind = PAIRING_EV_SHED,
                                        .actor = {.name = "gateway", .source = "local"}};
    group_read(group, id, &was);
    const struct policy policy = service_policy(service);
    struct pairing_decision decision =
        pairing_decide(&was, &event, &policy, service_now_ms(service));
    const struct group_change row = {
        .id = id, .decision = &decision, .action = pairing_event_name(event.kind), .source = ""};
    if (decision.changed && group_apply(group, &row, &receipt, &err)) {
        return false; /* the store fails, and says so */
    }
    uncount(service, id);
    if (decision.changed) {
        note_shed(service);
    }
    return true;
}

static bool is_present(struct service *service, const struct oc_device_id *id)
{
    struct shard *shard = index_shard(&service->index, id);
    shard_lock(shard);
    const struct entry *entry = shard_find(shard, id);
    bool is = entry && entry->live && entry->live->peers;
    shard_unlock(shard);
    return is;
}

/* Of equals drawn at random, one whose device has left: a flood asks and goes, who means it stays
 * connected. False: the newcomer must go. */
static bool draw(struct service *service, const struct open_requests_source *source,
                 struct oc_device_id *out)
{
    bool is_drawn = open_requests_pick(&service->waiting, source, out);
    if (is_drawn && !is_present(service, out)) {
        return true;
    }
    for (int i = 1; i < DRAWS; i++) {
        struct oc_device_id other;
        if (open_requests_pick(&service->waiting, source, &other) && !is_present(service, &other)) {
            *out = other;
            return true;
        }
    }
    return is_drawn;
}

bool shedding_make_room(struct group *group, const struct peer *peer)
{
    struct service *service = group_service(group);
    struct open_requests_source source = service_source(service, peer->source);
    enum open_requests_room room = connect_look_for_room(peer);
    for (int i = 0; i < MOST_AT_ONCE && room == OPEN_REQUESTS_MUST_SHED; i++) {
        struct oc_device_id id;
        if (!draw(service, &source, &id) || !shed(group, &id)) {
            return false;
        }
        room = connect_look_for_room(peer);
    }
    return room == OPEN_REQUESTS_HAVE_ROOM;
}
