/* An administrator's calls that read: openclaw/admin.h. Each is a request, a generated
 * call and a closure that converts the answer. */
#include <openclaw/audit.h>
#include <stdio.h>
#include <string.h>

#include "client/clean_text.h"
#include "client/client_internal.h"
#include "client/convert.h"

#define ADMIN_SERVICE (&openclaw__v1__admin_service__descriptor)

/* ---- status ------------------------------------------------------------------------------ */

static void on_status(const Openclaw__V1__GetStatusReply *reply, void *user)
{
    struct oc_blocking *call = user;
    bool ok = reply && oc_take_status(reply, call->out);
    oc_blocking_finish(call, reply != NULL, ok ? OC_OK : OC_INTERNAL);
}

enum oc_status oc_admin_status(struct oc_client *client, struct oc_gateway_status *out,
                               struct oc_error *err)
{
    struct oc_blocking call;
    oc_blocking_begin(&call, client, ADMIN_SERVICE, out);
    const Openclaw__V1__GetStatusRequest request = OPENCLAW__V1__GET_STATUS_REQUEST__INIT;
    openclaw__v1__admin_service__get_status(&call.proxy.base, &request, on_status, &call);
    return oc_blocking_end(&call, err);
}

/* ---- list -------------------------------------------------------------------------------- */

/* False when an item is no device, or there are more than the page asked for. */
static bool take_devices(Openclaw__V1__Device *const *items, size_t n, struct oc_device *out,
                         size_t cap)
{
    for (size_t i = 0; i < n; i++) {
        if (i == cap || !oc_take_device(items[i], &out[i])) {
            return false;
        }
    }
    return true;
}

static void on_list(const Openclaw__V1__ListDevicesReply *reply, void *user)
{
    struct oc_blocking *call = user;
    struct oc_device_page *page = call->out;
    bool ok = reply && strlen(reply->next_cursor) < sizeof page->next_cursor &&
              take_devices(reply->items, reply->n_items, page->items, page->cap);
    if (ok) {
        page->n = reply->n_items;
        page->revision = reply->revision;
        oc_take_text(reply->next_cursor, page->next_cursor, sizeof page->next_cursor);
    }
    oc_blocking_finish(call, reply != NULL, ok ? OC_OK : OC_INTERNAL);
}

enum oc_status oc_admin_list(struct oc_client *client, uint32_t states, const char *cursor,
                             struct oc_device_page *page, struct oc_error *err)
{
    if (page->cap == 0 || page->cap > OC_MAX_LIST_PAGE) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "a page holds 1 to %d devices", OC_MAX_LIST_PAGE);
    }
    Openclaw__V1__State wanted[OC_STATE_COUNT];
    Openclaw__V1__ListDevicesRequest request = OPENCLAW__V1__LIST_DEVICES_REQUEST__INIT;
    request.page_size = (uint32_t)page->cap;
    request.cursor = oc_put_text(cursor ? cursor : "");
    request.states = wanted;
    for (unsigned i = 0; i < OC_STATE_COUNT; i++) {
        if (states & (1U << i)) {
            wanted[request.n_states++] = (Openclaw__V1__State)i;
        }
    }
    struct oc_blocking call;
    oc_blocking_begin(&call, client, ADMIN_SERVICE, page);
    openclaw__v1__admin_service__list_devices(&call.proxy.base, &request, on_list, &call);
    return oc_blocking_end(&call, err);
}

/* ---- resolve ----------------------------------------------------------------------------- */

static void on_resolve(const Openclaw__V1__ResolveReply *reply, void *user)
{
    struct oc_blocking *call = user;
    struct oc_matches *matches = call->out;
    bool ok = reply && oc_take_request_id(reply->replaced_by, &matches->replaced_by) &&
              take_devices(reply->matches, reply->n_matches, matches->items, OC_MAX_MATCHES);
    if (ok) {
        matches->n = reply->n_matches;
        oc_take_text(reply->closest, matches->closest, sizeof matches->closest);
        oc_take_text(reply->closed_as, matches->closed_as, sizeof matches->closed_as);
        oc_clean_text(matches->closed_as);
    }
    oc_blocking_finish(call, reply != NULL, ok ? OC_OK : OC_INTERNAL);
}

enum oc_status oc_admin_resolve(struct oc_client *client, const char *selector,
                                bool prefix_is_enough, struct oc_matches *out, struct oc_error *err)
{
    Openclaw__V1__ResolveRequest request = OPENCLAW__V1__RESOLVE_REQUEST__INIT;
    request.selector = oc_put_text(selector);
    request.prefix_is_enough = prefix_is_enough;
    struct oc_blocking call;
    oc_blocking_begin(&call, client, ADMIN_SERVICE, out);
    openclaw__v1__admin_service__resolve(&call.proxy.base, &request, on_resolve, &call);
    return oc_blocking_end(&call, err);
}

/* ---- audit ------------------------------------------------------------------------------- */

static void on_audit(const Openclaw__V1__ListAuditReply *reply, void *user)
{
    struct oc_blocking *call = user;
    struct oc_audit_page *page = call->out;
    bool ok = reply && reply->n_items <= page->cap;
    for (size_t i = 0; ok && i < reply->n_items; i++) {
        ok = oc_take_audit_record(reply->items[i], &page->items[i]);
    }
    if (ok) {
        page->n = reply->n_items;
        page->next_after_seq = reply->next_after_seq;
        page->revision = reply->revision;
    }
    oc_blocking_finish(call, reply != NULL, ok ? OC_OK : OC_INTERNAL);
}

/* Texts that do not end within their place are none that the gateway could hold. */
static bool ends(const char *text, size_t cap)
{
    return memchr(text, '\0', cap) != NULL;
}

static bool is_sound(const struct oc_audit_filter *filter)
{
    return ends(filter->actor, sizeof filter->actor) &&
           ends(filter->action, sizeof filter->action) &&
           ends(filter->outcome, sizeof filter->outcome) &&
           ends(filter->request_id.text, sizeof filter->request_id.text);
}

enum oc_status oc_admin_search_audit(struct oc_client *client, const struct oc_audit_filter *filter,
                                     uint64_t after_seq, bool newest_first,
                                     struct oc_audit_page *page, struct oc_error *err)
{
    if (page->cap == 0 || page->cap > OC_MAX_AUDIT_PAGE) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "a page holds 1 to %d audit records",
                       OC_MAX_AUDIT_PAGE);
    }
    if (!is_sound(filter)) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "a word of the filter is too long");
    }
    Openclaw__V1__ListAuditRequest request = OPENCLAW__V1__LIST_AUDIT_REQUEST__INIT;
    request.page_size = (uint32_t)page->cap;
    request.after_seq = after_seq;
    request.newest_first = newest_first;
    request.actor = oc_put_text(filter->actor);
    request.action = oc_put_text(filter->action);
    request.outcome = oc_put_text(filter->outcome);
    request.request_id = oc_put_text(filter->request_id.text);
    request.since_ms = filter->since_ms;
    request.until_ms = filter->until_ms;
    request.last_seq = filter->last_seq;
    if (filter->has_device_id) {
        request.device_id = oc_put_bytes(filter->device_id.bytes, sizeof filter->device_id.bytes);
    }
    struct oc_blocking call;
    oc_blocking_begin(&call, client, ADMIN_SERVICE, page);
    openclaw__v1__admin_service__list_audit(&call.proxy.base, &request, on_audit, &call);
    return oc_blocking_end(&call, err);
}

enum oc_status oc_admin_list_audit(struct oc_client *client, uint64_t after_seq, bool newest_first,
                                   const struct oc_device_id *device_id, struct oc_audit_page *page,
                                   struct oc_error *err)
{
    struct oc_audit_filter filter = {.has_device_id = device_id != NULL};
    if (device_id) {
        filter.device_id = *device_id;
    }
    return oc_admin_search_audit(client, &filter, after_seq, newest_first, page, err);
}

/* ---- events ------------------------------------------------------------------------------ */

struct watch {
    struct oc_event *events;
    size_t cap;
    size_t n;
    uint64_t next_after_seq;
};

static void on_watch(const Openclaw__V1__WatchEventsReply *reply, void *user)
{
    struct oc_blocking *call = user;
    struct watch *watch = call->out;
    bool ok = reply != NULL;
    size_t n = reply ? reply->n_events : 0;
    if (n > watch->cap) {
        n = watch->cap;
    }
    for (size_t i = 0; ok && i < n; i++) {
        ok = oc_take_event(reply->events[i], &watch->events[i]);
    }
    if (ok) {
        watch->n = n;
        /* What did not fit is asked for again. */
        watch->next_after_seq =
            n < reply->n_events ? watch->events[n - 1].seq : reply->next_after_seq;
    }
    oc_blocking_finish(call, reply != NULL, ok ? OC_OK : OC_INTERNAL);
}

enum oc_status oc_admin_watch(struct oc_client *client, uint64_t after_seq, uint32_t wait_ms,
                              struct oc_event *events, size_t cap, size_t *n,
                              uint64_t *next_after_seq, struct oc_error *err)
{
    if (cap == 0) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "watch: room for one event at least");
    }
    struct watch watch = {.events = events, .cap = cap};
    Openclaw__V1__WatchEventsRequest request = OPENCLAW__V1__WATCH_EVENTS_REQUEST__INIT;
    request.after_seq = after_seq;
    struct oc_blocking call;
    oc_blocking_begin(&call, client, ADMIN_SERVICE, &watch);
    call.proxy.timeout_ms = wait_ms < OC_MIN_BUDGET_MS  ? OC_MIN_BUDGET_MS
                            : wait_ms > OC_LONG_POLL_MS ? OC_LONG_POLL_MS
                                                        : wait_ms;
    openclaw__v1__admin_service__watch_events(&call.proxy.base, &request, on_watch, &call);
    enum oc_status st = oc_blocking_end(&call, err);
    if (st == OC_OK) {
        *n = watch.n;
        *next_after_seq = watch.next_after_seq;
    }
    return st;
}

/* ---- unlock ------------------------------------------------------------------------------ */

static void on_unlock(const Openclaw__V1__UnlockReply *reply, void *user)
{
    oc_blocking_finish(user, reply != NULL, OC_OK);
}

enum oc_status oc_admin_unlock(struct oc_client *client, bool accept_rollback, bool init,
                               struct oc_error *err)
{
    uint8_t key[OC_KEY_ID_BYTES];
    oc_make_idempotency_key(key);
    Openclaw__V1__UnlockRequest request = OPENCLAW__V1__UNLOCK_REQUEST__INIT;
    request.accept_rollback = accept_rollback;
    request.init = init;
    struct oc_blocking call;
    oc_blocking_begin(&call, client, ADMIN_SERVICE, NULL);
    call.proxy.idempotency_key = key;
    openclaw__v1__admin_service__unlock(&call.proxy.base, &request, on_unlock, &call);
    return oc_blocking_end(&call, err);
}
