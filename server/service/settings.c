/*
 * What may change while the service runs. Invariant: once service_change_settings has returned, no
 * session stands on what the settings before allowed and these do not.
 *
 * Why none slips through: a Connect reads the settings, asks options.is_trusted, and then decides
 * under its shard's mutex, where the peer's is_source_trusted counts. The new settings are in force
 * before the shards are walked; so a Connect that still read the old ones either has its session by
 * the time its shard is walked, and loses it there, or finds the peer's trust gone.
 */
#include "server/service/peer.h"
#include "server/service/records.h"

/* ---- reading --------------------------------------------------------------------------------- */

void service_get_settings(struct service *service, struct service_settings *out)
{
    pthread_mutex_lock(&service->settings_mutex);
    *out = service->settings;
    pthread_mutex_unlock(&service->settings_mutex);
}

struct policy service_policy(struct service *service)
{
    pthread_mutex_lock(&service->settings_mutex);
    const struct policy policy = service->settings.policy;
    pthread_mutex_unlock(&service->settings_mutex);
    return policy;
}

struct open_requests_caps service_caps(struct service *service)
{
    pthread_mutex_lock(&service->settings_mutex);
    const struct open_requests_caps caps = {
        .max = service->settings.max_pending,
        .max_per_source = service->settings.max_pending_per_source,
    };
    pthread_mutex_unlock(&service->settings_mutex);
    return caps;
}

/* ---- trust withdrawn ------------------------------------------------------------------------- */

struct walk {
    struct service *service;
    bool pairing_required;
    bool (*is_trusted)(void *user, const char *source);
    void *user;
    struct delivery_list deliveries;
};

/* Under the shard's mutex. */
static bool keeps_trust(const struct walk *walk, const struct peer *peer)
{
    return !walk->pairing_required &&
           (!walk->is_trusted || walk->is_trusted(walk->user, peer->source));
}

static void withdraw_trust(struct walk *walk, struct peer *peer)
{
    static const struct session_end end = {.notice = NOTICE_NONE_YET, .cut_why = "pairing_on"};
    static const struct session_end moved = {.notice = NOTICE_NONE_YET, .cut_why = "not_trusted"};
    peer->is_source_trusted = false;
    if (peer_has_session(peer) && peer->unpaired_grant) {
        (void)entry_end_session(walk->service, peer->entry, walk->pairing_required ? &end : &moved,
                                &walk->deliveries);
    } else if (!peer_has_session(peer) && !walk->pairing_required) {
        peer_cut(peer, moved.cut_why, &walk->deliveries);
    }
}

static void walk_shard(struct walk *walk, struct shard *shard)
{
    shard_lock(shard);
    for (struct live *live = shard->lives; live; live = live->next) {
        for (struct peer *peer = live->peers; peer; peer = peer->next) {
            if (peer->is_source_trusted && !keeps_trust(walk, peer)) {
                withdraw_trust(walk, peer);
            }
        }
    }
    shard_unlock(shard);
    notifier_post(walk->service->notifier, &walk->deliveries);
    walk->deliveries = (struct delivery_list){0};
}

/* ---- changing -------------------------------------------------------------------------------- */

void service_change_settings(struct service *service, const struct service_settings *wanted,
                             bool (*is_trusted)(void *user, const char *source), void *user)
{
    struct walk walk = {.service = service,
                        .pairing_required = wanted->pairing_required,
                        .is_trusted = is_trusted,
                        .user = user};
    pthread_mutex_lock(&service->settings_mutex);
    const struct service_settings was = service->settings;
    service->settings = *wanted;
    pthread_mutex_unlock(&service->settings_mutex);
    for (size_t i = 0; !was.pairing_required && i < INDEX_SHARDS; i++) {
        walk_shard(&walk, &service->index.shards[i]);
    }
    if (wanted->policy.pending_ttl_ms < was.policy.pending_ttl_ms) {
        records_schedule_open(service);
    }
}
