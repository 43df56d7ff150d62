/* See agent_internal.h: an event goes through the flow, and the step that it gives is done. */
#include <stdio.h>
#include <string.h>

#include "client/agent_internal.h"
#include "proto/base/refusal_text.h"
#include "proto/crypto/pairing_code.h"

enum {
    DEFAULT_HEARTBEAT_MS = 20 * 1000,
    MIN_HEARTBEAT_MS = 100,
    MAX_HEARTBEAT_MS = 10 * 60 * 1000,
};

/* ---- steps ------------------------------------------------------------------------------- */

static void end_attempt(struct oc_agent *agent)
{
    agent->attempt++; /* what still comes of this one is dropped */
    oc_channel_close(agent->channel);
    agent->channel = NULL;
    oc_tls_context_free(agent->tls);
    agent->tls = NULL;
    agent->is_open = false;
    agent->planned = OC_FLOW_DO_NOTHING;
    agent->heartbeat_due_ms = 0;
    agent->is_heartbeat_unanswered = false;
    oc_agent_set_connected(agent, false);
}

static bool on_opened(void *user, const struct oc_peer *peer)
{
    const struct oc_attempt *attempt = user;
    struct oc_news *news = oc_agent_news_new(attempt->agent, OC_NEWS_OPENED, attempt->number);
    if (news) {
        news->spki = peer->spki_sha256;
        oc_agent_post(attempt->agent, news);
    }
    return news != NULL;
}

static void on_closed(void *user, const struct oc_error *err, const struct oc_peer *peer)
{
    const struct oc_attempt *attempt = user;
    struct oc_news *news = oc_agent_news_new(attempt->agent, OC_NEWS_CLOSED, attempt->number);
    if (news) {
        news->error = *err;
        news->spki = peer->spki_sha256;
        oc_agent_post(attempt->agent, news);
    }
}

static enum oc_status dial(struct oc_agent *agent, struct oc_error *err)
{
    enum oc_status st = oc_agent_prepare_trust(agent, err);
    if (st) {
        return st;
    }
    agent->dialled = (struct oc_attempt){.agent = agent, .number = agent->attempt};
    const struct oc_channel_options options = {.transport = agent->transport,
                                               .tls = agent->tls,
                                               .url = agent->settings.gateway.url,
                                               .is_single = true,
                                               .opened = on_opened,
                                               .closed = on_closed,
                                               .user = &agent->dialled,
                                               .dial_timeout_ms = OC_AGENT_DIAL_MS};
    return oc_channel_open(&options, &agent->channel, err);
}

/* Whether waiting will not help: a person has to set something right. */
static bool is_for_a_person(enum oc_status st)
{
    return st == OC_FAILED_PRECONDITION || st == OC_DATA_LOSS || st == OC_UNAUTHENTICATED ||
           st == OC_INVALID_ARGUMENT;
}

void oc_agent_fail(struct oc_agent *agent, const struct oc_error *err)
{
    const struct oc_flow_event event = {.kind = is_for_a_person(err->status) ? OC_FLOW_EV_HOPELESS
                                                                             : OC_FLOW_EV_LOST,
                                        .status = err->status,
                                        .retry_after_ms = err->retry_after_ms};
    oc_agent_happen(agent, &event, err);
}

/* A failure in the midst of an attempt that began well: the next one may go better. */
void oc_agent_lose(struct oc_agent *agent, const struct oc_error *err)
{
    const struct oc_flow_event event = {.kind = OC_FLOW_EV_LOST,
                                        .status = err->status ? err->status : OC_UNAVAILABLE,
                                        .retry_after_ms = err->retry_after_ms};
    oc_agent_happen(agent, &event, err);
}

static void plan(struct oc_agent *agent, enum oc_flow_action action, uint64_t delay_ms)
{
    agent->planned = action;
    agent->plan_due_ms = oc_monotonic_ms() + delay_ms;
}

static void stop(struct oc_agent *agent, enum oc_status why, const struct oc_error *err)
{
    end_attempt(agent);
    agent->end = why;
    struct oc_error cause = {.status = why};
    if (err && why) {
        cause = *err;
        cause.status = why;
    }
    agent->last_error = cause;
    oc_agent_note_failure(agent, &cause);
}

static void sleep_until_next(struct oc_agent *agent, const struct oc_flow_step *step,
                             const struct oc_error *err)
{
    struct oc_error cause = {.status = step->status};
    if (err) {
        cause = *err;
    }
    end_attempt(agent);
    plan(agent, OC_FLOW_DO_SLEEP, step->delay_ms);
    oc_agent_note_failure(agent, &cause);
    if (agent->settings.ops.disconnected) {
        agent->settings.ops.disconnected(agent->settings.user, &cause, (uint32_t)step->delay_ms);
    }
}

static void perform(struct oc_agent *agent, const struct oc_flow_step *step,
                    const struct oc_error *err)
{
    struct oc_error failure = {.status = OC_OK};
    switch (step->action) {
    case OC_FLOW_DO_NOTHING:
        break;
    case OC_FLOW_DO_DIAL:
        if (dial(agent, &failure)) {
            oc_agent_fail(agent, &failure);
        }
        break;
    case OC_FLOW_DO_CONNECT:
        if (oc_agent_call_connect(agent, &failure)) {
            oc_agent_lose(agent, &failure);
        }
        break;
    case OC_FLOW_DO_AWAIT_DECISION:
    case OC_FLOW_DO_AWAIT_NOTICE:
        plan(agent, step->action, step->delay_ms);
        break;
    case OC_FLOW_DO_SLEEP:
        sleep_until_next(agent, step, err);
        break;
    case OC_FLOW_DO_STOP:
        stop(agent, step->status, err);
        break;
    }
}

static struct oc_flow_step decide(struct oc_agent *agent, const struct oc_flow_event *event)
{
    uint32_t random = 0;
    oc_random_fill(&random, sizeof random);
    return oc_flow_take(&agent->flow, event, random);
}

void oc_agent_happen(struct oc_agent *agent, const struct oc_flow_event *event,
                     const struct oc_error *err)
{
    struct oc_flow_step step = decide(agent, event);
    perform(agent, &step, err);
}

/* ---- refusals ---------------------------------------------------------------------------- */

/* "4821-7730", or "" when there is no request, or the gateway gave no nonce (NULL) for it. */
static void compute_code(const struct oc_agent *agent, const struct oc_request_id *request_id,
                         const uint8_t *gateway_nonce, char out[OC_CODE_DIGITS + 2])
{
    out[0] = '\0';
    if (!gateway_nonce || request_id->text[0] == '\0') {
        return;
    }
    struct oc_pairing_code_input input = {.device_id = agent->device_id,
                                          .gateway_spki = agent->gateway_spki,
                                          .request_id = *request_id};
    memcpy(input.device_nonce, agent->nonce, sizeof input.device_nonce);
    memcpy(input.gateway_nonce, gateway_nonce, sizeof input.gateway_nonce);
    char digits[OC_CODE_DIGITS + 1];
    oc_pairing_code(&input, digits);
    (void)snprintf(out, OC_CODE_DIGITS + 2, "%.4s-%.4s", digits, digits + 4);
}

/* NULL: there is none to name. */
static const char *data_dir_of(const struct oc_agent *agent, char room[OC_PATH_BYTES])
{
    struct oc_error err;
    if (agent->settings.has_data_dir) {
        return agent->settings.data_dir;
    }
    return oc_default_data_dir(room, OC_PATH_BYTES, &err) ? NULL : room;
}

static void tell_refused(const struct oc_agent *agent, const struct oc_refusal_news *news,
                         bool goes_on)
{
    struct oc_refusal refusal = {.kind = news->kind,
                                 .http_status = oc_refusal_http_status(news->kind),
                                 .request_id = news->request_id,
                                 .why = news->why,
                                 .retry_after_ms = news->retry_after_ms};
    char room[OC_PATH_BYTES];
    compute_code(agent, &news->request_id, news->has_nonce ? news->gateway_nonce : NULL,
                 refusal.code);
    const struct oc_refusal_facts facts = {.gateway_url = agent->settings.gateway.url,
                                           .gateway_spki = agent->gateway_spki,
                                           .device_id = agent->device_id,
                                           .kind = news->kind,
                                           .request_id = news->request_id,
                                           .why = news->why,
                                           .retry_after_ms = news->retry_after_ms,
                                           .code = refusal.code,
                                           .goes_on = goes_on,
                                           .data_dir = data_dir_of(agent, room)};
    char text[OC_REFUSAL_TEXT_BYTES];
    oc_refusal_text_format(&facts, text);
    refusal.text = text;
    if (agent->settings.ops.refused) {
        agent->settings.ops.refused(agent->settings.user, &refusal);
    }
}

void oc_agent_be_refused(struct oc_agent *agent, const struct oc_refusal_news *news)
{
    const struct oc_flow_event event = {.kind = OC_FLOW_EV_REFUSED,
                                        .refusal = news->kind,
                                        .has_request = news->request_id.text[0] != '\0',
                                        .retry_after_ms = news->retry_after_ms};
    agent->request_id = news->request_id;
    struct oc_flow_step step = decide(agent, &event);
    oc_agent_note_refusal(agent, news);
    tell_refused(agent, news, step.action != OC_FLOW_DO_STOP);
    struct oc_error err = {.status = OC_OK};
    (void)oc_fail(&err, step.status ? step.status : OC_UNAVAILABLE, "refused: %s",
                  oc_refusal_name(news->kind));
    err.retry_after_ms = news->retry_after_ms;
    agent->is_refused = true;
    perform(agent, &step, &err);
    agent->is_refused = false;
}

/* ---- sessions ---------------------------------------------------------------------------- */

static uint32_t sane_heartbeat_ms(uint32_t asked_ms)
{
    if (asked_ms == 0) {
        return DEFAULT_HEARTBEAT_MS;
    }
    if (asked_ms < MIN_HEARTBEAT_MS) {
        return MIN_HEARTBEAT_MS;
    }
    return asked_ms < MAX_HEARTBEAT_MS ? asked_ms : MAX_HEARTBEAT_MS;
}

void oc_agent_take_session(struct oc_agent *agent, const struct oc_news *news)
{
    agent->session = news->session;
    compute_code(agent, &agent->session.upgrade_request_id,
                 news->has_upgrade_nonce ? news->upgrade_nonce : NULL, agent->session.upgrade_code);
}

/* The gateway can check the code only once it knows our nonce. The answer tells nothing that
 * notices do not, so that its failure is none of the session's. */
void oc_agent_reveal(struct oc_agent *agent)
{
    struct oc_error err;
    if (agent->flow.state != OC_FLOW_SESSION || agent->session.upgrade_code[0] == '\0') {
        return;
    }
    agent->request_id = agent->session.upgrade_request_id;
    if (oc_agent_call_await_decision(agent, &err)) {
        agent->session.upgrade_code[0] = '\0'; /* no memory: it is approved without a code */
    }
}

void oc_agent_be_admitted(struct oc_agent *agent, const struct oc_news *news)
{
    oc_agent_take_session(agent, news);
    agent->heartbeat_ms = sane_heartbeat_ms(news->heartbeat_ms);
    oc_agent_record_session(agent, news);
    oc_agent_note_session(agent);
    /* Devices that connected together do not beat together. */
    uint32_t random = 0;
    oc_random_fill(&random, sizeof random);
    agent->heartbeat_due_ms = oc_monotonic_ms() + 1 + random % agent->heartbeat_ms;
    if (agent->settings.ops.connected) {
        agent->settings.ops.connected(agent->settings.user, &agent->session);
    }
    oc_agent_set_connected(agent, true);
    const struct oc_flow_event event = {.kind = OC_FLOW_EV_ADMITTED};
    oc_agent_happen(agent, &event, NULL);
    oc_agent_reveal(agent);
}

/* ---- what is due ------------------------------------------------------------------------- */

static void do_planned(struct oc_agent *agent)
{
    const struct oc_flow_event over = {.kind = OC_FLOW_EV_DELAY_OVER};
    struct oc_error err = {.status = OC_OK};
    enum oc_flow_action action = agent->planned;
    agent->planned = OC_FLOW_DO_NOTHING;
    if (action == OC_FLOW_DO_SLEEP) {
        oc_agent_happen(agent, &over, NULL);
    } else if (action == OC_FLOW_DO_AWAIT_DECISION && oc_agent_call_await_decision(agent, &err)) {
        oc_agent_lose(agent, &err);
    } else if (action == OC_FLOW_DO_AWAIT_NOTICE && oc_agent_call_await_notice(agent, &err)) {
        oc_agent_lose(agent, &err);
    }
}

static void beat(struct oc_agent *agent, uint64_t now_ms)
{
    struct oc_error err = {.status = OC_OK};
    agent->heartbeat_due_ms = now_ms + agent->heartbeat_ms;
    if (agent->is_heartbeat_unanswered) {
        return; /* its own deadline decides */
    }
    agent->is_heartbeat_unanswered = true;
    if (oc_agent_call_heartbeat(agent, &err)) {
        oc_agent_lose(agent, &err);
    }
}

void oc_agent_tick(struct oc_agent *agent, uint64_t now_ms)
{
    if (agent->planned != OC_FLOW_DO_NOTHING && agent->plan_due_ms <= now_ms) {
        do_planned(agent);
    }
    if (agent->heartbeat_due_ms != 0 && agent->heartbeat_due_ms <= now_ms) {
        beat(agent, now_ms);
    }
}

uint64_t oc_agent_due_ms(const struct oc_agent *agent)
{
    uint64_t due_ms = agent->planned != OC_FLOW_DO_NOTHING ? agent->plan_due_ms : UINT64_MAX;
    if (agent->heartbeat_due_ms != 0 && agent->heartbeat_due_ms < due_ms) {
        due_ms = agent->heartbeat_due_ms;
    }
    return due_ms;
}
