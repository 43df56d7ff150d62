#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "proto/base/cleanup.h"
#include "proto/rpc/tls_internal.h"
#include "proto/rpc/tls_session.h"

/* ---- two sessions over memory -------------------------------------------------------------- */

struct pair {
    struct oc_tls_session *client;
    struct oc_tls_session *server;
    struct oc_buffer to_server;
    struct oc_buffer to_client;
    struct oc_error err; /* of the one that failed */
};

static void pair_init(struct pair *pair, const struct oc_tls_context *client,
                      const struct oc_tls_context *server)
{
    memset(pair, 0, sizeof *pair);
    assert_int_equal(oc_tls_session_new(client, &pair->client, NULL), OC_OK);
    assert_int_equal(oc_tls_session_new(server, &pair->server, NULL), OC_OK);
}

static void pair_deinit(struct pair *pair)
{
    oc_tls_session_free(pair->client);
    oc_tls_session_free(pair->server);
    oc_buffer_free(&pair->to_client);
    oc_buffer_free(&pair->to_server);
}

/* One side handles what came, `piece` bytes at a time. */
static enum oc_tls_result step(struct oc_tls_session *session, struct oc_buffer *in,
                               struct oc_buffer *out, size_t piece, struct oc_error *err)
{
    enum oc_tls_result result = OC_TLS_WANT_INPUT;
    do {
        const size_t n = oc_buffer_length(in) < piece ? oc_buffer_length(in) : piece;
        oc_tls_feed(session, oc_buffer_front(in), n);
        result = oc_tls_handshake(session, out, err);
        oc_buffer_consume(in, n);
    } while (result == OC_TLS_WANT_INPUT && oc_buffer_length(in) > 0);
    return result;
}

/* True when both are done. */
static bool shake_hands(struct pair *pair, size_t piece)
{
    enum oc_tls_result client = OC_TLS_WANT_INPUT;
    enum oc_tls_result server = OC_TLS_WANT_INPUT;
    for (int i = 0; i < 4 && (client != OC_TLS_DONE || server != OC_TLS_DONE); i++) {
        client = step(pair->client, &pair->to_client, &pair->to_server, piece, &pair->err);
        if (client == OC_TLS_FAILED) {
            return false;
        }
        server = step(pair->server, &pair->to_server, &pair->to_client, piece, &pair->err);
        if (server == OC_TLS_FAILED) {
            return false;
        }
    }
    return client == OC_TLS_DONE && server == OC_TLS_DONE;
}

struct ends {
    struct oc_identity *gateway;
    struct oc_identity *device;
    struct oc_tls_context *door;
    struct oc_tls_context *client;
};

static void make_ends(struct ends *ends, const struct oc_tls_trust *trust)
{
    assert_int_equal(oc_identity_generate(OC_IDENTITY_GATEWAY, &ends->gateway, NULL), OC_OK);
    assert_int_equal(oc_identity_generate(OC_IDENTITY_DEVICE, &ends->device, NULL), OC_OK);
    assert_int_equal(oc_tls_context_for_devices(ends->gateway, &ends->door, NULL), OC_OK);
    assert_int_equal(oc_tls_context_for_client(ends->device, trust, &ends->client, NULL), OC_OK);
}

static void free_ends(struct ends *ends)
{
    oc_tls_context_free(ends->door);
    oc_tls_context_free(ends->client);
    oc_identity_free(ends->gateway);
    oc_identity_free(ends->device);
}

static void a_handshake_works_however_its_bytes_are_cut(void **state)
{
    (void)state;
    const struct oc_tls_trust first_use = {.n_pins = 0};
    static const size_t pieces[] = {1, 2, 5, 6, 100, 100000};
    struct ends ends;
    make_ends(&ends, &first_use);
    for (size_t i = 0; i < OC_ARRAY_LENGTH(pieces); i++) {
        struct pair pair;
        pair_init(&pair, ends.client, ends.door);
        assert_true(shake_hands(&pair, pieces[i]));
        struct oc_tls_peer device;
        struct oc_tls_peer gateway;
        assert_true(oc_tls_read_peer(pair.server, &device));
        assert_true(oc_tls_read_peer(pair.client, &gateway));
        const struct oc_device_id id = oc_identity_device_id(ends.device);
        assert_true(oc_device_id_equal(&device.device_id, &id));
        const struct oc_digest pin = oc_identity_spki_sha256(ends.gateway);
        assert_memory_equal(gateway.spki_sha256.bytes, pin.bytes, sizeof pin.bytes);
        pair_deinit(&pair);
    }
    free_ends(&ends);
}

static void records_work_however_their_bytes_are_cut(void **state)
{
    (void)state;
    const struct oc_tls_trust first_use = {.n_pins = 0};
    struct ends ends;
    struct pair pair;
    make_ends(&ends, &first_use);
    pair_init(&pair, ends.client, ends.door);
    assert_true(shake_hands(&pair, 100000));
    static uint8_t sent[40000];
    static uint8_t got[sizeof sent];
    for (size_t i = 0; i < sizeof sent; i++) {
        sent[i] = (uint8_t)(i * 31);
    }
    assert_true(oc_tls_write(pair.client, &pair.to_server, sent, sizeof sent));
    oc_tls_notify_close(pair.client, &pair.to_server);
    size_t n_got = 0;
    enum oc_tls_result result = OC_TLS_WANT_INPUT;
    for (size_t piece = 1; result != OC_TLS_CLOSED; piece = piece * 3 % 4001) {
        size_t n = 0;
        const size_t n_in = oc_buffer_length(&pair.to_server);
        oc_tls_feed(pair.server, oc_buffer_front(&pair.to_server), piece < n_in ? piece : n_in);
        do {
            result = oc_tls_read(pair.server, &pair.to_client, got + n_got,
                                 sizeof got - n_got < 999 ? sizeof got - n_got + 1 : 999, &n, NULL);
            n_got += n;
        } while (result == OC_TLS_DONE);
        assert_int_not_equal(result, OC_TLS_FAILED);
        oc_buffer_consume(&pair.to_server, piece < n_in ? piece : n_in);
    }
    assert_int_equal(n_got, sizeof sent);
    assert_memory_equal(got, sent, sizeof sent);
    pair_deinit(&pair);
    free_ends(&ends);
}

static void a_record_longer_than_the_room_is_read_to_its_end(void **state)
{
    (void)state;
    const struct oc_tls_trust first_use = {.n_pins = 0};
    struct ends ends;
    struct pair pair;
    make_ends(&ends, &first_use);
    pair_init(&pair, ends.client, ends.door);
    assert_true(shake_hands(&pair, 100000));
    static const uint8_t sent[5000] = {1};
    uint8_t got[999];
    size_t n_got = 0;
    assert_true(oc_tls_write(pair.client, &pair.to_server, sent, sizeof sent));
    oc_tls_feed(pair.server, oc_buffer_front(&pair.to_server), oc_buffer_length(&pair.to_server));
    enum oc_tls_result result = OC_TLS_DONE;
    while (result == OC_TLS_DONE) {
        size_t n = 0;
        result = oc_tls_read(pair.server, &pair.to_client, got, sizeof got, &n, NULL);
        n_got += n;
    }
    assert_int_equal(result, OC_TLS_WANT_INPUT);
    assert_int_equal(n_got, sizeof sent);
    pair_deinit(&pair);
    free_ends(&ends);
}

/* A program's own use of OpenSSL, in a callback on our thread, may leave one behind. */
static void leave_an_error_behind(void)
{
    ERR_raise(ERR_LIB_USER, 1);
    assert_int_not_equal(ERR_peek_error(), 0);
}

static void errors_of_others_are_not_taken_for_ours(void **state)
{
    (void)state;
    const struct oc_tls_trust first_use = {.n_pins = 0};
    struct ends ends;
    struct pair pair;
    make_ends(&ends, &first_use);
    pair_init(&pair, ends.client, ends.door);
    leave_an_error_behind();
    assert_int_equal(oc_tls_handshake(pair.client, &pair.to_server, &pair.err), OC_TLS_WANT_INPUT);
    assert_true(shake_hands(&pair, 100000));
    leave_an_error_behind();
    assert_true(oc_tls_write(pair.client, &pair.to_server, (const uint8_t *)"hello", 5));
    assert_int_equal(ERR_peek_error(), 0);
    uint8_t plain[16];
    size_t n = 0;
    leave_an_error_behind();
    oc_tls_feed(pair.server, oc_buffer_front(&pair.to_server), 7);
    assert_int_equal(oc_tls_read(pair.server, &pair.to_client, plain, sizeof plain, &n, &pair.err),
                     OC_TLS_WANT_INPUT);
    pair_deinit(&pair);
    free_ends(&ends);
}

static void a_flipped_bit_kills_the_session(void **state)
{
    (void)state;
    const struct oc_tls_trust first_use = {.n_pins = 0};
    struct ends ends;
    struct pair pair;
    make_ends(&ends, &first_use);
    pair_init(&pair, ends.client, ends.door);
    assert_true(shake_hands(&pair, 100000));
    assert_true(oc_tls_write(pair.client, &pair.to_server, (const uint8_t *)"hello", 5));
    pair.to_server.data[pair.to_server.end - 1] ^= 1;
    uint8_t plain[16];
    size_t n = 0;
    oc_tls_feed(pair.server, oc_buffer_front(&pair.to_server), oc_buffer_length(&pair.to_server));
    assert_int_equal(oc_tls_read(pair.server, &pair.to_client, plain, sizeof plain, &n, &pair.err),
                     OC_TLS_FAILED);
    assert_int_equal(n, 0);
    pair_deinit(&pair);
    free_ends(&ends);
}

/* ---- keys that no handshake may prove ------------------------------------------------------ */

static bool is_device_key(const uint8_t raw[32])
{
    uint8_t out[32];
    X509 *certificate = X509_new();
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw, 32);
    assert_non_null(key);
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    const bool is_accepted = oc_tls_device_key(certificate, out);
    EVP_PKEY_free(key);
    X509_free(certificate);
    return is_accepted;
}

static void degenerate_keys_in_a_certificate_are_no_identity(void **state)
{
    (void)state;
    uint8_t raw[32] = {1}; /* the identity point: one fixed signature verifies every message */
    assert_false(is_device_key(raw));
    raw[0] = 0;
    assert_false(is_device_key(raw));
    memset(raw, 0xff, sizeof raw);
    raw[0] = 0xee;
    raw[31] = 0x7f; /* one, written as p + 1 */
    assert_false(is_device_key(raw));
    struct oc_identity *sound = NULL;
    assert_int_equal(oc_identity_generate(OC_IDENTITY_DEVICE, &sound, NULL), OC_OK);
    oc_identity_raw_public(sound, raw);
    assert_true(is_device_key(raw));
    oc_identity_free(sound);
}

/* ---- trust by CA and name ------------------------------------------------------------------- */

static void add_alternative_names(X509 *certificate, const char *names)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* A self-signed certificate for the names, whose file is its own CA file. */
static void name_gateway(const struct ends *ends, const char *names, const char *ca_file)
{
    X509 *certificate = X509_dup(oc_identity_x509(ends->gateway));
    EVP_PKEY *key = oc_identity_evp_pkey(ends->gateway);
    add_alternative_names(certificate, names);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(ends->door->ssl, certificate), 1);
    FILE *file = fopen(ca_file, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    (void)fclose(file);
    X509_free(certificate);
}

static void assert_trusted(const struct ends *ends, const char *ca_file, const char *name,
                           bool expected)
{
    const struct oc_tls_trust trust = {.ca_file = ca_file, .server_name = name};
    struct oc_tls_context *client = NULL;
    struct pair pair;
    assert_int_equal(oc_tls_context_for_client(ends->device, &trust, &client, NULL), OC_OK);
    pair_init(&pair, client, ends->door);
    assert_int_equal(shake_hands(&pair, 100000), expected);
    if (!expected) {
        assert_int_equal(pair.err.status, OC_UNAUTHENTICATED);
    }
    pair_deinit(&pair);
    oc_tls_context_free(client);
}

static void a_ca_file_is_believed_for_the_names_it_vouches_for(void **state)
{
    (void)state;
    const struct oc_tls_trust first_use = {.n_pins = 0};
    struct ends ends;
    struct ends stranger;
    make_ends(&ends, &first_use);
    make_ends(&stranger, &first_use);
    char ca_file[] = "/tmp/oc-ca-XXXXXX";
    char other_file[] = "/tmp/oc-ca-XXXXXX";
    (void)close(mkstemp(ca_file));
    (void)close(mkstemp(other_file));
    name_gateway(&ends, "DNS:gw.example,IP:192.0.2.7", ca_file);
    name_gateway(&stranger, "DNS:gw.example", other_file);
    assert_trusted(&ends, ca_file, "gw.example", true);
    assert_trusted(&ends, ca_file, "192.0.2.7", true);
    assert_trusted(&ends, ca_file, "other.example", false);
    assert_trusted(&ends, ca_file, "192.0.2.8", false);
    assert_trusted(&ends, other_file, "gw.example", false);
    (void)unlink(ca_file);
    (void)unlink(other_file);
    free_ends(&stranger);
    free_ends(&ends);
}

static void trust_that_cannot_work_is_refused_at_once(void **state)
{
    (void)state;
    struct oc_identity *device = NULL;
    struct oc_tls_context *client = NULL;
    struct oc_error err;
    assert_int_equal(oc_identity_generate(OC_IDENTITY_DEVICE, &device, NULL), OC_OK);
    struct oc_tls_trust trust = {.ca_file = "/nowhere/ca.pem", .server_name = "gw.example"};
    assert_int_equal(oc_tls_context_for_client(device, &trust, &client, &err), OC_INVALID_ARGUMENT);
    assert_non_null(strstr(err.text, "/nowhere/ca.pem"));
    trust.server_name = NULL;
    assert_int_equal(oc_tls_context_for_client(device, &trust, &client, &err), OC_INVALID_ARGUMENT);
    trust = (struct oc_tls_trust){.n_pins = OC_TLS_MAX_PINS + 1};
    assert_int_equal(oc_tls_context_for_client(device, &trust, &client, &err), OC_INVALID_ARGUMENT);
    assert_null(client);
    oc_identity_free(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_works_however_its_bytes_are_cut),
        cmocka_unit_test(records_work_however_their_bytes_are_cut),
        cmocka_unit_test(a_record_longer_than_the_room_is_read_to_its_end),
        cmocka_unit_test(errors_of_others_are_not_taken_for_ours),
        cmocka_unit_test(a_flipped_bit_kills_the_session),
        cmocka_unit_test(degenerate_keys_in_a_certificate_are_no_identity),
        cmocka_unit_test(a_ca_file_is_believed_for_the_names_it_vouches_for),
        cmocka_unit_test(trust_that_cannot_work_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
