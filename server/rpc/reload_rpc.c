/* Reload: the configuration is read on the writer's thread, and the answer names what changed. */
#include <stdio.h>

#include "openclaw/v1/admin.pb-c.h"
#include "server/rpc/handlers.h"
#include "server/service/reload.h"

/* The wire's texts are not const; names of keys are short. */
struct names {
    char texts[RELOAD_MAX_KEYS][64];
    char *pointers[RELOAD_MAX_KEYS];
};

static void copy_names(const char *const *names, size_t n, struct names *out)
{
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(out->texts[i], sizeof out->texts[i], "%s", names[i]);
        out->pointers[i] = out->texts[i];
    }
}

static void answer(struct call *call, const struct reload_report *report)
{
    struct reload_report copy = *report;
    struct names changed;
    struct names waiting;
    Openclaw__V1__ReloadReply reply = OPENCLAW__V1__RELOAD_REPLY__INIT;
    copy_names(report->changed, report->n_changed, &changed);
    copy_names(report->waiting, report->n_waiting, &waiting);
    reply.path = copy.path;
    reply.problem = copy.problem;
    reply.n_changed = report->n_changed;
    reply.changed = changed.pointers;
    reply.n_needs_restart = report->n_waiting;
    reply.needs_restart = waiting.pointers;
    reply.audited = report->is_audited;
    call_reply(call, &reply.base);
}

static void done(void *user, const struct reload_result *result)
{
    struct call *call = user;
    if (result->status) {
        call_fail_with(call, result->status, &result->error);
    } else {
        answer(call, &result->report);
    }
}

void handle_reload(struct call *call, const ProtobufCMessage *request)
{
    (void)request;
    struct call *deferred = call_defer(call);
    if (deferred) {
        const struct reload_call reload_call = {done, deferred};
        struct audit_actor actor;
        caller_audit_actor(deferred->caller, &actor);
        admin_reload(dispatch_service(deferred->dispatch), &actor, &reload_call);
    }
}
