/*
 * The audit row of a decision: state words before and after, and what was given or taken, in
 * words. Nothing in it is cut in the middle of a scope; what does not fit is counted.
 */
#include <string.h>

#include "server/domain/approvals.h"
#include "server/domain/claim_words.h"
#include "server/domain/pairing_moves.h"

struct text {
    char *at;
    size_t left; /* without the NUL */
};

/* The buffers are zeroed before, so the text is always terminated. */
static bool add(struct text *text, const char *piece)
{
    size_t length = strlen(piece);
    if (length > text->left) {
        return false;
    }
    memcpy(text->at, piece, length);
    text->at += length;
    text->left -= length;
    return true;
}

static void add_number(struct text *text, int64_t number)
{
    char digits[24] = "";
    size_t i = sizeof digits - 1;
    uint64_t rest = number < 0 ? 0 : (uint64_t)number;
    do {
        digits[--i] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    add(text, &digits[i]);
}

/* "role=agent scopes=chat,tools,+3" */
static void add_grant(struct text *text, const struct oc_grant *grant)
{
    enum { ROOM_FOR_COUNT = 4 }; /* ",+16" */
    add(text, "role=");
    add(text, grant->role);
    add(text, " scopes=");
    for (size_t i = 0; i < grant->n_scopes; i++) {
        if (strlen(grant->scopes[i]) + 1 + ROOM_FOR_COUNT > text->left) {
            add(text, i == 0 ? "+" : ",+");
            add_number(text, (int64_t)(grant->n_scopes - i));
            return;
        }
        add(text, i == 0 ? "" : ",");
        add(text, grant->scopes[i]);
    }
}

static void add_term(struct text *text, int64_t ends_ms)
{
    if (ends_ms > 0) {
        add(text, "until_ms=");
        add_number(text, ends_ms);
        add(text, " ");
    }
}

static void describe_expectation(struct text *text, const struct expectation *expectation)
{
    if (!expectation->approves) {
        add(text, "place held");
        return;
    }
    if (expectation->term_ms > 0) {
        add(text, "term_ms=");
        add_number(text, expectation->term_ms);
        add(text, " ");
    }
    add_grant(text, &expectation->grant);
}

/* What would be given. */
static void describe_vote(struct text *text, const struct pairing *was, const struct move *move)
{
    struct effective_grant effective;
    approval_effective(was, move->event, &effective);
    if (effective.term_ms > 0) {
        add(text, "term_ms=");
        add_number(text, effective.term_ms);
        add(text, " ");
    }
    add_grant(text, &effective.grant);
}

/* What was given, and to whom by its own account: the next approval is compared with it. */
static void describe_approval(struct text *text, const struct move *move, const struct ask *ask)
{
    const struct pairing *next = &move->out->next;
    add_term(text, next->term_ends_ms);
    add_grant(text, &next->granted);
    claim_words_add(text->at, text->left, ask, &move->event->sighting);
}

/* What the change was about: the grant given, asked for or withdrawn, or the new name. */
static void describe(struct text *text, const struct pairing *was, const struct move *move)
{
    const struct pairing *next = &move->out->next;
    switch (move->event->kind) {
    case PAIRING_EV_CONNECT:
        describe_approval(text, move, &move->event->ask);
        break;
    case PAIRING_EV_APPROVE:
        describe_approval(text, move, &was->request.ask);
        break;
    case PAIRING_EV_REJECT:
    case PAIRING_EV_DISMISS:
    case PAIRING_EV_EXPIRE:
    case PAIRING_EV_SHED:
        add_grant(text, &was->request.ask.grant);
        break;
    case PAIRING_EV_REVOKE:
    case PAIRING_EV_TERM_END:
    case PAIRING_EV_REMOVE:
    case PAIRING_EV_BLOCK:
        if (was->standing == OC_STANDING_APPROVED) {
            add_grant(text, &was->granted);
        }
        break;
    case PAIRING_EV_EXPECT:
        describe_expectation(text, &next->expectation);
        break;
    case PAIRING_EV_RENAME:
        add(text, "alias=");
        add(text, next->alias);
        break;
    case PAIRING_EV_UNBLOCK:
    case PAIRING_EV_FORGET:
    case PAIRING_EV_EXPECT_END:
    case PAIRING_EV_COUNT:
        break;
    }
}

static void set_word(char *out, size_t size, const char *word)
{
    size_t length = strnlen(word, size - 1);
    memcpy(out, word, length);
}

void pairing_fill_audit(struct move *move, const struct pairing *was, const char *action,
                        const char *rule)
{
    struct pairing_decision *out = move->out;
    struct audit_event *audit = &out->audit;
    *audit = (struct audit_event){
        .at_ms = move->now_ms,
        .actor = move->event->actor,
        .device_id = was->id,
        .request_id = move->request_id,
    };
    set_word(audit->action, sizeof audit->action, action);
    set_word(audit->outcome, sizeof audit->outcome, pairing_outcome_name(out->outcome));
    set_word(audit->before, sizeof audit->before, oc_state_name(pairing_state(was)));
    set_word(audit->after, sizeof audit->after, oc_state_name(pairing_state(&out->next)));
    set_word(audit->rule, sizeof audit->rule, rule);
    memcpy(audit->reason, move->event->reason, sizeof audit->reason);
    struct text text = {.at = audit->detail, .left = sizeof audit->detail - 1};
    if (out->outcome == PAIRING_DONE && out->changed) {
        describe(&text, was, move);
    } else if (out->outcome == PAIRING_VOTED) {
        describe_vote(&text, was, move);
    }
    out->is_audited = true;
}
