/* The naive telling of what administrators decide and what falls due: model.h. */
#include "model_steps.h"

/* PAIRING_DONE: the named request is the one that waits. */
static enum pairing_outcome find(const struct model *m, const struct model_request *named)
{
    if (!m->is_waiting) {
        return PAIRING_NO_REQUEST;
    }
    if (model_is_same(&m->request, named)) {
        return PAIRING_DONE;
    }
    for (int i = 0; i < PAIRING_REPLACED_KEPT; i++) {
        if (model_is_same(&m->gone[i], named)) {
            return PAIRING_REPLACED;
        }
    }
    return PAIRING_NO_REQUEST;
}

struct model_answer model_approve(struct model *m, const struct model_event *event, int64_t now_ms)
{
    if (m->stand == BARRED) {
        return model_say(PAIRING_IS_BLOCKED, false);
    }
    enum pairing_outcome found = find(m, &event->named);
    if (found != PAIRING_DONE) {
        return model_say(found, false);
    }
    if (event->named_want != m->request.want) {
        return model_say(PAIRING_CHANGED, false);
    }
    if (event->code != CODE_NOT_USED && m->wrong_codes == 5) {
        return model_say(PAIRING_CODE_CLOSED, false);
    }
    if (event->code == CODE_NOT_AVAILABLE) {
        return model_say(PAIRING_CODE_UNAVAILABLE, false);
    }
    if (event->code == CODE_WRONG) {
        m->wrong_codes++;
        return model_say(PAIRING_CODE_WRONG, true);
    }
    if (event->narrows && !model_is_within(event->grant, m->request.want)) {
        return model_say(PAIRING_TOO_WIDE, false);
    }
    model_let_in(m, m->request.want, event->narrows ? event->grant : m->request.want,
                 event->term_ms > 0 ? now_ms + event->term_ms : 0);
    m->alias = event->alias != 0 ? event->alias : m->alias;
    return model_say(PAIRING_DONE, true);
}

struct model_answer model_reject(struct model *m, const struct model_event *event, int64_t now_ms)
{
    enum pairing_outcome found = find(m, &event->named);
    if (found != PAIRING_DONE) {
        return model_say(found, false);
    }
    if (m->stand == IN) {
        m->has_refused = true;
        m->refused_want = m->request.want;
        m->refused_until_ms = now_ms + 24 * 3600000;
    }
    m->is_waiting = false;
    m->generation++;
    model_close_for_a_while(m, now_ms, true);
    return model_say(PAIRING_DONE, true);
}

struct model_answer model_revoke(struct model *m, int64_t now_ms)
{
    if (m->stand == BARRED) {
        return model_say(PAIRING_IS_BLOCKED, false);
    }
    if (m->stand == NEVER_IN) {
        return model_say(model_is_known(m) ? PAIRING_NOT_APPROVED : PAIRING_NOT_KNOWN, false);
    }
    if (m->stand == OUT && !m->is_announced && !m->is_distrusted) {
        return model_say(PAIRING_DONE, false);
    }
    model_take_away(m);
    m->stand = OUT;
    m->is_waiting = false;
    m->is_distrusted = false;
    m->generation++;
    model_close_for_a_while(m, now_ms, false);
    return model_say(PAIRING_DONE, true);
}

struct model_answer model_remove(struct model *m, int64_t now_ms)
{
    if (m->stand == BARRED) {
        return model_say(PAIRING_IS_BLOCKED, false);
    }
    if (!model_is_known(m)) {
        return model_say(PAIRING_NOT_KNOWN, false);
    }
    if (m->is_buried && !m->is_distrusted) {
        return model_say(PAIRING_DONE, false);
    }
    if (m->stand == IN) {
        model_close_for_a_while(m, now_ms, false);
    }
    struct model grave = {
        .stand = m->stand == NEVER_IN ? NEVER_IN : OUT,
        .generation = m->generation + 1,
        .closed_until_ms = m->closed_until_ms,
        .is_buried = true,
    };
    *m = grave;
    return model_say(PAIRING_DONE, true);
}

struct model_answer model_block(struct model *m)
{
    if (m->stand == BARRED && !m->is_distrusted) {
        return model_say(PAIRING_DONE, false);
    }
    model_take_away(m);
    m->stand = BARRED;
    m->is_waiting = false;
    m->is_buried = false;
    m->is_distrusted = false;
    m->closed_until_ms = 0;
    m->generation++;
    return model_say(PAIRING_DONE, true);
}

struct model_answer model_unblock(struct model *m)
{
    if (m->stand != BARRED) {
        return model_say(model_is_known(m) ? PAIRING_NOT_BLOCKED : PAIRING_NOT_KNOWN, false);
    }
    m->stand = NEVER_IN;
    m->strikes = 0;
    m->is_distrusted = false;
    m->generation++;
    return model_say(PAIRING_DONE, true);
}

struct model_answer model_announce(struct model *m, const struct model_event *event, int64_t now_ms)
{
    if (m->stand == BARRED) {
        return model_say(PAIRING_IS_BLOCKED, false);
    }
    if (m->stand == IN) {
        bool widens = event->approves && !model_is_within(event->grant, m->granted);
        return model_say(widens ? PAIRING_TOO_WIDE : PAIRING_DONE, false);
    }
    m->is_announced = true;
    m->announced_in = event->approves;
    m->announced_grant = event->approves ? event->grant : 0;
    m->announced_term_ms = event->approves ? event->term_ms : 0;
    m->announced_until_ms = now_ms + 7 * 24 * (int64_t)3600000;
    m->closed_until_ms = 0;
    m->is_buried = false;
    m->is_distrusted = false;
    m->alias = event->alias != 0 ? event->alias : m->alias;
    return model_say(PAIRING_DONE, true);
}

struct model_answer model_end_term(struct model *m, int64_t now_ms)
{
    if (m->stand != IN) {
        return model_say(model_is_known(m) ? PAIRING_NOT_APPROVED : PAIRING_NOT_KNOWN, false);
    }
    if (m->ends_ms == 0 || now_ms < m->ends_ms) {
        return model_say(PAIRING_DONE, false);
    }
    model_take_away(m);
    m->stand = OUT;
    m->generation++;
    return model_say(PAIRING_DONE, true);
}

struct model_answer model_dismiss(struct model *m, const struct model_event *event)
{
    enum pairing_outcome found = find(m, &event->named);
    if (found != PAIRING_DONE) {
        return model_say(found, false);
    }
    model_lapse(m);
    return model_say(PAIRING_DONE, true);
}

struct model_answer model_expire(struct model *m, int64_t now_ms)
{
    if (!m->is_waiting) {
        return model_say(PAIRING_NO_REQUEST, false);
    }
    bool is_over = now_ms >= m->tried_ms + MODEL_TTL_MS;
    if (is_over) {
        model_lapse(m);
    }
    return model_say(PAIRING_DONE, is_over);
}

static bool is_worth_nothing(const struct model *m)
{
    bool is_a_stranger = m->stand == NEVER_IN && !m->was_in && !m->is_distrusted;
    bool is_minded = m->is_waiting || m->is_announced || m->is_buried || m->alias != 0;
    bool was_barred = m->generation > 0 && m->strikes == 0;
    return model_is_known(m) && is_a_stranger && !is_minded && !was_barred;
}

struct model_answer model_shed(struct model *m, int64_t now_ms)
{
    if (!m->is_waiting) {
        return model_say(PAIRING_NO_REQUEST, false);
    }
    if (m->stand == IN || (m->is_announced && now_ms < m->announced_until_ms)) {
        return model_say(PAIRING_DONE, false);
    }
    model_lapse(m);
    if (is_worth_nothing(m) && m->generation == 0) {
        *m = (struct model){.stand = NEVER_IN};
    }
    return model_say(PAIRING_DONE, true);
}

struct model_answer model_forget(struct model *m, int64_t now_ms)
{
    int64_t kept_until_ms = m->asked_ms + MODEL_TTL_MS + 10 * 60000;
    if (m->generation > 0 && kept_until_ms < m->closed_until_ms + 24 * 3600000) {
        kept_until_ms = m->closed_until_ms + 24 * 3600000;
    }
    if (!is_worth_nothing(m) || now_ms < kept_until_ms) {
        return model_say(PAIRING_DONE, false);
    }
    *m = (struct model){.stand = NEVER_IN};
    return model_say(PAIRING_DONE, true);
}

struct model_answer model_end_announcement(struct model *m, int64_t now_ms)
{
    if (!m->is_announced || now_ms < m->announced_until_ms) {
        return model_say(PAIRING_DONE, false);
    }
    model_forget_announcement(m);
    if (!model_is_known(m) && m->alias == 0) {
        *m = (struct model){.stand = NEVER_IN};
    }
    return model_say(PAIRING_DONE, true);
}

struct model_answer model_rename(struct model *m, const struct model_event *event)
{
    if (!model_is_known(m) || m->is_buried) {
        return model_say(PAIRING_NOT_KNOWN, false);
    }
    bool has_changed = m->alias != event->alias;
    m->alias = event->alias;
    return model_say(PAIRING_DONE, has_changed);
}
