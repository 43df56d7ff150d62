#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/channel.h"
#include "openclaw/v1/envelope.pb-c.h"
#include "openclaw/v1/health.pb-c.h"
#include "tests/support/scripted_gateway.h"

#define METHOD(name) OPENCLAW__V1__METHOD__METHOD_##name

/* ---- a gateway, a channel to it, and what became of the calls ---------------------------- */

struct scene {
    char dir[64];
    char url[128];
    struct scripted_gateway *gateway;
    struct oc_transport *transport;
    struct oc_channel *channel;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned n_done, n_opened, n_closed;
    enum oc_status last;
    bool is_outcome_unknown;
    bool refuses;
};

static void open_channel(struct scene *scene, bool is_single)
{
    const struct oc_channel_options options = {
        .transport = scene->transport, .url = scene->url, .is_single = is_single};
    assert_int_equal(oc_channel_open(&options, &scene->channel, NULL), OC_OK);
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    (void)snprintf(scene->dir, sizeof scene->dir, "/tmp/oc-channel-XXXXXX");
    const struct oc_transport_options options = {.n_handshake_workers = 1};
    if (!mkdtemp(scene->dir) || oc_transport_new(&options, &scene->transport, NULL) != OC_OK) {
        return -1;
    }
    (void)snprintf(scene->url, sizeof scene->url, "ipc://%s/s", scene->dir);
    scene->gateway = scripted_gateway_start(scene->url, NULL);
    pthread_mutex_init(&scene->lock, NULL);
    pthread_cond_init(&scene->changed, NULL);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    oc_channel_close(scene->channel);
    oc_transport_free(scene->transport);
    scripted_gateway_stop(scene->gateway);
    int rc = rmdir(scene->dir);
    free(scene);
    return rc;
}

static void on_done(void *user, const struct oc_reply *reply)
{
    struct scene *scene = user;
    pthread_mutex_lock(&scene->lock);
    scene->n_done++;
    scene->last = reply->status;
    scene->is_outcome_unknown = reply->error.is_outcome_unknown;
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->lock);
}

static void wait_done(struct scene *scene, unsigned n)
{
    pthread_mutex_lock(&scene->lock);
    while (scene->n_done < n) {
        pthread_cond_wait(&scene->changed, &scene->lock);
    }
    pthread_mutex_unlock(&scene->lock);
}

static enum oc_status send(struct scene *scene, uint32_t method, uint32_t timeout_ms)
{
    const struct oc_channel_call call = {.method = oc_method_by_number(method),
                                         .timeout_ms = timeout_ms,
                                         .done = on_done,
                                         .user = scene};
    return oc_channel_send(scene->channel, &call, NULL);
}

static void answer(struct scripted_call *call)
{
    Openclaw__V1__HealthReply reply = OPENCLAW__V1__HEALTH_REPLY__INIT;
    scripted_call_answer(call, &reply.base);
}

/* ---- lost connections -------------------------------------------------------------------- */

static void a_repeatable_call_is_sent_once_more(void **state)
{
    struct scene *scene = *state;
    open_channel(scene, false);
    assert_int_equal(send(scene, METHOD(HEALTH), 15000), OC_OK);
    scripted_call_cut(scripted_gateway_take(scene->gateway, METHOD(HEALTH)));
    answer(scripted_gateway_take(scene->gateway, METHOD(HEALTH)));
    wait_done(scene, 1);
    assert_int_equal(scene->last, OC_OK);
}

static void a_change_without_a_key_is_never_sent_twice(void **state)
{
    struct scene *scene = *state;
    open_channel(scene, false);
    assert_int_equal(send(scene, METHOD(REVOKE), 15000), OC_OK);
    scripted_call_cut(scripted_gateway_take(scene->gateway, METHOD(REVOKE)));
    wait_done(scene, 1);
    assert_int_equal(scene->last, OC_UNAVAILABLE);
    assert_true(scene->is_outcome_unknown);
    assert_false(scripted_gateway_has_call(scene->gateway, 50));
}

static void a_reading_call_has_no_unknown_outcome(void **state)
{
    struct scene *scene = *state;
    open_channel(scene, false);
    assert_int_equal(send(scene, METHOD(GET_STATUS), 50), OC_OK);
    scripted_call_forget(scripted_gateway_take(scene->gateway, METHOD(GET_STATUS)));
    wait_done(scene, 1);
    assert_int_equal(scene->last, OC_DEADLINE_EXCEEDED);
    assert_false(scene->is_outcome_unknown);
}

/* ---- words ------------------------------------------------------------------------------- */

static void a_late_answer_does_not_meet_the_next_call_in_its_place(void **state)
{
    struct scene *scene = *state;
    open_channel(scene, false);
    assert_int_equal(send(scene, METHOD(GET_STATUS), 50), OC_OK);
    struct scripted_call *late = scripted_gateway_take(scene->gateway, METHOD(GET_STATUS));
    wait_done(scene, 1);
    /* Once around the table, until a call stands where the late one stood. */
    for (unsigned i = 1; i < OC_MAX_CALLS_IN_FLIGHT; i++) {
        assert_int_equal(send(scene, METHOD(HEALTH), 15000), OC_OK);
        answer(scripted_gateway_take(scene->gateway, METHOD(HEALTH)));
        wait_done(scene, 1 + i);
    }
    assert_int_equal(send(scene, METHOD(HEALTH), 15000), OC_OK);
    struct scripted_call *next = scripted_gateway_take(scene->gateway, METHOD(HEALTH));
    assert_int_equal(next->word % OC_MAX_CALLS_IN_FLIGHT, late->word % OC_MAX_CALLS_IN_FLIGHT);
    const struct oc_error err = {.status = OC_OK};
    scripted_call_fail(late, OC_NOT_FOUND, &err);
    answer(next);
    wait_done(scene, OC_MAX_CALLS_IN_FLIGHT + 1);
    assert_int_equal(scene->last, OC_OK);
}

/* ---- time -------------------------------------------------------------------------------- */

static void a_long_poll_is_not_given_up_as_its_budget_ends(void **state)
{
    struct scene *scene = *state;
    open_channel(scene, false);
    assert_int_equal(send(scene, METHOD(WATCH_EVENTS), 20), OC_OK);
    struct scripted_call *call = scripted_gateway_take(scene->gateway, METHOD(WATCH_EVENTS));
    assert_true(call->call.budget_ms <= 20);
    assert_false(scripted_gateway_has_call(scene->gateway, 100)); /* time goes by */
    answer(call);
    wait_done(scene, 1);
    assert_int_equal(scene->last, OC_OK);
}

static void a_shorter_deadline_comes_before_a_longer_one(void **state)
{
    struct scene *scene = *state;
    open_channel(scene, false);
    assert_int_equal(send(scene, METHOD(HEALTH), 60000), OC_OK);
    assert_int_equal(send(scene, METHOD(HEALTH), 30), OC_OK);
    struct scripted_call *first = scripted_gateway_take(scene->gateway, METHOD(HEALTH));
    wait_done(scene, 1);
    assert_int_equal(scene->last, OC_DEADLINE_EXCEEDED);
    answer(first);
    wait_done(scene, 2);
    assert_int_equal(scene->last, OC_OK);
}

static void a_call_that_is_too_long_or_has_no_time_is_refused(void **state)
{
    struct scene *scene = *state;
    open_channel(scene, false);
    assert_int_equal(send(scene, METHOD(HEALTH), 0), OC_INVALID_ARGUMENT);
    assert_int_equal(send(scene, METHOD(HEALTH), OC_MAX_BUDGET_MS + 1), OC_INVALID_ARGUMENT);
    static const uint8_t payload[OC_MAX_FRAME_BYTES];
    const struct oc_channel_call call = {.method = oc_method_by_number(METHOD(HEALTH)),
                                         .payload = payload,
                                         .n_payload = sizeof payload,
                                         .timeout_ms = 1000,
                                         .done = on_done,
                                         .user = scene};
    assert_int_equal(oc_channel_send(scene->channel, &call, NULL), OC_INVALID_ARGUMENT);
    assert_int_equal(scene->n_done, 0);
}

/* ---- one connection only ----------------------------------------------------------------- */

static bool on_opened(void *user, const struct oc_peer *peer)
{
    struct scene *scene = user;
    (void)peer;
    pthread_mutex_lock(&scene->lock);
    scene->n_opened++;
    pthread_mutex_unlock(&scene->lock);
    return !scene->refuses;
}

static void on_closed(void *user, const struct oc_error *err, const struct oc_peer *peer)
{
    struct scene *scene = user;
    (void)err;
    (void)peer;
    pthread_mutex_lock(&scene->lock);
    scene->n_closed++;
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->lock);
}

static void open_single(struct scene *scene)
{
    const struct oc_channel_options options = {.transport = scene->transport,
                                               .url = scene->url,
                                               .is_single = true,
                                               .opened = on_opened,
                                               .closed = on_closed,
                                               .user = scene};
    assert_int_equal(oc_channel_open(&options, &scene->channel, NULL), OC_OK);
}

static void wait_closed(struct scene *scene)
{
    pthread_mutex_lock(&scene->lock);
    while (scene->n_closed == 0) {
        pthread_cond_wait(&scene->changed, &scene->lock);
    }
    pthread_mutex_unlock(&scene->lock);
}

static void a_single_channel_dies_with_its_connection(void **state)
{
    struct scene *scene = *state;
    open_single(scene);
    assert_int_equal(send(scene, METHOD(HEALTH), 15000), OC_OK);
    scripted_call_cut(scripted_gateway_take(scene->gateway, METHOD(HEALTH)));
    wait_closed(scene);
    assert_int_equal(scene->n_done, 1); /* before closed() */
    assert_int_equal(scene->last, OC_UNAVAILABLE);
    assert_int_equal(send(scene, METHOD(HEALTH), 15000), OC_UNAVAILABLE);
    assert_int_equal(scripted_gateway_n_accepted(scene->gateway), 1);
    assert_int_equal(scene->n_opened, 1);
}

static void a_gateway_that_is_not_wanted_gets_no_call(void **state)
{
    struct scene *scene = *state;
    scene->refuses = true;
    open_single(scene);
    enum oc_status st = send(scene, METHOD(HEALTH), 15000);
    wait_closed(scene);
    assert_true(st == OC_UNAVAILABLE || scene->n_done == 1);
    assert_false(scripted_gateway_has_call(scene->gateway, 50));
}

#define WITH_GATEWAY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_GATEWAY(a_repeatable_call_is_sent_once_more),
        WITH_GATEWAY(a_change_without_a_key_is_never_sent_twice),
        WITH_GATEWAY(a_reading_call_has_no_unknown_outcome),
        WITH_GATEWAY(a_late_answer_does_not_meet_the_next_call_in_its_place),
        WITH_GATEWAY(a_long_poll_is_not_given_up_as_its_budget_ends),
        WITH_GATEWAY(a_shorter_deadline_comes_before_a_longer_one),
        WITH_GATEWAY(a_call_that_is_too_long_or_has_no_time_is_refused),
        WITH_GATEWAY(a_single_channel_dies_with_its_connection),
        WITH_GATEWAY(a_gateway_that_is_not_wanted_gets_no_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
