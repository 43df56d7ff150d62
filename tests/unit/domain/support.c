/* Stand-ins and shorthands of the domain's tests: support.h. */
#include "support.h"

const struct policy hourly = {.pending_ttl_ms = HOUR};

struct oc_device_id device(unsigned number)
{
    return (struct oc_device_id){.bytes = {(uint8_t)number, (uint8_t)(number >> 8), 7}};
}

struct oc_grant grant(const char *scopes)
{
    struct oc_grant grant = {.role = "agent"};
    const char *at = scopes;
    while (*at != '\0') {
        size_t length = strcspn(at, ",");
        assert_true(length <= OC_MAX_SCOPE_BYTES && grant.n_scopes < OC_MAX_SCOPES);
        memcpy(grant.scopes[grant.n_scopes++], at, length);
        at += length + (at[length] == ',' ? 1 : 0);
    }
    oc_grant_normalise(&grant);
    return grant;
}

struct ask ask(const char *scopes)
{
    return (struct ask){.grant = grant(scopes), .name = "web-1", .purpose = "testing"};
}

struct oc_labels label(const char *key, const char *value)
{
    struct oc_labels labels = {.n = 1};
    memcpy(labels.items[0].key, key, strlen(key));
    memcpy(labels.items[0].value, value, strlen(value));
    return labels;
}

/* FNV-1a, 64 bits: no protection, but no accidents either. */
static uint64_t hash(const void *bytes, size_t n, uint64_t seed)
{
    const uint8_t *at = bytes;
    uint64_t sum = 14695981039346656037U ^ seed;
    for (size_t i = 0; i < n; i++) {
        sum = (sum ^ at[i]) * 1099511628211U;
    }
    return sum;
}

struct oc_digest hash_of(const void *bytes, size_t n)
{
    struct oc_digest digest;
    for (uint64_t i = 0; i < sizeof digest.bytes / sizeof(uint64_t); i++) {
        uint64_t part = hash(bytes, n, i * 31);
        memcpy(&digest.bytes[i * sizeof part], &part, sizeof part);
    }
    return digest;
}

struct oc_digest digest_of(const struct oc_device_id *id, const struct ask *ask)
{
    uint8_t bytes[PAIRING_ASK_BYTES];
    return hash_of(bytes, pairing_ask_bytes(id, ask, bytes));
}

struct oc_request_id request_id_of(const struct pairing *pairing, const struct oc_digest *digest)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t seed = hash(&pairing->id, sizeof pairing->id, pairing->generation);
    uint64_t rest = hash(digest, sizeof *digest, seed);
    struct oc_request_id id = {.text = ""};
    for (size_t i = 0; i < OC_REQUEST_ID_CHARS; i++) {
        id.text[i] = alphabet[rest % 32];
        rest /= 32;
    }
    return id;
}

struct pairing_event connect(const struct pairing *pairing, const char *scopes)
{
    struct pairing_event event = {
        .kind = PAIRING_EV_CONNECT,
        .actor = {.name = "device", .source = "203.0.113.9"},
        .ask = ask(scopes),
    };
    event.ask_digest = digest_of(&pairing->id, &event.ask);
    event.request_id = request_id_of(pairing, &event.ask_digest);
    return event;
}

struct pairing_event decision(const struct pairing *pairing, enum pairing_event_kind kind)
{
    return (struct pairing_event){
        .kind = kind,
        .actor = {.name = "uid:0", .source = "local"},
        .reason = "because",
        .named_request = pairing->request.id,
        .named_digest = pairing->request.digest,
    };
}

static bool is_same_ask(const struct ask *a, const struct ask *b)
{
    return oc_grant_equal(&a->grant, &b->grant) && strcmp(a->name, b->name) == 0 &&
           strcmp(a->purpose, b->purpose) == 0 &&
           memcmp(&a->labels, &b->labels, sizeof a->labels) == 0;
}

static bool is_same_request(const struct pairing_request *a, const struct pairing_request *b)
{
    return a->is_open == b->is_open && oc_request_id_equal(&a->id, &b->id) &&
           memcmp(&a->digest, &b->digest, sizeof a->digest) == 0 && is_same_ask(&a->ask, &b->ask) &&
           a->why == b->why && a->opened_ms == b->opened_ms &&
           a->code_failures == b->code_failures && a->n_votes == b->n_votes &&
           memcmp(a->votes, b->votes, sizeof a->votes) == 0;
}

static bool is_same_expectation(const struct expectation *a, const struct expectation *b)
{
    return a->is_set == b->is_set && a->approves == b->approves && a->until_ms == b->until_ms &&
           a->term_ms == b->term_ms && oc_grant_equal(&a->grant, &b->grant) &&
           memcmp(&a->labels, &b->labels, sizeof a->labels) == 0;
}

static bool is_same_history(const struct pairing *a, const struct pairing *b)
{
    return a->last_end == b->last_end && a->closed_end == b->closed_end &&
           oc_request_id_equal(&a->closed, &b->closed) &&
           memcmp(a->replaced, b->replaced, sizeof a->replaced) == 0 &&
           a->replaced_ms == b->replaced_ms && a->cool_down_until_ms == b->cool_down_until_ms &&
           a->cool_down_step == b->cool_down_step &&
           memcmp(&a->refused_upgrade, &b->refused_upgrade, sizeof a->refused_upgrade) == 0 &&
           a->refused_upgrade_until_ms == b->refused_upgrade_until_ms &&
           a->first_seen_ms == b->first_seen_ms && a->requested_ms == b->requested_ms &&
           a->decided_ms == b->decided_ms && strcmp(a->decided_by, b->decided_by) == 0;
}

bool is_same_record(const struct pairing *a, const struct pairing *b)
{
    return oc_device_id_equal(&a->id, &b->id) && a->standing == b->standing &&
           a->generation == b->generation && a->approval_seq == b->approval_seq &&
           oc_grant_equal(&a->asked, &b->asked) && oc_grant_equal(&a->granted, &b->granted) &&
           a->term_ends_ms == b->term_ends_ms && strcmp(a->alias, b->alias) == 0 &&
           strcmp(a->claimed_name, b->claimed_name) == 0 &&
           memcmp(&a->labels, &b->labels, sizeof a->labels) == 0 &&
           is_same_request(&a->request, &b->request) &&
           is_same_expectation(&a->expectation, &b->expectation) && is_same_history(a, b) &&
           a->is_removed == b->is_removed && a->is_quarantined == b->is_quarantined;
}

static bool is_of_an_administrator(enum pairing_event_kind kind)
{
    switch (kind) {
    case PAIRING_EV_APPROVE:
    case PAIRING_EV_REJECT:
    case PAIRING_EV_DISMISS:
    case PAIRING_EV_REVOKE:
    case PAIRING_EV_REMOVE:
    case PAIRING_EV_BLOCK:
    case PAIRING_EV_UNBLOCK:
    case PAIRING_EV_EXPECT:
    case PAIRING_EV_RENAME:
        return true;
    case PAIRING_EV_CONNECT:
    case PAIRING_EV_EXPIRE:
    case PAIRING_EV_SHED:
    case PAIRING_EV_TERM_END:
    case PAIRING_EV_EXPECT_END:
    case PAIRING_EV_FORGET:
    case PAIRING_EV_COUNT:
        break;
    }
    return false;
}

struct pairing_decision decide_at(struct pairing *pairing, const struct pairing_event *event,
                                  int64_t now_ms)
{
    struct pairing_decision made = pairing_decide(pairing, event, &hourly, now_ms);
    assert_true(pairing_is_consistent(&made.next));
    assert_true(made.forgets || made.next.generation >= pairing->generation);
    if (!pairing->is_quarantined) {
        assert_int_equal(made.changed, !is_same_record(pairing, &made.next));
    }
    if (is_of_an_administrator(event->kind)) {
        assert_true(made.is_audited);
    }
    if (made.is_audited) {
        assert_string_equal(made.audit.before, oc_state_name(pairing_state(pairing)));
        assert_string_equal(made.audit.after, oc_state_name(pairing_state(&made.next)));
        assert_int_equal(made.audit.at_ms, now_ms);
        assert_string_equal(made.audit.actor.name, event->actor.name);
        assert_string_equal(made.audit.reason, event->reason);
    }
    *pairing = made.next;
    return made;
}

struct pairing_decision expect_outcome(struct pairing *pairing, const struct pairing_event *event,
                                       int64_t now_ms, enum pairing_outcome outcome)
{
    struct pairing_decision made = decide_at(pairing, event, now_ms);
    assert_string_equal(pairing_outcome_name(made.outcome), pairing_outcome_name(outcome));
    return made;
}

struct pairing_decision connects(struct pairing *pairing, const char *scopes, int64_t now_ms,
                                 enum pairing_outcome outcome)
{
    struct pairing_event event = connect(pairing, scopes);
    return expect_outcome(pairing, &event, now_ms, outcome);
}

struct pairing_decision decides(struct pairing *pairing, enum pairing_event_kind kind,
                                int64_t now_ms, enum pairing_outcome outcome)
{
    struct pairing_event event = decision(pairing, kind);
    return expect_outcome(pairing, &event, now_ms, outcome);
}

struct pairing stranger(void)
{
    struct oc_device_id id = device(1);
    return pairing_of_stranger(&id);
}

struct pairing pending(const char *scopes)
{
    struct pairing pairing = stranger();
    connects(&pairing, scopes, T0, PAIRING_PENDING);
    return pairing;
}

struct pairing approved(const char *scopes)
{
    struct pairing pairing = pending(scopes);
    decides(&pairing, PAIRING_EV_APPROVE, T0, PAIRING_DONE);
    return pairing;
}

struct pairing revoked(const char *scopes)
{
    struct pairing pairing = approved(scopes);
    decides(&pairing, PAIRING_EV_REVOKE, T0, PAIRING_DONE);
    return pairing;
}

struct pairing blocked(void)
{
    struct pairing pairing = pending("chat");
    decides(&pairing, PAIRING_EV_BLOCK, T0, PAIRING_DONE);
    return pairing;
}
