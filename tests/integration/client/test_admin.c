#include <openclaw/admin.h>
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

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/envelope.pb-c.h"
#include "openclaw/v1/health.pb-c.h"
#include "proto/base/cleanup.h"
#include "tests/support/scripted_gateway.h"

#define METHOD(name) OPENCLAW__V1__METHOD__METHOD_##name

/* ---- a gateway and a client of it -------------------------------------------------------- */

struct scene {
    char dir[64];
    char url[160];
    struct scripted_gateway *gateway;
    struct oc_client *client;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    (void)snprintf(scene->dir, sizeof scene->dir, "/tmp/oc-admin-XXXXXX");
    if (!mkdtemp(scene->dir)) {
        return -1;
    }
    char path[96];
    (void)snprintf(path, sizeof path, "%s/gateway", scene->dir);
    if (mkdir(path, 0700) != 0) {
        return -1;
    }
    (void)snprintf(scene->url, sizeof scene->url, "ipc://%s/admin.sock", path);
    scene->gateway = scripted_gateway_start(scene->url, NULL);
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

/* ---- one decision, made on a thread of its own ------------------------------------------- */

struct decider {
    pthread_t thread;
    struct oc_client *client;
    struct oc_decision decision;
    enum oc_status status;
    struct oc_decision_result result;
    struct oc_error err;
};

static void *decide(void *user)
{
    struct decider *decider = user;
    decider->status =
        oc_admin_decide(decider->client, &decider->decision, &decider->result, &decider->err);
    return NULL;
}

static void start_decider(struct decider *decider, struct scene *scene, enum oc_decision_kind kind)
{
    memset(decider, 0, sizeof *decider);
    decider->client = scene->client;
    decider->decision.kind = kind;
    decider->decision.request_id = (struct oc_request_id){"7QK4M2T9XA"};
    memset(decider->decision.device_id.bytes, 7, OC_DEVICE_ID_BYTES);
    assert_int_equal(pthread_create(&decider->thread, NULL, decide, decider), 0);
}

static void join(struct decider *decider)
{
    assert_int_equal(pthread_join(decider->thread, NULL), 0);
}

static uint8_t id_bytes[32] = {7, 7, 7, 7};

static void answer_decision(struct scripted_call *call, uint64_t seq)
{
    Openclaw__V1__Device device = OPENCLAW__V1__DEVICE__INIT;
    device.device_id = (ProtobufCBinaryData){.data = id_bytes, .len = sizeof id_bytes};
    device.state = OPENCLAW__V1__STATE__STATE_APPROVED;
    Openclaw__V1__DecisionReply reply = OPENCLAW__V1__DECISION_REPLY__INIT;
    reply.device = &device;
    reply.seq = seq;
    reply.session_closed = true;
    scripted_call_answer(call, &reply.base);
}

/* ---- round trips ------------------------------------------------------------------------- */

static void *ask_health(void *user)
{
    struct scene *scene = user;
    enum oc_serving serving = OC_SERVING_UNKNOWN;
    enum oc_status st = oc_client_health(scene->client, &serving, NULL);
    return st == OC_OK && serving == OC_SERVING_LOCKED ? NULL : user;
}

static void health_makes_a_round_trip(void **state)
{
    struct scene *scene = *state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, ask_health, scene), 0);
    struct scripted_call *call = scripted_gateway_take(scene->gateway, METHOD(HEALTH));
    Openclaw__V1__HealthReply reply = OPENCLAW__V1__HEALTH_REPLY__INIT;
    reply.serving = OPENCLAW__V1__SERVING__SERVING_LOCKED;
    scripted_call_answer(call, &reply.base);
    void *failed = NULL;
    pthread_join(thread, &failed);
    assert_null(failed);
}

static void an_approval_carries_what_was_shown_and_a_key(void **state)
{
    struct scene *scene = *state;
    struct decider decider = {.client = scene->client,
                              .decision = {.kind = OC_APPROVE,
                                           .request_id = {"7QK4M2T9XA"},
                                           .narrows = true,
                                           .grant = {"agent", 2, {"chat", "files"}},
                                           .code = "48217730",
                                           .term_ms = 3600000,
                                           .alias = "web-1",
                                           .labels = {1, {{"site", "berlin"}}},
                                           .reason = "known"}};
    memset(decider.decision.ask_digest.bytes, 9, OC_DIGEST_BYTES);
    assert_int_equal(pthread_create(&decider.thread, NULL, decide, &decider), 0);
    struct scripted_call *call = scripted_gateway_take(scene->gateway, METHOD(APPROVE));
    assert_true(call->call.has_idempotency_key);
    Openclaw__V1__ApproveRequest *request = scripted_call_decode(call);
    assert_string_equal(request->request_id, "7QK4M2T9XA");
    assert_int_equal(request->ask_digest.len, OC_DIGEST_BYTES);
    assert_memory_equal(request->ask_digest.data, decider.decision.ask_digest.bytes, 32);
    assert_string_equal(request->grant->role, "agent");
    assert_int_equal(request->grant->n_scopes, 2);
    assert_string_equal(request->grant->scopes[1], "files");
    assert_string_equal(request->code, "48217730");
    assert_true(request->term_ms == 3600000);
    assert_string_equal(request->alias, "web-1");
    assert_string_equal(request->labels[0]->value, "berlin");
    assert_string_equal(request->reason, "known");
    protobuf_c_message_free_unpacked(&request->base, NULL);
    answer_decision(call, 12);
    join(&decider);
    assert_int_equal(decider.status, OC_OK);
    assert_true(decider.result.seq == 12 && decider.result.session_closed);
    assert_int_equal(decider.result.device.state, OC_STATE_APPROVED);
    assert_memory_equal(decider.result.device.id.bytes, id_bytes, 32);
}

static void every_kind_of_decision_goes_to_its_own_method(void **state)
{
    struct scene *scene = *state;
    static const struct {
        enum oc_decision_kind kind;
        uint32_t method;
    } rows[] = {
        {OC_APPROVE, METHOD(APPROVE)}, {OC_REJECT, METHOD(REJECT)}, {OC_DISMISS, METHOD(DISMISS)},
        {OC_REVOKE, METHOD(REVOKE)},   {OC_BLOCK, METHOD(BLOCK)},   {OC_UNBLOCK, METHOD(UNBLOCK)},
        {OC_REMOVE, METHOD(REMOVE)},   {OC_RENAME, METHOD(RENAME)}, {OC_EXPECT, METHOD(EXPECT)},
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(rows); i++) {
        struct decider decider;
        start_decider(&decider, scene, rows[i].kind);
        answer_decision(scripted_gateway_take(scene->gateway, rows[i].method), i);
        join(&decider);
        assert_int_equal(decider.status, OC_OK);
    }
    assert_int_equal(scripted_gateway_n_accepted(scene->gateway), 1);
}

static void a_refusal_brings_its_facts(void **state)
{
    struct scene *scene = *state;
    struct decider decider;
    start_decider(&decider, scene, OC_REVOKE);
    struct oc_error err = {
        .retry_after_ms = 77, .request_id = "7QK4M2T9XB", .closest = "web\x1b[2J"};
    scripted_call_fail(scripted_gateway_take(scene->gateway, METHOD(REVOKE)), OC_ABORTED, &err);
    join(&decider);
    assert_int_equal(decider.status, OC_ABORTED);
    assert_int_equal(decider.err.status, OC_ABORTED);
    assert_int_equal(decider.err.retry_after_ms, 77);
    assert_string_equal(decider.err.request_id, "7QK4M2T9XB");
    assert_string_equal(decider.err.closest, "web?[2J");
    assert_false(decider.err.is_outcome_unknown);
}

/* ---- lists ------------------------------------------------------------------------------- */

struct lister {
    struct oc_client *client;
    struct oc_device *items;
    struct oc_device_page page;
    enum oc_status status;
};

static void *list(void *user)
{
    struct lister *lister = user;
    lister->status = oc_admin_list(lister->client, 1U << OC_STATE_PENDING | 1U << OC_STATE_BLOCKED,
                                   "from-here", &lister->page, NULL);
    return NULL;
}

static void answer_list(struct scripted_call *call, size_t n)
{
    static Openclaw__V1__Device devices[OC_MAX_LIST_PAGE + 1];
    static Openclaw__V1__Device *items[OC_MAX_LIST_PAGE + 1];
    static char long_name[200];
    memset(long_name, 'n', sizeof long_name - 1);
    for (size_t i = 0; i < n; i++) {
        openclaw__v1__device__init(&devices[i]);
        devices[i].device_id = (ProtobufCBinaryData){.data = id_bytes, .len = sizeof id_bytes};
        devices[i].claimed_name = long_name;
        items[i] = &devices[i];
    }
    Openclaw__V1__ListDevicesReply reply = OPENCLAW__V1__LIST_DEVICES_REPLY__INIT;
    reply.items = items;
    reply.n_items = n;
    reply.next_cursor = (char *)(uintptr_t) "next";
    reply.revision = 5;
    scripted_call_answer(call, &reply.base);
}

static void run_list(struct scene *scene, struct lister *lister, size_t cap, size_t n_answered)
{
    lister->client = scene->client;
    lister->items = calloc(cap, sizeof *lister->items);
    lister->page = (struct oc_device_page){.items = lister->items, .cap = cap};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, list, lister), 0);
    struct scripted_call *call = scripted_gateway_take(scene->gateway, METHOD(LIST_DEVICES));
    Openclaw__V1__ListDevicesRequest *request = scripted_call_decode(call);
    assert_int_equal(request->page_size, cap);
    assert_string_equal(request->cursor, "from-here");
    assert_int_equal(request->n_states, 2);
    protobuf_c_message_free_unpacked(&request->base, NULL);
    answer_list(call, n_answered);
    pthread_join(thread, NULL);
}

static void a_full_page_of_devices_arrives_and_long_text_is_cut(void **state)
{
    struct lister lister;
    run_list(*state, &lister, OC_MAX_LIST_PAGE, OC_MAX_LIST_PAGE);
    assert_int_equal(lister.status, OC_OK);
    assert_int_equal(lister.page.n, OC_MAX_LIST_PAGE);
    assert_string_equal(lister.page.next_cursor, "next");
    assert_true(lister.page.revision == 5);
    assert_int_equal(strlen(lister.items[499].claimed_name), OC_MAX_NAME_BYTES);
    free(lister.items);
}

static void a_page_longer_than_asked_for_is_refused(void **state)
{
    struct lister lister;
    run_list(*state, &lister, 2, 3);
    assert_int_equal(lister.status, OC_INTERNAL);
    free(lister.items);
}

/* ---- trouble ----------------------------------------------------------------------------- */

static void a_decision_is_sent_again_with_the_same_key_when_the_connection_is_lost(void **state)
{
    struct scene *scene = *state;
    struct decider decider;
    start_decider(&decider, scene, OC_APPROVE);
    struct scripted_call *first = scripted_gateway_take(scene->gateway, METHOD(APPROVE));
    assert_true(first->call.has_idempotency_key);
    uint8_t key[OC_KEY_ID_BYTES];
    memcpy(key, first->call.idempotency_key, sizeof key);
    scripted_call_cut(first);
    struct scripted_call *second = scripted_gateway_take(scene->gateway, METHOD(APPROVE));
    assert_memory_equal(second->call.idempotency_key, key, sizeof key);
    static const uint8_t zeros[OC_KEY_ID_BYTES];
    assert_memory_not_equal(key, zeros, sizeof key);
    answer_decision(second, 3);
    join(&decider);
    assert_int_equal(decider.status, OC_OK);
    assert_int_equal(scripted_gateway_n_accepted(scene->gateway), 2);
}

static void a_decision_that_is_lost_twice_ends_as_outcome_unknown(void **state)
{
    struct scene *scene = *state;
    struct decider decider;
    start_decider(&decider, scene, OC_REVOKE);
    scripted_call_cut(scripted_gateway_take(scene->gateway, METHOD(REVOKE)));
    scripted_call_cut(scripted_gateway_take(scene->gateway, METHOD(REVOKE)));
    join(&decider);
    assert_int_equal(decider.status, OC_UNAVAILABLE);
    assert_true(decider.err.is_outcome_unknown);
    assert_false(scripted_gateway_has_call(scene->gateway, 50));
}

static void an_outcome_is_unknown_when_the_gateway_does_not_come_back(void **state)
{
    struct scene *scene = *state;
    struct decider decider;
    start_decider(&decider, scene, OC_BLOCK);
    struct scripted_call *call = scripted_gateway_take(scene->gateway, METHOD(BLOCK));
    scripted_gateway_close_door(scene->gateway);
    scripted_call_cut(call);
    join(&decider);
    assert_int_equal(decider.status, OC_UNAVAILABLE);
    assert_true(decider.err.is_outcome_unknown);
}

static void no_gateway_at_all_is_unavailable_and_known(void **state)
{
    struct scene *scene = *state;
    scripted_gateway_stop(scene->gateway);
    scene->gateway = NULL;
    struct decider decider;
    start_decider(&decider, scene, OC_REVOKE);
    join(&decider);
    assert_int_equal(decider.status, OC_UNAVAILABLE);
    assert_false(decider.err.is_outcome_unknown);
    assert_non_null(strstr(decider.err.text, scene->url));
}

static void a_client_finds_the_gateway_again_after_it_was_restarted(void **state)
{
    struct scene *scene = *state;
    struct decider decider;
    start_decider(&decider, scene, OC_REVOKE);
    answer_decision(scripted_gateway_take(scene->gateway, METHOD(REVOKE)), 1);
    join(&decider);
    scripted_gateway_stop(scene->gateway);
    scene->gateway = scripted_gateway_start(scene->url, NULL);
    start_decider(&decider, scene, OC_REVOKE);
    answer_decision(scripted_gateway_take(scene->gateway, METHOD(REVOKE)), 2);
    join(&decider);
    assert_int_equal(decider.status, OC_OK);
    assert_true(decider.result.seq == 2);
}

static void a_gateway_that_does_not_answer_is_given_up_in_time(void **state)
{
    struct scene *scene = *state;
    struct oc_client *hasty = NULL;
    const struct oc_client_options options = {.url = scene->url, .timeout_ms = 1000};
    assert_int_equal(oc_client_open(&options, &hasty, NULL), OC_OK);
    struct decider decider = {.client = hasty, .decision = {.kind = OC_REVOKE}};
    assert_int_equal(pthread_create(&decider.thread, NULL, decide, &decider), 0);
    struct scripted_call *call = scripted_gateway_take(scene->gateway, METHOD(REVOKE));
    assert_true(call->call.budget_ms <= 1000);
    join(&decider);
    assert_int_equal(decider.status, OC_DEADLINE_EXCEEDED);
    assert_true(decider.err.is_outcome_unknown);
    /* The answer that comes too late meets nobody, and the next call is not confused by it. */
    answer_decision(call, 666);
    assert_int_equal(pthread_create(&decider.thread, NULL, decide, &decider), 0);
    answer_decision(scripted_gateway_take(scene->gateway, METHOD(REVOKE)), 2);
    join(&decider);
    assert_true(decider.status == OC_OK ? decider.result.seq == 2
                                        : decider.status == OC_DEADLINE_EXCEEDED);
    oc_client_close(hasty);
}

static void an_answer_that_makes_no_sense_ends_the_call(void **state)
{
    struct scene *scene = *state;
    struct decider decider;
    start_decider(&decider, scene, OC_REVOKE);
    /* A good envelope around what is no DecisionReply. */
    static const uint8_t broken[] = {0x08, 0x01, 0x2a, 0x02, 0x0a, 0x7f};
    scripted_call_answer_bytes(scripted_gateway_take(scene->gateway, METHOD(REVOKE)), broken,
                               sizeof broken);
    join(&decider);
    assert_int_equal(decider.status, OC_INTERNAL);
    /* No envelope at all: the connection is worth nothing, and the call is tried once more. */
    start_decider(&decider, scene, OC_REVOKE);
    static const uint8_t garbage[] = {0xff, 0xff};
    scripted_call_answer_bytes(scripted_gateway_take(scene->gateway, METHOD(REVOKE)), garbage,
                               sizeof garbage);
    answer_decision(scripted_gateway_take(scene->gateway, METHOD(REVOKE)), 4);
    join(&decider);
    assert_int_equal(decider.status, OC_OK);
}

static void a_device_without_a_whole_id_is_refused(void **state)
{
    struct scene *scene = *state;
    struct decider decider;
    start_decider(&decider, scene, OC_REVOKE);
    Openclaw__V1__Device device = OPENCLAW__V1__DEVICE__INIT;
    device.device_id = (ProtobufCBinaryData){.data = id_bytes, .len = 31};
    Openclaw__V1__DecisionReply reply = OPENCLAW__V1__DECISION_REPLY__INIT;
    reply.device = &device;
    scripted_call_answer(scripted_gateway_take(scene->gateway, METHOD(REVOKE)), &reply.base);
    join(&decider);
    assert_int_equal(decider.status, OC_INTERNAL);
}

/* ---- many at once ------------------------------------------------------------------------ */

struct tally {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned n_done;
    unsigned n_ok;
    unsigned n_cancelled;
};

static void count(void *user, enum oc_status status, const struct oc_decision_result *result,
                  const struct oc_error *err)
{
    struct tally *tally = user;
    (void)result;
    (void)err;
    pthread_mutex_lock(&tally->lock);
    tally->n_done++;
    tally->n_ok += status == OC_OK;
    tally->n_cancelled += status == OC_CANCELLED;
    pthread_cond_broadcast(&tally->changed);
    pthread_mutex_unlock(&tally->lock);
}

static void init_tally(struct tally *tally)
{
    memset(tally, 0, sizeof *tally);
    pthread_mutex_init(&tally->lock, NULL);
    pthread_cond_init(&tally->changed, NULL);
}

enum {
    N_MANY = OC_MAX_CALLS_IN_FLIGHT,
};

static void send_many(struct scene *scene, struct tally *tally, unsigned n)
{
    const struct oc_decision decision = {.kind = OC_REVOKE};
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(oc_admin_decide_async(scene->client, &decision, count, tally, NULL),
                         OC_OK);
    }
}

static void a_thousand_calls_in_flight_are_answered_in_any_order(void **state)
{
    struct scene *scene = *state;
    struct tally tally;
    init_tally(&tally);
    send_many(scene, &tally, N_MANY);
    static struct scripted_call *calls[N_MANY];
    for (unsigned i = 0; i < N_MANY; i++) {
        calls[i] = scripted_gateway_take(scene->gateway, METHOD(REVOKE));
    }
    /* One more does not fit, and is told so: once, and not on this thread by `done`. */
    const struct oc_decision decision = {.kind = OC_REVOKE};
    struct oc_error err = {.text = ""};
    assert_int_equal(oc_admin_decide_async(scene->client, &decision, count, &tally, &err),
                     OC_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(err.text, "too many calls in flight"));
    assert_int_equal(tally.n_done, 0);
    for (unsigned i = N_MANY; i-- > 0;) {
        answer_decision(calls[i], i);
    }
    pthread_mutex_lock(&tally.lock);
    while (tally.n_done < N_MANY) {
        pthread_cond_wait(&tally.changed, &tally.lock);
    }
    pthread_mutex_unlock(&tally.lock);
    assert_int_equal(tally.n_ok, N_MANY);
    assert_int_equal(scripted_gateway_n_accepted(scene->gateway), 1);
}

static void closing_a_client_ends_what_is_in_flight(void **state)
{
    struct scene *scene = *state;
    struct tally tally;
    init_tally(&tally);
    send_many(scene, &tally, 5);
    scripted_call_forget(scripted_gateway_take(scene->gateway, METHOD(REVOKE)));
    oc_client_close(scene->client);
    scene->client = NULL;
    assert_int_equal(tally.n_done, 5);
    assert_int_equal(tally.n_cancelled, 5);
}

/* ---- options ----------------------------------------------------------------------------- */

static void a_client_of_no_local_door_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"tls+tcp://gw:1", "ipc://", "nonsense"};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(bad); i++) {
        struct oc_client *client = NULL;
        const struct oc_client_options options = {.url = bad[i]};
        assert_int_equal(oc_client_open(&options, &client, NULL), OC_INVALID_ARGUMENT);
        assert_null(client);
    }
}

#define WITH_GATEWAY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_GATEWAY(health_makes_a_round_trip),
        WITH_GATEWAY(an_approval_carries_what_was_shown_and_a_key),
        WITH_GATEWAY(every_kind_of_decision_goes_to_its_own_method),
        WITH_GATEWAY(a_refusal_brings_its_facts),
        WITH_GATEWAY(a_full_page_of_devices_arrives_and_long_text_is_cut),
        WITH_GATEWAY(a_page_longer_than_asked_for_is_refused),
        WITH_GATEWAY(a_decision_is_sent_again_with_the_same_key_when_the_connection_is_lost),
        WITH_GATEWAY(a_decision_that_is_lost_twice_ends_as_outcome_unknown),
        WITH_GATEWAY(an_outcome_is_unknown_when_the_gateway_does_not_come_back),
        WITH_GATEWAY(no_gateway_at_all_is_unavailable_and_known),
        WITH_GATEWAY(a_client_finds_the_gateway_again_after_it_was_restarted),
        WITH_GATEWAY(a_gateway_that_does_not_answer_is_given_up_in_time),
        WITH_GATEWAY(an_answer_that_makes_no_sense_ends_the_call),
        WITH_GATEWAY(a_device_without_a_whole_id_is_refused),
        WITH_GATEWAY(a_thousand_calls_in_flight_are_answered_in_any_order),
        WITH_GATEWAY(closing_a_client_ends_what_is_in_flight),
        cmocka_unit_test(a_client_of_no_local_door_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
