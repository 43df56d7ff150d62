/* From words to a command: grammar, options, help, suggestions and every exit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/suggest.h"
#include "cli/values.h"
#include "tests/support/fake_openclaw.h"
#include "tests/unit/cli/cli_fixture.h"

static int reset(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static void expect_usage(struct ran ran, const char *part)
{
    assert_int_equal(ran.code, EXIT_USAGE);
    assert_string_equal(ran.out, "");
    assert_contains(ran.err, part);
    ran_free(&ran);
}

static void nothing_at_all_prints_the_overview_and_is_a_usage_error(void **state)
{
    (void)state;
    struct ran ran = run_on(&(struct stage){.input = NULL}, (const char *const[]){NULL});
    assert_int_equal(ran.code, EXIT_USAGE);
    assert_string_equal(ran.out, "");
    assert_contains(ran.err, "openclaw devices approve");
    ran_free(&ran);
}

static void help_goes_to_stdout_and_is_no_error(void **state)
{
    (void)state;
    struct ran overview = RUN("--help");
    struct ran noun = RUN("devices", "--help");
    struct ran word = RUN("help", "devices");
    struct ran command = RUN("devices", "approve", "--help");
    assert_int_equal(overview.code, EXIT_DONE);
    assert_int_equal(noun.code, EXIT_DONE);
    assert_int_equal(command.code, EXIT_DONE);
    assert_golden("help", overview.out);
    assert_golden("help_devices", noun.out);
    assert_string_equal(word.out, noun.out);
    assert_golden("help_devices_approve", command.out);
    ran_free(&overview);
    ran_free(&noun);
    ran_free(&word);
    ran_free(&command);
}

static void every_command_has_help_that_begins_with_an_example(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_nouns; i++) {
        for (size_t j = 0; j < nouns[i]->n_commands; j++) {
            const char *verb = nouns[i]->commands[j].verb;
            char example[64];
            struct ran ran = RUN(nouns[i]->name, verb, "--help");
            (void)snprintf(example, sizeof example, "  openclaw %s %s", nouns[i]->name, verb);
            assert_int_equal(ran.code, EXIT_DONE);
            assert_ptr_equal(strstr(ran.out, "  openclaw "), ran.out);
            assert_contains(ran.out, example);
            ran_free(&ran);
        }
    }
}

static void the_version_is_the_librarys(void **state)
{
    (void)state;
    struct ran ran = RUN("--version");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_string_equal(ran.out, "openclaw 0.1.0\n");
    ran_free(&ran);
}

static void unknown_words_get_the_nearest_there_is(void **state)
{
    (void)state;
    expect_usage(RUN("device", "list"), "did you mean openclaw devices?");
    expect_usage(RUN("devices", "aprove"), "did you mean openclaw devices approve?");
    expect_usage(RUN("devices", "list", "--stat", "x"), "did you mean --state?");
    expect_usage(RUN("pairing", "list", "--aprove"), "did you mean --approve?");
    expect_usage(RUN("xyzzy"), "see openclaw --help");
    expect_usage(RUN("devices", "xyzzy"), "see openclaw devices --help");
}

static void an_unknown_word_is_escaped_before_it_is_echoed(void **state)
{
    (void)state;
    struct ran ran = RUN("dev\x1b[31m");
    assert_null(strchr(ran.err, '\x1b'));
    ran_free(&ran);
}

static void wrong_options_are_told_with_their_cure(void **state)
{
    (void)state;
    expect_usage(RUN("devices", "list", "-o", "xml"), "table, wide, json, yaml, ndjson and name");
    expect_usage(RUN("devices", "list", "--color", "red"), "auto, always or never");
    expect_usage(RUN("devices", "list", "--timeout", "5"), "500ms or 5s");
    expect_usage(RUN("devices", "list", "--timeout", "61s"), "up to 60s");
    expect_usage(RUN("devices", "list", "--limit", "0"), "1 or more");
    expect_usage(RUN("devices", "list", "--state", "wild"), "pending, approved");
    expect_usage(RUN("devices", "list", "--json=1"), "takes no value");
    expect_usage(RUN("devices", "list", "--limit"), "needs a value");
    expect_usage(RUN("devices", "list", "--limit", "1", "--limit", "2"), "given twice");
    expect_usage(RUN("devices", "list", "extra"), "one word too many: extra");
    expect_usage(RUN("devices", "show"), "needs ID");
    expect_usage(RUN("devices", "list", "--alias", "x"), "unknown option --alias");
    expect_usage(RUN("gateway", "unlock"), "--accept-rollback");
    expect_usage(RUN("gateway", "unlock", "--init", "--accept-rollback"), "one of");
    expect_usage(RUN("agent", "run"), "--gateway");
    expect_usage(RUN("agent", "run", "--gateway", "x", "--pin", "sha256:12"), "64 hex digits");
}

static void options_may_stand_anywhere(void **state)
{
    (void)state;
    struct ran before = RUN("-o", "name", "devices", "show", FAKE_PENDING_REQUEST);
    struct ran behind = RUN("devices", "show", FAKE_PENDING_REQUEST, "-oname");
    struct ran ended = RUN("devices", "show", "-o=name", "--", FAKE_PENDING_REQUEST);
    assert_string_equal(before.out, FAKE_PENDING_ID "\n");
    assert_string_equal(behind.out, FAKE_PENDING_ID "\n");
    assert_int_equal(ended.code, EXIT_USAGE); /* "=name" is no format */
    ran_free(&before);
    ran_free(&behind);
    ran_free(&ended);
}

static void scopes_and_labels_are_sorted_and_bounded(void **state)
{
    (void)state;
    struct arguments args = {.n_options = 4};
    args.options[0].id = OPT_SCOPE;
    args.options[0].value = "tools,chat";
    args.options[1].id = OPT_SCOPE;
    args.options[1].value = "chat";
    args.options[2].id = OPT_LABEL;
    args.options[2].value = "site=berlin";
    args.options[3].id = OPT_LABEL;
    args.options[3].value = "env=a=b";
    struct oc_grant grant;
    struct oc_labels labels;
    assert_true(value_read_grant(&args, &grant));
    assert_int_equal(grant.n_scopes, 2);
    assert_string_equal(grant.scopes[0], "chat");
    assert_string_equal(grant.role, "");
    assert_true(value_read_whole_grant(&args, &grant));
    assert_string_equal(grant.role, "agent");
    assert_true(value_read_labels(&args, &labels));
    assert_string_equal(labels.items[0].key, "env");
    assert_string_equal(labels.items[0].value, "a=b");
    args.options[3].value = "site=twice";
    assert_false(value_read_labels(&args, &labels));
    args.options[3].value = "=x";
    assert_false(value_read_labels(&args, &labels));
    args.options[1].value = "a,,b";
    assert_false(value_read_grant(&args, &grant));
}

static void every_exit_code_appears(void **state)
{
    (void)state;
    static const struct {
        enum oc_status reads, decisions;
        const char *verb, *id;
        enum exit_code code;
    } table[] = {
        {OC_OK, OC_OK, "approve", FAKE_PENDING_REQUEST, EXIT_DONE},
        {OC_INTERNAL, OC_OK, "show", FAKE_PENDING_REQUEST, EXIT_FAILED},
        {OC_OK, OC_OK, "approve", FAKE_PENDING_ID, EXIT_USAGE},
        {OC_OK, OC_OK, "show", "nobody", EXIT_NOT_FOUND},
        {OC_UNAUTHENTICATED, OC_OK, "show", FAKE_PENDING_REQUEST, EXIT_NOT_AUTHENTICATED},
        {OC_OK, OC_PERMISSION_DENIED, "approve", FAKE_PENDING_REQUEST, EXIT_FORBIDDEN},
        {OC_OK, OC_OK, "approve", FAKE_REPLACED_REQUEST, EXIT_CONFLICT},
        {OC_OK, OC_UNAVAILABLE, "approve", FAKE_PENDING_REQUEST, EXIT_UNAVAILABLE},
        {OC_DEADLINE_EXCEEDED, OC_OK, "show", FAKE_PENDING_REQUEST, EXIT_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fake_reset();
        fake.reads_fail_with = table[i].reads;
        fake.decisions_fail_with = table[i].decisions;
        struct ran ran = RUN("devices", table[i].verb, table[i].id);
        assert_int_equal(ran.code, table[i].code);
        assert_int_equal(ran.err[0] == '\0', table[i].code == EXIT_DONE);
        ran_free(&ran);
    }
    fake_reset();
    struct ran some = RUN("devices", "reject", FAKE_PENDING_REQUEST, "nobody");
    assert_int_equal(some.code, EXIT_SOME_FAILED);
    fake.agent_refusal = OC_REFUSAL_PAIRING_REQUIRED;
    struct ran waits = RUN("agent", "run", "--once", "--gateway", "tls+tcp://127.0.0.1:1");
    assert_int_equal(waits.code, EXIT_STILL_PENDING);
    ran_free(&some);
    ran_free(&waits);
}

static void what_is_said_to_be_one_line_is_one_line(void **state)
{
    (void)state;
    static const char *const calls[][2] = {
        {"gateway", "status"}, {"gateway", "info"}, {"identity", "show"}};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct ran ran = RUN(calls[i][0], calls[i][1], "-o", "ndjson");
        assert_ptr_equal(strchr(ran.out, '\n'), ran.out + strlen(ran.out) - 1);
        ran_free(&ran);
    }
}

static void every_status_has_its_exit_code(void **state)
{
    (void)state;
    static const enum exit_code codes[OC_STATUS_COUNT] = {0, 1, 1, 2, 7, 3, 6, 5, 7,
                                                          1, 6, 1, 1, 1, 7, 1, 4};
    for (unsigned status = 0; status < OC_STATUS_COUNT; status++) {
        assert_int_equal(exit_code_of((enum oc_status)status), codes[status]);
    }
    assert_int_equal(exit_code_of_decision(OC_FAILED_PRECONDITION), EXIT_CONFLICT);
    assert_int_equal(exit_code_of((enum oc_status)99), EXIT_FAILED);
}

static void no_gateway_is_said_with_the_socket_and_the_cure(void **state)
{
    (void)state;
    fake.reads_fail_with = OC_UNAVAILABLE;
    struct ran ran = RUN("pairing", "list", "--data-dir", "/nonexistent/there");
    assert_int_equal(ran.code, EXIT_UNAVAILABLE);
    assert_contains(ran.err, "/nonexistent/there/gateway/admin.sock");
    assert_contains(ran.err, "openclaw gateway run");
    assert_contains(ran.err, "on the machine where the gateway runs");
    ran_free(&ran);
}

/* What stands in a data directory, and what approving there says. */
static struct ran approve_where(const char *const *paths)
{
    char home[] = "/tmp/openclaw-cli.XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(home));
    size_t n = 0;
    for (; paths[n]; n++) {
        (void)snprintf(path, sizeof path, "%s/%s", home, paths[n]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    fake.reads_fail_with = OC_UNAVAILABLE;
    struct ran ran = RUN("devices", "approve", "7QK4M2T9XA", "--data-dir", home);
    while (n-- > 0) {
        (void)snprintf(path, sizeof path, "%s/%s", home, paths[n]);
        assert_int_equal(rmdir(path), 0);
    }
    assert_int_equal(rmdir(home), 0);
    return ran;
}

static void on_an_agents_machine_nobody_is_told_to_start_a_gateway(void **state)
{
    (void)state;
    struct ran agent =
        approve_where((const char *const[]){"identity", "identity/device.key", NULL});
    struct ran both =
        approve_where((const char *const[]){"identity", "identity/device.key", "gateway", NULL});
    assert_int_equal(agent.code, EXIT_UNAVAILABLE);
    assert_contains(agent.err, "this is the agent's machine");
    assert_contains(agent.err, "where the gateway runs");
    assert_null(strstr(agent.err, "openclaw gateway run"));
    assert_contains(both.err, "openclaw gateway run");
    ran_free(&agent);
    ran_free(&both);
}

static void a_daemon_that_is_not_there_is_a_failure_with_its_path(void **state)
{
    (void)state;
    struct ran ran = RUN("gateway", "check-config", "--config", "x.yaml");
    assert_int_equal(ran.code, EXIT_FAILED);
    assert_contains(ran.err, "/openclaw-gateway: No such file");
    ran_free(&ran);
}

static void a_locked_gateway_is_loud_in_its_status(void **state)
{
    (void)state;
    fake.is_locked = true;
    struct ran status = RUN("gateway", "status");
    assert_contains(status.out, "gateway    locked");
    assert_contains(status.out, "the database is older than the marker");
    assert_contains(status.out, "openclaw gateway unlock");
    assert_contains(status.out, "records    end at change 41 of epoch 1");
    assert_contains(status.out, "marker     says change 57 of epoch 1\n");
    assert_contains(status.out, "2 devices came with receipts of approvals that are missing");
    assert_contains(status.out, "change 52  2026-");
    assert_contains(status.out, "3c3c3c3c");
    assert_contains(status.out, "unknown    14 changes up to change 57");
    struct ran info = RUN("gateway", "info");
    assert_contains(info.err, "locked");
    ran_free(&info);
    struct ran unlock = RUN("gateway", "unlock", "--accept-rollback");
    assert_int_equal(unlock.code, EXIT_DONE);
    assert_contains(unlock.err, "change 44");
    assert_contains(unlock.err, "unknown    14 changes");
    fake.is_locked = false;
    struct ran again = RUN("gateway", "unlock", "--init");
    assert_int_equal(again.code, EXIT_CONFLICT);
    ran_free(&status);
    ran_free(&unlock);
    ran_free(&again);
}

static void an_address_that_leads_nowhere_is_not_given_to_agents(void **state)
{
    (void)state;
    static const char *const any[] = {"tls+tcp://0.0.0.0:24222", "tls+tcp://[::]:24222"};
    for (size_t i = 0; i < sizeof any / sizeof any[0]; i++) {
        (void)snprintf(fake.status.listeners[0].address, sizeof fake.status.listeners[0].address,
                       "%s", any[i]);
        struct ran info = RUN("gateway", "info");
        assert_contains(info.out, any[i]);
        assert_null(strstr(info.out, "--gateway tls+tcp://0"));
        assert_null(strstr(info.out, "--gateway tls+tcp://["));
        assert_contains(info.out, "--gateway tls+tcp://HOST:24222 --pin sha256:");
        assert_contains(info.out, "a name or address of this machine");
        ran_free(&info);
    }
    fake.status.listeners[0].address[0] = '\0';
    struct ran info = RUN("gateway", "info");
    assert_contains(info.out, "openclaw agent run --gateway tls+tcp://127.0.0.1:18789 --pin ");
    assert_null(strstr(info.out, "HOST"));
    ran_free(&info);
}

static void an_admin_door_that_is_shut_is_told_in_the_status(void **state)
{
    (void)state;
    struct ran status = RUN("gateway", "status");
    assert_null(strstr(status.out, "pki init"));
    ran_free(&status);
    fake.status.is_admin_door_shut = true;
    status = RUN("gateway", "status");
    fake.status.is_admin_door_shut = false;
    assert_contains(status.out, "admin      shut");
    assert_contains(status.out, "fix        openclaw pki init");
    ran_free(&status);
}

static void a_missing_identity_is_not_made_by_looking(void **state)
{
    (void)state;
    struct ran missing = RUN("identity", "show", "--data-dir", "empty");
    assert_int_equal(missing.code, EXIT_NOT_FOUND);
    assert_contains(missing.err, "--create");
    struct ran made = RUN("identity", "show", "--data-dir", "empty", "--create", "--json");
    assert_contains(made.out, "\"created\":true");
    ran_free(&missing);
    ran_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_at_all_prints_the_overview_and_is_a_usage_error, reset),
        cmocka_unit_test_setup(help_goes_to_stdout_and_is_no_error, reset),
        cmocka_unit_test_setup(every_command_has_help_that_begins_with_an_example, reset),
        cmocka_unit_test_setup(the_version_is_the_librarys, reset),
        cmocka_unit_test_setup(unknown_words_get_the_nearest_there_is, reset),
        cmocka_unit_test_setup(an_unknown_word_is_escaped_before_it_is_echoed, reset),
        cmocka_unit_test_setup(wrong_options_are_told_with_their_cure, reset),
        cmocka_unit_test_setup(options_may_stand_anywhere, reset),
        cmocka_unit_test_setup(scopes_and_labels_are_sorted_and_bounded, reset),
        cmocka_unit_test_setup(every_exit_code_appears, reset),
        cmocka_unit_test_setup(what_is_said_to_be_one_line_is_one_line, reset),
        cmocka_unit_test_setup(every_status_has_its_exit_code, reset),
        cmocka_unit_test_setup(no_gateway_is_said_with_the_socket_and_the_cure, reset),
        cmocka_unit_test_setup(on_an_agents_machine_nobody_is_told_to_start_a_gateway, reset),
        cmocka_unit_test_setup(a_daemon_that_is_not_there_is_a_failure_with_its_path, reset),
        cmocka_unit_test_setup(a_locked_gateway_is_loud_in_its_status, reset),
        cmocka_unit_test_setup(an_address_that_leads_nowhere_is_not_given_to_agents, reset),
        cmocka_unit_test_setup(an_admin_door_that_is_shut_is_told_in_the_status, reset),
        cmocka_unit_test_setup(a_missing_identity_is_not_made_by_looking, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
