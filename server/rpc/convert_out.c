/* See convert_out.h. Zero, none and empty are absent on the wire. */
#include "server/rpc/convert_out.h"

/* The schema's numbers are the vocabulary's. */
_Static_assert((int)OPENCLAW__V1__STATE__STATE_BLOCKED == OC_STATE_BLOCKED, "states");
_Static_assert((int)OPENCLAW__V1__STATE__STATE_PENDING == OC_STATE_PENDING, "states");
_Static_assert((int)OPENCLAW__V1__STANDING__STANDING_BLOCKED == OC_STANDING_BLOCKED, "standings");
_Static_assert((int)OPENCLAW__V1__WHY__WHY_NEW_DEVICE == OC_WHY_NEW_DEVICE, "whys");
_Static_assert((int)OPENCLAW__V1__REFUSAL_KIND__REFUSAL_LOCKED == OC_REFUSAL_LOCKED, "refusals");

char *convert_text_out(const char *text)
{
    union {
        const char *in;
        char *out;
    } pointer = {.in = text};
    return pointer.out;
}

ProtobufCBinaryData convert_bytes_out(const uint8_t *bytes, size_t n)
{
    union {
        const uint8_t *in;
        uint8_t *out;
    } pointer = {.in = bytes};
    return (ProtobufCBinaryData){.len = n, .data = pointer.out};
}

Openclaw__V1__Grant *convert_grant_out(const struct oc_grant *grant, struct grant_message *out)
{
    if (grant->role[0] == '\0') {
        return NULL;
    }
    openclaw__v1__grant__init(&out->grant);
    out->grant.role = convert_text_out(grant->role);
    for (size_t i = 0; i < grant->n_scopes; i++) {
        out->scopes[i] = convert_text_out(grant->scopes[i]);
    }
    out->grant.n_scopes = grant->n_scopes;
    out->grant.scopes = out->scopes;
    return &out->grant;
}

static void labels_out(const struct oc_labels *labels, struct device_message *out)
{
    for (size_t i = 0; i < labels->n; i++) {
        openclaw__v1__label__init(&out->labels[i]);
        out->labels[i].key = convert_text_out(labels->items[i].key);
        out->labels[i].value = convert_text_out(labels->items[i].value);
        out->label_pointers[i] = &out->labels[i];
    }
    out->device.n_labels = labels->n;
    out->device.labels = out->label_pointers;
}

static void request_out(const struct pairing_request *request, struct device_message *out)
{
    out->device.request_id = convert_text_out(request->id.text);
    out->device.ask_digest = convert_bytes_out(request->digest.bytes, sizeof request->digest.bytes);
    out->device.asked = convert_grant_out(&request->ask.grant, &out->asked);
    out->device.purpose = convert_text_out(request->ask.purpose);
    out->device.claimed_name = convert_text_out(request->ask.name);
}

static void sighting_out(const struct sighting *sighting, Openclaw__V1__Device *device)
{
    device->platform = convert_text_out(sighting->platform);
    device->version = convert_text_out(sighting->version);
    device->source = convert_text_out(sighting->source);
    device->last_seen_at_ms = sighting->seen_ms;
}

static void pairing_out(const struct pairing *pairing, struct device_message *out)
{
    Openclaw__V1__Device *device = &out->device;
    const bool is_approved = pairing->standing == OC_STANDING_APPROVED;
    device->device_id = convert_bytes_out(pairing->id.bytes, sizeof pairing->id.bytes);
    device->alias = convert_text_out(pairing->alias);
    device->claimed_name = convert_text_out(pairing->claimed_name);
    device->state = (Openclaw__V1__State)pairing_state(pairing);
    device->standing = (Openclaw__V1__Standing)pairing->standing;
    device->why = (Openclaw__V1__Why)pairing_why(pairing);
    device->asked = convert_grant_out(&pairing->asked, &out->asked);
    device->granted = is_approved ? convert_grant_out(&pairing->granted, &out->granted) : NULL;
    device->first_seen_at_ms = pairing->first_seen_ms;
    device->requested_at_ms = pairing->requested_ms;
    device->decided_at_ms = pairing->decided_ms;
    device->decided_by = convert_text_out(pairing->decided_by);
    device->expires_at_ms = is_approved ? pairing->term_ends_ms : 0;
    device->expected = pairing->expectation.is_set;
    device->generation = pairing->generation;
    device->quarantined = pairing->is_quarantined;
    device->removed = pairing->is_removed;
}

static void votes_out(const struct device_view *view, struct device_message *out)
{
    const struct pairing_request *request = &view->pairing.request;
    size_t n = 0;
    for (size_t i = 0; i < request->n_votes; i++) {
        const uint32_t bit = UINT32_C(1) << i;
        if (view->votes.in_force & bit) {
            openclaw__v1__vote__init(&out->votes[n]);
            out->votes[n].by = convert_text_out(request->votes[i].by);
            out->votes[n].at_ms = request->votes[i].at_ms;
            out->votes[n].otherwise = (view->votes.as_asked & bit) == 0;
            out->vote_pointers[n] = &out->votes[n];
            n++;
        }
    }
    out->device.n_votes = n;
    out->device.votes = out->vote_pointers;
    out->device.votes_needed = view->votes.needed;
    out->device.votes_so_far = view->votes.n;
}

void convert_device_out(const struct device_view *view, struct device_message *out)
{
    const struct pairing *pairing = &view->pairing;
    const bool shows_claims = pairing->request.is_open && pairing->standing != OC_STANDING_APPROVED;
    openclaw__v1__device__init(&out->device);
    pairing_out(pairing, out);
    sighting_out(&view->sighting, &out->device);
    if (pairing->request.is_open) {
        request_out(&pairing->request, out);
        votes_out(view, out);
    }
    labels_out(shows_claims ? &pairing->request.ask.labels : &pairing->labels, out);
    out->device.online = view->is_online;
    out->device.can_check_code = view->can_check_code;
    out->device.host_group = view->host_group;
    out->device.same_host_devices = view->n_host_devices;
    out->device.same_host_requests = view->n_host_requests;
}

static Openclaw__V1__Receipt *receipt_out(const struct oc_receipt *receipt,
                                          Openclaw__V1__Receipt *out)
{
    if (receipt->n_signature == 0) {
        return NULL;
    }
    openclaw__v1__receipt__init(out);
    out->gateway_id = convert_bytes_out(receipt->gateway_id, sizeof receipt->gateway_id);
    out->database_id = convert_bytes_out(receipt->database_id, sizeof receipt->database_id);
    out->seq = receipt->seq;
    out->device_id = convert_bytes_out(receipt->device_id.bytes, sizeof receipt->device_id.bytes);
    out->issued_at_ms = receipt->issued_at_ms;
    out->signature = convert_bytes_out(receipt->signature, receipt->n_signature);
    return out;
}

void convert_session_out(const struct session_facts *facts, struct session_message *out)
{
    openclaw__v1__session__init(&out->session);
    out->session.granted = convert_grant_out(&facts->granted, &out->granted);
    out->session.heartbeat_ms = facts->heartbeat_ms;
    out->session.generation = facts->generation;
    out->session.receipt = receipt_out(&facts->receipt, &out->receipt);
    out->session.upgrade_request_id = convert_text_out(facts->upgrade_request.text);
    out->session.term_ends_at_ms = facts->term_ends_ms;
    out->session.alias = convert_text_out(facts->alias);
    if (facts->has_gateway_nonce) {
        out->session.gateway_nonce =
            convert_bytes_out(facts->gateway_nonce, sizeof facts->gateway_nonce);
    }
}

void convert_refusal_out(const struct refusal_facts *facts, const char *text,
                         Openclaw__V1__Refusal *out)
{
    openclaw__v1__refusal__init(out);
    out->kind = (Openclaw__V1__RefusalKind)facts->kind;
    out->http_status = oc_refusal_http_status(facts->kind);
    out->request_id = convert_text_out(facts->request_id.text);
    out->why = (Openclaw__V1__Why)facts->why;
    out->why_text = convert_text_out(oc_why_text(facts->why));
    out->retry_after_ms = facts->retry_after_ms;
    out->text = convert_text_out(text);
    if (facts->request_id.text[0] != '\0') {
        out->gateway_nonce = convert_bytes_out(facts->gateway_nonce, sizeof facts->gateway_nonce);
    }
}

void convert_audit_out(const struct store_audit_row *row, Openclaw__V1__AuditRecord *out)
{
    static const struct oc_device_id none;
    const struct audit_event *event = &row->event;
    openclaw__v1__audit_record__init(out);
    out->seq = row->seq;
    out->at_ms = event->at_ms;
    out->actor = convert_text_out(event->actor.name);
    out->source = convert_text_out(event->actor.source);
    out->action = convert_text_out(event->action);
    out->outcome = convert_text_out(event->outcome);
    if (!oc_device_id_equal(&event->device_id, &none)) {
        out->device_id = convert_bytes_out(event->device_id.bytes, sizeof event->device_id.bytes);
    }
    out->request_id = convert_text_out(event->request_id.text);
    out->before = convert_text_out(event->before);
    out->after = convert_text_out(event->after);
    out->reason = convert_text_out(event->reason);
    out->rule = convert_text_out(event->rule);
    out->hash = convert_bytes_out(row->hash.bytes, sizeof row->hash.bytes);
    out->detail = convert_text_out(event->detail);
}
