/*
 * An agent against a gateway that the test plays: what the agent says is kept in order, and the
 * gateway's answers are one call each.
 */
#pragma once

#include <openclaw/diagnose.h>
#include <pthread.h>

#include "openclaw/v1/envelope.pb-c.h"
#include "openclaw/v1/pairing.pb-c.h"
#include "proto/crypto/receipt.h"
#include "tests/support/scripted_gateway.h"

#define METHOD(name)  OPENCLAW__V1__METHOD__METHOD_##name
#define REFUSED(kind) OPENCLAW__V1__REFUSAL_KIND__REFUSAL_##kind
#define DECIDED(kind) OPENCLAW__V1__DECISION__DECISION_##kind
#define NOTICE(kind)  OPENCLAW__V1__NOTICE_KIND__NOTICE_##kind

enum said_kind {
    SAID_FIRST_USE,
    SAID_REFUSED,
    SAID_CONNECTED,
    SAID_GRANT_CHANGED,
    SAID_DISCONNECTED,
    SAID_STOPPED,
};

struct said {
    enum said_kind kind;
    struct oc_digest pin;
    enum oc_refusal_kind refusal;
    char code[16];
    char text[2048];
    struct oc_session session;
    uint32_t retry_ms;
    enum oc_status status;
    struct oc_error err;
};

enum {
    MAX_SAID = 64,
    PATIENCE_S = 20,
};

struct scene {
    char dir[64];
    struct oc_identity *gateway_key;
    struct oc_digest pin;
    struct scripted_gateway *gateway;
    struct oc_agent *agent;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct said said[MAX_SAID];
    unsigned n_said;
    unsigned n_heard;
};

struct session_answer {
    uint32_t heartbeat_ms;
    uint64_t generation;
    const struct oc_receipt *receipt;
    struct oc_digest *next_pin;
    bool has_upgrade; /* `request_id` waits, with `gateway_nonce` */
};

extern uint8_t gateway_nonce[OC_NONCE_BYTES]; /* of every refusal that has a request */
extern char request_id[OC_REQUEST_ID_CHARS + 1];

/* The next thing the agent says, which must be of that kind. */
const struct said *hear(struct scene *scene, enum said_kind kind);
/* For cmocka: a directory, a gateway's key, and a gateway at the devices' door. */
int scene_set_up(void **state);
int scene_tear_down(void **state);
struct oc_agent_options agent_options_of(struct scene *scene);
void start_agent_with(struct scene *scene, const struct oc_agent_options *options);
void start_agent(struct scene *scene);
enum oc_status stop_agent(struct scene *scene);
Openclaw__V1__Refusal refusal_of(Openclaw__V1__RefusalKind kind);
void refuse(struct scripted_call *call, Openclaw__V1__RefusalKind kind, uint32_t retry_after_ms);
void put_receipt(const struct oc_receipt *from, Openclaw__V1__Receipt *out);
void admit_with(struct scripted_call *call, const struct session_answer *answer);
void admit(struct scripted_call *call);
void decide(struct scripted_call *call, Openclaw__V1__Decision decision);
void send_notice(struct scripted_call *call, Openclaw__V1__NoticeKind kind,
                 Openclaw__V1__RefusalKind refusal_kind, uint32_t retry_after_ms);
struct scripted_call *take_call(struct scene *scene, uint32_t method);
/* Connected, with the parked call taken. */
struct scripted_call *connect_agent(struct scene *scene);

#define WITH_GATEWAY(test) cmocka_unit_test_setup_teardown(test, scene_set_up, scene_tear_down)
