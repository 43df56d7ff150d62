#include "server/domain/approvals.h"

#include <assert.h>
#include <string.h>

#include "server/domain/pairing_moves.h"

/* ---- what is given --------------------------------------------------------------------------- */

/* Of a record that failed authentication neither labels nor what was announced count: see
 * pairing.c. */
static const struct oc_labels *labels_after(const struct pairing *was,
                                            const struct oc_labels *given)
{
    if (given->n > 0 || was->is_quarantined) {
        return given;
    }
    const struct oc_labels *announced = &was->expectation.labels;
    return announced->n > 0 ? announced : &was->labels;
}

void approval_effective(const struct pairing *was, const struct pairing_event *event,
                        struct effective_grant *out)
{
    static const struct oc_labels none;
    const bool connects = event->kind == PAIRING_EV_CONNECT;
    const bool as_asked = event->kind == PAIRING_EV_APPROVE && !event->narrows;
    out->grant = connects ? event->ask.grant : as_asked ? was->request.ask.grant : event->grant;
    out->labels = *labels_after(was, connects ? &none : &event->labels);
    out->term_ms = connects ? was->expectation.term_ms : event->term_ms;
}

/* ---- which rules match ----------------------------------------------------------------------- */

static bool has_scope(const struct oc_grant *grant, const char *scope)
{
    for (size_t i = 0; i < grant->n_scopes; i++) {
        if (strcmp(grant->scopes[i], scope) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_label(const struct oc_labels *labels, const struct approval_rule *rule)
{
    for (size_t i = 0; i < labels->n; i++) {
        if (strcmp(labels->items[i].key, rule->text) == 0 &&
            strcmp(labels->items[i].value, rule->value) == 0) {
            return true;
        }
    }
    return false;
}

static bool matches(const struct approval_rule *rule, const struct pairing *was,
                    const struct effective_grant *effective)
{
    switch (rule->of) {
    case APPROVAL_OF_NOTHING:
        break;
    case APPROVAL_OF_ROLE:
        return strcmp(effective->grant.role, rule->text) == 0;
    case APPROVAL_OF_SCOPE:
        return has_scope(&effective->grant, rule->text);
    case APPROVAL_OF_LABEL: /* which labels a quarantined record had, nobody knows: all of them */
        return was->is_quarantined || has_label(&effective->labels, rule) ||
               has_label(&was->labels, rule) || has_label(&was->expectation.labels, rule);
    }
    return true;
}

struct approval_need approval_rules_need(const struct approval_rules *rules,
                                         const struct pairing *was,
                                         const struct effective_grant *effective)
{
    struct approval_need out = {.need = 0};
    for (size_t i = 0; i < rules->n; i++) {
        const struct approval_rule *rule = &rules->items[i];
        if (!matches(rule, was, effective)) {
            continue;
        }
        if (out.need == 0 || rule->votes_expire_ms < out.votes_expire_ms) {
            out.votes_expire_ms = rule->votes_expire_ms;
        }
        out.need = rule->need > out.need ? rule->need : out.need;
    }
    return out;
}

bool approval_drops_rule(const struct approval_rules *rules, const struct pairing *was,
                         const struct pairing_event *event)
{
    unsigned before = 0;
    unsigned after = 0;
    if (event->kind != PAIRING_EV_EXPECT || was->is_quarantined) {
        return false; /* of a quarantined record there is no announcement */
    }
    for (size_t i = 0; i < rules->n; i++) {
        const struct approval_rule *rule = &rules->items[i];
        if (rule->of != APPROVAL_OF_LABEL) {
            continue;
        }
        const bool stays = has_label(&was->labels, rule);
        if ((stays || has_label(&was->expectation.labels, rule)) && rule->need > before) {
            before = rule->need;
        }
        if ((stays || has_label(&event->labels, rule)) && rule->need > after) {
            after = rule->need;
        }
    }
    return before > 1 && after < before;
}

/* ---- counting -------------------------------------------------------------------------------- */

static bool is_same(const struct oc_digest *a, const struct oc_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* A vote of the future is none: time never stood there. */
static bool is_in_time(const struct vote *vote, const struct vote_facts *facts, int64_t now_ms)
{
    return vote->at_ms <= now_ms && now_ms - vote->at_ms < facts->expire_ms;
}

uint32_t approval_votes_for(const struct pairing_request *request, const struct vote_facts *facts,
                            int64_t now_ms)
{
    uint32_t counting = 0;
    for (size_t i = 0; i < request->n_votes; i++) {
        const struct vote *vote = &request->votes[i];
        const uint32_t bit = UINT32_C(1) << i;
        if ((facts->may_approve & bit) && is_same(&vote->effective, &facts->effective) &&
            is_in_time(vote, facts, now_ms)) {
            counting |= bit;
        }
    }
    return counting;
}

void pairing_drop_votes(struct pairing_request *request)
{
    memset(request->votes, 0, sizeof request->votes);
    request->n_votes = 0;
}

static void take_out(struct pairing_request *request, size_t i)
{
    memmove(&request->votes[i], &request->votes[i + 1],
            (PAIRING_VOTES_KEPT - 1 - i) * sizeof request->votes[0]);
    request->votes[--request->n_votes] = (struct vote){.at_ms = 0};
}

/* The actor's new vote takes the place of an older one; votes of who is no approver any more go,
 * and when there is no room, the oldest. A voter whose bound does not cover what the actor votes
 * for may have voted for less. */
static void cast(struct move *move)
{
    const struct vote_facts *facts = &move->event->votes;
    const char *by = move->event->actor.name;
    struct pairing_request *request = &move->out->next.request;
    for (size_t i = request->n_votes; i > 0; i--) {
        const bool may = facts->may_vote & (UINT32_C(1) << (i - 1));
        if (!may || strcmp(request->votes[i - 1].by, by) == 0) {
            take_out(request, i - 1);
        }
    }
    if (request->n_votes == PAIRING_VOTES_KEPT) {
        take_out(request, 0);
    }
    struct vote *vote = &request->votes[request->n_votes++];
    *vote = (struct vote){
        .certificate = facts->certificate, .effective = facts->effective, .at_ms = move->now_ms};
    memcpy(vote->by, by, strnlen(by, sizeof vote->by - 1));
    move->out->changed = true;
}

bool pairing_has_votes(struct move *move)
{
    const struct vote_facts *facts = &move->event->votes;
    const struct pairing_request *request = &move->out->next.request;
    struct pairing_decision *out = move->out;
    const int64_t now_ms = move->now_ms;
    if (facts->need <= 1) {
        return true;
    }
    const uint32_t counting = approval_votes_for(request, facts, now_ms);
    out->n_votes = 1;
    for (size_t i = 0; i < request->n_votes; i++) {
        const struct vote *vote = &request->votes[i];
        const uint32_t bit = UINT32_C(1) << i;
        if (strcmp(vote->by, move->event->actor.name) != 0) {
            out->n_votes += (counting & bit) != 0;
            out->n_votes_for_else += (facts->may_vote & bit) && is_in_time(vote, facts, now_ms) &&
                                     !is_same(&vote->effective, &facts->effective);
        }
    }
    if (out->n_votes >= facts->need) {
        return true;
    }
    out->breaks_glass = facts->breaks_glass;
    if (!out->breaks_glass) {
        cast(move);
    }
    return out->breaks_glass;
}

/* Needs are small: see APPROVAL_NEED_MOST. */
static char *add_number(char *at, unsigned number)
{
    if (number >= 10) {
        *at++ = (char)('0' + number / 10 % 10);
    }
    *at++ = (char)('0' + number % 10);
    return at;
}

void pairing_votes_word(const struct move *move, char out[33])
{
    static const char word[] = "votes:";
    memset(out, 0, 33);
    if (move->out->n_votes > 0) {
        memcpy(out, word, sizeof word - 1);
        char *at = add_number(out + sizeof word - 1, move->out->n_votes);
        *at++ = '/';
        (void)add_number(at, move->event->votes.need);
    }
}

/* ---- canonical bytes ------------------------------------------------------------------------- */

struct form {
    uint8_t *at;
    uint8_t *end;
};

static void put(struct form *form, const void *bytes, size_t n)
{
    assert(n <= (size_t)(form->end - form->at));
    memcpy(form->at, bytes, n);
    form->at += n;
}

static void put_byte(struct form *form, size_t value)
{
    const uint8_t byte = (uint8_t)value;
    assert(value <= UINT8_MAX);
    put(form, &byte, 1);
}

static void put_text(struct form *form, const char *text)
{
    const size_t n = strlen(text);
    put_byte(form, n);
    put(form, text, n);
}

size_t approval_bytes(const struct pairing *was, const struct effective_grant *effective,
                      uint8_t out[APPROVAL_BYTES])
{
    static const char label[] = "openclaw vote v1"; /* with its NUL */
    struct form form = {.at = out, .end = out + APPROVAL_BYTES};
    put(&form, label, sizeof label);
    put(&form, was->id.bytes, sizeof was->id.bytes);
    put_text(&form, was->request.id.text);
    put(&form, was->request.digest.bytes, sizeof was->request.digest.bytes);
    put_text(&form, effective->grant.role);
    put_byte(&form, effective->grant.n_scopes);
    for (size_t i = 0; i < effective->grant.n_scopes; i++) {
        put_text(&form, effective->grant.scopes[i]);
    }
    put_byte(&form, effective->labels.n);
    for (size_t i = 0; i < effective->labels.n; i++) {
        put_text(&form, effective->labels.items[i].key);
        put_text(&form, effective->labels.items[i].value);
    }
    for (int shift = 56; shift >= 0; shift -= 8) {
        put_byte(&form, (uint8_t)((uint64_t)effective->term_ms >> shift));
    }
    return (size_t)(form.at - out);
}
