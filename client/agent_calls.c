/* See agent_internal.h: the calls of a device, on the generated stubs. Answers become news. */
#include <stdlib.h>
#include <string.h>

#include "client/agent_internal.h"
#include "client/convert.h"
#include "client/service_proxy.h"
#include "proto/crypto/pairing_code.h"

/* A call on its way; its closure frees it. */
struct agent_call {
    struct oc_service_proxy proxy;
    struct oc_agent *agent;
    enum oc_news_kind kind;
    uint32_t attempt;
    uint64_t began_ms;
};

static struct agent_call *begin(struct oc_agent *agent, enum oc_news_kind kind, uint32_t timeout_ms,
                                struct oc_error *err)
{
    struct agent_call *call = calloc(1, sizeof *call);
    if (!call) {
        (void)oc_fail(err, OC_RESOURCE_EXHAUSTED, "agent: out of memory for a call");
        return NULL;
    }
    oc_service_proxy_init(&call->proxy, agent->channel, &openclaw__v1__pairing_service__descriptor);
    call->proxy.timeout_ms = timeout_ms;
    call->agent = agent;
    call->kind = kind;
    call->attempt = agent->attempt;
    call->began_ms = oc_monotonic_ms();
    return call;
}

/* The news of a call, its error filled if there is no answer. NULL: no memory. */
static struct oc_news *news_of(struct agent_call *call, bool has_answer)
{
    struct oc_news *news = oc_agent_news_new(call->agent, call->kind, call->attempt);
    if (!news) {
        return NULL;
    }
    news->elapsed_ms = oc_monotonic_ms() - call->began_ms;
    if (!has_answer) {
        news->error = call->proxy.error;
        if (news->error.status == OC_OK) {
            news->error.status = OC_INTERNAL;
        }
    }
    return news;
}

static void end(struct agent_call *call, struct oc_news *news, bool is_understood)
{
    if (news) {
        if (!is_understood) {
            (void)oc_fail(&news->error, OC_INTERNAL, "the gateway's answer is not understood");
        }
        oc_agent_post(call->agent, news);
    }
    free(call);
}

/* ---- parts of answers -------------------------------------------------------------------- */

static bool take_refusal(const Openclaw__V1__Refusal *from, struct oc_refusal_news *out)
{
    if (!from) {
        return true;
    }
    out->kind = oc_take_refusal_kind(from->kind);
    out->why = oc_take_why(from->why);
    out->retry_after_ms = from->retry_after_ms;
    out->has_nonce = from->gateway_nonce.len > 0;
    /* `text` and `why_text` are left unread, on purpose: see refusal_text.h. */
    return oc_take_request_id(from->request_id, &out->request_id) &&
           oc_take_bytes(from->gateway_nonce, true, out->gateway_nonce, sizeof out->gateway_nonce);
}

static bool take_session(const Openclaw__V1__Session *from, struct oc_news *news)
{
    news->has_session = from != NULL;
    if (!from) {
        return true;
    }
    news->heartbeat_ms = from->heartbeat_ms;
    news->has_upgrade_nonce = from->gateway_nonce.len > 0;
    if (!oc_take_bytes(from->gateway_nonce, true, news->upgrade_nonce,
                       sizeof news->upgrade_nonce)) {
        return false;
    }
    return oc_take_session(from, &news->session) && oc_take_receipt(from->receipt, &news->receipt);
}

static bool take_gateway(const Openclaw__V1__Gateway *from, struct oc_news *news)
{
    size_t n = from ? from->n_next_pins : 0;
    if (n > OC_MAX_PINS) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!oc_take_bytes(from->next_pins[i], false, news->next_pins[i].bytes, OC_DIGEST_BYTES)) {
            return false;
        }
    }
    news->n_next_pins = n;
    return true;
}

/* ---- Connect ----------------------------------------------------------------------------- */

static void on_connect(const Openclaw__V1__ConnectReply *reply, void *user)
{
    struct agent_call *call = user;
    struct oc_news *news = news_of(call, reply != NULL);
    bool ok = true;
    if (news && reply) {
        bool is_session = reply->outcome_case == OPENCLAW__V1__CONNECT_REPLY__OUTCOME_SESSION;
        bool is_refusal = reply->outcome_case == OPENCLAW__V1__CONNECT_REPLY__OUTCOME_REFUSAL;
        ok = (is_session || is_refusal) && take_gateway(reply->gateway, news) &&
             (!is_session || take_session(reply->session, news)) &&
             (!is_refusal || take_refusal(reply->refusal, &news->refusal));
    }
    end(call, news, ok);
}

struct connect_parts {
    struct oc_grant_message asked;
    struct oc_labels_message labels;
    struct oc_digest commitment;
    uint8_t host_hint[OC_HOST_HINT_BYTES];
    Openclaw__V1__Receipt receipt;
};

static void put_receipt(const struct oc_receipt *from, Openclaw__V1__Receipt *out)
{
    openclaw__v1__receipt__init(out);
    out->gateway_id = oc_put_bytes(from->gateway_id, sizeof from->gateway_id);
    out->database_id = oc_put_bytes(from->database_id, sizeof from->database_id);
    out->seq = from->seq;
    out->device_id = oc_put_bytes(from->device_id.bytes, sizeof from->device_id.bytes);
    out->issued_at_ms = from->issued_at_ms;
    out->signature = oc_put_bytes(from->signature, from->n_signature);
}

/* What the device claims. */
static void put_claims(const struct oc_agent_settings *settings, struct connect_parts *parts,
                       Openclaw__V1__ConnectRequest *request)
{
    if (settings->ask.role[0] != '\0' || settings->ask.n_scopes > 0) {
        oc_put_grant(&settings->ask, &parts->asked);
        request->asked = &parts->asked.message;
    }
    oc_put_labels(&settings->labels, &parts->labels);
    request->labels = parts->labels.list;
    request->n_labels = parts->labels.n;
    request->name = oc_put_text(settings->name);
    request->purpose = oc_put_text(settings->purpose);
    request->platform = oc_put_text(settings->platform);
    request->version = oc_put_text(settings->version);
}

/* What tells this run of this copy of this device from others. */
static void put_traces(const struct oc_agent *agent, struct connect_parts *parts,
                       Openclaw__V1__ConnectRequest *request)
{
    request->instance_id = oc_put_bytes(agent->instance_id, sizeof agent->instance_id);
    request->boot_id = oc_put_bytes(agent->boot_id, sizeof agent->boot_id);
    request->session_counter = agent->record.n_sessions;
    if (agent->record.receipt.n_signature > 0) {
        put_receipt(&agent->record.receipt, &parts->receipt);
        request->receipt = &parts->receipt;
    }
    if (oc_host_hint(&agent->gateway_spki, parts->host_hint)) {
        request->host_hint = oc_put_bytes(parts->host_hint, sizeof parts->host_hint);
    }
}

enum oc_status oc_agent_call_connect(struct oc_agent *agent, struct oc_error *err)
{
    struct agent_call *call = begin(agent, OC_NEWS_CONNECT, OC_DEFAULT_BUDGET_MS, err);
    if (!call) {
        return OC_RESOURCE_EXHAUSTED;
    }
    /* A fresh nonce each time: whoever saw the last one revealed could choose his own so that the
     * code comes out as he wants. */
    oc_random_fill(agent->nonce, sizeof agent->nonce);
    struct connect_parts parts;
    Openclaw__V1__ConnectRequest request = OPENCLAW__V1__CONNECT_REQUEST__INIT;
    put_claims(&agent->settings, &parts, &request);
    put_traces(agent, &parts, &request);
    parts.commitment = oc_nonce_commitment(agent->nonce);
    request.nonce_commitment = oc_put_bytes(parts.commitment.bytes, sizeof parts.commitment.bytes);
    openclaw__v1__pairing_service__connect(&call->proxy.base, &request, on_connect, call);
    return OC_OK;
}

/* ---- AwaitDecision ----------------------------------------------------------------------- */

static void on_decision(const Openclaw__V1__AwaitDecisionReply *reply, void *user)
{
    struct agent_call *call = user;
    struct oc_news *news = news_of(call, reply != NULL);
    bool ok = true;
    if (news && reply) {
        news->word = (unsigned)reply->decision;
        ok = take_refusal(reply->refusal, &news->refusal);
        news->retry_after_ms = news->refusal.retry_after_ms;
    }
    end(call, news, ok);
}

enum oc_status oc_agent_call_await_decision(struct oc_agent *agent, struct oc_error *err)
{
    struct agent_call *call = begin(agent, OC_NEWS_DECISION, OC_LONG_POLL_MS, err);
    if (!call) {
        return OC_RESOURCE_EXHAUSTED;
    }
    Openclaw__V1__AwaitDecisionRequest request = OPENCLAW__V1__AWAIT_DECISION_REQUEST__INIT;
    request.request_id = oc_put_text(agent->request_id.text);
    request.device_nonce = oc_put_bytes(agent->nonce, sizeof agent->nonce);
    openclaw__v1__pairing_service__await_decision(&call->proxy.base, &request, on_decision, call);
    return OC_OK;
}

/* ---- in a session ------------------------------------------------------------------------ */

static void on_heartbeat(const Openclaw__V1__HeartbeatReply *reply, void *user)
{
    struct agent_call *call = user;
    end(call, news_of(call, reply != NULL), true);
}

enum oc_status oc_agent_call_heartbeat(struct oc_agent *agent, struct oc_error *err)
{
    /* No answer in the time of three: the gateway is gone, even if TCP has not noticed. */
    uint64_t patience_ms = 3 * (uint64_t)agent->heartbeat_ms;
    uint32_t timeout_ms =
        patience_ms < OC_MAX_BUDGET_MS ? (uint32_t)patience_ms : (uint32_t)OC_MAX_BUDGET_MS;
    struct agent_call *call = begin(agent, OC_NEWS_HEARTBEAT, timeout_ms, err);
    if (!call) {
        return OC_RESOURCE_EXHAUSTED;
    }
    Openclaw__V1__HeartbeatRequest request = OPENCLAW__V1__HEARTBEAT_REQUEST__INIT;
    request.sequence = ++agent->heartbeat_sequence;
    openclaw__v1__pairing_service__heartbeat(&call->proxy.base, &request, on_heartbeat, call);
    return OC_OK;
}

static void on_notice(const Openclaw__V1__AwaitNoticeReply *reply, void *user)
{
    struct agent_call *call = user;
    struct oc_news *news = news_of(call, reply != NULL);
    bool ok = true;
    if (news && reply) {
        news->word = (unsigned)reply->kind;
        news->retry_after_ms = reply->retry_after_ms;
        ok = take_session(reply->session, news) && take_refusal(reply->refusal, &news->refusal);
    }
    end(call, news, ok);
}

enum oc_status oc_agent_call_await_notice(struct oc_agent *agent, struct oc_error *err)
{
    struct agent_call *call = begin(agent, OC_NEWS_NOTICE, OC_LONG_POLL_MS, err);
    if (!call) {
        return OC_RESOURCE_EXHAUSTED;
    }
    Openclaw__V1__AwaitNoticeRequest request = OPENCLAW__V1__AWAIT_NOTICE_REQUEST__INIT;
    request.generation = agent->session.generation;
    openclaw__v1__pairing_service__await_notice(&call->proxy.base, &request, on_notice, call);
    return OC_OK;
}
