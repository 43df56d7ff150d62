/*
 * What a record says, without changing it: the word for lists, whether it may be served, what
 * falls due, the bytes of an ask, names.
 */
#include <assert.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "server/domain/pairing_moves.h"

static const char *const event_names[PAIRING_EV_COUNT] = {
    [PAIRING_EV_CONNECT] = "connect",       [PAIRING_EV_APPROVE] = "approve",
    [PAIRING_EV_REJECT] = "reject",         [PAIRING_EV_DISMISS] = "dismiss",
    [PAIRING_EV_EXPIRE] = "expire",         [PAIRING_EV_SHED] = "shed",
    [PAIRING_EV_REVOKE] = "revoke",         [PAIRING_EV_TERM_END] = "term_end",
    [PAIRING_EV_REMOVE] = "remove",         [PAIRING_EV_BLOCK] = "block",
    [PAIRING_EV_UNBLOCK] = "unblock",       [PAIRING_EV_EXPECT] = "expect",
    [PAIRING_EV_EXPECT_END] = "expect_end", [PAIRING_EV_RENAME] = "rename",
    [PAIRING_EV_FORGET] = "forget",
};

static const char *const outcome_names[PAIRING_OUTCOME_COUNT] = {
    [PAIRING_DONE] = "done",
    [PAIRING_SESSION] = "session",
    [PAIRING_PENDING] = "pending",
    [PAIRING_REFUSED_REJECTED] = "rejected",
    [PAIRING_REFUSED_REVOKED] = "revoked",
    [PAIRING_REFUSED_BLOCKED] = "blocked",
    [PAIRING_REFUSED_BUSY] = "busy",
    [PAIRING_NO_REQUEST] = "no_request",
    [PAIRING_REPLACED] = "replaced",
    [PAIRING_CHANGED] = "changed",
    [PAIRING_TOO_WIDE] = "too_wide",
    [PAIRING_CODE_WRONG] = "code_wrong",
    [PAIRING_CODE_CLOSED] = "code_closed",
    [PAIRING_CODE_UNAVAILABLE] = "code_unavailable",
    [PAIRING_NOT_APPROVED] = "not_approved",
    [PAIRING_NOT_BLOCKED] = "not_blocked",
    [PAIRING_NOT_KNOWN] = "not_known",
    [PAIRING_IS_BLOCKED] = "is_blocked",
    [PAIRING_VOTED] = "voted",
    [PAIRING_NEEDS_VOTES] = "needs_votes",
};

const char *pairing_event_name(enum pairing_event_kind kind)
{
    size_t i = (size_t)kind;
    return i < OC_ARRAY_LENGTH(event_names) ? event_names[i] : "unknown";
}

const char *pairing_outcome_name(enum pairing_outcome outcome)
{
    size_t i = (size_t)outcome;
    return i < OC_ARRAY_LENGTH(outcome_names) ? outcome_names[i] : "unknown";
}

const char *pairing_end_name(enum request_end end)
{
    switch (end) {
    case REQUEST_END_APPROVED:
        return "approved";
    case REQUEST_END_REJECTED:
        return "rejected";
    case REQUEST_END_DISMISSED:
        return "dismissed";
    case REQUEST_END_EXPIRED:
    case REQUEST_END_SHED:
        return "expired";
    case REQUEST_END_CLOSED:
        return "withdrawn";
    case REQUEST_END_NONE:
    case REQUEST_END_COUNT:
        break;
    }
    return "closed";
}

struct pairing pairing_of_stranger(const struct oc_device_id *id)
{
    return (struct pairing){.id = *id};
}

bool pairing_is_beyond_caps(const struct pairing *pairing, int64_t now_ms)
{
    bool is_approved = pairing->standing == OC_STANDING_APPROVED && !pairing->is_quarantined;
    return is_approved || pairing_is_expected(pairing, now_ms);
}

/* A quarantined approval is no approval, and lists must not say it were one. */
enum oc_state pairing_state(const struct pairing *pairing)
{
    if (pairing->standing == OC_STANDING_BLOCKED) {
        return OC_STATE_BLOCKED;
    }
    if (pairing->standing == OC_STANDING_APPROVED && !pairing->is_quarantined) {
        return OC_STATE_APPROVED;
    }
    if (pairing->request.is_open) {
        return OC_STATE_PENDING;
    }
    if (pairing->standing != OC_STANDING_NONE) {
        return OC_STATE_REVOKED;
    }
    bool is_rejected = pairing->last_end == REQUEST_END_REJECTED || pairing->cool_down_step > 0;
    return is_rejected ? OC_STATE_REJECTED : OC_STATE_NONE;
}

bool pairing_may_serve(const struct pairing *pairing, int64_t now_ms)
{
    return pairing->standing == OC_STANDING_APPROVED && !pairing->is_quarantined &&
           (pairing->term_ends_ms == 0 || now_ms < pairing->term_ends_ms);
}

bool pairing_may_serve_unpaired(const struct pairing *pairing, int64_t now_ms)
{
    return pairing->standing == OC_STANDING_NONE && !pairing->is_quarantined &&
           now_ms >= pairing->cool_down_until_ms;
}

/* The earlier of what stands in *due_ms (0: nothing) and `at_ms`. */
static void take_earlier(int64_t at_ms, enum pairing_event_kind kind, int64_t *due_ms,
                         enum pairing_event_kind *out)
{
    if (*due_ms == 0 || at_ms < *due_ms) {
        *due_ms = at_ms;
        *out = kind;
    }
}

/* Term and announcement of a quarantined record do not count, so nothing of them falls due. */
int64_t pairing_next_due(const struct pairing *pairing, const struct policy *policy,
                         enum pairing_event_kind *kind)
{
    int64_t due_ms = 0;
    if (pairing->is_quarantined && !pairing_is_consistent(pairing)) {
        return 0; /* its request is none either, see pairing.c */
    }
    if (!pairing->is_quarantined && pairing->term_ends_ms > 0) {
        take_earlier(pairing->term_ends_ms, PAIRING_EV_TERM_END, &due_ms, kind);
    }
    if (pairing->request.is_open) {
        int64_t ends_ms = pairing_time_after(pairing->request.attempted_ms, policy->pending_ttl_ms);
        take_earlier(ends_ms, PAIRING_EV_EXPIRE, &due_ms, kind);
    }
    if (!pairing->is_quarantined && pairing->expectation.is_set) {
        take_earlier(pairing->expectation.until_ms, PAIRING_EV_EXPECT_END, &due_ms, kind);
    }
    if (pairing_is_forgettable(pairing)) {
        take_earlier(pairing_forget_due(pairing, policy), PAIRING_EV_FORGET, &due_ms, kind);
    }
    return due_ms;
}

struct writer {
    uint8_t *at;
    uint8_t *end;
};

static void put(struct writer *writer, const void *bytes, size_t n)
{
    assert(n <= (size_t)(writer->end - writer->at));
    memcpy(writer->at, bytes, n);
    writer->at += n;
}

static void put_count(struct writer *writer, uint8_t count)
{
    put(writer, &count, 1);
}

static void put_text(struct writer *writer, const char *text)
{
    size_t length = strlen(text);
    assert(length <= UINT8_MAX);
    put_count(writer, (uint8_t)length);
    put(writer, text, length);
}

size_t pairing_ask_bytes(const struct oc_device_id *id, const struct ask *ask,
                         uint8_t out[PAIRING_ASK_BYTES])
{
    static const char label[] = "openclaw ask v1"; /* with its NUL */
    struct writer writer = {.at = out, .end = out + PAIRING_ASK_BYTES};
    put(&writer, label, sizeof label);
    put(&writer, id->bytes, sizeof id->bytes);
    put_text(&writer, ask->grant.role);
    put_count(&writer, ask->grant.n_scopes);
    for (size_t i = 0; i < ask->grant.n_scopes; i++) {
        put_text(&writer, ask->grant.scopes[i]);
    }
    put_text(&writer, ask->name);
    put_count(&writer, ask->labels.n);
    for (size_t i = 0; i < ask->labels.n; i++) {
        put_text(&writer, ask->labels.items[i].key);
        put_text(&writer, ask->labels.items[i].value);
    }
    put_text(&writer, ask->purpose);
    return (size_t)(writer.at - out);
}
