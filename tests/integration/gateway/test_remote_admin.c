/* Administrators from afar: libopenclaw with a bundle against a whole gateway's admin door. */
#include <openclaw/admin_pki.h>
#include <openclaw/audit.h>
#include <openclaw/backup.h>
#include <openclaw/offline_ca.h>
#include <openclaw/watch.h>
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
#include "client/gateway_record.h"
#include "proto/crypto/admin_ca.h"
#include "tests/support/gateway_fixture.h"

/* ---- a gateway with an admin door, and its administrator at home ----------------------------- */

struct scene {
    struct gateway_fixture *gateway;
    struct oc_client *local;
    struct oc_admin_pki pki;
    struct oc_issued issued;
    struct oc_administrator_changed changed;
    struct oc_error err;
};

static void configure(const struct gateway_fixture *gateway, const char *admin_url)
{
    char path[256];
    gateway_path(gateway, "gateway.yaml", path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fprintf(file,
                        "listen: {devices: 'tls+tcp://127.0.0.1:0', admin: '%s'}\n"
                        "log: {level: error}\n",
                        admin_url) > 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_ok(struct scene *scene, enum oc_status st)
{
    if (st) {
        fail_msg("%s: %s", oc_status_name(st), scene->err.text);
    }
}

static void init_pki(struct scene *scene, bool replaces)
{
    const struct oc_admin_pki_order order = {.replaces = replaces};
    assert_ok(scene, oc_admin_pki_init(scene->local, &order, &scene->pki, &scene->err));
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    void *gateway = NULL;
    if (!scene || gateway_enter(&gateway) != 0) {
        return -1;
    }
    scene->gateway = gateway;
    gateway_stop(scene->gateway);
    configure(scene->gateway, "tls+tcp://127.0.0.1:0");
    gateway_start(scene->gateway);
    const struct oc_client_options options = {.data_dir = scene->gateway->data_dir,
                                              .timeout_ms = 20 * 1000};
    assert_ok(scene, oc_client_open(&options, &scene->local, &scene->err));
    *state = scene;
    return 0;
}

static int set_up_with_ca(void **state)
{
    const int rc = set_up(state);
    if (rc == 0) {
        init_pki(*state, false);
    }
    return rc;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    void *gateway = scene->gateway;
    oc_client_close(scene->local);
    free(scene);
    return gateway_leave(&gateway);
}

static void bundle_path(const struct scene *scene, const char *name, char out[256])
{
    char file[80];
    (void)snprintf(file, sizeof file, "%s.bundle", name);
    gateway_path(scene->gateway, file, out);
}

/* A bundle of this name and role, in its file. */
static void issue(struct scene *scene, const char *name, enum oc_administrator_role role)
{
    char path[256];
    struct oc_bundle *bundle = NULL;
    bundle_path(scene, name, path);
    assert_ok(scene, oc_bundle_draft(name, &bundle, &scene->err));
    const struct oc_administrator_order order = {.role = role, .draft = bundle};
    assert_ok(scene,
              oc_admin_issue_administrator(scene->local, &order, &scene->issued, &scene->err));
    assert_ok(scene, oc_bundle_write(bundle, path, &scene->err));
    oc_bundle_free(bundle);
}

static struct oc_client *come(struct scene *scene, const char *name)
{
    char path[256];
    struct oc_client *client = NULL;
    bundle_path(scene, name, path);
    const struct oc_client_options options = {.bundle_file = path, .timeout_ms = 20 * 1000};
    assert_ok(scene, oc_client_open(&options, &client, &scene->err));
    return client;
}

static enum oc_status ask(struct scene *scene, struct oc_client *client)
{
    static struct oc_gateway_status status;
    return oc_admin_status(client, &status, &scene->err);
}

static enum oc_status block(struct scene *scene, struct oc_client *client)
{
    static struct oc_decision_result result;
    const struct oc_decision decision = {.kind = OC_BLOCK, .device_id = {{0xab}}};
    return oc_admin_decide(client, &decision, &result, &scene->err);
}

static void take_away(struct scene *scene, const char *name, const struct oc_digest *certificate)
{
    const struct oc_administrator_change change = {.name = name, .certificate = certificate};
    assert_ok(scene,
              oc_admin_revoke_administrator(scene->local, &change, &scene->changed, &scene->err));
}

static void assert_says(const struct scene *scene, const char *text)
{
    if (!strstr(scene->err.text, text)) {
        fail_msg("\"%s\" is not in: %s", text, scene->err.text);
    }
}

/* ---- what works ------------------------------------------------------------------------------ */

static void every_call_of_the_admin_door_works_with_a_bundle(void **state)
{
    struct scene *scene = *state;
    static struct oc_device devices[2];
    static struct oc_audit_record records[20];
    static struct oc_event events[2];
    static struct oc_backup backup;
    struct oc_audit_checkpoint checkpoint;
    struct oc_device_page page = {.items = devices, .cap = 2};
    struct oc_audit_page audit = {.items = records, .cap = 20};
    enum oc_serving serving;
    size_t n = 0;
    uint64_t next = 0;
    issue(scene, "alice", OC_ADMINISTRATOR_ADMIN);
    struct oc_client *alice = come(scene, "alice");
    assert_ok(scene, oc_client_health(alice, &serving, &scene->err));
    assert_ok(scene, block(scene, alice));
    assert_ok(scene, oc_admin_list(alice, 0, NULL, &page, &scene->err));
    assert_int_equal(page.n, 1);
    assert_ok(scene, oc_admin_watch(alice, 0, 1, events, 2, &n, &next, &scene->err));
    assert_true(n > 0);
    assert_ok(scene, oc_admin_list_audit(alice, 0, true, NULL, &audit, &scene->err));
    assert_string_equal(records[0].actor, "admin:alice");
    assert_ok(scene, oc_admin_audit_checkpoint(alice, &checkpoint, &scene->err));
    assert_int_equal(oc_admin_backup(alice, NULL, NULL, &backup, &scene->err), OC_UNIMPLEMENTED);
    assert_says(scene, "on the gateway's machine");
    oc_client_close(alice);
}

static void an_administrator_makes_others_and_takes_it_from_them(void **state)
{
    struct scene *scene = *state;
    static struct oc_administrator items[4];
    static struct oc_administrator_page page;
    struct oc_bundle *bundle = NULL;
    struct oc_bundle_facts facts;
    issue(scene, "alice", OC_ADMINISTRATOR_ADMIN);
    struct oc_client *alice = come(scene, "alice");
    assert_ok(scene, oc_bundle_draft("bob", &bundle, &scene->err));
    const struct oc_administrator_order order = {.role = OC_ADMINISTRATOR_VIEWER, .draft = bundle};
    assert_ok(scene, oc_admin_issue_administrator(alice, &order, &scene->issued, &scene->err));
    oc_bundle_get_facts(bundle, &facts);
    assert_string_equal(facts.name, "bob");
    assert_string_equal(facts.gateway_url, scene->pki.admin_url);
    oc_bundle_free(bundle);
    struct oc_administrator_change change = {.name = "bob", .role = OC_ADMINISTRATOR_APPROVER};
    assert_ok(scene, oc_admin_set_administrator_role(alice, &change, &scene->changed, &scene->err));
    assert_int_equal(scene->changed.administrator.role, OC_ADMINISTRATOR_APPROVER);
    assert_ok(scene, oc_admin_revoke_administrator(alice, &change, &scene->changed, &scene->err));
    page = (struct oc_administrator_page){.items = items, .cap = 4};
    assert_ok(scene, oc_admin_list_administrators(alice, NULL, &page, &scene->err));
    assert_int_equal(page.n, 2);
    assert_string_equal(items[0].name, "alice");
    assert_true(items[0].is_online);
    assert_int_equal(items[0].state, OC_ADMINISTRATOR_ACTIVE);
    assert_int_equal(items[1].state, OC_ADMINISTRATOR_REVOKED);
    assert_string_equal(items[1].certificates[0].issued_by, "admin:alice");
    assert_true(page.pki.is_there && page.pki.can_sign);
    change.name = "carol";
    assert_int_equal(oc_admin_revoke_administrator(alice, &change, &scene->changed, &scene->err),
                     OC_NOT_FOUND);
    oc_client_close(alice);
}

static void the_same_request_again_gets_the_same_certificate(void **state)
{
    struct scene *scene = *state;
    struct oc_bundle *bundle = NULL;
    struct oc_der csr;
    struct oc_der first;
    assert_ok(scene, oc_bundle_draft("alice", &bundle, &scene->err));
    assert_ok(scene, oc_bundle_make_csr(bundle, &csr, &scene->err));
    const struct oc_administrator_order order = {
        .name = "alice", .role = OC_ADMINISTRATOR_ADMIN, .csr = &csr};
    assert_ok(scene,
              oc_admin_issue_administrator(scene->local, &order, &scene->issued, &scene->err));
    first = scene->issued.certificate;
    assert_ok(scene,
              oc_admin_issue_administrator(scene->local, &order, &scene->issued, &scene->err));
    assert_int_equal(first.n, scene->issued.certificate.n);
    assert_memory_equal(first.bytes, scene->issued.certificate.bytes, first.n);
    oc_bundle_free(bundle);
}

static void a_gateway_that_was_away_is_found_again(void **state)
{
    struct scene *scene = *state;
    issue(scene, "alice", OC_ADMINISTRATOR_ADMIN);
    struct oc_client *alice = come(scene, "alice");
    assert_ok(scene, ask(scene, alice));
    configure(scene->gateway, scene->pki.admin_url);
    gateway_stop(scene->gateway);
    assert_int_equal(ask(scene, alice), OC_UNAVAILABLE);
    assert_says(scene, scene->pki.admin_url);
    gateway_start(scene->gateway);
    assert_ok(scene, ask(scene, alice));
    assert_ok(scene, block(scene, alice));
    oc_client_close(alice);
}

/* ---- renewal --------------------------------------------------------------------------------- */

/* Renews oneself into the bundle's file; gives the digest of the certificate before. */
static struct oc_digest renew(struct scene *scene, struct oc_client *client, const char *name)
{
    char path[256];
    struct oc_bundle *before = NULL;
    struct oc_bundle *bundle = NULL;
    struct oc_bundle_facts facts;
    bundle_path(scene, name, path);
    assert_ok(scene, oc_bundle_read(path, &before, &scene->err));
    oc_bundle_get_facts(before, &facts);
    oc_bundle_free(before);
    assert_ok(scene, oc_bundle_draft(name, &bundle, &scene->err));
    const struct oc_administrator_order order = {.draft = bundle};
    assert_ok(scene, oc_admin_renew_administrator(client, &order, &scene->issued, &scene->err));
    assert_ok(scene, oc_bundle_replace(bundle, path, &scene->err));
    oc_bundle_free(bundle);
    return facts.certificate_sha256;
}

static void a_program_goes_on_with_a_bundle_that_was_renewed(void **state)
{
    struct scene *scene = *state;
    issue(scene, "alice", OC_ADMINISTRATOR_VIEWER);
    struct oc_client *alice = come(scene, "alice");
    struct oc_client *other = come(scene, "alice");
    assert_ok(scene, ask(scene, alice));
    assert_ok(scene, ask(scene, other));
    const struct oc_digest old = renew(scene, alice, "alice");
    assert_int_equal(scene->issued.administrator.role, OC_ADMINISTRATOR_VIEWER);
    assert_ok(scene, ask(scene, alice));
    assert_ok(scene, ask(scene, other));
    /* What was renewed with it goes with it. */
    take_away(scene, NULL, &old);
    assert_true(scene->changed.n_closed >= 2); /* maybe one that was closed here, too */
    assert_int_equal(ask(scene, other), OC_UNAUTHENTICATED);
    oc_client_close(other);
    oc_client_close(alice);
}

static void a_certificate_that_others_renewed_outlives_the_old_one(void **state)
{
    struct scene *scene = *state;
    struct oc_bundle *bundle = NULL;
    char path[256];
    issue(scene, "alice", OC_ADMINISTRATOR_VIEWER);
    const struct oc_digest old = scene->issued.administrator.certificates[0].sha256;
    struct oc_client *alice = come(scene, "alice");
    assert_ok(scene, ask(scene, alice));
    assert_ok(scene, oc_bundle_draft("alice", &bundle, &scene->err));
    const struct oc_administrator_order order = {.name = "alice", .draft = bundle};
    assert_ok(scene,
              oc_admin_renew_administrator(scene->local, &order, &scene->issued, &scene->err));
    bundle_path(scene, "alice", path);
    assert_ok(scene, oc_bundle_replace(bundle, path, &scene->err));
    oc_bundle_free(bundle);
    take_away(scene, NULL, &old);
    assert_int_equal(scene->changed.n_closed, 1); /* the client did not look yet */
    assert_ok(scene, ask(scene, alice));
    take_away(scene, "alice", NULL);
    assert_int_equal(scene->changed.n_closed, 1); /* it came with the new one */
    oc_client_close(alice);
}

static void a_file_that_is_damaged_meanwhile_ends_no_connection(void **state)
{
    struct scene *scene = *state;
    char path[256];
    issue(scene, "alice", OC_ADMINISTRATOR_VIEWER);
    struct oc_client *alice = come(scene, "alice");
    assert_ok(scene, ask(scene, alice));
    bundle_path(scene, "alice", path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_ok(scene, ask(scene, alice));
    take_away(scene, "alice", NULL);
    assert_int_equal(scene->changed.n_closed, 1);
    enum oc_status st = ask(scene, alice); /* maybe the cut is not known here yet */
    st = st == OC_DATA_LOSS ? st : ask(scene, alice);
    assert_int_equal(st, OC_DATA_LOSS);
    assert_says(scene, path);
    oc_client_close(alice);
}

static void whom_the_file_names_now_is_who_calls(void **state)
{
    struct scene *scene = *state;
    static struct oc_audit_record record;
    struct oc_audit_page audit = {.items = &record, .cap = 1};
    char from[256];
    char to[256];
    issue(scene, "alice", OC_ADMINISTRATOR_ADMIN);
    issue(scene, "bob", OC_ADMINISTRATOR_APPROVER);
    struct oc_client *client = come(scene, "alice");
    assert_ok(scene, ask(scene, client));
    bundle_path(scene, "bob", from);
    bundle_path(scene, "alice", to);
    assert_int_equal(rename(from, to), 0);
    assert_ok(scene, block(scene, client));
    assert_ok(scene, oc_admin_list_audit(scene->local, 0, true, NULL, &audit, &scene->err));
    assert_string_equal(record.action, "block");
    assert_string_equal(record.actor, "admin:bob");
    oc_client_close(client);
}

/* ---- refused --------------------------------------------------------------------------------- */

static void a_role_that_does_not_reach_is_told_as_such(void **state)
{
    struct scene *scene = *state;
    issue(scene, "carol", OC_ADMINISTRATOR_VIEWER);
    struct oc_client *carol = come(scene, "carol");
    assert_int_equal(block(scene, carol), OC_PERMISSION_DENIED);
    assert_says(scene, "carol may not do this");
    assert_null(strstr(scene->err.text, "certificate"));
    assert_ok(scene, ask(scene, carol));
    oc_client_close(carol);
}

static void a_revoked_certificate_is_said_to_be_one(void **state)
{
    struct scene *scene = *state;
    issue(scene, "alice", OC_ADMINISTRATOR_ADMIN);
    struct oc_client *alice = come(scene, "alice");
    assert_ok(scene, ask(scene, alice));
    take_away(scene, "alice", NULL);
    assert_int_equal(scene->changed.n_closed, 1);
    assert_int_equal(block(scene, alice), OC_UNAUTHENTICATED);
    assert_string_equal(scene->err.cause, "certificate_revoked");
    assert_says(scene, "the certificate of alice is revoked");
    assert_int_equal(ask(scene, alice), OC_UNAUTHENTICATED);
    oc_client_close(alice);
}

static void a_certificate_of_a_ca_that_was_replaced_is_said_to_be_one(void **state)
{
    struct scene *scene = *state;
    issue(scene, "alice", OC_ADMINISTRATOR_ADMIN);
    struct oc_client *alice = come(scene, "alice");
    assert_ok(scene, ask(scene, alice));
    init_pki(scene, true);
    assert_int_equal(scene->pki.n_revoked, 1);
    assert_int_equal(ask(scene, alice), OC_UNAUTHENTICATED);
    assert_string_equal(scene->err.cause, "certificate_refused");
    assert_says(scene, "refuses the certificate of alice (it is not signed by");
    oc_client_close(alice);
}

/* A bundle of this CA, in its file. */
static void write_bundle(struct scene *scene, const struct oc_admin_ca *ca, const char *name,
                         int64_t at_ms, const struct oc_digest *pin)
{
    char path[256];
    struct oc_bundle *bundle = NULL;
    struct oc_der csr;
    struct oc_admin_der signed_der;
    struct oc_der certificate = {.n = 0};
    struct oc_der ca_der = {.n = oc_admin_ca_certificate(ca).n};
    assert_ok(scene, oc_bundle_draft(name, &bundle, &scene->err));
    assert_ok(scene, oc_bundle_make_csr(bundle, &csr, &scene->err));
    const struct oc_admin_order order = {
        .name = name, .csr = {csr.bytes, csr.n}, .now_ms = at_ms, .ttl_ms = OC_ADMIN_DAY_MS};
    assert_ok(scene, oc_admin_ca_sign(ca, &order, &signed_der, &scene->err));
    certificate.n = signed_der.n;
    memcpy(certificate.bytes, signed_der.bytes, signed_der.n);
    memcpy(ca_der.bytes, oc_admin_ca_certificate(ca).data, ca_der.n);
    const struct oc_bundle_parts parts = {.certificate = &certificate,
                                          .ca = &ca_der,
                                          .role = OC_ADMINISTRATOR_ADMIN,
                                          .gateway_url = scene->pki.admin_url,
                                          .pin = *pin};
    assert_ok(scene, oc_bundle_complete(bundle, &parts, &scene->err));
    bundle_path(scene, name, path);
    assert_ok(scene, oc_bundle_write(bundle, path, &scene->err));
    oc_bundle_free(bundle);
}

static int64_t now_ms(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    return (int64_t)now.tv_sec * 1000;
}

static void another_authoritys_certificate_and_one_that_is_not_registered_are_refused(void **state)
{
    struct scene *scene = *state;
    struct oc_admin_ca *foreign = NULL;
    struct oc_admin_ca *own = NULL;
    char path[256];
    static char pem[OC_ADMIN_CA_PEM_BYTES];
    const struct oc_digest pin = app_pin(scene->gateway->app);
    assert_ok(scene, oc_admin_ca_make("foreign", now_ms(), &foreign, &scene->err));
    write_bundle(scene, foreign, "mallory", now_ms(), &pin);
    struct oc_client *mallory = come(scene, "mallory");
    assert_int_equal(ask(scene, mallory), OC_UNAUTHENTICATED);
    assert_string_equal(scene->err.cause, "certificate_refused");
    assert_says(scene, "not signed by the gateway's admin CA");
    oc_client_close(mallory);
    gateway_path(scene->gateway, "gateway/admin-ca.pem", path);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    const size_t n = fread(pem, 1, sizeof pem, file);
    assert_int_equal(fclose(file), 0);
    assert_ok(scene, oc_admin_ca_parse(pem, n, &own, &scene->err));
    write_bundle(scene, own, "eve", now_ms(), &pin);
    struct oc_client *eve = come(scene, "eve");
    assert_int_equal(ask(scene, eve), OC_UNAUTHENTICATED);
    assert_string_equal(scene->err.cause, "certificate_unknown");
    assert_says(scene, "the certificate of eve is not registered");
    oc_client_close(eve);
    oc_admin_ca_free(foreign);
    oc_admin_ca_free(own);
}

/* Nothing but the pin is wrong: its certificate would do. */
static void a_gateway_with_another_key_is_told_nothing(void **state)
{
    struct scene *scene = *state;
    struct oc_bundle *bundle = NULL;
    struct oc_der csr;
    char path[256];
    char wanted[OC_PIN_TEXT_BYTES];
    char found[OC_PIN_TEXT_BYTES];
    const struct oc_digest wrong = {{0x11, 0x22}};
    const struct oc_digest right = app_pin(scene->gateway->app);
    assert_ok(scene, oc_bundle_draft("alice", &bundle, &scene->err));
    assert_ok(scene, oc_bundle_make_csr(bundle, &csr, &scene->err));
    const struct oc_administrator_order order = {
        .name = "alice", .role = OC_ADMINISTRATOR_ADMIN, .csr = &csr};
    assert_ok(scene,
              oc_admin_issue_administrator(scene->local, &order, &scene->issued, &scene->err));
    const struct oc_bundle_parts parts = {.certificate = &scene->issued.certificate,
                                          .ca = &scene->issued.ca,
                                          .role = OC_ADMINISTRATOR_ADMIN,
                                          .gateway_url = scene->issued.admin_url,
                                          .pin = wrong};
    assert_ok(scene, oc_bundle_complete(bundle, &parts, &scene->err));
    bundle_path(scene, "alice", path);
    assert_ok(scene, oc_bundle_write(bundle, path, &scene->err));
    oc_bundle_free(bundle);
    struct oc_client *alice = come(scene, "alice");
    assert_int_equal(ask(scene, alice), OC_UNAUTHENTICATED);
    assert_string_equal(scene->err.cause, "pin_mismatch");
    oc_pin_format(&wrong, wanted);
    oc_pin_format(&right, found);
    assert_says(scene, wanted);
    assert_says(scene, found);
    assert_says(scene, "openclaw gateway info");
    assert_int_equal(block(scene, alice), OC_UNAUTHENTICATED);
    assert_false(scene->err.is_outcome_unknown);
    oc_client_close(alice);
}

static void a_certificate_that_has_ended_is_noticed_before_anything_is_dialled(void **state)
{
    struct scene *scene = *state;
    struct oc_admin_ca *ca = NULL;
    const struct oc_digest pin = {{1}};
    const int64_t long_ago_ms = now_ms() - 30 * OC_ADMIN_DAY_MS;
    /* Were it dialled, it would be UNAVAILABLE. */
    strcpy(scene->pki.admin_url, "tls+tcp://127.0.0.1:1");
    assert_ok(scene, oc_admin_ca_make("any", long_ago_ms, &ca, &scene->err));
    write_bundle(scene, ca, "alice", long_ago_ms, &pin);
    struct oc_client *alice = come(scene, "alice");
    assert_int_equal(ask(scene, alice), OC_UNAUTHENTICATED);
    assert_string_equal(scene->err.cause, "certificate_expired");
    assert_says(scene, "the certificate of alice ended on");
    oc_client_close(alice);
    write_bundle(scene, ca, "bob", now_ms(), &pin);
    struct oc_client *bob = come(scene, "bob");
    assert_int_equal(ask(scene, bob), OC_UNAVAILABLE);
    assert_says(scene, "no gateway at tls+tcp://127.0.0.1:1");
    oc_client_close(bob);
    oc_admin_ca_free(ca);
}

static void what_is_no_way_to_an_admin_door_is_refused_at_once(void **state)
{
    struct scene *scene = *state;
    struct oc_bundle *draft = NULL;
    struct oc_client *client = NULL;
    char path[256];
    bundle_path(scene, "alice", path);
    struct oc_client_options options = {.bundle_file = path};
    assert_int_equal(oc_client_open(&options, &client, &scene->err), OC_NOT_FOUND);
    assert_ok(scene, oc_bundle_draft("alice", &draft, &scene->err));
    assert_ok(scene, oc_bundle_write(draft, path, &scene->err));
    oc_bundle_free(draft);
    assert_int_equal(oc_client_open(&options, &client, &scene->err), OC_FAILED_PRECONDITION);
    options.url = "ipc:///tmp/none";
    assert_int_equal(oc_client_open(&options, &client, &scene->err), OC_INVALID_ARGUMENT);
    options = (struct oc_client_options){.url = "tls+tcp://127.0.0.1:1"};
    assert_int_equal(oc_client_open(&options, &client, &scene->err), OC_INVALID_ARGUMENT);
    assert_says(scene, "bundle");
}

static void orders_that_cannot_be_meant_are_refused(void **state)
{
    struct scene *scene = *state;
    struct oc_bundle *draft = NULL;
    struct oc_der csr;
    assert_ok(scene, oc_bundle_draft("alice", &draft, &scene->err));
    assert_ok(scene, oc_bundle_make_csr(draft, &csr, &scene->err));
    const struct oc_administrator_order bad[] = {
        {.name = "alice", .role = OC_ADMINISTRATOR_ADMIN},
        {.name = "alice", .role = OC_ADMINISTRATOR_ADMIN, .draft = draft, .csr = &csr},
        {.name = "bob", .role = OC_ADMINISTRATOR_ADMIN, .draft = draft},
        {.draft = draft},
        {.role = OC_ADMINISTRATOR_ADMIN, .draft = draft, .gateway_url = "tls+tcp://0.0.0.0:1"},
        {.role = OC_ADMINISTRATOR_ADMIN, .draft = draft, .ttl_ms = 1},
        {.role = OC_ADMINISTRATOR_ADMIN, .draft = draft, .reserved = {1}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(
            oc_admin_issue_administrator(scene->local, &bad[i], &scene->issued, &scene->err),
            OC_INVALID_ARGUMENT);
    }
    const struct oc_admin_pki_order order = {.replaces = false};
    assert_int_equal(oc_admin_pki_init(scene->local, &order, &scene->pki, &scene->err),
                     OC_ALREADY_EXISTS);
    oc_bundle_free(draft);
}

/* ---- an authority that no gateway holds ------------------------------------------------------ */

static void a_certificate_signed_offline_is_registered_and_comes_in(void **state)
{
    struct scene *scene = *state;
    char dir[256];
    char path[256];
    char file[256];
    struct stat facts;
    struct oc_der ca;
    struct oc_der csr;
    struct oc_der certificate;
    struct oc_bundle *bundle = NULL;
    gateway_path(scene->gateway, "ca", dir);
    gateway_path(scene->gateway, "alice.csr", file);
    bundle_path(scene, "alice", path);
    assert_ok(scene, oc_offline_ca_create(dir, "offline", &ca, &scene->err));
    assert_int_equal(oc_offline_ca_create(dir, "offline", &ca, &scene->err), OC_ALREADY_EXISTS);
    assert_int_equal(stat(dir, &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0700);
    const struct oc_admin_pki_order init = {.ca = &ca};
    assert_ok(scene, oc_admin_pki_init(scene->local, &init, &scene->pki, &scene->err));
    assert_false(scene->pki.can_sign);
    /* The key is made and stays here; the request goes to the CA, the certificate comes back. */
    assert_ok(scene, oc_bundle_draft("alice", &bundle, &scene->err));
    assert_ok(scene, oc_bundle_write(bundle, path, &scene->err));
    assert_ok(scene, oc_bundle_make_csr(bundle, &csr, &scene->err));
    assert_ok(scene, oc_der_write(&csr, file, &scene->err));
    assert_int_equal(oc_der_write(&csr, file, &scene->err), OC_ALREADY_EXISTS);
    memset(&csr, 0, sizeof csr);
    assert_ok(scene, oc_der_read(file, &csr, &scene->err));
    struct oc_administrator_order order = {.role = OC_ADMINISTRATOR_APPROVER, .draft = bundle};
    assert_int_equal(
        oc_admin_issue_administrator(scene->local, &order, &scene->issued, &scene->err),
        OC_FAILED_PRECONDITION);
    assert_ok(scene, oc_offline_ca_issue(dir, "alice", &csr, 0, &certificate, &scene->err));
    order = (struct oc_administrator_order){
        .name = "alice", .role = OC_ADMINISTRATOR_APPROVER, .certificate = &certificate};
    assert_ok(scene,
              oc_admin_issue_administrator(scene->local, &order, &scene->issued, &scene->err));
    assert_memory_equal(scene->issued.ca.bytes, ca.bytes, ca.n);
    const struct oc_bundle_parts parts = {.certificate = &certificate,
                                          .ca = &scene->issued.ca,
                                          .role = scene->issued.administrator.role,
                                          .gateway_url = scene->issued.admin_url,
                                          .pin = scene->issued.pin};
    assert_ok(scene, oc_bundle_complete(bundle, &parts, &scene->err));
    assert_ok(scene, oc_bundle_replace(bundle, path, &scene->err));
    oc_bundle_free(bundle);
    struct oc_client *alice = come(scene, "alice");
    assert_ok(scene, block(scene, alice));
    oc_client_close(alice);
}

static void an_offline_ca_that_others_can_read_is_refused(void **state)
{
    struct scene *scene = *state;
    char dir[256];
    char file[280];
    struct oc_der ca;
    gateway_path(scene->gateway, "ca", dir);
    assert_ok(scene, oc_offline_ca_create(dir, "offline", &ca, &scene->err));
    (void)snprintf(file, sizeof file, "%s/admin-ca.pem", dir);
    assert_int_equal(chmod(file, 0640), 0);
    assert_int_equal(oc_offline_ca_certificate(dir, &ca, &scene->err), OC_FAILED_PRECONDITION);
    assert_int_equal(chmod(file, 0600), 0);
    assert_int_equal(chmod(dir, 0750), 0);
    assert_int_equal(oc_offline_ca_certificate(dir, &ca, &scene->err), OC_FAILED_PRECONDITION);
    assert_int_equal(chmod(dir, 0700), 0);
    assert_ok(scene, oc_offline_ca_certificate(dir, &ca, &scene->err));
    assert_int_equal(oc_der_read(file, &ca, &scene->err), OC_DATA_LOSS);
    FILE *damaged = fopen(file, "we");
    assert_non_null(damaged);
    assert_int_equal(fclose(damaged), 0);
    assert_int_equal(oc_offline_ca_certificate(dir, &ca, &scene->err), OC_DATA_LOSS);
}

#define WITH_CA(test) cmocka_unit_test_setup_teardown(test, set_up_with_ca, tear_down)
#define BARE(test)    cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CA(every_call_of_the_admin_door_works_with_a_bundle),
        WITH_CA(an_administrator_makes_others_and_takes_it_from_them),
        WITH_CA(the_same_request_again_gets_the_same_certificate),
        WITH_CA(a_gateway_that_was_away_is_found_again),
        WITH_CA(a_program_goes_on_with_a_bundle_that_was_renewed),
        WITH_CA(a_certificate_that_others_renewed_outlives_the_old_one),
        WITH_CA(a_file_that_is_damaged_meanwhile_ends_no_connection),
        WITH_CA(whom_the_file_names_now_is_who_calls),
        WITH_CA(a_role_that_does_not_reach_is_told_as_such),
        WITH_CA(a_revoked_certificate_is_said_to_be_one),
        WITH_CA(a_certificate_of_a_ca_that_was_replaced_is_said_to_be_one),
        WITH_CA(another_authoritys_certificate_and_one_that_is_not_registered_are_refused),
        WITH_CA(a_gateway_with_another_key_is_told_nothing),
        WITH_CA(a_certificate_that_has_ended_is_noticed_before_anything_is_dialled),
        BARE(what_is_no_way_to_an_admin_door_is_refused_at_once),
        WITH_CA(orders_that_cannot_be_meant_are_refused),
        BARE(a_certificate_signed_offline_is_registered_and_comes_in),
        BARE(an_offline_ca_that_others_can_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
