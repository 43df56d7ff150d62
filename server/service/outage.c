#include "server/service/outage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/obs/log.h"

/* Where the store could not say that it was the disk. */
static const char unnamed_cause[] = "store_fails";

void outage_init(struct outage *outage)
{
    memset(outage, 0, sizeof *outage);
    atomic_init(&outage->is_on, false);
    atomic_init(&outage->last_ok_ms, 0);
    pthread_mutex_init(&outage->lock, NULL);
}

void outage_deinit(struct outage *outage)
{
    pthread_mutex_destroy(&outage->lock);
}

static void begin(struct outage *outage, const struct oc_error *err, const struct outage_time *now)
{
    const bool is_settled = now->monotonic_ms >= outage->settled_ms;
    const char *cause = err->cause[0] != '\0' ? err->cause : unnamed_cause;
    outage->n_failures = 0;
    outage->delay_ms =
        is_settled || outage->delay_ms == 0 ? OUTAGE_FIRST_PROBE_MS : outage->delay_ms;
    outage->probe_ms = now->monotonic_ms + outage->delay_ms;
    pthread_mutex_lock(&outage->lock);
    outage->facts.since_ms = now->now_ms;
    (void)snprintf(outage->facts.error, sizeof outage->facts.error, "%.255s", err->text);
    (void)snprintf(outage->facts.cause, sizeof outage->facts.cause, "%s", cause);
    pthread_mutex_unlock(&outage->lock);
    atomic_store(&outage->is_on, true);
    log_error("store.failing", "cause=%s error=%s effect=%s fix=%s", cause, err->text,
              "approvals and new requests are refused; devices are still cut off",
              "free space or mend the disk; see: openclaw gateway status");
}

void outage_note_failure(struct outage *outage, const struct oc_error *err,
                         const struct outage_time *now)
{
    if (!atomic_load(&outage->is_on)) {
        begin(outage, err, now);
    }
    outage->n_failures++;
}

void outage_note_success(struct outage *outage, bool is_over, uint64_t n_unsaved,
                         const struct outage_time *now)
{
    atomic_store(&outage->last_ok_ms, now->now_ms);
    if (!is_over || !atomic_load(&outage->is_on)) {
        return;
    }
    pthread_mutex_lock(&outage->lock);
    const int64_t lasted_ms = now->now_ms - outage->facts.since_ms;
    outage->facts = (struct outage_facts){.since_ms = 0};
    pthread_mutex_unlock(&outage->lock);
    outage->settled_ms = now->monotonic_ms + OUTAGE_SETTLED_MS;
    atomic_store(&outage->is_on, false);
    log_info("store.recovered", "seconds=%" PRId64 " failures=%" PRIu64 " unsaved=%" PRIu64,
             lasted_ms / 1000, outage->n_failures, n_unsaved);
}

bool outage_takes_probe(struct outage *outage, int64_t monotonic_ms)
{
    if (!atomic_load(&outage->is_on) || monotonic_ms < outage->probe_ms) {
        return false;
    }
    outage->delay_ms =
        outage->delay_ms * 2 < OUTAGE_MAX_PROBE_MS ? outage->delay_ms * 2 : OUTAGE_MAX_PROBE_MS;
    outage->probe_ms = monotonic_ms + outage->delay_ms;
    return true;
}

bool outage_is_on(const struct outage *outage)
{
    return atomic_load(&outage->is_on);
}

enum oc_status outage_fail(struct outage *outage, struct oc_error *err)
{
    struct outage_facts facts;
    outage_read(outage, &facts);
    (void)oc_fail(err, OC_UNAVAILABLE, "%s",
                  facts.error[0] != '\0' ? facts.error : "the database cannot be written");
    if (err) {
        (void)snprintf(err->cause, sizeof err->cause, "%s",
                       facts.cause[0] != '\0' ? facts.cause : unnamed_cause);
    }
    return OC_UNAVAILABLE;
}

void outage_read(struct outage *outage, struct outage_facts *out)
{
    pthread_mutex_lock(&outage->lock);
    *out = outage->facts;
    pthread_mutex_unlock(&outage->lock);
    out->last_ok_ms = atomic_load(&outage->last_ok_ms);
}
