#include "server/service/kept_marker.h"

#include <stdio.h>
#include <string.h>

#include "server/obs/log.h"

static void set_cause(struct oc_error *err)
{
    memcpy(err->cause, STORE_CAUSE_MARKER_FAILS, sizeof STORE_CAUSE_MARKER_FAILS);
}

static void note_failure(struct kept_marker *kept, struct oc_error *err)
{
    if (!kept->is_failing) {
        log_error("marker.failing", "error=%s", err->text);
    }
    kept->is_failing = true;
    (void)snprintf(kept->error, sizeof kept->error, "%.255s", err->text);
    err->status = OC_UNAVAILABLE;
    set_cause(err);
}

enum oc_status kept_marker_write(struct kept_marker *kept, struct service *service,
                                 struct oc_error *err)
{
    const struct store_identity identity = service_identity(service);
    const char *path = service->options.marker_path;
    const bool is_written = kept->seq == identity.seq && kept->epoch == identity.epoch;
    if (!path || is_written || service_is_locked(service)) {
        return OC_OK;
    }
    if (marker_write(path, &identity, err)) {
        note_failure(kept, err);
        return OC_UNAVAILABLE;
    }
    kept->seq = identity.seq;
    kept->epoch = identity.epoch;
    if (kept->is_failing) {
        log_info("marker.recovered", "seq=%llu", (unsigned long long)identity.seq);
    }
    kept->is_failing = false;
    return OC_OK;
}

enum oc_status kept_marker_check(const struct kept_marker *kept, struct oc_error *err)
{
    if (!kept->is_failing) {
        return OC_OK;
    }
    (void)oc_fail(err, OC_UNAVAILABLE,
                  "in force and in the database, but not in the marker: %s; if an older database "
                  "were put back, it might not be noticed",
                  kept->error);
    set_cause(err);
    err->is_not_durable = true;
    return OC_UNAVAILABLE;
}

enum store_lock kept_marker_judge(struct service *service,
                                  const struct store_identity *acknowledged,
                                  const struct store_identity *found)
{
    struct store_identity marker;
    struct oc_error err;
    const char *path = service->options.marker_path;
    enum store_lock lock = store_lock_reason(found, acknowledged);
    if (!lock && path && marker_read(path, &marker, &err) == OC_OK) {
        lock = store_lock_reason(found, &marker);
    }
    if (lock) {
        missing_set_marker(&service->missing, acknowledged);
        log_error("gateway.locked",
                  "reason=%s fix=%s epoch=%llu seq=%llu found_epoch=%llu found_seq=%llu",
                  store_lock_text(lock), store_lock_fix(lock),
                  (unsigned long long)acknowledged->epoch, (unsigned long long)acknowledged->seq,
                  (unsigned long long)found->epoch, (unsigned long long)found->seq);
    }
    return lock;
}
