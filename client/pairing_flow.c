/* See pairing_flow.h. */
#include "client/pairing_flow.h"

/* What an event does in a state; 0 is nothing. */
enum move {
    MOVE_NONE,
    MOVE_DIAL,
    MOVE_ASK,
    MOVE_ENTER,
    MOVE_POLL_DECISION,
    MOVE_POLL_NOTICE,
    MOVE_SETTLE,
    MOVE_JUDGE, /* the refusal decides */
    MOVE_RETRY,
    MOVE_GIVE_UP,
    MOVE_STOP,
};

static const uint8_t moves[OC_FLOW_STATE_COUNT][OC_FLOW_EVENT_COUNT] = {
    [OC_FLOW_IDLE] = {[OC_FLOW_EV_START] = MOVE_DIAL, [OC_FLOW_EV_STOP] = MOVE_STOP},
    [OC_FLOW_DIALLING] = {[OC_FLOW_EV_OPENED] = MOVE_ASK,
                          [OC_FLOW_EV_LOST] = MOVE_RETRY,
                          [OC_FLOW_EV_HOPELESS] = MOVE_GIVE_UP,
                          [OC_FLOW_EV_STOP] = MOVE_STOP},
    [OC_FLOW_ASKING] = {[OC_FLOW_EV_ADMITTED] = MOVE_ENTER,
                        [OC_FLOW_EV_REFUSED] = MOVE_JUDGE,
                        [OC_FLOW_EV_LOST] = MOVE_RETRY,
                        [OC_FLOW_EV_HOPELESS] = MOVE_GIVE_UP,
                        [OC_FLOW_EV_STOP] = MOVE_STOP},
    [OC_FLOW_WAITING] = {[OC_FLOW_EV_APPROVED] = MOVE_ASK,
                         [OC_FLOW_EV_POLLED] = MOVE_POLL_DECISION,
                         [OC_FLOW_EV_REFUSED] = MOVE_JUDGE,
                         [OC_FLOW_EV_AWAY] = MOVE_RETRY,
                         [OC_FLOW_EV_LOST] = MOVE_RETRY,
                         [OC_FLOW_EV_STOP] = MOVE_STOP},
    [OC_FLOW_SESSION] = {[OC_FLOW_EV_POLLED] = MOVE_POLL_NOTICE,
                         [OC_FLOW_EV_ALIVE] = MOVE_SETTLE,
                         [OC_FLOW_EV_REFUSED] = MOVE_JUDGE,
                         [OC_FLOW_EV_AWAY] = MOVE_RETRY,
                         [OC_FLOW_EV_LOST] = MOVE_RETRY,
                         [OC_FLOW_EV_STOP] = MOVE_STOP},
    [OC_FLOW_BACKOFF] = {[OC_FLOW_EV_DELAY_OVER] = MOVE_DIAL, [OC_FLOW_EV_STOP] = MOVE_STOP},
};

void oc_flow_init(struct oc_flow *flow, bool keeps_asking, bool is_once)
{
    *flow =
        (struct oc_flow){.state = OC_FLOW_IDLE, .keeps_asking = keeps_asking, .is_once = is_once};
}

static struct oc_flow_step stop(struct oc_flow *flow, enum oc_status status)
{
    flow->state = OC_FLOW_STOPPED;
    return (struct oc_flow_step){.action = OC_FLOW_DO_STOP, .status = status};
}

/* Full jitter over a window that doubles, on top of what the gateway asked for. A long wait that
 * many devices were told at once is spread as well. */
static uint64_t retry_delay_ms(uint32_t n_failures, uint32_t retry_after_ms, uint32_t random)
{
    uint64_t window = OC_FLOW_FIRST_WINDOW_MS;
    for (uint32_t i = 1; i < n_failures && window < OC_FLOW_LAST_WINDOW_MS; i++) {
        window *= 2;
    }
    if (window > OC_FLOW_LAST_WINDOW_MS) {
        window = OC_FLOW_LAST_WINDOW_MS;
    }
    uint64_t floor_ms = retry_after_ms;
    if (floor_ms > OC_FLOW_MAX_RETRY_AFTER_MS) {
        floor_ms = OC_FLOW_MAX_RETRY_AFTER_MS;
    }
    if (window < floor_ms / 4) {
        window = floor_ms / 4;
    }
    return floor_ms + random % (window + 1);
}

static struct oc_flow_step retry(struct oc_flow *flow, uint32_t retry_after_ms,
                                 enum oc_status status, uint32_t random)
{
    if (flow->is_once) {
        return stop(flow, status);
    }
    if (flow->n_failures < UINT32_MAX) {
        flow->n_failures++;
    }
    flow->state = OC_FLOW_BACKOFF;
    return (struct oc_flow_step){.action = OC_FLOW_DO_SLEEP,
                                 .delay_ms =
                                     retry_delay_ms(flow->n_failures, retry_after_ms, random),
                                 .status = status};
}

static uint32_t at_least(uint32_t value, uint32_t floor_value)
{
    return value > floor_value ? value : floor_value;
}

static struct oc_flow_step queued(struct oc_flow *flow, const struct oc_flow_event *event,
                                  uint32_t random)
{
    /* Only the answer of Connect puts us into the queue. A session or a wait that ended asks anew,
     * on a fresh connection; so does one that was asked on too often without result. */
    bool may_wait = flow->state == OC_FLOW_ASKING && event->has_request;
    if (!may_wait || flow->n_asks > OC_FLOW_MAX_ASKS) {
        return retry(flow, event->retry_after_ms, OC_UNAVAILABLE, random);
    }
    if (flow->is_once) {
        return stop(flow, OC_OK);
    }
    flow->state = OC_FLOW_WAITING;
    return (struct oc_flow_step){.action = OC_FLOW_DO_AWAIT_DECISION};
}

static struct oc_flow_step judge(struct oc_flow *flow, const struct oc_flow_event *event,
                                 uint32_t random)
{
    switch (event->refusal) {
    case OC_REFUSAL_PAIRING_REQUIRED:
        return queued(flow, event, random);
    case OC_REFUSAL_REJECTED:
    case OC_REFUSAL_REVOKED:
    case OC_REFUSAL_BLOCKED:
        if (!flow->keeps_asking) {
            return stop(flow, OC_PERMISSION_DENIED);
        }
        return retry(flow, at_least(event->retry_after_ms, OC_FLOW_STAY_AWAY_MS),
                     OC_PERMISSION_DENIED, random);
    case OC_REFUSAL_BUSY:
        return retry(flow, event->retry_after_ms, OC_RESOURCE_EXHAUSTED, random);
    case OC_REFUSAL_LOCKED:
    case OC_REFUSAL_NONE:
    case OC_REFUSAL_COUNT:
        break;
    }
    return retry(flow, event->retry_after_ms, OC_UNAVAILABLE, random);
}

static struct oc_flow_step poll_again(struct oc_flow *flow, const struct oc_flow_event *event,
                                      enum oc_flow_action action)
{
    if (event->elapsed_ms >= OC_FLOW_SETTLED_MS) {
        flow->n_failures = 0;
        flow->n_asks = 0;
    }
    uint64_t early_ms =
        event->elapsed_ms < OC_FLOW_MIN_POLL_MS ? OC_FLOW_MIN_POLL_MS - event->elapsed_ms : 0;
    return (struct oc_flow_step){.action = action, .delay_ms = early_ms};
}

static struct oc_flow_step ask(struct oc_flow *flow)
{
    flow->state = OC_FLOW_ASKING;
    flow->n_asks++;
    return (struct oc_flow_step){.action = OC_FLOW_DO_CONNECT};
}

static struct oc_flow_step dial(struct oc_flow *flow)
{
    flow->state = OC_FLOW_DIALLING;
    flow->n_asks = 0;
    return (struct oc_flow_step){.action = OC_FLOW_DO_DIAL};
}

static struct oc_flow_step enter(struct oc_flow *flow)
{
    if (flow->is_once) {
        return stop(flow, OC_OK);
    }
    flow->state = OC_FLOW_SESSION;
    flow->n_asks = 0;
    return (struct oc_flow_step){.action = OC_FLOW_DO_AWAIT_NOTICE};
}

struct oc_flow_step oc_flow_take(struct oc_flow *flow, const struct oc_flow_event *event,
                                 uint32_t random)
{
    switch ((enum move)moves[flow->state][event->kind]) {
    case MOVE_NONE:
        break;
    case MOVE_DIAL:
        return dial(flow);
    case MOVE_ASK:
        return ask(flow);
    case MOVE_ENTER:
        return enter(flow);
    case MOVE_POLL_DECISION:
        return poll_again(flow, event, OC_FLOW_DO_AWAIT_DECISION);
    case MOVE_POLL_NOTICE:
        return poll_again(flow, event, OC_FLOW_DO_AWAIT_NOTICE);
    case MOVE_SETTLE:
        flow->n_failures = 0;
        break;
    case MOVE_JUDGE:
        return judge(flow, event, random);
    case MOVE_RETRY:
        return retry(flow, event->retry_after_ms, event->status, random);
    case MOVE_GIVE_UP:
        return stop(flow, event->status);
    case MOVE_STOP:
        return stop(flow, OC_OK);
    }
    return (struct oc_flow_step){.action = OC_FLOW_DO_NOTHING};
}
