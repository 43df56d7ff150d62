#include <fcntl.h>
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

#include "client/bundle_internal.h"
#include "proto/crypto/admin_ca.h"

#define NOW_MS (INT64_C(1700000000) * 1000)
#define URL    "tls+tcp://gw.example:18790"

/* ---- a directory and a CA per test --------------------------------------------------------- */

struct place {
    char dir[64];
    char path[96];
    struct oc_admin_ca *ca;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    (void)snprintf(place->dir, sizeof place->dir, "/tmp/oc-bundle-XXXXXX");
    if (!mkdtemp(place->dir) || oc_admin_ca_make("test", NOW_MS, &place->ca, NULL)) {
        return -1;
    }
    (void)snprintf(place->path, sizeof place->path, "%s/alice.bundle", place->dir);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", place->dir);
    const int rc = system(command);
    oc_admin_ca_free(place->ca);
    free(place);
    return rc;
}

static struct oc_bundle *draft(const char *name)
{
    struct oc_bundle *bundle = NULL;
    assert_int_equal(oc_bundle_draft(name, &bundle, NULL), OC_OK);
    return bundle;
}

/* A certificate of the bundle's key, by this CA, for this name. */
static struct oc_der sign(const struct oc_admin_ca *ca, const struct oc_bundle *bundle,
                          const char *name)
{
    struct oc_der csr;
    struct oc_admin_der signed_der;
    assert_int_equal(oc_bundle_make_csr(bundle, &csr, NULL), OC_OK);
    const struct oc_admin_order order = {
        .name = name, .csr = {csr.bytes, csr.n}, .now_ms = NOW_MS, .ttl_ms = OC_ADMIN_TTL_MS};
    assert_int_equal(oc_admin_ca_sign(ca, &order, &signed_der, NULL), OC_OK);
    struct oc_der out = {.n = signed_der.n};
    memcpy(out.bytes, signed_der.bytes, signed_der.n);
    return out;
}

static struct oc_der der_of(const struct oc_admin_ca *ca)
{
    const struct oc_bytes bytes = oc_admin_ca_certificate(ca);
    struct oc_der out = {.n = bytes.n};
    memcpy(out.bytes, bytes.data, bytes.n);
    return out;
}

static enum oc_status complete(const struct place *place, struct oc_bundle *bundle,
                               const struct oc_der *certificate, struct oc_error *err)
{
    const struct oc_der ca = der_of(place->ca);
    const struct oc_bundle_parts parts = {.certificate = certificate,
                                          .ca = &ca,
                                          .role = OC_ADMINISTRATOR_APPROVER,
                                          .gateway_url = URL,
                                          .pin = {{0xab, 0xcd}}};
    return oc_bundle_complete(bundle, &parts, err);
}

static struct oc_bundle *whole(const struct place *place, const char *name)
{
    struct oc_bundle *bundle = draft(name);
    const struct oc_der certificate = sign(place->ca, bundle, name);
    assert_int_equal(complete(place, bundle, &certificate, NULL), OC_OK);
    return bundle;
}

static struct oc_bundle *read_back(const struct place *place)
{
    struct oc_bundle *bundle = NULL;
    struct oc_error err = {.status = OC_OK};
    if (oc_bundle_read(place->path, &bundle, &err)) {
        fail_msg("%s", err.text);
    }
    return bundle;
}

/* Writes a whole bundle to the place and gives its text. */
static size_t write_whole(const struct place *place, char text[OC_BUNDLE_FILE_BYTES])
{
    struct oc_bundle *bundle = whole(place, "alice");
    assert_int_equal(oc_bundle_write(bundle, place->path, NULL), OC_OK);
    oc_bundle_free(bundle);
    FILE *file = fopen(place->path, "re");
    assert_non_null(file);
    const size_t n = fread(text, 1, OC_BUNDLE_FILE_BYTES, file);
    assert_int_equal(fclose(file), 0);
    return n;
}

/* ---- files ----------------------------------------------------------------------------------- */

static void what_is_written_is_read_back(void **state)
{
    const struct place *place = *state;
    struct oc_bundle *made = whole(place, "alice");
    struct oc_bundle_facts wanted;
    struct oc_bundle_facts found;
    const mode_t before = umask(0);
    assert_int_equal(oc_bundle_write(made, place->path, NULL), OC_OK);
    umask(before);
    struct stat facts;
    assert_int_equal(stat(place->path, &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0600);
    struct oc_bundle *read = read_back(place);
    memset(&wanted, 0, sizeof wanted);
    memset(&found, 0, sizeof found);
    oc_bundle_get_facts(made, &wanted);
    oc_bundle_get_facts(read, &found);
    assert_string_equal(found.name, "alice");
    assert_string_equal(found.gateway_url, URL);
    assert_int_equal(found.role, OC_ADMINISTRATOR_APPROVER);
    assert_false(found.is_draft);
    assert_memory_equal(&found.pin, &wanted.pin, sizeof wanted.pin);
    assert_memory_equal(&found.certificate_sha256, &wanted.certificate_sha256, 32);
    assert_int_equal(found.not_after_ms, NOW_MS + OC_ADMIN_TTL_MS);
    assert_true(oc_identity_is_certified(read->identity));
    const struct oc_digest a = oc_identity_spki_sha256(made->identity);
    const struct oc_digest b = oc_identity_spki_sha256(read->identity);
    assert_memory_equal(&a, &b, sizeof a);
    oc_bundle_free(made);
    oc_bundle_free(read);
}

static void a_file_that_is_there_is_never_written_over(void **state)
{
    const struct place *place = *state;
    struct oc_bundle *first = whole(place, "alice");
    struct oc_bundle *second = whole(place, "alice");
    assert_int_equal(oc_bundle_write(first, place->path, NULL), OC_OK);
    assert_int_equal(oc_bundle_write(second, place->path, NULL), OC_ALREADY_EXISTS);
    struct oc_bundle *found = read_back(place);
    assert_memory_equal(found->certificate.bytes, first->certificate.bytes, first->certificate.n);
    oc_bundle_free(found);
    assert_int_equal(oc_bundle_replace(second, place->path, NULL), OC_OK);
    found = read_back(place);
    assert_memory_equal(found->certificate.bytes, second->certificate.bytes, second->certificate.n);
    oc_bundle_free(found);
    oc_bundle_free(first);
    oc_bundle_free(second);
}

static void a_bundle_gives_way_only_to_one_of_the_same_name(void **state)
{
    const struct place *place = *state;
    char text[OC_BUNDLE_FILE_BYTES];
    (void)write_whole(place, text);
    struct oc_bundle *other = whole(place, "mallory");
    assert_int_equal(oc_bundle_replace(other, place->path, NULL), OC_ABORTED);
    oc_bundle_free(other);
    struct oc_bundle *found = read_back(place);
    assert_string_equal(found->facts.name, "alice");
    oc_bundle_free(found);
}

static void others_permissions_and_links_are_refused(void **state)
{
    const struct place *place = *state;
    char text[OC_BUNDLE_FILE_BYTES];
    char elsewhere[128];
    struct oc_bundle *bundle = NULL;
    struct oc_error err;
    (void)write_whole(place, text);
    static const mode_t modes[] = {0640, 0604, 0620, 0602};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(place->path, modes[i]), 0);
        assert_int_equal(oc_bundle_read(place->path, &bundle, &err), OC_FAILED_PRECONDITION);
        assert_non_null(strstr(err.text, "chmod 600"));
    }
    assert_int_equal(chmod(place->path, 0600), 0);
    (void)snprintf(elsewhere, sizeof elsewhere, "%s/link", place->dir);
    assert_int_equal(symlink(place->path, elsewhere), 0);
    assert_int_equal(oc_bundle_read(elsewhere, &bundle, &err), OC_FAILED_PRECONDITION);
    assert_int_equal(oc_bundle_read(place->dir, &bundle, &err), OC_FAILED_PRECONDITION);
    (void)snprintf(elsewhere, sizeof elsewhere, "%s/none", place->dir);
    assert_int_equal(oc_bundle_read(elsewhere, &bundle, &err), OC_NOT_FOUND);
    assert_int_equal(oc_bundle_read("", &bundle, &err), OC_INVALID_ARGUMENT);
}

static void a_draft_keeps_its_key_until_it_is_whole(void **state)
{
    const struct place *place = *state;
    struct oc_bundle *made = draft("alice");
    assert_int_equal(oc_bundle_write(made, place->path, NULL), OC_OK);
    const struct oc_der certificate = sign(place->ca, made, "alice");
    oc_bundle_free(made);
    struct oc_bundle *read = read_back(place);
    assert_true(read->facts.is_draft);
    assert_string_equal(read->facts.name, "alice");
    assert_int_equal(complete(place, read, &certificate, NULL), OC_OK);
    assert_int_equal(oc_bundle_replace(read, place->path, NULL), OC_OK);
    oc_bundle_free(read);
    read = read_back(place);
    assert_false(read->facts.is_draft);
    oc_bundle_free(read);
}

/* ---- what makes one whole -------------------------------------------------------------------- */

static void assert_refused(const struct place *place, struct oc_bundle *bundle,
                           const struct oc_der *certificate, const char *why)
{
    struct oc_error err = {.status = OC_OK};
    assert_int_equal(complete(place, bundle, certificate, &err), OC_INVALID_ARGUMENT);
    assert_string_equal(err.field, "certificate");
    if (!strstr(err.text, why)) {
        fail_msg("%s", err.text);
    }
    assert_true(bundle->facts.is_draft);
    assert_false(oc_identity_is_certified(bundle->identity));
}

static void only_the_drafts_own_certificate_of_that_ca_makes_it_whole(void **state)
{
    const struct place *place = *state;
    struct oc_admin_ca *foreign = NULL;
    assert_int_equal(oc_admin_ca_make("test", NOW_MS, &foreign, NULL), OC_OK);
    struct oc_bundle *bundle = draft("alice");
    struct oc_bundle *other = draft("alice");
    struct oc_der der = sign(place->ca, other, "alice");
    assert_refused(place, bundle, &der, "another key");
    der = sign(place->ca, bundle, "bob");
    assert_refused(place, bundle, &der, "another administrator");
    der = sign(foreign, bundle, "alice");
    assert_refused(place, bundle, &der, "not signed by");
    der = der_of(place->ca);
    assert_refused(place, bundle, &der, "that of a CA");
    der = (struct oc_der){.n = 5, .bytes = "nope"};
    assert_refused(place, bundle, &der, "cannot be read");
    der = sign(place->ca, bundle, "alice");
    assert_int_equal(complete(place, bundle, &der, NULL), OC_OK);
    assert_int_equal(complete(place, bundle, &der, NULL), OC_FAILED_PRECONDITION);
    oc_bundle_free(bundle);
    oc_bundle_free(other);
    oc_admin_ca_free(foreign);
}

static void an_address_that_means_all_is_none(void **state)
{
    const struct place *place = *state;
    static const char *const bad[] = {"tls+tcp://0.0.0.0:1",  "tls+tcp://[::]:1",
                                      "tls+tcp://[0:0::0]:1", "ipc:///run/admin.sock",
                                      "tcp://gw:1",           "tls+tcp://gw"};
    struct oc_bundle *bundle = draft("alice");
    const struct oc_der certificate = sign(place->ca, bundle, "alice");
    const struct oc_der ca = der_of(place->ca);
    const struct oc_bundle_parts parts = {
        .certificate = &certificate, .ca = &ca, .role = OC_ADMINISTRATOR_VIEWER};
    assert_int_equal(oc_bundle_complete(bundle, &parts, NULL), OC_OK);
    assert_int_equal(oc_bundle_write(bundle, place->path, NULL), OC_FAILED_PRECONDITION);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(oc_bundle_set_gateway(bundle, bad[i], NULL), OC_INVALID_ARGUMENT);
    }
    assert_int_equal(access(place->path, F_OK), -1);
    assert_int_equal(oc_bundle_set_gateway(bundle, "tls+tcp://GW.example:1", NULL), OC_OK);
    assert_int_equal(oc_bundle_write(bundle, place->path, NULL), OC_OK);
    oc_bundle_free(bundle);
}

static void a_name_is_one(void **state)
{
    (void)state;
    struct oc_bundle *bundle = NULL;
    static const char *const bad[] = {"", "Alice", "1a", "a b", "a/b", "../a", "a\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(oc_bundle_draft(bad[i], &bundle, NULL), OC_INVALID_ARGUMENT);
    }
}

/* ---- the text -------------------------------------------------------------------------------- */

static enum oc_status read_text(const struct place *place, const char *text, size_t n,
                                struct oc_error *err)
{
    struct oc_bundle *bundle = NULL;
    const int fd = open(place->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, n), n);
    assert_int_equal(close(fd), 0);
    const enum oc_status st = oc_bundle_read(place->path, &bundle, err);
    oc_bundle_free(bundle);
    return st;
}

static void a_text_that_is_cut_anywhere_is_damaged(void **state)
{
    const struct place *place = *state;
    char text[OC_BUNDLE_FILE_BYTES];
    struct oc_bundle_text out;
    const size_t n = write_whole(place, text);
    for (size_t i = 0; i < n; i++) {
        char *exact = malloc(i ? i : 1); /* so that a byte too far is seen */
        memcpy(exact, text, i);
        assert_int_equal(oc_bundle_text_parse(exact, i, &out, NULL), OC_DATA_LOSS);
        free(exact);
    }
    assert_int_equal(oc_bundle_text_parse(text, n, &out, NULL), OC_OK);
}

static void no_byte_of_it_may_be_another(void **state)
{
    const struct place *place = *state;
    char text[OC_BUNDLE_FILE_BYTES];
    struct oc_bundle_text parts;
    struct oc_error err;
    const size_t n = write_whole(place, text);
    assert_int_equal(oc_bundle_text_parse(text, n, &parts, NULL), OC_OK);
    const char *last = parts.ca.data;
    const size_t steps[] = {0, 3, 18, 25, 30, 40, (size_t)(last - text) + 300, n - 3};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const char was = text[steps[i]];
        text[steps[i]] = (char)(was ^ 0x80);
        assert_int_not_equal(read_text(place, text, n, &err), OC_OK);
        text[steps[i]] = was;
    }
    assert_int_equal(read_text(place, text, n, &err), OC_OK);
    text[n] = '\n';
    assert_int_equal(read_text(place, text, n + 1, &err), OC_DATA_LOSS);
    memset(text + n, 'A', sizeof text - n);
    assert_int_equal(read_text(place, text, sizeof text, &err), OC_DATA_LOSS);
}

static void every_line_has_its_place_and_its_words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line;
    } bad[] = {
        {"", 1},
        {"name: alice\n", 1},
        {"openclaw-bundle: 1\r\nname: alice\n", 1},
        {"openclaw-bundle: 1\nname: Alice\n", 2},
        {"openclaw-bundle: 1\nname: alice\nname: bob\n", 3},
        {"openclaw-bundle: 1\nname: alice\nrole: root\n", 3},
        {"openclaw-bundle: 1\nname: alice\nrole: admin\nrole: admin\n", 4},
        {"openclaw-bundle: 1\nname: alice\nrole: admin\ngateway: ipc:///x\n", 4},
        {"openclaw-bundle: 1\nname: alice\nrole: admin\ngateway: tls+tcp://0.0.0.0:1\n", 4},
        {"openclaw-bundle: 1\nname: alice\nrole: admin\ngateway: tls+tcp://GW:1\n", 4},
        {"openclaw-bundle: 1\nname: alice\nrole: admin\ngateway: tls+tcp://gw:1\npin: sha256:1\n",
         5},
        {"openclaw-bundle: 1\nname: alice\ndraft: yes\n-----BEGIN EC PRIVATE KEY-----\n", 4},
        {"openclaw-bundle: 1\nname: alice\ndraft: yes\n-----BEGIN PRIVATE KEY-----\nA B\n", 5},
    };
    struct oc_bundle_text out;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct oc_error err = {.status = OC_OK};
        char line[32];
        assert_int_equal(oc_bundle_text_parse(bad[i].text, strlen(bad[i].text), &out, &err),
                         OC_DATA_LOSS);
        (void)snprintf(line, sizeof line, "line %u:", bad[i].line);
        if (strncmp(err.text, line, strlen(line)) != 0) {
            fail_msg("%zu: %s", i, err.text);
        }
    }
    static const char newer[] = "openclaw-bundle: 2\nwhatever";
    assert_int_equal(oc_bundle_text_parse(newer, sizeof newer - 1, &out, NULL),
                     OC_FAILED_PRECONDITION);
}

static void no_error_shows_the_key(void **state)
{
    const struct place *place = *state;
    char text[OC_BUNDLE_FILE_BYTES];
    struct oc_error err = {.status = OC_OK};
    struct oc_bundle_text parts;
    const size_t n = write_whole(place, text);
    assert_int_equal(oc_bundle_text_parse(text, n, &parts, NULL), OC_OK);
    char *key = text + ((const char *)parts.key.data - text) + sizeof "-----BEGIN PRIVATE KEY-----";
    char start[13] = "";
    memcpy(start, key + 40, 12);
    key[60] = key[60] == 'A' ? 'B' : 'A'; /* within the private half */
    assert_int_equal(read_text(place, text, n, &err), OC_DATA_LOSS);
    assert_null(strstr(err.text, start));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_there_is_never_written_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_bundle_gives_way_only_to_one_of_the_same_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(others_permissions_and_links_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_draft_keeps_its_key_until_it_is_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_the_drafts_own_certificate_of_that_ca_makes_it_whole,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_address_that_means_all_is_none, set_up, tear_down),
        cmocka_unit_test(a_name_is_one),
        cmocka_unit_test_setup_teardown(a_text_that_is_cut_anywhere_is_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_byte_of_it_may_be_another, set_up, tear_down),
        cmocka_unit_test(every_line_has_its_place_and_its_words),
        cmocka_unit_test_setup_teardown(no_error_shows_the_key, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
