/* The agent as a program: what it prints and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/reach.h"
#include "tests/support/fake_openclaw.h"
#include "tests/unit/cli/cli_fixture.h"

#define GATEWAY "--gateway", "tls+tcp://127.0.0.1:18789"
#define PIN     "--pin", FAKE_PIN

static int reset(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static void the_refusal_is_printed_whole(void **state)
{
    (void)state;
    fake.agent_refusal = OC_REFUSAL_PAIRING_REQUIRED;
    struct ran ran = RUN("agent", "run", "--once", GATEWAY, PIN);
    assert_int_equal(ran.code, EXIT_STILL_PENDING);
    assert_contains(ran.err, "Gateway pairing required.\n  request  7QK4M2T9XA\n");
    assert_string_equal(ran.out, "");
    ran_free(&ran);
}

static void a_connection_is_one_line_of_data(void **state)
{
    (void)state;
    struct ran ran = RUN("agent", "run", "--once", GATEWAY, PIN);
    assert_int_equal(ran.code, EXIT_DONE);
    assert_string_equal(ran.out, "connected  tls+tcp://127.0.0.1:18789  role agent, scopes chat, "
                                 "until revoked\n");
    ran_free(&ran);
}

static void more_access_that_waits_is_told_with_reason_code_and_command(void **state)
{
    (void)state;
    fake.agent_wants_more = true;
    struct ran ran = RUN("agent", "run", "--once", GATEWAY, PIN);
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(
        ran.err,
        "more access awaits approval: request " FAKE_UPGRADE_REQUEST "   code 4821-7730\n"
        "  why      access widened: the device asks for more than was approved\n"
        "  fix      on the gateway machine run:  openclaw devices approve " FAKE_UPGRADE_REQUEST
        "\n");
    struct ran events = RUN("agent", "run", "--once", "--json", GATEWAY, PIN);
    assert_contains(events.out, "\"upgrade_request_id\":\"" FAKE_UPGRADE_REQUEST
                                "\",\"upgrade_code\":\"4821-7730\",\"why\":\"access_widened\"");
    ran_free(&ran);
    ran_free(&events);
}

static void trust_on_first_use_is_a_warning(void **state)
{
    (void)state;
    struct ran pinned = RUN("agent", "run", "--once", GATEWAY, PIN);
    struct ran first = RUN("agent", "run", "--once", GATEWAY);
    assert_null(strstr(pinned.err, "first contact"));
    assert_contains(first.err, "first contact");
    assert_contains(first.err, "sha256:6b6b");
    ran_free(&pinned);
    ran_free(&first);
}

static void the_end_is_the_exit_code(void **state)
{
    (void)state;
    static const struct {
        enum oc_refusal_kind refusal;
        enum oc_status end;
        enum exit_code code;
    } table[] = {
        {OC_REFUSAL_REJECTED, OC_PERMISSION_DENIED, EXIT_FORBIDDEN},
        {OC_REFUSAL_REVOKED, OC_PERMISSION_DENIED, EXIT_FORBIDDEN},
        {OC_REFUSAL_BLOCKED, OC_PERMISSION_DENIED, EXIT_FORBIDDEN},
        {OC_REFUSAL_REJECTED, OC_OK, EXIT_FORBIDDEN},
        {OC_REFUSAL_BUSY, OC_OK, EXIT_UNAVAILABLE},
        {OC_REFUSAL_LOCKED, OC_OK, EXIT_UNAVAILABLE},
        {OC_REFUSAL_PAIRING_REQUIRED, OC_OK, EXIT_STILL_PENDING},
        {OC_REFUSAL_NONE, OC_UNAUTHENTICATED, EXIT_NOT_AUTHENTICATED},
        {OC_REFUSAL_NONE, OC_UNAVAILABLE, EXIT_UNAVAILABLE},
        {OC_REFUSAL_NONE, OC_OK, EXIT_DONE},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fake.agent_refusal = table[i].refusal;
        fake.agent_end = table[i].end;
        struct ran ran = RUN("agent", "run", "--once", GATEWAY, PIN);
        assert_int_equal(ran.code, table[i].code);
        ran_free(&ran);
    }
}

static void why_it_ended_is_said(void **state)
{
    (void)state;
    fake.agent_end = OC_UNAUTHENTICATED;
    struct ran ran = RUN("agent", "run", GATEWAY, PIN);
    assert_contains(ran.err, "the agent ended: the fake agent ends");
    ran_free(&ran);
}

static void programs_get_events_line_by_line(void **state)
{
    (void)state;
    fake.agent_refusal = OC_REFUSAL_PAIRING_REQUIRED;
    struct ran ran = RUN("agent", "run", "--once", "--json", GATEWAY, PIN);
    assert_golden("agent_run.ndjson", ran.out);
    ran_free(&ran);
}

static void trust_shows_and_replaces_pins(void **state)
{
    (void)state;
    struct ran shown = RUN("agent", "trust", GATEWAY, "--json");
    assert_contains(shown.out, "\"pins\":[\"sha256:6b6b");
    assert_contains(shown.out, "\"first_use\":true");
    struct ran replaced = RUN("agent", "trust", GATEWAY, PIN, "-o", "name");
    assert_string_equal(replaced.out, FAKE_PIN "\n");
    struct ran unknown = RUN("agent", "trust", "--gateway", "tls+tcp://unknown:1");
    assert_int_equal(unknown.code, EXIT_NOT_FOUND);
    ran_free(&shown);
    ran_free(&replaced);
    ran_free(&unknown);
}

static void a_gateway_within_reach_is_a_warning(void **state)
{
    (void)state;
    char dir[] = "/tmp/openclaw-reach-XXXXXX";
    char inner[64];
    char found[256];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(inner, sizeof inner, "%s/gateway", dir);
    assert_int_equal(mkdir(inner, 0700), 0);
    assert_true(reach_find_gateway(dir, found, sizeof found));
    assert_contains(found, inner);
    struct ran ran = RUN("agent", "run", "--once", GATEWAY, PIN, "--data-dir", dir);
    assert_contains(ran.err, "could approve itself");
    ran_free(&ran);
    (void)rmdir(inner);
    (void)rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_refusal_is_printed_whole, reset),
        cmocka_unit_test_setup(a_connection_is_one_line_of_data, reset),
        cmocka_unit_test_setup(more_access_that_waits_is_told_with_reason_code_and_command, reset),
        cmocka_unit_test_setup(trust_on_first_use_is_a_warning, reset),
        cmocka_unit_test_setup(the_end_is_the_exit_code, reset),
        cmocka_unit_test_setup(why_it_ended_is_said, reset),
        cmocka_unit_test_setup(programs_get_events_line_by_line, reset),
        cmocka_unit_test_setup(trust_shows_and_replaces_pins, reset),
        cmocka_unit_test_setup(a_gateway_within_reach_is_a_warning, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
