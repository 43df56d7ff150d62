/* See agent_internal.h: what an answer, or the lack of one, means for the flow. */
#include "client/agent_internal.h"

enum {
    /* One replacement in ten seconds is all that a gateway takes. */
    REPLACED_MS = 10 * 1000,
};

static void tell_grant_changed(const struct oc_agent *agent)
{
    if (agent->settings.ops.grant_changed) {
        agent->settings.ops.grant_changed(agent->settings.user, &agent->session);
    }
}

static void go_away(struct oc_agent *agent, uint32_t retry_after_ms, uint32_t at_least_ms,
                    enum oc_status status, const char *text)
{
    const struct oc_flow_event event = {
        .kind = OC_FLOW_EV_AWAY,
        .status = status,
        .retry_after_ms = retry_after_ms > at_least_ms ? retry_after_ms : at_least_ms};
    struct oc_error err = {.status = OC_OK};
    (void)oc_fail(&err, status, "%s", text);
    oc_agent_happen(agent, &event, &err);
}

static void poll_on(struct oc_agent *agent, const struct oc_news *news)
{
    const struct oc_flow_event event = {.kind = OC_FLOW_EV_POLLED, .elapsed_ms = news->elapsed_ms};
    oc_agent_happen(agent, &event, NULL);
}

/* ---- news -------------------------------------------------------------------------------- */

static void handle_opened(struct oc_agent *agent, const struct oc_news *news)
{
    struct oc_error err = {.status = OC_OK};
    agent->is_open = true;
    if (oc_agent_accept_gateway(agent, &news->spki, &err)) {
        oc_agent_fail(agent, &err);
        return;
    }
    const struct oc_flow_event event = {.kind = OC_FLOW_EV_OPENED};
    oc_agent_happen(agent, &event, NULL);
}

static void handle_closed(struct oc_agent *agent, const struct oc_news *news)
{
    struct oc_error err = news->error;
    if (agent->is_open || err.status != OC_UNAUTHENTICATED) {
        oc_agent_lose(agent, &err);
        return;
    }
    if (agent->trust_kind == OC_TRUST_GIVEN || agent->trust_kind == OC_TRUST_RECORDED) {
        oc_agent_explain_wrong_gateway(agent, &news->spki, &err);
    }
    oc_agent_fail(agent, &err);
}

static void handle_connect(struct oc_agent *agent, const struct oc_news *news)
{
    if (news->error.status == OC_INVALID_ARGUMENT) {
        oc_agent_fail(agent, &news->error); /* it would be as invalid the next time */
    } else if (news->error.status) {
        oc_agent_lose(agent, &news->error);
    } else if (news->has_session) {
        oc_agent_be_admitted(agent, news);
    } else {
        oc_agent_be_refused(agent, &news->refusal);
    }
}

static void handle_decision(struct oc_agent *agent, const struct oc_news *news)
{
    struct oc_refusal_news refusal = news->refusal;
    const struct oc_flow_event approved = {.kind = OC_FLOW_EV_APPROVED};
    if (agent->flow.state == OC_FLOW_SESSION) {
        return; /* of an upgrade: a notice tells what matters */
    }
    if (news->error.status) {
        oc_agent_lose(agent, &news->error);
        return;
    }
    switch (news->word) {
    case OC_DECIDED_APPROVED:
        oc_agent_happen(agent, &approved, NULL);
        break;
    case OC_DECIDED_REJECTED:
    case OC_DECIDED_BLOCKED:
        refusal.kind = news->word == OC_DECIDED_BLOCKED ? OC_REFUSAL_BLOCKED : OC_REFUSAL_REJECTED;
        refusal.request_id.text[0] = '\0'; /* it is closed */
        oc_agent_be_refused(agent, &refusal);
        break;
    case OC_DECIDED_NOT:
        go_away(agent, news->retry_after_ms, 0, OC_UNAVAILABLE,
                "the request was not decided; asking again");
        break;
    case OC_DECIDED_REPLACED:
        go_away(agent, news->retry_after_ms, REPLACED_MS, OC_ABORTED,
                "another agent with this key replaced the request; asking again");
        break;
    default: /* nothing yet, and what a newer gateway may say */
        poll_on(agent, news);
    }
}

static void handle_heartbeat(struct oc_agent *agent, const struct oc_news *news)
{
    const struct oc_flow_event alive = {.kind = OC_FLOW_EV_ALIVE};
    agent->is_heartbeat_unanswered = false;
    if (news->error.status) {
        oc_agent_lose(agent, &news->error);
    } else {
        oc_agent_happen(agent, &alive, NULL);
    }
}

static void handle_notice(struct oc_agent *agent, const struct oc_news *news)
{
    if (news->error.status) {
        oc_agent_lose(agent, &news->error);
        return;
    }
    switch (news->word) {
    case OC_NOTICED_GRANT_CHANGED:
        if (news->has_session) {
            oc_agent_take_session(agent, news);
            oc_agent_record_receipt(agent, news);
            tell_grant_changed(agent);
            oc_agent_reveal(agent);
        }
        poll_on(agent, news);
        break;
    case OC_NOTICED_ENDED:
        oc_agent_be_refused(agent, &news->refusal);
        break;
    case OC_NOTICED_SUPERSEDED:
        go_away(agent, news->retry_after_ms, OC_FLOW_STAY_AWAY_MS, OC_ABORTED,
                "another agent with this key took over the session");
        break;
    case OC_NOTICED_DRAINING:
        go_away(agent, news->retry_after_ms, 0, OC_UNAVAILABLE, "the gateway is stopping");
        break;
    case OC_NOTICED_UPGRADE_REFUSED:
        agent->session.upgrade_request_id.text[0] = '\0';
        agent->session.upgrade_code[0] = '\0';
        tell_grant_changed(agent);
        poll_on(agent, news);
        break;
    default: /* nothing yet, and what a newer gateway may say */
        poll_on(agent, news);
    }
}

void oc_agent_handle(struct oc_agent *agent, const struct oc_news *news)
{
    if (news->attempt != agent->attempt) {
        return;
    }
    switch (news->kind) {
    case OC_NEWS_OPENED:
        handle_opened(agent, news);
        return;
    case OC_NEWS_CLOSED:
        handle_closed(agent, news);
        return;
    case OC_NEWS_CONNECT:
        handle_connect(agent, news);
        return;
    case OC_NEWS_DECISION:
        handle_decision(agent, news);
        return;
    case OC_NEWS_HEARTBEAT:
        handle_heartbeat(agent, news);
        return;
    case OC_NEWS_NOTICE:
        handle_notice(agent, news);
        return;
    }
}
