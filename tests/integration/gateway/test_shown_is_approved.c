/*
 * What was shown is what is approved: 2,000 times a request changes between its list and its
 * approval, over real connections, while an administrator approves it at either door.
 *
 * A thousand devices ask over TLS. Of each, a request is looked at and approved while the device
 * asks for something else on its own connection, which replaces it; and another one while a second
 * administrator dismisses it and the device asks anew. Whoever comes first, what is granted may
 * only be what was looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "proto/crypto/pairing_code.h"
#include "proto/rpc/tls_internal.h"
#include "tests/support/gateway_fixture.h"

enum {
    AT_ONCE = 16, /* an administrator's connection keeps all its replies: four of each device */
    N_DEVICES = 63 * AT_ONCE,
    LEAST_OF_EACH = 20, /* races that either side must have won, or it was none */
};

/* What one administrator looked at. */
struct shown {
    char request_id[OC_REQUEST_ID_CHARS + 1];
    uint8_t digest[OC_DIGEST_BYTES];
    char scope[OC_MAX_SCOPE_BYTES + 1]; /* what sets this ask apart */
};

struct scene {
    struct gateway_fixture *gateway;
    struct oc_tls_context *admin_tls;
    char admin_url[128];
    struct rpc_peer afar, local, second; /* the last one at the local door, too */
    struct rpc_peer *admin;              /* who approves: one of the first two */
    uint64_t random;
    unsigned n_approved, n_too_late;
};

static uint32_t draw(struct scene *scene, uint32_t below)
{
    scene->random = scene->random * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (uint32_t)(scene->random >> 33) % below;
}

/* ---- an administrator from afar -------------------------------------------------------------- */

static EVP_PKEY *make_key(char *pem, size_t cap)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *text = BIO_new(BIO_s_mem());
    assert_non_null(key);
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(text, key, NULL, NULL, 0, NULL, NULL), 1);
    const int n = BIO_read(text, pem, (int)cap - 1);
    assert_true(n > 0);
    pem[n] = '\0';
    BIO_free(text);
    return key;
}

/* Has the gateway certify the key, and returns the certificate. */
static X509 *certify(struct scene *scene, EVP_PKEY *key)
{
    char name[] = "racer";
    Openclaw__V1__InitPkiRequest init = OPENCLAW__V1__INIT_PKI_REQUEST__INIT;
    Openclaw__V1__IssueAdministratorRequest issue = OPENCLAW__V1__ISSUE_ADMINISTRATOR_REQUEST__INIT;
    X509_REQ *request = X509_REQ_new();
    uint8_t *der = NULL;
    assert_int_equal(X509_REQ_set_pubkey(request, key), 1);
    assert_true(X509_REQ_sign(request, key, EVP_sha256()) > 0);
    const int n = i2d_X509_REQ(request, &der);
    assert_true(n > 0);
    X509_REQ_free(request);
    const Openclaw__V1__InitPkiReply *ready = (const Openclaw__V1__InitPkiReply *)rpc_peer_call(
        &scene->second, NUMBER(INIT_PKI), &init.base);
    (void)snprintf(scene->admin_url, sizeof scene->admin_url, "%s", ready->admin_address);
    issue.name = name;
    issue.role = OPENCLAW__V1__ADMINISTRATOR_ROLE__ADMINISTRATOR_ROLE_APPROVER;
    issue.csr = (ProtobufCBinaryData){(size_t)n, der};
    const Openclaw__V1__IssueAdministratorReply *issued =
        (const Openclaw__V1__IssueAdministratorReply *)rpc_peer_call(
            &scene->second, NUMBER(ISSUE_ADMINISTRATOR), &issue.base);
    OPENSSL_free(der);
    const uint8_t *at = issued->certificate.data;
    X509 *certificate = d2i_X509(NULL, &at, (long)issued->certificate.len);
    assert_non_null(certificate);
    return certificate;
}

static void make_administrator(struct scene *scene)
{
    char pem[1024];
    const struct oc_tls_trust trust = {.n_pins = 1, .pins = {app_pin(scene->gateway->app)}};
    struct oc_identity *identity = NULL;
    struct oc_error err;
    EVP_PKEY *key = make_key(pem, sizeof pem);
    X509 *certificate = certify(scene, key);
    assert_int_equal(oc_identity_parse(OC_IDENTITY_GATEWAY, pem, strlen(pem), &identity, &err),
                     OC_OK);
    assert_int_equal(oc_tls_context_for_client(identity, &trust, &scene->admin_tls, &err), OC_OK);
    assert_int_equal(SSL_CTX_use_certificate(scene->admin_tls->ssl, certificate), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    oc_identity_free(identity);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static uint32_t send_ask(struct device *device, const char *scope)
{
    char role[] = "agent";
    char name[] = "web-1";
    char wanted[OC_MAX_SCOPE_BYTES + 1];
    char *scopes[] = {wanted};
    struct oc_digest commitment = oc_nonce_commitment(device->nonce);
    Openclaw__V1__Grant asked = OPENCLAW__V1__GRANT__INIT;
    Openclaw__V1__ConnectRequest request = OPENCLAW__V1__CONNECT_REQUEST__INIT;
    (void)snprintf(wanted, sizeof wanted, "%s", scope);
    asked.role = role;
    asked.scopes = scopes;
    asked.n_scopes = 1;
    request.asked = &asked;
    request.name = name;
    request.nonce_commitment = (ProtobufCBinaryData){sizeof commitment.bytes, commitment.bytes};
    return rpc_peer_send(&device->peer, NUMBER(CONNECT), &request.base);
}

static const Openclaw__V1__Device *look(struct rpc_peer *admin, const struct device *device)
{
    char selector[OC_DEVICE_ID_DIGITS + 1];
    const struct oc_device_id id = oc_identity_device_id(device->identity);
    Openclaw__V1__ResolveRequest request = OPENCLAW__V1__RESOLVE_REQUEST__INIT;
    oc_device_id_format(&id, selector);
    request.selector = selector;
    const Openclaw__V1__ResolveReply *reply =
        (const Openclaw__V1__ResolveReply *)rpc_peer_call(admin, NUMBER(RESOLVE), &request.base);
    assert_int_equal(reply->n_matches, 1);
    return reply->matches[0];
}

static uint32_t send_approve(struct scene *scene, struct shown *shown)
{
    Openclaw__V1__ApproveRequest request = OPENCLAW__V1__APPROVE_REQUEST__INIT;
    request.request_id = shown->request_id;
    request.ask_digest = (ProtobufCBinaryData){sizeof shown->digest, shown->digest};
    return rpc_peer_send(scene->admin, NUMBER(APPROVE), &request.base);
}

static uint32_t send_dismiss(struct scene *scene, struct shown *shown)
{
    Openclaw__V1__RequestDecision request = OPENCLAW__V1__REQUEST_DECISION__INIT;
    request.request_id = shown->request_id;
    return rpc_peer_send(&scene->second, NUMBER(DISMISS), &request.base);
}

/* ---- one race of each of some devices -------------------------------------------------------- */

struct race {
    struct device device;
    unsigned number;
    struct shown shown, unseen;
    uint32_t approval, asking, dismissal;
};

/* The devices ask, and the administrator looks at what each asks. */
static void show_all(struct scene *scene, struct race *races, const char *what)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        struct race *race = &races[i];
        (void)snprintf(race->shown.scope, sizeof race->shown.scope, "%s-%u", what, race->number);
        (void)snprintf(race->unseen.scope, sizeof race->unseen.scope, "un%s-%u", what,
                       race->number);
        race->asking = send_ask(&race->device, race->shown.scope);
    }
    for (size_t i = 0; i < AT_ONCE; i++) {
        struct shown *shown = &races[i].shown;
        (void)rpc_peer_wait(&races[i].device.peer, races[i].asking);
        const Openclaw__V1__Device *listed = look(scene->admin, &races[i].device);
        assert_int_equal(listed->asked->n_scopes, 1);
        assert_string_equal(listed->asked->scopes[0], shown->scope);
        assert_int_equal(listed->ask_digest.len, sizeof shown->digest);
        memcpy(shown->digest, listed->ask_digest.data, sizeof shown->digest);
        (void)snprintf(shown->request_id, sizeof shown->request_id, "%s", listed->request_id);
    }
}

static bool is_granted(const Openclaw__V1__Device *device, const char *scope)
{
    for (size_t i = 0; device->granted && i < device->granted->n_scopes; i++) {
        if (strcmp(device->granted->scopes[i], scope) == 0) {
            return true;
        }
    }
    return false;
}

/* Either the approval was of what was shown, or there was none. */
static void judge(struct scene *scene, struct race *race)
{
    (void)rpc_peer_wait(&race->device.peer, race->asking);
    const struct oc_reply reply = rpc_peer_wait(scene->admin, race->approval);
    const Openclaw__V1__Device *after = look(scene->admin, &race->device);
    assert_false(is_granted(after, race->unseen.scope));
    if (reply.status == OC_OK) {
        assert_true(is_granted(after, race->shown.scope));
        scene->n_approved++;
    } else {
        assert_int_equal(reply.status, OC_ABORTED);
        assert_false(is_granted(after, race->shown.scope));
        scene->n_too_late++;
    }
}

/* On the device's connection the next ask replaces what was shown. */
static void race_replacements(struct scene *scene, struct race *races)
{
    show_all(scene, races, "seen");
    for (size_t i = 0; i < AT_ONCE; i++) {
        struct race *race = &races[i];
        const bool approves_first = draw(scene, 2) == 0;
        race->approval = approves_first ? send_approve(scene, &race->shown) : 0;
        race->asking = send_ask(&race->device, race->unseen.scope);
        race->approval = approves_first ? race->approval : send_approve(scene, &race->shown);
    }
    for (size_t i = 0; i < AT_ONCE; i++) {
        judge(scene, &races[i]);
    }
}

/* Whatever is open is gone; what was granted stays. */
static void clear_all(struct scene *scene, struct race *races)
{
    for (size_t i = 0; i < AT_ONCE; i++) {
        const Openclaw__V1__Device *listed = look(scene->admin, &races[i].device);
        (void)snprintf(races[i].shown.request_id, sizeof races[i].shown.request_id, "%s",
                       listed->request_id);
        races[i].dismissal =
            races[i].shown.request_id[0] != '\0' ? send_dismiss(scene, &races[i].shown) : 0;
    }
    for (size_t i = 0; i < AT_ONCE; i++) {
        if (races[i].dismissal != 0) {
            (void)rpc_peer_wait(&scene->second, races[i].dismissal);
        }
    }
}

/* A second administrator dismisses what was shown, and the device asks anew. */
static void race_dismissals(struct scene *scene, struct race *races)
{
    clear_all(scene, races);
    show_all(scene, races, "again");
    for (size_t i = 0; i < AT_ONCE; i++) {
        struct race *race = &races[i];
        const bool approves_first = draw(scene, 2) == 0;
        race->approval = approves_first ? send_approve(scene, &race->shown) : 0;
        race->dismissal = send_dismiss(scene, &race->shown);
        race->asking = send_ask(&race->device, race->unseen.scope);
        race->approval = approves_first ? race->approval : send_approve(scene, &race->shown);
    }
    for (size_t i = 0; i < AT_ONCE; i++) {
        (void)rpc_peer_wait(&scene->second, races[i].dismissal);
        judge(scene, &races[i]);
    }
}

static void race_devices(struct scene *scene, unsigned first)
{
    struct race *races = calloc(AT_ONCE, sizeof *races);
    assert_non_null(races);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        races[i].number = first + i;
        device_make(scene->gateway, &races[i].device);
        device_open(scene->gateway, &races[i].device);
    }
    race_replacements(scene, races);
    rpc_peer_forget_replies(scene->admin);
    race_dismissals(scene, races);
    rpc_peer_forget_replies(scene->admin);
    rpc_peer_forget_replies(&scene->second);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        device_close(&races[i].device);
        device_free(&races[i].device);
    }
    free(races);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void configure(struct gateway_fixture *gateway)
{
    char path[256];
    gateway_path(gateway, "gateway.yaml", path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs("listen: {devices: 'tls+tcp://127.0.0.1:0', admin: 'tls+tcp://127.0.0.1:0'}\n"
                      "log: {level: error}\n"
                      "pairing: {exemptSources: [127.0.0.0/8]}\n",
                      file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static void nothing_is_approved_that_was_not_shown(void **state)
{
    struct scene scene = {.gateway = *state, .random = 20};
    gateway_stop(scene.gateway);
    configure(scene.gateway);
    gateway_start(scene.gateway);
    gateway_open_admin(scene.gateway, &scene.second);
    gateway_open_admin(scene.gateway, &scene.local);
    make_administrator(&scene);
    rpc_peer_open(&scene.afar, scene.gateway->transport, scene.admin_url, scene.admin_tls);
    for (unsigned i = 0; i < N_DEVICES; i += AT_ONCE) {
        scene.admin = i / AT_ONCE % 2 == 0 ? &scene.local : &scene.afar;
        race_devices(&scene, i);
    }
    rpc_peer_close(&scene.afar);
    rpc_peer_close(&scene.local);
    rpc_peer_close(&scene.second);
    oc_tls_context_free(scene.admin_tls);
    print_message("%u races: %u approvals of what was shown, %u too late\n",
                  scene.n_approved + scene.n_too_late, scene.n_approved, scene.n_too_late);
    assert_int_equal(scene.n_approved + scene.n_too_late, 2 * N_DEVICES);
    assert_true(scene.n_approved >= LEAST_OF_EACH);
    assert_true(scene.n_too_late >= LEAST_OF_EACH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_approved_that_was_not_shown, gateway_enter,
                                        gateway_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
