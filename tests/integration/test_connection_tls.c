/* What TLS refuses at the device door: that connection is closed, everyone else is served. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/x509.h>

#include "proto/crypto/certificate.h"
#include "proto/rpc/limits.h"
#include "tests/support/canary.h"
#include "tests/support/raw_peer.h"

static const struct wire_options no_options;

static void assert_never_opens(struct canary *scene, struct raw_tls *peer)
{
    struct endpoint *server = &scene->wire.server;
    const unsigned n_opened = endpoint_get(server, &server->n_opened);
    const unsigned n_closed = endpoint_get(server, &server->n_closed);
    uint8_t byte;
    if (raw_tls_connect(peer, scene->wire.port)) {
        /* Our side of TLS 1.3 is done before the server has judged us. */
        (void)raw_tls_write(peer, canary_caller_greeting, sizeof canary_caller_greeting);
        assert_false(raw_tls_read(peer, &byte, 1));
    }
    assert_true(endpoint_wait(server, &server->n_closed, n_closed + 1));
    assert_int_equal(endpoint_get(server, &server->n_opened), n_opened);
    raw_tls_deinit(peer);
}

static void tls_1_2_is_refused(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &no_options);
    struct raw_tls peer;
    canary_init_device(&peer, &scene);
    assert_int_equal(SSL_CTX_set_max_proto_version(peer.context, TLS1_2_VERSION), 1);
    assert_never_opens(&scene, &peer);
    canary_end(&scene);
}

static void a_peer_without_certificate_is_refused(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &no_options);
    struct raw_tls peer;
    raw_tls_init(&peer, NULL, NULL);
    assert_never_opens(&scene, &peer);
    canary_end(&scene);
}

static void a_p256_device_key_is_refused(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &no_options);
    struct raw_tls peer;
    raw_tls_init(&peer, oc_identity_x509(scene.wire.gateway),
                 oc_identity_evp_pkey(scene.wire.gateway));
    assert_never_opens(&scene, &peer);
    canary_end(&scene);
}

static void a_chain_of_two_certificates_is_refused(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &no_options);
    struct raw_tls peer;
    canary_init_device(&peer, &scene);
    assert_int_equal(SSL_CTX_add1_chain_cert(peer.context, oc_identity_x509(scene.wire.device)), 1);
    assert_never_opens(&scene, &peer);
    canary_end(&scene);
}

/* A key whose public half is the identity point, under which one fixed signature verifies every
 * message. OpenSSL takes our word for both halves. */
static EVP_PKEY *make_degenerate_key(void)
{
    uint8_t private_half[32] = {7};
    uint8_t public_half[32] = {1};
    const OSSL_PARAM halves[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, private_half, 32),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, public_half, 32),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "ED25519", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, (OSSL_PARAM *)(uintptr_t)halves), 1);
    EVP_PKEY_CTX_free(context);
    return key;
}

static void a_degenerate_device_key_is_refused_before_its_signature_counts(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &no_options);
    EVP_PKEY *key = make_degenerate_key();
    X509 *certificate = NULL;
    assert_int_equal(oc_certificate_make(key, &certificate, NULL), OC_OK);
    struct raw_tls peer;
    raw_tls_init(&peer, certificate, key);
    assert_never_opens(&scene, &peer);
    /* Judged by the key, not by a signature that happens to be wrong. */
    assert_int_equal(scene.wire.server.why, OC_UNAUTHENTICATED);
    X509_free(certificate);
    EVP_PKEY_free(key);
    canary_end(&scene);
}

/* A certificate of the device's key with a comment of n bytes. */
static X509 *make_fat_certificate(EVP_PKEY *key, size_t n)
{
    X509 *certificate = NULL;
    assert_int_equal(oc_certificate_make(key, &certificate, NULL), OC_OK);
    ASN1_OCTET_STRING *text = ASN1_OCTET_STRING_new();
    uint8_t *bytes = calloc(1, n);
    assert_int_equal(ASN1_OCTET_STRING_set(text, bytes, (int)n), 1);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_NID(NULL, NID_netscape_comment, 0, text);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    assert_true(X509_sign(certificate, key, NULL) > 0);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(text);
    free(bytes);
    return certificate;
}

static void a_certificate_over_two_kilobytes_is_refused(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &no_options);
    EVP_PKEY *key = oc_identity_evp_pkey(scene.wire.device);
    const int n_bare = i2d_X509(oc_identity_x509(scene.wire.device), NULL);
    struct raw_tls peer;
    X509 *fat = make_fat_certificate(key, OC_MAX_PEER_CERTIFICATE_BYTES - (size_t)n_bare - 60);
    assert_in_range(i2d_X509(fat, NULL), OC_MAX_PEER_CERTIFICATE_BYTES - 60,
                    OC_MAX_PEER_CERTIFICATE_BYTES);
    raw_tls_init(&peer, fat, key);
    canary_greet(&peer, &scene);
    assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_opened, 2));
    raw_tls_deinit(&peer);
    assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_closed, 1));
    X509_free(fat);
    fat = make_fat_certificate(key, OC_MAX_PEER_CERTIFICATE_BYTES - (size_t)n_bare);
    assert_in_range(i2d_X509(fat, NULL), OC_MAX_PEER_CERTIFICATE_BYTES + 1,
                    OC_MAX_PEER_CERTIFICATE_BYTES + 60);
    raw_tls_init(&peer, fat, key);
    assert_never_opens(&scene, &peer);
    X509_free(fat);
    canary_end(&scene);
}

static void nothing_can_be_resumed(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &no_options);
    struct raw_tls peer;
    canary_init_device(&peer, &scene);
    SSL_CTX_set_session_cache_mode(peer.context, SSL_SESS_CACHE_CLIENT);
    canary_greet(&peer, &scene);
    SSL_SESSION *session = SSL_get1_session(peer.ssl);
    assert_false(SSL_SESSION_is_resumable(session));
    SSL_SESSION_free(session);
    raw_tls_deinit(&peer);
    canary_end(&scene);
}

static void a_flood_of_key_updates_harms_nobody(void **state)
{
    (void)state;
    struct canary scene;
    canary_begin(&scene, &no_options);
    struct raw_tls peer;
    canary_init_device(&peer, &scene);
    canary_greet(&peer, &scene);
    bool is_open = true;
    for (int i = 0; i < 20000 && is_open; i++) {
        is_open = SSL_key_update(peer.ssl, SSL_KEY_UPDATE_REQUESTED) == 1 &&
                  SSL_do_handshake(peer.ssl) == 1;
    }
    raw_tls_deinit(&peer);
    assert_true(endpoint_wait(&scene.wire.server, &scene.wire.server.n_closed, 1));
    canary_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_1_2_is_refused),
        cmocka_unit_test(a_peer_without_certificate_is_refused),
        cmocka_unit_test(a_p256_device_key_is_refused),
        cmocka_unit_test(a_chain_of_two_certificates_is_refused),
        cmocka_unit_test(a_degenerate_device_key_is_refused_before_its_signature_counts),
        cmocka_unit_test(a_certificate_over_two_kilobytes_is_refused),
        cmocka_unit_test(nothing_can_be_resumed),
        cmocka_unit_test(a_flood_of_key_updates_harms_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
