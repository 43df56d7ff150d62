/*
 * Calls that dispatch refused: told in the audit, never at the price of blocking.
 */
#include <stdlib.h>
#include <string.h>

#include "server/obs/log.h"
#include "server/service/admin_service.h"
#include "server/service/writer.h"

struct denied_change {
    struct change change; /* first */
    struct audit_event audit;
};

static void stage_denied(struct group *group, struct change *change)
{
    struct denied_change *denied = (struct denied_change *)(void *)change;
    struct oc_error err;
    /* Whoever is refused could else make a failing disk fail again and again. */
    bool is_lost = outage_is_on(&group_service(group)->outage);
    if (is_lost || group_apply_audit(group, &denied->audit, &err)) {
        const struct audit_event *audit = &denied->audit;
        const struct log_about about = {.event = "audit.denied_lost",
                                        .subject = audit->actor.name,
                                        .detail = audit->detail,
                                        .source = audit->actor.source};
        log_limited(LOG_LEVEL_ERROR, &about, "actor=%s method=%s error=%s", audit->actor.name,
                    audit->detail, is_lost ? "the store is failing" : err.text);
    }
}

static void finish_denied(struct service *service, struct change *change,
                          const struct oc_error *failed)
{
    (void)service;
    (void)failed;
    free(change);
}

void admin_record_denied(struct service *service, const struct audit_actor *actor,
                         const char *method, const char *why)
{
    static const struct change_ops ops = {.stage = stage_denied, .finish = finish_denied};
    struct denied_change *denied = calloc(1, sizeof *denied);
    if (denied) {
        denied->change.ops = &ops;
        denied->audit = (struct audit_event){
            .at_ms = service_now_ms(service), .actor = *actor, .action = "denied"};
        memcpy(denied->audit.outcome, "permission_denied", sizeof "permission_denied");
        memcpy(denied->audit.reason, why, strnlen(why, OC_MAX_REASON_BYTES));
        memcpy(denied->audit.detail, method, strnlen(method, sizeof denied->audit.detail - 1));
    }
    if (!denied || !writer_push(service, &denied->change)) {
        free(denied);
        const struct log_about about = {.event = "audit.denied_dropped",
                                        .subject = actor->name,
                                        .detail = method,
                                        .source = actor->source};
        log_limited(LOG_LEVEL_WARN, &about, "actor=%s method=%s", actor->name, method);
    }
}
