/* See bounds.h. */
#include "server/service/bounds.h"

#include <stdio.h>
#include <string.h>

#include "server/service/admin_denied.h"
#include "server/service/administrators.h"
#include "server/service/externals.h"
#include "server/service/service_state.h"

void service_change_bounds(struct service *service, const struct bounds *wanted)
{
    service->bounds = *wanted;
}

/* Whose bound counts, and which it is. */
struct bounded {
    bool is_so;
    const struct bound *bound; /* NULL: none, and nothing may be done */
};

/* Of another CA's approver, the map names the bound; else it is found by the approver's own name.
 * Whoever is no approver is bounded by nothing here: dispatch and the service looked at the role.
 */
static struct bounded find_bound(struct service *service, const struct admin_caller *caller)
{
    enum administrator_role role = ADMINISTRATOR_NOBODY;
    struct externals_rights rights;
    if (!caller->is_remote) {
        return (struct bounded){.is_so = false};
    }
    (void)administrators_look_up(service, &caller->certificate, &role);
    if (role == ADMINISTRATOR_ADMIN) {
        return (struct bounded){.is_so = false};
    }
    if (externals_are_on(service->externals)) {
        (void)externals_look_up(service->externals, &caller->certificate, service_now_ms(service),
                                &rights);
        return (struct bounded){true, bounds_find_exactly(&service->bounds, rights.bound)};
    }
    return (struct bounded){service->bounds.are_given,
                            bounds_find(&service->bounds, caller->remote_name)};
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
    const struct bounded bounded = find_bound(service, caller);
    if (!bounded.is_so) {
        return OC_OK;
    }
    const struct bound *bound = bounded.bound;
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

bool bounds_cover(struct service *service, const struct admin_caller *voter,
                  const struct pairing *was, const struct pairing_event *event)
{
    const struct bounded bounded = find_bound(service, voter);
    return !bounded.is_so || bound_judge(bounded.bound, was, event) == BOUND_WITHIN;
}
