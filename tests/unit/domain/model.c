/* The naive telling: model.h. */
#include "model_steps.h"

bool model_is_within(unsigned inner, unsigned outer)
{
    return (inner & ~outer) == 0;
}

bool model_is_same(const struct model_request *a, const struct model_request *b)
{
    return a->is_set && b->is_set && a->want == b->want && a->generation == b->generation;
}

struct model_answer model_say(enum pairing_outcome outcome, bool has_changed)
{
    return (struct model_answer){.outcome = outcome, .has_changed = has_changed};
}

static struct model_answer session(unsigned serves, bool has_changed)
{
    return (struct model_answer){PAIRING_SESSION, has_changed, serves};
}

bool model_is_known(const struct model *m)
{
    return m->generation > 0 || m->has_been_seen || m->is_announced;
}

void model_forget_announcement(struct model *m)
{
    m->is_announced = false;
    m->announced_in = false;
    m->announced_grant = 0;
    m->announced_until_ms = 0;
    m->announced_term_ms = 0;
}

void model_close_for_a_while(struct model *m, int64_t now_ms, bool by_reject)
{
    static const int64_t minutes[] = {1, 2, 4, 8, 16, 32, 60};
    m->closed_until_ms = now_ms + minutes[m->strikes] * 60000;
    m->is_closed_by_reject = by_reject;
    m->strikes = m->strikes < 6 ? m->strikes + 1 : 6;
}

void model_take_away(struct model *m)
{
    m->granted = 0;
    m->ends_ms = 0;
    m->has_refused = false;
    m->refused_until_ms = 0;
    model_forget_announcement(m);
}

void model_let_in(struct model *m, unsigned asked, unsigned granted, int64_t ends_ms)
{
    model_take_away(m);
    m->stand = IN;
    m->was_in = true;
    m->asked = asked;
    m->granted = granted;
    m->ends_ms = ends_ms;
    m->generation++;
    m->strikes = 0;
    m->closed_until_ms = 0;
    m->is_waiting = false;
    m->is_buried = false;
    m->is_distrusted = false;
}

/* A lapsed request of a removed device leaves a removed device. */
void model_lapse(struct model *m)
{
    m->is_waiting = false;
    if (m->is_from_grave && m->alias == 0 && !m->is_announced) {
        m->is_buried = true;
        m->has_been_seen = false;
        m->asked_ms = 0;
    }
}

static void drop_from_gone(struct model *m, const struct model_request *request)
{
    int kept = 0;
    for (int i = 0; i < PAIRING_REPLACED_KEPT; i++) {
        struct model_request one = m->gone[i];
        m->gone[i].is_set = false;
        if (one.is_set && !model_is_same(&one, request)) {
            m->gone[kept++] = one;
        }
    }
}

/* The ask gets its request, if it may. False: too soon, or no room. */
static bool queue_up(struct model *m, const struct model_event *event, int64_t now_ms)
{
    if (m->is_waiting && m->request.want == event->want) {
        m->tried_ms = now_ms;
        return true;
    }
    bool has_slot = m->stand == IN || (m->is_announced && now_ms < m->announced_until_ms);
    if (m->is_waiting && m->swapped_ms != 0 && now_ms - m->swapped_ms < 10000) {
        return false;
    }
    if (!m->is_waiting && event->is_over_cap && !has_slot) {
        return false;
    }
    struct model_request request = {true, event->want, m->generation};
    bool was_from_grave = m->is_waiting && m->is_from_grave;
    drop_from_gone(m, &request);
    if (m->is_waiting) {
        drop_from_gone(m, &m->request);
        for (int i = PAIRING_REPLACED_KEPT - 1; i > 0; i--) {
            m->gone[i] = m->gone[i - 1];
        }
        m->gone[0] = m->request;
        m->swapped_ms = now_ms;
    }
    m->is_from_grave = (m->is_buried || was_from_grave) && !m->is_distrusted && m->stand != IN;
    m->is_waiting = true;
    m->request = request;
    m->tried_ms = now_ms;
    m->wrong_codes = 0;
    m->asked_ms = now_ms;
    m->has_been_seen = true;
    m->is_buried = false;
    return true;
}

static struct model_answer connect_in(struct model *m, const struct model_event *event,
                                      int64_t now_ms)
{
    if (m->ends_ms != 0 && m->ends_ms <= now_ms) {
        return model_say(PAIRING_REFUSED_BUSY, false);
    }
    if (model_is_within(event->want, m->asked)) {
        return session(m->granted, false);
    }
    if (m->has_refused && m->refused_want == event->want && now_ms < m->refused_until_ms) {
        return session(m->granted, false);
    }
    bool is_retry = m->is_waiting && m->request.want == event->want;
    if (!is_retry && now_ms < m->closed_until_ms) {
        return session(m->granted, false);
    }
    bool is_queued = queue_up(m, event, now_ms);
    return session(m->granted, is_queued && !is_retry);
}

static struct model_answer connect_model(struct model *m, const struct model_event *event,
                                         int64_t now_ms)
{
    if (m->stand == BARRED) {
        return model_say(PAIRING_REFUSED_BLOCKED, false);
    }
    if (m->stand == IN) {
        return connect_in(m, event, now_ms);
    }
    if (now_ms < m->closed_until_ms) {
        bool is_rejected = m->stand == NEVER_IN || m->is_closed_by_reject;
        return model_say(is_rejected ? PAIRING_REFUSED_REJECTED : PAIRING_REFUSED_REVOKED, false);
    }
    if (m->announced_in && now_ms < m->announced_until_ms &&
        model_is_within(event->want, m->announced_grant)) {
        int64_t term_ms = m->announced_term_ms;
        model_let_in(m, event->want, event->want, term_ms > 0 ? now_ms + term_ms : 0);
        m->has_been_seen = true;
        return session(event->want, true);
    }
    if (event->pairs_everyone && m->stand == NEVER_IN && !m->is_distrusted) {
        return session(event->grant, false);
    }
    bool is_retry = m->is_waiting && m->request.want == event->want;
    if (!queue_up(m, event, now_ms)) {
        return model_say(PAIRING_REFUSED_BUSY, false);
    }
    return model_say(PAIRING_PENDING, !is_retry);
}

static struct model_answer decide(struct model *m, const struct model_event *event, int64_t now_ms)
{
    switch (event->kind) {
    case PAIRING_EV_CONNECT:
        return connect_model(m, event, now_ms);
    case PAIRING_EV_APPROVE:
        return model_approve(m, event, now_ms);
    case PAIRING_EV_REJECT:
        return model_reject(m, event, now_ms);
    case PAIRING_EV_DISMISS:
        return model_dismiss(m, event);
    case PAIRING_EV_EXPIRE:
        return model_expire(m, now_ms);
    case PAIRING_EV_SHED:
        return model_shed(m, now_ms);
    case PAIRING_EV_REVOKE:
        return model_revoke(m, now_ms);
    case PAIRING_EV_TERM_END:
        return model_end_term(m, now_ms);
    case PAIRING_EV_REMOVE:
        return model_remove(m, now_ms);
    case PAIRING_EV_BLOCK:
        return model_block(m);
    case PAIRING_EV_UNBLOCK:
        return model_unblock(m);
    case PAIRING_EV_EXPECT:
        return model_announce(m, event, now_ms);
    case PAIRING_EV_EXPECT_END:
        return model_end_announcement(m, now_ms);
    case PAIRING_EV_RENAME:
        return model_rename(m, event);
    case PAIRING_EV_FORGET:
        return model_forget(m, now_ms);
    case PAIRING_EV_COUNT:
        break;
    }
    return model_say(PAIRING_OUTCOME_COUNT, false);
}

/* What a distrusted record says in the device's favour does not count; it is gone for good as soon
 * as anything is written. */
struct model_answer model_decide(struct model *model, const struct model_event *event,
                                 int64_t now_ms)
{
    struct model trial = *model;
    if (trial.is_distrusted) {
        model_take_away(&trial);
        trial.stand = trial.stand == IN ? OUT : trial.stand;
        trial.was_in = false;
        trial.alias = 0;
    }
    struct model_answer made = decide(&trial, event, now_ms);
    if (made.has_changed || !model->is_distrusted) {
        *model = trial;
    } else {
        model->tried_ms = trial.tried_ms;
    }
    return made;
}
