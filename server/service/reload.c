/* See reload.h. A reload happens whether or not the audit can be written: it may take rights away,
 * which no full disk must prevent. */
#include "server/service/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/obs/log.h"
#include "server/service/writer.h"

struct reload_change {
    struct change change; /* first */
    struct audit_actor actor;
    struct reload_call call;
    struct reload_result result;
};

static struct reload_change *reload_of(struct change *change)
{
    return (struct reload_change *)(void *)change;
}

void reload_join(const char *const *names, size_t n, char *out, size_t cap)
{
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t n_name = strlen(names[i]);
        const size_t n_comma = i > 0;
        if (used + n_comma + n_name >= cap) {
            break;
        }
        memcpy(out + used, ",", n_comma);
        memcpy(out + used + n_comma, names[i], n_name);
        used += n_comma + n_name;
    }
    out[used] = '\0';
}

static struct audit_event audit_of(struct service *service, const struct reload_change *reload)
{
    const struct reload_report *report = &reload->result.report;
    struct audit_event audit = {
        .at_ms = service_now_ms(service), .actor = reload->actor, .action = "reload"};
    (void)snprintf(audit.outcome, sizeof audit.outcome, "%s",
                   report->is_refused ? "invalid_file" : "done");
    (void)snprintf(audit.reason, sizeof audit.reason, "%.255s",
                   report->is_refused ? report->problem : "");
    reload_join(report->changed, report->n_changed, audit.detail, sizeof audit.detail);
    if (report->n_changed == 0) {
        (void)snprintf(audit.detail, sizeof audit.detail, "none");
    }
    return audit;
}

static void stage(struct group *group, struct change *change)
{
    struct reload_change *reload = reload_of(change);
    struct service *service = group_service(group);
    struct reload_report *report = &reload->result.report;
    struct oc_error err;
    service->options.reload(service->options.reload_user, &reload->actor, report);
    /* The database of a locked gateway is not ours to write. */
    if (!service_is_locked(service)) {
        const struct audit_event audit = audit_of(service, reload);
        report->is_audited = group_apply_audit(group, &audit, &err) == OC_OK;
    }
}

static void deliver(struct delivery *delivery)
{
    struct reload_change *reload =
        (struct reload_change *)(void *)((char *)delivery -
                                         offsetof(struct reload_change, change.delivery));
    reload->call.done(reload->call.user, &reload->result);
    free(reload);
}

static void finish(struct service *service, struct change *change, const struct oc_error *failed)
{
    struct reload_change *reload = reload_of(change);
    struct reload_report *report = &reload->result.report;
    report->is_audited = report->is_audited && !failed;
    if (!report->is_audited) {
        log_error("audit.reload_lost", "by=%s reason=%s", reload->actor.name,
                  failed ? failed->text : "the database is locked or cannot be written");
    }
    notifier_post_one(service->notifier, &change->delivery);
}

static void fail_at_once(const struct reload_call *call, enum oc_status status, const char *text)
{
    struct reload_result *result = calloc(1, sizeof *result);
    static const struct reload_result least = {.status = OC_RESOURCE_EXHAUSTED};
    if (result) {
        result->status = oc_fail(&result->error, status, "%s", text);
    }
    call->done(call->user, result ? result : &least);
    free(result);
}

void admin_reload(struct service *service, const struct audit_actor *actor,
                  const struct reload_call *call)
{
    static const struct change_ops ops = {.stage = stage, .finish = finish};
    if (!service->options.reload) {
        fail_at_once(call, OC_FAILED_PRECONDITION, "this gateway has no file to read again");
        return;
    }
    struct reload_change *reload = calloc(1, sizeof *reload);
    if (reload) {
        reload->change.ops = &ops;
        reload->change.delivery.deliver = deliver;
        reload->actor = *actor;
        reload->call = *call;
    }
    if (!reload || !writer_push(service, &reload->change)) {
        free(reload);
        fail_at_once(call, OC_RESOURCE_EXHAUSTED, "too many changes are waiting");
    }
}
