/* oc_admin_wait against a gateway played here: it looks, it follows, it goes on over failures. */
#include <openclaw/wait.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/envelope.pb-c.h"
#include "tests/support/scripted_gateway.h"

#define METHOD(name) OPENCLAW__V1__METHOD__METHOD_##name

enum {
    LONG_MS = 20 * 1000,
};

struct scene {
    char dir[64];
    char url[160];
    struct scripted_gateway *gateway;
    struct oc_client *client;
    pthread_t thread;
    atomic_bool is_over;
    struct oc_wait wait;
    unsigned n_settled;
    uint32_t timeout_ms;
    enum oc_status status;
    /* What the gateway says of the device, and how many looks it fails first. */
    Openclaw__V1__State state;
    bool is_online;
    unsigned n_failing;
    const char *closed_as, *replaced_by, *open_request;
    unsigned n_looks;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    char path[96];
    (void)snprintf(scene->dir, sizeof scene->dir, "/tmp/oc-wait-XXXXXX");
    if (!mkdtemp(scene->dir)) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/gateway", scene->dir);
    if (mkdir(path, 0700) != 0) {
        return -1;
    }
    (void)snprintf(scene->url, sizeof scene->url, "ipc://%s/admin.sock", path);
    scene->gateway = scripted_gateway_start(scene->url, NULL);
    scene->timeout_ms = LONG_MS;
    scene->wait.device_id.bytes[0] = 7;
    scene->closed_as = scene->replaced_by = scene->open_request = "";
    const struct oc_client_options options = {.data_dir = scene->dir, .timeout_ms = 15000};
    *state = scene;
    return oc_client_open(&options, &scene->client, NULL) == OC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    oc_client_close(scene->client);
    if (scene->gateway) {
        scripted_gateway_stop(scene->gateway);
    }
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", scene->dir);
    int rc = system(command);
    free(scene);
    return rc;
}

/* ---- the gateway's side ------------------------------------------------------------------- */

static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void answer_resolve(struct scene *scene, struct scripted_call *call)
{
    static uint8_t id[32] = {7};
    Openclaw__V1__Device device = OPENCLAW__V1__DEVICE__INIT;
    Openclaw__V1__Device *items[] = {&device};
    Openclaw__V1__ResolveReply reply = OPENCLAW__V1__RESOLVE_REPLY__INIT;
    Openclaw__V1__ResolveRequest *request = scripted_call_decode(call);
    bool is_of_device = strlen(request->selector) == OC_DEVICE_ID_DIGITS;
    protobuf_c_message_free_unpacked(&request->base, NULL);
    scene->n_looks++;
    if (scene->n_failing > 0) {
        const struct oc_error err = {.status = OC_UNAVAILABLE};
        scene->n_failing--;
        scripted_call_fail(call, OC_UNAVAILABLE, &err);
        return;
    }
    device.device_id = (ProtobufCBinaryData){.data = id, .len = sizeof id};
    device.state = scene->state;
    device.online = scene->is_online;
    device.request_id = text_of(scene->open_request);
    reply.matches = items;
    reply.n_matches = is_of_device;
    reply.closed_as = text_of(is_of_device ? "" : scene->closed_as);
    reply.replaced_by = text_of(is_of_device ? "" : scene->replaced_by);
    scripted_call_answer(call, &reply.base);
}

static void answer_one(struct scene *scene)
{
    Openclaw__V1__GetStatusReply status = OPENCLAW__V1__GET_STATUS_REPLY__INIT;
    struct scripted_call *call = scripted_gateway_take_any(scene->gateway);
    switch (call->call.method) {
    case METHOD(GET_STATUS):
        scripted_call_answer(call, &status.base);
        break;
    case METHOD(RESOLVE):
        answer_resolve(scene, call);
        break;
    default: /* nothing changes */
        scripted_call_forget(call);
    }
}

/* ---- the one who waits -------------------------------------------------------------------- */

static void on_settled(void *user, const struct oc_wait *wait)
{
    struct scene *scene = user;
    (void)wait;
    scene->n_settled++;
}

static void *wait_for_it(void *user)
{
    struct scene *scene = user;
    scene->status =
        oc_admin_wait(scene->client, &scene->wait, 1, scene->timeout_ms, on_settled, scene, NULL);
    atomic_store(&scene->is_over, true);
    return NULL;
}

static void begin(struct scene *scene, enum oc_wait_for wanted)
{
    scene->wait.wanted = wanted;
    assert_int_equal(pthread_create(&scene->thread, NULL, wait_for_it, scene), 0);
}

static void serve_until_looked(struct scene *scene, unsigned n_looks)
{
    while (scene->n_looks < n_looks && !atomic_load(&scene->is_over)) {
        if (scripted_gateway_has_call(scene->gateway, 20)) {
            answer_one(scene);
        }
    }
}

static void serve_to_the_end(struct scene *scene)
{
    serve_until_looked(scene, UINT32_MAX);
    assert_int_equal(pthread_join(scene->thread, NULL), 0);
}

static void run(struct scene *scene, enum oc_wait_for wanted)
{
    begin(scene, wanted);
    serve_to_the_end(scene);
}

/* ---- tests -------------------------------------------------------------------------------- */

static void what_is_so_already_is_told_once_and_at_once(void **state)
{
    struct scene *scene = *state;
    scene->state = OPENCLAW__V1__STATE__STATE_APPROVED;
    run(scene, OC_WAIT_APPROVED);
    assert_int_equal(scene->status, OC_OK);
    assert_int_equal(scene->wait.outcome, OC_WAIT_REACHED);
    assert_int_equal(scene->n_settled, 1);
    assert_int_equal(scene->n_looks, 1);
}

static void a_session_is_looked_for_until_it_is_there(void **state)
{
    struct scene *scene = *state;
    scene->state = OPENCLAW__V1__STATE__STATE_APPROVED;
    begin(scene, OC_WAIT_CONNECTED);
    serve_until_looked(scene, 3);
    scene->is_online = true;
    serve_to_the_end(scene);
    assert_int_equal(scene->status, OC_OK);
    assert_int_equal(scene->wait.outcome, OC_WAIT_REACHED);
}

static void a_look_that_fails_ends_no_wait(void **state)
{
    struct scene *scene = *state;
    scene->state = OPENCLAW__V1__STATE__STATE_APPROVED;
    begin(scene, OC_WAIT_CONNECTED);
    serve_until_looked(scene, 1);
    scene->n_failing = 3;
    scene->is_online = true;
    serve_to_the_end(scene);
    assert_int_equal(scene->status, OC_OK);
    assert_int_equal(scene->n_failing, 0);
}

static void every_state_that_ends_a_wait_says_why(void **state)
{
    struct scene *scene = *state;
    static const struct {
        enum oc_wait_for wanted;
        Openclaw__V1__State state;
        const char *why;
    } rows[] = {
        {OC_WAIT_APPROVED, OPENCLAW__V1__STATE__STATE_REJECTED, "rejected"},
        {OC_WAIT_APPROVED, OPENCLAW__V1__STATE__STATE_REVOKED, "revoked"},
        {OC_WAIT_APPROVED, OPENCLAW__V1__STATE__STATE_BLOCKED, "blocked"},
        {OC_WAIT_CONNECTED, OPENCLAW__V1__STATE__STATE_REVOKED, "revoked"},
        {OC_WAIT_PENDING, OPENCLAW__V1__STATE__STATE_BLOCKED, "blocked"},
        {OC_WAIT_REJECTED, OPENCLAW__V1__STATE__STATE_APPROVED, "approved"},
        {OC_WAIT_REVOKED, OPENCLAW__V1__STATE__STATE_BLOCKED, "blocked"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        scene->state = rows[i].state;
        atomic_store(&scene->is_over, false);
        memset(&scene->wait.outcome, 0, sizeof scene->wait.outcome);
        run(scene, rows[i].wanted);
        assert_int_equal(scene->status, OC_OK);
        assert_int_equal(scene->wait.outcome, OC_WAIT_OUT_OF_REACH);
        assert_string_equal(scene->wait.why, rows[i].why);
    }
}

static void a_request_is_judged_by_how_it_ended_and_not_by_its_device(void **state)
{
    struct scene *scene = *state;
    scene->state = OPENCLAW__V1__STATE__STATE_APPROVED; /* before; it wanted more */
    scene->wait.request_id = (struct oc_request_id){"7QK4M2T9XA"};
    scene->open_request = "7QK4M2T9XA";
    scene->timeout_ms = 1;
    run(scene, OC_WAIT_APPROVED);
    assert_int_equal(scene->status, OC_DEADLINE_EXCEEDED);
    assert_int_equal(scene->wait.outcome, OC_WAIT_NOT_YET);
    scene->open_request = "";
    scene->closed_as = "dismissed";
    scene->timeout_ms = LONG_MS;
    atomic_store(&scene->is_over, false);
    run(scene, OC_WAIT_APPROVED);
    assert_int_equal(scene->wait.outcome, OC_WAIT_OUT_OF_REACH);
    assert_string_equal(scene->wait.why, "dismissed");
}

static void a_request_that_was_replaced_names_the_other(void **state)
{
    struct scene *scene = *state;
    scene->state = OPENCLAW__V1__STATE__STATE_PENDING;
    scene->wait.request_id = (struct oc_request_id){"7QK4M2T9XA"};
    scene->open_request = "7QK9ZZZZZZ";
    scene->replaced_by = "7QK9ZZZZZZ";
    run(scene, OC_WAIT_APPROVED);
    assert_string_equal(scene->wait.why, "replaced");
    assert_string_equal(scene->wait.replaced_by.text, "7QK9ZZZZZZ");
}

static void a_gateway_that_never_was_there_is_unavailable(void **state)
{
    struct scene *scene = *state;
    scripted_gateway_stop(scene->gateway);
    scene->gateway = NULL;
    scene->timeout_ms = 300;
    begin(scene, OC_WAIT_APPROVED);
    assert_int_equal(pthread_join(scene->thread, NULL), 0);
    assert_int_equal(scene->status, OC_UNAVAILABLE);
    assert_int_equal(scene->wait.outcome, OC_WAIT_NOT_YET);
}

#define WITH_GATEWAY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_GATEWAY(what_is_so_already_is_told_once_and_at_once),
        WITH_GATEWAY(a_session_is_looked_for_until_it_is_there),
        WITH_GATEWAY(a_look_that_fails_ends_no_wait),
        WITH_GATEWAY(every_state_that_ends_a_wait_says_why),
        WITH_GATEWAY(a_request_is_judged_by_how_it_ended_and_not_by_its_device),
        WITH_GATEWAY(a_request_that_was_replaced_names_the_other),
        WITH_GATEWAY(a_gateway_that_never_was_there_is_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
