/* See bounds.h. */
#include "server/service/bounds.h"

#include <stdio.h>
#include <string.h>

#include "server/service/admin_denied.h"
#include "server/service/administrators.h"
#include "server/service/service_state.h"

void service_change_bounds(struct service *service, const struct bounds *wanted)
{
    service->bounds = *wanted;
}

/* Whoever is no approver is bounded by nothing here: dispatch and the service looked at the role. */
static bool is_bounded(struct service *service, const struct admin_caller *caller)
{
    enum administrator_role role = ADMINISTRATOR_NOBODY;
    if (!caller->is_remote || !service->bounds.are_given) {
        return false;
    }
    (void)administrators_look_up(service, &caller->certificate, &role);
    return role != ADMINISTRATOR_ADMIN;
}

static void tell_audit(struct service *service, const struct admin_caller *caller,
                       const struct pairing *was, const struct pairing_event *event,
                       const struct oc_error *err)
{
    struct audit_event audit = {
        .actor = caller->actor, .device_id = was->id, .request_id = event->named_request};
    const char *state = oc_state_name(pairing_state(was));
    (void)snprintf(audit.action, sizeof audit.action, "%s", pairing_event_name(event->kind));
    (void)snprintf(audit.before, sizeof audit.before, "%s", state);
    (void)snprintf(audit.after, sizeof audit.after, "%s", state);
    (void)snprintf(audit.rule, sizeof audit.rule, "%.32s", err->closest);
    (void)snprintf(audit.reason, sizeof audit.reason, "%.*s", OC_MAX_REASON_BYTES, err->text);
    admin_record_refused(service, &audit);
}

enum oc_status bounds_check(struct service *service, const struct admin_caller *caller,
                            const struct pairing *was, const struct pairing_event *event,
                            struct oc_error *err)
{
    if (!is_bounded(service, caller)) {
        return OC_OK;
    }
    const struct bound *bound = bounds_find(&service->bounds, caller->remote_name);
    const enum bound_verdict verdict = bound_judge(bound, was, event);
    if (verdict == BOUND_WITHIN) {
        return OC_OK;
    }
    (void)oc_fail(err, OC_PERMISSION_DENIED,
                  "beyond the bound %s: %s; an administrator of the role admin can do it",
                  bound ? bound->name : "of nobody", bound_verdict_text(verdict));
    (void)snprintf(err->cause, sizeof err->cause, "%s", bound_verdict_name(verdict));
    (void)snprintf(err->closest, sizeof err->closest, "%s", bound ? bound->name : "");
    tell_audit(service, caller, was, event, err);
    return OC_PERMISSION_DENIED;
}
