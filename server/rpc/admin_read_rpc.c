/* What an administrator may look at. Lists come from memory; history from the writer's thread. */
#include <openclaw/version.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/obs/metrics.h"
#include "server/rpc/convert.h"
#include "server/rpc/convert_out.h"
#include "server/rpc/handlers.h"
#include "server/rpc/packer.h"
#include "server/service/audit_search.h"
#include "server/service/certificates.h"

enum {
    ITEMS_FIELD = 1, /* of every list reply */
    MAX_LIST_BYTES = OC_MAX_REPLY_FRAME_BYTES - 1024,
    MAX_CURSOR_BYTES = 80,
};

static void fail_full(struct call *call)
{
    struct oc_error err;
    (void)oc_fail(&err, OC_RESOURCE_EXHAUSTED, "list: the page does not fit in a reply");
    call_fail(call, &err);
}

/* ---- GetStatus ----------------------------------------------------------------------------- */

struct counters {
    Openclaw__V1__Counter items[METRIC_COUNT];
    Openclaw__V1__Counter *pointers[METRIC_COUNT];
    size_t n;
};

static void add_counter(void *user, const char *name, int64_t value)
{
    struct counters *counters = user;
    Openclaw__V1__Counter *counter = &counters->items[counters->n];
    openclaw__v1__counter__init(counter);
    counter->name = convert_text_out(name);
    counter->value = value > 0 ? (uint64_t)value : 0;
    counters->pointers[counters->n++] = counter;
}

enum { N_CAPS = 1 + DISPATCH_DOOR_CAPS };

struct caps {
    Openclaw__V1__CapUse items[N_CAPS];
    Openclaw__V1__CapUse *pointers[N_CAPS];
};

/* What the service caps comes first, then the doors'. */
static void fill_caps(const struct call *call, const struct service_status *status,
                      struct caps *caps, Openclaw__V1__GetStatusReply *reply)
{
    struct dispatch_cap known[N_CAPS] = {
        {.name = "open_requests",
         .in_use = status->n_counted_requests,
         .limit = status->max_pending,
         .limit_per_source = status->max_pending_per_source,
         .refused = (uint64_t)metric_get(METRIC_REQUESTS_REFUSED_AT_CAP_TOTAL),
         .shed = (uint64_t)metric_get(METRIC_REQUESTS_SHED_TOTAL)}};
    reply->n_caps = 1 + dispatch_read_caps(call->dispatch, known + 1);
    reply->caps = caps->pointers;
    reply->n_forgotten = (uint64_t)metric_get(METRIC_RECORDS_FORGOTTEN_TOTAL);
    for (size_t i = 0; i < reply->n_caps; i++) {
        Openclaw__V1__CapUse *use = &caps->items[i];
        openclaw__v1__cap_use__init(use);
        use->name = convert_text_out(known[i].name);
        use->in_use = known[i].in_use;
        use->limit = known[i].limit;
        use->limit_per_source = known[i].limit_per_source;
        use->refused = known[i].refused;
        use->shed = known[i].shed;
        caps->pointers[i] = use;
    }
}

static void fill_store(const struct service_status *status, Openclaw__V1__GetStatusReply *reply)
{
    reply->store = convert_text_out(status->store_text);
    reply->store_error = convert_text_out(status->store_error);
    reply->store_cause = convert_text_out(status->store_cause);
    reply->checkpoint_seq = status->checkpoint.seq;
    reply->checkpoint_at_ms = status->checkpoint.at_ms;
    reply->checkpoint_error = convert_text_out(status->checkpoint.error);
    reply->store_failing_since_ms = status->failing_since_ms;
    reply->store_last_write_ms = status->last_write_ms;
    reply->n_unsaved = status->n_unsaved;
}

struct approvals {
    Openclaw__V1__MissingApproval items[MISSING_TOLD];
    Openclaw__V1__MissingApproval *pointers[MISSING_TOLD];
};

static void fill_missing(struct missing_facts *missing, struct approvals *approvals,
                         Openclaw__V1__GetStatusReply *reply)
{
    reply->missing_from_seq = missing->audit.from_seq;
    reply->missing_to_seq = missing->audit.to_seq;
    reply->missing_since_ms = missing->audit.since_ms;
    reply->missing_told_at_ms = missing->audit.told_at_ms;
    if (missing->has_marker) {
        struct store_identity *marker = &missing->marker;
        reply->marker_database_id =
            (ProtobufCBinaryData){sizeof marker->database_id, marker->database_id};
        reply->marker_epoch = marker->epoch;
        reply->marker_seq = marker->seq;
    }
    for (size_t i = 0; i < missing->n; i++) {
        struct missing_approval *from = &missing->approvals[i];
        Openclaw__V1__MissingApproval *to = &approvals->items[i];
        openclaw__v1__missing_approval__init(to);
        to->device_id = (ProtobufCBinaryData){sizeof from->device_id.bytes, from->device_id.bytes};
        to->seq = from->seq;
        to->receipt_at_ms = from->at_ms;
        approvals->pointers[i] = to;
    }
    reply->n_missing_approvals = missing->n;
    reply->missing_approvals = approvals->pointers;
    reply->missing_approvals_in_all = missing->n_in_all;
    reply->has_more_missing_approvals = missing->is_at_least;
}

static void fill_certificates(const struct certificate_ends *ends,
                              Openclaw__V1__GetStatusReply *reply)
{
    reply->admin_ca_ends_at_ms = ends->ca_not_after_ms;
    reply->n_certificates_ending = ends->n;
    if (ends->n > 0) {
        reply->certificate_ending = convert_text_out(ends->soonest[0].name);
        reply->certificate_ends_at_ms = ends->soonest[0].not_after_ms;
    }
}

static void fill_status(const struct service_status *status, Openclaw__V1__GetStatusReply *reply)
{
    reply->lock_reason =
        convert_text_out(status->lock == STORE_LOCK_NONE ? "" : store_lock_text(status->lock));
    reply->epoch = status->identity.epoch;
    reply->seq = status->identity.seq;
    reply->pairing_required = status->pairing_required;
    reply->started_at_ms = status->started_ms;
    reply->n_pending = status->n_pending;
    reply->n_approved = status->n_approved;
    reply->n_revoked = status->n_revoked;
    reply->n_blocked = status->n_blocked;
    reply->n_online = status->n_online;
    reply->n_quarantined = status->n_quarantined;
    fill_store(status, reply);
}

void handle_get_status(struct call *call, const ProtobufCMessage *request)
{
    (void)request;
    struct service_status status;
    struct counters counters = {.n = 0};
    struct caps caps;
    struct approvals approvals;
    struct certificate_ends ends;
    struct oc_digest pin = *dispatch_gateway_spki(call->dispatch);
    Openclaw__V1__Listener listeners[DISPATCH_MAX_LISTENERS];
    Openclaw__V1__Listener *listener_pointers[DISPATCH_MAX_LISTENERS];
    Openclaw__V1__GetStatusReply reply = OPENCLAW__V1__GET_STATUS_REPLY__INIT;
    service_get_status(dispatch_service(call->dispatch), &status);
    fill_status(&status, &reply);
    fill_missing(&status.missing, &approvals, &reply);
    certificates_look(dispatch_service(call->dispatch), &ends);
    fill_certificates(&ends, &reply);
    reply.admin_door_shut = dispatch_is_admin_door_shut(call->dispatch);
    fill_caps(call, &status, &caps, &reply);
    reply.version = convert_text_out(oc_version());
    reply.pid = (uint32_t)getpid();
    reply.gateway_id =
        (ProtobufCBinaryData){sizeof status.identity.gateway_id, status.identity.gateway_id};
    reply.database_id =
        (ProtobufCBinaryData){sizeof status.identity.database_id, status.identity.database_id};
    reply.spki_sha256 = (ProtobufCBinaryData){sizeof pin.bytes, pin.bytes};
    const struct dispatch_listener *known = dispatch_listeners(call->dispatch, &reply.n_listeners);
    for (size_t i = 0; i < reply.n_listeners; i++) {
        openclaw__v1__listener__init(&listeners[i]);
        listeners[i].door = convert_text_out(known[i].door);
        listeners[i].address = convert_text_out(known[i].address);
        listener_pointers[i] = &listeners[i];
    }
    reply.listeners = listener_pointers;
    metrics_read(add_counter, &counters);
    reply.n_counters = counters.n;
    reply.counters = counters.pointers;
    call_reply(call, &reply.base);
}

/* ---- ListDevices --------------------------------------------------------------------------- */

static void pack_device(void *user, const struct device_view *view)
{
    struct device_message message;
    convert_device_out(view, &message);
    packer_add_item(user, ITEMS_FIELD, &message.device.base);
}

/* A page whose devices say more than fits in a reply becomes a shorter page. */
static enum oc_status pack_page(struct service *service, struct list_query *query,
                                struct packer *packer, struct oc_error *err)
{
    char next_cursor[MAX_CURSOR_BYTES] = "";
    Openclaw__V1__ListDevicesReply rest = OPENCLAW__V1__LIST_DEVICES_REPLY__INIT;
    for (; query->limit > 0; query->limit /= 2) {
        packer_reset(packer);
        enum oc_status status =
            admin_list(service, query, pack_device, packer, next_cursor, &rest.revision, err);
        if (status) {
            return status;
        }
        rest.next_cursor = next_cursor;
        packer_add_rest(packer, &rest.base);
        if (!packer->is_full) {
            return OC_OK;
        }
    }
    return oc_fail(err, OC_RESOURCE_EXHAUSTED, "list: out of memory");
}

void handle_list_devices(struct call *call, const ProtobufCMessage *request)
{
    struct list_query query;
    struct oc_error err;
    struct packer packer = {.max = MAX_LIST_BYTES};
    enum oc_status status =
        convert_list((const Openclaw__V1__ListDevicesRequest *)request, &query, &err);
    if (!status) {
        status = pack_page(dispatch_service(call->dispatch), &query, &packer, &err);
    }
    if (status) {
        call_fail(call, &err);
    } else {
        call_reply_bytes(call, packer.bytes, packer.n);
    }
    packer_deinit(&packer);
}

/* ---- Resolve ------------------------------------------------------------------------------- */

static void answer_resolve(struct call *call, struct resolve_result *result)
{
    struct packer packer = {.max = MAX_LIST_BYTES};
    Openclaw__V1__ResolveReply rest = OPENCLAW__V1__RESOLVE_REPLY__INIT;
    for (size_t i = 0; i < result->n_matches; i++) {
        pack_device(&packer, &result->matches[i]);
    }
    rest.closest = result->closest;
    rest.replaced_by = result->replaced_by.text;
    rest.closed_as = convert_text_out(result->closed_as);
    packer_add_rest(&packer, &rest.base);
    if (packer.is_full) {
        fail_full(call);
    } else {
        call_reply_bytes(call, packer.bytes, packer.n);
    }
    packer_deinit(&packer);
}

void handle_resolve(struct call *call, const ProtobufCMessage *request)
{
    const Openclaw__V1__ResolveRequest *in = (const Openclaw__V1__ResolveRequest *)request;
    char selector[CONVERT_MAX_SELECTOR_BYTES + 1];
    struct oc_error err;
    if (convert_selector(in, selector, &err)) {
        call_fail(call, &err);
        return;
    }
    struct resolve_result *result = calloc(1, sizeof *result);
    if (!result) {
        fail_full(call);
        return;
    }
    admin_resolve(dispatch_service(call->dispatch), selector, in->prefix_is_enough != 0, result);
    answer_resolve(call, result);
    free(result);
}

/* ---- ListAudit and WatchEvents ------------------------------------------------------------- */

static void audit_done(void *user, const struct audit_result *result)
{
    struct call *call = user;
    if (result->status) {
        call_fail_with(call, result->status, &result->error);
        return;
    }
    struct packer packer = {.max = MAX_LIST_BYTES};
    Openclaw__V1__ListAuditReply rest = OPENCLAW__V1__LIST_AUDIT_REPLY__INIT;
    for (size_t i = 0; i < result->n; i++) {
        Openclaw__V1__AuditRecord record;
        convert_audit_out(&result->rows[i], &record);
        packer_add_item(&packer, ITEMS_FIELD, &record.base);
    }
    rest.next_after_seq = result->next_after_seq;
    rest.revision = result->revision;
    packer_add_rest(&packer, &rest.base);
    if (packer.is_full) {
        fail_full(call);
    } else {
        call_reply_bytes(call, packer.bytes, packer.n);
    }
    packer_deinit(&packer);
}

void handle_list_audit(struct call *call, const ProtobufCMessage *request)
{
    struct store_audit_query query;
    struct oc_error err;
    struct audit_filter filter;
    const Openclaw__V1__ListAuditRequest *in = (const Openclaw__V1__ListAuditRequest *)request;
    if (convert_audit(in, &query, &err) || convert_audit_filter(in, &filter, &err)) {
        call_fail(call, &err);
        return;
    }
    struct call *deferred = call_defer(call);
    if (deferred) {
        const struct audit_call audit_call = {audit_done, deferred};
        admin_search_audit(dispatch_service(deferred->dispatch), &query, &filter, &audit_call);
    }
}

static void watch_done(void *user, const struct watch_result *result)
{
    struct call *call = user;
    if (result->status) {
        call_fail_with(call, result->status, &result->error);
        return;
    }
    struct packer packer = {.max = MAX_LIST_BYTES};
    Openclaw__V1__WatchEventsReply rest = OPENCLAW__V1__WATCH_EVENTS_REPLY__INIT;
    for (size_t i = 0; i < result->n; i++) {
        const struct watch_event *event = &result->events[i];
        struct device_message device;
        Openclaw__V1__Event message = OPENCLAW__V1__EVENT__INIT;
        convert_device_out(&event->view, &device);
        message.seq = event->change.seq;
        message.at_ms = event->change.at_ms;
        message.action = convert_text_out(event->change.action);
        message.device = &device.device;
        packer_add_item(&packer, ITEMS_FIELD, &message.base);
    }
    struct store_identity identity = result->identity;
    rest.next_after_seq = result->next_after_seq;
    rest.database_id = (ProtobufCBinaryData){sizeof identity.database_id, identity.database_id};
    rest.epoch = identity.epoch;
    packer_add_rest(&packer, &rest.base);
    if (packer.is_full) {
        fail_full(call);
    } else {
        call_reply_bytes(call, packer.bytes, packer.n);
    }
    packer_deinit(&packer);
}

void handle_watch_events(struct call *call, const ProtobufCMessage *request)
{
    const Openclaw__V1__WatchEventsRequest *in = (const Openclaw__V1__WatchEventsRequest *)request;
    const uint64_t after_seq = in->after_seq;
    struct call *deferred = call_defer(call);
    if (deferred) {
        const struct watch_call watch_call = {watch_done, deferred};
        admin_watch(dispatch_service(deferred->dispatch), after_seq, deferred->budget_ms,
                    &watch_call);
    }
}
