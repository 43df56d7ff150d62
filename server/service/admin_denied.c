/*
 * Calls that dispatch refused: told in the audit, never at the price of blocking.
 */
#include "server/service/admin_denied.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/obs/log.h"
#include "server/obs/metrics.h"
#include "server/service/writer.h"

struct denied_change {
    struct change change; /* first */
    uint64_t n_left_out;  /* before it, of which it tells */
    bool is_lost;
    struct audit_event audit;
};

static void stage_denied(struct group *group, struct change *change)
{
    struct denied_change *denied = (struct denied_change *)(void *)change;
    struct oc_error err;
    /* Whoever is refused could else make a failing disk fail again and again. */
    const bool is_failing = outage_is_on(&group_service(group)->outage);
    denied->is_lost = is_failing || group_apply_audit(group, &denied->audit, &err) != OC_OK;
    if (denied->is_lost) {
        const struct audit_event *audit = &denied->audit;
        const struct log_about about = {.event = "audit.denied_lost",
                                        .subject = audit->actor.name,
                                        .detail = audit->detail,
                                        .source = audit->actor.source};
        log_limited(LOG_LEVEL_ERROR, &about, "actor=%s method=%s error=%s", audit->actor.name,
                    audit->detail, is_failing ? "the store is failing" : err.text);
    }
}

static void finish_denied(struct service *service, struct change *change,
                          const struct oc_error *failed)
{
    const struct denied_change *denied = (struct denied_change *)(void *)change;
    if (failed || denied->is_lost) {
        denied_limit_give_back(&service->denied, denied->n_left_out);
    }
    free(change);
}

/* What was left out before it is told with it. */
static void add_left_out(struct denied_change *denied)
{
    char why[OC_MAX_REASON_BYTES + 1];
    if (denied->n_left_out > 0) {
        memcpy(why, denied->audit.reason, sizeof why);
        (void)snprintf(denied->audit.reason, sizeof denied->audit.reason,
                       "%.160s; and %" PRIu64 " refused calls since the last such record", why,
                       denied->n_left_out);
    }
}

static void log_dropped(const struct audit_actor *actor, const char *method)
{
    const struct log_about about = {.event = "audit.denied_dropped",
                                    .subject = actor->name,
                                    .detail = method,
                                    .source = actor->source};
    log_limited(LOG_LEVEL_WARN, &about, "actor=%s method=%s", actor->name, method);
}

void admin_record_refused(struct service *service, const struct audit_event *audit)
{
    static const struct change_ops ops = {.stage = stage_denied, .finish = finish_denied};
    uint64_t n_left_out = 0;
    if (!denied_limit_take(&service->denied, audit->actor.name, service_monotonic_ms(service),
                           &n_left_out)) {
        metric_add(METRIC_AUDIT_DENIED_LEFT_OUT_TOTAL, 1);
        return; /* the next row says how many */
    }
    struct denied_change *denied = calloc(1, sizeof *denied);
    if (denied) {
        denied->change.ops = &ops;
        denied->n_left_out = n_left_out;
        denied->audit = *audit;
        denied->audit.at_ms = service_now_ms(service);
        memcpy(denied->audit.outcome, "permission_denied", sizeof "permission_denied");
        add_left_out(denied);
    }
    if (!denied || !writer_push(service, &denied->change)) {
        free(denied);
        denied_limit_give_back(&service->denied, n_left_out);
        log_dropped(&audit->actor, audit->detail);
    }
}

void admin_record_denied(struct service *service, const struct audit_actor *actor,
                         const char *method, const char *why)
{
    struct audit_event audit = {.actor = *actor, .action = "denied"};
    memcpy(audit.detail, method, strnlen(method, sizeof audit.detail - 1));
    memcpy(audit.reason, why, strnlen(why, sizeof audit.reason - 1));
    admin_record_refused(service, &audit);
}
