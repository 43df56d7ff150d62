/* Every struct that a program fills in is refused when it holds what this library does not know. */
#include <openclaw/admin.h>
#include <openclaw/pairing.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DATA_DIR "/nonexistent/openclaw"
#define URL      "tls+tcp://127.0.0.1:1"

static void expect_refusal(enum oc_status status, const struct oc_error *err, const char *name)
{
    assert_int_equal(status, OC_INVALID_ARGUMENT);
    assert_int_equal(strncmp(err->text, name, strlen(name)), 0);
    assert_non_null(strstr(err->text, "a field is set that libopenclaw"));
}

static void a_client_option_of_a_newer_library_is_refused(void **state)
{
    (void)state;
    struct oc_client *client = NULL;
    struct oc_error err;
    struct oc_client_options options = {.data_dir = DATA_DIR};
    options.reserved[14] = UINT64_C(1) << 63;
    expect_refusal(oc_client_open(&options, &client, &err), &err, "oc_client_options: ");
    assert_null(client);
}

static void an_agent_option_of_a_newer_library_is_refused(void **state)
{
    (void)state;
    struct oc_agent *agent = NULL;
    struct oc_error err;
    struct oc_agent_options options = {.data_dir = DATA_DIR, .gateway_url = URL, .reserved = {1}};
    expect_refusal(oc_agent_start(&options, &agent, &err), &err, "oc_agent_options: ");
    assert_null(agent);
}

static void nothing(void)
{
}

static void a_callback_of_a_newer_library_is_refused(void **state)
{
    (void)state;
    struct oc_agent *agent = NULL;
    struct oc_error err;
    const struct oc_agent_ops ops = {.reserved = {[7] = nothing}};
    const struct oc_agent_options options = {.data_dir = DATA_DIR, .gateway_url = URL, .ops = &ops};
    expect_refusal(oc_agent_start(&options, &agent, &err), &err, "oc_agent_ops: ");
    assert_null(agent);
}

static void a_decision_of_a_newer_library_is_refused_before_it_is_sent(void **state)
{
    (void)state;
    struct oc_client *client = NULL;
    struct oc_error err;
    const struct oc_client_options options = {.data_dir = DATA_DIR};
    const struct oc_decision decision = {.kind = OC_BLOCK, .reserved = {[3] = 1}};
    struct oc_decision_result result;
    assert_int_equal(oc_client_open(&options, &client, &err), OC_OK);
    expect_refusal(oc_admin_decide(client, &decision, &result, &err), &err, "oc_decision: ");
    oc_client_close(client);
}

static void trust_of_a_newer_library_is_not_recorded(void **state)
{
    (void)state;
    struct oc_error err;
    const struct oc_trust trust = {.n_pins = 1, .reserved = {[7] = 1}};
    expect_refusal(oc_trust_save(DATA_DIR, URL, &trust, &err), &err, "oc_trust: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_option_of_a_newer_library_is_refused),
        cmocka_unit_test(an_agent_option_of_a_newer_library_is_refused),
        cmocka_unit_test(a_callback_of_a_newer_library_is_refused),
        cmocka_unit_test(a_decision_of_a_newer_library_is_refused_before_it_is_sent),
        cmocka_unit_test(trust_of_a_newer_library_is_not_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
