/* Every format of every list, byte for byte: scripts rely on them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_openclaw.h"
#include "tests/unit/cli/cli_fixture.h"

static int reset(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static void every_format_of_every_command_is_as_agreed(void **state)
{
    (void)state;
    static const char *const formats[] = {"table", "wide", "json", "yaml", "ndjson", "name"};
    static const struct {
        const char *name, *noun, *verb, *word;
    } commands[] = {
        {"devices_list", "devices", "list", NULL},
        {"devices_show", "devices", "show", FAKE_PENDING_REQUEST},
        {"devices_show_hostile", "devices", "show", FAKE_HOSTILE_ID},
        {"pairing_list", "pairing", "list", NULL},
        {"audit_list", "audit", "list", NULL},
        {"audit_checkpoint", "audit", "checkpoint", NULL},
        {"gateway_status", "gateway", "status", NULL},
        {"gateway_info", "gateway", "info", NULL},
        {"identity_show", "identity", "show", NULL},
        {"devices_approve", "devices", "approve", FAKE_PENDING_REQUEST},
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        for (size_t j = 0; j < sizeof formats / sizeof formats[0]; j++) {
            char golden[64];
            (void)snprintf(golden, sizeof golden, "%s.%s", commands[i].name, formats[j]);
            fake_reset();
            struct ran ran =
                RUN(commands[i].noun, commands[i].verb, "-o", formats[j], commands[i].word);
            assert_int_equal(ran.code, EXIT_DONE);
            assert_golden(golden, ran.out);
            assert_string_equal(ran.err, "");
            ran_free(&ran);
        }
    }
}

static void a_terminal_gets_short_ids_and_ages(void **state)
{
    (void)state;
    struct ran ran = RUN_TYPING("", "pairing", "list");
    assert_golden("pairing_list.terminal", ran.out);
    ran_free(&ran);
}

static void a_narrow_terminal_cuts_names_and_never_ids(void **state)
{
    (void)state;
    struct stage stage = {.is_interactive = true, .out_is_terminal = true, .columns = 100};
    const char *const words[] = {"devices", "list", NULL};
    struct ran ran = run_on(&stage, words);
    assert_golden("devices_list.narrow", ran.out);
    assert_contains(ran.out, FAKE_PENDING_REQUEST);
    assert_contains(ran.out, "9999999999999999  ");
    ran_free(&ran);
}

static const struct oc_audit_record told[] = {
    {.seq = 7,
     .at_ms = FAKE_NOW_MS - 60000,
     .actor = "uid:0",
     .source = "local",
     .action = "admin.issue",
     .outcome = "done",
     .before = "none",
     .after = "active",
     .detail = "administrator=bob role=approver certificate=9f3c"},
    {.seq = 8,
     .at_ms = FAKE_NOW_MS - 60000,
     .actor = "admin:alice",
     .action = "admin.role",
     .outcome = "done",
     .before = "active",
     .after = "active",
     .detail = "administrator=bob-of-the-site-in-berlin-mitte role=admin was=viewer"},
    {.seq = 9,
     .at_ms = FAKE_NOW_MS - 60000,
     .actor = "admin:bob",
     .action = "denied",
     .outcome = "permission_denied",
     .reason = "viewer",
     .detail = "openclaw.v1.AdminService/Revoke\033[2JAdministrator"},
    {.seq = 10,
     .at_ms = FAKE_NOW_MS - 60000,
     .actor = "admin:alice",
     .action = "approve",
     .outcome = "voted",
     .device_id = {.bytes = {0x99}},
     .request_id = {.text = FAKE_PENDING_REQUEST},
     .before = "pending",
     .after = "pending",
     .detail = "term_ms=28800000 role=agent scopes=deploy"},
};

static void the_audit_tells_whom_and_what_for(void **state)
{
    (void)state;
    fake.audit = told;
    fake.n_audit = sizeof told / sizeof told[0];
    struct ran ran = RUN("audit", "list");
    assert_golden("audit_whom.table", ran.out);
    ran_free(&ran);
    ran = RUN("audit", "list", "-o", "wide");
    assert_golden("audit_whom.wide", ran.out);
    ran_free(&ran);
}

static void a_narrow_terminal_cuts_words_of_the_audit_and_never_ids(void **state)
{
    (void)state;
    static const struct {
        size_t columns;
        const char *golden;
    } rows[] = {{80, "audit_whom.80"}, {120, "audit_whom.120"}};
    const char *const words[] = {"audit", "list", NULL};
    fake.audit = told;
    fake.n_audit = sizeof told / sizeof told[0];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stage stage = {
            .is_interactive = true, .out_is_terminal = true, .columns = rows[i].columns};
        struct ran ran = run_on(&stage, words);
        assert_golden(rows[i].golden, ran.out);
        assert_contains(ran.out, "9900000000000000  " FAKE_PENDING_REQUEST);
        ran_free(&ran);
    }
}

static void an_approved_device_that_wants_more_is_listed_with_both(void **state)
{
    (void)state;
    struct ran ran = RUN("pairing", "list");
    assert_contains(ran.out, "approved, more access awaiting approval");
    assert_contains(ran.out, FAKE_UPGRADE_REQUEST);
    ran_free(&ran);
}

static void an_empty_list_is_a_list_and_says_so_on_stderr(void **state)
{
    (void)state;
    fake.n_devices = 0;
    struct ran ran = RUN("devices", "list", "--json");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_string_equal(ran.out, "{\"items\":[],\"next_cursor\":\"\",\"revision\":41}\n");
    assert_string_equal(ran.err, "No devices.\n");
    ran_free(&ran);
}

static void a_limit_gives_a_cursor_to_go_on_from(void **state)
{
    (void)state;
    struct ran first = RUN("devices", "list", "--json", "--limit", "2");
    assert_contains(first.out, "\"next_cursor\":\"2\"");
    struct ran second = RUN("devices", "list", "-o", "name", "--cursor", "2", "--limit=1");
    assert_string_equal(second.out, FAKE_APPROVED_ID "\n");
    ran_free(&first);
    ran_free(&second);
}

static void a_failed_list_prints_no_document(void **state)
{
    (void)state;
    fake.reads_fail_with = OC_INTERNAL;
    struct ran ran = RUN("devices", "list", "--json");
    assert_int_equal(ran.code, EXIT_FAILED);
    assert_string_equal(ran.out, "");
    ran_free(&ran);
}

static void nothing_a_device_sent_reaches_any_output_raw(void **state)
{
    (void)state;
    static const char *const formats[] = {"table", "wide", "json", "yaml", "ndjson", "name"};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct ran ran = RUN("devices", "list", "-o", formats[i], "--color", "never");
        assert_null(strchr(ran.out, '\x1b'));
        assert_null(strstr(ran.out, "\xe2\x80\xae"));
        assert_null(strstr(ran.out, "\xc2\x9b"));
        assert_null(strstr(ran.out, "\xff"));
        ran_free(&ran);
    }
}

static void colour_is_for_terminals_unless_it_is_asked_for(void **state)
{
    (void)state;
    struct ran piped = RUN("devices", "list");
    assert_null(strchr(piped.out, '\x1b'));
    struct ran forced = RUN("devices", "list", "--color", "always");
    assert_contains(forced.out, "\x1b[33mpending\x1b[0m");
    struct ran document = RUN("devices", "list", "--color", "always", "--json");
    assert_null(strchr(document.out, '\x1b'));
    ran_free(&piped);
    ran_free(&forced);
    ran_free(&document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_format_of_every_command_is_as_agreed, reset),
        cmocka_unit_test_setup(a_terminal_gets_short_ids_and_ages, reset),
        cmocka_unit_test_setup(a_narrow_terminal_cuts_names_and_never_ids, reset),
        cmocka_unit_test_setup(the_audit_tells_whom_and_what_for, reset),
        cmocka_unit_test_setup(a_narrow_terminal_cuts_words_of_the_audit_and_never_ids, reset),
        cmocka_unit_test_setup(an_approved_device_that_wants_more_is_listed_with_both, reset),
        cmocka_unit_test_setup(an_empty_list_is_a_list_and_says_so_on_stderr, reset),
        cmocka_unit_test_setup(a_limit_gives_a_cursor_to_go_on_from, reset),
        cmocka_unit_test_setup(a_failed_list_prints_no_document, reset),
        cmocka_unit_test_setup(nothing_a_device_sent_reaches_any_output_raw, reset),
        cmocka_unit_test_setup(colour_is_for_terminals_unless_it_is_asked_for, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
