/* Builders and comparisons; see store_values.h. */
#include "tests/conformance/store_values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    HOUR_MS = 60 * 60 * 1000,
};
static const int64_t start_ms = 1700000000000;

static void fill(uint8_t *bytes, size_t n, uint32_t seed)
{
    uint32_t state = seed * 2654435761u + 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(state >> 24);
    }
}

/* Text of full length that begins with two digits and has a space within. */
static void fill_text(char *out, size_t bytes, char with, unsigned number)
{
    memset(out, with, bytes);
    out[0] = (char)('0' + number / 10 % 10);
    out[1] = (char)('0' + number % 10);
    out[2] = ' ';
    out[bytes] = '\0';
}

struct oc_device_id value_device_id(uint32_t n)
{
    struct oc_device_id id;
    fill(id.bytes, sizeof id.bytes, n);
    for (unsigned i = 0; i < 4; i++) {
        id.bytes[28 + i] = (uint8_t)(n >> (8 * i));
    }
    return id;
}

static struct oc_request_id request_id(uint32_t n)
{
    struct oc_request_id id;
    (void)snprintf(id.text, sizeof id.text, "R%09u", n % 1000000000u);
    return id;
}

static struct oc_digest digest(uint32_t n)
{
    struct oc_digest value;
    fill(value.bytes, sizeof value.bytes, n + 77);
    return value;
}

struct oc_grant value_grant(unsigned n_scopes)
{
    struct oc_grant grant = {.n_scopes = (uint8_t)n_scopes};
    fill_text(grant.role, OC_MAX_ROLE_BYTES, 'r', 7);
    for (unsigned i = 0; i < n_scopes; i++) {
        fill_text(grant.scopes[i], OC_MAX_SCOPE_BYTES, 's', i);
    }
    return grant;
}

static struct oc_labels labels(unsigned n, uint32_t seed)
{
    struct oc_labels value = {.n = (uint8_t)n};
    for (unsigned i = 0; i < n; i++) {
        fill_text(value.items[i].key, OC_MAX_LABEL_KEY_BYTES, 'k', i);
        fill_text(value.items[i].value, OC_MAX_LABEL_VALUE_BYTES, 'v', seed + i);
    }
    if (n) {
        value.items[0].value[0] = '\0'; /* a label without a value */
    }
    return value;
}

static struct pairing_request open_request(uint32_t n)
{
    struct pairing_request request = {
        .is_open = true,
        .id = request_id(n),
        .digest = digest(n),
        .why = OC_WHY_IDENTITY_CHANGED,
        .opened_ms = start_ms + n,
        .attempted_ms = start_ms + n + 500,
        .code_failures = 3,
    };
    request.ask.grant = value_grant(OC_MAX_SCOPES);
    (void)snprintf(request.ask.name, sizeof request.ask.name, "web-%u \xc3\xa9 %s", n, "'\"; --");
    request.ask.labels = labels(OC_MAX_LABELS, n);
    memset(request.ask.purpose, 'p', OC_MAX_PURPOSE_BYTES);
    return request;
}

/* As many as are kept, the longest names, with a certificate and without. */
static void vote(struct pairing_request *request, uint32_t n)
{
    for (request->n_votes = 0; request->n_votes < PAIRING_VOTES_KEPT; request->n_votes++) {
        struct vote *vote = &request->votes[request->n_votes];
        memset(vote->by, 'u', OC_MAX_ACTOR_BYTES);
        vote->by[0] = (char)('a' + request->n_votes);
        if (request->n_votes % 2) {
            vote->certificate = digest(n + request->n_votes);
        }
        vote->effective = digest(n + 50 + request->n_votes);
        vote->at_ms = start_ms + request->n_votes;
    }
}

static struct pairing base_record(uint32_t n)
{
    struct pairing record = {
        .id = value_device_id(n),
        .generation = n + 1,
        .first_seen_ms = start_ms - 1000,
        .requested_ms = start_ms + n,
    };
    (void)snprintf(record.claimed_name, sizeof record.claimed_name, "web-%u", n);
    return record;
}

static void decide(struct pairing *record)
{
    record->decided_ms = start_ms + HOUR_MS;
    memset(record->decided_by, 'u', OC_MAX_ACTOR_BYTES);
}

static void approve(struct pairing *record)
{
    decide(record);
    record->standing = OC_STANDING_APPROVED;
    record->asked = value_grant(3);
    record->granted = value_grant(2);
    record->approval_seq = INT64_MAX - 7;
    record->closed = request_id(999999999u);
    record->closed_end = REQUEST_END_APPROVED;
    record->last_end = REQUEST_END_APPROVED;
}

static void shape_upgrade(struct pairing *record, uint32_t n)
{
    approve(record);
    record->request = open_request(n);
    vote(&record->request, n);
    record->last_end = REQUEST_END_NONE;
    record->term_ends_ms = start_ms + 8 * (int64_t)HOUR_MS;
    (void)snprintf(record->alias, sizeof record->alias, "alias-%u", n);
    record->labels = labels(OC_MAX_LABELS, n + 1);
    record->replaced_ms = start_ms + 3;
    record->refused_upgrade = digest(n + 2);
    record->refused_upgrade_until_ms = start_ms + 24 * (int64_t)HOUR_MS;
    for (unsigned i = 0; i < PAIRING_REPLACED_KEPT; i++) {
        record->replaced[i] = request_id(n + 100000u * (i + 1));
    }
}

static void shape_expected(struct pairing *record, uint32_t n)
{
    record->requested_ms = 0;
    record->claimed_name[0] = '\0';
    record->expectation = (struct expectation){
        .is_set = true,
        .approves = true,
        .until_ms = start_ms + 7 * 24 * (int64_t)HOUR_MS,
        .grant = value_grant(1),
        .labels = labels(2, n),
        .term_ms = HOUR_MS,
    };
    decide(record);
}

static void shape_revoked(struct pairing *record)
{
    approve(record);
    record->standing = OC_STANDING_REVOKED;
    record->granted = (struct oc_grant){0};
    record->approval_seq = 0;
    record->last_end = REQUEST_END_CLOSED;
    record->cool_down_until_ms = start_ms + HOUR_MS;
    record->cool_down_step = 2;
}

struct pairing value_record(enum record_shape shape, uint32_t n)
{
    struct pairing record = base_record(n);
    switch (shape) {
    case SHAPE_PENDING:
        record.request = open_request(n);
        record.replaced[0] = request_id(n + 100000u);
        break;
    case SHAPE_APPROVED:
        approve(&record);
        break;
    case SHAPE_UPGRADE:
        shape_upgrade(&record, n);
        break;
    case SHAPE_REJECTED:
        decide(&record);
        record.last_end = REQUEST_END_REJECTED;
        record.cool_down_until_ms = start_ms + 60000;
        record.cool_down_step = 1;
        break;
    case SHAPE_REVOKED:
        shape_revoked(&record);
        break;
    case SHAPE_REMOVED:
        shape_revoked(&record);
        record.is_removed = true;
        record.asked = (struct oc_grant){0};
        record.claimed_name[0] = '\0';
        break;
    case SHAPE_BLOCKED:
        decide(&record);
        record.standing = OC_STANDING_BLOCKED;
        break;
    case SHAPE_EXPECTED:
        shape_expected(&record, n);
        break;
    case SHAPE_QUARANTINED:
        approve(&record);
        record.is_quarantined = true;
        break;
    case SHAPE_COUNT:
        break;
    }
    return record;
}

struct sighting value_sighting(uint32_t n)
{
    struct sighting sighting = {.seen_ms = start_ms + n, .session_counter = UINT64_C(1) << 40};
    memset(sighting.source, '9', OC_MAX_SOURCE_BYTES);
    (void)snprintf(sighting.platform, sizeof sighting.platform, "linux %u", n);
    (void)snprintf(sighting.version, sizeof sighting.version, "1.%u", n);
    fill(sighting.instance_id, OC_INSTANCE_BYTES, n);
    fill(sighting.boot_id, OC_INSTANCE_BYTES, n + 1);
    fill(sighting.host_hint, OC_INSTANCE_BYTES, n + 2);
    return sighting;
}

struct audit_event value_event(uint32_t n)
{
    struct audit_event event = {.at_ms = start_ms + n, .device_id = value_device_id(n)};
    memset(event.actor.name, 'a', OC_MAX_ACTOR_BYTES);
    memset(event.actor.source, 's', OC_MAX_SOURCE_BYTES);
    (void)snprintf(event.action, sizeof event.action, "approve");
    (void)snprintf(event.outcome, sizeof event.outcome, "done");
    event.request_id = request_id(n);
    (void)snprintf(event.before, sizeof event.before, "pending");
    (void)snprintf(event.after, sizeof event.after, "approved");
    memset(event.reason, 'r', OC_MAX_REASON_BYTES);
    memset(event.rule, 'u', sizeof event.rule - 1);
    memset(event.detail, 'd', sizeof event.detail - 1);
    return event;
}

struct store_key value_key(uint32_t n)
{
    struct store_key key = {
        .method = 101,
        .payload_digest = digest(n),
        .outcome = PAIRING_CODE_WRONG,
        .device_id = value_device_id(n),
        .request_id = request_id(n),
        .session_closed = true,
    };
    memset(key.actor, 'k', OC_MAX_ACTOR_BYTES);
    fill(key.key, STORE_KEY_BYTES, n);
    return key;
}

/* ---- comparisons --------------------------------------------------------------------------- */

static void assert_same_grant(const struct oc_grant *a, const struct oc_grant *b)
{
    assert_string_equal(a->role, b->role);
    assert_int_equal(a->n_scopes, b->n_scopes);
    for (unsigned i = 0; i < a->n_scopes; i++) {
        assert_string_equal(a->scopes[i], b->scopes[i]);
    }
}

static void assert_same_labels(const struct oc_labels *a, const struct oc_labels *b)
{
    assert_int_equal(a->n, b->n);
    for (unsigned i = 0; i < a->n; i++) {
        assert_string_equal(a->items[i].key, b->items[i].key);
        assert_string_equal(a->items[i].value, b->items[i].value);
    }
}

static void assert_same_request(const struct pairing_request *a, const struct pairing_request *b)
{
    assert_int_equal(a->is_open, b->is_open);
    assert_string_equal(a->id.text, b->id.text);
    assert_memory_equal(a->digest.bytes, b->digest.bytes, OC_DIGEST_BYTES);
    assert_same_grant(&a->ask.grant, &b->ask.grant);
    assert_string_equal(a->ask.name, b->ask.name);
    assert_same_labels(&a->ask.labels, &b->ask.labels);
    assert_string_equal(a->ask.purpose, b->ask.purpose);
    assert_int_equal(a->why, b->why);
    assert_int_equal(a->opened_ms, b->opened_ms);
    assert_int_equal(a->attempted_ms, b->attempted_ms);
    assert_int_equal(a->code_failures, b->code_failures);
    assert_int_equal(a->n_votes, b->n_votes);
    for (unsigned i = 0; i < a->n_votes; i++) {
        assert_string_equal(a->votes[i].by, b->votes[i].by);
        assert_memory_equal(a->votes[i].certificate.bytes, b->votes[i].certificate.bytes,
                            OC_DIGEST_BYTES);
        assert_memory_equal(a->votes[i].effective.bytes, b->votes[i].effective.bytes,
                            OC_DIGEST_BYTES);
        assert_true(a->votes[i].at_ms == b->votes[i].at_ms);
    }
}

static void assert_same_expectation(const struct expectation *a, const struct expectation *b)
{
    assert_int_equal(a->is_set, b->is_set);
    assert_int_equal(a->approves, b->approves);
    assert_int_equal(a->until_ms, b->until_ms);
    assert_same_grant(&a->grant, &b->grant);
    assert_same_labels(&a->labels, &b->labels);
    assert_int_equal(a->term_ms, b->term_ms);
}

void assert_same_record(const struct pairing *a, const struct pairing *b)
{
    assert_memory_equal(a->id.bytes, b->id.bytes, OC_DEVICE_ID_BYTES);
    assert_int_equal(a->standing, b->standing);
    assert_int_equal(a->generation, b->generation);
    assert_true(a->approval_seq == b->approval_seq);
    assert_same_grant(&a->asked, &b->asked);
    assert_same_grant(&a->granted, &b->granted);
    assert_int_equal(a->term_ends_ms, b->term_ends_ms);
    assert_string_equal(a->alias, b->alias);
    assert_same_labels(&a->labels, &b->labels);
    assert_string_equal(a->claimed_name, b->claimed_name);
    assert_same_request(&a->request, &b->request);
    assert_same_expectation(&a->expectation, &b->expectation);
    assert_int_equal(a->last_end, b->last_end);
    assert_string_equal(a->closed.text, b->closed.text);
    assert_int_equal(a->closed_end, b->closed_end);
    for (unsigned i = 0; i < PAIRING_REPLACED_KEPT; i++) {
        assert_string_equal(a->replaced[i].text, b->replaced[i].text);
    }
    assert_int_equal(a->replaced_ms, b->replaced_ms);
    assert_int_equal(a->cool_down_until_ms, b->cool_down_until_ms);
    assert_int_equal(a->cool_down_step, b->cool_down_step);
    assert_memory_equal(a->refused_upgrade.bytes, b->refused_upgrade.bytes, OC_DIGEST_BYTES);
    assert_int_equal(a->refused_upgrade_until_ms, b->refused_upgrade_until_ms);
    assert_int_equal(a->first_seen_ms, b->first_seen_ms);
    assert_int_equal(a->requested_ms, b->requested_ms);
    assert_int_equal(a->decided_ms, b->decided_ms);
    assert_string_equal(a->decided_by, b->decided_by);
    assert_int_equal(a->is_removed, b->is_removed);
    assert_int_equal(a->is_quarantined, b->is_quarantined);
}

void assert_same_sighting(const struct sighting *a, const struct sighting *b)
{
    assert_int_equal(a->seen_ms, b->seen_ms);
    assert_string_equal(a->source, b->source);
    assert_string_equal(a->platform, b->platform);
    assert_string_equal(a->version, b->version);
    assert_memory_equal(a->instance_id, b->instance_id, OC_INSTANCE_BYTES);
    assert_memory_equal(a->boot_id, b->boot_id, OC_INSTANCE_BYTES);
    assert_memory_equal(a->host_hint, b->host_hint, OC_INSTANCE_BYTES);
    assert_int_equal(a->session_counter, b->session_counter);
}

void assert_same_event(const struct audit_event *a, const struct audit_event *b)
{
    assert_int_equal(a->at_ms, b->at_ms);
    assert_string_equal(a->actor.name, b->actor.name);
    assert_string_equal(a->actor.source, b->actor.source);
    assert_string_equal(a->action, b->action);
    assert_string_equal(a->outcome, b->outcome);
    assert_memory_equal(a->device_id.bytes, b->device_id.bytes, OC_DEVICE_ID_BYTES);
    assert_string_equal(a->request_id.text, b->request_id.text);
    assert_string_equal(a->before, b->before);
    assert_string_equal(a->after, b->after);
    assert_string_equal(a->reason, b->reason);
    assert_string_equal(a->rule, b->rule);
    assert_string_equal(a->detail, b->detail);
}

void assert_same_key(const struct store_key *a, const struct store_key *b)
{
    assert_string_equal(a->actor, b->actor);
    assert_int_equal(a->method, b->method);
    assert_memory_equal(a->key, b->key, STORE_KEY_BYTES);
    assert_memory_equal(a->payload_digest.bytes, b->payload_digest.bytes, OC_DIGEST_BYTES);
    assert_int_equal(a->outcome, b->outcome);
    assert_memory_equal(a->device_id.bytes, b->device_id.bytes, OC_DEVICE_ID_BYTES);
    assert_string_equal(a->request_id.text, b->request_id.text);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->session_closed, b->session_closed);
}

static void fill_certificate(uint8_t seed, struct administrator_certificate *out)
{
    *out = (struct administrator_certificate){
        .n_serial = (uint8_t)(seed % ADMINISTRATOR_SERIAL_BYTES + 1),
        .not_before_ms = 1000 + seed,
        .not_after_ms = 2000 + seed,
        .issued_ms = 1500 + seed,
        .revoked_ms = seed % 2 ? 1700 + seed : 0,
        .n_der = (uint16_t)(seed % 3 ? ADMINISTRATOR_DER_BYTES - seed : 0),
    };
    memset(out->sha256.bytes, seed, sizeof out->sha256.bytes);
    memset(out->spki_sha256.bytes, seed + 1, sizeof out->spki_sha256.bytes);
    memset(out->renewed_with.bytes, seed + 2, sizeof out->renewed_with.bytes);
    memset(out->serial, seed + 3, out->n_serial);
    memset(out->der, seed + 4, out->n_der);
    (void)snprintf(out->issued_by, sizeof out->issued_by, "uid:%u", seed);
    (void)snprintf(out->revoked_by, sizeof out->revoked_by, "%s", seed % 2 ? "admin:bob" : "");
}

void value_administrator(const char *name, size_t n, struct administrator *out)
{
    *out = (struct administrator){
        .role = ADMINISTRATOR_APPROVER,
        .generation = 7,
        .created_ms = 11,
        .created_by = "uid:0",
        .decided_ms = 12,
        .decided_by = "admin:carol",
        .n_certificates = n,
    };
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    for (size_t i = 0; i < n; i++) {
        fill_certificate((uint8_t)(i + 1), &out->certificates[i]);
    }
}

static void assert_same_certificate(const struct administrator_certificate *a,
                                    const struct administrator_certificate *b)
{
    assert_memory_equal(&a->sha256, &b->sha256, sizeof a->sha256);
    assert_memory_equal(&a->spki_sha256, &b->spki_sha256, sizeof a->spki_sha256);
    assert_memory_equal(&a->renewed_with, &b->renewed_with, sizeof a->renewed_with);
    assert_int_equal(a->n_serial, b->n_serial);
    assert_memory_equal(a->serial, b->serial, a->n_serial);
    assert_int_equal(a->not_before_ms, b->not_before_ms);
    assert_int_equal(a->not_after_ms, b->not_after_ms);
    assert_int_equal(a->issued_ms, b->issued_ms);
    assert_int_equal(a->revoked_ms, b->revoked_ms);
    assert_string_equal(a->issued_by, b->issued_by);
    assert_string_equal(a->revoked_by, b->revoked_by);
    assert_int_equal(a->n_der, b->n_der);
    assert_memory_equal(a->der, b->der, a->n_der);
}

void assert_same_administrator(const struct administrator *a, const struct administrator *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->role, b->role);
    assert_int_equal(a->is_revoked, b->is_revoked);
    assert_int_equal(a->is_quarantined, b->is_quarantined);
    assert_int_equal(a->generation, b->generation);
    assert_int_equal(a->created_ms, b->created_ms);
    assert_string_equal(a->created_by, b->created_by);
    assert_int_equal(a->decided_ms, b->decided_ms);
    assert_string_equal(a->decided_by, b->decided_by);
    assert_int_equal(a->n_certificates, b->n_certificates);
    for (size_t i = 0; i < a->n_certificates; i++) {
        assert_same_certificate(&a->certificates[i], &b->certificates[i]);
    }
}
