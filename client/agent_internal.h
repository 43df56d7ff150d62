/*
 * An agent's parts. agent.c: life and the thread; agent_news.c: what an answer means for
 * pairing_flow; agent_steps.c: what the flow says to do; agent_calls.c: the calls of a device;
 * agent_trust.c: whom it talks to; agent_outcome.c: the note of how it went.
 *
 * Everything but the inbox and the end is touched by the agent's own thread alone. Threads of the
 * library decode an answer into a value (news) and put it into the inbox.
 */
#pragma once

#include <openclaw/diagnose.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "client/agent_news.h"
#include "client/channel.h"
#include "client/host.h"
#include "client/keystore.h"
#include "client/pairing_flow.h"
#include "client/private_dir.h"

/* ---- the agent --------------------------------------------------------------------------- */

/* The options, copied. */
struct oc_agent_settings {
    struct oc_gateway_address gateway;
    bool has_data_dir;
    char data_dir[OC_PATH_BYTES];
    size_t n_pins;
    struct oc_digest pins[OC_MAX_PINS];
    bool has_ca_file;
    char ca_file[OC_PATH_BYTES];
    char server_name[OC_MAX_HOST_BYTES + 1];
    struct oc_grant ask;
    struct oc_labels labels;
    char name[OC_MAX_NAME_BYTES + 1];
    char purpose[OC_MAX_PURPOSE_BYTES + 1];
    char version[OC_MAX_VERSION_BYTES + 1];
    char platform[OC_MAX_PLATFORM_BYTES + 1];
    struct oc_agent_ops ops;
    void *user;
};

/* What the callbacks of one connection know of it. Written while there is no connection. */
struct oc_attempt {
    struct oc_agent *agent;
    uint32_t number;
};

struct oc_agent {
    struct oc_agent_settings settings;
    struct oc_identity *identity;
    struct oc_device_id device_id;
    uint8_t instance_id[OC_INSTANCE_BYTES];
    uint8_t boot_id[OC_INSTANCE_BYTES]; /* of this run of the agent */
    struct oc_transport *transport;
    pthread_t thread;

    /* The agent's thread only. */
    struct oc_flow flow;
    uint32_t attempt;
    struct oc_attempt dialled;
    struct oc_channel *channel; /* of this attempt; NULL: none */
    struct oc_tls_context *tls;
    enum oc_trust_kind trust_kind;
    struct oc_gateway_record record; /* as loaded for this attempt */
    bool is_open;
    struct oc_digest gateway_spki;
    uint8_t nonce[OC_NONCE_BYTES]; /* of the last Connect */
    struct oc_request_id request_id;
    struct oc_session session;
    uint32_t heartbeat_ms;
    uint64_t heartbeat_sequence;
    bool is_heartbeat_unanswered;
    enum oc_flow_action planned; /* at plan_due_ms; DO_NOTHING: nothing */
    uint64_t plan_due_ms;
    uint64_t heartbeat_due_ms; /* 0: no session */
    struct oc_error last_error;
    bool is_refused; /* a refusal is being handled: what it leads to is no failure of its own */

    sem_t wake;
    atomic_bool is_stopping;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct oc_news *first;
    struct oc_news **last;
    bool is_deaf; /* news could not be kept: the attempt is lost */
    bool is_connected;
    bool is_stopped;
    enum oc_status end;
};

/* agent.c */
/* Takes the news over. Any thread. */
void oc_agent_post(struct oc_agent *agent, struct oc_news *news);
/* NULL when out of memory, which the agent is told. Any thread. */
struct oc_news *oc_agent_news_new(struct oc_agent *agent, enum oc_news_kind kind, uint32_t attempt);
void oc_agent_set_connected(struct oc_agent *agent, bool is_connected);

/* agent_steps.c */
void oc_agent_happen(struct oc_agent *agent, const struct oc_flow_event *event,
                     const struct oc_error *err);
/* The two kinds of failure: one that only a person can mend ends the agent, unless the attempt had
 * begun well; any other is tried again. */
void oc_agent_fail(struct oc_agent *agent, const struct oc_error *err);
void oc_agent_lose(struct oc_agent *agent, const struct oc_error *err);
/* Takes a refusal: tells it, then goes on or stops. */
void oc_agent_be_refused(struct oc_agent *agent, const struct oc_refusal_news *news);
void oc_agent_be_admitted(struct oc_agent *agent, const struct oc_news *news);
/* The session as it is now, with the code of an upgrade that waits. */
void oc_agent_take_session(struct oc_agent *agent, const struct oc_news *news);
/* Lets the gateway check that code. */
void oc_agent_reveal(struct oc_agent *agent);
/* Does what is due. */
void oc_agent_tick(struct oc_agent *agent, uint64_t now_ms);
/* When oc_agent_tick has something to do next; UINT64_MAX: never. */
uint64_t oc_agent_due_ms(const struct oc_agent *agent);

/* agent_calls.c: each posts one piece of news, or fails at once. */
OC_MUST_CHECK enum oc_status oc_agent_call_connect(struct oc_agent *agent, struct oc_error *err);
OC_MUST_CHECK enum oc_status oc_agent_call_await_decision(struct oc_agent *agent,
                                                          struct oc_error *err);
OC_MUST_CHECK enum oc_status oc_agent_call_heartbeat(struct oc_agent *agent, struct oc_error *err);
OC_MUST_CHECK enum oc_status oc_agent_call_await_notice(struct oc_agent *agent,
                                                        struct oc_error *err);

/* agent_news.c */
void oc_agent_handle(struct oc_agent *agent, const struct oc_news *news);

/* agent_trust.c */
/* Loads what is recorded and makes the TLS context of the next attempt. */
OC_MUST_CHECK enum oc_status oc_agent_prepare_trust(struct oc_agent *agent, struct oc_error *err);
/* The connection is up under that key: records a first use.
 * Fails: UNAUTHENTICATED (another process recorded another key meanwhile); as the keystore. */
OC_MUST_CHECK enum oc_status
oc_agent_accept_gateway(struct oc_agent *agent, const struct oc_digest *spki, struct oc_error *err);
/* Names what was expected and found, and the fix. */
void oc_agent_explain_wrong_gateway(const struct oc_agent *agent, const struct oc_digest *found,
                                    struct oc_error *err);
/* Records a session: receipt, count, pins that will be used next. */
void oc_agent_record_session(struct oc_agent *agent, const struct oc_news *news);
/* Records the receipt alone: of an approval while the session lasts. */
void oc_agent_record_receipt(struct oc_agent *agent, const struct oc_news *news);

/* agent_outcome.c: the note that oc_agent_last_outcome reads. */
void oc_agent_note_refusal(const struct oc_agent *agent, const struct oc_refusal_news *news);
void oc_agent_note_session(const struct oc_agent *agent);
void oc_agent_note_failure(const struct oc_agent *agent, const struct oc_error *err);
