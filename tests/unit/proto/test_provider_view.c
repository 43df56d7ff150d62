#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/core_dispatch.h>
#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

#include "proto/crypto/provider.h"
#include "proto/crypto/provider_view.h"
#include "proto/rpc/tls_internal.h"

struct ends {
    struct oc_identity *gateway;
    struct oc_identity *device;
    struct oc_tls_context *door;
    struct oc_tls_context *client;
};

static bool make_ends(struct ends *ends, const struct oc_tls_trust *trust)
{
    *ends = (struct ends){0};
    return oc_identity_generate(OC_IDENTITY_GATEWAY, &ends->gateway, NULL) == OC_OK &&
           oc_identity_generate(OC_IDENTITY_DEVICE, &ends->device, NULL) == OC_OK &&
           oc_tls_context_for_devices(ends->gateway, &ends->door, NULL) == OC_OK &&
           oc_tls_context_for_client(ends->device, trust, &ends->client, NULL) == OC_OK;
}

static void free_ends(struct ends *ends)
{
    oc_tls_context_free(ends->door);
    oc_tls_context_free(ends->client);
    oc_identity_free(ends->gateway);
    oc_identity_free(ends->device);
}

struct pair {
    SSL *door;
    SSL *client;
};

static bool pair_init(struct pair *pair, const struct ends *ends)
{
    BIO *ours = NULL;
    BIO *theirs = NULL;
    pair->door = SSL_new(ends->door->ssl);
    pair->client = SSL_new(ends->client->ssl);
    if (!pair->door || !pair->client || BIO_new_bio_pair(&ours, 0, &theirs, 0) != 1) {
        return false;
    }
    SSL_set_bio(pair->door, ours, ours);
    SSL_set_bio(pair->client, theirs, theirs);
    SSL_set_accept_state(pair->door);
    SSL_set_connect_state(pair->client);
    return true;
}

static void pair_deinit(struct pair *pair)
{
    SSL_free(pair->door);
    SSL_free(pair->client);
}

static bool shake_hands(const struct pair *pair)
{
    int door = -1;
    int client = -1;
    for (int i = 0; i < 4 && (door != 1 || client != 1); i++) {
        client = SSL_do_handshake(pair->client);
        door = SSL_do_handshake(pair->door);
    }
    return door == 1 && client == 1;
}

static bool shakes_hands(const struct ends *ends)
{
    struct pair pair = {NULL, NULL};
    const bool is_done = pair_init(&pair, ends) && shake_hands(&pair);
    pair_deinit(&pair);
    return is_done;
}

static bool all_works(void)
{
    const struct oc_tls_trust first_use = {.n_pins = 0};
    struct ends ends;
    const bool works = make_ends(&ends, &first_use) && shakes_hands(&ends);
    free_ends(&ends);
    return works;
}

/* ---- a host that has chosen: each in a process of its own, as the view is made once ---------- */

static bool in_child(bool (*holds)(void))
{
    const pid_t child = fork();
    if (child == 0) {
        _Exit(holds() ? 0 : 1);
    }
    int how = 1;
    return child > 0 && waitpid(child, &how, 0) == child && how == 0;
}

static const OSSL_ALGORITHM *offer_nothing(void *context, int operation, int *is_volatile)
{
    (void)context;
    (void)operation;
    *is_volatile = 0;
    return NULL;
}

static int init_of_host(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core,
                        const OSSL_DISPATCH **own, void **context)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))offer_nothing},
        {0, NULL},
    };
    (void)core;
    *own = functions;
    *context = (void *)(uintptr_t)handle;
    return 1;
}

static bool is_left_alone_with_a_provider_of_its_own(void)
{
    oc_provider_start();
    return OSSL_PROVIDER_add_builtin(NULL, "host", init_of_host) == 1 &&
           OSSL_PROVIDER_load(NULL, "default") && OSSL_PROVIDER_load(NULL, "host") &&
           !oc_provider_view() && all_works();
}

static bool is_left_alone_when_it_wants_fips(void)
{
    oc_provider_start();
    return EVP_default_properties_enable_fips(NULL, 1) == 1 && !oc_provider_view();
}

static bool is_served_when_it_named_the_default(void)
{
    oc_provider_start();
    return OSSL_PROVIDER_load(NULL, "default") && OSSL_PROVIDER_load(NULL, "base") &&
           oc_provider_view() && all_works();
}

static void what_a_host_process_has_chosen_holds(void **state)
{
    (void)state;
    assert_true(in_child(is_left_alone_with_a_provider_of_its_own));
    assert_true(in_child(is_left_alone_when_it_wants_fips));
    assert_true(in_child(is_served_when_it_named_the_default));
}

/* ---- what it shows --------------------------------------------------------------------------- */

static void count_decoder(OSSL_DECODER *decoder, void *user)
{
    (void)decoder;
    ++*(unsigned *)user;
}

static bool knows_key(OSSL_LIB_CTX *context, const char *name)
{
    EVP_KEYMGMT *keys = EVP_KEYMGMT_fetch(context, name, NULL);
    EVP_KEYMGMT_free(keys);
    return keys != NULL;
}

static bool knows_digest(OSSL_LIB_CTX *context, const char *name)
{
    EVP_MD *digest = EVP_MD_fetch(context, name, NULL);
    EVP_MD_free(digest);
    return digest != NULL;
}

static void it_knows_what_a_handshake_needs_and_nothing_else(void **state)
{
    (void)state;
    OSSL_LIB_CTX *view = oc_provider_view();
    assert_non_null(view);
    assert_ptr_equal(view, oc_provider_view());
    unsigned n_decoders = 0;
    OSSL_DECODER_do_all_provided(view, count_decoder, &n_decoders);
    assert_int_equal(n_decoders, 2);
    assert_true(knows_key(view, "ED25519") && knows_key(view, "EC") && knows_key(view, "X25519"));
    assert_false(knows_key(view, "RSA") || knows_key(view, "DH") || knows_key(view, "ED448"));
    assert_true(knows_digest(view, "SHA256"));
    assert_false(knows_digest(view, "SHA1") || knows_digest(view, "MD5"));
}

static void the_default_context_is_as_it_was(void **state)
{
    (void)state;
    assert_non_null(oc_provider_view());
    assert_true(knows_key(NULL, "RSA") && knows_key(NULL, "DH") && knows_digest(NULL, "MD5"));
    unsigned n_decoders = 0;
    OSSL_DECODER_do_all_provided(NULL, count_decoder, &n_decoders);
    assert_true(n_decoders > 20);
}

/* ---- who uses it ----------------------------------------------------------------------------- */

static const char *provider_of_peer(const SSL *ssl)
{
    const EVP_PKEY *key = X509_get0_pubkey(SSL_get0_peer_certificate(ssl));
    assert_non_null(key);
    return OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key));
}

static void both_ends_read_the_key_of_the_other_in_it(void **state)
{
    (void)state;
    const struct oc_tls_trust first_use = {.n_pins = 0};
    struct ends ends;
    struct pair pair;
    assert_true(make_ends(&ends, &first_use));
    assert_true(pair_init(&pair, &ends));
    assert_true(shake_hands(&pair));
    assert_string_equal(provider_of_peer(pair.door), "openclaw");
    assert_string_equal(provider_of_peer(pair.client), "openclaw");
    pair_deinit(&pair);
    free_ends(&ends);
}

/* The gateway's certificate, signed by an authority whose key is RSA, in a file of its own. */
static void sign_by_rsa(const struct ends *ends, const char *ca_file)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    X509 *authority = X509_dup(oc_identity_x509(ends->gateway));
    X509 *certificate = X509_dup(oc_identity_x509(ends->gateway));
    X509_NAME *name = X509_get_subject_name(authority);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC,
                                                (const unsigned char *)"authority", -1, -1, 0),
                     1);
    /* Of version 1 it needs no extension to be one. */
    assert_int_equal(X509_set_version(authority, X509_VERSION_1), 1);
    assert_int_equal(X509_set_issuer_name(authority, name), 1);
    assert_int_equal(X509_set_issuer_name(certificate, name), 1);
    assert_int_equal(X509_set_pubkey(authority, key), 1);
    assert_true(X509_sign(authority, key, EVP_sha256()) > 0);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(ends->door->ssl, certificate), 1);
    FILE *file = fopen(ca_file, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, authority), 1);
    (void)fclose(file);
    X509_free(certificate);
    X509_free(authority);
    EVP_PKEY_free(key);
}

static void an_authority_may_have_a_key_of_any_kind(void **state)
{
    (void)state;
    const struct oc_tls_trust first_use = {.n_pins = 0};
    char ca_file[] = "/tmp/oc-ca-XXXXXX";
    (void)close(mkstemp(ca_file));
    struct ends ends;
    assert_true(make_ends(&ends, &first_use));
    sign_by_rsa(&ends, ca_file);
    oc_tls_context_free(ends.client);
    const struct oc_tls_trust by_ca = {.ca_file = ca_file, .server_name = "oc"};
    assert_int_equal(oc_tls_context_for_client(ends.device, &by_ca, &ends.client, NULL), OC_OK);
    assert_true(shakes_hands(&ends));
    (void)unlink(ca_file);
    free_ends(&ends);
}

/* ---- many at once, and a process that forks ---------------------------------------------------
 */

static void *shake_often(void *argument)
{
    const struct ends *ends = argument;
    bool works = true;
    for (int i = 0; i < 10; i++) {
        works = works && shakes_hands(ends);
    }
    return works ? argument : NULL;
}

static void threads_and_contexts_share_it(void **state)
{
    (void)state;
    enum { N = 4 };
    const struct oc_tls_trust first_use = {.n_pins = 0};
    struct ends ends[2];
    pthread_t threads[N];
    assert_true(make_ends(&ends[0], &first_use) && make_ends(&ends[1], &first_use));
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, shake_often, &ends[i % 2]), 0);
    }
    for (size_t i = 0; i < N; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, &ends[i % 2]);
    }
    free_ends(&ends[0]);
    free_ends(&ends[1]);
}

static void a_child_process_shakes_hands_with_it(void **state)
{
    (void)state;
    assert_non_null(oc_provider_view());
    assert_true(all_works());
    assert_true(in_child(all_works));
    assert_true(all_works());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_host_process_has_chosen_holds), /* first: nobody has asked yet */
        cmocka_unit_test(it_knows_what_a_handshake_needs_and_nothing_else),
        cmocka_unit_test(the_default_context_is_as_it_was),
        cmocka_unit_test(both_ends_read_the_key_of_the_other_in_it),
        cmocka_unit_test(an_authority_may_have_a_key_of_any_kind),
        cmocka_unit_test(threads_and_contexts_share_it),
        cmocka_unit_test(a_child_process_shakes_hands_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
