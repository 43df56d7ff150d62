/* Which gateway a command acts upon, and the contexts on disk. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/context_store.h"
#include "tests/support/fake_bundle.h"
#include "tests/support/fake_openclaw.h"
#include "tests/unit/cli/cli_fixture.h"

static const int64_t DAY_MS = INT64_C(24) * 3600 * 1000;

static char home[64];
static char brought[128]; /* a bundle of alice */

static int begin(void **state)
{
    (void)state;
    (void)snprintf(home, sizeof home, "/tmp/openclaw-context.XXXXXX");
    assert_non_null(mkdtemp(home));
    (void)snprintf(brought, sizeof brought, "%s/alice.bundle", home);
    (void)unsetenv("OPENCLAW_CONTEXT");
    fake_reset();
    fake_bundle_write(brought, "alice", "admin", FAKE_NOW_MS + 80 * DAY_MS);
    return 0;
}

static int delete_it(const char *path, const struct stat *facts, int kind, struct FTW *at)
{
    (void)facts;
    (void)kind;
    (void)at;
    return remove(path);
}

static int end(void **state)
{
    (void)state;
    (void)unsetenv("OPENCLAW_CONTEXT");
    return nftw(home, delete_it, 8, FTW_DEPTH | FTW_PHYS);
}

static char *path_in(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", home, name);
    return path;
}

#define OC(...) RUN("--data-dir", home, __VA_ARGS__)

static void expect(struct ran ran, enum exit_code code, const char *part)
{
    if (ran.code != code) {
        print_error("exit %d; it said:\n%s%s", ran.code, ran.out, ran.err);
    }
    assert_int_equal(ran.code, code);
    assert_contains(code == EXIT_DONE ? ran.out : ran.err, part);
    ran_free(&ran);
}

static void add(const char *name)
{
    expect(OC("context", "add", name, "--bundle", brought), EXIT_DONE, name);
}

/* The bundle that a command opened its client with. */
static void expect_opened(const char *name)
{
    char path[256] = "";
    if (name) {
        (void)snprintf(path, sizeof path, "%s/contexts/%s.bundle", home, name);
    }
    assert_string_equal(fake.bundle_file, path);
}

static void without_contexts_commands_reach_the_local_socket(void **state)
{
    (void)state;
    expect(OC("devices", "list"), EXIT_DONE, "DEVICE");
    expect_opened(NULL);
    expect(OC("devices", "list", "--context", "local"), EXIT_DONE, "DEVICE");
    expect_opened(NULL);
}

static void a_bundle_is_kept_for_its_user_alone_and_never_over_another(void **state)
{
    (void)state;
    struct stat facts;
    add("prod");
    assert_int_equal(stat(path_in("contexts"), &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0700);
    assert_int_equal(stat(path_in("contexts/prod.bundle"), &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0600);
    expect(OC("context", "add", "prod", "--bundle", brought), EXIT_CONFLICT,
           "openclaw context remove prod");
}

static void flag_goes_before_environment_before_file(void **state)
{
    (void)state;
    add("one");
    add("two");
    add("three");
    expect(OC("context", "use", "one"), EXIT_DONE, "context one");
    expect(OC("devices", "list"), EXIT_DONE, "DEVICE");
    expect_opened("one");
    (void)setenv("OPENCLAW_CONTEXT", "two", 1);
    expect(OC("devices", "list"), EXIT_DONE, "DEVICE");
    expect_opened("two");
    expect(OC("devices", "list", "--context", "three"), EXIT_DONE, "DEVICE");
    expect_opened("three");
    expect(RUN("--context=three", "--data-dir", home, "devices", "list"), EXIT_DONE, "DEVICE");
    expect_opened("three");
    expect(RUN("--context", "three", "devices", "list", "--data-dir", home), EXIT_DONE, "DEVICE");
    expect_opened("three");
}

static void local_is_reached_past_environment_and_file(void **state)
{
    (void)state;
    add("prod");
    expect(OC("context", "use", "prod"), EXIT_DONE, "prod");
    expect(OC("devices", "list", "--context", "local"), EXIT_DONE, "DEVICE");
    expect_opened(NULL);
    (void)setenv("OPENCLAW_CONTEXT", "local", 1);
    expect(OC("devices", "list"), EXIT_DONE, "DEVICE");
    expect_opened(NULL);
    (void)setenv("OPENCLAW_CONTEXT", "", 1); /* as if it were not set */
    expect(OC("devices", "list"), EXIT_DONE, "DEVICE");
    expect_opened("prod");
    (void)unsetenv("OPENCLAW_CONTEXT");
    expect(OC("context", "use", "local"), EXIT_DONE, "this machine");
    expect(OC("devices", "list"), EXIT_DONE, "DEVICE");
    expect_opened(NULL);
}

static void a_context_that_is_not_there_is_never_the_local_gateway(void **state)
{
    (void)state;
    expect(OC("devices", "list", "--context", "prod"), EXIT_NOT_FOUND,
           "openclaw context add prod --bundle FILE");
    add("prod");
    expect(OC("context", "use", "prod"), EXIT_DONE, "prod");
    assert_int_equal(unlink(path_in("contexts/prod.bundle")), 0);
    expect(OC("devices", "revoke", "db-1", "--yes"), EXIT_NOT_FOUND, "there is no context prod");
    assert_int_equal(fake.n_decisions, 0);
}

static void an_empty_context_is_never_the_local_gateway(void **state)
{
    (void)state;
    expect(OC("devices", "list", "--context", ""), EXIT_USAGE, "--context local");
    add("prod");
    expect(OC("context", "use", "prod"), EXIT_DONE, "prod");
    expect(OC("devices", "revoke", "db-1", "--yes", "--context", ""), EXIT_USAGE,
           "--context \"\": no name of a context");
    expect(OC("devices", "revoke", "db-1", "--yes", "--context="), EXIT_USAGE, "--context local");
    expect(OC("gateway", "unlock", "--init", "--yes", "--context="), EXIT_USAGE, "--context local");
    assert_int_equal(fake.n_decisions, 0);
    assert_int_equal(chmod(path_in("contexts"), 0750), 0);
    expect(OC("devices", "list", "--context="), EXIT_FAILED, "chmod 700");
}

static void names_that_lead_elsewhere_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"../prod", "a/b",   "..",  ".", "a..b",
                                        ".hidden", "local", "a b", "",  "-x"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_false(context_name_is_sound(names[i]));
        struct ran ran = OC("context", "add", "--bundle", brought, "--", names[i]);
        assert_int_equal(ran.code, EXIT_USAGE);
        ran_free(&ran);
    }
    char longest[CONTEXT_NAME_BYTES + 2];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_false(context_name_is_sound(longest));
    longest[sizeof longest - 2] = '\0';
    assert_true(context_name_is_sound(longest));
    expect(OC("devices", "list", "--context", "../alice"), EXIT_USAGE, "no name of a context");
    expect(OC("context", "use", "../alice"), EXIT_NOT_FOUND, "there is no context ../alice");
    expect(OC("context", "remove", "../alice", "--yes"), EXIT_NOT_FOUND, "there is no context");
    expect(OC("context", "show", "../alice"), EXIT_NOT_FOUND, "there is no context");
}

static void contexts_that_others_may_reach_are_not_used(void **state)
{
    (void)state;
    add("prod");
    assert_int_equal(chmod(path_in("contexts"), 0750), 0);
    expect(OC("devices", "list", "--context", "prod"), EXIT_FAILED, "chmod 700");
    expect(OC("devices", "list"), EXIT_FAILED, "chmod 700");
    expect(OC("devices", "list", "--context", "local"), EXIT_DONE, "DEVICE");
    expect_opened(NULL);
    assert_int_equal(chmod(path_in("contexts"), 0700), 0);
    assert_int_equal(chmod(home, 0722), 0);
    expect(OC("devices", "list"), EXIT_FAILED, "chmod 700");
    assert_int_equal(chmod(home, 0700), 0);
    char moved[128];
    (void)snprintf(moved, sizeof moved, "%s/moved", home);
    assert_int_equal(rename(path_in("contexts"), moved), 0);
    assert_int_equal(symlink(moved, path_in("contexts")), 0);
    expect(OC("devices", "list"), EXIT_FAILED, "a link, or no directory");
}

static void a_current_that_names_nothing_sound_stops_everything(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "../alice\n", "prod\n\nand more", "local\n"};
    add("prod");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        FILE *file = fopen(path_in("contexts/current"), "w");
        assert_non_null(file);
        (void)fputs(texts[i], file);
        (void)fclose(file);
        struct ran ran = OC("devices", "list");
        assert_int_equal(ran.code, i == 2 ? EXIT_DONE : EXIT_FAILED); /* a first line is one */
        ran_free(&ran);
    }
    expect(OC("devices", "list"), EXIT_FAILED, "openclaw context use NAME");
    assert_int_equal(unlink(path_in("contexts/current")), 0);
    assert_int_equal(symlink(brought, path_in("contexts/current")), 0);
    expect(OC("devices", "list"), EXIT_FAILED, "openclaw context use NAME");
    expect(OC("context", "use", "prod"), EXIT_DONE, "prod");
    expect(OC("devices", "list"), EXIT_DONE, "DEVICE");
    expect_opened("prod");
}

/* All of err, the list being in out: `lacks` must not be said. */
static void expect_listed(enum exit_code code, const char *said, const char *lacks)
{
    struct ran ran = OC("context", "list");
    assert_int_equal(ran.code, code);
    assert_contains(ran.out, "prod");
    assert_contains(ran.err, said);
    assert_null(strstr(ran.err, lacks));
    ran_free(&ran);
}

static void a_list_says_the_local_gateway_is_acted_on_only_where_it_is(void **state)
{
    (void)state;
    add("prod");
    expect_listed(EXIT_DONE, "None is in force: commands act on the gateway of this machine",
                  "no such");
    assert_int_equal(symlink(brought, path_in("contexts/current")), 0);
    expect_listed(EXIT_FAILED, "openclaw context use NAME", "None is in force");
    assert_int_equal(unlink(path_in("contexts/current")), 0);
    (void)setenv("OPENCLAW_CONTEXT", "nope", 1);
    expect_listed(EXIT_DONE, "nope is in force by $OPENCLAW_CONTEXT, and there is no such context",
                  "this machine");
    (void)unsetenv("OPENCLAW_CONTEXT");
    expect(OC("context", "use", "prod"), EXIT_DONE, "prod");
    assert_int_equal(unlink(path_in("contexts/prod.bundle")), 0);
    struct ran ran = OC("context", "list");
    assert_contains(ran.err, "prod is in force by openclaw context use, and there is no such");
    assert_null(strstr(ran.err, "this machine"));
    ran_free(&ran);
}

static void a_certificate_that_ended_is_not_told_to_be_renewed(void **state)
{
    (void)state;
    static const char cure[] = "on the gateway's machine:  openclaw pki issue bob --role viewer";
    fake_bundle_write(brought, "bob", "viewer", FAKE_NOW_MS);
    struct ran ran = OC("context", "add", "prod", "--bundle", brought);
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(ran.err, "the certificate of prod ended");
    assert_contains(ran.err, cure);
    ran_free(&ran);
    expect_listed(EXIT_DONE, cure, "pki renew");
    fake_bundle_write(path_in("contexts/prod.bundle"), "bob", "viewer", FAKE_NOW_MS + 1);
    expect_listed(EXIT_DONE, "openclaw --context prod pki renew", cure);
}

static void a_new_bundle_takes_the_place_of_the_same_administrators(void **state)
{
    (void)state;
    add("prod");
    expect(OC("context", "use", "prod"), EXIT_DONE, "prod");
    fake_bundle_write(brought, "alice", "viewer", FAKE_NOW_MS + 80 * DAY_MS);
    expect(OC("context", "add", "prod", "--bundle", brought), EXIT_CONFLICT, "--replace");
    expect(OC("context", "add", "prod", "--bundle", brought, "--replace"), EXIT_DONE,
           "replaced context prod");
    expect(OC("context", "show"), EXIT_DONE, "alice, issued as viewer");
    fake_bundle_write(brought, "bob", "viewer", FAKE_NOW_MS + 80 * DAY_MS);
    expect(OC("context", "add", "prod", "--bundle", brought, "--replace"), EXIT_CONFLICT,
           "openclaw context remove prod");
    expect(OC("context", "show"), EXIT_DONE, "alice, issued as viewer");
    expect(OC("context", "add", "test", "--bundle", brought, "--replace"), EXIT_NOT_FOUND,
           "leave out --replace");
}

static void use_does_not_say_more_than_the_environment_lets_it(void **state)
{
    (void)state;
    add("one");
    add("two");
    (void)setenv("OPENCLAW_CONTEXT", "one", 1);
    struct ran ran = OC("context", "use", "two");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(ran.out, "without $OPENCLAW_CONTEXT, commands act on");
    assert_contains(ran.err, "unset OPENCLAW_CONTEXT");
    ran_free(&ran);
    expect(OC("context", "use", "local"), EXIT_DONE, "without $OPENCLAW_CONTEXT, commands act on");
    expect(OC("context", "use", "two", "-o", "json"), EXIT_DONE, "\"in_force\":false");
    (void)unsetenv("OPENCLAW_CONTEXT");
    ran = OC("context", "use", "two");
    assert_int_equal(strncmp(ran.out, "commands act on", 15), 0);
    assert_string_equal(ran.err, "");
    ran_free(&ran);
}

static void bundles_that_cannot_be_used_are_refused_at_once(void **state)
{
    (void)state;
    assert_int_equal(chmod(brought, 0644), 0);
    expect(OC("context", "add", "prod", "--bundle", brought), EXIT_FAILED, "chmod 600");
    assert_int_equal(chmod(brought, 0600), 0);
    expect(OC("context", "add", "prod", "--bundle", path_in("nothing")), EXIT_NOT_FOUND,
           "not there");
    expect(OC("context", "add", "prod"), EXIT_USAGE, "--bundle FILE");
    FILE *file = fopen(brought, "w");
    assert_non_null(file);
    (void)fputs("fake alice draft - 0\n", file);
    (void)fclose(file);
    expect(OC("context", "add", "prod", "--bundle", brought), EXIT_FAILED, "is a draft");
    assert_int_not_equal(access(path_in("contexts/prod.bundle"), F_OK), 0);
}

static void what_acts_on_this_machine_says_so(void **state)
{
    (void)state;
    add("prod");
    expect(OC("context", "use", "prod"), EXIT_DONE, "prod");
    expect(OC("gateway", "unlock", "--init"), EXIT_USAGE, "acts on this machine alone");
    expect(OC("gateway", "restore", "x.db", "--yes"), EXIT_USAGE, "acts on this machine alone");
    expect(OC("gateway", "backup"), EXIT_USAGE, "openclaw --context local gateway backup");
    expect(OC("pki", "init"), EXIT_USAGE, "acts on this machine alone");
    expect(OC("agent", "run", "--gateway", "x", "--context", "prod"), EXIT_USAGE,
           "acts on this machine alone");
    expect(OC("identity", "show", "--create"), EXIT_DONE, "device");
    struct ran ran = OC("doctor");
    assert_contains(ran.err, "the context prod is left out");
    expect_opened(NULL);
    ran_free(&ran);
}

static void questions_name_the_gateway(void **state)
{
    (void)state;
    add("prod");
    struct ran ran =
        RUN_TYPING("n\n", "--data-dir", home, "devices", "revoke", "db-1", "--context", "prod");
    assert_int_equal(ran.code, EXIT_USAGE);
    assert_contains(ran.err, "Gateway: tls+tcp://gw.example:18790, context prod, as administrator "
                             "alice.");
    assert_true(strstr(ran.err, "context prod") < strstr(ran.err, "[y/N]"));
    ran_free(&ran);
    ran = RUN_TYPING("n\n", "--data-dir", home, "devices", "approve", FAKE_PENDING_REQUEST,
                     "--context", "prod");
    assert_true(strstr(ran.err, "context prod") < strstr(ran.err, "[y/N]"));
    ran_free(&ran);
    ran = RUN_TYPING("n\n", "--data-dir", home, "devices", "revoke", "db-1");
    assert_contains(ran.err, "Gateway: that of this machine.");
    ran_free(&ran);
}

static void failures_from_afar_say_what_helps(void **state)
{
    (void)state;
    add("prod");
    fake.reads_fail_with = OC_UNAUTHENTICATED;
    expect(OC("devices", "list", "--context", "prod"), EXIT_NOT_AUTHENTICATED,
           "this is context prod: the certificate of administrator alice");
    fake.reads_fail_with = OC_UNAVAILABLE;
    expect(OC("devices", "list", "--context", "prod"), EXIT_UNAVAILABLE,
           "the gateway of context prod is at tls+tcp://gw.example:18790");
    fake.reads_fail_with = OC_OK;
    fake.decisions_fail_with = OC_PERMISSION_DENIED;
    expect(OC("devices", "revoke", "db-1", "--yes", "--context", "prod"), EXIT_FORBIDDEN,
           "openclaw pki role alice ROLE");
    (void)snprintf(fake.facts.cause, sizeof fake.facts.cause, "break_glass");
    struct ran ran = OC("devices", "approve", FAKE_PENDING_REQUEST, "--break-glass", "--reason",
                        "down", "--context", "prod");
    assert_int_equal(ran.code, EXIT_FORBIDDEN);
    assert_contains(ran.err, "it is for root (uid 0) on the gateway's machine");
    assert_null(strstr(ran.err, "pki role")); /* none helps */
    ran_free(&ran);
}

static void removing_asks_and_the_one_in_use_is_told(void **state)
{
    (void)state;
    add("prod");
    expect(OC("context", "use", "prod"), EXIT_DONE, "prod");
    expect(OC("context", "remove", "prod"), EXIT_USAGE, "needs --yes");
    struct ran ran = RUN_TYPING("n\n", "--data-dir", home, "context", "remove", "prod");
    assert_int_equal(ran.code, EXIT_USAGE);
    ran_free(&ran);
    expect_opened(NULL);
    ran = OC("context", "remove", "prod", "--yes");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(ran.err, "commands act on the gateway of this machine now");
    ran_free(&ran);
    assert_int_not_equal(access(path_in("contexts/prod.bundle"), F_OK), 0);
    expect(OC("devices", "list"), EXIT_DONE, "DEVICE");
    expect_opened(NULL);
    expect(OC("context", "remove", "prod", "--yes"), EXIT_NOT_FOUND, "openclaw context list");
}

static void every_format_of_the_list_is_as_agreed(void **state)
{
    (void)state;
    static const char *const formats[] = {"table", "wide", "json", "yaml", "ndjson", "name"};
    add("prod");
    fake_bundle_write(brought, "bob", "viewer", FAKE_NOW_MS + 3 * DAY_MS);
    add("test");
    expect(OC("context", "use", "test"), EXIT_DONE, "test");
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        char golden[64];
        (void)snprintf(golden, sizeof golden, "context_list.%s", formats[i]);
        struct ran ran = OC("context", "list", "-o", formats[i]);
        assert_int_equal(ran.code, EXIT_DONE);
        assert_contains(ran.err, "the certificate of test ends");
        for (char *at = strstr(ran.out, home); at; at = strstr(at, home)) {
            memset(at, 'x', strlen(home)); /* differs from run to run */
        }
        assert_golden(golden, ran.out);
        ran_free(&ran);
    }
}

static void show_tells_which_is_in_force_and_why(void **state)
{
    (void)state;
    expect(OC("context", "show"), EXIT_DONE, "local, the gateway of this machine");
    add("prod");
    expect(OC("context", "show", "prod"), EXIT_DONE, "alice, issued as admin");
    expect(OC("context", "show", "--context", "prod"), EXIT_DONE, "prod, in force by --context");
    (void)setenv("OPENCLAW_CONTEXT", "prod", 1);
    expect(OC("context", "show"), EXIT_DONE, "in force by $OPENCLAW_CONTEXT");
    struct ran ran = OC("context", "use", "prod");
    (void)unsetenv("OPENCLAW_CONTEXT");
    assert_contains(ran.err, "$OPENCLAW_CONTEXT is set");
    ran_free(&ran);
    expect(OC("context", "show", "-o", "json"), EXIT_DONE, "\"in_force\":true");
    expect(OC("context", "show", "test"), EXIT_NOT_FOUND, "there is no context test");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_contexts_commands_reach_the_local_socket),
        TEST(a_bundle_is_kept_for_its_user_alone_and_never_over_another),
        TEST(flag_goes_before_environment_before_file),
        TEST(local_is_reached_past_environment_and_file),
        TEST(a_context_that_is_not_there_is_never_the_local_gateway),
        TEST(an_empty_context_is_never_the_local_gateway),
        TEST(names_that_lead_elsewhere_are_refused),
        TEST(contexts_that_others_may_reach_are_not_used),
        TEST(a_current_that_names_nothing_sound_stops_everything),
        TEST(a_list_says_the_local_gateway_is_acted_on_only_where_it_is),
        TEST(a_certificate_that_ended_is_not_told_to_be_renewed),
        TEST(a_new_bundle_takes_the_place_of_the_same_administrators),
        TEST(use_does_not_say_more_than_the_environment_lets_it),
        TEST(bundles_that_cannot_be_used_are_refused_at_once),
        TEST(what_acts_on_this_machine_says_so),
        TEST(questions_name_the_gateway),
        TEST(failures_from_afar_say_what_helps),
        TEST(removing_asks_and_the_one_in_use_is_told),
        TEST(every_format_of_the_list_is_as_agreed),
        TEST(show_tells_which_is_in_force_and_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
