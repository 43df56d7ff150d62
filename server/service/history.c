/*
 * Reading the audit: a small job on the writer's thread, between groups.
 */
#include <stdlib.h>
#include <string.h>

#include "server/service/audit_search.h"
#include "server/service/writer.h"

enum {
    MOST_LOOKED_AT = 1024, /* rows a job, two milliseconds or so */
    /* Rows are in the order of their commits, and their times all but so. */
    DISORDER_MS = 60 * 1000,
};

struct audit_change {
    struct change change; /* first */
    struct store_audit_query query;
    struct audit_filter filter;
    struct audit_call call;
    struct store_audit_row *rows; /* those that pass ... */
    struct store_audit_row *page; /* ... of those that were looked at */
    struct audit_result result;
};

static struct audit_change *audit_of(struct change *change)
{
    return (struct audit_change *)(void *)change;
}

static bool is_word(const char *wanted, const char *word)
{
    return wanted[0] == '\0' || strcmp(wanted, word) == 0;
}

static bool passes(const struct audit_filter *filter, const struct store_audit_row *row)
{
    const struct audit_event *event = &row->event;
    return is_word(filter->actor, event->actor.name) && is_word(filter->action, event->action) &&
           is_word(filter->outcome, event->outcome) &&
           is_word(filter->request_id.text, event->request_id.text) &&
           (filter->since_ms == 0 || event->at_ms >= filter->since_ms) &&
           (filter->until_ms == 0 || event->at_ms < filter->until_ms) &&
           (filter->last_seq == 0 || row->seq <= filter->last_seq);
}

/* Whether no row behind this one can pass. */
static bool is_past_all(const struct audit_change *audit, const struct store_audit_row *row)
{
    const struct audit_filter *filter = &audit->filter;
    if (audit->query.newest_first) {
        return row->event.at_ms < filter->since_ms - DISORDER_MS;
    }
    return (filter->last_seq != 0 && row->seq >= filter->last_seq) ||
           (filter->until_ms != 0 && row->event.at_ms > filter->until_ms + DISORDER_MS);
}

/* Takes what passes of a page; false: there is no use in going on. */
static bool take_page(struct audit_change *audit, size_t n_page, size_t *n)
{
    for (size_t i = 0; i < n_page; i++) {
        const struct store_audit_row *row = &audit->page[i];
        audit->query.after_seq = row->seq;
        if (passes(&audit->filter, row)) {
            audit->rows[(*n)++] = *row;
        }
        if (is_past_all(audit, row)) {
            audit->query.after_seq = 0;
            return false;
        }
        if (*n == audit->query.limit) {
            return false;
        }
    }
    return true;
}

static enum oc_status search(struct audit_change *audit, struct store *store, size_t *n,
                             struct oc_error *err)
{
    struct store_audit_query query = audit->query;
    static const struct audit_filter any;
    const bool is_any = memcmp(&audit->filter, &any, sizeof any) == 0;
    query.limit = is_any ? query.limit : STORE_MAX_PAGE;
    for (size_t looked_at = 0; looked_at < MOST_LOOKED_AT; looked_at += query.limit) {
        size_t n_page = 0;
        enum oc_status st = store_list_audit(store, &query, audit->page, &n_page, err);
        if (st) {
            return st;
        }
        if (!take_page(audit, n_page, n)) {
            return OC_OK;
        }
        if (n_page < query.limit) {
            audit->query.after_seq = 0; /* that was the last */
            return OC_OK;
        }
        query.after_seq = audit->query.after_seq;
    }
    return OC_OK;
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
    result->status = search(audit, store, &result->n, &result->error);
    if (result->status == OC_OK) {
        result->rows = audit->rows;
        result->next_after_seq = audit->query.after_seq;
    }
}

static void audit_free(struct audit_change *audit)
{
    if (audit) {
        free(audit->rows);
        free(audit->page);
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

void admin_search_audit(struct service *service, const struct store_audit_query *query,
                        const struct audit_filter *filter, const struct audit_call *call)
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
        audit->filter = *filter;
        audit->call = *call;
        audit->rows = calloc(query->limit, sizeof *audit->rows);
        audit->page = calloc(STORE_MAX_PAGE, sizeof *audit->page);
    }
    if (!refused.status &&
        (!audit || !audit->rows || !audit->page || !writer_push(service, &audit->change))) {
        refused.status =
            oc_fail(&refused.error, OC_RESOURCE_EXHAUSTED, "too many jobs are waiting");
    }
    if (refused.status) {
        audit_free(audit);
        call->done(call->user, &refused);
    }
}

void admin_list_audit(struct service *service, const struct store_audit_query *query,
                      const struct audit_call *call)
{
    static const struct audit_filter any;
    admin_search_audit(service, query, &any, call);
}
