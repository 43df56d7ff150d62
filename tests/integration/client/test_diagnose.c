/* What a host remembers of gateways, and the way to one, against a gateway played by the test. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "openclaw/v1/health.pb-c.h"
#include "tests/integration/client/agent_scene.h"

/* ---- probes -------------------------------------------------------------------------------- */

struct probing {
    pthread_t thread;
    struct oc_probe_options options;
    struct oc_probe probe;
    enum oc_status status;
};

static void *run_probe(void *user)
{
    struct probing *probing = user;
    probing->status = oc_probe_gateway(&probing->options, &probing->probe, NULL);
    return NULL;
}

static struct oc_probe_options probe_options_of(struct scene *scene)
{
    return (struct oc_probe_options){.gateway_url = scripted_gateway_url(scene->gateway),
                                     .data_dir = scene->dir,
                                     .n_pins = 1,
                                     .pins = &scene->pin};
}

static void answer_health(struct scene *scene, Openclaw__V1__Serving serving)
{
    Openclaw__V1__HealthReply reply = OPENCLAW__V1__HEALTH_REPLY__INIT;
    reply.serving = serving;
    scripted_call_answer(take_call(scene, METHOD(HEALTH)), &reply.base);
}

static void a_probe_asks_for_health_and_for_nothing_else(void **state)
{
    struct scene *scene = *state;
    struct probing probing = {.options = probe_options_of(scene)};
    assert_int_equal(pthread_create(&probing.thread, NULL, run_probe, &probing), 0);
    answer_health(scene, OPENCLAW__V1__SERVING__SERVING_LOCKED);
    pthread_join(probing.thread, NULL);
    assert_int_equal(probing.status, OC_OK);
    assert_int_equal(probing.probe.stopped_at, OC_PROBE_DONE);
    assert_int_equal(probing.probe.serving, OC_SERVING_LOCKED);
    assert_int_equal(probing.probe.trust, OC_TRUST_GIVEN);
    assert_true(probing.probe.has_pin);
    assert_memory_equal(probing.probe.pin.bytes, scene->pin.bytes, OC_DIGEST_BYTES);
    assert_string_equal(probing.probe.address, "127.0.0.1");
    assert_false(scripted_gateway_has_call(scene->gateway, 0));
    /* And here: no key, no record, no note. */
    struct oc_identity_info info;
    struct oc_known_gateway known[OC_MAX_KNOWN_GATEWAYS];
    size_t n = 0;
    assert_int_equal(oc_identity_info(scene->dir, false, &info, NULL), OC_NOT_FOUND);
    assert_int_equal(oc_list_gateways(scene->dir, known, &n, NULL), OC_NOT_FOUND);
}

static void a_wrong_key_is_shown_and_nothing_is_sent(void **state)
{
    struct scene *scene = *state;
    struct oc_probe_options options = probe_options_of(scene);
    struct oc_digest other = {.bytes = {0x77}};
    struct oc_probe probe;
    options.pins = &other;
    assert_int_equal(oc_probe_gateway(&options, &probe, NULL), OC_OK);
    assert_int_equal(probe.stopped_at, OC_PROBE_TRUST);
    assert_int_equal(probe.status, OC_UNAUTHENTICATED);
    assert_true(probe.has_pin);
    assert_memory_equal(probe.pin.bytes, scene->pin.bytes, OC_DIGEST_BYTES);
    assert_false(scripted_gateway_has_call(scene->gateway, 0));
}

static void recorded_pins_decide_where_none_is_given(void **state)
{
    struct scene *scene = *state;
    struct probing probing = {.options = probe_options_of(scene)};
    struct oc_trust trust = {.n_pins = 1, .pins = {scene->pin}};
    struct oc_probe probe;
    probing.options.n_pins = 0;
    assert_int_equal(oc_trust_save(scene->dir, probing.options.gateway_url, &trust, NULL), OC_OK);
    assert_int_equal(pthread_create(&probing.thread, NULL, run_probe, &probing), 0);
    answer_health(scene, OPENCLAW__V1__SERVING__SERVING_YES);
    pthread_join(probing.thread, NULL);
    assert_int_equal(probing.probe.trust, OC_TRUST_RECORDED);
    assert_int_equal(probing.probe.serving, OC_SERVING_YES);
    memset(trust.pins[0].bytes, 0x77, OC_DIGEST_BYTES);
    assert_int_equal(oc_trust_save(scene->dir, probing.options.gateway_url, &trust, NULL), OC_OK);
    assert_int_equal(oc_probe_gateway(&probing.options, &probe, NULL), OC_OK);
    assert_int_equal(probe.stopped_at, OC_PROBE_TRUST);
}

static void a_gateway_that_hangs_up_is_met_and_gives_no_answer(void **state)
{
    struct scene *scene = *state;
    struct probing probing = {.options = probe_options_of(scene)};
    assert_int_equal(pthread_create(&probing.thread, NULL, run_probe, &probing), 0);
    scripted_call_cut(take_call(scene, METHOD(HEALTH)));
    pthread_join(probing.thread, NULL);
    assert_int_equal(probing.probe.stopped_at, OC_PROBE_HEALTH);
    assert_int_not_equal(probing.probe.status, OC_OK);
    assert_true(probing.probe.has_pin);
}

static void a_gateway_that_never_answers_is_given_up_in_time(void **state)
{
    struct scene *scene = *state;
    struct oc_probe_options options = probe_options_of(scene);
    struct oc_probe probe;
    options.timeout_ms = 700;
    assert_int_equal(oc_probe_gateway(&options, &probe, NULL), OC_OK);
    assert_int_equal(probe.stopped_at, OC_PROBE_HEALTH);
    assert_int_equal(probe.status, OC_DEADLINE_EXCEEDED);
    scripted_call_forget(take_call(scene, METHOD(HEALTH)));
}

/* A socket on loopback; accepts in the kernel, and never says a word by itself. */
static int listen_somewhere(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    socklen_t n = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static struct oc_probe probe_port(const struct scene *scene, uint16_t port)
{
    char url[64];
    struct oc_probe probe;
    (void)snprintf(url, sizeof url, "tls+tcp://127.0.0.1:%u", port);
    const struct oc_probe_options options = {
        .gateway_url = url, .data_dir = scene->dir, .timeout_ms = 500};
    assert_int_equal(oc_probe_gateway(&options, &probe, NULL), OC_OK);
    return probe;
}

static void each_stage_that_fails_is_named(void **state)
{
    struct scene *scene = *state;
    uint16_t port = 0;
    int fd = listen_somewhere(&port);
    struct oc_probe silent = probe_port(scene, port);
    assert_int_equal(silent.stopped_at, OC_PROBE_TLS);
    assert_int_equal(silent.status, OC_DEADLINE_EXCEEDED);
    assert_false(silent.has_pin);
    close(fd);
    struct oc_probe closed = probe_port(scene, port);
    assert_int_equal(closed.stopped_at, OC_PROBE_CONNECT);
    assert_int_equal(closed.system_error, ECONNREFUSED);
    const struct oc_probe_options nowhere = {.gateway_url = "tls+tcp://no-such-host.invalid:1",
                                             .data_dir = scene->dir};
    struct oc_probe unknown;
    assert_int_equal(oc_probe_gateway(&nowhere, &unknown, NULL), OC_OK);
    assert_int_equal(unknown.stopped_at, OC_PROBE_RESOLVE);
    assert_true(unknown.text[0] != '\0');
    const struct oc_probe_options local = {.gateway_url = "ipc:///x", .data_dir = scene->dir};
    assert_int_equal(oc_probe_gateway(&local, &unknown, NULL), OC_INVALID_ARGUMENT);
    const struct oc_probe_options newer = {
        .gateway_url = nowhere.gateway_url, .data_dir = scene->dir, .reserved = {[15] = 1}};
    assert_int_equal(oc_probe_gateway(&newer, &unknown, NULL), OC_INVALID_ARGUMENT);
}

/* ---- the last outcome ---------------------------------------------------------------------- */

static struct oc_outcome outcome_of(struct scene *scene)
{
    struct oc_outcome outcome;
    assert_int_equal(
        oc_agent_last_outcome(scene->dir, scripted_gateway_url(scene->gateway), &outcome, NULL),
        OC_OK);
    struct oc_identity_info info;
    assert_int_equal(oc_identity_info(scene->dir, false, &info, NULL), OC_OK);
    assert_true(oc_device_id_equal(&outcome.device_id, &info.device_id));
    assert_true(outcome.at_ms > INT64_C(1700000000000));
    return outcome;
}

static void a_refusal_can_be_looked_up_when_it_is_told(void **state)
{
    struct scene *scene = *state;
    struct oc_outcome outcome;
    assert_int_equal(
        oc_agent_last_outcome(scene->dir, scripted_gateway_url(scene->gateway), &outcome, NULL),
        OC_NOT_FOUND);
    start_agent(scene);
    refuse(take_call(scene, METHOD(CONNECT)), REFUSED(PAIRING_REQUIRED), 0);
    (void)hear(scene, SAID_REFUSED);
    outcome = outcome_of(scene);
    assert_int_equal(outcome.kind, OC_OUTCOME_REFUSED);
    assert_int_equal(outcome.refusal, OC_REFUSAL_PAIRING_REQUIRED);
    assert_string_equal(outcome.request_id.text, request_id);
    scripted_call_forget(take_call(scene, METHOD(AWAIT_DECISION)));
    assert_int_equal(stop_agent(scene), OC_OK);
    /* Being stopped is no outcome. */
    assert_int_equal(outcome_of(scene).kind, OC_OUTCOME_REFUSED);
}

static void a_refusal_for_good_is_not_covered_by_the_end_it_causes(void **state)
{
    struct scene *scene = *state;
    start_agent(scene);
    refuse(take_call(scene, METHOD(CONNECT)), REFUSED(BLOCKED), 0);
    (void)hear(scene, SAID_REFUSED);
    (void)hear(scene, SAID_STOPPED);
    struct oc_outcome outcome = outcome_of(scene);
    assert_int_equal(outcome.kind, OC_OUTCOME_REFUSED);
    assert_int_equal(outcome.refusal, OC_REFUSAL_BLOCKED);
}

static void a_session_and_its_loss_are_the_next_outcomes(void **state)
{
    struct scene *scene = *state;
    start_agent(scene);
    admit(take_call(scene, METHOD(CONNECT)));
    (void)hear(scene, SAID_CONNECTED);
    assert_int_equal(outcome_of(scene).kind, OC_OUTCOME_CONNECTED);
    struct scripted_call *parked = take_call(scene, METHOD(AWAIT_NOTICE));
    send_notice(parked, NOTICE(SUPERSEDED), REFUSED(UNSPECIFIED), 0);
    (void)hear(scene, SAID_DISCONNECTED);
    struct oc_outcome outcome = outcome_of(scene);
    assert_int_equal(outcome.kind, OC_OUTCOME_FAILED);
    assert_int_equal(outcome.status, OC_ABORTED);
    assert_non_null(strstr(outcome.text, "took over"));
}

/* ---- the list ------------------------------------------------------------------------------ */

static void write_file(const struct scene *scene, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/gateways/%s", scene->dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
}

static void gateways_are_listed_whole_or_with_what_is_wrong(void **state)
{
    struct scene *scene = *state;
    struct oc_known_gateway known[OC_MAX_KNOWN_GATEWAYS];
    size_t n = 0;
    struct oc_trust trust = {.n_pins = 1, .is_first_use = true};
    assert_int_equal(oc_trust_save(scene->dir, "tls+tcp://a.example:1", &trust, NULL), OC_OK);
    assert_int_equal(oc_trust_save(scene->dir, "tls+tcp://b.example:2", &trust, NULL), OC_OK);
    write_file(scene, "c.example_3-00000000.yaml", "pins: nonsense\n");
    write_file(scene, "d.example_4-00000000.last", "nonsense\n");
    write_file(scene, ".hidden.yaml", "");
    write_file(scene, "notes.txt", "");
    assert_int_equal(oc_list_gateways(scene->dir, known, &n, NULL), OC_OK);
    assert_int_equal(n, 3);
    assert_string_equal(known[0].url, "tls+tcp://a.example:1");
    assert_true(known[0].trust.is_first_use && known[0].damage[0] == '\0');
    assert_string_equal(known[1].url, "tls+tcp://b.example:2");
    assert_string_equal(known[2].file, "c.example_3-00000000.yaml");
    assert_string_equal(known[2].url, "");
    assert_non_null(strstr(known[2].damage, "line 1"));
}

static void a_gateway_that_only_refused_is_known_too(void **state)
{
    struct scene *scene = *state;
    struct oc_known_gateway known[OC_MAX_KNOWN_GATEWAYS];
    size_t n = 0;
    start_agent(scene); /* with a pin of its options, which a refusal does not record */
    refuse(take_call(scene, METHOD(CONNECT)), REFUSED(REJECTED), 0);
    (void)hear(scene, SAID_REFUSED);
    (void)hear(scene, SAID_STOPPED);
    assert_int_equal(oc_list_gateways(scene->dir, known, &n, NULL), OC_OK);
    assert_int_equal(n, 1);
    assert_string_equal(known[0].url, scripted_gateway_url(scene->gateway));
    assert_string_equal(known[0].file, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_GATEWAY(a_probe_asks_for_health_and_for_nothing_else),
        WITH_GATEWAY(a_wrong_key_is_shown_and_nothing_is_sent),
        WITH_GATEWAY(recorded_pins_decide_where_none_is_given),
        WITH_GATEWAY(a_gateway_that_hangs_up_is_met_and_gives_no_answer),
        WITH_GATEWAY(a_gateway_that_never_answers_is_given_up_in_time),
        WITH_GATEWAY(each_stage_that_fails_is_named),
        WITH_GATEWAY(a_refusal_can_be_looked_up_when_it_is_told),
        WITH_GATEWAY(a_refusal_for_good_is_not_covered_by_the_end_it_causes),
        WITH_GATEWAY(a_session_and_its_loss_are_the_next_outcomes),
        WITH_GATEWAY(gateways_are_listed_whole_or_with_what_is_wrong),
        WITH_GATEWAY(a_gateway_that_only_refused_is_known_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
