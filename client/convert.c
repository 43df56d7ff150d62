/* See convert.h. */
#include "client/convert.h"

#include <string.h>

#include "client/clean_text.h"
#include "proto/base/cleanup.h"

void oc_take_text(const char *text, char *out, size_t cap)
{
    size_t n = text ? strlen(text) : 0;
    if (n >= cap) {
        n = cap - 1;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) {
            n--;
        }
    }
    if (n > 0) {
        memcpy(out, text, n);
    }
    out[n] = '\0';
}

bool oc_take_bytes(ProtobufCBinaryData bytes, bool may_be_empty, uint8_t *out, size_t n)
{
    if (bytes.len == 0 && may_be_empty) {
        memset(out, 0, n);
        return true;
    }
    if (bytes.len != n) {
        return false;
    }
    memcpy(out, bytes.data, n);
    return true;
}

bool oc_take_request_id(const char *text, struct oc_request_id *out)
{
    if (!text || !*text) {
        out->text[0] = '\0';
        return true;
    }
    return oc_request_id_parse(text, out);
}

/* A role or a scope, as types.proto spells them; it may be printed as it is. A right that is cut
 * short would be another right, so what does not fit is refused. */
static bool take_right(const char *text, char *out, size_t cap)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789._:/*-";
    size_t n = strspn(text, allowed);
    if (text[n] != '\0' || n >= cap) {
        return false;
    }
    memcpy(out, text, n + 1);
    return true;
}

bool oc_take_grant(const Openclaw__V1__Grant *from, struct oc_grant *out)
{
    struct oc_grant grant = {.n_scopes = 0};
    if (from && (from->n_scopes > OC_MAX_SCOPES ||
                 !take_right(from->role, grant.role, sizeof grant.role))) {
        return false;
    }
    for (size_t i = 0; from && i < from->n_scopes; i++) {
        if (!take_right(from->scopes[i], grant.scopes[i], sizeof grant.scopes[i])) {
            return false;
        }
        grant.n_scopes++;
    }
    oc_grant_normalise(&grant);
    *out = grant;
    return true;
}

bool oc_take_labels(Openclaw__V1__Label *const *labels, size_t n, struct oc_labels *out)
{
    if (n > OC_MAX_LABELS) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        oc_take_text(labels[i]->key, out->items[i].key, sizeof out->items[i].key);
        oc_take_text(labels[i]->value, out->items[i].value, sizeof out->items[i].value);
    }
    out->n = (uint8_t)n;
    return true;
}

enum oc_why oc_take_why(Openclaw__V1__Why why)
{
    unsigned number = (unsigned)why;
    return number < OC_WHY_COUNT ? (enum oc_why)number : OC_WHY_NONE;
}

enum oc_refusal_kind oc_take_refusal_kind(Openclaw__V1__RefusalKind kind)
{
    unsigned number = (unsigned)kind;
    return number < OC_REFUSAL_COUNT ? (enum oc_refusal_kind)number : OC_REFUSAL_NONE;
}

static enum oc_state take_state(Openclaw__V1__State state)
{
    unsigned number = (unsigned)state;
    return number < OC_STATE_COUNT ? (enum oc_state)number : OC_STATE_NONE;
}

static enum oc_standing take_standing(Openclaw__V1__Standing standing)
{
    unsigned number = (unsigned)standing;
    return number < OC_STANDING_COUNT ? (enum oc_standing)number : OC_STANDING_NONE;
}

/* What a device claimed, and facts beside its identity. */
static void take_description(const Openclaw__V1__Device *from, struct oc_device *out)
{
    oc_take_text(from->alias, out->alias, sizeof out->alias);
    oc_take_text(from->claimed_name, out->claimed_name, sizeof out->claimed_name);
    oc_take_text(from->purpose, out->purpose, sizeof out->purpose);
    oc_take_text(from->platform, out->platform, sizeof out->platform);
    oc_take_text(from->version, out->version, sizeof out->version);
    oc_take_text(from->source, out->source, sizeof out->source);
    oc_take_text(from->decided_by, out->decided_by, sizeof out->decided_by);
    out->first_seen_at_ms = from->first_seen_at_ms;
    out->requested_at_ms = from->requested_at_ms;
    out->decided_at_ms = from->decided_at_ms;
    out->expires_at_ms = from->expires_at_ms;
    out->last_seen_at_ms = from->last_seen_at_ms;
    out->is_online = from->online;
    out->is_expected = from->expected;
    out->is_quarantined = from->quarantined;
    out->is_removed = from->removed;
    out->can_check_code = from->can_check_code;
    out->host_group = from->host_group;
    out->n_same_host_devices = from->same_host_devices;
    out->n_same_host_requests = from->same_host_requests;
    out->n_votes_needed = from->votes_needed;
    out->n_votes = from->votes_so_far;
    out->generation = from->generation;
}

bool oc_take_device(const Openclaw__V1__Device *from, struct oc_device *out)
{
    struct oc_device device = {.generation = 0};
    if (!from || !oc_take_bytes(from->device_id, false, device.id.bytes, sizeof device.id.bytes) ||
        !oc_take_request_id(from->request_id, &device.request_id) ||
        !oc_take_bytes(from->ask_digest, true, device.ask_digest.bytes,
                       sizeof device.ask_digest.bytes) ||
        !oc_take_grant(from->asked, &device.asked) ||
        !oc_take_grant(from->granted, &device.granted) ||
        !oc_take_labels(from->labels, from->n_labels, &device.labels)) {
        return false;
    }
    device.state = take_state(from->state);
    device.standing = take_standing(from->standing);
    device.why = oc_take_why(from->why);
    take_description(from, &device);
    *out = device;
    return true;
}

bool oc_take_audit_record(const Openclaw__V1__AuditRecord *from, struct oc_audit_record *out)
{
    struct oc_audit_record record = {.seq = from->seq, .at_ms = from->at_ms};
    if (!oc_take_bytes(from->device_id, true, record.device_id.bytes,
                       sizeof record.device_id.bytes) ||
        !oc_take_request_id(from->request_id, &record.request_id) ||
        !oc_take_bytes(from->hash, false, record.hash.bytes, sizeof record.hash.bytes)) {
        return false;
    }
    oc_take_text(from->actor, record.actor, sizeof record.actor);
    oc_take_text(from->source, record.source, sizeof record.source);
    oc_take_text(from->action, record.action, sizeof record.action);
    oc_take_text(from->outcome, record.outcome, sizeof record.outcome);
    oc_take_text(from->before, record.before, sizeof record.before);
    oc_take_text(from->after, record.after, sizeof record.after);
    oc_take_text(from->reason, record.reason, sizeof record.reason);
    oc_take_text(from->rule, record.rule, sizeof record.rule);
    oc_take_text(from->detail, record.detail, sizeof record.detail);
    *out = record;
    return true;
}

static size_t at_most(size_t n, size_t max)
{
    return n < max ? n : max;
}

static void take_numbers(const Openclaw__V1__GetStatusReply *from, struct oc_gateway_status *out)
{
    out->epoch = from->epoch;
    out->seq = from->seq;
    out->pairing_required = from->pairing_required;
    out->started_at_ms = from->started_at_ms;
    out->n_pending = from->n_pending;
    out->n_approved = from->n_approved;
    out->n_revoked = from->n_revoked;
    out->n_blocked = from->n_blocked;
    out->n_online = from->n_online;
    out->n_quarantined = from->n_quarantined;
    out->pid = from->pid;
    out->store_failing_since_ms = from->store_failing_since_ms;
    out->store_last_write_ms = from->store_last_write_ms;
    out->n_unsaved = from->n_unsaved;
    out->n_counters = at_most(from->n_counters, OC_ARRAY_LENGTH(out->counters));
    for (size_t i = 0; i < out->n_counters; i++) {
        oc_take_text(from->counters[i]->name, out->counters[i].name, sizeof out->counters[i].name);
        out->counters[i].value = from->counters[i]->value;
    }
}

static void take_certificates(const Openclaw__V1__GetStatusReply *from,
                              struct oc_gateway_status *out)
{
    out->admin_ca_ends_ms = from->admin_ca_ends_at_ms;
    out->n_certificates_ending = from->n_certificates_ending;
    out->certificate_ends_ms = from->certificate_ends_at_ms;
    out->is_admin_door_shut = from->admin_door_shut;
    oc_take_text(from->certificate_ending, out->certificate_ending_name,
                 sizeof out->certificate_ending_name);
}

static void take_caps(const Openclaw__V1__GetStatusReply *from, struct oc_gateway_status *out)
{
    out->n_forgotten = from->n_forgotten;
    out->checkpoint_seq = from->checkpoint_seq;
    out->checkpoint_at_ms = from->checkpoint_at_ms;
    out->missing_from_seq = from->missing_from_seq;
    out->missing_to_seq = from->missing_to_seq;
    out->missing_since_ms = from->missing_since_ms;
    out->n_caps = at_most(from->n_caps, OC_ARRAY_LENGTH(out->caps));
    for (size_t i = 0; i < out->n_caps; i++) {
        const Openclaw__V1__CapUse *use = from->caps[i];
        struct oc_cap_use *cap = &out->caps[i];
        oc_take_text(use->name, cap->name, sizeof cap->name);
        cap->in_use = use->in_use;
        cap->limit = use->limit;
        cap->limit_per_source = use->limit_per_source;
        cap->refused = use->refused;
        cap->shed = use->shed;
    }
}

bool oc_take_event(const Openclaw__V1__Event *from, struct oc_event *out)
{
    struct oc_event event = {.seq = from->seq, .at_ms = from->at_ms};
    oc_take_text(from->action, event.action, sizeof event.action);
    if (!oc_take_device(from->device, &event.device)) {
        return false;
    }
    *out = event;
    return true;
}

bool oc_take_status(const Openclaw__V1__GetStatusReply *from, struct oc_gateway_status *out)
{
    struct oc_gateway_status status = {.epoch = 0};
    if (!oc_take_bytes(from->gateway_id, true, status.gateway_id, sizeof status.gateway_id) ||
        !oc_take_bytes(from->database_id, true, status.database_id, sizeof status.database_id) ||
        !oc_take_bytes(from->spki_sha256, true, status.spki_sha256.bytes,
                       sizeof status.spki_sha256.bytes)) {
        return false;
    }
    take_numbers(from, &status);
    take_certificates(from, &status);
    take_caps(from, &status);
    oc_take_text(from->version, status.version, sizeof status.version);
    oc_take_text(from->lock_reason, status.lock_reason, sizeof status.lock_reason);
    oc_take_text(from->store, status.store, sizeof status.store);
    oc_take_text(from->store_error, status.store_error, sizeof status.store_error);
    oc_take_text(from->checkpoint_error, status.checkpoint_error, sizeof status.checkpoint_error);
    oc_take_text(from->store_cause, status.store_cause, sizeof status.store_cause);
    status.n_listeners = at_most(from->n_listeners, OC_ARRAY_LENGTH(status.listeners));
    for (size_t i = 0; i < status.n_listeners; i++) {
        struct oc_listener_info *listener = &status.listeners[i];
        oc_take_text(from->listeners[i]->door, listener->door, sizeof listener->door);
        oc_take_text(from->listeners[i]->address, listener->address, sizeof listener->address);
    }
    *out = status;
    return true;
}

bool oc_take_session(const Openclaw__V1__Session *from, struct oc_session *out)
{
    struct oc_session session = {.generation = from->generation,
                                 .term_ends_at_ms = from->term_ends_at_ms};
    if (!oc_take_grant(from->granted, &session.granted) ||
        !oc_take_request_id(from->upgrade_request_id, &session.upgrade_request_id)) {
        return false;
    }
    oc_take_text(from->alias, session.alias, sizeof session.alias);
    oc_clean_text(session.alias);
    *out = session;
    return true;
}

bool oc_take_receipt(const Openclaw__V1__Receipt *from, struct oc_receipt *out)
{
    struct oc_receipt receipt = {.n_signature = 0};
    if (!from || from->signature.len == 0) {
        *out = receipt;
        return true;
    }
    if (from->signature.len > sizeof receipt.signature || from->issued_at_ms < 0 ||
        !oc_take_bytes(from->gateway_id, false, receipt.gateway_id, sizeof receipt.gateway_id) ||
        !oc_take_bytes(from->database_id, false, receipt.database_id, sizeof receipt.database_id) ||
        !oc_take_bytes(from->device_id, false, receipt.device_id.bytes,
                       sizeof receipt.device_id.bytes)) {
        return false;
    }
    receipt.seq = from->seq;
    receipt.issued_at_ms = from->issued_at_ms;
    memcpy(receipt.signature, from->signature.data, from->signature.len);
    receipt.n_signature = (uint8_t)from->signature.len;
    *out = receipt;
    return true;
}

/* ---- to the wire ------------------------------------------------------------------------- */

char *oc_put_text(const char *text)
{
    return (char *)(uintptr_t)text;
}

ProtobufCBinaryData oc_put_bytes(const uint8_t *bytes, size_t n)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)bytes, .len = n};
}

void oc_put_grant(const struct oc_grant *grant, struct oc_grant_message *out)
{
    openclaw__v1__grant__init(&out->message);
    out->message.role = oc_put_text(grant->role);
    out->message.n_scopes = grant->n_scopes;
    out->message.scopes = out->scopes;
    for (size_t i = 0; i < grant->n_scopes; i++) {
        out->scopes[i] = oc_put_text(grant->scopes[i]);
    }
}

void oc_put_labels(const struct oc_labels *labels, struct oc_labels_message *out)
{
    out->n = labels->n;
    for (size_t i = 0; i < labels->n; i++) {
        openclaw__v1__label__init(&out->items[i]);
        out->items[i].key = oc_put_text(labels->items[i].key);
        out->items[i].value = oc_put_text(labels->items[i].value);
        out->list[i] = &out->items[i];
    }
}
