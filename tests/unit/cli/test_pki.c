/* `openclaw pki`: certificates, their bundles, and what administrators may. */
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

#include "tests/support/fake_administrators.h"
#include "tests/support/fake_openclaw.h"
#include "tests/unit/cli/cli_fixture.h"

static const int64_t DAY_MS = INT64_C(24) * 3600 * 1000;
static const char ALICE_CERTIFICATE[] =
    "6161616161616161616161616161616161616161616161616161616161616161";

static char home[64];
static char out_path[128];

static int begin(void **state)
{
    (void)state;
    (void)snprintf(home, sizeof home, "/tmp/openclaw-pki.XXXXXX");
    assert_non_null(mkdtemp(home));
    assert_int_equal(chdir(home), 0);
    (void)snprintf(out_path, sizeof out_path, "%s/new.bundle", home);
    (void)unsetenv("OPENCLAW_CONTEXT");
    fake_reset();
    fake_pki_reset();
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
    assert_int_equal(chdir("/"), 0);
    return nftw(home, delete_it, 8, FTW_DEPTH | FTW_PHYS);
}

#define PKI(...) RUN("--data-dir", home, "pki", __VA_ARGS__)

static void expect(struct ran ran, enum exit_code code, const char *part)
{
    if (ran.code != code) {
        print_error("exit %d; it said:\n%s%s", ran.code, ran.out, ran.err);
    }
    assert_int_equal(ran.code, code);
    assert_contains(code == EXIT_DONE ? ran.out : ran.err, part);
    ran_free(&ran);
}

static void add_context(const char *administrator)
{
    fake_bundle_write("brought", administrator, "admin", FAKE_NOW_MS + 80 * DAY_MS);
    expect(RUN("--data-dir", home, "context", "add", "prod", "--bundle", "brought"), EXIT_DONE,
           "prod");
}

/* ---- list ------------------------------------------------------------------------------------ */

static void every_format_of_the_list_is_as_agreed(void **state)
{
    (void)state;
    static const char *const formats[] = {"table", "wide", "json", "yaml", "ndjson", "name"};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        char golden[64];
        (void)snprintf(golden, sizeof golden, "pki_list.%s", formats[i]);
        struct ran ran = PKI("list", "-o", formats[i]);
        assert_int_equal(ran.code, EXIT_DONE);
        assert_golden(golden, ran.out);
        ran_free(&ran);
    }
}

static void certificates_that_end_soon_are_named_and_revoked_ones_are_not(void **state)
{
    (void)state;
    struct ran ran = PKI("list");
    assert_contains(ran.err, "the certificate of bob ends 2026-12-04T12:00:01.000Z (12 days); "
                             "openclaw pki renew bob");
    assert_null(strstr(ran.err, "alice"));
    assert_null(strstr(ran.err, "carol"));
    ran_free(&ran);
    fake_pki.items[1].certificates[0].not_after_ms = FAKE_NOW_MS + 30 * DAY_MS;
    ran = PKI("list");
    assert_string_equal(ran.err, "");
    ran_free(&ran);
    fake_pki.pki.not_after_ms = FAKE_NOW_MS + 29 * DAY_MS;
    ran = PKI("list");
    assert_contains(ran.err, "the certificate of the admin CA ends");
    ran_free(&ran);
}

static void a_renewal_that_needs_the_address_is_told_with_it(void **state)
{
    (void)state;
    (void)snprintf(fake_pki.pki.admin_url, sizeof fake_pki.pki.admin_url,
                   "tls+tcp://0.0.0.0:18790");
    struct ran ran = PKI("list");
    assert_contains(ran.err, "openclaw pki renew bob --gateway tls+tcp://HOST:18790\n");
    ran_free(&ran);
    add_context("alice");
    ran = PKI("list", "--context", "prod"); /* whose address is handed on */
    assert_contains(ran.err, "openclaw pki renew bob\n");
    ran_free(&ran);
}

static void the_admin_door_is_opened_beside_the_other_one(void **state)
{
    (void)state;
    fake_pki.pki.is_there = false;
    fake_pki.pki.admin_url[0] = '\0';
    struct ran ran = PKI("init");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(ran.err, "  admin: \"tls+tcp://0.0.0.0:18790\"");
    assert_null(strstr(ran.err, "listen: {")); /* a second one is refused */
    ran_free(&ran);
    ran = PKI("issue", "dora", "--role", "viewer");
    assert_contains(ran.err, "under listen:  admin: \"tls+tcp://0.0.0.0:18790\"");
    assert_null(strstr(ran.err, "listen: {"));
    ran_free(&ran);
}

static void a_gateway_without_a_ca_is_told_how_to_get_one(void **state)
{
    (void)state;
    fake_pki.n = 0;
    fake_pki.pki.is_there = false;
    struct ran ran = PKI("list");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(ran.err, "openclaw pki init");
    ran_free(&ran);
    expect(PKI("issue", "dora", "--role", "viewer"), EXIT_FAILED, "openclaw pki init");
    assert_int_not_equal(access("dora.bundle", F_OK), 0);
}

/* ---- issue ----------------------------------------------------------------------------------- */

static void a_bundle_is_made_for_its_owner_alone(void **state)
{
    (void)state;
    struct stat facts;
    struct ran ran = PKI("issue", "dora", "--role", "approver", "--ttl", "30d");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(ran.out, "dora, approver");
    assert_contains(ran.err, "openclaw context add NAME --bundle FILE");
    ran_free(&ran);
    assert_int_equal(stat("dora.bundle", &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0600);
    assert_string_equal(fake_pki.last_name, "dora");
    assert_string_equal(fake_pki.last_url, FAKE_ADMIN_URL);
    assert_int_equal(fake_pki.last_ttl_ms, 30 * DAY_MS);
}

static void nothing_is_issued_over_a_file_that_is_there(void **state)
{
    (void)state;
    FILE *file = fopen(out_path, "w");
    assert_non_null(file);
    (void)fclose(file);
    expect(PKI("issue", "dora", "--role", "viewer", "--out", out_path), EXIT_CONFLICT,
           "never written over");
    assert_int_equal(fake_pki.n_changes, 0);
    assert_int_equal(access(out_path, F_OK), 0);
    expect(PKI("issue", "dora", "--role", "viewer", "--out", "nowhere/x"), EXIT_NOT_FOUND,
           "cannot write the bundle");
    assert_int_equal(fake_pki.n_changes, 0);
}

static void what_is_refused_leaves_no_file(void **state)
{
    (void)state;
    fake_pki.changes_fail_with = OC_PERMISSION_DENIED;
    expect(PKI("issue", "dora", "--role", "admin", "--out", out_path), EXIT_FORBIDDEN,
           "cannot issue");
    assert_int_not_equal(access(out_path, F_OK), 0);
    fake_pki.changes_fail_with = OC_ALREADY_EXISTS;
    (void)snprintf(fake_pki.facts.cause, sizeof fake_pki.facts.cause, "exists");
    expect(PKI("issue", "bob", "--role", "admin"), EXIT_CONFLICT, "openclaw pki role bob ROLE");
}

static void an_address_that_leads_nowhere_is_not_put_into_a_bundle(void **state)
{
    (void)state;
    static const struct {
        const char *listens, *part;
    } rows[] = {
        {"tls+tcp://0.0.0.0:18790", "--gateway tls+tcp://HOST:18790"},
        {"tls+tcp://[::]:18790", "--gateway tls+tcp://HOST:18790"},
        {"tls+tcp://127.0.0.1:18790", "--gateway tls+tcp://127.0.0.1:18790"},
        {"tls+tcp://[::1]:18790", "on this machine alone"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)snprintf(fake_pki.pki.admin_url, sizeof fake_pki.pki.admin_url, "%s",
                       rows[i].listens);
        expect(PKI("issue", "dora", "--role", "viewer"), EXIT_USAGE, rows[i].part);
    }
    fake_pki.pki.admin_url[0] = '\0';
    expect(PKI("issue", "dora", "--role", "viewer"), EXIT_FAILED, "listen.admin");
    assert_int_equal(fake_pki.n_changes, 0);
    expect(PKI("issue", "dora", "--role", "viewer", "--gateway", "gw"), EXIT_USAGE,
           "tls+tcp://HOST:PORT");
    expect(PKI("issue", "dora", "--role", "viewer", "--gateway", "tls+tcp://127.0.0.1:9"),
           EXIT_DONE, "tls+tcp://127.0.0.1:9");
    assert_string_equal(fake_pki.last_url, "tls+tcp://127.0.0.1:9");
}

static void from_afar_the_address_of_the_context_is_handed_on(void **state)
{
    (void)state;
    add_context("alice");
    (void)snprintf(fake_pki.pki.admin_url, sizeof fake_pki.pki.admin_url,
                   "tls+tcp://0.0.0.0:18790");
    expect(PKI("issue", "dora", "--role", "viewer", "--context", "prod"), EXIT_DONE,
           FAKE_ADMIN_URL);
    assert_string_equal(fake_pki.last_url, FAKE_ADMIN_URL);
}

static void options_of_issue_are_checked_before_anything_is_done(void **state)
{
    (void)state;
    expect(PKI("issue", "dora"), EXIT_USAGE, "--role viewer");
    expect(PKI("issue", "dora", "--role", "agent"), EXIT_USAGE, "--role agent");
    expect(PKI("issue", "dora", "--role", "viewer", "--ttl", "399d"), EXIT_USAGE, "1m to 398d");
    expect(PKI("issue", "dora", "--role", "viewer", "--ttl", "59s"), EXIT_USAGE, "1m to 398d");
    expect(PKI("issue", "Dora", "--role", "viewer"), EXIT_USAGE, "name");
    expect(PKI("issue", "../x", "--role", "viewer"), EXIT_USAGE,
           "openclaw: ../x: no name for an administrator");
    expect(PKI("issue", "dora", "--role", "viewer", "--pin", FAKE_PIN), EXIT_USAGE, "--offline");
    expect(PKI("issue", "dora", "--role", "viewer", "--register", "x", "--out", "y"), EXIT_USAGE,
           "--register");
    assert_int_equal(fake_pki.n_changes, 0);
}

/* ---- a CA elsewhere -------------------------------------------------------------------------- */

static void a_ca_elsewhere_signs_what_the_gateway_registers(void **state)
{
    (void)state;
    fake_pki.pki.is_there = false;
    struct ran ran = PKI("init", "--offline", "ca");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(ran.out, "is kept elsewhere");
    ran_free(&ran);
    assert_int_equal(access("ca/admin-ca.crt", R_OK), 0);
    expect(PKI("issue", "dora", "--role", "admin"), EXIT_FAILED, "--offline DIR");
    expect(PKI("issue", "dora", "--role", "admin", "--offline", "ca"), EXIT_DONE, "dora, admin");
    assert_true(fake_pki.was_signed_elsewhere);
    fake_pki.pki.can_sign = true;
    expect(PKI("issue", "emil", "--role", "admin", "--offline", "ca"), EXIT_FAILED,
           "leave out --offline");
}

static void away_from_the_gateway_a_bundle_is_made_and_registered_later(void **state)
{
    (void)state;
    fake.reads_fail_with = OC_UNAVAILABLE;
    fake_pki.changes_fail_with = OC_UNAVAILABLE;
    expect(PKI("init", "--offline", "ca"), EXIT_DONE, "made a CA in ca");
    struct ran ran = PKI("issue", "dora", "--role", "admin", "--offline", "ca", "--gateway",
                         FAKE_ADMIN_URL, "--pin", FAKE_PIN);
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(ran.err, "openclaw pki issue dora --role admin --register dora.crt");
    ran_free(&ran);
    assert_int_equal(access("dora.crt", R_OK), 0);
    fake.reads_fail_with = OC_OK;
    fake_pki.changes_fail_with = OC_OK;
    fake_pki.pki.can_sign = false;
    expect(PKI("issue", "dora", "--role", "admin", "--register", "dora.crt"), EXIT_DONE, "dora");
    assert_true(fake_pki.was_signed_elsewhere);
}

static void without_a_gateway_the_way_of_an_offline_ca_is_told(void **state)
{
    (void)state;
    fake.reads_fail_with = OC_UNAVAILABLE;
    fake_pki.changes_fail_with = OC_UNAVAILABLE;
    expect(PKI("init", "--offline", "ca"), EXIT_DONE, "made a CA in ca");
    struct ran ran = PKI("init", "--offline", "ca");
    assert_int_equal(ran.code, EXIT_UNAVAILABLE);
    assert_contains(ran.err, "carry ca/admin-ca.crt to the gateway's machine");
    assert_null(strstr(ran.err, "start it"));
    ran_free(&ran);
    ran = PKI("issue", "dora", "--role", "admin", "--offline", "ca");
    assert_int_equal(ran.code, EXIT_UNAVAILABLE);
    assert_contains(ran.err, "openclaw pki issue dora --role admin --offline ca --gateway "
                             "tls+tcp://HOST:18790 --pin sha256:HEX");
    assert_null(strstr(ran.err, "start it"));
    ran_free(&ran);
}

static void a_certificate_that_is_not_registered_is_told_how(void **state)
{
    (void)state;
    fake_pki.pki.can_sign = false;
    expect(PKI("issue", "dora", "--role", "admin"), EXIT_FAILED, "--register dora.crt");
    fake_pki.changes_fail_with = OC_INVALID_ARGUMENT;
    FILE *file = fopen("erik.crt", "w");
    assert_non_null(file);
    (void)fclose(file);
    expect(PKI("issue", "dora", "--role", "admin", "--register", "erik.crt"), EXIT_USAGE,
           "is it dora's");
}

static void a_ca_is_replaced_only_when_that_is_confirmed(void **state)
{
    (void)state;
    expect(PKI("init"), EXIT_CONFLICT, "openclaw pki init --replace");
    expect(PKI("init"), EXIT_CONFLICT, "this gateway has an admin CA already");
    fake_pki.n_changes = 0;
    expect(PKI("init", "--replace"), EXIT_USAGE, "  openclaw pki init --replace --yes\n");
    struct ran ran = RUN_TYPING("n\n", "--data-dir", home, "pki", "init", "--replace");
    assert_int_equal(ran.code, EXIT_USAGE);
    assert_contains(ran.err, "void at once");
    ran_free(&ran);
    assert_int_equal(fake_pki.n_changes, 0);
    ran = PKI("init", "--replace", "--yes");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(ran.err, "2 administrators lost their certificates");
    ran_free(&ran);
}

/* ---- renew ----------------------------------------------------------------------------------- */

static void ones_own_certificate_is_renewed_in_its_place(void **state)
{
    (void)state;
    char path[128];
    struct stat before;
    struct stat after;
    add_context("alice");
    (void)snprintf(path, sizeof path, "%s/contexts/prod.bundle", home);
    assert_int_equal(stat(path, &before), 0);
    expect(PKI("renew", "--context", "prod"), EXIT_DONE, "2027-02-20");
    assert_string_equal(fake_pki.last_name, "");
    assert_string_equal(fake.bundle_file, path);
    assert_int_equal(stat(path, &after), 0);
    fake_bundle_write(out_path, "bob", "viewer", FAKE_NOW_MS + DAY_MS);
    expect(PKI("renew", "--bundle", out_path, "--context", "prod"), EXIT_DONE, out_path);
    assert_string_equal(fake.bundle_file, out_path);
    expect(PKI("renew"), EXIT_USAGE, "No context is in force");
    expect(PKI("renew", "--bundle", out_path, "bob"), EXIT_USAGE, "one of them");
}

/* The old certificate's revocation takes along what was renewed with it. */
static void after_a_renewal_no_certificate_alone_is_told_to_be_revoked(void **state)
{
    (void)state;
    add_context("bob");
    struct ran ran = PKI("renew", "--context", "prod");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_null(strstr(ran.err, "FINGERPRINT"));
    assert_contains(ran.err,
                    "another administrator with the role admin, or root on the gateway's machine, "
                    "runs:\n");
    assert_contains(ran.err, "  openclaw pki revoke bob\n  openclaw pki issue bob --role ");
    ran_free(&ran);
    ran = PKI("renew", "bob", "--context", "prod", "--out", "x.bundle"); /* oneself by name */
    assert_contains(ran.err, "another administrator");
    ran_free(&ran);
    ran = PKI("renew", "bob");
    assert_contains(ran.err, "must go; run:\n  openclaw pki revoke bob\n");
    assert_null(strstr(ran.err, "another administrator"));
    ran_free(&ran);
}

static void anothers_is_renewed_into_a_file(void **state)
{
    (void)state;
    expect(PKI("renew", "bob"), EXIT_DONE, "bob.bundle");
    assert_string_equal(fake_pki.last_name, "bob");
    assert_int_equal(access("bob.bundle", R_OK), 0);
    expect(PKI("renew", "bob"), EXIT_CONFLICT, "never written over");
    fake_pki.changes_fail_with = OC_FAILED_PRECONDITION;
    (void)snprintf(fake_pki.facts.cause, sizeof fake_pki.facts.cause, "is_revoked");
    expect(PKI("renew", "carol"), EXIT_CONFLICT, "openclaw pki issue carol --role ROLE");
    expect(PKI("renew", "carol"), EXIT_CONFLICT, "cannot renew: carol is revoked");
    assert_int_not_equal(access("carol.bundle", F_OK), 0);
}

/* ---- revoke, role ---------------------------------------------------------------------------- */

static void revoking_asks_and_names_whom(void **state)
{
    (void)state;
    expect(PKI("revoke", "alice"), EXIT_USAGE, "openclaw pki revoke alice --yes");
    struct ran ran = RUN_TYPING("n\n", "--data-dir", home, "pki", "revoke", "alice");
    assert_int_equal(ran.code, EXIT_USAGE);
    assert_contains(ran.err, "Revoke administrator alice (admin, active, online)?");
    ran_free(&ran);
    assert_int_equal(fake_pki.n_changes, 0);
    expect(PKI("revoke", "alice", "--yes", "--reason", "lost"), EXIT_DONE,
           "revoked alice  1 connection closed");
    expect(PKI("revoke", "alice", "--yes"), EXIT_DONE, "it was so already");
}

static void revoking_oneself_is_warned_of(void **state)
{
    (void)state;
    add_context("alice");
    struct ran ran =
        RUN_TYPING("n\n", "--data-dir", home, "pki", "revoke", "alice", "--context", "prod");
    assert_contains(ran.err, "context prod, as administrator alice");
    assert_contains(ran.err, "that is you");
    ran_free(&ran);
    ran = RUN_TYPING("n\n", "--data-dir", home, "pki", "revoke", "bob", "--context", "prod");
    assert_null(strstr(ran.err, "that is you"));
    ran_free(&ran);
    ran =
        RUN_TYPING("", "--data-dir", home, "pki", "revoke", "alice", "--yes", "--context", "prod");
    assert_int_equal(ran.code, EXIT_DONE);
    assert_contains(ran.err, "that is you");
    ran_free(&ran);
}

static void a_fingerprint_names_one_certificate(void **state)
{
    (void)state;
    struct ran ran = RUN_TYPING("n\n", "--data-dir", home, "pki", "revoke", ALICE_CERTIFICATE);
    assert_contains(ran.err, "of administrator alice");
    ran_free(&ran);
    expect(PKI("revoke", ALICE_CERTIFICATE, "--yes"), EXIT_DONE, "a certificate of alice");
    expect(PKI("revoke", FAKE_PENDING_ID, "--yes"), EXIT_NOT_FOUND, "no administrator has");
    expect(PKI("revoke", "alise", "--yes"), EXIT_NOT_FOUND, "alice");
}

static void a_role_is_set_from_the_next_call_on(void **state)
{
    (void)state;
    expect(PKI("role", "bob", "viewer"), EXIT_DONE, "viewer now: bob");
    assert_int_equal(fake_pki.items[1].role, OC_ADMINISTRATOR_VIEWER);
    expect(PKI("role", "bob", "root"), EXIT_USAGE, "viewer, approver or admin");
    expect(PKI("role", "nobody", "admin"), EXIT_NOT_FOUND,
           "cannot set the role: nobody is no administrator here");
}

static void documents_of_changes_hold_the_administrator(void **state)
{
    (void)state;
    expect(PKI("revoke", "alice", "--yes", "-o", "json"), EXIT_DONE, "\"connections_closed\":1");
    expect(PKI("role", "bob", "viewer", "-o", "json"), EXIT_DONE, "\"role\":\"viewer\"");
    expect(PKI("issue", "dora", "--role", "viewer", "-o", "json"), EXIT_DONE,
           "\"bundle\":\"dora.bundle\"");
    expect(PKI("issue", "emil", "--role", "viewer", "-o", "name"), EXIT_DONE, "emil\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_format_of_the_list_is_as_agreed),
        TEST(certificates_that_end_soon_are_named_and_revoked_ones_are_not),
        TEST(a_renewal_that_needs_the_address_is_told_with_it),
        TEST(the_admin_door_is_opened_beside_the_other_one),
        TEST(a_gateway_without_a_ca_is_told_how_to_get_one),
        TEST(a_bundle_is_made_for_its_owner_alone),
        TEST(nothing_is_issued_over_a_file_that_is_there),
        TEST(what_is_refused_leaves_no_file),
        TEST(an_address_that_leads_nowhere_is_not_put_into_a_bundle),
        TEST(from_afar_the_address_of_the_context_is_handed_on),
        TEST(options_of_issue_are_checked_before_anything_is_done),
        TEST(a_ca_elsewhere_signs_what_the_gateway_registers),
        TEST(away_from_the_gateway_a_bundle_is_made_and_registered_later),
        TEST(without_a_gateway_the_way_of_an_offline_ca_is_told),
        TEST(a_certificate_that_is_not_registered_is_told_how),
        TEST(a_ca_is_replaced_only_when_that_is_confirmed),
        TEST(ones_own_certificate_is_renewed_in_its_place),
        TEST(after_a_renewal_no_certificate_alone_is_told_to_be_revoked),
        TEST(anothers_is_renewed_into_a_file),
        TEST(revoking_asks_and_names_whom),
        TEST(revoking_oneself_is_warned_of),
        TEST(a_fingerprint_names_one_certificate),
        TEST(a_role_is_set_from_the_next_call_on),
        TEST(documents_of_changes_hold_the_administrator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
