/*
 * Reading the audit: a small job on the writer's thread, between groups.
 */
#include <stdlib.h>

#include "server/service/admin_service.h"
#include "server/service/writer.h"

struct audit_change {
    struct change change; /* first */
    struct store_audit_query query;
    struct audit_call call;
    struct store_audit_row *rows;
    struct audit_result result;
};

static struct audit_change *audit_of(struct change *change)
{
    return (struct audit_change *)(void *)change;
}

static void run(struct service *service, struct change *change)
{
    struct audit_change *audit = audit_of(change);
    struct audit_result *result = &audit->result;
    struct store *store = writer_store(service);
    result->revision = atomic_load(&service->seq);
    if (!store) {
        result->status =
            oc_fail(&result->error, OC_UNAVAILABLE, "the database cannot be read at the moment");
        return;
    }
    size_t n = 0;
    result->status = store_list_audit(store, &audit->query, audit->rows, &n, &result->error);
    if (result->status == OC_OK) {
        result->rows = audit->rows;
        result->n = n;
        result->next_after_seq = n > 0 && n == audit->query.limit ? audit->rows[n - 1].seq : 0;
    }
}

static void audit_free(struct audit_change *audit)
{
    if (audit) {
        free(audit->rows);
        free(audit);
    }
}

static void deliver(struct delivery *delivery)
{
    struct audit_change *audit =
        (struct audit_change *)(void *)((char *)delivery -
                                        offsetof(struct audit_change, change.delivery));
    audit->call.done(audit->call.user, &audit->result);
    audit_free(audit);
}

static void finish(struct service *service, struct change *change, const struct oc_error *failed)
{
    (void)failed;
    notifier_post_one(service->notifier, &change->delivery);
}

void admin_list_audit(struct service *service, const struct store_audit_query *query,
                      const struct audit_call *call)
{
    static const struct change_ops ops = {.run = run, .finish = finish};
    struct audit_result refused = {.status = OC_OK};
    struct audit_change *audit = calloc(1, sizeof *audit);
    if (query->limit == 0 || query->limit > STORE_MAX_PAGE) {
        refused.status = oc_fail(&refused.error, OC_INVALID_ARGUMENT, "page size out of range");
    } else if (audit) {
        audit->change.ops = &ops;
        audit->change.delivery.deliver = deliver;
        audit->query = *query;
        audit->call = *call;
        audit->rows = calloc(query->limit, sizeof *audit->rows);
    }
    if (!refused.status && (!audit || !audit->rows || !writer_push(service, &audit->change))) {
        refused.status =
            oc_fail(&refused.error, OC_RESOURCE_EXHAUSTED, "too many jobs are waiting");
    }
    if (refused.status) {
        audit_free(audit);
        call->done(call->user, &refused);
    }
}
