/*
 * What a client and an agent do when the n-th allocation of our own code fails, for every n: they
 * say so or lose the attempt; never a crash, a hang or (with AddressSanitizer) a leak.
 *
 * Linked with oc_fault_allocation, which reaches our libraries and neither NNG nor OpenSSL. The
 * gateway is a process of its own, so that only the client's side runs short.
 */
#include <openclaw/admin.h>
#include <openclaw/diagnose.h>
#include <openclaw/wait.h>
#include <openclaw/watch.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/envelope.pb-c.h"
#include "openclaw/v1/health.pb-c.h"
#include "openclaw/v1/pairing.pb-c.h"
#include "tests/support/fault_allocation.h"
#include "tests/support/scripted_gateway.h"

/* ---- a gateway that admits everyone, in a process of its own ------------------------------ */

static char dir[] = "/tmp/oc-memory-XXXXXX";
static char local_url[64];
static char devices_url[128];
static pid_t gateway_pid;

static void admit(struct scripted_call *call)
{
    Openclaw__V1__Session session = OPENCLAW__V1__SESSION__INIT;
    session.heartbeat_ms = 600000;
    Openclaw__V1__ConnectReply reply = OPENCLAW__V1__CONNECT_REPLY__INIT;
    reply.outcome_case = OPENCLAW__V1__CONNECT_REPLY__OUTCOME_SESSION;
    reply.session = &session;
    scripted_call_answer(call, &reply.base);
}

static void answer_one(struct scripted_gateway *gateway)
{
    struct scripted_call *call = scripted_gateway_take_any(gateway);
    static uint8_t id[32] = {1};
    Openclaw__V1__Device device = OPENCLAW__V1__DEVICE__INIT;
    Openclaw__V1__DecisionReply decision = OPENCLAW__V1__DECISION_REPLY__INIT;
    Openclaw__V1__HealthReply health = OPENCLAW__V1__HEALTH_REPLY__INIT;
    device.device_id = (ProtobufCBinaryData){sizeof id, id};
    Openclaw__V1__GetStatusReply status = OPENCLAW__V1__GET_STATUS_REPLY__INIT;
    Openclaw__V1__ResolveReply found = OPENCLAW__V1__RESOLVE_REPLY__INIT;
    Openclaw__V1__Device *matches[] = {&device};
    decision.device = &device;
    found.matches = matches;
    found.n_matches = 1;
    switch (call->call.method) {
    case OPENCLAW__V1__METHOD__METHOD_CONNECT:
        admit(call);
        break;
    case OPENCLAW__V1__METHOD__METHOD_REVOKE:
        scripted_call_answer(call, &decision.base);
        break;
    case OPENCLAW__V1__METHOD__METHOD_HEALTH:
        scripted_call_answer(call, &health.base);
        break;
    case OPENCLAW__V1__METHOD__METHOD_GET_STATUS:
        scripted_call_answer(call, &status.base);
        break;
    case OPENCLAW__V1__METHOD__METHOD_RESOLVE:
        scripted_call_answer(call, &found.base);
        break;
    default:
        scripted_call_forget(call);
    }
}

static void run_gateway(int ready_fd)
{
    struct oc_identity *identity = NULL;
    if (oc_identity_generate(OC_IDENTITY_GATEWAY, &identity, NULL)) {
        _exit(1);
    }
    struct scripted_gateway *local = scripted_gateway_start(local_url, NULL);
    struct scripted_gateway *devices = scripted_gateway_start("tls+tcp://127.0.0.1:0", identity);
    const char *url = scripted_gateway_url(devices);
    (void)!write(ready_fd, url, strlen(url));
    (void)close(ready_fd);
    for (;;) {
        if (scripted_gateway_has_call(local, 5)) {
            answer_one(local);
        }
        if (scripted_gateway_has_call(devices, 5)) {
            answer_one(devices);
        }
    }
}

static int start_gateway(void **state)
{
    (void)state;
    int fds[2];
    if (!mkdtemp(dir) || pipe(fds) != 0) {
        return -1;
    }
    (void)snprintf(local_url, sizeof local_url, "ipc://%s/s", dir);
    gateway_pid = fork();
    if (gateway_pid == 0) {
        (void)close(fds[0]);
        run_gateway(fds[1]);
    }
    (void)close(fds[1]);
    ssize_t n = read(fds[0], devices_url, sizeof devices_url - 1);
    (void)close(fds[0]);
    return n > 0 ? 0 : -1;
}

static int stop_gateway(void **state)
{
    (void)state;
    (void)kill(gateway_pid, SIGKILL);
    (void)waitpid(gateway_pid, NULL, 0);
    char command[64];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command); /* NOLINT(cert-env33-c): a fixed command on a path of our own */
}

/* ---- what is done short of memory -------------------------------------------------------- */

static enum oc_status decide_once(void)
{
    struct oc_client *client = NULL;
    const struct oc_client_options options = {.url = local_url};
    const struct oc_decision decision = {.kind = OC_REVOKE};
    struct oc_decision_result result;
    enum oc_status st = oc_client_open(&options, &client, NULL);
    if (st == OC_OK) {
        st = oc_admin_decide(client, &decision, &result, NULL);
    }
    oc_client_close(client);
    return st;
}

static enum oc_status connect_once(void)
{
    struct oc_agent *agent = NULL;
    const struct oc_agent_options options = {
        .gateway_url = devices_url, .data_dir = dir, .is_once = true};
    enum oc_status st = oc_agent_start(&options, &agent, NULL);
    if (st == OC_OK) {
        st = oc_agent_wait(agent);
    }
    oc_agent_free(agent);
    return st;
}

static enum oc_status probe_once(void)
{
    const struct oc_probe_options options = {.gateway_url = devices_url, .data_dir = dir};
    struct oc_probe probe = {.status = OC_OK};
    enum oc_status st = oc_probe_gateway(&options, &probe, NULL);
    return st ? st : probe.status;
}

/* What an agent of this directory left. */
static enum oc_status look_up_once(void)
{
    struct oc_known_gateway known[OC_MAX_KNOWN_GATEWAYS];
    struct oc_outcome outcome;
    size_t n = 0;
    enum oc_status st = oc_list_gateways(dir, known, &n, NULL);
    return st ? st : oc_agent_last_outcome(dir, devices_url, &outcome, NULL);
}

/* Until it knows where it begins. */
static enum oc_status watch_once(void)
{
    static struct oc_watch_item item;
    struct oc_client *client = NULL;
    struct oc_watch *watch = NULL;
    const struct oc_client_options options = {.url = local_url};
    const struct oc_watch_options from = {.start = OC_WATCH_FROM_NOW};
    enum oc_status st = oc_client_open(&options, &client, NULL);
    st = st ? st : oc_watch_open(client, &from, &watch, NULL);
    st = st ? st : oc_watch_next(watch, 20000, &item, NULL);
    if (st == OC_OK && item.kind == OC_WATCH_LOST) {
        st = item.error.status;
    }
    oc_watch_free(watch);
    oc_client_close(client);
    return st;
}

static enum oc_status wait_once(void)
{
    struct oc_client *client = NULL;
    const struct oc_client_options options = {.url = local_url};
    struct oc_wait wait = {.wanted = OC_WAIT_OFFLINE};
    enum oc_status st = oc_client_open(&options, &client, NULL);
    st = st ? st : oc_admin_wait(client, &wait, 1, 0, NULL, NULL, NULL);
    oc_client_close(client);
    return st;
}

static bool is_a_fair_answer(enum oc_status st)
{
    return st == OC_OK || st == OC_RESOURCE_EXHAUSTED || st == OC_UNAVAILABLE ||
           st == OC_INTERNAL || st == OC_INVALID_ARGUMENT;
}

/* Until it succeeds without a failed allocation. */
static void run_short_of_memory(enum oc_status (*act)(void))
{
    enum {
        MORE_THAN_ENOUGH = 1000,
    };
    assert_int_equal(act(), OC_OK); /* what is made once is made now */
    int n_failed = 0;
    for (int n = 1; n < MORE_THAN_ENOUGH; n++) {
        fault_allocation_plan(n);
        enum oc_status st = act();
        bool was_reached = fault_allocation_end();
        if (!is_a_fair_answer(st)) {
            fail_msg("allocation %d failed: %s", n, oc_status_name(st));
        }
        if (!was_reached) {
            assert_int_equal(st, OC_OK);
            assert_true(n_failed > 0);
            return;
        }
        n_failed += st != OC_OK;
    }
    fail_msg("there is no end of allocations");
}

static void a_decision_survives_the_failure_of_any_allocation(void **state)
{
    (void)state;
    run_short_of_memory(decide_once);
}

static void an_agent_survives_the_failure_of_any_allocation(void **state)
{
    (void)state;
    run_short_of_memory(connect_once);
}

static void a_probe_survives_the_failure_of_any_allocation(void **state)
{
    (void)state;
    run_short_of_memory(probe_once);
}

static void looking_up_survives_the_failure_of_any_allocation(void **state)
{
    (void)state;
    run_short_of_memory(look_up_once);
}

static void a_watch_survives_the_failure_of_any_allocation(void **state)
{
    (void)state;
    run_short_of_memory(watch_once);
}

static void a_wait_survives_the_failure_of_any_allocation(void **state)
{
    (void)state;
    run_short_of_memory(wait_once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decision_survives_the_failure_of_any_allocation),
        cmocka_unit_test(an_agent_survives_the_failure_of_any_allocation),
        cmocka_unit_test(a_probe_survives_the_failure_of_any_allocation),
        cmocka_unit_test(looking_up_survives_the_failure_of_any_allocation),
        cmocka_unit_test(a_watch_survives_the_failure_of_any_allocation),
        cmocka_unit_test(a_wait_survives_the_failure_of_any_allocation),
    };
    return cmocka_run_group_tests(tests, start_gateway, stop_gateway);
}
