/*
 * What is told of an id whose key was not proved: nothing. The same bytes come back whether the
 * gateway knows the id or not, and however it stands; and nothing is noted of the attempt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "proto/crypto/identity.h"
#include "tests/support/gateway_fixture.h"
#include "tests/support/raw_peer.h"

enum standing {
    UNKNOWN,
    PENDING,
    APPROVED,
    REJECTED,
    REVOKED,
    BLOCKED,
    STANDINGS,
};

/* Devices of every standing, an administrator, and what the gateway says of them. */
struct scene {
    struct gateway_fixture *gateway;
    struct rpc_peer admin;
    struct device victims[STANDINGS];
    char requests[STANDINGS][OC_REQUEST_ID_CHARS + 1]; /* that each of them has or had */
    uint8_t receipt[512];                              /* of the approved one, packed */
    size_t n_receipt;
};

static void decide(struct scene *scene, uint32_t method, enum standing which)
{
    struct oc_error err;
    assert_int_equal(admin_decide_on(&scene->admin, method, &scene->victims[which], &err), OC_OK);
}

static void reject(struct scene *scene, const char *request_id)
{
    struct oc_error err;
    char id[OC_REQUEST_ID_CHARS + 1];
    Openclaw__V1__RequestDecision request = OPENCLAW__V1__REQUEST_DECISION__INIT;
    (void)snprintf(id, sizeof id, "%s", request_id);
    request.request_id = id;
    assert_int_equal(rpc_peer_try(&scene->admin, NUMBER(REJECT), &request.base, &err), OC_OK);
}

static void keep_receipt(struct scene *scene)
{
    const Openclaw__V1__Session *session = device_wants_session(&scene->victims[APPROVED]);
    scene->n_receipt = openclaw__v1__receipt__get_packed_size(session->receipt);
    assert_in_range(scene->n_receipt, 1, sizeof scene->receipt);
    (void)openclaw__v1__receipt__pack(session->receipt, scene->receipt);
}

static void bring_about(struct scene *scene, enum standing which)
{
    struct oc_error err;
    struct device *device = &scene->victims[which];
    device_make(scene->gateway, device);
    if (which == UNKNOWN) {
        return;
    }
    device_open(scene->gateway, device);
    (void)snprintf(
        scene->requests[which], sizeof scene->requests[which], "%s",
        device_wants_refusal(device, OPENCLAW__V1__REFUSAL_KIND__REFUSAL_PAIRING_REQUIRED)
            ->request_id);
    if (which == APPROVED || which == REVOKED) {
        assert_int_equal(admin_approve(&scene->admin, scene->requests[which], "", &err), OC_OK);
    }
    if (which == APPROVED) {
        keep_receipt(scene);
    } else if (which == REJECTED) {
        reject(scene, scene->requests[which]);
    } else if (which == REVOKED) {
        decide(scene, NUMBER(REVOKE), which);
    } else if (which == BLOCKED) {
        decide(scene, NUMBER(BLOCK), which);
    }
    device_close(device);
}

static int enter(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    void *gateway = NULL;
    assert_int_equal(gateway_enter(&gateway), 0);
    scene->gateway = gateway;
    gateway_open_admin(scene->gateway, &scene->admin);
    for (int which = 0; which < STANDINGS; which++) {
        bring_about(scene, (enum standing)which);
    }
    *state = scene;
    return 0;
}

static int leave(void **state)
{
    struct scene *scene = *state;
    void *gateway = scene->gateway;
    rpc_peer_close(&scene->admin);
    for (int which = 0; which < STANDINGS; which++) {
        device_free(&scene->victims[which]);
    }
    free(scene);
    return gateway_leave(&gateway);
}

static const Openclaw__V1__ListDevicesReply *list(struct scene *scene)
{
    const ProtobufCMessage *reply = rpc_peer_call(&scene->admin, NUMBER(LIST_DEVICES), NULL);
    return (const Openclaw__V1__ListDevicesReply *)reply;
}

/* ---- a key that is not one's own ------------------------------------------------------------- */

/* What came back: handshake messages by kind and length, alerts as they are. */
struct heard {
    char text[1024];
    size_t n;
};

static void note(struct heard *heard, const char *what, int kind, size_t length)
{
    const int n = snprintf(heard->text + heard->n, sizeof heard->text - heard->n, "%s %d %zu\n",
                           what, kind, length);
    assert_true(n > 0 && (size_t)n < sizeof heard->text - heard->n);
    heard->n += (size_t)n;
}

static void listen_in(int is_written, int version, int content_type, const void *bytes,
                      size_t length, SSL *ssl, void *user)
{
    const uint8_t *at = bytes;
    (void)version;
    (void)ssl;
    if (is_written) {
        return;
    }
    if (content_type == SSL3_RT_HANDSHAKE) {
        /* The gateway's own signature comes out a byte longer or shorter each time. */
        note(user, "handshake", at[0], at[0] == SSL3_MT_CERTIFICATE_VERIFY ? 0 : length);
    } else if (content_type == SSL3_RT_ALERT) {
        note(user, "alert", at[0] << 8 | at[1], length);
    } else if (content_type == SSL3_RT_APPLICATION_DATA) {
        note(user, "data", content_type, length);
    }
}

/* Shows the public half of one key and signs with the private half of another. */
static EVP_PKEY *forged_key(const struct oc_identity *victim, const struct oc_identity *own)
{
    uint8_t shown[32];
    uint8_t secret[32];
    size_t n = sizeof secret;
    EVP_PKEY *key = NULL;
    oc_identity_raw_public(victim, shown);
    assert_int_equal(EVP_PKEY_get_raw_private_key(oc_identity_evp_pkey(own), secret, &n), 1);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, shown, sizeof shown),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, secret, sizeof secret),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "ED25519", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params), 1);
    EVP_PKEY_CTX_free(context);
    return key;
}

static uint16_t port_of(const struct scene *scene)
{
    const char *colon = strrchr(app_device_url(scene->gateway->app), ':');
    return (uint16_t)strtoul(colon + 1, NULL, 10);
}

/* Connects as the victim, with a proof by another key (or with none), greets, asks to connect. */
static struct heard claim(struct scene *scene, const struct oc_identity *victim,
                          const struct oc_identity *own)
{
    static const uint8_t greeting[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    struct heard heard = {.n = 0};
    struct raw_tls peer;
    uint8_t byte;
    EVP_PKEY *key = own ? forged_key(victim, own) : NULL;
    raw_tls_init(&peer, own ? oc_identity_x509(victim) : NULL, key);
    SSL_CTX_set_msg_callback(peer.context, listen_in);
    SSL_CTX_set_msg_callback_arg(peer.context, &heard);
    if (raw_tls_connect(&peer, port_of(scene))) {
        (void)raw_tls_write(&peer, greeting, sizeof greeting);
        assert_false(raw_tls_read(&peer, &byte, 1));
    }
    raw_tls_deinit(&peer);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return heard;
}

static void a_claimed_key_is_answered_alike_however_its_id_stands(void **state)
{
    struct scene *scene = *state;
    struct device attacker;
    device_make(scene->gateway, &attacker);
    const Openclaw__V1__ListDevicesReply *before = list(scene);
    const uint64_t revision = before->revision;
    int64_t seen_ms[STANDINGS] = {0};
    for (int which = PENDING; which < STANDINGS; which++) {
        seen_ms[which] = admin_look(&scene->admin, &scene->victims[which])->last_seen_at_ms;
    }
    const struct heard unknown = claim(scene, scene->victims[UNKNOWN].identity, attacker.identity);
    assert_non_null(strstr(unknown.text, "alert"));
    assert_null(strstr(unknown.text, "data"));
    for (int which = PENDING; which < STANDINGS; which++) {
        const struct heard known = claim(scene, scene->victims[which].identity, attacker.identity);
        assert_string_equal(known.text, unknown.text);
        assert_true(admin_look(&scene->admin, &scene->victims[which])->last_seen_at_ms ==
                    seen_ms[which]);
    }
    const struct heard nobody = claim(scene, NULL, NULL);
    assert_null(strstr(nobody.text, "data"));
    const Openclaw__V1__ListDevicesReply *after = list(scene);
    assert_int_equal(after->n_items, STANDINGS - 1); /* neither the unknown one nor the attacker */
    assert_true(after->revision == revision);
    device_free(&attacker);
}

/* ---- a key of one's own, and the ids of others ----------------------------------------------- */

struct answer {
    uint8_t bytes[4096];
    size_t n;
};

static struct answer answer_to(struct device *device, uint32_t method,
                               const ProtobufCMessage *message)
{
    struct answer answer = {.n = 0};
    struct rpc_peer *peer = &device->peer;
    const uint32_t word = rpc_peer_send(peer, method, message);
    (void)rpc_peer_wait(peer, word);
    pthread_mutex_lock(&peer->lock);
    for (size_t i = 0; i < peer->n_replies; i++) {
        if (peer->replies[i].word == word) {
            answer.n = peer->replies[i].n;
            assert_in_range(answer.n, 1, sizeof answer.bytes);
            memcpy(answer.bytes, peer->replies[i].bytes, answer.n);
        }
    }
    pthread_mutex_unlock(&peer->lock);
    assert_true(answer.n > 0);
    return answer;
}

static void assert_same(const struct answer *a, const struct answer *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->bytes, b->bytes, a->n);
}

/* What a fresh key is told that comes with this receipt, but for what names the key itself. */
struct told {
    Openclaw__V1__RefusalKind kind;
    Openclaw__V1__Why why;
    uint32_t http_status;
    uint32_t retry_after_ms;
    size_t n_text;
};

static struct told told_with(struct scene *scene, Openclaw__V1__Receipt *receipt)
{
    char name[] = "web-1";
    struct device thief;
    struct oc_digest commitment = {.bytes = {7}};
    Openclaw__V1__ConnectRequest request = OPENCLAW__V1__CONNECT_REQUEST__INIT;
    request.name = name;
    request.nonce_commitment = (ProtobufCBinaryData){sizeof commitment.bytes, commitment.bytes};
    request.receipt = receipt;
    device_make(scene->gateway, &thief);
    device_open(scene->gateway, &thief);
    const ProtobufCMessage *reply = rpc_peer_call(&thief.peer, NUMBER(CONNECT), &request.base);
    const Openclaw__V1__Refusal *refusal = ((const Openclaw__V1__ConnectReply *)reply)->refusal;
    assert_non_null(refusal);
    const struct told told = {
        .kind = refusal->kind,
        .why = refusal->why,
        .http_status = refusal->http_status,
        .retry_after_ms = refusal->retry_after_ms,
        .n_text = strlen(refusal->text),
    };
    device_close(&thief);
    device_free(&thief);
    return told;
}

static void assert_same_told(const struct told *a, const struct told *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->why, b->why);
    assert_int_equal(a->http_status, b->http_status);
    assert_int_equal(a->retry_after_ms, b->retry_after_ms);
    assert_int_equal(a->n_text, b->n_text);
}

static void another_s_receipt_tells_its_thief_nothing(void **state)
{
    struct scene *scene = *state;
    const struct told without = told_with(scene, NULL);
    Openclaw__V1__Receipt *receipt =
        openclaw__v1__receipt__unpack(NULL, scene->n_receipt, scene->receipt);
    const struct told stolen = told_with(scene, receipt);
    assert_same_told(&stolen, &without);
    for (int which = 0; which < STANDINGS; which++) {
        const struct oc_device_id id = oc_identity_device_id(scene->victims[which].identity);
        memcpy(receipt->device_id.data, id.bytes, sizeof id.bytes);
        const struct told forged = told_with(scene, receipt);
        assert_same_told(&forged, &without);
    }
    protobuf_c_message_free_unpacked(&receipt->base, NULL);
}

static struct answer await_named(struct device *device, const char *request_id)
{
    char id[OC_REQUEST_ID_CHARS + 1];
    Openclaw__V1__AwaitDecisionRequest request = OPENCLAW__V1__AWAIT_DECISION_REQUEST__INIT;
    (void)snprintf(id, sizeof id, "%s", request_id);
    request.request_id = id;
    request.device_nonce = (ProtobufCBinaryData){sizeof device->nonce, device->nonce};
    return answer_to(device, NUMBER(AWAIT_DECISION), &request.base);
}

static void another_s_request_id_is_any_word(void **state)
{
    struct scene *scene = *state;
    struct device curious;
    device_make(scene->gateway, &curious);
    device_open(scene->gateway, &curious);
    const struct answer early = await_named(&curious, "ZZZZZZZZZZ");
    for (int which = PENDING; which < STANDINGS; which++) {
        const struct answer named = await_named(&curious, scene->requests[which]);
        assert_same(&named, &early);
    }
    (void)device_wants_refusal(&curious, OPENCLAW__V1__REFUSAL_KIND__REFUSAL_PAIRING_REQUIRED);
    const struct answer made_up = await_named(&curious, "ZZZZZZZZZZ");
    for (int which = PENDING; which < STANDINGS; which++) {
        const struct answer named = await_named(&curious, scene->requests[which]);
        assert_same(&named, &made_up);
    }
    device_close(&curious);
    device_free(&curious);
}

static void administrators_methods_do_not_exist_at_the_devices_door_whoever_is_named(void **state)
{
    static const uint32_t methods[] = {NUMBER(RESOLVE), NUMBER(REVOKE), NUMBER(BLOCK),
                                       NUMBER(LIST_AUDIT)};
    struct scene *scene = *state;
    struct device curious;
    device_make(scene->gateway, &curious);
    device_open(scene->gateway, &curious);
    for (size_t m = 0; m < sizeof methods / sizeof methods[0]; m++) {
        struct answer first = {.n = 0};
        for (int which = 0; which < STANDINGS; which++) {
            struct oc_device_id id = oc_identity_device_id(scene->victims[which].identity);
            Openclaw__V1__DeviceDecision request = OPENCLAW__V1__DEVICE_DECISION__INIT;
            request.device_id = (ProtobufCBinaryData){sizeof id.bytes, id.bytes};
            const struct answer answer = answer_to(&curious, methods[m], &request.base);
            if (which == 0) {
                first = answer;
            }
            assert_same(&answer, &first);
        }
    }
    device_close(&curious);
    device_free(&curious);
}

/* ---- proved, and blocked --------------------------------------------------------------------- */

static void nothing_is_written_of_a_blocked_device_s_attempts(void **state)
{
    struct scene *scene = *state;
    struct device *device = &scene->victims[BLOCKED];
    const int64_t seen_ms = admin_look(&scene->admin, device)->last_seen_at_ms;
    const uint64_t revision = list(scene)->revision;
    for (int i = 0; i < 5; i++) {
        device_open(scene->gateway, device);
        (void)device_wants_refusal(device, OPENCLAW__V1__REFUSAL_KIND__REFUSAL_BLOCKED);
        (void)await_named(device, scene->requests[BLOCKED]);
        device_close(device);
    }
    assert_true(admin_look(&scene->admin, device)->last_seen_at_ms == seen_ms);
    assert_true(list(scene)->revision == revision);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, enter, leave)
    const struct CMUnitTest tests[] = {
        CASE(a_claimed_key_is_answered_alike_however_its_id_stands),
        CASE(another_s_receipt_tells_its_thief_nothing),
        CASE(another_s_request_id_is_any_word),
        CASE(administrators_methods_do_not_exist_at_the_devices_door_whoever_is_named),
        CASE(nothing_is_written_of_a_blocked_device_s_attempts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
